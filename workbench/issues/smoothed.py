"""Replace what a model says of a row by what it says of similar rows, on which the row's own label has little
influence."""

from __future__ import annotations

import numpy as np

from workbench.foundation.reductions import in_threads
from workbench.issues.nearby import NEAR_ROWS, nearest_others

SIMILAR = 10
"""Number of similar rows."""


def of_similar_rows(vectors: np.ndarray, probs: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return the mean probabilities (n, k), float32, of the `SIMILAR` nearest other rows by cosine.

    Parameters
    ----------
    vectors : float32 (n, p), unit rows. probs : float (n, k). there : bool (n,), rows with an embedding; the others get
        the mean of all rows
    """
    out = np.empty(probs.shape, np.float32)
    out[:] = np.asarray(probs).mean(axis=0)
    rows = np.flatnonzero(there)
    near = min(SIMILAR, len(rows) - 1)
    if near < 1:
        return out

    def average(start: int) -> None:
        some = rows[start : start + NEAR_ROWS]
        out[some] = probs[nearest_others(vectors, some, near, there)].mean(axis=1)

    in_threads(average, range(0, len(rows), NEAR_ROWS), len(rows) * len(vectors))
    return out
