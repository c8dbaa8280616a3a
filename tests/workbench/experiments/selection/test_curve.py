"""The curve: fair baseline, known truth, values computed only from the training part, refusals, its figure."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.foundation.errors import InputError


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 3, 300)
    X = 2 * np.eye(3)[truth] + rng.normal(size=(300, 3))
    given = np.where(rng.random(300) < 0.4, (truth + 1) % 3, truth)
    return wb.Dataset.from_arrays(given), X, truth, given


def test_keeping_right_labels_beats_chance_and_keeping_wrong_ones_loses(noisy):
    dataset, X, truth, given = noisy
    right = pd.Series((given == truth).astype(float))
    curve = wb.experiments.keep_curve(
        dataset, {"right": right, "wrong": right}, [0.3, 0.6, 1.0], X=X, truth=truth,
        end={"right": "high", "wrong": "low"}, repeats=4,
    )  # fmt: skip
    effects = curve.effects
    assert effects.loc[("right", 0.3), "verdict"] == "better"
    assert effects.loc[("wrong", 0.3), "verdict"] == "worse"
    assert effects.loc[("right", 0.3), "wrong_kept"] == 0
    assert effects.loc[("wrong", 0.3), "wrong_kept"] > 0.9
    assert effects.loc[("random", 0.6), "wrong_kept"] == pytest.approx(0.4, abs=0.06)
    assert "of 4 splits, by known true labels" in str(curve)
    assert "30% by right" in str(curve)
    assert curve.in_words("right", 0.3).startswith("+")
    one = curve.table[curve.table["share"] == 1].groupby("split")["accuracy"].nunique()
    assert (one == 1).all()


def test_the_same_seed_gives_the_same_curve(noisy):
    dataset, X, truth, _ = noisy
    one, two = (wb.experiments.keep_curve(dataset, "knn_shapley", 0.5, X=X, truth=truth, repeats=2) for _ in range(2))
    pd.testing.assert_frame_equal(one.table, two.table)


def test_values_made_from_inputs_never_see_the_test_examples(noisy, monkeypatch):
    dataset, X, truth, _ = noisy
    seen = []

    def watched(vectors, labels, **options):
        seen.append(len(labels))
        return np.zeros(len(labels))

    monkeypatch.setattr(sys.modules["workbench.experiments.selection.rules"], "knn_shapley", watched)
    wb.experiments.keep_curve(dataset, "knn_shapley", 0.5, X=X, truth=truth, repeats=3)
    assert seen == [210, 210, 210]


def test_without_truth_it_says_what_it_is_judged_by(noisy):
    dataset, X, _, _ = noisy
    curve = wb.experiments.keep_curve(dataset, "influence", [0.5], X=X, repeats=2)
    assert "by the given labels, wrong ones included" in curve.judged_on
    assert curve.table["wrong_kept"].isna().all()


def test_the_figure_has_a_line_per_score_and_one_for_chance(noisy):
    dataset, X, truth, _ = noisy
    curve = wb.experiments.keep_curve(dataset, "knn_shapley", [0.4, 1.0], X=X, truth=truth, repeats=2)
    figure = wb.figure(curve)
    assert [trace.name for trace in figure.data] == ["random", "knn shapley"]
    np.testing.assert_allclose(figure.data[1].y, curve.effects.loc["knn_shapley", "accuracy"])
    assert figure.layout.title.text.startswith("0 of 1 selections do better")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shares": [0.0]}, r"`shares` holds 0\.0"),
        ({"shares": []}, "`shares` is empty"),
        ({"repeats": 1}, "`repeats` is 1"),
        ({"test_share": 0.999}, "too few for a curve"),
        ({"test_share": 1}, "`test_share` is 1"),
        ({"by": "variability"}, "is read from a run"),
        ({"by": "nothing"}, "unknown score to select by 'nothing'"),
    ],
)
def test_refusals(noisy, options, message):
    dataset, X, _, _ = noisy
    with pytest.raises(InputError, match=message):
        wb.experiments.keep_curve(dataset, **{"by": "knn_shapley", "X": X, **options})
