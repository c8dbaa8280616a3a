"""Combine all evidence into one ranking: out-of-sample views, then evidence that has seen the labels.

Training dynamics and in-sample probabilities have seen the labels, so their likelihood does not measure their quality.
They get fixed weights, or none if they are unrelated to out-of-sample views or contradict no label.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from workbench.evidence.evidence import Evidence
from workbench.issues.from_dynamics import Doubt, normal_scores
from workbench.issues.linked import LINKS
from workbench.issues.opinions import GIVEN_PROBS, VOTES, Opinion
from workbench.issues.weighing import AGREEING, NEVER_LESS, NEVER_SO_OFTEN, SAYS_NOTHING

SECOND_VIEW = 0.3
"""Weight of training dynamics if there are classifiers on embeddings; with given probabilities only it is 1."""

IN_SAMPLE_WEIGHT = 0.25
"""Weight of in-sample probabilities if there is other evidence: they show how hard the label was to memorise."""

MOSTLY_ONE_CLASS = 0.6
"""If one class has more than this share of the labels, training dynamics use the plain mean over epochs."""

UNRELATED = 0.3
"""Minimum rank correlation with out-of-sample views: at least .66 for real trainings, 0 for rows in another order."""

ANOTHER_ORDER = (
    "ranks examples in a different order from evidence that has not seen the labels: do its rows match the labels?"
)
OF_TEXTS = "did not improve on the texts themselves in our tests"

Seen = tuple[np.ndarray, np.ndarray, np.ndarray]
"""(p_given, other, p_other) of in-sample probabilities, each (n,)."""


def in_sample(evidence: Evidence) -> Seen | None:
    """Return (p_given, other, p_other) of in-sample probabilities; None without them."""
    if not evidence.has("pred_probs") or evidence.out_of_fold:
        return None
    n, k, given = evidence.n, evidence.k, evidence.given_labels
    p_given, p_other = np.full(n, np.nan), np.full(n, np.nan)
    other = np.full(n, -1, np.int64)
    for start in range(0, n, max(1, (1 << 22) // k)):
        rows = slice(start, min(start + max(1, (1 << 22) // k), n))
        block = np.array(evidence.get("pred_probs", rows), np.float32)
        every = np.flatnonzero(given[rows] >= 0)
        p_given[start + every] = block[every, given[rows][every]]
        if k > 1:
            block[every, given[rows][every]] = -1
            other[rows] = block.argmax(axis=1)
            p_other[rows] = block.max(axis=1)
    return p_given, other, p_other


@dataclass(frozen=True)
class Ranking:
    """The combined ranking.

    Attributes
    ----------
    score : float64 (n,), weighted mean of normal scores, NaN if no view applies
    views : the views that are used, in words
    aside : maps the name of evidence to the reason why it is not used
    pooled, learned, seen : the evidence that is used; None = set aside or missing
    """

    score: np.ndarray
    views: list[str]
    aside: dict[str, str] = field(default_factory=dict)
    pooled: Opinion | None = None
    learned: Doubt | None = None
    seen: Seen | None = None


def ranking(evidence: Evidence, pooled: Opinion | None, learned: Doubt | None, seen: Seen | None) -> Ranking:
    """Combine the normal scores of all usable views."""
    weights = None if pooled is None else pooled.weights
    aside = {} if weights is None else dict(weights.aside)
    silent = weights is not None and not weights.tells and pooled is not None and pooled.voted is None
    if weights is not None and silent and (learned is not None or seen is not None):
        aside |= dict.fromkeys(weights.shares, SAYS_NOTHING)
        pooled = None
    second, odds = 1.0, None
    if pooled is not None:
        odds = pooled.log_odds()
        shares = pooled.weights.shares if pooled.weights is not None else {}
        if learned is not None:
            reason = _unfit(odds, learned.doubt, learned.p_given, learned.other, pooled)
            if not reason and evidence.of_texts and "embeddings" in shares:
                reason = OF_TEXTS
            if reason:
                aside["training dynamics"], learned = reason, None
        if seen is not None:
            reason = _unfit(odds, -seen[0], seen[0], seen[2], pooled)
            if reason:
                aside["in-sample pred_probs"], seen = reason, None
        second = 1.0 if set(pooled.views) <= {GIVEN_PROBS, VOTES} else SECOND_VIEW
    views: list[str] = []
    total, weight = np.zeros(evidence.n), np.zeros(evidence.n)

    def add(values: np.ndarray, share: float) -> None:
        there = ~np.isnan(values)
        total[there] += share * values[there]
        weight[there] += share

    if pooled is not None and odds is not None:
        views += views_in_words(pooled)
        add(normal_scores(odds), 1.0)
    if learned is not None:
        views.append("training dynamics")
        plain = second == 1.0 and pooled is not None and _dominated(evidence)
        add(normal_scores(-learned.confidence) if plain else learned.doubt, second)
    if seen is not None:
        views.append("in-sample pred_probs")
        add(normal_scores(-np.log(np.maximum(seen[0], 1e-9))), IN_SAMPLE_WEIGHT)
    score = np.where(weight > 0, total / np.where(weight > 0, weight, 1), np.nan)
    return Ranking(score, views, aside, pooled, learned, seen)


def _dominated(evidence: Evidence) -> bool:
    """Return whether one of at least three classes has most labels, such as "no name" among the tokens of a text.

    Accuracy then does not distinguish epochs, so the plain mean over epochs ranks better: by .003 average precision on
    the tokens of CoNLL-03. With balanced classes, as in CIFAR-10N, it is worse by .02 to .05.
    """
    counts = np.bincount(evidence.given_labels[evidence.given_labels >= 0], minlength=evidence.k)
    return evidence.k > 2 and counts.max(initial=0) > MOSTLY_ONE_CLASS * counts.sum()


def views_in_words(pooled: Opinion) -> list[str]:
    """Return the views of an opinion, with their shares if there are two kinds."""
    shares = pooled.weights.shares if pooled.weights is not None else {}
    heads = [view for view in pooled.views if view not in (GIVEN_PROBS, VOTES, LINKS)]
    rest = [view for view in pooled.views if view in (GIVEN_PROBS, VOTES, LINKS)]
    if len(shares) < 2:
        return [*heads, *rest]
    parts_used = [f"embeddings {shares['embeddings']:.0%} ({', '.join(heads)})"] if "embeddings" in shares else []
    named = {GIVEN_PROBS: "pred_probs", LINKS: LINKS}
    return parts_used + [f"{view} {shares[named[view]]:.0%}" if view in named else view for view in rest]


def _unfit(odds: np.ndarray, doubt: np.ndarray, p_given: np.ndarray, beside: np.ndarray, pooled: Opinion) -> str:
    """Return why evidence that has seen the labels is set aside, given an out-of-sample opinion; "" if it is used."""
    both = ~np.isnan(odds) & ~np.isnan(doubt)
    if both.sum() < 3:
        return ""
    there = normal_scores(np.where(both, odds, np.nan))[both], normal_scores(np.where(both, doubt, np.nan))[both]
    if min(np.ptp(one) for one in there) == 0 or np.corrcoef(*there)[0, 1] < UNRELATED:
        return ANOTHER_ORDER
    agrees = float((p_given[both] >= 0.5).mean())
    honest = float((pooled.p_given[both] >= pooled.p_other[both]).mean())
    return AGREEING if agrees > NEVER_SO_OFTEN and honest < agrees - NEVER_LESS else ""
