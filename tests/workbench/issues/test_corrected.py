"""A table that the same evidence has cleaned gets too small a number of errors: `find_issues` says so, for any kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.issues.corrected import corrected_in_words
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
        f"the labels of {changed} examples were corrected before in the run 'run': errors that this"
    )
    assert found.attrs["errors_in_words"].endswith(words)
    assert wb.find_issues(labels=run.corrected_labels(), **kinds).attrs["labels_corrected"] == words
    assert wb.find_issues(run).attrs["labels_corrected"] == "", "the run judges what was given"


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_export_that_is_read_again_says_so_too(tmp_path, rng, task, suffix):
    run, x = made(tmp_path / "run", task, rng)
    changed = corrected(run)
    file = wb.export(run, tmp_path / f"labels.{suffix}")
    data = read_labels(file, task=task)
    assert corrected_in_words(data).startswith(
        f"the labels of {changed} examples were corrected before (column 'changed')"
    )
    again = wb.import_run(data, tmp_path / "again", embeddings=x)
    per = "example" if task == "multiclass" else "unit"
    found = wb.find_issues(again, per=per)
    assert found.attrs["labels_corrected"] in found.attrs["errors_in_words"]
    assert found.attrs["labels_corrected"] in str(error_count(again, found))
    report = wb.report(again, tmp_path / "r.html", issues=found, top=1).read_text(encoding="utf-8")
    assert "errors that this evidence showed then are gone" in report
    if suffix == "parquet":
        given = wb.Dataset.from_frame(pd.read_parquet(file), label="given_label", id="id", task=task)
        assert corrected_in_words(given) == "", "what was given is not corrected"


def test_the_number_of_an_audit_asks_people(tmp_path, rng):
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
    assert corrected_in_words(labels) == ""
