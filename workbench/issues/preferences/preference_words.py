"""Reasons why a preference is suspicious, in words."""

from __future__ import annotations

import numpy as np

from workbench.foundation.errors import shortened
from workbench.issues.preferences.preference_evidence import PREFERENCE_KINDS, PreferenceEvidence

MOST_JUDGES_NAMED = 2
"""Number of judges that are named rather than counted."""

LONG_RATIO = 0.4
"""Least log ratio of lengths that is named, a factor of 1.5."""

VOTE_WORDS = {1.0: "first", -1.0: "second", 0.0: "neither"}
"""What a vote says is better; 0 is a tie, or an answer that changes with the order."""


class PreferenceWords:
    """Reasons of the pairs, written on demand."""

    def __init__(self, evidence: PreferenceEvidence, given: np.ndarray, kind: np.ndarray) -> None:
        self._evidence, self._given, self._kind = evidence, given, kind

    def __call__(self, places: np.ndarray) -> list[str]:
        """Return up to three reasons of each pair, strongest first, joined by "; "."""
        return ["; ".join(self._of(place)[:3]) or "nothing stands out" for place in places.tolist()]

    def _of(self, row: int) -> list[str]:
        evidence, given = self._evidence, int(self._given[row])
        if evidence.same[row]:
            return ["both answers are the same text"]
        if not evidence.known[row]:
            return ["no score and no judgement"]
        words = self._of_votes(row, given) + self._of_scores(row, given)
        if self._kind[row] == PREFERENCE_KINDS[2]:
            words.append("the better answer scores below half of the worse ones")
        if not words and abs(evidence.ratio[row]) >= LONG_RATIO:
            longer = "first" if evidence.ratio[row] > 0 else "second"
            words.append(f"the {longer} answer is {np.exp(abs(evidence.ratio[row])):.2g} times as long, or more")
        return words

    def _of_votes(self, row: int, given: int) -> list[str]:
        votes = self._evidence.votes[row]
        there = np.flatnonzero(np.isfinite(votes))
        if not len(there):
            return []
        signs = np.sign(votes[there])
        if (signs == {0: 1.0, 1: -1.0}.get(given, 0.0)).all():
            return []
        if len(there) <= MOST_JUDGES_NAMED:
            said = [f"{shortened(self._evidence.judges[at])} says {VOTE_WORDS[one]}" for at, one in zip(there, signs)]
            return [", ".join(said)]
        counts = [
            f"{int((signs == one).sum()):,} say {words}" for one, words in VOTE_WORDS.items() if (signs == one).any()
        ]
        return [f"of {len(there):,} judges {', '.join(counts)}"]

    def _of_scores(self, row: int, given: int) -> list[str]:
        scores = self._evidence.scores[row]
        if not np.isfinite(scores).all(axis=0).any():
            return []
        one, two = (float(np.nanmean(values)) for values in scores)
        gap = float(self._evidence.gap[row])
        expected = {0: gap > 0, 1: gap < 0}.get(given)
        said = f"scores {one:.3g} (first) and {two:.3g} (second)"
        return [said] if expected is None or not expected or self._kind[row] == PREFERENCE_KINDS[1] else []
