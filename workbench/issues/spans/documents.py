"""Examples with spans or classes of tokens as documents: the text, its tokens, and spans in characters, for views and
files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from workbench.data.dataset import Dataset
from workbench.evidence.as_evidence import TOKENS
from workbench.foundation.errors import MissingEvidence
from workbench.issues.spans.tokens import word_places

WITH_PASSAGE = ("spans", "tokens")
"""Kinds of labels of words, whose editors show a text."""


class Document(NamedTuple):
    """One example.

    text : its text; tokens joined by spaces if spans count tokens. words : positions (start, end) of its tokens in the
    text, in characters. counts_tokens : whether its spans count tokens. known : whether the words are known; if not,
    each is "·".
    """

    text: str
    words: list[tuple[int, int]]
    counts_tokens: bool
    known: bool

    def in_text(self, start: int, end: int) -> tuple[int, int]:
        """Convert a position to characters of the text."""
        return (self.words[start][0], self.words[end - 1][1]) if self.counts_tokens else (start, end)

    def in_tokens(self, start: int, end: int) -> tuple[int, int]:
        """Return the tokens touched by a position in characters, half-open; equal numbers for none."""
        touched = [place for place, (first, last) in enumerate(self.words) if first < end and last > start]
        return (touched[0], touched[-1] + 1) if touched else (0, 0)


def document_of(dataset: Dataset, row: int) -> Document | None:
    """Return one example of a Dataset of spans or tokens; None if its text is unknown."""
    label = dataset.labels[row].as_py()
    length = len(label) if isinstance(label, list) else None if label is None else label["length"]
    text = dataset.text(row)
    own = dataset.metadata[TOKENS].iat[row] if TOKENS in dataset.metadata else None
    words = None if own is None else [str(one) for one in own]
    if words is None and length is not None and text is not None and len(text.split()) == length:
        words = text.split()
    if length is None and text is not None:
        return Document(text, word_places(text), False, True)
    if words is None and length is None:
        return None
    listed = ["·"] * (length or 0) if words is None else words
    ends = list(accumulate(len(word) + 1 for word in listed))
    return Document(
        " ".join(listed), [(end - len(word) - 1, end - 1) for end, word in zip(ends, listed)], True, words is not None
    )


def documents(dataset: Dataset, rows: Sequence[int], what: str) -> Iterator[Document]:
    """Yield the documents of rows.

    Parameters
    ----------
    what : name of the feature that needs the texts, for errors.

    Raises
    ------
    MissingEvidence : a row without text and tokens.
    """
    for row in rows:
        found = document_of(dataset, row)
        if found is None or not found.known:
            how = "Name the text, `Dataset.from_frame(..., text=COLUMN)`, or keep a column `tokens` of lists."
            raise MissingEvidence.needed(what, ("text",), f"Row {row} has none. {how}")
        yield found


def listed_spans(labels: Any, row: int) -> list[tuple[int, int, int]] | None:
    """Return the spans (start, end, class index) of one row of stored labels; None without a label."""
    label = labels[row].as_py()
    return None if label is None else [(one["start"], one["end"], one["label"]) for one in label["spans"]]
