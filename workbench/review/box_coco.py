"""Boxes in the format of COCO: instances with polygons and run lengths, and predictions with scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, shortened
from workbench.review.box_files import (
    COCO_BOX,
    FILE_NAME,
    ImageLabels,
    Labelled,
    Losses,
    box_around,
    corners,
    dataset_of_images,
    file_fields_of,
    file_name_of,
    finite_number,
    image_fields_of,
    is_crowd,
    labelled_images,
    read_json,
    tell_reading,
    write_finite_json,
)
from workbench.review.instance_outlines import outlined
from workbench.review.outlines import SEGMENTATION, check_outline, crossing_outlines
from workbench.runs.run import Run
from workbench.storage.tables import check_target
from workbench.tasks.box_evidence import predictions_of
from workbench.tasks.box_frames import image_sizes
from workbench.tasks.box_table import CROWD
from workbench.tasks.class_names import object_array
from workbench.tasks.instance_evidence import instances_of
from workbench.tasks.protocol import Format
from workbench.tasks.run_lengths import area_of, box_of, checked_runs

UNLABELLED_FIELD = "unlabelled"
"""Field of an image without a label yet, which other tools ignore; COCO itself has none."""

LISTS = ("images", "annotations", "categories")
COCO_FIELDS = ("image_id", "category_id", "bbox", "iscrowd")
MOST_DECIMALS = 17


def read_coco(
    path: str | Path, *, task: str = "boxes", classes: Sequence[object] | None = None, id: str | None = None,
    label: str | None = None, images: str | Path | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read a JSON file of COCO instances.

    Parameters
    ----------
    classes : by default the categories in the order of the file.
    id : field of the images that is their id, such as "file_name"; by default COCO's own "id".
    label : ignored, since the format defines the names.
    images : folder of the pictures; by default only the labels are read.

    Returns
    -------
    Dataset with the columns width, height and file_name and further fields of the images. Fields of an annotation, such
    as its id, `segmentation` and `area`, stay with its box; `info`, `licenses` and the ids of categories are kept for
    writing. An annotation without `bbox` has the box around its outline.

    Raises
    ------
    InputError : an unknown image or category, an id of an image twice, a box that is not finite or of negative size, or
        run lengths that do not fit the image; the message names the annotation.

    Warns
    -----
    UserWarning : polygons cross themselves, or have fewer than three points; they are kept as they are.
    """
    source = Path(path)
    content = coco_content(source)
    categories = named_categories(content["categories"], source)
    records = image_records(content["images"], source, id)
    outlines: list[tuple[str, Any]] = []
    for number, one in enumerate(content["annotations"]):
        _add(records, categories, one, f"{source}: annotation {number}", outlines, keeps_box=task == "instances")
    few, crossing, first = crossing_outlines(outlines)
    tell_reading(source, {f"polygons cross themselves, the first of {first}": crossing,
                          "polygons have fewer than three points": few})  # fmt: skip
    return dataset_of_images(
        source, list(records.values()), task=task, classes=classes, named=list(categories.values()), folder=images,
        file_fields=kept_fields(content), options=options,
    )  # fmt: skip


def coco_content(path: Path) -> dict[str, Any]:
    """Return the content of a file with the three lists of COCO.

    Raises
    ------
    InputError : a list is missing.
    """
    content = read_json(path)
    content = content if isinstance(content, dict) else {}
    for name in LISTS:
        if not isinstance(content.get(name), list):
            todo = f"A file of COCO instances has {', '.join(map(repr, LISTS))}."
            raise InputError(f"{path} has no list {name!r}. {todo}")
    return content


def kept_fields(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a file that are kept for writing: all but images and annotations."""
    return {"format": "coco", **{key: one for key, one in content.items() if key not in ("images", "annotations")}}


def named_categories(listed: list[Any], path: Path) -> dict[Any, str]:
    """Return the names of categories by id, in the order of the file."""
    found: dict[Any, str] = {}
    for number, one in enumerate(listed):
        if not isinstance(one, dict) or not isinstance(one.get("name"), str) or type(one.get("id")) is not int:
            raise InputError(f"{path}: category {number} is {shortened(one)}. A category has an id and a name.")
        if one["id"] in found or one["name"] in found.values():
            raise InputError(f"{path}: category {number} repeats the id or the name of {shortened(one)}.")
        found[one["id"]] = one["name"]
    return found


def image_records(listed: list[Any], path: Path, id: str | None) -> dict[Any, ImageLabels]:
    """Return the images by COCO's id, without objects."""
    found: dict[Any, ImageLabels] = {}
    for number, one in enumerate(listed):
        if not isinstance(one, dict) or type(one.get("id")) not in (int, str):
            raise InputError(f"{path}: image {number} is {shortened(one)}. An image has an id.")
        if one["id"] in found:
            raise InputError(f"{path}: image {number} repeats the id {shortened(one['id'])}.")
        fields = {name: value for name, value in one.items() if name not in ("id", UNLABELLED_FIELD)}
        named = one["id"]
        if id not in (None, "id"):
            if id not in one:
                raise InputError.unknown(
                    "field of an image", id, one, f"It was passed as `id`; image {number} lacks it."
                )
            named = fields.pop(id) if id != FILE_NAME else one[id]
            fields = {"coco_id": one["id"], **fields}
        found[one["id"]] = ImageLabels(named, labelled=one.get(UNLABELLED_FIELD) is not True, fields=fields)
    return found


def _add(
    records: Mapping[Any, ImageLabels], categories: Mapping[Any, str], one: Any, where: str,
    outlines: list[tuple[str, Any]], keeps_box: bool,
) -> None:  # fmt: skip
    """Add an annotation to its image, and its polygons to `outlines`; keep its `bbox` beside its outline if asked."""
    image, category, where = annotation_place(records, categories, one, where)
    name = categories[category]
    outline = one.get(SEGMENTATION)
    if outline:
        check_outline(outline, image.fields, where)
        if isinstance(outline, list):
            outlines.append((where, outline))
    box = one.get("bbox")
    if box is None and outline:
        place = _box_of_outline(outline)
    elif isinstance(box, list) and len(box) == 4:
        place = corners(box, where)
    else:
        raise InputError(f"{where} has the bbox {shortened(box)}. A bbox is [x, y, width, height].")
    more = {key: value for key, value in one.items() if key not in COCO_FIELDS}
    if more.get("area") == (place[2] - place[0]) * (place[3] - place[1]):
        del more["area"]
    if keeps_box and outline and box is not None:
        more[COCO_BOX] = box
    if one.get("iscrowd"):
        more[CROWD] = True
    image.add(place, name, more)


def annotation_place(
    records: Mapping[Any, ImageLabels], categories: Mapping[Any, Any], one: Any, where: str
) -> tuple[ImageLabels, Any, str]:
    """Return the image of an annotation, the id of its category, and where it is, with its id.

    Raises
    ------
    InputError : it is not an object, or its image or category is not listed.
    """
    if not isinstance(one, dict):
        raise InputError(f"{where} is {shortened(one)}, not an object.")
    where += f" (id {shortened(one.get('id'))})"
    image, category = _found(records, one.get("image_id")), _found(categories, one.get("category_id"))
    if image is None:
        raise InputError(f"{where} names the image {shortened(one.get('image_id'))}, which the file does not list.")
    if category is None:
        raise InputError(f"{where} names the category {shortened(one.get('category_id'))}, which is not listed.")
    return image, one["category_id"], where


def _found(known: Mapping[Any, Any], key: Any) -> Any:
    """Return what is known by a number or a text; None for other keys, such as lists."""
    return known.get(key) if isinstance(key, (int, str)) else None


def _box_of_outline(outline: Any) -> list[float]:
    """Return the box around polygons or run lengths that were checked."""
    if isinstance(outline, list):
        return box_around(np.concatenate([np.asarray(one, float).reshape(-1, 2) for one in outline]))
    height, width = outline["size"]
    return [float(one) for one in box_of(checked_runs(outline["counts"], height, width), height)]


def write_coco(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write a JSON file of COCO instances.

    Ids of images, annotations and categories are those of the file from which the labels were read; new ones are
    counted on. Images without whole numbers as ids are numbered, and their id is in the field with the name of the id
    column. An image without a label has no annotations and "unlabelled": true.

    Notes
    -----
    `area` is that of the file, or else of the box or mask. A box that was moved has no `segmentation`, since the
    outline no longer belongs to it; the number of them is part of a warning. Instances have the polygons of the file,
    or run lengths if their masks were changed or drawn.
    """
    target, losses = check_target(path, force, COCO.suffixes), Losses("COCO")
    dataset = run.extended()
    kept = file_fields_of(dataset)
    others = {name: value for name, value in kept.items() if name != "format"} if kept.get("format") == "coco" else {}
    ids = category_ids(dataset)
    code_of = [ids[name] for name in dataset.classes]
    known = {one["id"]: one for one in others.get("categories", ())}
    listed = [{**known.get(ids[name], {}), "id": ids[name], "name": name} for name in dataset.classes]
    images, annotations = [], []
    labelled = list(labelled_images(run, losses))
    numbers = annotation_ids(more.get("id") for one in labelled for more in one.more)
    for one in labelled:
        image = image_record(dataset, one)
        images.append(image)
        sizes = _sizes(one.places)
        for place, size, code, more in zip(one.places.tolist(), sizes, one.codes, one.more):
            fields = {name: value for name, value in more.items() if name not in ("id", CROWD)}
            record = {"id": next(numbers), "image_id": image["id"], "category_id": code_of[code]}
            area = size[0] * size[1]
            if dataset.task == "instances":
                area = _area_of(fields.get(SEGMENTATION), area)
            box = fields.pop(COCO_BOX, None) or [_plain(value) for value in (*place[:2], *size)]
            record |= {"bbox": box, "area": _plain(area)}
            annotations.append({**record, "iscrowd": int(is_crowd(more)), **fields})
    content = {**others, "images": images, "annotations": annotations, "categories": listed}
    write_finite_json(content, target)
    losses.tell(target)
    return target


def _area_of(outline: Any, area: float) -> float:
    """Return the number of pixels of run lengths; `area` for polygons."""
    return float(area_of(checked_runs(outline["counts"], *outline["size"]))) if isinstance(outline, dict) else area


def annotation_ids(given: Iterable[Any]) -> Iterator[int]:
    """Yield an id for each annotation: the given one where it is a whole number and not taken, or a new one."""
    used: set[int] = set()
    wanted: list[int | None] = []
    for number in given:
        kept = number if type(number) is int and number not in used else None
        wanted.append(kept)
        if kept is not None:
            used.add(kept)
    highest = max(used, default=0)
    for number in wanted:
        highest += number is None
        yield highest if number is None else number


def image_record(dataset: Dataset, one: Labelled) -> dict[str, Any]:
    """Return the entry of an image, with its id and further fields."""
    fields = image_fields_of(dataset, one.row)
    named = fields.pop("coco_id", None)
    own = one.id if isinstance(one.id, int) else named
    record: dict[str, Any] = {"id": one.row if own is None else own, FILE_NAME: file_name_of(dataset, one)}
    if not isinstance(one.id, int):
        column = dataset.column_of.get("id", "name")
        record["name" if column in ("id", "image_id") else column] = one.id
    return record | fields | ({} if one.labelled else {UNLABELLED_FIELD: True})


def category_ids(dataset: Dataset) -> dict[str, int]:
    """Return the id of each class: that of the file from which it was read, or else the next number."""
    kept = file_fields_of(dataset)
    listed = kept.get("categories", ()) if kept.get("format") == "coco" else ()
    known = {one["name"]: one["id"] for one in listed}
    last = max(known.values(), default=0)
    found: dict[str, int] = {}
    for name in dataset.classes:
        last += name not in known
        found[name] = known.get(name, last)
    return found


def _sizes(places: np.ndarray) -> list[list[float]]:
    """Return widths and heights (b, 2) with the fewest decimals that give the same corners."""
    low, high = places[:, :2], places[:, 2:]
    found = high - low
    for decimals in range(MOST_DECIMALS, -1, -1):
        shorter = np.round(high - low, decimals)
        found = np.where(low + shorter == high, shorter, found)
    return found.tolist()


def _plain(value: float) -> float | int:
    return int(value) if value.is_integer() else value


# ---- predictions ---------------------------------------------------------------------------------------------------


def read_detections(path: str | Path, labels: Dataset | Run) -> list[dict[str, Any]]:
    """Read COCO's list of predictions, as `predictions` for `find_issues`.

    Parameters
    ----------
    path : JSON file with a list of {"image_id", "category_id", "bbox": [x, y, width, height], "score"}
    labels : the data set to which they belong; it was read from COCO's format, or its classes are numbered from 1

    Returns
    -------
    list of n dicts, one per image
        bboxes : (p, 4) float64, x0, y0, x1, y1 in pixels, in the order of the file
        labels : (p,) object, names of classes
        scores : (p,) float64
        masks : of instances, p run lengths or lists of polygons; instead of bboxes

    Raises
    ------
    InputError : an unknown image or category, a box or score that is not a finite number; the message names the entry
    """
    dataset = labels.extended() if isinstance(labels, Run) else labels
    source = Path(path)
    content = read_json(source)
    if not isinstance(content, list):
        raise InputError(f"{source} is not a list. Predictions are a list of objects with a score.")
    names = {number: name for name, number in category_ids(dataset).items()}
    row_of = {image: row for row, image in enumerate(_image_numbers(dataset))}
    outlines = dataset.task == "instances"
    found: list[tuple[list[Any], list[Any], list[Any]]] = [([], [], []) for _ in row_of]
    for number, one in enumerate(content):
        where = f"{source}: prediction {number}"
        own = SEGMENTATION if outlines else "bbox"
        if not isinstance(one, dict) or (not one.get(own) if outlines else not _is_bbox(one.get(own))):
            raise InputError(f"{where} is {shortened(one)}. It has image_id, category_id, {own} and score.")
        row, name = row_of.get(str(one.get("image_id"))), _found(names, one.get("category_id"))
        if row is None or name is None:
            what = f"image {shortened(one.get('image_id'))} and category {shortened(one.get('category_id'))}"
            raise InputError(f"{where} names {what}. One of them is not in the labels.")
        if outlines:
            check_outline(one[own], {}, where)
        place = one[own] if outlines else corners(one[own], where)
        for values, value in zip(found[row], (place, name, finite_number(one.get("score"), where, "score"))):
            values.append(value)
    if outlines:
        return [{"masks": own, "labels": object_array(names), "scores": np.array(p)} for own, names, p in found]
    return [
        {"bboxes": np.array(boxes, float).reshape(-1, 4), "labels": object_array(classes), "scores": np.array(scores)}
        for boxes, classes, scores in found
    ]


def _is_bbox(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4


def _image_numbers(dataset: Dataset) -> list[str]:
    """Return COCO's id of each image, as text."""
    if "coco_id" in dataset.metadata.columns:
        return [str(one) for one in dataset.metadata["coco_id"].tolist()]
    ids = dataset.ids.tolist()
    return [str(one) for one in (ids if isinstance(ids[0], int) else range(len(ids)))]


def write_detections(predictions: Any, path: str | Path, *, labels: Dataset | Run, force: bool = False) -> Path:
    """Write predictions as COCO's list, with the ids of images and categories of the labels.

    Parameters
    ----------
    predictions : as for `find_issues`: n dicts {"bboxes": (p, 4), "labels": (p,), "scores": (p,)} or lists, or a
        DataFrame with one row per box
    path : file ending in .json
    labels : the data set to which they belong
    force : whether to replace an existing file

    Returns
    -------
    Path

    Raises
    ------
    InputError : an invalid entry, or a class that is not in the labels; the message names the row
    """
    dataset = labels.extended() if isinstance(labels, Run) else labels
    target = check_target(path, force, (".json",))
    outlines = dataset.task == "instances"
    found = instances_of(dataset, predictions) if outlines else predictions_of(dataset, predictions)
    ids, images = category_ids(dataset), _image_numbers(dataset)
    codes = [ids[name] for name in dataset.classes]
    listed = []
    columns = zip(
        found.places.tolist(), _sizes(found.places), found.rows.tolist(), found.label.tolist(), found.score.tolist()
    )
    image_size = _known_sizes(dataset) if outlines else None
    for at, (place, size, row, code, score) in enumerate(columns):
        image = int(images[row]) if images[row].lstrip("-").isdecimal() else images[row]
        box = [_plain(float(value)) for value in (*place[:2], *size)]
        listed.append({"image_id": image, "category_id": codes[code], "bbox": box, "score": score})
        if image_size is not None and found.masks is not None:
            listed[-1] |= outlined({}, place, found.masks[at], image_size[row])
    write_finite_json(listed, target)
    return target


def _known_sizes(dataset: Dataset) -> list[tuple[float, float]]:
    """Return width and height of each image."""
    sizes = image_sizes(dataset.metadata)
    if sizes is None or np.isnan(sizes).any():
        raise InputError.at("labels", "has images of unknown size", "Add the columns `width` and `height`.")
    return [(width, height) for width, height in sizes.tolist()]


COCO = Format((".json",), read_coco, write_coco, ("that a box has no id", "outlines of boxes that were moved"))
