"""A kind with its own estimator: the shared parts, tested with an estimator that repeats its input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from contract import recorded
from prototypes import PLACES, TAGS, Tags

import workbench as wb
from workbench.foundation.errors import FdrNotPossible, InputError, MissingEvidence, RunError
from workbench.issues.kinds import ESTIMATORS
from workbench.issues.kinds.contract import Asked, Found
from workbench.tasks import TASKS

TIMES = 10


class Keeping(Tags):
    """The prototype, with predictions that can be stored in runs."""

    stored = "pred_probs"

    def check_predictions(self, values, n, classes):
        if values.shape != (n, len(classes)):
            raise InputError.at("pred_probs", f"has shape {values.shape}", "Pass one row per example.", row=0)


class Echo:
    """p_error is the distance between the given value and the probability of yes."""

    version = 3
    identified = True

    def __init__(self):
        self.asked: list[Asked] = []

    def judge(self, asked: Asked) -> Found:
        self.asked.append(asked)
        units = asked.dataset.units
        yes = np.asarray(asked.evidence["pred_probs"], float).ravel()
        p = np.where(units.given < 0, np.nan, np.abs(units.given - yes))
        names = np.array(["no", "yes", None], object)
        other = np.where(units.given < 0, (yes > 0.5).astype(int), 1 - units.given)
        return Found(
            units,
            p,
            names[units.given],
            names[other],
            np.where(units.given < 0, np.abs(0.5 - yes) + 0.5, p),
            (0.5 * np.nansum(p), 2 * np.nansum(p)),
            lambda places: [f"unit {place}" for place in places],
            kind=np.where(units.given == 0, "missing", "wrong").astype(object),
            columns={"tag": np.array(asked.dataset.classes, object)[units.groups]},
            identified=self.identified,
            why="" if self.identified else "nobody knows",
            below=1.25,
            method="echo",
        )


@pytest.fixture(autouse=True)
def echo(monkeypatch):
    monkeypatch.setattr(TASKS, "_places", {**TASKS._places, **PLACES, Tags.name: f"{__name__}:Keeping"})
    monkeypatch.setattr(TASKS, "_found", {**TASKS._found, Tags.name: Keeping()})
    monkeypatch.setattr(ESTIMATORS, "_places", {Tags.name: f"{__name__}:Echo"})
    made = Echo()
    monkeypatch.setattr(ESTIMATORS, "_found", {Tags.name: made})
    return made


@pytest.fixture
def probs():
    return np.random.default_rng(1).random((len(TAGS.labels) * TIMES, 3))


def test_tables_per_unit_and_per_example(probs):
    dataset = TAGS.dataset(TIMES)
    units = wb.find_issues(dataset, per="unit", pred_probs=probs)
    assert list(units.columns[:5]) == ["tag", "given_label", "suggested_label", "p_error", "p_suggested"]
    assert list(units.columns[5:]) == ["is_issue", "kind", "reasons", "row"]
    given = dataset.units.given.reshape(probs.shape)
    for (name, key), one in units.iterrows():
        row, tag = one["row"], int(key[1:])
        code = given[row, tag]
        assert (
            dataset.ids[row] == name
            and one["tag"] == dataset.classes[tag]
            and one["reasons"] == f"unit {3 * row + tag}"
        )
        if code < 0:
            assert np.isnan(one["p_error"]) and pd.isna(one["given_label"]) and not one["is_issue"]
            assert one["suggested_label"] == ("yes" if probs[row, tag] > 0.5 else "no")
            continue
        p = abs(code - probs[row, tag])
        assert one["p_error"] == pytest.approx(p) and one["is_issue"] == (p >= 0.5)
        assert one["suggested_label"] == ("no", "yes")[(1 - code) if p >= 0.5 else code]
        assert one["p_suggested"] == pytest.approx(max(p, 1 - p))
    total = units["p_error"].sum()
    assert units.attrs["expected_errors_interval"] == pytest.approx((total / 2, total * 2), abs=0.06)
    assert (units.attrs["expected_errors_below"], units.attrs["method"]) == (1.2, "echo")
    examples = wb.find_issues(dataset, pred_probs=probs)
    sums = units.groupby("row")["p_error"].sum()
    assert np.allclose(sums.loc[examples["row"]], np.sort(sums)[::-1])
    worst = units.dropna(subset="p_error").groupby("row")["p_error"].max()
    for one in examples.dropna(subset="p_error").itertuples():
        assert units.loc[(one.Index, one.unit), "p_error"] == pytest.approx(worst[one.row])
        assert (one.tag, one.kind) == tuple(units.loc[(one.Index, one.unit), ["tag", "kind"]])


def test_a_run_uses_what_it_has_stored_and_keeps_the_answer(probs, tmp_path, echo):
    run = recorded(TAGS, tmp_path, TIMES)
    with pytest.raises(MissingEvidence, match="Labels of the task 'prototype-tags' cannot be judged by themselves"):
        wb.find_issues(run)
    with pytest.raises(InputError, match=r"`pred_probs` row 0 \(id 'a0'\) has shape \(2, 3\)"):
        run.save_pred_probs(probs[:2], out_of_fold=True, source="x")
    with pytest.raises(InputError, match="stores `pred_probs`, not `predictions`"):
        run.save_predictions(probs, out_of_fold=True, source="x")
    run.save_pred_probs(probs, out_of_fold=False, source="by hand")
    beside = wb.find_issues(run.dataset, per="unit", pred_probs=probs.astype(np.float32), out_of_fold=False)
    asked = len(echo.asked)
    for per in ("unit", "example"):
        first = wb.find_issues(run, per=per)
        again = wb.find_issues(wb.open_run(run.path), per=per)
        pd.testing.assert_frame_equal(first, again)
        assert first.attrs == again.attrs
    assert len(echo.asked) == asked + 2, "the second answer comes from the cache"
    assert not echo.asked[-1].out_of_fold and first.attrs["sources"]["pred_probs"] == "by hand"
    pd.testing.assert_frame_equal(wb.find_issues(run, per="unit"), beside)
    table = pd.read_json(wb.export(run, tmp_path / "x.jsonl"), lines=True).set_index("name")
    known = first["p_error"].dropna()
    assert np.allclose(table.loc[known.index, "p_error"], known), "an export has the kept answer"
    echo.version = 4
    wb.find_issues(run)
    assert len(echo.asked) == asked + 3, "another estimator makes another answer"
    other = wb.find_issues(run, per="unit", pred_probs=1 - probs)
    assert not np.allclose(other["p_error"].dropna(), beside["p_error"].dropna())
    path = run.path / "pred_probs.npy"
    np.save(path, probs[:, :2].astype(np.float32))
    with pytest.raises(RunError, match="damaged"):
        wb.open_run(run.path).pred_probs()


def test_verdicts_move_all_and_fdr_is_kept_or_refused(probs, tmp_path, echo):
    run = recorded(TAGS, tmp_path, TIMES)
    run.save_pred_probs(probs, out_of_fold=True, source="x")
    before = wb.find_issues(run, per="unit")
    for (name, key), one in before.head(5).iterrows():
        run.journal.keep([name], old=one["given_label"], units=[key])
    after = wb.find_issues(run, per="unit")
    assert after.attrs["verdicts"] == 5 and after["p_error"].sum() < before["p_error"].sum()
    assert echo.asked[-1].verdicts.index.tolist() == before.index[:5].tolist()
    found = wb.find_issues(run.dataset, per="unit", pred_probs=probs, fdr=0.4)
    marked = found[found["is_issue"]]
    assert len(marked) and (1 - marked["p_error"]).mean() <= 0.4
    echo.identified = False
    with pytest.warns(FdrNotPossible, match="nobody knows"):
        found = wb.find_issues(run.dataset, pred_probs=probs, fdr=0.4)
    assert not found["is_issue"].any() and not found.attrs["errors_identified"]
    assert "may contain" in found.attrs["errors_in_words"]


def test_a_series_names_its_examples(probs):
    labels = pd.Series(TAGS.labels * TIMES, index=[f"x{row}" for row in range(len(probs))], dtype=object)
    found = wb.find_issues(labels, task=TAGS.task, classes=TAGS.classes, pred_probs=probs)
    assert sorted(found.index) == sorted(labels.index)
    with pytest.raises(InputError, match="unknown array 'embeddings'"):
        wb.find_issues(labels, task=TAGS.task, embeddings=probs)
