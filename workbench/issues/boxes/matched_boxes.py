"""Match the given boxes of images with locations, and find the candidates for boxes that were overlooked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workbench.issues.boxes.locations import Locations
from workbench.tasks.box_overlaps import assigned
from workbench.tasks.object_overlaps import areas_of, chosen_masks, joined_object_masks, overlaps_of

LEAST_PAIR = 0.1
"""Smallest intersection over union of a given box and a location that says anything."""

OWNS = 0.3
"""Intersection over union from which a given box may own a location: a badly placed box is one error, not two."""

COVERS = 0.5
"""Intersection over union from which a given box and a location are about one object, and share of a location inside a
box of a crowd from which it belongs to it."""


class GivenBoxes(NamedTuple):
    """The m given boxes: rows (m,) int64, ascending; places (m, 4); label (m,); crowd (m,) bool, boxes of a group of
    objects; masks (m,) object array of str, of instances, or None."""

    rows: np.ndarray
    places: np.ndarray
    label: np.ndarray
    crowd: np.ndarray
    masks: np.ndarray | None = None

    def chosen(self, keep: np.ndarray) -> GivenBoxes:
        """Select boxes by a mask or by ascending indices."""
        rows, places, label, crowd = (one[keep] for one in self[:4])
        return GivenBoxes(rows, places, label, crowd, chosen_masks(self.masks, keep))


def joined_boxes(parts: Sequence[GivenBoxes]) -> GivenBoxes:
    """Return the boxes of several lists, one after another."""
    rows, places, label, crowd = (np.concatenate(one) for one in zip(*(part[:4] for part in parts)))
    return GivenBoxes(rows, places, label, crowd, joined_object_masks([part.masks for part in parts]))


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
    pairs = overlaps_of(given, seen, least=LEAST_PAIR)
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
    pairs = overlaps_of(seen, groups)
    own = areas_of(seen)[pairs.first]
    inner = pairs.iou * (own + areas_of(groups)[pairs.second]) / (1 + pairs.iou)
    return pairs.first[inner >= (COVERS - 1e-9) * own]
