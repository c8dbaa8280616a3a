"""The same results from every kind of run: recorded locally, at a URL, from a DataFrame, and an ensemble of two."""

from __future__ import annotations

import uuid

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from widgets.view.unrecorded import frame_run
from workbench.evidence.evidence import Evidence
from workbench.foundation.errors import InputError
from workbench.scores.ensemble import Ensemble

pytestmark = pytest.mark.usefixtures("recalling_here")

N, K, EPOCHS = 90, 3, 2
CLASSES = ("ant", "bee", "cow")
TRUE = np.arange(N) % K
GIVEN = TRUE.copy()
WRONG = np.arange(0, N, 15)
GIVEN[WRONG] = (GIVEN[WRONG] + 1) % K
GIVEN[4] = -1
IDS = np.array([f"e{row}" for row in range(N)], object)


def logits(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(EPOCHS, N, K)) + 3 * np.eye(K)[TRUE]


def probabilities(seed: int) -> np.ndarray:
    p = np.exp(logits(seed)[-1])
    return p / p.sum(axis=1, keepdims=True)


def dataset() -> wb.Dataset:
    return wb.Dataset.from_arrays(np.array([*CLASSES, None], object)[GIVEN], ids=IDS, classes=CLASSES)


def recorded(path: object, seed: int = 0) -> wb.Run:
    with wb.Recorder(path, dataset()) as recorder:
        for epoch, values in enumerate(logits(seed)):
            with recorder.epoch(epoch):
                recorder.batch(IDS, values, values)
        recorder.save_pred_probs(probabilities(seed), out_of_fold=True, source="by hand")
    return wb.open_run(path)


KINDS = ("recorded", "frame", "url", "ensemble")


@pytest.fixture(params=KINDS)
def any_run(request, tmp_path, monkeypatch):
    """A run, or an object accepted instead of a run, with the same examples."""
    if request.param == "frame":
        frame = pd.DataFrame({"label": dataset().given, "id": IDS})
        values = {"pred_probs": probabilities(0), "embeddings": logits(0)[-1], "logits": logits(0)}
        return frame_run(frame, id="id", classes=CLASSES, **values)
    if request.param == "url":
        pytest.importorskip("fsspec", reason="needs fsspec (in the scale extra)")
        monkeypatch.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "home"))
        return recorded(f"memory://{uuid.uuid4().hex}/run")
    if request.param == "ensemble":
        return wb.ensemble([recorded(tmp_path / "one"), recorded(tmp_path / "two", seed=1)])
    return recorded(tmp_path / "run")


def test_issues_per_example_and_per_unit(any_run):
    issues = wb.find_issues(any_run)
    assert sorted(issues.index) == sorted(IDS) and issues["row"].tolist() != list(range(N))
    assert np.isnan(issues.loc["e4", "p_error"])
    top = set(issues.index[: len(WRONG)])
    assert len(top & set(IDS[WRONG])) >= len(WRONG) - 1
    units = wb.find_issues(any_run, per="unit")
    assert units.index.names == ["id", "unit"]
    assert units.index.get_level_values("id").tolist() == issues.index.tolist()
    pd.testing.assert_frame_equal(units.droplevel("unit"), issues)


def test_arrays_beside_a_run_are_refused(any_run):
    with pytest.raises(InputError, match="`pred_probs` was given together with"):
        wb.find_issues(any_run, pred_probs=probabilities(0))
    with pytest.raises(InputError, match="'tags'"):
        wb.find_issues(any_run, task="tags")


def test_units_are_the_examples(any_run):
    evidence = any_run if isinstance(any_run, Evidence) else Evidence.from_run(any_run)
    assert evidence.task == "multiclass" and evidence.met is None
    assert evidence.units.m == evidence.n == N and evidence.units.keys is None
    assert evidence.index.tolist() == evidence.examples.tolist() == IDS.tolist()
    np.testing.assert_array_equal(evidence.units.given, GIVEN)


def test_scores_of_all(any_run):
    scores = wb.score(any_run, ["self_confidence", "normalized_margin"])
    assert scores.index.tolist() == IDS.tolist() and len(scores.columns) == 2
    assert scores["self_confidence"].between(0, 1).sum() == N - 1


def test_decisions_are_in_the_labels_and_the_export(any_run, tmp_path):
    run = any_run.runs[0] if isinstance(any_run, Ensemble) else any_run
    run.journal.relabel(["e0", "e4"], ["ant", "cow"], old=[CLASSES[GIVEN[0]], None])
    wanted = GIVEN.copy()
    wanted[[0, 4]] = 0, 2
    np.testing.assert_array_equal(run.labels(), wanted)
    given = run.changes()["given_label"]
    assert given["e0"] == CLASSES[GIVEN[0]] and pd.isna(given["e4"])
    decided = run.decided()
    assert (decided.rows.tolist(), decided.keys, decided.values) == ([0, 4], ["", ""], ["ant", "cow"])
    table = pd.read_json(wb.export(run, tmp_path / "x.jsonl"), lines=True)
    assert table["changed"].sum() == 2 and table["label"].tolist()[4] == "cow"
    assert run.journal.undo() and not len(run.changes())
