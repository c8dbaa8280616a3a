"""Row-wise reductions over (n, k) arrays, block by block, so that no temporary array is as large as the input.

This module decides the size of a block and when threads are worth starting. It finds the largest value outside a given
column without copying: from the segments left and right of it in wide rows, column by column in narrow ones.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

BLOCK = 1 << 18  # elements: 1 MiB of float32 stays in a core's second-level cache
ROWS_TOGETHER = 2048  # rows processed together: calls on shorter arrays spend most of their time in the interpreter
WORTH_THREADS = 1 << 20  # elements in total, from which on threads are used
WORTH_PART = 1 << 17  # elements per part: smaller parts mostly hold the interpreter lock
NARROW = 24  # up to this many columns, working column by column is faster than one reduction per row


# every float16 as float32: a look-up takes half the time of a conversion
HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)


def float_rows(values: np.ndarray) -> np.ndarray:
    """Return the values as float32 or float64; float16 becomes float32, integers and booleans become float64."""
    if values.dtype == np.float32 or values.dtype == np.float64:
        return values
    if values.dtype == np.float16 and values.size > len(HALVES):
        return HALVES.take(values.view(np.uint16))
    return values.astype(np.float32 if values.dtype == np.float16 else np.float64)


def by_blocks(
    work: Callable[[slice], None], n: int, k: int, *, threads: int | None = None, block: int | None = None
) -> None:
    """Call `work(rows)` for slices that cover `n` rows of `k` elements, in threads if the array is large."""
    step = max(1, (block or BLOCK) // max(k, 1))
    slices = [slice(start, min(start + step, n)) for start in range(0, n, step)]
    in_threads(work, slices, n * k, threads=threads)


def in_threads(work: Callable[[Any], None], parts: Sequence[Any], elements: int, *, threads: int | None = None) -> None:
    """Call `work(part)` for every part, in threads if the total number of `elements` is large enough."""
    workers = min(threads or usable_cores(), len(parts))
    if workers < 2 or elements < max(WORTH_THREADS, WORTH_PART * len(parts)):
        for part in parts:
            work(part)
        return
    left = deque(parts)

    def run() -> None:  # each thread takes the next part itself: submitting hundreds of them would cost as much
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
    """Number of cores that this process may use, at most 8 and at most OMP_NUM_THREADS."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores, 8, int(asked) if asked.isdigit() and int(asked) else cores))


def given_values(values: np.ndarray, given_labels: np.ndarray) -> np.ndarray:
    """Return the value of each row in the column of its label, (n,); NaN where the label is -1."""
    out = np.empty(len(values), float_rows(values[:0]).dtype)

    def work(rows: slice) -> None:
        out[rows] = _given_block(values[rows], given_labels[rows])

    by_blocks(work, len(values), values.shape[1], block=values.shape[1] << 14)
    return out


def _given_block(block: np.ndarray, given: np.ndarray) -> np.ndarray:
    own = float_rows(block[np.arange(len(given)), np.maximum(given, 0)])
    return np.where(given < 0, np.array(np.nan, own.dtype), own)


def leading_columns(block: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return the column of the largest value of each row (the first among ties), that value, and whether any value may
    be negative or NaN."""
    b, k = block.shape
    if k <= NARROW:  # class by class over whole columns
        columns = np.array(block.T, order="C")
        largest, leader = columns[0].copy(), np.zeros(b, np.uint8)
        for index in range(1, k):
            above = columns[index] > largest
            np.maximum(largest, columns[index], out=largest)
            np.maximum(leader, above.view(np.uint8) * np.uint8(index), out=leader)
        return leader.astype(np.int64), largest, True
    leader = block.view(_bits(block)).argmax(axis=1)
    largest = block[np.arange(b), leader]
    if np.signbit(largest).any() or np.isnan(largest).any():
        leader = block.argmax(axis=1)
        return leader, block[np.arange(b), leader], True
    return leader, largest, False


def label_counts(given_labels: np.ndarray, k: int) -> np.ndarray:
    """Count the labels of each class, int64 (k,); unlabelled rows (-1) are not counted."""
    if given_labels.size and given_labels.min() < 0:
        given_labels = given_labels[given_labels >= 0]
    return np.bincount(given_labels, minlength=k)


def given_and_other(values: np.ndarray, given_labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the value of each row in the column of its label and the largest value of its other columns, (n,) each.

    For label -1 these are NaN and the largest value of all columns. With a single column the second is -inf.
    """
    n, k = values.shape
    own, other = np.empty((2, n), float_rows(values[:0]).dtype)

    def work(rows: slice) -> None:
        own[rows], other[rows] = _given_and_other_block(float_rows(values[rows]), given_labels[rows])

    copied = values.dtype != own.dtype  # otherwise blocks need not fit into the cache, and fewer calls are faster
    by_blocks(work, n, k, block=BLOCK if copied or k <= NARROW else max(BLOCK, k * ROWS_TOGETHER))
    return own, other


def _given_and_other_block(block: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    b, k = block.shape
    if k <= NARROW or not block.flags.c_contiguous:
        columns = np.array(block.T, order="C")
        labelled = np.flatnonzero(given >= 0)
        own = np.full(b, np.nan, block.dtype)
        own[labelled] = columns[given[labelled], labelled]
        columns[given[labelled], labelled] = -np.inf
        return own, columns.max(axis=0)
    starts = np.empty((b, 3), np.intp)  # of the columns left of the given one, of it, and of the columns right of it
    starts[:, 0] = np.arange(0, b * k, k)
    starts[:, 1] = starts[:, 0] + np.maximum(given, 0)
    starts[:, 2] = starts[:, 0] + given + 1
    starts[-1, 2] = min(starts[-1, 2], b * k - 1)
    bits = np.maximum.reduceat(block.view(_bits(block)).ravel(), starts.ravel())  # with `out` threads would wait
    if bits.max() > np.array(np.inf, block.dtype).view(bits.dtype):
        segments = np.maximum.reduceat(block.ravel(), starts.ravel()).reshape(b, 3)
    else:
        segments = bits.view(block.dtype).reshape(b, 3)
    segments[given <= 0, 0] = -np.inf
    segments[given == k - 1, 2] = -np.inf
    own = np.where(given < 0, np.array(np.nan, block.dtype), segments[:, 1])
    return own, np.maximum(segments[:, 0], segments[:, 2])


def _bits(block: np.ndarray) -> type[np.unsignedinteger[Any]]:
    """Return the unsigned integer type of the same size. Floats >= 0 sort as their bits, at half the cost of comparing
    floats; the bits of negative floats and NaN are larger."""
    return np.uint32 if block.itemsize == 4 else np.uint64
