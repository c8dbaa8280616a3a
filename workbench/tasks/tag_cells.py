"""The cells of an (examples, tags) table, stored by row: whether an example has a tag, does not have it, or is unknown.

Each example is stored as a struct of three lists: its tags (`yes`), and either the tags that are unknown (`unknown`;
all others are "no": a closed world) or the tags that it does not have (`no`; all others are unknown: an open world). An
example without a known cell has no label and is null.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

TAGS = pa.list_(pa.int32())
CELLS_TYPE = pa.struct([("yes", TAGS), ("no", TAGS), ("unknown", TAGS)])
"""Arrow type of the given tags."""

NO, YES, UNKNOWN = 0, 1, -1


class Listed(NamedTuple):
    """Stored cells: rows and tags, int64, sorted by both."""

    rows: np.ndarray
    tags: np.ndarray


class TagCells(NamedTuple):
    """The cells of n examples.

    Attributes
    ----------
    yes : cells that are "yes".
    rest : other stored cells: "no" in open rows, unknown in closed rows.
    open : (n,) bool, whether cells that are not stored are unknown.
    missing : (n,) bool, rows without a label.
    """

    yes: Listed
    rest: Listed
    open: np.ndarray
    missing: np.ndarray

    @property
    def n(self) -> int:
        """Number of examples."""
        return len(self.open)

    def dense(self, k: int, rows: slice = slice(None)) -> np.ndarray:
        """Return a dense table (rows, k) int8: 1 yes, 0 no, -1 unknown."""
        start, stop, _ = rows.indices(self.n)
        unlisted = np.where(self.open | self.missing, UNKNOWN, NO)[start:stop].astype(np.int8)
        out = np.repeat(unlisted[:, None], k, axis=1)
        for listed, code in ((self.yes, None), (self.rest, YES)):
            low, high = np.searchsorted(listed.rows, [start, stop])
            at, tags = listed.rows[low:high], listed.tags[low:high]
            out[at - start, tags] = YES if code is None else np.where(self.open[at], NO, UNKNOWN)
        return out

    def codes_at(self, rows: np.ndarray, tags: np.ndarray, k: int) -> np.ndarray:
        """Return the states of some cells, (m,) int8: 1 yes, 0 no, -1 unknown. rows, tags : (m,) int64."""
        out = np.where(self.open | self.missing, UNKNOWN, NO).astype(np.int8)[rows]
        places = rows * k + tags
        for listed, given in ((self.yes, True), (self.rest, False)):
            stored = listed.rows * k + listed.tags
            if len(stored):
                at = np.minimum(np.searchsorted(stored, places), len(stored) - 1)
                hit = np.flatnonzero(stored[at] == places)
                out[hit] = YES if given else np.where(self.open[rows[hit]], NO, UNKNOWN)
        return out

    def listed_in(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the stored known cells of some rows (b,): index into `rows` and tag, (m,) int64 each."""
        found = []
        for listed, wanted in ((self.yes, np.ones(len(rows), bool)), (self.rest, self.open[rows])):
            low, high = np.searchsorted(listed.rows, rows), np.searchsorted(listed.rows, rows, side="right")
            counts = np.where(wanted, high - low, 0)
            place = np.repeat(np.arange(len(rows)), counts)
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            found.append((place, listed.tags[low[place] + within]))
        places, tags = (np.concatenate(pair) for pair in zip(*found))
        return places, tags


def cells_of(labels: pa.StructArray) -> TagCells:
    """Return the cells of stored tags."""
    missing = labels.is_null().to_numpy(zero_copy_only=False)
    yes, no, unknown = (_listed(labels.field(name), missing) for name in ("yes", "no", "unknown"))
    there = labels.field("no").is_valid().to_numpy(zero_copy_only=False)
    return TagCells(yes, _sorted(*(np.concatenate(pair) for pair in zip(no, unknown))), there & ~missing, missing)


def tag_states(labels: pa.StructArray, tag: int) -> np.ndarray:
    """Return the state of one tag in each example, (n,) int8: 1 yes, 0 no, -1 unknown."""
    cells = cells_of(labels)
    out = np.where(cells.open | cells.missing, UNKNOWN, NO).astype(np.int8)
    out[cells.yes.rows[cells.yes.tags == tag]] = YES
    rest = cells.rest.rows[cells.rest.tags == tag]
    out[rest] = np.where(cells.open[rest], NO, UNKNOWN)
    return out


def stored_cells(n: int, k: int, yes: Listed, rest: Listed, open_: np.ndarray, missing: np.ndarray) -> pa.StructArray:
    """Return the stored form of tags, from distinct cells in any order.

    An open row in which all k tags are known is stored as a closed one, and one in which none is known as null.
    """
    yes, rest = _sorted(*yes), _sorted(*rest)
    count, more = (np.bincount(one.rows, minlength=n) for one in (yes, rest))
    full = open_ & (count + more == k)
    known = np.where(open_, count + more, k - more)
    missing = missing | ((known == 0) & (k > 0))
    keep = ~(missing | full)[rest.rows]
    rest = Listed(rest.rows[keep], rest.tags[keep])
    here = ~missing[yes.rows]
    yes = Listed(yes.rows[here], yes.tags[here])
    open_ = open_ & ~full & ~missing
    own = open_[rest.rows]
    no = Listed(rest.rows[own], rest.tags[own])
    unknown = Listed(rest.rows[~own], rest.tags[~own])
    lists = [_lists(n, yes, missing), _lists(n, no, ~open_ | missing), _lists(n, unknown, open_ | missing)]
    return pa.StructArray.from_arrays(lists, fields=list(CELLS_TYPE), mask=pa.array(missing))


def of_dense(table: np.ndarray, *, open_world: bool) -> pa.StructArray:
    """Return the stored form of an (n, k) table of 1, 0 and -1."""
    n, k = table.shape
    rest = NO if open_world else UNKNOWN
    yes, other = (Listed(*(one.astype(np.int64) for one in np.nonzero(table == code))) for code in (YES, rest))
    missing = (table == UNKNOWN).all(axis=1) if k else np.zeros(n, bool)
    return stored_cells(n, k, yes, other, np.full(n, open_world), missing)


def differ(labels: pa.StructArray, others: pa.StructArray) -> np.ndarray:
    """(n,) bool, whether the stored rows differ."""
    different = np.zeros(len(labels), bool)
    one, other = cells_of(labels), cells_of(others)
    different |= (one.missing != other.missing) | (one.open != other.open)
    for mine, theirs in ((one.yes, other.yes), (one.rest, other.rest)):
        counts = [np.bincount(part.rows, minlength=len(labels)) for part in (mine, theirs)]
        different |= counts[0] != counts[1]
        same = counts[0] == counts[1]
        tags = [part.tags[same[part.rows]] for part in (mine, theirs)]
        different[mine.rows[same[mine.rows]][tags[0] != tags[1]]] = True
    return different


def _listed(lists: pa.ListArray, missing: np.ndarray) -> Listed:
    """Return the rows and values of lists, without those of null rows."""
    sizes = np.where(lists.is_null().to_numpy(zero_copy_only=False), 0, np.diff(lists.offsets.to_numpy()))
    values = lists.flatten().to_numpy(zero_copy_only=False).astype(np.int64)  # without the values under null lists
    rows = np.repeat(np.arange(len(lists)), sizes)
    keep = ~missing[rows]
    return Listed(rows[keep], values[keep])


def _sorted(rows: np.ndarray, tags: np.ndarray) -> Listed:
    rows, tags = np.asarray(rows, np.int64), np.asarray(tags, np.int64)
    if (np.diff(rows) < 0).any() or ((np.diff(rows) == 0) & (np.diff(tags) < 0)).any():
        order = np.lexsort((tags, rows))
        rows, tags = rows[order], tags[order]
    return Listed(rows, tags)


def _lists(n: int, cells: Listed, null: np.ndarray) -> pa.ListArray:
    offsets = np.concatenate([[0], np.cumsum(np.bincount(cells.rows, minlength=n))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(cells.tags.astype(np.int32)), mask=pa.array(null))


def distinct(places: np.ndarray) -> np.ndarray:
    """Return the distinct integers, sorted; sorting is faster here than the hashing of `np.unique`."""
    places = np.sort(places)
    return places[np.diff(places, prepend=places[:1] - 1) != 0]
