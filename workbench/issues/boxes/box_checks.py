"""Checks of boxes that need no predictions: duplicates, extreme and tiny boxes, boxes beyond the image, crowds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.issues.boxes.box_features import log_sides
from workbench.issues.tags.words import hundredths
from workbench.tasks.box_overlaps import box_areas
from workbench.tasks.object_overlaps import GivenObjects, areas_of, overlaps_of

DUPLICATE = 0.8
"""Intersection over union from which two given boxes of an image are said to be of one object."""

TINY_PIXELS = 4.0
"""Area in square pixels below which a box is tiny."""

EXTREME = 4.0
"""Robust standard deviations from the median of its class, in log area or log aspect, from which a form is extreme."""

FEW_BOXES = 20
"""Number of boxes of a class below which the spread of all classes is used."""

LEAST_FORM_SPREAD = 0.1


class BoxChecks(NamedTuple):
    """Facts about m given boxes.

    Attributes
    ----------
    twin : (m,) int64, the other given box of the image that overlaps most, -1 if none does by `DUPLICATE`.
    twin_iou : (m,) float64 in [0, 1], their overlap. same_class : (m,) bool, whether the twin has the same class.
    number : (m,) int64, number of the box in its image.
    area, aspect : (m,) float64, robust z-scores of log area and log aspect (width / height) within the class.
    tiny : (m,) bool, less than `TINY_PIXELS`. outside : (m,) float64 in [0, 1], share of the box beyond the image, NaN
        if the size is unknown.
    crowded : (m,) int64, number of given boxes that overlap the box. crowd : (m,) bool, the box is of a group of
        objects. one : name of an object.
    """

    twin: np.ndarray
    twin_iou: np.ndarray
    same_class: np.ndarray
    number: np.ndarray
    area: np.ndarray
    aspect: np.ndarray
    tiny: np.ndarray
    outside: np.ndarray
    crowded: np.ndarray
    crowd: np.ndarray
    one: str = "box"

    @property
    def suspicious(self) -> np.ndarray:
        """(m,) bool: duplicates, extreme or tiny boxes, and boxes that reach beyond the image by more than a tenth."""
        extreme = (np.abs(self.area) > EXTREME) | (np.abs(self.aspect) > EXTREME)
        return (self.twin >= 0) | extreme | self.tiny | (np.nan_to_num(self.outside) > 0.1)

    def of(self, given: int) -> list[str]:
        """Return what is unusual about a box, in words."""
        found = []
        twin = int(self.twin[given])
        if twin >= 0:
            kind = "" if self.same_class[given] else ", of another class,"
            overlap = hundredths(float(self.twin_iou[given]))
            found.append(f"{self.one} {int(self.number[twin])}{kind} overlaps it by {overlap}: one object twice?")
        if np.nan_to_num(self.outside[given]) > 0.1:
            found.append(f"{self.outside[given]:.0%} of it lies outside of the image")
        if self.tiny[given]:
            found.append(f"it is smaller than {TINY_PIXELS:g} square pixels")
        elif abs(self.area[given]) > EXTREME:
            found.append(f"it is unusually {'large' if self.area[given] > 0 else 'small'} for its class")
        if abs(self.aspect[given]) > EXTREME:
            found.append(f"it is unusually {'wide' if self.aspect[given] > 0 else 'high'} for its class")
        return found


def check_boxes(
    rows: np.ndarray, places: np.ndarray, label: np.ndarray, *, size: np.ndarray | None = None,
    crowd: np.ndarray | None = None, masks: np.ndarray | None = None,
) -> BoxChecks:  # fmt: skip
    """Check given boxes for what is unusual about them, without predictions.

    Parameters
    ----------
    rows : (m,) int64, ascending, the image of each box. places : (m, 4) x0, y0, x1, y1 in pixels. label : (m,) class
        indices.
    size : (n, 2) width and height of the images, NaN unknown, or None.
    crowd : (m,) bool, boxes of a group of objects; they are no duplicates of their members.
    masks : (m,) of instances, whose overlaps and areas count instead of those of their boxes; or None.

    Returns
    -------
    BoxChecks
    """
    m = len(rows)
    crowd = np.zeros(m, bool) if crowd is None else crowd
    objects = GivenObjects(rows, places, masks)
    pairs = overlaps_of(objects)
    usual = ~crowd[pairs.first] & ~crowd[pairs.second]
    first, second, iou = (one[usual] for one in pairs)
    twin, twin_iou = np.full(m, -1), np.zeros(m)
    close = np.flatnonzero(iou >= DUPLICATE)
    order = close[np.lexsort((-iou[close], first[close]))]
    head = order[np.flatnonzero(np.diff(first[order], prepend=-1))]
    twin[first[head]], twin_iou[first[head]] = second[head], iou[head]
    area, aspect = log_sides(places)
    starts = np.searchsorted(rows, rows)
    return BoxChecks(
        twin,
        twin_iou,
        (twin >= 0) & (label[np.maximum(twin, 0)] == label) if m else np.zeros(0, bool),
        np.arange(m) - starts,
        _within_class(area, label),
        _within_class(aspect, label),
        areas_of(objects) < TINY_PIXELS,
        _outside(rows, places, size),
        np.bincount(first, minlength=m),
        crowd,
        "box" if masks is None else "instance",
    )


def _within_class(values: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return robust z-scores (m,) of values within their class."""
    if not len(values):
        return values
    every = _spread(values)
    z = np.empty(len(values))
    for code in np.unique(label):
        own = label == code
        spread = _spread(values[own]) if own.sum() >= FEW_BOXES else every
        z[own] = (values[own] - np.median(values[own])) / max(spread, LEAST_FORM_SPREAD)
    return z


def _spread(values: np.ndarray) -> float:
    """Return the standard deviation of a normal distribution with the same median absolute deviation."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _outside(rows: np.ndarray, places: np.ndarray, size: np.ndarray | None) -> np.ndarray:
    """Return the share (m,) of each box that lies beyond its image, NaN if unknown."""
    if size is None:
        return np.full(len(rows), np.nan)
    own = size[rows]
    inner = np.concatenate([np.maximum(places[:, :2], 0), np.minimum(places[:, 2:], own)], axis=1)
    area = box_areas(places)
    share = 1 - np.divide(box_areas(inner), area, out=np.ones(len(area)), where=area > 0)
    return np.where(np.isnan(own).any(axis=1), np.nan, np.clip(share, 0, 1))
