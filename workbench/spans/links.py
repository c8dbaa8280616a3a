"""Links between tokens of sources and targets, and the sizes of targets, read from every supported form."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, shortened
from workbench.spans.span_lists import read_texts
from workbench.tasks.sentences import listed

_PAIR = re.compile(r"\d+-\d+(?::[\d.eE+-]+)?")

LINK_FORMS = (
    "Pass n lists of links (i, j) or (i, j, weight), n str such as '0-0 1-2', or a DataFrame row, source, target."
)


class TargetLengths(NamedTuple):
    """Sizes of n targets.

    sizes : (n,) int64, tokens or characters. stored : (n,) int64, numbers of tokens, -1 for characters. tokens : n
    lists of str, or None. texts : n str, or None.
    """

    sizes: np.ndarray
    stored: np.ndarray
    tokens: list[list[str]] | None
    texts: list[str] | None

    @property
    def lengths(self) -> np.ndarray:
        """(n,) int64, numbers of tokens."""
        return self.sizes


def target_lengths(n: int, lengths: Any, tokens: Any, texts: Any = None) -> TargetLengths:
    """Return the sizes of n targets.

    Raises
    ------
    InputError : not exactly one of the arguments, or one of another length.
    """
    if sum(one is not None for one in (lengths, tokens, texts)) != 1:
        raise InputError.at("tokens", "is not given, nor are `lengths`", "Pass one of `tokens`, `lengths` and `texts`.")
    if texts is not None:
        words = read_texts(texts, n)
        return TargetLengths(np.array([len(one) for one in words], np.int64), np.full(n, -1), None, words)
    if tokens is not None:
        rows = [[str(word) for word in one] for one in listed("tokens", tokens)]
        if len(rows) != n:
            raise InputError.at("tokens", f"has {len(rows)} sentences for {n} sources", "Pass one list per sentence.")
        sizes = np.array([len(one) for one in rows], np.int64)
        return TargetLengths(sizes, sizes, rows, None)
    sizes = np.asarray(lengths)
    if sizes.shape != (n,) or sizes.dtype.kind not in "iu" or (sizes < 0).any():
        raise InputError.at("lengths", f"is {shortened(lengths)} for {n} sources", "Pass one number of tokens each.")
    return TargetLengths(sizes.astype(np.int64), sizes.astype(np.int64), None, None)


class Links(NamedTuple):
    """Links of n pairs of sentences: source, target (int64 tokens), weight (float64), and starts (n + 1,) of rows."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    starts: np.ndarray

    def of(self, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return source, target and weight of the links of one row."""
        own = slice(int(self.starts[row]), int(self.starts[row + 1]))
        return self.source[own], self.target[own], self.weight[own]

    @property
    def rows(self) -> np.ndarray:
        """(e,) int64, the row of each link."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


def read_links(
    alignments: Any, n: int, source_sizes: np.ndarray, target_sizes: np.ndarray, field: str = "alignments"
) -> Links:
    """Return links in order.

    Parameters
    ----------
    alignments : n lists of (i, j) or (i, j, weight); n str "0-0 1-2" or "0-0:0.8"; or a DataFrame row, source, target,
        optionally weight. source_sizes, target_sizes : (n,) int64, numbers of tokens; -1 unknown.

    Raises
    ------
    InputError : another number of rows, a link beyond the tokens, or a weight outside [0, 1]; names the row.
    """
    if isinstance(alignments, pd.DataFrame):
        for name in ("row", "source", "target"):
            if name not in alignments:
                raise InputError.unknown("column", name, alignments.columns, f"`{field}` need it.")
        table = alignments.assign(weight=1.0) if "weight" not in alignments else alignments
        values = table[["row", "source", "target", "weight"]].to_numpy(float)
    else:
        if isinstance(alignments, (str, bytes)) or not hasattr(alignments, "__len__") or len(alignments) != n:
            many = len(alignments) if hasattr(alignments, "__len__") else type(alignments).__name__
            raise InputError.at(field, f"has {many} entries for {n} sentences", LINK_FORMS)
        values = np.array(
            [(row, *link) for row, own in enumerate(alignments) for link in _links(own, row, field)], float
        ).reshape(-1, 4)
    row, weight = values[:, 0], values[:, 3]
    known = np.isfinite(values).all(axis=1) & (values[:, :3] % 1 == 0).all(axis=1) & (row >= 0) & (row < n)
    at = np.where(known, row, 0).astype(np.int64)
    for column, sizes in ((values[:, 1], source_sizes), (values[:, 2], target_sizes)):
        size = np.where(sizes < 0, np.inf, sizes)[at] if n else np.empty(0)
        known &= (column >= 0) & (column < size)
    known &= (weight >= 0) & (weight <= 1)
    if not known.all():
        place = int(np.flatnonzero(~known)[0])
        _, source, target, own = values[place]
        here = int(at[place])
        found = f"links {source:g} to {target:g} with weight {own:g}"
        todo = "Tokens count from 0 within each sentence, and weights are in [0, 1]."
        if n:
            todo = f"The source has {source_sizes[here]} tokens and the target {target_sizes[here]}. " + todo
        raise InputError.at(field, found, todo.replace("has -1 tokens", "has unknown tokens"), row=here)
    values = values[(weight > 0)]
    values = values[np.argsort(values[:, 0], kind="stable")]
    starts = np.searchsorted(values[:, 0], np.arange(n + 1))
    return Links(values[:, 1].astype(np.int64), values[:, 2].astype(np.int64), values[:, 3].copy(), starts)


def _links(own: Any, row: int, field: str) -> list[tuple[float, float, float]]:
    """Return the links of one sentence."""
    if isinstance(own, str):
        parts = own.split()
        for part in parts:
            if not _PAIR.fullmatch(part):
                raise InputError.at(field, f"holds {shortened(part)}", LINK_FORMS, row=row)
        pairs = [(part.partition(":")[0].split("-"), part.partition(":")[2] or "1") for part in parts]
        return [(float(i), float(j), float(weight)) for (i, j), weight in pairs]
    found = []
    for link in () if own is None else own:
        try:
            numbers = [float(one) for one in link]
        except (TypeError, ValueError) as error:
            raise InputError.at(field, f"holds {shortened(link)}", LINK_FORMS, row=row) from error
        if len(numbers) not in (2, 3):
            raise InputError.at(field, f"holds {shortened(link)}", LINK_FORMS, row=row)
        found.append((numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else 1.0))
    return found
