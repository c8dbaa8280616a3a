"""Calibrate probabilities from a ranking and rough probabilities, and select issues from probabilities.

All maps are monotone: they never change the ranking.
"""

from __future__ import annotations

import numpy as np

from workbench.foundation.errors import InputError

TYPICAL_SLOPE = 2.0


def logit(p: np.ndarray | float) -> np.ndarray:
    """Compute log(p / (1 - p)) with p clipped to [1e-6, 1 - 1e-6]."""
    p = np.clip(np.asarray(p, float), 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def expit(x: np.ndarray) -> np.ndarray:
    """Compute 1 / (1 + exp(-x)) without overflow."""
    from scipy.special import expit as stable

    return stable(x)


def along_score(score: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """Fit a strictly increasing function of `score` to the probabilities `rough`.

    Parameters
    ----------
    score : float (n,), high = suspicious
    rough : float (n,), in [0, 1], probabilities of the same event with a less accurate ranking

    Returns
    -------
    float64 (n,), in (0, 1), with the same mean as `rough`

    Notes
    -----
    The mean, in log odds, of a logistic function of the score (Platt 1999, soft targets), which is smooth but may be
    too stiff, and isotonic regression, which is flexible but has flat steps.
    """
    from scipy.optimize import isotonic_regression

    x = np.asarray(score, float)
    t = np.clip(np.asarray(rough, float), 0, 1)
    if len(x) < 2 or np.ptp(x) == 0 or t.sum() <= 0:
        return np.full(len(x), t.mean() if len(t) else 0.0)
    slope = platt(x, t, np.ones(len(x)), start=(float(logit(t.mean())), 1.0), pull=(0.0, 1e-6))[1]
    stiff = shifted_to(max(slope, 1e-3) * x, t.mean())
    order = np.argsort(x, kind="stable")
    _, tied = np.unique(x[order], return_inverse=True)
    weight = np.bincount(tied).astype(float)
    steps = isotonic_regression(np.bincount(tied, t[order]) / weight, weights=weight).x[tied]
    bent = np.empty(len(x))
    bent[order] = logit(np.clip(steps, 1e-4, 1 - 1e-4))
    return expit(shifted_to((stiff + bent) / 2, t.mean()))


def around_share(score: np.ndarray, share: float) -> np.ndarray:
    """Compute expit(2 s + c) with mean `share` for normal scores s, used if the data do not determine the slope.

    Logistic regression of real errors on the normal scores of good detectors gives slopes of 1.5 to 2.3.
    """
    out = np.full(len(score), np.nan)
    there = ~np.isnan(score)
    if there.any():
        out[there] = expit(shifted_to(TYPICAL_SLOPE * score[there], min(max(share, 0.5 / there.sum()), 1 - 1e-6)))
    return out


def shifted_to(x: np.ndarray, mean: float) -> np.ndarray:
    """Add the constant to x for which expit(x) has this mean."""
    low, high = -x.max() - 40, -x.min() + 40
    for _ in range(80):
        middle = (low + high) / 2
        if expit(x + middle).mean() < mean:
            low = middle
        else:
            high = middle
    return x + (low + high) / 2


def platt(
    x: np.ndarray, t: np.ndarray, w: np.ndarray, start: tuple[float, float], pull: tuple[float, float]
) -> tuple[float, float]:
    """Fit weighted logistic regression of t on x, shrunk to `start` with weights `pull`; return (intercept, slope)."""
    theta = np.array(start, float)
    centre = theta.copy()
    hold = np.diag(pull)
    design = np.stack([np.ones(len(x)), x], axis=1)
    for _ in range(50):
        p = expit(design @ theta)
        gradient = design.T @ (w * (t - p)) - hold @ (theta - centre)
        weight = w * np.maximum(p * (1 - p), 1e-9)
        hessian = (design * weight[:, None]).T @ design + hold + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        theta = theta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    return float(theta[0]), float(theta[1])


def largest_set(p_error: np.ndarray, fdr: float) -> np.ndarray:
    """Select the largest set of examples whose expected share of false alarms is at most `fdr`.

    Parameters
    ----------
    p_error : float (n,), NaN is never selected
    fdr : in [0, 1]

    Returns
    -------
    bool (n,): the m most suspicious with mean(1 - p_error) <= fdr, m as large as possible; ties are selected or left
    out together

    Notes
    -----
    The posterior expected false discovery rate of Newton et al. 2004, section 4. It is valid if `p_error` is
    calibrated.
    """
    if not 0 <= fdr <= 1:
        raise InputError.at("fdr", f"is {fdr!r}", "Pass the allowed share of false alarms, such as 0.2.")
    p = np.nan_to_num(np.asarray(p_error, float), nan=-1.0)
    order = np.argsort(-p, kind="stable")
    ranked = p[order]
    there = int((ranked >= 0).sum())
    chosen = np.zeros(len(p), bool)
    if not there:
        return chosen
    alarms = np.cumsum(1 - ranked[:there]) / np.arange(1, there + 1)
    last_of_tie = np.append(ranked[1:there] < ranked[: there - 1], True)
    fits = np.flatnonzero((alarms <= fdr + 1e-12) & last_of_tie)
    if len(fits):
        chosen[order[: fits[-1] + 1]] = True
    return chosen


def calibration_bins(probability: np.ndarray, bins: int = 10) -> np.ndarray:
    """Return the bin of each probability, from 0, as in `calibration_error`."""
    return np.clip(np.ceil(probability * bins).astype(int) - 1, 0, bins - 1)


def calibration_error(probability: np.ndarray, happened: np.ndarray, bins: int = 10) -> float:
    """Compute the expected calibration error: mean |predicted - observed share| over bins, weighted by bin size.

    Parameters
    ----------
    probability : float (n,), in [0, 1]
    happened : bool (n,), whether the event occurred
    bins : number of bins of equal width; a probability on an edge belongs to the lower bin

    Returns
    -------
    float in [0, 1]; 0 without examples.

    References
    ----------
    Guo et al. 2017, On Calibration of Modern Neural Networks, equation 3. Chance makes it too large on few examples:
    see `debiased_calibration_error`.

    Examples
    --------
    >>> calibration_error(np.array([0.25, 0.25, 0.75, 0.75]), np.array([False, True, True, True]))
    0.25
    """
    p, came = np.asarray(probability), np.asarray(happened, float)
    gap = np.bincount(calibration_bins(p, bins), came - p, minlength=bins)
    return float(np.abs(gap).sum() / max(len(p), 1))


def debiased_calibration_error(probability: np.ndarray, happened: np.ndarray, bins: int = 10) -> float:
    """Compute the root mean square calibration error over bins of equal size, without what chance adds to it.

    Parameters
    ----------
    probability : float (n,), in [0, 1]
    happened : bool (n,), whether the event occurred
    bins : number of bins; at most n // 2 are used. Equal probabilities share a bin; one with a single example is left
        out

    Returns
    -------
    float in [-1, 1]; 0 with fewer than two examples. It is negative if the gaps are smaller than chance makes them: the
        root of the absolute value, with its sign. On average over samples, `e * abs(e)` is the mean squared error.

    Notes
    -----
    u = sum over bins of n_b / n (g_b^2 - v_b / n_b), g_b the mean and v_b the sample variance of `happened -
    probability` in bin b. The observed share of a few examples differs from a correct probability by chance, so
    `calibration_error` is above 0 even if the probabilities are exactly right (.03 to .07 on a few hundred examples).
    The square of a mean is too large by its variance; subtracting an estimate of that makes u unbiased for the squared
    error of the bins. As a root mean square it is at least the mean absolute value that `calibration_error` estimates.

    References
    ----------
    Kumar, Liang and Ma 2019, Verified Uncertainty Calibration: the debiased estimator. Their probabilities are constant
    in a bin, so that v_b / n_b is s (1 - s) / (n_b - 1) with the observed share s. Bins of equal size: Roelofs et al.
    2022, Mitigating Bias in Calibration Error Estimation.

    Examples
    --------
    >>> round(debiased_calibration_error(np.full(10, 0.5), np.arange(10) < 9, bins=1), 3)  # .4^2 - .1 / 10
    0.387
    """
    p, came = np.asarray(probability, float), np.asarray(happened, float)
    if len(p) < 2:
        return 0.0
    _, value, times = np.unique(p, return_inverse=True, return_counts=True)
    middle = np.cumsum(times) - (times + 1) / 2  # mean rank, from 0
    place = (middle[value] * min(bins, len(p) // 2) / len(p)).astype(int)
    size = np.bincount(place)
    several = size > 1
    gap = np.bincount(place, came - p) / np.maximum(size, 1)
    rest = np.bincount(place, (came - p - gap[place]) ** 2) / np.maximum(size * (size - 1.0), 1)
    square = float((size * (gap**2 - rest))[several].sum() / max(size[several].sum(), 1))
    return float(np.copysign(np.sqrt(abs(square)), square))
