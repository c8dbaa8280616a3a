"""Match spans by their texts: likeness of two texts, an assignment by likeness, and words of a text that are alike."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np

from workbench.issues.spans.tokens import word_places

ORDER_WEIGHT = 0.3
"""Penalty of an assignment for a whole text between the expected and the actual place in the order."""

LEAST_LIKE = 0.75
"""Likeness from which words of a text are proposed for a span that was lost."""


def likeness(one: str, other: str) -> float:
    """Return the ratio of matching characters of two texts, without case, in [0, 1].

    2 M / T, with M characters in matching blocks (Ratcliff and Obershelp) of T in both texts.
    """
    if not one or not other:
        return 0.0
    return SequenceMatcher(None, one.casefold(), other.casefold(), autojunk=False).ratio()


def placed_by_likeness(like: np.ndarray, allowed: np.ndarray) -> list[int]:
    """Assign pairs of markers to spans of the source.

    Parameters
    ----------
    like : float (f, s) in [0, 1], likeness of f pairs of markers and s spans, both in their order. allowed : bool
        (f, s).

    Returns
    -------
    list of f numbers of spans, -1 for a pair of markers without one. As many are assigned as possible; of these
    assignments, the one with the largest sum of likeness above 0.5 minus the penalty for another order.
    """
    from scipy.optimize import linear_sum_assignment

    f, s = like.shape
    if not f or not s:
        return [-1] * f
    places = [np.arange(size) / max(size - 1, 1) for size in (f, s)]
    gain = 10 + np.maximum(2 * like - 1, 0) - ORDER_WEIGHT * np.abs(places[0][:, None] - places[1][None, :])
    rows, columns = linear_sum_assignment(np.where(allowed, gain, 0.0), maximize=True)
    found = [-1] * f
    for row, column in zip(rows.tolist(), columns.tolist()):
        if allowed[row, column]:
            found[row] = column
    return found


def nearest_words(text: str, names: Sequence[str], taken: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """Return the position of the words of a text that are most like one of the names, outside of taken positions.

    None if no words are alike (`LEAST_LIKE`).
    """
    places = word_places(text)
    best, at = LEAST_LIKE, None
    for name in names:
        size = len(word_places(name))
        for length in range(max(size - 1, 1), size + 2):
            for first in range(len(places) - length + 1):
                start, end = places[first][0], places[first + length - 1][1]
                if any(low < end and high > start for low, high in taken):
                    continue
                found = likeness(text[start:end], name)
                if found > best or (at is None and found >= best):
                    best, at = found, (start, end)
    return at
