"""Labels of several people for the same examples: their consensus, and the quality of each annotator.

The estimators work on the list of votes (`votes`) and never on a matrix of examples by annotators.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError
from workbench.foundation.progress import task
from workbench.issues.calibration import expit, logit
from workbench.issues.confusion import needed
from workbench.review.crowdlab import crowdlab, crowdlab_consensus, with_others
from workbench.runs.run import opened
from workbench.runs.votes import Votes, votes_needed
from workbench.scores.disagreement import annotator_disagreement
from workbench.tasks import require_task

if TYPE_CHECKING:
    from workbench.runs.run import Run

__all__ = ["DawidSkene", "annotator_quality", "consensus", "crowdlab", "dawid_skene", "majority"]

VOTE_SMOOTHING = 0.01  # votes added to every cell of an annotator's confusion matrix, so that no vote is impossible
SHARED = (
    1.0  # votes distributed as in the common confusion matrix, which `consensus` adds to each row of an annotator's
)
MOST_MATRIX_CELLS = 200_000_000  # annotators x k x k of Dawid and Skene
FEWEST_KNOWN = 50  # minimum number of examples with a known label for calibration
MOST_ERROR = (
    0.025  # expected error above which p_consensus is only roughly calibrated; real crowds had up to .038 below
)
MOST_ODDS = 7.0  # log odds are clipped at this value
NOT_CALIBRATED = "not calibrated: annotators may share mistakes, which votes alone cannot show; `known` calibrates"


# ---- consensus -----------------------------------------------------------------------------------------------


def majority(votes: Votes) -> np.ndarray:
    """Return the share of the votes for each class, float64 (n, k); NaN in rows without a vote."""
    total = votes.per_row()[:, None]
    return np.divide(votes.counts(), total, out=np.full((votes.n, votes.k), np.nan), where=total > 0)


@dataclass(frozen=True)
class DawidSkene:
    """Result of `dawid_skene`.

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


def dawid_skene(
    votes: Votes, *, shared: float = 0.0, most_iterations: int = 500, tolerance: float = 1e-6
) -> DawidSkene:
    """Consensus and annotators' confusion matrices by maximum likelihood.

    Parameters
    ----------
    shared : votes added to each row of an annotator's confusion matrix, distributed as in the common matrix; 0 is the
        published method. Matters for annotators with few votes
    most_iterations, tolerance : EM stops when no posterior moves by more than `tolerance`

    Notes
    -----
    The model assumes that annotators err independently given the true class, each with one confusion matrix for all
    examples (Dawid & Skene 1979, Maximum likelihood estimation of observer error-rates using the EM algorithm). EM
    starts from the shares of votes and stops when no posterior changes by more than `tolerance`; 0.01 votes are added
    to every cell. It finds a local optimum, in which classes are swapped if most annotators make the same error. Cost
    per iteration: votes x k; memory: annotators x k x k.
    """
    a, k = len(votes.names), votes.k
    if a * k * k > MOST_MATRIX_CELLS:
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
            seen = np.bincount(cell, posterior[place, true], minlength=a * k).reshape(a, k) + VOTE_SMOOTHING
            everybody = seen.sum(axis=0)
            seen += shared * everybody / everybody.sum()
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


# ---- public functions ----------------------------------------------------------------------------------------------


CONSENSUS_METHODS = ("majority", "dawid_skene", "crowdlab")


@task("consensus", 1)
def consensus(run: Run, method: str = "dawid_skene", *, known: pd.Series | None = None) -> pd.DataFrame:
    """Consensus of the annotators for every example that has a vote.

    Parameters
    ----------
    run : a Run or its path.
    method : "majority", "dawid_skene" (weights annotators by their quality), or "crowdlab" (also uses the run's
        out-of-fold probabilities)
    known : Series of labels indexed by id: the true labels of some examples, chosen independently of the votes, such as
        questions with a known answer. At least 50 are needed; p_consensus is calibrated on them

    Returns
    -------
    DataFrame indexed by id in dataset order
        given_label, consensus : in the type in which the labels were given; ties of the majority go to the given label,
        else to the first class (those of CROWDLAB: `crowdlab_consensus`).
        p_consensus : the method's probability of the consensus, in [0, 1]. calibrated : bool, whether `known` was used
        and the expected error is at most .025. votes : int. annotator_disagreement : the score.
        attrs : method; calibrated; calibration, a description of how far p_consensus can be trusted; calibration_error
        (with `known`), the expected absolute error of p_consensus; converged (for "dawid_skene").

    Raises
    ------
    MissingEvidence : the run has no votes, or no probabilities for "crowdlab".
    InputError : an unknown method, or `known` has fewer than 50 examples with votes, or a class that is not the run's.

    Warns
    -----
    UserWarning : Dawid and Skene's iterations did not converge, or no example has two votes.

    Notes
    -----
    **p_consensus is not a calibrated probability unless `known` is given.** Votes alone cannot distinguish a class that
    all annotators mistake for another from a class on which all are right. On twelve published crowds the mean
    p_consensus of "dawid_skene" was .04 to .25 above the accuracy; on simulated annotators who err independently, up to
    .08. The share of votes is mostly too low. With `known`, p' = expit(a + b logit p), fitted by penalised likelihood
    around (0, 1). The expected error is the mean standard error of p' (delta method), times sqrt(2 / pi); it does not
    include a relation that is not logistic. On published crowds, the calibration error was at most .04 if it was below
    .025, and up to .08 if it was below .05 (`attrs["calibration"]` then says that it is not calibrated).

    "dawid_skene" adds one vote, distributed as in the common confusion matrix, to each row of an annotator's matrix, so
    that annotators with few votes are close to the average annotator (`dawid_skene` has the plain method).
    """
    run = opened(run)
    require_task(run, "multiclass", "consensus")
    if method not in CONSENSUS_METHODS:
        raise InputError.unknown("method", method, CONSENSUS_METHODS)
    votes = votes_needed(run)
    total = votes.per_row()
    rows = np.flatnonzero(total)
    attrs: dict[str, object] = {"method": method}
    if method == "crowdlab":
        probs, code = crowdlab_consensus(votes, needed(run, "CROWDLAB").values)
        best, code = probs[rows], code[rows]
    else:
        if method == "dawid_skene":
            found = dawid_skene(votes, shared=SHARED)
            _warn_of(votes, found)
            attrs["converged"] = found.converged
            probs = found.posterior if total.max() > 1 else majority(votes)
        else:
            probs = majority(votes)
        best = np.nan_to_num(probs[rows], nan=-1.0)
        given = run.dataset.given_labels[rows]
        labelled = np.flatnonzero(given >= 0)
        tied = best[labelled, given[labelled]] >= best[labelled].max(axis=1) - 1e-12
        code = best.argmax(axis=1)
        code[labelled[tied]] = given[labelled[tied]]
    p = best[np.arange(len(rows)), code]
    attrs["calibrated"], attrs["calibration"] = False, NOT_CALIBRATED
    if known is not None:
        p, error, count = _calibrated(run, rows, code, p, known)
        attrs["calibrated"], attrs["calibration_error"] = error <= MOST_ERROR, error
        how = f"on {count:,} examples with a known label, expected error {error:.2f}"
        rough = f"not calibrated, only roughly {how}: pass more for an error of at most {MOST_ERROR:g}"
        attrs["calibration"] = f"calibrated {how}" if error <= MOST_ERROR else rough
    table = pd.DataFrame(
        {
            "given_label": run.dataset.given[rows],
            "consensus": run.dataset.labels_of(code),
            "p_consensus": p,
            "calibrated": attrs["calibrated"],
            "votes": total[rows],
            "annotator_disagreement": annotator_disagreement(votes.counts())[rows],
        },
        index=pd.Index(run.dataset.ids[rows], name="id"),
    )
    table.attrs = attrs
    return table


def _warn_of(votes: Votes, found: DawidSkene) -> None:
    """Warn if the probabilities of Dawid and Skene have no basis, or if the iterations did not converge."""
    todo = "The classes may be correct, but the probabilities are not reliable."
    if len(votes.rows) and votes.per_row().max() < 2:
        warnings.warn(
            f"no example has two votes, so the quality of an annotator cannot be estimated. {todo}", stacklevel=3
        )
    elif not found.converged:
        warnings.warn(f"Dawid and Skene did not converge in {found.iterations} iterations. {todo}", stacklevel=3)


def _calibrated(
    run: Run, rows: np.ndarray, code: np.ndarray, p: np.ndarray, known: pd.Series
) -> tuple[np.ndarray, float, int]:
    """Return probabilities calibrated by a logistic map fitted to examples with known labels, their expected absolute
    error, and the number of these examples."""
    if not isinstance(known, pd.Series):
        todo = "Pass a Series of class names indexed by id."
        raise InputError.at("known", f"is a {type(known).__name__}", todo)
    known = known.dropna()
    truth = pd.Series([run.dataset.code_of(name) for name in known], index=known.index, dtype=np.int64)
    truth = truth.reindex(run.dataset.ids[rows])
    there = truth.notna().to_numpy()
    if there.sum() < FEWEST_KNOWN:
        found = f"names {int(there.sum())} examples that have votes"
        raise InputError.at("known", found, f"Pass the true labels of at least {FEWEST_KNOWN}, or omit it.")
    right = (truth.to_numpy()[there] == code[there]).astype(float)
    x = np.clip(logit(p), -MOST_ODDS, MOST_ODDS)
    a, b = fitted_line(x[there], right)
    fresh = expit(a + b * x)
    design = np.stack([np.ones(len(x)), x], axis=1)
    slope = fresh * (1 - fresh)
    curve = (design[there] * slope[there, None]).T @ design[there] + np.eye(2)
    deviation = slope * np.sqrt(np.einsum("ij,jk,ik->i", design, np.linalg.inv(curve), design))
    return fresh, float(np.sqrt(2 / np.pi) * deviation.mean()), int(there.sum())


def fitted_line(x: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Return (a, b) of the logistic model P(correct) = expit(a + b x), b >= 0, with a quadratic penalty towards (0,
    1)."""
    from scipy.optimize import minimize

    def cost(line: np.ndarray) -> float:
        odds = line[0] + line[1] * x
        return float(np.logaddexp(0, odds).sum() - right @ odds + 0.5 * (line[0] ** 2 + (line[1] - 1) ** 2))

    a, b = minimize(cost, np.array([0.0, 0.5]), method="L-BFGS-B", bounds=((None, None), (0.0, None))).x
    return float(a), float(b)


def annotator_quality(run: Run) -> pd.DataFrame:
    """One row per annotator, the least reliable first.

    Parameters
    ----------
    run : a Run or its path.

    Returns
    -------
    DataFrame indexed by annotator
        votes : int. quality : P(vote = true class) by Dawid and Skene, weighted by the class priors, in [0, 1].
        with_consensus : share of votes that equal the consensus. with_others : share of other annotators' votes on the
        same examples that agree. often : the most frequent confusion, "true -> vote" with its share of that class.

    Raises
    ------
    MissingEvidence : the run has no votes.
    """
    run = opened(run)
    require_task(run, "multiclass", "annotator_quality")
    votes = votes_needed(run)
    found = dawid_skene(votes, shared=SHARED)
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
            "with_others": with_others(votes, votes.counts(), votes.per_row()),
            "often": often,
        },
        index=pd.Index(votes.names, name="annotator", dtype=object),
    )
    return table.sort_values("quality", kind="stable")
