"""Scores of given objects without planted errors: what predictions contradict, and where there are none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.issues.boxes.box_features import BoxSupport
from workbench.issues.boxes.locations import Locations
from workbench.issues.boxes.matched_boxes import COVERS, GivenBoxes, Matched

TIE_WEIGHT = 1e-6
"""Weight of the overlap beside a plain score, which is 1 for all objects without a prediction."""


class PlainScores(NamedTuple):
    """Scores (m,) of given objects that are high where predictions contradict them, without planted errors.

    Attributes
    ----------
    unlike : one minus the score of the given class. mistaken : see `_mistaken`. Of masks, both are at least one minus
        the overlap. fused : (m,) overlaps with the fusion of the predictions.
    unmet, other : (m,) bool, objects without a prediction, and with one of another class.
    """

    unlike: np.ndarray
    mistaken: np.ndarray
    fused: np.ndarray
    unmet: np.ndarray
    other: np.ndarray

    def ordered(self, odds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return both scores, in which objects without a prediction come before those of another class, or after them.

        What says more depends on the model: one that misses many objects but knows their classes, or the other way
        round. Planted errors tell, by the mean of their log odds (m,) in both groups.
        """
        if self.unmet.any() and self.other.any() and odds[self.other].mean() > odds[self.unmet].mean():
            return self.unlike + TIE_WEIGHT * self.fused, np.where(self.unmet, 0.5, self.mistaken)
        return self.unlike + TIE_WEIGHT * (1 - self.fused), self.mistaken + TIE_WEIGHT * (1 - self.fused)


def plain_scores(given: GivenBoxes, seen: Locations, met: Matched, back: BoxSupport, fused: np.ndarray) -> PlainScores:
    """Return the scores of m given objects, whose support is `back`."""
    unmet = met.match_iou < COVERS
    match = np.maximum(met.match, 0)
    other = ~unmet & (seen.label[match] != given.label) if len(seen.rows) else np.zeros(len(unmet), bool)
    unlike, mistaken = 1 - back.same5, _mistaken(given, seen, met)
    if given.masks is not None:  # an outline that differs by a third is an error, a box often is not
        unlike, mistaken = np.maximum(unlike, 1 - fused), np.maximum(mistaken, 1 - fused)
    return PlainScores(unlike, mistaken, fused, unmet, other)


def _mistaken(given: GivenBoxes, seen: Locations, met: Matched) -> np.ndarray:
    """Return (1 - score) / 2 if the matched prediction has the given class, (1 + score) / 2 if another, 1 without one;
    (m,) in [0, 1]."""
    out = np.ones(len(given.rows))
    at = np.flatnonzero(met.match_iou >= COVERS)
    match = met.match[at]
    score = seen.score[match]
    out[at] = (1 + np.where(seen.label[match] == given.label[at], -score, score)) / 2
    return out
