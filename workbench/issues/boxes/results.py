"""From judged boxes to the result of `find_issues`: units, labels, suggestions, kinds of error, counts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.issues.boxes.box_checks import check_boxes
from workbench.issues.boxes.box_words import BoxWords
from workbench.issues.boxes.judged_boxes import (
    LEAST_PLANTED_BOXES,
    REPETITIONS,
    JudgedBoxes,
    JudgedPart,
    mix_in_words,
)
from workbench.issues.boxes.locations import locations_of
from workbench.issues.boxes.matched_boxes import LEAST_PAIR
from workbench.issues.boxes.place_forms import cut_to_images
from workbench.issues.boxes.planting import MISPLACED, OTHER_CLASS, SPURIOUS_BOX
from workbench.issues.boxes.stage_classes import StageClasses
from workbench.issues.kinds.contract import Asked, Found
from workbench.tasks.box_table import (
    BOX,
    BoxTable,
    encoded_places,
    form_of,
    masks_of_shapes,
    place_shapes,
    places_of,
)
from workbench.tasks.class_names import object_array
from workbench.tasks.keys import candidate_keys
from workbench.tasks.object_overlaps import chosen_masks, joined_object_masks
from workbench.tasks.protocol import NOTHING
from workbench.tasks.scored_boxes import ScoredBoxes
from workbench.tasks.units import Units

BOX_ERRORS = ("class", "place", "spurious", "overlooked")
"""Kinds of errors; the first three are those of given objects, in the order of their codes."""

INSTANCE_ERRORS = ("class", "outline", "spurious", "overlooked")
"""The same of instances, whose places are outlines."""

NEARNESS = 0.5
"""Weight of the overlap beside the score of a location to which a box may be moved."""

KEPT_CLASS = 0.5
"""Share of the score of a location below which the given class is not kept with a new place."""


class Suggested(NamedTuple):
    """Suggestions for u units.

    label : class code, -1 for nothing. places : (u, 4). kind : code in `BOX_ERRORS`. share : the probability of the
    suggestion if the unit is wrong. masks : (u,) of instances, or None.
    """

    label: np.ndarray
    places: np.ndarray
    kind: np.ndarray
    share: np.ndarray
    masks: np.ndarray | None = None

    def chosen(self, at: np.ndarray) -> Suggested:
        """Return the suggestions of units by their indices, in this order."""
        label, places, kind, share = (one[at] for one in self[:4])
        return Suggested(label, places, kind, share, chosen_masks(self.masks, at))


def suggested_for_given(judged: JudgedBoxes) -> Suggested:
    """Return the suggestions for the given boxes: those of the likeliest kind of error that is possible."""
    seen, met, given = judged.seen, judged.met, judged.given
    m = len(given.rows)
    target = _target(judged)
    at = np.maximum(target, 0)
    there = target >= 0
    if not len(seen.rows):
        return Suggested(np.full(m, -1), given.places, np.full(m, SPURIOUS_BOX), np.ones(m), given.masks)
    own = seen.class_score(at, given.label)
    other = np.where(seen.label[at] != given.label, seen.label[at], seen.other[at])
    other = np.where(there, other, -1)
    other_score = np.where(seen.label[at] != given.label, seen.score[at], seen.second[at])
    chance = judged.kinds.copy()
    chance[other < 0, OTHER_CLASS] = 0
    chance[~there, MISPLACED] = 0
    chance[chance.sum(axis=1) == 0, SPURIOUS_BOX] = 1
    kind = chance.argmax(axis=1)
    share = chance[np.arange(m), kind] / chance.sum(axis=1)
    keeps = (own >= KEPT_CLASS * seen.score[at]) | (other < 0)
    moved_label = np.where(keeps, given.label, other)
    label = np.select([kind == OTHER_CLASS, kind == MISPLACED], [other, moved_label], -1)
    far = met.match_iou < KEPT_CLASS
    moves = (kind == MISPLACED) | ((kind == OTHER_CLASS) & far & there)
    places = np.where(moves[:, None], seen.places[at], given.places)
    masks = None
    if given.masks is not None and seen.masks is not None:
        masks = np.where(moves, seen.masks[at], given.masks)
    beside = np.maximum(seen.total[at] - own, 1e-9)
    share = np.where(kind == OTHER_CLASS, share * np.clip(other_score / beside, 0, 1), share)
    return Suggested(label, places, kind, share, masks)


def _target(judged: JudgedBoxes) -> np.ndarray:
    """Return the location (m,) to which a given box may be moved, -1 if there is none: that with the largest product of
    score and IoU ** `NEARNESS` of those that it owns or nobody owns.

    The location that a badly placed box owns may be a doubtful one that lies closer than the object.
    """
    seen, met = judged.seen, judged.met
    owner = np.full(len(seen.rows), -1)
    at = np.flatnonzero(met.match >= 0)
    owner[met.match[at]] = at
    free = (met.iou >= LEAST_PAIR) & ((owner[met.second] < 0) | (owner[met.second] == met.first))
    first, second = met.first[free], met.second[free]
    worth = seen.score[second] * met.iou[free] ** NEARNESS
    order = np.lexsort((-worth, first))
    head = order[np.flatnonzero(np.diff(first[order], prepend=-1))]
    target = met.match.copy()
    target[first[head]] = second[head]
    return target


class _Units(NamedTuple):
    """All units, given ones before candidates within an image; columns (u,), see `JudgedBoxes`."""

    units: Units
    p: np.ndarray
    place: np.ndarray
    location: np.ndarray
    given_label: np.ndarray
    suggested: Suggested
    score: np.ndarray
    overlap: np.ndarray


def found_boxes(
    asked: Asked, table: BoxTable, judged: JudgedBoxes, unlabelled: ScoredBoxes, below: ScoredBoxes,
    size: np.ndarray | None, stages: StageClasses | None = None,
) -> Found:  # fmt: skip
    """Return the result of the estimator.

    Parameters
    ----------
    table : the given objects. unlabelled : predictions for images without a label. below : those of too small a score.
    size : (n, 2) width and height of the images, NaN unknown, or None.
    stages : what the stages of a decoder, or checkpoints, see; only for reasons.
    """
    dataset = asked.dataset
    names = object_array([*dataset.class_values, NOTHING])
    own = _in_units(asked, table, judged, unlabelled, size)
    unknown = own.units.given < 0
    p_error = np.where(unknown, np.nan, own.p)
    given_label = names[own.given_label]
    given_label[unknown] = None
    why = _why(asked, judged)
    checks = check_boxes(
        judged.given.rows, judged.given.places, judged.given.label, size=size, crowd=judged.given.crowd,
        masks=judged.given.masks,
    )  # fmt: skip
    says = "out-of-fold" if asked.out_of_fold else "in-sample"
    form = form_of(table.places, table.masks)
    words = BoxWords(judged, own.place, own.location, checks, says, dataset.classes, form.one, stages)
    return Found(
        own.units,
        p_error,
        given_label,
        names[own.suggested.label],
        own.suggested.share * np.where(unknown, own.p, np.nan_to_num(p_error)),
        _interval(judged, p_error, why),
        words,
        kind=np.array(INSTANCE_ERRORS if form.masks else BOX_ERRORS, object)[own.suggested.kind],
        last={"score": own.score, "overlap": own.overlap},
        values=_values(asked, own, size),
        pair=np.where(own.place < 0, 1, 0),
        identified=not why,
        why=why,
        below=_below(judged, below, len(dataset.classes)),
        evidence="predictions" if stages is None else "predictions, stages (for reasons only)",
        method=_method(judged),
    )


def _in_units(
    asked: Asked, table: BoxTable, judged: JudgedBoxes, unlabelled: ScoredBoxes, size: np.ndarray | None
) -> _Units:
    """Join given objects, candidates, and proposals for images without a label."""
    seen, met = judged.seen, judged.met
    k = len(asked.dataset.classes)
    rest = locations_of(unlabelled, k)
    ones = suggested_for_given(judged)
    at, m, r = met.candidates, len(judged.given.rows), len(rest.rows)
    share = np.concatenate([seen.score[at] / seen.total[at], rest.score / rest.total])
    new = Suggested(
        np.concatenate([seen.label[at], rest.label]),
        np.concatenate([seen.places[at], rest.places]),
        np.full(len(at) + r, BOX_ERRORS.index("overlooked")),
        share,
        joined_object_masks([chosen_masks(seen.masks, at), rest.masks]),
    )
    rows = np.concatenate([seen.rows[at], rest.rows])
    order = np.argsort(rows, kind="stable")
    new, rows = new.chosen(order), rows[order]
    code = np.where(table.missing[rows], -1, 0)
    places = _in_form(new.places, table.places.shape[1])
    shapes = place_shapes(places if new.masks is not None else cut_to_images(rows, places, size), new.masks)
    classes = np.array(asked.dataset.classes, object)
    outlines = [] if new.masks is None else [new.masks]
    keys = candidate_keys(rows, new.places, classes[new.label].astype(str), *outlines)
    units, mixed = asked.dataset.units.joined(rows, code, keys, shapes=shapes)
    match = met.match
    columns = (
        (judged.of_given.p, np.concatenate([judged.of_candidates.p, rest.score])),
        (np.arange(m), np.full(len(rows), -1)),
        (match, np.concatenate([at, np.full(r, -1)])),
        (judged.given.label, np.full(len(rows), -1)),
        (np.where(match < 0, 0.0, _at(seen.score, match)), np.concatenate([seen.score[at], rest.score])),
        (met.match_iou, np.full(len(rows), np.nan)),
    )
    p, place, location, label, score, overlap = (np.concatenate([one, other[order]])[mixed] for one, other in columns)
    label_, places_, kind, share = (np.concatenate([one, other]) for one, other in zip(ones[:4], new[:4]))
    suggested = Suggested(label_, places_, kind, share, joined_object_masks([ones.masks, new.masks])).chosen(mixed)
    return _Units(units, p, place, location, label, suggested, score, overlap)


def _at(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    return values[np.maximum(places, 0)] if len(values) else np.zeros(len(places))


def _in_form(places: np.ndarray, d: int) -> np.ndarray:
    """Return boxes as they are, or the points that they stand for."""
    return places if d == len(BOX.names) else (places[:, :2] + places[:, 2:]) / 2


def _values(asked: Asked, own: _Units, size: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return given and suggested values (u,) in the format of the journal; the given one is None without a label.

    Suggested places lie in images of known `size`, unless they are the given ones.
    """
    classes = asked.dataset.classes
    assert own.units.shapes is not None
    places = places_of(own.units.shapes)
    form, masks = form_of(places), masks_of_shapes(own.units.shapes)
    given = encoded_places(places, own.units.given - 1, classes, masks)
    given[own.units.given < 0] = None
    if masks is not None:  # masks are whole pixels inside their images
        return given, encoded_places(own.suggested.places, own.suggested.label, classes, own.suggested.masks)
    # A box that is not moved keeps its place to the last digit; a point stays where it is.
    moves = (own.suggested.kind == MISPLACED) | (own.place < 0)
    other_places = np.where(moves[:, None], _in_form(own.suggested.places, places.shape[1]), places)
    if form is BOX:
        other_places = own.suggested.places
    stays = (other_places == places).all(axis=1)
    other_places = np.where(stays[:, None], places, cut_to_images(own.units.rows, np.round(other_places, 2), size))
    return given, encoded_places(other_places, own.suggested.label, classes)


def _why(asked: Asked, judged: JudgedBoxes) -> str:
    """Return why the number of errors is not identified; "" if it is."""
    if not asked.out_of_fold:
        return "the model has seen the labels; pass predictions for images that it was not trained on"
    for name, part, many in (
        ("given objects", judged.of_given, len(judged.given.rows)),
        ("objects that may have been overlooked", judged.of_candidates, len(judged.met.candidates)),
    ):
        if not many:
            continue
        if part.shares is None:
            return f"only {part.planted} errors could be planted among {name}, fewer than {LEAST_PLANTED_BOXES}"
        if part.shares.failed:
            return f"planted errors among {name} do not differ from the others"
        if part.shares.exceeded and part.shares.low == part.shares.high:
            return (
                f"at most {part.shares.high:.1%} of {many - part.certain:,} {name} are wrong by their scores alone, "
                "fewer than planted errors suggest"
            )
        if not part.shares.identified:
            return (
                f"up to {part.shares.high:.1%} of {many - part.certain:,} {name} may be wrong, "
                f"{part.shares.low:.1%} by the clearest: "
                "predictions cannot see what labels omit systematically"
            )
    return ""


def _interval(judged: JudgedBoxes, p_error: np.ndarray, why: str) -> tuple[float, float]:
    """Return the range of the number of wrong units: the bounds of both parts, two standard deviations further out; the
    lower one of a part is 0 if they are too far apart, since both are upper bounds (`share_bounds`)."""
    apart = 2 * float(np.sqrt(np.nansum(p_error * (1 - p_error))))
    expected = float(np.nansum(p_error))
    low, high = 0.0, 0.0
    for part, many in ((judged.of_given, len(judged.given.rows)), (judged.of_candidates, len(judged.met.candidates))):
        ends = _ends(part, many)
        low, high = low + ends[0], high + ends[1]
    known = float((~np.isnan(p_error)).sum())
    return max(min(low, expected) - apart, 0.0), min(max(high, expected) + apart, known)


def _ends(part: JudgedPart, many: int) -> tuple[float, float]:
    if part.shares is None or part.shares.failed:
        return float(part.certain), float(many)
    known, others = part.shares.identified, many - part.certain
    return part.certain + part.shares.low * others * known, part.certain + part.shares.high * others


def _below(judged: JudgedBoxes, below: ScoredBoxes, k: int) -> float:
    """Return the expected number of overlooked objects of too small a score to be listed: at each place at most the
    score, and at most P(wrong) of the least likely tenth of those that are listed."""
    if not len(below.rows):
        return 0.0
    score = locations_of(below, k).score
    listed = np.sort(judged.of_candidates.p)
    least = float(listed[: max(len(listed) // 10, 1)].mean()) if len(listed) else 0.0
    return float(np.minimum(score, least).sum())


def _method(judged: JudgedBoxes) -> str:
    parts = [f"errors planted {REPETITIONS} times into the given objects ({mix_in_words()})"]
    recall = judged.of_candidates.recall
    parts.append(f"predictions show {recall:.0%} of the planted omissions, at most as many of the real ones")
    return "; ".join(parts)
