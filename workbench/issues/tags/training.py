"""What a recorded training says of each tag: the mean over its epochs of the probability that it gave to it.

The training has seen the tags that it is to judge, and learns wrong ones by heart in time. So it is a weak view: beside
out-of-fold probabilities it moves cells up or down, by at most `WEIGHT` for a deviation of one, and never how many are
wrong. Its weight is earned: it grows with how well its doubts agree with the probabilities. Beside held-out heads on
embeddings it has no say: wherever tried it added nothing to them (at most .003 average precision) and often took some.
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
"""Most log odds of being wrong that a deviation of one of the doubt is worth."""

LEAST_AGREEMENT, FULL_AGREEMENT = 0.3, 0.7
"""Agreement up to which the training has no say, and from which it has the full one."""

BELOW = 1e-3
"""Probability of a cell that was never among the likeliest of its row."""

FEW_ALIKE = 20
"""Cells of a tag, given alike, below which their doubts are compared with those of all tags."""


class TrainedTags(NamedTuple):
    """What the epochs say of m cells.

    places : (m,) int64, row * k + tag, ascending. p : (m,) float32, mean over the epochs in which the row was recorded
    of the probability of yes; an epoch that did not keep the cell, of very many tags, counts as 0. epochs : how many.
    """

    places: np.ndarray
    p: np.ndarray
    epochs: int

    def at(self, places: np.ndarray) -> np.ndarray:
        """(c,) float32 p of some cells, NaN where there is none."""
        at = np.minimum(np.searchsorted(self.places, places), len(self.places) - 1)
        return np.where(self.places[at] == places, self.p[at], np.float32(np.nan))

    def table(self, n: int, k: int) -> np.ndarray:
        """(n, k) float32 p; `BELOW` in cells of very many tags that no epoch kept, NaN in rows that none recorded."""
        rows, tags = np.divmod(self.places, k)
        values = np.full((n, k), np.nan, np.float32)
        values[np.unique(rows)] = BELOW
        values[rows, tags] = self.p
        return values


def trained(asked: Asked) -> TrainedTags | None:
    """The mean of the recorded epochs; None where no epoch was recorded."""
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
    """P(wrong) with the say of a training, and what was done in words.

    Parameters
    ----------
    p_error : (m,) of the cells, by other views. p_yes : (m,) as in `TrainedTags`, NaN without. heads : whether held-out
        heads on embeddings are among the views.

    Returns
    -------
    (m,) float64 with the mean of `p_error`: logit P = logit p_error + w d + c, where d is the normal score of the doubt
    (1 - p_given) among the cells of the tag that are given alike, and w grows from 0 to `WEIGHT` with the agreement.
    """
    if heads:
        return p_error, f"{TRAINED}: no say beside held-out heads"
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
            f"{TRAINED}: no say, since its doubts agree with the probabilities by {max(agreement, 0):.0%} only",
        )
    odds = logit(np.clip(p_error, 1e-9, 1 - 1e-9))
    moved = expit(shifted_to(odds + say * doubt, float(p_error.mean())))
    return moved, f"{TRAINED} (in-sample): a say of {say:.2f}"


def _doubt(tag: np.ndarray, yes: np.ndarray, p_yes: np.ndarray, k: int) -> np.ndarray:
    """(m,) normal score of the doubt among cells that are given alike, tag by tag where these are not few."""
    from scipy.special import ndtri

    group = tag * 2 + yes
    count = np.bincount(group, minlength=2 * k + 2)
    group = np.where(count[group] < FEW_ALIKE, 2 * k + yes, group)
    ranks = pd.Series(np.where(yes, -p_yes, p_yes)).groupby(group).rank().to_numpy()
    return ndtri((ranks - 0.5) / np.bincount(group)[group])


def _agreement(doubt: np.ndarray, p_error: np.ndarray) -> float:
    """How well doubts tell likely wrong cells from others, as a part of how well `p_error` itself does: up to 1."""
    best = _telling(p_error, p_error)
    return min((_telling(doubt, p_error) - 0.5) / (best - 0.5), 1.0) if best > 0.5 else 0.0


def _telling(score: np.ndarray, p: np.ndarray) -> float:
    """P(score of a wrong cell > score of a right one), cell i wrong with probability p_i; ties count half."""
    order = np.argsort(score, kind="stable")
    wrong, right = p[order], 1 - p[order]
    ends = np.flatnonzero(np.diff(score[order], append=np.inf))  # of cells with equal scores
    by_wrong = np.diff(np.cumsum(wrong)[ends], prepend=0.0)
    by_right = np.diff(np.cumsum(right)[ends], prepend=0.0)
    total = wrong.sum() * right.sum()
    return float((by_wrong * (np.cumsum(by_right) - by_right / 2)).sum() / total) if total > 0 else 0.5
