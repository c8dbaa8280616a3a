"""The same evidence cannot count the errors of a table that it has cleaned: `find_issues` then gives a range."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from widgets.view.auditing import estimate
from workbench.foundation.errors import FdrNotPossible, InputError
from workbench.issues.corrected import corrections
from workbench.issues.totals import error_count
from workbench.review.export import read_labels

N = 120


def made(path, task, rng):
    """(run, its evidence): one class, or three tags; some labels are wrong."""
    if task == "multiclass":
        true = rng.integers(0, 3, N)
        labels = np.where(rng.random(N) < 0.15, (true + 1) % 3, true)
        x = np.eye(3)[true] * 3 + rng.normal(size=(N, 3))
        data = wb.Dataset.from_arrays(labels, classes=["a", "b", "c"])
    else:
        true = (rng.random((N, 3)) < 0.4).astype(int)
        labels = np.where(rng.random(true.shape) < 0.1, 1 - true, true)
        x = true * 3 + rng.normal(size=(N, 3))
        data = wb.Dataset.from_arrays(labels, task=task, classes=["a", "b", "c"])
    return wb.import_run(data, path, embeddings=x), x


def corrected(run):
    """Accept every suggestion of the run; the number of examples that changed."""
    per = "example" if run.dataset.kind.one_class else "unit"
    found = wb.find_issues(run, per=per)
    found = found[found["is_issue"]]
    details = {"old": found["given_label"].tolist(), "source": "explorer: accept selection"}
    if per == "unit":
        ids, units = zip(*found.index)
        run.journal.relabel(ids, found["suggested_label"].tolist(), units=units, **details)
    else:
        run.journal.relabel(found.index.tolist(), found["suggested_label"].tolist(), **details)
    return len(run.changes().index.get_level_values("id").unique())


def refused(found, changed):
    """The number is a range in all attributes, whose upper end allows for as many errors as were corrected."""
    assert not found.attrs["errors_identified"]
    low, high = found.attrs["expected_errors_interval"]
    assert low == 0 and min(changed + found.attrs["expected_errors"], found.attrs["judged"]) <= high
    assert found.attrs["errors_in_words"].startswith("these labels may contain 0 to ")


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_corrected_labels_say_where_they_come_from(tmp_path, rng, task):
    run, x = made(tmp_path / "run", task, rng)
    kinds = {"task": task, "classes": ["a", "b", "c"], "embeddings": x}
    untouched = wb.find_issues(run.corrected_labels(), **kinds)
    assert untouched.attrs["labels_corrected"] == "" and "corrected" not in untouched.attrs["errors_in_words"]
    changed = corrected(run)
    assert changed > 3
    found = wb.find_issues(run.corrected_labels(), **kinds)
    words = found.attrs["labels_corrected"]
    assert words.startswith(
        f"the labels of {changed} examples were corrected before in the run 'run', so errors that this"
    )
    refused(found, changed)
    assert words in found.attrs["errors_in_words"]
    assert wb.find_issues(labels=run.corrected_labels(), **kinds).attrs["labels_corrected"] == words
    assert wb.find_issues(run).attrs["labels_corrected"] == "", "the run judges what was given"


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_export_that_is_read_again_says_so_too(tmp_path, rng, task, suffix):
    run, x = made(tmp_path / "run", task, rng)
    changed = corrected(run)
    file = wb.export(run, tmp_path / f"labels.{suffix}")
    data = read_labels(file, task=task)
    assert corrections(data).changed == changed
    assert corrections(data).words.startswith(
        f"the labels of {changed} examples were corrected before (column 'changed')"
    )
    again = wb.import_run(data, tmp_path / "again", embeddings=x)
    per = "example" if task == "multiclass" else "unit"
    found = wb.find_issues(again, per=per)
    assert found.attrs["labels_corrected"] in found.attrs["errors_in_words"]
    refused(found, changed)
    count = error_count(again, found)
    assert not count.known and count.low == 0 and found.attrs["labels_corrected"] in str(count)
    shown = estimate(again, found)
    assert shown["text"].startswith("0 to ") and found.attrs["labels_corrected"] in shown["title"]
    report = wb.report(again, tmp_path / "r.html", issues=found, top=1).read_text(encoding="utf-8")
    assert "errors that this evidence showed then are gone" in report and f"about {count.errors:,.0f} " not in report
    if suffix == "parquet":
        given = wb.Dataset.from_frame(pd.read_parquet(file), label="given_label", id="id", task=task)
        assert corrections(given) == (0, ""), "what was given is not corrected"


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_no_share_of_false_alarms_is_promised_for_corrected_labels(tmp_path, rng, task):
    run, x = made(tmp_path / "run", task, rng)
    corrected(run)
    labels, kinds = run.corrected_labels(), {"task": task, "classes": ["a", "b", "c"], "embeddings": x}
    with pytest.warns(FdrNotPossible, match="corrected before"):
        found = wb.find_issues(labels, fdr=0.2, **kinds)
    assert not found["is_issue"].any() and "corrected before" in found.attrs["threshold"]
    assert not found.get("units_doubted", pd.Series(0)).any()
    assert np.array_equal(found["p_error"], wb.find_issues(labels, **kinds)["p_error"])
    with pytest.raises(InputError, match="`fdr` is 2"):
        wb.find_issues(labels, fdr=2, **kinds)


def test_the_number_of_an_audit_asks_people(tmp_path, rng, monkeypatch):
    monkeypatch.setattr("workbench.issues.estimating.DRAWS", 2000)
    run, x = made(tmp_path / "run", "multiclass", rng)
    corrected(run)
    data = read_labels(wb.export(run, tmp_path / "labels.parquet"))
    again = wb.import_run(data, tmp_path / "again", embeddings=x)
    sample = wb.audit(again, 60)
    again.journal.keep(sample.ids.tolist(), old=again.dataset.given[again.dataset.rows(sample.ids)], source="review")
    found = wb.find_issues(again)
    assert found.attrs["errors_source"] == "audit" and found.attrs["labels_corrected"]
    assert found.attrs["labels_corrected"] not in found.attrs["errors_in_words"]


@pytest.mark.parametrize(
    "labels", [[0, 1, 1], np.array([0, 1]), pd.Series([0, 1]), pd.DataFrame({"changed": [1]}), None]
)
def test_other_labels_say_nothing(labels):
    assert corrections(labels) == (0, "")
