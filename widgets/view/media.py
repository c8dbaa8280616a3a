"""The appearance of an example in a view: pictures, texts, sounds, rows of tables, or output of the user's function.

Items are created on request and cached. They are safe: pictures are decoded with a pixel limit and encoded again, so no
bytes of a user's file reach the page as a picture; texts are escaped; HTML is shown in a frame without scripts and
network access; URLs are shown but not fetched.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from widgets.view.items import FULL, LONG_TEXT, SHORT_TEXT, THUMB, as_text, cut_text, encoded
from widgets.view.rendering import Row, rendered
from widgets.wire.pictures import PictureAnswer
from widgets.wire.shapes import Content, Item, MediaKind
from workbench.data.large_pictures import LargePicture, decodes_small
from workbench.data.media import as_shown, deep, encode, image_source, is_large, open_image, read_sound
from workbench.foundation.cells import is_missing, is_url
from workbench.foundation.errors import InputError, WorkbenchError, plain_scalar
from workbench.issues.spans.documents import WITH_PASSAGE, document_of

if TYPE_CHECKING:
    from workbench.data.dataset import Dataset

ORIGINAL_PIXELS = 16_000_000
"""Maximum number of pixels of an enlarged picture; larger ones are scaled down, with a note."""

LOSSLESS_PIXELS = 2_000_000
"""Maximum number of pixels of enlarged pictures sent as PNG, unless they were JPEG."""

WHOLE_TEXT = 2_000_000
"""Maximum number of characters of an enlarged text; the rest is cut with a note."""

BRIEF, MOST_MEASURED = 60, 2_000
"""Maximum number of characters of a text that two lines hold; number of texts that are measured."""

TILE_SIDE, MOST_LEVELS = 512, 8
"""Side of a tile in pixels, as in `js/base/imagestage.js`, and how often an image is halved at most."""

KEPT_BYTES = 32_000_000
"""Maximum size of encoded pictures kept in memory."""

KEPT_LARGE = 3
"""Number of large pictures whose tiles are kept in temporary files."""

CELLS_SHOWN = {THUMB: 6, FULL: 40}
"""Maximum number of cells shown of a row of a table."""


class Media:
    """The media of one dataset as small JSON-ready dicts; media that cannot be shown become an item with `error`.

    Parameters
    ----------
    render : function of a row that returns what to show instead, see `widgets.view.rendering`.
    """

    def __init__(self, dataset: Dataset, render: Callable[[Row], object] | None = None) -> None:
        if render is not None and not callable(render):
            raise InputError.at("render", f"is {type(render).__name__}", "Pass a function of a row.")
        self.dataset, self.render = dataset, render
        self._kept: OrderedDict[tuple[int, int], Item] = OrderedDict()
        self._bytes = 0
        self._decoded: tuple[int, Any] | None = None  # row and image that tiles were last cut from
        self._large: OrderedDict[int, LargePicture] = OrderedDict()  # the last large ones, in files

    @property
    def kind(self) -> MediaKind:
        """ "own" (a render function), "image", "audio", "text" or "none" (rows of a table)."""
        if self.render is not None:
            return "own"
        if self.dataset.images is not None:
            return "image"
        if self.dataset.sounds is not None:
            return "audio"
        return "text" if self.dataset.text_column is not None or self.dataset.kind.text_cells else "none"

    @property
    def brief_texts(self) -> bool:
        """Whether the texts are so short that a box of two lines holds them; checked on evenly spaced examples."""
        if self.kind != "text" or self.dataset.text_column is None:
            return False
        column = self.dataset.metadata[self.dataset.text_column]
        checked = column.iloc[:: max(1, len(column) // MOST_MEASURED)]
        return all(is_missing(one) or len(str(one)) <= BRIEF for one in checked.tolist())

    def item(self, row: int, size: int = THUMB) -> Item:
        """Return {row, id} with src, width, height (a picture), text, html, table, sound (its name), url, or error.

        File errors include `brief`, a two-word text for thumbnails.
        """
        key = (row, size)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        content: Content
        try:
            content = self._content(row, size)
        except WorkbenchError as error:
            parts = error.parts if isinstance(error, InputError) else {}
            content = {"error": str(error), "brief": parts.get("brief") or "unreadable"}
        item: Item = {"row": row, "id": plain_scalar(self.dataset.ids[row]), **content}
        self._keep(key, item)
        return item

    def sound(self, row: int) -> tuple[bytes, str]:
        """Return bytes and MIME type of a sound for the player; InputError if there is none."""
        found = read_sound(self.dataset.sound(row), self.dataset.media_root)
        if found is None:
            raise InputError.at("audio", "is missing", "This example has no sound.", row=row)
        return found

    def original(self, row: int) -> tuple[bytes, PictureAnswer]:
        """Return an image in its original resolution: bytes, and {mime, width, height, original: [width, height],
        note}.

        Raises
        ------
        InputError : there is no image, or it cannot be read or decoded.
        """
        source = self._image(row)
        return enlarged(source, self._opened(row, source) if is_large(source) else None)

    def tile(self, row: int, level: int, x: int, y: int) -> tuple[bytes, str]:
        """Return bytes and MIME type of a tile: `TILE_SIDE` pixels square, less at the right and lower border, of the
        image shrunk by 2**level.

        The last decoded image is kept in memory, up to `workbench.data.media.MAX_PIXELS`; the last `KEPT_LARGE` larger
        ones in files.

        Raises
        ------
        InputError : there is no image, it cannot be decoded, or it has no such tile.
        """
        kept = row in self._large or (self._decoded is not None and self._decoded[0] == row)
        picture, side = self._opened(row, b"" if kept else self._image(row)), TILE_SIDE << max(level, 0)
        columns, rows = -(-picture.width // side), -(-picture.height // side)
        if not (0 <= level <= MOST_LEVELS and 0 <= x < columns and 0 <= y < rows):
            found = f"is {x}, {y} of level {level}"
            raise InputError.at("tile", found, f"There are {columns} x {rows} tiles.", row=row)
        box = x * side, y * side, min((x + 1) * side, picture.width), min((y + 1) * side, picture.height)
        if isinstance(picture, LargePicture):
            tile = picture.crop(level, box)
        else:
            tile = picture.reduce(2**level, box) if level else picture.crop(box)
        lossy = tile.mode in ("L", "RGB") and level > 0
        return encode(tile, lossy=lossy), f"image/{'jpeg' if lossy else 'png'}"

    def _opened(self, row: int, source: bytes | Path) -> Any:
        """The decoded image of a row: a PIL image, or a `LargePicture`."""
        if row in self._large:
            self._large.move_to_end(row)
            return self._large[row]
        if self._decoded is not None and self._decoded[0] == row:
            return self._decoded[1]
        if is_large(source):
            while len(self._large) >= KEPT_LARGE:
                self._large.popitem(last=False)  # before the next one needs its room
            self._large[row] = LargePicture(source)
            return self._large[row]
        self._decoded = None  # before the next one needs its memory
        self._decoded = row, as_shown(open_image(source))
        return self._decoded[1]

    def _image(self, row: int) -> bytes | Path:
        """The encoded bytes of an image, or the file of a large one; InputError if there is none."""
        data = image_source(self.dataset.image(row), self.dataset.media_root) if self.kind == "image" else None
        if data is None:
            raise InputError.at("image", "is missing", "This example has no picture.", row=row)
        return data

    def whole_text(self, row: int) -> str:
        """Return the text of an example, at most `WHOLE_TEXT` characters."""
        return cut_text(self._said(row), WHOLE_TEXT)

    def _content(self, row: int, size: int) -> Content:
        makers: dict[MediaKind, Callable[[int, int], Content]] = {
            "image": self._picture,
            "audio": self._sound,
            "text": self._text,
            "none": self._table,
            "own": self._own,
        }
        return makers[self.kind](row, size)

    def _picture(self, row: int, size: int) -> Content:
        image = self.dataset.image(row)
        if is_url(image):
            return {"url": cut_text(image, 2000)}
        source = image_source(image, self.dataset.media_root)
        if source is None:
            return {"error": "no image"}
        decode = is_large(source) and not decodes_small(source)
        return encoded(source, size, self._opened(row, source) if decode else None)

    def _sound(self, row: int, size: int) -> Content:
        sound = self.dataset.sound(row)
        if is_url(sound):
            return {"url": cut_text(sound, 2000)}
        if sound is None:
            return {"error": "no sound"}
        path = "" if isinstance(sound, bytes) else sound.replace("\\", "/")
        name = path.rpartition("/")[2] or f"{len(sound) / 1000:,.0f} kB"
        text: Content = self._text(row, size) if self.dataset.text_column else {}
        return {"sound": cut_text(name, 100), **text}

    def _text(self, row: int, size: int) -> Content:
        return {"text": cut_text(self._said(row), SHORT_TEXT if size == THUMB else LONG_TEXT)}

    def _said(self, row: int) -> str:
        """The text of an example or, where the given labels are the only texts, these."""
        if self.dataset.text_column is not None or not self.dataset.kind.text_cells:
            return self.dataset.text(row) or ""
        units = self.dataset.units
        shapes = units.shapes[units.of(row)].to_pylist() if units.shapes is not None else []
        return "\n".join(one["text"] for one in shapes if one["text"] is not None)

    def _table(self, row: int, size: int) -> Content:
        document = document_of(self.dataset, row) if self.dataset.task in WITH_PASSAGE else None
        if document is not None and document.known:
            return {"text": cut_text(document.text, SHORT_TEXT if size == THUMB else LONG_TEXT)}
        if not self.dataset.metadata.shape[1]:
            return {}
        cells = list(self.dataset.metadata.iloc[row].items())[: CELLS_SHOWN.get(size, CELLS_SHOWN[FULL])]
        return {"table": [[str(name), as_text(value)] for name, value in cells]}

    def _own(self, row: int, size: int) -> Content:
        assert self.render is not None  # the kind "own" implies a render function
        return rendered(self.render, self.dataset, row, thumb=size == THUMB)

    def _keep(self, key: tuple[int, int], item: Item) -> None:
        self._kept[key] = item
        self._bytes += _weight(item)
        while self._bytes > KEPT_BYTES and len(self._kept) > 1:
            self._bytes -= _weight(self._kept.popitem(last=False)[1])


def enlarged(data: bytes | Path, large: LargePicture | None = None) -> tuple[bytes, PictureAnswer]:
    """An image's bytes, re-encoded in its original resolution, and their description as in `Media.original`; of a
    `large` one that was decoded, smaller."""
    opened = open_image(data) if large is None else large
    frames = getattr(opened, "n_frames", 1)
    notes = [f"first of {frames} frames"] if frames > 1 else []
    is_deep = opened.deep if isinstance(opened, LargePicture) else deep(opened)
    notes += ["grey values spread from the lowest to the highest"] if is_deep else []
    was_jpeg = opened.format == "JPEG"
    picture = opened.within(ORIGINAL_PIXELS) if isinstance(opened, LargePicture) else as_shown(opened)
    size = picture.size if large is None else (large.width, large.height)
    if size[0] * size[1] > ORIGINAL_PIXELS:
        share = (ORIGINAL_PIXELS / (size[0] * size[1])) ** 0.5
        picture.thumbnail([max(1, int(side * share)) for side in size])
        notes.append(f"scaled down to {picture.width:,} x {picture.height:,}")
    pixels = picture.width * picture.height
    lossy = picture.mode in ("L", "RGB") and (was_jpeg or pixels > LOSSLESS_PIXELS)
    facts: PictureAnswer = {
        "mime": f"image/{'jpeg' if lossy else 'png'}",
        "width": picture.width,
        "height": picture.height,
        "original": list(size),
        "note": "; ".join(notes),
        "alpha": picture.mode == "RGBA",
    }
    return encode(picture, lossy=lossy), facts


def _weight(item: Item) -> int:
    table = sum(len(name) + len(value) for name, value in item.get("table", ()))
    texts = (item.get("src"), item.get("text"), item.get("html"), item.get("url"), item.get("error"))
    return sum(len(one or "") for one in texts) + table + 100
