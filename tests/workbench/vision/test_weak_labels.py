"""Masks from points, scribbles, blocks, boxes and tags."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench.foundation.errors import InputError


@pytest.fixture(scope="module")
def weak(scenes):
    """The five kinds of weak labels of the scenes, as arguments of `masks_from_weak_labels`."""
    rng = np.random.default_rng(3)
    points, scribbles, blocks = (np.full_like(scenes.labels, -1) for _ in range(3))
    boxes, tags = [], []
    for row, shapes in enumerate(scenes.shapes):
        for mask, code in [(scenes.labels[row] == 0, 0), *shapes]:
            y, x = np.nonzero(mask)
            place = int(rng.integers(len(y)))
            points[row, y[place], x[place]] = code
            line = np.zeros_like(mask)
            line[int(np.median(y))] = True
            scribbles[row][line & mask] = code
            blocks[row][mask & (np.abs(np.mgrid[:32, :32][1] - x[place]) < 3)] = code
        corners = [(np.nonzero(mask)[::-1], code) for mask, code in shapes]
        own = [(*(one.min() for one in at), *(one.max() + 1 for one in at), code) for at, code in corners]
        boxes.append(own)
        tags.append(sorted({code for _, code in shapes}))
    return {
        "points": {"labels": points},
        "scribbles": {"labels": scribbles},
        "blocks": {"labels": blocks},
        "boxes": {"boxes": boxes},
        "tags": {"tags": tags},
    }


@pytest.mark.parametrize(
    ("kind", "least"), [("points", 0.7), ("scribbles", 0.75), ("blocks", 0.75), ("boxes", 0.8), ("tags", 0.8)]
)
def test_each_kind_of_weak_label_gives_masks(scenes, weak, miou, kind, least):
    found = wb.vision.masks_from_weak_labels(scenes.features, **weak[kind])
    assert miou(scenes.labels, found.labels, 5) > least
    wrong = found.labels != scenes.labels
    assert found.confidence[wrong].mean() < found.confidence[~wrong].mean() - 0.1
    given = weak[kind].get("labels")
    if given is not None:
        assert (found.labels == given)[given >= 0].all() and (found.confidence[given >= 0] == 1).all()


def test_tags_restrict_the_classes_that_points_may_have(scenes, weak, miou):
    alone = wb.vision.masks_from_weak_labels(scenes.features, **weak["points"])
    both = wb.vision.masks_from_weak_labels(scenes.features, **weak["points"], **weak["tags"])
    assert miou(scenes.labels, both.labels, 5) > miou(scenes.labels, alone.labels, 5)
    for labels, tags in zip(both.labels, weak["tags"]["tags"]):
        assert set(np.unique(labels)) <= {0, *tags}


def test_lists_of_images_and_single_images(scenes, weak):
    args = weak["points"]["labels"]
    whole = wb.vision.masks_from_weak_labels(scenes.features, labels=args)
    listed = wb.vision.masks_from_weak_labels(list(scenes.features), labels=list(args))
    assert isinstance(listed.labels, list)
    np.testing.assert_array_equal(np.stack(listed.labels), whole.labels)
    single = wb.vision.masks_from_weak_labels(scenes.features[0], labels=scenes.labels[0], k=5)
    np.testing.assert_array_equal(single.labels, scenes.labels[0])
    assert single.probs.shape == (5, 32, 32) and np.allclose(single.probs.sum(axis=0), 1)


def test_by_hand():
    """Two clusters at 0 and 1: the unlabelled pixel at .9 is of the class at 1; outside of boxes is background."""
    features = np.array([[[0.0, 0.1, 0.9, 1.0, 0.0]]])
    boxed = wb.vision.masks_from_weak_labels(features, boxes=[[(1, 0, 4, 1, 1)]])
    assert boxed.labels.tolist() == [[0, 0, 1, 1, 0]]
    gap = wb.vision.masks_from_weak_labels(features, labels=np.array([[0, -1, -1, 2, -1]]), k=4)
    assert gap.labels.tolist() == [[0, 0, 2, 2, 0]] and (gap.probs[[1, 3]] == 0).all()


def test_refusals(scenes, weak):
    features = scenes.features
    with pytest.raises(InputError, match="all kinds of weak labels missing"):
        wb.vision.masks_from_weak_labels(features)
    with pytest.raises(InputError, match="`boxes` has 1 entries for 16 images"):
        wb.vision.masks_from_weak_labels(features, boxes=[[]])
    with pytest.raises(InputError, match=r"`boxes` row 0 has a box that is not"):
        wb.vision.masks_from_weak_labels(features[:1], boxes=[[(5, 5, 2, 9, 1)]])
    with pytest.raises(InputError, match="`background` is None with `boxes`"):
        wb.vision.masks_from_weak_labels(features, **weak["boxes"], background=None)
    with pytest.raises(InputError, match="do not show what class 1 is"):
        wb.vision.masks_from_weak_labels(features, tags=[[1, 2, 3, 4]] * 16)
    with pytest.raises(InputError, match="`features` row 0 holds NaN"):
        wb.vision.masks_from_weak_labels(features * np.nan, **weak["points"])
