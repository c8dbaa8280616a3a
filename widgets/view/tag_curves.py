"""The probability of each tag of an example over the recorded epochs, for the inspector; read in blocks of rows."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from workbench.foundation.tag_statistics import ALL_TAGS, TOP_CELLS, tag_statistics
from workbench.tasks.keys import position_keys

if TYPE_CHECKING:
    from workbench.runs.run import Run

CURVE_CELLS = 1_000_000
"""Cells of a block in one epoch, about those of a row group in the files."""

CELL_BYTES = 200_000_000
"""Memory for cached blocks."""

DIGITS = 3
"""Number of decimals that are sent; a curve is about forty pixels high."""


class _Epoch(NamedTuple):
    """The cells of a block in one epoch: places row * k + tag, ascending, and the probability of "yes", float16."""

    places: np.ndarray
    p: np.ndarray


class TagCurves:
    """Curves of the tags of single examples.

    Attributes
    ----------
    epochs : the recorded epochs of a run with tags; none for other kinds of labels.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.epochs = run.epochs if run.task == "multilabel" else ()
        kept = run.k if run.k <= ALL_TAGS else 2 * TOP_CELLS
        self._rows = max(1, CURVE_CELLS // max(kept, 1))
        self._blocks: dict[int, list[_Epoch]] = {}
        self._lock = threading.Lock()

    def of(self, row: int) -> dict[str, list[float | None]]:
        """By the key of a unit: the probability of "yes" after each epoch, None where the cell was not kept."""
        if not self.epochs:
            return {}
        found: dict[int, list[float | None]] = {}
        k, empty = self.run.k, cast(list[float | None], [None] * len(self.epochs))
        for at, (places, p) in enumerate(self._block(row // self._rows)):
            low, high = np.searchsorted(places, [row * k, (row + 1) * k])
            for tag, value in zip((places[low:high] - row * k).tolist(), p[low:high].tolist()):
                found.setdefault(tag, empty.copy())[at] = round(value, DIGITS)
        return dict(zip(position_keys(np.array(list(found), np.int64)).to_pylist(), found.values()))

    def _block(self, number: int) -> list[_Epoch]:
        with self._lock:
            if number not in self._blocks:
                read = self._read(number * self._rows)
                held = {id(array): array.nbytes for one in read for array in one}  # some are shared
                size = sum(held.values())
                while self._blocks and (len(self._blocks) + 1) * size > CELL_BYTES:
                    self._blocks.pop(next(iter(self._blocks)))
                self._blocks[number] = read
            return self._blocks[number]

    def _read(self, start: int) -> list[_Epoch]:
        out: list[_Epoch] = []
        for epoch in self.epochs:
            cells = self.run.unit_stats(epoch, ("row", "unit", "logit"), slice(start, start + self._rows))
            places = cells["row"] * self.run.k + cells["unit"]
            if out and np.array_equal(places, out[-1].places):
                places = out[-1].places  # shared: of up to 100 tags every epoch keeps all
            yes = tag_statistics(cells["logit"], np.ones(len(places), np.int64))["p_given"]
            out.append(_Epoch(places, yes.astype(np.float16)))
        return out
