"""Estimate the number of label errors, with an interval, from verdicts in small strata by fallible reviewers.

The audit draws examples at random within strata of p_error (`workbench.issues.audit_plan`); this module computes the
estimate from the verdicts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workbench.foundation.printing import Printed
from workbench.foundation.recall import recalled

LEVEL, SLOPE, OWN = 1.5, 0.5, 0.5  # standard deviations of errors of predicted log odds: level, slope, stratum
CLEAN, CLEANER = -2.0, 0.7
"""Log odds below which the standard deviation of a stratum exceeds `OWN`, and its increase per unit below: in strata of
labels that look clean, the few errors may be of a kind that the detector does not detect at all."""

TAIL = 0.0175  # cut at each end of a 95 % interval, instead of .025, as the true log odds are not linear
FREEDOM = 5  # degrees of freedom of the proposal, a t distribution with wider tails than the posterior
DRAWS = 20_000
MISTAKES = (1.0, 30.0)
"""Beta prior of a reviewer's error rate, used before any second looks: mean 3 %, 95 % below 10 %."""

FEW_LOOKS = 20
"""Minimum number of second looks; with fewer, the interval also covers a reviewer who is never wrong, because mistakes
of the reviewer cannot be distinguished from errors that look clean to the detector."""

GRID = 24  # number of values of the reviewer's error rate in the posterior
NEVER_WRONG = 1e-9  # an error rate of 0, in logarithms


@dataclass(frozen=True, repr=False)
class Inside(Printed):
    """The wrong units of a dataset according to an audit of whole examples, with a 95 % interval.

    Attributes
    ----------
    errors, low, high : number of wrong units, missing ones included. left, left_low, left_high : of them in examples in
        which no error was found yet. per_example : the number of wrong units divided by that of examples.
    design_effect : variance of this number of errors, as if reviewers were never wrong, divided by that of a simple
        random sample of as many units (Kish 1965); NaN if no unit is wrong. unit : description of a unit.
    """

    errors: float
    low: int
    high: int
    left: float
    left_low: int
    left_high: int
    per_example: float
    design_effect: float
    unit: str

    def __str__(self) -> str:
        effect = "" if np.isnan(self.design_effect) else f", design effect {self.design_effect:.1f}"
        return (
            f"about {self.errors:.0f} wrong units (each is {self.unit}; {self.low}-{self.high}{effect}), "
            f"{self.per_example:.2g} per example"
        )


@dataclass(frozen=True, repr=False)
class Estimate(Printed):
    """Number of label errors, with 95 % intervals.

    Attributes
    ----------
    errors, low, high : number in the whole dataset as given.
    left, left_low, left_high : number among the examples without a decision.
    judged, budget : number of units of the audit sample whose verdicts count, and size of the sample.
    reviewer_error, reviewer_low, reviewer_high : the assumed error rate of the reviewer, with a 95 % interval (of width
        0 if it was given).
    looked_again : number of audited units with a second look. waiting : number of verdicts on the sample that do not
        count, because a unit before them in the order of the audit is open. population : number of units that could be
        drawn.
    counted : what the numbers count: "examples", or "units" if an example can have several. unit : description of a
        unit.
    examples_low, examples_high : bounds of the number of examples with at least one wrong unit, derived from the number
        of units: all in the examples with the most units, or each in a different one; None if examples are counted.
    inside : the wrong units of examples, if whole examples were drawn; else None.
    """

    errors: float
    low: int
    high: int
    left: float
    left_low: int
    left_high: int
    judged: int
    budget: int
    reviewer_error: float = 0.0
    reviewer_low: float = 0.0
    reviewer_high: float = 0.0
    looked_again: int = 0
    waiting: int = 0
    population: int = 0
    counted: str = "examples"
    unit: str = ""
    examples_low: int | None = None
    examples_high: int | None = None
    inside: Inside | None = None

    def __str__(self) -> str:
        waiting = ""
        if self.waiting:
            before = f"because {self.counted} before them in the audit's order are open"
            waiting = f"; {self.waiting} more do not count, {before}"
        if not self.judged:
            return f"no verdict yet on the {self.budget} {self.counted} of the audit{waiting}"
        judged = self.counted[:-1] if self.judged == 1 else self.counted
        errors = f"wrong units (each is {self.unit})" if self.unit else "label errors"
        if self.inside is not None:
            errors = f"of {self.population:,} examples have at least one error"
        return (
            f"about {self.errors:.0f} {errors} ({self.low}-{self.high}), about {self.left:.0f} left "
            f"({self.left_low}-{self.left_high}); 95 % intervals from {self.judged} audited {judged}, "
            f"{self.reviewer}{waiting}{self.also}"
        )

    @property
    def share(self) -> tuple[float, float, float]:
        """The number of errors as a share of what could be drawn, with its interval: (share, low, high)."""
        of = max(self.population, 1)
        return self.errors / of, self.low / of, self.high / of

    @property
    def also(self) -> str:
        """The other number as text: of examples with a wrong unit, or of wrong units; "" if each example is a unit."""
        if self.inside is not None:
            return f"; {self.inside}"
        if self.examples_low is None:
            return ""
        span = f"{self.examples_low} to {self.examples_high}"
        return f"; {span} examples have at least one wrong unit (bounds that follow from the number of units)"

    @property
    def reviewer(self) -> str:
        """The assumed error rate of the reviewer as text."""
        if self.reviewer_low == self.reviewer_high:
            return (
                f"if reviewers are wrong {self.reviewer_error:.1%} of the time"
                if self.reviewer_error
                else ("if reviewers are never wrong")
            )
        span = f"{self.reviewer_error:.1%} of the time ({self.reviewer_low:.1%} to {self.reviewer_high:.1%})"
        source = f"{self.looked_again} second looks" if self.looked_again else "no second look yet"
        return f"reviewers being wrong {span}, {source}"


def estimate_errors(
    p: np.ndarray,
    stratum: np.ndarray,
    drawn: np.ndarray,
    judged: np.ndarray,
    wrong: np.ndarray,
    *,
    looks: np.ndarray | None = None,
    wrong_looks: np.ndarray | None = None,
    later: np.ndarray | None = None,
    decided: np.ndarray | None = None,
    reviewer_error: float | None = 0.0,
    seed: int = 0,
) -> Estimate:
    """Estimate the number of errors in a dataset from a stratified sample and other judged examples.

    Parameters
    ----------
    p : (n,) predicted probability that the label is wrong. stratum : (n,) int.
    drawn : (n,) bool, member of the random sample. judged, wrong : (n,) bool, has a verdict, and it says "wrong".
    looks, wrong_looks : (n,) int, number of looks at each example, and number of these that found it wrong; by default
        1 and `wrong` for judged examples. The choice of examples for a second look may depend on the first verdict and
        on p.
    decided : (n,) bool, has a decision without a look, such as a bulk decision: its error rate is estimated like that
        of unjudged examples, but it does not count as left; by default none.
    later : (n,) bool, judged outside the sample after it was drawn; by default none.
    reviewer_error : share of looks with a wrong result, in [0, 0.5); None: estimated from `looks`.
    seed : random seed of the draws.

    Returns
    -------
    Estimate; the interval is that of the predictive distribution.

    Notes
    -----
    The log odds of the strata's error rates are modelled as linear in the predicted ones (`_posterior`): miscalibration
    of the detector, in level or slope, does not bias the result, and strata share information. A look is wrong with
    probability eps, independent of the label: with error rate r, an example is found wrong w times in t looks with
    probability r (1-eps)^w eps^(t-w) + (1-r) eps^w (1-eps)^(t-w); for one look this is r(1-eps) + (1-r)eps (Rogan &
    Gladen 1978). eps has the prior Beta(1, 30) unless it is given. Errors among unjudged examples are then binomial,
    and so are those among judged ones, given their verdicts. Examples judged outside the sample (such as the top label
    issues) count as found, and the rate of the others is scaled by their mean p, since the suspicious ones are removed.
    The interval excludes `TAIL` of the draws at each end. If eps is not given and there are fewer than `FEW_LOOKS`
    second looks, the interval is the union of this one and that for eps = 0, and the estimate their mean.
    """
    done = draw_errors(
        p, stratum, drawn, judged, wrong, looks=looks, wrong_looks=wrong_looks, later=later, decided=decided,
        reviewer_error=reviewer_error, seed=seed,
    )  # fmt: skip
    if done is None:
        return Estimate(0.0, 0, 0, 0.0, 0, 0, 0, int(drawn.sum()))
    left, error = done.left.sum(axis=1), done.error
    total = done.found.sum(axis=1) + left + done.unseen.sum(axis=1)
    left_low, left_high = np.quantile(left, (TAIL, 1 - TAIL))
    low, high = np.quantile(total, (TAIL, 1 - TAIL))
    known = (error.min(), error.max()) if reviewer_error is not None else np.quantile(error, (0.025, 0.975))
    estimate = Estimate(
        float(total.mean()), int(low), int(np.ceil(high)),
        float(left.mean()), int(left_low), int(np.ceil(left_high)), int((drawn & judged).sum()), int(drawn.sum()),
        float(error.mean()), float(known[0]), float(known[1]),
        0 if looks is None else int((drawn & judged & (looks > 1)).sum()),
    )  # fmt: skip
    if reviewer_error is not None or estimate.looked_again >= FEW_LOOKS:
        return estimate
    flawless = estimate_errors(
        p, stratum, drawn, judged, wrong, looks=looks, wrong_looks=wrong_looks, later=later, decided=decided, seed=seed
    )
    return replace(
        estimate, errors=(estimate.errors + flawless.errors) / 2, left=(estimate.left + flawless.left) / 2,
        low=min(estimate.low, flawless.low), high=max(estimate.high, flawless.high),
        left_low=min(estimate.left_low, flawless.left_low), left_high=max(estimate.left_high, flawless.left_high),
    )  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """Draws from the posterior of the number of errors, by stratum.

    Attributes
    ----------
    strata : (h,) int64, the strata, those without examples left out. found, left, unseen : (draws, h) int64, number of
        errors among judged examples, among undecided ones, and among those decided without a look. error : (draws,)
        reviewers' error rate.
    """

    strata: np.ndarray
    found: np.ndarray
    left: np.ndarray
    unseen: np.ndarray
    error: np.ndarray


@recalled
def draw_errors(
    p: np.ndarray, stratum: np.ndarray, drawn: np.ndarray, judged: np.ndarray, wrong: np.ndarray, *,
    looks: np.ndarray | None, wrong_looks: np.ndarray | None, later: np.ndarray | None, decided: np.ndarray | None,
    reviewer_error: float | None, seed: int = 0,
) -> Drawn | None:  # fmt: skip
    """Draw the numbers of errors of the strata; None without examples. Parameters as in `estimate_errors`."""
    rng = np.random.default_rng(seed)
    seen = _Seen.of(p, stratum, drawn, judged, wrong, looks, wrong_looks, later)
    bulk = np.zeros(len(p), bool) if decided is None else ~judged & decided
    parts = [seen.rest(p, stratum, rows) for rows in (~judged & ~bulk, bulk)]
    some = np.flatnonzero((parts[0][0] + parts[1][0] > 0) | (seen.every.sum(axis=1) > 0))
    if not len(some):
        return None
    eps = _error_rates(reviewer_error)
    rates, error = _posterior(seen.predicted[some], seen.inside[some], seen.kinds, eps, rng)
    left, unseen = (rng.binomial(rest[some], np.clip(rates * gone[some], 0, 1)) for rest, gone in parts)
    surely = np.bincount(stratum[wrong & judged], minlength=int(some[-1]) + 1)[some]
    found = np.broadcast_to(surely, left.shape)
    if eps[-1] > 0:
        likely = _likelihoods(seen.kinds, error)  # (draws, kinds) twice
        truly = rates[:, :, None] * likely[0][:, None, :]
        truly /= truly + (1 - rates[:, :, None]) * likely[1][:, None, :]
        found = rng.binomial(seen.every[some], np.clip(truly, 0, 1)).sum(axis=2)
    return Drawn(some, found, left, unseen, error)


def open_rates(
    p: np.ndarray, stratum: np.ndarray, drawn: np.ndarray, judged: np.ndarray, wrong: np.ndarray, *,
    looks: np.ndarray, wrong_looks: np.ndarray, later: np.ndarray, reviewer_error: float | None, seed: int = 0,
) -> np.ndarray:  # fmt: skip
    """Return (`DRAWS`, h) draws of the error rates of unjudged examples by stratum; parameters as in
    `estimate_errors`."""
    seen = _Seen.of(p, stratum, drawn, judged, wrong, looks, wrong_looks, later)
    _, gone = seen.rest(p, stratum, ~judged)
    rng = np.random.default_rng(seed)
    rates, _ = _posterior(seen.predicted, seen.inside, seen.kinds, _error_rates(reviewer_error), rng)
    return np.clip(rates * gone, 0, 1)


@dataclass(frozen=True)
class _Seen:
    """Counts of verdicts by stratum (rows) and kind of verdict.

    predicted, usual : (h,) mean p of all examples, and of those represented by the sample. inside, every : (h, j)
    number of judged examples in the sample, and in total. kinds : (j, 2) number of looks that found such an example
    wrong, and number of looks. looks : (n,) number of looks at each example.
    """

    predicted: np.ndarray
    usual: np.ndarray
    inside: np.ndarray
    every: np.ndarray
    kinds: np.ndarray
    looks: np.ndarray

    @classmethod
    def of(
        cls, p: np.ndarray, stratum: np.ndarray, drawn: np.ndarray, judged: np.ndarray, wrong: np.ndarray,
        looks: np.ndarray | None, wrong_looks: np.ndarray | None, later: np.ndarray | None,
    ) -> _Seen:  # fmt: skip
        """Count the examples."""
        looks = judged.astype(np.int64) if looks is None else np.where(judged, looks, 0)
        wrong_looks = (wrong & judged).astype(np.int64) if wrong_looks is None else np.where(judged, wrong_looks, 0)
        strata = int(stratum.max()) + 1 if len(stratum) else 0
        kinds, kind = np.unique(np.stack([wrong_looks, looks], axis=1)[judged], axis=0, return_inverse=True)
        place = stratum[judged] * len(kinds) + kind.reshape(-1)
        inside = np.bincount(place[drawn[judged]], minlength=strata * len(kinds)).reshape(strata, -1)
        every = np.bincount(place, minlength=strata * len(kinds)).reshape(strata, -1)
        population = (drawn & judged) | ~judged if later is None else (drawn & judged) | ~judged | later
        predicted, usual = (_means(p, stratum, rows, strata) for rows in (np.ones(len(p), bool), population))
        return cls(predicted, usual, inside, every, kinds, looks)

    def rest(self, p: np.ndarray, stratum: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the number of these rows in each stratum (h,), and their mean p relative to the stratum (h,)."""
        strata = len(self.predicted)
        return np.bincount(stratum[rows], minlength=strata), _means(p, stratum, rows, strata) / self.usual


def _means(p: np.ndarray, stratum: np.ndarray, which: np.ndarray, strata: int) -> np.ndarray:
    """Return the mean p (h,) of the chosen examples in each stratum, clipped away from 0 and 1; 1/2 if there are
    none."""
    count = np.bincount(stratum[which], minlength=strata)
    total = np.bincount(stratum[which], p[which], minlength=strata)
    return np.clip(np.where(count, total / np.maximum(count, 1), 0.5), 1e-3, 1 - 1e-3)


def _error_rates(reviewer_error: float | None) -> np.ndarray:
    """Return the error rates of the reviewer to consider, with equal prior weights: the known one, or prior
    quantiles."""
    if reviewer_error is not None:
        return np.array([float(reviewer_error)])
    from scipy.stats import beta

    return beta.ppf((np.arange(GRID) + 0.5) / GRID, *MISTAKES)


def _likelihoods(kinds: np.ndarray, eps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability (g, kinds) of w "wrong" in t looks if the label is wrong, and if it is correct."""
    w, t = kinds[:, 0], kinds[:, 1]
    slip, hit = np.log(np.maximum(eps, NEVER_WRONG))[:, None], np.log1p(-np.asarray(eps))[:, None]
    return np.exp(w * hit + (t - w) * slip), np.exp(w * slip + (t - w) * hit)


def _posterior(
    predicted: np.ndarray, counts: np.ndarray, kinds: np.ndarray, eps: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw error rates of the strata (DRAWS, h) and of the reviewer (DRAWS,) from their posterior.

    Parameters
    ----------
    predicted : (h,) mean p of each stratum. counts : (h, j) number of examples by stratum and kind.
    kinds : (j, 2) number of looks that found such an example wrong, and number of looks.
    eps : (g,) error rates of the reviewer with equal prior weights.

    Notes
    -----
    Log odds = predicted log odds x + a + b (x - mean x) + c[stratum], with a, b and c normal around 0 with standard
    deviations `LEVEL`, `SLOPE` and `OWN`; that of c is larger if x is below `CLEAN`. For each eps, samples are drawn
    from a t distribution at the mode of the posterior (Laplace); all samples are then resampled by importance (Gelman
    et al. 2013, Bayesian Data Analysis, sections 4.1 and 10.4).
    """
    x = np.log(predicted / (1 - predicted))
    away = x - np.average(x, weights=counts.sum(axis=1) + 0.1)
    own = OWN + CLEANER * np.maximum(CLEAN - x, 0)
    prior = np.linalg.inv(LEVEL**2 + SLOPE**2 * np.outer(away, away) + np.diag(own**2))
    if_wrong, if_right = _likelihoods(kinds, eps)
    share = -(-DRAWS // len(eps))
    odds, weight = np.empty((len(eps), share, len(x))), np.empty((len(eps), share))
    mode = x.copy()
    for g in range(len(eps)):
        mode, precision = _mode(mode, x, prior, counts, if_wrong[g], if_right[g])
        normal = rng.standard_normal((share, len(x)))
        normal *= np.sqrt(FREEDOM / rng.chisquare(FREEDOM, share))[:, None]
        lower = np.linalg.cholesky(precision)
        odds[g] = mode + np.linalg.solve(lower.T, normal.T).T
        off = odds[g] - x
        rate = 1 / (1 + np.exp(-odds[g]))[:, :, None]
        fit = np.einsum("dhj,hj->d", np.log(rate * if_wrong[g] + (1 - rate) * if_right[g] + 1e-300), counts)
        fit -= 0.5 * np.einsum("ij,ij->i", off @ prior, off)
        proposed = -0.5 * (FREEDOM + len(x)) * np.log1p((normal**2).sum(axis=1) / FREEDOM)
        weight[g] = fit - proposed - np.log(np.diag(lower)).sum()
    flat = np.exp(weight - weight.max()).ravel()
    chosen = rng.choice(len(flat), DRAWS, p=flat / flat.sum())
    return 1 / (1 + np.exp(-odds.reshape(-1, len(x))[chosen])), eps[chosen // share]


def _mode(
    start: np.ndarray, x: np.ndarray, prior: np.ndarray, counts: np.ndarray, if_wrong: np.ndarray, if_right: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the posterior mode of the log odds (h,) and the precision (h, h) there, by damped Newton steps."""
    mode, precision = start.copy(), prior
    for _ in range(60):
        rate = 1 / (1 + np.exp(-mode))[:, None]
        truly = rate * if_wrong / (rate * if_wrong + (1 - rate) * if_right + 1e-300)
        curve = (counts * (rate * (1 - rate) - truly * (1 - truly))).sum(axis=1)
        enough = 0.1 * (counts * rate * (1 - rate)).sum(axis=1)  # the curvature of a mixture can be negative
        precision = prior + np.diag(np.maximum(curve, enough))
        step = np.linalg.solve(precision, (counts * (truly - rate)).sum(axis=1) - prior @ (mode - x))
        mode += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-6:
            break
    return mode, precision
