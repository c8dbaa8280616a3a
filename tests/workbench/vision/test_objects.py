"""Checks of labelled boxes without predictions, class flips over stages, points instead of boxes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from workbench import vision
from workbench.foundation.errors import InputError

NAMES = ("car", "bus", "van", "cat")


def scenes(seed: int, n: int = 80) -> list[dict]:
    """Images with boxes on a grid, so that they do not overlap."""
    rng = np.random.default_rng(seed)
    labels = []
    for _ in range(n):
        cells = rng.choice(25, 6, replace=False)
        corner = np.stack([cells % 5, cells // 5], axis=1) * 40 + rng.uniform(2, 8, (6, 2))
        sides = rng.uniform(20, 28, (6, 2))
        labels.append(
            {
                "bboxes": np.concatenate([corner, corner + sides], axis=1),
                "labels": rng.choice(NAMES, 6).tolist(),
            }
        )
    return labels


def test_duplicates_extremes_and_boxes_outside_are_found():
    labels = scenes(0)
    labels[0]["bboxes"][1] = labels[0]["bboxes"][0] + [1, 0, 0, 1]
    labels[1]["bboxes"][2] = [0, 0, 190, 3]
    labels[2]["bboxes"][3] = [5, 5, 6, 6]
    labels[3]["bboxes"][4, 2] = 260
    labels[4]["bboxes"][5] = labels[4]["bboxes"][4]
    labels[4]["more"] = [None] * 5 + [{"crowd": True}]
    found = vision.odd_boxes(labels, sizes=(200, 200))
    assert set(found.index[found["odd"]]) == {(0, 0), (0, 1), (1, 2), (2, 3), (3, 4)}
    assert found.loc[(0, 1), "duplicate"] == 0 and found.loc[(0, 1), "iou"] > 0.8
    assert found.loc[(1, 2), "aspect"] > 4 and found.loc[(2, 3), "tiny"]
    assert found.loc[(3, 4), "outside"] > 0.2
    assert found.loc[(4, 4), "duplicate"] == -1 and found.loc[(4, 5), "crowd"]
    assert np.isnan(vision.odd_boxes(labels)["outside"]).all()


def test_sizes_must_fit():
    with pytest.raises(InputError, match=r"`sizes` has shape \(3, 2\)"):
        vision.odd_boxes(scenes(0, 2), sizes=np.ones((3, 2)))


def test_boxes_with_a_wrong_class_flip_more_often():
    """Of 480 boxes a tenth has a wrong class, which the detector has partly learned; six stages."""
    rng = np.random.default_rng(1)
    labels = scenes(1)
    true = np.array([NAMES.index(name) for one in labels for name in one["labels"]])
    wrong = rng.random(len(true)) < 0.1
    given = np.where(wrong, (true + rng.integers(1, 4, len(true))) % 4, true)
    stages = []
    for _ in range(6):
        learned = rng.random(len(true)) < np.where(wrong, 0.5, 0.95)
        code = np.where(learned, true, np.where(wrong, given, rng.integers(0, 4, len(true)))).reshape(-1, 6)
        stages.append(
            [
                {
                    "bboxes": one["bboxes"] + rng.normal(0, 1, (6, 4)),
                    "labels": [NAMES[c] for c in own],
                    "scores": [0.8] * 6,
                }
                for one, own in zip(labels, code.tolist())
            ]
        )
    for one, own in zip(labels, given.reshape(-1, 6).tolist()):
        one["labels"] = [NAMES[code] for code in own]
    found = vision.stage_flips(labels, stages)
    assert roc_auc_score(wrong, found["flips"]) > 0.9
    assert roc_auc_score(wrong, found["against"]) > 0.9
    assert found["flips"].between(0, 5).all()
    with pytest.raises(InputError, match="`stages` has 1 entries"):
        vision.stage_flips(labels, stages[:1])


def test_a_stage_that_sees_nothing_is_a_change():
    labels = [{"bboxes": [[0, 0, 10, 10]], "labels": ["cat"]}]
    seen, nothing = ({"bboxes": [[0, 0, 10, 10]], "labels": ["cat"], "scores": [0.5]}, [])
    found = vision.stage_flips(labels, [[seen], [nothing], [seen]])
    assert found[["flips", "last"]].values.tolist() == [[2, "cat"]]


def test_boxes_to_points_and_back_and_what_is_lost():
    labels = scenes(2)
    points = vision.boxes_to_points(labels)
    back = vision.points_to_boxes(points, labels)
    loss = vision.box_loss(labels, back)
    assert loss.loc["all", "boxes"] == 480 and loss.loc["all", "kept"] == 1
    assert 0.75 < loss.loc["all", "iou"] < 0.95
    assert vision.box_loss(labels, labels).loc["all", ["kept", "iou"]].tolist() == [1, 1]
    np.testing.assert_allclose(vision.boxes_to_points(back)[3]["points"], points[3]["points"])
    assert vision.boxes_to_points([None, labels[0]])[0] is None
    # Boxes of very different sizes are lost.
    labels[0]["bboxes"][0] = [0, 0, 190, 190]
    assert (
        vision.box_loss(labels, vision.points_to_boxes(vision.boxes_to_points(labels), labels)).loc["all", "kept"] < 1
    )


def test_displaced_points_lie_outside_of_predicted_objects():
    rng = np.random.default_rng(3)
    labels = scenes(3)
    predictions = [one | {"scores": rng.uniform(0.5, 1, 6)} for one in labels]
    points = vision.boxes_to_points(labels)
    moved = rng.random((80, 6)) < 0.1
    for one, own in zip(points, moved):
        one["points"][own] += rng.choice([-22, 22], (int(own.sum()), 2))
    found = np.stack(vision.points_outside(points, predictions))
    assert roc_auc_score(moved.ravel(), found.ravel()) > 0.95
    other = [one | {"labels": [NAMES[NAMES.index(name) - 1] for name in one["labels"]]} for one in points]
    assert np.stack(vision.points_outside(other, predictions)).all()
