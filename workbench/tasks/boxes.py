"""Labelled boxes in images: any number per image, of any class.

A unit is a box: a given one, or one proposed by a model. Code 0 of a unit is "nothing", that is, no box.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workbench.foundation.errors import InputError, shortened
from workbench.foundation.lazy import LazyTable
from workbench.tasks.box_frames import gathered_objects, image_sizes, refuse_outside
from workbench.tasks.box_reading import MASKS_KEY, flat_names, read_boxes, refuse_places
from workbench.tasks.box_table import (
    BOX,
    BOXES_TYPE,
    LAST_PIXEL,
    MASK_FIELD,
    BoxTable,
    PlaceForm,
    box_table_of,
    place_shapes,
    stored_boxes,
)
from workbench.tasks.class_names import object_array
from workbench.tasks.instance_masks import checked_mask
from workbench.tasks.keys import check_key, given_keys, number_of, number_within
from workbench.tasks.label_type import LabelType
from workbench.tasks.protocol import NOTHING, Decided, Met, TaskMixin
from workbench.tasks.scored_boxes import met_boxes
from workbench.tasks.units import Units

SAME_PLACE = 0.9
"""IoU from which a box moved by a person is a refinement of the given one, which was not wrong."""

SAME_DIGITS = 6
"""Decimals of a pixel up to which positions are compared, since widths and heights in files are rounded sums."""


class Boxes(TaskMixin):
    """Labels are Arrow lists (`workbench.tasks.box_table`); a value is {"box": [x0, y0, x1, y1], "label"}, or None."""

    name = "boxes"
    nothing = True
    one_unit = "one box of one image"
    long_tables = True
    column: pa.DataType = BOXES_TYPE
    predictions: tuple[str, ...] = ("predictions", "stages")
    evidence_forms = LazyTable(
        {
            "predictions": "workbench.tasks.box_evidence:PREDICTED_BOXES",
            "stages": "workbench.tasks.box_stages:PREDICTED_STAGES",
            "object_embeddings": "workbench.tasks.object_vectors:OBJECT_FORM",
        }
    )
    formats = LazyTable(
        {
            "table": "workbench.review.export:TABLE",
            "coco": "workbench.review.box_coco:COCO",
            "yolo": "workbench.review.box_yolo:YOLO",
            "voc": "workbench.review.box_voc:VOC",
            "cvat": "workbench.review.box_cvat:CVAT",
            "labelstudio": "workbench.review.box_studio:STUDIO",
        }
    )
    form: PlaceForm = BOX

    read = staticmethod(read_boxes)

    def gather(self, frame: pd.DataFrame, named: Mapping[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
        """One row per image from a table with one row per object."""
        return gathered_objects(frame, named, self.form)

    def label_type(self, labels: Any, classes: Sequence[object] | None) -> LabelType:
        """Return the type of the classes of the objects."""
        names = flat_names(labels, self.form)
        return LabelType.of(names, None if classes is None else list(getattr(classes, "categories", classes)))

    def check_metadata(self, labels: pa.ListArray, metadata: pd.DataFrame) -> None:
        """Check that objects lie in their images, where the metadata have the columns "width" and "height"."""
        sizes = image_sizes(metadata)
        if sizes is not None:
            refuse_outside(box_table_of(labels), sizes, self.form)

    def check(self, labels: pa.ListArray, classes: Sequence[str]) -> None:
        """Check for positions in order, known classes, and further fields that are JSON objects."""
        super().check(labels, classes)
        flat = labels.flatten()
        table = box_table_of(labels)
        todo = f"Restore them, or read them with `Dataset.from_arrays(labels, task={self.name!r})`."
        braced = pc.and_(pc.starts_with(table.more, "{"), pc.ends_with(table.more, "}")).fill_null(True)
        for wrong, found in (
            (flat.is_null().to_numpy(zero_copy_only=False), f"holds a {self.form.one} that is null"),
            ((table.label < 0) | (table.label >= len(classes)), f"holds a class that is not one of {len(classes)}"),
            (~braced.to_numpy(zero_copy_only=False), "holds further fields that are not a JSON object"),
        ):
            if wrong.any():
                raise InputError.at("labels", found, todo, row=int(table.rows[np.flatnonzero(wrong)[0]]))
        refuse_places(table.places, table.rows, number_within(table.rows), self.form)

    def to_column(self, labels: pa.ListArray, classes: Sequence[Any]) -> np.ndarray:
        """Dicts {"bboxes": [[x0, y0, x1, y1], ...], "labels": [...]}, with "more", JSON texts, where a box has further
        fields."""
        table = box_table_of(labels)
        starts, places = table.starts.tolist(), table.places.tolist()
        names = object_array(classes)[table.label].tolist()
        more = table.more.to_pylist() if table.more.null_count < len(table.more) else None
        found: list[dict[str, Any] | None] = []
        for row, gone in enumerate(table.missing.tolist()):
            own = slice(starts[row], starts[row + 1])
            fields: dict[str, Any] = {} if more is None or not any(more[own]) else {"more": more[own]}
            if table.masks is not None:
                fields[MASKS_KEY] = table.masks[own].tolist()
            found.append(None if gone else {self.form.keys[0]: places[own], "labels": names[own], **fields})
        return object_array(found)

    def differ(self, labels: pa.ListArray, others: pa.ListArray) -> np.ndarray:
        """(n,) bool, whether the objects differ in position (by `SAME_DIGITS` decimals), class or further fields; their
        order does not matter."""
        if labels is others or labels.equals(others):
            return np.zeros(len(labels), bool)
        tables = [box_table_of(one) for one in (labels, others)]
        different = tables[0].missing != tables[1].missing
        frames = []
        for table in tables:
            columns: dict[Any, np.ndarray] = dict(enumerate(np.round(table.places, SAME_DIGITS).T + 0.0))
            more = table.more.fill_null("").to_numpy(zero_copy_only=False)
            if table.masks is not None:
                columns["mask"] = table.masks
            frame = pd.DataFrame({"row": table.rows, **columns, "label": table.label, "more": more})
            frames.append(frame.assign(nth=frame.groupby(list(frame.columns), sort=False).cumcount()))
        odd = pd.concat(frames, ignore_index=True).drop_duplicates(keep=False)
        different[odd["row"].to_numpy(np.int64)] = True
        return different

    def units(self, labels: pa.ListArray, classes: Sequence[str]) -> Units:
        """The given objects, in the user's order."""
        table = box_table_of(labels)
        return Units(
            table.n, table.rows, table.label + 1, given_keys(table.rows), shapes=place_shapes(table.places, table.masks)
        )

    def value(self, code: int | float, shape: Mapping[str, Any] | None, classes: Sequence[str]) -> Any:
        """Class and position; None for no object."""
        if code < 1 or shape is None:
            return None
        masks = {MASK_FIELD: shape[MASK_FIELD]} if self.form.masks else {}
        place = [shape[name] for name in self.form.names]
        return {self.form.field: place, "label": str(classes[int(code) - 1]), **masks}

    def encode(self, value: Any) -> str:
        """JSON, in which whole numbers have no decimals, as in JavaScript."""
        field = self.form.field
        if isinstance(value, dict) and isinstance(value.get(field), (list, tuple)):
            value = {**value, field: [_plain_number(one) for one in value[field]]}
        return super().encode(value)

    def decode(self, text: str, classes: Sequence[str]) -> Any:
        """Class and position, as floats; None for no object."""
        value = self.decoded(text)
        if value is None:
            return None
        field = self.form.field
        masks = {MASK_FIELD} if self.form.masks else set()
        if not isinstance(value, dict) or set(value) != {field, "label", *masks}:
            raise InputError.at("value", f"is {shortened(text)}", self._todo)
        place, label = value[field], value["label"]
        if not isinstance(place, list) or len(place) != len(self.form.names) or not all(map(_is_pixel, place)):
            raise InputError.at("value", f"lies at {shortened(place)}", self._todo)
        if self.form.has_sides and (place[2] < place[0] or place[3] < place[1]):
            raise InputError.at("value", f"lies at {shortened(place)}", "A box has x0 <= x1 and y0 <= y1.")
        if not isinstance(label, str) or label not in classes:
            raise InputError.unknown("class", label, classes)
        box = [float(one) for one in place]
        found = {field: box, "label": label}
        return found | {MASK_FIELD: checked_mask(value[MASK_FIELD], box)} if masks else found

    @property
    def _todo(self) -> str:
        place = ", ".join(self.form.names)
        masks = f', "{MASK_FIELD}": COUNTS' if self.form.masks else ""
        shown = f'{{"{self.form.field}": [{place}], "label": CLASS{masks}}}'
        return f"Use {shown} in pixels, or null for no {self.form.one}."

    def apply(self, labels: pa.ListArray, classes: Sequence[str], decided: Decided) -> pa.ListArray:
        """Return the labels with decided objects changed in their place, removed, and added after the given ones; what
        is changed keeps its further fields."""
        if not len(decided.keys):
            return labels
        table = box_table_of(labels)
        starts = table.starts
        keep, places, label = np.ones(len(table.rows), bool), table.places.copy(), table.label.copy()
        masks = None if table.masks is None else table.masks.copy()
        more: list[tuple[int, list[float], int]] = []
        added_masks: list[str] = []
        code_of = {name: code for code, name in enumerate(classes)}
        for row, key, text in zip(decided.rows.tolist(), decided.keys, decided.values, strict=True):
            value = self.decode(text, classes)
            number = number_of(check_key(key))
            if number is None:
                if not key:
                    raise InputError.at("unit", "is ''", f"Name a {self.form.one} by its key, such as 'g0'.", row=row)
                if value is not None:
                    more.append((row, value[self.form.field], code_of[value["label"]]))
                    added_masks.append(value.get(MASK_FIELD, ""))
                continue
            own = int(starts[row + 1] - starts[row])
            if key[0] != "g" or number >= own:
                todo = f"The example has {own} given {self.name}."
                raise InputError.at("unit", f"is {key!r}", todo, row=row)
            at = starts[row] + number
            keep[at] = value is not None
            if value is not None:
                places[at], label[at] = value[self.form.field], code_of[value["label"]]
                if masks is not None:
                    masks[at] = value[MASK_FIELD]
        missing = table.missing.copy()
        missing[decided.rows] = False
        rows = np.concatenate([table.rows[keep], np.array([row for row, _, _ in more], np.int64)])
        added = np.array([place for _, place, _ in more], float).reshape(-1, places.shape[1])
        order = np.argsort(rows, kind="stable")
        fields = pa.concat_arrays([table.more.filter(pa.array(keep)), pa.nulls(len(more), pa.string())])
        return stored_boxes(
            BoxTable(
                rows[order],
                np.concatenate([places[keep], added])[order],
                np.concatenate([label[keep], np.array([code for _, _, code in more], np.int64)])[order],
                fields.take(pa.array(order)),
                missing,
                None if masks is None else np.concatenate([masks[keep], object_array(added_masks)])[order],
            )
        )

    def contradicts(self, said: str, given: str | None) -> bool | None:
        """Whether the class differs, or the place by more than a refinement (`SAME_PLACE`)."""
        if given is None or said == given:
            return said != given
        one, other = self.decoded(said), self.decoded(given)
        if one is None or other is None or one["label"] != other["label"]:
            return True
        return not self.same_place(one, other)

    def same_place(self, this: Mapping[str, Any], that: Mapping[str, Any]) -> bool:
        """Whether the boxes of two values have an IoU of at least `SAME_PLACE`."""
        one, other = this["box"], that["box"]
        sides = [min(one[axis + 2], other[axis + 2]) - max(one[axis], other[axis]) for axis in (0, 1)]
        inside = max(sides[0], 0.0) * max(sides[1], 0.0)
        areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
        return inside >= SAME_PLACE * (sum(areas) - inside)

    def meet(
        self, units: Units, classes: Sequence[str], *, predictions: Any = None, stages: Any = None, **others: Any
    ) -> Met:
        """Match scored objects, by default those of the last stage, with the given ones, and add those missing from the
        labels."""
        if predictions is None and isinstance(stages, (list, tuple)) and stages:
            predictions = stages[-1]
        return Met(units, {}) if predictions is None else met_boxes(units, predictions, classes)

    def choices(self, classes: Sequence[str]) -> tuple[str, ...]:
        """None, because a value includes a position."""
        return ()

    def in_words(self, value: Mapping[str, Any] | None) -> str:
        """The class and the corners."""
        if value is None:
            return NOTHING
        x0, y0, x1, y1 = value["box"]
        return f"{value['label']} from ({x0:.6g}, {y0:.6g}) to ({x1:.6g}, {y1:.6g})"


def _plain_number(value: Any) -> Any:
    number = value.item() if isinstance(value, np.generic) else value
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _is_pixel(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) <= LAST_PIXEL
