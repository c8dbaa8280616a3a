"""Everything the inspector shows of one example: reasons, curves over epochs, neighbours, the user's columns."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import numpy as np

from widgets.view.media import FULL, THUMB, Media, as_text, plain
from workbench.errors import MissingEvidence

if TYPE_CHECKING:
    from workbench.run import Run

NEIGHBORS = 8
"""Neighbours shown."""

BLOCK = 65_536
"""Rows of the curves read at a time: as many as lie together in the files."""

CURVE_BYTES = 200_000_000
"""Memory for the curves of blocks that were looked at."""


class Details:
    """The inspector's answers for a run.

    Parameters
    ----------
    run : the run.
    reasons : (n,) reasons joined by "; ". suggested : (n,) int32 class index, -1 = none.
    media : pictures and texts.
    """

    def __init__(self, run: Run, reasons: np.ndarray, suggested: np.ndarray, media: Media) -> None:
        self.run, self.reasons, self.suggested, self.media = run, reasons, suggested, media
        self._curves: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._lock = threading.Lock()
        self._neighbors = None
        self._no_neighbors = ""

    def of(self, row: int, note: str) -> dict:
        """The answer to `inspect`: JSON-ready."""
        given, suggested = self._curve(row)
        return {
            "row": row,
            "id": plain(self.run.dataset.ids[row]),
            "media": self.media.item(row, FULL),
            "reasons": [part for part in str(self.reasons[row] or "").split("; ") if part],
            "note": note,
            "p_given": last(given),
            "curve": {"epochs": list(self.run.epochs), "given": finite(given), "suggested": finite(suggested)},
            "neighbors": self._near(row),
            "columns": self._columns(row),
        }

    def _curve(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """p(given) and p(suggested) of one row, each (epochs,) float32, NaN where unknown."""
        block = row // BLOCK
        with self._lock:
            if block not in self._curves:
                start, stop = block * BLOCK, min((block + 1) * BLOCK, self.run.n)
                most = CURVE_BYTES // (8 * (stop - start) * max(1, len(self.run.epochs)))
                while len(self._curves) >= max(1, most):
                    self._curves.pop(next(iter(self._curves)))
                self._curves[block] = self._read_curves(start, stop)
            given, suggested = self._curves[block]
        at = row - block * BLOCK
        return given[:, at], suggested[:, at]

    def _read_curves(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """(epochs, b) of both probabilities; that of the suggestion is known where it was among the top classes."""
        epochs = self.run.epochs
        given = np.full((len(epochs), stop - start), np.nan, np.float32)
        suggested = given.copy()
        if not epochs:
            return given, suggested
        given = self.run.stat_matrix("p_given", slice(start, stop))
        wanted = self.suggested[start:stop]
        for position, top in enumerate(self._top_classes(start, stop)):
            hit = (top["topk_class"] == wanted[:, None]) & (wanted[:, None] >= 0)
            found = hit.any(1)
            suggested[position, found] = top["topk_p"][found, hit.argmax(1)[found]]
        same = wanted == self.run.dataset.given_labels[start:stop]
        suggested[:, same] = given[:, same]
        return given, suggested

    def _top_classes(self, start: int, stop: int) -> list[dict[str, np.ndarray]]:
        """The five likeliest classes of a block of rows, by epoch."""
        return [self.run.stats(epoch, ("topk_p", "topk_class"), slice(start, stop)) for epoch in self.run.epochs]

    def _near(self, row: int) -> dict:
        """Rows, distances and thumbnails of the nearest neighbours; or why there are none."""
        if self._neighbors is None and not self._no_neighbors:
            try:
                self._neighbors = self.run.neighbors(k=NEIGHBORS)
            except MissingEvidence:
                self._no_neighbors = "no embeddings were recorded, so no neighbours"
        if self._neighbors is None:
            return {"rows": [], "items": [], "distances": [], "none": self._no_neighbors}
        rows = [int(other) for other in self._neighbors.indices[row][:NEIGHBORS] if other >= 0]
        distances = self._neighbors.distances[row][: len(rows)]
        return {
            "rows": rows,
            "items": [self.media.item(other, THUMB) for other in rows],
            "distances": finite(distances),
        }

    def _columns(self, row: int) -> list[list[str]]:
        """The user's own columns of one row, as text."""
        dataset = self.run.dataset
        shown = [name for name in dataset.metadata.columns if name != dataset.text_column]
        return [[str(name), as_text(dataset.metadata[name].iat[row])] for name in shown]


def finite(values: np.ndarray) -> list[float | None]:
    """Floats with None for NaN, because JSON has no NaN."""
    return [float(value) if math.isfinite(value) else None for value in np.asarray(values, np.float64)]


def last(values: np.ndarray) -> float | None:
    """The last finite value, or None."""
    known = [value for value in finite(values) if value is not None]
    return known[-1] if known else None
