"""Texts that stand out without their items: length outliers, and texts or templates on many examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workbench.texts.wording import words_of

LONG_TAIL = 3.5
"""Robust deviations of log length beyond which a length is an outlier."""

LEAST_REPEATED = 5
REPEATED_SHARE = 0.01
"""A template is overused on at least this many examples, and this share of them."""

SHINGLE = 3
"""Words of a part by which near-duplicates are found."""

SAME_PARTS = 0.8
"""Minimum share of common parts (Jaccard) of near-duplicates."""


class OddTexts(NamedTuple):
    """What stands out in n texts.

    words : int (n,), number of words, -1 = missing. z : float (n,), robust deviations of log length, NaN = missing.
    typical : (low, high), number of words of the middle 90 %. outlier : bool (n,). empty : bool (n,), nothing but
    spaces. repeated : int (n,), number of examples with the same text up to details. overused : bool (n,).
    """

    words: np.ndarray
    z: np.ndarray
    typical: tuple[int, int]
    outlier: np.ndarray
    empty: np.ndarray
    repeated: np.ndarray
    overused: np.ndarray


def odd_texts(texts: Sequence[str | None]) -> OddTexts:
    """Find length outliers and overused texts.

    Parameters
    ----------
    texts : n str, None = missing

    Returns
    -------
    OddTexts, seven fields, with one entry per text: words int (n,), z float (n,), outlier, empty and overused bool
    (n,), repeated int (n,); and typical, the number of words of the middle 90 %

    Notes
    -----
    Length is the number of words. Two texts are near-duplicates if at least 80 % of their parts of three words are
    common (Jaccard index), with digits counted as equal; groups are linked by candidates from min-hashes (Broder 1997).
    """
    there = np.array([text is not None for text in texts], bool)
    split = [words_of(text) if text is not None else [] for text in texts]
    words = np.where(there, [len(one) for one in split], -1)
    empty = there & np.array([not (text or "").strip() for text in texts], bool)
    z = np.full(len(words), np.nan)
    outlier = np.zeros(len(words), bool)
    typical = (0, 0)
    usable = there & ~empty
    if usable.any():
        logs = np.log1p(words[usable])
        middle = np.median(logs)
        spread = max(1.4826 * float(np.median(np.abs(logs - middle))), 0.1)
        z[usable] = (logs - middle) / spread
        outlier[usable] = np.abs(z[usable]) > LONG_TAIL
        low, high = np.quantile(words[usable], [0.05, 0.95])
        typical = (int(low), int(high))
    repeated = _repeated(split, usable)
    overused = repeated >= max(LEAST_REPEATED, int(np.ceil(REPEATED_SHARE * max(usable.sum(), 1))))
    return OddTexts(words, z, typical, outlier, empty, repeated, overused)


def _repeated(split: list[list[str]], usable: np.ndarray) -> np.ndarray:
    """Return the size of the group of near-duplicates of each text, 0 for texts that are missing or empty."""
    groups: dict[tuple[str, ...], int] = {}
    codes = np.full(len(split), -1)
    for row in np.flatnonzero(usable):
        key = tuple("0" if word.isdigit() else word for word in split[row])
        codes[row] = groups.setdefault(key, len(groups))
    sizes = np.bincount(codes[usable], minlength=len(groups)) if len(groups) else np.zeros(0, int)
    parent = np.arange(len(groups))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = int(parent[one])
        return one

    parts = [_parts(key) for key in groups]
    for one, other in _candidate_pairs(parts):
        mine, theirs = parts[one], parts[other]
        common = len(mine & theirs)
        if common >= SAME_PARTS * (len(mine) + len(theirs) - common):
            parent[root(one)] = root(other)
    roots = np.array([root(one) for one in range(len(groups))], np.int64)
    total = np.bincount(roots, weights=sizes, minlength=len(groups)) if len(groups) else np.zeros(0)
    found = np.zeros(len(split), np.int64)
    found[usable] = total[roots[codes[usable]]].astype(np.int64) if len(groups) else 0
    return found


def _parts(key: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    if len(key) <= SHINGLE:
        return frozenset([key])
    return frozenset(key[at : at + SHINGLE] for at in range(len(key) - SHINGLE + 1))


BANDS, BAND_ROWS = 12, 3
"""Min-hashes: pairs alike in 80 % of their parts share one of 12 bands of 3 hashes with probability .9998."""


def _candidate_pairs(parts: list[frozenset[tuple[str, ...]]]) -> set[tuple[int, int]]:
    """Return pairs that share a band of min-hashes; each is paired with the first of its band."""
    rng = np.random.default_rng(0)
    multiplier = rng.integers(1, 2**61 - 1, BANDS * BAND_ROWS, dtype=np.uint64) | np.uint64(1)
    hashes: dict[tuple[str, ...], int] = {}
    pairs: set[tuple[int, int]] = set()
    first: dict[tuple[int, bytes], int] = {}
    numbers = rng.integers(1, 2**63 - 1, size=1, dtype=np.int64)
    for row, own in enumerate(parts):
        codes = np.array([hashes.setdefault(part, len(hashes)) for part in own], np.uint64) + np.uint64(numbers[0])
        mixed = codes[:, None] * multiplier[None, :]
        mixed ^= mixed >> np.uint64(29)
        least = (mixed * multiplier[None, ::-1]).min(axis=0)
        for band in range(BANDS):
            key = (band, least[band * BAND_ROWS : (band + 1) * BAND_ROWS].tobytes())
            if (other := first.setdefault(key, row)) != row:
                pairs.add((other, row))
    return pairs
