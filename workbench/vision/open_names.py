"""Class names of several data sets mapped to each other, and their COCO files merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.foundation.checks import check_share
from workbench.foundation.errors import InputError, shortened
from workbench.foundation.rows import unit_rows
from workbench.review.box_files import corners, finite_number, read_json, write_finite_json
from workbench.runs.run import Run
from workbench.spans.type_names import name_similarity
from workbench.storage.tables import check_target

NAMES_ALIKE = 0.6


@dataclass(frozen=True)
class ClassMapping:
    """A proposed mapping of names to classes, to be reviewed.

    Attributes
    ----------
    matrix : DataFrame (names, classes), similarity in [0, 1]. table : DataFrame indexed by name: class (None if no
        class is similar enough), score, second (the next class) and margin, least margin first.
    """

    matrix: pd.DataFrame
    table: pd.DataFrame

    @property
    def mapping(self) -> dict[Any, Any]:
        """Dict of the mapped names to classes."""
        mapped = self.table["class"].dropna()
        return dict(zip(mapped.index, mapped))


def match_class_names(
    names: Sequence[str], classes: Sequence[str], *, embeddings: Mapping[str, Any] | None = None,
    least: float = NAMES_ALIKE,
) -> ClassMapping:  # fmt: skip
    """Propose a class for each name of another data set or of an open-vocabulary detector.

    Parameters
    ----------
    names : the other names
    classes : your classes
    embeddings : maps all names and classes to vectors, such as those of a text encoder, which know synonyms; by default
        names are compared by their spelling, so that couch and sofa are not similar
    least : in [0, 1], smallest similarity of a proposal

    Returns
    -------
    ClassMapping, several names may have the same class

    Raises
    ------
    InputError : no names or classes, or a name without an embedding

    Notes
    -----
    Cosine of the embeddings, negative values counting as 0; without embeddings as in `wb.spans.map_types`.

    References
    ----------
    ScaleDet: A Scalable Multi-Dataset Object Detector. YOLOE: Real-Time Seeing Anything.

    Examples
    --------
    >>> match_class_names(["Cars", "traffic_light", "sky"], ["car", "traffic light"]).mapping
    {'Cars': 'car', 'traffic_light': 'traffic light'}
    """
    check_share("least", least)
    ones, others = list(dict.fromkeys(map(str, names))), list(dict.fromkeys(map(str, classes)))
    if not ones or not others:
        raise InputError.at("names", "or `classes` are empty", "Pass at least one of each.")
    if embeddings is None:
        alike = name_similarity(ones, others)
    else:
        lost = [name for name in (*ones, *others) if name not in embeddings]
        if lost:
            raise InputError.unknown("name in `embeddings`", lost[0], embeddings)
        left, right = (
            unit_rows(np.stack([np.asarray(embeddings[one], float) for one in side])) for side in (ones, others)
        )
        alike = np.maximum(left @ right.T, 0)
    matrix = pd.DataFrame(alike, index=pd.Index(ones, name="name"), columns=others)
    order = np.argsort(-alike, axis=1, kind="stable")
    best = np.take_along_axis(alike, order, axis=1)
    after = best[:, 1] if len(others) > 1 else np.zeros(len(ones))
    table = pd.DataFrame(
        {
            "class": [others[one] if score >= least else None for one, score in zip(order[:, 0], best[:, 0])],
            "score": best[:, 0],
            "second": [others[one[1]] if len(others) > 1 else None for one in order],
            "margin": best[:, 0] - after,
        },
        index=matrix.index, dtype=object,
    ).astype({"score": float, "margin": float})  # fmt: skip
    return ClassMapping(matrix, table.sort_values("margin", kind="stable"))


def merge_coco(
    files: Mapping[str, str | Path], path: str | Path, *, names: Mapping[str, str] | None = None, force: bool = False
) -> pd.DataFrame:
    """Merge COCO files with different class names into one file, which keeps the original names and ids.

    Parameters
    ----------
    files : maps the name of each data set to its COCO file
    path : file ending in .json
    names : maps names to the unified classes, such as `ClassMapping.mapping`; other names stay as they are
    force : whether to replace an existing file

    Returns
    -------
    DataFrame with the columns dataset, name, class and boxes: how many boxes went where

    Raises
    ------
    InputError : a file that is not in COCO's format, or an annotation of an unknown image or category

    Notes
    -----
    Images and annotations get new ids; all their fields are kept, and `dataset` and `original_id` are added, to
    annotations `original_name` too. The same image in two files stays two images.
    """
    target = check_target(path, force, (".json",))
    if not files:
        raise InputError.at("files", "is empty", "Pass a dict of names to COCO files.")
    mapped: dict[Any, Any] = dict(names or {})
    images: list[dict[str, Any]] = []
    boxes: list[dict[str, Any]] = []
    codes: dict[Any, int] = {}
    rows = []
    for dataset, file in files.items():
        lists, categories = _coco_lists(Path(file))
        number_of = {}
        for one in lists["images"]:
            number_of[one["id"]] = len(images) + 1
            images.append({**one, "id": len(images) + 1, "dataset": dataset, "original_id": one["id"]})
        counts: dict[Any, int] = dict.fromkeys(categories.values(), 0)
        for one in lists["annotations"]:
            image, name = _entry(number_of, one.get("image_id")), _entry(categories, one.get("category_id"))
            if image is None or name is None:
                found = f"image {shortened(one.get('image_id'))}, category {shortened(one.get('category_id'))}"
                raise InputError(f"{file}: annotation {shortened(one.get('id'))} names {found}, one of them unknown.")
            code = codes.setdefault(mapped.get(name, name), len(codes) + 1)
            new = {"id": len(boxes) + 1, "image_id": image, "category_id": code}
            boxes.append({**one, **new, "dataset": dataset, "original_id": one.get("id"), "original_name": name})
            counts[name] += 1
        rows += [(dataset, name, mapped.get(name, name), number) for name, number in counts.items()]
        for name in categories.values():
            codes.setdefault(mapped.get(name, name), len(codes) + 1)
    unified = [{"id": code, "name": name} for name, code in codes.items()]
    write_finite_json({"images": images, "annotations": boxes, "categories": unified}, target)
    return pd.DataFrame(rows, columns=["dataset", "name", "class", "boxes"])


def read_open_detections(
    path: str | Path, labels: Dataset | Run, *, names: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Read predictions with open names from a COCO file with categories of its own, as `predictions` for `find_issues`.

    Parameters
    ----------
    path : JSON file with images, annotations (with a score) and categories. Images are found by `file_name`, and by
        their id where the labels have no file names.
    labels : the data set or run to which they belong
    names : maps open names to classes of the labels, such as `ClassMapping.mapping`; boxes with other names are left
        out. By default all boxes are returned with their open names.

    Returns
    -------
    list of n dicts, one per image
        bboxes : (p, 4) float64, x0, y0, x1, y1 in pixels, in the order of the file
        labels : (p,) object, names
        scores : (p,) float64

    Raises
    ------
    InputError : a file that is not in COCO's format, an unknown image or category, a score that is not a number
    """
    dataset = labels.extended() if isinstance(labels, Run) else labels
    source = Path(path)
    lists, categories = _coco_lists(source)
    known = dataset.metadata["file_name"] if "file_name" in dataset.metadata.columns else dataset.ids
    row_of = {str(name): row for row, name in enumerate(list(known))}
    field = "file_name" if "file_name" in dataset.metadata.columns else "id"
    row_by_id = {one["id"]: row_of.get(str(one.get(field))) for one in lists["images"]}
    found: list[list[tuple[list[float], str, float]]] = [[] for _ in range(dataset.n)]
    for number, one in enumerate(lists["annotations"]):
        where = f"{source}: annotation {number}"
        row, name = _entry(row_by_id, one.get("image_id")), _entry(categories, one.get("category_id"))
        box = one.get("bbox")
        if row is None or name is None:
            lost = f"image {shortened(one.get('image_id'))}, category {shortened(one.get('category_id'))}"
            raise InputError(f"{where} names {lost}. One of them is not in the file or the labels.")
        if not isinstance(box, list) or len(box) != 4:
            raise InputError(f"{where} has {shortened(box)} as `bbox`. Use [x, y, width, height].")
        if names is None or name in names:
            named = name if names is None else names[name]
            found[row].append((corners(box, where), named, finite_number(one.get("score"), where, "score")))
    return [
        {
            "bboxes": np.array([place for place, _, _ in own], np.float64).reshape(-1, 4),
            "labels": np.array([name for _, name, _ in own], object),
            "scores": np.array([score for *_, score in own], np.float64),
        }
        for own in found
    ]


def _entry(known: Mapping[Any, Any], key: Any) -> Any:
    """Return the value of an id, None if it is unknown or not an id."""
    return known.get(key) if isinstance(key, (int, str)) else None


def _coco_lists(source: Path) -> tuple[dict[str, list[dict[str, Any]]], dict[Any, str]]:
    """Return the lists of a COCO file, and the names of its categories by id."""
    content = read_json(source)
    lists: dict[str, list[dict[str, Any]]] = {}
    for name in ("images", "annotations", "categories"):
        one = content.get(name) if isinstance(content, dict) else None
        if not isinstance(one, list) or not all(isinstance(entry, dict) for entry in one):
            raise InputError(f"{source} has no list `{name}` of objects. It is not in COCO's format.")
        if name != "annotations" and not all(isinstance(entry.get("id"), (int, str)) for entry in one):
            raise InputError(f"{source} has an entry of `{name}` without an id.")
        lists[name] = one
    return lists, {one["id"]: str(one.get("name")) for one in lists.pop("categories")}
