"""Masks of instances as passed by users: arrays, run lengths and polygons, cut to the box around their pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from workbench.foundation.checks import in_memory
from workbench.foundation.errors import InputError, shortened
from workbench.tasks.mask_runs import cut_to_boxes
from workbench.tasks.run_lengths import checked_runs, encode_runs, from_polygons, from_texts

ONE_MASK_FORMS = (
    'A mask is an array (height, width) of 0 and 1; run lengths {"size": [height, width], "counts": ...} as in COCO; '
    "or a list of polygons [x, y, x, y, ...] in pixels."
)

RUNS_CUT_AT_ONCE = 2_000_000
"""Number of runs that are cut to their boxes at once."""


class FullMask(NamedTuple):
    """The counts (r,) int64 of a mask, column by column from the corner of the image, the height of the image, and its
    width, 0 if it is unknown."""

    counts: np.ndarray
    height: int
    width: int = 0


def checked_mask(text: Any, box: Sequence[float], field: str = "value", row: int | None = None) -> str:
    """Return the mask of an instance if it fits its box.

    Parameters
    ----------
    text : compressed run lengths of the pixels in the box. box : x0, y0, x1, y1, whole pixels from 0.

    Raises
    ------
    InputError : the box has fractions of pixels or begins before 0, or the run lengths do not fit it.
    """
    if not isinstance(text, str):
        raise InputError.at(field, f"has the mask {shortened(text)}", "Pass compressed run lengths, text.", row=row)
    if any(side != int(side) or side < 0 for side in box):
        found = f"has a mask in the box {shortened(list(box))}"
        raise InputError.at(field, found, "The box of a mask is of whole pixels, from 0.", row=row)
    x0, y0, x1, y1 = (int(side) for side in box)
    if min(x1 - x0, y1 - y0) or text:
        checked_runs(text, y1 - y0, x1 - x0, field, row)
    return text


def refuse_masks(texts: np.ndarray, places: np.ndarray, rows: np.ndarray) -> None:
    """Raise if a mask (m,) does not fit its box (m, 4); rows (m,) for the message."""
    sides = places[:, 2:] - places[:, :2]
    try:
        counts, begin = from_texts(texts.tolist(), "labels")
        sums = np.concatenate([[0], np.cumsum(counts)])[begin]
        fits = (counts >= 0).all() and np.array_equal(np.diff(sums), sides.prod(axis=1))
    except (InputError, TypeError):
        fits = False
    if not fits or (places != np.floor(places)).any() or (places < 0).any():
        for text, place, row in zip(texts.tolist(), places.tolist(), rows.tolist()):
            checked_mask(text, place, "labels", row)


def cut_masks(masks: Sequence[FullMask]) -> tuple[np.ndarray, list[str]]:
    """Return the boxes (q, 4) float64 of masks, and their compressed run lengths within them."""
    boxes, texts = [np.zeros((0, 4), np.int64)], []
    sizes = np.array([len(one.counts) for one in masks], np.int64)
    block = np.cumsum(sizes) // RUNS_CUT_AT_ONCE
    edges = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), len(masks)]
    for first, last in pairwise(edges):
        some = masks[first:last]
        if not some:
            continue
        begin = np.concatenate([[0], np.cumsum(sizes[first:last])])
        found, own = cut_to_boxes(
            np.concatenate([one.counts for one in some]), begin, np.array([one.height for one in some], np.int64)
        )
        boxes.append(found)
        texts += own
    return np.concatenate(boxes).astype(np.float64), texts


def full_mask(mask: Any, field: str, row: int, number: int) -> FullMask:
    """Return a mask in any of the forms `ONE_MASK_FORMS`; errors name the row and the number of the instance."""
    if isinstance(mask, FullMask):
        return mask
    try:
        if isinstance(mask, Mapping):
            return _of_runs(mask, field)
        if isinstance(mask, np.ndarray) or hasattr(mask, "__array__"):
            return _of_array(np.asarray(in_memory(field, mask)), field)
        if isinstance(mask, (list, tuple)):
            return _of_lists(mask, field)
    except InputError as error:
        parts = error.parts
        found = f"instance {number} {parts['found']}"
        raise InputError.at(field, found, parts["todo"], row=row) from error
    raise InputError.at(field, f"instance {number} has the mask {shortened(mask)}", ONE_MASK_FORMS, row=row)


def _of_runs(mask: Mapping[str, Any], field: str) -> FullMask:
    size = mask.get("size")
    if set(mask) != {"size", "counts"} or not isinstance(size, (list, tuple, np.ndarray)) or len(size) != 2:
        raise InputError.at(field, f"has the mask {shortened(dict(mask))}", ONE_MASK_FORMS)
    height, width = (one.item() if isinstance(one, np.generic) else one for one in size)
    return FullMask(checked_runs(mask["counts"], height, width, field), height, width)


def _of_array(mask: np.ndarray, field: str) -> FullMask:
    if mask.ndim == 1 and mask.dtype == object:
        return _of_lists(list(mask), field)
    if mask.ndim != 2 or mask.dtype.kind not in "biuf":
        raise InputError.at(field, f"has a mask of shape {mask.shape} and dtype {mask.dtype}", ONE_MASK_FORMS)
    if mask.dtype != bool:
        values = np.unique(mask)
        if len(values) > 2 or (len(values) and (np.isnan(values).any() or values[0] < 0)):
            found = f"has a mask with the values {shortened(values.tolist())}"
            raise InputError.at(field, found, "Pass 1 for pixels of the object and 0 for others, or run lengths.")
        mask = mask > 0
    return FullMask(encode_runs(mask), len(mask), int(mask.shape[-1]))


def _of_lists(mask: Sequence[Any], field: str) -> FullMask:
    """Read polygons, or nested lists of the pixels 0 and 1."""
    if not len(mask):
        return FullMask(np.zeros(0, np.int64), 1)
    flat = all(isinstance(one, (int, float, np.number)) for one in mask)
    polygons = [np.asarray(one, np.float64).ravel() for one in ([mask] if flat else _polygons(mask, field))]
    polygons = [one for one in polygons if len(one) >= 6]  # a line has no pixels
    if not polygons:
        return FullMask(np.zeros(0, np.int64), 1)
    points = np.concatenate(polygons)
    if not np.isfinite(points).all():
        raise InputError.at(field, f"has a polygon with {points[~np.isfinite(points)][0]}", "Pass finite numbers.")
    height, width = (max(int(min(np.ceil(one.max()), 2.0**26)) + 1, 1) for one in (points[1::2], points[::2]))
    return FullMask(from_polygons(polygons, height, width, field), height)


def _polygons(mask: Sequence[Any], field: str) -> Sequence[Any]:
    for one in mask:
        try:
            values = np.asarray(one, np.float64)
        except (TypeError, ValueError):
            values = np.zeros(())
        flat = values.size == 2 * len(values) if values.ndim == 2 else values.ndim == 1
        if not flat or values.size % 2:
            raise InputError.at(field, f"has the polygon {shortened(one)}", ONE_MASK_FORMS)
    return mask


def mask_value(mask: Any, field: str = "mask") -> tuple[list[float], str]:
    """Return the box [x0, y0, x1, y1] and the compressed run lengths of one mask."""
    boxes, texts = cut_masks([full_mask(mask, field, 0, 0)])
    return boxes[0].tolist(), texts[0]
