"""Outlines of objects in files of boxes: polygons and run lengths are checked, kept, and converted between formats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.foundation.errors import InputError, shortened
from workbench.tasks.run_lengths import checked_runs, decode_runs, encode_runs, to_text

SEGMENTATION = "segmentation"
"""Field of `more` with the outline of an object: polygons or run lengths, as in COCO."""

MOST_CORNERS = 1_000_000
"""Largest number of points of a polygon."""

MOST_EDGE_PAIRS = 300_000_000
"""Number of pairs of edges up to which polygons are searched for crossings; those after it are not searched."""

MOST_MASK_PIXELS = 40_000_000
"""Largest number of pixels of a mask that runs row by row."""

EDGE_PAIRS_AT_ONCE = 1 << 20


def check_outline(outline: Any, image: Mapping[str, Any], where: str) -> None:
    """Check polygons (lists x, y, x, y, ...) or run lengths {"size": [height, width], "counts": ...}.

    Raises
    ------
    InputError : a polygon has an odd number of values or one that is not finite; the size of the run lengths differs
        from that of the image, or their counts do not fit it. The message begins with `where`.
    """
    if isinstance(outline, dict):
        size = outline.get("size")
        if not isinstance(size, (list, tuple)) or len(size) != 2 or "counts" not in outline:
            raise InputError(f"{where} has the segmentation {shortened(outline)}. Run lengths have a size and counts.")
        known = [image.get("height"), image.get("width")]
        if None not in known and list(size) != known:
            found = f"{where} has run lengths of the size {shortened(size)} in an image of {known[0]} x {known[1]}"
            raise InputError(f"{found} (height x width). Correct one of them.")
        try:
            checked_runs(outline["counts"], *size)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        return
    if not isinstance(outline, list):
        raise InputError(f"{where} has the segmentation {shortened(outline)}. Use polygons or run lengths.")
    for polygon in outline:
        if not isinstance(polygon, list) or len(polygon) % 2 or not polygon or len(polygon) > 2 * MOST_CORNERS:
            found = f"of {len(polygon):,} values" if isinstance(polygon, list) else shortened(polygon)
            raise InputError(f"{where} has a polygon {found}. A polygon is x, y, x, y, ...")
        try:
            values = np.array([polygon], float)
        except (TypeError, ValueError, OverflowError):
            values = np.full((1, 1), np.nan)
        if not np.isfinite(values).all() or values.ndim != 2:
            raise InputError(f"{where} has the polygon {shortened(polygon)}. Use finite numbers of pixels.")


def crossing_outlines(outlines: Sequence[tuple[str, list[list[float]]]]) -> tuple[int, int, str]:
    """Search polygons that were checked for those with fewer than three points and those that cross themselves.

    Parameters
    ----------
    outlines : (name, polygons) of each object.

    Returns
    -------
    few : number of polygons with fewer than three points. crossing : number of those that cross themselves, of the
    first ones with `MOST_EDGE_PAIRS` pairs of edges. first : name of the first that does, "" for none.
    """
    by_length: dict[int, list[tuple[int, list[float]]]] = {}
    few = 0
    for number, (_, polygons) in enumerate(outlines):
        for polygon in polygons:
            few += len(polygon) < 6
            by_length.setdefault(len(polygon) // 2, []).append((number, polygon))
    found: list[int] = []
    left = MOST_EDGE_PAIRS
    for length, polygons in sorted(by_length.items()):
        if length < 4 or length**2 > min(left, EDGE_PAIRS_AT_ONCE):
            continue  # a triangle cannot cross itself
        polygons = polygons[: left // length**2]
        left -= len(polygons) * length**2
        step = max(1, EDGE_PAIRS_AT_ONCE // length**2)
        for start in range(0, len(polygons), step):
            part = polygons[start : start + step]
            points = np.array([polygon for _, polygon in part], float).reshape(len(part), length, 2)
            found += [part[at][0] for at in np.flatnonzero(_crossing(points)).tolist()]
    return few, len(found), outlines[min(found)][0] if found else ""


def _crossing(points: np.ndarray) -> np.ndarray:
    """Whether edges of each polygon (b, v, 2) that do not share a point cross, (b,) bool."""
    ends = np.roll(points, -1, axis=1)
    v = points.shape[1]

    def side(of: np.ndarray) -> np.ndarray:
        """Side of each edge (first axis) on which each point (second axis) lies, (b, v, v)."""
        along = (ends - points)[:, :, None]
        apart = of[:, None] - points[:, :, None]
        return np.sign(along[..., 0] * apart[..., 1] - along[..., 1] * apart[..., 0])

    split = side(points) * side(ends) < 0  # the edge separates the ends of the other
    one, other = np.triu_indices(v, 2)
    distant = ~((one == 0) & (other == v - 1))  # the last edge meets the first
    one, other = one[distant], other[distant]
    return np.any(split[:, one, other] & split[:, other, one], axis=1)


def from_rows(counts: np.ndarray, box: Sequence[int], height: int, width: int, where: str) -> dict[str, Any]:
    """Convert run lengths that run row by row inside a box, as in CVAT, to those of COCO.

    Parameters
    ----------
    counts : (m,) int64, background first. box : left, top, width, height in pixels.

    Raises
    ------
    InputError : the box leaves the image, or the counts do not fit it.
    """
    left, top, wide, high = box
    if min(left, top, wide, high) < 0 or left + wide > width or top + high > height:
        raise InputError(f"{where} has a mask in the box {list(box)} of an image of {width} x {height}. It must fit.")
    if wide * high > MOST_MASK_PIXELS:
        found = f"{where} has a mask of {wide:,} x {high:,} pixels"
        raise InputError(f"{found}. At most {MOST_MASK_PIXELS:,} are read: cut the image into tiles.")
    try:
        inside = decode_runs(counts, wide, high)  # a mask whose columns are rows of the image
        checked_runs([height * width], height, width)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    # A row below the box ends the runs of each column.
    bounds = np.cumsum(encode_runs(np.pad(inside, ((0, 0), (0, 1))).T))
    starts, ends = bounds[:-1:2], bounds[1::2]
    starts, ends = ((left + at // (high + 1)) * height + top + at % (high + 1) for at in (starts[: len(ends)], ends))
    met = starts[1:] == ends[:-1]  # at the edges of two columns
    runs = np.stack([np.delete(starts, np.flatnonzero(met) + 1), np.delete(ends, np.flatnonzero(met))], axis=1)
    found = np.diff(np.concatenate([[0], runs.ravel(), [height * width]]))
    return {"size": [height, width], "counts": to_text(found if found[-1] or len(found) == 1 else found[:-1])}


def to_rows(outline: Mapping[str, Any], box: Sequence[int]) -> np.ndarray:
    """Convert COCO's run lengths to counts (m,) that run row by row inside a box left, top, width, height."""
    left, top, wide, high = box
    mask = decode_runs(outline["counts"], *outline["size"])
    return encode_runs(mask[top : top + high, left : left + wide].T)
