"""Rates of missing and extra tags, and the probability that each cell is wrong.

For each tag, a = P(given no | truly yes) and b = P(given yes | truly no) are estimated in two ways that err in opposite
directions: by the confident joint, which counts cells that the model confidently contradicts (Northcutt, Jiang, Chuang
2021, per tag), and by maximum likelihood of

    P(given yes) = (1 - a) s + b (1 - s),    s = expit(c + w logit q).

Both are shrunk towards rates common to all tags. P(wrong) of a cell is the mean of the two, in log odds.

Rates explain errors that are anywhere. Errors where the model is unsure look like its own mistakes: then few errors are
counted beside the cells that it is expected to mistake, and rates hardly explain the given tags better than the model
alone. The less they do, the more 1 - P(given) of the cell itself contributes to the ranking; the expected number of
errors stays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.issues.calibration import expit, logit, shifted_to
from workbench.issues.tags.lines import Cells, log_likelihood

PSEUDO_CELLS = 15.0
"""Weight of the common rates, in cells of a tag; `PSEUDO_MANY` with thousands of tags."""

PSEUDO_MANY, MANY_TAGS = 3000.0, 1000

RATE_PRIOR = np.array([-1.5, -3.0, 0.3, 0.0])
SPREAD = np.array([0.7, 0.7, 0.4, 1.0])
"""Prior of logit a, logit b, log w and c; the means are then estimated from all tags."""

ODDS_BINS, ODDS_BINS_MANY, EDGE = 120, 48, 12.0
"""Number of bins of log odds between -EDGE and EDGE for the likelihood, so that its cost does not grow with cells."""

COUNTED_AGAIN, RATE_STEPS = 3, 6

MEAN_CELLS = 200_000
"""Cells by which the number of errors is kept."""

OWN_DOUBT = 5.0
"""Maximum weight of the log odds of 1 - P(given), beside 1 for each of the two ways to count."""

RATES_TELL = 0.01
"""Relative gain in log likelihood by the rates from which that weight is 0; it is full without any gain."""

COUNTED_ENOUGH, COUNTED_LITTLE = 0.5, 0.4
"""Errors counted, relative to the cells that the model is expected to mistake, from which that weight is 0, and up to
which it is not reduced. In six draws each of four data sets the share was .46 to 3.1 if errors were anywhere, and .24
to .37 if they were where the model is unsure."""


class Rates(NamedTuple):
    """Error rates of k tags.

    missing, extra : (k,) P(given no | truly yes) and P(given yes | truly no), float64.
    """

    missing: np.ndarray
    extra: np.ndarray


class Wrong(NamedTuple):
    """P(wrong) of the cells, (m,) each: `p` of all together, `by_count` and `by_likelihood`; and the rates of both.

    mistaken : expected number of cells whose more likely value is not the true one, by the likelihood; 0 if the cells
    were selected by their scores.
    """

    p: np.ndarray
    by_count: np.ndarray
    by_likelihood: np.ndarray
    counted: Rates
    likeliest: Rates
    mistaken: float = 0.0


def wrong(cells: Cells, odds: np.ndarray, unlisted: np.ndarray | None = None) -> Wrong:
    """Estimate the probability that each cell is wrong.

    Parameters
    ----------
    odds : (m,) log odds of yes. unlisted : (k,) number of further cells of each tag that are clearly "no".
    """
    unlisted = np.zeros(cells.k) if unlisted is None else unlisted.astype(float)
    counted = confident_rates(cells, odds, unlisted)
    first = _posterior(cells, odds, counted.missing[cells.tag], counted.extra[cells.tag])
    likeliest, slope, level = likeliest_rates(cells, odds, unlisted)
    true = level[cells.tag] + slope[cells.tag] * odds
    second = _posterior(cells, true, likeliest.missing[cells.tag], likeliest.extra[cells.tag])
    both = (logit(first) + logit(second)) / 2
    p = expit(both)
    mistaken, say = 0.0, 0.0
    if not unlisted.any():  # cells selected by their scores all look doubtful
        mistaken = float(expit(-np.abs(true)).sum())
        say = own_say(float(p.sum()), mistaken, rates_gain(cells, odds, true, likeliest))
    if say:
        mixed = (2 * both + say * np.where(cells.y > 0.5, -odds, odds)) / (2 + say)
        some = slice(None, None, max(1, len(p) // MEAN_CELLS))
        p = expit(mixed + (shifted_to(mixed[some], float(p[some].mean())) - mixed[some])[0])
    return Wrong(p, first, second, counted, likeliest, mistaken)


def rates_gain(cells: Cells, odds: np.ndarray, true: np.ndarray, rates: Rates) -> float:
    """Return the relative gain in log likelihood of the given tags by error rates, over the log odds `odds` alone."""
    yes = expit(true)
    missing, extra = rates.missing[cells.tag], rates.extra[cells.tag]
    alone = log_likelihood(odds, cells.y)
    with_rates = log_likelihood(logit((1 - missing) * yes + extra * (1 - yes)), cells.y)
    return (with_rates - alone) / max(abs(alone), 1e-9)


def own_say(counted: float, mistaken: float, gain: float) -> float:
    """Return the weight of 1 - P(given), from 0 to `OWN_DOUBT`.

    Parameters
    ----------
    counted : number of errors. mistaken : expected number of cells that the model mistakes. gain : see `rates_gain`.
    """
    few = (COUNTED_ENOUGH * mistaken - counted) / max((COUNTED_ENOUGH - COUNTED_LITTLE) * mistaken, 1e-9)
    return OWN_DOUBT * min(max(few, 0.0), 1.0) * min(max(1 - gain / RATES_TELL, 0.0), 1.0)


def confident_rates(cells: Cells, odds: np.ndarray, unlisted: np.ndarray) -> Rates:
    """Estimate rates by the confident joint of each tag, shrunk towards the common rates."""
    p, y = expit(odds), cells.y > 0.5
    negatives = cells.count - cells.positives
    yes_bar = cells.sums(np.where(y, p, 0)) / np.maximum(cells.positives, 1)
    no_bar = cells.sums(np.where(y, 0, 1 - p)) / np.maximum(negatives, 1)
    yes_bar[cells.positives == 0], no_bar[negatives == 0] = 2, 2
    yes = p >= yes_bar[cells.tag] - 1e-6
    no = 1 - p >= no_bar[cells.tag] - 1e-6
    yes, no = yes & ~(no & (p < 0.5)), no & ~(yes & (p >= 0.5))
    table = {(g, t): cells.sums((y == bool(g)) & there) for g in (0, 1) for t, there in ((1, yes), (0, no))}
    table[0, 0], negatives = table[0, 0] + unlisted, negatives + unlisted
    table[0, 0], table[1, 1] = np.maximum(table[0, 0], 1), np.maximum(table[1, 1], 1)
    scale = [negatives / (table[0, 0] + table[0, 1]), cells.positives / (table[1, 0] + table[1, 1])]
    joint = {(g, t): table[g, t] * scale[g] for g in (0, 1) for t in (0, 1)}
    pseudo = PSEUDO_CELLS if cells.k < MANY_TAGS else PSEUDO_MANY
    missing = _pulled(joint[0, 1], joint[0, 1] + joint[1, 1], pseudo)
    return Rates(missing, _pulled(joint[1, 0], joint[1, 0] + joint[0, 0], pseudo))


def _pulled(part: np.ndarray, whole: np.ndarray, pseudo: float) -> np.ndarray:
    common = float(part.sum() / max(whole.sum(), 1e-9))
    return np.clip((part + pseudo * common) / (whole + pseudo), 1e-5, 0.95)


def likeliest_rates(cells: Cells, odds: np.ndarray, unlisted: np.ndarray) -> tuple[Rates, np.ndarray, np.ndarray]:
    """Return (rates, w, c) of each tag by penalised likelihood, with Fisher scoring on binned log odds."""
    bins = ODDS_BINS if cells.k < MANY_TAGS else ODDS_BINS_MANY
    place = np.clip(((odds + EDGE) * (bins / (2 * EDGE))).astype(np.int64), 0, bins - 1)
    flat = cells.tag * bins + place
    count = np.bincount(flat, minlength=cells.k * bins).reshape(cells.k, bins).astype(float)
    count[:, 0] += unlisted
    yes = np.bincount(flat, cells.y, cells.k * bins).reshape(cells.k, bins)
    middle = np.bincount(place, odds, bins) / np.maximum(np.bincount(place, minlength=bins), 1)
    middle[0] = middle[0] if np.any(place == 0) else -EDGE
    some = np.flatnonzero(count.any(axis=0))
    count, yes, middle = count[:, some], yes[:, some], middle[some]
    centre = RATE_PRIOR.copy()
    theta = np.repeat(centre[None], cells.k, axis=0)
    for _ in range(COUNTED_AGAIN):
        for _ in range(RATE_STEPS):
            theta = _improved(theta, centre, count, yes, middle)
        weight = np.minimum(np.stack([cells.positives, cells.count - cells.positives], axis=1).min(axis=1), 50.0) + 0.1
        centre = np.average(theta, axis=0, weights=weight)
        centre = np.clip(centre, [-5, -8, -0.7, -2], [1, 1, 1.5, 2])
    rates = Rates(np.clip(expit(theta[:, 0]), 1e-5, 0.95), np.clip(expit(theta[:, 1]), 1e-5, 0.95))
    return rates, np.exp(theta[:, 2]), theta[:, 3]


def _improved(
    theta: np.ndarray, centre: np.ndarray, count: np.ndarray, yes: np.ndarray, middle: np.ndarray
) -> np.ndarray:
    """Return the parameters (k, 4) after one step of Fisher scoring; `count` and `yes` (k, bins), `middle` (bins,)."""
    a, b = expit(theta[:, :1]), expit(theta[:, 1:2])
    w = np.exp(theta[:, 2:3])
    s = expit(theta[:, 3:] + w * middle)
    mean = np.clip((1 - a) * s + b * (1 - s), 1e-7, 1 - 1e-7)
    bend = (1 - a - b) * s * (1 - s)
    slopes = np.stack([-a * (1 - a) * s, b * (1 - b) * (1 - s), bend * w * middle, bend], axis=1)
    spread = mean * (1 - mean)
    gradient = np.einsum("kdb,kb->kd", slopes, (yes - count * mean) / spread)
    weight = slopes * (count / spread)[:, None, :]
    curve = weight @ slopes.transpose(0, 2, 1) + np.diag(1 / SPREAD**2)
    gradient -= (theta - centre) / SPREAD**2
    step = np.linalg.solve(curve, gradient[:, :, None])[:, :, 0]
    return theta + np.clip(step, -0.7, 0.7)


def _posterior(cells: Cells, odds: np.ndarray, missing: np.ndarray, extra: np.ndarray) -> np.ndarray:
    """Return P(wrong) (m,) by Bayes' rule."""
    a = np.log(missing) - np.log1p(-extra)
    b = np.log(extra) - np.log1p(-missing)
    return expit(np.where(cells.y > 0.5, b - odds, a + odds))
