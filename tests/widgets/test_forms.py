"""Equal words with several labels: counted by hand, their examples, one label for all with one undo."""

from __future__ import annotations

import json
from typing import get_type_hints

import numpy as np
import pandas as pd
import pytest

import widgets as wd
import workbench as wb
from widgets.requests import answer
from widgets.wire.messages import Answers
from widgets.wire.typedefs import misfits
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues.spans.conflicts import form_conflicts

WORDS = [
    ["Rome", "is", "big"],
    ["Rome", "won", "in", "New", "York"],
    ["Rome", "and", "Rome"],
    ["in", "Rome"],
    ["York", "met", "Rome"],
    ["New", "York", "New", "York"],
    ["Rome"],
]
TAGS = [
    ["B-LOC", "O", "O"],
    ["B-ORG", "O", "O", "B-LOC", "I-LOC"],
    ["B-LOC", "O", "O"],
    ["O", "B-LOC"],
    ["B-PER", "O", "B-LOC"],
    ["B-LOC", "I-LOC", "O", "O"],
    None,
]
"""Rome: LOC 4, ORG 1, nothing 1 (the sentence without a label does not count); New York: LOC 2, nothing 1; York: PER 1,
and nothing 1 in the second New York of row 5, where no word has a label."""


def ask(ex, kind, **body):
    found, buffers = answer(ex._view, {"kind": kind, **body}, [])
    if "error" not in found:
        found.pop("request")
        assert not misfits(found, get_type_hints(Answers)[kind])
    return found, buffers


@pytest.fixture
def run(tmp_path):
    frame = pd.DataFrame({"tokens": WORDS, "tags": TAGS, "id": list("abcdefg")})
    return wb.import_run(frame, tmp_path / "run", label="tags", id="id", task="spans")


def rows_of(buffers, n):
    return np.flatnonzero(np.unpackbits(np.frombuffer(buffers[0], np.uint8), bitorder="little")[:n]).tolist()


def test_forms_are_counted_as_by_hand(run):
    table = form_conflicts(run).set_index("form")
    assert table.loc["Rome", ["count", "LOC", "ORG", "PER", "nothing", "other"]].tolist() == [6, 4, 1, 0, 1, 2]
    assert table.loc["New York", ["count", "LOC", "nothing", "other"]].tolist() == [3, 2, 1, 1]
    assert table.loc["York", ["count", "PER", "nothing"]].tolist() == [2, 1, 1]
    assert table.index[0] == "Rome", "the most one-sided first"
    pd.testing.assert_frame_equal(wb.spans.form_conflicts(run.dataset), form_conflicts(run))
    run.journal.relabel("b", "null", old=run.dataset.value_of(1), units="g0")
    assert form_conflicts(run).set_index("form").loc["Rome", ["LOC", "ORG", "nothing"]].tolist() == [4, 0, 2]
    with pytest.raises(InputError, match="form_conflicts works on"):
        form_conflicts(wb.Dataset.from_arrays(["a", "b"]))
    with pytest.raises(MissingEvidence):
        form_conflicts(wb.Dataset.from_arrays([[(0, 3, "A")]], task="spans"))


def test_some_places_get_one_label_as_one_step(run):
    ex = wd.Explorer(run)
    listed, _ = ask(ex, "forms")
    assert listed["total"] == 3
    assert listed["forms"][0] == {
        "form": "Rome",
        "labels": [{"label": "LOC", "count": 4}, {"label": "ORG", "count": 1}, {"label": "nothing", "count": 1}],
    }
    found, buffers = ask(ex, "form", form="Rome", labels=["ORG", "nothing"])
    assert found == {"count": 2, "examples": 2} and rows_of(buffers, run.n) == [1, 2]
    wrong, _ = ask(ex, "form", form="Rome", labels=["ORG", "nothing"], label="LOC", sure=3)
    assert "have changed since they were confirmed" in wrong["error"] and not len(run.changes())
    done, _ = ask(ex, "form", form="Rome", labels=["ORG", "nothing"], label="LOC", sure=2)
    assert done["count"] == 2 and done["patch"]
    labels = [json.loads(value)["label"] for value in run.journal.state(per="unit")["label"].dropna()]
    assert labels == ["LOC", "LOC"]
    now = wb.open_run(run.path).labels().to_pylist()
    assert [(one["start"], one["end"]) for one in now[2]["spans"]] == [(0, 1), (2, 3)]
    assert {run.classes[one["label"]] for one in now[1]["spans"]} == {"LOC"}
    assert [one["form"] for one in ask(ex, "forms")[0]["forms"]] == ["New York", "York"]
    assert ask(ex, "undo")[0]["count"] == 2
    assert not len(wb.open_run(run.path).changes()), "one undo"
    removed, _ = ask(ex, "form", form="New York", labels=["LOC"], label="nothing", sure=2)
    assert removed["count"] == 2 and "New York" not in form_conflicts(run)["form"].tolist()
    back, _ = ask(ex, "form", form="Rome", labels=["LOC"], label="nothing", sure=4)
    again, _ = ask(ex, "form", form="Rome", labels=["nothing"], label="LOC", sure=5)
    assert (back["count"], again["count"]) == (4, 5)
    assert wb.open_run(run.path).labels().to_pylist()[0]["spans"] == run.dataset.labels.to_pylist()[0]["spans"]


def test_wrong_requests_about_forms_are_errors(run, tmp_path):
    ex = wd.Explorer(run)
    for body, words in (
        ({"form": "Paris", "labels": ["LOC"]}, "`form` is 'Paris'"),
        ({"form": "Rome", "labels": ["XXX"]}, "unknown label 'XXX'"),
        ({"form": "Rome", "labels": ["ORG"], "label": "XXX", "sure": 1}, "unknown label 'XXX'"),
    ):
        assert words in ask(ex, "form", **body)[0]["error"]
    other = wd.Explorer(wb.import_run(pd.DataFrame({"y": ["a", "b"]}), tmp_path / "other", label="y"))
    assert "Forms need labels of words" in ask(other, "forms")[0]["error"]


def test_classes_of_equal_tokens_are_counted_and_set(tmp_path):
    frame = pd.DataFrame({"tokens": [["a", "run"], ["run", "a"], ["run"]], "pos": [["D", "N"], ["V", "D"], ["N"]]})
    run = wb.import_run(frame, tmp_path / "run", label="pos", task="tokens")
    table = form_conflicts(run)
    assert table.to_dict("list") == {"form": ["run"], "count": [3], "D": [0], "N": [2], "V": [1], "other": [1]}
    ex = wd.Explorer(run)
    assert ask(ex, "form", form="run", labels=["V"], label="N", sure=1)[0]["count"] == 1
    assert run.journal.state(per="unit")["label"].dropna().to_dict() == {(1, "p0"): '"N"'}
    assert "unknown label" in ask(ex, "form", form="run", labels=["N"], label="nothing", sure=3)[0]["error"]
