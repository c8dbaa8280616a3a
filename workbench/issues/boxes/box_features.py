"""Features of given boxes and of candidates: what the locations around a box say about it, and its form."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.issues.boxes.locations import WORTHY_SCORE, Locations
from workbench.issues.boxes.matched_boxes import COVERS, LEAST_PAIR, GivenBoxes, Matched
from workbench.tasks.box_overlaps import box_areas
from workbench.tasks.object_overlaps import GivenObjects, areas_of, chosen_masks, overlaps_of

EDGE_PIXELS = 1.5
"""Distance from the border of the image, in pixels, up to which a box lies at the edge."""


class BoxForms(NamedTuple):
    """Typical log area (k,) and log aspect (k,) of the boxes of each class, and the share (k,) of each class."""

    area: np.ndarray
    aspect: np.ndarray
    share: np.ndarray


def log_sides(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log area and log aspect (width over height) of boxes (m, 4)."""
    sides = np.log(np.maximum(places[:, 2:] - places[:, :2], 1e-3))
    return sides.sum(axis=1), sides[:, 0] - sides[:, 1]


def forms_of(given: GivenBoxes, k: int) -> BoxForms:
    """Return medians by class; a class without boxes has those of all boxes."""
    area, aspect = log_sides(given.places)
    parts = []
    for values in (area, aspect):
        every = float(np.median(values)) if len(values) else 0.0
        order = np.lexsort((values, given.label))
        counts = np.bincount(given.label, minlength=k)
        middle = np.cumsum(counts) - counts + (counts - 1) // 2
        typical = np.full(k, every)
        typical[counts > 0] = values[order][middle[counts > 0]]
        parts.append(typical)
    counts = np.bincount(given.label, minlength=k)
    return BoxForms(parts[0], parts[1], counts / max(counts.sum(), 1))


def at_edge(places: np.ndarray, rows: np.ndarray, size: np.ndarray | None) -> np.ndarray:
    """Return the number of borders of the image that a box touches (m,) float; 0 if the sizes are unknown."""
    if size is None:
        return np.zeros(len(rows))
    low = (places[:, :2] <= EDGE_PIXELS).sum(axis=1)
    return (low + (places[:, 2:] >= size[rows] - EDGE_PIXELS).sum(axis=1)).astype(float)


class BoxSupport(NamedTuple):
    """What predictions say about m given boxes.

    Attributes
    ----------
    same5, same1 : largest score of the given class at IoU >= .5 and >= .1. other5, other1 : of another class.
    product : largest IoU * score. worthy : largest IoU with a location of score > .3.
    """

    same5: np.ndarray
    same1: np.ndarray
    other5: np.ndarray
    other1: np.ndarray
    product: np.ndarray
    worthy: np.ndarray


def support(given: GivenBoxes, seen: Locations, met: Matched) -> BoxSupport:
    """Return the support of the given boxes, (m,) each."""
    m = len(given.rows)
    label, at = given.label[met.first], met.second
    own = seen.class_score(at, label)
    other = np.where(seen.label[at] == label, seen.second[at], seen.score[at])
    half, worthy = met.iou >= COVERS, seen.score[at] > WORTHY_SCORE
    return BoxSupport(
        _largest(met.first[half], own[half], m),
        _largest(met.first, own, m),
        _largest(met.first[half], other[half], m),
        _largest(met.first, other, m),
        _largest(met.first, met.iou * seen.score[at], m),
        _largest(met.first[worthy], met.iou[worthy], m),
    )


def _largest(place: np.ndarray, values: np.ndarray, m: int) -> np.ndarray:
    found = np.zeros(m)
    np.maximum.at(found, place, values)
    return found


def given_features(
    given: GivenBoxes, seen: Locations, met: Matched, forms: BoxForms, size: np.ndarray | None, fused: np.ndarray
) -> tuple[np.ndarray, BoxSupport]:
    """Return features (m, f) of the given boxes, and their support.

    Parameters
    ----------
    fused : (m,) overlaps with the fusion of several predictions.
    """
    back = support(given, seen, met)
    match = np.maximum(met.match, 0)
    none = met.match < 0
    score = np.where(none, 0, seen.score[match]) if len(seen.rows) else np.zeros(len(none))
    agrees = ~none & (seen.label[match] == given.label) if len(seen.rows) else ~none
    beside = overlaps_of(given)
    crowded = _largest(beside.first, beside.iou, len(none))
    area, aspect = log_sides(given.places)
    moved = _moved(given, seen, met)
    columns = [
        *back,
        met.match_iou,
        fused,
        score,
        agrees.astype(float),
        crowded,
        area - forms.area[given.label],
        np.abs(aspect - forms.aspect[given.label]),
        at_edge(given.places, given.rows, size),
        *moved,
        *_outlines(given, seen, met),
    ]
    return np.stack(columns, axis=1), back


def _outlines(given: GivenBoxes, seen: Locations, met: Matched) -> list[np.ndarray]:
    """Return, for masks, the share of a given mask inside its match and the share of the match inside the mask, (m,)
    each, 0 without a match, and the share of its box that the mask fills."""
    if given.masks is None:
        return []
    own = areas_of(given)
    inside, covered = np.zeros(len(own)), np.zeros(len(own))
    at = np.flatnonzero(met.match >= 0)
    other = areas_of(seen)[met.match[at]]
    shared = met.match_iou[at] * (own[at] + other) / (1 + met.match_iou[at])
    inside[at], covered[at] = shared / np.maximum(own[at], 1), shared / np.maximum(other, 1)
    return [inside, covered, own / np.maximum(box_areas(given.places), 1)]


def _moved(given: GivenBoxes, seen: Locations, met: Matched) -> tuple[np.ndarray, np.ndarray]:
    """Return how much larger than its match a box is, and how far it is moved, both beyond what is usual; (m,) each."""
    m = len(given.rows)
    larger, apart = np.zeros(m), np.zeros(m)
    at = np.flatnonzero(met.match >= 0)
    if not len(at):
        return larger, apart
    one, other = given.places[at], seen.places[met.match[at]]
    sides = np.maximum(other[:, 2:] - other[:, :2], 1e-3)
    ratio = log_sides(one)[0] - log_sides(other)[0]
    shift = np.abs((one[:, :2] + one[:, 2:]) - (other[:, :2] + other[:, 2:])) / (2 * sides)
    larger[at] = np.abs(ratio - np.median(ratio))
    apart[at] = shift.sum(axis=1)
    return larger, apart


def candidate_features(
    given: GivenBoxes, seen: Locations, met: Matched, forms: BoxForms, size: np.ndarray | None
) -> np.ndarray:
    """Return features (c, f) of the candidates; the first is the score.

    One is the overlap with a given box that owns no location, or a doubtful one: the object that it was meant for.
    """
    at, total = met.candidates, len(seen.rows)
    near = _largest(met.second, met.iou, total)[at]
    backed = np.zeros(len(met.match))
    owns = met.match >= 0
    backed[owns] = met.match_iou[owns] * seen.score[met.match[owns]]
    deserted = _largest(met.second, met.iou * (1 - backed[met.first]), total)[at]
    better_score, better_iou = _better(seen, at)
    area, aspect = log_sides(seen.places[at])
    label = seen.label[at]
    n = int(max(seen.rows.max(initial=0), given.rows.max(initial=0))) + 1
    many = np.bincount(seen.rows[seen.score > WORTHY_SCORE], minlength=n)
    labelled = np.bincount(given.rows, minlength=n)
    rows = seen.rows[at]
    columns = [
        seen.score[at],
        seen.second[at],
        seen.total[at],
        near,
        deserted,
        better_score,
        better_iou,
        area - forms.area[label],
        np.abs(aspect - forms.aspect[label]),
        at_edge(seen.places[at], rows, size),
        np.log1p(many[rows]),
        np.log1p(labelled[rows]),
    ]
    return np.stack(columns, axis=1)


def _better(seen: Locations, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return score and overlap of the neighbouring location with the largest score above the candidate's own, 0 if
    there is none."""
    own = GivenObjects(seen.rows[at], seen.places[at], chosen_masks(seen.masks, at))
    pairs = overlaps_of(own, seen, least=LEAST_PAIR)
    above = seen.score[pairs.second] > seen.score[at[pairs.first]]
    first, second, iou = pairs.first[above], pairs.second[above], pairs.iou[above]
    order = np.lexsort((-seen.score[second], first))
    head = order[np.flatnonzero(np.diff(first[order], prepend=-1))]
    score, overlap = np.zeros(len(at)), np.zeros(len(at))
    score[first[head]], overlap[first[head]] = seen.score[second[head]], iou[head]
    return score, overlap
