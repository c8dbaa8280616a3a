"""Similarity of the names of types, such as PER and Person."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from workbench.spans.matching import likeness

ABBREVIATED = 0.9
"""Similarity of a name and its beginning, of at least three letters."""

SHORTEST = 3


def name_similarity(one: Sequence[str], other: Sequence[str]) -> np.ndarray:
    """Return the similarity of each pair of names, float64 (k, l) in [0, 1].

    The ratio of matching characters of the words of both names, as far as it exceeds 0.5; 1 if these are equal, and 0.9
    if one begins with the other, such as LOC and location. Names that only mean the same are not similar.

    Examples
    --------
    >>> name_similarity(["PER", "geo-loc"], ["Person", "GeoLoc", "MISC"]).tolist()
    [[0.9, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    plain = [["".join(_words(name)) for name in names] for names in (one, other)]
    found = np.zeros((len(one), len(other)))
    for i, left in enumerate(plain[0]):
        for j, right in enumerate(plain[1]):
            short, long = sorted((left, right), key=len)
            value = max(2 * likeness(left, right) - 1, 0)
            if len(short) >= SHORTEST and long.startswith(short):
                value = max(value, 1.0 if short == long else ABBREVIATED)
            found[i, j] = value
    return found


def _words(name: str) -> list[str]:
    """Return the lower-case words of a name; a capital after a small letter begins a word."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [one.casefold() for one in re.findall(r"\w+", spaced.replace("_", " "))]
