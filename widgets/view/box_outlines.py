"""Outlines of given boxes for the page: polygons, rotated boxes and regions from their further fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from widgets.wire.shapes import UnitInfo
from workbench.foundation.errors import InputError
from workbench.review.box_files import ROTATED, turned
from workbench.review.outlines import SEGMENTATION
from workbench.tasks.box_table import box_table_of, more_of
from workbench.tasks.run_lengths import box_of, checked_runs, decode_runs, encode_runs, to_text

if TYPE_CHECKING:
    from widgets.view.view import View

MOST_OUTLINE_POINTS = 500
"""Points of a polygon that are sent at most: every second, third, ... of larger ones."""

MOST_OUTLINE_PIXELS = 2**22
"""Pixels of the box of a region that is sent at most."""


def add_outlines(view: View, row: int, units: list[UnitInfo]) -> None:
    """Add `outline` or `region` to the given boxes of an example that have a segmentation or a rotation."""
    if view.dataset.task != "boxes":
        return
    labels: Any = view.dataset.labels
    texts = box_table_of(labels.slice(row, 1)).more.to_pylist()
    if not any(texts):
        return
    for unit in units:
        number = unit["key"][1:]
        if unit["key"][:1] == "g" and number.isdecimal() and int(number) < len(texts):
            fields = more_of(texts[int(number)])
            outline = fields.get(SEGMENTATION)
            if isinstance(outline, dict):
                add_region(unit, outline)
            else:
                polygons = polygons_of(outline if outline else _corners(fields.get(ROTATED)))
                if polygons:
                    unit["outline"] = polygons


def _corners(rotated: Any) -> list[list[float]]:
    """Return the corners of a rotated box, x0, y0, x1, y1 and degrees, as a polygon; none for what is not one."""
    if not isinstance(rotated, list) or len(rotated) != 5 or not all(type(one) in (int, float) for one in rotated):
        return []
    return [turned(rotated[:4], rotated[4]).ravel().tolist()]


def polygons_of(outline: Any) -> list[list[float]]:
    """Return the polygons x, y, x, y, ... with at least two points and finite numbers, with few points."""
    found = []
    for polygon in outline if isinstance(outline, list) else ():
        try:
            points = np.array(polygon, float).reshape(-1, 2)
        except (TypeError, ValueError, OverflowError):  # fields of the user, which are kept as they are
            continue
        if len(points) > 1 and np.isfinite(points).all():
            found.append(points[:: -(-len(points) // MOST_OUTLINE_POINTS)].ravel().tolist())
    return found


def add_region(unit: UnitInfo, outline: dict[str, Any]) -> None:
    """Add run lengths, cut to the box around them; nothing if they do not fit their size or are very large."""
    size = outline.get("size")
    if not isinstance(size, list) or len(size) != 2:
        return
    try:
        counts = checked_runs(outline.get("counts"), *size)
    except InputError:  # fields of the user, which are kept as they are
        return
    height = size[0]
    x0, y0, x1, y1 = box_of(counts, height) if height else (0, 0, 0, 0)
    if not 0 < (x1 - x0) * height <= MOST_OUTLINE_PIXELS:
        return
    runs = np.diff(
        np.clip(np.cumsum(counts), x0 * height, x1 * height), prepend=x0 * height
    )  # those of other columns: 0
    mask = decode_runs(runs, height, x1 - x0)[y0:y1]
    unit["region"] = [y0, x0, y1 - y0, x1 - x0, to_text(encode_runs(mask))]
