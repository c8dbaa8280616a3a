"""Numbers with two swapped digits, and pairs of rows with swapped numbers."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from workbench.issues.numbers.mixture import Causes, NumberColumn, Settings, log_right

MOST_SWAPPED_ROWS = 1500
"""Number of most suspicious rows among which all pairs are compared, besides each of them and its adjacent rows."""
SHARE = 0.01
"""Prior share of swapped rows, with a weight of `PRIOR_ROWS` rows."""
PRIOR_ROWS = 50.0
NEXT = 0.5
"""Prior share of swaps that are between adjacent rows."""
SWAP_ROUNDS = 6
DIGITS_SHARE = 0.005
MOST_DIGITS = 6
"""Maximum number of significant digits of numbers that a person may have typed."""
MOST_TYPED = 20_000


class Swapped(NamedTuple):
    """odds (n,) that the number was swapped with another row; partner (n,), the row that holds this row's number, -1 if
    none is clear; p_pair (n,), the probability of that pair."""

    odds: np.ndarray
    partner: np.ndarray
    p_pair: np.ndarray


def swapped_rows(column: NumberColumn, settings: Settings, found: Causes) -> Swapped:
    """Find pairs of rows whose numbers were swapped.

    Notes
    -----
    The odds of a pair are (share of swaps) (prior of the partner) f(y_j | i) f(y_i | j) / (g(y_i | i) g(y_j | j)) with
    the density f of correct numbers and the density g of the whole mixture. Half of the prior is on adjacent rows, half
    on all rows. The share is fitted by expectation maximisation. Partners come from the assignment of numbers to rows
    that maximises the sum of log odds, if the pair has more than half of the odds of each of its rows.
    """
    n = len(column.y)
    none = Swapped(np.zeros(n), np.full(n, -1), np.zeros(n))
    if n < 3:
        return none
    order = np.argsort(-found.p_wrong, kind="stable")
    some = np.sort(order[: min(MOST_SWAPPED_ROWS, max(n // 2, 2))])
    i, j = (some[place] for place in np.triu_indices(len(some), 1))
    before = np.arange(n - 1)
    inside = np.zeros(n, bool)
    inside[some] = True
    extra = before[~(inside[:-1] & inside[1:]) & (inside[:-1] | inside[1:])]
    i, j = np.concatenate([i, extra]), np.concatenate([j, extra + 1])
    y = column.y
    unlike = y[i] != y[j]
    i, j = i[unlike], j[unlike]
    if not len(i):
        return none
    gain = log_right(column.some(i), y[j], settings) + log_right(column.some(j), y[i], settings)
    gain -= found.log_density[i] + found.log_density[j]
    prior = (1 - NEXT) / (n - 1) + np.where(j - i == 1, NEXT / 2, 0.0)
    base = np.exp(np.minimum(gain, 500)) * prior
    share = SHARE
    for _ in range(SWAP_ROUNDS):
        odds = np.bincount(i, share * base, n) + np.bincount(j, share * base, n)
        share = (float((odds / (1 + odds)).sum()) + SHARE * PRIOR_ROWS) / (n + PRIOR_ROWS)
    odds = np.bincount(i, share * base, n) + np.bincount(j, share * base, n)
    partner, p_pair = _named(n, i, j, share * base, odds)
    return Swapped(odds, partner, p_pair)


def _named(
    n: int, i: np.ndarray, j: np.ndarray, weights: np.ndarray, odds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Assign partners among the rows of pairs for which a swap is more likely than none."""
    from scipy.optimize import linear_sum_assignment

    partner, p_pair = np.full(n, -1), np.zeros(n)
    likely = weights > 1.0
    i, j, weights = i[likely], j[likely], weights[likely]
    rows = np.unique(np.concatenate([i, j]))
    if not len(rows):
        return partner, p_pair
    a, b = np.searchsorted(rows, i), np.searchsorted(rows, j)
    gains = np.zeros((len(rows), len(rows)))
    gains[a, b] = gains[b, a] = np.log(weights)
    taken = linear_sum_assignment(gains, maximize=True)[1]
    mutual = np.flatnonzero((taken[taken] == np.arange(len(rows))) & (taken != np.arange(len(rows))))
    for place in mutual:
        one, other = rows[place], rows[taken[place]]
        pair = np.exp(gains[place, taken[place]])
        if pair > 1 and 2 * pair > max(odds[one], odds[other]):
            partner[one], p_pair[one] = other, pair / (1 + max(odds[one], odds[other]))
    return partner, p_pair


class Retyped(NamedTuple):
    """odds (n,) that two adjacent digits were swapped, and the most likely original number (n,), NaN if none."""

    odds: np.ndarray
    before: np.ndarray


def swapped_digits(column: NumberColumn, settings: Settings, found: Causes) -> Retyped:
    """Find numbers that fit much better with two adjacent digits swapped.

    Only suspicious numbers of at most 6 significant digits are checked; longer ones were probably not typed by hand.
    The density under this cause is the mean of the densities of all possible original numbers.
    """
    n = len(column.y)
    odds, before = np.zeros(n), np.full(n, np.nan)
    rows = np.flatnonzero(found.p_wrong > 0.2)
    rows = rows[np.argsort(-found.p_wrong[rows], kind="stable")][:MOST_TYPED]
    others = [transposed(float(one)) for one in column.y[rows]]
    counts = np.array([len(one) for one in others], np.int64)
    rows, counts = rows[counts > 0], counts[counts > 0]
    if not len(rows):
        return Retyped(odds, before)
    flat, of = np.concatenate([one for one in others if one]), np.repeat(rows, counts)
    logs = log_right(column.some(of), flat, settings)
    starts = np.cumsum(counts) - counts
    ratio = np.exp(np.minimum(logs - found.log_density[of], 500))
    odds[rows] = DIGITS_SHARE * np.add.reduceat(ratio, starts) / counts
    first = np.lexsort((np.arange(len(of)), -logs, of))  # the first of equally likely numbers
    before[np.sort(rows)] = flat[first[np.unique(of[first], return_index=True)[1]]]
    return Retyped(odds, before)


def transposed(y: float) -> list[float]:
    """Return the numbers obtained by swapping two adjacent, different digits of y.

    Examples
    --------
    >>> transposed(152.0), transposed(-7.25), transposed(1 / 3)
    ([512.0, 125.0], [-2.75, -7.52], [])
    """
    text = f"{abs(y):.10f}".rstrip("0").rstrip(".")
    digits = [place for place, letter in enumerate(text) if letter != "."]
    if not np.isfinite(y) or len(text.replace(".", "").strip("0")) > MOST_DIGITS or len(text) > 2 * MOST_DIGITS:
        return []
    found = []
    for one, other in itertools.pairwise(digits):
        if text[one] == text[other] or (one == 0 and text[other] == "0" and len(text.split(".")[0]) > 1):
            continue
        letters = list(text)
        letters[one], letters[other] = letters[other], letters[one]
        found.append(float(np.copysign(float("".join(letters)), y)))
    return found
