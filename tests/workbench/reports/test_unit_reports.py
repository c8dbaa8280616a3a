"""The reports of runs with tokens, graded pairs and texts: their own sections, tables that add up, hostile text."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from reportpages import NASTY, parsed, text_of

import workbench as wb
from workbench.reports.pair_facts import gather_pairs
from workbench.reports.preference_facts import gather_preferences
from workbench.reports.report import report
from workbench.reports.text_facts import gather_texts
from workbench.reports.text_sections import edits_html
from workbench.reports.token_facts import gather_tokens
from workbench.shell.cli import main
from workbench.texts.wording import TextEdit, word_diff


def anchors(page):
    return {value for _, name, value in page.attributes if name == "id"}


def is_safe(page):
    return not page.open and not {"script", "link", "iframe", "i"} & set(page.tags)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    """Three words a sentence; every twelfth noun is given as a verb, and one sentence has no labels."""
    rng = np.random.default_rng(0)
    nouns, verbs = ("dog", "cat", "walk", "<i>kite</i>"), ("runs", "walk", "sees")
    words = [["the", str(rng.choice(nouns)), str(rng.choice(verbs))] for _ in range(120)]
    tags = [["DET", NASTY, "VERB"] for _ in words]
    for row in range(0, 120, 12):
        tags[row][1] = "VERB"
    tags[7] = None
    frame = pd.DataFrame({"id": [f"s{row}" for row in range(120)], "tokens": words, "tags": tags})
    return wb.import_run(frame, tmp_path_factory.mktemp("k") / "run", label="tags", id="id", task="tokens")


def test_tokens_are_shown_in_their_sentence_and_counted_by_word(tokens, tmp_path):
    found = wb.find_issues(tokens, per="unit")
    page = parsed(report(tokens, tmp_path / "r.html", issues=found, top=15))
    shown = text_of(tmp_path / "r.html")
    assert is_safe(page) and {"forms", "documents", "classes"} <= anchors(page)
    assert page.tags.count("mark") == 15 and "<i>kite</i>" in shown and NASTY in shown
    own = gather_tokens(tokens, found, 3, None).own
    forms = own.forms.set_index("text")
    given, words = tokens.dataset.given, tokens.dataset.metadata["tokens"]
    labelled = [(tag, word) for tags, one in zip(given, words) if tags for tag, word in zip(tags, one)]
    counts = pd.Series([tag for tag, word in labelled if word == "walk"]).value_counts()
    named = sorted(zip(counts, counts.index), key=lambda one: (-one[0], one[1]))
    assert forms.loc["walk", "labels"] == ", ".join(f"{name} {count}" for count, name in named)
    assert forms.loc["walk", "wrong"] == pytest.approx(found.loc[found["text"] == "walk", "p_error"].sum())
    assert "the" not in forms.index, "it has one class"
    sums = found.groupby("row")["p_error"].sum()
    assert own.sentences["wrong"].iloc[0] == pytest.approx(sums.max()) and (own.sentences["units"] == 3).all()
    assert own.name_of("s0", "p1") == words[0][1]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Two relevant items of six in each of 60 queries; some relevant ones are graded 0, some are unjudged."""
    rng = np.random.default_rng(1)
    rows = [(f"q{query}", f"d{query}-{item}", int(item < 2)) for query in range(60) for item in range(6)]
    frame = pd.DataFrame(rows, columns=["query", "item", "true"])
    frame["dense"] = frame["true"] + rng.normal(scale=0.25, size=len(frame))
    missed = (frame["true"] == 1) & (rng.random(len(frame)) < 0.12)
    frame["grade"] = frame["true"].where(~missed, 0).astype(float)
    frame.loc[frame["item"].str.endswith("-1") & (np.arange(len(frame)) % 7 == 0), "grade"] = np.nan
    frame["text"] = NASTY + frame["query"]
    frame["passage"] = "<i>about</i> " + frame["item"]
    place = tmp_path_factory.mktemp("p") / "run"
    scores = frame[["query", "item", "dense"]]
    labels = frame[["query", "item", "grade", "text", "passage"]]
    return wb.import_run(labels, place, label="grade", task="pairs", text="text", scores=scores), frame


def test_pairs_have_kinds_rankers_and_unjudged_items(pairs, tmp_path, capsys):
    run, frame = pairs
    path = tmp_path / "r.html"
    assert main(["report", str(run.path), str(path)]) == 0, capsys.readouterr().err
    page, shown = parsed(path), text_of(path)
    assert is_safe(page) and {"kinds", "rankers", "unjudged", "documents", "classes"} <= anchors(page)
    assert NASTY in shown and "<i>about</i> d" in shown and "missed: relevant, but graded irrelevant" in shown
    assert "If all label issues were accepted" in shown and "By the decided grades" not in shown
    found = wb.find_issues(run, per="unit")
    own = gather_pairs(run, found, 3, None).own
    assert own.kinds["wrong"].sum() == pytest.approx(found["p_error"].sum())
    assert own.kinds["issues"].sum() == found["is_issue"].sum() > 0
    assert own.unjudged_total[0] == frame["grade"].isna().sum()
    assert own.unjudged["p_relevant"].is_monotonic_decreasing and own.unjudged["grade"].isin(["0", "1"]).all()
    scores = frame[["query", "item", "dense"]]
    means = wb.ranking.metrics(run.dataset, scores).mean()
    assert own.given["value"].tolist() == pytest.approx([means["ndcg"], means["mrr"]])
    accepted = own.changes["accepted"].loc[("dense", "ndcg@10")]
    assert accepted["after"] > accepted["before"]


def test_decided_grades_change_the_metrics(pairs, tmp_path):
    run = wb.open_run(shutil.copytree(pairs[0].path, tmp_path / "run"))
    found = wb.find_issues(run, per="unit")
    wb.ranking.repair_grades(run, found[found["is_issue"]], "relabel")
    facts = gather_pairs(run, found, 3, None)
    assert set(facts.own.changes) == {"decided"}, "no issue is left to accept"
    expected = wb.ranking.compare_metrics(run.dataset, pairs[1][["query", "item", "dense"]], after=run)
    pd.testing.assert_frame_equal(facts.own.changes["decided"], expected)
    assert facts.own.kinds["changed"].sum() == found["is_issue"].sum()
    assert set(facts.changes["label"]) <= {"0", "1"}, "the item has a column of its own"


def test_a_run_without_scores_says_that_metrics_are_missing(pairs, tmp_path):
    labels = pairs[1][["query", "item", "grade"]]
    votes = pairs[1][["query", "item"]].assign(judge=pairs[1]["true"])
    run = wb.import_run(labels, tmp_path / "run", label="grade", task="pairs", votes=votes)
    report(run, tmp_path / "r.html")
    assert "rankers" not in anchors(parsed(tmp_path / "r.html"))
    assert "no metrics of rankers: the run stores no scores" in text_of(tmp_path / "r.html")


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Captions of known objects; every tenth belongs to another picture, and the right one is an alternative."""
    rng = np.random.default_rng(2)
    names = ("dog", "cat", "boat", "tree", "kite", "bench")
    objects = [list(map(str, rng.choice(names, 2, replace=False))) for _ in range(200)]
    right = [f"a {one} beside <i>a {other}</i>" for one, other in objects]
    given = [right[(row + 10) % 200] if row % 10 == 0 else right[row] for row in range(200)]
    frame = pd.DataFrame({"id": [f"{NASTY}{row}" for row in range(200)], "text": given})
    alternatives = [[one] for one in right]
    place = tmp_path_factory.mktemp("t") / "run"
    return wb.import_run(frame, place, label="text", id="id", task="texts", objects=objects, alternatives=alternatives)


def test_texts_show_corrections_word_by_word(texts, tmp_path):
    run = wb.open_run(shutil.copytree(texts.path, tmp_path / "run"))
    found, encode = wb.find_issues(run, per="unit"), run.dataset.kind.encode
    first = found[found["is_issue"]].iloc[0]
    old, new = first["given_label"], first["suggested_label"]
    run.journal.relabel(first.name[0], encode(new), old=encode(old), units="", author="<b>Ann")
    page = parsed(report(run, tmp_path / "r.html", issues=found, top=5))
    shown = text_of(tmp_path / "r.html")
    assert is_safe(page) and {"kinds", "corrections"} <= anchors(page) and not {"classes", "map"} & anchors(page)
    assert page.tags.count("del") == page.tags.count("ins") > 10 and "<b>Ann" in shown and NASTY in shown
    own = gather_texts(run, found, 3, None).own
    assert own.kinds["wrong"].sum() == pytest.approx(found["p_error"].sum()) and own.kinds["changed"].sum() == 1
    assert own.decided[0].edits == word_diff(old, new) and own.decided[0].by == "<b>Ann"
    assert own.many == (1, found["is_issue"].sum() - 1) and own.unit == ""
    assert found["is_issue"].sum() > 10


def test_several_fields_and_long_texts(tmp_path):
    rng = np.random.default_rng(3)
    fields = ("question", "answer")
    frame = pd.DataFrame({name: [f"{name} {n} " + "word " * 2000 for n in range(60)] for name in fields})
    match = rng.normal(size=(60, 2))
    run = wb.import_run(frame, tmp_path / "run", label=list(fields), task="texts", match=match)
    path = report(run, tmp_path / "r.html")
    assert "classes" in anchors(parsed(path)) and "question" in text_of(path) and path.stat().st_size < 200_000
    assert gather_texts(run, None, 3, None).own.unit == "field"


def test_preferences_show_judges_and_how_people_followed_the_order(tmp_path):
    rng = np.random.default_rng(4)
    n, better = 200, np.arange(200) % 2 == 0
    frame = pd.DataFrame({"id": [f"p{row}" for row in range(n)], "prompt": [f"{NASTY} {row}" for row in range(n)]})
    frame["chosen"], frame["rejected"] = [f"yes {row}" for row in range(n)], [f"<b>no {row}" for row in range(n)]
    gap = np.where(better, 2, -2) + rng.normal(size=n)
    frame["chosen_score"], frame["rejected_score"] = 5 + gap / 2, 5 - gap / 2
    vote = np.where(better ^ (rng.random(n) < 0.1), "first", "second")
    frame["judge_gpt"], frame["swapped_judge_gpt"] = vote, np.where(rng.random(n) < 0.2, "first", vote)
    frame["preferred"] = np.where(better ^ (np.arange(n) % 10 == 3), "first", "second")
    run = wb.import_run(frame, tmp_path / "run", id="id", label="preferred", task="preferences")
    for id in ("p3", "p13", "p23"):
        given = run.dataset.given[int(id[1:])]
        new = "first" if given == "second" else "second"
        run.journal.relabel(id, f'"{new}"', old=f'"{given}"', units="", author="<i>Ann", source="review")
    found = wb.find_issues(run, per="unit")
    page = parsed(report(run, tmp_path / "r.html", issues=found, top=5))
    shown = text_of(tmp_path / "r.html")
    assert is_safe(page) and {"kinds", "judges", "people", "classes"} <= anchors(page)
    assert "<i>Ann" in shown and NASTY in shown and "first: yes" in shown and page.tags.count("mark") == 5
    own = gather_preferences(run, found, 3, None).own
    assert own.kinds["changed"].sum() == 3 and own.kinds["wrong"].sum() == pytest.approx(found["p_error"].sum())
    judge = own.judges.iloc[0]
    assert judge["judge"] == "gpt" and judge["now"] > judge["given"] > 0.6 and 0 < judge["flips"] < 0.25
    assert own.people["chosen"].tolist() == [3] and own.people["repeated"].tolist() == [0]


def test_edits_are_escaped():
    edits = [TextEdit("same", "a & "), TextEdit("removed", "<b>"), TextEdit("added", "<i>")]
    assert edits_html(edits) == "a &amp; <del>&lt;b&gt;</del><ins>&lt;i&gt;</ins>"
