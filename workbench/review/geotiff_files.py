"""Masks as GeoTIFF: the tags that place a raster on the ground are kept, and pixels without a label are its nodata."""

from __future__ import annotations

import json
import math
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.review.box_files import tell_reading
from workbench.review.label_folders import with_pictures
from workbench.review.mask_files import (
    CHANGE_MASKS,
    MASK_FOLDER,
    CorrectedMask,
    MaskFile,
    corrected_masks,
    opened_masks,
    palette,
)
from workbench.runs.run import Run
from workbench.storage.layout import atomic
from workbench.storage.limits import parse_json
from workbench.storage.tables import check_target
from workbench.tasks.mask_reading import IGNORED_VALUE
from workbench.tasks.mask_table import IGNORE
from workbench.tasks.protocol import Format
from workbench.tasks.raster_files import raster_in

TIFF_SUFFIXES = (".tif", ".tiff")

GEO_TAGS = (33550, 33922, 34264, 34735, 34736, 34737, 42112)
"""Tags of TIFF that are kept: pixel scale, tie points, transformation, geographic keys with their numbers and text, and
GDAL's metadata."""

NODATA = 42113
"""GDAL's tag of the value of pixels without data."""

GEO_COLUMN = "geo_tags"
"""Column of the metadata with the tags of an example's file, as JSON: {code: [type, count, value]}."""

TIFF_TILE = 256
ASCII = 2


def geo_tags(source: Any) -> dict[int, list[Any]]:
    """Return the tags `GEO_TAGS` and `NODATA` of the first picture of a TIFF file.

    Parameters
    ----------
    source : path or open file.

    Returns
    -------
    dict of code to [type in TIFF, count, value]; a value is a number, text, or a list of numbers.
    """
    tifffile = _tifffile()
    found = {}
    with tifffile.TiffFile(source) as file:
        for tag in file.pages[0].tags.values():
            if tag.code in (*GEO_TAGS, NODATA):
                value = tag.value.decode("latin-1") if isinstance(tag.value, bytes) else tag.value
                found[tag.code] = [int(tag.dtype), tag.count, list(value) if isinstance(value, tuple) else value]
    return found


def _tifffile() -> Any:
    try:
        import tifffile
    except ImportError as error:
        raise MissingEvidence("TIFF files need tifffile: pip install label-workbench[vision].") from error
    return tifffile


def _nodata_of(tags: dict[int, list[Any]]) -> int | None:
    """Return the value of pixels without data, None without a whole number."""
    try:
        value = float(tags[NODATA][2])
    except (KeyError, TypeError, ValueError):
        return None
    return int(value) if math.isfinite(value) and value.is_integer() else None


def read_geotiffs(
    path: str | Path, *, task: str = "masks", classes: Sequence[object] | None = None, id: str | None = None,
    label: str | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read a folder or a .zip of GeoTIFF files with one band, or one such file, as masks.

    Parameters
    ----------
    classes : by default those of masks.json, if it is there. id, label : ignored, since the format has no names.
    options : as in `Dataset.from_arrays`; `ignore` replaces the nodata values of the files, and `images` may be a
        folder of pictures named like the masks.

    Returns
    -------
    Dataset whose ids are the names of the files, with the column geo_tags. Pixels of a file's nodata value are ignored.

    Raises
    ------
    InputError : a file that is damaged, or has several bands; the message names the row.
    """
    place = Path(path)
    if place.suffix.lower() in TIFF_SUFFIXES and place.is_file():
        files, ids, listed = [MaskFile(place.name, lambda: place)], [place.stem], None
        masks, tags = _read(files)
    else:
        with opened_masks(place, TIFF_SUFFIXES) as found:
            ids, listed = found.ids, found.classes
            masks, tags = _read(found.files)
    if not masks:
        raise InputError(f"{path} holds no {' or '.join(TIFF_SUFFIXES)} files.")
    if options.get("ignore") is None:
        wanted = {_nodata_of(one) for mask, one in zip(masks, tags) if mask is not None}
        if len(wanted) == 1:
            options["ignore"] = wanted.pop()
        else:
            masks = [mask if mask is None else _marked(mask, _nodata_of(one)) for mask, one in zip(masks, tags)]
    frame = pd.DataFrame({GEO_COLUMN: [json.dumps(one) if one else None for one in tags]}, dtype=object)
    classes = listed if classes is None else classes
    options = with_pictures(options, ids)
    return Dataset.from_arrays(masks, task=task, ids=ids, classes=classes, metadata=frame, **options)


def _read(files: Sequence[MaskFile | None]) -> tuple[list[np.ndarray | None], list[dict[int, list[Any]]]]:
    masks: list[np.ndarray | None] = []
    tags: list[dict[int, list[Any]]] = []
    for row, one in enumerate(files):
        masks.append(None if one is None else raster_in(one.name, one.content(), row))
        tags.append({} if one is None else geo_tags(one.content()))
    return masks, tags


def _marked(mask: np.ndarray, nodata: int | None) -> np.ndarray:
    """Return a mask with -1 for its nodata value."""
    return mask if nodata is None else np.where(mask == nodata, IGNORE, mask.astype(np.int64))


# ---- writing -------------------------------------------------------------------------------------------------------


def write_geotiffs(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write a .zip of GeoTIFF files in tiles: masks/ID.tif, and changes/ID.tif, 255 where a pixel changed.

    masks.json and changes.csv are as in the format "png". Pixel values are those of the file that was read if the
    classes are whole numbers, else class indices. Ignored pixels have the nodata value of that file, or 255, or -1 with
    more than 255 classes. The tags that georeference a raster are those of the file that was read with this format, or
    of the picture of an example, if it is a TIFF file of the same size.

    Warns
    -----
    UserWarning : masks without georeferencing.
    """
    target = check_target(path, force, GEOTIFF.suffixes)
    dataset = run.extended()
    numbers = _pixel_values(dataset)
    every = palette(len(numbers))
    colours = {number: every[3 * code : 3 * code + 3] for code, number in enumerate(numbers)}
    without = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        atomic(target) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as packed,
    ):
        place = Path(folder) / "mask.tif"
        for one in corrected_masks(run, packed, numbers):
            tags = _kept_tags(dataset, one)
            without += not any(code in tags for code in GEO_TAGS[:4])
            nodata = _free_nodata(tags.pop(NODATA, None), numbers)
            _write_tiles(place, one.now, one, [*numbers, nodata], nodata, tags, colours)  # -1 is the last
            packed.write(place, f"{MASK_FOLDER}/{one.stem}.tif")
            if one.given is not None:
                _write_tiles(place, one.changed, one, [0, 255], None, tags, {})
                packed.write(place, f"{CHANGE_MASKS}/{one.stem}.tif")
    tell_reading(target, {'masks have no georeferencing; read them with format="geotiff" to keep it': without})
    return target


def _pixel_values(dataset: Dataset) -> list[int]:
    """Return the pixel value of each class."""
    names = list(dataset.classes)
    whole = dataset.label_type.kind == "int" and all(name.lstrip("-").isdecimal() for name in names)
    return [int(name) for name in names] if whole else list(range(len(names)))


def _kept_tags(dataset: Dataset, one: CorrectedMask) -> dict[int, list[Any]]:
    """Return the tags for the file of an example."""
    if GEO_COLUMN in dataset.metadata.columns:
        text = dataset.metadata[GEO_COLUMN].iat[one.row]
        return {} if is_missing(text) else {int(code): value for code, value in parse_json(str(text)).items()}
    picture = None if dataset.images is None else dataset.image(one.row)
    if not isinstance(picture, str) or Path(picture).suffix.lower() not in TIFF_SUFFIXES:
        return {}
    place = Path(dataset.media_root or ".") / picture
    with _tifffile().TiffFile(place) as file:
        if tuple(file.pages[0].shape[:2]) != (one.height, one.width):
            return {}
    return {code: value for code, value in geo_tags(place).items() if code in GEO_TAGS}


def _free_nodata(tag: list[Any] | None, numbers: Sequence[int]) -> int:
    """Return the value of ignored pixels: that of the file if no class has it, else 255 or -1."""
    known = None if tag is None else _nodata_of({NODATA: tag})
    choices = [*([] if known is None else [known]), *([IGNORED_VALUE] if max(numbers) < IGNORED_VALUE else []), IGNORE]
    return next((one for one in choices if one not in numbers), min(numbers) - 1)


def _write_tiles(
    place: Path, codes: Callable[[int, int], np.ndarray], one: CorrectedMask, values: Sequence[int],
    nodata: int | None, tags: Mapping[int, list[Any]], colours: Mapping[int, bytes],
) -> None:  # fmt: skip
    """Write the values of class indices (top, bottom) in tiles."""
    low, high = min(values), max(values)
    types = (np.uint8, np.int16, np.uint16, np.int32)
    dtype = next((one for one in types if np.iinfo(one).min <= low and high <= np.iinfo(one).max), np.int64)
    extra = [(code, kind, count, value, True) for code, (kind, count, value) in sorted(tags.items())]
    if nodata is not None:
        extra.append((NODATA, ASCII, 0, str(nodata), True))
    look: dict[str, Any] = {"photometric": "minisblack"}
    if colours and dtype is np.uint8:
        table = np.full((256, 3), 255, np.uint16)
        for number, colour in colours.items():
            table[number] = list(colour)
        look = {"photometric": "palette", "colormap": (table.T * 257).astype(np.uint16)}
    shape = (one.height, one.width)
    _tifffile().imwrite(
        place, _tiles(codes, shape, np.array(values, dtype)), shape=shape, dtype=dtype, tile=(TIFF_TILE, TIFF_TILE),
        compression="zlib", metadata=None, extratags=extra, **look,
    )  # fmt: skip


def _tiles(codes: Callable[[int, int], np.ndarray], shape: tuple[int, int], values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield tiles (TIFF_TILE, TIFF_TILE) from left to right and from top to bottom, with zeros beyond the edges."""
    height, width = shape
    for top in range(0, height, TIFF_TILE):
        band = values[codes(top, min(top + TIFF_TILE, height)).astype(np.int16)]
        band = np.pad(band, ((0, TIFF_TILE - len(band)), (0, -width % TIFF_TILE)))
        for left in range(0, width, TIFF_TILE):
            yield np.ascontiguousarray(band[:, left : left + TIFF_TILE])


GEOTIFF = Format(
    (".zip",), read_geotiffs, write_geotiffs, ("overviews, other bands, and tags without a place on the ground",)
)
