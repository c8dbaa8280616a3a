"""Detections matched with labelled objects as COCO does, for all images and classes at once."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from workbench.tasks.box_overlaps import box_ious, same_image
from workbench.tasks.box_table import MASK_FIELD
from workbench.tasks.mask_runs import mask_ious, pixel_counts

CORNERS = ("x0", "y0", "x1", "y1")


class ImageObjects(NamedTuple):
    """The m objects of images, in any order.

    Attributes
    ----------
    rows : (m,) int64, image of each.
    boxes : (m, 4) float64, x0, y0, x1, y1 in pixels.
    label : (m,) int64, class index.
    group : (m,) int64, one number per image and class.
    crowd : (m,) bool, a box around a group of objects.
    area : (m,) float64 in square pixels, that decides the size class.
    score : (m,) float64 of predicted objects; empty for labelled ones.
    masks : (m, 1) object, of instances the compressed run lengths of the pixels in their box; (m, 0) of boxes.
    """

    rows: np.ndarray
    boxes: np.ndarray
    label: np.ndarray
    group: np.ndarray
    crowd: np.ndarray
    area: np.ndarray
    score: np.ndarray
    masks: np.ndarray


class Matches(NamedTuple):
    """Detections matched with objects at t overlaps, and for one range of areas.

    Attributes
    ----------
    found : (t, d) bool, whether the detection matches an object.
    ignored : (t, d) bool, whether it is left out: it matches a crowd or an object of another size, or matches nothing
        and is itself of another size.
    counted : (g,) bool, the objects that must be found: no crowds, and of the size.
    """

    found: np.ndarray
    ignored: np.ndarray
    counted: np.ndarray


def as_objects(table: pd.DataFrame, images: pd.Index, classes: pd.Index) -> ImageObjects:
    """Return a validated table with images and classes as their places in two indexes."""
    rows = images.get_indexer(pd.Index(table["row"]))
    label = classes.get_indexer(pd.Index(table["label"], dtype=object))
    return ImageObjects(
        rows,
        table[list(CORNERS)].to_numpy(np.float64),
        label,
        rows * len(classes) + label,
        table["crowd"].to_numpy(bool),
        table["area"].to_numpy(np.float64),
        table["score"].to_numpy() if "score" in table.columns else np.empty(0),
        table[[name for name in (MASK_FIELD,) if name in table.columns]].to_numpy(object),
    )


def best_detections(detections: ImageObjects, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places (d,) of the `most` best detections of each image and class, by falling score, and their rank
    (d,) from 0 in it; equal scores stay in their order."""
    order = np.lexsort((-detections.score, detections.group))
    group = detections.group[order]
    first = np.r_[True, group[1:] != group[:-1]] if len(group) else np.empty(0, bool)
    starts = np.flatnonzero(first)
    rank = np.arange(len(group)) - np.repeat(starts, np.diff(np.r_[starts, len(group)]))
    return order[rank < most], rank[rank < most]


def overlapping_pairs(
    objects: ImageObjects, detections: ImageObjects, least: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of an object and a detection of one image and class that overlap by at least `least`.

    Parameters
    ----------
    detections : ordered by image and class. least : IoU in (0, 1]; of a crowd, the share of the detection inside it.

    Returns
    -------
    object, detection : (p,) int64, ordered by detection and object. overlap : (p,) float64.
    """
    order = np.argsort(objects.group, kind="stable")
    found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for own, place in same_image(detections.group, objects.group[order]):
        other = order[place]
        overlap = (_mask_overlaps if objects.masks.shape[1] else _box_overlaps)(objects, detections, other, own)
        keep = overlap >= least
        found.append((other[keep], own[keep], overlap[keep]))
    one, two, three = (np.concatenate(part) for part in zip(*found))
    return one, two, three


def _box_overlaps(objects: ImageObjects, detections: ImageObjects, other: np.ndarray, own: np.ndarray) -> np.ndarray:
    ones, others = detections.boxes[own], objects.boxes[other]
    crowd = objects.crowd[other]
    others[crowd, :2] = np.clip(others[crowd, :2], ones[crowd, :2], ones[crowd, 2:])
    others[crowd, 2:] = np.clip(others[crowd, 2:], ones[crowd, :2], ones[crowd, 2:])
    return box_ious(ones, others)


def _mask_overlaps(objects: ImageObjects, detections: ImageObjects, other: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return the overlaps of masks, which are compared only where their boxes meet."""
    overlap = np.zeros(len(own))
    met = np.flatnonzero(box_ious(detections.boxes[own], objects.boxes[other]) > 0)
    own, other = own[met], other[met]
    iou = mask_ious(own, other, detections.boxes, detections.masks[:, 0], objects.boxes, objects.masks[:, 0])
    crowd = np.flatnonzero(objects.crowd[other])
    area, around = (pixel_counts(one.masks[at[crowd], 0].tolist()) for one, at in ((detections, own), (objects, other)))
    shared = np.rint(iou[crowd] * (area + around) / (1 + iou[crowd]))  # the pixels in both, a whole number
    iou[crowd] = shared / np.maximum(area, 1)
    overlap[met] = iou
    return overlap


def match(
    objects: ImageObjects, detections: ImageObjects, rank: np.ndarray, overlaps: np.ndarray, area: tuple[float, float],
    pairs: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> Matches:  # fmt: skip
    """Match detections with objects, the best score first, each with the free object of the greatest overlap.

    Parameters
    ----------
    detections, rank : the result of `best_detections`. overlaps : t least overlaps. area : (least, most) of an object
        that counts. pairs : the result of `overlapping_pairs`.

    Notes
    -----
    An object that counts goes before one that is ignored; a crowd can be matched many times (Lin et al. 2014,
    Microsoft COCO; the rules of pycocotools' `COCOeval.evaluateImg`).
    """
    other, own, overlap = pairs
    outside = (objects.area < area[0]) | (objects.area > area[1])
    ignored_object = objects.crowd | outside
    # The better of two pairs of a detection has the higher number: counted objects, then overlap, then the later one.
    better = np.empty(len(other), np.int64)
    better[np.lexsort((other, overlap, ~ignored_object[other]))] = np.arange(len(other))
    pair_of = np.empty(len(other), np.int64)
    pair_of[better] = np.arange(len(other))
    least = np.minimum(overlaps, 1 - 1e-10)[:, None]
    taken = np.zeros((len(overlaps), len(objects.rows)), bool)
    found = np.zeros((len(overlaps), len(detections.rows)), bool)
    ignored = np.zeros_like(found)
    for here, starts in _turns(own, rank):
        free = ~taken[:, other[here]] | objects.crowd[other[here]]
        usable = np.where(free & (overlap[here] >= least), better[here], -1)
        best = np.maximum.reduceat(usable, starts, axis=1)
        threshold, place = np.nonzero(best >= 0)
        chosen = pair_of[best[threshold, place]]
        taken[threshold, other[chosen]] = True
        found[threshold, own[chosen]] = True
        ignored[threshold, own[chosen]] = ignored_object[other[chosen]]
    ignored |= ~found & ((detections.area < area[0]) | (detections.area > area[1]))
    return Matches(found, ignored, ~ignored_object)


def _turns(own: np.ndarray, rank: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return for each rank the pairs of the detections with it, and where those of each detection begin among them."""
    if not len(own):
        return []
    turn = rank[own]
    order = np.argsort(turn, kind="stable")
    edges = np.flatnonzero(np.r_[True, np.diff(turn[order]) != 0, True])
    found = []
    for start, stop in pairwise(edges):
        here = order[start:stop]
        found.append((here, np.flatnonzero(np.r_[True, np.diff(own[here]) != 0])))
    return found
