"""Training on candidate sets: weights of the candidates and size of a set by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.view.columns import Column
from widgets.view.items import finite
from widgets.wire.shapes import SetCurve
from workbench.confident.partial import purify_candidates, weights_within
from workbench.issues.partial.learned import learned_sets, recorded_probs
from workbench.scores.dynamics import confidence, variability

if TYPE_CHECKING:
    from workbench.runs.run import Run

MOST_WEIGHTS = 5
"""Maximum number of candidates whose weights are shown."""


def set_curve(run: Run, row: int) -> SetCurve | None:
    """Return the curves of the set of one row; None without a set or an epoch, and for other kinds of labels."""
    if run.task != "candidates" or not run.epochs:
        return None
    codes = run.dataset.labels[row].as_py()
    probs = np.concatenate([recorded_probs(run, epoch, slice(row, row + 1)) for epoch in run.epochs])
    there = np.isfinite(probs[:, 0])
    if not codes or not there.any():
        return None
    inside = np.zeros((1, run.k), bool)
    inside[0, codes] = True
    weights = np.full(probs.shape, np.nan)
    weights[there] = weights_within(inside, probs[there].astype(np.float64))
    shown = sorted(codes, key=lambda code: -weights[there][-1, code])[:MOST_WEIGHTS]
    _, removed = purify_candidates([codes], probs[there, None])
    gone = np.bincount(removed["epoch"].to_numpy(np.int64), minlength=int(there.sum())).cumsum()
    left = np.full(len(probs), len(codes))
    left[there] = len(codes) - gone
    outside = np.where(there, 1 - np.where(inside, probs, 0).sum(axis=1), np.nan)
    return {
        "epochs": list(run.epochs),
        "names": [run.classes[code] for code in shown],
        "weights": [finite(weights[:, code]) for code in shown],
        "outside": finite(np.clip(outside, 0, 1)),
        "sizes": np.minimum.accumulate(left).tolist(),
    }


def learned_columns(run: Run) -> list[Column]:
    """Return the data map columns of a training on candidate sets, from the probability of each set; else []."""
    if run.task != "candidates" or not run.epochs:
        return []
    mass = learned_sets(run).mass
    words = f"of the probability of the set over {len(run.epochs)} recorded epochs"
    return [
        Column("confidence", confidence(mass), suspicious="low", range=(0.0, 1.0), title=f"mean {words}"),
        Column("variability", variability(mass), range=(0.0, 0.5), title=f"standard deviation {words}"),
    ]
