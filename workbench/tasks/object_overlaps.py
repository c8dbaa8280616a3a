"""Overlaps of boxes or, where objects have masks, of their masks; sparse in both cases."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from workbench.tasks.box_overlaps import BoxPairs, box_areas, overlapping
from workbench.tasks.mask_runs import mask_ious, pixel_counts


class PlacedObjects(Protocol):
    """Objects in images: rows (m,) int64, ascending; places (m, 4) boxes; masks (m,) object array of str, or None."""

    @property
    def rows(self) -> np.ndarray:
        """(m,) image of each object."""
        ...

    @property
    def places(self) -> np.ndarray:
        """(m, 4) boxes."""
        ...

    @property
    def masks(self) -> np.ndarray | None:
        """(m,) masks in their boxes."""
        ...


class GivenObjects(NamedTuple):
    """Objects in images, as `PlacedObjects`."""

    rows: np.ndarray
    places: np.ndarray
    masks: np.ndarray | None = None


def overlaps_of(one: PlacedObjects, other: PlacedObjects | None = None, *, least: float = 0.0) -> BoxPairs:
    """Return all pairs of objects of the same image whose intersection over union is above 0 and at least `least`.

    Parameters
    ----------
    other : the second objects; without them, pairs of different objects of the first, each pair in both orders.
    least : float in [0, 1].

    Notes
    -----
    Of masks, only those whose boxes overlap are compared. An IoU of masks can exceed that of their boxes.
    """
    second = one if other is None else other
    places = (None, None) if other is None else (other.rows, other.places)
    if one.masks is None or second.masks is None:
        return overlapping(one.rows, one.places, *places, least=least)
    pairs = overlapping(one.rows, one.places, *places)
    first, second_at = _may_reach(pairs, one, second, least)
    iou = mask_ious(first, second_at, one.places, one.masks, second.places, second.masks)
    near = np.flatnonzero((iou > 0) & (iou >= least))
    return BoxPairs(first[near], second_at[near], iou[near])


def _may_reach(
    pairs: BoxPairs, one: PlacedObjects, other: PlacedObjects, least: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs whose IoU can be at least `least`: masks share at most what their boxes do."""
    if not least:
        return pairs.first, pairs.second
    area, other_area = areas_of(one)[pairs.first], areas_of(other)[pairs.second]
    sides = box_areas(one.places)[pairs.first] + box_areas(other.places)[pairs.second]
    shared = np.minimum(np.minimum(area, other_area), pairs.iou * sides / (1 + pairs.iou) + 0.5)
    keep = shared >= (least - 1e-9) * (area + other_area - shared)
    return pairs.first[keep], pairs.second[keep]


def areas_of(objects: PlacedObjects) -> np.ndarray:
    """Return the areas (m,) float64 of objects in pixels: of their masks, or else of their boxes."""
    if objects.masks is None:
        return box_areas(objects.places)
    return pixel_counts(objects.masks.tolist()).astype(np.float64)


def chosen_masks(masks: np.ndarray | None, keep: np.ndarray) -> np.ndarray | None:
    """Return the masks of chosen objects; None where there are none."""
    return None if masks is None else masks[keep]


def joined_object_masks(parts: list[np.ndarray | None]) -> np.ndarray | None:
    """Return masks of several lists of objects, one after another; None where there are none."""
    there = [one for one in parts if one is not None]
    return np.concatenate(there) if there else None
