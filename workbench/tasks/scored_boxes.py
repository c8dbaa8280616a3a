"""Boxes and points predicted by a model, with their scores, and their matches with given ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.checks import in_memory
from workbench.foundation.errors import InputError, first_few, shortened
from workbench.tasks.box_overlaps import assigned, same_image
from workbench.tasks.box_reading import LABELS_KEY, MOST_OBJECTS, numbers, refuse_places
from workbench.tasks.box_table import BOX, POINT, PlaceForm, masks_of_shapes, place_shapes, places_of
from workbench.tasks.class_names import class_text, plain_value
from workbench.tasks.keys import candidate_keys, number_within
from workbench.tasks.object_overlaps import GivenObjects, chosen_masks, overlaps_of
from workbench.tasks.protocol import Met
from workbench.tasks.units import Units

LEAST_IOU = 0.5
"""IoU from which a predicted box is about a given one."""

LEAST_BOX_SCORE = 0.3
"""Score from which a predicted object without a given one is a unit."""

SCORES_KEY, CLASS_SCORES_KEY = "scores", "class_scores"

AS_COCO = "holds an entry for each detection, as COCO's files do, not one for each image"
READ_COCO = (
    "Read a file of COCO's detections with `wb.vision.read_detections(PATH, run)`; to keep them, "
    '`run.save_evidence("predictions", found)`. Pass a table as a DataFrame.'
)
SCORED = (
    "Pass n lists over the classes of arrays (p, 5) x0, y0, x1, y1, score, or n dicts "
    '{"bboxes": (p, 4), "scores": (p,), "labels": (p,)} or {"bboxes": (p, 4), "class_scores": (p, k)}.'
)


class ScoredBoxes(NamedTuple):
    """The p predicted boxes or points of n examples.

    Attributes
    ----------
    rows : (p,) int64, ascending: row of the example of each object.
    places : (p, 4) float64 x0, y0, x1, y1 in pixels, half-open; (p, 2) x, y for points.
    label : (p,) int64, class index. score : (p,) float64 in [0, 1].
    class_scores : (p, k) float32 in [0, 1], scores of all classes, or None.
    masks : (p,) object array of str, masks of instances in their boxes, or None.
    """

    rows: np.ndarray
    places: np.ndarray
    label: np.ndarray
    score: np.ndarray
    class_scores: np.ndarray | None = None
    masks: np.ndarray | None = None

    def chosen(self, keep: np.ndarray) -> ScoredBoxes:
        """Select objects by a mask or by ascending indices."""
        rows, places, label, score = (one[keep] for one in self[:4])
        classes = self.class_scores
        masks = chosen_masks(self.masks, keep)
        return ScoredBoxes(rows, places, label, score, None if classes is None else classes[keep], masks)


class _Part(NamedTuple):
    places: np.ndarray
    label: np.ndarray
    score: np.ndarray
    class_scores: np.ndarray | None


def read_predictions(predictions: Any, n: int, classes: Sequence[str], forms: Sequence[PlaceForm]) -> ScoredBoxes:
    """Return predicted objects as columns.

    Parameters
    ----------
    predictions : n entries. An entry is a list over the k classes of arrays (p, 5) with x0, y0, x1, y1, score (the
        form of mmdetection and cleanlab); a dict {"bboxes": (p, 4), "scores": (p,), "labels": (p,)}, in which scores of
        all classes "class_scores" (p, k) may replace or accompany scores and labels; or a list of tuples (x0, y0, x1,
        y1, class, score). Points have two coordinates. Or `ScoredBoxes`.
    n : number of examples. classes : names of the classes; integers are indices, unless the names are numbers.
    forms : the forms of positions to accept: boxes, points or both, but one in all entries.

    Raises
    ------
    InputError : an invalid entry; the message names the row and the object.
    """
    if isinstance(predictions, ScoredBoxes):
        return _valid(predictions, n, classes)
    if isinstance(predictions, (str, PathLike)) or _as_coco(predictions):
        found = f"is the path {predictions}" if isinstance(predictions, (str, PathLike)) else AS_COCO
        raise InputError.at("predictions", found, READ_COCO)
    if isinstance(predictions, (str, bytes, Mapping)) or not hasattr(predictions, "__len__") or len(predictions) != n:
        many = len(predictions) if hasattr(predictions, "__len__") else type(predictions).__name__
        raise InputError.at("predictions", f"has {many} entries for {n} labels", SCORED)
    codes = _Codes(classes)
    parts = [_entry(one, row, codes, forms) for row, one in enumerate(predictions)]
    widths = {part.places.shape[1] for part in parts if len(part.places)} or {len(forms[0].names)}
    if len(widths) > 1:
        raise InputError.at("predictions", "holds boxes and points", "Pass either boxes or points.")
    d = widths.pop()
    rows = np.repeat(np.arange(n), [len(part.places) for part in parts])
    used = [part for part in parts if len(part.places)]
    every = [part.class_scores for part in used if part.class_scores is not None]
    if every and len(every) < len(used):
        found = f"holds {CLASS_SCORES_KEY!r} for some examples only"
        raise InputError.at("predictions", found, "Pass them for all examples or for none.")
    empty = np.empty(0)
    made = ScoredBoxes(
        rows,
        np.concatenate([np.empty((0, d)), *(part.places for part in used)]).astype(np.float64),
        np.concatenate([empty, *(part.label for part in used)]).astype(np.int64),
        np.concatenate([empty, *(part.score for part in used)]).astype(np.float64),
        np.concatenate(every).astype(np.float32) if every else None,
    )
    return _valid(made, n, classes)


def _as_coco(predictions: Any) -> bool:
    """Whether this is COCO's list of detections, which has an entry for each."""
    first = predictions[0] if isinstance(predictions, (list, tuple)) and predictions else None
    return isinstance(first, Mapping) and {"image_id", "bbox"} <= set(first)


def _valid(found: ScoredBoxes, n: int, classes: Sequence[str]) -> ScoredBoxes:
    """Check rows, positions, classes and scores."""
    rows, numbers_ = found.rows, number_within(found.rows)
    form = BOX if found.places.shape[1] == len(BOX.names) else POINT
    if len(rows) and (rows[0] < 0 or rows[-1] >= n or (np.diff(rows) < 0).any()):
        raise InputError.at("predictions", f"has rows that are not ascending in 0 .. {n - 1}", SCORED)
    refuse_places(found.places, rows, numbers_, form, "predictions")
    scores = found.score[:, None] if found.class_scores is None else np.c_[found.score, found.class_scores]
    for wrong, what, values, todo in (
        (~((scores >= 0) & (scores <= 1)).all(axis=1), "has the score", found.score, "Scores are in [0, 1]."),
        ((found.label < 0) | (found.label >= len(classes)), "has the class", found.label, _known(classes)),
    ):
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            text = f"{form.one} {int(numbers_[place])} {what} {values[place]:.6g}"
            raise InputError.at("predictions", text, todo, row=int(rows[place]))
    return found


def _entry(one: Any, row: int, codes: _Codes, forms: Sequence[PlaceForm]) -> _Part:
    if one is None:
        return _part([], [], [], None, row, codes, forms[0])
    if isinstance(one, Mapping):
        return _of_dict(one, row, codes, forms)
    one = in_memory("predictions", one)
    if isinstance(one, (str, bytes)) or not hasattr(one, "__len__"):
        raise InputError.at("predictions", f"is {shortened(one)}", SCORED, row=row)
    if len(one) > MOST_OBJECTS:
        raise InputError.at("predictions", f"has {len(one):,} entries", f"At most {MOST_OBJECTS:,} are read.", row=row)
    if len(one) == 0:
        return _part([], [], [], None, row, codes, forms[0])
    if np.ndim(one[0]) == 2 or (np.ndim(one[0]) == 1 and len(one[0]) == 0):
        return _of_classes(one, row, codes, forms)
    form = next((form for form in forms if np.shape(one[0]) == (len(form.names) + 2,)), None)
    for place, own in enumerate(one):
        if form is None or not isinstance(own, (list, tuple, np.ndarray)) or len(own) != len(form.names) + 2:
            raise InputError.at("predictions", f"object {place} is {shortened(own)}", SCORED, row=row)
    assert form is not None
    d = len(form.names)
    labels, scores = ([own[at] for own in one] for at in (d, d + 1))
    return _part([list(own[:d]) for own in one], labels, scores, None, row, codes, form)


def _of_classes(one: Any, row: int, codes: _Codes, forms: Sequence[PlaceForm]) -> _Part:
    """Read a list over the classes of arrays (p, d + 1)."""
    k = len(codes.classes)
    if len(one) != k:
        raise InputError.at("predictions", f"has arrays for {len(one)} classes of {k}", SCORED, row=row)
    arrays = [np.asarray(in_memory("predictions", own)) for own in one]
    form = next((form for form in forms if any(own.shape[1:] == (len(form.names) + 1,) for own in arrays)), forms[0])
    width = len(form.names) + 1
    for code, own in enumerate(arrays):
        if own.size and (own.ndim != 2 or own.shape[1] != width or own.dtype.kind not in "iuf"):
            found = f"has an array of shape {own.shape} and dtype {own.dtype} for the class {codes.classes[code]!r}"
            raise InputError.at("predictions", found, SCORED, row=row)
    arrays = [own.reshape(-1, width) for own in arrays]
    every = np.concatenate(arrays)
    label = np.repeat(np.arange(k), [len(own) for own in arrays])
    return _Part(every[:, :-1], label, every[:, -1], None)


def _of_dict(one: Mapping[str, Any], row: int, codes: _Codes, forms: Sequence[PlaceForm]) -> _Part:
    found = [(form, key) for form in forms for key in form.keys if key in one]
    if not found or (CLASS_SCORES_KEY not in one and not {SCORES_KEY, LABELS_KEY} <= set(one)):
        raise InputError.at("predictions", f"is {shortened(dict(one))}", SCORED, row=row)
    form, key = found[0]
    every = one.get(CLASS_SCORES_KEY)
    if every is not None:
        every = np.asarray(in_memory("predictions", every))
        wanted = (len(in_memory("predictions", one[key])), len(codes.classes))
        if every.size and (every.shape != wanted or every.dtype.kind not in "iuf"):
            found_shape = f"has {CLASS_SCORES_KEY} of shape {every.shape} and dtype {every.dtype}"
            raise InputError.at("predictions", found_shape, f"Pass numbers of shape {wanted}.", row=row)
        every = every.reshape(wanted)
    return _part(one[key], one.get(LABELS_KEY), one.get(SCORES_KEY), every, row, codes, form)


def _part(
    places: Any, labels: Any, scores: Any, every: np.ndarray | None, row: int, codes: _Codes, form: PlaceForm
) -> _Part:
    where = numbers(places, form.keys[0], row, form, "predictions")
    m = len(where)
    if labels is None and every is not None:
        label = every.argmax(axis=1) if m else np.empty(0, np.int64)
    else:
        label = codes.of(_sized(labels, LABELS_KEY, m, row), row, form)
    if scores is None and every is not None:
        score = every[np.arange(m), label]
    else:
        listed = _sized(scores, SCORES_KEY, m, row)
        try:
            score = np.asarray(listed, np.float64)
        except (TypeError, ValueError):
            raise InputError.at("predictions", f"has the scores {shortened(scores)}", SCORED, row=row) from None
    return _Part(where, label, score, every)


def _sized(values: Any, name: str, m: int, row: int) -> list[Any] | np.ndarray:
    values = in_memory("predictions", values)
    values = values.to_numpy() if isinstance(values, pd.Series) else values
    if not isinstance(values, (list, tuple, np.ndarray)) or len(values) != m or np.ndim(values) > 1:
        many = len(values) if hasattr(values, "__len__") else shortened(values)
        raise InputError.at("predictions", f"has {many} {name} for {m} objects", SCORED, row=row)
    return values if isinstance(values, np.ndarray) else list(values)


class _Codes:
    """Class indices of the classes that predictions name."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = classes
        self._code_of: dict[object, int] = {name: code for code, name in enumerate(classes)}
        self._indices = not any(name.lstrip("-").isdigit() for name in classes)  # integers are indices
        if self._indices:
            self._code_of |= {code: code for code in range(len(classes))}

    def of(self, labels: Sequence[object] | np.ndarray, row: int, form: PlaceForm) -> np.ndarray:
        """Return the indices (m,); errors name the object."""
        codes = labels if isinstance(labels, np.ndarray) and labels.dtype.kind in "iu" else None
        if self._indices and codes is not None and ((codes >= 0) & (codes < len(self.classes))).all():
            return codes.astype(np.int64)
        found = np.empty(len(labels), np.int64)
        for place, label in enumerate(labels):
            plain = plain_value(label)
            known = plain if isinstance(plain, (str, int)) and not isinstance(plain, bool) else None
            code = None if known is None else self._code_of.get(known, self._code_of.get(class_text(known)))
            if code is None:
                text = f"{form.one} {place} has the class {shortened(label)}"
                raise InputError.at("predictions", text, _known(self.classes), row=row)
            found[place] = code
        return found


def _known(classes: Sequence[str]) -> str:
    return f"Known classes: {first_few(list(classes), 12)}."


def pairs_of(
    rows: np.ndarray, places: np.ndarray, found: ScoredBoxes, masks: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs of given and predicted objects that may be the same: (first, second, overlap), (q,) each.

    Parameters
    ----------
    rows, places : (m,) and (m, 4) of given boxes, or (m, 2) of given points. masks : (m,) of given instances, or None.

    Notes
    -----
    The overlap of boxes, or of masks, is their IoU, from `LEAST_IOU`; of a point in a predicted box 1; of two points 1
    - distance / r, with r the distance that `reach` returns.
    """
    of_points, points = places.shape[1] == 2, found.places.shape[1] == 2
    if not of_points and not points:
        pairs = overlaps_of(GivenObjects(rows, places, masks), found, least=LEAST_IOU)
        return pairs.first, pairs.second, pairs.iou
    radius = reach(rows, places)
    kept: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for first, second in same_image(rows, found.rows):
        given, other = places[first], found.places[second]
        if points:
            overlap = np.asarray(1 - np.hypot(*(given - other).T) / radius)
        else:
            inside = (other[:, :2] <= given) & (given < other[:, 2:])
            overlap = np.asarray(inside.all(axis=1), np.float64)
        near = np.flatnonzero(overlap > 0)
        kept.append((first[near], second[near], overlap[near]))
    none = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    one, other, overlaps = (np.concatenate(column) for column in zip(none, *kept))
    return one, other, overlaps


def reach(rows: np.ndarray, points: np.ndarray) -> float:
    """Return the distance in pixels within which two points may be the same: half the median distance between a given
    point and the nearest other one of its image, 10 if no image has two."""
    from scipy.spatial import cKDTree

    if len(points) < 2:
        return 10.0
    span = float(np.ptp(points, axis=0).max()) * 4 + 1
    apart = np.c_[points, rows * span]  # images lie further apart than points of one
    _, nearest = np.hsplit(np.asarray(cKDTree(apart).query(apart, k=2)[0]), 2)
    own = nearest[np.flatnonzero((nearest < span) & (nearest > 0))]
    return float(np.median(own)) / 2 if len(own) else 10.0


def met_boxes(units: Units, predictions: Any, classes: Sequence[str]) -> Met:
    """Match predicted objects with given ones, one to one, and add those without a match.

    Parameters
    ----------
    units : of the given objects. predictions : as in `read_predictions`.

    Returns
    -------
    Met, with `pred_probs` (m, k + 1) of "nothing" and the classes: a predicted object gives its score to its class and
        the rest to "nothing"; a given object without a prediction has probability 0.8 of "nothing".

    Notes
    -----
    Pairs are chosen such that the sum of overlap (.5 + .5 same class) (.25 + .75 score) is largest.
    """
    assert units.shapes is not None
    places = places_of(units.shapes)
    forms = (BOX,) if places.shape[1] == len(BOX.names) else (POINT, BOX)
    found = read_predictions(predictions, units.n, classes, forms)
    first, second, overlap = pairs_of(units.rows, places, found, masks_of_shapes(units.shapes))
    same = units.given[first] == found.label[second] + 1
    weight = overlap * (0.5 + 0.5 * same) * (0.25 + 0.75 * found.score[second])
    best = assigned(first, second, weight)
    k = len(classes)
    probs = np.full((units.m, k + 1), 0.2 / max(k, 1))
    probs[:, 0] = 0.8
    every = np.zeros((len(found.rows), k + 1))
    every[np.arange(len(every)), found.label + 1] = found.score
    every[:, 0] = 1 - found.score
    probs[first[best]] = every[second[best]]
    overlaps = np.full(units.m, np.nan)
    overlaps[first[best]] = overlap[best]
    free = np.ones(len(found.rows), bool)
    free[second] = False
    new = np.flatnonzero(free & (found.score >= LEAST_BOX_SCORE))
    below = float(found.score[free & (found.score < LEAST_BOX_SCORE)].sum())
    names = np.array(classes, object)[found.label[new]].astype(str)
    keys = candidate_keys(found.rows[new], found.places[new], names)
    shapes = place_shapes(_as(found.places[new], places.shape[1]), chosen_masks(found.masks, new))
    joined, order = units.joined(found.rows[new], np.zeros(len(new), np.int64), keys, shapes=shapes)
    probs = np.concatenate([probs, every[new]])[order]
    overlaps = np.concatenate([overlaps, np.full(len(new), np.nan)])[order]
    return Met(joined, {"pred_probs": probs}, overlaps, None, below)


def _as(places: np.ndarray, d: int) -> np.ndarray:
    """Return positions with d coordinates: boxes as their centres where labels are points."""
    return places if places.shape[1] == d else (places[:, :2] + places[:, 2:]) / 2
