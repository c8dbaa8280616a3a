"""The estimator of candidate sets for `find_issues`: which sets lack the true class, and which candidate it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.confident.partial import weights_within
from workbench.evidence.spaces import Space, unit_space
from workbench.foundation.errors import MissingEvidence
from workbench.foundation.progress import step
from workbench.issues.calibration import along_score, around_share
from workbench.issues.counts import around_expected
from workbench.issues.kinds.checked import vectors
from workbench.issues.kinds.contract import Asked, Found
from workbench.issues.partial import evidence
from workbench.issues.partial.canaries import USUAL_SHARE, Counted, count_outside, mass_outside
from workbench.issues.partial.disambiguation import Learnt, learn_from_candidates
from workbench.issues.partial.pooling import pooled, weights_of
from workbench.issues.partial.words import CandidateWords
from workbench.tasks.candidates import sets_of
from workbench.tasks.class_names import object_array

LEAST_AUROC = 0.89
"""Minimum probability that a planted wrong set scores above a correct one for the number of wrong sets to be known."""

LEAST_PLANTED = 60
"""Minimum number of planted sets for that."""

SETS_RANGE = (0.5, 2.0)
"""Range of the true number of wrong sets relative to the expected one, on planted sets of 5 to 20 %."""

TRAINED_WEIGHT = 0.5
"""Weight, of normal scores, of a training that has seen the sets, relative to evidence that has not."""

SURER = 2
"""Power of the first round's probabilities with which the replaced candidate is drawn. They are underconfident, having
been trained on all candidates equally; those of the last round are overconfident."""

HEADS_VIEW, GIVEN_VIEW, TRAINED_VIEW = (
    "held-out classifiers on embeddings",
    "given probabilities",
    "a training on the sets",
)


class CandidateOpinion(NamedTuple):
    """Probabilities (n, k) of models that had not seen the sets.

    wrong : to judge whether a set is wrong. drawn : with which a candidate is drawn. choice : to choose the candidate.
    informed : (n,) rows for which they are more than the class shares. used : their sources.
    """

    wrong: np.ndarray
    drawn: np.ndarray
    choice: np.ndarray
    informed: np.ndarray
    used: tuple[str, ...]


class CandidatesEstimator:
    """The estimator of the task "candidates"."""

    version = 3

    def judge(self, asked: Asked) -> Found:
        """Estimate P(the true class is outside the set) of each example, and the most likely candidate."""
        dataset = asked.dataset
        sets = sets_of(dataset.labels, dataset.k)
        probs = evidence.candidate_probabilities(asked)
        space, of = _space(asked)
        trained = evidence.seen(asked, probs, sets)
        step("which candidates")
        ordered = dataset.label_type.ordered
        learnt = None if space is None else learn_from_candidates(space, sets, ordered=ordered, seed=asked.seed)
        opinion = _opinion(learnt, probs if asked.out_of_fold else None, sets, of)
        if opinion is None and trained is None:
            raise MissingEvidence.beside_labels("candidates", dataset.kind.predictions)
        step("how many sets lack the true class")
        return _found(asked, sets, space, opinion, trained)


def _space(asked: Asked) -> tuple[Space | None, str]:
    """Return unit vectors of embeddings or texts, and their description."""
    values, of = vectors(asked)
    return (None, "") if values is None else (unit_space(values, seed=asked.seed), of)


def _opinion(learnt: Learnt | None, probs: np.ndarray | None, sets: np.ndarray, of: str) -> CandidateOpinion | None:
    """Return the pooled opinion of models that had not seen the sets; None without any."""
    given = None if probs is None else np.log(np.maximum(probs, evidence.LEAST_GIVEN)).astype(np.float32)
    every = np.ones(len(sets), bool)
    if learnt is None:
        if given is None:
            return None
        found = np.exp(pooled([given], weights_of([given], sets)))
        return CandidateOpinion(found, found, found, every, (GIVEN_VIEW,))
    used = (HEADS_VIEW.replace("embeddings", of),)
    if given is None:
        drawn = np.exp(SURER * learnt.first)
        return CandidateOpinion(np.exp(learnt.pooled), drawn, np.exp(learnt.last), learnt.there, used)
    weights = weights_of([learnt.pooled, given], sets)
    views = (learnt.pooled, SURER * learnt.first, learnt.last)
    wrong, drawn, last = (np.exp(pooled([one, given], weights)) for one in views)
    return CandidateOpinion(wrong, drawn, last, every, (*used, GIVEN_VIEW))


def _found(
    asked: Asked, sets: np.ndarray, space: Space | None, opinion: CandidateOpinion | None, trained: evidence.Seen | None
) -> Found:
    dataset, labelled = asked.dataset, sets.any(axis=1)
    whole = sets.all(axis=1)
    p_error = np.full(dataset.n, np.nan)
    counted: Counted | None = None
    if opinion is None:
        assert trained is not None  # without either nothing is judged
        p_error[labelled] = around_share(_scores(trained.outside[labelled]), USUAL_SHARE)
        probs = choice = trained.probs
    else:
        probs, choice = opinion.wrong, opinion.choice
        open_ = np.flatnonzero(labelled & ~whole & opinion.informed)
        counted = count_outside(probs[open_], opinion.drawn[open_], sets[open_], asked.seed)
        p_error[labelled] = counted.share
        p_error[open_] = counted.p_error
        if trained is not None and len(open_) > 1:
            score = _scores(mass_outside(probs[open_], sets[open_])) + TRAINED_WEIGHT * _scores(trained.outside[open_])
            p_error[open_] = along_score(score, counted.p_error)
    p_error[whole] = 0.0
    chosen = _Chosen(sets, probs, choice, p_error)
    why = _not_known(asked, counted)
    used = (() if opinion is None else opinion.used) + ((TRAINED_VIEW,) if trained is not None else ())
    words = CandidateWords(sets, probs, p_error, chosen.other, dataset.classes, space, trained, opinion is not None)
    names, given = object_array([*dataset.class_values, None]), dataset.given
    return Found(
        dataset.units,
        p_error,
        given,
        names[chosen.other],
        chosen.p_other,
        _interval(p_error, why),
        words,
        last={
            "likeliest_candidate": np.where(labelled, names[chosen.best], np.array(None, object)),
            "mass_inside": chosen.mass,
            "margin": chosen.margin,
        },
        kept=names[chosen.best],
        p_kept=chosen.p_best,
        identified=not why,
        why=why,
        evidence=", ".join(used),
        method=_method(counted),
    )


class _Chosen:
    """The most likely candidate of each example, its probability and lead, and the most likely other class."""

    def __init__(self, sets: np.ndarray, probs: np.ndarray, choice: np.ndarray, p_error: np.ndarray) -> None:
        n, k = sets.shape
        labelled, rows = np.asarray(sets.any(axis=1)), np.arange(n)
        inside = np.where(labelled[:, None], weights_within(sets, choice), choice)
        self.best = np.argmax(inside, axis=1)
        self.p_best = inside[rows, self.best].astype(np.float64)
        top = np.partition(inside, k - 2, axis=1)[:, k - 2 :] if k > 1 else np.stack([0 * self.p_best, self.p_best], 1)
        self.margin = np.where(labelled, (top[:, 1] - top[:, 0]).astype(np.float64), np.nan)
        self.mass = np.where(labelled, np.where(sets, probs, 0).sum(axis=1, dtype=np.float64).clip(0, 1), np.nan)
        out = np.where(sets, 0, probs)
        likeliest = np.argmax(out, axis=1)
        within = out[rows, likeliest] / np.maximum(out.sum(axis=1, dtype=np.float64), 1e-30)
        nothing = labelled & sets.all(axis=1)
        self.other = np.where(nothing, -1, np.where(labelled, likeliest, self.best))
        self.p_other = np.where(nothing, 0.0, np.where(labelled, np.nan_to_num(p_error) * within, self.p_best))


def _scores(values: np.ndarray) -> np.ndarray:
    """Return normal scores: the standard normal quantile of each value's rank."""
    from scipy.stats import norm, rankdata

    return norm.ppf((rankdata(values) - 0.5) / max(len(values), 1))


def _not_known(asked: Asked, counted: Counted | None) -> str:
    """Return why the number of wrong sets is not identified; "" if it is."""
    if counted is None:
        return "the model has seen the sets that it judges; pass embeddings or out-of-fold probabilities"
    if counted.planted < LEAST_PLANTED:
        return f"{counted.planted} planted sets are too few for an estimate"
    if counted.apart < LEAST_AUROC:
        found = f"planted wrong sets score above correct ones in only {counted.apart:.0%} of pairs"
        return f"{found}, so correct and wrong sets can hardly be distinguished"
    return ""


def _interval(p_error: np.ndarray, why: str) -> tuple[float, float]:
    low, high = around_expected(p_error, SETS_RANGE)
    known, expected = float((~np.isnan(p_error)).sum()), float(np.nansum(p_error))
    return (0.0, min(max(high, 4 * expected, known / 5), known)) if why else (low, high)


def _method(counted: Counted | None) -> str:
    if counted is None:
        return f"a share of {USUAL_SHARE:.0%} wrong sets is assumed"
    return f"{counted.planted:,} planted wrong sets, distinguished from correct ones in {counted.apart:.0%} of pairs"
