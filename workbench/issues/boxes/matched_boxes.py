"""Match the given boxes of images with locations, and find the candidates for boxes that were overlooked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.issues.boxes.locations import Locations
from workbench.tasks.box_overlaps import assigned, box_areas, overlapping

LEAST_PAIR = 0.1
"""Smallest intersection over union of a given box and a location that says anything."""

OWNS = 0.3
"""Intersection over union from which a given box may own a location: a badly placed box is one error, not two."""

COVERS = 0.5
"""Intersection over union from which a given box and a location are about one object, and share of a location inside a
box of a crowd from which it belongs to it."""


class GivenBoxes(NamedTuple):
    """The m given boxes: rows (m,) int64, ascending; places (m, 4); label (m,); crowd (m,) bool, boxes of a group of
    objects."""

    rows: np.ndarray
    places: np.ndarray
    label: np.ndarray
    crowd: np.ndarray

    def chosen(self, keep: np.ndarray) -> GivenBoxes:
        """Select boxes by a mask or by ascending indices."""
        return GivenBoxes(*(one[keep] for one in self))


class Matched(NamedTuple):
    """Given boxes and locations, matched.

    Attributes
    ----------
    first, second, iou : (q,) pairs of a given box and a location with an overlap, ordered by given box.
    match : (m,) int64, location that a given box owns, -1 if none. match_iou : (m,), 0 if none.
    candidates : (c,) int64, ascending: locations that belong to no given box.
    """

    first: np.ndarray
    second: np.ndarray
    iou: np.ndarray
    match: np.ndarray
    match_iou: np.ndarray
    candidates: np.ndarray


def matched(given: GivenBoxes, seen: Locations) -> Matched:
    """Match given boxes with locations.

    The assignment maximises the sum of IoU (.5 + .5 same class) (.25 + .75 score) over pairs with an IoU of at least
    .3. A location is a candidate if no given box owns it or overlaps it by .5, and no box of a crowd contains it.
    """
    pairs = overlapping(given.rows, given.places, seen.rows, seen.places, least=LEAST_PAIR)
    usual = ~given.crowd[pairs.first]
    first, second, iou = (one[usual] for one in pairs)
    near = np.flatnonzero(iou >= OWNS)
    same = given.label[first[near]] == seen.label[second[near]]
    weight = iou[near] * (0.5 + 0.5 * same) * (0.25 + 0.75 * seen.score[second[near]])
    chosen = near[assigned(first[near], second[near], weight)]
    match, match_iou = np.full(len(given.rows), -1), np.zeros(len(given.rows))
    match[first[chosen]], match_iou[first[chosen]] = second[chosen], iou[chosen]
    free = np.ones(len(seen.rows), bool)
    free[second[chosen]] = False
    free[second[iou >= COVERS]] = False
    free[_in_crowds(given, seen)] = False
    return Matched(first, second, iou, match, match_iou, np.flatnonzero(free))


def _in_crowds(given: GivenBoxes, seen: Locations) -> np.ndarray:
    """Return the locations of which at least half lie in a box of a crowd."""
    if not given.crowd.any():
        return np.empty(0, np.int64)
    groups = given.chosen(given.crowd)
    pairs = overlapping(seen.rows, seen.places, groups.rows, groups.places)
    one, other = seen.places[pairs.first], groups.places[pairs.second]
    inner = np.concatenate([np.maximum(one[:, :2], other[:, :2]), np.minimum(one[:, 2:], other[:, 2:])], axis=1)
    return pairs.first[box_areas(inner) >= COVERS * box_areas(one)]
