"""Predictions of several decoder stages or checkpoints: how often the class at a labelled box changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from workbench.foundation.errors import InputError
from workbench.issues.boxes.stage_classes import LEAST_STAGE_IOU, classes_of_stages
from workbench.tasks.box_reading import read_boxes
from workbench.tasks.box_table import BOX, box_table_of
from workbench.tasks.class_names import object_array
from workbench.tasks.keys import number_within
from workbench.tasks.protocol import NOTHING
from workbench.tasks.scored_boxes import read_predictions


def stage_flips(
    labels: Any, stages: Sequence[Any], *, classes: Sequence[object] | None = None, least_iou: float = LEAST_STAGE_IOU
) -> pd.DataFrame:
    """Count how often the predicted class at each labelled box changes from stage to stage.

    Boxes whose class flips are hard, or have a wrong class: a detector follows the image at some stages and the labels
    that it has learned at others.

    Parameters
    ----------
    labels : n dicts {"bboxes": (b, 4) x0, y0, x1, y1 in pixels, "labels": (b,)}, or None without a label
    stages : the predictions of at least two decoder stages or checkpoints, in their order, each as `find_issues` takes
        them
    classes : names of the classes; by default those that occur in the labels
    least_iou : in (0, 1], IoU from which a prediction is about a box

    Returns
    -------
    DataFrame, one row per box, indexed by (row, box), the number of the image and of the box in it
        label : class. flips : int64 in [0, stages - 1], changes of the class from a stage to the next, where "nothing",
        no prediction, is a class as well. against : share of the stages that see another class or nothing. last : the
        class at the last stage

    Raises
    ------
    InputError : fewer than two stages, or invalid labels or predictions

    Notes
    -----
    The class of a stage is that of the prediction with the largest IoU * score of those that overlap the box by
    `least_iou`.

    Examples
    --------
    >>> labels = [{"bboxes": [[0, 0, 10, 10]], "labels": ["cat"]}]
    >>> seen = [[{"bboxes": [[0, 0, 10, 9]], "labels": [name], "scores": [0.8]}] for name in ("cat", "dog", "dog")]
    >>> stage_flips(labels, seen, classes=["cat", "dog"]).values.tolist()
    [['cat', 1, 0.6666666666666666, 'dog']]
    """
    if len(stages) < 2:
        raise InputError.at("stages", f"has {len(stages)} entries", "Pass the predictions of at least two stages.")
    if not 0 < least_iou <= 1:
        raise InputError.at("least_iou", f"is {least_iou!r}", "Use a number in (0, 1].")
    stored, names = read_boxes(labels, classes)
    table = box_table_of(stored)
    found = [read_predictions(predictions, table.n, names, (BOX,)) for predictions in stages]
    seen = classes_of_stages(table.rows, table.places, found, least=least_iou)
    texts = object_array([*names, NOTHING])
    columns = {
        "label": texts[table.label],
        "flips": (seen[1:] != seen[:-1]).sum(axis=0),
        "against": (seen != table.label).mean(axis=0),
        "last": texts[seen[-1]],
    }
    index = pd.MultiIndex.from_arrays([table.rows, number_within(table.rows)], names=["row", "box"])
    return pd.DataFrame(columns, index=index)
