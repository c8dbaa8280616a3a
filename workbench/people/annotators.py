"""Several people's labels for the same examples: the consensus of them, and how good each annotator is.

Hidden here: the estimators, which work on the list of votes (`votes`) and never on a matrix of examples by annotators.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.errors import InputError
from workbench.people.votes import Votes, votes_needed
from workbench.run import opened

if TYPE_CHECKING:
    from workbench.run import Run

SMOOTHING = 0.01  # votes added to every cell of an annotator's confusion matrix: no vote is ever impossible
MOST_CELLS = 200_000_000  # annotators x k x k of Dawid and Skene


# ---- consensus -----------------------------------------------------------------------------------------------


def majority(votes: Votes) -> np.ndarray:
    """(n, k) float64 share of the votes for each class; NaN in rows without a vote."""
    total = votes.per_row()[:, None]
    return np.divide(votes.counts(), total, out=np.full((votes.n, votes.k), np.nan), where=total > 0)


@dataclass(frozen=True)
class DawidSkene:
    """What `dawid_skene` found.

    Attributes
    ----------
    posterior : (n, k) P(true class | votes), NaN in rows without a vote. confusion : (a, k, k) P(vote = column | true =
    row) of each annotator. priors : (k,) P(true class). iterations : EM steps. converged : bool.
    """

    posterior: np.ndarray
    confusion: np.ndarray
    priors: np.ndarray
    iterations: int
    converged: bool


def dawid_skene(votes: Votes, *, most_iterations: int = 200, tolerance: float = 1e-6) -> DawidSkene:
    """Consensus and annotators' confusion matrices by maximum likelihood.

    Notes
    -----
    Given the true class, annotators err independently, each with a confusion matrix of their own that is the same for
    all examples (Dawid & Skene 1979, Maximum likelihood estimation of observer error-rates using the EM algorithm). EM
    from the shares of votes, until no posterior moves by more than `tolerance`; 0.01 votes are added to every cell.
    It finds one optimum; which is a relabelling of classes where most annotators are wrong together. Cost per
    iteration: votes x k; memory: annotators x k x k.
    """
    a, k = len(votes.names), votes.k
    if a * k * k > MOST_CELLS:
        found = f"are {a:,} for {k:,} classes: {a * k * k:,} cells of confusion matrices"
        raise InputError.at("annotators", found, 'Use method="majority".')
    known = np.flatnonzero(votes.per_row())
    place = np.searchsorted(known, votes.rows)
    posterior = majority(votes)[known]
    cell = votes.annotators * k + votes.labels
    iterations, converged = 0, False
    confusion, priors = np.full((a, k, k), 1 / k), np.full(k, 1 / k)
    while len(known) and iterations < most_iterations and not converged:
        iterations += 1
        confusion = np.empty((a, k, k))
        for true in range(k):
            seen = np.bincount(cell, posterior[place, true], minlength=a * k).reshape(a, k) + SMOOTHING
            confusion[:, true] = seen / seen.sum(axis=1, keepdims=True)
        priors = posterior.mean(axis=0)
        with np.errstate(divide="ignore"):
            said, log = np.log(confusion), np.tile(np.log(priors), (len(known), 1))
        for true in range(k):
            log[:, true] += np.bincount(place, said[votes.annotators, true, votes.labels], minlength=len(known))
        log -= log.max(axis=1, keepdims=True)
        fresh = np.exp(log)
        fresh /= fresh.sum(axis=1, keepdims=True)
        converged = bool(np.abs(fresh - posterior).max() <= tolerance)
        posterior = fresh
    whole = np.full((votes.n, k), np.nan)
    whole[known] = posterior
    return DawidSkene(whole, confusion, priors, iterations, converged)


def crowdlab(votes: Votes, pred_probs: Any) -> np.ndarray:
    """(n, k) consensus probabilities of the votes and a classifier together; the classifier's alone without votes.

    Parameters
    ----------
    pred_probs : float array (n, k), out-of-sample

    Notes
    -----
    A weighted mean (Goh, Tkachenko, Mueller 2022, CROWDLAB, section 3): an annotator says P for the class chosen and
    (1 - P) / (k - 1) for others, P being the share of votes that agree with the majority where two or more voted.
    Weights: 1 - (1 - A) / (1 - B), at least 1e-6, with A the agreement of an annotator with the others' votes, or of
    the classifier with the majority, and B that of always saying the most frequent class; the classifier's times
    the root of the mean number of votes. Ties of the majority go to the classifier's likelier class.
    """
    probs = np.asarray(pred_probs, float)
    if probs.shape != (votes.n, votes.k):
        found = f"has shape {probs.shape} for {votes.n} examples and {votes.k} classes"
        raise InputError.at("pred_probs", found, "Pass one row per example and one column per class.")
    counts, total = votes.counts(), votes.per_row()
    first = (counts + probs * 0.5 / np.maximum(probs.max(axis=1, keepdims=True), 1e-12)).argmax(axis=1)
    shared = total > 1
    among = shared if shared.any() else total > 0
    if not among.any():
        return probs.copy()
    agree = votes.labels == first[votes.rows]
    inside = among[votes.rows]
    certain = float(np.clip(agree[inside].mean(), 1 / votes.k, 1 - 1e-6))
    base = float((first[among] == np.bincount(first[among]).argmax()).mean())

    def weight(accuracy: np.ndarray | float) -> np.ndarray:
        return np.maximum(1 - (1 - np.asarray(accuracy)) / max(1 - base, 1e-6), 1e-6)

    rate = np.nan_to_num(_with_others(votes, counts, total), nan=certain)
    of_model = weight((probs.argmax(axis=1)[among] == first[among]).mean()) * np.sqrt(total[total > 0].mean())
    of_vote = weight(rate)[votes.annotators]
    other = (1 - certain) / max(votes.k - 1, 1)
    mixed = of_model * probs + other * np.bincount(votes.rows, of_vote, minlength=votes.n)[:, None]
    np.add.at(mixed, (votes.rows, votes.labels), of_vote * (certain - other))
    return mixed / mixed.sum(axis=1, keepdims=True)


def _with_others(votes: Votes, counts: np.ndarray, total: np.ndarray) -> np.ndarray:
    """(a,) share of the other votes on the same examples that agree with an annotator's; NaN where there are none."""
    same = counts[votes.rows, votes.labels] - 1
    others = total[votes.rows] - 1
    a = len(votes.names)
    seen = np.bincount(votes.annotators, others, minlength=a)
    return np.divide(np.bincount(votes.annotators, same, minlength=a), seen, out=np.full(a, np.nan), where=seen > 0)


# ---- for people ----------------------------------------------------------------------------------------------


def _of_crowdlab(run: Run, votes: Votes) -> np.ndarray:
    from workbench.issues.confusion import needed

    return crowdlab(votes, needed(run, "CROWDLAB").values)


METHODS: dict[str, Callable[[Run, Votes], np.ndarray]] = {
    "majority": lambda run, votes: majority(votes),
    "dawid_skene": lambda run, votes: dawid_skene(votes).posterior,
    "crowdlab": _of_crowdlab,
}


def consensus(run: Run, method: str = "dawid_skene") -> pd.DataFrame:
    """What the annotators say together, for every example that has a vote.

    Parameters
    ----------
    method : "majority", "dawid_skene" (weighs annotators by how well they do), or "crowdlab" (with the run's
        out-of-fold probabilities too)

    Returns
    -------
    DataFrame indexed by id in dataset order
        given, consensus : class names; ties of the majority go to the given label, else to the first class.
        p_consensus : probability of the consensus, in [0, 1]. votes : int. annotator_disagreement : the score.

    Raises
    ------
    MissingEvidence : the run has no votes, or no probabilities for "crowdlab".
    """
    run = opened(run)
    from workbench.scores.annotators import annotator_disagreement

    if method not in METHODS:
        raise InputError.unknown("method", method, METHODS)
    votes = votes_needed(run)
    probs = METHODS[method](run, votes)
    total = votes.per_row()
    rows = np.flatnonzero(total)
    best = np.nan_to_num(probs[rows], nan=-1.0)
    given = run.dataset.given_labels[rows]
    labelled = np.flatnonzero(given >= 0)
    tied = best[labelled, given[labelled]] >= best[labelled].max(axis=1) - 1e-12
    code = best.argmax(axis=1)
    code[labelled[tied]] = given[labelled[tied]]
    return pd.DataFrame(
        {
            "given": run.dataset.given[rows],
            "consensus": run.dataset.names_of(code),
            "p_consensus": best[np.arange(len(rows)), code],
            "votes": total[rows],
            "annotator_disagreement": annotator_disagreement(votes.counts())[rows],
        },
        index=pd.Index(run.dataset.ids[rows], name="id"),
    )


def annotators(run: Run) -> pd.DataFrame:
    """One row per annotator, the least reliable first.

    Returns
    -------
    DataFrame indexed by annotator
        votes : int. quality : P(vote = true class) by Dawid and Skene, weighted by the class priors, in [0, 1].
        with_consensus : share of votes that are the consensus. with_others : share of other people's votes on the same
        examples that agree. often : the most frequent confusion, "true -> vote" with its share of that class.

    Raises
    ------
    MissingEvidence : the run has no votes.
    """
    run = opened(run)
    votes = votes_needed(run)
    found = dawid_skene(votes)
    best = np.nan_to_num(found.posterior, nan=-1.0).argmax(axis=1)
    total = np.bincount(votes.annotators, minlength=len(votes.names))
    hits = np.bincount(votes.annotators, votes.labels == best[votes.rows], minlength=len(votes.names))
    off = found.confusion * (1 - np.eye(votes.k))
    at = (off * found.priors[:, None]).reshape(len(votes.names), -1).argmax(axis=1)
    often = [
        f"{run.classes[true]} -> {run.classes[said]} ({off[one, true, said]:.0%})"
        for one, (true, said) in enumerate(zip(*divmod(at, votes.k)))
    ]
    table = pd.DataFrame(
        {
            "votes": total,
            "quality": np.einsum("ajj,j->a", found.confusion, found.priors),
            "with_consensus": hits / np.maximum(total, 1),
            "with_others": _with_others(votes, votes.counts(), votes.per_row()),
            "often": often,
        },
        index=pd.Index(votes.names, name="annotator", dtype=object),
    )
    return table.sort_values("quality", kind="stable")
