"""The recorded cells of an epoch of multi-label data: reduction of a batch, and reading.

    row int64, unit int32 (the number of the tag), logit float32        sorted by row, then unit

One line per kept cell (`workbench.foundation.tag_statistics`). The given tags are not in the file but in
examples.parquet, which never changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, RunError
from workbench.foundation.tag_statistics import ALL_TAGS, TAG_STATISTICS, finite_logits, kept_cells, tag_statistics
from workbench.storage.epoch_statistics import read_rows
from workbench.tasks.tag_cells import TagCells

if TYPE_CHECKING:
    from workbench.storage.remote import RemoteFile

CELL_COLUMNS = ("row", "unit", "logit")


class TagEpoch(NamedTuple):
    """m cells: rows (m,) int64, tags (m,) int64, logits (m,) float32."""

    rows: np.ndarray
    tags: np.ndarray
    logits: np.ndarray

    def described(self, given: TagCells, k: int, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """Return columns by name: row, unit, logit and those of `tag_statistics`; by default all.

        Raises
        ------
        InputError : an unknown name.
        """
        columns, names = self.columns(names, TAG_STATISTICS)
        if set(names) & set(TAG_STATISTICS):
            columns |= tag_statistics(self.logits, given.codes_at(self.rows, self.tags, k))
        return {name: columns[name] for name in names}

    def columns(
        self, names: Sequence[str] | None, others: Sequence[str]
    ) -> tuple[dict[str, np.ndarray], Sequence[str]]:
        """Return row, unit and logit by name, and the requested names: by default these and `others`.

        Raises
        ------
        InputError : an unknown name.
        """
        known = (*CELL_COLUMNS, *others)
        names = known if names is None else tuple(names)
        for name in names:
            if name not in known:
                raise InputError.unknown("column", name, known)
        return dict(zip(CELL_COLUMNS, (self.rows, self.tags.astype(np.int32), self.logits))), names


def reduced_tags(given: TagCells, rows: np.ndarray, logits: np.ndarray) -> TagEpoch:
    """Return the cells of a batch that are kept.

    Parameters
    ----------
    given : the given tags of all examples. rows : (b,) int64 of the examples. logits : (b, k).

    Raises
    ------
    InputError : a number is not finite; the message names the row of the batch.
    """
    return kept_lines(rows, finite_logits(logits), given.listed_in)


def kept_lines(
    rows: np.ndarray, values: np.ndarray, listed_in: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
) -> TagEpoch:
    """Return the cells of a batch that are kept: all for few columns, else the listed and the largest ones of each row.

    Parameters
    ----------
    rows : (b,) int64 of the examples. values : float32 (b, k), finite. listed_in : returns the listed cells of rows, as
        index into `rows` and column, (m,) int64 each.
    """
    nothing = np.empty(0, np.int64), np.empty(0, np.int64)
    listed = listed_in(rows) if values.shape[1] > ALL_TAGS else nothing
    place, tags = kept_cells(values, *listed)
    return TagEpoch(rows[place], tags, values[place, tags])


def tag_rows(files: Sequence[Path | RemoteFile], k: int, start: int, stop: int) -> TagEpoch:
    """Read the cells of the rows [start, stop) of a sealed epoch, sorted by row and tag.

    A row that several ranks recorded (samplers pad with repeats) is taken from the lowest rank.

    Raises
    ------
    RunError : a file cannot be read, or has a tag number of k or more.
    """
    seen = np.zeros(stop - start, bool)
    parts = []
    for path in files:
        table = read_rows(path, list(CELL_COLUMNS), start, stop)
        rows, tags, logits = (table.column(name).to_numpy() for name in CELL_COLUMNS)
        if len(tags) and (tags.min() < 0 or tags.max() >= k):
            found = f"{path} names the tag {int(tags.max() if tags.max() >= k else tags.min())} of {k}"
            raise RunError(f"{found}. Delete its folder, then record this epoch again.")
        inside = (rows >= start) & (rows < stop)
        inside[inside] = ~seen[rows[inside] - start]
        parts.append((rows[inside], tags[inside].astype(np.int64), logits[inside]))
        seen[rows[inside] - start] = True
    rows, tags, logits = (np.concatenate(one) for one in zip(*parts))
    if len(parts) > 1:
        order = np.lexsort((tags, rows))
        rows, tags, logits = rows[order], tags[order], logits[order]
    return TagEpoch(rows, tags, logits)


def stream_cells(written: pd.DataFrame, waiting: TagEpoch) -> TagEpoch:
    """Return the cells of an epoch in progress: those in its stream, then those of pending batches."""
    rows, tags, logits = waiting
    if len(written):
        pairs = zip((written[name].to_numpy() for name in CELL_COLUMNS), waiting)
        rows, tags, logits = (np.concatenate(pair) for pair in pairs)
    return TagEpoch(rows, tags.astype(np.int64), logits)
