"""The objects of a picture as they are now, for thumbnails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from widgets.view.given_masks import small_mask
from widgets.wire.shapes import Item

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

    It is unchanged for labels of other kinds, and where the size of the picture is unknown.
    """
    if view.dataset.task == "masks" and "src" in item:
        mask = small_mask(view, item["row"])
        return item if mask is None else {**item, "mask": mask}
    if "width" not in item or "height" not in item or view.dataset.task not in DRAWN:
        return item
    width, height = item.get("original") or (item["width"], item["height"])
    found: list[list[float]] = []
    dataset = view.decisions.space
    codes = {name: code for code, name in enumerate(dataset.classes)}
    for value in values_now(view, item["row"]):
        place = next((value[name] for name in PLACE_FIELDS if name in value), None)
        if place is None:
            continue
        x0, y0, x1, y1 = (*place, *place)[:4]
        shares = [round(side / whole, 4) for side, whole in zip((x0, y0, x1, y1), (width, height) * 2)]
        found.append([*shares, codes[value["label"]]])
    found.sort(key=lambda one: (one[0] - one[2]) * (one[3] - one[1]))
    return {**item, "objects": found[:THUMB_OBJECTS]}


def values_now(view: View, row: int) -> list[dict[str, Any]]:
    """Return the values of the units of an example that are not "nothing", with the decisions about them."""
    dataset, decided = view.decisions.space, view.decisions.values_of(row)
    units = dataset.units
    given = {units.key(unit): dataset.value_of(unit) for unit in range(*units.of(row).indices(units.m))}
    values = (dataset.kind.decode(text, dataset.classes) for text in (given | decided).values() if text is not None)
    return [value for value in values if value is not None]
