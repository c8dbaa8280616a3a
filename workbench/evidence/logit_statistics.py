"""Statistics per epoch from the logits of a training, computed on first use."""

from __future__ import annotations

import functools

import numpy as np

from workbench.foundation.statistics import PER_EPOCH, statistics
from workbench.storage.logits import statistics_of_rows

DERIVED = (*PER_EPOCH, "pred")
"""Names of the statistics."""


class LogitStatistics:
    """Statistics from logits (epochs, n, k), for all rows at once or only for some.

    Parameters
    ----------
    logits : float (epochs, n, k), in memory or memory-mapped. given : int (n,), class indices, -1 = unlabelled.
    """

    def __init__(self, logits: np.ndarray, given: np.ndarray) -> None:
        self.logits, self.given = logits, given
        self.complete = False
        """Whether the statistics of all rows have been computed, so that `get` is immediate."""

    @property
    def epochs(self) -> int:
        """Number of epochs."""
        return len(self.logits)

    def get(self, name: str, rows: slice) -> np.ndarray:
        """Return one statistic (epochs, b), computed for all rows on first use; int32 for "pred", else float32."""
        if rows == slice(0, 0):  # asks only for the number of epochs
            return np.empty((self.epochs, 0), np.int32 if name == "pred" else np.float32)
        return self._all[name][:, rows]

    def of_rows(self, rows: slice) -> dict[str, np.ndarray]:
        """Return all statistics of some rows only, (epochs, b) each."""
        return statistics_of_rows(self.logits, self.given, rows)

    @functools.cached_property
    def _all(self) -> dict[str, np.ndarray]:
        out: dict[str, np.ndarray] = {name: np.empty((self.epochs, len(self.given)), np.float32) for name in PER_EPOCH}
        out["pred"] = np.empty((self.epochs, len(self.given)), np.int32)
        for epoch, values in enumerate(self.logits):
            one = statistics(values, self.given, topk=1)
            for name in out:
                out[name][epoch] = one[name]
        out["correct"][:, self.given < 0] = np.nan
        self.complete = True
        return out
