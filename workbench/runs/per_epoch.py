"""Statistics by epoch: the method that reads them for each task, and reading of epochs that are not sealed."""

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
"""Methods of a Run that read statistics, with their task and its description."""


def check_reader(dataset: Dataset, name: str) -> None:
    """Raise an error if a method of a Run is for the statistics of another kind of label.

    Raises
    ------
    InputError : the message names the method to use.
    """
    if dataset.task != READER_OF[name][0]:
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
    if not dataset.kind.one_class:
        given = cells_of(dataset.labels)
        return tag_stream(written, reduced_tags(given, rows, logits), given, dataset.k)
    if not len(rows):
        return written
    numbers = statistics(logits, dataset.given_labels[rows])
    columns = {name: values if values.ndim == 1 else list(values) for name, values in numbers.items()}
    waited = pd.DataFrame({"row": rows, **{name: columns[name] for name in STATISTICS}})
    return pd.concat([written, waited], ignore_index=True) if len(written) else waited
