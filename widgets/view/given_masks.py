"""The mask of an example as sent to the page: runs of classes, of a smaller raster if the mask is large."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from widgets.wire.pictures import MaskRuns
from widgets.wire.shapes import UnitInfo
from workbench.foundation.errors import InputError
from workbench.tasks.mask_table import band_edges, encoded_runs, joined_runs, masks_of
from workbench.tasks.protocol import Decided

if TYPE_CHECKING:
    from widgets.view.view import View

MOST_SENT_PIXELS = 2**22
"""Number of pixels of a mask that is sent whole; of a larger one, every second, third, ... row and column."""


SMALL_MASK_PIXELS = 96**2
"""The same for a thumbnail."""


def mask_of(view: View, row: int) -> MaskRuns | None:
    """Return the given mask of an example; None without one, and for other kinds of labels.

    Decided regions and strokes are among the units, in the order of the decisions, and are painted by the page.
    """
    if view.dataset.task != "masks":
        return None
    labels: Any = view.dataset.labels
    return _runs(labels.slice(row, 1), MOST_SENT_PIXELS)


def small_mask(view: View, row: int) -> MaskRuns | None:
    """Return the mask of an example as it is now, for a thumbnail; None without one."""
    return _runs(_now(view, row), SMALL_MASK_PIXELS)


def mask_part(view: View, row: int, box: Any) -> MaskRuns:
    """Return a part of the mask of an example as it is now, in all its pixels.

    Parameters
    ----------
    box : x0, y0, x1, y1 in pixels, half-open, of at most `MOST_SENT_PIXELS` pixels.

    Raises
    ------
    InputError : there is no mask, or the box is not a part of it.
    """
    table = masks_of(_now(view, row)) if view.dataset.task == "masks" else None
    if table is None or table.missing[0]:
        raise InputError.at("mask", "is missing", "This example has no mask.", row=row)
    height, width = int(table.height[0]), int(table.width[0])
    x0, y0, x1, y1 = (int(side) for side in box)
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height and (x1 - x0) * (y1 - y0) <= MOST_SENT_PIXELS):
        todo = f"The mask has {width:,} x {height:,} pixels, of which at most {MOST_SENT_PIXELS:,} are sent at once."
        raise InputError.at("box", f"is {[x0, y0, x1, y1]}", todo, row=row)
    read = table.reader(0)
    bands = ((y0 + top, y0 + bottom) for top, bottom in band_edges(y1 - y0, width))
    runs = joined_runs([encoded_runs(read(top, bottom)[:, x0:x1]) for top, bottom in bands])
    lengths, codes = runs.lengths.tolist(), runs.codes.tolist()
    return {"height": y1 - y0, "width": x1 - x0, "step": 1, "lengths": lengths, "codes": codes}


def _now(view: View, row: int) -> Any:
    """Return the stored mask of an example with the decisions about it."""
    dataset, decided = view.decisions.space, view.decisions.values_of(row)
    labels: Any = dataset.labels
    verdicts = Decided(np.zeros(len(decided), np.int64), list(decided), list(decided.values()))
    return dataset.kind.apply(labels.slice(row, 1), dataset.classes, verdicts)


def _runs(labels: Any, most: int) -> MaskRuns | None:
    """Return the runs of one stored mask, of every second, third, ... pixel if it has more than `most`."""
    table = masks_of(labels)
    if table.missing[0]:
        return None
    height, width = int(table.height[0]), int(table.width[0])
    step = int(np.ceil(np.sqrt(max(height * width / most, 1))))
    read = table.reader(0)
    parts = []
    for top, bottom in band_edges(height, width):
        first = -(-top // step) * step
        if first < bottom:
            parts.append(encoded_runs(read(first, bottom)[::step, ::step]))
    runs = joined_runs(parts)
    return {
        "height": height,
        "width": width,
        "step": step,
        "lengths": runs.lengths.tolist(),
        "codes": runs.codes.tolist(),
    }


def add_to_masks(view: View, units: list[UnitInfo]) -> None:
    """Add the shapes of regions, which are part of their values, to the units of an example."""
    if view.dataset.task != "masks":
        return
    for unit in units:
        value = unit["value"] or unit.get("suggested") or unit["given"]
        if value is not None:
            names = ("y0", "x0", "height", "width", "counts")
            unit["shape"] = dict(zip(names, json.loads(value)["region"], strict=True))
