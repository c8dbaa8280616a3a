"""Statistics of recorded tokens over epochs: the data map of tokens, and how often a token was forgotten."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.runs.run import Run
from workbench.tasks.span_table import LAST_PLACE


class TokenDynamics(NamedTuple):
    """The recorded tokens, by row and number.

    Attributes
    ----------
    rows, units : (m,) int64, example and number of the token.
    confidence, variability : (m,) float64 in [0, 1], mean and standard deviation (ddof 0) over the epochs of the
        probability of the given label. correctness : (m,) float64 in [0, 1], share of epochs in which it was predicted.
    forgetting : (m,) int64, number of changes from a correct to a wrong prediction. learned : (m,) bool, whether it was
        predicted in some epoch.
    """

    rows: np.ndarray
    units: np.ndarray
    confidence: np.ndarray
    variability: np.ndarray
    correctness: np.ndarray
    forgetting: np.ndarray
    learned: np.ndarray


def token_dynamics(run: Run) -> TokenDynamics:
    """Return the training dynamics of each token of a recorded token model; a token counts in the epochs that have it.

    References
    ----------
    Swayamdipta et al. 2020, Dataset Cartography; Toneva et al. 2019, forgetting events; with each token as an example.
    """
    places, state = np.empty(0, np.int64), np.zeros((6, 0))
    for epoch in run.epochs:
        lines = run.unit_stats(epoch, ("row", "unit", "p_given", "correct"))
        found = lines["row"] * LAST_PLACE + lines["unit"]
        if not np.array_equal(found, places):
            every = np.union1d(places, found)
            wider = np.zeros((6, len(every)))
            wider[:, np.searchsorted(every, places)] = state
            places, state = every, wider
        at = np.searchsorted(places, found)
        p, correct = lines["p_given"].astype(np.float64), lines["correct"].astype(np.float64)
        forgotten = (state[5, at] > 0) & (correct == 0)
        state[:5, at] += np.stack([np.ones(len(p)), p, p**2, correct, forgotten])
        state[5, at] = correct
    count, total, squares, correct, forgotten, _ = state
    mean = total / np.maximum(count, 1)
    deviation = np.sqrt(np.maximum(squares / np.maximum(count, 1) - mean**2, 0))
    rows, units = np.divmod(places, LAST_PLACE)
    share = correct / np.maximum(count, 1)
    return TokenDynamics(rows, units, mean, deviation, share, forgotten.astype(np.int64), correct > 0)


def least_believed(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Return (confidence, variability) of the token with the lowest confidence of each example, (n,) float32; NaN for
    examples that were not recorded."""
    found = token_dynamics(run)
    out = np.full((2, run.n), np.nan, np.float32)
    order = np.lexsort((found.confidence, found.rows))
    rows = found.rows[order]
    first = order[np.flatnonzero(np.diff(rows, prepend=-1))]
    out[:, found.rows[first]] = found.confidence[first], found.variability[first]
    return out[0], out[1]
