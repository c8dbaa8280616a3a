"""Pictures of up to 400 million pixels, shown in tiles: a pyramid of halved pictures in a temporary file.

A TIFF is decoded block by block if tifffile is installed and decodes its compression. Other pictures are decoded once
as a whole by Pillow, which takes up to 4 bytes a pixel for this time. The pyramid is mapped into memory from a file of
4/3 bytes a pixel and channel, which is gone when the process ends.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from workbench.data.media import LARGE_PIXELS, TURNED, deep, encode, open_header
from workbench.foundation.errors import InputError

SMALLEST_SIDE = 256
"""Longest side of the last picture of a pyramid at least, in pixels."""

STRIP_ROWS = 512
"""Rows that are decoded, converted and halved at once."""

READ_BYTES = 1 << 23
"""Bytes of a TIFF that are read at once."""

SPARE_SPACE = 1.1

Band = tuple[int, int, np.ndarray]
"""Top, left, and pixels (h, w) or (h, w, c)."""


class LargePicture:
    """A picture as tiles and in smaller sizes, upright, in mode L, RGB or RGBA.

    Parameters
    ----------
    source : the bytes of an image, or its file.

    Raises
    ------
    InputError : it is not an image of a known format, has more than `LARGE_PIXELS`, or the folder of temporary files
        has no room for it.
    """

    def __init__(self, source: bytes | Path) -> None:
        with open_header(source) as picture:
            if picture.width * picture.height > LARGE_PIXELS:
                found = f"claims {picture.width:,} x {picture.height:,} pixels"
                raise InputError.at("image", found, f"At most {LARGE_PIXELS:,} are shown: cut it into parts.")
            self.format, self.deep = picture.format, deep(picture)
            self._turned = Orientation(picture)
            try:
                self._levels = _pyramid(source, picture)
            except InputError:
                raise
            except Exception as error:  # decoders raise many types for damaged files
                found = f"cannot be decoded ({type(error).__name__}: {error})"
                raise InputError.at("image", found, "Is it a complete image?") from error
        self.width, self.height = self._turned.size(self._levels[0])

    def crop(self, level: int, box: tuple[int, int, int, int]) -> Any:
        """Return a PIL image of a part, x0, y0, x1, y1 in pixels of the picture, shrunk by 2**level."""
        from PIL import Image

        step = min(level, len(self._levels) - 1)
        x0, y0, x1, y1 = (value >> step for value in (*box[:2], *(value + (1 << step) - 1 for value in box[2:])))
        part = Image.fromarray(np.ascontiguousarray(self._turned.upright(self._levels[step])[y0:y1, x0:x1]))
        return part.reduce(1 << (level - step)) if level > step else part

    def thumbnail(self, size: int) -> tuple[bytes, int, int]:
        """Return a PNG (JPEG without transparency) with sides of at most `size` pixels, its width and its height."""
        picture = self.within(max(4 * size * size, 1))
        picture.thumbnail((size, size))
        return encode(picture, lossy=picture.mode != "RGBA", quality=85), picture.width, picture.height

    def within(self, most: int) -> Any:
        """Return a PIL image of the whole picture, shrunk to about `most` pixels at most."""
        level = 0
        share = (most / (self.width * self.height)) ** 0.5
        while level + 1 < len(self._levels) and share <= 0.5 ** (level + 1):
            level += 1
        found = self.crop(level, (0, 0, self.width, self.height))
        if found.width * found.height > most:
            found.thumbnail((max(1, int(self.width * share)), max(1, int(self.height * share))))
        return found


def decodes_small(source: bytes | Path) -> bool:
    """Whether an image is a JPEG, which is decoded at a reduced size without the others of its pixels."""
    with open_header(source) as picture:
        return picture.format == "JPEG"


class Orientation:
    """How a picture is turned and mirrored to be upright, by its EXIF tag."""

    def __init__(self, picture: Any) -> None:
        from PIL import Image

        try:
            number = Image.Image.getexif(picture).get(0x0112, 1)
        except Exception:  # invalid EXIF data: the picture itself is intact
            number = 1
        self.number = number if number in range(1, 9) else 1

    def upright(self, pixels: np.ndarray) -> np.ndarray:
        """Return a view of pixels (h, w, ...) that is upright."""
        if self.number >= TURNED:
            pixels = pixels.swapaxes(0, 1)
        across = self.number in (2, 3, 6, 7)
        down = self.number in (3, 4, 7, 8)
        return pixels[:: -1 if down else 1, :: -1 if across else 1]

    def size(self, pixels: np.ndarray) -> tuple[int, int]:
        """Return width and height of upright pixels (h, w, ...)."""
        height, width = self.upright(pixels).shape[:2]
        return width, height


def _pyramid(source: bytes | Path, picture: Any) -> list[np.ndarray]:
    """Return pixels (h, w) or (h, w, c) uint8, and the same halved until the longest side is small, in a file."""
    bands, channels = _bands_of(source, picture)
    shape = (picture.height, picture.width, *([channels] if channels > 1 else []))
    sizes = [shape]
    while max(sizes[-1][:2]) > 2 * SMALLEST_SIDE:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2), *shape[2:]))
    total = sum(int(np.prod(one)) for one in sizes)
    folder = tempfile.gettempdir()
    if shutil.disk_usage(folder).free < SPARE_SPACE * total:
        todo = f"Tiles of it need {total / 1e9:.1f} GB in {folder}. Make room, or set TMPDIR to another folder."
        raise InputError.at("image", f"has {picture.width:,} x {picture.height:,} pixels", todo)
    starts = np.cumsum([0, *(int(np.prod(one)) for one in sizes)]).tolist()
    with tempfile.TemporaryFile() as file:  # mapped arrays keep it
        file.truncate(total)
        levels = [np.memmap(file, np.uint8, "r+", start, size) for start, size in zip(starts, sizes)]
    for top, left, pixels in bands:
        levels[0][top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    for finer, coarser in pairwise(levels):
        for top in range(0, finer.shape[0], STRIP_ROWS):
            half = _halved(finer[top : top + STRIP_ROWS])
            coarser[top // 2 : top // 2 + len(half)] = half
    return list(levels)


def _halved(pixels: np.ndarray) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).reduce(2))


def _bands_of(source: bytes | Path, picture: Any) -> tuple[Iterator[Band], int]:
    """Return the parts of a picture as uint8, and the number of their channels."""
    blocks = _tiff_blocks(source) if picture.format == "TIFF" else None
    if blocks is not None:
        read, channels, dtype = blocks
        return _scaled(read, dtype), channels
    _load(picture)
    if deep(picture):
        return _scaled(lambda: _strips(picture, picture.mode), np.asarray(picture.crop((0, 0, 1, 1))).dtype), 1
    alpha = "A" in picture.getbands() or "a" in picture.getbands() or "transparency" in picture.info
    mode = "RGBA" if alpha else "L" if picture.mode in ("1", "L") else "RGB"
    return _strips(picture, mode), len(mode)


def _load(picture: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture.load()


def _strips(picture: Any, mode: str) -> Iterator[Band]:
    for top in range(0, picture.height, STRIP_ROWS):
        part = picture.crop((0, top, picture.width, min(top + STRIP_ROWS, picture.height)))
        yield top, 0, np.asarray(part if part.mode == mode else part.convert(mode))


def _scaled(read: Callable[[], Iterator[Band]], dtype: Any) -> Iterator[Band]:
    """Yield parts as uint8; other values are scaled from the lowest to the highest of all, as in `as_shown`."""
    if dtype == np.uint8:
        yield from read()
        return
    low, high = np.inf, -np.inf
    for _, _, pixels in read():
        known = pixels[np.isfinite(pixels)]
        if known.size:
            low, high = min(low, float(known.min())), max(high, float(known.max()))
    if np.dtype(dtype).kind in "iu" and low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    low, high = (low, high) if low <= high else (0.0, 0.0)
    for top, left, pixels in read():
        values = np.nan_to_num(pixels.astype(np.float32), nan=low, posinf=high, neginf=low) - low
        yield top, left, (values * (255 / max(high - low, 1e-12))).clip(0, 255).round().astype(np.uint8)


def _tiff_blocks(source: bytes | Path) -> tuple[Callable[[], Iterator[Band]], int, np.dtype[Any]] | None:
    """Return a function that yields the blocks of a TIFF, the number of channels and the dtype; None if it is to be
    decoded by Pillow: without tifffile, or with colours or a compression that differ."""
    try:
        import tifffile
    except ImportError:
        return None

    def opened() -> Any:
        return tifffile.TiffFile(io.BytesIO(source) if isinstance(source, bytes) else source)

    with opened() as file:
        page = file.pages[0]
        channels, kind = page.samplesperpixel, page.photometric
        known = (kind == tifffile.PHOTOMETRIC.RGB and channels in (3, 4)) or (
            kind == tifffile.PHOTOMETRIC.MINISBLACK and channels == 1
        )
        together = channels == 1 or page.planarconfig == tifffile.PLANARCONFIG.CONTIG
        plain = known and together and page.imagedepth == 1 and page.bitspersample >= 8
        dtype = page.dtype
        if not plain or dtype is None or dtype.kind not in "uif" or (channels > 1 and dtype != np.uint8):
            return None
        try:
            next(page.segments(maxworkers=1, buffersize=READ_BYTES), None)
        except Exception:  # a compression that needs another library
            return None

    def read() -> Iterator[Band]:
        with opened() as file:
            page = file.pages[0]
            for pixels, place, shape in page.segments(maxworkers=1, buffersize=READ_BYTES):
                if pixels is None:  # a block that is not stored
                    continue
                height, width = min(shape[1], page.imagelength - place[2]), min(shape[2], page.imagewidth - place[3])
                block = pixels[0, :height, :width]
                yield place[2], place[3], block[..., 0] if channels == 1 else block

    return read, int(channels), np.dtype(dtype)
