"""The bench: seeds, every method better than chance, robust ones better than the usual loss under noise, refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.experiments.robust_training import ROBUST_METHODS
from workbench.experiments.robust_training.methods import estimated_noise, train
from workbench.experiments.robust_training.networks import Setup
from workbench.foundation.errors import InputError
from workbench.issues.calibration import calibration_error


@pytest.fixture(scope="module")
def blobs():
    rng = np.random.default_rng(8)
    truth = np.arange(400) % 4
    X = 3 * np.eye(4)[truth] @ rng.normal(size=(4, 20)) + 2 * rng.normal(size=(400, 20))
    return wb.Dataset.from_arrays(truth, ids=[f"r{row}" for row in range(400)]), X.astype(np.float32), truth


@pytest.fixture(scope="module")
def bench(blobs):
    dataset, X, _ = blobs
    return wb.experiments.robust(dataset, X, [*ROBUST_METHODS, "fixed", "clean"], rates=[0.0, 0.4], seeds=2, epochs=12)


def test_every_method_learns_and_the_robust_ones_bear_noise(bench):
    accuracy = bench.effects["accuracy"].unstack()
    assert set(accuracy.index) == {*ROBUST_METHODS, "fixed", "clean"}
    assert (accuracy[0.0] > 0.8).all()
    for name in ("generalized_cross_entropy", "co_teaching", "cross_split", "forward_correction", "fixed", "clean"):
        assert accuracy.loc[name, 0.4] > accuracy.loc["cross_entropy", 0.4] + 0.02, name
    restored = bench.effects["restored"].unstack()[0.4]
    assert restored["co_teaching"] > restored["cross_entropy"] + 0.1
    assert restored["fixed"] > 0.5
    assert restored["clean"] == 1
    assert bench.effects["broken"].unstack().loc["clean", 0.4] == 0


def test_the_table_is_what_the_effects_say(bench):
    table, effects = bench.table, bench.effects
    assert len(table) == 2 * 2 * (len(ROBUST_METHODS) + 2)
    part = table[(table["method"] == "mixup") & (table["rate"] == 0.4)]
    usual = table[(table["method"] == "cross_entropy") & (table["rate"] == 0.4)]
    assert effects.loc[("mixup", 0.4), "accuracy"] == part["accuracy"].mean()
    gain = part["accuracy"].to_numpy() - usual["accuracy"].to_numpy()
    assert effects.loc[("mixup", 0.4), "difference"] == pytest.approx(gain.mean())
    assert table.loc[table["rate"] == 0, "restored"].isna().all()
    assert "120 held-out examples, 2 seeds, symmetric noise" in str(bench)
    assert "40% wrong, co_teaching" in str(bench)


def test_the_same_seed_gives_the_same_table_and_leaves_the_global_one_alone(blobs):
    import torch

    dataset, X, _ = blobs
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    options = {"methods": ["mixup", "co_teaching"], "rates": [0.2], "seeds": 2, "epochs": 2}
    one = wb.experiments.robust(dataset, X, **options)
    assert torch.rand(1) == wanted
    pd.testing.assert_frame_equal(one.table, wb.experiments.robust(dataset, X, **options).table)
    other = wb.experiments.robust(dataset, X, seed=9, **options)
    assert (one.table["accuracy"] != other.table["accuracy"]).any()


def test_the_noise_is_estimated_from_given_labels_only(blobs, rng):
    _, X, truth = blobs
    noisy = wb.experiments.plant_errors(wb.Dataset.from_arrays(truth), 0.3, "pair").given_labels
    transition, rate = estimated_noise(X / X.std(), noisy, 4)
    np.testing.assert_allclose(transition.sum(axis=1), 1)
    assert np.argsort(transition - np.eye(4) * 9, axis=1)[:, -1].tolist() == [1, 2, 3, 0]
    assert rate == pytest.approx(0.3, abs=0.1)


def test_cross_split_judges_each_half_by_the_other(blobs):
    """A training label that only its own half could know is not predicted."""
    _, X, _ = blobs
    given = np.random.default_rng(0).integers(0, 4, 400)
    noise = (np.eye(4), 0.0)
    setup = Setup(epochs=40, hidden=256)
    by_heart = train("cross_entropy", X, given, 4, setup, 0, noise).on_training.argmax(axis=1)
    by_peer = train("cross_split", X, given, 4, setup, 0, noise).on_training.argmax(axis=1)
    assert np.mean(by_heart == given) > 0.75
    assert np.mean(by_peer == given) < 0.4


def test_calibration_error_by_hand_and_at_its_ends():
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    assert calibration_error(confidence, np.array([1, 0, 1, 0]), 15) == pytest.approx(0.5 * 0.45 + 0.5 * 0.05)
    assert calibration_error(np.ones(3), np.array([True, True, True]), 15) == 0
    assert calibration_error(np.ones(3), np.array([False, False, False]), 15) == 1


def test_a_single_share_of_wrong_labels_is_drawn_in_rows(bench):
    one = dataclasses.replace(bench, effects=bench.effects.xs(0.4, level="rate", drop_level=False))
    figure = wb.figure(one)
    assert [trace.y for trace in figure.data][:2] == [("cross entropy",), ("label smoothing",)]
    row = bench.effects.loc[("cross_entropy", 0.4)]
    assert figure.data[0].x[0] == row["accuracy"]
    assert figure.data[0].error_x.array[0] == pytest.approx(min(row["high"], 1) - row["accuracy"])
    assert figure.data[0].error_y.array is None


def test_the_figure_has_a_line_per_method(bench):
    figure = wb.figure(bench)
    assert [trace.name for trace in figure.data][:2] == ["cross entropy", "label smoothing"]
    np.testing.assert_allclose(figure.data[0].y, bench.effects.loc["cross_entropy", "accuracy"])
    assert figure.layout.title.text.startswith("With 40% of the labels wrong, ")
    ece = wb.figure(bench, "robust", measure="ece")
    np.testing.assert_allclose(ece.data[0].y, bench.effects.loc["cross_entropy", "ece"])
    with pytest.raises(InputError, match="unknown measure 'f1'"):
        wb.figure(bench, "robust", measure="f1")


def test_suggestions_find_planted_errors_and_name_their_source(blobs):
    dataset, X, _ = blobs
    spoiled = wb.experiments.plant_errors(dataset, 0.1, seed=1)
    table = wb.experiments.suggest(spoiled, "co_teaching", X, epochs=6)
    columns = ["given_label", "suggested_label", "p_error", "p_suggested", "is_issue", "reasons", "reason_kinds", "row"]
    assert list(table.columns) == columns
    report = wb.experiments.planted_report(table, spoiled.planted)
    assert report["found_at_planted"] > 0.7
    assert report["corrected"] > 0.7
    assert table["reasons"].str.startswith("co teaching head").all()
    assert table.attrs["source"] == "robust head, co teaching (Han et al. 2018)"
    pd.testing.assert_frame_equal(table, wb.experiments.suggest(spoiled, "co_teaching", X, epochs=6))


def test_suggestions_fill_the_queue_of_the_explorer(blobs, tmp_path):
    wd = pytest.importorskip("widgets")
    dataset, X, truth = blobs
    spoiled = wb.experiments.plant_errors(dataset, 0.1, seed=1)
    run = wb.Recorder(tmp_path / "run", spoiled, mode="import").run()
    run.save_embeddings(X)
    run = wb.open_run(run.path)
    table = wb.experiments.suggest(run, "generalized_cross_entropy", epochs=5)
    explorer = wd.Explorer(run, issues=table)
    assert explorer.issues is table
    first = table.index[0]
    run.journal.relabel(
        first, table.loc[first, "suggested_label"], old=table.loc[first, "given_label"], source=table.attrs["source"],
        reason=table.loc[first, "reasons"],
    )  # fmt: skip
    assert run.changes().loc[first, "reason"].startswith("generalized cross entropy head")
    assert wb.compare(run, truth=truth, repeats=2).changed == 1


def test_unlabelled_examples_get_suggestions_too(blobs):
    dataset, X, truth = blobs
    labels = truth.copy()
    labels[:20] = -1
    table = wb.experiments.suggest(dataset.with_labels(labels), "cross_entropy", X, epochs=5).sort_values("row")
    assert np.mean(table["suggested_label"].iloc[:20].astype(int) == truth[:20]) > 0.8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": "dropout"}, "unknown method 'dropout'"),
        ({"methods": []}, "`methods` is empty"),
        ({"rates": [1.0]}, r"`rates` holds 1\.0"),
        ({"rates": []}, "`rates` is empty"),
        ({"seeds": 1}, "`seeds` is 1"),
        ({"test_share": 0}, "`test_share` is 0"),
        ({"noise": "guessed"}, "unknown noise 'guessed'"),
        ({"layers": 3}, "unknown option 'layers'"),
        ({"epochs": 0}, "`epochs` is 0"),
        ({"test_share": 0.95}, "too few to train and test on"),
    ],
)
def test_refusals(blobs, options, message):
    dataset, X, _ = blobs
    with pytest.raises(InputError, match=message):
        wb.experiments.robust(dataset, X, **options)


def test_suggestions_refuse(blobs):
    dataset, X, _ = blobs
    with pytest.raises(InputError, match="unknown method 'dividemix'"):
        wb.experiments.suggest(dataset, "dividemix", X)
    with pytest.raises(InputError, match="`folds` is 1"):
        wb.experiments.suggest(dataset, "mixup", X, folds=1)
