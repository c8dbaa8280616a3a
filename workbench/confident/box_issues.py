"""ObjectLab for labelled boxes: scores of overlooked, badly located and swapped boxes, per box and per image.

Labels are n dicts {"bboxes": (b, 4) x0, y0, x1, y1, "labels": (b,)}, or None for an image without a label, and
`predictions` n lists over the classes of arrays (p, 5) with x0, y0, x1, y1, score, out-of-sample, or n dicts {"bboxes",
"scores", "labels"}. The results equal those of cleanlab's `object_detection`. An image without a label, which cleanlab
does not accept, has no scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from workbench.confident.objectlab import (
    ObjectLab,
    below_thresholds,
    class_thresholds,
    image_quality,
    objectlab,
)
from workbench.foundation.errors import InputError
from workbench.tasks.box_reading import LABELS_KEY, read_boxes
from workbench.tasks.box_table import BOX, BoxTable, box_table_of
from workbench.tasks.scored_boxes import CLASS_SCORES_KEY, ScoredBoxes, read_predictions
from workbench.tasks.sentences import cut

OBJECT_ERRORS = ("overlooked", "badly_located", "swapped")


class _Read(NamedTuple):
    given: BoxTable
    found: ScoredBoxes
    k: int


def box_scores(
    labels: Any, predictions: Any, *, classes: Sequence[object] | None = None, check_overlaps: bool = True
) -> dict[str, list[np.ndarray]]:
    """Score boxes by the predictions around them.

    Parameters
    ----------
    labels : n dicts {"bboxes": (b, 4), "labels": (b,)} with class indices, or names of `classes`; None without a label.
    predictions : n lists over the k classes of arrays (p, 5) x0, y0, x1, y1, score in [0, 1]; or n dicts {"bboxes":
        (p, 4), "scores": (p,), "labels": (p,)}.
    classes : k names, needed if labels are names; by default indices.
    check_overlaps : whether given boxes of different classes at one place count as swapped.

    Returns
    -------
    dict of n float arrays each, low = suspicious
        "overlooked" : (p,) of the predicted boxes, class by class; NaN for those below a score of .95 and those that
        overlap a given box. "badly_located", "swapped" : (b,) of the given boxes. All NaN without a label.

    Raises
    ------
    InputError : invalid boxes, classes or scores; the message names the image and the box.

    Notes
    -----
    The similarity of a given and a predicted box is s = .9 IoU + .1 exp(-.1 d), with d the distance of their centres in
    pixels, and s_min the smallest positive one in the data.

    - overlooked: the largest s with a given box of the predicted class; without one s_min (1 - score).
    - badly located: the largest s with a prediction of the given class that overlaps and has a score above .5, else 1.
    - swapped: 1 - the largest s with a prediction of another class with a score above .95, at least s_min; 1 without
      one; s_min for a box that has another of another class in its place (IoU >= .95).

    References
    ----------
    Tkachenko, Thyagarajan and Mueller 2023, ObjectLab: Automated Diagnosis of Mislabeled Images in Object Detection
    Data, section 3.

    Examples
    --------
    >>> labels = [{"bboxes": np.array([[0, 0, 10, 10]]), "labels": np.array([0])}]
    >>> predictions = [[np.array([[0, 0, 10, 5, 0.9]]), np.array([[40, 40, 50, 50, 0.99]])]]
    >>> found = box_scores(labels, predictions)
    >>> {name: one[0].round(3).tolist() for name, one in found.items()}
    {'overlooked': [nan, 0.0], 'badly_located': [0.528], 'swapped': [1.0]}
    """
    read = _read(labels, predictions, classes)
    scores = _scores(read, check_overlaps)
    return _by_image(read, scores)


def box_image_scores(
    labels: Any, predictions: Any, *, classes: Sequence[object] | None = None,
    weights: Mapping[str, float] | None = None, check_overlaps: bool = True,
) -> np.ndarray:  # fmt: skip
    """Score the labels of each image, from the scores of its boxes.

    Parameters
    ----------
    labels, predictions, classes, check_overlaps : as in `box_scores`.
    weights : dict of "overlooked", "badly_located" and "swapped" to non-negative weights that sum to 1; equal ones by
        default.

    Returns
    -------
    (n,) float64 in [0, 1], low = suspicious; NaN for an image without a label

    Raises
    ------
    InputError : other weights, or as in `box_scores`.

    Notes
    -----
    The scores of each kind are pooled by softmin with temperature .1 (1 without scores), and the three by a weighted
    geometric mean.

    Examples
    --------
    >>> labels = [{"bboxes": np.array([[0, 0, 10, 10]]), "labels": np.array([0])}]
    >>> box_image_scores(labels, [[np.array([[0, 0, 10, 5, 0.9]])]]).round(3)
    array([0.808])
    """
    shares = _weights(weights)
    read = _read(labels, predictions, classes)
    return _pooled(read, _scores(read, check_overlaps), shares)


def find_box_issues(
    labels: Any, predictions: Any, *, classes: Sequence[object] | None = None, per: str = "example",
    ranked: bool = False, check_overlaps: bool = True,
) -> Any:  # fmt: skip
    """Decide which images or boxes have label issues, as ObjectLab does.

    Parameters
    ----------
    labels, predictions, classes, check_overlaps : as in `box_scores`.
    per : {"example", "unit"}
        The decision per image, or those of all boxes.
    ranked : whether to return the images with issues, the most suspicious first, instead of a mask.

    Returns
    -------
    (n,) bool, or (q,) int64 if `ranked`; for "unit" a dict of n bool arrays each, as `box_scores` returns scores

    Raises
    ------
    InputError : an unknown `per`, or as in `box_scores`.

    Notes
    -----
    A score is an issue if it is at most .8 times the threshold of its class, a quarter of the average precision of the
    class (mean over IoU .5, .55, ..., .95). Predictions of equal score are taken in their order, while the order in
    cleanlab depends on the machine.

    Examples
    --------
    >>> labels = [{"bboxes": np.array([[0, 0, 10, 10]]), "labels": np.array([0])}]
    >>> find_box_issues(labels, [[np.array([[0, 0, 10, 10, 0.9], [40, 40, 50, 50, 0.99]])]])
    array([ True])
    """
    if per not in ("example", "unit"):
        raise InputError.unknown("per", per, ("example", "unit"))
    read = _read(labels, predictions, classes)
    scores = _scores(read, check_overlaps)
    limits = class_thresholds(read.given, read.found, read.k)
    label = {"overlooked": read.found.label, "badly_located": read.given.label, "swapped": read.given.label}
    issues = {name: below_thresholds(one, label[name], limits) for name, one in zip(OBJECT_ERRORS, scores)}
    if per == "unit":
        return _by_image(read, issues.values())
    found = np.zeros(read.given.n, bool)
    for rows, one in zip(_rows(read), issues.values()):
        found[rows[one]] = True
    if not ranked:
        return found
    at = np.flatnonzero(found)
    return at[np.argsort(_pooled(read, scores, _weights(None))[at], kind="stable")]


def _rows(read: _Read) -> tuple[np.ndarray, ...]:
    """Return the image of each score, of each kind."""
    return read.found.rows, read.given.rows, read.given.rows


def _by_image(read: _Read, values: Iterable[np.ndarray]) -> dict[str, list[np.ndarray]]:
    every = np.arange(read.given.n + 1)
    parts = zip(OBJECT_ERRORS, values, _rows(read))
    return {name: cut(one, np.searchsorted(rows, every)) for name, one, rows in parts}


def _scores(read: _Read, check_overlaps: bool) -> ObjectLab:
    scores = objectlab(read.given, read.found, check_overlaps=check_overlaps)
    return scores._replace(overlooked=np.where(read.given.missing[read.found.rows], np.nan, scores.overlooked))


def _pooled(read: _Read, scores: ObjectLab, weights: tuple[float, float, float]) -> np.ndarray:
    quality = image_quality(scores, read.given.rows, read.found.rows, read.given.n, weights)
    return np.where(read.given.missing, np.nan, quality)


def _weights(weights: Mapping[str, float] | None) -> tuple[float, float, float]:
    if weights is None:
        return (1 / 3, 1 / 3, 1 / 3)
    for name in weights:
        if name not in OBJECT_ERRORS:
            raise InputError.unknown("kind of error", name, OBJECT_ERRORS)
    one, two, three = (float(weights.get(name, 0.0)) for name in OBJECT_ERRORS)
    if min(one, two, three) < 0 or not np.isclose(one + two + three, 1):
        raise InputError.at("weights", f"is {dict(weights)}", "Pass non-negative numbers that sum to 1.")
    return one, two, three


def _read(labels: Any, predictions: Any, classes: Sequence[object] | None) -> _Read:
    """Return boxes and predictions as columns, and the number of classes."""
    names = list(classes) if classes is not None else [str(code) for code in range(_width(labels, predictions))]
    stored, known = read_boxes(labels, names)
    given = box_table_of(stored)
    return _Read(given, read_predictions(predictions, given.n, known, (BOX,)), len(known))


def _width(labels: Any, predictions: Any) -> int:
    """Return the number of classes: that of the arrays of an image, or one more than the largest index."""
    most = 1
    for one in predictions if hasattr(predictions, "__iter__") else ():
        if isinstance(one, Mapping):
            scores = one.get(CLASS_SCORES_KEY)
            shape = np.shape(scores) if scores is not None else ()
            most = max(most, *shape[1:2], 1 + _largest(one.get(LABELS_KEY)))
        elif one is not None and len(one):
            return len(one)
    for one in labels if hasattr(labels, "__iter__") else ():
        most = max(most, 1 + _largest(one.get(LABELS_KEY) if isinstance(one, Mapping) else None))
    return most


def _largest(codes: Any) -> int:
    values = np.asarray([] if codes is None else codes)
    return int(values.max(initial=-1)) if values.dtype.kind in "iu" else -1
