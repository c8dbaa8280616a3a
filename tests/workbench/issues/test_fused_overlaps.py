"""Several predictions of one object: the overlap with their fusion, beside that of pixels; plain scores."""

from __future__ import annotations

import numpy as np

import workbench as wb
from workbench.issues.boxes.fused_overlaps import fused_overlaps, fusion_of
from workbench.issues.boxes.locations import locations_of
from workbench.issues.boxes.matched_boxes import GivenBoxes, matched
from workbench.issues.boxes.plain_scores import PlainScores
from workbench.issues.masks.fusion import soft_iou, weighted_share
from workbench.tasks.instance_evidence import read_scored_instances
from workbench.tasks.scored_boxes import ScoredBoxes

SIDE, VOTES = 24, 5


def outlines(rng: np.random.Generator, bad: bool = False) -> np.ndarray:
    """Masks (VOTES, SIDE, SIDE) of one disc; the first lacks a third if it is bad."""
    y, x = np.mgrid[:SIDE, :SIDE]
    middle, radius = rng.uniform(11, 13, 2) + rng.normal(0, 0.4, (VOTES, 2)), rng.uniform(5.5, 7)
    masks = np.stack([(y - a) ** 2 + (x - b) ** 2 < radius**2 for a, b in middle])
    if bad:
        masks[0, :, SIDE // 2 + 3 :] = False
    return masks


def instances(masks: list[np.ndarray]) -> list[dict[str, object]]:
    return [{"masks": list(one), "labels": ["cell"] * len(one), "scores": [1.0] * len(one)} for one in masks]


def overlaps(given: GivenBoxes, found: ScoredBoxes, k: int) -> np.ndarray:
    seen = locations_of(found, k)
    met = matched(given, seen)
    return fused_overlaps(given, met, fusion_of(found, seen, np.unique(met.match[met.match >= 0])))


def test_masks_as_mask_scores() -> None:
    rng = np.random.default_rng(0)
    masks = [outlines(rng, bad=row % 3 == 0) for row in range(12)]
    expected = wb.vision.mask_scores(masks)["soft_iou"].xs(0, level="mask")
    own = read_scored_instances(instances([one[:1] for one in masks]), len(masks), ["cell"])
    given = GivenBoxes(own.rows, own.places, own.label, np.zeros(len(own.rows), bool), own.masks)
    found = read_scored_instances(instances([one[1:] for one in masks]), len(masks), ["cell"])
    np.testing.assert_allclose(overlaps(given, found, 1), expected, rtol=1e-9)
    single = read_scored_instances(instances([one[1:2] for one in masks]), len(masks), ["cell"])
    iou = [float((one & other).sum() / (one | other).sum()) for one, other in (mask[:2] for mask in masks)]
    np.testing.assert_allclose(overlaps(given, single, 1), iou, rtol=1e-9)


def test_boxes_as_their_pixels() -> None:
    rng = np.random.default_rng(1)
    corner = np.array([6, 6, 16, 16])
    places = np.sort((corner + rng.integers(-2, 3, (8, 4))).reshape(-1, 2, 2), axis=1).reshape(-1, 4).astype(float)
    raster = np.zeros((8, SIDE, SIDE), bool)
    for mask, (x0, y0, x1, y1) in zip(raster, places.astype(int)):
        mask[y0:y1, x0:x1] = True
    none = np.zeros(1, int)
    given = GivenBoxes(none, places[:1], none, np.zeros(1, bool))
    found = ScoredBoxes(np.zeros(7, int), places[1:], np.zeros(7, int), np.ones(7))
    expected = soft_iou(raster[:1], weighted_share(raster[1:])[0])
    np.testing.assert_allclose(overlaps(given, found, 1), expected, rtol=1e-9)


def test_what_planted_errors_say_orders_missing_and_other_predictions() -> None:
    plain = PlainScores(
        unlike=np.array([1.0, 1.0, 0.2]), mistaken=np.array([1.0, 0.9, 0.1]), fused=np.array([0.0, 0.8, 0.9]),
        unmet=np.array([True, False, False]), other=np.array([False, True, False]),
    )  # fmt: skip
    for odds, order in (([-1.0, 2.0, -5.0], [1, 0, 2]), ([2.0, -1.0, -5.0], [0, 1, 2])):
        for score in plain.ordered(np.array(odds)):
            assert np.argsort(-score).tolist() == order
