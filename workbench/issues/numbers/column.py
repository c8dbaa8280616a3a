"""Judge one column of numbers: pool predictions, choose the scale, weigh causes of errors, suggest a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues.numbers import mixture, ratings, swaps
from workbench.issues.numbers.fits import left_out, pooled_views
from workbench.issues.numbers.scales import scales_for, spread_of
from workbench.issues.numbers.spread import conformal, local_spread

LEAST = 10
"""Minimum number of known numbers."""
COVERAGE = 0.9
WEAK, WEAK_RATINGS = 0.1, 0.5
"""Minimum share of the variance that predictions must explain for the number of errors to be identified."""
NEAREST_DECIMALS = 6


@dataclass(frozen=True)
class ColumnEvidence:
    """Evidence about one column.

    predictions : float (n, models), from models not fitted to the number of the row, or None. features : arrays (n, d).
    """

    predictions: np.ndarray | None
    features: list[np.ndarray]


@dataclass(frozen=True)
class JudgedNumbers:
    """Results for the n numbers of a column, NaN if unknown.

    p_error : probability that the number is wrong. other, p_other : the suggested number, and its probability.
    kind : kind of the error, if it is one. predicted, low, high : prediction and interval of 90 % of correct numbers.
    factor : apparent factor of the error, NaN for other kinds. partner : row with which it was swapped, or -1.
    against : number of models whose own 90 % interval excludes it, NaN with one model. models : number of models.
    explained : share of the variance explained by predictions, by robust scales. tolerance : of ratings, else None.
    method : description.
    """

    p_error: np.ndarray
    other: np.ndarray
    p_other: np.ndarray
    kind: np.ndarray
    predicted: np.ndarray
    low: np.ndarray
    high: np.ndarray
    factor: np.ndarray
    partner: np.ndarray
    against: np.ndarray
    models: int
    explained: float
    tolerance: int | None
    method: str


def judge(y: np.ndarray, evidence: ColumnEvidence, seed: int, name: str) -> JudgedNumbers:
    """Estimate the probability that each number of one column is wrong.

    Parameters
    ----------
    y : float (n,), NaN = unknown
    evidence : evidence about this column
    seed : random seed
    name : name of the column, for error messages

    Raises
    ------
    InputError : fewer than 10 known numbers, or all of them equal. MissingEvidence : no prediction for any of them.
    """
    known = ~np.isnan(y)
    if known.sum() < LEAST:
        todo = f"Pass at least {LEAST} examples with a number; with fewer the spread cannot be estimated."
        raise InputError.at("labels", f"has {int(known.sum())} known numbers in the column {name!r}", todo)
    if np.ptp(y[known]) == 0:
        found = f"is {y[known][0]:g} in every row of the column {name!r}"
        raise InputError.at("labels", found, "Drop the column: a constant cannot be judged.")
    usable = known if evidence.predictions is None else known & ~np.isnan(evidence.predictions).all(axis=1)
    if not evidence.features and usable.sum() < LEAST:
        how = f"Only {int(usable.sum())} numbers of the column {name!r} have a prediction; at least {LEAST} are needed."
        raise MissingEvidence.needed("Judging numbers", ["predictions"], how)
    grid = ratings.grid_of(y[known])
    return _number(y, evidence, seed) if grid is None else _rating(y, grid, evidence, seed)


def _number(y: np.ndarray, evidence: ColumnEvidence, seed: int) -> JudgedNumbers:
    known, best = ~np.isnan(y), None
    scales = scales_for(y[known])
    with np.errstate(invalid="ignore"):
        scaled = [scale.to(y) for scale in scales]
    own_fits = [left_out(one, scaled, seed) for one in evidence.features]
    for place, (scale, z) in enumerate(zip(scales, scaled)):
        with np.errstate(invalid="ignore"):
            views = [] if evidence.predictions is None else list(scale.to(evidence.predictions).T)
        own = len(views)
        views += [one[place] for one in own_fits]
        predicted = pooled_views(np.stack(views, axis=1), z)
        judged = known & ~np.isnan(predicted)
        rows = np.flatnonzero(judged)
        predicted = predicted + np.median(z[rows] - predicted[rows])
        apart = None
        if own > 1:
            deviations = np.abs(np.stack(views[:own], axis=1)[rows] - predicted[rows, None])
            apart = 1.4826 * np.sort(deviations, axis=1)[:, own // 2]
        vectors = evidence.features[0][rows] if evidence.features and not np.isnan(evidence.features[0]).any() else None
        spread = local_spread(z[rows] - predicted[rows], predicted[rows], vectors, apart)
        column = mixture.NumberColumn(y[rows], predicted[rows], spread, scale)
        settings, likelihood = mixture.learn(column, seed)
        if best is None or likelihood > best[0]:
            best = likelihood, column, settings, predicted, rows, views[:own]
    assert best is not None  # at least one scale is tried
    _, column, settings, predicted, rows, models = best
    return _explained(y, column, settings, predicted, rows, models)


def _explained(
    y: np.ndarray, column: mixture.NumberColumn, settings: mixture.Settings, predicted: np.ndarray, rows: np.ndarray,
    models: list[np.ndarray],
) -> JudgedNumbers:  # fmt: skip
    """Convert the mixture to the columns of a table."""
    n, scale = len(y), column.scale
    found = mixture.causes(column, settings)
    pairs = swaps.swapped_rows(column, settings, found)
    typed = swaps.swapped_digits(column, settings, found)
    total = 1 + pairs.odds + typed.odds
    p_wrong = (found.p_wrong + pairs.odds + typed.odds) / total
    residual = scale.to(column.y) - column.predicted
    wide = conformal(np.abs(residual) / column.spread, 1 - p_wrong, COVERAGE)
    places = np.isnan(predicted)
    spread = np.full(n, float(np.median(column.spread)))
    spread[rows] = column.spread
    low, high = scale.back(predicted - wide * spread), scale.back(predicted + wide * spread)
    middle = rounded(scale.back(predicted), y)

    kinds = np.array(mixture.COMPONENT_KINDS, object)[found.cause]
    factors = np.array([np.nan, *mixture.FACTORS, np.nan])[found.cause]
    chances = np.stack([found.p_cause / total, np.where(pairs.partner >= 0, pairs.p_pair, 0), typed.odds / total])
    likeliest = chances.argmax(axis=0)
    kinds = np.where(likeliest == 1, "swapped", np.where(likeliest == 2, "digits", kinds))
    factors = np.where(likeliest == 0, factors, np.nan)
    partner = np.where(likeliest == 1, pairs.partner, -1)
    other = middle[rows].copy()
    by_factor = np.flatnonzero(~np.isnan(factors))
    other[by_factor] = shortest(column.y[by_factor] / factors[by_factor])
    other = np.where(likeliest == 1, column.y[partner], np.where(likeliest == 2, typed.before, other))

    def spread_out(values: np.ndarray, blank: object = np.nan, dtype: type[Any] = float) -> np.ndarray:
        out = np.full(n, blank, dtype)
        out[rows] = values
        return out

    against = np.full(n, np.nan)
    if len(models) > 1:
        against = np.zeros(n)
        for one in models:
            away = np.abs(scale.to(y) - one)
            sizes = away[rows][~np.isnan(away[rows])]
            against += away > (np.quantile(sizes, COVERAGE) if len(sizes) else np.inf)
    whole = spread_out(other)
    whole[np.isnan(y)] = middle[np.isnan(y)]
    explained = 1 - (spread_of(residual) / spread_of(scale.to(column.y) - np.median(scale.to(column.y)))) ** 2
    shares = settings.shares
    method = (
        f"numbers {scale.name}, Student t residuals ({settings.degrees:g} degrees of freedom), shares of causes "
        f"({100 * shares[1:-1].sum():.1f} % named, {100 * shares[-1]:.1f} % outliers)"
    )
    p_other = spread_out(np.minimum(chances.max(axis=0), p_wrong))
    back = np.full(n, -1)
    back[rows] = np.where(partner >= 0, rows[partner], -1)
    return JudgedNumbers(
        spread_out(p_wrong), whole, p_other, spread_out(kinds, None, object), np.where(places, np.nan, middle), low,
        high, spread_out(factors), back, against, len(models), float(explained), None, method,
    )  # fmt: skip


def _rating(y: np.ndarray, grid: np.ndarray, evidence: ColumnEvidence, seed: int) -> JudgedNumbers:
    n, known = len(y), ~np.isnan(y)
    views = [] if evidence.predictions is None else [pooled_views(evidence.predictions, y)]
    found = ratings.rated(y, grid, views, evidence.features, seed)
    expected = found.posterior @ grid
    summed = np.cumsum(found.posterior, axis=1)
    ends = [grid[np.minimum((summed < share).sum(axis=1), len(grid) - 1)] for share in (0.05, 0.95)]
    steps = np.rint((grid - grid[0]) / np.diff(grid).min())
    away = np.abs(steps[None] - np.interp(np.where(known, y, np.inf), grid, steps)[:, None]) > found.tolerance
    others = np.where(away | ~known[:, None], found.posterior, 0)
    place = others.argmax(axis=1)
    blank, none = np.full(n, np.nan), np.full(n, -1)
    kind = np.full(n, None, object)
    kind[known] = "rating"
    away_by = "differs from" if found.tolerance == 0 else f"is more than {found.tolerance} step from"
    words = f"ratings as {len(grid)} ordinal classes; a rating is wrong if it {away_by} the true value"
    return JudgedNumbers(
        found.p_wrong, grid[place], np.where(known, others.max(axis=1), blank), kind, expected, ends[0], ends[1], blank,
        none, blank, 1, found.explained, found.tolerance, words,
    )  # fmt: skip


def shortest(values: np.ndarray) -> np.ndarray:
    """Round to 12 digits, such as 0.3 for 3 / 10."""
    with np.errstate(divide="ignore", invalid="ignore"):
        digits = 11 - np.floor(np.log10(np.abs(values)))
        scale = 10.0 ** np.clip(np.nan_to_num(digits, nan=0, posinf=0, neginf=0), -250, 250)
        found = np.rint(values * scale) / scale
    return np.where(np.isfinite(found), found, values)


def rounded(values: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Round numbers to as many decimals as the given ones have, at most 6."""
    some = y[~np.isnan(y)][:1000]
    for decimals in range(NEAREST_DECIMALS):
        if np.array_equal(np.round(some, decimals), some):
            return np.round(values, decimals)
    return np.round(values, max(NEAREST_DECIMALS, int(5 - np.floor(np.log10(max(np.abs(some).max(), 1e-300))))))
