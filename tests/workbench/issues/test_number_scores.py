"""Quality scores of numbers: equal to cleanlab's, on random inputs of many shapes and in edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from workbench import confident
from workbench.foundation.errors import InputError

OURS = {"residual": confident.residual_scores, "outre": confident.outre_scores}


def theirs(labels, predictions, method):
    rank = pytest.importorskip("cleanlab.regression.rank", reason="cleanlab is one of the peers")
    return rank.get_label_quality_scores(labels, predictions, method=method)


def made(seed, n, shape):
    rng = np.random.default_rng(seed)
    y = rng.standard_normal(n)
    if shape == "skewed":
        y = np.exp(3 * y)
    elif shape == "whole":
        y = rng.integers(1, 6, n)
    elif shape == "constant":
        y = np.full(n, 0.1)
    elif shape == "huge":
        y = y * 1e12
    elif shape == "tiny":
        y = y * 1e-12
    predictions = y + rng.standard_normal(n) * np.std(y)
    wrong = rng.random(n) < 0.1
    predictions = np.where(wrong, predictions * 10, predictions)
    return y, predictions


SHAPES = ("normal", "skewed", "whole", "constant", "huge", "tiny")


@pytest.mark.parametrize("method", OURS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [2, 3, 7, 100, 101, 300])
def test_the_values_are_those_of_cleanlab(method, shape, n):
    y, predictions = made(n, n, shape)
    np.testing.assert_allclose(OURS[method](y, predictions), theirs(y, predictions, method), rtol=1e-6, atol=1e-12)


def test_outre_of_many_rows_is_that_of_cleanlab():
    y, predictions = made(5, 1000, "skewed")  # with more rows, cleanlab takes seconds to sort all pairs
    np.testing.assert_allclose(confident.outre_scores(y, predictions), theirs(y, predictions, "outre"), rtol=1e-6)


@settings(max_examples=25, database=None, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 2), min_size=2, max_size=40))
def test_any_numbers_get_the_values_of_cleanlab(pairs):
    y, predictions = np.array(pairs).T
    residual = predictions - y
    for values in (y, residual):  # if the spread is only rounding error, both scores are noise
        assume(values.std() == 0 or values.std() > 1e-9 * max(1.0, np.abs(values).max()))
    for method, ours in OURS.items():
        np.testing.assert_allclose(ours(y, predictions), theirs(y, predictions, method), rtol=1e-6, atol=1e-12)


def test_all_in_one_place_is_no_reason_to_doubt():
    assert (confident.outre_scores([2.0] * 5, [3.0] * 5) == 1).all()


def test_on_purpose_unlike_cleanlab():
    """Missing numbers have no score and do not affect others; a single row is scored; lists of one column are
    accepted."""
    y, predictions = made(1, 50, "normal")
    for ours in OURS.values():
        with_gaps = ours(np.r_[y, np.nan, 1.0], np.r_[predictions, 0.0, np.nan])
        np.testing.assert_array_equal(with_gaps[:50], ours(y, predictions))
        assert np.isnan(with_gaps[50:]).all()
        assert ours([], []).shape == (0,)
        np.testing.assert_array_equal(ours(y[:, None], predictions[None]), ours(y, predictions))
    assert confident.outre_scores([3], [5.0]).tolist() == [1.0]


@pytest.mark.parametrize(
    ("labels", "predictions", "words"),
    [
        (["a"], [1.0], "labels` holds"),
        ([1.0, np.inf], [1.0, 2.0], "labels` row 1 is inf"),
        ([1.0], [1.0, 2.0], "2 entries for 1 labels"),
        (np.ones((2, 2)), [1.0, 2.0], r"shape \(2, 2\)"),
        ([True], [1.0], "labels` holds bool"),
        ([1j], [1.0], "labels` holds complex"),
        (None, [1.0], "labels` holds"),
    ],
)
def test_what_is_no_number_is_refused(labels, predictions, words):
    for ours in OURS.values():
        with pytest.raises(InputError, match=words):
            ours(labels, predictions)
