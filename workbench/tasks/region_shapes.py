"""Shapes of regions: compressed run lengths within their boxes, for many regions at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from workbench.tasks.mask_regions import FoundRegions
from workbench.tasks.mask_table import REGION
from workbench.tasks.run_lengths import to_texts

AREA_AT_ONCE = 2**21
"""Number of pixels of regions that are converted at once."""


def region_shapes(found: FoundRegions, chosen: np.ndarray) -> pa.StructArray:
    """Return the shapes (c,) of chosen regions (c,) int64: their boxes and compressed run lengths."""
    regions = found.regions.chosen(chosen)
    boxes = [pa.array(one.astype(np.int32)) for one in (regions.top, regions.left, regions.height, regions.width)]
    texts = pa.array(region_texts(found, chosen), pa.string())
    return pa.StructArray.from_arrays([*boxes, texts], fields=list(REGION))


def region_texts(found: FoundRegions, chosen: np.ndarray) -> list[str]:
    """Return the compressed run lengths of chosen regions (c,) within their boxes, as `encode_runs` makes them."""
    area = found.regions.area[chosen]
    order = np.argsort(found.which, kind="stable")
    begin = np.searchsorted(found.which[order], np.arange(len(found.regions.area) + 1))
    texts: list[str] = []
    edges = np.concatenate([[0], np.cumsum(area)])
    start = 0
    while start < len(chosen):
        stop = max(int(np.searchsorted(edges, edges[start] + AREA_AT_ONCE, side="right")) - 1, start + 1)
        some = chosen[start:stop]
        texts += to_texts(*_counts(found, [order[begin[one] : begin[one + 1]] for one in some.tolist()], some))
        start = stop
    return texts


def _counts(found: FoundRegions, own: list[np.ndarray], some: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts of regions one after another, and the place of the first count of each.

    own : the runs of each of the regions `some`.
    """
    regions, at = found.regions.chosen(some), np.concatenate(own)
    number = np.repeat(np.arange(len(some)), [len(one) for one in own])
    box = regions.height * regions.width
    base = np.cumsum(box + 1) - box - 1  # boxes are one position apart, so that no run continues in the next
    y = found.runs.y[at] - regions.top[number]
    x0, x1 = (one[at] - regions.left[number] for one in (found.runs.x0, found.runs.x1))
    columns = int(regions.width.max())
    if len(some) == 1:  # a large region is converted in strips of columns
        columns = max(AREA_AT_ONCE // int(regions.height[0]), 1)
    parts = []
    for edge in range(0, int(regions.width.max()), columns):
        low, high = np.maximum(x0, edge), np.minimum(x1, edge + columns)
        keep = high > low
        parts.append(_columns(y[keep], low[keep], high[keep], regions.height[number[keep]], base[number[keep]]))
    first, last = (np.concatenate([one[side] for one in parts]) for side in (0, 1))
    new = np.flatnonzero(np.concatenate([[True], first[1:] != last[:-1]]))
    first, last = first[new], last[np.append(new[1:], len(last)) - 1]
    return _interleaved(first, last, base, base + box)


def _columns(
    y: np.ndarray, x0: np.ndarray, x1: np.ndarray, height: np.ndarray, base: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions (first, last + 1) of runs along columns, from runs along rows; column by column."""
    size = (x1 - x0).astype(np.int64)
    x = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size - x0, size)
    places = np.sort(np.repeat(base + y, size) + x * np.repeat(height, size))
    gap = np.flatnonzero(np.diff(places) != 1) + 1
    return places[np.r_[0, gap]], places[np.r_[gap - 1, len(places) - 1]] + 1


def _interleaved(
    first: np.ndarray, last: np.ndarray, base: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return counts of background and object in turn, from runs of the object in boxes of positions base to end - 1."""
    begin = np.searchsorted(first, base)
    before = np.concatenate([[0], last[:-1]])
    before[begin] = base
    counts = np.stack([first - before, last - first], axis=1).ravel()
    stop = np.append(begin[1:], len(first))
    tail = end - last[stop - 1]
    counts = np.insert(counts, 2 * stop[tail > 0], tail[tail > 0])
    return counts, 2 * begin + np.concatenate([[0], np.cumsum(tail > 0)[:-1]])
