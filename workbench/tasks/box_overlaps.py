"""Overlaps of the boxes of many images: pairs by intersection over union, locations of predictions, assignments.

The boxes of all images are flat arrays: `rows` (m,) int64, ascending, the image of each box, and `boxes` (m, 4) float64
x0, y0, x1, y1 in pixels, half-open. There is no Python object per box. Memory is bounded: images with many boxes are
searched along both axes, and more than `MOST_OVERLAPPING` overlapping pairs are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from workbench.foundation.errors import InputError

PAIRS_AT_ONCE = 1_000_000
"""Number of pairs of boxes that are compared at once."""

MOST_OVERLAPPING = 20_000_000
"""Largest number of overlapping pairs in one result: 0.5 GB."""

MOST_NEAR_PAIRS = 5_000_000_000
"""Largest number of pairs of boxes that are compared in one image: about two minutes."""

CROWDED = 40_000
"""Number of pairs in an image from which only boxes that lie near each other are compared."""

MOST_STRIPS = 4096

PARALLEL_ROUNDS = 30
"""Rounds of the suppression that treat all images at once; the rest of long chains is treated box by box."""

DENSE_CELLS = 4_000_000
"""Largest cost matrix of an assignment that is written out; larger ones stay sparse."""


class BoxPairs(NamedTuple):
    """Pairs of boxes of the same image, ordered by `first`, then by `second`.

    Attributes
    ----------
    first, second : (p,) int64, indices of the boxes. iou : (p,) float64 in [0, 1].
    """

    first: np.ndarray
    second: np.ndarray
    iou: np.ndarray


def box_areas(boxes: np.ndarray) -> np.ndarray:
    """Return the areas (m,) of boxes (m, 4) in square pixels; 0 for a box whose ends are reversed."""
    return np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)


def box_ious(ones: np.ndarray, others: np.ndarray, *, least_union: float = 0.0) -> np.ndarray:
    """Return the intersection over union of each box of `ones` (m, 4) with the one in its place in `others` (m, 4).

    Parameters
    ----------
    least_union : float, square pixels. Smaller unions count as so many; 0 counts them as they are.

    Returns
    -------
    (m,) float64 in [0, 1]; 0 where both boxes are empty.
    """
    width = np.minimum(ones[:, 2], others[:, 2]) - np.maximum(ones[:, 0], others[:, 0])
    height = np.minimum(ones[:, 3], others[:, 3]) - np.maximum(ones[:, 1], others[:, 1])
    inside = np.maximum(width, 0) * np.maximum(height, 0)
    union = np.maximum(box_areas(ones) + box_areas(others) - inside, least_union)
    return np.divide(inside, union, out=np.zeros(len(inside)), where=union > 0)


def overlapping(
    rows: np.ndarray, boxes: np.ndarray, other_rows: np.ndarray | None = None, other_boxes: np.ndarray | None = None,
    *, least: float = 0.0,
) -> BoxPairs:  # fmt: skip
    """Return all pairs of boxes of the same image whose intersection over union is above 0 and at least `least`.

    Parameters
    ----------
    rows, boxes : (m,) and (m, 4), the first boxes. other_rows, other_boxes : (q,) and (q, 4), the second ones; without
        them, pairs of different boxes of the first, each pair in both orders.
    least : float in [0, 1].

    Raises
    ------
    InputError : more than `MOST_OVERLAPPING` pairs overlap, or an image has so many boxes above each other that more
        than `MOST_NEAR_PAIRS` pairs would have to be compared; the message names the image.

    Examples
    --------
    >>> rows, boxes = np.array([0, 0]), np.array([[0, 0, 4, 4], [0, 2, 4, 6.0]])
    >>> overlapping(rows, boxes).iou
    array([0.33333333, 0.33333333])
    """
    same = other_rows is None or other_boxes is None
    others = (rows, boxes) if other_rows is None or other_boxes is None else (other_rows, other_boxes)
    found: list[BoxPairs] = []
    total = 0
    for first, second in _compared(rows, boxes, *others):
        iou = box_ious(boxes[first], others[1][second])
        near = (iou > 0) & (iou >= least)
        if same:
            near &= first != second
        at = np.flatnonzero(near)
        found.append(BoxPairs(first[at], second[at], iou[at]))
        total += len(at)
        if total > MOST_OVERLAPPING:
            row = int(rows[first[-1]])
            what = f"has, with those before it, more than {MOST_OVERLAPPING:,} pairs of boxes that overlap"
            raise InputError.at("boxes", what, "Drop boxes of low score, or pass fewer images at once.", row=row)
    if not found:
        return BoxPairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    pairs = BoxPairs(*(np.concatenate(one) for one in zip(*found)))
    order = np.lexsort((pairs.second, pairs.first))
    return BoxPairs(*(one[order] for one in pairs))


def same_image(rows: np.ndarray, other_rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield all pairs (first, second) of boxes of the same image, in blocks, ordered by `first`, then by `second`.

    Parameters
    ----------
    rows : (m,) int64, ascending. other_rows : (q,) int64, ascending.
    """
    low = np.searchsorted(other_rows, rows, "left")
    size = np.searchsorted(other_rows, rows, "right") - low
    yield from _expanded(np.arange(len(rows)), low, size)


def _expanded(first: np.ndarray, low: np.ndarray, size: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield in blocks, for each of `first` (m,), the indices `low` to `low + size - 1`."""
    ends = np.cumsum(size)
    start = 0
    while start < len(first):
        before = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, before + PAIRS_AT_ONCE, "right")), start + 1)
        own = size[start:stop]
        total = int(own.sum())
        if total:
            shift = np.repeat(low[start:stop] - (np.cumsum(own) - own), own)
            yield np.repeat(first[start:stop], own), np.arange(total) + shift
        start = stop


def _compared(
    rows: np.ndarray, boxes: np.ndarray, other_rows: np.ndarray, other_boxes: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs among which are all that overlap: those of the same image, and in crowded images those that are near
    each other."""
    if not len(rows) or not len(other_rows):
        return
    many = np.bincount(rows, minlength=1)
    others = np.bincount(other_rows, minlength=len(many))[: len(many)]
    crowded = np.flatnonzero(many * others > CROWDED)
    own, rest = np.arange(len(rows)), np.arange(len(other_rows))
    if len(crowded):
        own, rest = own[~np.isin(rows, crowded)], rest[~np.isin(other_rows, crowded)]
    for first, second in same_image(rows[own], other_rows[rest]):
        yield own[first], rest[second]
    for row in crowded.tolist():
        mine = np.arange(*np.searchsorted(rows, [row, row + 1]))
        theirs = np.arange(*np.searchsorted(other_rows, [row, row + 1]))
        for first, second in _near(boxes[mine], other_boxes[theirs], row):
            yield mine[first], theirs[second]


def _near(ones: np.ndarray, others: np.ndarray, row: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield all pairs of boxes of one image that overlap along x and share a horizontal strip, each once.

    Of two boxes that overlap along x, one begins inside the other: such pairs are ranges of the boxes sorted by x0.
    """
    low = min(ones[:, 1].min(), others[:, 1].min())
    high = max(ones[:, 3].max(), others[:, 3].max())
    height = float(np.concatenate([ones[:, 3] - ones[:, 1], others[:, 3] - others[:, 1]]).mean())
    strips = int(np.clip((high - low) / max(height, 1e-9), 1, MOST_STRIPS))
    step = max((high - low) / strips, 1e-9)
    one_at, one_strip = _in_strips(ones, low, step, strips)
    other_at, other_strip = _in_strips(others, low, step, strips)
    for inside in (False, True):  # the second begins inside the first, or the first inside the second
        outer, outer_at, outer_strip = (others, other_at, other_strip) if inside else (ones, one_at, one_strip)
        inner, inner_at, inner_strip = (ones, one_at, one_strip) if inside else (others, other_at, other_strip)
        by_start = np.sort(inner[:, 0])
        rank = np.searchsorted(by_start, inner[inner_at, 0], "left")
        key = inner_strip * (len(inner) + 1) + rank
        order = np.argsort(key, kind="stable")
        key = key[order]
        side = "right" if inside else "left"  # equal starts are found once
        from_ = np.searchsorted(by_start, outer[outer_at, 0], side)
        to = np.searchsorted(by_start, outer[outer_at, 2], "left")
        base = outer_strip * (len(inner) + 1)
        begin = np.searchsorted(key, base + from_, "left")
        size = np.maximum(np.searchsorted(key, base + to, "left") - begin, 0)
        if int(size.sum()) > MOST_NEAR_PAIRS:
            found = f"has {len(ones):,} and {len(others):,} boxes, most of them above each other"
            raise InputError.at("boxes", found, "Drop boxes of low score, or cut the image into tiles.", row=row)
        for place, found in _expanded(np.arange(len(outer_at)), begin, size):
            outer_one, inner_one = outer_at[place], inner_at[order[found]]
            top = np.maximum(outer[outer_one, 1], inner[inner_one, 1])
            once = _strip_of(top, low, step, strips) == outer_strip[place]
            pair = (inner_one[once], outer_one[once]) if inside else (outer_one[once], inner_one[once])
            yield pair


def _strip_of(y: np.ndarray, low: float, step: float, strips: int) -> np.ndarray:
    return np.clip((y - low) / step, 0, strips - 1).astype(np.int64)


def _in_strips(boxes: np.ndarray, low: float, step: float, strips: int) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes and strips (e,) int64: one entry for each strip that a box touches."""
    begin, end = (_strip_of(boxes[:, side], low, step, strips) for side in (1, 3))
    size = np.maximum(end, begin) - begin + 1
    return np.repeat(np.arange(len(boxes)), size), np.repeat(begin - (np.cumsum(size) - size), size) + np.arange(
        int(size.sum())
    )


def suppressed(
    rows: np.ndarray, boxes: np.ndarray, scores: np.ndarray, *, iou: float = 0.5, pairs: BoxPairs | None = None
) -> np.ndarray:
    """Non-maximum suppression without regard to classes: the box that represents each box.

    The box with the largest score of an image represents itself and all that overlap it by more than `iou`; then the
    next of the remaining ones, and so on (equal scores: the first one).

    Parameters
    ----------
    rows, boxes : (m,) and (m, 4). scores : (m,) float. iou : float in [0, 1].
    pairs : overlapping pairs in both orders, such as those of masks; by default those of the boxes.

    Returns
    -------
    (m,) int64, the index of the representative: the box's own index if it is kept.

    Raises
    ------
    InputError : too many pairs of boxes overlap (`overlapping`).

    Examples
    --------
    >>> boxes = np.array([[0, 0, 4, 4], [0, 0, 4, 5], [9, 9, 12, 12.0]])
    >>> suppressed(np.zeros(3, int), boxes, np.array([0.6, 0.9, 0.3]))
    array([1, 1, 2])
    """
    m = len(rows)
    rank = np.empty(m, np.int64)
    rank[np.argsort(-np.asarray(scores, np.float64), kind="stable")] = np.arange(m)
    pairs = overlapping(rows, boxes, least=iou) if pairs is None else pairs
    better = (pairs.iou > iou) & (rank[pairs.second] < rank[pairs.first])
    first, second = pairs.first[better], pairs.second[better]  # the second has the larger score
    kept = _kept(first, second, rank)
    by = np.where(kept, rank, m)
    strong = kept[second]
    np.minimum.at(by, first[strong], rank[second[strong]])
    place = np.empty(m, np.int64)
    place[rank] = np.arange(m)
    return place[by]


def _kept(first: np.ndarray, second: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Return the boxes (m,) bool that are kept: those without a kept box of better rank among their pairs."""
    open_ = np.ones(len(rank), bool)
    kept = np.zeros(len(rank), bool)
    for _ in range(PARALLEL_ROUNDS):
        free = open_.copy()
        free[first] = False  # no open box of better rank
        kept |= free
        open_ &= ~free
        open_[first[free[second]]] = False
        going = open_[first] & open_[second]
        first, second = first[going], second[going]
        if not len(first):
            return kept | open_
    lost = ~open_
    for one, other in zip(*(side[np.lexsort((rank[second], rank[first]))].tolist() for side in (first, second))):
        # All pairs of `other` with better boxes came before: it is kept unless one of them was.
        lost[one] = lost[one] or not lost[other]
    return kept | ~lost


def assigned(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Choose pairs such that each box occurs at most once and the sum of their weights is as large as possible.

    The assignment is exact (Hungarian algorithm), in each connected group of boxes by itself.

    Parameters
    ----------
    first, second : (p,) int64, boxes on both sides, each pair once. weight : (p,) float; pairs with a weight of 0 or
        less are not chosen.

    Returns
    -------
    (c,) int64, ascending: the chosen pairs.

    Examples
    --------
    >>> assigned(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0.6, 0.5, 0.5]))
    array([1, 2])
    """
    chosen: list[np.ndarray] = []
    left = np.flatnonzero(weight > 0)
    while len(left):
        one, other, w = first[left], second[left], weight[left]
        best, next_best = _two_best(one, w)
        best_other, next_other = _two_best(other, w)
        # A pair that outweighs the best alternatives of both of its boxes together is in an optimal assignment.
        rival = np.where(w == best[one], next_best[one], best[one])
        rival_other = np.where(w == best_other[other], next_other[other], best_other[other])
        sure = w > rival + rival_other
        if not sure.any():
            break
        chosen.append(left[sure])
        taken, taken_other = np.zeros(len(best), bool), np.zeros(len(best_other), bool)
        taken[one[sure]] = True
        taken_other[other[sure]] = True
        left = left[~taken[one] & ~taken_other[other]]
    if len(left):
        chosen.extend(_hungarian(first[left], second[left], weight[left], left))
    return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, np.int64)


def _two_best(boxes: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest and the second largest weight of the pairs of each box, 0 where there is none."""
    order = np.lexsort((-weight, boxes))
    sorted_boxes, sorted_weight = boxes[order], weight[order]
    head = np.flatnonzero(np.diff(sorted_boxes, prepend=-1))
    best, second = np.zeros(int(boxes.max()) + 1), np.zeros(int(boxes.max()) + 1)
    best[sorted_boxes[head]] = sorted_weight[head]
    after = head + 1
    after = after[after < len(order)]
    after = after[sorted_boxes[after] == sorted_boxes[after - 1]]
    second[sorted_boxes[after]] = sorted_weight[after]
    return best, second


def _hungarian(first: np.ndarray, second: np.ndarray, weight: np.ndarray, pair: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the chosen ones of `pair` for each connected group of boxes."""
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_array, csr_array
    from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching

    _, one = np.unique(first, return_inverse=True)
    _, other = np.unique(second, return_inverse=True)
    m = int(one.max()) + 1
    size = m + int(other.max()) + 1
    edges = coo_array((np.ones(len(one)), (one, m + other)), shape=(size, size))
    group = connected_components(edges, directed=False)[1][one]
    order = np.argsort(group, kind="stable")
    for own in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        _, i = np.unique(one[own], return_inverse=True)
        _, j = np.unique(other[own], return_inverse=True)
        height, width = int(i.max()) + 1, int(j.max()) + 1
        if height * width <= DENSE_CELLS:
            gain = np.zeros((height, width))
            gain[i, j] = weight[own]
            where = np.full((height, width), -1)
            where[i, j] = own
            found = where[linear_sum_assignment(gain, maximize=True)]
            yield pair[found[found >= 0]]
            continue
        # Each box on the left can also stay alone, in a column of its own.
        alone = np.arange(height)
        cost = np.concatenate([1 + weight.max() - weight[own], np.full(height, 1 + weight.max())])
        places = (np.concatenate([i, alone]), np.concatenate([j, width + alone]))
        rows, columns = min_weight_full_bipartite_matching(csr_array((cost, places), shape=(height, width + height)))
        number = csr_array((np.arange(1, len(own) + 1), (i, j)), shape=(height, width + height))
        found = np.asarray(number[rows, columns]).ravel() - 1
        yield pair[own[found[found >= 0]]]
