"""Instances in the layout of Hugging Face datasets (Parquet): lists of boxes, classes and masks for each image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.review.box_files import Losses, labelled_images, size_of
from workbench.review.hf_columns import class_codes_in, class_label_names, columns_beside, read_columns, write_columns
from workbench.review.instance_outlines import outlined
from workbench.review.outlines import SEGMENTATION
from workbench.runs.run import Run
from workbench.storage.tables import check_target
from workbench.tasks.box_table import box_table_of
from workbench.tasks.class_names import object_array
from workbench.tasks.protocol import Format

BBOX_COLUMN, CATEGORY_COLUMN = "bbox", "category"
"""Columns beside `SEGMENTATION`: lists of boxes x, y, width, height in pixels, and of classes."""

RUNS_TYPE = pa.list_(pa.struct([("size", pa.list_(pa.int32())), ("counts", pa.string())]))
"""Arrow type of the masks of images: COCO's run lengths."""


def write_hf_instances(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write a .parquet file that `datasets.load_dataset("parquet", data_files=...)` opens.

    Each image has lists: "bbox" [x, y, width, height], "category", a ClassLabel, and "segmentation", COCO's run lengths
    {"size": [height, width], "counts"}; null without a label. Images have the feature Image.

    Raises
    ------
    InputError : an image of unknown size.
    """
    target, losses = check_target(path, force, HF_INSTANCES.suffixes), Losses("HF")
    dataset = run.extended()
    table = box_table_of(run.labels())
    boxes: list[Any] = []
    codes: list[Any] = []
    runs: list[Any] = []
    for one in labelled_images(run, losses):
        size = size_of(dataset, one, "HF") if len(one.codes) else (0.0, 0.0)
        first = int(table.starts[one.row])
        masks = [] if table.masks is None else table.masks[first : first + len(one.codes)].tolist()
        own = [outlined({}, place, mask, size)[SEGMENTATION] for place, mask in zip(one.places.tolist(), masks)]
        for more in one.more:
            losses.add_fields(more, (SEGMENTATION,))
        corners = [[x0, y0, x1 - x0, y1 - y0] for x0, y0, x1, y1 in one.places.tolist()]
        for column, values in ((boxes, corners), (codes, one.codes), (runs, own)):
            column.append(values if one.labelled else None)
    columns = columns_beside(dataset, {BBOX_COLUMN, CATEGORY_COLUMN, SEGMENTATION})
    columns[BBOX_COLUMN] = pa.array(boxes, pa.list_(pa.list_(pa.float64())))
    columns[CATEGORY_COLUMN] = pa.array(codes, pa.list_(pa.int64()))
    columns[SEGMENTATION] = pa.array(runs, RUNS_TYPE)
    losses.tell(target)
    return write_columns(columns, target, {CATEGORY_COLUMN: dataset.classes})


def read_hf_instances(
    path: str | Path, *, task: str = "instances", classes: Sequence[object] | None = None, id: str | None = "id",
    label: str | None = None, image: str | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read a Parquet file with lists "category" and "segmentation" for each image: run lengths or polygons.

    Parameters
    ----------
    classes : by default the names of the ClassLabel. image : by default the only column with the feature Image.
    label : ignored, since the format defines the names.

    Raises
    ------
    InputError : the file lacks one of the columns, the lists of an image differ in length, or a class has no name.
    """
    labels, others, roles = read_columns(path, [BBOX_COLUMN, CATEGORY_COLUMN, SEGMENTATION])
    for name in (CATEGORY_COLUMN, SEGMENTATION):
        if name not in labels.column_names:
            raise InputError.unknown("column", name, [*labels.column_names, *others])
    named = class_label_names(labels.schema.metadata or {}, CATEGORY_COLUMN)
    category, masks = labels.column(CATEGORY_COLUMN), labels.column(SEGMENTATION).to_pylist()
    names: list[Any] = category.to_pylist()
    if named is not None:
        known = object_array([*named, None])
        flat = pa.chunked_array([pa.array([code for own in names if own is not None for code in own], pa.int64())])
        found = iter(known[class_codes_in(flat, named, CATEGORY_COLUMN)].tolist())
        names = [None if own is None else [next(found) for _ in own] for own in names]
    cells = [None if own is None or mask is None else {"masks": mask, "labels": own} for own, mask in zip(names, masks)]
    frame = others.assign(**{SEGMENTATION: pd.Series(cells, dtype=object)})
    return Dataset.from_frame(
        frame, SEGMENTATION, id=id if id in frame.columns else None, task=task,
        classes=named if classes is None else classes, image=image or roles.get("image"), **options,
    )  # fmt: skip


HF_INSTANCES = Format((".parquet",), read_hf_instances, write_hf_instances, ("further fields of instances", "polygons"))
