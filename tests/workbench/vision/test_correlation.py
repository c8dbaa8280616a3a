"""Confident labels spread through similar features and through regions of correlation maps."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench.foundation.errors import InputError


@pytest.fixture(scope="module")
def sparse(scenes):
    """5 % of the pixels of the scenes are labelled."""
    return np.where(np.random.default_rng(4).random(scenes.labels.shape) < 0.05, scenes.labels, -1)


def test_each_step_labels_more_and_the_masks_get_better(scenes, sparse, miou):
    found = wb.vision.propagate_by_similarity(scenes.features, sparse)
    assert list(found.steps) == ["given", "similarity", "regions"]
    quality, covered = {}, {}
    for step, labels in found.steps.items():
        quality[step] = miou(scenes.labels, labels, 5)
        covered[step] = (labels >= 0).mean()
        assert (labels == sparse)[sparse >= 0].all(), "given labels are kept"
    assert covered["given"] < 0.06 < covered["similarity"] <= covered["regions"]
    assert quality["given"] < 0.1 and quality["similarity"] + 0.03 < quality["regions"] > 0.7
    labels, sure = found.labels, found.confidence
    assert sure[labels == scenes.labels].mean() > sure[labels != scenes.labels].mean() + 0.1


def test_by_hand():
    """Three groups of directions; the ambiguous pixel between two of them gets no label in the first step."""
    angle = np.radians([0, 5, 50, 95, 100, 240, 245])
    features = np.stack([np.cos(angle), np.sin(angle)])[:, None]
    labels = np.array([[0, -1, -1, -1, 1, 2, -1]])
    found = wb.vision.propagate_by_similarity(features, labels, temperature=0.05, least_confidence=0.9)
    assert found.steps["similarity"].tolist() == [[0, 0, -1, 1, 1, 2, 2]]
    assert found.steps["regions"][0, [0, 1, 3, 4, 5, 6]].tolist() == [0, 0, 1, 1, 2, 2]


def test_images_without_labels_stay_without(scenes, sparse):
    given = sparse.copy()
    given[1] = -1
    found = wb.vision.propagate_by_similarity(scenes.features, given)
    assert (found.labels[1] == -1).all() and (found.labels[0] >= 0).mean() > 0.9
    none = wb.vision.propagate_by_similarity(scenes.features[0], given[1])
    assert (none.labels == -1).all() and (none.confidence == 0).all()


def test_few_anchors_and_equal_seeds_give_equal_labels(scenes, sparse):
    one, other = (wb.vision.propagate_by_similarity(scenes.features, sparse, anchors=20, maps=5) for _ in range(2))
    np.testing.assert_array_equal(one.labels, other.labels)


def test_refusals(scenes, sparse):
    with pytest.raises(InputError, match="`labels` has 7 images, `features` 16"):
        wb.vision.propagate_by_similarity(scenes.features, sparse[:7])
    with pytest.raises(InputError, match="`temperature` is 0"):
        wb.vision.propagate_by_similarity(scenes.features, sparse, temperature=0)
    with pytest.raises(InputError, match="`least_share` is 60"):
        wb.vision.propagate_by_similarity(scenes.features, sparse, least_share=60)
