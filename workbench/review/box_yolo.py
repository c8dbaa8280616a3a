"""Boxes in the format of YOLO: one text file per image, and data.yaml with the order of the classes."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, shortened
from workbench.review.box_files import (
    FILE_NAME,
    ImageLabels,
    Labelled,
    Losses,
    box_around,
    dataset_of_images,
    file_fields_of,
    finite_number,
    labelled_images,
    size_of,
)
from workbench.review.instance_outlines import one_polygon
from workbench.review.label_folders import (
    files_within,
    picture_size,
    pictures_within,
    stems_of,
    text_within,
    without,
)
from workbench.review.outlines import SEGMENTATION
from workbench.runs.run import Run
from workbench.storage.layout import atomic
from workbench.storage.limits import MOST_JSON
from workbench.storage.tables import check_target
from workbench.tasks.box_table import box_table_of
from workbench.tasks.protocol import Format

DATA, CLASSES, SIZES_FILE = "data.yaml", "classes.txt", "sizes.csv"
"""Files beside the labels: settings with the names of the classes, names of classes only, and (our own) sizes of
images."""

NOT_LABELS = (CLASSES, "train.txt", "val.txt", "test.txt", "readme.txt", "readme.roboflow.txt", "readme.dataset.txt")
SPLITS = {"train": "train", "val": "val", "valid": "val", "test": "test"}
"""Keys of data.yaml for folders of splits."""

MOST_SETTINGS = 200_000
"""Largest number of values in data.yaml."""

SHARE_DECIMALS = 12
"""Decimals of the shares of an image that are written: far below a pixel."""


def read_yolo(
    path: str | Path, *, task: str = "boxes", classes: Sequence[object] | None = None, id: str | None = None,
    label: str | None = None, images: str | Path | None = None,
    size: tuple[float, float] | Mapping[str, tuple[float, float]] | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read a folder or a .zip of YOLO labels.

    Parameters
    ----------
    path : folder or .zip, with data.yaml (or classes.txt), labels/NAME.txt and images/NAME.jpg, in folders of splits or
        not; or the path of the data.yaml itself.
    classes : names in the order of their numbers; by default those of data.yaml or classes.txt, where alone the order
        is written.
    images : folder of the pictures; by default that with the labels, if each image has a picture in it.
    size : (width, height) in pixels of all images, or a dict by name; by default that of the pictures, or of sizes.csv,
        which `export` writes.
    id, label : ignored, since the format defines the names.

    Returns
    -------
    Dataset; ids are names of files without "labels" and suffix, such as "train/0001". A line with 5 numbers is a box
    (class, centre, width and height as shares of the image), one with 6 has a score as well, which becomes a field of
    the box, and one with 7 or more is a polygon, in which case the box is the one around it. An empty file means that
    nothing is there; a picture without a file has no label yet.

    Raises
    ------
    InputError : no names of classes, no size of an image, or a line that is not of this form; the message names it.
    """
    root = Path(path)
    root = root.parent if root.suffix.lower() in (".yaml", ".yml") else root
    files = files_within(root, (".txt", ".yaml", ".yml", ".csv"))
    settings, names = _settings(root, files, classes)
    pictures = {without(name, "images"): name for name in pictures_within(root)}
    texts = {without(name, "labels"): name for name in files if _is_label(name, files)}
    listed = _listed_sizes(root, files, size)
    find_size = _size_finder(root, pictures, listed, size)
    records = []
    for key in sorted({*pictures, *texts, *listed}):
        record = ImageLabels(key, labelled=key in texts, fields={FILE_NAME: pictures.get(key, f"{key}.jpg")})
        lines = text_within(root, texts[key], files[texts[key]]).splitlines() if key in texts else []
        wide = find_size(key, bool(lines))
        if wide is not None:
            record.fields |= {"width": int(wide[0]), "height": int(wide[1])}
        for number, line in enumerate(lines, 1):
            if line.strip() and wide is not None:
                _add_line(record, line, f"{root}: {texts[key]} line {number}", names, wide)
        records.append(record)
    folder = images
    if images is None and root.is_dir() and all(record.id in pictures for record in records):
        folder = root
    return dataset_of_images(
        root, records, task=task, classes=None, named=names, file_fields={"format": "yolo", **settings}, folder=folder,
        options=options,
    )  # fmt: skip


def _is_label(name: str, files: Mapping[str, bytes]) -> bool:
    """Whether a file has labels: below "labels" if there is such a folder, else any text but the known others."""
    pure = PurePosixPath(name)
    if pure.suffix.lower() != ".txt":
        return False
    folders = any("labels" in PurePosixPath(one).parts[:-1] for one in files)
    return "labels" in pure.parts[:-1] if folders else pure.name.lower() not in NOT_LABELS


def _settings(
    root: Path, files: Mapping[str, bytes], classes: Sequence[object] | None
) -> tuple[dict[str, Any], list[str]]:
    """Return the content of data.yaml without names, and the names of the classes by number."""
    settings: dict[str, Any] = {}
    names = None
    for name in sorted(files, key=lambda one: (PurePosixPath(one).name != DATA, one)):
        if names is None and PurePosixPath(name).suffix.lower() in (".yaml", ".yml"):
            settings = _yaml(root, name, files[name])
            names = settings.pop("names", None)
    plain = next((name for name in files if PurePosixPath(name).name == CLASSES), None)
    if names is None and plain is not None:
        names = [line.strip() for line in text_within(root, plain, files[plain]).splitlines() if line.strip()]
    if classes is not None:
        return settings, [str(one) for one in getattr(classes, "categories", classes)]
    if isinstance(names, dict) and all(type(key) is int and key >= 0 for key in names):
        top = max(names, default=-1)
        if top >= 100_000:
            raise InputError(f"{root}: {DATA} numbers a class {top:,}. Number classes from 0.")
        names = [names.get(number, f"class {number}") for number in range(top + 1)]
    if not isinstance(names, list) or not names:
        todo = f"Their order is in {DATA} (`names`) or {CLASSES}; or pass `classes`."
        raise InputError(f"{root} does not name the classes. {todo}")
    if not all(isinstance(name, (str, int, float)) for name in names):
        raise InputError(f"{root}: {DATA} names the classes {shortened(names)}. Names are text.")
    return settings, [str(name) for name in names]


def _yaml(root: Path, name: str, data: bytes) -> dict[str, Any]:
    if len(data) > MOST_JSON // 50:
        raise InputError(f"{root}: {name} has more than {MOST_JSON // 50:,} bytes.")
    try:
        found = yaml.safe_load(text_within(root, name, data))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{root}: {name} is not YAML ({shortened(str(error))}).") from error
    left = [MOST_SETTINGS]
    plain = _plain_yaml(found, left)
    if left[0] < 0:
        raise InputError(f"{root}: {name} holds more than {MOST_SETTINGS:,} values.")
    return plain if isinstance(plain, dict) else {}


def _plain_yaml(value: Any, left: list[int]) -> Any:
    """Return a copy that JSON can hold, of at most `left` values: a value that is named many times is copied each
    time."""
    left[0] -= 1
    if left[0] < 0:
        return None
    if isinstance(value, dict):
        return {key if type(key) is int else str(key): _plain_yaml(one, left) for key, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain_yaml(one, left) for one in value]
    return value if isinstance(value, (str, int, float)) or value is None else str(value)


def _listed_sizes(root: Path, files: Mapping[str, bytes], size: Any) -> dict[str, tuple[float, float]]:
    """Return (width, height) by name from sizes.csv and from the user."""
    listed: dict[str, tuple[float, float]] = {}
    for name in files:
        if PurePosixPath(name).name == SIZES_FILE:
            for line in csv.reader(io.StringIO(text_within(root, name, files[name]))):
                if len(line) == 3 and line[0] != "name":
                    listed[line[0]] = _size(line[1:], f"{root}: {name}")
    if isinstance(size, Mapping):
        listed |= {str(key): _size(value, f"`size` of {key}") for key, value in size.items()}
    return listed


def _size_finder(
    root: Path, pictures: Mapping[str, str], listed: Mapping[str, tuple[float, float]], size: Any
) -> Callable[[str, bool], tuple[float, float] | None]:
    """Return a function of an image's name, and of whether its size is needed, that returns (width, height)."""
    whole = None if size is None or isinstance(size, Mapping) else _size(size, "`size`")

    def find(key: str, needed: bool) -> tuple[float, float] | None:
        if whole is not None or key in listed:
            return whole or listed[key]
        if key in pictures and root.is_dir():
            return picture_size(root / pictures[key])
        if needed:
            todo = "YOLO's numbers are shares of it: add the pictures (unpacked), or pass `size=(width, height)`."
            raise InputError(f"{root}: the size of the image {key!r} is not known. {todo}")
        return None

    return find


def _size(value: Any, where: str) -> tuple[float, float]:
    try:
        width, height = (finite_number(side, where, "size of an image") for side in value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where} is {shortened(value)}. Pass (width, height) in pixels.") from error
    if min(width, height) <= 0:
        raise InputError(f"{where} is {shortened(value)}. Width and height are above 0.")
    return width, height


def _add_line(record: ImageLabels, line: str, where: str, names: Sequence[str], size: tuple[float, float]) -> None:
    """Add the object of a line."""
    values = [finite_number(part, where, "number") for part in line.split()]
    code = values[0]
    if not code.is_integer() or not 0 <= code < len(names):
        raise InputError(f"{where} has the class {line.split()[0]!r} of {len(names)} (0 to {len(names) - 1}).")
    if len(values) in (5, 6):
        x, y, width, height = np.asarray(values[1:5]) * (*size, *size)
        if width < 0 or height < 0:
            raise InputError(f"{where} has a box of negative size: {shortened(line)}.")
        more = {"score": values[5]} if len(values) == 6 else {}
        record.add([x - width / 2, y - height / 2, x + width / 2, y + height / 2], names[int(code)], more)
    elif len(values) >= 7 and len(values) % 2:
        points = np.asarray(values[1:]).reshape(-1, 2) * size
        record.add(box_around(points), names[int(code)], {SEGMENTATION: [points.ravel().tolist()]})
    else:
        todo = "A line is a class with 4 numbers of a box, or with x and y of at least three points."
        raise InputError(f"{where} has {len(values)} numbers. {todo}")


def write_yolo(run: Run, path: str | Path, *, force: bool = False, polygons: bool = False) -> Path:
    """Write a .zip with data.yaml, labels/NAME.txt for each image that has a label, and sizes.csv.

    Unpack it beside the pictures, which belong to images/NAME. Names are those of the files of the pictures, or ids.
    Keys of a data.yaml that was read are kept; without one, "train" and "val" are the folder "images".

    Parameters
    ----------
    polygons : whether to write outlines, as is always done with instances. All objects are then polygons, those without
        one as the corners of their box, since readers mistake a box among polygons for one.

    Notes
    -----
    A polygon in YOLO has one part and no holes. Other outlines of boxes are written as boxes. The parts and holes of an
    instance become one polygon, with lines that lead from one to the next and back: by the even-odd rule it has the
    same pixels, but where outlines are drawn, the lines are a pixel wide.
    """
    target, losses = check_target(path, force, YOLO.suffixes), Losses("YOLO")
    dataset = run.extended()
    images = list(labelled_images(run, losses))
    if run.task == "instances":
        polygons, images = True, _with_polygons(run, images, losses)
    kept = file_fields_of(dataset)
    settings = {key: one for key, one in kept.items() if key != "format"} if kept.get("format") == "yolo" else {}
    yolo_ids = kept.get("format") == "yolo"
    stems = [str(one.id) for one in images] if yolo_ids else stems_of(dataset, images)
    splits = {stem.split("/")[0] for stem in stems if "/" in stem}
    settings = {"path": ".", "train": "images", "val": "images"} | settings
    settings |= {SPLITS[split]: f"images/{split}" for split in splits if split in SPLITS}
    settings |= {"nc": len(dataset.classes), "names": dict(enumerate(dataset.classes))}
    sizes = io.StringIO()
    table = csv.writer(sizes, lineterminator="\n")
    table.writerow(["name", "width", "height"])
    with atomic(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(DATA, _yaml_text(settings))
        for one, stem in zip(images, stems):
            size = size_of(dataset, one, "YOLO") if one.labelled or one.size is not None else None
            if size is not None:
                table.writerow([stem, *(f"{side:g}" for side in size)])
            if one.labelled and size is not None:
                lines = [_line(code, place, more, size, polygons) for place, code, more in
                         zip(one.places.tolist(), one.codes, one.more)]  # fmt: skip
                packed.writestr(_label_name(stem), "".join(lines))
                _count_lost(one, losses, polygons)
        packed.writestr(SIZES_FILE, sizes.getvalue())
    losses.tell(target)
    return target


def _with_polygons(run: Run, images: Sequence[Labelled], losses: Losses) -> list[Labelled]:
    """Return images whose objects have a polygon each: that of their file, or one around their mask."""
    table = box_table_of(run.labels())
    assert table.masks is not None
    found = []
    for one in images:
        more = []
        masks = table.masks[table.starts[one.row] : table.starts[one.row + 1]]
        for fields, place, mask in zip(one.more, one.places, masks):
            if _only_part(fields) is None:
                polygon, outlines = one_polygon(place, mask)
                losses.add("parts and holes of masks, which lines join to one polygon", outlines * (outlines > 1))
                fields = {**fields, SEGMENTATION: [polygon]}
            more.append(fields)
        found.append(one._replace(more=more))
    return found


def _label_name(stem: str) -> str:
    return f"labels/{stem}.txt"


def _yaml_text(settings: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True)


def _line(code: int, place: Sequence[float], more: Mapping[str, Any], size: tuple[float, float], polygons: bool) -> str:
    x0, y0, x1, y1 = place
    if polygons:
        outline = _only_part(more) or [x0, y0, x1, y0, x1, y1, x0, y1]
        shares = np.asarray(outline, float).reshape(-1, 2) / size
    else:
        shares = np.array([[(x0 + x1) / 2, (y0 + y1) / 2], [x1 - x0, y1 - y0]]) / size
    return " ".join([str(code), *(repr(round(one, SHARE_DECIMALS)) for one in shares.ravel().tolist())]) + "\n"


def _only_part(more: Mapping[str, Any]) -> list[float] | None:
    """Return the polygon of an object that has exactly one, of at least three points."""
    outline = more.get(SEGMENTATION)
    return outline[0] if isinstance(outline, list) and len(outline) == 1 and len(outline[0]) >= 6 else None


def _count_lost(one: Labelled, losses: Losses, polygons: bool) -> None:
    for more in one.more:
        held = [SEGMENTATION] if polygons and _only_part(more) else []
        losses.add_fields(more, held)


YOLO = Format(
    (".zip",),
    read_yolo,
    write_yolo,
    (
        "fields of boxes (scores, crowds, ...)",
        "outlines, unless `polygons=True`; then their holes and further parts",
        "columns other than the name and the size of an image",
    ),
)

YOLO_POLYGONS = Format(
    (".zip",),
    read_yolo,
    write_yolo,
    (
        "fields of instances (scores, crowds, ...)",
        "parts and holes of a mask as such: lines join them to one polygon",
        "columns other than the name and the size of an image",
    ),
)
"""The same for instances."""
