"""The estimator of preferences for `find_issues`: which pairs of answers have a wrong label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.foundation.errors import MissingEvidence
from workbench.issues.counts import around_expected
from workbench.issues.kinds.contract import Asked, Found
from workbench.issues.preferences.noisy_choice import fit_choice
from workbench.issues.preferences.preference_evidence import (
    NEAR_SHARE,
    PREFERENCE_KINDS,
    PreferenceEvidence,
    agreement_weights,
    read_preference_evidence,
)
from workbench.issues.preferences.preference_words import PreferenceWords
from workbench.tasks.class_names import object_array
from workbench.tasks.preferences import PREFERENCE_ANSWERS

INVERTED, EQUAL, POOR = PREFERENCE_KINDS
UNEQUAL = "unequal"
"""Kind of error of a tie, or of two poor answers, of which one is better."""

CHOICE_FOLDS = 10
FEW_JUDGES = 5
"""Maximum number of judges whose votes are features of their own; those of more are pooled."""

LEAST_JUDGED, CLEAR_CHOICE, LEAST_CLEAR = 300, 0.9, 50
"""The number of wrong labels is known with at least so many labelled pairs, and so many whose right answer has a
probability of at least `CLEAR_CHOICE`: only these tell wrong labels from close pairs."""

LEAST_JUDGES = 3
"""Minimum number of judges for this without scores. Labels by one language model, judged by another one, were wrong in
27 % of pairs, while their votes suggested 8 %."""

PREFERENCE_RANGE = (0.6, 1.6)
"""Range of the true number of wrong labels relative to the expected one, with planted errors."""

SAME_TEXT = 0.99
"""Probability that one of two equal texts was called better by mistake."""


class PreferencesEstimator:
    """Judges labels of the task "preferences" by scores of both answers and by judgements."""

    version = 1

    def judge(self, asked: Asked) -> Found:
        """Estimate the probability that each label is wrong.

        Notes
        -----
        A choice model with label noise (`fit_choice`), cross-fitted in 10 folds, on the gap of the scores, the votes of
        judges (more than five are pooled: by their consistency, and by their agreement with the labels of the other
        folds) and the lengths of the answers. P(wrong) follows from Bayes' theorem.
        """
        dataset = asked.dataset
        evidence = read_preference_evidence(asked)
        given = np.where(dataset.units.given < len(PREFERENCE_ANSWERS), dataset.units.given, -1)
        usable = np.flatnonzero((given >= 0) & evidence.known)
        if not len(usable):
            raise MissingEvidence.needed("Labels of the task 'preferences'", dataset.kind.predictions, "Add some.")
        posterior, prior = _posterior(evidence, given, usable, asked.seed)
        judged = _judged(evidence, given, posterior)
        sure = int((prior[usable].max(axis=1) >= CLEAR_CHOICE).sum())
        why = ""
        if len(usable) < LEAST_JUDGED:
            why = f"only {len(usable):,} labelled pairs have scores or judgements, and {LEAST_JUDGED} are needed"
        elif sure < LEAST_CLEAR:
            why = f"scores and judgements are clear for {sure:,} pairs only, so that errors look like close pairs"
        elif not evidence.scores.shape[2] and len(evidence.judges) < LEAST_JUDGES:
            why = f"without scores, fewer than {LEAST_JUDGES} judges may share their mistakes with the labels"
        low, high = around_expected(judged.p_error, PREFERENCE_RANGE)
        if why:
            known, expected = float(np.isfinite(judged.p_error).sum()), float(np.nansum(judged.p_error))
            low, high = 0.0, min(max(high, 4 * expected, known / 3), known)
        names = object_array([*PREFERENCE_ANSWERS, None])
        return Found(
            dataset.units, judged.p_error, names[given], names[judged.other], judged.p_other, (low, high),
            PreferenceWords(evidence, given, judged.kind), kind=judged.kind, last={"gap": evidence.gap},
            pair=np.unique(judged.kind.astype(str), return_inverse=True)[1].reshape(-1), identified=not why, why=why,
            evidence=", ".join(asked.evidence), method="a choice model with label noise",
        )  # fmt: skip


@dataclass(frozen=True)
class _Judged:
    p_error: np.ndarray
    other: np.ndarray
    p_other: np.ndarray
    kind: np.ndarray


def _posterior(
    evidence: PreferenceEvidence, given: np.ndarray, usable: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities of the answers (n, 4), with the given labels and without, NaN without evidence."""
    n = len(given)
    answers = np.array(sorted({0, 1} | set(given[usable].tolist())))
    code = np.full(len(PREFERENCE_ANSWERS) + 1, -1)
    code[answers] = np.arange(len(answers))
    fold = np.full(n, -1)
    fold[usable] = np.random.default_rng(seed).permutation(len(usable)) % CHOICE_FOLDS
    posterior, prior = (np.full((n, len(PREFERENCE_ANSWERS)), np.nan) for _ in range(2))
    target = np.array([1.0, -1.0, 0.0, 0.0, np.nan])[given]
    for one in (*np.unique(fold[usable]).tolist(), -1):
        asked = np.flatnonzero((fold == one) & evidence.known)
        taught = usable[fold[usable] != one]
        if not len(asked) or not len(taught):
            continue
        x, z = _features(evidence, np.where(np.isin(np.arange(n), taught), target, np.nan), taught)
        model = fit_choice(x[taught], z[taught], code[given[taught]], len(answers), free=1)
        for made, found in (
            (posterior, model.posterior(x[asked], z[asked], code[given[asked]])),
            (prior, model.true(x[asked], z[asked])),
        ):
            made[asked] = 0.0
            made[np.ix_(asked, answers)] = found
    return posterior, prior


def _features(evidence: PreferenceEvidence, target: np.ndarray, taught: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return features (n, p) that depend on the order of the answers, lengths first, and those (n, q) that do not."""
    gap = np.nan_to_num(evidence.gap)
    votes = np.nan_to_num(evidence.votes)
    sided, even = [evidence.ratio, gap], [np.abs(gap), np.abs(evidence.ratio)]
    if votes.shape[1]:
        pooled = evidence.pooled(evidence.consistency())
        learned = evidence.pooled(agreement_weights(evidence.votes, target) * (evidence.consistency() > 0))
        few = votes.shape[1] <= FEW_JUDGES
        sided += [*votes.T] if few else [pooled, learned]
        even += [np.abs(pooled), np.abs(votes).mean(axis=1)]
    if evidence.scores.shape[2]:
        even.append(np.nan_to_num(evidence.level.max(axis=1)))
    x, z = np.stack(sided, axis=1), np.stack(even, axis=1)
    x = x / np.maximum(np.sqrt(np.square(x[taught]).mean(axis=0)), 1e-9)
    z = (z - z[taught].mean(axis=0)) / np.maximum(z[taught].std(axis=0), 1e-9)
    return x, np.column_stack([np.ones(len(z)), z])


def _judged(evidence: PreferenceEvidence, given: np.ndarray, posterior: np.ndarray) -> _Judged:
    """Return the probabilities of errors, the most likely other answers, and the kinds of errors."""
    n, rows = len(given), np.arange(len(given))
    known = np.isfinite(posterior[:, 0])
    others = np.where(known[:, None], posterior, 0.0)
    labelled = given >= 0
    p_error = np.where(known & labelled, 1 - others[rows, np.maximum(given, 0)], np.nan)
    others[rows[labelled], given[labelled]] = -1.0
    other = np.where(known, others.argmax(axis=1), -1)
    p_other = np.where(known, others[rows, other], np.nan)
    decided = (given == 0) | (given == 1)
    same = evidence.same & decided
    tie = PREFERENCE_ANSWERS.index("tie")
    p_error[same], p_other[same], other[same] = SAME_TEXT, SAME_TEXT, tie
    kind = np.full(n, None, object)
    kind[(other == 0) | (other == 1)] = UNEQUAL
    kind[decided & ((other == 0) | (other == 1))] = INVERTED
    kind[other == tie] = EQUAL
    kind[other == PREFERENCE_ANSWERS.index("neither")] = POOR
    if evidence.scores.shape[2]:
        level = evidence.level
        better, worse = level.max(axis=1), level.min(axis=1)
        typical = np.median(worse[np.isfinite(worse)]) if np.isfinite(worse).any() else -np.inf
        calm = decided & (np.nan_to_num(p_error) < 0.5)
        kind[calm & (better < typical)] = POOR
        kind[calm & (better - worse <= NEAR_SHARE)] = EQUAL
    kind[~known & ~same] = None
    return _Judged(p_error, other, np.minimum(p_other, np.where(labelled, np.nan_to_num(p_error), 1.0)), kind)
