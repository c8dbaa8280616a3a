"""From given boxes and predictions to judged units: P(wrong), the kind of error, and a suggestion."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.issues.boxes import box_features
from workbench.issues.boxes.fused_overlaps import Fusion, fused_overlaps, fusion_of
from workbench.issues.boxes.locations import Locations, locations_of
from workbench.issues.boxes.matched_boxes import COVERS, GivenBoxes, Matched, matched
from workbench.issues.boxes.plain_scores import PlainScores, plain_scores
from workbench.issues.boxes.planted_odds import (
    MOST_P,
    Examples,
    ShareBounds,
    in_order_of,
    learned_odds,
    most_overlooked,
    probabilities_of,
    share_bounds,
    with_squares,
)
from workbench.issues.boxes.planting import MISPLACED, PLANTED_MIX, planted_boxes
from workbench.issues.from_dynamics import normal_scores
from workbench.tasks.object_overlaps import GivenObjects, chosen_masks, overlaps_of
from workbench.tasks.scored_boxes import ScoredBoxes

REPETITIONS = 4
"""Number of plantings."""

TAUGHT_UNITS = 30_000
"""Largest number of units in which errors are planted; of larger data, a random sample of images."""

CROSS_FOLDS = 3

LEAST_PLANTED_BOXES = 30
"""Smallest number of planted errors of a part from which they are learned."""

PLAIN_WEIGHT, OUTLINE_WEIGHT, SCORE_WEIGHT = 0.5, 6.0, 0.75
"""Weights of each plain score of given boxes, of given masks, and of the score of candidates, beside planted errors in
the ranking, in normal scores. Real outlines are wrong by less than planted ones, whose odds hardly tell such masks
apart."""


class JudgedPart(NamedTuple):
    """One part of the units, given boxes or candidates.

    Attributes
    ----------
    p : (u,) P(wrong). shares : bounds of the share of wrong units, None if too few errors could be planted.
    planted : number of planted errors. recall : share of planted errors that the part contains.
    certain : number of units that are wrong whatever is predicted; `shares` are those of the others.
    """

    p: np.ndarray
    shares: ShareBounds | None
    planted: int
    recall: float
    certain: int = 0


class JudgedBoxes(NamedTuple):
    """Judged given boxes and candidates.

    Attributes
    ----------
    seen, met : locations, and how they match. given : m given boxes.
    of_given, of_candidates : the two parts.
    kinds : (m, 3) probabilities of "class", "place" and "spurious", if a given box is wrong.
    support : of the given boxes.
    """

    seen: Locations
    met: Matched
    given: GivenBoxes
    of_given: JudgedPart
    of_candidates: JudgedPart
    kinds: np.ndarray
    support: box_features.BoxSupport


GIVEN_ERRORS = ("class", "place", "spurious")

SAME_OBJECT = 0.98
"""Intersection over union from which two given boxes of one class are the same box twice."""


def judged_boxes(
    given: GivenBoxes, found: ScoredBoxes, n: int, k: int, size: np.ndarray | None = None, *, seed: int = 0
) -> JudgedBoxes:
    """Judge the boxes of n images.

    Parameters
    ----------
    given : m given boxes of k classes. found : predictions by models that have not seen the image's label.
    size : (n, 2) width and height in pixels, NaN unknown, or None.

    Notes
    -----
    A box that repeats an earlier one is wrong whatever is predicted; the others are judged without it.
    """
    original = _originals(given)
    first = original == np.arange(len(original))
    judged = _judged_once(given.chosen(first), found, n, k, size, seed)
    return judged if first.all() else _with_repeated(judged, given, original, first)


def _originals(given: GivenBoxes) -> np.ndarray:
    """Return the first box of the same image, class and place as each box, (m,) int64: its own index if there is
    none."""
    original = np.arange(len(given.rows))
    pairs = overlaps_of(given, least=SAME_OBJECT)
    one, other = pairs.first, pairs.second
    same = (other < one) & (given.label[one] == given.label[other]) & ~given.crowd[one] & ~given.crowd[other]
    np.minimum.at(original, one[same], other[same])
    return original[original]


def _with_repeated(judged: JudgedBoxes, given: GivenBoxes, original: np.ndarray, first: np.ndarray) -> JudgedBoxes:
    """Return the judged boxes together with those that repeat one of them: these are spurious."""
    source = (np.cumsum(first) - 1)[original]
    met, again = judged.met, ~first
    met = met._replace(first=np.flatnonzero(first)[met.first], match=met.match[source], match_iou=met.match_iou[source])
    p, kinds = judged.of_given.p[source], judged.kinds[source]
    p[again], kinds[again] = MOST_P, np.eye(len(GIVEN_ERRORS))[GIVEN_ERRORS.index("spurious")]
    return judged._replace(
        met=met, given=given, of_given=judged.of_given._replace(p=p, certain=int(again.sum())), kinds=kinds,
        support=box_features.BoxSupport(*(one[source] for one in judged.support)),
    )  # fmt: skip


def _judged_once(
    given: GivenBoxes, found: ScoredBoxes, n: int, k: int, size: np.ndarray | None, seed: int
) -> JudgedBoxes:
    seen = locations_of(found, k)
    met = matched(given, seen)
    forms = box_features.forms_of(given, k)
    fusion = fusion_of(found, seen, np.unique(met.match[met.match >= 0]))
    fused = fused_overlaps(given, met, fusion)
    own, back = box_features.given_features(given, seen, met, forms, size, fused)
    new = box_features.candidate_features(given, seen, met, forms, size)
    rng = np.random.default_rng(seed)
    fold = rng.permutation(n) % CROSS_FOLDS
    taught = _taught(given, found, seen, fusion, n, k, size, rng)
    plain = plain_scores(given, seen, met, back, fused)
    weight = PLAIN_WEIGHT if given.masks is None else OUTLINE_WEIGHT
    of_given = _judged_given(taught, own, given.rows, fold, plain, weight, seed)
    rows = seen.rows[met.candidates]
    of_given.p[given.crowd] = 0.0
    kinds = _kinds(taught, own, back, met)
    most, left = most_overlooked(seen.score, met.candidates), _left(taught, of_given, kinds)
    of_candidates = _judged_candidates(taught, new, rows, fold, most, left, seed)
    return JudgedBoxes(seen, met, given, of_given, of_candidates, kinds, back)


class _Taught(NamedTuple):
    """Units with planted errors, the kinds (e,) of those of given boxes, and the candidates (c,) bool at the places
    that misplaced boxes left."""

    given: Examples
    candidates: Examples
    kinds: np.ndarray
    left: np.ndarray
    recall: float


def _taught(
    given: GivenBoxes, found: ScoredBoxes, seen: Locations, fusion: Fusion, n: int, k: int, size: np.ndarray | None,
    rng: np.random.Generator,
) -> _Taught:  # fmt: skip
    """Plant errors into a sample of the images, several times, and return the features of all units."""
    given = given.chosen(~given.crowd)
    sample = _sampled(given, seen, n, rng)
    if sample is not None:
        given = given.chosen(sample[given.rows])
        found = found.chosen(sample[found.rows])
        seen = locations_of(found, k)
        met = matched(given, seen)
        fusion = fusion_of(found, seen, np.unique(met.match[met.match >= 0]))
    forms = box_features.forms_of(given, k)
    parts: list[list[np.ndarray]] = [[] for _ in range(8)]
    dropped, reached = 0, 0
    for _ in range(REPETITIONS):
        planted = planted_boxes(given, forms.share, rng)
        met = matched(planted.given, seen)
        fused = fused_overlaps(planted.given, met, fusion)
        own, _ = box_features.given_features(planted.given, seen, met, forms, size, fused)
        new = box_features.candidate_features(planted.given, seen, met, forms, size)
        hit, again = _reached(planted.dropped, seen, met)
        # A mask with a bad outline is one error, wherever its object lies.
        left = np.zeros(len(hit), bool) if given.masks is not None else _reached(planted.moved, seen, met)[0] & ~hit
        wrong = planted.kind >= 0
        dropped, reached = dropped + len(planted.dropped.rows), reached + again
        columns = (own, wrong, planted.given.rows, planted.kind, new, hit, seen.rows[met.candidates], left)
        for part, column in zip(parts, columns):
            part.append(column)
    one = [np.concatenate(part) for part in parts]
    return _Taught(Examples(*one[:3]), Examples(*one[4:7]), one[3], one[7], reached / max(dropped, 1))


def _sampled(given: GivenBoxes, seen: Locations, n: int, rng: np.random.Generator) -> np.ndarray | None:
    """Return the images (n,) bool in which errors are planted, None for all."""
    units = np.bincount(given.rows, minlength=n) + np.bincount(seen.rows, minlength=n)
    if units.sum() <= TAUGHT_UNITS:
        return None
    order = rng.permutation(n)
    chosen = np.zeros(n, bool)
    chosen[order[np.cumsum(units[order]) <= TAUGHT_UNITS]] = True
    return chosen


def _reached(dropped: GivenBoxes, seen: Locations, met: Matched) -> tuple[np.ndarray, int]:
    """Return which candidates (c,) are at the place of a dropped box, and how many dropped boxes have one."""
    at = met.candidates
    own = GivenObjects(seen.rows[at], seen.places[at], chosen_masks(seen.masks, at))
    pairs = overlaps_of(own, dropped, least=COVERS)
    hit = np.zeros(len(at), bool)
    hit[pairs.first] = True
    return hit, len(np.unique(pairs.second))


def _judged_given(
    taught: _Taught, features: np.ndarray, rows: np.ndarray, fold: np.ndarray, plain: PlainScores,
    weight: float, seed: int,
) -> JudgedPart:  # fmt: skip
    planted = int(taught.given.planted.sum())
    if planted < LEAST_PLANTED_BOXES or not len(rows):
        return JudgedPart(np.clip(plain.unlike, 0.001, 0.99), None, planted, 1.0)
    odds, of_planted = learned_odds(taught.given, features, rows, fold, seed=seed)
    shares = share_bounds(odds, of_planted)
    score = normal_scores(odds) + weight * sum(normal_scores(one) for one in plain.ordered(odds))
    return JudgedPart(in_order_of(score, probabilities_of(odds, shares)), shares, planted, 1.0)


def _left(taught: _Taught, of_given: JudgedPart, kinds: np.ndarray) -> float:
    """Return the expected number of candidates that are the true places of misplaced given boxes.

    The share of wrong ones is the lower bound times the ratio of the bounds: both bound it from above, and the further
    apart they are, the less is known (where hardly any box is wrong, the lower one alone was .02 to .04).
    """
    shares, misplaced = of_given.shares, int((taught.kinds == MISPLACED).sum())
    if shares is None or not misplaced:
        return 0.0
    each = taught.left.sum() / misplaced
    return float(each * (of_given.p @ kinds[:, MISPLACED]) * shares.low**2 / (shares.high * shares.middle))


def _judged_candidates(
    taught: _Taught, features: np.ndarray, rows: np.ndarray, fold: np.ndarray, most: float, left: float, seed: int
) -> JudgedPart:
    planted = int(taught.candidates.planted.sum())
    score = features[:, 0]
    if planted < LEAST_PLANTED_BOXES or not len(rows):
        return JudgedPart(np.clip(score, 0.001, 0.99), None, planted, taught.recall)
    examples = taught.candidates.chosen(~taught.left)
    odds, of_planted = learned_odds(examples, features, rows, fold, rising=(0,), seed=seed)
    if left:
        dropped = share_bounds(odds, of_planted).low
        often = left / len(rows) / dropped * planted / taught.left.sum()
        keep = ~taught.left | (np.random.default_rng(seed).random(len(taught.left)) < often)
        examples = taught.candidates._replace(planted=taught.candidates.planted | taught.left).chosen(keep)
        odds, of_planted = learned_odds(examples, features, rows, fold, rising=(0,), seed=seed)
    shares = share_bounds(odds, of_planted).at_most(most)
    ranked = normal_scores(odds) + SCORE_WEIGHT * normal_scores(score)
    return JudgedPart(in_order_of(ranked, probabilities_of(odds, shares)), shares, planted, taught.recall)


def _kinds(taught: _Taught, features: np.ndarray, back: box_features.BoxSupport, met: Matched) -> np.ndarray:
    """Return the probability (m, 3) of each kind of error of a given box, if it is wrong."""
    from sklearn.linear_model import LogisticRegression

    wrong = np.flatnonzero(taught.kinds >= 0)
    out = np.zeros((len(features), len(GIVEN_ERRORS)))
    codes = taught.kinds[wrong]
    if len(wrong) < LEAST_PLANTED_BOXES or len(np.unique(codes)) < 2:
        kind = np.where(met.match < 0, 2, np.where(back.other5 > back.same5, 0, 1))
        out[np.arange(len(out)), kind] = 1.0
        return out
    known = taught.given.features[wrong]
    mean, spread = known.mean(axis=0), known.std(axis=0)
    model = LogisticRegression(C=1.0, max_iter=300).fit(with_squares(known, mean, spread), codes)
    if len(features):
        out[:, model.classes_] = model.predict_proba(with_squares(features, mean, spread))
    return out


def mix_in_words() -> str:
    """Describe the errors that are planted."""
    return ", ".join(f"{share:.0%} {kind}" for kind, share in PLANTED_MIX.items())
