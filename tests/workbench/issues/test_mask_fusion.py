"""Fusion of several masks of one object, and which of them are bad."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.issues.calibration import calibration_error


def iou(a, b):
    return (a & b).sum() / max((a | b).sum(), 1)


@pytest.fixture(scope="module")
def discs():
    """60 discs with seven masks each: shifted a little, and a quarter shifted or scaled beyond an IoU of .7."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :40]

    def disc(cy, cx, r):
        return (y - cy) ** 2 + (x - cx) ** 2 < r * r

    true, drawn = [], []
    for _ in range(60):
        cy, cx, r = [*rng.uniform(16, 24, 2).tolist(), rng.uniform(8, 12)]
        true.append(disc(cy, cx, r))
        wrong = rng.random(7) < 0.25
        shift = np.where(wrong[:, None], rng.uniform(3, 7, (7, 2)), rng.normal(0, 0.7, (7, 2)))
        scale = np.where(wrong, rng.choice([0.6, 1.4], 7), rng.normal(1, 0.05, 7))
        drawn.append(np.stack([disc(cy + dy, cx + dx, r * s) for (dy, dx), s in zip(shift, scale)]))
    return true, drawn


def test_bad_masks_are_found_and_their_probability_is_calibrated(discs):
    true, drawn = discs
    overlap = np.array([iou(mask, one) for one, masks in zip(true, drawn) for mask in masks])
    found = wb.vision.mask_scores(drawn)
    assert roc_auc_score(overlap < 0.7, found["p_bad"]) > 0.95
    assert found.index.tolist()[:8] == [(0, one) for one in range(7)] + [(1, 0)]
    assert calibration_error(found["p_bad"].to_numpy(), overlap < 0.7) < 0.1
    majority = np.array([iou(m, wb.vision.fuse_masks(masks, method="majority")) for masks in drawn for m in masks])
    assert roc_auc_score(overlap < 0.7, found["p_bad"]) >= roc_auc_score(overlap < 0.7, -majority) - 0.01


def test_the_fusion_is_at_least_as_good_as_a_majority(discs):
    true, drawn = discs
    mean = {}
    for method in ("majority", "weighted", "distances"):
        fused = [wb.vision.fuse_masks(masks, method=method) for masks in drawn]
        mean[method] = np.mean([iou(*pair) for pair in zip(true, fused)])
    single = np.mean([iou(one, mask) for one, masks in zip(true, drawn) for mask in masks])
    assert mean["majority"] > single + 0.1
    assert mean["weighted"] >= mean["majority"] and mean["distances"] >= mean["majority"]


def test_by_hand():
    one, other = np.zeros((2, 1, 4), bool)
    one[0, :2], other[0, 1:3] = True, True
    found = wb.vision.mask_scores(np.stack([one, one, other]), rounds=1, spread=0.1)
    # the fusion of `one` and `other` is [.5, 1, .5, 0], equal weights first, equal overlaps: [.5 + 1] / [2 + 2 - 1.5]
    np.testing.assert_allclose(found["soft_iou"], [0.6, 0.6, 1 / 3])
    assert (wb.vision.fuse_masks([one, one, other], method="majority") == one).all()
    np.testing.assert_array_equal(wb.vision.fuse_masks(np.ones((2, 3, 3), int)), np.ones((3, 3), bool))
    np.testing.assert_array_equal(wb.vision.fuse_masks(np.zeros((2, 3, 3))), np.zeros((3, 3), bool))
    assert (wb.vision.mask_scores(np.zeros((3, 2, 2)))["soft_iou"] == 1).all(), "all agree that nothing is there"


def test_the_order_of_masks_does_not_matter(discs):
    masks = discs[1][0]
    order = np.random.default_rng(1).permutation(len(masks))
    scores = wb.vision.mask_scores(masks)["soft_iou"].to_numpy()
    np.testing.assert_allclose(wb.vision.mask_scores(masks[order])["soft_iou"], scores[order])
    np.testing.assert_array_equal(wb.vision.fuse_masks(masks[order]), wb.vision.fuse_masks(masks))


def test_refusals():
    square = np.ones((3, 4, 4), bool)
    with pytest.raises(InputError, match=r"has 2 masks\. At least 3 are needed"):
        wb.vision.mask_scores([square, square[:2]])
    with pytest.raises(InputError, match="several shapes"):
        wb.vision.fuse_masks([np.ones((2, 2)), np.ones((3, 2))])
    with pytest.raises(InputError, match="other values than 0 and 1"):
        wb.vision.fuse_masks(square * 0.4)
    with pytest.raises(InputError, match="unknown method 'mean'"):
        wb.vision.fuse_masks(square, method="mean")
    with pytest.raises(InputError, match="`threshold` is 70"):
        wb.vision.mask_scores(square, threshold=70)
    with pytest.raises(InputError, match="`power` is -1"):
        wb.vision.fuse_masks(square, power=-1)
