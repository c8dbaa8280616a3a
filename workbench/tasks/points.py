"""Labelled points in images, such as centres of cells, heads or landmarks: any number per image, of any class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from workbench.foundation.lazy import LazyTable
from workbench.tasks.box_reading import read_points
from workbench.tasks.box_table import POINT, POINTS_TYPE, PlaceForm
from workbench.tasks.boxes import Boxes
from workbench.tasks.protocol import NOTHING


class Points(Boxes):
    """Labels are Arrow lists (`workbench.tasks.box_table`); a value is {"label", "point": [x, y]}, or None."""

    name = "points"
    one_unit = "one point of one image"
    column: pa.DataType = POINTS_TYPE
    predictions: tuple[str, ...] = ("predictions",)
    evidence_forms = LazyTable(
        {
            "predictions": "workbench.tasks.box_evidence:PREDICTED_BOXES",
            "object_embeddings": "workbench.tasks.object_vectors:OBJECT_FORM",
        }
    )
    formats = LazyTable(
        {
            "table": "workbench.review.export:TABLE",
            "coco": "workbench.review.keypoint_files:KEYPOINT_FILES",
            "cvat": "workbench.review.box_cvat:CVAT",
            "labelstudio": "workbench.review.box_studio:STUDIO",
        }
    )
    form: PlaceForm = POINT

    read = staticmethod(read_points)

    def same_place(self, this: Mapping[str, Any], that: Mapping[str, Any]) -> bool:
        """Whether the points of two values are equal."""
        return list(this["point"]) == list(that["point"])

    def in_words(self, value: Mapping[str, Any] | None) -> str:
        """The class and the position."""
        if value is None:
            return NOTHING
        x, y = value["point"]
        return f"{value['label']} at ({x:.6g}, {y:.6g})"
