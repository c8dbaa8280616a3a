"""Row-wise reductions over (n, k) arrays, block by block, so that no temporary is as large as the input.

Hidden here: how large a block is, when threads pay, and how the largest value beside a given column is found without
copying (segments left and right of it for wide rows, whole columns for narrow ones).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

BLOCK = 1 << 18  # elements: 1 MiB of float32 stays in a core's second-level cache
WORTH_THREADS = 1 << 20  # elements in all
WORTH_PART = 1 << 17  # elements in one part: less is mostly interpreter, which threads only hand to and fro
NARROW = 24  # up to this many columns, whole columns beat one reduction per row


# every float16 as float32: looking one up costs half of converting it
HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)


def float_rows(values: np.ndarray) -> np.ndarray:
    """The same values as float32 or float64: float16 is widened exactly, integers and booleans become float64."""
    if values.dtype == np.float32 or values.dtype == np.float64:
        return values
    if values.dtype == np.float16 and values.size > len(HALVES):
        return HALVES.take(values.view(np.uint16))
    return values.astype(np.float32 if values.dtype == np.float16 else np.float64)


def by_blocks(
    work: Callable[[slice], None], n: int, k: int, *, threads: int | None = None, block: int | None = None
) -> None:
    """Call `work(rows)` for slices that cover `n` rows of `k` elements, in threads where there is enough to do."""
    step = max(1, (block or BLOCK) // max(k, 1))
    slices = [slice(start, min(start + step, n)) for start in range(0, n, step)]
    in_threads(work, slices, n * k, threads=threads)


def in_threads(work: Callable[[Any], None], parts: Sequence[Any], elements: int, *, threads: int | None = None) -> None:
    """Call `work(part)` for every part, in threads where `elements` values in all are worth starting them."""
    workers = min(threads or usable_cores(), len(parts))
    if workers < 2 or elements < max(WORTH_THREADS, WORTH_PART * len(parts)):
        for part in parts:
            work(part)
        return
    left = deque(parts)

    def run() -> None:  # a thread takes the next part by itself: handing out hundreds would cost as much as they do
        try:
            while True:
                try:
                    part = left.popleft()
                except IndexError:
                    return
                work(part)
        except BaseException:
            left.clear()
            raise

    with ThreadPoolExecutor(workers - 1) as pool:
        others = [pool.submit(run) for _ in range(workers - 1)]
        run()
        for other in others:
            other.result()


def usable_cores() -> int:
    """Cores that this process may use, at most 8; OMP_NUM_THREADS lowers it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores, 8, int(asked) if asked.isdigit() and int(asked) else cores))


def given_values(values: np.ndarray, given_labels: np.ndarray) -> np.ndarray:
    """The value at each row's given column, (n,); NaN where the label is -1."""
    out = np.empty(len(values), float_rows(values[:0]).dtype)

    def work(rows: slice) -> None:
        out[rows] = _given_block(values[rows], given_labels[rows])

    by_blocks(work, len(values), values.shape[1], block=values.shape[1] << 14)
    return out


def _given_block(block: np.ndarray, given: np.ndarray) -> np.ndarray:
    own = float_rows(block[np.arange(len(given)), np.maximum(given, 0)])
    return np.where(given < 0, np.array(np.nan, own.dtype), own)


def leading_columns(block: np.ndarray) -> tuple[np.ndarray, bool]:
    """The column of each row's largest value, the first of equal ones, and whether a value may be negative or NaN.

    Rows are searched as whole numbers, at twice the speed of floats: the bits of floats that are not negative have
    their order, and those of negative floats and NaN lie above.
    """
    b, k = block.shape
    if k <= NARROW:  # class by class over whole columns
        columns = np.array(block.T, order="C")
        largest, leader = columns[0].copy(), np.zeros(b, np.uint8)
        for index in range(1, k):
            above = columns[index] > largest
            np.maximum(largest, columns[index], out=largest)
            np.maximum(leader, above.view(np.uint8) * np.uint8(index), out=leader)
        return leader.astype(np.int64), True
    leader = block.view(np.uint32 if block.itemsize == 4 else np.uint64).argmax(axis=1)
    largest = block[np.arange(b), leader]
    if np.signbit(largest).any() or np.isnan(largest).any():
        return block.argmax(axis=1), True
    return leader, False


def label_counts(given_labels: np.ndarray, k: int) -> np.ndarray:
    """How many rows are given each class, int64 (k,); unlabelled rows (-1) are not counted."""
    if given_labels.size and given_labels.min() < 0:
        given_labels = given_labels[given_labels >= 0]
    return np.bincount(given_labels, minlength=k)


def largest_other(values: np.ndarray, given_labels: np.ndarray) -> np.ndarray:
    """The largest value of each row beside the given column, (n,); of all columns for label -1, -inf for k = 1."""
    n, k = values.shape
    out = np.empty(n, float_rows(values[:0]).dtype)

    def work(rows: slice) -> None:
        out[rows] = _largest_other_block(float_rows(values[rows]), given_labels[rows])

    by_blocks(work, n, k)
    return out


def _largest_other_block(block: np.ndarray, given: np.ndarray) -> np.ndarray:
    b, k = block.shape
    if k <= NARROW or not block.flags.c_contiguous:
        columns = np.array(block.T, order="C")
        labelled = np.flatnonzero(given >= 0)
        columns[given[labelled], labelled] = -np.inf
        return columns.max(axis=0)
    starts = np.empty((b, 3), np.intp)
    starts[:, 0] = np.arange(0, b * k, k)
    starts[:, 1] = starts[:, 0] + given
    starts[:, 2] = starts[:, 1] + 1
    there = np.ones((b, 3), bool)
    there[:, 0] = given != 0
    there[:, 1] = given >= 0
    there[:, 2] = (given >= 0) & (given < k - 1)
    segments = np.full((b, 3), -np.inf, block.dtype)
    segments[there] = np.maximum.reduceat(block.ravel(), starts[there])
    return np.maximum(segments[:, 0], segments[:, 2])
