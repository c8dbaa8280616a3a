"""What the reviewer's verdicts say about the examples that nobody has judged yet.

Two things are learned: whether the detector is too high or too low, and whether it is so for one kind of confusion.
If nine of ten suspects "cat, should be lynx" turned out right as given, the other cats are less suspicious too.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.issues.calibration import expit, logit

TRUST = 20.0
"""Weight, in verdicts, of the belief that the probabilities are right as they are."""

SPREAD = 0.5
"""Standard deviation, in log odds, by which pairs of classes are believed to differ before anything was judged."""

ROUNDS = 12


def with_verdicts(p_error: pd.Series, verdicts: pd.Series, pair: np.ndarray | None = None) -> tuple[pd.Series, str]:
    """Probabilities moved to agree with a reviewer.

    Parameters
    ----------
    p_error : Series of float indexed by id
    verdicts : Series of bool indexed by id, True = the given label is wrong; ids that are not in `p_error` or have no
        probability are left out
    pair : int (n,), not negative, in the order of `p_error`: examples with the same number (the same given and
        suggested class) learn from each other. Without it the map is the same for all, and monotone

    Returns
    -------
    (Series indexed as `p_error`, what was done in words)

    Notes
    -----
    logit p' = a + b logit p + c[pair], by penalised likelihood: a and b around (0, 1) with the weight of 20 verdicts,
    c[pair] ~ N(0, SPREAD^2), a logistic model with one random effect. Verdicts may come from the top of the list only,
    since the fit is given p. On real data the pairs found more errors after 100, 300 and 500 reviews than the first
    order, with a reviewer who is wrong 5 % of the time too: benchmarks/review.py. Cost: one pass over the verdicts a
    round, and one over all examples.
    """
    known = verdicts.dropna()
    place = p_error.index.get_indexer(known.index)
    odds = logit(p_error.to_numpy(dtype=float))
    usable = (place >= 0) & ~np.isnan(p_error.to_numpy(dtype=float)[place])
    place = place[usable]
    if not len(place):
        return p_error, ""
    wrong = known.to_numpy(dtype=float)[usable]
    groups = np.zeros(len(p_error), np.int64) if pair is None else np.asarray(pair)
    a, b, c = _fit(odds[place], groups[place], wrong, int(groups.max()) + 1, effects=pair is not None)
    moved = pd.Series(expit(a + b * odds + c[groups]), index=p_error.index).where(p_error.notna())
    summary = f"recalibrated on {len(place)} verdicts (logit p' = {a:+.2f} {b:+.2f} logit p"
    return moved, summary + (", and by pair of classes)" if pair is not None else ")")


def _fit(
    x: np.ndarray, group: np.ndarray, wrong: np.ndarray, groups: int, effects: bool
) -> tuple[float, float, np.ndarray]:
    """(a, b, c): level, slope and one effect per group, by Newton steps on (a, b) and on c in turn."""
    hold = TRUST * 0.25 * np.array([1.0, max(float(np.mean(x**2)), 1.0)])
    theta, c = np.array([0.0, 1.0]), np.zeros(groups)
    design = np.stack([np.ones(len(x)), x], axis=1)
    for _ in range(ROUNDS):
        for _ in range(3):
            p = expit(design @ theta + c[group])
            weight = np.maximum(p * (1 - p), 1e-9)
            gradient = design.T @ (wrong - p) - hold * (theta - [0.0, 1.0])
            step = np.linalg.solve((design * weight[:, None]).T @ design + np.diag(hold), gradient)
            theta = theta + np.clip(step, -1, 1)
            theta[1] = max(theta[1], 0.05)
        if not effects:
            continue
        p = expit(design @ theta + c[group])
        pull = np.bincount(group, wrong - p, groups) - c / SPREAD**2
        c += np.clip(pull / (np.bincount(group, p * (1 - p), groups) + 1 / SPREAD**2), -1, 1)
    return float(theta[0]), float(theta[1]), c
