"""The estimator of graded pairs: which grades are wrong, and which unjudged items are likely relevant."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.data.dataset import Dataset
from workbench.data.inputs import note_order
from workbench.evidence.evidence import Evidence
from workbench.foundation.errors import MissingEvidence
from workbench.foundation.progress import step
from workbench.issues import counts
from workbench.issues.calibration import along_score, logit
from workbench.issues.kinds.contract import Asked, Found
from workbench.issues.opinions import Opinion
from workbench.issues.pairs.grade_noise import grade_noise
from workbench.issues.pairs.ordinal import grades_out_of_fold
from workbench.issues.pairs.pair_evidence import PairEvidence, evidence_of_pairs
from workbench.issues.pairs.pair_features import PairFeatures, pair_features
from workbench.issues.pairs.pair_words import PairWords
from workbench.issues.posterior import opinion
from workbench.tasks.class_names import object_array
from workbench.tasks.keys import candidate_keys
from workbench.tasks.pair_table import item_shapes

LEAST_QUERIES = 20
"""Queries from which folds are dealt by query; with fewer, by pair, since the grades of few queries vary too much."""

LEAST_LISTED, MOST_PROPOSED = 0.1, 30
"""An item that only a ranker has is listed if it is relevant with this probability, at most so many per query."""

WRONG_SHARES = (0.02, 0.5)
"""Range of the share of wrong grades from which posteriors start; they are brought to the estimated share."""

PAIR_ERRORS = ("missed", "spurious", "grade", "duplicate", "unjudged")
"""Kinds: relevant but graded irrelevant, the reverse, another grade, an equal item has another grade, no grade yet."""

DIFFERENT = 0.97
"""Probability that items that say the same deserve the same grade."""


class PairsEstimator:
    """The estimator of the task "pairs"."""

    version = 2

    def judge(self, asked: Asked) -> Found:
        """Estimate P(wrong) of each grade, and the likeliest grade of each unjudged pair."""
        evidence = evidence_of_pairs(asked)
        step("standing of the items within their queries")
        features = pair_features(evidence)
        if not features.used:
            raise MissingEvidence.beside_labels("pairs", asked.dataset.kind.predictions)
        step("models that have not seen the query")
        probs = grade_probabilities(evidence, features, asked.dataset.k, asked.seed)
        judged = _judged(evidence, features, probs, asked)
        return _found(asked, evidence, features, judged)


def grade_probabilities(evidence: PairEvidence, features: PairFeatures, k: int, seed: int) -> np.ndarray:
    """Return out-of-fold probabilities of the grades (m, k), with folds by query."""
    known = evidence.judged
    if np.count_nonzero(np.bincount(evidence.grades[known], minlength=k)) < 2:
        shares = np.bincount(evidence.grades[known], minlength=k) + 0.5
        return np.tile(shares / shares.sum(), (len(known), 1))
    by_query = len(np.unique(evidence.rows[known])) >= LEAST_QUERIES
    groups = evidence.rows if by_query else np.arange(len(evidence.rows))
    folds = 5 if by_query else 10
    return grades_out_of_fold(features.x, evidence.grades, k, groups, folds=folds, seed=seed)[0]


class JudgedPairs(NamedTuple):
    """Results for all m pairs.

    p_error : (m,) P(wrong), NaN for unjudged pairs. other : (m,) likeliest other grade (of all grades, if unjudged).
    p_other : (m,) its probability. p_relevant : (m,) probability that the item is relevant. twin : (m,) an equal item
    with another grade, -1 for none. opinion : of the judged pairs; None without a posterior.
    """

    p_error: np.ndarray
    other: np.ndarray
    p_other: np.ndarray
    p_relevant: np.ndarray
    twin: np.ndarray
    opinion: Opinion | None


def _judged(evidence: PairEvidence, features: PairFeatures, probs: np.ndarray, asked: Asked) -> JudgedPairs:
    classes, m = asked.dataset.classes, len(evidence.rows)
    known = np.flatnonzero(evidence.judged)
    given = evidence.grades[known]
    p_error = np.full(m, np.nan)
    posterior = probs.copy()
    found = None
    if len(known) and len(classes) > 1 and np.count_nonzero(np.bincount(given, minlength=len(classes))) > 1:
        examples = Evidence.from_arrays(
            given, classes=classes, pred_probs=note_order(np.ascontiguousarray(probs[known]), classes)
        )
        found = opinion(examples, asked.seed)
    if found is not None:
        rough = found.p_rough.astype(float)
        noise = grade_noise(given, probs[known], float(np.clip(rough.mean(), *WRONG_SHARES)))
        posterior[known] = _normalised(probs[known] * noise[given])
        keep = posterior[known, given]
        p_error[known] = along_score(logit(1 - keep), rough)
        posterior[known] *= (p_error[known] / np.maximum(1 - keep, 1e-12))[:, None]
        posterior[known, given] = 1 - p_error[known]
    elif len(known):
        p_error[known] = 1 - posterior[known, given]
    twin = _join_twins(evidence, features, probs, posterior, p_error)
    free = posterior.copy()
    free[known, given] = -1
    other = free.argmax(axis=1)
    p_other = posterior[np.arange(m), other]
    relevant = posterior[:, evidence.relevant :].sum(axis=1)
    return JudgedPairs(p_error, other, p_other, np.clip(relevant, 0, 1), twin, found)


def _normalised(values: np.ndarray) -> np.ndarray:
    return values / np.maximum(values.sum(axis=1, keepdims=True), 1e-300)


def _join_twins(
    evidence: PairEvidence, features: PairFeatures, probs: np.ndarray, posterior: np.ndarray, p_error: np.ndarray
) -> np.ndarray:
    """Give items of a query that say the same one posterior, if their grades differ; return an item that differs.

    Notes
    -----
    With the posteriors q_i of the members, that of their common grade is prod q_i / prior^(count - 1); the members keep
    their own with probability 1 - `DIFFERENT`. `posterior` and `p_error` are changed in place.
    """
    twin = np.full(len(evidence.rows), -1)
    prior = np.maximum(probs.mean(axis=0), 1e-9)
    groups = np.flatnonzero(features.same >= 0)
    order = groups[np.argsort(features.same[groups], kind="stable")]
    cuts = np.flatnonzero(np.diff(features.same[order])) + 1
    for members in np.split(order, cuts) if len(order) else []:
        judged = members[evidence.judged[members]]
        if len(judged) == 0 or len(np.unique(evidence.grades[judged])) + (len(judged) < len(members)) < 2:
            continue
        likely = np.log(np.maximum(posterior[judged], 1e-9)).sum(axis=0) - (len(judged) - 1) * np.log(prior)
        common = np.exp(likely - likely.max())
        common /= common.sum()
        for one in members.tolist():
            posterior[one] = DIFFERENT * common + (1 - DIFFERENT) * posterior[one]
            if evidence.grades[one] >= 0:
                p_error[one] = 1 - posterior[one, evidence.grades[one]]
            others = judged[evidence.grades[judged] != evidence.grades[one]]
            if len(others):
                twin[one] = others[np.argmax(evidence.grades[others])]
    return twin


def _found(asked: Asked, evidence: PairEvidence, features: PairFeatures, judged: JudgedPairs) -> Found:
    dataset = asked.dataset
    new = np.flatnonzero(evidence.listed < 0)
    chosen = _proposed(evidence, judged, new)
    old = np.argsort(evidence.listed, kind="stable")[len(new) :]
    places = np.concatenate([old, chosen])
    keys = candidate_keys(evidence.rows[chosen], evidence.items[chosen].astype(str))
    units, order = dataset.units.joined(
        evidence.rows[chosen], np.full(len(chosen), -1), keys, shapes=item_shapes(evidence.items[chosen])
    )
    at = places[order]
    grades = evidence.grades[at]
    names = object_array([*dataset.class_values, None])
    why = _not_known(judged.opinion, evidence)
    words = PairWords(evidence, features, judged.twin, at, dataset.classes)
    p_error = judged.p_error[at]
    below = np.setdiff1d(new, chosen)
    return Found(
        units,
        p_error,
        names[grades],
        names[judged.other[at]],
        judged.p_other[at],
        _interval(judged.opinion, p_error, why),
        words,
        kind=_kinds(evidence, judged, at),
        columns={"item": evidence.items[at]},
        last={"p_relevant": judged.p_relevant[at], "standing": features.z[at]},
        values=_values(dataset, evidence.items[at], grades, judged.other[at]),
        p_least=None,
        identified=not why,
        why=why,
        below=float(judged.p_relevant[below].sum()),
        evidence=", ".join(features.used),
        method="; ".join([*_method(evidence, features), *evidence.notes]),
    )


def _proposed(evidence: PairEvidence, judged: JudgedPairs, new: np.ndarray) -> np.ndarray:
    """Return the places of unlisted items that are likely enough relevant, ordered by query."""
    likely = new[judged.p_relevant[new] >= LEAST_LISTED]
    order = likely[np.lexsort((-judged.p_relevant[likely], evidence.rows[likely]))]
    rows = evidence.rows[order]
    first = np.searchsorted(rows, rows)
    return order[np.arange(len(order)) - first < MOST_PROPOSED]


def _values(
    dataset: Dataset, items: np.ndarray, grades: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return given and suggested values (u,) in the format of the journal; the given one is None if unjudged."""
    kind, classes = dataset.kind, dataset.classes
    given = object_array(
        None if code < 0 else kind.encode({"grade": classes[code], "item": item})
        for item, code in zip(items.tolist(), grades.tolist())
    )
    other = object_array(
        kind.encode({"grade": classes[code], "item": item}) for item, code in zip(items.tolist(), others.tolist())
    )
    return given, other


def _kinds(evidence: PairEvidence, judged: JudgedPairs, at: np.ndarray) -> np.ndarray:
    grades, others = evidence.grades[at], judged.other[at]
    was, now = grades >= evidence.relevant, others >= evidence.relevant
    kinds = np.full(len(at), PAIR_ERRORS[2], object)
    kinds[~was & now] = PAIR_ERRORS[0]
    kinds[was & ~now] = PAIR_ERRORS[1]
    kinds[judged.twin[at] >= 0] = PAIR_ERRORS[3]
    kinds[grades < 0] = PAIR_ERRORS[4]
    return kinds


def _not_known(found: Opinion | None, evidence: PairEvidence) -> str:
    """Return why the number of wrong grades is not identified; "" if it is."""
    if found is None:
        return "there are no two grades to tell apart" if evidence.judged.any() else "no pair has a grade"
    return found.count.why


def _interval(found: Opinion | None, p_error: np.ndarray, why: str) -> tuple[float, float]:
    known, expected = int((~np.isnan(p_error)).sum()), float(np.nansum(p_error))
    if found is None:
        return 0.0, min(float(known), counts.BEYOND_LABELS * expected)
    spread = 2 * float(np.sqrt(np.nansum(p_error * (1 - p_error))))
    low = 0.0 if why else max(min(known * found.count.low, expected) - spread, 0.0)
    return low, min(max(known * found.count.high, expected) + spread, float(known))


def _method(evidence: PairEvidence, features: PairFeatures) -> list[str]:
    by_query = len(np.unique(evidence.rows[evidence.judged])) >= LEAST_QUERIES
    notes = [
        f"ordinal logistic regression on {len(features.names)} features, folds by {'query' if by_query else 'pair'}"
    ]
    twins = int((features.same[evidence.judged] >= 0).sum())
    return [*notes, f"{twins:,} items say the same as another one of their query"] if twins else notes
