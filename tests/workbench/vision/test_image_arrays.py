"""What is refused before anything is computed: other shapes, codes that are ids, values that are not numbers."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench.foundation.errors import InputError

GOOD = np.zeros((2, 4, 4), int)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "`truth` is None"),
        ("masks.png", "`truth` is 'masks.png'"),
        (np.zeros((1, 1, 4, 4), int), "`truth` has 4 dimensions"),
        ([GOOD[0], [[0, 1], [0]]], "`truth` row 1 is no image"),
        ([GOOD[0], "a"], "`truth` row 1 has shape"),
        (np.where(GOOD == 0, np.nan, 0), "`truth` row 0 has shape"),
        (GOOD - 2, "`truth` row 0 holds -2"),
        (GOOD + 10**12, "`truth` row 0 holds 1000000000000"),
    ],
)
def test_labels_that_are_none(labels, message):
    with pytest.raises(InputError, match=message):
        wb.vision.mask_metrics(labels, GOOD)


@pytest.mark.parametrize(
    ("probs", "message"),
    [
        (np.zeros((2, 3)), "`probs` has 2 dimensions"),
        (np.full((1, 2, 2, 2), np.inf), "`probs` row 0 holds NaN or infinity"),
        ([np.full((2, 1, 1), 0.5), np.full((3, 1, 1), 1 / 3)], "`probs` row 1 has 3 maps, the first image 2"),
        (np.full((1, 2, 2, 2), "a"), "`probs` row 0 has shape"),
        (np.full((1, 2, 2, 2), 0.9), "`probs` row 0 has sums"),
    ],
)
def test_scores_that_are_none(probs, message):
    with pytest.raises(InputError, match=message):
        wb.vision.pixel_thresholds(probs)


def test_region_numbers_may_be_large():
    regions = np.repeat([[7, 10**12]], 4, axis=0).repeat(2, axis=1)
    labels = np.repeat([[0, 0, 1, 1]], 4, axis=0)
    labels[1, 1] = 1
    found = wb.vision.repair_by_region(labels, regions, sure=np.arange(16).reshape(4, 4) != 5)
    assert found.labels[1, 1] == 0 and found.regions.index.tolist() == [7, 10**12]
