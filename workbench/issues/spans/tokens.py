"""The tokens of all examples, flat, with their positions, and spans as ranges of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from workbench.foundation.errors import InputError, shortened
from workbench.tasks.sentences import listed, starts_of
from workbench.tasks.span_table import SpanTable

SINGLE = ((0x2E80, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))
"""Ranges of ideographs and kana, each of which is a token of its own."""


@dataclass(frozen=True)
class Tokens:
    """The t tokens of n examples.

    Attributes
    ----------
    words : (t,) object array of str.
    starts : (n + 1,) int64, the tokens of example i are starts[i] to starts[i + 1] - 1.
    begin, end : (t,) int64, positions of each token in the units of spans: its index in its example and the next one,
        or its characters in the text.
    known : whether the words are known; if not, they are "".
    """

    words: np.ndarray
    starts: np.ndarray
    begin: np.ndarray
    end: np.ndarray
    known: bool = True

    @property
    def n(self) -> int:
        """Number of examples."""
        return len(self.starts) - 1

    @cached_property
    def rows(self) -> np.ndarray:
        """(t,) int64, example of each token."""
        return np.repeat(np.arange(self.n), np.diff(self.starts))

    def ranges(self, rows: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the tokens that spans touch, as (first, last + 1), (m,) int64 each; equal if there is none.

        Parameters
        ----------
        rows, start, end : (m,) int64, example and position of each span.
        """
        wide = int(max(self.end.max(initial=0), end.max(initial=0))) + 1
        base, own = rows * wide, self.rows * wide
        first = np.searchsorted(own + self.end, base + start, side="right")
        last = np.searchsorted(own + self.begin, base + end, side="left")
        return np.maximum(first, self.starts[rows]), np.clip(last, self.starts[rows], self.starts[rows + 1])


def numbered_tokens(words: Any, table: SpanTable, name: str = "tokens") -> Tokens:
    """Create tokens for spans that count tokens, from n lists of str.

    Raises
    ------
    InputError : a number of sentences or tokens that differs from the labels, or a token that is not text.
    """
    rows = listed(name, words)
    starts = starts_of(rows)
    if len(rows) != table.n:
        raise InputError.at(name, f"has {len(rows)} sentences for {table.n} labels", "Pass one list per example.")
    sizes = np.diff(starts)
    wrong = np.flatnonzero((table.length >= 0) & (table.length != sizes))
    if len(wrong):
        row = int(wrong[0])
        found = f"has {int(sizes[row])} tokens for {int(table.length[row])} tags"
        raise InputError.at(name, found, "Pass one token per tag.", row=row)
    beyond = np.flatnonzero(table.end > sizes[table.rows])
    if len(beyond):
        place = int(beyond[0])
        row = int(table.rows[place])
        found = f"has {int(sizes[row])} tokens, and a span ends at {int(table.end[place])}"
        raise InputError.at(name, found, "If spans count characters, pass `texts`.", row=row)
    flat = [one for row in rows for one in row]
    for row, one in ((row, one) for row, part in enumerate(rows) for one in part):
        if not isinstance(one, str):
            raise InputError.at(name, f"holds {shortened(one)}", "A token is a str.", row=row)
    words_ = np.empty(len(flat), object)
    words_[:] = flat
    begin = np.arange(len(flat)) - np.repeat(starts[:-1], sizes)
    return Tokens(words_, starts, begin, begin + 1)


def blank_tokens(sizes: np.ndarray) -> Tokens:
    """Create unknown tokens from their numbers (n,) per example, for spans that count tokens."""
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    begin = np.arange(int(starts[-1])) - np.repeat(starts[:-1], sizes)
    return Tokens(np.full(len(begin), "", object), starts, begin, begin + 1, known=False)


def segments(n: int, rows: np.ndarray, start: np.ndarray, end: np.ndarray) -> Tokens:
    """Create segments between the boundaries of spans (m,) instead of tokens, if the texts are unknown."""
    borders = np.unique(np.stack([np.tile(rows, 2), np.concatenate([start, end])]), axis=1)
    same = np.diff(borders[0]) == 0
    begin, stop, own = borders[1][:-1][same], borders[1][1:][same], borders[0][:-1][same]
    starts = np.searchsorted(own, np.arange(n + 1))
    return Tokens(np.full(len(own), "", object), starts.astype(np.int64), begin, stop, known=False)


def tokens_of_texts(texts: Sequence[str], table: SpanTable, words: Any = None) -> Tokens:
    """Create tokens of texts, for spans that count characters.

    Parameters
    ----------
    texts : n str. words : n lists of str, tokens that occur in the texts in this order; by default words and symbols.

    Raises
    ------
    InputError : a different number of texts, a span beyond its text, or tokens that are not in the text.
    """
    if isinstance(texts, str) or len(texts) != table.n:
        found = f"has {len(texts)} entries for {table.n} labels"
        raise InputError.at("texts", found, "Pass one text per example.")
    size = np.fromiter((len(one) for one in texts), np.int64, len(texts))
    beyond = np.flatnonzero(table.end > size[table.rows])
    if len(beyond):
        place = int(beyond[0])
        row = int(table.rows[place])
        found = f"has {int(size[row])} characters, and a span ends at {int(table.end[place])}"
        raise InputError.at("texts", found, "Spans count characters of the texts from 0.", row=row)
    pieces = (
        [word_places(one) for one in texts]
        if words is None
        else [_found_in(text, own, row) for row, (text, own) in enumerate(zip(texts, listed("tokens", words)))]
    )
    if len(pieces) != table.n:
        raise InputError.at("tokens", f"has {len(pieces)} sentences for {table.n} texts", "Pass one list per text.")
    starts = starts_of(pieces)
    flat = np.array([place for part in pieces for place in part], np.int64).reshape(-1, 2)
    words_ = np.empty(len(flat), object)
    words_[:] = [text[first:last] for text, part in zip(texts, pieces) for first, last in part]
    return Tokens(words_, starts, flat[:, 0], flat[:, 1])


def word_places(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of the words and symbols of a text: runs of letters, digits and combining marks, and single
    other characters; whitespace is skipped.

    Examples
    --------
    >>> word_places("Rome, 1990")
    [(0, 4), (4, 5), (6, 10)]
    """
    found: list[tuple[int, int]] = []
    inside = False
    for place, character in enumerate(text):
        if character.isspace():
            inside = False
        elif _in_word(character):
            if inside:
                found[-1] = (found[-1][0], place + 1)
            else:
                found.append((place, place + 1))
            inside = True
        else:
            found.append((place, place + 1))
            inside = False
    return found


def _in_word(character: str) -> bool:
    if character.isascii():
        return character.isalnum()
    point = ord(character)
    if any(low <= point <= high for low, high in SINGLE):
        return False
    return unicodedata.category(character)[0] in "LNM"


def _found_in(text: str, words: Iterable[str], row: int) -> list[tuple[int, int]]:
    """Return the positions of words in a text, each after the previous one."""
    found, at = [], 0
    for place, word in enumerate(words):
        first = text.find(word, at) if isinstance(word, str) else -1
        if first < 0 or text[at:first].strip():
            todo = "Pass the tokens of the text in their order, without changes."
            raise InputError.at(
                "tokens", f"token {place} ({shortened(word)}) does not follow in the text", todo, row=row
            )
        at = first + len(word)
        found.append((first, at))
    return found
