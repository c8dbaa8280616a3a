"""Mixture model of correct numbers and of numbers that are wrong by a named cause.

A correct number follows a Student t distribution around its prediction, with the local spread. A wrong number is a
correct one multiplied by a factor (10, 100, 1000, a unit, -1), or an outlier, which is far off for an unknown reason.
Densities are those of the given number, so a cause gains nothing by shrinking all numbers towards 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma, log, pi
from typing import NamedTuple

import numpy as np

from workbench.foundation.reductions import in_threads
from workbench.issues.numbers.scales import Scale

UNITS = {2.54: "inches and centimetres", 2.2046226218: "pounds and kilograms"}
FACTORS = (10.0, 100.0, 1000.0, 0.1, 0.01, 0.001, *(one for unit in UNITS for one in (unit, 1 / unit)), -1.0)
"""Factors by which the true number was multiplied."""
OUTLIER = len(FACTORS) + 1
"""Index of the outlier among the components; 0 is a correct number, followed by the factors."""
COMPONENT_KINDS = ("", *("factor",) * 6, *("unit",) * 4, "sign", "outlier")

DEGREES = (3.0, 4.0, 6.0, 10.0, 30.0)
MIXTURE_WIDTHS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4)
OUTLIER_SPREADS = (4.0, 12.0)
"""Widths of the two t distributions of outliers, with 2 degrees of freedom and equal weights, in local spreads."""
PRIOR_SHARE = 0.2
"""Weight of the prior of the shares, as a share of the number of rows."""
BELIEVED = np.array([0.92, *(0.04 / len(FACTORS),) * len(FACTORS), 0.04])
EM_ROUNDS = 25
MIXTURE_SAMPLE = 10_000
MIXTURE_BLOCK = 1 << 15


class Settings(NamedTuple):
    """Parameters fitted to one column: shares (13,), degrees of freedom and width of the t of correct numbers."""

    shares: np.ndarray
    degrees: float
    width: float


@dataclass(frozen=True)
class NumberColumn:
    """Known numbers y (n,) of one column, with predictions (n,) and spreads (n,) on a scale."""

    y: np.ndarray
    predicted: np.ndarray
    spread: np.ndarray
    scale: Scale

    def some(self, rows: np.ndarray | slice) -> NumberColumn:
        """Return the same for some rows."""
        return NumberColumn(self.y[rows], self.predicted[rows], self.spread[rows], self.scale)


def log_right(column: NumberColumn, y: np.ndarray, settings: Settings) -> np.ndarray:
    """Return the log density of the numbers y (n,) if they are the correct numbers of these rows."""
    spread = column.spread * settings.width
    z = (column.scale.to(y) - column.predicted) / spread
    return log_t(z, settings.degrees) - np.log(spread) + column.scale.log_slope(y)


def log_t(z: np.ndarray, degrees: float) -> np.ndarray:
    """Return the log density of the Student t distribution."""
    known = lgamma((degrees + 1) / 2) - lgamma(degrees / 2) - 0.5 * log(degrees * pi)
    return known - (degrees + 1) / 2 * np.log1p(np.square(z) / degrees)


def densities(column: NumberColumn, settings: Settings) -> np.ndarray:
    """Return the log density of each number under each component, float64 (n, 13)."""
    out = np.empty((len(column.y), OUTLIER + 1))
    out[:, 0] = log_right(column, column.y, settings)
    for place, factor in enumerate(FACTORS, 1):
        out[:, place] = log_right(column, column.y / factor, settings) - np.log(abs(factor))
    z = (column.scale.to(column.y) - column.predicted) / column.spread
    far = [log_t(z / one, 2.0) - np.log(one) for one in OUTLIER_SPREADS]
    out[:, OUTLIER] = np.logaddexp(*far) - np.log(2) - np.log(column.spread) + column.scale.log_slope(column.y)
    return out


def learn(column: NumberColumn, seed: int = 0) -> tuple[Settings, float]:
    """Fit the mixture: settings of maximum posterior probability, and the mean log posterior per row.

    Notes
    -----
    Shares are fitted by expectation maximisation with a Dirichlet prior worth 0.2 n rows: 0.92 correct, 0.04 outliers
    and 0.04 all other causes. Without the prior, eleven causes would explain any skewed distribution. Degrees of
    freedom and width are chosen by coordinate search. At most 10,000 rows are used.
    """
    n = len(column.y)
    if n > MIXTURE_SAMPLE:
        column = column.some(np.sort(np.random.default_rng(seed).choice(n, MIXTURE_SAMPLE, replace=False)))

    def tried(degrees: float, width: float) -> tuple[float, Settings]:
        settings = Settings(BELIEVED, degrees, width)
        logs = densities(column, settings)
        top = logs.max(axis=1, keepdims=True)
        there, pull, shares = np.exp(logs - top), PRIOR_SHARE * len(logs) * BELIEVED, BELIEVED
        for _ in range(EM_ROUNDS):
            shares = shares * ((1 / (there @ shares)) @ there) + pull
            shares = shares / shares.sum()
        likelihood = float((np.log(there @ shares) + top[:, 0]).sum() + pull @ np.log(shares))
        return likelihood, Settings(shares, degrees, width)

    best = tried(6.0, 1.0)
    for _ in range(2):
        before = best[1]
        for width in MIXTURE_WIDTHS:
            best = max(best, tried(best[1].degrees, width), key=lambda one: one[0])
        for degrees in DEGREES:
            best = max(best, tried(degrees, best[1].width), key=lambda one: one[0])
        if best[1] is before:
            break
    return best[1], best[0] / len(column.y)


class Causes(NamedTuple):
    """Posterior of each number: p_wrong (n,), the most likely cause (n,) as an index of the components, its probability
    (n,), and the log density (n,) of the number under the mixture."""

    p_wrong: np.ndarray
    cause: np.ndarray
    p_cause: np.ndarray
    log_density: np.ndarray


def causes(column: NumberColumn, settings: Settings) -> Causes:
    """Compute the posterior of each number, by blocks of rows."""
    n = len(column.y)
    found = Causes(np.empty(n), np.empty(n, np.int64), np.empty(n), np.empty(n))
    with np.errstate(divide="ignore"):
        shares = np.log(settings.shares)

    def look(start: int) -> None:
        rows = slice(start, start + MIXTURE_BLOCK)
        logs = densities(column.some(rows), settings) + shares
        top = logs.max(axis=1)
        whole = top + np.log(np.exp(logs - top[:, None]).sum(axis=1))
        wrong = logs[:, 1:]
        cause = wrong.argmax(axis=1)
        found.cause[rows] = cause + 1
        found.p_cause[rows] = np.exp(wrong[np.arange(len(cause)), cause] - whole)
        found.p_wrong[rows] = np.exp(wrong - whole[:, None]).sum(axis=1)
        found.log_density[rows] = whole

    in_threads(look, range(0, n, MIXTURE_BLOCK), n * len(shares))
    np.clip(found.p_wrong, 0, 1, out=found.p_wrong)
    return found
