"""Points instead of boxes: boxes to points and back with what is lost, and points outside of all predicted objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.tasks.box_overlaps import assigned, overlapping, same_image
from workbench.tasks.box_reading import read_boxes, read_points
from workbench.tasks.box_table import BOX, BoxTable, box_table_of
from workbench.tasks.class_names import object_array
from workbench.tasks.scored_boxes import read_predictions
from workbench.tasks.sentences import cut

LEAST_OBJECT_SCORE = 0.3


def boxes_to_points(labels: Any, *, classes: Sequence[object] | None = None) -> list[dict[str, Any] | None]:
    """Replace labelled boxes by their centres.

    Parameters
    ----------
    labels : n dicts {"bboxes": (b, 4) x0, y0, x1, y1 in pixels, "labels": (b,)}, or None without a label
    classes : names of the classes; by default those that occur

    Returns
    -------
    list of n dicts {"points": (b, 2) float64 x, y, "labels": b names}, None without a label

    Examples
    --------
    >>> boxes_to_points([{"bboxes": [[0, 0, 10, 20]], "labels": ["car"]}])
    [{'points': array([[ 5., 10.]]), 'labels': ['car']}]
    """
    stored, names = read_boxes(labels, classes)
    table = box_table_of(stored)
    return _by_image(table, (table.places[:, :2] + table.places[:, 2:]) / 2, object_array(names)[table.label], "points")


def points_to_boxes(labels: Any, like: Any, *, classes: Sequence[object] | None = None) -> list[dict[str, Any] | None]:
    """Replace labelled points by boxes of the usual size of their class.

    Parameters
    ----------
    labels : n dicts {"points": (b, 2) x, y in pixels, "labels": (b,)}, or None without a label
    like : boxes as `boxes_to_points` takes them, of these or of other images: the size of a class is the median of its
        boxes, or of all boxes if it has none
    classes : names of the classes; by default those that occur in the points

    Returns
    -------
    list of n dicts {"bboxes": (b, 4) float64, "labels": b names}, None without a label

    Examples
    --------
    >>> points_to_boxes([{"points": [[5, 10]], "labels": ["car"]}], [{"bboxes": [[0, 0, 4, 8]], "labels": ["car"]}])
    [{'bboxes': array([[ 3.,  6.,  7., 14.]]), 'labels': ['car']}]
    """
    stored, names = read_points(labels, classes)
    table = box_table_of(stored)
    sized, known = read_boxes(like, None)
    other = box_table_of(sized)
    sides = other.places[:, 2:] - other.places[:, :2]
    every = np.median(sides, axis=0) if len(sides) else np.ones(2)
    usual = {name: np.median(sides[other.label == code], axis=0) for code, name in enumerate(known)}
    half = np.array([usual.get(name, every) for name in names]).reshape(-1, 2)[table.label] / 2
    places = np.concatenate([table.places - half, table.places + half], axis=1)
    return _by_image(table, places, object_array(names)[table.label], "bboxes")


def _by_image(table: BoxTable, places: np.ndarray, names: np.ndarray, key: str) -> list[dict[str, Any] | None]:
    parts = zip(cut(places, table.starts), cut(names, table.starts), table.missing.tolist())
    return [None if gone else {key: place, "labels": own.tolist()} for place, own, gone in parts]


def box_loss(labels: Any, others: Any, *, classes: Sequence[object] | None = None) -> pd.DataFrame:
    """Tell what is lost if boxes are replaced by others, such as those that were restored from points.

    Parameters
    ----------
    labels, others : n dicts {"bboxes": (b, 4) x0, y0, x1, y1 in pixels, "labels": (b,)}, or None without a label
    classes : names of the classes; by default those that occur in `labels`

    Returns
    -------
    DataFrame indexed by class, and "all"
        boxes : int64, number in `labels`. kept : share that has a box of its class at IoU >= .5, one to one. iou : mean
        IoU with the assigned box of its class, 0 without one

    Examples
    --------
    >>> labels = [{"bboxes": [[0, 0, 4, 4], [20, 20, 28, 28]], "labels": ["cat", "cat"]}]
    >>> box_loss(labels, points_to_boxes(boxes_to_points(labels), labels)).round(2).values.tolist()
    [[2.0, 0.5, 0.5], [2.0, 0.5, 0.5]]
    """
    stored, names = read_boxes(labels, classes)
    table = box_table_of(stored)
    other = box_table_of(read_boxes(others, names)[0])
    pairs = overlapping(table.rows, table.places, other.rows, other.places)
    same = np.flatnonzero(table.label[pairs.first] == other.label[pairs.second])
    first, second, iou = (one[same] for one in pairs)
    chosen = assigned(first, second, iou)
    overlap = np.zeros(len(table.rows))
    overlap[first[chosen]] = iou[chosen]
    groups = [(name, table.label == code) for code, name in enumerate(names)] + [("all", np.ones(len(overlap), bool))]
    rows = []
    for name, own in groups:
        values = overlap[own]
        share = (float((values >= 0.5).mean()), float(values.mean())) if len(values) else (np.nan, np.nan)
        rows.append((name, len(values), *share))
    return pd.DataFrame(rows, columns=["class", "boxes", "kept", "iou"]).set_index("class")


def points_outside(
    labels: Any, predictions: Any, *, classes: Sequence[object] | None = None, least_score: float = LEAST_OBJECT_SCORE
) -> list[np.ndarray]:
    """Mark labelled points that lie in no predicted object of their class.

    Parameters
    ----------
    labels : n dicts {"points": (b, 2) x, y in pixels, "labels": (b,)}, or None without a label
    predictions : n entries of predicted boxes, as `find_issues` takes them
    classes : names of the classes; by default those that occur in the labels
    least_score : score from which a predicted box counts, in [0, 1]

    Returns
    -------
    list of n bool arrays (b,)

    Examples
    --------
    >>> labels = [{"points": [[5, 5], [50, 50]], "labels": ["car", "car"]}]
    >>> points_outside(labels, [{"bboxes": [[0, 0, 10, 10]], "labels": ["car"], "scores": [0.9]}])
    [array([False,  True])]
    """
    stored, names = read_points(labels, classes)
    table = box_table_of(stored)
    found = read_predictions(predictions, table.n, names, (BOX,))
    found = found.chosen(found.score >= least_score)
    outside = np.ones(len(table.rows), bool)
    for first, second in same_image(table.rows, found.rows):
        point, box = table.places[first], found.places[second]
        inside = ((box[:, :2] <= point) & (point < box[:, 2:])).all(axis=1)
        outside[first[inside & (table.label[first] == found.label[second])]] = False
    return cut(outside, table.starts)
