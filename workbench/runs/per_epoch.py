"""Statistics by epoch: the method that reads them for each task, and reading of epochs that are not sealed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.foundation.statistics import statistics
from workbench.storage.candidate_epochs import GivenSets, described_candidates, reduced_candidates
from workbench.storage.epoch_statistics import STATISTICS, read_stream
from workbench.storage.layout import Layout
from workbench.storage.pending import read_pending
from workbench.storage.tag_epochs import TagEpoch, reduced_tags, stream_cells, tag_rows
from workbench.storage.token_epochs import token_rows
from workbench.tasks.tag_cells import cells_of

OF_TOKEN_MODELS = ("spans", "tokens")
"""Kinds of labels with statistics of tokens."""

READER_OF = {
    "stats": (("multiclass",), "one class per example"),
    "unit_stats": (("multilabel", "candidates", *OF_TOKEN_MODELS), "tags, candidates, spans and tokens"),
}
"""Methods of a Run that read statistics, with their tasks and a description."""


def check_reader(dataset: Dataset, name: str) -> None:
    """Raise an error if a method of a Run is for the statistics of another kind of label.

    Raises
    ------
    InputError : the message names the method to use.
    """
    if dataset.task not in READER_OF[name][0]:
        todo = "; ".join(f"`{other}` is for {words}" for other, (_, words) in READER_OF.items())
        raise InputError.at("task", f"is {dataset.task!r}, which `{name}` does not read", f"{todo}.")


def read_unsealed(dataset: Dataset, layout: Layout, streams: Sequence[Path]) -> pd.DataFrame:
    """Read the batches of an epoch's streams, with several ranks one after the other.

    Returns
    -------
    DataFrame with the column row and the names in `STATISTICS`, or for multi-label data the columns of
    `Run.unit_stats`, in order of recording.
    """
    parts = [_read_stream(dataset, stream, layout.pending(stream)) for stream in streams]
    return pd.concat(parts, ignore_index=True)


def _read_stream(dataset: Dataset, stream: Path, pending: Path) -> pd.DataFrame:
    """Read the batches of a stream and the pending ones; the latter first, as they may be appended in the meantime."""
    rows, logits = read_pending(pending, dataset.n, dataset.k)
    written = read_stream(stream)
    waiting = ~np.isin(rows, written.get("row", []))
    rows, logits = rows[waiting], logits[waiting]
    if dataset.task in OF_TOKEN_MODELS:  # never collected
        return written
    if not dataset.kind.one_class:
        return pd.DataFrame(described_units(dataset, stream_cells(written, _reduced(dataset, rows, logits))))
    if not len(rows):
        return written
    numbers = statistics(logits, dataset.given_labels[rows])
    columns = {name: values if values.ndim == 1 else list(values) for name, values in numbers.items()}
    waited = pd.DataFrame({"row": rows, **{name: columns[name] for name in STATISTICS}})
    return pd.concat([written, waited], ignore_index=True) if len(written) else waited


def rows_of_units(
    dataset: Dataset, files: Sequence[Path], rows: slice, columns: Sequence[str] | None
) -> dict[str, np.ndarray]:
    """Read columns of the units of some rows of a sealed epoch; `files` are those of the epoch."""
    start, stop, _ = rows.indices(dataset.n)
    if dataset.task in OF_TOKEN_MODELS:
        return token_rows(files, start, stop, columns)
    return described_units(dataset, tag_rows(files, dataset.k, start, stop), columns)


def described_units(dataset: Dataset, found: TagEpoch, columns: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Return the columns of the lines of an epoch, in the format of `Run.unit_stats`."""
    if dataset.task == "candidates":
        return described_candidates(found, dataset.labels, dataset.k, columns)
    return found.described(cells_of(dataset.labels), dataset.k, columns)


def _reduced(dataset: Dataset, rows: np.ndarray, logits: np.ndarray) -> TagEpoch:
    if dataset.task == "candidates":
        return reduced_candidates(GivenSets.of(dataset.labels, dataset.k), rows, logits)
    return reduced_tags(cells_of(dataset.labels), rows, logits)
