"""Regions: connected pixels of one image that have one given and another predicted class.

Regions are found from runs of pixels along the rows, with four neighbours per pixel, so that an image is read once, in
bands of rows, and memory grows with the number of runs and not with the number of pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.foundation.errors import InputError
from workbench.tasks.mask_blocks import RegionRuns, blocks, disagreeing, together
from workbench.tasks.mask_predictions import MaskPredictions
from workbench.tasks.mask_table import MaskTable

MOST_DISAGREEING = 2**25
"""Largest number of runs of disagreement, about 2 GB of them."""

FEW_RUNS = 600
"""Number of runs and of their connections below which a loop is faster than a sparse matrix."""


class Regions(NamedTuple):
    """The m regions of n images, sorted by image, then by their first pixel.

    Attributes
    ----------
    rows, given, predicted : (m,) int64, image, given and predicted class.
    top, left, height, width : (m,) int64, bounding box. area : (m,) int64, pixels. runs : (m,) int64, runs along rows.
    p_given, p_predicted : (m,) float64, mean probabilities. least, most : (m,) float64, of the given class.
    edge, sure, upper : (m,) float64, shares of its pixels, as in `RegionRuns`. depth : (m,) int64.
    """

    rows: np.ndarray
    given: np.ndarray
    predicted: np.ndarray
    top: np.ndarray
    left: np.ndarray
    height: np.ndarray
    width: np.ndarray
    area: np.ndarray
    runs: np.ndarray
    p_given: np.ndarray
    p_predicted: np.ndarray
    least: np.ndarray
    most: np.ndarray
    edge: np.ndarray
    sure: np.ndarray
    upper: np.ndarray
    depth: np.ndarray

    def chosen(self, keep: np.ndarray) -> Regions:
        """Select regions by a mask or indices."""
        return Regions(*(one[keep] for one in self))


class FoundRegions(NamedTuple):
    """Regions, their runs, and the region of each run (r,) int64."""

    regions: Regions
    runs: RegionRuns
    which: np.ndarray


def regions_of(table: MaskTable, predictions: MaskPredictions) -> FoundRegions:
    """Return the regions in which predictions disagree with the given masks.

    Raises
    ------
    InputError : values that are not predictions; more than `MOST_DISAGREEING` runs.
    """
    found: list[RegionRuns] = []
    many = 0
    for rows, given, top, inner in blocks(table):
        first = top - inner.start
        runs = disagreeing(rows, given, predictions.look(rows, given, top=first), predictions.k, first, inner)
        many += len(runs.code)
        if many > MOST_DISAGREEING:
            words = f"disagree with the labels in more than {MOST_DISAGREEING:,} runs of pixels"
            raise InputError.at("predictions", words, "Smooth them, or pass fewer images.", row=int(rows[-1]))
        found.append(runs)
    return connected(together(found), predictions.k)


def connected(runs: RegionRuns, k: int) -> FoundRegions:
    """Return the regions that runs form, with k classes."""
    which = components(runs.rows, runs.y, runs.x0, runs.x1, runs.code)
    return FoundRegions(regions_from(runs, which, k), runs, which)


def components(rows: np.ndarray, y: np.ndarray, x0: np.ndarray, x1: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Return the connected component (r,) int64 of each run, numbered by their first runs.

    Parameters
    ----------
    rows, y, x0, x1, code : (r,) runs sorted by image, row and column; those of one row do not overlap. Runs of equal
        code that overlap in neighbouring rows of an image are connected.
    """
    r = len(code)
    if not r:
        return np.zeros(0, np.int64)
    width = int(x1.max()) + 1
    line = rows.astype(np.int64) * (int(y.max()) + 2) + y
    begins, ends = line * width + x0, line * width + x1
    low = np.searchsorted(ends, (line + 1) * width + x0, side="right")
    high = np.searchsorted(begins, (line + 1) * width + x1, side="left")
    many = np.maximum(high - low, 0)
    one = np.repeat(np.arange(r, dtype=np.int32), many)
    other = (np.arange(many.sum()) - np.repeat(np.cumsum(many) - many - low, many)).astype(np.int32)
    equal = code[one] == code[other]
    one, other = one[equal], other[equal]
    if r + len(one) < FEW_RUNS:
        first = _first_runs(r, one.tolist(), other.tolist())
        return (np.cumsum(first == np.arange(r)) - 1)[first]
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(r, r))
    found = connected_components(graph, directed=False)[1]
    first = np.full(int(found.max()) + 1, r, np.int64)
    np.minimum.at(first, found, np.arange(r))
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[found]


def _first_runs(r: int, one: list[int], other: list[int]) -> np.ndarray:
    """Return the first run (r,) of the component of each run, by pairs of connected runs (union-find)."""
    first = list(range(r))
    for a, b in zip(one, other):
        while first[a] != a:
            first[a] = a = first[first[a]]
        while first[b] != b:
            first[b] = b = first[first[b]]
        first[max(a, b)] = min(a, b)
    for run, before in enumerate(first):
        first[run] = first[before]
    return np.array(first, np.int64)


def regions_from(runs: RegionRuns, which: np.ndarray, k: int) -> Regions:
    """Return the regions, from runs and the region of each run (r,)."""
    m = int(which.max()) + 1 if len(which) else 0
    order = np.argsort(which, kind="stable")
    begin = np.searchsorted(which[order], np.arange(m))

    def over(values: np.ndarray, how: np.ufunc = np.add) -> np.ndarray:
        values = values[order].astype(np.float64 if values.dtype.kind == "f" else np.int64)
        return how.reduceat(values, begin) if m else values[:0]

    size = (runs.x1 - runs.x0).astype(np.int64)
    area = over(size)
    first = order[begin]
    top, left = over(runs.y, np.minimum), over(runs.x0, np.minimum)
    code = runs.code[first].astype(np.int64)
    edge, sure, upper = (over(one) / np.maximum(area, 1) for one in (runs.edge, runs.sure, runs.upper))
    return Regions(
        runs.rows[first].astype(np.int64), code // k, code % k, top, left,
        over(runs.y, np.maximum) + 1 - top, over(runs.x1, np.maximum) - left, area, over(np.ones_like(size)),
        over(runs.p_given) / np.maximum(area, 1), over(runs.p_predicted) / np.maximum(area, 1),
        over(runs.least, np.minimum), over(runs.most, np.maximum), edge, sure, upper, over(runs.depth, np.maximum),
    )  # fmt: skip
