"""Pseudo-masks snapped to proposals, and parts of one object merged."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.vision.proposal_masks import paired_iou


@pytest.fixture(scope="module")
def split(scenes):
    """Shapes of the scenes, eroded and with noise, and proposals that cut each shape in two or three parts, with some
    blocks of the ground: one tuple (true, masks, proposals) per image."""
    rng = np.random.default_rng(5)
    x = np.mgrid[:32, :32][1]
    found = []
    for row, shapes in enumerate(scenes.shapes):
        true = np.stack([mask for mask, _ in shapes])
        masks = np.stack([binary_erosion(mask) ^ (mask & (rng.random(mask.shape) < 0.05)) for mask in true])
        parts = []
        for mask in true:
            cuts = np.sort(rng.choice(np.unique(x[mask])[2:-2], rng.integers(1, 3), replace=False))
            parts += [mask & (np.digitize(x, cuts) == one) for one in range(len(cuts) + 1)]
        ground = scenes.labels[row] == 0
        parts += [ground & (x // 14 == one) for one in range(3)]
        found.append((true, masks, np.stack(parts)))
    return found


def test_snapping_raises_the_iou_of_eroded_masks(split):
    before, after, parts = [], [], []
    for true, masks, proposals in split:
        found = wb.vision.snap_to_proposals(masks, proposals, truth=true)
        np.testing.assert_allclose(found.table["iou"], paired_iou(found.masks, true))
        before += found.table["iou_before"].tolist()
        after += found.table["iou"].tolist()
        parts += found.table["parts"].tolist()
    assert np.mean(before) + 0.25 < np.mean(after) > 0.95
    assert np.mean(np.array(parts) >= 2) > 0.8, "parts of over-split objects are merged"


def test_snapping_by_hand():
    mask = np.array([[[0, 1, 1, 1, 0, 0]]])
    proposals = np.array([[[1, 1, 0, 0, 0, 0]], [[0, 0, 1, 1, 0, 0]], [[0, 0, 0, 0, 1, 1]], [[1, 1, 1, 1, 1, 1]]])
    found = wb.vision.snap_to_proposals(mask, proposals)
    # the second proposal has IoU 2 / 3, with the first 3 / 4; the whole image 1 / 2
    assert found.parts[0].tolist() == [1, 0] and found.masks.astype(int).tolist() == [[[1, 1, 1, 1, 0, 0]]]
    assert found.table.loc[0].to_dict() == {"parts": 2, "overlap": 0.75, "pixels": 4, "pixels_before": 3}
    kept = wb.vision.snap_to_proposals(mask, proposals, least_overlap=0.8)
    np.testing.assert_array_equal(kept.masks, mask == 1)
    assert kept.parts[0].size == 0
    nothing = wb.vision.snap_to_proposals(np.zeros((1, 1, 6)), proposals)
    assert not nothing.masks.any()


def pairwise_f1(found, true):
    pairs = np.triu_indices(len(found), 1)
    one, other = (np.equal.outer(value, value)[pairs] for value in (np.asarray(found), np.asarray(true)))
    return 2 * (one & other).sum() / max(one.sum() + other.sum(), 1)


def test_parts_of_one_object_are_merged_by_overlap_and_class(split):
    rng = np.random.default_rng(6)
    scores = []
    for true, _, proposals in split:
        owner = [int((true & part).sum(axis=(1, 2)).argmax()) for part in proposals[:-3]]
        p = rng.dirichlet(np.ones(4), len(owner)) * 0.2 + 0.8 * np.eye(4)[np.array(owner) % 4]
        found = wb.vision.merge_parts(proposals[:-3], p, grow=1)
        scores.append(pairwise_f1(found, owner))
    assert np.mean(scores) > 0.9
    apart = wb.vision.merge_parts(proposals[:-3], p, least_overlap=1)
    assert len(set(apart)) == len(apart)


def test_points_of_a_scene_are_merged_too():
    points = np.array([[[1, 1, 1, 0, 0, 0]], [[0, 1, 1, 1, 0, 0]], [[0, 0, 0, 0, 1, 1]]])
    same = np.full((3, 2), 0.5)
    assert wb.vision.merge_parts(points, same).tolist() == [0, 0, 1]
    other = np.array([[1.0, 0], [0, 1], [1, 0]])
    assert wb.vision.merge_parts(points, other).tolist() == [0, 1, 2]


def test_refusals(split):
    true, masks, proposals = split[0]
    with pytest.raises(InputError, match="Pass masks of the same image"):
        wb.vision.snap_to_proposals(masks, proposals[:, :31])
    with pytest.raises(InputError, match="`truth` has 2 masks for 3"):
        wb.vision.snap_to_proposals(masks, proposals, truth=true[:2])
    with pytest.raises(InputError, match="`least_gain` is 5"):
        wb.vision.snap_to_proposals(masks, proposals, least_gain=5)
    with pytest.raises(InputError, match="Pass probabilities of 3 masks"):
        wb.vision.merge_parts(masks, np.ones((3, 2)))
