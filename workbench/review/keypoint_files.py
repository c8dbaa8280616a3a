"""Points in COCO's format of keypoints: named points of instances, each with its visibility."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, shortened
from workbench.review.box_coco import (
    annotation_ids,
    annotation_place,
    coco_content,
    image_record,
    image_records,
    kept_fields,
    named_categories,
)
from workbench.review.box_files import (
    ImageLabels,
    Labelled,
    Losses,
    box_around,
    dataset_of_images,
    file_fields_of,
    finite_number,
    labelled_images,
    tell_reading,
    write_finite_json,
)
from workbench.runs.run import Run
from workbench.storage.tables import check_target
from workbench.tasks.protocol import Format

KEYPOINTS, VISIBILITY, INSTANCE, INSTANCES = "keypoints", "visibility", "instance", "instances"
"""Field of categories and annotations in COCO; fields of a point: its visibility, and the number of its instance within
the image; field of an image with its annotations as they were read."""

VISIBLE = 2
"""COCO's visibility of a point that is labelled and visible; 1 is labelled and hidden, 0 not labelled."""

Names = dict[tuple[Any, str], str]
"""Class by the id of the category and the name of the keypoint."""


def read_keypoints(
    path: str | Path, *, task: str = "points", classes: Sequence[object] | None = None, id: str | None = None,
    label: str | None = None, images: str | Path | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read the keypoints of a COCO file as points.

    Parameters
    ----------
    classes : by default the keypoints of the categories in the order of the file; with the name of the category in
        front, as in "person: nose", if several categories have a keypoint of this name.
    id, label, images : as in `workbench.tasks.TASKS["boxes"].formats["coco"].read`.

    Returns
    -------
    Dataset. A keypoint of visibility 0 is no point. Each point has the fields `visibility` (1 = hidden, 2 = visible)
    and `instance`, the number of its annotation within the image; the annotations with all their fields are kept for
    writing.

    Raises
    ------
    InputError : no category has keypoints, keypoints that do not fit their category, or an unknown image or category;
        the message names the annotation.

    Warns
    -----
    UserWarning : annotations without keypoints, which are kept for writing.
    """
    source = Path(path)
    content = coco_content(source)
    known = named_categories(content["categories"], source)
    listed = {one["id"]: _keypoints_of(one, source) for one in content["categories"]}
    if not any(listed.values()):
        todo = 'Read it with task="boxes".'
        raise InputError(f"{source} has no category with {KEYPOINTS!r}. {todo}")
    names = _class_names(known, listed)
    records = image_records(content["images"], source, id)
    counts: Counter[str] = Counter()
    for number, one in enumerate(content["annotations"]):
        image, category, where = annotation_place(records, listed, one, f"{source}: annotation {number}")
        _add(image, one, category, listed[category], names, where, counts)
    tell_reading(source, counts)
    return dataset_of_images(
        source, list(records.values()), task=task, classes=classes, named=list(dict.fromkeys(names.values())),
        folder=images, file_fields=kept_fields(content), options=options,
    )  # fmt: skip


def _keypoints_of(category: Mapping[str, Any], path: Path) -> list[str]:
    names = category.get(KEYPOINTS, [])
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names) or len(set(names)) < len(names):
        found = f"{path}: the category {shortened(category['name'])} has the keypoints {shortened(names)}"
        raise InputError(f"{found}. They are a list of different names.")
    return names


def _class_names(categories: Mapping[Any, str], listed: Mapping[Any, Sequence[str]]) -> Names:
    many = Counter(name for names in listed.values() for name in names)
    return {
        (number, name): name if many[name] == 1 else f"{categories[number]}: {name}"
        for number, names in listed.items()
        for name in names
    }


def _add(
    image: ImageLabels, one: Mapping[str, Any], category: Any, listed: Sequence[str], names: Names, where: str,
    counts: Counter[str],
) -> None:  # fmt: skip
    """Add the points of an annotation to its image."""
    kept = image.fields.setdefault(INSTANCES, [])
    kept.append({key: value for key, value in one.items() if key != "image_id"})
    values = one.get(KEYPOINTS)
    if values is None or not listed:
        counts["annotations have no keypoints; they are kept, but not read as points"] += 1
        return
    if not isinstance(values, list) or len(values) != 3 * len(listed):
        many = f"{len(values)} values" if isinstance(values, list) else shortened(values)
        raise InputError(f"{where} has {many} as keypoints. It needs x, y and visibility of {len(listed)} keypoints.")
    for place, name in enumerate(listed):
        x, y, seen = (finite_number(value, where, KEYPOINTS) for value in values[3 * place : 3 * place + 3])
        if seen not in (0, 1, VISIBLE):
            raise InputError(f"{where} has the visibility {seen:g} of {name!r}. It is 0, 1 or 2.")
        if seen:
            more = {VISIBILITY: int(seen), INSTANCE: len(kept) - 1}
            image.add([x, y], names[category, name], more)


# ---- writing -------------------------------------------------------------------------------------------------------


def write_keypoints(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write points as COCO's keypoints.

    Annotations, categories and their ids are those of the file that was read, with corrected keypoints and
    `num_keypoints`; a keypoint that was removed has visibility 0. A point of no instance, such as a drawn one, goes to
    the instance with the smallest `bbox` around it that lacks this keypoint, visible; else it becomes an annotation of
    its own. Classes that no category of the file has as a keypoint are those of a new category "points".
    """
    target, losses = check_target(path, force, KEYPOINT_FILES.suffixes), Losses("COCO")
    dataset = run.extended()
    kept = file_fields_of(dataset)
    others = {name: value for name, value in kept.items() if name != "format"} if kept.get("format") == "coco" else {}
    categories, place_of = _categories(others.get("categories", []), dataset.classes)
    images, annotations = [], []
    for one in labelled_images(run, losses):
        image = image_record(dataset, one)
        found = _Instances(image.pop(INSTANCES, []), categories)
        found.fill(one, [place_of[name] for name in dataset.classes])
        images.append(image)
        annotations += [{"image_id": image["id"], **record} for record in found.records]
    numbers = annotation_ids(one.get("id") for one in annotations)
    annotations = [
        {"id": number, **{k: v for k, v in one.items() if k != "id"}} for number, one in zip(numbers, annotations)
    ]
    content = {**others, "images": images, "annotations": annotations, "categories": list(categories.values())}
    write_finite_json(content, target)
    losses.tell(target)
    return target


def _categories(
    listed: Iterable[Mapping[str, Any]], classes: Sequence[str]
) -> tuple[dict[Any, dict[str, Any]], dict[str, tuple[Any, int]]]:
    """Return the categories by id, and (category, number of the keypoint) of each class."""
    categories = {one["id"]: dict(one) for one in listed}
    keypoints = {number: one.get(KEYPOINTS, []) for number, one in categories.items()}
    names = _class_names({number: one["name"] for number, one in categories.items()}, keypoints)
    place_of = {name: (number, keypoints[number].index(point)) for (number, point), name in names.items()}
    added = [name for name in classes if name not in place_of]
    if added:
        number = max((one for one in categories if isinstance(one, int)), default=0) + 1
        taken = {one["name"] for one in categories.values()}
        name = "points" if "points" not in taken else f"points {number}"
        categories[number] = {"id": number, "name": name, KEYPOINTS: added, "skeleton": []}
        place_of |= {one: (number, place) for place, one in enumerate(added)}
    return categories, place_of


class _Instances:
    """The annotations of one image, whose keypoints are filled with its points."""

    def __init__(self, kept: Sequence[Mapping[str, Any]], categories: Mapping[Any, Mapping[str, Any]]) -> None:
        self.categories = categories
        self.records = [dict(one) for one in kept]
        self.read = len(kept)
        for record in self.records:
            if given := record.get(KEYPOINTS):
                triples = [given[at : at + 3] for at in range(0, len(given), 3)]
                record[KEYPOINTS] = [part for one in triples for part in (one if one[2] == 0 else (0, 0, 0))]

    def fill(self, one: Labelled, place_of: Sequence[tuple[Any, int]]) -> None:
        """Put the points of an image into its annotations."""
        waiting = []
        for place, code, more in zip(one.places.tolist(), one.codes, one.more):
            category, number = place_of[code]
            at, seen = more.get(INSTANCE), more.get(VISIBILITY, VISIBLE)
            if isinstance(at, int) and self._lacks(at, category, number):
                self._put(at, number, place, seen)
            else:
                waiting.append((place, category, number, seen))
        for place, category, number, seen in waiting:
            free = [at for at in range(len(self.records)) if self._lacks(at, category, number)]
            areas = [(_area_around(self.records[at].get("bbox"), place), at) for at in free]
            around = [(area, at) for area, at in areas if area is not None]
            self._put(min(around)[1] if around else self._new(category), number, place, seen)
        for number, record in enumerate(self.records):
            points = record.get(KEYPOINTS) or []
            seen = [points[at : at + 2] for at in range(0, len(points), 3) if points[at + 2]]
            record |= {"num_keypoints": len(seen)} if points else {}
            if number >= self.read:
                x0, y0, x1, y1 = box_around(seen)
                record |= {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0), "iscrowd": 0}

    def _lacks(self, at: int, category: Any, number: int) -> bool:
        """Whether an annotation is of this category, and its keypoint has no point."""
        if not 0 <= at < len(self.records) or self.records[at].get("category_id") != category:
            return False
        values = self.records[at].get(KEYPOINTS) or []
        return len(values) > 3 * number + 2 and values[3 * number + 2] == 0

    def _put(self, at: int, number: int, place: Sequence[float], seen: int) -> None:
        values = [int(one) if one.is_integer() else one for one in place]
        self.records[at][KEYPOINTS][3 * number : 3 * number + 3] = [*values, seen]

    def _new(self, category: Any) -> int:
        values = [0] * (3 * len(self.categories[category][KEYPOINTS]))
        self.records.append({"category_id": category, KEYPOINTS: values})
        return len(self.records) - 1


def _area_around(bbox: Any, place: Sequence[float]) -> float | None:
    """Return the area of a box x, y, width, height that contains a point; None if it does not."""
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(type(one) in (int, float) for one in bbox):
        return None
    inside = all(0 <= at - start <= size for at, start, size in zip(place, bbox[:2], bbox[2:]))
    return bbox[2] * bbox[3] if inside else None


KEYPOINT_FILES = Format((".json",), read_keypoints, write_keypoints, ("that a point belongs to no instance",))
