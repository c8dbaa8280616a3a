"""Read labelled instances, objects with a mask each, as passed by users. Errors name the row and the instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.cells import is_missing
from workbench.foundation.checks import in_memory
from workbench.foundation.errors import InputError, shortened
from workbench.tasks.box_frames import SIZE_COLUMNS, image_sizes
from workbench.tasks.box_reading import (
    LABELS_KEY,
    MASKS_KEY,
    MORE_KEY,
    MOST_OBJECTS,
    class_indices,
    numbers,
    refuse_places,
)
from workbench.tasks.box_table import INSTANCE_FORM, MASK_FIELD, BoxTable, more_text, stored_boxes
from workbench.tasks.class_names import object_array
from workbench.tasks.instance_masks import ONE_MASK_FORMS, FullMask, cut_masks, full_mask, refuse_masks
from workbench.tasks.keys import number_within

INSTANCES_KEY, BOXES_KEY = "instances", "bboxes"

MASK_NAMES = (MASKS_KEY, "segmentation")
"""Keys under which a dict per example may hold the masks."""

INSTANCE_FORMS = (
    f'Pass n dicts {{"masks": b masks, "labels": (b,)}}, n lists of (mask, class), or n dicts {{"instances": (h, w) '
    f'ids, "labels": {{id: class}}}}; [] for an image without objects, None for one without a label. {ONE_MASK_FORMS}'
)


class OwnInstances(NamedTuple):
    """The b instances of one example: classes, further fields or None, and masks: of the whole image, or in the stored
    form, boxes (b, 4) and texts."""

    names: Sequence[object]
    more: Sequence[str | None] | None
    masks: Sequence[FullMask]
    boxes: np.ndarray | None = None
    texts: Sequence[str] = ()

    @property
    def many(self) -> int:
        """Number of instances."""
        return len(self.names)


def read_instances(labels: Any, classes: Sequence[object] | None) -> tuple[pa.ListArray, tuple[str, ...]]:
    """Return stored instances and the class names.

    Parameters
    ----------
    labels : n dicts {"masks": b masks, "labels": (b,)}, optionally with "more", b dicts of further fields or JSON texts
        of them; or n lists of (mask, class), as tuples or dicts {"mask", "label", "more"}; or n dicts {"instances":
        (h, w) integers, "labels": {id: class}}, in which pixels with an id that is not listed are background. A mask is
        an array (h, w) of 0 and 1, COCO's run lengths {"size": [h, w], "counts"}, or a list of polygons. None for an
        image without a label. With "bboxes" (b, 4), masks are compressed run lengths of the pixels in these boxes.
    classes : names of the classes; by default those that occur, sorted. Integer classes with names as text are indices.

    Raises
    ------
    InputError : a mask that is none of these, run lengths that do not fit their size, masks of one image that differ in
        size, an image with more than `MOST_OBJECTS` instances, or an unknown class; the message names the row and the
        instance.
    """
    own = owned_instances(labels)
    there = [one for one in own if one is not None]
    rows = np.repeat(np.arange(len(own)), [0 if one is None else one.many for one in own])
    places, texts = joined_masks(there)
    refuse_places(places, rows, number_within(rows), INSTANCE_FORM)
    masks = object_array(texts)
    refuse_masks(masks, places, rows)
    codes, known = class_indices([name for one in there for name in one.names], classes, rows)
    more: list[str | None] = []
    for one in there:
        more += [None] * one.many if one.more is None else one.more
    fields = pa.array(more, pa.string())
    missing = np.array([one is None for one in own], bool)
    return stored_boxes(BoxTable(rows, places, codes, fields, missing, masks)), known


def joined_masks(own: Sequence[OwnInstances]) -> tuple[np.ndarray, list[str]]:
    """Return the boxes (m, 4) and the compressed run lengths of the masks of several examples."""
    cut, cut_texts = cut_masks([mask for one in own if one.boxes is None for mask in one.masks])
    boxes: list[np.ndarray] = [np.zeros((0, 4))]
    texts: list[str] = []
    start = 0
    for one in own:
        if one.boxes is not None:
            boxes.append(one.boxes)
            texts += one.texts
        else:
            boxes.append(cut[start : start + one.many])
            texts += cut_texts[start : start + one.many]
            start += one.many
    return np.concatenate(boxes).astype(np.float64), texts


def owned_instances(labels: Any, field: str = "labels") -> list[OwnInstances | None]:
    """Return the instances of each example, None without a label; classes are not yet looked up."""
    to_list = getattr(labels, "to_pylist", None)
    labels = labels if to_list is None else to_list()
    if isinstance(labels, (str, bytes, Mapping)) or not hasattr(labels, "__iter__"):
        raise InputError.at(field, f"is a {type(labels).__name__}", INSTANCE_FORMS)
    return [own_instances(one, row, field) for row, one in enumerate(labels)]


def instance_names(labels: Any) -> list[object]:
    """Return the classes of all instances, as the user passed them; masks are not read."""
    to_list = getattr(labels, "to_pylist", None)
    found: list[object] = []
    for cell in labels if to_list is None else to_list():
        if isinstance(cell, Mapping):
            names = cell.get(LABELS_KEY, ())
            found += list(names.values()) if isinstance(names, Mapping) else list(names)
        elif isinstance(cell, (list, tuple)):
            found += [one["label"] if isinstance(one, Mapping) else one[1] for one in cell]
    return found


def own_instances(cell: Any, row: int, field: str = "labels") -> OwnInstances | None:
    """Return the instances of one example."""
    cell = in_memory(field, cell)
    if isinstance(cell, Mapping):
        found = _of_dict(cell, row, field)
    elif isinstance(cell, (list, tuple, np.ndarray, pd.Series)):
        found = _of_list(list(cell), row, field)
    elif is_missing(cell):
        return None
    else:
        raise InputError.at(field, f"is {shortened(cell)}", INSTANCE_FORMS, row=row)
    sizes = {(one.height, one.width) for one in found.masks if one.width}
    if len(sizes) > 1:
        (a, b), (c, d) = sorted(sizes)[:2]
        text = f"has masks of the sizes {a} x {b} and {c} x {d} (height x width)"
        raise InputError.at(field, text, "Masks of an image have the size of the image.", row=row)
    return found


def _of_dict(cell: Mapping[str, Any], row: int, field: str) -> OwnInstances:
    key = next((one for one in (INSTANCES_KEY, *MASK_NAMES) if one in cell), None)
    if key is None or LABELS_KEY not in cell:
        raise InputError.at(field, f"is {shortened(dict(cell))}", INSTANCE_FORMS, row=row)
    if key == INSTANCES_KEY:
        return _of_ids(cell, row, field)
    masks, names = in_memory(field, cell[key]), _listed(cell[LABELS_KEY], row, field)
    many = len(masks) if hasattr(masks, "__len__") and not isinstance(masks, (str, Mapping)) else -1
    if many != len(names):
        text = f"has {many:,} {key} for {len(names):,} labels" if many >= 0 else f"has the {key} {shortened(masks)}"
        raise InputError.at(field, text, INSTANCE_FORMS, row=row)
    _refuse_many(many, row, field)
    more = None if is_missing(cell.get(MORE_KEY)) else _listed(cell[MORE_KEY], row, field)
    if more is not None and len(more) != many:
        raise InputError.at(field, f"has {len(more):,} more for {many:,} labels", INSTANCE_FORMS, row=row)
    if many and BOXES_KEY in cell and all(isinstance(one, str) for one in masks):
        boxes = numbers(cell[BOXES_KEY], BOXES_KEY, row, INSTANCE_FORM, field)
        if len(boxes) != many:
            text = f"has {len(boxes):,} {BOXES_KEY} for {many:,} {key}"
            raise InputError.at(field, text, INSTANCE_FORMS, row=row)
        return OwnInstances(names, _texts(more, row, field), [], boxes, list(masks))
    full = [full_mask(one, field, row, number) for number, one in enumerate(masks)]
    return OwnInstances(names, _texts(more, row, field), full)


def _of_ids(cell: Mapping[str, Any], row: int, field: str) -> OwnInstances:
    """Read a raster of ids and the class of each id."""
    ids, names = np.asarray(in_memory(field, cell[INSTANCES_KEY])), cell[LABELS_KEY]
    if ids.ndim != 2 or ids.dtype.kind not in "iu" or not isinstance(names, Mapping):
        raise InputError.at(field, f"has instances of shape {ids.shape} and dtype {ids.dtype}", INSTANCE_FORMS, row=row)
    _refuse_many(len(names), row, field)
    by_id = {int(key): name for key, name in names.items()}
    return OwnInstances(list(by_id.values()), None, masks_of_ids(ids, list(by_id)))


def masks_of_ids(ids: np.ndarray, wanted: Sequence[int]) -> list[FullMask]:
    """Return the masks of the pixels of a raster (h, w) that have each of the `wanted` ids."""
    flat = ids.ravel(order="F")
    edges = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    value, length = flat[edges], np.diff(edges, append=flat.size)
    order = np.argsort(value, kind="stable")
    found, ascending = [], value[order]
    for one in wanted:
        own = order[np.searchsorted(ascending, one, "left") : np.searchsorted(ascending, one, "right")]
        bounds = np.stack([edges[own], edges[own] + length[own]], axis=1).ravel()
        found.append(FullMask(np.diff(np.concatenate([[0], bounds, [flat.size]])), *ids.shape))
    return found


def _of_list(cell: list[Any], row: int, field: str) -> OwnInstances:
    _refuse_many(len(cell), row, field)
    parts = []
    for number, one in enumerate(cell):
        if isinstance(one, Mapping) and set(one) - {MORE_KEY} in ({MASK_FIELD, "label"}, {MASK_FIELD, "label", "box"}):
            parts.append((one[MASK_FIELD], one["label"], one.get("box"), one.get(MORE_KEY)))
        elif isinstance(one, (list, tuple)) and len(one) == 2:
            parts.append((*one, None, None))
        else:
            raise InputError.at(field, f"instance {number} is {shortened(one)}", INSTANCE_FORMS, row=row)
    names = [name for _, name, _, _ in parts]
    more = _texts([fields for *_, fields in parts], row, field)
    if parts and all(box is not None and isinstance(mask, str) for mask, _, box, _ in parts):
        boxes = numbers([box for _, _, box, _ in parts], BOXES_KEY, row, INSTANCE_FORM, field)
        return OwnInstances(names, more, [], boxes, [mask for mask, *_ in parts])
    return OwnInstances(names, more, [full_mask(mask, field, row, at) for at, (mask, *_) in enumerate(parts)])


def _refuse_many(many: int, row: int, field: str) -> None:
    if many > MOST_OBJECTS:
        todo = f"At most {MOST_OBJECTS:,} are read: cut the image into tiles."
        raise InputError.at(field, f"has {many:,} instances", todo, row=row)


def _listed(values: Any, row: int, field: str) -> list[Any]:
    """Return values per instance as a list."""
    values = in_memory(field, values)
    if isinstance(values, (pd.Series, pd.Index, np.ndarray)):
        values = values.tolist()
    if not isinstance(values, (list, tuple)):
        raise InputError.at(field, f"holds {shortened(values)}", INSTANCE_FORMS, row=row)
    return list(values)


def _texts(more: Sequence[Any] | None, row: int, field: str) -> list[str | None] | None:
    """Return further fields as stored."""
    if more is None or all(is_missing(one) for one in more):
        return None
    found: list[str | None] = []
    for number, fields in enumerate(more):
        try:
            found.append(None if is_missing(fields) else more_text(fields))
        except InputError as error:
            text = f"instance {number}: more {error.parts['found']}"
            raise InputError.at(field, text, error.parts["todo"], row=row) from error
    return found


def refuse_other_sizes(frame: pd.DataFrame, label: str) -> None:
    """Raise if masks of whole images have another size than the columns "width" and "height" say."""
    sizes = image_sizes(frame)
    if sizes is None or label not in frame.columns:
        return
    for row, cell in enumerate(frame[label].tolist()):
        found = _size_of(cell)
        width, height = sizes[row]
        if found is not None and not np.isnan(width) and found != (height, width):
            text = f"has masks of {found[0]} x {found[1]} pixels in an image of {height:g} x {width:g} (height x width)"
            todo = f"Check the masks, or the columns {' and '.join(map(repr, SIZE_COLUMNS))}."
            raise InputError.at(label, text, todo, row=row)


def _size_of(cell: Any) -> tuple[int, int] | None:
    """Return height and width of the first mask of a cell, if it is an array or run lengths of a whole image."""
    masks: Any = None
    if isinstance(cell, Mapping):
        masks = (
            [cell[INSTANCES_KEY]]
            if INSTANCES_KEY in cell
            else next((cell[one] for one in MASK_NAMES if one in cell), [])
        )
    elif isinstance(cell, (list, tuple)):
        masks = [one.get(MASK_FIELD) if isinstance(one, Mapping) else one[0] for one in cell if len(one)]
    for mask in masks if hasattr(masks, "__len__") else ():
        if isinstance(mask, Mapping) and len(mask.get("size", ())) == 2:
            return (int(mask["size"][0]), int(mask["size"][1]))
        if isinstance(mask, np.ndarray) and mask.ndim == 2:
            return (mask.shape[0], mask.shape[1])
    return None
