"""Runs of pixels whose predicted class is not the given one, with their probabilities; read block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.tasks.mask_predictions import Pixels
from workbench.tasks.mask_table import BAND_PIXELS, MaskTable, band_edges

MOST_DEPTH = 8
"""Largest depth of a pixel that is distinguished: its distance to the border of the region, in steps."""

SURE_PIXEL = 0.9
"""Probability of the predicted class from which a pixel counts as sure."""


@dataclass(frozen=True)
class RegionRuns:
    """Runs (r,) of pixels along rows with one given and another predicted class, sorted by image, row and column.

    Attributes
    ----------
    rows, y, x0, x1 : image, row of pixels, half-open columns. code : given class times k plus predicted class.
    p_given, p_predicted : float32, sums of probabilities. least, most : float32, smallest and largest probability of
        the given class. edge : int32, pixels with a neighbour of another given class. sure : int32, pixels whose
        predicted class has at least `SURE_PIXEL`. upper : int32, pixels whose upper neighbour is outside of the region.
        depth : int8, largest depth, at most `MOST_DEPTH`.
    """

    rows: np.ndarray
    y: np.ndarray
    x0: np.ndarray
    x1: np.ndarray
    code: np.ndarray
    p_given: np.ndarray
    p_predicted: np.ndarray
    least: np.ndarray
    most: np.ndarray
    edge: np.ndarray
    sure: np.ndarray
    upper: np.ndarray
    depth: np.ndarray


def together(parts: Sequence[RegionRuns]) -> RegionRuns:
    """Return the runs of several blocks, which follow one another."""
    if not parts:
        none = np.zeros(0, np.int32)
        return RegionRuns(*([none] * len(RegionRuns.__dataclass_fields__)))
    names = RegionRuns.__dataclass_fields__
    return RegionRuns(*(np.concatenate([getattr(one, name) for one in parts]) for name in names))


def blocks(
    table: MaskTable, rows: Sequence[int] | None = None, most: int = BAND_PIXELS
) -> Iterator[tuple[list[int], np.ndarray, int, slice]]:
    """Yield blocks of labelled images: (images, class indices (g, h, w) int16, top, rows of the block without margins).

    Consecutive images of one size are one block, as far as `most` pixels allow. A larger image is several blocks of one
    image: bands with a margin of `MOST_DEPTH` rows above and below. `top` is the first row within the margins.
    """
    batch: list[int] = []
    for row in range(table.n) if rows is None else rows:
        if table.missing[row]:
            continue
        height, width = int(table.height[row]), int(table.width[row])
        same = batch and (height, width) == (table.height[batch[0]], table.width[batch[0]])
        if batch and not (same and (len(batch) + 1) * height * width <= most):
            yield _batch(table, batch)
            batch = []
        if height * width > most:
            yield from _bands(table, row, most)
        else:
            batch.append(row)
    if batch:
        yield _batch(table, batch)


def _batch(table: MaskTable, rows: list[int]) -> tuple[list[int], np.ndarray, int, slice]:
    return rows, np.stack([table.raster(row) for row in rows]), 0, slice(0, int(table.height[rows[0]]))


def _bands(table: MaskTable, row: int, most: int) -> Iterator[tuple[list[int], np.ndarray, int, slice]]:
    height, width = int(table.height[row]), int(table.width[row])
    reader = table.reader(row)
    for top, bottom in band_edges(height, width, most):
        low, high = max(top - MOST_DEPTH, 0), min(bottom + MOST_DEPTH, height)
        yield [row], reader(low, high)[None], top, slice(top - low, bottom - low)


def disagreeing(rows: Sequence[int], given: np.ndarray, pixels: Pixels, k: int, first: int, inner: slice) -> RegionRuns:
    """Return the runs of disagreement of a block of images.

    Parameters
    ----------
    rows : the g images. given : (g, h, w) int16. pixels : their predictions. k : number of classes.
    first : row of the images at which the block begins. inner : rows of the block that count; the others are a margin.
    """
    h, w = given.shape[1:]
    differ = (given != pixels.predicted) & (given >= 0)
    at = np.flatnonzero(differ)
    flat_given = given.ravel()
    code = flat_given[at].astype(np.int64) * k + pixels.predicted.ravel()[at]
    x, y = at % w, at // w % h
    pair = np.full(given.size, -1, np.int32)
    pair[at] = code
    same, edge = np.ones(len(at), bool), np.zeros(len(at), bool)
    starts, upper = np.ones(len(at), bool), np.ones(len(at), bool)
    for step, inside in ((-1, x > 0), (1, x < w - 1), (-w, y > 0), (w, y < h - 1)):
        other = np.where(inside, at + step, at)
        edge |= flat_given[other] != flat_given[at]
        equal = inside & (pair[other] == code)
        same &= equal
        if step == -1:
            starts = ~equal
        elif step == -w:
            upper = ~equal
    depth = _depths(at, same, w, given.size)
    counts = (y >= inner.start) & (y < inner.stop)
    at, x, y, code, starts = at[counts], x[counts], y[counts], code[counts], starts[counts]
    edge, upper, depth = edge[counts], upper[counts], depth[counts]
    begin = np.flatnonzero(starts)
    p_given, p_predicted = pixels.p_given.ravel()[at], pixels.p_predicted.ravel()[at]

    def over(values: np.ndarray, how: np.ufunc = np.add, dtype: type = np.float32) -> np.ndarray:
        return how.reduceat(values, begin).astype(dtype) if len(begin) else np.zeros(0, dtype)

    sizes = np.diff(begin, append=len(at))
    return RegionRuns(
        np.asarray(rows, np.int64)[at[begin] // (h * w)],
        (y[begin] + first).astype(np.int32),
        x[begin].astype(np.int32),
        (x[begin] + sizes).astype(np.int32),
        code[begin].astype(np.int32),
        over(p_given.astype(np.float64)),
        over(p_predicted.astype(np.float64)),
        over(p_given, np.minimum),
        over(p_given, np.maximum),
        over(edge.astype(np.int32), dtype=np.int32),
        over((p_predicted >= SURE_PIXEL).astype(np.int32), dtype=np.int32),
        over(upper.astype(np.int32), dtype=np.int32),
        over(depth, np.maximum, np.int8),
    )


def _depths(at: np.ndarray, same: np.ndarray, w: int, size: int) -> np.ndarray:
    """Return the depth (d,) int8 of pixels: 1 at the border of their region, 2 for the next ones, up to `MOST_DEPTH`.

    same : (d,) bool, whether all four neighbours lie in the image and in the region.
    """
    depth = np.ones(len(at), np.int8)
    alive = np.flatnonzero(same)
    inside = np.zeros(size, bool)
    for _ in range(MOST_DEPTH - 1):
        if not len(alive):
            break
        depth[alive] += 1
        places = at[alive]
        inside[places] = True
        deeper = inside[places - 1] & inside[places + 1] & inside[places - w] & inside[places + w]
        inside[places[~deeper]] = False
        inside[places] = deeper
        alive = alive[deeper]
    return depth
