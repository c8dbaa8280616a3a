"""Runs and journals of release 0.1.0 can be opened with the current code and have the same contents."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import workbench as wb

RUNS = ("digits-run", "birds-run")


@pytest.fixture(scope="module")
def expected(root):
    return json.loads((root / "tests" / "golden" / "v1" / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture(params=RUNS)
def old(request, root, tmp_path, expected):
    """Return (an opened copy of the run, the values found when it was written)."""
    shutil.copytree(root / "tests" / "golden" / "v1" / request.param, tmp_path / "run")
    run = wb.open_run(tmp_path / "run")
    yield run, expected[request.param]
    run.journal.close()


def test_examples_and_evidence(old):
    run, then = old
    assert (run.n, list(run.epochs), list(run.dataset.classes)) == (then["n"], then["epochs"], then["classes"])
    assert list(run.dataset.given) == then["given"]
    assert float(np.nansum(run.embeddings().astype(np.float64))) == pytest.approx(then["embedding_sum"], abs=1e-3)
    squares = (run.pred_probs().values.astype(np.float64) ** 2).sum()
    assert squares == pytest.approx(then["pred_probs_sum_of_squares"], abs=1e-3)
    assert run.pred_probs().out_of_fold
    votes, planted = wb.review.read_votes(run), run.planted()
    assert (None if votes is None else votes.counts().sum(axis=0).tolist()) == then["votes"]
    assert planted.to_numpy().tolist() == then["planted"]


def test_scores_are_the_same_numbers(old):
    run, then = old
    scores = wb.score(run)
    for name, values in then["scores"].items():
        np.testing.assert_allclose(scores[name], np.array(values, dtype=float), rtol=1e-5, atol=1e-5, err_msg=name)


def test_decisions(old):
    run, then = old
    journal = run.journal
    assert journal.log().to_numpy().tolist() == then["log"]
    assert json.loads(journal.state().reset_index().to_json(orient="values")) == then["state"]
    assert json.loads(journal.opinions().reset_index().to_json(orient="values")) == then["opinions"]
    assert run.labels().tolist() == then["labels"]
    assert sorted(map(str, run.changes().index)) == then["changes"]


def test_old_journals_take_new_decisions(old):
    run, then = old
    id = run.dataset.ids[0].item() if hasattr(run.dataset.ids[0], "item") else run.dataset.ids[0]
    given = run.dataset.given[0]
    other = next(name for name in run.dataset.classes if name != given)
    run.journal.relabel([id], other, old=given, author="new")
    assert run.journal.state().loc[id, "label"] == other
    assert len(run.journal.undo("new")) == 2
    assert run.labels().tolist() == then["labels"]
    assert run.journal.log().to_numpy().tolist()[: len(then["log"])] == then["log"]


def test_nothing_is_reported_damaged(old):
    from workbench.shell.inspection import inspect

    run, _ = old
    assert [str(finding) for finding in inspect(run) if finding.is_damage] == []


# ---- release 0.2: decisions on units, votes of people, functions and models --------------------------------------


@pytest.fixture(scope="module")
def expected_2(root):
    return json.loads((root / "tests" / "golden" / "v2" / "expected.json").read_text(encoding="utf-8"))


def plain(frame):
    return json.loads(frame.reset_index().to_json(orient="values"))


def check_journal(journal, then):
    assert journal.integrity() == journal.inconsistencies() == [] and journal.schema == 2
    assert plain(journal.log().set_index("seq")) == then["log"]
    assert plain(journal.state()) == then["state"]
    assert plain(journal.state(per="unit")) == then["units"]
    assert plain(journal.opinions(per="unit")) == then["opinions"]
    assert plain(journal.decided().set_index("id")) == then["decided"]
    assert plain(journal.changes()) == then["changes"]


def test_decisions_on_units(root, tmp_path, expected_2):
    shutil.copy(root / "tests" / "golden" / "v2" / "boxes.sqlite", tmp_path)
    then = expected_2["boxes.sqlite"]
    assert [row[:2] for row in then["changes"]] == [
        [7, "a0123456789ab"],
        [7, "c0123456789abcdef"],
        [7, "g0"],
        [7, "g1"],
    ]
    with wb.Journal(tmp_path / "boxes.sqlite", author="new") as journal:
        check_journal(journal, then)
        journal.relabel([7, 7], ["null", "null"], old="x", units=["g0", "c0123456789abcdef"])
        assert [label for _, label in journal.changes()["label"].items()].count("null") == 2, (
            "g0 and g1; nothing is there"
        )
        assert len(journal.undo()) == 4
        assert plain(journal.changes()) == then["changes"]


def test_a_run_with_votes_of_all_kinds(root, tmp_path, expected_2):
    from workbench.runs.votes import vote_table
    from workbench.shell.inspection import inspect

    shutil.copytree(root / "tests" / "golden" / "v2" / "birds-run", tmp_path / "run")
    run, then = wb.open_run(tmp_path / "run"), expected_2["birds-run"]
    check_journal(run.journal, then)
    assert run.labels().tolist() == then["labels"]
    assert plain(vote_table(run).set_index("id")) == then["votes"]
    votes = wb.review.read_votes(run)
    assert [list(votes.names), list(votes.kinds), votes.counts().sum(axis=0).tolist()] == then["voters"]
    assert [str(one) for one in inspect(run) if one.is_damage or "migrate" in one.words] == []
    run.journal.close()
