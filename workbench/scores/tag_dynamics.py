"""Statistics of recorded tags over epochs: the data map of cells, and the probability of a tag by epoch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.foundation.tag_statistics import tag_statistics
from workbench.runs.run import Run


class CellDynamics(NamedTuple):
    """The known cells of recorded rows, in the order of `places`.

    Attributes
    ----------
    places : (m,) int64, row * k + tag, ascending.
    confidence, variability : (m,) float64 in [0, 1], mean and standard deviation over the epochs of the probability of
        what is given. correctness : (m,) float64 in [0, 1], share of epochs in which it was predicted.
    """

    places: np.ndarray
    confidence: np.ndarray
    variability: np.ndarray
    correctness: np.ndarray


def cell_dynamics(run: Run) -> CellDynamics:
    """Return mean, deviation and correctness of each cell over the recorded epochs of multi-label data.

    With more than 100 tags, a recording keeps the given cells and the most likely others of each epoch. Cells that were
    not kept in every epoch of their row are omitted, because the epochs with and without them differ systematically.

    References
    ----------
    Swayamdipta et al. 2020, Dataset Cartography, with each cell as a separate example.
    """
    epochs_of_row = np.zeros(run.n, np.int64)
    places, sums = np.empty(0, np.int64), np.zeros((4, 0))
    for epoch in run.epochs:
        cells = run.unit_stats(epoch, ("row", "unit", "p_given", "correct"))
        rows = cells["row"]
        epochs_of_row[rows[np.diff(rows, prepend=-1) != 0]] += 1
        known = np.flatnonzero(~np.isnan(cells["p_given"]))
        found, p = rows[known] * run.k + cells["unit"][known], cells["p_given"][known].astype(np.float64)
        if not np.array_equal(found, places):
            every = np.union1d(places, found)
            wider = np.zeros((4, len(every)))
            wider[:, np.searchsorted(every, places)] = sums
            places, sums = every, wider
        sums[:, np.searchsorted(places, found)] += np.stack([np.ones(len(p)), p, p**2, cells["correct"][known]])
    whole = sums[0] == epochs_of_row[places // max(run.k, 1)]
    count, total, squares, correct = sums[:, whole]
    mean = total / count
    return CellDynamics(places[whole], mean, np.sqrt(np.maximum(squares / count - mean**2, 0)), correct / count)


def cell_curves(run: Run, rows: np.ndarray, tags: np.ndarray) -> np.ndarray:
    """Return the probability of some tags of some examples after each recorded epoch.

    Parameters
    ----------
    rows, tags : (m,) int64, a cell each.

    Returns
    -------
    (epochs, m) float32, s(logit) in [0, 1], the probability of "yes"; NaN in epochs that did not keep the cell.
    """
    out = np.full((len(run.epochs), len(rows)), np.nan, np.float32)
    if not len(rows):
        return out
    wanted = np.asarray(rows, np.int64) * run.k + np.asarray(tags, np.int64)
    part = slice(int(np.min(rows)), int(np.max(rows)) + 1)
    for place, epoch in enumerate(run.epochs):
        cells = run.unit_stats(epoch, ("row", "unit", "logit"), part)
        kept = cells["row"] * run.k + cells["unit"]
        if len(kept):
            at = np.minimum(np.searchsorted(kept, wanted), len(kept) - 1)
            there = kept[at] == wanted
            logits = cells["logit"][at[there]]
            out[place, there] = tag_statistics(logits, np.ones(len(logits), np.int64))["p_given"]
    return out
