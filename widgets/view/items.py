"""Format of items for the page: sizes, encoded pictures, shortened texts."""

from __future__ import annotations

import base64
import math
from pathlib import Path

import numpy as np

from widgets.wire.shapes import Content
from workbench.data.large_pictures import LargePicture
from workbench.data.media import image_size, thumbnail
from workbench.foundation.cells import cell_text, is_missing

THUMB, LARGE, FULL = 96, 256, 420
"""Length of the longer side, in pixels, of thumbnails, of large ones in the grid, and of pictures in the inspector."""

LONG_TEXT = 20_000
"""Maximum number of characters of a text; the rest is cut with a note."""

SHORT_TEXT = 400
PNG_WITH_ALPHA = 6
"""Colour type in the header of a PNG, byte 25."""


def encoded(data: bytes | Path, size: int, large: LargePicture | None = None) -> Content:
    """Decode an image with a pixel limit, unless it is a `large` one that was decoded, and encode it again: src, width,
    height, the original size if it was larger, and alpha if transparent."""
    picture, width, height = thumbnail(data, size) if large is None else large.thumbnail(size)
    mime = "png" if picture[:4] == b"\x89PNG" else "jpeg"
    src = f"data:image/{mime};base64,{base64.b64encode(picture).decode('ascii')}"
    out: Content = {"src": src, "width": width, "height": height}
    if max(width, height) >= size and (whole := image_size(data)) != (width, height):
        out["original"] = list(whole)
    return {**out, "alpha": True} if mime == "png" and picture[25] == PNG_WITH_ALPHA else out


def cut_text(text: str, most: int) -> str:
    """At most `most` characters, with a note of how many were cut."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def as_text(value: object) -> str:
    """A cell of the user's table as one line."""
    if is_missing(value):
        return "–"
    return cut_text(f"{value:.4g}" if isinstance(value, float) else cell_text(value), 200)


def finite(values: np.ndarray) -> list[float | None]:
    """Convert to floats with None for NaN, because JSON has no NaN."""
    return [float(value) if math.isfinite(value) else None for value in np.asarray(values, np.float64)]
