"""ObjectLab on flat arrays: per-box scores of overlooked, badly located and swapped boxes, pooled per image.

Tkachenko, Thyagarajan & Mueller 2023, ObjectLab: Automated Diagnosis of Mislabeled Images in Object Detection Data. The
constants are those of cleanlab 2.9.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from workbench.foundation.errors import InputError
from workbench.tasks.box_overlaps import MOST_NEAR_PAIRS, box_ious, overlapping, same_image

IOU_WEIGHT = 0.9
"""Weight of the intersection over union in the similarity of two boxes; the rest is that of the distance."""

DISTANCE_SCALE = 0.1
"""Factor of the distance between centres, in pixels, in exp(-factor * distance)."""

LEAST_UNION = 1e-6
"""Square pixels; smaller unions count as so many."""

CONFIDENT_SCORE, FAIR_SCORE = 0.95, 0.5
"""Scores of predictions that may contradict a label, and of those that may correct a place."""

SAME_BOX = 0.95
"""Intersection over union from which two given boxes of different classes contradict each other."""

IMAGE_TEMPERATURE = 0.1

TINY_SCORE = 1e-100

THRESHOLD_FACTOR = 0.8
"""Share of a class's threshold at or below which a score is an issue."""

AP_FACTOR = 0.25
"""Share of a class's mean average precision that is its threshold."""

AP_IOUS = np.linspace(0.5, 0.95, 10)


class PlacedBoxes(Protocol):
    """Boxes of images: rows (m,) int64, ascending; places (m, 4) x0, y0, x1, y1; label (m,) class indices."""

    @property
    def rows(self) -> np.ndarray: ...
    @property
    def places(self) -> np.ndarray: ...
    @property
    def label(self) -> np.ndarray: ...


class PredictedBoxes(PlacedBoxes, Protocol):
    """Predicted boxes, with score (p,) in [0, 1]."""

    @property
    def score(self) -> np.ndarray: ...


class ObjectLab(NamedTuple):
    """Scores of boxes, low = suspicious.

    Attributes
    ----------
    overlooked : (p,) of the predicted boxes, NaN for those that overlap a given box or have a score below .95.
    badly_located, swapped : (m,) of the given boxes.
    """

    overlooked: np.ndarray
    badly_located: np.ndarray
    swapped: np.ndarray


def objectlab(given: PlacedBoxes, found: PredictedBoxes, *, check_overlaps: bool = True) -> ObjectLab:
    """Return the scores of all boxes.

    Parameters
    ----------
    given : m labelled boxes. found : p predicted ones.
    check_overlaps : whether given boxes of different classes in the same place (IoU of at least .95) count as swapped.

    Raises
    ------
    InputError : an image has so many boxes that too many pairs would have to be compared.

    Notes
    -----
    The similarity of two boxes is s = .9 IoU + .1 exp(-.1 d), with d the distance of their centres in pixels; s_min is
    the smallest positive one of a given and a predicted box of the same image.

    - overlooked, for a prediction of score t >= .95 that overlaps no given box: the largest s with a given box of its
      class, s_min (1 - t) without one.
    - badly located, for a given box: the largest s with an overlapping prediction of its class with a score above .5,
      1 without one.
    - swapped, for a given box: 1 - the largest s with a prediction of another class with a score above .95, at least
      s_min, 1 without one.
    """
    _refuse_crowds(given.rows, found.rows)
    m, p = len(given.rows), len(found.rows)
    smallest = 1.0
    touched, near_class = np.zeros(p, bool), np.full(p, -1.0)
    located, other_class = np.full(m, -1.0), np.full(m, -1.0)
    fair, sure = found.score > FAIR_SCORE, found.score > CONFIDENT_SCORE
    centers = [(one.places[:, :2] + one.places[:, 2:]) / 2 for one in (given, found)]
    for first, second in same_image(given.rows, found.rows):
        iou = box_ious(given.places[first], found.places[second], least_union=LEAST_UNION)
        apart = np.linalg.norm(centers[0][first] - centers[1][second], axis=1)
        # As in cleanlab, 1 - (1 - near): below 1e-16 it is 0, which `smallest` depends on.
        like = IOU_WEIGHT * iou + (1 - IOU_WEIGHT) * (1 - (1 - np.exp(-DISTANCE_SCALE * apart)))
        smallest = min(smallest, float(like.min(where=like != 0, initial=1.0)))
        same, over = given.label[first] == found.label[second], iou > 0
        touched[second[over]] = True
        np.maximum.at(near_class, second[same], like[same])
        at = same & over & fair[second]
        np.maximum.at(located, first[at], like[at])
        at = ~same & sure[second]
        np.maximum.at(other_class, first[at], like[at])
    overlooked = np.where(near_class < 0, smallest * (1 - found.score), near_class)
    overlooked[touched | (found.score < CONFIDENT_SCORE)] = np.nan
    swapped = np.where(other_class < 0, 1.0, np.maximum(smallest, 1 - other_class))
    if check_overlaps:
        swapped[_contradicted(given)] = smallest
    return ObjectLab(overlooked, np.where(located < 0, 1.0, located), swapped)


def _refuse_crowds(rows: np.ndarray, other_rows: np.ndarray) -> None:
    if not len(rows) or not len(other_rows):
        return
    many = np.bincount(rows)
    others = np.bincount(other_rows, minlength=len(many))[: len(many)]
    pairs = many * others
    row = int(pairs.argmax())
    if pairs[row] > MOST_NEAR_PAIRS:
        what = f"has {many[row]:,} given and {others[row]:,} predicted boxes"
        raise InputError.at("predictions", what, "Drop predictions of low score, or cut the image into tiles.", row=row)


def _contradicted(given: PlacedBoxes) -> np.ndarray:
    """Return whether a given box (m,) has another of another class in its place."""
    pairs = overlapping(given.rows, given.places, least=SAME_BOX)
    other = given.label[pairs.first] != given.label[pairs.second]
    # The lower limit of the union can only lower the overlap, so that no pair is missed above.
    first, second = pairs.first[other], pairs.second[other]
    same = box_ious(given.places[first], given.places[second], least_union=LEAST_UNION) >= SAME_BOX
    found = np.zeros(len(given.rows), bool)
    found[first[same]] = True
    return found


def image_softmin(scores: np.ndarray, rows: np.ndarray, n: int) -> np.ndarray:
    """Pool scores (m,) of boxes to images (n,): their mean with weights softmax(-score / .1).

    Boxes with NaN are left out; an image without boxes has the score 1.
    """
    known = ~np.isnan(scores)
    scores, rows = scores[known], rows[known]
    least = np.full(n, np.inf)
    np.minimum.at(least, rows, scores)
    weights = np.exp((least[rows] - scores) / IMAGE_TEMPERATURE)
    total = np.bincount(rows, weights, n)
    return np.divide(np.bincount(rows, weights * scores, n), total, out=np.ones(n), where=total > 0)


def image_quality(
    scores: ObjectLab, given_rows: np.ndarray, found_rows: np.ndarray, n: int, weights: tuple[float, float, float]
) -> np.ndarray:
    """Return the label quality of images (n,) in [0, 1]: the weighted geometric mean of the pooled scores.

    Parameters
    ----------
    weights : of overlooked, badly located and swapped boxes; they sum to 1.
    """
    rows = (found_rows, given_rows, given_rows)
    parts = [image_softmin(one, where, n) for one, where in zip(scores, rows)]
    return np.exp(sum(weight * np.log(TINY_SCORE + part) for weight, part in zip(weights, parts)))


def class_thresholds(given: PlacedBoxes, found: PredictedBoxes, k: int) -> np.ndarray:
    """Return a quarter of the average precision of each class (k,), the mean over IoU .5, .55, ..., .95.

    A prediction is right if the given box of its class with which it overlaps most does so by at least the IoU, and no
    prediction before it has that box. Larger scores come first, and equal ones keep their order, for which cleanlab
    depends on the machine. The precision is interpolated: the largest at any larger recall.
    """
    best, iou = _best_of_class(given, found)
    order = np.lexsort((-found.score, found.label))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    ends = np.searchsorted(found.label[order], np.arange(k), "right")
    by_class = np.split(order, ends)[:k]
    totals = np.bincount(given.label, minlength=k)
    ap = np.zeros((len(AP_IOUS), k))
    for number, least in enumerate(AP_IOUS):
        hit = np.flatnonzero(iou >= least)
        hit = hit[np.lexsort((place[hit], best[hit]))]
        right = np.zeros(len(iou), bool)
        right[hit[np.flatnonzero(np.diff(best[hit], prepend=-1))]] = True
        for code, own in enumerate(by_class):
            if len(own) and totals[code]:
                ap[number, code] = _average_precision(right[own], int(totals[code]))
    return ap.mean(axis=0) * AP_FACTOR


def _best_of_class(given: PlacedBoxes, found: PredictedBoxes) -> tuple[np.ndarray, np.ndarray]:
    """Return for each prediction the given box of its class with the largest IoU, (p,) int64, -1 if none overlaps, and
    that IoU."""
    best, most = np.full(len(found.rows), -1), np.zeros(len(found.rows))
    pairs = overlapping(found.rows, found.places, given.rows, given.places)
    same = found.label[pairs.first] == given.label[pairs.second]
    first, second = pairs.first[same], pairs.second[same]
    iou = box_ious(found.places[first], given.places[second], least_union=LEAST_UNION)
    order = np.lexsort((second, -iou, first))
    head = order[np.flatnonzero(np.diff(first[order], prepend=-1))]
    best[first[head]], most[first[head]] = second[head], iou[head]
    return best, most


def _average_precision(right: np.ndarray, total: int) -> float:
    """Return the interpolated average precision of predictions in descending order, of which `right` (p,) are."""
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    ceiling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(ceiling[right].sum() / total)


def below_thresholds(scores: np.ndarray, label: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return which scores (m,) of boxes of these classes (m,) are issues, (m,) bool; NaN is none."""
    return np.where(np.isnan(scores), 1.0, scores) <= thresholds[label] * THRESHOLD_FACTOR
