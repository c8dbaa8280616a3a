"""Requests for columns, pictures and texts, and the details of one example."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.view.given_masks import mask_of
from widgets.view.items import LARGE, THUMB
from widgets.view.objects import with_objects
from widgets.view.passages import items_of, passage_of
from widgets.view.units import units_of
from widgets.wire.messages import (
    Arrays,
    Buffers,
    ColumnAnswer,
    MediaAnswer,
    MediaRequest,
    NameRequest,
    RowRequest,
    SoundAnswer,
)
from widgets.wire.packing import packed_arrays
from widgets.wire.shapes import InspectAnswer
from workbench.foundation.errors import InputError

if TYPE_CHECKING:
    from widgets.view.view import View

MOST_ITEMS = 48
"""Maximum number of thumbnails in one answer."""


def ask_column(view: View, content: NameRequest, buffers: Buffers) -> tuple[ColumnAnswer, Arrays]:
    """The values of a column."""
    name = content.get("name")
    if name not in view.columns:
        raise InputError.unknown("column", name, view.columns)
    column = view.columns[name]
    specs, arrays = packed_arrays({name: column.values})
    return {"column": column.described(), "arrays": specs}, arrays


def ask_media(view: View, content: MediaRequest, buffers: Buffers) -> tuple[MediaAnswer, Arrays]:
    """Thumbnails of rows; with `large`, in the size for a grid of large pictures."""
    rows = [view.row(row) for row in content["rows"][:MOST_ITEMS]]
    size = LARGE if content.get("large") else THUMB
    return {"items": [with_objects(view, view.media.item(row, size)) for row in rows]}, []


def ask_sound(view: View, content: RowRequest, buffers: Buffers) -> tuple[SoundAnswer, Arrays]:
    """A sound for the player."""
    data, mime = view.media.sound(view.row(content["row"]))
    return {"mime": mime}, [np.frombuffer(data, np.uint8)]


def ask_inspect(view: View, content: RowRequest, buffers: Buffers) -> tuple[InspectAnswer, Arrays]:
    """All details of one row, and its units."""
    row = view.row(content["row"])
    about = view.details.of(row, view.decisions.notes.get(row, ""))
    units, items = units_of(view, row), items_of(view, row)
    for strip in (about["neighbors"], about.get("linked")):
        if strip:
            strip["items"] = [with_objects(view, item) for item in strip["items"]]
    about["media"] = with_objects(view, about["media"])
    passage, mask = passage_of(view, row), mask_of(view, row)
    whole = view.decisions.confirmed(row)
    if whole is not None:
        about["whole"] = whole
    return {**about, "units": units, "passage": passage, "items": items, "mask": mask}, []
