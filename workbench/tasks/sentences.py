"""Lists with one array per sentence, of different lengths: flatten and split them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, pairwise
from typing import Any

import numpy as np

from workbench.foundation.errors import InputError, shortened

PADDING = -100
"""Class of a token that is not labelled, such as padding and sub-words, beside -1; as in Hugging Face's trainers."""


def listed(name: str, nested: Any) -> list[Any]:
    """Return one entry per sentence as a list.

    Raises
    ------
    InputError : not a sequence of sequences; the message names the first invalid row.
    """
    if hasattr(nested, "detach"):
        nested = nested.detach().cpu().numpy()
    if hasattr(nested, "to_pylist"):
        nested = nested.to_pylist()
    if isinstance(nested, (str, bytes, dict)) or not isinstance(nested, Iterable):
        raise InputError.at(name, f"is a {type(nested).__name__}", "Pass a list with one entry per sentence.")
    rows = list(nested)
    for row, one in enumerate(rows):
        scalar = isinstance(one, np.ndarray) and not one.ndim
        if isinstance(one, (str, bytes)) or not hasattr(one, "__len__") or scalar:
            todo = "Pass a list with one entry per sentence, each a list or array with one entry per token."
            raise InputError.at(name, f"is {shortened(one)}", todo, row=row)
    return rows


def starts_of(rows: list[Any]) -> np.ndarray:
    """Return starts (n + 1,) int64: the tokens of sentence i are starts[i] to starts[i + 1] - 1 of all tokens."""
    sizes = np.fromiter(map(len, rows), np.int64, len(rows))
    return np.concatenate([[0], np.cumsum(sizes)])


def flat_classes(name: str, rows: list[Any]) -> np.ndarray:
    """Return class indices of all tokens, (t,) int64; -1 for tokens without a label (-1 or `PADDING`).

    Raises
    ------
    InputError : an entry is not an integer; the message names the sentence and the token.
    """
    if rows and all(isinstance(one, np.ndarray) for one in rows):
        values = np.concatenate(rows)
    else:
        values = np.array(list(chain.from_iterable(rows)))
    if not values.size:
        return np.empty(0, np.int64)
    if values.dtype.kind not in "iu":
        for row, one in enumerate(rows):
            for place, value in enumerate(one):
                if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
                    todo = "Pass class indices, 0 to k - 1; -1 for a token without a label."
                    raise InputError.at(name, f"token {place} is {shortened(value)}", todo, row=row)
    codes = values.astype(np.int64)
    codes[codes == PADDING] = -1
    return codes


def flat_table(name: str, rows: list[Any], starts: np.ndarray) -> np.ndarray:
    """Concatenate n arrays (tokens, k) to the rows (t, k) of all tokens.

    Parameters
    ----------
    starts : starts of the sentences of the arrays.

    Raises
    ------
    InputError : a different number of sentences, tokens or columns; the message names the first invalid row.
    """
    n = len(starts) - 1
    if len(rows) != n:
        raise InputError.at(name, f"has {len(rows)} sentences for {n} of the labels", "Pass one array per sentence.")
    arrays = [np.asarray(one) for one in rows]
    width = next((one.shape[1] for one in arrays if one.ndim == 2), 0)
    for row, (one, size) in enumerate(zip(arrays, np.diff(starts).tolist(), strict=True)):
        if one.shape != (size, width) and not (size == 0 and one.size == 0):
            found = f"has shape {one.shape} for {size} tokens and {width} columns"
            raise InputError.at(name, found, "Pass arrays of shape (tokens, k).", row=row)
    there = [one for one in arrays if one.size]
    return np.concatenate(there) if there else np.empty((0, max(width, 1)))


def cut(flat: np.ndarray, starts: np.ndarray) -> list[np.ndarray]:
    """Split into n arrays, one per sentence."""
    ends = starts.tolist()
    return [flat[first:last] for first, last in pairwise(ends)]


def in_sentence(error: InputError, starts: np.ndarray) -> InputError:
    """Convert an error about a row of all tokens to one about a token of a sentence."""
    token = error.parts.get("row")
    if token is None:
        return error
    row = int(np.searchsorted(starts, token, side="right")) - 1
    return error.but(row=row, found=f"token {token - int(starts[row])} {error.parts['found']}")
