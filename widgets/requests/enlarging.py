"""One example at full size: the original pixels of a picture, tiles of a large one, or the whole text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.view.given_masks import mask_part
from widgets.wire.messages import Arrays, Buffers, RowRequest, TextAnswer
from widgets.wire.pictures import MaskPartRequest, MaskRuns, PictureAnswer, TileAnswer, TileRequest

if TYPE_CHECKING:
    from widgets.view.view import View


def ask_picture(view: View, content: RowRequest, buffers: Buffers) -> tuple[PictureAnswer, Arrays]:
    """A picture in its original resolution, re-encoded: {mime, width, height, original: [w, h], note} and its bytes."""
    data, facts = view.media.original(view.row(content["row"]))
    return facts, [np.frombuffer(data, np.uint8)]


def ask_tile(view: View, content: TileRequest, buffers: Buffers) -> tuple[TileAnswer, Arrays]:
    """A square of a picture shrunk by a power of two: its type and its bytes."""
    place = content["level"], content["x"], content["y"]
    data, mime = view.media.tile(view.row(content["row"]), *place)
    return {"mime": mime}, [np.frombuffer(data, np.uint8)]


def ask_mask_part(view: View, content: MaskPartRequest, buffers: Buffers) -> tuple[MaskRuns, Arrays]:
    """A part of a mask in all its pixels, to paint on."""
    return mask_part(view, view.row(content["row"]), content["box"]), []


def ask_text(view: View, content: RowRequest, buffers: Buffers) -> tuple[TextAnswer, Arrays]:
    """The whole text of an example."""
    return {"text": view.media.whole_text(view.row(content["row"]))}, []
