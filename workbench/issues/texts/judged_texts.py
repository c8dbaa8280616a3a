"""Judge the texts of one column: mismatch with the item, match scores, oddities of form, the best alternative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.foundation.errors import MissingEvidence
from workbench.issues.calibration import around_share, expit, logit
from workbench.issues.texts.coverage import Coverage
from workbench.issues.texts.evidence import TextEvidence
from workbench.issues.texts.matches import PooledMatch, TwoGroups, pool_matches, two_groups
from workbench.issues.texts.mismatch import LEAST_PAIRS, LEAST_PAIRS_APART, Mismatch, mismatched
from workbench.issues.texts.pair_views import views_of
from workbench.texts.oddities import OddTexts, odd_texts

USUAL_WRONG_TEXTS = 0.1
"""Assumed share of wrong texts if it is not identified."""

MATCH_ROUNDS = 10
FLAG_PRIOR = 2.0
"""Prior weight, in texts, of the overall rate of an oddity among wrong and right texts."""

MOST_BY_FLAG = 20.0
EMPTY_ODDS = 50.0
"""Largest factor of the odds by an oddity of form, and the factor for an empty text."""

LOWEST_LOG_RATIO, HIGHEST_LOG_RATIO = -12.0, 12.0


@dataclass(frozen=True)
class JudgedTexts:
    """Results for the n texts of a column.

    p_error : float (n,), NaN = no text. other : object (n,), the best alternative. p_other : its probability.
    kind : object (n,), the kind of error if it is one. why : why the number of errors is not identified, "" if it is.
    pooled, cross, found, odd : the evidence behind it. better : float (n,), match of the best alternative, NaN = none.
    method : in words.
    """

    p_error: np.ndarray
    other: np.ndarray
    p_other: np.ndarray
    kind: np.ndarray
    why: str
    pooled: PooledMatch | None
    cross: Mismatch | None
    found: Coverage | None
    odd: OddTexts
    better: np.ndarray
    method: str

    @property
    def match(self) -> np.ndarray:
        """Match scores of all sources as one, float (n,), NaN = unknown."""
        return np.full(len(self.p_error), np.nan) if self.pooled is None else self.pooled.score


def judge_texts(evidence: TextEvidence, seed: int) -> JudgedTexts:
    """Judge the texts of a column.

    Raises
    ------
    MissingEvidence : there is nothing with which a text could be compared.

    Notes
    -----
    Embeddings and objects give the probability that a text belongs to another item (`mismatched`). The ratio of the
    densities of match scores of wrong and right texts multiplies its odds, with less weight the more the scores repeat
    what the embeddings say. With match scores only, these form two groups or the number of errors is not identified.
    Outliers in length and overused texts multiply the odds by how much more frequent they are among wrong texts.
    """
    n = len(evidence.texts)
    odd = odd_texts(evidence.texts)
    written = np.array([text is not None for text in evidence.texts], bool)
    views, found, every = views_of(evidence, seed)
    cross = mismatched(views, written & ~odd.empty, len(every), seed) if views else None
    pooled = None if evidence.match is None else pool_matches(evidence.match, evidence.sources)
    if pooled is not None and not np.isfinite(pooled.score[written]).any():
        pooled = None
    if cross is None and pooled is None:
        few = f"{int(written.sum())} texts are too few to learn from" if views else "these do not say which texts fit"
        todo = f"Pass `match`, or `embeddings` of the items or `objects` of at least {LEAST_PAIRS} examples ({few})."
        raise MissingEvidence.needed("Judging texts", ("match", "embeddings", "objects"), todo)
    odds, groups, why, method = _odds(cross, pooled, written)
    odds = odds + _of_form(odd, expit(odds), written)
    odds = np.where(odd.empty, np.maximum(odds, logit(USUAL_WRONG_TEXTS) + np.log(EMPTY_ODDS)), odds)
    p_error = np.where(written, expit(odds), np.nan)
    other, share, better = _alternatives(evidence, cross, groups, pooled)
    p_other = np.where(written, np.nan_to_num(p_error) * share, share)
    kind = _kinds(n, found, odd, cross)
    aside = () if pooled is None else pooled.aside
    words = "; ".join([method, *aside])
    return JudgedTexts(p_error, other, p_other, kind, why, pooled, cross, found, odd, better, words)


def _odds(
    cross: Mismatch | None, pooled: PooledMatch | None, written: np.ndarray
) -> tuple[np.ndarray, TwoGroups | None, str, str]:
    """Return log odds of being wrong (n,), the groups of match scores, why they are not counted, and the method."""
    score = None if pooled is None else np.where(written, pooled.score, np.nan)
    if cross is None:
        assert score is not None  # one of the two is there
        return _by_match(score)
    start = logit(np.where(np.isnan(cross.p_wrong), cross.share, cross.p_wrong))
    method = f"given pairs against random pairs, {cross.apart:.0%} of which score below right ones"
    why = ""
    if cross.apart < LEAST_PAIRS_APART:
        why = f"a right text scores above a random one in only {cross.apart:.0%} of pairs"
    if score is None:
        return start, None, why, method
    odds, groups = _with_match(start, score, written)
    if groups is not None and groups.separate:
        why = ""
    return odds, groups, why, f"{method}; match scores"


def _by_match(score: np.ndarray) -> tuple[np.ndarray, TwoGroups | None, str, str]:
    groups = two_groups(score)
    if groups is not None and groups.separate:
        p = np.where(np.isnan(score), groups.share, groups.p_wrong(score))
        return logit(p), groups, "", "two groups of match scores"
    why = "match scores do not form two groups, so they do not determine the number of wrong texts"
    p = around_share(-_normal_scores(score), USUAL_WRONG_TEXTS)
    return (
        logit(np.where(np.isnan(p), USUAL_WRONG_TEXTS, p)),
        groups,
        why,
        f"a share of {USUAL_WRONG_TEXTS:.0%} is assumed",
    )


def _with_match(start: np.ndarray, score: np.ndarray, written: np.ndarray) -> tuple[np.ndarray, TwoGroups | None]:
    """Multiply odds by the density ratio of match scores, whose groups follow from the odds."""
    known = np.isfinite(score) & written
    if known.sum() < LEAST_PAIRS:
        return start, None
    values, odds = score[known], start.copy()
    groups = None
    repeated = 0.0
    for _ in range(MATCH_ROUNDS):
        wrong = expit(odds[known])
        groups = _moments(values, wrong)
        if groups is None:
            return start, None
        right = 1 - wrong
        repeated = abs(_correlation(values, -start[known], right))
        odds = start + np.where(known, (1 - repeated) * groups.log_ratio(score), 0.0)
    return odds, groups


def _moments(values: np.ndarray, wrong: np.ndarray) -> TwoGroups | None:
    """Return the groups with these weights; None if wrong texts do not score lower."""
    total, rest = wrong.sum(), (1 - wrong).sum()
    if min(total, rest) < 5:
        return None
    means = (float(wrong @ values / total), float((1 - wrong) @ values / rest))
    if means[0] >= means[1]:
        return None
    low = float(np.sqrt(wrong @ np.square(values - means[0]) / total))
    high = float(np.sqrt((1 - wrong) @ np.square(values - means[1]) / rest))
    least = 0.05 * float(values.std())
    return TwoGroups(float(total / len(values)), means, (max(low, least), max(high, least)), False)


def _correlation(one: np.ndarray, other: np.ndarray, weights: np.ndarray) -> float:
    total = max(weights.sum(), 1e-12)
    one, other = one - weights @ one / total, other - weights @ other / total
    scale = np.sqrt((weights @ (one * one)) * (weights @ (other * other)))
    return float(weights @ (one * other) / scale) if scale > 0 else 0.0


def _of_form(odd: OddTexts, wrong: np.ndarray, written: np.ndarray) -> np.ndarray:
    """Return log factors of the odds by length and repetition: how much more frequent they are among wrong texts."""
    found = np.zeros(len(wrong))
    there = written & ~odd.empty
    total, rest = wrong[there].sum(), (1 - wrong[there]).sum()
    for flag in (odd.outlier, odd.overused):
        rate = flag[there].mean() if there.any() else 0.0
        if not 0 < rate < 0.5 or min(total, rest) <= 0:
            continue
        among_wrong = (wrong[there] @ flag[there] + FLAG_PRIOR * rate) / (total + FLAG_PRIOR)
        among_right = ((1 - wrong[there]) @ flag[there] + FLAG_PRIOR * rate) / (rest + FLAG_PRIOR)
        factor = float(np.clip(among_wrong / max(among_right, 1e-9), 1, MOST_BY_FLAG))
        found += np.where(flag & there, np.log(factor), 0.0)
    return found


def _alternatives(
    evidence: TextEvidence, cross: Mismatch | None, groups: TwoGroups | None, pooled: PooledMatch | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the best alternative of each example, its probability if the given text is wrong, and its match."""
    n = len(evidence.texts)
    other, share, better = np.full(n, None, object), np.zeros(n), np.full(n, np.nan)
    counts = np.array([len(one) for one in evidence.alternatives])
    if not counts.sum():
        return other, share, better
    rows = np.repeat(np.arange(n), counts)
    ratio = np.zeros(len(rows))
    if cross is not None:
        usable = np.isin(rows, cross.rows)
        ratio[usable] += cross.fit(rows[usable], n + np.flatnonzero(usable))
    scores = np.full(len(rows), np.nan)
    if evidence.scores is not None:
        scores = np.concatenate([np.empty(0), *evidence.scores])
        if groups is not None and pooled is not None and len(evidence.sources) == 1:
            ratio -= groups.log_ratio(scores)
        else:
            middle = np.nanmedian(scores) if np.isfinite(scores).any() else 0.0
            ratio += np.nan_to_num(
                (scores - middle) / max(np.nanstd(scores) if np.isfinite(scores).any() else 1.0, 1e-9)
            )
    weight = np.exp(np.clip(ratio, LOWEST_LOG_RATIO, HIGHEST_LOG_RATIO))
    totals = np.bincount(rows, weights=weight, minlength=n)
    order = np.lexsort((np.arange(len(rows)), -ratio, rows))
    first = order[np.unique(rows[order], return_index=True)[1]]
    flat = [text for one in evidence.alternatives for text in one]
    for place in first:
        row = int(rows[place])
        other[row], share[row], better[row] = flat[place], weight[place] / (1 + totals[row]), scores[place]
    return other, share, better


def _kinds(n: int, found: Coverage | None, odd: OddTexts, cross: Mismatch | None) -> np.ndarray:
    """Return the likeliest kind of error of each text: empty, contradiction, mismatch, omission, length, template."""
    kind = np.full(n, "mismatch", object)
    fits = np.zeros(n, bool) if cross is None else np.nan_to_num(cross.p_wrong) < 0.5
    kind[fits & odd.overused] = "template"
    kind[fits & odd.outlier] = "length"
    if found is not None:
        for row in range(n):
            if found.contradicted(row):
                kind[row] = "contradiction"
            elif fits[row] and kind[row] == "mismatch" and found.omitted(row):
                kind[row] = "omission"
    kind[odd.empty] = "empty"
    return kind


def _normal_scores(values: np.ndarray) -> np.ndarray:
    """Return the standard normal quantile of each value's rank; NaN stays NaN."""
    from scipy.stats import norm, rankdata

    out = np.full(len(values), np.nan)
    there = np.isfinite(values)
    out[there] = norm.ppf((rankdata(values[there]) - 0.5) / max(there.sum(), 1))
    return out
