"""The single pass of confident learning over the probabilities, and the resulting confident joint.

Blocks of rows are processed in threads and give a few numbers per row: probability of the given label, whether another
class leads, confident class. The counting rules are those of cleanlab 2.9, including ties and the rounding of halves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.foundation.checks import below_zero, default_tolerance, not_summing_to_one, refuse_rows
from workbench.foundation.reductions import (
    BLOCK,
    ROWS_TOGETHER,
    by_blocks,
    float_rows,
    given_values,
    in_threads,
    label_counts,
    leading_columns,
)

SLACK = 1e-6  # probabilities closer than this count as equal
LOWEST_THRESHOLD = 2e-6
NEVER = 2.0  # threshold of a class that is never given: no probability reaches it
TINY = 1e-100
FEW_CLASSES = 32  # up to this many comparisons of all labels cost less than sorting them
PART = 1 << 17  # entries of the joint that are rounded at a time
DENSE_CLASSES = 2048  # up to this many classes a dense sum over all pairs is fast enough


class Classes:
    """The rows given each class: looked up on demand for few classes, sorted once for many."""

    def __init__(self, labels: np.ndarray, k: int) -> None:
        self.labels = labels
        self.counts = label_counts(labels, k)
        self.order: np.ndarray | None = None
        self.ends = np.cumsum(self.counts)
        if k > FEW_CLASSES:
            codes = labels.astype(
                np.uint16 if k < 65535 else np.uint64
            )  # -1 becomes the largest; 16 bits sort by radix
            self.order = np.argsort(codes, kind="stable")

    def members(self, class_: int | np.integer) -> np.ndarray:
        """Return the rows given this class, ascending."""
        if self.order is None:
            return np.flatnonzero(self.labels == class_)
        return self.order[self.ends[class_] - self.counts[class_] : self.ends[class_]]

    def means(self, p_given: np.ndarray) -> np.ndarray:
        """Return the mean of `p_given` per class (k,), computed at its precision; NEVER for an empty class."""
        means = np.full(len(self.counts), NEVER, p_given.dtype if self.counts.all() else np.float64)
        ranked = None if self.order is None else p_given[self.order]
        for class_ in np.flatnonzero(self.counts):
            if ranked is None:
                own = p_given[self.members(class_)]
            else:
                own = ranked[self.ends[class_] - self.counts[class_] : self.ends[class_]]
            means[class_] = np.add.reduce(own) / own.dtype.type(len(own))  # as `own.mean()`, but three times as fast
        return np.maximum(means, LOWEST_THRESHOLD)


@dataclass(frozen=True)
class Rows:
    """A few numbers per row, and the rows of each class."""

    k: int
    labels: np.ndarray  # (n,) int64, -1 = unlabelled
    classes: Classes
    p_given: np.ndarray  # (n,), NaN where unlabelled
    largest: np.ndarray  # (n,), the largest probability of each row
    contradicted: np.ndarray  # (n,) bool: another class leads by more than SLACK
    confident: np.ndarray  # (n,) small int: confident class, -1 = none

    def off_diagonal(self) -> np.ndarray:
        """Return a mask of the rows off the diagonal of the confident joint, except those whose given label leads."""
        return (self.confident >= 0) & (self.confident != self.labels) & self.contradicted

    def raw_joint(self) -> np.ndarray:
        counts = np.zeros(self.k * self.k, np.int64)
        step = max(1 << 16, self.k * self.k)
        for start in range(0, len(self.labels), step):
            labels, confident = self.labels[start : start + step], self.confident[start : start + step]
            counted = (confident >= 0) & (labels >= 0)
            cells = labels[counted] * self.k
            cells += confident[counted]
            found = np.bincount(cells, minlength=len(counts))
            counts = counts + found if start else found
        counts = counts.reshape(self.k, self.k)
        np.fill_diagonal(counts, np.maximum(counts.diagonal(), 1))
        return counts

    def calibrated(self) -> np.ndarray:
        return calibrate_counts(self.raw_joint(), self.classes.counts)


def read_probs(labels: np.ndarray, probs: np.ndarray, *, confident: bool = True) -> Rows:
    """Pass once over the probabilities and refuse invalid rows; `confident=False` skips the confident classes."""
    n, k = probs.shape
    p_given = given_values(probs, labels)
    dtype = p_given.dtype
    classes = Classes(labels, k)
    reach = _reach(classes.means(p_given), dtype) if confident else None
    lowest = float("inf") if reach is None else reach.min()
    top, contradicted = np.empty(n, dtype), np.empty(n, bool)
    sure = np.full(n if confident else 0, -1, np.int16 if k < 1 << 15 else np.int32)
    unusable: list[np.ndarray] = []
    tolerance = default_tolerance(probs)

    def work(rows: slice) -> None:
        part = probs[rows]
        leader, largest, bad = _leaders(part, tolerance)
        given, bar = labels[rows], p_given[rows] + np.array(SLACK, dtype)
        led = np.where(leader < given, bar <= largest, bar < largest)
        contradicted[rows] = led & (leader != given) & (given >= 0)
        top[rows] = largest
        if reach is not None:
            sure[rows] = _confident(part, leader, largest, reach, lowest)
        if bad.any():
            unusable.append(np.flatnonzero(bad) + rows.start)

    by_blocks(work, n, k, block=max(BLOCK, k * ROWS_TOGETHER))
    if unusable:
        bad = np.zeros(n, bool)
        bad[np.concatenate(unusable)] = True
        refuse_rows(probs, bad, tolerance)
    return Rows(k, labels, classes, p_given, top, contradicted, sure)


def _leaders(part: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the leading class of each row, its probability, and whether the row is not a valid distribution."""
    n, k = part.shape
    leader, bad = np.empty(n, np.int64), np.empty(n, bool)
    largest = np.empty(n, float_rows(part[:0]).dtype)
    step = max(1, BLOCK // k)
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, n, step):
            rows = slice(start, start + step)
            block = float_rows(part[rows])
            leader[rows], largest[rows], negative = leading_columns(block)
            bad[rows] = not_summing_to_one(block, tolerance)  # while the block is in the cache
            if negative:
                bad[rows] |= below_zero(block, tolerance)
    return leader, largest, bad


def _reach(limits: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the smallest numbers of the rows' dtype that reach the thresholds within SLACK."""
    lowered = limits - SLACK
    reach = lowered.astype(dtype)
    return np.where(reach < lowered, np.nextafter(reach, np.array(np.inf, dtype)), reach).astype(dtype)


def _confident(
    part: np.ndarray, leader: np.ndarray, largest: np.ndarray, reach: np.ndarray, lowest: float
) -> np.ndarray:
    """Return the confident class of each row, -1 = none: the one that reaches its threshold; of several, the leader."""
    confident = np.where(largest >= reach[leader], leader, -1)  # the leader is confident if it reaches its threshold
    open_rows = np.flatnonzero((confident < 0) & (largest >= lowest))
    step = max(1, BLOCK // part.shape[1])
    for start in range(0, len(open_rows), step):
        rows = open_rows[start : start + step]
        reached = np.flatnonzero(float_rows(part.take(rows, axis=0)) >= reach)  # few values: cheaper than row by row
        if not len(reached):
            continue
        place, class_ = np.divmod(reached, part.shape[1])
        one, first, times = np.unique(place, return_index=True, return_counts=True)
        confident[rows[one]] = np.where(times > 1, leader[rows[one]], class_[first])
    return confident


def calibrate_counts(raw: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Scale rows to the given counts and round to whole numbers, preserving the sum of each row.

    Above DENSE_CLASSES only rows of classes that are given are changed, and the grand total is summed row by row: a
    value of exactly .5 may then round differently from cleanlab.
    """
    k = len(raw)
    sizes = np.maximum(raw.sum(axis=1) if k <= DENSE_CLASSES else _row_sums(raw, counts), TINY)
    given = np.flatnonzero(counts)
    step = max(1, PART // k)
    if k <= DENSE_CLASSES:  # few pairs are nonzero; the total is summed in the same memory order as in cleanlab
        row, column = np.divmod(np.flatnonzero(np.ascontiguousarray(raw) != 0), k)
        values = raw[row, column] / sizes[row] * counts[row]
        scaled = np.zeros((k, k))
        scaled[column, row] = values
        total = max(scaled.sum(), TINY)
        return _rounded(row, column, values / total * counts.sum(), k)
    parts = [given[start : start + step] for start in range(0, len(given), step)]
    total = max(sum((raw[rows] / sizes[rows, None] * counts[rows, None]).sum() for rows in parts), TINY)
    out = np.zeros(raw.shape, np.int64)

    def work(rows: np.ndarray) -> None:
        out[rows] = _round_rows(raw[rows] / sizes[rows, None] * counts[rows, None] / total * counts.sum())

    in_threads(work, parts, 10 * len(given) * k)  # a sort costs as much as ten passes
    return out


def _rounded(row: np.ndarray, column: np.ndarray, values: np.ndarray, k: int) -> np.ndarray:
    """`_round_rows` of a matrix (k, k) given by its nonzero entries; only rows that need adjusting are sorted."""
    exact, out = np.zeros((k, k)), np.zeros((k, k), np.int64)
    exact[row, column] = values
    whole = values.round()
    out[row, column] = whole
    missing = exact.sum(axis=1).round() - np.bincount(row, whole, k)
    uneven = np.flatnonzero(np.abs(np.round(missing)) > SLACK)
    if len(uneven):
        out[uneven] = _round_rows(exact[uneven])
    return out


def _row_sums(raw: np.ndarray, counts: np.ndarray) -> np.ndarray:
    sums = np.ones(len(raw))
    for class_ in np.flatnonzero(counts):
        sums[class_] = raw[class_].sum()
    return sums


def _round_rows(rows: np.ndarray) -> np.ndarray:
    """Round to whole numbers, preserving each row's sum: the entries with the largest rounding error are adjusted."""
    whole = rows.round()
    target = rows.sum(axis=1).round()
    while True:
        missing = np.round(target - whole.sum(axis=1).round())
        uneven = np.flatnonzero(np.abs(missing) > SLACK)
        if not len(uneven):
            return whole.astype(np.int64)
        away = rows[uneven] - whole[uneven]
        for row, apart, lack in zip(uneven, away, missing[uneven]):
            changes = min(int(abs(lack)), rows.shape[1])
            if changes == 1:  # no sort if one entry is furthest
                chosen = apart.argmax() if lack > 0 else apart.argmin()
                if np.count_nonzero(apart == apart[chosen]) == 1:
                    whole[row, chosen] += 1 if lack > 0 else -1
                    continue
            ranked = np.argsort(apart)
            chosen = ranked[::-1][:changes] if lack > 0 else ranked[:changes]
            whole[row, chosen] += 1 if lack > 0 else -1
