"""Labelled instances in images: objects of any class with a mask each, any number per image.

A unit is an instance: a given one, or one proposed by a model. Code 0 of a unit is "nothing", that is, no object. An
instance is a box with a mask: it is stored, decided about and shown as boxes are, and matched by its mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.errors import InputError
from workbench.foundation.lazy import LazyTable
from workbench.tasks.box_frames import image_sizes
from workbench.tasks.box_table import INSTANCE_FORM, INSTANCES_TYPE, MASK_FIELD, PlaceForm, box_table_of
from workbench.tasks.boxes import SAME_PLACE, Boxes
from workbench.tasks.class_names import object_array
from workbench.tasks.instance_evidence import read_scored_instances
from workbench.tasks.instance_masks import refuse_masks
from workbench.tasks.instance_reading import instance_names, read_instances, refuse_other_sizes
from workbench.tasks.keys import number_within
from workbench.tasks.label_type import LabelType
from workbench.tasks.mask_runs import mask_ious, pixel_counts
from workbench.tasks.protocol import NOTHING, Met
from workbench.tasks.scored_boxes import met_boxes
from workbench.tasks.units import Units


class Instances(Boxes):
    """Labels are Arrow lists (`workbench.tasks.box_table`); a value is {"box": [x0, y0, x1, y1], "label", "mask"}, with
    the compressed run lengths of the pixels in the box, or None."""

    name = "instances"
    one_unit = "one instance of one image"
    column: pa.DataType = INSTANCES_TYPE
    predictions: tuple[str, ...] = ("predictions",)
    evidence_forms = LazyTable(
        {
            "predictions": "workbench.tasks.instance_evidence:PREDICTED_INSTANCES",
            "object_embeddings": "workbench.tasks.object_vectors:OBJECT_FORM",
        }
    )
    formats = LazyTable(
        {
            "table": "workbench.review.export:TABLE",
            "coco": "workbench.review.box_coco:COCO",
            "yolo": "workbench.review.box_yolo:YOLO_POLYGONS",
            "hf": "workbench.review.instance_hf:HF_INSTANCES",
            "cvat": "workbench.review.box_cvat:CVAT",
            "labelstudio": "workbench.review.box_studio:STUDIO",
            "png": "workbench.review.instance_pngs:INSTANCE_PNG",
        }
    )
    form: PlaceForm = INSTANCE_FORM

    read = staticmethod(read_instances)

    def gather(self, frame: pd.DataFrame, named: Mapping[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
        """The table, unchanged: it has one row per image. Masks are compared with the sizes of the images."""
        if isinstance(named["label"], str):
            refuse_other_sizes(frame, named["label"])
        return frame, {name: value for name, value in named.items() if name != "classes"}

    def label_type(self, labels: Any, classes: Sequence[object] | None) -> LabelType:
        """Return the type of the classes of the instances."""
        named = None if classes is None else list(getattr(classes, "categories", classes))
        return LabelType.of(instance_names(labels), named)

    def check_metadata(self, labels: pa.ListArray, metadata: pd.DataFrame) -> None:
        """Check that masks lie in their images, where the metadata have the columns "width" and "height"."""
        table = box_table_of(labels)
        self.refuse_beyond(table.rows, table.places, metadata, "labels")

    def refuse_beyond(self, rows: np.ndarray, places: np.ndarray, metadata: pd.DataFrame, field: str) -> None:
        """Raise if the box (m, 4) of a mask reaches beyond its image."""
        sizes = image_sizes(metadata)
        if sizes is None:
            return
        beyond = np.flatnonzero((places[:, 2:] > sizes[rows]).any(axis=1))
        if len(beyond):
            at = int(beyond[0])
            (width, height), row = sizes[rows[at]], int(rows[at])
            found = (
                f"instance {number_within(rows)[at]} reaches to ({places[at, 2]:g}, {places[at, 3]:g}) in an image of"
            )
            more = f" (so do {len(beyond) - 1:,} more)" if len(beyond) > 1 else ""
            todo = "Masks lie inside their images, width x height: check the sizes, or cut the masks."
            raise InputError.at(field, f"{found} {width:g} x {height:g}{more}", todo, row=row)

    def check(self, labels: pa.ListArray, classes: Sequence[str]) -> None:
        """Check as for boxes, and that masks fit their boxes."""
        super().check(labels, classes)
        table = box_table_of(labels)
        assert table.masks is not None
        refuse_masks(table.masks, table.places, table.rows)

    def same_place(self, this: Mapping[str, Any], that: Mapping[str, Any]) -> bool:
        """Whether the masks of two values have an IoU of at least `SAME_PLACE`."""
        one = np.zeros(1, np.int64)
        boxes = [np.array([value["box"]], np.float64) for value in (this, that)]
        texts = [object_array([value[MASK_FIELD]]) for value in (this, that)]
        return bool(mask_ious(one, one, boxes[0], texts[0], boxes[1], texts[1])[0] >= SAME_PLACE)

    def meet(self, units: Units, classes: Sequence[str], *, predictions: Any = None, **others: Any) -> Met:
        """Match scored instances with the given ones by their masks, and add those missing from the labels."""
        if predictions is None:
            return Met(units, {})
        return met_boxes(units, read_scored_instances(predictions, units.n, classes), classes)

    def in_words(self, value: Mapping[str, Any] | None) -> str:
        """The class, the number of pixels and the corners."""
        if value is None:
            return NOTHING
        x0, y0, x1, y1 = value["box"]
        area = int(pixel_counts([value[MASK_FIELD]])[0])
        pixels = "pixel" if area == 1 else "pixels"
        return f"{value['label']} of {area:,} {pixels} from ({x0:.6g}, {y0:.6g}) to ({x1:.6g}, {y1:.6g})"
