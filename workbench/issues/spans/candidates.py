"""Propose missing spans, and replacements for given ones, from probabilities of tags."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LEAST_SPAN = 0.08
"""Smallest probability of the begin, of each further token, and of the whole of a candidate."""

LONGEST_SPAN = 60
"""Tokens of a candidate."""


class Proposals(NamedTuple):
    """Proposed spans: first, last (tokens, half-open), label (class) and p (probability of the whole), (c,) each."""

    first: np.ndarray
    last: np.ndarray
    label: np.ndarray
    p: np.ndarray


def proposed(probs: np.ndarray, starts: np.ndarray) -> Proposals:
    """Return all spans that are likely enough, the most likely first, including overlapping ones.

    Parameters
    ----------
    probs : (t, 2 k + 1) of O, B and I of each class. starts : (n + 1,) of the examples.

    Notes
    -----
    A span of class c starts where P(B) > .08 and continues while P(I) > .08; its probability is the product of these
    and of 1 - P(I) of the token after it.
    """
    begins = np.argwhere(probs[:, 1::2] > LEAST_SPAN)
    at, label = begins.T if len(begins) else (np.empty(0, np.int64), np.empty(0, np.int64))
    stop = starts[np.searchsorted(starts, at, side="right")]
    p = probs[at, 2 * label + 1] if len(at) else np.empty(0)
    found = []
    end = at + 1
    for _ in range(LONGEST_SPAN):
        if not len(at):
            break
        inside = end < stop
        on = np.where(inside, probs[np.minimum(end, len(probs) - 1), 2 * label + 2], 0)
        whole = p * (1 - on)
        ends = whole > LEAST_SPAN
        found.append((at[ends], end[ends], label[ends], whole[ends]))
        goes = (on > LEAST_SPAN) & (p * on > LEAST_SPAN)
        at, stop, label, p, end = at[goes], stop[goes], label[goes], (p * on)[goes], end[goes] + 1
    if not found:
        none = np.empty(0, np.int64)
        return Proposals(none, none, none, np.empty(0))
    first, last, label, p = (np.concatenate(one) for one in zip(*found))
    order = np.lexsort((first, -p))
    return Proposals(first[order], last[order], label[order], p[order])


def free_of(found: Proposals, taken: np.ndarray) -> np.ndarray:
    """Choose spans greedily so that none overlaps an earlier one.

    Parameters
    ----------
    found : the most likely first. taken : (t,) bool, tokens that are not free.

    Returns
    -------
    Indices of the chosen ones, (c,) int64.
    """
    used = taken.copy()
    chosen = []
    for place, (first, last) in enumerate(zip(found.first.tolist(), found.last.tolist())):
        if not used[first:last].any():
            used[first:last] = True
            chosen.append(place)
    return np.array(chosen, np.int64)
