"""Combine annotators' votes with the predictions of a model that has not seen the label of the example.

Each annotator has a confusion matrix, estimated from the votes under the current posterior of the true classes and
shrunk to the matrix of all annotators, in a few rounds of Bayes' rule. Random votes lead to flat matrices and therefore
carry no weight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.foundation.rows import softmax

if TYPE_CHECKING:
    from workbench.runs.votes import Votes

NO_CLOSER = "are no closer to the model's predictions than votes on other examples"
REPEAT_GIVEN = "repeat the given labels"
SURE_VOTES, LEAST_VOTES = 4.0, 20
"""Standard errors by which agreement of votes with the model must exceed chance: for all votes together, and half of it
for each annotator with at least `LEAST_VOTES` votes."""
COPIES, SAME_VOTER_PAIRS = 0.995, 30
"""Annotators who agree on this share of at least `LEAST_VOTES` common examples count as one; checked for at most
`MOST_PAIRS` annotators."""
VOTING_ROUNDS = 3
LEAN = 10.0
"""Weight of the matrix of all annotators in each annotator's own, in votes per true class."""
SMOOTH = 0.01
MOST_VOTE_CELLS = 20_000_000  # annotators x k x k; above, one matrix for all
MADE_OF = 0.995
"""If at least this share of given labels is among the votes of the row, labels are assumed to be derived from votes."""


@dataclass(frozen=True)
class Voted:
    """Posterior for the rows with votes.

    Attributes
    ----------
    rows : int (u,), rows with a vote. odds : float64 (u,), log odds that the given label is wrong; NaN without a label.
    other : int (u,), most probable class other than the given one. p_other : float64 (u,), its probability.
    made_of : whether the given labels are derived from these votes
    """

    rows: np.ndarray
    odds: np.ndarray
    other: np.ndarray
    p_other: np.ndarray
    made_of: bool


def usable(votes: Votes, predicted: np.ndarray, given: np.ndarray) -> tuple[Votes | None, str]:
    """Return the informative votes, or None and the reason in words.

    Parameters
    ----------
    predicted : int (u,), most likely class by an out-of-sample model, for the rows with a vote in ascending order
    given : int (n,), -1 = unlabelled

    Notes
    -----
    Left out are votes that repeat the given labels, annotators who copy another one, and annotators, or all of them,
    whose votes agree with the model no more than by chance (the product of both class shares).
    """
    labels = given[votes.rows]
    if (labels >= 0).any() and (votes.labels == labels)[labels >= 0].mean() >= COPIES:
        return None, REPEAT_GIVEN
    keep = np.ones(len(votes.rows), bool)
    for one, other in _copies(votes):
        keep &= (votes.annotators != other) | ~np.isin(votes.rows, votes.rows[votes.annotators == one])
    model = predicted[np.searchsorted(np.unique(votes.rows), votes.rows)]
    agree = votes.labels == model
    shares = np.bincount(predicted, minlength=votes.k) / max(len(predicted), 1)
    chance = shares[votes.labels]
    spread = chance * (1 - chance)

    def surplus(groups: np.ndarray, many: int) -> np.ndarray:
        excess = np.bincount(groups[keep], (agree - chance)[keep], minlength=many)
        return excess / np.sqrt(np.maximum(np.bincount(groups[keep], spread[keep], minlength=many), 1e-12))

    if surplus(np.zeros(len(keep), np.int64), 1)[0] < SURE_VOTES:
        return None, NO_CLOSER
    cast = np.bincount(votes.annotators, minlength=len(votes.names))
    idle = (cast >= LEAST_VOTES) & (surplus(votes.annotators, len(votes.names)) < SURE_VOTES / 2)
    keep &= ~idle[votes.annotators]
    if not keep.any():
        return None, NO_CLOSER
    return replace(votes, rows=votes.rows[keep], annotators=votes.annotators[keep], labels=votes.labels[keep]), ""


def _copies(votes: Votes) -> list[tuple[int, int]]:
    """Return pairs of annotators in which the second repeats the first."""
    a = len(votes.names)
    if not 2 <= a <= SAME_VOTER_PAIRS:
        return []
    table = np.full((a, votes.n), -1, np.int32)
    table[votes.annotators, votes.rows] = votes.labels
    found = []
    for one in range(a):
        for other in range(one + 1, a):
            shared = (table[one] >= 0) & (table[other] >= 0)
            if shared.sum() >= LEAST_VOTES and (table[one] == table[other])[shared].mean() >= COPIES:
                found.append((one, other))
    return found


def weigh_votes(
    votes: Votes, logs: np.ndarray, given: np.ndarray, noise: np.ndarray | None, *, model: bool = True
) -> Voted:
    """Compute the posterior of each true class from the model, the votes and, if independent of them, the given label.

    Parameters
    ----------
    votes : with at least one vote
    logs : float (u, k), log probabilities of an out-of-sample model, for the rows with a vote in ascending order
    given : int (n,), -1 = unlabelled
    noise : float (k, k), P(given = row | true = column); None ignores the given label
    model : False if `logs` are only the class shares

    Notes
    -----
    q_i(c) ~ P_i(c) prod_a T_a[v_ia, c], with T_a from soft counts of the votes under q plus `LEAN` votes per class from
    the matrix of all annotators: Dawid & Skene 1979 with a model's probabilities instead of the class shares.
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
    a = len(votes.names) if len(votes.names) * k * k <= MOST_VOTE_CELLS else 1
    people = votes.annotators if a > 1 else np.zeros(len(votes.rows), np.int64)
    cell = people * k + votes.labels
    current = start
    if not model:  # only votes separate the classes: start from their shares
        tally = np.bincount(place * k + votes.labels, minlength=u * k).reshape(u, k)
        current = start + np.log(tally + 0.5)
    for _ in range(VOTING_ROUNDS):
        belief = softmax(current)
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
    """Return log class shares (u, k), for votes without a model."""
    counts = np.bincount(given[given >= 0], minlength=k) + 1.0
    return np.tile(np.log(counts / counts.sum()), (u, 1))
