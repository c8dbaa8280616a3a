"""Rankings before and after: by hand, compared with SciPy, the closed form and counting, and on published errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

import workbench as wb
from workbench.experiments.comparisons.model_ranking import kendall_tau, swap_point
from workbench.foundation.errors import InputError


@pytest.fixture
def models(rng):
    """1,000 test labels, 80 of them wrong; a model that learned the errors, one that learned none, three more."""
    truth = rng.integers(0, 10, 1000)
    given = truth.copy()
    bad = rng.choice(1000, 80, replace=False)
    given[bad] = (given[bad] + 1) % 10

    def model(right, errors_learned):
        found = np.where(rng.random(1000) < right, truth, rng.integers(0, 10, 1000))
        learned = bad[rng.random(80) < errors_learned]
        found[learned] = given[learned]
        return found

    shares = {"large": (0.90, 0.9), "small": (0.88, 0.0), "b": (0.80, 0.3), "c": (0.70, 0.3), "d": (0.6, 0.1)}
    return {name: model(*share) for name, share in shares.items()}, given, truth


def test_the_ranking_flips_where_one_model_learned_the_errors(models):
    predictions, given, truth = models
    result = wb.experiments.compare_rankings(predictions, given, truth)
    assert result.table.index[0] == "small"
    assert result.table.loc["large", "rank_given"] == 1
    assert result.table.loc["small", "moved"] == 1
    assert (result.n, result.changed, result.prevalence) == (1000, 80, 0.08)
    assert list(result.flips[["better_given", "better_corrected"]].iloc[0]) == ["large", "small"]
    assert "large" in str(result)


def test_accuracies_by_another_route(models):
    predictions, given, truth = models
    table = wb.experiments.compare_rankings(predictions, given, truth).table
    for name, found in predictions.items():
        row, bad = table.loc[name], given != truth
        assert row["given"] == np.mean(found == given)
        assert row["corrected"] == np.mean(found == truth)
        assert row["stayed"] == pytest.approx(np.mean(found[~bad] == truth[~bad]))
        assert row["changed_given"] == pytest.approx(np.mean(found[bad] == given[bad]))
        assert row["corrected_low"] < row["corrected"] < row["corrected_high"]


def test_tau_is_that_of_scipy(rng):
    for _ in range(20):
        one, two = rng.integers(0, 5, (2, 7)) / 10
        assert kendall_tau(one[None], two[None])[0] == pytest.approx(kendalltau(one, two).statistic, nan_ok=True)
    assert np.isnan(kendall_tau(np.ones((1, 3)), np.arange(3.0)[None]))[0]


def test_the_mixture_gives_back_the_table_and_is_linear(models):
    predictions, given, truth = models
    result = wb.experiments.compare_rankings(predictions, given, truth)
    for labels in ("given", "corrected"):
        pd.testing.assert_series_equal(
            result.at(result.prevalence, labels).sort_index(), result.table[labels].sort_index(), check_names=False
        )
        middle = (result.at(0.0, labels) + result.at(0.5, labels)) / 2
        pd.testing.assert_series_equal(result.at(0.25, labels).sort_index(), middle.sort_index())


def test_the_swap_point_is_where_counting_finds_it(models):
    """Remove unchanged examples at random until the share is p: the gap changes its sign at the closed form."""
    predictions, given, truth = models
    result = wb.experiments.compare_rankings(predictions, given, truth)
    assert len(result.swaps)
    for swap in result.swaps.itertuples():
        for p, ahead in ((swap.prevalence * 0.999, swap.first), (1 - (1 - swap.prevalence) * 0.999, swap.second)):
            behind = swap.second if ahead == swap.first else swap.first
            at = result.at(p, swap.labels)
            assert at[ahead] > at[behind]
        at = result.at(swap.prevalence, swap.labels)
        assert at[swap.first] == pytest.approx(at[swap.second])
        assert swap.low <= swap.prevalence <= swap.high
    assert swap_point(np.array([0.1, 0.1, 0.0]), np.array([-0.3, 0.3, 0.3]))[0] == pytest.approx(0.25)
    assert np.isnan(swap_point(np.array([0.1, 0.0]), np.array([0.3, 0.3]))).all()


def test_thinning_the_unchanged_examples_agrees_with_the_line(models, rng):
    predictions, given, truth = models
    result = wb.experiments.compare_rankings(predictions, given, truth)
    bad = given != truth
    for p in (0.2, 0.5):
        wanted = round(bad.sum() * (1 - p) / p)
        seen = []
        for _ in range(200):
            kept = np.concatenate([np.flatnonzero(bad), rng.choice(np.flatnonzero(~bad), wanted, replace=False)])
            seen.append(np.mean(predictions["b"][kept] == truth[kept]))
        assert result.at(p)["b"] == pytest.approx(np.mean(seen), abs=0.01)


def test_names_probabilities_and_missing_labels(models):
    predictions, given, truth = models
    names = np.array([f"class {code}" for code in range(10)], object)
    plain = wb.experiments.compare_rankings(predictions, given, truth, resamples=50)
    named = wb.experiments.compare_rankings(
        {m: names[p] for m, p in predictions.items()}, names[given], names[truth], resamples=50
    )
    pd.testing.assert_frame_equal(plain.table, named.table)
    probs = {model: np.eye(10)[found] for model, found in predictions.items()}
    pd.testing.assert_frame_equal(plain.table, wb.experiments.compare_rankings(probs, given, truth, resamples=50).table)
    none = names[truth].copy()
    none[:100] = None
    result = wb.experiments.compare_rankings(
        {m: names[p] for m, p in predictions.items()}, names[given], none, resamples=50
    )
    assert (result.n, result.left_out) == (900, 100)
    assert (
        wb.experiments.compare_rankings(predictions, given, np.where(np.arange(1000) < 100, -1, truth), resamples=50).n
        == 900
    )


def test_order_of_examples_and_models_does_not_matter(models, rng):
    predictions, given, truth = models
    order = rng.permutation(1000)
    one = wb.experiments.compare_rankings(predictions, given, truth, resamples=50)
    shuffled = {name: predictions[name][order] for name in reversed(predictions)}
    two = wb.experiments.compare_rankings(shuffled, given[order], truth[order], resamples=50)
    assert one.tau == two.tau
    columns = ["given", "corrected", "rank_given", "rank_corrected", "stayed"]
    pd.testing.assert_frame_equal(one.table[columns], two.table[columns].loc[one.table.index])


def test_nothing_corrected_is_no_error(models):
    predictions, given, _ = models
    result = wb.experiments.compare_rankings(predictions, given, given, resamples=20)
    assert result.tau == 1
    assert len(result.flips) == len(result.swaps) == 0
    assert result.prevalence == 0


def test_intervals_of_a_sure_flip_leave_out_zero(rng):
    truth = np.zeros(2000, int)
    given = truth.copy()
    given[:400] = 1
    result = wb.experiments.compare_rankings({"learned": given, "right": truth}, given, truth)
    assert result.flips["sure"].tolist() == [True]
    assert result.flips["flipped"][0] == 1
    assert result.tau == -1
    assert result.tau_interval == (-1, -1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"a": [0, 1]}, [0, 1], [0, 1]), "holds 1 models"),
        (({"a": [0, 1], "b": [0]}, [0, 1], [0, 1]), "has 1 predictions of 'b' for 2 labels"),
        (({"a": [0, 1], "b": [0, 1]}, [0, 1], [0]), "`corrected` has 1 labels for 2 given ones"),
        (({"a": [0, 1], "b": [0, 1]}, ["x", "y"], ["x", "y"]), "of 'a' are numbers, others text"),
        (({"a": [0, 1], "b": [0, 1]}, [0, 1], [-1, -1]), "has no label at all"),
        (({"a": [[[0.0]]], "b": [0]}, [0], [0]), r"has shape \(1, 1, 1\) for 'a'"),
        (({"a": np.array([[np.nan, 1.0]]), "b": [0]}, [0], [0]), "row 0 holds NaN for 'a'"),
        (([0, 1], [0, 1], [0, 1]), "is a list"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(InputError, match=message):
        wb.experiments.compare_rankings(*arguments)


def test_a_share_is_a_share(models):
    result = wb.experiments.compare_rankings(*models, resamples=20)
    with pytest.raises(InputError, match=r"`prevalence` is 1\.2"):
        result.at(1.2)
    with pytest.raises(InputError, match="unknown labels 'true'"):
        result.at(0.2, "true")
