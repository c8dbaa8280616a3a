"""Checks of labelled boxes that need no predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError
from workbench.issues.boxes.box_checks import check_boxes
from workbench.tasks.box_reading import read_boxes
from workbench.tasks.box_table import box_table_of
from workbench.tasks.class_names import object_array


def odd_boxes(labels: Any, *, classes: Sequence[object] | None = None, sizes: Any = None) -> pd.DataFrame:
    """List what is unusual about labelled boxes: duplicates, extreme and tiny ones, boxes beyond the image, crowds.

    Parameters
    ----------
    labels : n dicts {"bboxes": (b, 4) x0, y0, x1, y1 in pixels, "labels": (b,)}, or None without a label
    classes : names of the classes; by default those that occur
    sizes : (n, 2) width and height of the images in pixels, or (2,) of all; NaN unknown

    Returns
    -------
    DataFrame, one row per box, indexed by (row, box), the number of the image and of the box in it
        label : class. duplicate : number of the other box of the image that overlaps most, -1 if none does by an IoU of
        .8. iou : that IoU. same_class : whether both have one class. area, aspect : robust z-scores of log area and log
        width / height within the class. tiny : less than 4 square pixels. outside : share of the box beyond the image,
        NaN if unknown. neighbors : number of boxes that overlap it. crowd : box of a group of objects, which is no
        duplicate. odd : a duplicate, a z-score beyond 4, tiny, or more than a tenth outside.

    Raises
    ------
    InputError : invalid boxes; the message names the image and the box.

    Examples
    --------
    >>> labels = [{"bboxes": [[0, 0, 50, 50], [1, 0, 50, 50], [80, 80, 120, 120]], "labels": ["cat", "cat", "dog"]}]
    >>> odd_boxes(labels, sizes=(100, 100))[["label", "duplicate", "outside", "odd"]].values.tolist()
    [['cat', 1, 0.0, True], ['cat', 0, 0.0, True], ['dog', -1, 0.75, True]]
    """
    stored, names = read_boxes(labels, classes)
    table = box_table_of(stored)
    size = None
    if sizes is not None:
        size = np.asarray(sizes, np.float64)
        if size.shape not in ((2,), (table.n, 2)):
            raise InputError.at("sizes", f"has shape {size.shape}", f"Pass width and height of {table.n} images.")
        size = np.broadcast_to(size, (table.n, 2))
    found = check_boxes(table.rows, table.places, table.label, size=size, crowd=table.crowd)
    twin = np.where(found.twin < 0, -1, found.number[np.maximum(found.twin, 0)]) if len(table.rows) else found.twin
    columns = {
        "label": object_array(names)[table.label],
        "duplicate": twin,
        "iou": found.twin_iou,
        "same_class": found.same_class,
        "area": found.area,
        "aspect": found.aspect,
        "tiny": found.tiny,
        "outside": found.outside,
        "neighbors": found.crowded,
        "crowd": found.crowd,
        "odd": found.suspicious,
    }
    return pd.DataFrame(columns, index=pd.MultiIndex.from_arrays([table.rows, found.number], names=["row", "box"]))
