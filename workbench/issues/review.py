"""Recalibrate the probabilities of unjudged examples with a reviewer's verdicts.

Verdicts show whether probabilities are too high or too low, overall and for single pairs of classes. If nine of ten
issues "cat, should be lynx" turn out to be correct, the other cats are less suspicious too.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import reduce

import numpy as np
import pandas as pd

from workbench.issues.calibration import expit, logit

TRUSTS = (20.0, 5.0, 1.0)
"""Prior weights, in verdicts, of the original probabilities."""

SPREADS = (0.25, 0.5, 1.0, 2.0)
"""Prior standard deviations, in log odds, of the effects of pairs of classes."""

USUAL = (TRUSTS[0], SPREADS[1])
LOW = 10
"""Minimum number of verdicts on the less suspicious half of the examples; with fewer, `USUAL` is used."""

LEAST_SLOPE = 0.05
NEWTON_ROUNDS, CLOSE_ENOUGH = 40, 1e-4


def with_verdicts(p_error: pd.Series, verdicts: pd.Series, pair: np.ndarray | None = None) -> tuple[pd.Series, str]:
    """Recalibrate probabilities to agree with a reviewer's verdicts.

    Parameters
    ----------
    p_error : Series of float indexed by id
    verdicts : Series of bool indexed by id, True = the given label is wrong; ids that are not in `p_error` or have no
        probability are ignored
    pair : int (n,), non-negative, in the order of `p_error`: examples with the same number (same given and suggested
        class) share an effect. Without it, the same monotone map applies to all examples

    Returns
    -------
    (Series indexed like `p_error`, description of the recalibration)

    Notes
    -----
    logit p' = a + b logit p + c[pair], a logistic model with one random effect: a, b around (0, 1) with the weight of
    1, 5 or 20 verdicts, c[pair] ~ N(0, s^2) with s from .25 to 2. The prior weight and s are learned from the verdicts:
    the fits are averaged by their marginal likelihood, by Laplace's method (MacKay 1992, The Evidence Framework Applied
    to Classification Networks). Verdicts may come from the top of the list only, since the fit is conditional on p; but
    then they say little about the rest, where a reviewer's mistakes would count as errors. With fewer than 10 verdicts
    on the less suspicious half, the weight is therefore 20 verdicts and s = .5. Cost: one pass over the verdicts per
    iteration, and one over all examples.
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
    low = int((odds[place] <= np.nanmedian(odds)).sum())
    tried = [USUAL] if low < LOW else list(itertools.product(TRUSTS, SPREADS if pair is not None else SPREADS[:1]))
    a, b, c = _averaged(tried, odds[place], groups[place], wrong, int(groups.max()) + 1, pair is not None)
    moved = pd.Series(expit(a + b * odds + c[groups]), index=p_error.index).where(p_error.notna())
    summary = f"recalibrated on {len(place)} verdicts (logit p' = {a:+.2f} {b:+.2f} logit p"
    return moved, summary + (", and by pair of classes)" if pair is not None else ")")


def _averaged(
    tried: Sequence[tuple[float, float]], x: np.ndarray, group: np.ndarray, wrong: np.ndarray, groups: int,
    effects: bool,
) -> tuple[float, float, np.ndarray]:  # fmt: skip
    """Return intercept, slope and one effect per group, averaged over the priors by marginal likelihood."""
    fits = [_fit(x, group, wrong, groups, trust, spread, effects) for trust, spread in tried]
    values = np.array([value for _, _, value in fits])
    weights = np.exp(values - values.max())
    weights /= weights.sum()
    a, b = reduce(np.add, (weight * line for weight, (line, _, _) in zip(weights, fits)))
    shifts = reduce(np.add, (weight * c for weight, (_, c, _) in zip(weights, fits)))
    return float(a), max(float(b), LEAST_SLOPE), shifts


def _fit(
    x: np.ndarray, group: np.ndarray, wrong: np.ndarray, groups: int, trust: float, spread: float, effects: bool
) -> tuple[np.ndarray, np.ndarray, float]:
    """Fit ((a, b), c) by Newton's method with the effects eliminated; also return the log marginal likelihood."""
    hold = trust * 0.25 * np.array([1.0, max(float(np.mean(x**2)), 1.0)])
    line, c = np.array([0.0, 1.0]), np.zeros(groups)
    design = np.stack([np.ones(len(x)), x], axis=1)
    p, own, left = wrong, c, np.diag(hold)
    for place in range(NEWTON_ROUNDS + 1):
        p = expit(design @ line + c[group])
        weight = np.maximum(p * (1 - p), 1e-9)
        own = np.bincount(group, weight, groups) + 1 / spread**2
        cross = np.stack([np.bincount(group, weight * column, groups) for column in design.T]) * effects
        left = (design * weight[:, None]).T @ design + np.diag(hold) - (cross / own) @ cross.T
        if place == NEWTON_ROUNDS:
            break
        pull = (np.bincount(group, wrong - p, groups) - c / spread**2) * effects
        gradient = design.T @ (wrong - p) - hold * (line - [0.0, 1.0])
        step = np.linalg.solve(left, gradient - cross @ (pull / own))
        move = (pull - cross.T @ step) / own
        largest = max(np.abs(step).max(), np.abs(move).max())
        if largest < CLOSE_ENOUGH:
            break
        line, c = line + step / max(largest, 1.0), c + move / max(largest, 1.0)
    p = np.clip(p, 1e-12, 1 - 1e-12)
    value = np.log(np.where(wrong > 0.5, p, 1 - p)).sum() - (hold * (line - [0.0, 1.0]) ** 2).sum() / 2
    value += (np.log(hold).sum() - np.linalg.slogdet(left)[1]) / 2
    if effects:
        value -= ((c / spread) ** 2).sum() / 2 + np.log(own * spread**2).sum() / 2
    return line, c, float(value)
