"""The recorded tokens of an epoch of a token model: reduction of a batch, and reading.

    row int64, unit int32 (the number of the token), p_given, margin, loss float32, pred int32, correct bool

One line per labelled token, sorted by row and number. Tokens are numbered by the positions that have a label: padding,
special tokens and all sub-words of a word except one have the label -100.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.foundation.statistics import host_floats, statistics
from workbench.storage.epoch_statistics import read_rows
from workbench.tasks.keys import number_within
from workbench.tasks.sentences import PADDING
from workbench.tasks.span_table import table_of
from workbench.tasks.token_classes import token_codes, token_starts

if TYPE_CHECKING:
    from workbench.storage.remote import RemoteFile

TOKEN_STATISTICS = ("p_given", "margin", "loss", "pred", "correct")
TOKEN_COLUMNS = ("row", "unit", *TOKEN_STATISTICS)

LABELS_OF_TOKENS = (
    "Pass class indices (b, T): the label of each token at its first sub-word, -100 at padding and other sub-words."
)


class TokenBatch(NamedTuple):
    """The output of a token model: logits (b, T, k), tensor or array, and labels (b, T), class indices, -100 = none."""

    logits: Any
    labels: np.ndarray

    def chosen(self, places: np.ndarray) -> TokenBatch:
        """Select examples of the batch."""
        return TokenBatch(self.logits[places], self.labels[places])


class GivenTokens(NamedTuple):
    """What is known of the tokens of n examples.

    sizes : (n,) int64, number of tokens; -1 unknown. starts, codes, numbers : of the labelled tokens, if they have a
    class each (else None): where those of each example start (n + 1,), their classes and their numbers (t,).
    """

    sizes: np.ndarray
    starts: np.ndarray | None = None
    codes: np.ndarray | None = None
    numbers: np.ndarray | None = None

    @classmethod
    def of(cls, dataset: Dataset) -> GivenTokens:
        """Create from a Dataset of spans or classes of tokens."""
        if dataset.task == "spans":
            return cls(table_of(dataset.labels).length)
        starts, codes = token_starts(dataset.labels), token_codes(dataset.labels)
        rows = np.repeat(np.arange(dataset.n), np.diff(starts))
        there = codes >= 0
        own = np.concatenate([[0], np.cumsum(np.bincount(rows[there], minlength=dataset.n))])
        return cls(np.diff(starts), own, codes[there], number_within(rows)[there])


def token_batch(logits: Any, labels: Any, b: int) -> TokenBatch:
    """Check the shapes of a batch.

    Raises
    ------
    InputError : there are no labels, or the shapes do not match.
    """
    if labels is None:
        raise InputError.at("labels", "is missing", f"A token model needs the labels of the batch. {LABELS_OF_TOKENS}")
    shape = tuple(logits.shape)
    if len(shape) != 3 or shape[0] != b or not shape[2]:
        todo = "Pass the output of a token model, shape (b, T, k)."
        raise InputError.at("logits", f"has shape {shape} for {b} ids", todo)
    if hasattr(labels, "detach"):
        labels = labels.detach().cpu().numpy()
    labels = np.asarray(labels)
    if labels.shape != shape[:2] or labels.dtype.kind not in "iu":
        found = f"has shape {labels.shape} and dtype {labels.dtype} for logits of shape {shape}"
        raise InputError.at("labels", found, LABELS_OF_TOKENS)
    wrong = (labels != PADDING) & ((labels < 0) | (labels >= shape[2]))
    if wrong.any():
        row, token = (int(one[0]) for one in np.nonzero(wrong))
        found = f"position {token} is {int(labels[row, token])} for {shape[2]} classes"
        raise InputError.at("labels", found, LABELS_OF_TOKENS, row=row)
    return TokenBatch(logits, labels.astype(np.int64))


def reduced_tokens(given: GivenTokens, rows: np.ndarray, batch: TokenBatch) -> dict[str, np.ndarray]:
    """Return the lines of a batch, columns `TOKEN_COLUMNS`.

    Parameters
    ----------
    given : of all examples. rows : (b,) int64 of the examples.

    Raises
    ------
    InputError : more or fewer labels than the example has tokens, labels that are not the given ones, or a number that
        is not finite; the message names the row of the batch and the position.
    """
    place, position = np.nonzero(batch.labels != PADDING)
    labels = batch.labels[place, position]
    count = np.bincount(place, minlength=len(rows))
    unit = number_within(place)
    sizes = given.sizes[rows] if given.starts is None else np.diff(given.starts)[rows]
    many = np.flatnonzero((sizes >= 0) & (count > sizes))
    if len(many):
        row = int(many[0])
        found = f"has {int(count[row])} labelled positions for {int(sizes[row])} labelled tokens"
        raise InputError.at("labels", found, LABELS_OF_TOKENS, row=row)
    if given.starts is not None and given.codes is not None and given.numbers is not None:
        at = given.starts[rows[place]] + unit
        wrong = np.flatnonzero(given.codes[at] != labels)
        if len(wrong):
            first = int(wrong[0])
            found = f"position {int(position[first])} is {int(labels[first])}, and the Dataset has "
            found += f"{int(given.codes[at[first]])} at token {int(given.numbers[at[first]])}"
            todo = "The classes of the model must have the order of `dataset.classes`, and the rows that of `ids`."
            raise InputError.at("labels", found, todo, row=int(place[first]))
        unit = given.numbers[at]
    logits = batch.logits
    values = host_floats(logits.detach()) if hasattr(logits, "detach") else np.asarray(logits)
    try:
        found = statistics(values[place, position], labels, 1)
    except InputError as error:
        line = error.parts.get("row")
        if line is None:
            raise
        words = f"position {int(position[line])} {error.parts['found']}"
        raise error.but(row=int(place[line]), found=words) from error
    return {"row": rows[place], "unit": unit, **{name: found[name] for name in TOKEN_STATISTICS}}


def token_rows(
    files: Sequence[Path | RemoteFile], start: int, stop: int, names: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Read columns of the tokens of the rows [start, stop) of a sealed epoch, sorted by row and number.

    A row that several ranks recorded (samplers pad with repeats) is taken from the lowest rank.

    Raises
    ------
    InputError : an unknown name. RunError : a file cannot be read.
    """
    names = TOKEN_COLUMNS if names is None else tuple(names)
    for name in names:
        if name not in TOKEN_COLUMNS:
            raise InputError.unknown("column", name, TOKEN_COLUMNS)
    wanted = ["row", "unit", *(name for name in names if name not in ("row", "unit"))]
    seen = np.zeros(stop - start, bool)
    parts = []
    for path in files:
        table = read_rows(path, wanted, start, stop)
        rows = table.column("row").to_numpy()
        inside = (rows >= start) & (rows < stop)
        inside[inside] = ~seen[rows[inside] - start]
        parts.append({name: table.column(name).to_numpy()[inside] for name in wanted})
        seen[rows[inside] - start] = True
    found = {name: np.concatenate([part[name] for part in parts]) for name in wanted}
    if len(parts) > 1:
        order = np.lexsort((found["unit"], found["row"]))
        found = {name: values[order] for name, values in found.items()}
    return {name: found[name] for name in names}


def problem_of_tokens(path: Path, n: int) -> str:
    """Describe the first problem in the lines of a file; "" if there is none."""
    found = token_rows([path], 0, n, ("row", "unit", "p_given"))
    wrong = np.flatnonzero(~((found["p_given"] >= 0) & (found["p_given"] <= 1.0001)) | (found["unit"] < 0))
    if wrong.size:
        row, unit, p = (found[name][wrong[0]] for name in ("row", "unit", "p_given"))
        return f"p_given of row {row}, token {unit} is {p}"
    twice = (np.diff(found["row"]) == 0) & (np.diff(found["unit"]) == 0)
    return f"holds {len(found['row']):,} tokens, {int(twice.sum()):,} of them twice" if twice.any() else ""


TOKEN_SCHEMA = pa.schema(
    [("row", pa.int64()), ("unit", pa.int32())]
    + [(name, pa.float32()) for name in TOKEN_STATISTICS[:3]]
    + [("pred", pa.int32()), ("correct", pa.bool_())]
)
