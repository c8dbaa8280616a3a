"""The objects of a picture as they are now, for thumbnails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from widgets.view.given_masks import SMALL_MASK_PIXELS, small_mask
from widgets.wire.pictures import MaskRuns
from widgets.wire.shapes import Item
from workbench.tasks.box_table import MASK_FIELD
from workbench.tasks.mask_runs import column_runs, runs_of_texts
from workbench.tasks.mask_table import IGNORE, encoded_runs

if TYPE_CHECKING:
    from widgets.view.view import View

THUMB_OBJECTS = 60
"""Maximum number of objects drawn on a thumbnail, the largest ones."""

DRAWN = ("boxes", "instances", "points")
"""Kinds of labels whose objects are drawn."""

PLACE_FIELDS = ("box", "point")
"""Fields of a value that say where the object is: x0, y0, x1, y1 or x, y in pixels."""


def with_objects(view: View, item: Item) -> Item:
    """Return an item with `mask`, or with `objects`, each as [x0, y0, x1, y1, code], sides as shares of the picture's.

    Instances have both: their masks in the colours of their classes, the smaller ones above, and their boxes, which
    tell objects of one class apart. It is unchanged for labels of other kinds, and where the size of the picture is
    unknown.
    """
    if view.dataset.task == "masks" and "src" in item:
        mask = small_mask(view, item["row"])
        return item if mask is None else {**item, "mask": mask}
    if "width" not in item or "height" not in item or view.dataset.task not in DRAWN:
        return item
    width, height = item.get("original") or (item["width"], item["height"])
    found: list[tuple[list[float], dict[str, Any]]] = []
    dataset = view.decisions.space
    codes = {name: code for code, name in enumerate(dataset.classes)}
    for value in values_now(view, item["row"]):
        place = next((value[name] for name in PLACE_FIELDS if name in value), None)
        if place is None:
            continue
        x0, y0, x1, y1 = (*place, *place)[:4]
        shares = [round(side / whole, 4) for side, whole in zip((x0, y0, x1, y1), (width, height) * 2)]
        found.append(([*shares, codes[value["label"]]], value))
    found.sort(key=lambda one: (one[0][0] - one[0][2]) * (one[0][3] - one[0][1]))
    found = found[:THUMB_OBJECTS]
    item = {**item, "objects": [one for one, _ in found]}
    masked = [value for _, value in found if value.get(MASK_FIELD)]
    if not masked:
        return item
    return {
        **item,
        "mask": masks_of_instances(masked, [codes[one["label"]] for one in masked], int(height), int(width)),
    }


def masks_of_instances(values: list[dict[str, Any]], codes: list[int], height: int, width: int) -> MaskRuns:
    """Return the classes of the masks of instances, later ones above earlier ones, and -1 where there is none.

    Parameters
    ----------
    values : with a box and the run lengths of the pixels in it. codes : of their classes. height, width : of the image;
        of one with more than `SMALL_MASK_PIXELS` pixels, every second, third, ... row and column.

    Notes
    -----
    Runs are painted without decoding the pixels between the rows and columns that are kept.
    """
    step = int(np.ceil(np.sqrt(max(height * width / SMALL_MASK_PIXELS, 1))))
    raster = np.full((-(-height // step), -(-width // step)), IGNORE, np.int16)
    corners = np.array([one["box"] for one in values], np.int64)
    runs = column_runs(runs_of_texts([one[MASK_FIELD] for one in values]), corners[:, 3] - corners[:, 1])
    x, top, bottom = runs.x + corners[runs.of, 0], *(one + corners[runs.of, 1] for one in (runs.top, runs.bottom))
    first, last = (-(-np.clip(one, 0, height) // step) for one in (top, bottom))
    kept = np.flatnonzero((x % step == 0) & (x < width) & (first < last))
    many = last[kept] - first[kept]
    down = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    at = np.repeat(kept, many)
    raster[first[at] + down, x[at] // step] = np.array(codes, np.int16)[runs.of[at]]
    listed = encoded_runs(raster)
    lengths, found = listed.lengths.tolist(), listed.codes.tolist()
    return {"height": height, "width": width, "step": step, "lengths": lengths, "codes": found}


def values_now(view: View, row: int) -> list[dict[str, Any]]:
    """Return the values of the units of an example that are not "nothing", with the decisions about them."""
    dataset, decided = view.decisions.space, view.decisions.values_of(row)
    units = dataset.units
    given = {units.key(unit): dataset.value_of(unit) for unit in range(*units.of(row).indices(units.m))}
    values = (dataset.kind.decode(text, dataset.classes) for text in (given | decided).values() if text is not None)
    return [value for value in values if value is not None]
