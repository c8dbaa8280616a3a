"""Thumbnails and texts of examples, made when asked for and kept for a while."""

from __future__ import annotations

import base64
import math
from collections import OrderedDict
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.dataset import Dataset

THUMB, FULL = 96, 420
"""Longest side in pixels of a thumbnail and of the picture in the inspector."""

KEPT_BYTES = 32_000_000
"""Encoded pictures kept in memory."""

LONG_TEXT = 20_000
"""Characters of a text that are sent; the rest is cut with a note."""


class Media:
    """Pictures and texts of one dataset as small JSON-ready dicts.

    Pictures are always decoded (with a pixel limit) and encoded again, so no byte of a user's file reaches the page;
    what cannot be decoded becomes an item with `error`.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._kept: OrderedDict[tuple[int, int], dict] = OrderedDict()
        self._bytes = 0

    @property
    def kind(self) -> str:
        """ "image", "text" or "none"."""
        if self.dataset.images is not None:
            return "image"
        return "text" if self.dataset.text_column is not None else "none"

    def item(self, row: int, size: int = THUMB) -> dict:
        """{row, id} with src, width, height (a picture), text (a text) or error (neither could be made)."""
        key = (row, size)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        item = {"row": row, "id": plain(self.dataset.ids[row]), **self._content(row, size)}
        self._keep(key, item)
        return item

    def _content(self, row: int, size: int) -> dict:
        from workbench.storage.media import read_image, thumbnail

        if self.kind == "text":
            return {"text": shortened(self.dataset.text(row) or "", 400 if size == THUMB else LONG_TEXT)}
        if self.kind == "none":
            cells = self.dataset.metadata.iloc[row].items() if self.dataset.metadata.shape[1] else ()
            most = 6 if size == THUMB else 40
            return (
                {"text": "\n".join(f"{name}  {as_text(value)}" for name, value in list(cells)[:most])} if cells else {}
            )
        try:
            data = read_image(self.dataset.image(row), self.dataset.media_root)
            if data is None:
                return {"error": "no image"}
            encoded, width, height = thumbnail(data, size)
        except WorkbenchError as error:
            return {"error": str(error)}
        mime = "png" if encoded[:4] == b"\x89PNG" else "jpeg"
        src = f"data:image/{mime};base64,{base64.b64encode(encoded).decode('ascii')}"
        return {"src": src, "width": width, "height": height}

    def _keep(self, key: tuple[int, int], item: dict) -> None:
        self._kept[key] = item
        self._bytes += _weight(item)
        while self._bytes > KEPT_BYTES and len(self._kept) > 1:
            self._bytes -= _weight(self._kept.popitem(last=False)[1])


def _weight(item: dict) -> int:
    return len(item.get("src") or item.get("text") or "") + 100


def shortened(text: str, most: int) -> str:
    """At most `most` characters, with a note of how many were left out."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def as_text(value: object) -> str:
    """A cell of the user's table in a line."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return shortened(f"{value:.4g}" if isinstance(value, float) else str(value), 200)


def plain(value: object) -> object:
    """A plain int or str of an id that may be a numpy scalar."""
    return value.item() if hasattr(value, "item") else value
