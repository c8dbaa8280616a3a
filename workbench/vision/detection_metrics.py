"""Average precision of detections by class, as COCO defines it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError
from workbench.vision.detection_tables import LabelledObjects, labelled_objects, predicted_objects
from workbench.vision.detections import (
    ImageObjects,
    Matches,
    as_objects,
    best_detections,
    match,
    overlapping_pairs,
)

OVERLAPS = tuple(np.linspace(0.5, 0.95, 10).tolist())
"""Least IoU of a match, from .5 to .95."""

RECALLS = np.linspace(0.0, 1.0, 101)
"""Recalls at which the precision is averaged."""

AREAS = {"": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""Ranges of areas in square pixels; "" is any."""

COUNTS_AT_ONCE = 1 << 20


def average_precision(
    labels: Any, predictions: Any, *, overlaps: Sequence[float] = OVERLAPS, max_detections: int = 100
) -> pd.DataFrame:
    """Compute the average precision of detections for each class, as COCO does.

    Parameters
    ----------
    labels : a Run (its corrected labels), a Dataset of boxes or instances, n entries of boxes as for `find_issues`, or
        a DataFrame with the columns row (the image), x0, y0, x1, y1 in pixels and label; optionally crowd (bool) and
        area in square pixels, by default that of the box or mask. Images without a label are left out.
    predictions : as for `find_issues`: n dicts {"bboxes": (p, 4), "labels": (p,), "scores": (p,)} or lists, or a
        DataFrame with one row per box; for labels in a DataFrame, one with the columns row, x0, y0, x1, y1, label and
        score. For instances with "masks" instead of "bboxes".
    overlaps : least IoU of a match, in (0, 1], over which the averages are taken
    max_detections : int >= 1, the detections of an image and class that count, by falling score

    Returns
    -------
    DataFrame indexed by class; NaN where there is no object
        ap : float64 in [0, 1], mean over `overlaps`
        ap50, ap75 : at that IoU, if it is one of `overlaps`
        ap_small, ap_medium, ap_large : of objects up to 32 x 32, up to 96 x 96 and more square pixels
        recall : share of the objects that are found, mean over `overlaps`
        objects, detections : int64, number of objects (without crowds) and of detections that count

    Raises
    ------
    InputError : wrong columns, values that are not finite numbers, a box of negative size, or no object

    Notes
    -----
    The mean of the column `ap` is COCO's mAP. Per class and IoU, the detections of all images are sorted by score; the
    precision at a recall is the highest at that or a higher recall, and the average precision its mean at the 101
    recalls 0, .01, ..., 1. A detection is matched, best score first, to the free object of its image and class with the
    greatest IoU, of boxes or, for instances, of masks ("segm"). A crowd can be matched by any number of detections,
    which then do not count; its overlap is the share of the detection inside it.

    References
    ----------
    Lin et al. 2014, Microsoft COCO: Common objects in context; values agree with pycocotools' `COCOeval`.

    Examples
    --------
    Of two dogs one is found, and the better detection is wrong.

    >>> labels = pd.DataFrame({"row": [0, 0], "x0": [0, 50], "y0": [0, 0], "x1": [10, 60], "y1": [10, 10]})
    >>> boxes = pd.DataFrame({"row": [0, 0], "x0": [0, 80], "y0": [0, 0], "x1": [10, 90], "y1": [10, 10]})
    >>> found = average_precision(labels.assign(label="dog"), boxes.assign(label="dog", score=[0.6, 0.9]))
    >>> found.loc["dog", ["ap", "ap50", "recall"]].round(3).to_dict()
    {'ap': 0.252, 'ap50': 0.252, 'recall': 0.5}
    """
    steps = check_overlaps(overlaps, max_detections)
    labelled = labelled_objects(labels)
    given, predicted, classes = numbered(labelled, [predicted_objects(predictions, labelled)])
    best, rank = best_detections(predicted[0], max_detections)
    kept = ImageObjects(*(one[best] for one in predicted[0]))
    pairs = overlapping_pairs(given, kept, float(steps.min()))
    columns: dict[str, Any] = {}
    for name, area in AREAS.items():
        ap, recall = _by_class(
            class_curves(given, kept, match(given, kept, rank, steps, area, pairs), len(classes)), steps
        )
        columns["ap" + (name and f"_{name}")] = ap.mean(axis=1)
        if not name:
            at = {percent: np.isclose(steps, percent / 100) for percent in (50, 75)}
            columns |= {f"ap{percent}": ap[:, here].mean(axis=1) for percent, here in at.items() if here.any()}
            columns["recall"] = recall.mean(axis=1)
    columns["objects"] = np.bincount(given.label[~given.crowd], minlength=len(classes))
    columns["detections"] = np.bincount(kept.label, minlength=len(classes))
    last = ["recall", "objects", "detections"]
    names = [name for name in columns if name not in last] + last
    return pd.DataFrame(columns, index=pd.Index(classes, name="class"))[names]


class MatchedCurve(NamedTuple):
    """The detections of a class by falling score, matched with its objects.

    Attributes
    ----------
    right, wrong : (t, d) bool. images : (d,) int64, image of each detection. counted : (g,) int64, image of each object
    that must be found.
    """

    right: np.ndarray
    wrong: np.ndarray
    images: np.ndarray
    counted: np.ndarray

    def average(self, weights: np.ndarray) -> np.ndarray:
        """Compute the mean average precision over the overlaps (b,), with how often each image is in a sample (b, n);
        NaN in samples without an object."""
        many = weights[:, self.counted].sum(axis=1)
        found = averaged_precision(self.right, self.wrong, weights[:, self.images], many).mean(axis=1)
        return np.where(many > 0, found, np.nan)


def check_overlaps(overlaps: Sequence[float], max_detections: int) -> np.ndarray:
    """Return overlaps as an array (t,); raise InputError if they, or the number of detections, are not valid."""
    check_whole("max_detections", max_detections, 1)
    steps = np.asarray(overlaps, float)
    if steps.ndim != 1 or not len(steps) or not ((steps > 0) & (steps <= 1)).all():
        raise InputError.at("overlaps", f"is {overlaps!r}", "Pass IoUs in (0, 1], such as [.5].")
    return steps


def numbered(
    labelled: LabelledObjects, predictions: Sequence[pd.DataFrame], among: np.ndarray | None = None
) -> tuple[ImageObjects, list[ImageObjects], pd.Index]:
    """Return labelled and predicted objects with numbers of images and classes, and the classes.

    Parameters
    ----------
    among : values of row of the images to use; by default those that have a label.
    """
    tables = [labelled.table, *predictions]
    among = labelled.images if among is None else among
    images = pd.Index(distinct_images([one["row"] for one in tables]) if among is None else among)
    named = pd.Series([] if labelled.classes is None else list(labelled.classes), dtype=object)
    classes = pd.Index(pd.concat([named, *(one["label"] for one in tables)]).unique(), dtype=object)
    given, *found = (as_objects(one[one["row"].isin(images)], images, classes) for one in tables)
    if not len(given.rows):
        raise InputError.at("labels", "holds no object", "Average precision needs at least one.")
    return given, found, classes


def distinct_images(columns: Sequence[pd.Series]) -> np.ndarray:
    """Return the distinct images of columns, whole numbers ascending: equal scores are ordered by image, as in COCO."""
    found = pd.concat(columns).unique()
    return np.sort(found) if found.dtype.kind in "iu" else found


def class_curves(given: ImageObjects, kept: ImageObjects, found: Matches, k: int) -> list[MatchedCurve | None]:
    """Return the curve of each of k classes; None for a class without objects that count."""
    listed: list[MatchedCurve | None] = [None] * k
    counted, own = given.label[found.counted], given.rows[found.counted]
    for code in np.unique(counted).tolist():
        here = np.flatnonzero(kept.label == code)
        here = here[np.argsort(-kept.score[here], kind="stable")]
        hit, left = found.found[:, here], ~found.ignored[:, here]
        listed[code] = MatchedCurve(hit & left, ~hit & left, kept.rows[here], own[counted == code])
    return listed


def matched_curves(
    given: ImageObjects, predicted: ImageObjects, k: int, steps: np.ndarray, max_detections: int
) -> list[MatchedCurve | None]:
    """Return the curve of each of k classes, for objects of any size."""
    best, rank = best_detections(predicted, max_detections)
    kept = ImageObjects(*(one[best] for one in predicted))
    pairs = overlapping_pairs(given, kept, float(steps.min()))
    return class_curves(given, kept, match(given, kept, rank, steps, AREAS[""], pairs), k)


def _by_class(listed: Sequence[MatchedCurve | None], steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the average precision and the recall of each class and overlap, (k, t); NaN without an object."""
    ap, recall = (np.full((len(listed), len(steps)), np.nan) for _ in range(2))
    for code, one in enumerate(listed):
        if one is not None:
            once, counted = np.ones((1, len(one.images))), len(one.counted)
            ap[code] = averaged_precision(one.right, one.wrong, once, np.array([counted]))[0]
            recall[code] = one.right.sum(axis=1) / counted
    return ap, recall


def averaged_precision(right: np.ndarray, wrong: np.ndarray, weights: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Compute the average precision (b, t) of detections in b samples.

    Parameters
    ----------
    right, wrong : (t, d) bool, by falling score. weights : (b, d), how often each detection is in a sample.
    counted : (b,) number of objects in each sample.

    Notes
    -----
    Copies of a detection enter the curve together.
    """
    (t, d), b = right.shape, len(weights)
    counted = counted.astype(np.int64)
    found = np.zeros((b, t))
    step = max(1, COUNTS_AT_ONCE // max(d, int(counted.max(initial=0)), 1))
    for start in range(0, b if d else 0, step):
        here = slice(start, start + step)
        w = weights[here].astype(np.int32)
        reached = _recalls_reached(counted[here])
        whole = np.cumsum(w, axis=1)
        for number in range(t):
            at = np.flatnonzero(right[number])
            if not len(at):
                continue
            left = right[number] | wrong[number]
            total = whole if left.all() else np.cumsum(w * left, axis=1)
            hits = np.cumsum(w[:, at], axis=1)
            precision = hits / (total[:, at] + np.spacing(1))
            highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
            gained = np.diff(np.take_along_axis(reached, hits, axis=1), axis=1, prepend=0)
            found[here, number] = (highest * gained).sum(axis=1) / len(RECALLS)
    return found


def _recalls_reached(counted: np.ndarray) -> np.ndarray:
    """Return how many recalls are reached by 0, 1, ... found objects in each sample, (b, counted + 1) int16."""
    needed = np.minimum(_objects_needed(counted), counted.max(initial=0))
    steps = np.zeros((len(counted), int(counted.max(initial=0)) + 1), np.int16)
    np.add.at(steps, (np.arange(len(counted))[:, None], needed), 1)
    return np.cumsum(steps, axis=1, dtype=np.int16)


def _objects_needed(counted: np.ndarray) -> np.ndarray:
    """Return the least number of found objects that reaches each recall, (b, 101) int64."""
    whole = np.maximum(counted, 1)[:, None]
    needed = np.ceil(RECALLS * whole).astype(np.int64)
    needed -= (needed - 1) / whole >= RECALLS  # the quotient decides, as rounded
    return needed + (needed / whole < RECALLS)
