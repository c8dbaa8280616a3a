"""Validation of arrays: invalid ones are refused, valid ones accepted."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.foundation.checks import check_given_labels, check_pred_probs, check_whole
from workbench.foundation.errors import InputError

HALVES = np.full((4, 2), 0.5)


def test_good_arrays_pass_without_a_copy():
    for dtype in (np.float16, np.float32, np.float64):
        probs = HALVES.astype(dtype)
        checked, labels = check_pred_probs(probs, [0, 1, -1, 0])
        assert checked is probs
        assert labels.dtype == np.int64
    assert check_pred_probs(HALVES)[1] is None
    assert check_pred_probs(np.eye(3, dtype=int))[0].dtype == np.float64
    assert check_pred_probs(np.zeros((0, 3)), [])[0].shape == (0, 3)


def test_whole_numbers_as_floats_are_labels_and_others_are_not():
    assert check_given_labels(np.array([0.0, 1.0]), 2, 2).tolist() == [0, 1]
    for bad in ([0.5, 0.0], [np.nan, 0.0], [np.inf, 0.0], ["a", "b"], [True, False]):
        with pytest.raises(InputError, match="`given_labels` has dtype"):
            check_given_labels(np.array(bad), 2, 2)


@pytest.mark.parametrize("bad", [2, 2.5, "5", None, np.nan, np.inf, [3, 4], np.array([3, 4])])
def test_a_whole_number_is_asked_for(bad):
    assert [check_whole("folds", good, 3) for good in (3, 4.0, np.int64(5))] == [3, 4, 5]
    with pytest.raises(InputError, match=r"`folds` is .*Use an integer of at least 3"):
        check_whole("folds", bad, 3)


def test_messages_name_the_row_the_id_the_finding_and_the_remedy():
    probs = HALVES.copy()
    probs[2] = [0.83, 1.0]
    with pytest.raises(InputError) as caught:
        check_pred_probs(probs, ids=["a", "b", "img_0017", "d"])
    assert str(caught.value).startswith("`pred_probs` row 2 (id 'img_0017') sums to 1.83. Each row must sum to 1")
    assert "logits=" in str(caught.value)
    probs[3] = np.nan
    with pytest.raises(InputError, match=r"row 2 sums to 1\.83 \(2 of 4 rows are not usable\)"):
        check_pred_probs(probs)
    with pytest.raises(InputError, match=r"row 1 \(id 9\) is 7\. With 2 columns of probabilities, labels are 0 \.\. 1"):
        check_given_labels([0, 7], 2, 2, ids=[8, 9])


def test_small_negative_values_are_rounding_and_larger_ones_are_not():
    probs = HALVES.copy()
    probs[1] = [-1e-7, 1 + 1e-7]
    check_pred_probs(probs)
    probs[1] = [-1e-3, 1 + 1e-3]
    with pytest.raises(InputError, match=r"row 1 holds -0\.001 in column 0"):
        check_pred_probs(probs)


def test_half_precision_sums_may_be_coarse(rng):
    probs = rng.dirichlet(np.ones(1000), 50).astype(np.float16)
    check_pred_probs(probs, np.zeros(50, int))
    probs[7] *= 1.1
    with pytest.raises(InputError, match=r"row 7 sums to 1\.09"):
        check_pred_probs(probs)


def test_the_tolerance_can_be_chosen():
    loose = np.array([[0.6, 0.45]])
    with pytest.raises(InputError, match=r"within 0\.001"):
        check_pred_probs(loose)
    check_pred_probs(loose, tolerance=0.1)
