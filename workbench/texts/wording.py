"""Words of texts: split into tokens, compared word by word, and searched for names of objects."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError, shortened

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_TOKEN = re.compile(r"\s+|\w+(?:['’]\w+)*|[^\w\s]")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Scripts that are written without spaces between words."""

MOST_TOKENS = 4000
"""Maximum number of differing tokens that are compared one by one; longer differences are replaced as a whole."""


class TextEdit(NamedTuple):
    """A part of a comparison: `kind` is "same", "removed" or "added"."""

    kind: str
    text: str


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case.

    Examples
    --------
    >>> words_of("The dog's ball, 2 cats")
    ['the', "dog's", 'ball', '2', 'cats']
    """
    return _WORD.findall(text.casefold())


def word_diff(old: str, new: str) -> list[TextEdit]:
    """Compare two texts word by word.

    Parameters
    ----------
    old, new : str

    Returns
    -------
    list of (kind, text), kind in {"same", "removed", "added"}. The "same" and "removed" parts joined are `old`, the
    "same" and "added" parts `new`.

    Examples
    --------
    >>> [tuple(one) for one in word_diff("a red circle", "a blue circle")]
    [('same', 'a '), ('removed', 'red'), ('added', 'blue'), ('same', ' circle')]
    """
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    found = [TextEdit("same", "".join(before[:start]))]
    found += _between(before[start : len(before) - end], after[start : len(after) - end])
    found.append(TextEdit("same", "".join(before[len(before) - end :])))
    return [one for one in found if one.text]


def _between(before: list[str], after: list[str]) -> list[TextEdit]:
    if len(before) + len(after) > MOST_TOKENS:
        return [TextEdit("removed", "".join(before)), TextEdit("added", "".join(after))]
    found = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            found.append(TextEdit("same", "".join(before[i:j])))
            continue
        found += [TextEdit("removed", "".join(before[i:j])), TextEdit("added", "".join(after[k:m]))]
    return found


class Objects(NamedTuple):
    """Known objects of n items: names (k), and confidence (n, k) float in [0, 1], sparse, 0 = not there.

    known : bool (n,), items whose objects are known; an empty list means that there are none.
    """

    names: tuple[str, ...]
    confidence: csr_array
    known: np.ndarray


def read_objects(objects: Any, n: int) -> Objects:
    """Read n lists of objects: names, (name, confidence) pairs, or dicts from name to confidence; None is unknown.

    Raises
    ------
    InputError : another length, a name that is not text, or a confidence outside [0, 1]; the message names the row.
    """
    todo = "Pass n lists of names, or of (name, confidence) pairs; [] for an item without objects, None if unknown."
    if isinstance(objects, (str, bytes, Mapping)) or not hasattr(objects, "__len__") or len(objects) != n:
        size = len(objects) if hasattr(objects, "__len__") else type(objects).__name__
        raise InputError.at("objects", f"has length {size} for {n} examples", todo)
    codes: dict[str, int] = {}
    cells: dict[tuple[int, int], float] = {}
    known = np.zeros(n, bool)
    for row, one in enumerate(objects):
        one = one.tolist() if isinstance(one, np.ndarray) else one
        if is_missing(one):
            continue
        known[row] = True
        if isinstance(one, (str, bytes)) or not isinstance(one, Iterable):
            raise InputError.at("objects", f"is {shortened(one)}", todo, row=row)
        for each in one.items() if isinstance(one, Mapping) else one:
            name, confidence = (each, 1.0) if isinstance(each, str) else _pair(each, row, todo)
            key = (row, codes.setdefault(name, len(codes)))
            cells[key] = max(cells.get(key, 0.0), confidence)
    order = sorted(codes)
    place = {codes[name]: number for number, name in enumerate(order)}
    rows = np.array([row for row, _ in cells], np.int64)
    columns = np.array([place[code] for _, code in cells], np.int64)
    values = np.fromiter(cells.values(), float, len(cells))
    return Objects(tuple(order), csr_array((values, (rows, columns)), shape=(n, len(order))), known)


def _pair(each: Any, row: int, todo: str) -> tuple[str, float]:
    if isinstance(each, (list, tuple)) and len(each) == 2 and isinstance(each[0], str):
        confidence = each[1]
        number = isinstance(confidence, (int, float, np.number)) and not isinstance(confidence, bool)
        if number and 0 <= float(confidence) <= 1:
            return each[0], float(confidence)
    raise InputError.at("objects", f"holds {shortened(each)}", todo, row=row)


def mentions(texts: Sequence[str | None], names: Sequence[str]) -> csr_array:
    """Find which texts mention which names.

    Parameters
    ----------
    texts : n texts, None = missing
    names : k names of one or more words

    Returns
    -------
    bool sparse array (n, k)

    Notes
    -----
    Words are compared without case and without the English plural endings -s, -es and -ies. Names in scripts without
    spaces between words are searched as they are.

    Examples
    --------
    >>> mentions(["Two dogs and a fire truck"], ["dog", "fire truck", "cat"]).toarray().tolist()
    [[True, True, False]]
    """
    wanted: dict[str, list[tuple[tuple[str, ...], int]]] = {}
    whole = []
    for code, name in enumerate(names):
        if _UNSPACED.search(name):
            whole.append((name.casefold(), code))
        elif stems := tuple(map(_stem, words_of(name))):
            wanted.setdefault(stems[0], []).append((stems, code))
    rows, columns = [], []
    for row, text in enumerate(texts):
        if not text:
            continue
        own = [_stem(word) for word in words_of(text)]
        found = set()
        for at, stem in enumerate(own):
            for stems, code in wanted.get(stem, ()):
                if tuple(own[at : at + len(stems)]) == stems:
                    found.add(code)
        if whole:
            folded = text.casefold()
            found |= {code for name, code in whole if name in folded}
        rows += [row] * len(found)
        columns += sorted(found)
    return csr_array((np.ones(len(rows), bool), (rows, columns)), shape=(len(texts), len(names)))


def _stem(word: str) -> str:
    """Remove an English plural ending."""
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
