"""The class that each of several decoder stages or checkpoints sees at a given box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workbench.tasks.box_overlaps import overlapping
from workbench.tasks.scored_boxes import ScoredBoxes

LEAST_STAGE_IOU = 0.5
"""IoU from which a prediction of a stage is about a box."""


class StageClasses(NamedTuple):
    """What s stages see: (s, m) int64, the class at each given object, and (s, l) int64, that at each location of the
    predictions; -1 for nothing."""

    given: np.ndarray
    locations: np.ndarray


def classes_of_stages(
    rows: np.ndarray, places: np.ndarray, stages: Sequence[ScoredBoxes], *, least: float = LEAST_STAGE_IOU
) -> np.ndarray:
    """Return the class (s, m) int64 that each stage sees at each box, -1 for nothing: that of the prediction with the
    largest IoU * score of those that overlap the box by `least`.

    Parameters
    ----------
    rows, places : (m,) and (m, 4), the given boxes. stages : predictions of s stages, in their order.
    """
    seen = np.full((len(stages), len(rows)), -1)
    for stage, found in enumerate(stages):
        pairs = overlapping(rows, places, found.rows, found.places, least=least)
        order = np.lexsort((-pairs.iou * found.score[pairs.second], pairs.first))
        head = order[np.flatnonzero(np.diff(pairs.first[order], prepend=-1))]
        seen[stage, pairs.first[head]] = found.label[pairs.second[head]]
    return seen
