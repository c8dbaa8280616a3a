"""CROWDLAB: consensus of votes and a classifier (Goh, Tkachenko, Mueller 2022), as computed by cleanlab 2.9."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.foundation.errors import InputError
from workbench.runs.votes import Votes

LEAST_WEIGHT = 1e-6  # weight of an annotator no better than always choosing the most frequent class


def crowdlab(votes: Votes, pred_probs: Any) -> np.ndarray:
    """Consensus probabilities (n, k) of the votes and a classifier; without votes, those of the classifier.

    Parameters
    ----------
    pred_probs : float array (n, k), out-of-sample

    Notes
    -----
    The probabilities are those of `crowdlab_consensus`.
    """
    return crowdlab_consensus(votes, pred_probs)[0]


def crowdlab_consensus(votes: Votes, pred_probs: Any) -> tuple[np.ndarray, np.ndarray]:
    """Consensus probabilities (n, k), and the consensus (n,) as class index, -1 without a vote.

    Notes
    -----
    A weighted mean (Goh, Tkachenko, Mueller 2022, CROWDLAB, section 3): an annotator says P for the class chosen and
    (1 - P) / (k - 1) for others, P being the mean over examples of the share of votes that agree with the consensus,
    where two or more voted. Weights: 1 - (1 - A) / (1 - B), at least 1e-6, with A the agreement of an annotator with
    the others' votes, or of the classifier with the consensus, and B that of always saying the most frequent class; the
    classifier's times the root of the mean number of votes. The consensus in P, A and B is the majority at first, then
    the most probable class by the resulting probabilities; the probabilities are those of the second round, the
    consensus that of the first, as in cleanlab's "best_quality". Ties of the majority go to the classifier's likelier
    class, then to the rarer class, then to the annotators who agree more with the rest;
    where cleanlab chooses at random, to the first.
    """
    probs = np.asarray(pred_probs, float)
    if probs.shape != (votes.n, votes.k):
        found = f"has shape {probs.shape} for {votes.n} examples and {votes.k} classes"
        raise InputError.at("pred_probs", found, "Pass one row per example and one column per class.")
    counts, total = votes.counts(), votes.per_row()
    if not total.any():
        return probs.copy(), np.full(votes.n, -1)
    first = _majority(votes, counts, total, probs)
    mixed = _mixed(votes, counts, total, probs, first)
    best = mixed.argmax(axis=1)
    unclear = (mixed == mixed.max(axis=1, keepdims=True)).sum(axis=1) > 1
    best[unclear] = first[unclear]
    best[total == 0] = -1
    return _mixed(votes, counts, total, probs, best), best


def _mixed(votes: Votes, counts: np.ndarray, total: np.ndarray, probs: np.ndarray, consensus: np.ndarray) -> np.ndarray:
    """Return the weighted mean (n, k), with the weights derived from this consensus."""
    shared = total > 1
    among = shared if shared.any() else total > 0
    agreed = consensus[among]
    share = counts[np.flatnonzero(among), agreed] / total[among]
    certain = float(share.mean())
    base = max(float((agreed != np.bincount(agreed, minlength=votes.k).argmax()).mean()), LEAST_WEIGHT)

    def weight(accuracy: np.ndarray | float) -> np.ndarray:
        return np.maximum(1 - (1 - np.asarray(accuracy)) / base, LEAST_WEIGHT)

    rate = with_others(votes, counts, total)
    rate = np.where(np.isnan(rate), np.nanmean(rate) if not np.isnan(rate).all() else certain, rate)
    of_model = weight((probs.argmax(axis=1)[among] == agreed).mean()) * np.sqrt(total[total > 0].mean())
    of_vote = weight(rate)[votes.annotators]
    other = (1 - certain) / max(votes.k - 1, 1)
    mixed = of_model * probs + other * np.bincount(votes.rows, of_vote, minlength=votes.n)[:, None]
    np.add.at(mixed, (votes.rows, votes.labels), of_vote * (certain - other))
    return mixed / (of_model + np.bincount(votes.rows, of_vote, minlength=votes.n))[:, None]


def _majority(votes: Votes, counts: np.ndarray, total: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Return the class with most votes (n,); ties by the classifier, then the rarer class, then the better
    annotators."""
    tied = (counts == counts.max(axis=1, keepdims=True)) & (total > 0)[:, None]
    alone = tied.sum(axis=1) == 1
    label = np.where(alone, tied.argmax(axis=1), -1)
    tied = _keep_largest(tied, probs)
    tied = _keep_largest(tied, -np.broadcast_to(counts.sum(axis=0).astype(float), tied.shape))
    if (tied.sum(axis=1) > 1).any():
        inside = alone[votes.rows]
        who, agrees = votes.annotators[inside], votes.labels[inside] == label[votes.rows[inside]]
        hits = np.bincount(who, agrees, len(votes.names))
        seen = np.bincount(who, minlength=len(votes.names))
        quality = np.divide(hits, seen, out=np.full(len(votes.names), np.nan), where=seen > 0)
        quality = np.where(np.isnan(quality), np.nanmean(quality) if seen.any() else 1.0, quality)
        cell = votes.rows * votes.k + votes.labels
        sums = np.bincount(cell, quality[votes.annotators], minlength=votes.n * votes.k).reshape(counts.shape)
        tied = _keep_largest(tied, sums / np.maximum(counts, 1))
    return tied.argmax(axis=1)


def _keep_largest(tied: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Among the tied classes of each row, those with the largest `by`."""
    values = np.where(tied, by, -np.inf)
    return tied & (values == values.max(axis=1, keepdims=True))


def with_others(votes: Votes, counts: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Return the share of other votes on the same examples that agree with each annotator's (a,); NaN if there are
    none."""
    same = counts[votes.rows, votes.labels] - 1
    others = total[votes.rows] - 1
    a = len(votes.names)
    seen = np.bincount(votes.annotators, others, minlength=a)
    return np.divide(np.bincount(votes.annotators, same, minlength=a), seen, out=np.full(a, np.nan), where=seen > 0)
