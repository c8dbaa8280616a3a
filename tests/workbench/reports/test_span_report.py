"""The report of a run with spans: kinds of errors, equal words with other labels, texts, precision and recall."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from reportpages import NASTY, parsed, text_of

import workbench as wb
from workbench.reports.report import report
from workbench.reports.span_facts import expected_quality, gather_spans
from workbench.shell.cli import main

N = 120


@pytest.fixture(scope="module")
def spanned(tmp_path_factory):
    """People and towns; every twelfth town is not tagged, and some people are tagged as towns."""
    rng = np.random.default_rng(4)
    people, towns = ("Ada Berg", "Boris Costa", "Chen Dimas"), ("Norwell", "<i>Oakham</i>", "Kelsing")
    tokens, tags = [], []
    for row in range(N):
        person, town = str(rng.choice(people)).split(), str(rng.choice(towns))
        of = [f"B-{NASTY}", f"I-{NASTY}", "O", "O", "B-LOC", "O"]
        if row % 12 == 5:
            of[4] = "O"
        elif row % 12 == 11:
            of[:2] = ["B-LOC", "I-LOC"]
        tokens.append([*person, "went", "to", town, "."])
        tags.append(of)
    frame = pd.DataFrame({"id": [f"s{row}" for row in range(N)], "tokens": tokens, "tags": tags})
    return wb.import_run(frame, tmp_path_factory.mktemp("s") / "run", label="tags", id="id", task="spans")


@pytest.fixture(scope="module")
def found(spanned):
    return wb.find_issues(spanned, per="unit")


def test_kinds_words_and_texts_are_shown(spanned, found, tmp_path):
    path = report(spanned, tmp_path / "r.html", issues=found, top=20)
    page, shown = parsed(path), text_of(path)
    assert not page.open and not {"script", "link", "iframe", "i"} & set(page.tags)
    anchors = {value for _, name, value in page.attributes if name == "id"}
    assert {"kinds", "forms", "documents", "quality", "classes", "check", "decisions", "evidence", "s0"} <= anchors
    assert not {"map", "noise", "tags", "residuals"} & anchors
    assert "spans" in shown and "wrong or missing" in shown and "epochs recorded" not in shown
    assert "missed: a span is missing here" in shown and "another class" in shown
    assert "no span" in shown
    assert page.tags.count("mark") >= 12 and "<i>Oakham</i>" in shown
    assert "precision" in shown and "given labels (expected)" in shown and "corrected labels" not in shown


def test_the_tables_count_what_the_issues_say(spanned, found):
    facts = gather_spans(spanned, found, 3, None)
    own = facts.own
    assert own.kinds["wrong"].sum() == pytest.approx(found["p_error"].sum())
    assert own.kinds["issues"].sum() == found["is_issue"].sum()
    missed = own.kinds.set_index("kind").loc["missed: a span is missing here"]
    assert missed["issues"] == (found["is_issue"] & (found["given_label"] == "nothing")).sum() > 0
    forms = own.forms.set_index("text")
    tokens, tags = spanned.dataset.metadata["tokens"], spanned.dataset.given
    for form in ("Norwell", "Kelsing"):
        at = [(row, list(one).index(form)) for row, one in enumerate(tokens) if form in one]
        given = pd.Series([tags[row][place] for row, place in at]).value_counts()
        assert forms.loc[form, "labels"] == f"LOC {given['B-LOC']}, no span {given['O']}"
        assert forms.loc[form, "issues"] == found.loc[found["text"] == form, "is_issue"].sum()
    worst = own.documents
    sums = found.groupby("row")["p_error"].sum()
    assert worst["wrong"].iloc[0] == pytest.approx(sums.max()) and worst["wrong"].is_monotonic_decreasing
    pairs = facts.pairs.set_index(["given_label", "suggested_label"])["count"]
    assert pairs["nothing", "LOC"] > 0 and pairs["LOC", NASTY] > 0
    assert "nothing" not in set(facts.classes["class"])


def test_expected_precision_and_recall():
    issues = pd.DataFrame(
        {
            "given_label": ["PER", "PER", "LOC", "nothing", "nothing"], "p_error": [0.0, 0.5, 0.8, 0.9, np.nan],
            "kind": ["type", "type", "spurious", "missed", "missed"],
        }
    )  # fmt: skip
    precision, recall, f1 = expected_quality(issues, below=0.1)
    right, given, true = 1 + 0.5 + 0.2, 3, 3 - 0.8 + 0.9 + 0.1
    assert (precision, recall) == pytest.approx((right / given, right / true))
    assert f1 == pytest.approx(2 * precision * recall / (precision + recall))
    assert expected_quality(issues, scale=0.0) == (1.0, 1.0, 1.0)
    assert expected_quality(issues.iloc[:0]) == (1.0, 1.0, 1.0)


def test_corrections_raise_precision_and_recall(spanned, found, tmp_path, capsys):
    run = wb.open_run(shutil.copytree(spanned.path, tmp_path / "run"))
    for key, one in found[found["is_issue"]].head(6).iterrows():
        run.journal.relabel([key[0]], one["suggested_value"], old=[one["given_value"]], units=[key[1]], author="<b>Ann")
    first, some = found.iloc[0], len(run.changes())
    words = run.dataset.metadata["tokens"].iloc[0]
    value = run.dataset.kind.encode({"start": 2, "end": 3, "label": "LOC"})
    run.journal.relabel([run.dataset.ids[0]], value, old=[run.dataset.kind.encode(None)], units=["a0123456789ab"])
    assert len(run.changes()) == some + 1 > 3
    facts = gather_spans(run, found, 2, None)
    rows = facts.own.quality.set_index("labels")
    assert (rows.loc["corrected", ["precision", "recall"]] > rows.loc["given", ["precision", "recall"]]).all()
    given, now = (
        {
            tuple(one)
            for one in map(tuple, [(row, *span.values()) for row, spans in enumerate(labels) for span in spans])
        }
        for labels in ([one["spans"] for one in table.to_pylist()] for table in (run.dataset.labels, run.labels()))
    )
    assert rows.loc["compared", "precision"] == pytest.approx(len(given & now) / len(given))
    assert rows.loc["compared", "recall"] == pytest.approx(len(given & now) / len(now))
    path = tmp_path / "r.html"
    assert main(["report", str(run.path), str(path)]) == 0
    assert "note" not in capsys.readouterr().err, "an added span is not an unknown example"
    shown = text_of(path)
    assert f"LOC “{words[2]}”" in shown and "<b>Ann" in shown and f"{len(run.changes())} spans changed" in shown
    assert f"relabelled {first['suggested_label']} “" in shown
