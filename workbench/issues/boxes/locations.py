"""Locations: places in images where a model sees an object, with the scores of all classes at each place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.tasks.box_overlaps import BoxPairs, suppressed
from workbench.tasks.object_overlaps import chosen_masks, overlaps_of
from workbench.tasks.scored_boxes import ScoredBoxes

SAME_LOCATION = 0.5
"""Intersection over union above which predictions, of any class, are about one location."""

LEAST_CLASS_SCORE = 0.01
"""Smallest score of a class that is kept in the vector of a location, apart from its largest one."""

WORTHY_SCORE = 0.3


class Locations(NamedTuple):
    """The locations of all images.

    Attributes
    ----------
    rows : (l,) int64, ascending. places : (l, 4), of the prediction with the largest score.
    label, other : (l,) int64, classes with the largest and the second largest score; `other` is -1 if there is none.
    score, second : (l,) float64 in [0, 1], their scores; 0 if there is none.
    total : (l,) float64, sum of the scores of all classes.
    keys, values : (q,) ascending location * k + class, and the score of this class.
    of : (p,) int64, the location of each prediction.
    k : number of classes.
    masks : (l,) object array of str, the masks of instances, or None.
    """

    rows: np.ndarray
    places: np.ndarray
    label: np.ndarray
    other: np.ndarray
    score: np.ndarray
    second: np.ndarray
    total: np.ndarray
    keys: np.ndarray
    values: np.ndarray
    of: np.ndarray
    k: int
    masks: np.ndarray | None = None

    def class_score(self, location: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Return the score (q,) of a class at a location; 0 if it was not predicted there."""
        if not len(self.keys):
            return np.zeros(len(location))
        key = location * self.k + label
        at = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        return np.where(self.keys[at] == key, self.values[at], 0.0)


def locations_of(found: ScoredBoxes, k: int) -> Locations:
    """Merge predictions of all classes that overlap into locations.

    Non-maximum suppression without regard to classes: predictions of several classes at one place are one candidate,
    with the largest score of each class. Suppression class by class would leave several candidates at a place, all but
    one of them wrong.

    Parameters
    ----------
    found : p predictions. k : number of classes.

    Raises
    ------
    InputError : too many predictions of an image overlap.
    """
    pairs = None if found.masks is None else overlaps_of(found, least=SAME_LOCATION)
    leader = suppressed(found.rows, found.places, _precedence(found, pairs), iou=SAME_LOCATION, pairs=pairs)
    kept, of = np.unique(leader, return_inverse=True)
    label, score = found.label, found.score
    place = of
    if found.class_scores is not None:
        box, code = np.nonzero(found.class_scores >= LEAST_CLASS_SCORE)
        place = np.concatenate([of, of[box]])
        label = np.concatenate([label, code])
        score = np.concatenate([score, found.class_scores[box, code]])
    order = np.lexsort((-score, place * k + label))
    key = (place * k + label)[order]
    head = np.flatnonzero(np.diff(key, prepend=-1))
    keys, values = key[head], score[order][head].astype(np.float64)
    best = np.lexsort((-values, keys // k))
    at = keys[best] // k
    first = np.flatnonzero(np.diff(at, prepend=-1))
    after = np.minimum(first + 1, max(len(at) - 1, 0))
    has = (after > first) & (at[after] == at[first]) if len(at) else np.zeros(0, bool)
    return Locations(
        found.rows[kept],
        found.places[kept],
        keys[best][first] % k,
        np.where(has, keys[best][after] % k, -1),
        values[best][first],
        np.where(has, values[best][after], 0.0),
        np.bincount(keys // k, values, len(kept)),
        keys,
        values,
        of,
        k,
        chosen_masks(found.masks, kept),
    )


def _precedence(found: ScoredBoxes, pairs: BoxPairs | None) -> np.ndarray:
    """Return numbers (p,) in the order of the scores, and among equal scores in that of the overlap with all others:
    of several people who outlined an object, the one in the middle stands for it."""
    if len(np.unique(found.score)) == len(found.score):
        return found.score
    pairs = overlaps_of(found, least=SAME_LOCATION) if pairs is None else pairs
    order = np.lexsort((np.bincount(pairs.first, pairs.iou, len(found.rows)), found.score))
    rank = np.empty(len(order))
    rank[order] = np.arange(len(order))
    return rank
