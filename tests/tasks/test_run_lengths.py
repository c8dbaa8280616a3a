"""Run lengths of masks: equal to pycocotools, exact both ways, and bounded for hostile input."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from workbench.foundation.errors import InputError
from workbench.tasks.run_lengths import (
    area_of,
    box_of,
    checked_runs,
    decode_runs,
    encode_runs,
    from_polygons,
    from_text,
    to_text,
    union_of,
)

MASKS = arrays.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@pytest.fixture(scope="module")
def coco():
    return pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")


@settings(max_examples=80, deadline=None)
@given(MASKS)
def test_masks_come_back_from_counts_and_text(mask):
    counts = encode_runs(mask)
    height, width = mask.shape
    assert counts.sum() == mask.size and (counts[1:] > 0).all()
    assert np.array_equal(decode_runs(counts, height, width), mask)
    assert np.array_equal(from_text(to_text(counts)), counts)
    assert np.array_equal(decode_runs(to_text(counts), height, width), mask)
    assert area_of(counts) == mask.sum()
    x0, y0, x1, y1 = box_of(counts, height)
    assert mask[y0:y1, x0:x1].sum() == mask.sum()
    if mask.any():
        inside = mask[y0:y1, x0:x1]
        assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()


def test_forms_equal_pycocotools(coco):
    random = np.random.default_rng(0)
    for height, width, share in ((1, 1, 1.0), (7, 5, 0.5), (60, 40, 0.1), (300, 200, 0.99), (5, 900, 0), (900, 5, 1)):
        mask = random.random((height, width)) < share
        if height == 300:
            mask[40:180, 30:100] = False  # long runs, so several groups per number
        peer = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
        counts = encode_runs(mask)
        assert to_text(counts).encode() == peer["counts"]
        assert np.array_equal(coco.decode(peer).astype(bool), decode_runs(peer["counts"], height, width))
        assert area_of(counts) == coco.area(peer)
        x0, y0, x1, y1 = box_of(counts, height)
        assert [x0, y0, x1 - x0, y1 - y0] == coco.toBbox(peer).tolist()
        listed = coco.frPyObjects({"counts": counts.tolist(), "size": [height, width]}, height, width)
        assert listed["counts"] == peer["counts"]


def test_unions_equal_pycocotools(coco):
    random = np.random.default_rng(1)
    many = [random.random((20, 31)) < 0.2 for _ in range(4)]
    many += [np.zeros((20, 31), bool), np.ones((20, 31), bool)]
    for stop in range(len(many) + 1):
        counts = union_of([encode_runs(one) for one in many[:stop]], 20, 31)
        assert np.array_equal(decode_runs(counts, 20, 31), np.any(many[:stop], axis=0) | np.zeros((20, 31), bool))
        if stop:
            peers = [coco.encode(np.asfortranarray(one.astype(np.uint8))) for one in many[:stop]]
            assert coco.merge(peers)["counts"].decode() == to_text(counts)


def test_polygons_equal_pycocotools(coco):
    random = np.random.default_rng(2)
    sizes = ((30, 40), (1, 1), (64, 7), (7, 64))
    shapes = [
        [1, 1, 1, 5, 5, 5, 5, 1],
        [0, 0, 10, 10, 0, 10, 10, 0],
        [2, 2, 2, 2, 2, 2],
        [-9, -9, 90, -9, 90, 90, -9, 90],
    ]
    for trial in range(400):
        corners = int(random.integers(3, 12))
        spread = random.choice([1.0, 10.0, 60.0])
        points = random.normal(10, spread, 2 * corners)
        if trial % 3 == 0:
            points = np.round(points)
        elif trial % 3 == 1:
            points = np.round(points * 2) / 2
        shapes.append(points.tolist())
    for place, shape in enumerate(shapes):
        height, width = sizes[place % len(sizes)]
        peer = coco.frPyObjects([shape], height, width)[0]["counts"].decode()
        assert to_text(from_polygons([shape], height, width)) == peer, (shape, height, width)
    peer = coco.merge(coco.frPyObjects(shapes[-5:], 30, 40))["counts"].decode()
    assert to_text(from_polygons(shapes[-5:], 30, 40)) == peer


@pytest.mark.parametrize(
    ("counts", "size", "words"),
    [
        ([2**40], (2**20, 2**20), "more than 536,870,912 pixels"),
        ([1], (2**40, 2**40), "more than 536,870,912 pixels"),
        ([3, 4], (2, 3), "sum to 7 for 2 x 3 = 6 pixels"),
        ([2**62, 2**62, 2**62], (2, 3), "for 2 x 3 = 6 pixels"),
        ([7, -1], (2, 3), "has -1 at place 1"),
        ([1.0, 5.0], (2, 3), r"is \[1.0, 5.0\]"),
        ([[1, 5]], (2, 3), r"is \[\[1, 5\]\]"),
        ([2**70], (2, 3), "is "),
        (None, (2, 3), "is None"),
        ("p0", (2, 3), "has the character 'p' at place 0"),
        ("0é", (2, 3), "is '0é'"),
        (b"\xff", (2, 3), "has the character"),
        ("0PPPPPPPP1", (2, 3), "has a number without an end at place 1"),
        ("0P", (2, 3), "has a number without an end at place 1"),
        ("OOOOO", (2, 3), "has -1 at place 0"),
        ([6], (2.5, 3), "has the size"),
        ([6], (-2, -3), "has the size"),
    ],
)
def test_hostile_counts_are_one_error(counts, size, words):
    began = time.perf_counter()
    with pytest.raises(InputError, match=words):
        decode_runs(counts, *size)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("polygon", "words"),
    [
        ([0, 0, 1, 1], "a polygon of 4 numbers"),
        ([0, 0, 1, 1, 2, 2, 3], "a polygon of 7 numbers"),
        ([0, 0, 1, float("nan"), 2, 2], "the coordinate nan"),
        ([0, 0, 1e300, 1, 2, 2], r"the coordinate 1e\+300"),
        (["a", 0, 1, 1, 2, 2], "holds "),
        ([0, 0, 20000, 1] * 2000, "crosses 20,000 columns"),
    ],
)
def test_hostile_polygons_are_one_error(polygon, words):
    with pytest.raises(InputError, match=words):
        from_polygons([polygon], 20_000, 20_000)


def test_far_outlines_cost_no_memory():
    """An outline far beyond the image is drawn only where it passes the image."""
    counts = from_polygons([[-6e7, -6e7, 6e7, -6e7, 6e7, 6e7, -6e7, 6e7]], 50, 40)
    assert decode_runs(counts, 50, 40).all()
    assert checked_runs(counts, 50, 40).sum() == 2_000


def test_masks_of_other_shapes_are_refused():
    with pytest.raises(InputError, match=r"has shape \(2, 3, 4\)"):
        encode_runs(np.zeros((2, 3, 4)))
