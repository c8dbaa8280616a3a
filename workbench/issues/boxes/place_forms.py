"""Points as boxes, the predictions that are worth listing, and what of them lies in its image."""

from __future__ import annotations

import numpy as np

from workbench.data.dataset import Dataset
from workbench.data.media import size_if_known
from workbench.tasks.box_frames import image_sizes
from workbench.tasks.box_overlaps import box_areas, same_image
from workbench.tasks.box_table import BOX
from workbench.tasks.scored_boxes import ScoredBoxes, reach

LEAST_LISTED_SCORE = 0.02
"""Score from which a prediction is used."""

MOST_LISTED, LISTED_PER_OBJECT = 300_000, 4
"""Largest number of predictions that are used: of these two limits, with the number of given objects, the larger."""


def given_as_boxes(rows: np.ndarray, places: np.ndarray, found: ScoredBoxes) -> np.ndarray:
    """Return given boxes (m, 4) as they are, and given points (m, 2) as boxes.

    A point is the predicted box of its image that contains it (of several, the one with the largest score); without
    one, or where points are predicted, a square around it (`square_side`).
    """
    if places.shape[1] == len(BOX.names):
        return places
    boxes = _squares(places, square_side(rows, places, found))
    if found.places.shape[1] != len(BOX.names):
        return boxes
    best = np.full(len(rows), -1.0)
    for first, second in same_image(rows, found.rows):
        point, box = places[first], found.places[second]
        inside = np.flatnonzero(((box[:, :2] <= point) & (point < box[:, 2:])).all(axis=1))
        inside = inside[np.argsort(found.score[second[inside]], kind="stable")]
        inside = inside[found.score[second[inside]] > best[first[inside]]]
        boxes[first[inside]], best[first[inside]] = box[inside], found.score[second[inside]]
    return boxes


def found_as_boxes(rows: np.ndarray, places: np.ndarray, found: ScoredBoxes) -> ScoredBoxes:
    """Return predicted points as squares (`square_side`), and predicted boxes as they are."""
    if found.places.shape[1] == len(BOX.names):
        return found
    return found._replace(places=_squares(found.places, square_side(rows, places, found)))


def square_side(rows: np.ndarray, points: np.ndarray, found: ScoredBoxes) -> float:
    """Return the side of the square that stands for a point: the median side of predicted boxes, or where points are
    predicted, three times the distance within which two points may be the same."""
    if found.places.shape[1] != len(BOX.names):
        return 3 * reach(rows, points)
    areas = box_areas(found.places)
    return float(np.sqrt(np.median(areas))) if len(areas) else 1.0


def _squares(points: np.ndarray, side: float) -> np.ndarray:
    return np.concatenate([points - side / 2, points + side / 2], axis=1)


def worth_listing(found: ScoredBoxes, objects: int) -> tuple[ScoredBoxes, ScoredBoxes]:
    """Split predictions into those that are used and those of too small a score.

    Parameters
    ----------
    objects : number of given objects.
    """
    least = LEAST_LISTED_SCORE
    most = max(MOST_LISTED, LISTED_PER_OBJECT * objects)
    if (found.score >= least).sum() > most:
        least = float(np.partition(found.score, len(found.score) - most)[len(found.score) - most])
    keep = found.score >= least
    return found.chosen(keep), found.chosen(~keep)


def known_sizes(dataset: Dataset, rows: np.ndarray) -> np.ndarray | None:
    """Return width and height of the images in pixels, (n, 2) float64 with NaN for unknown ones: those of the metadata
    (`image_sizes`), and for `rows` without one that of the header of the picture; None without either."""
    sizes = image_sizes(dataset.metadata)
    if dataset.images is None:
        return sizes
    sizes = np.full((dataset.n, 2), np.nan) if sizes is None else sizes
    for row in np.unique(rows[np.isnan(sizes[rows]).any(axis=1)]).tolist():
        size = size_if_known(dataset.image(row), dataset.media_root)
        if size is not None:
            sizes[row] = size
    return sizes


def cut_to_images(rows: np.ndarray, places: np.ndarray, sizes: np.ndarray | None) -> np.ndarray:
    """Return the part of boxes that lies in their images, or the nearest points in them; in images of unknown size the
    objects as they are.

    Parameters
    ----------
    rows, places : (m,) and (m, 4) of boxes, or (m, 2) of points. sizes : (n, 2) width and height, NaN unknown, or None.
    """
    if sizes is None:
        return places
    known = np.asarray(np.isfinite(sizes[rows]).all(axis=1))
    return np.where(known[:, None], np.clip(places, 0, np.tile(sizes[rows], places.shape[1] // 2)), places)


def within_images(found: ScoredBoxes, sizes: np.ndarray | None) -> ScoredBoxes:
    """Return the predicted boxes without those that have no pixel in their image."""
    if sizes is None:
        return found
    known = np.asarray(np.isfinite(sizes[found.rows]).all(axis=1))
    outside = (found.places[:, 2:] <= 0).any(axis=1) | (found.places[:, :2] >= sizes[found.rows]).any(axis=1)
    return found.chosen(~outside | ~known)
