"""Reduce pooled log probabilities to a few numbers per row about the given label.

One pass over blocks of rows. Bayes' rule with a noise matrix turns the distribution of labels that would be given into
the posterior of the true label, given the actual one; annotators' votes are added if there are any.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from workbench.evidence.evidence import Evidence
from workbench.foundation.rows import softmax
from workbench.issues import counts
from workbench.issues.calibration import expit, logit, shifted_to
from workbench.issues.likelihood import fit_sample
from workbench.issues.linked import LINKS, Linked
from workbench.issues.nearby import Read
from workbench.issues.noise import flips_of, noise_matrices
from workbench.issues.temperature import power_and_noise
from workbench.issues.voting import Voted, class_shares, usable, weigh_votes
from workbench.issues.weighing import Weights

GIVEN_PROBS = "given pred_probs"
VOTES = "annotators' votes"
FLOOR = 1e-6
AGREEMENT = 0.6  # exponent of pooled probabilities beside the noise matrix: views that agree are not independent
ALONE = 0.8  # the same exponent for given probabilities alone
SHARPENED = 10**7  # rows x classes on which the noise matrix of sharpened probabilities is counted
BLOCK_CELLS = 1 << 22
"""Rows x classes of one block."""


@dataclass(frozen=True)
class Opinion:
    """The pooled views, reduced to a few numbers per row.

    Attributes
    ----------
    p_given : float32 (n,), pooled probability of the given label; NaN for an unlabelled row
    other : int32 (n,), most probable class other than the given one (of all for an unlabelled row); -1 for k = 1
    p_other : float32 (n,), its pooled probability
    p_wrong : float32 (n,), posterior probability that the given label is wrong, smoothed noise matrix: ranks best
    p_rough : float32 (n,), the same after sharpening (`temperature`), with the noise estimated by `counts`: ranks less
        well, but its mean is the estimated share of errors
    p_least : float32 (n,), the same with the least noise that the labels allow (with intermediate noise if errors
        clearly occur between classes that the model confuses): for conservative selection
    p_suggested : float32 (n,), posterior probability of `other`
    views : tuple of str, the pooled views
    count : number of wrong labels, and whether the labels identify it
    notes : list of str
    weights : weight of each kind of evidence, and what was set aside; None for one kind with k = 1
    control : float32 (n,) or None, probability of the given label by the first head alone
    vectors : float32 (n, p) or None, the space in which the heads work
    voted : posterior of the rows with annotators' votes; None without votes
    linked : predictions from the labels of linked nodes; None without edges
    """

    p_given: np.ndarray
    other: np.ndarray
    p_other: np.ndarray
    p_wrong: np.ndarray
    p_rough: np.ndarray
    p_least: np.ndarray
    p_suggested: np.ndarray
    views: tuple[str, ...]
    count: counts.Count
    notes: list[str] = field(default_factory=list)
    weights: Weights | None = None
    control: np.ndarray | None = None
    vectors: np.ndarray | None = None
    voted: Voted | None = None
    linked: Linked | None = None

    def log_odds(self) -> np.ndarray:
        """Return log odds (n,) float64 that the given label is wrong, including votes; NaN for an unlabelled row."""
        odds = logit(self.p_wrong.astype(float))
        if self.voted is not None:
            odds[self.voted.rows] = self.voted.odds
        return odds


@dataclass(frozen=True)
class _Rule:
    """Maps log probabilities and a given label to the probability that the label is wrong.

    Attributes
    ----------
    noise : float32 (k, k) smoothed log noise matrix; None with too many classes
    sharp_noise : the same for sharpened probabilities. power : sharpening exponent. exponent : of pooled probabilities
    rate : rough error rate, used without a noise matrix
    """

    noise: np.ndarray | None
    sharp_noise: np.ndarray | None
    power: float
    exponent: float
    rate: float

    def posteriors(self, logs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return posteriors of the given labels (m,), sharpened, and of all labels (m, k), which rank best."""
        here = np.arange(len(labels)), labels
        if self.noise is None or self.sharp_noise is None:
            posterior = under_one_rate(logs, labels, self.rate)
            return posterior[here], posterior
        sharpened = softmax(self.power * logs + self.sharp_noise[labels])
        return sharpened[here], softmax(self.exponent * logs + self.noise[labels])


def reduced(
    read: Read, matrices: list[np.ndarray] | None, evidence: Evidence, views: tuple[str, ...], notes: list[str],
    weights: Weights | None = None, control: np.ndarray | None = None, vectors: np.ndarray | None = None,
    apart: tuple[np.ndarray, ...] = (), looked: np.ndarray | None = None,
) -> Opinion:  # fmt: skip
    """Reduce log probabilities to an `Opinion` in one pass over blocks of rows.

    Parameters
    ----------
    read : rows -> float32 (m, k) log probabilities. matrices : noise matrices (k, k), the smoothed one first, or None
    evidence : of the run. views, notes, weights, control, vectors : parts of the result, see `Opinion`
    apart : log probabilities (m, k) of classifiers by themselves, of the rows `looked`, by which errors are counted
    """
    n, k, given = evidence.n, evidence.k, evidence.given_labels
    step = max(1, BLOCK_CELLS // k)
    parts = [slice(start, min(start + step, n)) for start in range(0, n, step)]
    rule = _rule(read, matrices, evidence, views, weights, parts)
    names = ("p_given", "p_other", "p_wrong", "p_rough", "p_suggested")
    out = {name: np.full(n, np.nan, np.float32) for name in names}
    other = np.full(n, -1, np.int32)
    labelled_rows = np.flatnonzero(given >= 0)
    found = flips = None
    if k > 1 and len(labelled_rows):
        if looked is None:
            looked = fit_sample(labelled_rows, k)
        flips = None if matrices is None else flips_of(matrices[0])
        found = counts.look(_normalised(read(looked)), given[looked], flips, apart)
    slips = [np.full(n, np.nan, np.float32) for _ in range(2)]
    disagree = 0
    for part in parts:
        logs, labels = _normalised(read(part)), given[part]
        labelled = np.flatnonzero(labels >= 0)
        rows, labels = labelled + part.start, labels[labelled]
        out["p_given"][rows] = np.exp(logs[labelled, labels])
        _most_probable(logs, labelled, labels, out["p_other"][part], other[part])
        out["p_suggested"][part] = out["p_other"][part]
        if k == 1:
            out["p_wrong"][rows] = out["p_rough"][rows] = 0
            continue
        disagree += int((out["p_other"][rows] > out["p_given"][rows]).sum())
        logs = logs[labelled]
        if found is not None:
            for values, e in zip(slips, (found.noise, found.low)):
                values[rows] = counts.slip(found.power * logs, labels, flips, e)
        right, posterior = rule.posteriors(logs, labels)
        here = np.arange(len(labels)), labels
        out["p_rough"][rows], out["p_wrong"][rows] = 1 - right, 1 - posterior[here]
        posterior[here] = -1
        best = posterior.argmax(axis=1)
        other[rows] = best
        out["p_suggested"][rows], out["p_other"][rows] = posterior[here[0], best], np.exp(logs[here[0], best])
    total = counts.Count(True, 0.0, 0.0, 0.0)
    out["p_least"] = out["p_rough"]
    tells = weights is None or weights.tells
    if found is not None:
        total = counts.count(
            found, out["p_rough"], slips[0], disagree / len(labelled_rows), len(labelled_rows), k, bool(apart), tells,
            counts.MOST_APART if LINKS in views and not apart else np.inf,
        )  # fmt: skip
        out["p_rough"], out["p_least"] = counts.mixed(total, out["p_rough"], *slips)
    voted = None
    if evidence.votes is not None and k > 1:
        voted = _voted(evidence, read, tells, matrices, notes, out, other)
        views = views if voted is None else (*views, VOTES)
    return Opinion(
        **out, other=other, views=views, count=total, notes=notes, weights=weights, control=control, vectors=vectors,
        voted=voted, linked=None,
    )  # fmt: skip


def _rule(
    read: Read, matrices: list[np.ndarray] | None, evidence: Evidence, views: tuple[str, ...], weights: Weights | None,
    parts: list[slice],
) -> _Rule:  # fmt: skip
    share = (weights.shares if weights is not None else {}).get("pred_probs", float(views == (GIVEN_PROBS,)))
    exponent = AGREEMENT + (ALONE - AGREEMENT) * share
    if matrices is None:
        return _Rule(None, None, 1.0, exponent, _rate(evidence, read, parts))
    noise = np.log(np.maximum(matrices[0], FLOOR)).astype(np.float32)
    power, sharp_noise = (1.0, None) if evidence.k == 1 else _sharpened(read, evidence.given_labels, matrices[0])
    return _Rule(noise, sharp_noise, power, exponent, 0.0)


def _most_probable(
    logs: np.ndarray, labelled: np.ndarray, labels: np.ndarray, p_other: np.ndarray, other: np.ndarray
) -> None:
    """Write the most probable class other than the given one, and its probability, for the rows of a block."""
    if logs.shape[1] == 1:
        return
    beside = logs.copy()
    beside[labelled, labels] = -np.inf
    best = beside.argmax(axis=1)
    other[:] = best
    p_other[:] = np.exp(beside[np.arange(len(beside)), best])


def _voted(
    evidence: Evidence, read: Read, tells: bool, matrices: list[np.ndarray] | None, notes: list[str],
    out: dict[str, np.ndarray], other: np.ndarray,
) -> Voted | None:  # fmt: skip
    """Update the rows with annotators' votes; return their posterior, or None if votes are set aside."""
    voted, why = by_votes(evidence, read if tells else None, None if matrices is None else matrices[0])
    if voted is None:
        notes.append(f"{VOTES} set aside: they {why}")
        return None
    rows = voted.rows
    other[rows], out["p_wrong"][rows], out["p_suggested"][rows] = voted.other, expit(voted.odds), voted.p_other
    out["p_other"][rows] = np.exp(_normalised(read(rows))[np.arange(len(rows)), voted.other])
    known = rows[evidence.given_labels[rows] >= 0]
    for name in ("p_rough", "p_least"):  # the posterior ranks, the model's count sets the level
        out[name] = out[name].copy()
        level = float(out[name][known].mean())
        if 0 < level < 1:
            out[name][known] = expit(shifted_to(logit(out["p_wrong"][known].astype(float)), level))
    return voted


def by_votes(evidence: Evidence, read: Read | None, matrix: np.ndarray | None) -> tuple[Voted | None, str]:
    """Return the posterior from votes and a model (`read`: log probabilities of rows; None = no model), or why not."""
    votes, k, given = evidence.votes, evidence.k, evidence.given_labels
    if votes is None:
        return None, "are none"
    if read is not None:
        predicted = read(np.unique(votes.rows)).argmax(axis=1)
        votes, why = usable(votes, predicted, given)
        if votes is None:
            return None, why
    rows = np.unique(votes.rows)
    logs = class_shares(given, k, len(rows)) if read is None else _normalised(read(rows))
    return weigh_votes(votes, logs, given, matrix, model=read is not None), ""


def _sharpened(read: Read, given: np.ndarray, smooth: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the sharpening exponent, and the log noise matrix (k, k) of the sharpened probabilities."""
    k = len(smooth)
    rows = np.flatnonzero(given >= 0)
    rows = rows[:: max(1, len(rows) * k // SHARPENED)]
    logs, labels = _normalised(read(rows)), given[rows]
    power, _ = power_and_noise(logs, labels, flips_of(smooth))
    matrices = noise_matrices(softmax(power * logs), labels, 0)
    assert matrices is not None  # of as many classes as `smooth`
    return power, np.log(np.maximum(matrices[0], FLOOR)).astype(np.float32)


def _rate(evidence: Evidence, read: Read, parts: list[slice]) -> float:
    """Return the share of labelled rows whose given label is not the most likely: a rough rate for many classes."""
    wrong = total = 0
    for part in parts:
        labels = evidence.given_labels[part]
        labelled = np.flatnonzero(labels >= 0)
        wrong += int((read(part)[labelled].argmax(axis=1) != labels[labelled]).sum())
        total += len(labelled)
    return min(max(wrong / max(total, 1), 1e-3), 0.5)


def under_one_rate(logs: np.ndarray, labels: np.ndarray, rate: float) -> np.ndarray:
    """Return the posterior under one error rate, spread evenly over the other classes."""
    shifted = logs.copy()
    shifted[np.arange(len(labels)), labels] += np.log((1 - rate) / rate * (logs.shape[1] - 1))
    return softmax(shifted)


def _normalised(logs: np.ndarray) -> np.ndarray:
    logs = logs - logs.max(axis=1, keepdims=True)
    return logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
