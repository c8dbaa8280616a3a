"""Stored form of graded pairs: a list of (item, grade) per query, in the order in which they were given.

A grade is a class index, from irrelevant to most relevant; null means that the pair is listed but not judged. A query
without a list is null.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

ONE_PAIR = pa.struct([("item", pa.string()), ("grade", pa.int32())])
PAIRS_TYPE = pa.list_(ONE_PAIR)
"""Arrow type of the given grades."""

ITEM = pa.struct([("item", pa.string())])
"""Arrow type of `Units.shapes`, which name the item."""

UNJUDGED = -1
"""Grade of a pair that nobody has judged."""


class PairTable(NamedTuple):
    """The m pairs of n queries.

    Attributes
    ----------
    rows : (m,) int64, ascending, the query of each pair.
    items : (m,) object array of str, distinct within a query.
    grades : (m,) int64 class indices, -1 unjudged.
    missing : (n,) bool, queries without a list.
    """

    rows: np.ndarray
    items: np.ndarray
    grades: np.ndarray
    missing: np.ndarray

    @property
    def n(self) -> int:
        """Number of queries."""
        return len(self.missing)

    @property
    def starts(self) -> np.ndarray:
        """(n + 1,) int64, the pairs of query i are starts[i] to starts[i + 1] - 1."""
        return np.searchsorted(self.rows, np.arange(self.n + 1))

    def place_of(self) -> dict[tuple[int, str], int]:
        """Return the place of each pair, by row and item."""
        return {pair: place for place, pair in enumerate(zip(self.rows.tolist(), self.items.tolist()))}


def pair_table_of(labels: pa.ListArray) -> PairTable:
    """Return stored grades as columns."""
    missing = labels.is_null().to_numpy(zero_copy_only=False)
    sizes = np.where(missing, 0, np.diff(labels.offsets.to_numpy()))
    flat = labels.flatten()  # without the values under null lists
    grades = flat.field("grade").fill_null(UNJUDGED).to_numpy(zero_copy_only=False).astype(np.int64)
    items = flat.field("item").to_numpy(zero_copy_only=False).astype(object)
    return PairTable(np.repeat(np.arange(len(labels)), sizes), items, grades, missing)


def stored_pairs(table: PairTable) -> pa.ListArray:
    """Return columns, ordered by row, in the stored form."""
    grades = pa.array(table.grades, pa.int32(), mask=table.grades < 0)
    flat = pa.StructArray.from_arrays([pa.array(table.items, pa.string()), grades], fields=list(ONE_PAIR))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(table.rows, minlength=table.n))]).astype(np.int32)
    mask = pa.array(table.missing) if table.missing.any() else None
    return pa.ListArray.from_arrays(pa.array(offsets), flat, type=PAIRS_TYPE, mask=mask)


def item_shapes(items: Iterable[str]) -> pa.StructArray:
    """Return `Units.shapes` of items."""
    return pa.StructArray.from_arrays([pa.array(list(items), pa.string())], fields=list(ITEM))
