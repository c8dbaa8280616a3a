"""The view of a recorded training on each tag: the mean probability over its epochs.

The training has seen the tags that it judges and memorizes wrong ones over time, so it is a weak view. Beside
out-of-fold probabilities it shifts the log odds of a cell by at most `WEIGHT` per standard deviation, and it never
changes the total number of errors. Its weight grows with how well it agrees with the probabilities. It is not used
beside held-out heads on embeddings: in no experiment did it add more than .003 average precision, and it often
reduced it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.errors import MissingEvidence
from workbench.issues.calibration import expit, logit, shifted_to
from workbench.issues.kinds.contract import Asked
from workbench.issues.tags.lines import Cells
from workbench.runs.run import Run

TRAINED = "training dynamics"

WEIGHT = 0.5
"""Maximum change of the log odds of being wrong per standard deviation of the doubt."""

LEAST_AGREEMENT, FULL_AGREEMENT = 0.3, 0.7
"""Agreement up to which the training is not used, and from which it has the full weight."""

BELOW = 1e-3
"""Probability assumed for a cell that was never among the most likely ones of its row."""

FEW_ALIKE = 20
"""Minimum number of equally given cells of a tag to rank their doubts within the tag; else all tags are ranked
together. """


class TrainedTags(NamedTuple):
    """Outputs of the training for m cells.

    places : (m,) int64, row * k + tag, ascending. p : (m,) float32, mean probability of yes over the epochs that
    recorded the row; with very many tags, an epoch that did not keep the cell counts as 0. epochs : number of epochs.
    """

    places: np.ndarray
    p: np.ndarray
    epochs: int

    def at(self, places: np.ndarray) -> np.ndarray:
        """Return p of some cells, float32 (c,), NaN if not recorded."""
        at = np.minimum(np.searchsorted(self.places, places), len(self.places) - 1)
        return np.where(self.places[at] == places, self.p[at], np.float32(np.nan))

    def table(self, n: int, k: int) -> np.ndarray:
        """Return p as a table, float32 (n, k); `BELOW` in cells that no epoch kept, NaN in rows that no epoch
        recorded."""
        rows, tags = np.divmod(self.places, k)
        values = np.full((n, k), np.nan, np.float32)
        values[np.unique(rows)] = BELOW
        values[rows, tags] = self.p
        return values


def trained(asked: Asked) -> TrainedTags | None:
    """Return the mean over the recorded epochs; None if there are none."""
    run = asked.evidence.get("dynamics")
    if not isinstance(run, Run):
        return None
    k = run.k
    count = np.zeros(run.n, np.int64)
    places, total = np.empty(0, np.int64), np.empty(0)
    for epoch in run.epochs:
        cells = run.unit_stats(epoch, ("row", "unit", "logit"))
        found, p = cells["row"] * k + cells["unit"], expit(cells["logit"].astype(np.float64))
        count[np.unique(cells["row"])] += 1
        if not np.array_equal(found, places):
            every = np.union1d(places, found)
            more = np.zeros(len(every))
            more[np.searchsorted(every, places)] = total
            places, total = every, more
            total[np.searchsorted(places, found)] += p
        else:
            total += p
    if not len(places):
        raise MissingEvidence("The recorded epochs hold no tag. Record a training with `rec.batch(ids, logits)`.")
    return TrainedTags(places, (total / count[places // k]).astype(np.float32), len(run.epochs))


def weighed(p_error: np.ndarray, cells: Cells, p_yes: np.ndarray, *, heads: bool) -> tuple[np.ndarray, str]:
    """Combine P(wrong) with the doubts of a training; returns it with a description.

    Parameters
    ----------
    p_error : (m,) of the cells, from the other views. p_yes : (m,) as in `TrainedTags`, NaN if not recorded. heads :
        whether held-out heads on embeddings are among the views.

    Returns
    -------
    (m,) float64 with the mean of `p_error`: logit P = logit p_error + w d + c, where d is the normal score of the doubt
    (1 - p_given) among the equally given cells of the tag, and w grows from 0 to `WEIGHT` with the agreement.
    """
    if heads:
        return p_error, f"{TRAINED}: not used beside held-out heads"
    there = np.flatnonzero(~np.isnan(p_yes))
    if not len(there):
        return p_error, f"{TRAINED}: none of these tags was recorded"
    doubt = np.zeros(len(p_error))
    doubt[there] = _doubt(cells.tag[there], cells.y[there] > 0.5, p_yes[there], cells.k)
    agreement = _agreement(doubt[there], p_error[there])
    say = WEIGHT * min((agreement - LEAST_AGREEMENT) / (FULL_AGREEMENT - LEAST_AGREEMENT), 1.0)
    if say <= 0:
        return (
            p_error,
            f"{TRAINED}: not used, since it agrees with the probabilities by only {max(agreement, 0):.0%}",
        )
    odds = logit(np.clip(p_error, 1e-9, 1 - 1e-9))
    moved = expit(shifted_to(odds + say * doubt, float(p_error.mean())))
    return moved, f"{TRAINED} (in-sample): weight {say:.2f}"


def _doubt(tag: np.ndarray, yes: np.ndarray, p_yes: np.ndarray, k: int) -> np.ndarray:
    """Return normal scores (m,) of the doubts among equally given cells, within each tag that has enough of them."""
    from scipy.special import ndtri

    group = tag * 2 + yes
    count = np.bincount(group, minlength=2 * k + 2)
    group = np.where(count[group] < FEW_ALIKE, 2 * k + yes, group)
    ranks = pd.Series(np.where(yes, -p_yes, p_yes)).groupby(group).rank().to_numpy()
    return ndtri((ranks - 0.5) / np.bincount(group)[group])


def _agreement(doubt: np.ndarray, p_error: np.ndarray) -> float:
    """Return how well doubts distinguish likely wrong cells, relative to `p_error` itself; at most 1."""
    best = _telling(p_error, p_error)
    return min((_telling(doubt, p_error) - 0.5) / (best - 0.5), 1.0) if best > 0.5 else 0.0


def _telling(score: np.ndarray, p: np.ndarray) -> float:
    """Return P(score of a wrong cell > score of a correct one), with cell i wrong with probability p_i; ties count
    half."""
    order = np.argsort(score, kind="stable")
    wrong, right = p[order], 1 - p[order]
    ends = np.flatnonzero(np.diff(score[order], append=np.inf))  # of cells with equal scores
    by_wrong = np.diff(np.cumsum(wrong)[ends], prepend=0.0)
    by_right = np.diff(np.cumsum(right)[ends], prepend=0.0)
    total = wrong.sum() * right.sum()
    return float((by_wrong * (np.cumsum(by_right) - by_right / 2)).sum() / total) if total > 0 else 0.5
