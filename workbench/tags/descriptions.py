"""Match names, synonyms and descriptions of tags with texts, by soft matching of words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError, shortened

LEAST_SIMILARITY = 0.5
"""Minimum similarity of two words; smaller values count as 0."""

SHORT = 4
"""Words of at most this many letters must match exactly, since abbreviations may differ by one letter."""

WORD = re.compile(r"\w+", re.UNICODE)


def match_descriptions(
    texts: Sequence[str], descriptions: Mapping[str, str | Sequence[str]], *, ngram: int = 3,
    parents: Mapping[str, str] | None = None,
) -> np.ndarray:  # fmt: skip
    """Score how well each text matches the descriptions of each tag, respecting word order and tolerating endings.

    Parameters
    ----------
    texts : n strings.
    descriptions : maps each of the k tags, in order, to one or more descriptions: its name, synonyms, abbreviations,
        sentences.
    ngram : maximum length of the n-grams that are matched, at least 1.
    parents : maps tags to their parents in a hierarchy, both among the `descriptions`; a text that matches a tag also
        matches all its ancestors.

    Returns
    -------
    float64 (n, k) in [0, 1]; 1 = the text contains one of the descriptions exactly. Pass it to `proposals` to list tags
    that are mentioned in the text but not given.

    Raises
    ------
    InputError : no texts or descriptions, a description without words, an unknown parent, or a cycle of parents.

    Notes
    -----
    Words are compared, ignoring case, by the Dice coefficient of their character bigrams and trigrams; values below .5
    count as 0, and words of up to 4 letters must be equal. The score of an n-gram is that of the best window of the
    same length in the text, with words weighted by log((n + 1) / (texts with a similar word + 1)) + 1; that of a
    description of more than `ngram` words is the weighted mean over its n-grams; that of a tag is the maximum over its
    descriptions.

    References
    ----------
    MacAvaney et al. 2020, Interaction Matching for Long-Tail Multi-Label Classification (soft n-gram matches of label
    descriptions, which are learned there); Yang et al. 2022, Knowledge Injected Prompt Based Fine-tuning for
    Multi-label Few-shot ICD Coding (hierarchy, synonyms and abbreviations).

    Examples
    --------
    >>> described = {"renal failure": ["renal failure", "ESRD"], "anaemia": ["anaemia", "low haemoglobin"]}
    >>> match_descriptions(["Known ESRD, no fever", "haemoglobin low"], described).round(2)
    array([[1. , 0. ],
           [0. , 0.5]])
    """
    if isinstance(texts, str) or not len(texts) or not all(isinstance(one, str) for one in texts):
        raise InputError.at("texts", f"is {shortened(texts)}", "Pass one string per example.")
    if not isinstance(descriptions, Mapping) or not descriptions:
        raise InputError.at("descriptions", f"is {shortened(descriptions)}", "Pass a dict of tags to texts.")
    check_whole("ngram", ngram, 1)
    tags = list(descriptions)
    order = _upward(tags, parents or {})
    grams = _grams(descriptions, int(ngram))
    index: dict[str, int] = {}
    read = [np.array([index.setdefault(word, len(index)) for word in words(text)], np.int64) for text in texts]
    asked = sorted({word for _, _, one in grams for word in one})
    place = {word: number for number, word in enumerate(asked)}
    similarity = similar_words(asked, list(index))
    weights = _weights(similarity, read)
    scores = np.zeros((len(texts), len(tags)))
    parts, total = np.zeros((len(texts), _count(grams))), np.zeros(_count(grams))
    for length in sorted({len(one) for _, _, one in grams}):
        some = [one for one in grams if len(one[2]) == length]
        codes = np.array([[place[word] for word in one] for _, _, one in some])
        which = np.array([number for _, number, _ in some])
        value = weights[codes]
        full = value.sum(axis=1)
        np.add.at(total, which, full)
        for row, text in enumerate(read):
            best = _best_windows(similarity, codes, value, text)
            np.add.at(parts[row], which, best)
    parts /= np.maximum(total, 1e-12)
    for tag, number in {(tag, number) for tag, number, _ in grams}:
        scores[:, tag] = np.maximum(scores[:, tag], parts[:, number])
    for child, parent in order:
        scores[:, parent] = np.maximum(scores[:, parent], scores[:, child])
    return np.minimum(scores, 1.0)


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return WORD.findall(text.casefold())


def similar_words(some: Sequence[str], others: Sequence[str]) -> np.ndarray:
    """Return Dice coefficients of character n-grams of words, (len(some), len(others)) float32; 0 below .5.

    The n-grams are pairs and triples of letters.

    Word boundaries count as letters. Words of up to 4 letters are similar only to themselves.

    Examples
    --------
    >>> similar_words(["kidney", "ace"], ["kidneys", "acer", "ace"]).round(2)
    array([[0.79, 0.  , 0.  ],
           [0.  , 0.  , 1.  ]], dtype=float32)
    """
    if not some or not others:
        return np.zeros((len(some), len(others)), np.float32)
    found = dice([[word] for word in some], [[word] for word in others])
    short = [np.array([len(word) <= SHORT for word in group]) for group in (some, others)]
    found = np.where(short[0][:, None] | short[1], found > 0.9999, found)
    return np.where(found >= LEAST_SIMILARITY, found, 0).astype(np.float32)


def dice(some: Sequence[Sequence[str]], others: Sequence[Sequence[str]]) -> np.ndarray:
    """Return Dice coefficients of character bigrams and trigrams between groups of words: float64 in [0, 1]."""
    from scipy.sparse import csr_array

    index: dict[str, int] = {}
    tables = []
    for groups in (some, others):
        pieces = [sorted(index.setdefault(piece, len(index)) for piece in _pieces(group)) for group in groups]
        starts = np.concatenate([[0], np.cumsum([len(one) for one in pieces])]).astype(np.int64)
        tables.append((np.array([code for one in pieces for code in one], np.int64), starts))
    one, two = (
        csr_array((np.ones(len(codes)), codes, starts), shape=(len(starts) - 1, len(index))) for codes, starts in tables
    )
    sizes = [np.diff(starts) for _, starts in tables]
    return 2 * (one @ two.T).toarray() / np.maximum(sizes[0][:, None] + sizes[1], 1)


def _pieces(group: Sequence[str]) -> set[str]:
    ended = [f"<{word}>" for word in group]
    return {word[start : start + size] for word in ended for size in (2, 3) for start in range(len(word) - size + 1)}


def _grams(descriptions: Mapping[str, Any], ngram: int) -> list[tuple[int, int, list[str]]]:
    """Return (tag, number of the description, words) of every n-gram."""
    found, number = [], 0
    for tag, (name, given) in enumerate(descriptions.items()):
        for text in [given] if isinstance(given, str) else list(given):
            one = words(text) if isinstance(text, str) else []
            if not one:
                raise InputError.at("descriptions", f"of {shortened(name)} hold {shortened(text)}", "Pass words.")
            size = min(ngram, len(one))
            found += [(tag, number, one[start : start + size]) for start in range(len(one) - size + 1)]
            number += 1
        if not found or found[-1][0] != tag:
            raise InputError.at("descriptions", f"of {shortened(name)} are empty", "Pass at least its name.")
    return found


def _count(grams: list[tuple[int, int, list[str]]]) -> int:
    return grams[-1][1] + 1


def _weights(similarity: np.ndarray, read: Sequence[np.ndarray]) -> np.ndarray:
    """Return the inverse document frequency of each word of the descriptions."""
    n = len(read)
    in_texts = np.zeros(len(similarity))
    for text in read:
        if len(text):
            in_texts += similarity[:, text].max(axis=1)
    return np.log((n + 1) / (in_texts + 1)) + 1


def _best_windows(similarity: np.ndarray, codes: np.ndarray, value: np.ndarray, text: np.ndarray) -> np.ndarray:
    """Return the weighted sum of similarities of each n-gram with its best window, (g,); shorter texts are padded."""
    length = codes.shape[1]
    if not len(text):
        return np.zeros(len(codes))
    best = np.zeros(len(codes))
    width = len(text) + length - 1
    total = np.zeros((len(codes), width))  # windows may extend beyond both ends
    for place in range(length):
        start = length - 1 - place
        total[:, start : start + len(text)] += value[:, place, None] * similarity[codes[:, place]][:, text]
    return np.maximum(best, total.max(axis=1))


def _upward(tags: Sequence[str], parents: Mapping[str, str]) -> list[tuple[int, int]]:
    """Return (child, parent) by number, each child after all its descendants."""
    place = {tag: number for number, tag in enumerate(tags)}
    for child, parent in parents.items():
        for one in (child, parent):
            if one not in place:
                raise InputError.unknown("tag", one, place, "It was named in `parents`.")
    depth = {}
    for tag in tags:
        above, count = tag, 0
        while above in parents:
            above, count = parents[above], count + 1
            if count > len(tags):
                raise InputError.at("parents", f"form a cycle at {shortened(tag)}", "Pass a hierarchy without cycles.")
        depth[tag] = count
    return [(place[tag], place[parents[tag]]) for tag in sorted(parents, key=lambda one: -depth[one])]
