"""Rules about pairs of tags, counted from the stored cells: tags that imply others, and tags that exclude others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from workbench.tasks.tag_cells import NO, YES, Listed, TagCells

AT_A_TIME = 512
"""Number of first tags whose pairs are counted at once."""

Z = 1.96
"""Standard normal quantile of a 95 % interval."""

FEWEST_TOGETHER = 2
"""Minimum expected number of examples with both tags for an exclusion to be informative."""


class PairRules(NamedTuple):
    """Rules in no particular order, (r,) each.

    Attributes
    ----------
    first, second : int64, numbers of the tags. implies : bool; the others exclude.
    count : int64, examples with the first tag for which the second one is known. share : of these that follow the rule.
    low : lower end of Wilson's 95 % interval of the share. expected : the share if the tags were independent.
    broken : int64, number of exceptions.
    """

    first: np.ndarray
    second: np.ndarray
    implies: np.ndarray
    count: np.ndarray  # nobody asks how often a rule holds an array
    share: np.ndarray
    low: np.ndarray
    expected: np.ndarray
    broken: np.ndarray

    def sorted(self) -> PairRules:
        """Sort rules by strength: by `low`, then by `count`."""
        order = np.lexsort((-self.count, -self.low))
        return PairRules(*(one[order] for one in self))


def pair_rules(cells: TagCells, k: int, confidence: float, support: int) -> PairRules:
    """Find the rules that hold in at least a share `confidence` of at least `support` examples.

    Implications are listed if their interval lies above the expected share, exclusions if in addition at least
    `FEWEST_TOGETHER` examples with both tags would be expected.
    """
    parts: list[tuple[np.ndarray, ...]] = []
    for first, both, count, base in _counted(cells, k):
        share = both / np.maximum(count, 1)
        enough = count >= support
        enough[np.arange(len(first)), first] = False
        implied = enough & (share >= confidence)
        implied[implied] &= wilson_low(both[implied], count[implied]) > np.broadcast_to(base, share.shape)[implied]
        excluded = enough & (1 - share >= confidence) & (count * base >= FEWEST_TOGETHER)
        only = (count - both)[excluded]
        excluded[excluded] &= wilson_low(only, count[excluded]) > 1 - np.broadcast_to(base, share.shape)[excluded]
        for chosen, implies in ((implied, True), (excluded, False)):
            one, other = np.nonzero(chosen)
            n, together = count[chosen], both[chosen]
            follow = together if implies else n - together
            expected = base[other] if implies else 1 - base[other]
            parts.append(
                (first[one], other, np.full(len(one), implies), n.astype(np.int64), follow / np.maximum(n, 1),
                 wilson_low(follow, n), expected, (n - follow).astype(np.int64))
            )  # fmt: skip
    return PairRules(*(np.concatenate(column) for column in zip(*parts))) if parts else _no_rules()


def _no_rules() -> PairRules:
    whole, number = np.empty(0, np.int64), np.empty(0)
    return PairRules(whole, whole, np.empty(0, bool), whole, number, number, number, whole)


def _counted(cells: TagCells, k: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield (first tags (b,), examples with both (b, k), with the first and the second known (b, k), shares (k,))."""
    yes = _sparse(cells.yes, cells.n, k)
    in_open = cells.open[cells.rest.rows]
    unknown = _sparse(Listed(cells.rest.rows[~in_open], cells.rest.tags[~in_open]), cells.n, k)
    no = _sparse(Listed(cells.rest.rows[in_open], cells.rest.tags[in_open]), cells.n, k)
    closed = (~cells.open & ~cells.missing).astype(np.float64)
    said = no + _sparse(_where(cells.yes, cells.open[cells.yes.rows]), cells.n, k)  # known cells of open rows
    known = closed.sum() - unknown.sum(axis=0) + said.sum(axis=0)
    base = yes.sum(axis=0) / np.maximum(known, 1)
    for start in range(0, k, AT_A_TIME):
        first = np.arange(start, min(start + AT_A_TIME, k))
        own = yes[:, first].T.tocsr()
        both = (own @ yes).toarray()
        count = (own @ closed)[:, None] - (own @ unknown).toarray() + (own @ said).toarray()
        yield first, both, count, base


def _where(listed: Listed, keep: np.ndarray) -> Listed:
    return Listed(listed.rows[keep], listed.tags[keep])


def _sparse(listed: Listed, n: int, k: int) -> Any:
    from scipy.sparse import csr_array

    return csr_array((np.ones(len(listed.rows)), (listed.rows, listed.tags)), shape=(n, k))


def examples_of_rule(
    cells: TagCells, k: int, first: int, second: int, implies: bool, *, broken: bool = True
) -> np.ndarray:
    """Return the rows (r,) int64, ascending, of the examples that break a rule, or follow it."""
    rows = cells.yes.rows[cells.yes.tags == first]
    codes = cells.codes_at(rows, np.full(len(rows), second, np.int64), k)
    return rows[codes == (NO if implies == broken else YES)]


def wilson_low(hits: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return the lower end of Wilson's 95 % interval of a share; 0 if nothing was counted."""
    n = np.maximum(count, 1)
    p = hits / n
    spread = Z * np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return np.where(count > 0, (p + Z**2 / (2 * n) - spread) / (1 + Z**2 / n), 0.0)
