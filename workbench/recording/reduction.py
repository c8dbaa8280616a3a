"""Reduce the logits of a batch to statistics, for each kind of label that can be recorded.

Everything else about recording (pending batches, the stream, sealing, ranks, continuing after a crash) is independent
of the kind of label. A reduction defines the columns of a line, computes them, and identifies lines.
"""

from __future__ import annotations

import warnings
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.foundation.statistics import FLOATS, TOPK, fill_statistics
from workbench.recording.stream import Stream
from workbench.storage.candidate_epochs import GivenSets, reduced_candidates
from workbench.storage.epoch_statistics import BLOCK_ROWS
from workbench.storage.tag_epochs import TagEpoch, reduced_tags
from workbench.storage.token_epochs import TOKEN_SCHEMA, GivenTokens, TokenBatch, reduced_tokens, token_batch
from workbench.tasks.span_table import LAST_PLACE
from workbench.tasks.tag_cells import cells_of

_DELTA = "DELTA_BINARY_PACKED"


class Reduction(Protocol):
    """Reduces logits (b, k) to lines of statistics.

    Attributes
    ----------
    schema : columns of a line; the first is `row`, int64.
    encoding : options of `pyarrow.parquet.write_table`, including the size of row groups.
    """

    schema: pa.Schema
    encoding: dict[str, Any]

    def checked(self, logits: Any, labels: Any, b: int) -> Any:
        """Return the batch to reduce, of b examples: the logits, or for token models the logits and the labels.

        Raises
        ------
        InputError : a shape is wrong, or labels are missing or not needed.
        """
        ...

    def append(self, stream: Stream, rows: np.ndarray, logits: Any) -> None:
        """Reduce a batch that was `checked` and append it to the stream.

        Raises
        ------
        InputError : logits that cannot be reduced; the message names the row of the batch.
        """
        ...

    def places(self, table: pa.Table) -> np.ndarray:
        """Return sort keys (m,) int64 of the lines of a table; lines about the same example or cell have equal keys."""
        ...

    def from_probs(self, probs: Any) -> np.ndarray:
        """Convert probabilities to logits."""
        ...

    def look_at(self, logits: np.ndarray) -> None:
        """Warn if the logits of the first batch look like probabilities."""
        ...


def _one_row_each(logits: Any, labels: Any, b: int, k: int, what: tuple[str, str]) -> Any:
    """Return logits (b, k); `what` names a column and the columns."""
    if labels is not None:
        todo = "Leave them out: the given labels of the Dataset are used. Token models need them (tasks spans, tokens)."
        raise InputError.at("labels", "was passed", todo)
    if tuple(logits.shape) != (b, k):
        found = f"has shape {tuple(logits.shape)} for {b} ids and {k} {what[1]}"
        raise InputError.at("logits", found, f"Pass one row per id and one column per {what[0]} of the dataset.")
    return logits


class ClassReduction:
    """One class per example: one line per example with the statistics of its given class (`foundation.statistics`)."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        kept = min(TOPK, dataset.k)
        fields = [("row", pa.int64()), *((name, pa.float32()) for name in FLOATS)]
        fields += [("pred", pa.int32()), ("correct", pa.bool_())]
        fields += [("topk_p", pa.list_(pa.float32(), kept)), ("topk_class", pa.list_(pa.int32(), kept))]
        self.schema = pa.schema(fields)
        self.encoding = {
            "compression": "zstd",
            "use_dictionary": ["pred", "topk_class.list.element"],
            "use_byte_stream_split": [*FLOATS, "topk_p.list.element"],
            "row_group_size": BLOCK_ROWS,
        }  # a third smaller and three times faster than the defaults, which use dictionaries

    def checked(self, logits: Any, labels: Any, b: int) -> Any:
        """As in `Reduction`."""
        return _one_row_each(logits, labels, b, self._dataset.k, ("class", "classes"))

    def append(self, stream: Stream, rows: np.ndarray, logits: Any) -> None:
        """As in `Reduction`."""
        slots = stream.slots(len(rows))
        fill_statistics(logits, self._dataset.given_labels[rows], slots)
        slots["row"][:] = rows
        stream.append(len(rows))

    def places(self, table: pa.Table) -> np.ndarray:
        """Return the row."""
        return table.column("row").to_numpy()

    def from_probs(self, probs: Any) -> np.ndarray:
        """Return the logarithm of probabilities, with zero replaced by the smallest positive float32."""
        return _logs(probs)

    def look_at(self, logits: np.ndarray) -> None:
        """Warn if no logit is negative and every row sums to 1."""
        _warn_of_softmax(logits)


class TagReduction:
    """Multi-label data: one line per recorded cell, with its logit (`storage.tag_epochs`)."""

    schema = pa.schema([("row", pa.int64()), ("unit", pa.int32()), ("logit", pa.float32())])

    def __init__(self, dataset: Dataset) -> None:
        self._given: Any = self._given_of(dataset)
        self._k = dataset.k
        self.encoding = {
            "compression": "zstd",
            "use_dictionary": False,
            "column_encoding": {"row": _DELTA, "unit": _DELTA, "logit": "BYTE_STREAM_SPLIT"},
            "row_group_size": 16 * BLOCK_ROWS,
        }

    names: tuple[str, str] = ("tag", "tags")

    def _given_of(self, dataset: Dataset) -> Any:
        return cells_of(dataset.labels)

    def checked(self, logits: Any, labels: Any, b: int) -> Any:
        """As in `Reduction`."""
        return _one_row_each(logits, labels, b, self._k, self.names)

    def append(self, stream: Stream, rows: np.ndarray, logits: Any) -> None:
        """As in `Reduction`."""
        cells = self._reduced(rows, host(logits))
        slots = stream.slots(len(cells.rows))
        slots["row"][:], slots["unit"][:], slots["logit"][:] = cells
        stream.append(len(cells.rows))

    def _reduced(self, rows: np.ndarray, logits: np.ndarray) -> TagEpoch:
        return reduced_tags(self._given, rows, logits)

    def places(self, table: pa.Table) -> np.ndarray:
        """Return keys that sort by row, then by tag."""
        return table.column("row").to_numpy() * self._k + table.column("unit").to_numpy()

    def from_probs(self, probs: Any) -> np.ndarray:
        """Return log p - log(1 - p) in float64, with p clipped to [1e-12, 1 - 1e-12]."""
        p = np.clip(_probabilities(probs, "the sigmoid").astype(np.float64), 1e-12, 1 - 1e-12)
        return (np.log(p) - np.log1p(-p)).astype(np.float32)

    def look_at(self, logits: np.ndarray) -> None:
        """Warn if all logits lie in [0, 1] and differ."""
        if logits.size >= 20 and 0 <= logits.min() < logits.max() <= 1:
            warnings.warn(
                "these `logits` look like probabilities: all lie in [0, 1]. Pass the scores before the sigmoid, or "
                "`probs=` to Recorder.batch; to replay a model that ends in a sigmoid, pass `logits_of=torch.logit`.",
                stacklevel=4,
            )


class CandidateReduction(TagReduction):
    """Candidate sets: one line per recorded class, with its log probability (`storage.candidate_epochs`)."""

    names = ("class", "classes")

    def _given_of(self, dataset: Dataset) -> GivenSets:
        return GivenSets.of(dataset.labels, dataset.k)

    def _reduced(self, rows: np.ndarray, logits: np.ndarray) -> TagEpoch:
        return reduced_candidates(self._given, rows, logits)

    def from_probs(self, probs: Any) -> np.ndarray:
        """Return the logarithm of probabilities, with zero replaced by the smallest positive float32."""
        return _logs(probs)

    def look_at(self, logits: np.ndarray) -> None:
        """Warn if no logit is negative and every row sums to 1."""
        _warn_of_softmax(logits)


class TokenReduction:
    """Token models: one line per labelled token, with the statistics of its label (`storage.token_epochs`)."""

    schema = TOKEN_SCHEMA

    def __init__(self, dataset: Dataset) -> None:
        self._given = GivenTokens.of(dataset)
        self.encoding: dict[str, Any] = {
            "compression": "zstd",
            "use_dictionary": ["pred"],
            "column_encoding": {"row": _DELTA, "unit": _DELTA},
            "row_group_size": 4 * BLOCK_ROWS,
        }

    def checked(self, logits: Any, labels: Any, b: int) -> TokenBatch:
        """As in `Reduction`."""
        return token_batch(logits, labels, b)

    def append(self, stream: Stream, rows: np.ndarray, logits: TokenBatch) -> None:
        """As in `Reduction`."""
        lines = reduced_tokens(self._given, rows, logits)
        slots = stream.slots(len(lines["row"]))
        for name, values in lines.items():
            slots[name][:] = values
        stream.append(len(lines["row"]))

    def places(self, table: pa.Table) -> np.ndarray:
        """Return keys that sort by row, then by number of the token."""
        return table.column("row").to_numpy() * LAST_PLACE + table.column("unit").to_numpy()

    def from_probs(self, probs: Any) -> np.ndarray:
        """Return the logarithm of probabilities, with zero replaced by the smallest positive float32."""
        return _logs(probs)

    def look_at(self, logits: np.ndarray) -> None:
        """Warn if no logit is negative and every row sums to 1."""
        _warn_of_softmax(logits.reshape(-1, logits.shape[-1]))


REDUCTIONS: dict[str, type[ClassReduction | TagReduction | TokenReduction]] = {
    "multiclass": ClassReduction,
    "multilabel": TagReduction,
    "candidates": CandidateReduction,
    "spans": TokenReduction,
    "tokens": TokenReduction,
}
"""Reductions by task, for the kinds of labels whose `Task.recorded` is true."""


def reduction_of(dataset: Dataset) -> Reduction:
    """Return the reduction for the labels of a dataset."""
    return REDUCTIONS[dataset.task](dataset)


def host(values: Any) -> np.ndarray:
    """Convert a tensor on any device, or an array, to a float32 NumPy array."""
    if hasattr(values, "detach"):
        values = values.detach().float().cpu().numpy()
    with np.errstate(over="ignore"):
        return np.asarray(values, dtype=np.float32)


def _probabilities(probs: Any, before: str) -> np.ndarray:
    """Validate probabilities and convert them to float32."""
    probs = host(probs)
    if probs.size and (np.nanmin(probs) < 0 or np.nanmax(probs) > 1.001):
        found = f"lies between {np.nanmin(probs):.4g} and {np.nanmax(probs):.4g}"
        raise InputError.at("probs", found, f"Probabilities lie in [0, 1]; pass scores before {before} as `logits=`.")
    return probs


def _logs(probs: Any) -> np.ndarray:
    """Return the logarithm of probabilities, with zero replaced by the smallest positive float32."""
    return np.log(np.maximum(_probabilities(probs, "softmax"), np.finfo(np.float32).tiny))


def _warn_of_softmax(logits: np.ndarray) -> None:
    many = logits.shape[1] > 1 and logits.size >= 20
    if many and logits.min() >= 0 and np.allclose(logits.sum(axis=1), 1, atol=2e-3):
        warnings.warn(
            "these `logits` look like probabilities: none is negative and every row sums to 1. Pass the scores "
            "before softmax, or pass `probs=` to Recorder.batch; to replay a model that ends in softmax, pass "
            "`logits_of=torch.log`.",
            stacklevel=5,
        )
