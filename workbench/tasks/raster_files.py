"""Rasters of class indices in files: indexed PNG, .npy and GeoTIFF.

Sizes are read and checked before pixels are decoded. Arrays in .npy files, and in TIFF files that are not compressed,
are mapped into memory, so that a large raster is read in bands.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from workbench.foundation.errors import InputError, MissingEvidence, shortened
from workbench.tasks.run_lengths import MOST_PIXELS

INDEXED_MODES = ("P", "L", "1", "I", "I;16", "I;16L", "I;16B")
"""Modes of pictures whose pixel values are class indices."""

COLOURS = "Save class indices: a PNG with a palette (mode P) or of grey values (mode L)."


def open_raster(path: str | Path, row: int | None = None, field: str = "labels") -> np.ndarray:
    """Return the pixel values of a file, (height, width), of any integer dtype; read-only where they are mapped.

    Parameters
    ----------
    path : .png, .npy, .tif or .tiff. row, field : the example, and what it is read for, for messages.

    Raises
    ------
    InputError : another suffix; a file that is missing, truncated or not of its format; colours instead of class
        indices; another number of axes; more than `MOST_PIXELS` pixels. MissingEvidence : tifffile is not installed.
    """
    path = Path(path)
    return raster_in(path.name, path, row, field)


def raster_in(name: str, source: Path | io.BytesIO, row: int | None = None, field: str = "labels") -> np.ndarray:
    """Return the pixel values of a file, as `open_raster`, whose `name` determines the format."""
    read = RASTER_READERS.get(Path(name).suffix.lower())
    if read is None:
        known = ", ".join(RASTER_READERS)
        raise InputError.at(field, f"names the file {shortened(name)}", f"Read are {known}.", row=row)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pictures with many pixels, which are counted here
            values = read(source)
    except (InputError, MissingEvidence):
        raise
    except Exception as error:  # readers raise many types for damaged files
        found = f"names the file {shortened(name)}, which cannot be read ({type(error).__name__}: {error})"
        raise InputError.at(field, found, "Is it complete, and of the format of its suffix?", row=row) from error
    if isinstance(values, str):
        raise InputError.at(field, f"names the file {shortened(name)}, which {values}", COLOURS, row=row)
    return values


def picture_values(picture: Any) -> np.ndarray | str:
    """Return the class indices (height, width) of a PIL image, or what is wrong with it, in words."""
    if picture.mode not in INDEXED_MODES:
        return f"has the mode {picture.mode}, so its pixels are colours"
    if picture.width * picture.height > MOST_PIXELS:
        return f"claims {picture.width:,} x {picture.height:,} pixels, more than {MOST_PIXELS:,}"
    picture.load()
    return np.asarray(picture)


def _png(path: Path | io.BytesIO) -> np.ndarray | str:
    from PIL import Image

    with Image.open(path, formats=["PNG"]) as picture:
        return picture_values(picture)


def _npy(path: Path | io.BytesIO) -> np.ndarray | str:
    return _checked(np.load(path, mmap_mode="r" if isinstance(path, Path) else None, allow_pickle=False))


def _tiff(path: Path | io.BytesIO) -> np.ndarray | str:
    try:
        import tifffile
    except ImportError as error:
        raise MissingEvidence("TIFF files need tifffile: pip install label-workbench[vision].") from error
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        shape = page.shape if len(page.shape) == 2 else tuple(size for size in page.shape if size != 1)
        if len(shape) != 2:
            return f"has the shape {page.shape}"
        if shape[0] * shape[1] > MOST_PIXELS:
            return f"claims {shape[0]:,} x {shape[1]:,} pixels, more than {MOST_PIXELS:,}"
        if not page.is_memmappable or not isinstance(path, Path):
            return _checked(page.asarray().reshape(shape))
    return _checked(tifffile.memmap(path, page=0, mode="r").reshape(shape))


def _checked(values: np.ndarray) -> np.ndarray | str:
    if values.ndim != 2:
        return f"has the shape {values.shape}"
    if values.size > MOST_PIXELS:
        return f"has {values.size:,} pixels, more than {MOST_PIXELS:,}"
    return values


RASTER_READERS: dict[str, Callable[[Path | io.BytesIO], np.ndarray | str]] = {
    ".png": _png,
    ".npy": _npy,
    ".tif": _tiff,
    ".tiff": _tiff,
}
"""Functions that read a file, by suffix."""
