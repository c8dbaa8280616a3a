"""Before and after: same splits for both, an interval, and no judging on labels that the correction made."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.compare import _interval
from workbench.errors import InputError


class Memory:
    """Answers with the label of the training example of the same first feature, and keeps which rows it was asked."""

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
    """200 examples in pairs of twins, 20 of them with a wrong label; column 0 tells twins, column 1 the row."""
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
    assert (table["difference"] == table["after"] - table["before"]).all()
    assert result.changed == 20
    assert result.difference > 0.03
    assert result.interval[0] > 0
    assert str(result).endswith("8 splits, judged on 60 held-out examples each, out of 200 with known true labels.")
    assert "; better)" in str(result)


def test_both_trainings_are_tested_on_the_same_rows_and_never_on_changed_ones(spoiled):
    dataset, X, truth = spoiled
    Memory.seen = []
    result = wb.compare(dataset, X, Memory(), after=truth, repeats=5)
    changed = np.flatnonzero(dataset.given_labels != truth)
    assert len(Memory.seen) == 10
    for before, after in zip(Memory.seen[::2], Memory.seen[1::2]):
        np.testing.assert_array_equal(before, after)
        assert not np.isin(before, changed).any()
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


def test_the_interval_by_hand():
    """Differences 0.01, 0.03: mean .02, s^2 = .0002; t(.975, 1) = 12.706; (1/2 + 30/70) s^2."""
    low, high = _interval(pd.Series([0.01, 0.03]), 30, 70)
    width = 12.7062047 * np.sqrt((0.5 + 30 / 70) * 0.0002)
    assert low == pytest.approx(0.02 - width)
    assert high == pytest.approx(0.02 + width)


def test_nothing_gained_is_said(spoiled, rng):
    dataset, X, truth = spoiled
    after = dataset.given_labels.copy()
    after[rng.choice(200, 1)] += 1
    after %= 4
    result = wb.compare(dataset, X, Memory(), after=after, truth=truth, repeats=6)
    assert "no difference that this comparison can show" in str(result)


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
