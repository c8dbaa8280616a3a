"""Reasons of pairs in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.foundation.errors import shortened
from workbench.issues.pairs.pair_evidence import PairEvidence
from workbench.issues.pairs.pair_features import PairFeatures

MOST_REASONS = 3
CLEARLY_ALIKE = 0.5
"""Similarity from which an item counts as similar to a relevant one, and that is mentioned."""
MOST_VOTERS = 4
"""Voters that are listed by name."""


class PairWords:
    """Function from places of units to their reasons, strongest first.

    Parameters
    ----------
    twin : (m,) an equal item with another grade, -1 for none. at : (u,) pair of each unit. grades : their names.
    """

    def __init__(
        self, evidence: PairEvidence, features: PairFeatures, twin: np.ndarray, at: np.ndarray, grades: Sequence[str]
    ) -> None:
        self._evidence, self._features, self._twin, self._at, self._grades = evidence, features, twin, at, grades

    def __call__(self, places: np.ndarray) -> list[str]:
        """Return the reasons of some units."""
        return ["; ".join(self._of(int(self._at[place]))[:MOST_REASONS]) for place in places.tolist()]

    def _of(self, pair: int) -> list[str]:
        evidence, features = self._evidence, self._features
        is_good = evidence.grades[pair] >= evidence.relevant
        found = []
        twin = int(self._twin[pair])
        if twin >= 0:
            found.append(f"says the same as {self._named(twin)}")
        voted = self._votes(pair)
        if voted:
            found.append(voted)
        rank = self._rank(pair, is_good)
        if rank:
            found.append(rank)
        like, alike = int(features.like[pair]), features.alike[pair]
        if twin < 0 and not is_good and like >= 0 and alike >= CLEARLY_ALIKE:
            found.append(f"similar ({alike:.2f}) to {self._named(like)}")
        return found or ["nothing points to another grade"]

    def _named(self, pair: int) -> str:
        grade = self._evidence.grades[pair]
        name = "not judged" if grade < 0 else f"grade {self._grades[grade]}"
        return f"{shortened(self._evidence.items[pair], 60)} ({name})"

    def _votes(self, pair: int) -> str:
        votes = self._evidence.votes[pair]
        given = np.flatnonzero(np.isfinite(votes))
        against = given[votes[given] != self._evidence.grades[pair]]
        if not len(against):
            return ""
        if len(given) <= MOST_VOTERS:
            said = ", ".join(f"{self._evidence.voters[at]}: {self._grades[int(votes[at])]}" for at in given.tolist())
            return f"votes {said}"
        return f"{len(against)} of {len(given)} votes differ, mean {votes[given].mean():.1f}"

    def _rank(self, pair: int, is_good: bool) -> str:
        """Return the rank among the items of the query, beside those graded otherwise."""
        evidence, features = self._evidence, self._features
        z = features.z[pair]
        if not np.isfinite(z):
            return ""
        own = slice(*np.searchsorted(evidence.rows, [evidence.rows[pair], evidence.rows[pair] + 1]).tolist())
        scores = features.z[own]
        rank, size = 1 + int((scores > z).sum()), int(np.isfinite(scores).sum())
        by = features.rankers[0] if len(features.rankers) == 1 else f"{len(features.rankers)} rankers"
        place = f"rank {rank} of {size} by {by}"
        if is_good:
            bad = scores[evidence.judged[own] & (evidence.grades[own] < evidence.relevant)]
            return f"{place}, below {int((bad > z).sum())} of {len(bad)} irrelevant items" if len(bad) else place
        if features.others[pair]:
            return f"{place}, above {features.above[pair]} of {features.others[pair]} relevant items"
        return f"{place}; no other item of the query is relevant"
