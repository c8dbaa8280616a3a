"""Weights of pseudo-instances, thresholds per image and class, and sets of candidates of unreliable pixels."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench.foundation.errors import InputError


def test_weights_by_both_scores_give_better_masks_than_a_threshold_at_equal_size():
    """Instances whose IoU follows the mask score more than the class score."""
    rng = np.random.default_rng(0)
    iou = rng.beta(4, 2, 2000)
    mask_score = np.clip(iou + rng.normal(0, 0.15, 2000), 0, 1)
    class_score = np.clip(0.4 * iou + 0.4 + rng.normal(0, 0.2, 2000), 0, 1)
    found = wb.vision.weight_pseudo_masks(class_score, mask_score, power=4)
    weighted = np.average(iou, weights=found["weight"])
    size = round(found.attrs["effective"])
    hard = iou[np.argsort(-class_score)[:size]].mean()
    assert 200 < size < 1800 and weighted > hard + 0.03 > iou.mean() + 0.03


def test_weights_by_hand():
    found = wb.vision.weight_pseudo_masks([0.5, 1.0], [0.5, 0.25], balance=0.5, power=2)
    np.testing.assert_allclose(found["weight"], [0.25, 0.25])
    assert found.attrs["effective"] == pytest.approx(2)
    np.testing.assert_allclose(wb.vision.weight_pseudo_masks([0.3], [0.9], balance=1, power=1)["weight"], [0.3])
    assert wb.vision.weight_pseudo_masks([], []).attrs["effective"] == 0


@pytest.fixture(scope="module")
def rare():
    """Score maps of 30 images with a rare and hard third class: probabilities (30, 3, 16, 16) and true classes."""
    rng = np.random.default_rng(1)
    true = rng.choice(3, (30, 16, 16), p=[0.6, 0.37, 0.03])
    strength = np.array([2.5, 2.5, 1.2])[true]
    logits = strength[..., None] * np.eye(3)[true] + rng.normal(0, 0.7, (30, 16, 16, 3))
    probs = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return probs.transpose(0, 3, 1, 2), true


def kept_of(labels, true, code):
    """Return precision of all kept pixels, and recall of a class."""
    kept = labels >= 0
    return (labels == true)[kept].mean(), (labels == code)[true == code].mean()


def test_a_rare_hard_class_keeps_more_than_with_a_global_threshold(rare):
    probs, true = rare
    found = wb.vision.pixel_thresholds(probs)
    precision, recall = kept_of(found.labels, true, 2)
    top = probs.max(axis=1)
    cut = np.sort(top.ravel())[::-1][int((found.labels >= 0).sum())]
    everywhere = np.where(top > cut, probs.argmax(axis=1), -1)
    assert abs((everywhere >= 0).sum() - (found.labels >= 0).sum()) < 10
    other_precision, other_recall = kept_of(everywhere, true, 2)
    raised = wb.vision.pixel_thresholds(probs, raise_hard=1)
    raised_precision, raised_recall = kept_of(raised.labels, true, 2)
    assert raised_recall > recall > other_recall, "rare pixels"
    assert min(precision, raised_precision) > other_precision - 0.03
    assert found.areas["hard"].tolist() == [False, False, True]


def test_the_running_average_by_hand():
    top = np.array([[0.9, 0.8, 0.7, 0.6]])
    probs = np.stack([top, 1 - top])
    found = wb.vision.pixel_thresholds([probs, probs], share=0.5, momentum=0.5, hardness=0)
    # the confidence at rank .5 * 4 is .7: (.9 + .7) / 2, then (.8 + .7) / 2; class 1 is never predicted
    np.testing.assert_allclose(found.thresholds, [[0.8, 0.9], [0.75, 0.9]])
    assert found.labels[0].tolist() == [[0, 0, -1, -1]]
    np.testing.assert_allclose(found.kept, [[0.5, np.nan], [0.5, np.nan]])
    assert found.areas.loc[0, ["predicted", "kept"]].tolist() == [8, 4]


def test_candidates_contain_the_truth_far_more_often_than_one_class(scenes):
    found = wb.vision.unlikely_classes(scenes.probs, unreliable=0.3, below=0.1)
    doubtful = ~found.reliable
    assert doubtful.mean() == pytest.approx(0.3, abs=0.01)
    inside = np.take_along_axis(found.candidates, scenes.labels[:, None], axis=1)[:, 0]
    first = scenes.probs.argmax(axis=1) == scenes.labels
    size = found.candidates.sum(axis=1)
    assert first[doubtful].mean() < 0.75 < 0.9 < inside[doubtful].mean()
    assert size[doubtful].mean() < 4 and (size[found.reliable] == 1).all()
    assert first[found.reliable].mean() > 0.9
    assert found.sizes["pixels"].sum() == doubtful.sum()
    assert found.sizes.loc[2, "pixels"] == (size[doubtful] == 2).sum()
    recall = wb.vision.candidate_recall(scenes.probs, scenes.labels, unreliable=0.3)
    assert recall["recall"].is_monotonic_increasing and recall["recall"].iloc[-1] == 1
    assert recall.loc[1, "recall"] == pytest.approx(first[doubtful].mean())
    two = wb.vision.unlikely_classes(scenes.probs, unreliable=0.3, first=2).candidates
    inside = np.take_along_axis(two, scenes.labels[:, None], axis=1)[:, 0]
    assert recall.loc[2, "recall"] == pytest.approx(inside[doubtful].mean())


def test_one_image_gives_the_same_as_several(scenes):
    one = wb.vision.unlikely_classes(scenes.probs[0])
    several = wb.vision.unlikely_classes([scenes.probs[0]])
    np.testing.assert_array_equal(one.candidates, several.candidates[0])
    np.testing.assert_array_equal(
        wb.vision.candidate_recall(scenes.probs[0], scenes.labels[0]),
        wb.vision.candidate_recall([scenes.probs[0]], [scenes.labels[0]]),
    )


def test_refusals(scenes):
    with pytest.raises(InputError, match="`mask_scores` has 1 values for 2 instances"):
        wb.vision.weight_pseudo_masks([0.5, 0.5], [0.5])
    with pytest.raises(InputError, match=r"`class_scores` row 1 is 1\.5"):
        wb.vision.weight_pseudo_masks([0.5, 1.5], [0.5, 0.5])
    with pytest.raises(InputError, match="Apply softmax to logits"):
        wb.vision.pixel_thresholds(scenes.probs * 3)
    with pytest.raises(InputError, match="`first` is 9 of 5 classes"):
        wb.vision.unlikely_classes(scenes.probs, first=9)
    with pytest.raises(InputError, match="no unreliable pixel with a class"):
        wb.vision.candidate_recall(scenes.probs, np.full_like(scenes.labels, -1))
