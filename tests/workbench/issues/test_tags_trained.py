"""A recorded training as evidence about tags: it affects the ranking but not the number of errors."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from planted import table_of_cells
from sklearn.metrics import average_precision_score

import workbench as wb
from workbench.foundation.tag_statistics import ALL_TAGS
from workbench.issues.calibration import calibration_error, expit
from workbench.issues.kinds.contract import Asked
from workbench.issues.tags import candidates, estimator, training


def recorded(path, given, epochs):
    """Return a run with these logits (n, k), one array per epoch."""
    data = wb.Dataset.from_arrays(given, task="multilabel")
    with wb.Recorder(path, data) as recorder:
        for number, logits in enumerate(epochs):
            with recorder.epoch(number):
                recorder.batch(data.ids, logits)
    return wb.open_run(path)


@pytest.fixture(scope="module")
def trained(planted, tmp_path_factory):
    """Logits of ten epochs of logistic regression by gradient descent on the given tags, recorded."""
    x, _, given = planted
    z = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-6)
    weights, level, epochs = np.zeros((64, given.shape[1])), np.zeros(given.shape[1]), []
    for _ in range(10):
        for _ in range(5):
            away = expit(z @ weights + level) - given
            weights -= 2.0 * z.T @ away / len(z)
            level -= 2.0 * away.mean(axis=0)
        epochs.append(z @ weights + level)
    return recorded(tmp_path_factory.mktemp("trained") / "run", given, epochs)


def average_precision(found, error):
    return average_precision_score(error.ravel(), table_of_cells(found).ravel())


def test_a_recorded_training_alone_gives_an_order_and_no_count(planted, trained):
    _, true, given = planted
    found = wb.find_issues(trained, per="unit")
    assert average_precision(found, given != true) > 3 * (given != true).mean()
    assert not found.attrs["errors_identified"]
    words = "the training has seen the tags; pass out-of-fold probabilities, or embeddings that never saw them"
    assert words in found.attrs["errors_in_words"]
    assert found.attrs["evidence"].startswith("training dynamics")
    assert found.attrs["sources"]["dynamics"] == "statistics of 10 epochs, recorded while training"
    assert found[found["is_issue"]]["reasons"].str.startswith("in-sample: ").all()
    with pytest.warns(UserWarning, match="the training has seen the tags"):
        assert not wb.find_issues(trained, per="unit", fdr=0.1)["is_issue"].any()


@pytest.fixture(scope="module")
def held_out(planted):
    """Out-of-fold probabilities with random errors."""
    _, true, _ = planted
    return expit(2 * (2 * true - 1) + np.random.default_rng(9).normal(0, 2.2, true.shape)).clip(0.001, 0.999)


@pytest.fixture(scope="module")
def without(planted, held_out):
    """The cells judged by `held_out` alone."""
    return wb.find_issues(planted[2], task="multilabel", pred_probs=held_out, per="unit")


def test_a_recorded_training_moves_the_order_and_not_the_count(planted, trained, held_out, without):
    _, true, given = planted
    error = given != true
    found = wb.find_issues(trained, pred_probs=held_out, per="unit")
    assert "training dynamics (in-sample): weight 0." in found.attrs["method"]
    assert average_precision(found, error) > average_precision(without, error) + 0.01
    for name in ("expected_errors", "expected_errors_interval", "errors_identified"):
        assert found.attrs[name] == without.attrs[name], name
    assert calibration_error(table_of_cells(found).ravel(), error.ravel()) < 0.05


def test_beside_held_out_heads_a_training_has_no_say(planted, trained, by_embeddings):
    found = wb.find_issues(trained, embeddings=planted[0], per="unit")
    assert "training dynamics: not used beside held-out heads" in found.attrs["method"]
    np.testing.assert_array_equal(table_of_cells(found), table_of_cells(by_embeddings))


def test_embeddings_of_a_training_on_the_tags_give_no_count(planted, trained, tmp_path):
    """The embeddings contain the wrong tags too, so heads on them would find almost no errors."""
    x, _, given = planted
    run = wb.open_run(shutil.copytree(trained.path, tmp_path / "run", ignore=shutil.ignore_patterns("cache")))
    run.save_embeddings(np.hstack([x, 30 * given]), trained_on_labels=True)
    found = wb.find_issues(run, per="unit")
    assert not found.attrs["errors_identified"]
    assert "the embeddings were trained on the tags; pass ones that never saw them" in found.attrs["errors_in_words"]
    assert wb.find_issues(run, embeddings=x, per="unit").attrs["errors_identified"]


@pytest.mark.parametrize("kind", ["untrained", "by heart"])
def test_a_training_that_tells_nothing_has_no_say(planted, held_out, without, tmp_path, kind):
    _, _, given = planted
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 0.1, given.shape) + (40 * given - 20 if kind == "by heart" else 0)
    run = recorded(tmp_path / "run", given, [logits])
    found = wb.find_issues(run, pred_probs=held_out, per="unit")
    assert "training dynamics: not used, since it agrees" in found.attrs["method"]
    np.testing.assert_array_equal(table_of_cells(found), table_of_cells(without))


def test_a_training_on_very_many_tags(planted, trained, held_out, tmp_path, monkeypatch):
    """The code path for tables with too many cells: only those that the epochs kept."""
    _, true, given = planted
    monkeypatch.setattr(estimator, "MOST_CELLS", 100)
    monkeypatch.setattr(candidates, "A_ROW", 3)
    fresh = shutil.copytree(trained.path, tmp_path / "run", ignore=shutil.ignore_patterns("cache"))
    alone = wb.find_issues(wb.open_run(fresh), per="unit")
    assert "cells judged" in alone.attrs["method"]
    assert not alone.attrs["errors_identified"] and "the training has seen" in alone.attrs["errors_in_words"]
    both = wb.find_issues(trained, pred_probs=held_out, per="unit")
    assert "training dynamics (in-sample): weight 0." in both.attrs["method"]
    wrong = (given != true)[alone["row"], alone.index.get_level_values("unit").str[1:].astype(int)]
    assert average_precision_score(wrong, alone["p_error"]) > 3 * wrong.mean()


def test_the_mean_of_epochs_of_which_each_kept_other_cells(tmp_path):
    k = ALL_TAGS + 30
    data = wb.Dataset.from_arrays([[0], [1], None], task="multilabel", classes=[f"t{i}" for i in range(k)])
    logits = np.tile(np.arange(k, dtype=np.float32) / 50 - 5, (3, 1))
    with wb.Recorder(tmp_path / "run", data) as recorder:
        with recorder.epoch(0):
            recorder.batch(data.ids, logits)
        with recorder.epoch(1):
            recorder.batch(data.ids[:2], logits[:2, ::-1])
    run = recorder.run()
    asked = Asked(run.dataset, {"dynamics": run})
    found = training.trained(asked).table(3, k)
    p = expit(logits[0])
    assert found[0, 0] == pytest.approx((p[0] + p[-1]) / 2)  # given, so that both epochs kept it
    assert found[0, k - 1] == pytest.approx(p[-1] / 2)  # only the first epoch kept it
    assert found[2, k - 1] == pytest.approx(p[-1])  # in one epoch only
    assert found[0, 50] == np.float32(training.BELOW)
