"""What all files of boxes and points share: data sets from records of images, corrected labels by image, safe reading,
and what a file does not hold."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.data.media import image_size, read_image
from workbench.foundation.cells import is_missing, is_plain
from workbench.foundation.errors import InputError, outside, shortened
from workbench.review.instance_outlines import masks_of_objects, outlined
from workbench.review.outlines import SEGMENTATION
from workbench.runs.run import Run
from workbench.storage.layout import atomic
from workbench.storage.limits import parse_json
from workbench.tasks.box_frames import SIZE_COLUMNS, image_sizes
from workbench.tasks.box_reading import MOST_OBJECTS
from workbench.tasks.box_table import CROWD, BoxTable, box_table_of, more_of
from workbench.tasks.class_names import plain_value

MOST_FILE = 2_000_000_000
"""Largest size in bytes of a file of labels."""

MOST_NESTED = 100
"""Deepest nesting of elements in XML."""

FILE_FIELDS, IMAGE_FIELDS = "file_fields", "image_fields"
"""Columns of the metadata with further fields of a format, as JSON: of the whole file, stored once, and of each
image."""

FILE_NAME, ROTATED = "file_name", "rotated"
"""Column with the name of an image's file; field of `more`: a rotated box, x0, y0, x1, y1 before the rotation and its
degrees, clockwise, about its centre."""

COCO_BOX = "coco_bbox"
"""Field of `more`: `bbox` of an instance in a file of COCO; that of its mask, in whole pixels, differs a little."""

OF_PLACE = (SEGMENTATION, "area", ROTATED, COCO_BOX)
"""Fields of `more` that no longer belong to an object that was moved."""

MORE_DIGITS = 6
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""Half of a character in JSON, which is not Unicode if it stands alone."""


@dataclass
class ImageLabels:
    """The objects of one image as read from a file.

    Attributes
    ----------
    id : of the image. places : (b, 4) x0, y0, x1, y1 or (b, 2) x, y in pixels. names : b classes. more : b dicts of
    other fields. labelled : whether the image has a label, if only that nothing is there. fields : of the image, such
    as width, height and file_name.
    """

    id: Any
    places: list[Any] = field(default_factory=list)
    names: list[Any] = field(default_factory=list)
    more: list[dict[str, Any]] = field(default_factory=list)
    labelled: bool = True
    fields: dict[str, Any] = field(default_factory=dict)

    def add(self, place: Sequence[float], name: Any, more: dict[str, Any]) -> None:
        """Add an object."""
        self.places.append(place)
        self.names.append(name)
        self.more.append(more)


class Labelled(NamedTuple):
    """The corrected objects of one image.

    Attributes
    ----------
    row, id : of the image. size : (width, height) in pixels, None if unknown. places : (b, d) float64. codes : (b,)
    class indices. more : b dicts of other fields; of an object that was moved, without `segmentation` and `area`; of
    an instance, with the outline of its mask.
    labelled : whether the image has a label.
    """

    row: int
    id: Any
    size: tuple[float, float] | None
    places: np.ndarray
    codes: list[int]
    more: list[dict[str, Any]]
    labelled: bool


class Losses:
    """Counts of what a file does not hold."""

    def __init__(self, format: str) -> None:
        self.format = format
        self.counts: Counter[str] = Counter()

    def add(self, what: str, count: int = 1) -> None:
        """Count something that is lost, in the plural."""
        if count:
            self.counts[what] += count

    def add_fields(self, more: Mapping[str, Any], held: Sequence[str] = ()) -> None:
        """Count the fields of an object that are not `held`."""
        for name in more:
            if name not in held:
                self.counts[f"values of {name!r}"] += 1

    def tell(self, path: Path) -> None:
        """Warn about what was lost, if anything was."""
        if self.counts:
            listed = ", ".join(f"{count:,} {what}" for what, count in self.counts.most_common())
            message = f"{path.name}: {self.format} does not hold {listed}. Keep the run, or also write a table."
            warnings.warn(message, stacklevel=outside())


# ---- reading -------------------------------------------------------------------------------------------------------


def read_bounded(path: Path, most: int = MOST_FILE) -> bytes:
    """Return the bytes of a file of at most `most` bytes.

    Raises
    ------
    InputError : the file does not exist, or is larger.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file.")
    if path.stat().st_size > most:
        raise InputError(f"{path} has more than {most:,} bytes. Split it.")
    return path.read_bytes()


def read_json(path: Path) -> Any:
    """Return the content of a JSON file."""
    data = read_bounded(path)
    try:
        found = parse_json(data)
        if _SURROGATE.search(data):
            json.dumps(found, ensure_ascii=False).encode()
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({shortened(str(error))}).") from error
    return found


class _Elements(ElementTree.TreeBuilder):
    """Build a tree of at most `MOST_NESTED` levels from XML without declared entities."""

    def __init__(self) -> None:
        super().__init__()
        self.level = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Refuse a document type, in which entities are declared that expand to any size or name other files."""
        raise ValueError("it declares a document type (DTD)")

    def start(self, tag: str, attrs: dict[str, str]) -> ElementTree.Element:
        """Begin an element."""
        self.level += 1
        if self.level > MOST_NESTED:
            raise ValueError(f"elements are nested more than {MOST_NESTED} deep")
        return super().start(tag, attrs)

    def end(self, tag: str) -> ElementTree.Element:
        """Close an element."""
        self.level -= 1
        return super().end(tag)


def read_xml(data: bytes, name: object) -> ElementTree.Element:
    """Return the root of XML text; entities other than the five of XML are refused.

    Raises
    ------
    InputError : the text is not XML, declares a document type, or is nested too deeply; the message begins with `name`.
    """
    parser = ElementTree.XMLParser(target=_Elements())
    try:
        parser.feed(data)
        return parser.close()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(f"{name} is not XML that is read ({error}).") from error


def finite_number(value: Any, where: str, what: str) -> float:
    """Return a number of a file, also written as text.

    Raises
    ------
    InputError : it is missing or not finite; the message begins with `where`.
    """
    try:
        number = math.nan if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where} has {shortened(value)} as {what}. Use a finite number.")
    return number


def corners(box: Sequence[Any], where: str, what: str = "part of `bbox`") -> list[float]:
    """Return x0, y0, x1, y1 of a box x, y, width, height.

    Raises
    ------
    InputError : a value is not finite, or the size is negative.
    """
    x, y, width, height = (finite_number(value, where, what) for value in box)
    if width < 0 or height < 0:
        raise InputError(f"{where} has a box of {width:g} x {height:g} pixels. Its width and height are at least 0.")
    return [x, y, x + width, y + height]


def box_around(points: Any) -> list[float]:
    """Return x0, y0, x1, y1 around points (p, 2)."""
    found = np.asarray(points, float)
    return [*found.min(axis=0).tolist(), *found.max(axis=0).tolist()]


def turned(box: Sequence[float], degrees: float) -> np.ndarray:
    """Return the corners (4, 2) of a box, rotated clockwise about its centre."""
    x0, y0, x1, y1 = box
    angle = math.radians(degrees)
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    around = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) - middle
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return around @ turn + middle


def tell_reading(path: Path, counts: Mapping[str, int]) -> None:
    """Warn about what was read in another form; `counts` of descriptions."""
    listed = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    if listed:
        warnings.warn(f"{path.name}: {listed}.", stacklevel=outside())


def dataset_of_images(
    path: Path, images: Sequence[ImageLabels], *, task: str, classes: Sequence[Any] | None, named: Sequence[str] | None,
    file_fields: Mapping[str, Any], folder: str | Path | None, options: Mapping[str, Any],
) -> Dataset:  # fmt: skip
    """Create a Dataset of the images of a file.

    Parameters
    ----------
    classes : given by the user. named : classes in the order of the file; None: those that occur.
    file_fields : of the whole file, kept for writing. folder : of the pictures; None: without pictures.
    """
    kind = "points" if task == "points" else "bboxes"
    if not images:
        raise InputError(f"{path} holds no images.")
    crowded = max(images, key=lambda one: len(one.places))
    if len(crowded.places) > MOST_OBJECTS:
        found = f"{path}: the image {shortened(crowded.id)} has {len(crowded.places):,} objects"
        raise InputError(f"{found}. At most {MOST_OBJECTS:,} are read. Cut it into tiles.")
    empty = np.empty((0, 2 if kind == "points" else 4))
    if task == "instances":
        labels = _instance_labels(path, images)
    else:
        labels = [
            {kind: one.places or empty, "labels": one.names} | ({"more": one.more} if any(one.more) else {})
            if one.labelled
            else None
            for one in images
        ]
    frame = image_metadata(images, file_fields)
    frame["objects"] = pd.Series(labels, dtype=object)
    frame["image_id"] = [one.id for one in images]
    if folder is not None:
        if FILE_NAME not in frame.columns:
            raise InputError(f"{path} names no files of images. Leave out `images`.")
        frame["picture"] = frame[FILE_NAME]
    return Dataset.from_frame(
        frame, "objects", task=task, id="image_id", image=None if folder is None else "picture", media_root=folder,
        classes=named if classes is None else classes, **options,
    )  # fmt: skip


def _instance_labels(path: Path, images: Sequence[ImageLabels]) -> list[dict[str, Any] | None]:
    """Return the labels of images with the masks of their objects."""
    found: list[dict[str, Any] | None] = []
    boxes = 0
    for one in images:
        size = tuple(one.fields.get(name) for name in SIZE_COLUMNS)
        masks, more, filled = masks_of_objects(one.places, one.more, (size[0], size[1]))
        boxes += filled
        fields = {"more": more} if any(more) else {}
        found.append({"masks": masks, "labels": one.names, **fields} if one.labelled else None)
    tell_reading(path, {"objects without an outline are read as their boxes, filled": boxes})
    return found


def image_metadata(images: Sequence[ImageLabels], file_fields: Mapping[str, Any]) -> pd.DataFrame:
    """Return a column for each plain field that all images have, in one type, and the rest as JSON."""
    first = images[0].fields
    own = {"objects", "image_id", "picture", FILE_FIELDS, IMAGE_FIELDS, *SIZE_COLUMNS}
    common = [
        name
        for name, value in first.items()
        if name not in own
        and is_plain(value)
        and all(type(one.fields.get(name)) is type(value) and is_plain(one.fields[name]) for one in images)
    ]
    columns = {name: [one.fields[name] for one in images] for name in common}
    for name in SIZE_COLUMNS:  # unknown for some images, for example those without objects in Label Studio
        values = [one.fields.get(name) for one in images]
        if all(value is None or type(value) in (int, float) for value in values) and any(values):
            columns[name] = values if None not in values else [np.nan if one is None else one for one in values]
            common.append(name)
    frame = pd.DataFrame(columns, index=range(len(images)))
    rest = [{name: value for name, value in one.fields.items() if name not in common} for one in images]
    if any(rest):
        frame[IMAGE_FIELDS] = [json.dumps(one, ensure_ascii=False) if one else None for one in rest]
    if file_fields:
        frame[FILE_FIELDS] = [json.dumps(file_fields, ensure_ascii=False), *[None] * (len(images) - 1)]
    return frame


# ---- writing -------------------------------------------------------------------------------------------------------


def labelled_images(run: Run, losses: Losses) -> Iterator[Labelled]:
    """Yield the corrected objects of each image."""
    dataset, labels = run.extended(), run.labels()
    table, given = box_table_of(labels), box_table_of(dataset.labels)
    starts, ids = table.starts.tolist(), dataset.ids.tolist()
    known = _described(given)
    sizes = image_sizes(dataset.metadata)
    for row in range(table.n):
        own = slice(starts[row], starts[row + 1])
        more = []
        for at, text in enumerate(table.more[own].to_pylist(), own.start):
            fields, stays = more_of(text), text is not None and _description(table, at, text) in known
            if text is not None and not stays:
                gone = [name for name in OF_PLACE if fields.pop(name, None) is not None]
                lost = table.masks is None and (SEGMENTATION in gone or ROTATED in gone)
                losses.add("outlines of moved objects", int(lost))
            if losses.format != "COCO":
                fields.pop(COCO_BOX, None)
            more.append(fields)
        size = None if sizes is None or np.isnan(sizes[row]).any() else (float(sizes[row, 0]), float(sizes[row, 1]))
        codes = table.label[own].tolist()
        one = Labelled(row, ids[row], size, table.places[own], codes, more, not table.missing[row])
        yield one if table.masks is None or not more else _with_outlines(dataset, one, table.masks[own], losses)


def _with_outlines(dataset: Dataset, one: Labelled, masks: np.ndarray, losses: Losses) -> Labelled:
    """Return instances with the outlines of their masks, except those that keep the polygons of their file."""
    size = size_of(dataset, one, losses.format)
    places = one.places.tolist()
    more = [
        fields if isinstance(fields.get(SEGMENTATION), list) else outlined(fields, place, mask, size)
        for fields, place, mask in zip(one.more, places, masks.tolist())
    ]
    return one._replace(more=more)


def _described(table: BoxTable) -> set[tuple[Any, ...]]:
    """Return what describes the given objects that have further fields."""
    texts = table.more.to_pylist()
    return {_description(table, at, text) for at, text in enumerate(texts) if text is not None}


def _description(table: BoxTable, at: int, text: str) -> tuple[Any, ...]:
    """Return row, further fields, place and mask of an object."""
    mask = None if table.masks is None else table.masks[at]
    return int(table.rows[at]), text, _rounded(table.places[at]), mask


def _rounded(place: np.ndarray) -> tuple[float, ...]:
    return tuple(round(value, MORE_DIGITS) for value in place.tolist())


def size_of(dataset: Dataset, one: Labelled, format: str) -> tuple[float, float]:
    """Return the (width, height) of an image, from its picture if the metadata do not have them.

    Raises
    ------
    InputError : neither is known.
    """
    if one.size is not None:
        return one.size
    picture = None if dataset.images is None else read_image(dataset.image(one.row), dataset.media_root)
    if picture is None:
        todo = "Add columns `width` and `height`, or pictures."
        raise InputError.at("image", f"has no known size, which {format} needs", todo, row=one.row, id=one.id)
    width, height = image_size(picture)
    return float(width), float(height)


def file_fields_of(dataset: Dataset) -> dict[str, Any]:
    """Return the fields of the file from which a dataset was read; empty for none."""
    if FILE_FIELDS not in dataset.metadata.columns:
        return {}
    texts = dataset.metadata[FILE_FIELDS].dropna()
    return more_of(str(texts.iloc[0])) if len(texts) else {}


def image_fields_of(dataset: Dataset, row: int) -> dict[str, Any]:
    """Return the fields of an image: plain values of the metadata, and those that were read as JSON."""
    found: dict[str, Any] = {}
    for name in dataset.metadata.columns:
        value = dataset.metadata[name].iat[row]
        if name not in (FILE_FIELDS, IMAGE_FIELDS) and not is_missing(value) and is_plain(plain := plain_value(value)):
            found[str(name)] = plain
    if IMAGE_FIELDS in dataset.metadata.columns:
        text = dataset.metadata[IMAGE_FIELDS].iat[row]
        found |= {} if is_missing(text) else more_of(str(text))
    return found


def file_name_of(dataset: Dataset, one: Labelled) -> str:
    """Return the name of an image's file: from the metadata, the path of its picture, or its id."""
    if FILE_NAME in dataset.metadata.columns and not is_missing(name := dataset.metadata[FILE_NAME].iat[one.row]):
        return str(name)
    picture = dataset.image(one.row)
    return picture if isinstance(picture, str) else str(one.id)


def write_finite_json(content: Any, target: Path, indent: int | None = None) -> None:
    """Write JSON.

    Raises
    ------
    InputError : a number is not finite, which JSON cannot hold.
    """
    with atomic(target) as temporary:
        try:
            text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=indent)
        except ValueError as error:
            raise InputError.at("more", f"holds a number that is not finite ({error})", "Correct it.") from error
        temporary.write_text(text, encoding="utf-8")


def is_crowd(more: Mapping[str, Any]) -> bool:
    """Whether an object is a group of objects."""
    return more.get(CROWD) is True
