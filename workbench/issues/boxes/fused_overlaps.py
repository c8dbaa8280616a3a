"""Several predictions of one object: their weighted fusion, and the overlap of a given object with it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.issues.boxes.locations import Locations
from workbench.issues.boxes.matched_boxes import OWNS, GivenBoxes, Matched
from workbench.issues.masks.fusion import FUSION_POWER, FUSION_ROUNDS
from workbench.tasks.object_overlaps import GivenObjects, areas_of, chosen_masks, overlaps_of
from workbench.tasks.scored_boxes import ScoredBoxes


class Fusion(NamedTuple):
    """The fusion of the predictions at each location: a weighted mean of their masks, or boxes, pixel by pixel.

    Attributes
    ----------
    members : q predictions near locations that have several. of : (q,) int64, their location.
    weight : (q,) float64, sums to 1 at each location. area : (l,) float64, sum of the weighted areas of the members; 0
        at any other location.
    """

    members: ScoredBoxes
    of: np.ndarray
    weight: np.ndarray
    area: np.ndarray


def fusion_of(found: ScoredBoxes, seen: Locations, wanted: np.ndarray) -> Fusion:
    """Fuse the predictions at locations: those that overlap it by .3, of any class.

    Parameters
    ----------
    found : p predictions, of which `seen` are the locations. wanted : ascending int64, the locations in question.

    Notes
    -----
    As in `workbench.issues.masks.fusion.fuse_masks`, weights are the score times softIoU(m, p)^4, where p = sum_j w_j
    m_j / sum_j w_j, found in turn. All sums over pixels follow from the areas shared by pairs of predictions.
    """
    total = len(seen.rows)
    leaders = GivenObjects(seen.rows[wanted], seen.places[wanted], chosen_masks(seen.masks, wanted))
    near = overlaps_of(leaders, found, least=OWNS)
    several = np.bincount(near.first, minlength=len(wanted))[near.first] > 1
    of, members = wanted[near.first[several]], found.chosen(near.second[several])
    own = areas_of(members)
    pairs = overlaps_of(members)
    same = of[pairs.first] == of[pairs.second]
    first, second = pairs.first[same], pairs.second[same]
    shared = _shared(pairs.iou[same], own[first], own[second])
    many = np.arange(len(of))
    first, second, shared = np.append(first, many), np.append(second, many), np.append(shared, own)
    weight = _normalised(members.score, of, total)
    for _ in range(FUSION_ROUNDS):
        area = np.bincount(of, weight * own, total)
        inside = np.bincount(first, weight[second] * shared, len(many))
        weight = _normalised(members.score * _soft_iou(inside, own, area[of]) ** FUSION_POWER, of, total)
    return Fusion(members, of, weight, np.bincount(of, weight * own, total))


def fused_overlaps(given: GivenBoxes, met: Matched, fusion: Fusion) -> np.ndarray:
    """Return the soft IoU (m,) of given objects with the fusion of the predictions at the location that each owns.

    Where there is one prediction this is the IoU with it, and 0 without a location.
    """
    overlap = met.match_iou.copy()
    at = np.flatnonzero(met.match >= 0)
    at = at[fusion.area[met.match[at]] > 0]
    if not len(at):
        return overlap
    some = given.chosen(at)
    pairs = overlaps_of(some, fusion.members)
    own = fusion.of[pairs.second] == met.match[at[pairs.first]]
    first, second = pairs.first[own], pairs.second[own]
    area, others = areas_of(some), areas_of(fusion.members)
    shared = _shared(pairs.iou[own], area[first], others[second])
    inside = np.bincount(first, fusion.weight[second] * shared, len(at))
    overlap[at] = _soft_iou(inside, area, fusion.area[met.match[at]])
    return overlap


def _shared(iou: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the areas that pairs share, from their IoU and their areas."""
    return iou * (one + other) / (1 + iou)


def _soft_iou(inside: np.ndarray, area: np.ndarray, fused: np.ndarray) -> np.ndarray:
    either = area + fused - inside
    return np.divide(inside, either, out=np.zeros(len(inside)), where=either > 0)


def _normalised(weight: np.ndarray, of: np.ndarray, total: int) -> np.ndarray:
    each = np.bincount(of, weight, total)[of]
    return np.divide(weight, each, out=np.zeros(len(weight)), where=each > 0)
