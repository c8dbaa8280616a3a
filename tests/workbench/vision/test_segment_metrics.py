"""IoU and boundary F1 of label images, before and after a change."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench.foundation.errors import InputError


def corrupted(labels, share, seed=0):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(labels.shape) < share, rng.integers(0, 5, labels.shape), labels)


def test_iou_equals_another_route(scenes, miou):
    guess = corrupted(scenes.labels, 0.2)
    found = wb.vision.mask_metrics(scenes.labels, guess)
    assert found.loc["mean", "iou"] == pytest.approx(miou(scenes.labels, guess, 5))
    assert found["pixels"].tolist()[:5] == np.bincount(scenes.labels.ravel()).tolist()
    assert found.loc["mean", "pixels"] == scenes.labels.size
    listed = wb.vision.mask_metrics(list(scenes.labels), list(guess))
    np.testing.assert_array_equal(listed, found)


def test_boundaries_by_hand():
    truth = np.zeros((1, 5, 8), int)
    truth[0, :, 4:] = 1
    shifted = np.zeros_like(truth)
    shifted[0, :, 6:] = 1
    # true edge of class 1: column 4, predicted: column 6; at a distance of 2
    near = wb.vision.mask_metrics(truth, shifted, tolerance=2)
    far = wb.vision.mask_metrics(truth, shifted, tolerance=1.9)
    assert near["boundary_f1"].tolist() == [1, 1, 1] and far["boundary_f1"].tolist() == [0, 0, 0]
    assert wb.vision.mask_metrics(truth, truth).to_numpy()[:, :2].min() == 1
    nothing = wb.vision.mask_metrics(np.zeros((4, 4), int), np.zeros((4, 4), int))
    assert nothing["iou"].tolist() == [1, 1] and nothing["boundary_f1"].isna().all(), "no boundary, no F1"


def test_boundary_f1_by_another_route(scenes):
    guess = np.roll(scenes.labels, 2, axis=2)
    y, x = np.mgrid[:32, :32]

    def edge(labels):
        padded = np.pad(labels, 1, mode="edge")
        around = padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]
        return np.any([one != labels for one in around], axis=0)

    near, total = np.zeros(2), np.zeros(2)
    for true, other in zip(scenes.labels, guess):
        points = [np.stack([y, x], axis=-1)[edge(one) & (one == 3)] for one in (true, other)]
        total += [len(one) for one in points]
        if min(len(one) for one in points):
            apart = np.linalg.norm(points[0][:, None] - points[1][None], axis=2)
            near += (apart.min(axis=1) <= 1.5).sum(), (apart.min(axis=0) <= 1.5).sum()
    recall, precision = near / total
    found = wb.vision.mask_metrics(scenes.labels, guess, tolerance=1.5)
    assert found.loc[3, "boundary_f1"] == pytest.approx(2 * precision * recall / (precision + recall))


def test_pixels_without_a_true_label_do_not_count(scenes):
    truth = scenes.labels.copy()
    truth[:, :, 16:] = -1
    guess = corrupted(scenes.labels, 0.2)
    whole = wb.vision.mask_metrics(truth, guess)
    half = wb.vision.mask_metrics(truth[:, :, :16], guess[:, :, :16])
    np.testing.assert_allclose(whole["iou"], half["iou"])
    np.testing.assert_allclose(whole["boundary_f1"], half["boundary_f1"], atol=0.02)


def test_before_and_after_with_a_paired_interval(scenes):
    before, after = corrupted(scenes.labels, 0.2), corrupted(scenes.labels, 0.05, 1)
    found = wb.vision.compare_masks(scenes.labels, before, after, classes=[*"abcde"])
    old = wb.vision.mask_metrics(scenes.labels, before, classes=[*"abcde"])
    row = found.loc[("iou", "mean")]
    assert row["before"] == pytest.approx(old.loc["mean", "iou"])
    assert found.loc[("boundary_f1", "b"), "before"] == pytest.approx(old.loc["b", "boundary_f1"])
    assert 0 < row["low"] < row["difference"] < row["high"] and row["verdict"] == "better"
    same = wb.vision.compare_masks(scenes.labels, before, before)
    assert (same[["difference", "low", "high"]].fillna(0) == 0).all(axis=None)
    assert same["verdict"].str.startswith("no difference").all()
    few = wb.vision.compare_masks(scenes.labels[:3], before[:3], after[:3]).loc[("iou", "mean")]
    assert few["difference"] > 0 and np.isnan(few["low"]) and few["verdict"].startswith("no difference")


def test_the_interval_covers_the_difference_of_other_images(shapes):
    """In 10 samples of images, the interval of a noise that lowers IoU covers the difference of many images."""
    labels = shapes(200, 4, size=20, number=1, seed=3)[0]
    rng = np.random.default_rng(0)
    worse = rng.random(200)[:, None, None] * 0.3
    after = np.where(rng.random(labels.shape) < worse, 0, labels)
    truth = wb.vision.compare_masks(labels, labels, after).loc[("iou", "mean"), "difference"]
    hit = 0
    for _ in range(10):
        rows = rng.choice(200, 40, replace=False)
        found = wb.vision.compare_masks(labels[rows], labels[rows], after[rows]).loc[("iou", "mean")]
        hit += found["low"] <= truth <= found["high"]
    assert hit >= 8


def test_refusals(scenes):
    with pytest.raises(InputError, match="`predicted` has 7 images, `truth` 16"):
        wb.vision.mask_metrics(scenes.labels, scenes.labels[:7])
    with pytest.raises(InputError, match="`predicted` row 1 has 32 x 31 pixels, `truth` 32 x 32"):
        wb.vision.mask_metrics(scenes.labels[:2], [scenes.labels[0], scenes.labels[1][:, :31]])
    with pytest.raises(InputError, match=r"holds 2\. Class codes are 0"):
        wb.vision.mask_metrics(scenes.labels, scenes.labels, classes=["a", "b"])
    drawn = np.full((2, 3, 3), 255, np.uint8)
    with pytest.raises(InputError, match=r"holds 255.*np.where\(codes == 255, -1, codes.astype\(int\)\)"):
        wb.vision.mask_metrics(np.zeros((2, 3, 3), int), drawn, classes=["a", "b"])
    assert (np.where(drawn == 255, -1, drawn.astype(int)) == -1).all()  # also from uint8
    with pytest.raises(InputError, match="no labelled pixel"):
        wb.vision.mask_metrics(np.full((2, 3, 3), -1), np.zeros((2, 3, 3), int))
    with pytest.raises(InputError, match="as integers"):
        wb.vision.mask_metrics(np.full((2, 3, 3), 0.5), np.zeros((2, 3, 3), int))
