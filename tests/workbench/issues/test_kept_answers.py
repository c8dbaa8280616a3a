"""`find_issues` of an unchanged run is read from its cache, in any process; any change causes a new computation."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.foundation.errors import FdrNotPossible
from workbench.issues import detector
from workbench.issues.numbers.estimator import NumbersEstimator
from workbench.issues.tags.estimator import Tags
from workbench.storage import cache


@pytest.fixture
def run(tmp_path, rng):
    n, k = 60, 3
    true = np.arange(n) % k
    given = true.copy()
    given[::12] = (given[::12] + 1) % k
    ids = np.array([f"b{row:02}" for row in range(n)], object)
    names = np.array(["ant", "bee", "cow"], object)[given]
    names[5] = None
    data = wb.Dataset.from_frame(pd.DataFrame({"id": ids, "kind": names}), label="kind", id="id")
    points = rng.normal(size=(n, 4)).astype(np.float32)
    points[np.arange(n), true] += 4
    logits = 3 * np.eye(k)[true] + rng.normal(size=(n, k))
    with wb.Recorder(tmp_path / "run", data, embedding_epochs="all") as rec:
        for epoch in range(2):
            with rec.epoch(epoch):
                rec.batch(ids, logits + epoch, embeddings=points)
        probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        rec.save_pred_probs(probs, out_of_fold=True, source="made up")
    return wb.open_run(tmp_path / "run")


@pytest.fixture
def computed(monkeypatch):
    """The computed results, in order."""
    found = []
    real = detector._judged
    monkeypatch.setattr(detector, "_judged", lambda *args: found.append(1) or real(*args))
    return found


def same(one, other):
    pd.testing.assert_frame_equal(one, other, check_exact=True, check_index_type="exact")
    assert one.attrs == other.attrs
    assert {name: type(value) for name, value in one.attrs.items()} == {n: type(v) for n, v in other.attrs.items()}


def test_the_second_time_nothing_is_computed(run, computed):
    first = wb.find_issues(run)
    same(wb.find_issues(run), first)
    same(wb.find_issues(wb.open_run(run.path)), first)
    same(wb.find_issues(str(run.path)), first)
    assert len(computed) == 1
    wb.find_issues(wb.Evidence.from_run(run))  # not the run itself
    assert len(computed) == 2


def test_another_process_reads_it_too(run, forks):
    first = wb.find_issues(run)
    code = (
        "import sys, workbench as wb; from workbench.issues import detector; detector._judged = None; "
        "found = wb.find_issues(sys.argv[1]); print(found['p_error'].sum().hex(), found.index[0])"
    )
    other = forks.start(code, run.path, environment=dict(os.environ))
    said = other.stdout.read()
    assert other.wait() == 0, other.errors()
    assert said.split() == [first["p_error"].sum().hex(), first.index[0]]


def test_every_change_of_what_it_depends_on_computes_again(run, computed):
    def again(**arguments):
        before = len(computed)
        wb.find_issues(wb.open_run(run.path), **arguments)
        assert len(computed) == before + 1
        wb.find_issues(wb.open_run(run.path), **arguments)
        assert len(computed) == before + 1

    again()
    again(threshold=0.25)
    again(seed=1)
    again(verdicts=pd.Series([True, False], index=["b00", "b01"]))
    again(verdicts=pd.Series([True, True], index=["b00", "b01"]))
    probs = np.asarray(run.pred_probs().values)
    run.save_pred_probs(probs[:, [1, 0, 2]] * 0.5 + probs * 0.5, out_of_fold=True, source="others")
    again()
    run.save_pred_probs(probs, out_of_fold=False, source="others")
    again()
    run.save_embeddings(np.asarray(run.embeddings(1)) + 1, epoch=1, source="others", trained_on_labels=True)
    again()
    run.save_embeddings(np.asarray(run.embeddings(1)), epoch=1, source="others", trained_on_labels=False)
    again()
    votes = pd.DataFrame({"id": ["b00", "b00", "b01"], "annotator": ["x", "y", "x"], "label": ["ant"] * 3})
    wb.review.save_votes(run, votes)
    again()
    with wb.Recorder(run.path, run.dataset) as rec, rec.epoch(2):
        rec.batch(run.dataset.ids, np.zeros((run.n, run.k)))
    again()


def test_verdicts_of_the_journal_are_part_of_it(run, computed):
    first = wb.find_issues(run)
    run.journal.relabel("b00", "ant", old="bee")
    second = wb.find_issues(run)
    assert len(computed) == 2 and second.attrs["verdicts"] == 1 and first.attrs["verdicts"] == 0
    run.journal.undo()
    same(wb.find_issues(run), first)


def test_what_cannot_be_promised_is_told_every_time(run, computed):
    for _ in range(2):
        with pytest.warns(FdrNotPossible):
            wb.find_issues(run, fdr=0.2)
    assert len(computed) == 2


def test_a_place_that_cannot_be_written_just_computes(run, computed, monkeypatch, recwarn):
    def refuse(*args, **kwargs):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(cache, "cache_file", refuse)
    recwarn.clear()
    wb.find_issues(run)
    wb.find_issues(run)
    assert len(computed) == 2
    assert not [one for one in recwarn if "issues-for" in str(one.message)]


def test_the_tables_of_examples_and_of_units_come_from_one_computation(tmp_path, rng, monkeypatch):
    true = rng.random((90, 3)) < 0.4
    given = true.copy()
    given[::9, 0] ^= True
    names = np.array(["ant", "bee", "cow"], object)
    frame = pd.DataFrame({"tags": [list(names[row]) for row in given]})
    data = wb.Dataset.from_frame(frame, label="tags", classes=list(names), task="multilabel")
    with wb.Recorder(tmp_path / "run", data) as rec:
        rec.save_pred_probs(np.where(true, 0.9, 0.1) + rng.normal(0, 0.03, true.shape), out_of_fold=True, source="m")
    run = wb.open_run(tmp_path / "run")
    judged, real = [], Tags.judge
    monkeypatch.setattr(Tags, "judge", lambda *args: judged.append(1) or real(*args))
    by_example, by_unit = wb.find_issues(run), wb.find_issues(run, per="unit")
    assert len(judged) == 1
    assert by_example["units_doubted"].sum() == by_unit["is_issue"].sum() > 0
    same(wb.find_issues(wb.open_run(run.path), per="unit"), by_unit)
    fresh = wb.find_issues(run, per="unit", threshold=0.5 + 1e-9)
    assert len(judged) == 2
    pd.testing.assert_frame_equal(by_unit, fresh)


def test_the_tables_of_examples_that_are_units_come_from_one_computation(tmp_path, rng, monkeypatch):
    x = rng.normal(size=(60, 2))
    y = x @ [1.0, 2.0] + rng.normal(0, 0.1, 60)
    y[::20] *= 100
    run = wb.import_run(pd.DataFrame({"y": y}), tmp_path / "run", label="y", task="numbers", embeddings=x)
    judged, real = [], NumbersEstimator.judge
    monkeypatch.setattr(NumbersEstimator, "judge", lambda *args: judged.append(1) or real(*args))
    by_example, by_unit = wb.find_issues(run), wb.find_issues(run, per="unit")
    assert len(judged) == 1
    assert by_unit.index.droplevel("unit").tolist() == by_example.index.tolist()
    fresh = wb.find_issues(run, per="unit", threshold=0.5 + 1e-9)
    assert len(judged) == 2
    pd.testing.assert_frame_equal(by_unit, fresh)
