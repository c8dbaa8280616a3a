"""Parts of the messages between Python and a page that contain pixels."""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):
    from typing_extensions import TypedDict
else:
    from typing import TypedDict


class PictureAnswer(TypedDict):
    """A picture in its original pixels; its bytes are the buffer."""

    mime: str
    width: int
    height: int
    original: list[int]
    note: str
    alpha: bool


class TileRequest(TypedDict):
    """Request a tile of a picture shrunk by 2 to the power `level`, by its column and row."""

    row: int
    level: int
    x: int
    y: int


class TileAnswer(TypedDict):
    """The type of a tile; its bytes are the buffer."""

    mime: str


class MaskPartRequest(TypedDict):
    """Request a part of a mask: the row, and x0, y0, x1, y1 in pixels."""

    row: int
    box: list[int]


class MaskRuns(TypedDict):
    """The mask of an example: runs of class codes, -1 = ignore, row by row.

    `height` and `width` are those of the mask. If `step` is above 1, the runs are of every step-th row and column, from
    the first.
    """

    height: int
    width: int
    step: int
    lengths: list[int]
    codes: list[int]
