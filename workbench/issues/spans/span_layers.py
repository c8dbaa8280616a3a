"""Spans as tag codes per token, in layers without overlaps: 0 = O, 2c + 1 = B of class c, 2c + 2 = I of class c."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workbench.foundation.errors import InputError, shortened
from workbench.issues.spans.tokens import Tokens
from workbench.tasks.span_table import SpanTable
from workbench.tasks.span_tags import OUTSIDE, split_tag


class Given(NamedTuple):
    """The m given spans, in tokens.

    first, last : (m,) int64, tokens that they touch, half-open. label : (m,) class. layer : (m,) int64, 0 for spans
    without overlap and the longest of overlapping ones; -1 for spans that touch no token.
    """

    first: np.ndarray
    last: np.ndarray
    label: np.ndarray
    layer: np.ndarray

    @property
    def layers(self) -> int:
        """Number of layers, at least 1."""
        return int(self.layer.max(initial=0)) + 1

    def codes(self, t: int, layer: int) -> np.ndarray:
        """Return tag codes (t,) int64 of one layer."""
        codes = np.zeros(t, np.int64)
        own = self.layer == layer
        first, size, label = self.first[own], (self.last - self.first)[own], self.label[own]
        every = np.repeat(first, size) + _within(size)
        codes[every] = np.repeat(2 * label + 2, size)
        codes[first] = 2 * label + 1
        return codes


def given_spans(table: SpanTable, tokens: Tokens) -> Given:
    """Return the given spans as ranges of tokens, with layers."""
    first, last = tokens.ranges(table.rows, table.start, table.end)
    layer = np.where(last > first, 0, -1)
    order = np.lexsort((-last, first))
    order = order[layer[order] == 0]
    far = np.maximum.accumulate(last[order]) if len(order) else last[order]
    meets = np.zeros(len(order), bool)
    meets[1:] = first[order][1:] < far[:-1]
    if meets.any():
        group = np.cumsum(~meets)  # spans that overlap, possibly through others
        crowded = np.flatnonzero(np.bincount(group)[group] > 1)
        places = order[crowded]
        by_length = np.lexsort((first[places], -(last - first)[places], group[crowded]))
        ends: list[list[tuple[int, int]]] = []
        before = -1
        for place, own in zip(places[by_length].tolist(), group[crowded][by_length].tolist()):
            if own != before:
                ends, before = [], own
            layer[place] = _first_free(ends, int(first[place]), int(last[place]))
    return Given(first, last, table.label, layer)


def _first_free(ends: list[list[tuple[int, int]]], first: int, last: int) -> int:
    """Put a span into the first layer where it overlaps none; return the layer."""
    for number, taken in enumerate(ends):
        if all(stop <= first or start >= last for start, stop in taken):
            taken.append((first, last))
            return number
    ends.append([(first, last)])
    return len(ends) - 1


def column_codes(columns: Sequence[str], classes: Sequence[str]) -> list[tuple[str, int]]:
    """Return (prefix, class) of each column of probabilities; prefix "C" for a column that names a class alone.

    Raises
    ------
    InputError : a column that names no tag of these classes, or names one twice, or none names "O".
    """
    code_of = {name: code for code, name in enumerate(classes)}
    found = []
    for place, name in enumerate(columns):
        if name in code_of:
            found.append(("C", code_of[name]))
            continue
        prefix, own = split_tag(name)
        if own and own not in code_of:
            todo = f"Known classes: {', '.join(map(repr, list(classes)[:12]))}."
            raise InputError.at("tags", f"is {shortened(name)}", todo, row=place)
        found.append((prefix, code_of.get(own, -1)))
    if len(set(found)) < len(found) or (OUTSIDE, -1) not in found:
        raise InputError.at("tags", f"is {shortened(list(columns))}", "Name each column once, one of them 'O'.")
    return found


def probabilities_of_tags(probs: np.ndarray, columns: list[tuple[str, int]], k: int, tokens: Tokens) -> np.ndarray:
    """Return probabilities (t, 2 k + 1) of O, B and I from those of the tags of any scheme.

    Notes
    -----
    S counts as B and E as I. A class without a prefix, or with I alone, continues the previous token with the
    probability of the class there: P(I) = p(t) p(t - 1), P(B) = p(t) (1 - p(t - 1)).
    """
    out = np.zeros((len(probs), 2 * k + 1))
    with_begin = {own for prefix, own in columns if prefix in "BS"}
    first = np.zeros(len(probs), bool)
    there = np.diff(tokens.starts) > 0
    first[tokens.starts[:-1][there]] = True
    for column, (prefix, own) in enumerate(columns):
        p = probs[:, column]
        if prefix == OUTSIDE:
            out[:, 0] += p
        elif prefix in "BS":
            out[:, 2 * own + 1] += p
        elif prefix in "IE" and own in with_begin:
            out[:, 2 * own + 2] += p
        else:
            before = np.where(first, 0, np.r_[0, p[:-1]]) if len(p) else p
            out[:, 2 * own + 1] += p * (1 - before)
            out[:, 2 * own + 2] += p * before
    return out


def probabilities_of_spans(
    first: np.ndarray, last: np.ndarray, label: np.ndarray, p: np.ndarray, t: int, k: int
) -> np.ndarray:
    """Return probabilities (t, 2 k + 1) of O, B and I from scored spans.

    Parameters
    ----------
    first, last : (m,) ranges of tokens. label : (m,) classes. p : (m,) probabilities.

    Notes
    -----
    Each span adds its probability to B on its first token and to I on the others; O gets the rest. If overlapping
    spans sum to more than 1, they are scaled down.
    """
    size = last - first
    every = np.repeat(first, size) + _within(size)
    code = np.repeat(2 * label + 2, size)
    code[np.cumsum(size) - size] = 2 * label + 1
    out = np.zeros((t, 2 * k + 1))
    np.add.at(out, (every, code), np.repeat(p, size))
    total = out.sum(axis=1)
    out /= np.maximum(total, 1)[:, None]
    out[:, 0] = np.maximum(1 - total, 0)
    return out


def _within(size: np.ndarray) -> np.ndarray:
    """0, 1, ... for each of some sizes."""
    return np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size, size)
