"""Wrong numbers are found, named and counted on data with planted errors; estimates are refused if impossible."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_linnerud, make_regression
from sklearn.metrics import average_precision_score, roc_auc_score

import workbench as wb
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues.calibration import calibration_error
from workbench.issues.numbers import fits, ratings, scales, spread, swaps


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    """For all but the data of the whole module, by which the ranking of errors and the intervals are measured."""
    monkeypatch.setattr(fits, "TREES", 20)


def planted(y, seed, share=0.08, factors=(10, 0.1, -1, 2.54, 0)):
    """Return (numbers with errors, mask of wrong ones): factors, and 0 for two standard deviations in either
    direction."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(y)) < share
    factor = rng.choice(factors, len(y))
    moved = y + rng.choice([-2, 2], len(y)) * y.std()
    return np.where(wrong, np.where(factor == 0, moved, y * factor), y), wrong


def p_error(y, **evidence):
    found = wb.find_issues(y, task="numbers", per="unit", **evidence)
    return found.sort_values("row")["p_error"].to_numpy()


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    given, wrong = planted(y, 0)
    return X, y, given, wrong, wb.find_issues(given, task="numbers", per="unit", features=X)


def test_planted_errors_are_found_and_counted(diabetes):
    _X, _, given, wrong, found = diabetes
    p = found.sort_values("row")["p_error"].to_numpy()
    cut = np.abs(given - np.median(given))
    assert average_precision_score(wrong, p) > average_precision_score(wrong, cut) + 0.03
    assert roc_auc_score(wrong, p) > 0.88 and average_precision_score(wrong, p) > 0.75
    assert calibration_error(p, wrong) < 0.05
    low, high = found.attrs["expected_errors_interval"]
    assert low <= wrong.sum() <= high and found.attrs["errors_identified"]
    assert found.attrs["expected_errors"] == pytest.approx(wrong.sum(), rel=0.5)


def test_causes_are_named_and_undone(diabetes):
    _, y, given, _wrong, found = diabetes
    found = found.reset_index().set_index("row")
    issues = found[found["is_issue"]]
    for kind, factors in {"factor": (10, 0.1), "sign": (-1,)}.items():
        told = issues[issues["kind"] == kind]
        right = [np.isclose(given[row] / y[row], factors).any() for row in told.index]
        assert len(told) >= 4 and np.mean(right) > 0.8, kind
        assert np.allclose(told["suggested_label"][right], y[told.index[right]])
    assert issues["reasons"].str.contains("90 % interval").all()
    assert issues["reasons"].str.contains("would fit|far from").all()


def test_intervals_hold_as_many_right_numbers_as_they_say(diabetes):
    _, y, _, wrong, found = diabetes
    found = found.sort_values("row")
    inside = (found["low"].to_numpy() <= y) & (y <= found["high"].to_numpy())
    assert 0.85 < inside[~wrong].mean() < 0.96


def test_more_evidence_does_no_harm(diabetes):
    _X, y, given, wrong, found = diabetes
    rng = np.random.default_rng(3)
    good = y + rng.normal(0, 20, len(y))
    alone = average_precision_score(wrong, p_error(given, predictions=good))
    assert alone > average_precision_score(wrong, found.sort_values("row")["p_error"])
    useless = {"features": rng.normal(size=(len(y), 5))}
    with_noise = p_error(given, predictions=good, **useless)
    assert average_precision_score(wrong, with_noise) > alone - 0.02
    models = np.stack([good, rng.normal(150, 80, len(y)), y * 0.2 + 100], axis=1)
    assert average_precision_score(wrong, p_error(given, predictions=models)) > alone - 0.02


def test_many_models_vote():
    _X, y = make_regression(300, 5, noise=5.0, random_state=0)
    rng = np.random.default_rng(0)
    given = y.copy()
    given[:6] += 8 * y.std() * np.array([1, -1, 1, -1, 1, -1])
    models = y[:, None] + rng.normal(0, 0.15 * y.std(), (300, 9))
    found = wb.find_issues(given, task="numbers", predictions=models)
    assert set(found.index[:6]) == set(range(6)) and found["is_issue"][:6].all()
    assert (found["models_against"][:6] == 9).all() and found["models_against"][20:].median() <= 2
    assert "9 of 9 models are far from it" in found["reasons"].iloc[0]


def test_several_columns_are_judged_each_by_itself():
    X, Y = load_linnerud(return_X_y=True)
    given = Y.copy()
    given[4, 0] *= 10  # of 20 men
    found = wb.find_issues(
        pd.DataFrame(given, columns=["weight", "waist", "pulse"]), task="numbers", features=X, per="unit"
    )
    assert found.index[0] == (4, "p0") and found["target"].iloc[0] == "weight" and found["kind"].iloc[0] == "factor"
    assert found["suggested_label"].iloc[0] == Y[4, 0] and len(found) == 60
    rng = np.random.default_rng(0)
    truth = np.stack([rng.normal(0, 1, 200), rng.normal(1e6, 1e5, 200)], axis=1)
    given = truth.copy()
    given[3, 1], given[9, 0], given[11] = given[3, 1] * 10, given[9, 0] + 9, np.nan
    found = wb.find_issues(given, task="numbers", predictions=truth + rng.normal(0, [0.2, 2e4], (200, 2)))
    assert set(found.index[:2]) == {3, 9} and (found["units"] == 2).all()
    assert np.isnan(found.loc[11, "p_error"]) and found.attrs["unlabelled"] == 2


def test_neighbouring_rows_that_changed_places_are_named_together():
    X, y = make_regression(240, 4, noise=3.0, random_state=1)
    given = y.copy()
    pairs = [(10, 11), (80, 81), (150, 151), (200, 201)]
    for one, other in pairs:
        given[[one, other]] = given[[other, one]]
    pairs = [pair for pair in pairs if abs(y[pair[0]] - y[pair[1]]) > 0.5 * y.std()]
    assert len(pairs) >= 3
    found = wb.find_issues(given, task="numbers", features=X)
    for one, other in pairs:
        for row, partner in ((one, other), (other, one)):
            assert f"the number of {partner}?" in found.loc[row, "reasons"]
            assert found.loc[row, "kind"] == "swapped" and found.loc[row, "partner"] == partner
            assert found.loc[row, "suggested_label"] == y[row] and found.loc[row, "p_error"] > 0.9
    named = found[found["partner"].notna() & found["is_issue"]]
    assert len(named) <= 8 and (found.loc[named["partner"], "partner"].to_numpy() == named.index).all()


def test_digits_that_changed_places():
    assert swaps.transposed(152.0) == [512.0, 125.0] and swaps.transposed(-7.25) == [-2.75, -7.52]
    assert swaps.transposed(1 / 3) == [] and swaps.transposed(77.0) == [] and swaps.transposed(10.0) == []
    assert swaps.transposed(np.inf) == [] and swaps.transposed(1e300) == []
    rng = np.random.default_rng(0)
    truth = rng.integers(150, 200, 300).astype(float)
    given = truth.copy()
    truth[5], given[5] = 179, 719.0
    truth[6], given[6] = 182, 128.0
    found = wb.find_issues(given, task="numbers", predictions=truth + rng.normal(0, 2, 300))
    assert set(found.index[:2]) == {5, 6} and (found["kind"][:2] == "digits").all()
    assert found.loc[5, "suggested_label"] == 179 and found.loc[6, "suggested_label"] == 182


def test_ratings_on_a_short_grid_are_an_ordered_choice():
    rng = np.random.default_rng(0)
    hidden = rng.normal(3, 1.2, 800)
    truth = np.clip(np.rint(hidden), 1, 5)
    wrong = rng.random(800) < 0.1
    given = np.where(wrong, (truth + rng.choice([2, 3], 800) - 1) % 5 + 1, truth)
    wrong = np.abs(given - truth) >= 2
    predictions = 3 + 0.6 * (hidden - 3) + rng.normal(0, 0.3, 800)  # shrunken, as regressions are
    found = wb.find_issues(given, task="numbers", predictions=predictions, per="unit")
    p = found.sort_values("row")["p_error"].to_numpy()
    assert average_precision_score(wrong, p) > average_precision_score(wrong, np.abs(given - predictions))
    assert set(found["kind"]) == {"rating"} and set(found["suggested_label"]) <= {1.0, 2.0, 3.0, 4.0, 5.0}
    assert calibration_error(p, wrong) < 0.1 and "ordinal classes" in found.attrs["method"]
    near = np.abs(given - found.sort_values("row")["suggested_label"].to_numpy()) == 1
    assert not near.any(), "one step is no error on a grid of five"
    weak = wb.find_issues(given, task="numbers", features=rng.normal(size=(800, 3)))
    assert not weak.attrs["errors_identified"] and "explain" in weak.attrs["errors_in_words"]


def test_what_is_a_grid():
    whole = np.repeat([1.0, 2, 3, 5], 10)
    assert ratings.grid_of(whole).tolist() == [1, 2, 3, 5]
    assert ratings.grid_of(whole / 2).tolist() == [0.5, 1, 1.5, 2.5]
    for other in (whole[:8], np.repeat([0.0, 1.0], 50), np.repeat([1, 2, 100.0], 50), np.arange(100.0)):
        assert ratings.grid_of(other) is None
    assert ratings.grid_of(np.repeat([1, 2, 3.3], 50)) is None, "uneven steps"


def test_the_number_of_errors_is_not_told_where_it_cannot_be():
    rng = np.random.default_rng(0)
    y = rng.normal(size=300)
    blind = wb.find_issues(y, task="numbers", predictions=rng.normal(size=300))
    assert not blind.attrs["errors_identified"] and "of the variance" in blind.attrs["errors_in_words"]
    assert not wb.find_issues(y, task="numbers", predictions=y * 0.99, out_of_fold=False).attrs["errors_identified"]
    with pytest.warns(UserWarning, match="cannot be guaranteed"):
        assert not wb.find_issues(y, task="numbers", predictions=rng.normal(size=300), fdr=0.1)["is_issue"].any()
    clean = wb.find_issues(y, task="numbers", predictions=y + rng.normal(0, 0.2, 300))
    assert clean["is_issue"].sum() <= 2 and clean.attrs["expected_errors"] < 8


def test_what_cannot_be_judged_is_refused_in_words():
    rng = np.random.default_rng(0)
    y = rng.normal(size=50)
    cases = [
        (y[:9], {"predictions": y[:9]}, "9 known numbers in the column 'value'"),
        (np.full(50, 3.5), {"predictions": y}, "is 3.5 in every row of the column 'value'"),
        (y, {"predictions": y[:49]}, "`predictions` has 49 rows for 50 examples"),
        (y, {"features": y[:49]}, "`features` has 49 rows for 50 examples"),
        (y, {"predictions": np.full(50, np.inf)}, "`predictions` row 0 is infinite"),
        (y, {"predictions": ["high"] * 50}, "`predictions` row 0 is 'high'"),
        (np.stack([y, y], axis=1), {"predictions": y}, r"`predictions` has shape \(50, 1\)"),
        (y, {"pred_probs": y}, "unknown array 'pred_probs'"),
    ]
    for labels, evidence, words in cases:
        with pytest.raises(InputError, match=words):
            wb.find_issues(labels, task="numbers", **evidence)
    with pytest.raises(MissingEvidence, match="Only 3 numbers of the column"):
        wb.find_issues(y, task="numbers", predictions=np.where(np.arange(50) < 3, y, np.nan))


def test_gaps_in_labels_and_predictions():
    rng = np.random.default_rng(0)
    truth = rng.normal(100, 10, 120).round(1)
    predictions = truth + rng.normal(0, 1, 120)
    given = truth.copy()
    given[5], given[6], predictions[7] = np.nan, 10 * truth[6], np.nan
    found = wb.find_issues(given, task="numbers", predictions=predictions)
    assert found.index[0] == 6 and np.isnan(found.loc[5, "p_error"]) and np.isnan(found.loc[7, "p_error"])
    assert found.loc[5, "suggested_label"] == pytest.approx(truth[5], abs=4)
    again = wb.find_issues(given, task="numbers", predictions=predictions)
    pd.testing.assert_frame_equal(again, found)


@pytest.mark.parametrize("factor", [1e-9, 1e9])
def test_the_unit_of_all_numbers_changes_nothing(diabetes, factor):
    _, y, given, _, _ = diabetes
    predictions = y + np.random.default_rng(0).normal(0, 25, len(y))
    one, other = p_error(given, predictions=predictions), p_error(given * factor, predictions=predictions * factor)
    away = np.abs(one - other)
    assert np.median(away) < 1e-6 and (away < 0.05).mean() > 0.97  # digits and trailing zeros may differ


def test_parts():
    logarithmic = scales.scales_for(np.array([1.0, 5.0, 9.0]))[1]
    y = np.array([-1e6, -1.0, 0.0, 1e-8, 3.0, 1e8])
    assert np.allclose(logarithmic.back(logarithmic.to(y)), y)
    step = 1e-6 * np.maximum(np.abs(y), 1e-3)
    slope = (logarithmic.to(y + step) - logarithmic.to(y - step)) / (2 * step)
    assert np.allclose(np.exp(logarithmic.log_slope(y)), slope, rtol=1e-4)
    assert len(scales.scales_for(y)) == 1 or (y > 0).mean() > 0.8
    assert scales.spread_of(np.zeros(5)) > 0 and scales.spread_of(np.array([0, 0, 0, 5.0])) > 0
    ratios = np.arange(1.0, 101)
    assert spread.conformal(ratios, np.ones(100), 0.9) == pytest.approx(91, abs=1)
    views = np.array([[1.0, np.nan, 3.0], [np.nan] * 3, [4.0, 2.0, 6.0], [1.0, 2.0, np.nan]])
    assert np.array_equal(fits._row_median(views), [2, np.nan, 4, 1.5], equal_nan=True)
    gaps = np.array([[1.0, np.nan], [2.0, np.nan], [3.0, np.nan]])
    assert np.isfinite(fits.prepared_vectors(gaps)).all()


@pytest.mark.parametrize(("n", "d"), [(40, 1), (150, 4)])
def test_the_trees_are_those_of_a_forest_of_scikit_learn(n, d):
    from sklearn.ensemble import ExtraTreesRegressor

    rng = np.random.default_rng(n)
    taught, asked = (rng.normal(size=(size, d)).astype(np.float32) for size in (n, 30))
    target = rng.normal(size=n)
    model = ExtraTreesRegressor(fits.TREES, min_samples_leaf=3, random_state=7).fit(taught, target)
    assert np.array_equal(fits.forest(taught, target, asked, 7), model.predict(asked))
