"""Overlaps, suppression and assignment of boxes, compared with slow loops and with SciPy; crowded images and speed."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from workbench.foundation.errors import InputError
from workbench.tasks import box_overlaps
from workbench.tasks.box_overlaps import assigned, box_areas, box_ious, overlapping, same_image, suppressed


def drawn(seed: int, images: int, most: int, side: float = 60, size: float = 25) -> tuple[np.ndarray, np.ndarray]:
    """Random boxes of several images, some of them empty, equal, or touching."""
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.arange(images), rng.integers(0, most + 1, images))
    corner = np.round(rng.uniform(0, side, (len(rows), 2)))
    boxes = np.concatenate([corner, corner + np.round(rng.uniform(0, size, (len(rows), 2)))], axis=1)
    again = rng.random(len(rows)) < 0.1
    boxes[again] = boxes[np.maximum(np.flatnonzero(again) - 1, 0)]
    return rows, boxes


def slow_iou(one, other) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    inside = max(width, 0) * max(height, 0)
    union = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - inside
    return inside / union if union > 0 else 0.0


def slow_pairs(rows, boxes, other_rows, other_boxes, least=0.0, same=False):
    found = []
    for i, (row, box) in enumerate(zip(rows, boxes)):
        for j, (other_row, other) in enumerate(zip(other_rows, other_boxes)):
            iou = slow_iou(box, other) if row == other_row and not (same and i == j) else 0
            if iou > 0 and iou >= least:
                found.append((i, j, iou))
    return found


@pytest.mark.parametrize("crowded", [0, 10**9], ids=["near boxes", "all boxes"])
@pytest.mark.parametrize("seed", range(4))
def test_pairs_equal_a_slow_loop(seed, crowded, monkeypatch):
    monkeypatch.setattr(box_overlaps, "CROWDED", crowded)
    monkeypatch.setattr(box_overlaps, "PAIRS_AT_ONCE", 50)
    rows, boxes = drawn(seed, 5, 12)
    others = drawn(seed + 10, 6, 9)
    for least in (0.0, 0.3):
        got = overlapping(rows, boxes, *others, least=least)
        wanted = slow_pairs(rows, boxes, *others, least)
        assert [(i, j) for i, j, _ in wanted] == list(zip(got.first, got.second))
        np.testing.assert_allclose(got.iou, [iou for *_, iou in wanted], rtol=1e-12)
    wanted = slow_pairs(rows, boxes, rows, boxes, same=True)
    got = overlapping(rows, boxes)
    assert [(i, j) for i, j, _ in wanted] == list(zip(got.first, got.second))


def test_boxes_that_touch_or_are_empty_do_not_overlap():
    boxes = np.array([[0, 0, 2, 2], [2, 0, 4, 2], [1, 1, 1, 1], [3, 3, 2, 2.0]])
    assert not len(overlapping(np.zeros(4, int), boxes).iou)
    assert box_areas(boxes).tolist() == [4, 4, 0, 0]
    assert box_ious(boxes, boxes).tolist() == [1, 1, 0, 0]
    assert box_ious(boxes[:1], boxes[:1], least_union=16).tolist() == [0.25]


def test_no_boxes_give_no_pairs():
    none, no_boxes = np.empty(0, np.int64), np.empty((0, 4))
    rows, boxes = drawn(0, 3, 4)
    assert not len(overlapping(none, no_boxes, rows, boxes).first)
    assert not len(overlapping(rows, boxes, none, no_boxes).first)
    assert not len(suppressed(none, no_boxes, np.empty(0)))
    assert not len(assigned(none, none, np.empty(0)))
    assert list(same_image(none, rows)) == []


def slow_suppressed(rows, boxes, scores, iou):
    """The usual loop: by descending score, each box suppresses the later ones."""
    by = {}
    for one in np.argsort(-scores, kind="stable"):
        near = [o for o, b in by.items() if b == o and rows[o] == rows[one] and slow_iou(boxes[o], boxes[one]) > iou]
        by[one] = near[0] if near else one
    return [by[one] for one in range(len(rows))]


@pytest.mark.parametrize("rounds", [1, 30])
@pytest.mark.parametrize("seed", range(4))
def test_suppression_equals_the_usual_loop(seed, rounds, monkeypatch):
    monkeypatch.setattr(box_overlaps, "PARALLEL_ROUNDS", rounds)
    rows, boxes = drawn(seed, 6, 25)
    scores = np.round(np.random.default_rng(seed).random(len(rows)), 1)  # with ties
    for iou in (0.2, 0.5):
        assert suppressed(rows, boxes, scores, iou=iou).tolist() == slow_suppressed(rows, boxes, scores, iou)


def test_long_chains_are_suppressed_as_by_the_usual_loop():
    start = np.arange(200.0)
    boxes = np.stack([start, start * 0, start + 3, start * 0 + 1], axis=1)
    rows, scores = np.zeros(200, int), -start
    assert suppressed(rows, boxes, scores, iou=0.4).tolist() == slow_suppressed(rows, boxes, scores, 0.4)


@pytest.mark.parametrize("dense", [0, 10**6], ids=["sparse", "dense"])
@pytest.mark.parametrize("seed", range(5))
def test_assignment_has_the_weight_of_the_best_one(seed, dense, monkeypatch):
    monkeypatch.setattr(box_overlaps, "DENSE_CELLS", dense)
    rng = np.random.default_rng(seed)
    weight = np.where(rng.random((14, 11)) < 0.35, np.round(rng.random((14, 11)), 2), 0)
    first, second = (one.astype(np.int64) for one in np.nonzero(weight))
    chosen = assigned(first, second, weight[first, second])
    assert len(set(first[chosen])) == len(set(second[chosen])) == len(chosen)
    best = weight[linear_sum_assignment(weight, maximize=True)].sum()
    assert weight[first[chosen], second[chosen]].sum() == pytest.approx(best, rel=1e-12)


def test_an_assignment_can_beat_the_greedy_one():
    first, second = np.array([0, 0, 1]), np.array([0, 1, 0])
    assert assigned(first, second, np.array([0.9, 0.8, 0.8])).tolist() == [1, 2]
    assert assigned(first, second, np.array([0.9, 0.3, 0.2])).tolist() == [0]
    assert assigned(first, second, np.array([0.0, 0.0, -1])).tolist() == []


def test_many_boxes_in_one_image_are_compared_with_their_neighbors_only():
    at = np.arange(250) * 10.0
    x, y = (one.ravel() for one in np.meshgrid(at, at))
    boxes = np.stack([x, y, x + 12, y + 12], axis=1)
    boxes[0] = [0, 0, 2500, 2500]
    tracemalloc.start()
    began = time.perf_counter()
    pairs = overlapping(np.zeros(len(boxes), int), boxes)
    assert time.perf_counter() - began < 20
    assert tracemalloc.get_traced_memory()[1] < 2e8
    tracemalloc.stop()
    assert (pairs.first == 0).sum() == len(boxes) - 1
    assert (pairs.first == 31_375).sum() == 9  # eight neighbours and the large one


def test_too_many_boxes_above_each_other_are_refused(monkeypatch):
    rows = np.repeat([0, 1], [3, 60_000])
    boxes = np.tile([0.0, 0, 10, 10], (len(rows), 1))
    monkeypatch.setattr(box_overlaps, "MOST_NEAR_PAIRS", 10**6)
    with pytest.raises(InputError, match=r"`boxes` row 1 has 60,000 and 60,000 boxes, most of them above each other"):
        overlapping(rows, boxes)
    monkeypatch.setattr(box_overlaps, "MOST_OVERLAPPING", 10**4)
    with pytest.raises(InputError, match=r"row 0 has, with those before it, more than 10,000 pairs"):
        overlapping(np.zeros(150, int), boxes[:150])


def test_many_images_take_seconds():
    rng = np.random.default_rng(0)
    rows = np.repeat(np.arange(20_000), 10)
    corner = rng.uniform(0, 600, (len(rows), 2))
    boxes = np.concatenate([corner, corner + rng.uniform(20, 200, (len(rows), 2))], axis=1)
    moved = boxes + rng.normal(0, 4, boxes.shape)
    began = time.perf_counter()
    pairs = overlapping(rows, boxes, rows, moved, least=0.3)
    chosen = assigned(pairs.first, pairs.second, pairs.iou)
    suppressed(rows, moved, rng.random(len(rows)))
    assert time.perf_counter() - began < 10
    assert (pairs.first[chosen] == pairs.second[chosen]).mean() > 0.95
