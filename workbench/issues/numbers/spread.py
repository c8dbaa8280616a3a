"""Local, robust estimates of the spread of correct numbers around their predictions, and conformal intervals."""

from __future__ import annotations

import numpy as np

from workbench.evidence.neighbors import nearest
from workbench.issues.numbers.scales import spread_of

SPREAD_NEIGHBORS = 50
"""Number of neighbours whose residuals are averaged."""
SPREAD_PRIOR = 20
"""Weight of the mean over all examples, in neighbours."""
SPREAD_CUT = 3.0
MOST_COMPARED = 20_000
"""Maximum number of rows for which neighbours are searched by features, not only by predictions."""
SPREAD_SHARES = (0.0, 0.5, 1.0, 2.0)


def local_spread(
    residuals: np.ndarray, predicted: np.ndarray, vectors: np.ndarray | None, apart: np.ndarray | None
) -> np.ndarray:
    """Estimate the standard deviation of correct numbers around each prediction.

    Parameters
    ----------
    residuals : float (n,)
    predicted : float (n,)
    vectors : float (n, d), features of the same rows, or None
    apart : float (n,), disagreement of several models, or None

    Returns
    -------
    float64 (n,), positive

    Notes
    -----
    The mean absolute residual of the 50 nearest other examples, clipped at 3 deviations and shrunk towards the overall
    mean with the weight of 20 neighbours, is scaled to match the median absolute residual. Neighbours are searched by
    prediction and by features; the estimate with the highest likelihood under a Student t distribution with 4 degrees
    of freedom is used. It is widened by the disagreement of models if that increases the likelihood further.
    """
    overall = spread_of(residuals)
    sizes = np.minimum(np.abs(residuals), SPREAD_CUT * overall)
    tried = [np.full(len(sizes), overall), _scaled(_by_prediction(sizes, predicted), residuals, overall)]
    if vectors is not None and SPREAD_NEIGHBORS < len(sizes) <= MOST_COMPARED:
        near = nearest(np.ascontiguousarray(vectors, np.float32), SPREAD_NEIGHBORS).indices
        sums = np.where(near >= 0, sizes[np.maximum(near, 0)], 0).sum(axis=1)
        tried.append(_scaled(_drawn(sums, (near >= 0).sum(axis=1), sizes), residuals, overall))
    best = max(tried, key=lambda one: _likelihood(residuals, one))
    if apart is not None:
        apart = np.where(np.isnan(apart), np.nanmedian(apart), apart)
        widened = [np.sqrt(best**2 + share * apart**2) for share in SPREAD_SHARES]
        best = max((_scaled(one, residuals, overall) for one in widened), key=lambda one: _likelihood(residuals, one))
    return best


def conformal(ratios: np.ndarray, weights: np.ndarray, coverage: float = 0.9) -> float:
    """Return the half-width of the interval, in spreads, that contains a correct number with probability `coverage`.

    Parameters
    ----------
    ratios : float (n,), absolute held-out residuals divided by their spreads
    weights : float (n,), probability that the number is correct
    coverage : in (0, 1)

    Notes
    -----
    The quantile of split conformal prediction (Lei et al. 2018), with one additional row at infinity. Numbers that are
    probably wrong get little weight, as the interval need not contain them.
    """
    order = np.argsort(ratios)
    summed = np.cumsum(weights[order])
    place = int(np.searchsorted(summed, coverage * (summed[-1] + 1)))
    return float(ratios[order][min(place, len(order) - 1)])


def _by_prediction(sizes: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    n = len(sizes)
    order = np.argsort(predicted, kind="stable")
    summed = np.concatenate([[0.0], np.cumsum(sizes[order])])
    start = np.clip(np.arange(n) - SPREAD_NEIGHBORS // 2, 0, max(n - SPREAD_NEIGHBORS - 1, 0))
    stop = np.minimum(start + SPREAD_NEIGHBORS + 1, n)
    found = np.empty(n)
    found[order] = _drawn(summed[stop] - summed[start] - sizes[order], stop - start - 1, sizes)
    return found


def _drawn(sums: np.ndarray, counts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    return (sums + SPREAD_PRIOR * sizes.mean()) / (counts + SPREAD_PRIOR)


def _scaled(spread: np.ndarray, residuals: np.ndarray, overall: float) -> np.ndarray:
    """Rescale the spread so that residuals divided by it have the median absolute value of a standard normal."""
    spread = np.maximum(spread, 1e-3 * overall)
    return np.maximum(spread * spread_of(residuals / spread), 1e-300)


def _likelihood(residuals: np.ndarray, spread: np.ndarray) -> float:
    return float(-(np.log(spread) + 2.5 * np.log1p(np.square(residuals / spread) / 4)).mean())
