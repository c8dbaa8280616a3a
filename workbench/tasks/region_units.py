"""Regions as units: which are listed, and their keys and shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from workbench.tasks.keys import candidate_keys
from workbench.tasks.mask_regions import FoundRegions, Regions
from workbench.tasks.region_shapes import region_shapes
from workbench.tasks.units import Units

LEAST_AREA = 3
"""Number of pixels from which a region is a unit; smaller ones are mostly noise of borders."""


@dataclass(frozen=True, repr=False)
class MaskUnits(Units):
    """Units of masks, which also hold the given masks, with which `Masks.meet` compares predictions."""

    masks: pa.StructArray | None = None


def listed_regions(regions: Regions) -> tuple[np.ndarray, np.ndarray]:
    """Return the regions that are units, and those that are too small, as indices."""
    return np.flatnonzero(regions.area >= LEAST_AREA), np.flatnonzero(regions.area < LEAST_AREA)


def region_units(n: int, found: FoundRegions, chosen: np.ndarray, classes: Sequence[str]) -> Units:
    """Return chosen regions (c,) of n images as units; their keys depend on their pixels and the predicted class."""
    regions = found.regions.chosen(chosen)
    shapes = region_shapes(found, chosen)
    names = np.array(classes, object)[regions.predicted].astype(str)
    boxes = (regions.top, regions.left, regions.height, regions.width)
    keys = candidate_keys(regions.rows, *boxes, shapes.field("counts"), names)
    return Units(n, regions.rows, regions.given, keys, shapes=shapes)
