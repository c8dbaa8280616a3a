"""Uncertainty of a difference over splits or over test examples, its description, and the effects of a comparison."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError

INTERVAL_LEVEL = 0.95
RESAMPLES = 2000


def corrected_t(
    differences: np.ndarray, tested: int, trained: int, level: float = INTERVAL_LEVEL
) -> tuple[float, float]:
    """Compute an interval of the mean difference over random splits of one dataset.

    Parameters
    ----------
    differences : (r,) float in [-1, 1], one per split, r >= 2: shares of the tested examples, or differences of two
    tested, trained : number of rows in the test and in the training part of a split
    level : coverage in (0, 1)

    Notes
    -----
    mean -+ t(r - 1) sqrt((1 / r + tested / trained) s^2), where s^2 is the variance of the differences. As the splits
    overlap, s^2 / r would underestimate the variance of the mean and vanish with more splits of the same data; the term
    tested / trained corrects for the overlap. A few splits can agree by chance, so s^2 is at least
    |mean| (1 - |mean|) / tested, the smallest variance of a mean of that many values in {-1, 0, 1}.

    References
    ----------
    Nadeau and Bengio 2003, Inference for the generalization error, Machine Learning 52, equation 11.

    Examples
    --------
    >>> np.round(corrected_t(np.array([0.01, 0.03]), 300, 700), 4)
    array([-0.1532,  0.1932])
    """
    from scipy.stats import t

    differences = np.asarray(differences, float)
    r = len(differences)
    mean = differences.mean()
    variance = max(differences.var(ddof=1), abs(mean) * (1 - abs(mean)) / tested)
    width = t.ppf((1 + level) / 2, r - 1) * np.sqrt((1 / r + tested / trained) * variance)
    return float(mean - width), float(mean + width)


def paired_bootstrap(
    gains: np.ndarray,
    *,
    repeats_too: bool = False,
    level: float = INTERVAL_LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Compute a percentile interval of the mean gain by resampling test examples.

    Parameters
    ----------
    gains : float (r, m), correctness of the second model minus that of the first, in {-1, 0, 1}; one row per repeat,
        one column per test example; NaN if the example was not tested in that repeat. As both models are tested on the
        same examples, difficulty that affects both cancels.
    repeats_too : whether to resample repeats too; valid only if all repeats test the same examples.
    level : coverage in (0, 1)
    resamples : number of bootstrap samples
    seed : random seed of the samples

    Notes
    -----
    The statistic is the mean over repeats of the mean over tested examples. Without `repeats_too` the trained models
    are fixed, so the interval reflects the choice of test examples, but not that of the training set. Examples with the
    same gains are drawn together, by their number: with few repeats there are few kinds of examples.

    References
    ----------
    Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13; Koehn 2004 for paired test sets.

    Examples
    --------
    >>> paired_bootstrap(np.ones((2, 5)))
    (1.0, 1.0)
    """
    gains = np.atleast_2d(np.asarray(gains, float))
    r, m = gains.shape
    kinds, counts = np.unique(np.concatenate([np.nan_to_num(gains), ~np.isnan(gains)]), axis=1, return_counts=True)
    values, there = kinds[:r], kinds[r:]
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    step = max(1, (1 << 22) // len(counts))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        weights = rng.multinomial(m, counts / m, size=size).astype(float)
        per_repeat = (weights @ values.T) / np.maximum(weights @ there.T, 1e-12)
        if repeats_too:
            per_repeat = np.take_along_axis(per_repeat, rng.integers(0, r, (size, r)), axis=1)
        means[start : start + size] = per_repeat.mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def percentile_interval(values: np.ndarray) -> Any:
    """Return the 95 % percentile interval (low, high) of resamples along the first axis, ignoring NaN: floats for
    values (b,), arrays (m,) for (b, m), with NaN for a column of NaN."""
    columns = values.reshape(len(values), math.prod(values.shape[1:]))
    known = np.asarray(~np.isnan(columns).all(axis=0))
    ends = np.full((2, len(known)), np.nan)
    if known.any():
        at = [(1 - INTERVAL_LEVEL) / 2, (1 + INTERVAL_LEVEL) / 2]
        ends[:, known] = np.nanquantile(columns[:, known], at, axis=0)
    low, high = ends[0].reshape(values.shape[1:]), ends[1].reshape(values.shape[1:])
    return (float(low), float(high)) if values.ndim == 1 else (low, high)


def verdict(low: float, high: float) -> str:
    """Return "better", "worse" or "no difference that this comparison can show"."""
    return "better" if low > 0 else "worse" if high < 0 else "no difference that this comparison can show"


def effect(accuracy: np.ndarray, usual: np.ndarray, tested: int, trained: int) -> dict[str, Any]:
    """Compute a row of effects: mean accuracy, difference to the baseline, their intervals, and the verdict.

    Parameters
    ----------
    accuracy, usual : float (r,), of the same r splits, r >= 2. tested, trained : as in `corrected_t`
    """
    apart = accuracy - usual
    low, high = corrected_t(accuracy, tested, trained)
    less, more = corrected_t(apart, tested, trained)
    return {
        "accuracy": accuracy.mean(), "low": low, "high": high, "difference": apart.mean(),
        "difference_low": less, "difference_high": more, "verdict": verdict(less, more),
    }  # fmt: skip


def effect_in_words(effects: pd.DataFrame, point: tuple[str, float]) -> str:
    """Describe the difference in one row of effects, as in "+2.1 points, 95 % 0.4 to 3.8".

    Raises
    ------
    InputError : there is no such row.
    """
    if point not in effects.index:
        raise InputError.unknown("point", point, effects.index)
    row = effects.loc[point]
    return points(row["difference"], row["difference_low"], row["difference_high"])


def points(difference: float, low: float, high: float) -> str:
    """Format a difference of shares and its interval in percentage points.

    Examples
    --------
    >>> points(0.018, 0.009, 0.026)
    '+1.8 points, 95 % 0.9 to 2.6'
    >>> points(-0.002, -0.0101, 0.006)
    '-0.2 points, 95 % -1.0 to 0.6'
    """
    shown = [f"{round(100 * value, 1) + 0.0:{sign}.1f}" for value, sign in ((difference, "+"), (low, ""), (high, ""))]
    return f"{shown[0]} points, {INTERVAL_LEVEL:.0%}".replace("%", " %") + f" {shown[1]} to {shown[2]}"
