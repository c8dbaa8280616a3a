"""Instances as an archive of two PNGs for each image: ids of the instances, and classes of the pixels."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.review.box_files import Losses, labelled_images, size_of
from workbench.review.label_folders import with_pictures
from workbench.review.mask_files import listed_contents, opened_archive, palette, png_bytes
from workbench.review.outlines import SEGMENTATION
from workbench.runs.run import Run
from workbench.storage.layout import atomic
from workbench.storage.tables import check_target
from workbench.tasks.box_table import box_table_of
from workbench.tasks.mask_reading import IGNORED_VALUE
from workbench.tasks.mask_table import IGNORE
from workbench.tasks.protocol import Format
from workbench.tasks.raster_files import raster_in
from workbench.tasks.run_lengths import decode_runs

INSTANCE_CONTENTS = "instances.json"
"""File that lists the classes in their order, the ids in theirs, and the ids without a label."""

ID_FOLDER, CLASS_FOLDER = "instances", "classes"
"""Folders: ids of the instances, 16 bits, 0 = none; class indices with a palette, 255 = none."""

MOST_PNG_IDS = 2**16 - 1


def write_instance_pngs(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write a .zip with two PNGs for each labelled image: instances/ID.png holds the ids of the instances, 1, 2, ... in
    their order and 0 elsewhere, in 16 bits; classes/ID.png the index of the class of each pixel with a palette, 255
    elsewhere. instances.json lists the classes and the ids of the images. File names are ids, quoted as in URLs.

    Raises
    ------
    InputError : more than 255 classes, more than 65,535 instances in an image, or an image of unknown size.
    """
    target, losses = check_target(path, force, INSTANCE_PNG.suffixes), Losses("PNG")
    dataset = run.extended()
    classes = dataset.classes
    if len(classes) > IGNORED_VALUE:
        raise InputError.at("classes", f"has {len(classes)} names, and a PNG has {IGNORED_VALUE}", 'Use format="coco".')
    colours = palette(len(classes))
    table = box_table_of(run.labels())
    unlabelled = [dataset.ids.tolist()[row] for row in np.flatnonzero(table.missing).tolist()]
    contents = {"classes": list(classes), "ids": dataset.ids.tolist(), "unlabelled": unlabelled}
    with atomic(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(INSTANCE_CONTENTS, json.dumps(contents, ensure_ascii=False, indent=1))
        for one in labelled_images(run, losses):
            if not one.labelled:
                continue
            if len(one.codes) > MOST_PNG_IDS:
                found = f"has {len(one.codes):,} instances, and a PNG has {MOST_PNG_IDS:,}"
                raise InputError.at("labels", found, 'Use format="coco".', row=one.row)
            width, height = (int(side) for side in size_of(dataset, one, "PNG"))
            ids, codes = np.zeros((height, width), np.uint16), np.full((height, width), IGNORE, np.int16)
            for number, (code, more) in enumerate(zip(one.codes, one.more), 1):
                mask = _mask(table, one.row, number - 1, height, width)
                losses.add("pixels in two instances", int((ids[mask] > 0).sum()))
                ids[mask], codes[mask] = number, code
                losses.add_fields(more, (SEGMENTATION,))
            stem = quote(str(one.id), safe="")
            packed.writestr(f"{ID_FOLDER}/{stem}.png", _id_png(ids))
            packed.writestr(f"{CLASS_FOLDER}/{stem}.png", png_bytes(codes, colours))
    losses.tell(target)
    return target


def _mask(table: Any, row: int, number: int, height: int, width: int) -> np.ndarray:
    """Return the mask of an instance of an image, (height, width) bool."""
    at = int(table.starts[row]) + number
    x0, y0, x1, y1 = table.places[at].astype(int).tolist()
    if x1 > width or y1 > height:
        found = f"instance {number} reaches to ({x1}, {y1}) in an image of {width} x {height}"
        raise InputError.at("labels", found, "Masks lie inside their images.", row=row)
    mask = np.zeros((height, width), bool)
    mask[y0:y1, x0:x1] = decode_runs(table.masks[at], y1 - y0, x1 - x0)
    return mask


def _id_png(ids: np.ndarray) -> bytes:
    from PIL import Image

    found = io.BytesIO()
    Image.fromarray(ids).save(found, "PNG")
    return found.getvalue()


def read_instance_pngs(
    path: str | Path, *, task: str = "instances", classes: Sequence[object] | None = None, id: str | None = None,
    label: str | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read a folder or a .zip with instances/NAME.png, ids of the instances and 0 elsewhere, and classes/NAME.png, the
    class index of each pixel.

    Parameters
    ----------
    classes : by default those of instances.json, if it is there. id, label : ignored, since the format has no names.
    options : as in `Dataset.from_arrays`; `images` may be a folder of pictures named like the PNGs.

    Raises
    ------
    InputError : an image has no classes, the two PNGs differ in size, or the pixels of an instance have several
        classes; the message names the row.
    """
    with opened_archive(Path(path)) as (names, content, source):
        by_folder: dict[str, dict[str, str]] = {ID_FOLDER: {}, CLASS_FOLDER: {}}
        for name in names:
            if Path(name).suffix == ".png" and Path(name).parent.name in by_folder:
                by_folder[Path(name).parent.name][unquote(Path(name).stem)] = name
        ids: list[Any] = list(by_folder[ID_FOLDER])
        listed = next((one for one in names if Path(one).name == INSTANCE_CONTENTS), None)
        if listed is not None:
            contents = listed_contents(listed, content(listed))
            ids, classes = contents["ids"], contents["classes"] if classes is None else classes
        if not ids:
            raise InputError(f"{path} has no {ID_FOLDER}/NAME.png.")
        if classes is None:
            raise InputError.at("classes", f"is missing: {path} has no {INSTANCE_CONTENTS}", "Pass the class names.")
        labels = []
        for row, one in enumerate(ids):
            files = [by_folder[folder].get(str(one)) for folder in (ID_FOLDER, CLASS_FOLDER)]
            if files[0] is None:
                labels.append(None)
                continue
            if files[1] is None:
                raise InputError.at(CLASS_FOLDER, f"lacks {one}.png", "Each image has two PNGs.", row=row)
            rasters = [raster_in(Path(file).name, source(file), row) for file in files if file]
            labels.append(_instances(rasters[0], rasters[1], list(classes), row))
    return Dataset.from_arrays(labels, task=task, ids=ids, classes=classes, **with_pictures(options, ids))


def _instances(ids: np.ndarray, codes: np.ndarray, classes: list[object], row: int) -> dict[str, Any]:
    """Return the ids of an image with their classes."""
    if ids.shape != codes.shape:
        found = f"has ids of {ids.shape[0]} x {ids.shape[1]} and classes of {codes.shape[0]} x {codes.shape[1]} pixels"
        raise InputError.at("labels", found, "The two PNGs of an image have one size.", row=row)
    known, first = np.unique(ids, return_index=True)
    code_of = codes.ravel()[first]
    if (code_of[np.searchsorted(known, ids)] != codes)[ids > 0].any():
        raise InputError.at("labels", "has an instance whose pixels have several classes", "Correct the PNGs.", row=row)
    there = {int(one): int(code) for one, code in zip(known, code_of) if one > 0}
    wrong = next((code for code in there.values() if not 0 <= code < len(classes)), None)
    if wrong is not None:
        raise InputError.at("labels", f"has the class index {wrong} of {len(classes)} classes", "Name them.", row=row)
    return {"instances": ids.astype(np.int64), "labels": {one: classes[code] for one, code in there.items()}}


INSTANCE_PNG = Format(
    (".zip",),
    read_instance_pngs,
    write_instance_pngs,
    ("pixels of an instance below another one", "further fields", "columns other than the id"),
)
