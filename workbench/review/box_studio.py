"""Boxes and points in the JSON of Label Studio, whose positions are percent of the image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, shortened
from workbench.review.box_files import (
    FILE_NAME,
    ROTATED,
    ImageLabels,
    Labelled,
    Losses,
    box_around,
    dataset_of_images,
    file_name_of,
    finite_number,
    image_fields_of,
    labelled_images,
    read_json,
    size_of,
    tell_reading,
    turned,
    write_finite_json,
)
from workbench.review.brush_runs import decode_brush, encode_brush
from workbench.review.outlines import SEGMENTATION
from workbench.runs.run import Run
from workbench.storage.tables import check_target
from workbench.tasks.box_frames import SIZE_COLUMNS
from workbench.tasks.mask_table import decoded, encoded_runs
from workbench.tasks.protocol import Format
from workbench.tasks.run_lengths import box_of, decode_runs, encode_runs, to_text

FROM, TO = "label", "image"
"""Names of the control and of the image in Label Studio's configuration."""

RESULTS, DATA_FIELD = "results", "data"
"""Fields of a box with further results of its region, of an image with results that are not read as objects, and of an
image with the data of its task."""

STUDIO_TYPES = {
    "boxes": ("rectanglelabels", "polygonlabels", "brushlabels"),
    "points": ("keypointlabels",),
}
TOO_WIDE = 1e6
DECIMALS = 12


def read_studio(
    path: str | Path, *, task: str = "boxes", classes: Sequence[object] | None = None, id: str | None = None,
    label: str | None = None, images: str | Path | None = None, image: str | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read a JSON export of Label Studio, with the first annotation of each task that was not cancelled.

    Parameters
    ----------
    id : key of `data` that is the id, by default "id"; without it, that of the task.
    image : key of the picture in `data`; by default that of the results' `to_name`, or "image".
    images : folder of the pictures; by default only the labels are read.
    label : ignored, since the format defines the names.

    Returns
    -------
    Dataset with the boxes of rectangles, polygons and strokes of a brush, whose outlines stay with them; with
    `task="instances"` their masks, with `task="points"` the points. Results with the `id` of a region, such as a choice
    about it, and other fields stay with its box. Predictions are not labels. A task without an annotation has no label
    yet, one with an empty annotation has nothing there. Rectangles of negative width or height
    are the same boxes drawn from another corner.

    Raises
    ------
    InputError : not a list of tasks, or a result that is not finite or has no size of the image; the message names the
        task and the result.

    Warns
    -----
    UserWarning : rotated rectangles, which are read as the upright box around them, and kept as they are for writing;
        results that are not read, such as ellipses, and strokes that were erased completely.
    """
    source = Path(path)
    tasks = studio_tasks(source)
    counts: Counter[str] = Counter()
    records = [_record(one, f"{source}: task {number}", task, id, image, counts) for number, one in enumerate(tasks)]
    tell_reading(source, counts)
    name_records(records)
    return dataset_of_images(
        source, records, task=task, classes=classes, named=None, folder=images, options=options, file_fields={},
    )  # fmt: skip


def _record(one: Any, where: str, task: str, id: str | None, image: str | None, counts: Counter[str]) -> ImageLabels:
    record, results, where = task_record(one, where, id, image)
    regions: dict[Any, list[dict[str, Any]]] = {}
    for found in results:
        regions.setdefault(_region(found), []).append(found)
    left = []
    for number, found in enumerate(results):
        if found.get("type") in STUDIO_TYPES["points" if task == "points" else "boxes"]:
            others = [other for other in regions[_region(found)] if other is not found and _region(other) is not None]
            others = [
                other for other in others if other.get("type") not in STUDIO_TYPES["boxes"] + STUDIO_TYPES["points"]
            ]
            if not _add_result(record, found, others, f"{where} result {number}", counts):
                left.append(found)
        elif not _beside(found, regions, task):
            counts[f"results of the type {found.get('type')!r} are kept, but not read as objects"] += 1
            left.append(found)
    if left:
        record.fields[RESULTS] = left
    known_size(record)
    return record


def task_record(
    one: Any, where: str, id: str | None, image: str | None
) -> tuple[ImageLabels, list[dict[str, Any]], str]:
    """Return the image of a task without objects, the results of its first annotation, and where it is in words.

    Raises
    ------
    InputError : it is not a task; the message begins with `where`.
    """
    data = one.get("data") if isinstance(one, dict) else None
    if not isinstance(data, dict):
        raise InputError(f"{where} is {shortened(one)}. A task has data and annotations.")
    where += f" (id {shortened(one.get('id'))})"
    there = [found for found in dicts_in(one.get("annotations"), where) if not found.get("was_cancelled")]
    results = dicts_in(there[0].get("result"), where) if there else []
    key = image or next((name for one in results if isinstance(name := one.get("to_name"), str) and name in data), TO)
    named = data.get(id or "id", one.get("id"))
    record = ImageLabels(named if isinstance(named, (int, str)) else None, labelled=bool(there))
    if isinstance(data.get(key), str):
        record.fields[FILE_NAME] = _file_of(data[key])
    record.fields[DATA_FIELD] = data
    return record, results, where


def known_size(record: ImageLabels) -> None:
    """Take the size of an image from the data of its task, if no result has one."""
    data = record.fields[DATA_FIELD]
    for side in SIZE_COLUMNS:
        if isinstance(data.get(side), int) and 0 < data[side] <= TOO_WIDE:
            record.fields.setdefault(side, data[side])


def studio_tasks(path: Path) -> list[Any]:
    """Return the tasks of a JSON export."""
    tasks = read_json(path)
    if not isinstance(tasks, list):
        raise InputError(f"{path} is not a list of tasks. Export as JSON.")
    return tasks


def name_records(records: Sequence[ImageLabels]) -> None:
    """Number images whose ids are not unique, or not of one type."""
    named = len({str(one.id) for one in records}) == len(records) and len({type(one.id) for one in records}) == 1
    for number, one in enumerate(records):
        one.id = one.id if named else number


def dicts_in(listed: Any, where: str) -> list[dict[str, Any]]:
    """Return the annotations of a task, or the results of an annotation; None for none.

    Raises
    ------
    InputError : they are not a list of dicts; the message begins with `where`.
    """
    if not isinstance(listed or [], list) or not all(isinstance(one, dict) for one in listed or ()):
        raise InputError(f"{where} has {shortened(listed)}, not a list of annotations or results.")
    return listed or []


def _region(found: Mapping[str, Any]) -> str | None:
    """Return the id of the region of a result."""
    return None if found.get("id") is None else str(found["id"])


def _beside(found: Mapping[str, Any], regions: Mapping[Any, list[dict[str, Any]]], task: str) -> bool:
    """Whether a result belongs to the region of an object."""
    kinds = STUDIO_TYPES["points" if task == "points" else "boxes"]
    same = regions[_region(found)] if _region(found) is not None else []
    return found.get("type") not in STUDIO_TYPES["boxes"] + STUDIO_TYPES["points"] and any(
        one.get("type") in kinds for one in same
    )


def _file_of(text: str) -> str:
    """Return the name of a file from its URL or path in Label Studio."""
    parts = urlsplit(text)
    local = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair).get("d")
    return PurePosixPath(local or parts.path).name or text


def _add_result(
    record: ImageLabels, found: Mapping[str, Any], others: Sequence[Any], where: str, counts: Counter[str]
) -> bool:
    """Add a result to its image; return False for a stroke of the brush that covers no pixel."""
    value = found.get("value")
    names = value.get(found["type"]) if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise InputError(f"{where} has the value {shortened(value)}. It has a position and {found['type']}.")
    size = image_size_of(found, record, where)
    place, fields = _place(found["type"], value, size, where)
    if not place:
        counts["strokes of a brush cover no pixel; they are kept, but not read as objects"] += 1
        return False
    counts["rotated rectangles are read as the upright box around them"] += ROTATED in fields
    own = ("value", "original_width", "original_height", "type", "to_name", "from_name")
    more = {key: one for key, one in found.items() if key not in own} | fields
    more |= {RESULTS: list(others)} if others else {}
    if found["type"] == "keypointlabels" and "width" in value:
        more["point_width"] = value["width"]
    for name in names or [None]:
        if name is None:
            raise InputError(f"{where} has no label.")
        record.add(place, name, more)
    return True


def image_size_of(found: Mapping[str, Any], record: ImageLabels, where: str) -> list[float]:
    """Return width and height of the image of a result, which become fields of the image.

    Raises
    ------
    InputError : they are not above 0, or differ from those of another result.
    """
    size = [finite_number(found.get(f"original_{side}"), where, f"original_{side}") for side in ("width", "height")]
    if not all(0 < side <= TOO_WIDE for side in size):
        raise InputError(f"{where} has an image of {size[0]:g} x {size[1]:g}. Width and height are above 0.")
    for side, pixels in zip(("width", "height"), size):
        known = record.fields.setdefault(side, int(pixels))
        if known != int(pixels):
            raise InputError(f"{where} has the {side} {pixels:g} in an image of {known}. Correct one of them.")
    return size


def _place(
    kind: str, value: Mapping[str, Any], size: Sequence[float], where: str
) -> tuple[list[float], dict[str, Any]]:
    """Return the position in pixels, and fields about it; no position of a brush without pixels."""
    if kind == "brushlabels":
        width, height = int(size[0]), int(size[1])
        mask = decoded(decode_brush(value.get("rle"), height, width, where), height, width)
        if not mask.any():
            return [], {}
        counts = encode_runs(mask)
        box = [float(one) for one in box_of(counts, height)]
        return box, {SEGMENTATION: {"size": [height, width], "counts": to_text(counts)}}
    if kind == "polygonlabels":
        points = value.get("points")
        if (
            not isinstance(points, list)
            or not points
            or not all(isinstance(one, list) and len(one) == 2 for one in points)
        ):
            raise InputError(f"{where} has the points {shortened(points)}. Points are [[x, y], ...] in percent.")
        pixels = [
            [finite_number(part, where, "coordinate") * side / 100 for part, side in zip(one, size)] for one in points
        ]
        return box_around(pixels), {SEGMENTATION: [[part for one in pixels for part in one]]}
    x, y = (finite_number(value.get(name), where, name) * side / 100 for name, side in zip("xy", size))
    if kind == "keypointlabels":
        return [x, y], {}
    width, height = (finite_number(value.get(f), where, f) * s / 100 for f, s in zip(("width", "height"), size))
    degrees = finite_number(value.get("rotation") or 0, where, "rotation")
    if not degrees:
        return [min(x, x + width), min(y, y + height), max(x, x + width), max(y, y + height)], {}
    # Label Studio turns about the corner x, y, clockwise; kept is the same box turned about its centre.
    angle = np.deg2rad(degrees)
    middle = np.array([x, y]) + np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.array(
        [width / 2, height / 2]
    )
    box = [*(middle - np.abs([width, height]) / 2).tolist(), *(middle + np.abs([width, height]) / 2).tolist()]
    return box_around(turned(box, degrees)), {ROTATED: [*box, degrees]}


def write_studio(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write tasks with annotations for import into Label Studio, with `<RectangleLabels name="label" toName="image">`,
    and `PolygonLabels`, `BrushLabels` or `KeyPointLabels` for polygons, run lengths and points.

    An example without a label has no annotation; `data` contains the id and the name of the picture, or the data of the
    task that was read.
    """
    target, losses = check_target(path, force, STUDIO.suffixes), Losses("Label Studio")
    dataset = run.extended()
    tasks = []
    for one in labelled_images(run, losses):
        fields = image_fields_of(dataset, one.row)
        data = {TO: file_name_of(dataset, one), "id": one.id} | fields.pop(DATA_FIELD, {})
        others = {name: value for name, value in fields.items() if name not in (FILE_NAME, RESULTS)}
        data = {**others, **data}
        results = list(fields.get(RESULTS, ()))
        if len(one.codes):
            size = size_of(dataset, one, "Label Studio")
            found = zip(one.places.tolist(), one.codes, one.more)
            for number, (place, code, more) in enumerate(found):
                results += _results(one, number, place, dataset.classes[code], more, size, losses)
        tasks.append({"data": data, "annotations": [{"result": results}] if one.labelled else []})
    write_finite_json(tasks, target, indent=1)
    losses.tell(target)
    return target


def _results(
    one: Labelled, number: int, place: Sequence[float], name: str, more: Mapping[str, Any], size: tuple[float, float],
    losses: Losses,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the result of an object, and further ones of its region."""
    percent = np.array([100 / size[0], 100 / size[1]])
    outline, corner = more.get(SEGMENTATION), more.get(ROTATED)
    if len(place) == 2:
        x, y = _short(np.asarray(place) * percent)
        kind, value = "keypointlabels", {"x": x, "y": y, "width": more.get("point_width", 0.5)}
    elif isinstance(outline, list) and len(outline) == 1 and len(outline[0]) >= 6:
        points = np.reshape(outline[0], (-1, 2)) * percent
        kind, value = "polygonlabels", {"points": [_short(pair) for pair in points]}
    elif isinstance(outline, dict):
        mask = decode_runs(outline["counts"], *outline["size"])
        kind, value = "brushlabels", {"format": "rle", "rle": encode_brush(encoded_runs(mask))}
    else:
        losses.add("outlines of several parts", int(bool(outline)))
        box, degrees = (place, 0) if corner is None else (corner[:4], corner[4])
        start = turned(box, degrees)[0] if degrees else np.asarray(box[:2])
        wide = np.asarray(box[2:]) - np.asarray(box[:2])
        kind = "rectanglelabels"
        value = dict(zip(("x", "y", "width", "height"), _short(np.concatenate([start * percent, wide * percent]))))
        value |= {"rotation": degrees}
    own = (SEGMENTATION, ROTATED, RESULTS, "point_width")
    about = {"id": f"{one.row}-{number}", "from_name": FROM, "to_name": TO, "type": kind}
    about |= {"original_width": int(size[0]), "original_height": int(size[1])}
    about |= {key: found for key, found in more.items() if key not in own}
    about["id"] = str(about["id"])
    others = more.get(RESULTS, [])
    return [{**about, "value": {**value, kind: [name]}}, *(others if isinstance(others, list) else ())]


def _short(values: np.ndarray) -> list[float]:
    return [round(value, DECIMALS) for value in values.tolist()]


STUDIO = Format(
    (".json",), read_studio, write_studio, ("polygons of several parts, and outlines of boxes that were moved",)
)
