"""How many label errors are there, and how many are left: a small random review, an estimate with an interval.

A detector's own count rests on its calibration. An audit does not: examples are drawn at random inside strata of
p_error, a person judges them, and the verdicts give the number of errors in the whole set. Strata put the effort
where the answer is uncertain, so the interval is narrower than that of a plain random sample of the same size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.errors import InputError
from workbench.issues.review import known_verdicts
from workbench.storage.layout import atomic

if TYPE_CHECKING:
    from workbench.run import Run

STRATA = 10
LEAST = 5  # examples drawn from every stratum that has them, while that takes at most half of the budget
RATE_FLOOR = 0.02  # no stratum is taken for cleaner than this when effort is shared out
LEVEL, SLOPE, OWN = 1.5, 0.5, 0.5  # by how much predicted log odds may be off: all alike, in slope, each stratum
TAIL = 0.0175  # left out at each end of a 95 % interval, not .025: the log odds are no straight line in truth
FREEDOM = 5  # of the t distribution that proposes rates: its tails are wider than those of the posterior
DRAWS = 20_000


@dataclass(frozen=True)
class Estimate:
    """Number of label errors, with 95 % intervals.

    Attributes
    ----------
    errors, low, high : in the whole data set as given.
    left, left_low, left_high : among the examples that nobody has judged.
    judged, budget : examples of the audit sample with a verdict, and its size.
    """

    errors: float
    low: int
    high: int
    left: float
    left_low: int
    left_high: int
    judged: int
    budget: int

    def __str__(self) -> str:
        if not self.judged:
            return f"no verdict yet on the {self.budget} examples of the audit"
        return (
            f"about {self.errors:.0f} label errors ({self.low}-{self.high}), about {self.left:.0f} left "
            f"({self.left_low}-{self.left_high}); 95 % intervals from {self.judged} audited examples"
        )


class Audit:
    """A drawn sample, and the estimate from the verdicts given so far. Made by `audit`.

    Attributes
    ----------
    ids : ids to review, in random order; any first part of them is itself a fair sample.
    plan : DataFrame, one row per judged-about example in dataset order: id, p_error, stratum, turn (place in the
        random order of its stratum), drawn.
    """

    def __init__(self, run: Run, plan: pd.DataFrame, seed: int) -> None:
        self._run = run
        self.plan = plan
        drawn = plan[plan["drawn"]]
        order = np.random.default_rng(seed).permutation(len(drawn))
        self.ids = drawn["id"].to_numpy()[order]

    @property
    def budget(self) -> int:
        """Number of examples in the sample."""
        return len(self.ids)

    def estimate(self, author: str | None = None) -> Estimate:
        """The number of errors, from the verdicts in the journal, or one author's (see `estimate_errors`)."""
        verdicts = verdicts_of(self._run, author).reindex(self.plan["id"])
        judged = verdicts.notna().to_numpy()
        wrong = verdicts.fillna(False).to_numpy(dtype=bool)
        p, stratum, drawn = (self.plan[name].to_numpy() for name in ("p_error", "stratum", "drawn"))
        return estimate_errors(p, stratum, drawn, judged, wrong)

    def __repr__(self) -> str:
        return f"<Audit of {self._run.name}: {self.estimate()}>"


def audit(run: Run, budget: int = 200, *, seed: int = 0, issues: pd.DataFrame | None = None) -> Audit:
    """Draw a stratified random sample for review; asked again, it continues the sample that is there.

    Parameters
    ----------
    run : the run; the plan is stored in it (audit.parquet), so that the same sample comes back tomorrow.
    budget : examples to review. A larger budget later adds to the sample, a smaller one leaves it as it is.
    seed : same seed, same sample; used when the first sample of a run is drawn.
    issues : result of `find_issues`; computed when missing.

    Returns
    -------
    Audit: `.ids` to review (in the Explorer: the "audit" queue), `.estimate()` from the verdicts so far.

    Raises
    ------
    InputError : budget below 1.

    Notes
    -----
    Ten strata by the cumulative square root of p(1 - p), sizes by Neyman allocation (Cochran 1977, Sampling
    Techniques, sections 5.5 and 5A.7), at least five from each. See `estimate_errors` for the interval.
    """
    if budget < 1:
        raise InputError.at("budget", f"is {budget}", "Give the number of examples to review, such as 200.")
    if not hasattr(run, "stat_blocks"):
        todo = "An audit is kept in a run: record or import one, and pass `wb.open_run(path)`."
        raise InputError.at("run", f"is a {type(run).__name__}", todo)
    path = run.path / "audit.parquet"
    if path.is_file():
        plan = pd.read_parquet(path)
        if set(plan["id"]) <= set(run.dataset.ids.tolist()):
            if int(plan["drawn"].sum()) < min(budget, len(plan)):
                plan = _draw(plan, budget)
                _store(plan, path)
            return Audit(run, plan, seed)
    if issues is None:
        from workbench.issues import find_issues

        issues = find_issues(run)
    judgeable = issues["p_error"].dropna().reindex(run.dataset.ids).dropna()
    if judgeable.empty:
        raise InputError("there is nothing to audit: no example has a given label and a p_error.")
    p = judgeable.to_numpy(dtype=float)
    stratum = stratify(p)
    turn = pd.Series(np.random.default_rng(seed).permutation(len(p))).groupby(stratum).rank(method="first").to_numpy()
    columns = {"id": judgeable.index.to_numpy(), "p_error": p, "stratum": stratum, "turn": turn.astype(np.int64) - 1}
    plan = _draw(pd.DataFrame(columns).assign(drawn=False), budget)
    _store(plan, path)
    return Audit(run, plan, seed)


def _store(plan: pd.DataFrame, path) -> None:
    with atomic(path) as temporary:
        plan.to_parquet(temporary, index=False)


def _draw(plan: pd.DataFrame, budget: int) -> pd.DataFrame:
    """The plan with the first examples of each stratum marked as drawn; what was drawn before stays drawn."""
    stratum, before = plan["stratum"].to_numpy(), plan["drawn"].to_numpy()
    sizes = np.bincount(stratum)
    rates = np.bincount(stratum, plan["p_error"]) / np.maximum(sizes, 1)
    already = np.bincount(stratum[before], minlength=len(sizes))
    wanted = np.maximum(allocate(sizes, rates, min(budget, len(plan))), already)
    return plan.assign(drawn=plan["turn"].to_numpy() < wanted[stratum])


def verdicts_of(run: Run, author: str | None = None) -> pd.Series:
    """True (the given label is wrong) or False (it is right) for every example that somebody decided, by id.

    With `author`, what this author stands for, whatever others decided before or after.
    """
    state = run.journal.state(author=author)
    state = known_verdicts(state, run.dataset._index, journal=True)
    given = run.dataset.given[run.dataset._index.get_indexer(state.index)]
    changed = state["label"].notna() & (state["label"] != given)
    kept = (state["verdict"] == "keep") | (state["label"].notna() & ~changed)
    verdict = pd.Series(pd.NA, index=state.index, dtype="boolean")
    verdict[kept] = False
    verdict[changed] = True
    return verdict.dropna()


def stratify(p: np.ndarray, strata: int = STRATA) -> np.ndarray:
    """(n,) int64 stratum of each example, from the least to the most suspicious.

    Boundaries cut the cumulated square root of p(1 - p) into equal parts: many certain examples share a stratum, few
    uncertain ones get their own.
    """
    rate = np.clip(p, RATE_FLOOR, 1 - RATE_FLOOR)
    order = np.argsort(p, kind="stable")
    cumulated = np.cumsum(np.sqrt(rate * (1 - rate))[order])
    stratum = np.empty(len(p), dtype=np.int64)
    stratum[order] = np.minimum((cumulated / cumulated[-1] * strata).astype(np.int64), strata - 1)
    return stratum


def allocate(sizes: np.ndarray, rates: np.ndarray, budget: int) -> np.ndarray:
    """(h,) int64 examples to draw from each stratum: in proportion to size x standard deviation (Neyman).

    Every stratum gets `LEAST` where it has them and half of the budget allows; none gets more than its size; sums
    to `budget` (or to all examples).
    """
    rate = np.clip(rates, RATE_FLOOR, 1 - RATE_FLOOR)
    weight = sizes * np.sqrt(rate * (1 - rate))
    budget = min(budget, int(sizes.sum()))
    least = np.minimum(sizes, min(LEAST, budget // (2 * len(sizes))))
    low, high = 0.0, float(budget / weight[weight > 0].min() + sizes.max())
    for _ in range(100):  # the common factor at which the clipped shares sum to the budget
        factor = (low + high) / 2
        low, high = (factor, high) if np.clip(factor * weight, least, sizes).sum() < budget else (low, factor)
    share = np.clip(high * weight, least, sizes)
    whole = np.floor(share + 1e-6).astype(np.int64)
    remainder = np.argsort(-(share - whole), kind="stable")
    whole[remainder[: budget - int(whole.sum())]] += 1
    return whole


def estimate_errors(
    p: np.ndarray, stratum: np.ndarray, drawn: np.ndarray, judged: np.ndarray, wrong: np.ndarray, *, seed: int = 0
) -> Estimate:
    """Number of errors in a set from a stratified sample and whatever else was judged.

    Parameters
    ----------
    p : (n,) predicted probability that the label is wrong. stratum : (n,) int.
    drawn : (n,) bool, member of the random sample. judged, wrong : (n,) bool, has a verdict, and it says "wrong".

    Returns
    -------
    Estimate; the interval is that of the predictive distribution of the errors among the unjudged.

    Notes
    -----
    The log odds of the strata's error rates lie around a straight line in the predicted ones (`_rates`): a detector
    that is too high, too low, too sure or too unsure does no harm, and strata learn from each other. Errors among the
    unjudged are then binomial. Examples judged outside the sample (top suspects, say) are counted as found, and the
    rate of the others is scaled by their mean p, since the suspicious ones are gone. The interval leaves out `TAIL` of
    the draws at each end.
    """
    rng = np.random.default_rng(seed)
    sampled = drawn & judged
    strata = int(stratum.max()) + 1 if len(stratum) else 0
    m = np.bincount(stratum[sampled], minlength=strata)
    e = np.bincount(stratum[sampled & wrong], minlength=strata)
    predicted = _means(p, stratum, np.ones(len(p), bool), strata)
    rest = np.bincount(stratum[~judged], minlength=strata)
    gone = _means(p, stratum, ~judged, strata) / _means(p, stratum, sampled | ~judged, strata)
    some = np.flatnonzero(rest)
    drawn_left = np.zeros(DRAWS)
    if len(some):
        rates = _rates(predicted[some], m[some], e[some], rng)
        drawn_left = rng.binomial(rest[some], np.clip(rates * gone[some], 0, 1)).sum(axis=1)
    left, (left_low, left_high) = float(drawn_left.mean()), np.quantile(drawn_left, (TAIL, 1 - TAIL))
    found = int(wrong.sum())
    return Estimate(
        found + left, found + int(left_low), found + int(np.ceil(left_high)),
        left, int(left_low), int(np.ceil(left_high)), int(sampled.sum()), int(drawn.sum()),
    )  # fmt: skip


def _means(p: np.ndarray, stratum: np.ndarray, which: np.ndarray, strata: int) -> np.ndarray:
    """(h,) mean p of the chosen examples in each stratum, kept off 0 and 1; 1/2 where a stratum has none."""
    count = np.bincount(stratum[which], minlength=strata)
    total = np.bincount(stratum[which], p[which], minlength=strata)
    return np.clip(np.where(count, total / np.maximum(count, 1), 0.5), 1e-3, 1 - 1e-3)


def _rates(predicted: np.ndarray, m: np.ndarray, e: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws (DRAWS, h) of the strata's error rates, given e errors among m examples in each.

    Log odds = predicted log odds x + a + b (x - mean x) + c[stratum], with a, b and c normal around 0 with standard
    deviations `LEVEL`, `SLOPE` and `OWN`; e is binomial. Draws from a t distribution at the posterior's mode (Laplace),
    drawn again by importance (Gelman et al. 2013, Bayesian Data Analysis, sections 4.1 and 10.4).
    """
    x = np.log(predicted / (1 - predicted))
    away = x - np.average(x, weights=m + 0.1)
    prior = np.linalg.inv(LEVEL**2 + SLOPE**2 * np.outer(away, away) + OWN**2 * np.eye(len(x)))
    mode = x.copy()
    for _ in range(50):
        rate = 1 / (1 + np.exp(-mode))
        precision = prior + np.diag(m * rate * (1 - rate))
        step = np.linalg.solve(precision, e - m * rate - prior @ (mode - x))
        mode += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    normal = rng.standard_normal((DRAWS, len(x)))
    normal *= np.sqrt(FREEDOM / rng.chisquare(FREEDOM, DRAWS))[:, None]
    odds = mode + np.linalg.solve(np.linalg.cholesky(precision).T, normal.T).T
    off = odds - x
    fit = odds @ e - np.logaddexp(0, odds) @ m - 0.5 * np.einsum("ij,ij->i", off @ prior, off)
    proposed = -0.5 * (FREEDOM + len(x)) * np.log1p((normal**2).sum(axis=1) / FREEDOM)
    weight = np.exp(fit - proposed - (fit - proposed).max())
    chosen = rng.choice(DRAWS, DRAWS, p=weight / weight.sum())
    return 1 / (1 + np.exp(-odds[chosen]))
