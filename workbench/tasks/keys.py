"""Keys of units: permanent names of the boxes, spans, tags or cells of an example, for the journal.

A key consists of a letter for the origin of the unit and a part that identifies it within its example:

- ``g0``, ``g1``, ...: the objects of the given label, by their number in the stored label, which never changes;
- ``p0``, ``p1``, ...: units at fixed positions: the tag, token or column with this number;
- ``a`` and 12 hex digits: an object that a person added;
- ``c`` and 16 hex digits: an object that only a model proposes. The digits are a hash of its content, so that the same
  proposal has the same key when the predictions are read again.

An example that is its own unit (one class per example) has the empty key.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.foundation.errors import InputError, shortened

WHOLE_EXAMPLE = ""
"""Key of an example that is its own unit."""

_FORM = re.compile(r"(?:|[gp](?:0|[1-9][0-9]{0,17})|a[0-9a-f]{12}|c[0-9a-f]{16}(?:\.[1-9][0-9]{0,8})?)\Z")


def check_key(key: object) -> str:
    """Validate a key and return it.

    Raises
    ------
    InputError : it is not text in one of the forms above.
    """
    if not isinstance(key, str) or not _FORM.match(key):
        todo = "Use the key of a unit, such as 'g0'; '' for an example that is its own unit."
        raise InputError.at("unit", f"is {shortened(key)}", todo)
    return key


def given_keys(rows: np.ndarray) -> pa.Array:
    """Return the keys ``g0``, ``g1``, ..., restarting for each example.

    Parameters
    ----------
    rows : (m,) int64, ascending: row of the example of each unit.
    """
    return _numbered("g", number_within(rows))


def position_keys(positions: np.ndarray) -> pa.Array:
    """Return the keys ``p`` + position, for positions (m,) int64 from 0: the tag, token or column of each unit."""
    return _numbered("p", positions)


def number_of(key: str) -> int | None:
    """Return the number in the key of a given object or a fixed position; None for other keys."""
    return int(key[1:]) if key[:1] in ("g", "p") else None


def added_key(taken: Collection[str] = ()) -> str:
    """Return a new key for an object that a person adds, which is not one of `taken`."""
    while (key := f"a{uuid.uuid4().hex[:12]}") in taken:
        pass
    return key


def candidate_keys(rows: np.ndarray, *content: Any) -> pa.Array:
    """Return keys of proposed objects, computed from their content.

    Parameters
    ----------
    rows : (m,) int64, ascending: row of the example of each object.
    content : columns (m,) or (m, d): integers, floats (compared as float32, -0 as 0) or text, such as the class and the
        corners of a box, but not scores, since another model may propose the same box with another score.

    Notes
    -----
    The key contains a 64-bit hash of the content. A second unit with the same content in one example gets the suffix
    ``.1``, a third ``.2``, so keys are distinct within an example.
    """
    mixed = np.zeros(len(rows), np.uint64)
    for column in content:
        for part in _as_words(column, len(rows)):
            mixed = _scramble(mixed ^ part)
    hexes = mixed.astype(">u8").tobytes().hex()
    keys = pa.array([f"c{hexes[start : start + 16]}" for start in range(0, len(hexes), 16)], pa.string())
    order = np.lexsort((mixed, rows))
    same = np.zeros(len(rows), bool)
    same[1:] = (rows[order][1:] == rows[order][:-1]) & (mixed[order][1:] == mixed[order][:-1])
    if same.any():
        listed = keys.to_pylist()
        nth = 0
        for place in np.flatnonzero(same):  # in input order, since the sort is stable
            nth = nth + 1 if same[place - 1] else 1
            listed[order[place]] += f".{nth}"
        keys = pa.array(listed, pa.string())
    return keys


def number_within(rows: np.ndarray) -> np.ndarray:
    """Return (m,) int64: 0, 1, ..., restarting for each run of equal rows."""
    if not len(rows):
        return np.empty(0, np.int64)
    places = np.arange(len(rows))
    starts = np.flatnonzero(np.diff(rows, prepend=rows[0] - 1))
    return places - np.repeat(starts, np.diff(starts, append=len(rows)))


def _numbered(letter: str, numbers: np.ndarray) -> pa.Array:
    return pc.binary_join_element_wise(letter, pc.cast(pa.array(numbers, pa.int64()), pa.string()), "")


def _as_words(column: Any, m: int) -> Sequence[np.ndarray]:
    """Convert content to columns (m,) uint64 that are equal if and only if (up to hashing) the content is."""
    if isinstance(column, (pa.Array, pa.ChunkedArray)):
        column = column.to_numpy(zero_copy_only=False)
    values = np.asarray(column)
    if values.shape[:1] != (m,):
        raise InputError.at("content", f"has shape {values.shape} for {m} units", "Pass one row per unit.")
    if not m:
        return []
    if values.dtype.kind == "f":
        parts = (values.astype(np.float32) + np.float32(0)).reshape(m, -1).view(np.uint32).astype(np.uint64)
    elif values.dtype.kind in "iub":
        parts = values.astype(np.int64).reshape(m, -1).view(np.uint64)
    else:
        distinct, which = np.unique(values.astype(str), return_inverse=True)
        hashes = [hashlib.blake2b(str(one).encode(), digest_size=8).digest() for one in distinct]
        parts = np.frombuffer(b"".join(hashes), "<u8").astype(np.uint64)[which].reshape(m, -1)
    return list(parts.T)


def _scramble(words: np.ndarray) -> np.ndarray:
    """Hash each word, with the finalizer of SplitMix64 (Steele, Lea, Flood 2014)."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
