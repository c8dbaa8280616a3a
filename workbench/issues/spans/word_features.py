"""Features of tokens without a model: form, shape, affixes and neighbours, as a sparse binary matrix.

The usual features of taggers (Ratnaparkhi 1996; Okazaki 2007): word, lower case, shape, prefixes and suffixes of up to
four characters, two neighbours on each side, pairs of neighbours, and pairs of shapes and neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from workbench.issues.spans.tokens import Tokens

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LEAST_TOKENS = 2
"""Tokens that a feature needs to count."""

LONGEST_AFFIX = 4
BEYOND_SENTENCE = 0
"""Code of what lies beyond the ends of a sentence."""


def token_features(tokens: Tokens) -> csr_array:
    """Return the features of t tokens, (t, f) float32, the last column 1 for all.

    Features of fewer than `LEAST_TOKENS` tokens are omitted.
    """
    from scipy.sparse import csr_array

    t = len(tokens.words)
    columns, width = [], 0
    for codes in _columns(tokens):
        _, place, count = np.unique(codes, return_inverse=True, return_counts=True)
        number = np.where(count >= LEAST_TOKENS, np.cumsum(count >= LEAST_TOKENS) - 1, -1)[place]
        columns.append(np.where(number >= 0, number + width, -1))
        width += int((count >= LEAST_TOKENS).sum())
    columns.append(np.full(t, width))
    table = np.stack(columns, axis=1)
    there = table >= 0
    starts = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    indices = table[there].astype(np.int32)
    return csr_array((np.ones(len(indices), np.float32), indices, starts.astype(np.int32)), shape=(t, width + 1))


def shape_of(word: str) -> str:
    """Return a word with letters and digits replaced by classes of characters: "McRae-9" is "XxXxx-0".

    Examples
    --------
    >>> shape_of("McRae-9")
    'XxXxx-0'
    """
    return "".join(map(_character, word))


def _character(one: str) -> str:
    if one.isdigit():
        return "0"
    if one.isalpha():
        return "X" if one.isupper() else "x"
    return one


def _short(shape: str) -> str:
    """Collapse runs of equal characters in a shape."""
    return "".join(one for one, before in zip(shape, "\0" + shape) if one != before)


def _columns(tokens: Tokens) -> list[np.ndarray]:
    """Return one column of codes (t,) int64 for each kind of feature."""
    forms, form = np.unique(tokens.words.astype(str), return_inverse=True)

    def per_form(make: Callable[[str], str]) -> np.ndarray:
        """Return codes (t,) from 1 of a function of each form."""
        return (np.unique(np.array([make(one) for one in forms.tolist()]), return_inverse=True)[1] + 1)[form]

    word, lower = form + 1, per_form(str.lower)
    shape = per_form(shape_of)
    short = per_form(lambda one: _short(shape_of(one)))
    affixes = [per_form(lambda one, size=size: one[:size]) for size in range(1, LONGEST_AFFIX + 1)]
    affixes += [per_form(lambda one, size=size: one[-size:]) for size in range(1, LONGEST_AFFIX + 1)]
    near = {by: _beside(lower, tokens, by) for by in (-2, -1, 1, 2)}
    shapes = {by: _beside(short, tokens, by) for by in (-1, 1)}
    lower_case = np.array([one.isalpha() and not one.isupper() for one in forms.tolist()], bool)[form]
    low = np.bincount(tokens.rows[lower_case], minlength=tokens.n)
    headline = (low == 0).astype(np.int64)[tokens.rows]  # a sentence all in capitals
    place = np.minimum(np.arange(len(word)) - np.repeat(tokens.starts[:-1], np.diff(tokens.starts)), 1)
    return [
        *(word, lower, shape, short, *affixes, *near.values(), *shapes.values()),
        *(_pair(short, near[-1]), _pair(short, near[1]), _pair(near[-1], near[1])),
        *(_pair(near[-1], lower), _pair(lower, near[1]), _pair(shapes[-1], _pair(short, shapes[1]))),
        *(_pair(short, headline), _pair(short, place)),
    ]


def _beside(codes: np.ndarray, tokens: Tokens, by: int) -> np.ndarray:
    """Return codes of the neighbours at a distance; `BEYOND_SENTENCE` outside the sentence."""
    t = len(codes)
    at = np.arange(t) + by
    inside = (at >= 0) & (at < t)
    at = np.clip(at, 0, max(t - 1, 0))
    return np.where(inside & (tokens.rows[at] == tokens.rows), codes[at], BEYOND_SENTENCE)


def _pair(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return codes of pairs."""
    return one * (int(other.max(initial=0)) + 1) + other
