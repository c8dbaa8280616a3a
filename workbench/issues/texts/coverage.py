"""Known objects in texts: how much a text says about its item, what it leaves out, and what contradicts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from workbench.texts.wording import Objects, mentions

PRIOR_MENTIONS = 2.0
"""Weight of the overall rate of an object, in items, in the rates with and without the object."""

CLEAR_OMISSION, CLEAR_CONTRADICTION = 0.5, 0.1
"""A text leaves out an object that at least half of the texts with it mention; it contradicts the objects if at most a
tenth of the texts that mention it have no such object."""


@dataclass(frozen=True)
class Coverage:
    """Rates at which texts mention objects, and the resulting scores.

    names : k objects. there : (n, k) confidence of objects. said : bool (m, k), mentions in m texts, of which the
    first n are the given ones. present, absent : (k,) P(mentioned | there) and P(mentioned | not there).
    unconfirmed : (k,) share of the texts that mention an object of which the item has none, of any confidence.
    known : bool (n,), items whose objects are known.
    """

    names: tuple[str, ...]
    there: csr_array
    said: csr_array
    present: np.ndarray
    absent: np.ndarray
    unconfirmed: np.ndarray
    known: np.ndarray

    def weights(self) -> tuple[csr_array, np.ndarray]:
        """Return (m, k) weights of texts and (m,) constants: score(item, text) = weights[text] . there[item] + const.

        The score is sum over objects of log P(mentioned or not | there or not) - log P(the same | not there), so that
        the part that does not depend on the item cancels in comparisons of items.
        """
        say = np.log(self.present / self.absent)
        silent = np.log((1 - self.present) / (1 - self.absent))
        weighted = self.said.multiply((say - silent)[None, :]).tocsr()
        return csr_array(weighted), silent

    def scores(self, items: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """Score of pairs of an item and a text, float (p,): log likelihood ratio of the mentions."""
        weighted, silent = self.weights()
        here = self.there[items]
        return np.asarray(here.multiply(weighted[texts]).sum(axis=1)).ravel() + here @ silent

    def table(self, items: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """Score of every item with every text, float (items, texts)."""
        weighted, silent = self.weights()
        here = self.there[items]
        return np.asarray((here @ weighted[texts].T).toarray()) + (here @ silent)[:, None]

    def omitted(self, row: int) -> list[tuple[str, float]]:
        """Objects of an item that its text leaves out though most do not: (name, share that mention it)."""
        here = self._columns(self.there, row) - self._columns(self.said, row)
        found = [(self.names[one], float(self.present[one])) for one in here if self.present[one] >= CLEAR_OMISSION]
        return sorted(found, key=lambda one: -one[1])

    def contradicted(self, row: int) -> list[tuple[str, float]]:
        """Objects that a text mentions and its item lacks: (name, share of the texts with it whose item has it)."""
        here = self._columns(self.said, row) - self._columns(self.there, row)
        found = [
            (self.names[one], 1 - float(self.unconfirmed[one]))
            for one in here
            if self.known[row] and self.unconfirmed[one] <= CLEAR_CONTRADICTION
        ]
        return sorted(found, key=lambda one: -one[1])

    @staticmethod
    def _columns(table: csr_array, row: int) -> set[int]:
        return set(table.indices[table.indptr[row] : table.indptr[row + 1]].tolist())


def coverage(objects: Objects, texts: Sequence[str | None], n: int) -> Coverage | None:
    """Compute the rates at which texts mention objects.

    Parameters
    ----------
    objects : of n items
    texts : m texts, of which the first n are the given texts of the items; None = missing

    Returns
    -------
    None if no text mentions any object.

    Notes
    -----
    Rates are shrunk to the overall rate of the object by the weight of two items. They are estimated from the given
    texts, some of which are wrong; this makes the ratios smaller than they are.
    """
    said = mentions(texts, objects.names)
    written = np.array([text is not None for text in texts[:n]], bool) & objects.known
    own, there = said[:n].astype(float).tocsr(), objects.confidence
    if not own[written].sum():
        return None
    both = np.asarray(there[written].multiply(own[written]).sum(axis=0)).ravel()
    present, spoken = np.asarray(there[written].sum(axis=0)).ravel(), np.asarray(own[written].sum(axis=0)).ravel()
    total = float(written.sum())
    overall = (spoken + 0.5) / (total + 1)
    rate = (both + PRIOR_MENTIONS * overall) / (present + PRIOR_MENTIONS)
    other = (spoken - both + PRIOR_MENTIONS * overall) / (total - present + PRIOR_MENTIONS)
    other = np.maximum(other, 0.5 / (total + 1))
    rate = np.clip(np.maximum(rate, other), 1e-4, 1 - 1e-4)  # an object never makes its mention less likely
    confirmed = np.asarray((there[written] > 0).multiply(own[written]).sum(axis=0)).ravel()
    unconfirmed = (spoken - confirmed + 1) / (spoken + 2)
    return Coverage(
        objects.names,
        csr_array(there),
        csr_array(said),
        rate,
        np.clip(other, 1e-5, 1 - 1e-4),
        unconfirmed,
        objects.known,
    )
