"""The mask of an example as sent to the page: runs of classes, of a smaller raster if the mask is large."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from widgets.wire.pictures import MaskRuns
from widgets.wire.shapes import UnitInfo
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
    dataset, decided = view.decisions.space, view.decisions.values_of(row)
    labels: Any = dataset.labels
    verdicts = Decided(np.zeros(len(decided), np.int64), list(decided), list(decided.values()))
    return _runs(dataset.kind.apply(labels.slice(row, 1), dataset.classes, verdicts), SMALL_MASK_PIXELS)


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
