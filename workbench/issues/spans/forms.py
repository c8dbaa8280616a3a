"""Surface forms: how often the words of a span occur, and how they are labelled elsewhere."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

import numpy as np

from workbench.issues.spans.span_layers import Given
from workbench.issues.spans.tokens import Tokens

LONGEST_FORM = 8
"""Words of a form; longer ones are not compared."""

STEP = np.uint64(0x9E3779B97F4A7C15)


class Forms:
    """Counts of forms; words are compared case-sensitively.

    Parameters
    ----------
    tokens : of all examples. given : the given spans. labelled : (t,) bool, tokens of examples with a label.
    """

    def __init__(self, tokens: Tokens, given: Given, labelled: np.ndarray) -> None:
        self._tokens, self._given, self._labelled = tokens, given, labelled

    @cached_property
    def _words(self) -> np.ndarray:
        """Return a random number for each word, (t,) uint64."""
        _, form = np.unique(self._tokens.words.astype(str), return_inverse=True)
        numbers = np.random.default_rng(0).integers(0, 2**64, int(form.max(initial=0)) + 1, np.uint64)
        return numbers[form]

    def keys(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Return keys (m,) uint64 that are equal for ranges of equal words (up to hashing); 0 for empty and long
        ranges."""
        size = last - first
        key = np.zeros(len(first), np.uint64)
        for place in range(LONGEST_FORM):
            on = np.flatnonzero((size > place) & (size <= LONGEST_FORM))
            key[on] = (key[on] + self._words[first[on] + place]) * STEP
        return key

    @cached_property
    def _labels(self) -> dict[int, Counter[int]]:
        """Return a dict of the key of a form to its counts by given class."""
        found: dict[int, Counter[int]] = {}
        for key, label in zip(self.keys(self._given.first, self._given.last).tolist(), self._given.label.tolist()):
            found.setdefault(key, Counter())[label] += 1
        return found

    def counts(self, first: np.ndarray, last: np.ndarray) -> tuple[list[Counter[int]], np.ndarray]:
        """Return how often the form of each range is given each class, and how often it is no span, (m,) int64."""
        keys = self.keys(first, last)
        labels = [self._labels.get(key, Counter()) if key else Counter() for key in keys.tolist()]
        total = np.zeros(len(keys), np.int64)
        t, size = len(self._tokens.words), last - first
        for length in np.unique(size[(size > 0) & (size <= LONGEST_FORM)]).tolist():
            wanted = np.unique(keys[size == length])
            at = np.arange(max(t - length + 1, 0))
            at = at[(self._tokens.rows[at] == self._tokens.rows[at + length - 1]) & self._labelled[at]]
            found = self.keys(at, at + length)
            place = np.minimum(np.searchsorted(wanted, found), len(wanted) - 1)
            count = np.bincount(place[wanted[place] == found], minlength=len(wanted))
            own = size == length
            total[own] = count[np.searchsorted(wanted, keys[own])]
        tagged = np.array([sum(one.values()) for one in labels], np.int64)
        return labels, np.maximum(total - tagged, 0)
