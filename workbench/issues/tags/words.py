"""Reasons why a tag is suspicious, in words: predictions of models, tags of neighbours, co-occurring tags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from workbench.issues.nearby import NEAR_ROWS, nearest_others
from workbench.issues.tags.heads import standardised
from workbench.issues.tags.rates import Rates

COUNTED_TAG_NEIGHBORS = 10
"""Number of neighbours whose tags are counted."""

MOST_EXPLAINED_ROWS, MOST_PAIRS = 2000, 40_000_000
"""Maximum number of examples whose neighbours are searched, and of pairs compared; the most suspicious come first."""


class UnitVectors(NamedTuple):
    """x : (n, d) float32, standardised columns, rows of length 1; of zeros where `there` (n,) is False."""

    x: np.ndarray
    there: np.ndarray


def unit_vectors(vectors: np.ndarray) -> UnitVectors:
    """Standardise (n, d) vectors; rows with NaN have none."""
    there = np.asarray(np.isfinite(vectors).all(axis=1))
    if there.all():
        return UnitVectors(standardised(vectors), there)
    some = standardised(vectors[there])
    x = np.zeros((len(vectors), some.shape[1]), np.float32)
    x[there] = some
    return UnitVectors(x, there)


class TagNeighbors:
    """The nearest examples of single examples, searched on demand.

    Parameters
    ----------
    vectors : rows without a vector have no neighbours and are not neighbours.
    """

    def __init__(self, vectors: UnitVectors) -> None:
        self._x, self._there = vectors
        self.n = max(len(self._x), 1)
        self.found: dict[int, np.ndarray] = {}

    def of(self, rows: np.ndarray) -> dict[int, np.ndarray]:
        """Return the nearest other rows of each row, up to ten, by cosine."""
        near = min(COUNTED_TAG_NEIGHBORS, int(self._there.sum()) - 1)
        wanted = [row for row in rows.tolist() if row not in self.found and self._there[row]] if near > 0 else []
        for start in range(0, len(wanted), NEAR_ROWS):
            some = np.array(wanted[start : start + NEAR_ROWS])
            self.found |= dict(zip(some.tolist(), nearest_others(self._x, some, near, self._there)))
        return self.found


class TagWords:
    """Reasons of units, written on demand.

    Parameters
    ----------
    rows, tags, given, p_error : (m,) of the units. odds : (m,) log odds of yes. says : source of the odds, in words.
    sets : (m,) predictions from the other tags, in standard deviations, or None. given_of : given codes of cells, from
        their rows and tags, integer arrays that broadcast.
    rates : how often each tag is missing or extra. names : names of the tags. neighbors : or None.
    """

    def __init__(
        self, rows: np.ndarray, tags: np.ndarray, given: np.ndarray, p_error: np.ndarray, odds: np.ndarray, says: str,
        sets: np.ndarray | None, given_of: Callable[[np.ndarray, np.ndarray], np.ndarray], rates: Rates,
        names: Sequence[str], neighbors: TagNeighbors | None,
    ) -> None:  # fmt: skip
        self.rows, self.tags, self.given, self.p_error, self.odds = rows, tags, given, p_error, odds
        self.says, self.sets, self.given_of, self.rates, self.names = says, sets, given_of, rates, names
        self.neighbors = neighbors

    def __call__(self, places: np.ndarray) -> list[str]:
        """Return up to three reasons of each unit."""
        order = np.argsort(-np.nan_to_num(self.p_error[places], nan=-1.0), kind="stable")
        close: dict[int, np.ndarray] = {}
        if self.neighbors is not None:
            first = self.rows[places[order]]
            _, at = np.unique(first, return_index=True)
            most = min(MOST_EXPLAINED_ROWS, MOST_PAIRS // self.neighbors.n)
            close = self.neighbors.of(first[np.sort(at)][:most])
        have, known = self._neighbor_counts(places, close)
        p = 1 / (1 + np.exp(-self.odds[places].astype(float)))
        tags, given, p_error = (values[places].tolist() for values in (self.tags, self.given, self.p_error))
        sets = None if self.sets is None else self.sets[places].tolist()
        missing, extra, sentences = self.rates.missing.tolist(), self.rates.extra.tolist(), []
        for at, (tag, code, chance, with_it, of) in enumerate(
            zip(tags, given, p.tolist(), have.tolist(), known.tolist())
        ):
            words = [f"{self.says}: {self.names[tag]} {hundredths(chance)}"]
            if of:
                words.append(f"{with_it} of {of} neighbours have it")
            if sets is not None and abs(sets[at]) > 0.3:
                expected = sets[at] > 0
                if code < 0 or expected != (code == 1):
                    words.append("its other tags suggest it" if expected else "its other tags contradict it")
            if p_error[at] >= 0.2:
                if code == 0 and missing[tag] >= 0.05:
                    words.append(f"missing in about {missing[tag]:.0%} of the examples it belongs to")
                elif code == 1 and extra[tag] >= 0.02:
                    words.append(f"given by mistake to about {extra[tag]:.0%} of the other examples")
            sentences.append("; ".join(words[:3]))
        return sentences

    def _neighbor_counts(self, places: np.ndarray, close: dict[int, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return how many neighbours have the tag of each unit and in how many it is known, int64 (m,) each."""
        rows = self.rows[places]
        found = np.flatnonzero(np.isin(rows, list(close)))
        counts = np.zeros((2, len(places)), np.int64)
        if len(found):
            near = np.stack([close[row] for row in rows[found].tolist()])
            codes = self.given_of(near, self.tags[places[found], None])
            counts[:, found] = (codes == 1).sum(axis=1), (codes >= 0).sum(axis=1)
        return counts[0], counts[1]


def hundredths(p: float) -> str:
    """Format a probability with two digits."""
    if p < 0.005:
        return "<.01"
    return ">.99" if p >= 0.995 else f"{p:.2f}".removeprefix("0")
