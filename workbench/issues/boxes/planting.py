"""Plant errors of every kind into given boxes: dropped, shifted, swapped and spurious ones.

The predictions for an image never saw its own labels, so errors can be planted without another training.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.issues.boxes.matched_boxes import GivenBoxes, joined_boxes
from workbench.issues.boxes.spoiled_outlines import spoiled_outlines
from workbench.tasks.box_overlaps import box_ious
from workbench.tasks.object_overlaps import GivenObjects, chosen_masks, overlaps_of

PLANTED_MIX = {"overlooked": 0.15, "class": 0.06, "place": 0.08, "spurious": 0.06, "duplicate": 0.02}
"""ShareBounds of the given boxes that are changed, by kind of error; duplicates count as spurious."""

OTHER_CLASS, MISPLACED, SPURIOUS_BOX = 0, 1, 2
"""Codes of the errors of given boxes."""

FAR_OFF = 0.5
"""A shifted box overlaps the box as it was by less than this."""

PLACEMENT_TRIES = 12


class PlantedBoxes(NamedTuple):
    """Given boxes with planted errors.

    Attributes
    ----------
    given : the boxes, sorted by image. kind : (m,) int64, code of the planted error, -1 for a box as it was.
    dropped, moved : the boxes that were removed, and those that were misplaced, as they were.
    """

    given: GivenBoxes
    kind: np.ndarray
    dropped: GivenBoxes
    moved: GivenBoxes


def planted_boxes(given: GivenBoxes, shares: np.ndarray, rng: np.random.Generator) -> PlantedBoxes:
    """Return the boxes with errors.

    Parameters
    ----------
    given : m boxes without crowds. shares : (k,) frequencies of the classes.
    """
    m = len(given.rows)
    drop, swap, shift, spurious, twice = PLANTED_MIX.values()
    swap = swap if (shares > 0).sum() > 1 else 0.0
    draw = rng.random(m)
    places, label = given.places.copy(), given.label.copy()
    kind = np.full(m, -1)
    at = np.flatnonzero((draw >= drop) & (draw < drop + shift))
    masks = None
    if given.masks is None:
        places[at], moved = _shifted(places[at], rng)
    else:
        masks = given.masks.copy()
        places[at], masks[at], moved = spoiled_outlines(given, at, rng)
    kind[at[moved]] = MISPLACED
    at = np.flatnonzero((draw >= drop + shift) & (draw < drop + shift + swap))
    if len(at):
        label[at] = _swapped(label[at], shares, rng)
        kind[at] = OTHER_CLASS
    kept = draw >= drop
    changed = GivenBoxes(given.rows, places, label, given.crowd, masks).chosen(kept)
    new = _spurious(given, rng.random(m) < spurious, rng)
    copies = _copies(given.chosen(kept & (kind < 0) & (rng.random(m) < twice)), rng)
    every = joined_boxes([changed, new, copies])
    order = np.argsort(every.rows, kind="stable")
    kinds = np.concatenate([kind[kept], np.full(len(new.rows) + len(copies.rows), SPURIOUS_BOX)])[order]
    return PlantedBoxes(every.chosen(order), kinds, given.chosen(~kept), given.chosen(kind == MISPLACED))


def _shifted(places: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Move and scale boxes (m, 4) until they overlap their old place by .1 to .5; also return which succeeded."""
    out, done = places.copy(), np.zeros(len(places), bool)
    for _ in range(PLACEMENT_TRIES):
        at = np.flatnonzero(~done)
        if not len(at):
            break
        sides = places[at, 2:] - places[at, :2]
        middle = (places[at, :2] + places[at, 2:]) / 2 + rng.uniform(-0.6, 0.6, (len(at), 2)) * sides
        half = sides * np.exp(rng.uniform(-0.6, 0.6, (len(at), 2))) / 2
        tried = np.concatenate([middle - half, middle + half], axis=1)
        iou = box_ious(tried, places[at])
        good = (iou > 0.1) & (iou < FAR_OFF)
        out[at[good]] = tried[good]
        done[at[good]] = True
    return out, done


def _swapped(label: np.ndarray, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return other classes (m,), drawn by their frequency."""
    other = label.copy()
    for _ in range(PLACEMENT_TRIES):
        same = np.flatnonzero(other == label)
        if not len(same):
            break
        other[same] = rng.choice(len(shares), len(same), p=shares / shares.sum())
    same = other == label
    order = np.argsort(-shares, kind="stable")
    other[same] = np.where(label[same] == order[0], order[1], order[0])
    return other


def _spurious(given: GivenBoxes, chosen: np.ndarray, rng: np.random.Generator) -> GivenBoxes:
    """Return boxes at free places of images: chosen boxes (m,) bool, each in another image."""
    from_ = np.flatnonzero(chosen)
    if not len(from_):
        return given.chosen(from_)
    rows = given.rows[rng.integers(0, len(given.rows), len(from_))]  # images with many boxes get more
    order = np.argsort(rows, kind="stable")
    rows, places, from_ = rows[order], given.places[from_][order], from_[order]
    masks = chosen_masks(given.masks, from_)
    taken = overlaps_of(GivenObjects(rows, places, masks), given, least=0.1)
    free = np.ones(len(rows), bool)
    free[taken.first] = False
    return GivenBoxes(rows, places, given.label[from_], np.zeros(len(rows), bool), masks).chosen(free)


def _copies(given: GivenBoxes, rng: np.random.Generator) -> GivenBoxes:
    """Return the boxes once more, moved by up to a tenth of their sides."""
    sides = np.tile(given.places[:, 2:] - given.places[:, :2], 2)
    if given.masks is not None:  # a mask keeps its size
        moved = np.round(rng.uniform(-0.1, 0.1, (len(given.rows), 2)) * sides[:, :2])
        return given._replace(places=given.places + np.tile(moved, 2))
    return given._replace(places=given.places + rng.uniform(-0.1, 0.1, given.places.shape) * sides)
