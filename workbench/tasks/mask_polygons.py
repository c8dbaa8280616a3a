"""Masks as polygons: outlines along the edges of pixels, and one polygon with all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def mask_outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Return the closed outlines of a mask along the edges of its pixels, the longest first.

    Parameters
    ----------
    mask : (height, width) bool

    Returns
    -------
    List of (c, 2) int64: corners x, y in pixels, of each part and of each hole; empty for a mask without pixels. By the
    even-odd rule the outlines together contain exactly the pixels of the mask. Pixels that touch at a corner only may
    belong to one outline or to two.

    Notes
    -----
    A corner is a point between four pixels of which one or three are in the mask, twice one where two diagonal ones
    are. In each row of points, corners from left to right are the ends of horizontal edges, likewise in each column, so
    that each corner has one horizontal and one vertical neighbour.
    """
    padded = np.pad(np.asarray(mask, bool), 1).astype(np.int8)
    square = [padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]]
    total = square[0] + square[1] + square[2] + square[3]
    many = total % 2 + 2 * ((total == 2) & (square[0] == square[3]))
    y, x = np.nonzero(many)
    points = np.repeat(np.stack([x, y], axis=1), many[y, x], axis=0)
    beside, across = (_other_ends(np.lexsort(keys)) for keys in ((points[:, 0], points[:, 1]), points.T[::-1]))
    found, left = [], np.ones(len(points), bool)
    for start in range(len(points)):
        if not left[start]:
            continue
        at, ring = start, []
        while left[at]:
            other = beside[at]
            left[at] = left[other] = False
            ring += [at, other]
            at = across[other]
        found.append(points[ring])
    return sorted(found, key=lambda one: -len(one))


def _other_ends(order: np.ndarray) -> list[int]:
    """Return the other end of the edge that ends at each corner, whose edges are pairs in this order."""
    ends = np.empty(len(order), np.int64)
    ends[order[::2]], ends[order[1::2]] = order[1::2], order[::2]
    return ends.tolist()


def joined_outlines(outlines: Sequence[np.ndarray]) -> np.ndarray:
    """Return one polygon (c, 2) with all outlines: from a corner of the first one a line leads to each further one, and
    back.

    A line that is passed in both directions encloses nothing, so that by the even-odd rule the polygon contains what
    the outlines together contain. Each begins at the corner of the first outline that is nearest.
    """
    from scipy.spatial import cKDTree

    first, *others = outlines
    if not others:
        return first
    tree, leaving = cKDTree(first), {}
    for one in others:
        distance, place = tree.query(one)
        nearest = int(np.argmin(distance))
        leaving.setdefault(int(place[nearest]), []).append(np.roll(one, -nearest, axis=0))
    parts = []
    for place, corner in enumerate(first):
        parts.append(corner[None])
        for one in leaving.get(place, []):
            parts += [one, one[:1], corner[None]]
    return np.concatenate(parts)
