"""Outlines of instances in files: polygons and run lengths become masks, and masks the outlines that files hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.foundation.errors import InputError
from workbench.review.outlines import SEGMENTATION
from workbench.tasks.instance_masks import FullMask, full_mask
from workbench.tasks.mask_polygons import joined_outlines, mask_outlines
from workbench.tasks.mask_runs import counts_in_image
from workbench.tasks.run_lengths import checked_runs, decode_runs, encode_runs, from_polygons, to_text


def masks_of_objects(
    places: Sequence[Any], more: Sequence[dict[str, Any]], size: tuple[Any, Any]
) -> tuple[list[FullMask], list[dict[str, Any]], int]:
    """Return the masks of the objects of one image, their other fields, and the number of objects without an outline,
    whose boxes are filled.

    Parameters
    ----------
    places : b boxes x0, y0, x1, y1. more : b dicts, with the outline in `SEGMENTATION`, which was checked; polygons
        stay in it, because a mask does not hold fractions of pixels.
    size : width and height of the image, None unknown.
    """
    masks, fields, filled = [], [], 0
    for place, own in zip(places, more):
        outline = own.get(SEGMENTATION)
        polygons = [one for one in outline if len(one) >= 6] if isinstance(outline, list) else []
        if isinstance(outline, dict):
            height, width = outline["size"]
            masks.append(FullMask(checked_runs(outline["counts"], height, width), height, width))
            own = {name: value for name, value in own.items() if name != SEGMENTATION}
        elif polygons and None not in size:
            width, height = (int(one) for one in size)
            masks.append(FullMask(from_polygons(polygons, height, width), height, width))
        elif polygons:
            masks.append(full_mask(polygons, "labels", 0, len(masks)))
        else:
            filled += 1
            masks.append(_filled(place, size))
        fields.append(own)
    return masks, fields, filled


def _filled(place: Sequence[float], size: tuple[Any, Any]) -> FullMask:
    """Return the pixels whose centres lie in a box."""
    x0, y0, x1, y1 = (max(round(side), 0) for side in place)
    width, height = (edge if side is None else int(side) for side, edge in zip(size, (x1, y1)))
    mask = np.zeros((max(min(y1, height), 1), max(min(x1, width), 1)), bool)
    mask[y0:y1, x0:x1] = True
    return FullMask(encode_runs(mask), mask.shape[0])


def outlined(fields: Mapping[str, Any], place: Sequence[float], mask: str, size: tuple[float, float]) -> dict[str, Any]:
    """Return the fields of an object with its outline as COCO's run lengths.

    Parameters
    ----------
    size : width and height of the image.

    Raises
    ------
    InputError : the mask is not inside the image.
    """
    width, height = (int(side) for side in size)
    try:
        counts = counts_in_image(mask, place, height, width)
    except InputError as error:
        raise InputError.at("labels", f"holds a mask that {error.parts['found']}", error.parts["todo"]) from error
    runs = {"size": [height, width], "counts": to_text(counts)}
    return {**fields, SEGMENTATION: runs}


def one_polygon(place: Sequence[float], mask: str) -> tuple[list[float], int]:
    """Return the mask in a box as one polygon x, y, x, y, ... in pixels, and the number of its outlines.

    Outlines are those of parts and of holes. A mask without pixels is a point, three times.
    """
    x0, y0, x1, y1 = (int(side) for side in place)
    outlines = mask_outlines(decode_runs(mask, y1 - y0, x1 - x0)) if mask else []
    polygon = joined_outlines(outlines) if outlines else np.zeros((3, 2), np.int64)
    return (polygon + np.array([x0, y0])).ravel().tolist(), len(outlines)
