"""Objects in masks: connected pixels of one class, and how much of them a region covers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.tasks.mask_regions import components

MOST_OBJECT_RUNS = 2**24
"""Largest number of runs of equal pixels from which objects are found; above, regions are judged without them."""


class ObjectRuns(NamedTuple):
    """Runs (r,) of equal class along the rows of images, sorted by image, row and column; columns half-open."""

    rows: np.ndarray
    y: np.ndarray
    x0: np.ndarray
    x1: np.ndarray
    code: np.ndarray


class MaskObjects(NamedTuple):
    """Runs, the object (r,) of each, and the area (o,) of each object in pixels."""

    runs: ObjectRuns
    which: np.ndarray
    area: np.ndarray


def object_runs(rows: np.ndarray, codes: np.ndarray, top: int = 0) -> ObjectRuns:
    """Return the runs of a block of images.

    Parameters
    ----------
    rows : (g,) int64, the images. codes : (g, h, w) class indices. top : row of the images at which the block begins.
    """
    h, w = codes.shape[1:]
    flat = codes.ravel()
    new = np.empty(flat.size, bool)
    new[1:] = flat[1:] != flat[:-1]
    new[::w] = True
    begin = np.flatnonzero(new)
    size = np.diff(begin, append=flat.size)
    x, line = begin % w, begin // w
    columns = (rows[line // h], line % h + top, x, x + size, flat[begin])
    return ObjectRuns(*(one.astype(np.int32) for one in columns))


def objects_of(parts: list[ObjectRuns]) -> MaskObjects | None:
    """Return the objects of blocks that follow one another; None if there are too many runs."""
    if sum(len(one.code) for one in parts) > MOST_OBJECT_RUNS:
        return None
    runs = ObjectRuns(*(np.concatenate(one) for one in zip(*parts)))
    which = components(*runs)
    return MaskObjects(runs, which, np.bincount(which, runs.x1 - runs.x0))


def area_around(objects: MaskObjects | None, rows: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the area (m,) float64 of the objects at pixels, inf without objects."""
    if objects is None or not len(objects.area):
        return np.full(len(rows), np.inf)
    runs = objects.runs
    height, width = int(runs.y.max()) + 1, int(runs.x1.max()) + 1
    begins = (runs.rows.astype(np.int64) * height + runs.y) * width + runs.x0
    at = np.searchsorted(begins, (rows.astype(np.int64) * height + y) * width + x, side="right") - 1
    return objects.area[objects.which[at]]
