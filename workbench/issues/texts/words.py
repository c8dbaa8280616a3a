"""Reasons why a text is suspicious, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.foundation.errors import shortened
from workbench.issues.texts.evidence import TextEvidence
from workbench.issues.texts.judged_texts import JudgedTexts

LOW_STANDING = 1.0
"""A text fits its item no better than a random one below this many deviations of random texts."""

MOST_NAMED = 2
"""Number of objects that a reason names."""


class TextWords:
    """Reasons of the texts of all columns, written on demand."""

    def __init__(self, judged: Sequence[JudgedTexts], evidence: Sequence[TextEvidence]) -> None:
        self._judged, self._evidence = judged, evidence
        self._ranked = [
            None if one.pooled is None else np.sort(one.pooled.score[np.isfinite(one.pooled.score)]) for one in judged
        ]

    def __call__(self, places: np.ndarray) -> list[str]:
        """Return up to three reasons of each unit, strongest first, joined by "; "."""
        t = len(self._judged)
        standing = np.full(len(places), np.nan)
        for column, one in enumerate(self._judged):
            mine = np.flatnonzero(places % t == column)
            standing[mine] = _standing(one, places[mine] // t)
        pairs = zip(places.tolist(), standing.tolist(), strict=True)
        return ["; ".join(self._of(place // t, place % t, stands)[:3]) for place, stands in pairs]

    def _of(self, row: int, column: int, standing: float) -> list[str]:
        judged, evidence = self._judged[column], self._evidence[column]
        text, odd = evidence.texts[row], judged.odd
        if text is None:
            return ["no text"] if judged.other[row] is None else ["no text; an alternative is proposed"]
        if odd.empty[row]:
            return ["the text is empty"]
        words = self._of_objects(row, judged)
        words += self._of_match(row, column)
        if standing < LOW_STANDING:
            said = "no better than" if standing > -LOW_STANDING / 2 else "worse than"
            words.append(f"fits its item {said} a random text does")
        if odd.outlier[row]:
            low, high = odd.typical
            words.append(f"{odd.words[row]:,} words, while most texts have {low:,} to {high:,}")
        if odd.overused[row]:
            words.append(f"about the same text on {odd.repeated[row]:,} examples")
        return words or ["nothing stands out"]

    def _of_objects(self, row: int, judged: JudgedTexts) -> list[str]:
        if judged.found is None:
            return []
        words = [
            f"mentions {shortened(name)}, which the item lacks ({share:.0%} of texts that mention it have it)"
            for name, share in judged.found.contradicted(row)[:MOST_NAMED]
        ]
        words += [
            f"does not mention {shortened(name)}, as {share:.0%} of texts of items with it do"
            for name, share in judged.found.omitted(row)[:MOST_NAMED]
        ]
        return words

    def _of_match(self, row: int, column: int) -> list[str]:
        judged, evidence = self._judged[column], self._evidence[column]
        ranked = self._ranked[column]
        if judged.pooled is None or ranked is None or not np.isfinite(judged.pooled.score[row]):
            return []
        below = np.searchsorted(ranked, judged.pooled.score[row], side="right") / len(ranked)
        match = evidence.match
        assert match is not None  # the scores that were pooled
        values = ", ".join(
            f"{name} {value:.3g}" for name, value in zip(evidence.sources, match[row]) if np.isfinite(value)
        )
        words = [f"{values}: among the lowest {max(below, 0.001):.1%}"] if below < 0.5 else []
        better = judged.better[row]
        if np.isfinite(better) and better > match[row, 0]:
            words.append(f"an alternative matches better ({better:.3g})")
        return words


def _standing(judged: JudgedTexts, rows: np.ndarray) -> np.ndarray:
    """Return the deviation of texts among random texts of their items, float (r,); NaN where it is not known."""
    cross = judged.cross
    if cross is None or not len(rows):
        return np.full(len(rows), np.nan)
    found = np.mean([one.standing(rows, rows) for one in cross.fit.compared], axis=0)
    return np.where(np.isnan(cross.p_wrong[rows]), np.nan, found)
