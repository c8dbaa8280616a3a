"""Features of regions: size, depth, probabilities, place at a boundary, share of the objects they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from workbench.foundation.errors import InputError
from workbench.issues.masks.mask_objects import ObjectRuns, area_around, object_runs, objects_of
from workbench.tasks.mask_blocks import disagreeing, together
from workbench.tasks.mask_predictions import Pixels
from workbench.tasks.mask_regions import MOST_DISAGREEING, FoundRegions, connected

REGION_FEATURES = (
    *("area", "depth", "thickness", "p_given", "p_predicted", "least", "most", "edge", "sure", "fill"),
    *("given_share", "predicted_share", "given_class", "predicted_class"),
)
"""Names of the columns of `Featured.values`."""


class SeenMasks(NamedTuple):
    """A block of images with their predictions: images (g,), given (g, h, w), row at which it begins, rows that count
    (others are a margin)."""

    rows: Sequence[int]
    given: np.ndarray
    pixels: Pixels
    first: int
    inner: slice


class Featured(NamedTuple):
    """Regions and their features, float64 (m, len(REGION_FEATURES)).

    covers_given, covers_predicted : (m,) share in [0, 1] of the given and of the predicted object that the region
    covers.
    """

    found: FoundRegions
    values: np.ndarray
    covers_given: np.ndarray
    covers_predicted: np.ndarray


def featured(blocks: Iterable[SeenMasks], k: int, frequency: np.ndarray) -> Featured:
    """Return the regions of blocks of images that follow one another, with their features.

    Parameters
    ----------
    k : number of classes. frequency : (k,) share of each class among the given pixels.

    Raises
    ------
    InputError : predictions disagree in more than `MOST_DISAGREEING` runs.
    """
    parts, given, predicted, many = [], list[ObjectRuns](), list[ObjectRuns](), 0
    for block in blocks:
        rows = np.asarray(block.rows, np.int64)
        parts.append(disagreeing(block.rows, block.given, block.pixels, k, block.first, block.inner))
        many += len(parts[-1].code)
        if many > MOST_DISAGREEING:
            words = f"disagree with the labels in more than {MOST_DISAGREEING:,} runs of pixels"
            raise InputError.at("predictions", words, "Smooth them, or pass fewer images.", row=int(rows[-1]))
        top = block.first + block.inner.start
        given.append(object_runs(rows, block.given[:, block.inner], top))
        predicted.append(object_runs(rows, block.pixels.predicted[:, block.inner], top))
    return _with_features(connected(together(parts), k), (given, predicted), frequency)


def _with_features(
    found: FoundRegions, objects: tuple[list[ObjectRuns], list[ObjectRuns]], frequency: np.ndarray
) -> Featured:
    regions, runs, which = found
    first = np.unique(which, return_index=True)[1]
    at = runs.rows[first], runs.y[first], runs.x0[first]
    area = regions.area.astype(float)
    covers = [np.minimum(area / area_around(objects_of(one) if one else None, *at), 1) for one in objects]
    thickness = area / np.maximum(np.maximum(regions.runs, regions.upper * area), 1)
    columns = [
        np.log(np.maximum(area, 1)), regions.depth, np.log(np.maximum(thickness, 1)), regions.p_given,
        regions.p_predicted, regions.least, regions.most, regions.edge, regions.sure,
        area / np.maximum(regions.height * regions.width, 1), *covers, frequency[regions.given],
        frequency[regions.predicted],
    ]  # fmt: skip
    return Featured(found, np.stack(columns, axis=1).astype(float), covers[0], covers[1])
