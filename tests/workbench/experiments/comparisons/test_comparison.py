"""Comparison before and after a correction: equal splits, an interval, and no testing on corrected labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.foundation.errors import InputError, MissingEvidence


class Memory:
    """Predicts the label of the training example with the same first feature, and records the requested rows."""

    seen: list = []  # noqa: RUF012

    def get_params(self, deep=True):
        return {}

    def set_params(self, **parameters):
        return self

    def fit(self, X, y):
        self.of = dict(zip(X[:, 0].tolist(), y.tolist()))
        return self

    def predict(self, X):
        Memory.seen.append(X[:, 1].astype(int))
        return np.array([self.of.get(value, 0) for value in X[:, 0].tolist()])


@pytest.fixture
def spoiled(rng):
    """200 examples in pairs of twins, 20 with a wrong label; column 0 identifies twins, column 1 the row."""
    truth = np.repeat(rng.integers(0, 4, 100), 2)
    given = truth.copy()
    bad = rng.choice(200, 20, replace=False)
    given[bad] = (given[bad] + 1) % 4
    X = np.stack([np.repeat(np.arange(100), 2), np.arange(200)], axis=1).astype(float)
    return wb.Dataset.from_arrays(given), X, truth


def test_truth_shows_the_gain(spoiled):
    dataset, X, truth = spoiled
    result = wb.compare(dataset, X, Memory(), after=truth, truth=truth, repeats=8)
    table = result.table
    assert len(table) == 8
    assert result.difference == pytest.approx((table["corrected"] - table["given"]).mean())
    assert result.before == table["given"].mean()
    assert result.after == table["corrected"].mean()
    assert result.changed == 20
    assert result.difference > 0.03
    assert result.interval[0] > 0
    assert "8 splits, judged on 60 held-out examples each, out of 200 with known true labels." in str(result)
    assert f"corrected labels (20 changed): {result.in_words()}; better" in str(result)


def test_both_trainings_are_tested_on_the_same_rows_and_never_on_changed_ones(spoiled):
    dataset, X, truth = spoiled
    Memory.seen = []
    result = wb.compare(dataset, X, Memory(), after=truth, repeats=5)
    changed = np.flatnonzero(dataset.given_labels != truth)
    assert len(Memory.seen) == 20
    for arms in zip(*(Memory.seen[arm::4] for arm in range(4))):
        for other in arms[1:]:
            np.testing.assert_array_equal(arms[0], other)
        assert not np.isin(arms[0], changed).any()
    assert "out of 180 whose label did not change" in str(result)


def test_same_seed_same_answer_and_the_default_model_runs(spoiled):
    dataset, X, truth = spoiled
    one, two = (wb.compare(dataset, X, after=truth, truth=truth, repeats=2, seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(one.table, two.table)


def test_a_run_has_its_own_corrections_and_left_out_rows_are_not_trained_on(spoiled, tmp_path):
    dataset, X, truth = spoiled
    wb.Recorder(tmp_path / "run", dataset, mode="import").close()
    run = wb.open_run(tmp_path / "run")
    with pytest.raises(InputError, match="no label differs"):
        wb.compare(run, X, Memory())
    rows = np.flatnonzero(dataset.given_labels != truth)
    run.journal.relabel(rows, dataset.names_of(truth[rows]).tolist(), old=dataset.given[rows].tolist())
    names = dataset.names_of(truth)
    assert wb.compare(run, X, Memory(), truth=names, repeats=4).difference > 0
    dropped = np.where(dataset.given_labels != truth, -1, dataset.given_labels)
    assert wb.compare(dataset, X, Memory(), after=dropped, truth=truth, repeats=4).changed == 20


def test_nothing_gained_is_said(spoiled, rng):
    dataset, X, truth = spoiled
    after = dataset.given_labels.copy()
    after[rng.choice(200, 1)] += 1
    after %= 4
    result = wb.compare(dataset, X, Memory(), after=after, truth=truth, repeats=6)
    assert "no difference that this comparison can show" in " ".join(str(result).split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "`after` is missing"),
        ({"after": [0, 1]}, r"`after` has shape \(2,\) for 200 examples"),
        ({"after": np.full(200, 9)}, "`after` row 0 is 9"),
        ({"after": np.zeros(200, int), "truth": np.full(200, -1)}, "0 examples are with a known true label: too few"),
        ({"after": np.zeros(200, int), "repeats": 1}, "`repeats` is 1"),
        ({"after": np.zeros(200, int), "test_share": 1.5}, "`test_share` is 1.5"),
        ({"after": ["cow"] * 200}, "unknown class 'cow'"),
        ({"after": np.zeros(200, int), "truth": "planted"}, "has no planted errors"),
        ({"after": np.zeros(200, int), "truth": "right"}, "unknown truth 'right'"),
        (
            {"after": np.zeros(200, int), "test": np.arange(200)},
            "`test` contains .* examples whose label the correction",
        ),
        ({"after": np.zeros(200, int), "test": (np.ones((5, 3)), np.zeros(5, int))}, r"inputs of shape \(5, 3\) for 5"),
        ({"after": np.zeros(200, int), "issues": [999]}, "1 not in the dataset"),
        ({"after": pd.DataFrame({"p": [1.0]})}, "unknown column 'suggested_label'"),
    ],
)
def test_refusals(spoiled, options, message):
    dataset, X, _ = spoiled
    with pytest.raises(InputError, match=message):
        wb.compare(dataset, X, Memory(), **options)


def test_x_must_have_a_row_per_example(spoiled):
    dataset, X, truth = spoiled
    with pytest.raises(InputError, match="`X` has 10 rows for 200 examples"):
        wb.compare(dataset, X[:10], after=truth)


def test_the_controls_say_what_the_correction_alone_brings(spoiled):
    """Twins determine each other: dropping a wrong twin leaves the correct one; random changes only do harm."""
    dataset, X, truth = spoiled
    result = wb.compare(dataset, X, Memory(), after=truth, truth=truth, repeats=8)
    effects = result.effects
    assert list(effects.index) == ["corrected", "dropped", "random"]
    assert effects.loc["corrected", "difference"] > effects.loc["random", "difference"] + 0.03
    assert effects.loc["random", "difference"] <= 0.01
    np.testing.assert_allclose(effects["accuracy"] - result.before, effects["difference"])
    assert (effects["low"] <= effects["difference"]).all()
    assert (effects["bootstrap_low"] <= effects["difference"]).all()
    assert (effects["difference"] <= effects["bootstrap_high"]).all()
    assert result.dropped == result.changed == 20


def test_splits_that_agree_by_luck_do_not_make_a_narrow_interval(spoiled):
    """Two splits with nearly the same gain say nothing about other test examples, so the bootstrap interval is used."""
    dataset, X, truth = spoiled
    for seed in range(3):
        effects = wb.compare(dataset, X, Memory(), after=truth, truth=truth, repeats=2, seed=seed).effects
        assert (effects["low"] <= effects["bootstrap_low"]).all()
        assert (effects["high"] >= effects["bootstrap_high"]).all()


def test_issues_are_ids_or_a_table(spoiled):
    dataset, X, truth = spoiled
    table = pd.DataFrame({"is_issue": [True, False, True]}, index=[3, 4, 5])
    named = [wb.compare(dataset, X, Memory(), after=truth, repeats=2, issues=what) for what in ([3, 5], table)]
    assert named[0].dropped == named[1].dropped == 2
    pd.testing.assert_frame_equal(named[0].table, named[1].table)


def test_a_test_set_of_its_own_is_the_same_for_every_repeat(spoiled):
    dataset, X, truth = spoiled
    Memory.seen = []
    result = wb.compare(dataset, X, Memory(), after=truth, test=(X[:40], truth[:40]), repeats=3)
    assert result.interval_kind.startswith("paired bootstrap")
    assert all(np.array_equal(seen, np.arange(40)) for seen in Memory.seen)
    assert "judged on 40 examples of a separate test set" in str(result)
    assert result.difference > 0
    unknown = truth[:40].copy()
    unknown[:10] = -1
    assert "judged on 30" in str(wb.compare(dataset, X, Memory(), after=truth, test=(X[:40], unknown), repeats=2))


def test_named_examples_are_held_out_from_every_training(spoiled):
    dataset, X, truth = spoiled
    stayed = np.flatnonzero(dataset.given_labels == truth)[:50]

    class Watched(Memory):
        def fit(self, X, y):
            assert not np.isin(X[:, 1].astype(int), stayed).any()
            return super().fit(X, y)

    result = wb.compare(dataset, X, Watched(), after=truth, test=stayed, repeats=3)
    assert "50 chosen examples, whose label did not change" in str(result)
    everything = np.arange(0, 200, 2)
    with pytest.raises(InputError, match="whose label the correction changed"):
        wb.compare(dataset, X, Memory(), after=truth, test=everything)
    assert wb.compare(dataset, X, Memory(), after=truth, test=everything, truth=truth, repeats=2).difference > 0


def test_suggestions_of_a_table_count_as_corrections(spoiled):
    dataset, X, truth = spoiled
    table = pd.DataFrame({"suggested_label": dataset.names_of(truth), "is_issue": dataset.given_labels != truth})
    table.loc[np.flatnonzero(table["is_issue"])[:5], "is_issue"] = False
    result = wb.compare(dataset, X, Memory(), after=table.rename_axis("id"), truth=truth, repeats=2)
    assert result.changed == 15


def test_a_run_alone_is_enough(root):
    """The recorded digits: embeddings are there, planted errors are known."""
    run = wb.open_run(root / "data" / "digits-run")
    truth = run.dataset.given_labels.copy()
    planted = run.planted()
    truth[run.dataset.rows(planted["id"])] = [run.dataset.code_of(name) for name in planted["true_label"]]
    result = wb.compare(run, after=truth, truth="planted", repeats=3)
    assert result.changed == len(planted)
    assert "embeddings of epoch 9; the embedding was trained on these labels" in str(result)
    assert result.before > 0.9
    assert abs(result.difference) < 0.03  # a regularised head on this embedding is robust to the wrong labels
    with pytest.raises(MissingEvidence, match="`embeddings`"):
        wb.compare(run.dataset, after=truth)
