"""Stored form of labelled spans: a list of (start, end, class) per example, half-open, ordered, possibly nested.

Positions count tokens if the number of tokens of an example is stored (`length`), else characters of its text. An
example without spans has an empty list; one without a label is null.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

ONE_SPAN = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.int32())])
SPANS_TYPE = pa.struct([("length", pa.int32()), ("spans", pa.list_(ONE_SPAN))])
"""Arrow type of the given spans."""

PLACE = pa.struct([("start", pa.int32()), ("end", pa.int32())])
"""Arrow type of `Units.shapes`."""

LAST_PLACE = 2**31 - 1


class SpanTable(NamedTuple):
    """The m spans of n examples.

    Attributes
    ----------
    rows, start, end, label : (m,) int64, ordered by row, start, end and class index.
    length : (n,) int64, number of tokens; -1 if positions count characters.
    missing : (n,) bool, examples without a label.
    """

    rows: np.ndarray
    start: np.ndarray
    end: np.ndarray
    label: np.ndarray
    length: np.ndarray
    missing: np.ndarray

    @property
    def n(self) -> int:
        """Number of examples."""
        return len(self.missing)

    def overlapping(self) -> np.ndarray:
        """Whether a span starts before an earlier one of its example has ended, (m,) bool."""
        found = np.zeros(len(self.rows), bool)
        if len(self.rows):
            far = self.end + self.rows * (LAST_PLACE + 1)
            found[1:] = (self.start + self.rows * (LAST_PLACE + 1))[1:] < np.maximum.accumulate(far)[:-1]
        return found

    def chosen(self, keep: np.ndarray) -> SpanTable:
        """Select the spans of a mask (m,)."""
        rows, start, end, label = (one[keep] for one in (self.rows, self.start, self.end, self.label))
        return SpanTable(rows, start, end, label, self.length, self.missing)


def table_of(labels: pa.StructArray) -> SpanTable:
    """Return stored spans as a table."""
    missing = labels.is_null().to_numpy(zero_copy_only=False)
    lists, length = labels.field("spans"), labels.field("length")
    gone = missing | lists.is_null().to_numpy(zero_copy_only=False)
    sizes = np.where(gone, 0, np.diff(lists.offsets.to_numpy()))
    flat = lists.flatten()
    if len(flat) != sizes.sum():  # values below a null of the example
        flat = pa.array([one for row, here in zip(lists.to_pylist(), ~gone) if here for one in row], ONE_SPAN)
    start, end, label = (
        flat.field(name).to_numpy(zero_copy_only=False).astype(np.int64) for name in ("start", "end", "label")
    )
    tokens = length.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    rows = np.repeat(np.arange(len(labels)), sizes)
    return SpanTable(rows, start, end, label, np.where(missing, -1, tokens), missing)


def stored_spans(table: SpanTable) -> pa.StructArray:
    """Return the stored form of spans in any order; duplicates are stored once."""
    rows, start, end, label = _distinct(table)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=table.n))]).astype(np.int32)
    values = [pa.array(one.astype(np.int32)) for one in (start, end, label)]
    flat = pa.StructArray.from_arrays(values, fields=list(ONE_SPAN))
    lists = pa.ListArray.from_arrays(pa.array(offsets), flat)
    unknown = table.missing | (table.length < 0)
    length = pa.array(table.length.astype(np.int32), mask=unknown)
    lists = lists.cast(SPANS_TYPE.field("spans").type)
    return pa.StructArray.from_arrays([length, lists], fields=list(SPANS_TYPE), mask=pa.array(table.missing))


def places(start: np.ndarray, end: np.ndarray) -> pa.StructArray:
    """Return positions (m,) as shapes of units."""
    return pa.StructArray.from_arrays([pa.array(one.astype(np.int32)) for one in (start, end)], fields=list(PLACE))


def _distinct(table: SpanTable) -> list[np.ndarray]:
    """Return the four columns of distinct spans of labelled examples, sorted."""
    columns = np.stack([table.rows, table.start, table.end, table.label])
    columns = columns[:, ~table.missing[table.rows]]
    columns = columns[:, np.lexsort(columns[::-1])]
    if columns.shape[1]:
        columns = columns[:, np.r_[True, (np.diff(columns) != 0).any(axis=0)]]
    return list(columns)
