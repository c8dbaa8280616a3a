"""Recalibrate the probabilities of unjudged examples with a reviewer's verdicts.

Verdicts show whether probabilities are too high or too low, overall and for single pairs of classes. If nine of ten
issues "cat, should be lynx" turn out to be correct, the other cats are less suspicious too.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
import pandas as pd

from workbench.issues.calibration import calibration_bins, expit, logit

TRUSTS = (20.0, 5.0, 1.0, 0.3)
"""Prior weights, in verdicts, of the original probabilities."""

SPREADS = (0.25, 0.5, 1.0, 2.0)
"""Prior standard deviations, in log odds, of the effects of pairs of classes."""

BENDS = (0.05, 0.3)
"""Prior standard deviations of the bend."""

USUAL = (TRUSTS[0], SPREADS[1], BENDS[0])
LOW = 10
"""Minimum number of verdicts on the less suspicious half of the examples; with fewer, `USUAL` is used."""

CENTRE = (0.0, 1.0, 0.0)  # intercept, slope and bend without verdicts
LEAST_SLOPE = 0.05
NEWTON_ROUNDS, CLOSE_ENOUGH = 40, 1e-4
POSTERIOR_DRAWS, DRAWN_UNITS = 200, 5_000
"""Draws from the posterior, and maximum number of units, from which the calibration error is computed."""


class Fit(NamedTuple):
    """A logistic model with one random effect, and Laplace's approximation of its posterior.

    line : (3,) intercept, slope and bend. effects : (g,) of the groups. value : log marginal likelihood. precision :
    (3, 3) of `line`, the effects integrated out. own : (g,) precision of the effects, given the line; infinite without
    effects. cross : (3, g) the same between line and effects.
    """

    line: np.ndarray
    effects: np.ndarray
    value: float
    precision: np.ndarray
    own: np.ndarray
    cross: np.ndarray


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
        `attrs["calibration_error"]` of the Series is (expected, upper): the expected value of the calibration error
        (`calibration.calibration_error`) of the new probabilities, and a value that it exceeds with a probability of
        5 %. It is missing if fewer than 10 verdicts are about the less suspicious half.

    Notes
    -----
    logit p' = a + b logit p + d log(4 p (1 - p)) + c[pair], a logistic model with one random effect: a, b around (0, 1)
    with the weight of .3, 1, 5 or 20 verdicts, d ~ N(0, t^2) with t of .05 or .3, c[pair] ~ N(0, s^2) with s from .25
    to 2. The map increases, since abs(d) < b; it is the beta calibration of Kull et al. 2017 (Beyond Sigmoids), a +
    (b + d) log p - (b - d) log(1 - p), for probabilities whose odds are too high or too low at one end only. The prior
    weight, t and s are learned from the verdicts: the fits are averaged by their marginal likelihood, by Laplace's
    method (MacKay 1992, The Evidence Framework Applied to Classification Networks). Verdicts may come from the top of
    the list only, since the fit is conditional on p; for the same reason the strata of an audit need no weights. But
    then they say little about the rest, where a reviewer's mistakes would count as errors. With fewer than 10 verdicts
    on the less suspicious half, the weight is therefore 20 verdicts, t = .05 and s = .5. Cost: one pass over the
    verdicts per iteration, and one over all examples. Judged examples follow the map as well, not their own verdict.

    The calibration error comes from draws of a, b, d and c from the posterior. It assumes that the verdicts are correct
    and that the model holds. An error measured on m units is larger by chance, about .8 sqrt(p (1 - p) / m) per bin.
    """
    known = verdicts.dropna()
    place = p_error.index.get_indexer(known.index)
    columns = _columns(p_error.to_numpy(dtype=float))
    odds = columns[:, 1]
    usable = (place >= 0) & ~np.isnan(p_error.to_numpy(dtype=float)[place])
    place = place[usable]
    if not len(place):
        return p_error, ""
    wrong = known.to_numpy(dtype=float)[usable]
    groups = np.zeros(len(p_error), np.int64) if pair is None else np.asarray(pair)
    low = int((odds[place] <= np.nanmedian(odds)).sum())
    tried = itertools.product(TRUSTS, SPREADS if pair is not None else SPREADS[:1], BENDS)
    priors = [USUAL] if low < LOW else list(tried)
    fits = [_fit(columns[place], groups[place], wrong, int(groups.max()) + 1, *one, pair is not None) for one in priors]
    weights = np.exp(np.array([fit.value for fit in fits]) - max(fit.value for fit in fits))
    weights /= weights.sum()
    line = _increasing(reduce(np.add, (weight * fit.line for weight, fit in zip(weights, fits))))
    c = reduce(np.add, (weight * fit.effects for weight, fit in zip(weights, fits)))
    moved = pd.Series(expit(columns @ line + c[groups]), index=p_error.index).where(p_error.notna())
    a, b, d = line.tolist()
    summary = f"recalibrated on {len(place)} verdicts (logit p' = {a:+.2f} {b:+.2f} logit p {d:+.2f} log(4 p (1 - p))"
    summary += ", and by pair of classes)" if pair is not None else ")"
    if low < LOW:
        return moved, f"{summary}; too few of them on the less suspicious half to state a calibration error"
    expected, upper = _error_of(moved.to_numpy(), columns, groups, fits, weights)
    moved.attrs["calibration_error"] = expected, upper
    return moved, f"{summary}; calibration error about {expected:.3f}, at most {upper:.3f} (95 %, by this model)"


def _columns(p: np.ndarray) -> np.ndarray:
    """Return the columns of intercept, slope and bend, (n, 3)."""
    odds = logit(p)
    away = np.abs(odds)
    return np.stack([np.ones(len(p)), odds, np.log(4) - away - 2 * np.log1p(np.exp(-away))], axis=1)


def _increasing(line: np.ndarray) -> np.ndarray:
    """Return the intercept, slope and bend of an increasing map."""
    slope = max(float(line[1]), LEAST_SLOPE)
    return np.array([line[0], slope, np.clip(line[2], LEAST_SLOPE - slope, slope - LEAST_SLOPE)])


def _error_of(
    p: np.ndarray, columns: np.ndarray, groups: np.ndarray, fits: Sequence[Fit], weights: np.ndarray
) -> tuple[float, float]:
    """Return mean and 95 % quantile of the calibration error of `p` over draws from the posterior."""
    known = np.flatnonzero(~np.isnan(p))
    some = known[:: max(1, len(known) // DRAWN_UNITS)]
    p, columns, place = p[some], columns[some], calibration_bins(p[some])
    here, group = np.unique(groups[some], return_inverse=True)
    rng = np.random.default_rng(0)
    errors = []
    for one in rng.choice(len(fits), POSTERIOR_DRAWS, p=weights):
        fit = fits[one]
        away = np.linalg.solve(np.linalg.cholesky(fit.precision).T, rng.normal(size=3))
        effects = fit.effects[here] - fit.cross[:, here].T @ away / fit.own[here]
        effects += rng.normal(size=len(here)) / np.sqrt(fit.own[here])
        gap = np.bincount(place, expit(columns @ (fit.line + away) + effects[group]) - p)
        errors.append(np.abs(gap).sum() / len(p))
    return float(np.mean(errors)), float(np.quantile(errors, 0.95))


def _fit(
    design: np.ndarray, group: np.ndarray, wrong: np.ndarray, groups: int, trust: float, spread: float, bend: float,
    effects: bool,
) -> Fit:  # fmt: skip
    """Fit the model by Newton's method with the effects eliminated."""
    weight_of_slope = max(float(np.mean(design[:, 1] ** 2)), 1.0)
    hold = np.array([0.25 * trust, 0.25 * trust * weight_of_slope, 1 / bend**2])
    line, c = np.array(CENTRE), np.zeros(groups)
    p, own, left, cross = wrong, c, np.diag(hold), np.zeros((3, groups))
    for place in range(NEWTON_ROUNDS + 1):
        p = expit(design @ line + c[group])
        weight = np.maximum(p * (1 - p), 1e-9)
        own = np.bincount(group, weight, groups) + 1 / spread**2
        cross = np.stack([np.bincount(group, weight * column, groups) for column in design.T]) * effects
        left = (design * weight[:, None]).T @ design + np.diag(hold) - (cross / own) @ cross.T
        if place == NEWTON_ROUNDS:
            break
        pull = (np.bincount(group, wrong - p, groups) - c / spread**2) * effects
        gradient = design.T @ (wrong - p) - hold * (line - CENTRE)
        step = np.linalg.solve(left, gradient - cross @ (pull / own))
        move = (pull - cross.T @ step) / own
        largest = max(np.abs(step).max(), np.abs(move).max())
        if largest < CLOSE_ENOUGH:
            break
        line, c = line + step / max(largest, 1.0), c + move / max(largest, 1.0)
    p = np.clip(p, 1e-12, 1 - 1e-12)
    value = np.log(np.where(wrong > 0.5, p, 1 - p)).sum() - (hold * (line - CENTRE) ** 2).sum() / 2
    value += (np.log(hold).sum() - np.linalg.slogdet(left)[1]) / 2
    if effects:
        value -= ((c / spread) ** 2).sum() / 2 + np.log(own * spread**2).sum() / 2
    return Fit(line, c, float(value), left, own if effects else np.full(groups, np.inf), cross)
