"""Masks of many objects at once: runs in their boxes, areas, intersection over union, cutting to the box.

A mask is given by its box (x0, y0, x1, y1), whole pixels, and by compressed run lengths (`workbench.tasks.run_lengths`)
of the pixels in the box, so its memory depends on its outline, not on its image. Runs are compared without decoding
pixels, in blocks of bounded size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from workbench.foundation.errors import InputError
from workbench.tasks.run_lengths import from_texts, to_texts

RUNS_AT_ONCE = 4_000_000
"""Number of runs, in columns of the first masks of pairs, that are compared at once."""

MOST_COMPARED_RUNS = 5_000_000_000
"""Largest number of runs that are compared in one call: some minutes."""


class BoxedRuns(NamedTuple):
    """Runs of pixels of several masks, column by column, ascending.

    Attributes
    ----------
    of : (r,) int64, ascending: the mask of each run. start, length : (r,) int64, in pixels of the box of the mask.
    """

    of: np.ndarray
    start: np.ndarray
    length: np.ndarray


class ColumnRuns(NamedTuple):
    """Runs of pixels of several masks, none of which leaves its column.

    Attributes
    ----------
    of : (r,) int64, ascending: the mask of each run. x, top, bottom : (r,) int64, column, first row, and last row + 1.
    """

    of: np.ndarray
    x: np.ndarray
    top: np.ndarray
    bottom: np.ndarray


def runs_of_texts(texts: Sequence[str]) -> BoxedRuns:
    """Return the runs of masks, from their compressed run lengths."""
    return runs_of_counts(*from_texts(texts))


def runs_of_counts(counts: np.ndarray, begin: np.ndarray) -> BoxedRuns:
    """Return the runs of masks, from counts (m,) of all of them, those of mask i from begin[i] to begin[i + 1] - 1."""
    sizes = np.diff(begin)
    of = np.repeat(np.arange(len(sizes)), sizes)
    total = np.cumsum(counts)
    base = np.concatenate([[0], total])[begin[:-1]]
    place = np.arange(len(counts)) - begin[of]
    at = np.flatnonzero((place % 2 == 1) & (counts > 0))
    return BoxedRuns(of[at], total[at] - counts[at] - base[of[at]], counts[at])


def pixel_counts(texts: Sequence[str]) -> np.ndarray:
    """Return the areas (q,) int64 of masks, in pixels."""
    if not len(texts):
        return np.zeros(0, np.int64)
    runs = runs_of_texts(texts)
    return np.bincount(runs.of, runs.length, len(texts)).astype(np.int64)


def column_runs(runs: BoxedRuns, heights: np.ndarray) -> ColumnRuns:
    """Return runs split at the ends of the columns; heights (q,) int64 of the boxes. Columns and rows count from the
    corner of the box."""
    height = heights[runs.of]
    first, last = runs.start // height, (runs.start + runs.length - 1) // height
    many = last - first + 1
    at = np.repeat(np.arange(len(many)), many)
    number = np.arange(len(at)) - np.repeat(np.cumsum(many) - many, many)
    high = height[at]
    top = np.where(number == 0, runs.start[at] % high, 0)
    ends = (runs.start[at] + runs.length[at] - 1) % high + 1
    return ColumnRuns(runs.of[at], first[at] + number, top, np.where(number == many[at] - 1, ends, high))


def cut_to_boxes(counts: np.ndarray, begin: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return the boxes (q, 4) int64 x0, y0, x1, y1 of masks, and their compressed run lengths within them.

    Parameters
    ----------
    counts, begin : as in `runs_of_counts`, of whole images. heights : (q,) int64, of the images.

    Returns
    -------
    A mask without pixels has the box (0, 0, 0, 0) and the text "".
    """
    q = len(heights)
    runs = column_runs(runs_of_counts(counts, begin), heights)
    boxes = np.zeros((q, 4), np.int64)
    there, first = np.unique(runs.of, return_index=True)
    if not len(there):
        return boxes, [""] * q
    boxes[there, 0], boxes[there, 1] = runs.x[first], np.minimum.reduceat(runs.top, first)
    boxes[there, 2] = np.maximum.reduceat(runs.x, first) + 1
    boxes[there, 3] = np.maximum.reduceat(runs.bottom, first)
    high = boxes[:, 3] - boxes[:, 1]
    area = high * (boxes[:, 2] - boxes[:, 0])
    base = np.cumsum(area + 1) - area - 1  # one position apart, so that no run continues in the next mask
    column = base[runs.of] + (runs.x - boxes[runs.of, 0]) * high[runs.of] - boxes[runs.of, 1]
    start, end = column + runs.top, column + runs.bottom
    new = np.flatnonzero(np.concatenate([[True], start[1:] != end[:-1]]))
    start, end, of = start[new], end[np.append(new[1:], len(end)) - 1], runs.of[new]
    return boxes, _texts_of(start, end, of, there, base, area, q)


def _texts_of(
    start: np.ndarray, end: np.ndarray, of: np.ndarray, there: np.ndarray, base: np.ndarray, area: np.ndarray, q: int
) -> list[str]:
    """Return the compressed run lengths of q masks from runs (r,) at positions base to base + area - 1; `there` are the
    masks with runs."""
    first = np.flatnonzero(np.diff(of, prepend=-1))
    before = np.concatenate([[0], end[:-1]])
    before[first] = base[there]
    counts = np.stack([start - before, end - start], axis=1).ravel()
    stop = np.append(first[1:], len(of))
    tail = base[there] + area[there] - end[stop - 1]
    counts = np.insert(counts, 2 * stop[tail > 0], tail[tail > 0])
    begins = 2 * first + np.concatenate([[0], np.cumsum(tail > 0)[:-1]])
    texts = [""] * q
    for at, text in zip(there.tolist(), to_texts(counts, begins)):
        texts[at] = text
    return texts


def counts_in_image(text: str, box: Sequence[float], height: int, width: int) -> np.ndarray:
    """Return the counts (m,) int64 of a mask in an image of this size, from those in its box x0, y0, x1, y1.

    Raises
    ------
    InputError : the box is not inside the image.
    """
    x0, y0, x1, y1 = (int(side) for side in box)
    if min(x0, y0) < 0 or x1 > width or y1 > height:
        found = f"lies from ({x0}, {y0}) to ({x1}, {y1}) in an image of {width} x {height}"
        raise InputError.at("mask", found, "Masks lie inside their images.")
    runs = column_runs(runs_of_texts([text]), np.array([y1 - y0]))
    column = (x0 + runs.x) * height + y0
    edges = np.stack([column + runs.top, column + runs.bottom], axis=1).ravel()
    met = np.flatnonzero(edges[1:-1:2] == edges[2::2])  # a run that continues in the next column
    edges = np.delete(edges, np.concatenate([2 * met + 1, 2 * met + 2]))
    counts = np.diff(np.concatenate([[0], edges, [height * width]]))
    return counts[:-1] if len(counts) > 1 and not counts[-1] else counts


def mask_ious(
    first: np.ndarray, second: np.ndarray, boxes: np.ndarray, texts: np.ndarray, other_boxes: np.ndarray,
    other_texts: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the intersection over union of pairs of masks.

    Parameters
    ----------
    first, second : (p,) int64, the masks of each pair; pairs with the same first mask should follow one another.
    boxes, texts : (q, 4) and (q,) object array of str, the first masks. other_boxes, other_texts : the second ones.

    Returns
    -------
    (p,) float64 in [0, 1], equal to `iou` of pycocotools; 0 where both masks have no pixels.

    Raises
    ------
    InputError : the pairs have more than `MOST_COMPARED_RUNS` runs.
    """
    shared = np.zeros(len(first))
    area, other_area = np.zeros(len(first)), np.zeros(len(first))
    for own in _blocks(first, boxes, texts):
        one, at = np.unique(first[own], return_inverse=True)
        other, other_at = np.unique(second[own], return_inverse=True)
        runs, other_runs = runs_of_texts(texts[one].tolist()), runs_of_texts(other_texts[other].tolist())
        area[own] = np.bincount(runs.of, runs.length, len(one))[at]
        other_area[own] = np.bincount(other_runs.of, other_runs.length, len(other))[other_at]
        shared[own] = _shared(runs, boxes[one].astype(np.int64), at, other_runs, other_boxes[other], other_at)
    union = area + other_area - shared
    return np.divide(shared, union, out=np.zeros(len(first)), where=union > 0)


def _blocks(first: np.ndarray, boxes: np.ndarray, texts: np.ndarray) -> Iterator[slice]:
    """Yield slices of pairs whose first masks have, together, about `RUNS_AT_ONCE` runs at most."""
    if not len(first):
        return
    work = np.cumsum((boxes[:, 2] - boxes[:, 0] + [len(one) for one in texts])[first])
    if work[-1] > MOST_COMPARED_RUNS:
        found = f"overlap in {len(first):,} pairs, with {work[-1]:,.0f} runs to compare"
        raise InputError.at("masks", found, "Drop masks of low score, or pass fewer images at once.")
    start = 0
    while start < len(first):
        before = work[start - 1] if start else 0
        stop = max(int(np.searchsorted(work, before + RUNS_AT_ONCE, "right")), start + 1)
        yield slice(start, stop)
        start = stop


def _shared(
    runs: BoxedRuns, boxes: np.ndarray, at: np.ndarray, other_runs: BoxedRuns, other_boxes: np.ndarray,
    other_at: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the number of pixels (p,) that are in both masks of each pair (at, other_at).

    Each column of the first mask is an interval of positions in the box of the second, whose pixels below a position
    are known from cumulative sums.
    """
    other_boxes = other_boxes.astype(np.int64)
    columns = column_runs(runs, boxes[:, 3] - boxes[:, 1])
    begin = np.searchsorted(columns.of, np.arange(len(boxes) + 1))
    many = np.diff(begin)[at]
    pair = np.repeat(np.arange(len(at)), many)
    run = np.arange(len(pair)) - np.repeat(np.cumsum(many) - many - begin[at], many)
    left, top = boxes[at[pair], 0], boxes[at[pair], 1]
    box = other_boxes[other_at[pair]]
    x, low, high = left + columns.x[run], top + columns.top[run], top + columns.bottom[run]
    low, high = np.maximum(low, box[:, 1]), np.minimum(high, box[:, 3])
    inside = np.flatnonzero((x >= box[:, 0]) & (x < box[:, 2]) & (low < high))
    pair, box, x, low, high = pair[inside], box[inside], x[inside], low[inside], high[inside]
    sides = other_boxes[:, 2:] - other_boxes[:, :2]
    area = sides[:, 0] * sides[:, 1]
    base = np.cumsum(area) - area
    corner = base[other_at[pair]] + (x - box[:, 0]) * (box[:, 3] - box[:, 1]) - box[:, 1]
    start = base[other_runs.of] + other_runs.start
    below = np.concatenate([[0], np.cumsum(other_runs.length)])

    def pixels_before(position: np.ndarray) -> np.ndarray:
        place = np.searchsorted(start, position, "right") - 1
        known = np.maximum(place, 0)
        reached = below[known] + np.minimum(position - start[known], other_runs.length[known])
        return np.where(place >= 0, reached, 0)

    if not len(start):
        return np.zeros(len(at))
    return np.bincount(pair, pixels_before(corner + high) - pixels_before(corner + low), len(at))
