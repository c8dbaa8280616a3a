"""Statistics by epoch: who reads which, and what can be read of an epoch under way or cut short by a crash."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.foundation.statistics import statistics
from workbench.storage.epoch_statistics import STATISTICS, read_stream
from workbench.storage.layout import Layout
from workbench.storage.pending import read_pending
from workbench.storage.tag_epochs import reduced_tags, tag_stream
from workbench.tasks.tag_cells import cells_of

READER_OF = {"stats": ("multiclass", "one class per example"), "unit_stats": ("multilabel", "tags")}
"""Methods of a Run that read statistics: for which task, and in words."""


def check_reader(dataset: Dataset, name: str) -> None:
    """Refuse to read statistics with the method that is for another kind of label.

    Raises
    ------
    InputError : it says which method to use.
    """
    if dataset.task != READER_OF[name][0]:
        todo = "; ".join(f"`{other}` is for {words}" for other, (_, words) in READER_OF.items())
        raise InputError.at("task", f"is {dataset.task!r}, which `{name}` does not read", f"{todo}.")


def read_unsealed(dataset: Dataset, layout: Layout, streams: Sequence[Path]) -> pd.DataFrame:
    """The batches of an epoch's streams, those of several ranks one after the other.

    Returns
    -------
    DataFrame with the column row and the names in `STATISTICS`; for multi-label data as `Run.unit_stats`. In order of
    recording.
    """
    parts = [_read_stream(dataset, stream, layout.pending(stream)) for stream in streams]
    return pd.concat(parts, ignore_index=True)


def _read_stream(dataset: Dataset, stream: Path, pending: Path) -> pd.DataFrame:
    """The batches of a stream, and those that wait to join it; read first, since meanwhile they may have."""
    rows, logits = read_pending(pending, dataset.n, dataset.k)
    written = read_stream(stream)
    waiting = ~np.isin(rows, written.get("row", []))
    rows, logits = rows[waiting], logits[waiting]
    if not dataset.kind.one_class:
        given = cells_of(dataset.labels)
        return tag_stream(written, reduced_tags(given, rows, logits), given, dataset.k)
    if not len(rows):
        return written
    numbers = statistics(logits, dataset.given_labels[rows])
    columns = {name: values if values.ndim == 1 else list(values) for name, values in numbers.items()}
    waited = pd.DataFrame({"row": rows, **{name: columns[name] for name in STATISTICS}})
    return pd.concat([written, waited], ignore_index=True) if len(written) else waited
