"""What several annotators' votes say about the given label, beside a model that has seen no label of the example.

Each annotator has a confusion matrix, learned from the votes under the current belief about the true classes and
leaning on the matrix of all annotators together; a few rounds of Bayes' rule. Votes at random teach flat matrices, and
so say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workbench.people.votes import Votes

ROUNDS = 3
LEAN = 10.0
"""Votes of each true class that the matrix of all annotators is worth in each one's own."""
SMOOTH = 0.01
MOST_CELLS = 20_000_000  # annotators x k x k; above, one matrix for all
MADE_OF = 0.995
"""From this share of rows whose given label is among their votes, the label is taken to be made of these votes."""


@dataclass(frozen=True)
class Voted:
    """What the votes say, of the rows that have any.

    Attributes
    ----------
    rows : int (u,), rows with a vote. odds : float64 (u,), log odds that the given label is wrong; NaN without a label.
    other : int (u,), likeliest class beside the given one. p_other : float64 (u,), its probability.
    made_of : whether the given labels are made of these votes
    """

    rows: np.ndarray
    odds: np.ndarray
    other: np.ndarray
    p_other: np.ndarray
    made_of: bool


def weigh_votes(votes: Votes, logs: np.ndarray, given: np.ndarray, noise: np.ndarray | None) -> Voted:
    """The posterior of each true class from the model, the votes and, where it is a further opinion, the given label.

    Parameters
    ----------
    votes : with at least one vote
    logs : float (u, k), log probabilities of a model, out-of-sample, of the rows with a vote in ascending order
    given : int (n,), -1 = unlabelled
    noise : float (k, k), P(given = row | true = column); None leaves the given label out

    Notes
    -----
    q_i(c) ~ P_i(c) prod_a T_a[v_ia, c], T_a from soft counts of the votes under q plus `LEAN` votes a class by the
    matrix of all annotators: Dawid & Skene 1979 with a model's probabilities in place of the class shares.
    """
    rows = np.unique(votes.rows)
    place = np.searchsorted(rows, votes.rows)
    k, u = votes.k, len(rows)
    labels = given[rows]
    known = labels >= 0
    among = np.zeros(u, bool)
    among[place[votes.labels == given[votes.rows]]] = True
    made_of = bool(known.any() and among[known].mean() >= MADE_OF)
    start = np.asarray(logs, np.float64).copy()
    if noise is not None and not made_of:
        start[known] += np.log(np.maximum(noise[labels[known]], 1e-6))
    a = len(votes.names) if len(votes.names) * k * k <= MOST_CELLS else 1
    people = votes.annotators if a > 1 else np.zeros(len(votes.rows), np.int64)
    cell = people * k + votes.labels
    current = start
    for _ in range(ROUNDS):
        belief = _softmax(current)
        seen = np.stack([np.bincount(cell, belief[place, true], minlength=a * k) for true in range(k)], axis=1)
        seen = seen.reshape(a, k, k)  # annotator, vote, true class
        together = seen.sum(axis=0) + SMOOTH
        together /= together.sum(axis=0)
        seen += LEAN * together
        said = np.log(seen / seen.sum(axis=1, keepdims=True))
        current = start.copy()
        np.add.at(current, place, said[people, votes.labels])
    current -= current.max(axis=1, keepdims=True)
    current -= np.log(np.exp(current).sum(axis=1, keepdims=True))
    every = np.arange(u)
    own = np.where(known, current[every, np.maximum(labels, 0)], np.nan)
    current[every[known], labels[known]] = -np.inf
    other = current.argmax(axis=1)
    against = current.max(axis=1)
    against = against + np.log(np.exp(current - against[:, None]).sum(axis=1))
    return Voted(rows, against - own, other, np.exp(current[every, other]), made_of)


def class_shares(given: np.ndarray, k: int, u: int) -> np.ndarray:
    """(u, k) log class shares, for votes without a model."""
    counts = np.bincount(given[given >= 0], minlength=k) + 1.0
    return np.tile(np.log(counts / counts.sum()), (u, 1))


def _softmax(logs: np.ndarray) -> np.ndarray:
    values = np.exp(logs - logs.max(axis=1, keepdims=True))
    return values / values.sum(axis=1, keepdims=True)
