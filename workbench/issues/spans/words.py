"""Reasons why a span is suspicious, as text: predictions, other boundaries, equal words with other labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from workbench.issues.spans.forms import Forms
from workbench.issues.spans.tokens import Tokens
from workbench.issues.tags.words import hundredths
from workbench.tasks.protocol import NOTHING

LONGEST_TEXT = 60
"""Characters of a text in a reason."""


class Ranged(Protocol):
    """Units with token ranges, as in `workbench.issues.spans.estimator`."""

    @property
    def place(self) -> np.ndarray: ...
    @property
    def first(self) -> np.ndarray: ...
    @property
    def last(self) -> np.ndarray: ...
    @property
    def label(self) -> np.ndarray: ...
    @property
    def other_first(self) -> np.ndarray: ...
    @property
    def other_last(self) -> np.ndarray: ...
    @property
    def other_label(self) -> np.ndarray: ...


class SpanWords:
    """Reasons of units, written on demand.

    Parameters
    ----------
    units : the judged units. probs : (t, 2 k + 1) probabilities of tags. says : description of their source.
    names : class names.
    """

    def __init__(
        self, tokens: Tokens, forms: Forms, units: Ranged, probs: np.ndarray, says: str, names: Sequence[str]
    ) -> None:
        self.tokens, self.forms, self.units, self.probs = tokens, forms, units, probs
        self.says, self.names = says, names

    def __call__(self, places: np.ndarray) -> list[str]:
        """Return up to three reasons of each unit."""
        units = self.units
        first, last = units.first[places], units.last[places]
        labels, bare = self.forms.counts(first, last) if self.tokens.known else ([], np.zeros(len(places), int))
        sentences = []
        for number, place in enumerate(places.tolist()):
            reasons = [self._predicted(place), self._moved(place)]
            if self.tokens.known:
                reasons.append(self._elsewhere(place, labels[number], int(bare[number])))
            sentences.append("; ".join([one for one in reasons if one][:3]))
        return sentences

    def _predicted(self, place: int) -> str:
        """State the per-token probabilities of the given answer and the most likely other ones."""
        first, last = int(self.units.first[place]), int(self.units.last[place])
        if first >= last:
            return "it contains no words"
        logs = np.log(np.maximum(self.probs[first:last], 1e-12))
        inside = np.logaddexp(logs[:, 1::2], logs[:, 2::2]).mean(axis=0)
        chance = np.exp(np.concatenate([[logs[:, 0].mean()], inside]))
        names = [NOTHING, *self.names]
        own = 0 if self.units.place[place] < 0 else int(self.units.label[place]) + 1
        others = [code for code in np.argsort(-chance, kind="stable").tolist() if code != own][:1]
        return f"{self.says}: " + ", ".join(
            f"{names[code]} {hundredths(float(chance[code]))}" for code in (own, *others)
        )

    def _moved(self, place: int) -> str:
        """State the words that other boundaries would add or drop."""
        units, words = self.units, self.tokens.words
        if units.other_label[place] < 0 or not self.tokens.known:
            return ""
        first, last = int(units.first[place]), int(units.last[place])
        new_first, new_last = int(units.other_first[place]), int(units.other_last[place])
        parts = []
        for low, high, side in ((new_first, first, "with"), (last, new_last, "with"), (first, new_first, "without"),
                                (new_last, last, "without")):  # fmt: skip
            if low < high:
                text = " ".join(words[low:high].tolist())
                text = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."
                parts.append(f"{side} “{text}”")
        return f"perhaps {' and '.join(parts)}" if parts else ""

    def _elsewhere(self, place: int, labels: dict[int, int], bare: int) -> str:
        """State how equal words are labelled elsewhere."""
        proposed = self.units.place[place] < 0
        own = -1 if proposed else int(self.units.label[place])
        return counted_elsewhere(dict(labels), own, bare - proposed, self.names)


def counted_elsewhere(counts: dict[int, int], own: int, bare: int, names: Sequence[str]) -> str:
    """State how often equal words have each class, without the judged ones themselves; "" if there are no others.

    Parameters
    ----------
    counts : by class, which is changed. own : class of the judged words, -1 for none. bare : number without a span.
    """
    if own >= 0:
        counts[own] = counts.get(own, 1) - 1
    found = [(count, names[label]) for label, count in counts.items() if count > 0]
    found.sort(key=lambda one: (-one[0], one[1]))
    phrases = [f"{name} {count:,}" for count, name in found[:3]] + ([f"no span {bare:,}"] if bare > 0 else [])
    return f"equal words elsewhere: {', '.join(phrases)}" if phrases else ""
