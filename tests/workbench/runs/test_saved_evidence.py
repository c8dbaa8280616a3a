"""Evidence that a run stores as tables: it comes back as it was given, is used without arguments, and is checked."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import workbench as wb
from workbench.foundation.errors import InputError, RunError
from workbench.runs.saved_evidence import saved_evidence, saved_names
from workbench.shell.cli import main
from workbench.shell.commands import describe
from workbench.shell.inspection import inspect
from workbench.storage.evidence_tables import EVIDENCE_NOTE

N, PER = 24, 5


def pairs_frame():
    rng = np.random.default_rng(0)
    rows = [(query, f"d{item}", int(item < 2)) for query in range(N) for item in range(PER)]
    frame = pd.DataFrame(rows, columns=["query", "item", "true"])
    frame["grade"] = frame["true"].where(np.arange(len(frame)) % 13 != 0, 0)
    frame["dense"] = frame["true"] + rng.normal(scale=0.3, size=len(frame))
    frame["sparse"] = np.where(rng.random(len(frame)) < 0.2, np.nan, frame["true"])
    frame["judge"] = frame["true"].astype(object).where(np.arange(len(frame)) % 7 != 0, None)
    return frame


FRAME = pairs_frame()
SCORES, VOTES = FRAME[["query", "item", "dense", "sparse"]], FRAME[["query", "item", "judge"]]
ITEMS = {f"d{item}": f"words of {item}" for item in range(PER)}
VECTORS = {item: np.eye(PER)[place] for place, item in enumerate(ITEMS)}
GIVEN = {
    "scores": SCORES,
    "votes": VOTES,
    "texts": [f"question {row}" for row in range(N)],
    "item_texts": ITEMS,
    "item_embeddings": VECTORS,
    "relevant": 1,
}
LABELS = FRAME[["query", "item", "grade"]]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    place = tmp_path_factory.mktemp("pairs") / "run"
    run = wb.import_run(LABELS, place, label="grade", task="pairs", scores=SCORES, votes=VOTES)
    for name, values in GIVEN.items():
        run.save_evidence(name, values, source=f"made by {name}", trained_on_labels=False)
    return run.path


@pytest.fixture
def run(pairs, tmp_path):
    return wb.open_run(shutil.copytree(pairs, tmp_path / "run"))


CAPTIONS = pd.DataFrame(
    {"id": [f"i{n}" for n in range(60)], "text": [f"a {'dog' if n % 2 else 'cat'} {n}" for n in range(60)]}
)
OF_TEXTS = {
    "match": pd.DataFrame({"one": np.linspace(0, 1, 60), "two": np.linspace(0, 1, 60) ** 2}),
    "text_embeddings": np.random.default_rng(0).normal(size=(60, 3)),
    "alternatives": [[f"a bird {n}", "none"] if n % 3 else [] for n in range(60)],
    "alternative_match": [[0.5, np.nan] if n % 3 else [] for n in range(60)],
    "objects": [None if n == 7 else ["dog"] if n % 2 else {"cat": 0.5, "mat": 1.0} for n in range(60)],
}  # fmt: skip


@pytest.fixture
def texts(tmp_path):
    return wb.import_run(CAPTIONS, tmp_path / "texts", label="text", id="id", task="texts", **OF_TEXTS)


def test_a_run_of_pairs_answers_as_if_its_evidence_were_passed(pairs, run):
    expected = wb.find_issues(LABELS, task="pairs", per="unit", **GIVEN)
    found = wb.find_issues(run, per="unit")
    own = [name for name in expected.columns if name not in ("row",)]
    pd.testing.assert_frame_equal(found[own].reset_index(drop=True), expected[own].reset_index(drop=True))
    assert found.attrs["sources"]["scores"] == "made by scores; never saw these labels"
    assert saved_names(run) == tuple(sorted(GIVEN))
    assert describe(run).endswith("item embeddings, item texts, relevant, scores, texts, votes, no probabilities")
    assert [str(one) for one in inspect(run) if one.kind != "note"] == []
    assert sum("evidence" in str(path) for path in (run.path / "checksums").rglob("*.sha256")) == len(GIVEN)


def test_values_come_back_in_the_form_in_which_they_were_passed(run):
    scores, votes = (saved_evidence(run, name).values for name in ("scores", "votes"))
    assert scores["query"].tolist() == [str(query) for query in SCORES["query"]]
    np.testing.assert_array_equal(scores[["dense", "sparse"]], SCORES[["dense", "sparse"]])
    assert votes["judge"].tolist() == VOTES["judge"].tolist()
    assert saved_evidence(run, "texts").values == GIVEN["texts"]
    assert saved_evidence(run, "item_texts").values == ITEMS
    np.testing.assert_array_equal(saved_evidence(run, "item_embeddings").values, np.eye(PER))
    assert saved_evidence(run, "relevant").values == 1
    assert saved_evidence(run, "scores") is saved_evidence(run, "scores"), "read once"


def test_other_evidence_gives_another_answer(run):
    first = wb.find_issues(run)
    run.save_evidence("scores", SCORES.assign(dense=-SCORES["dense"]))
    again = wb.find_issues(run)
    assert not np.array_equal(first.sort_index()["p_error"], again.sort_index()["p_error"])
    assert again.attrs["sources"]["scores"] == "saved in the run"
    passed = wb.find_issues(run, scores=SCORES)
    np.testing.assert_allclose(passed["p_error"], first["p_error"])


def test_a_ranking_uses_what_the_run_stores(run):
    found = wb.ranking.rank_jointly(run)
    expected = wb.ranking.rank_jointly(run.dataset, **GIVEN)
    pd.testing.assert_frame_equal(found, expected)


def test_texts_are_judged_by_what_was_stored(texts):
    expected = wb.find_issues(CAPTIONS, task="texts", **OF_TEXTS)
    found = wb.find_issues(wb.open_run(texts.path))
    pd.testing.assert_frame_equal(found, expected, check_like=True)
    assert saved_names(texts) == tuple(sorted(OF_TEXTS))
    assert saved_evidence(texts, "alternatives").values == OF_TEXTS["alternatives"]
    objects = saved_evidence(texts, "objects").values
    assert objects[7] is None and objects[:2] == [[("cat", 0.5), ("mat", 1.0)], [("dog", 1.0)]]
    np.testing.assert_array_equal(saved_evidence(texts, "match").values, OF_TEXTS["match"])
    assert [str(one) for one in inspect(texts) if one.kind != "note"] == []


def test_several_columns_of_texts_have_a_match_each_and_no_alternatives(tmp_path):
    frame = CAPTIONS.assign(answer=CAPTIONS["text"] + "!")
    match = np.random.default_rng(1).random((60, 2))
    run = wb.import_run(frame, tmp_path / "run", label=["text", "answer"], id="id", task="texts", match=match)
    found = wb.find_issues(run, per="unit").sort_index()
    other = wb.find_issues(run, per="unit", match=match).sort_index()
    np.testing.assert_array_equal(found["p_error"], other["p_error"])
    with pytest.raises(InputError, match="was given for 2 columns of texts"):
        run.save_evidence("alternatives", [[]] * 60)


def test_the_view_shows_stored_alternatives(texts):
    from widgets.view.text_units import add_to_texts

    units = [{"key": "", "changed": False}]
    add_to_texts(SimpleNamespace(run=texts, dataset=texts.dataset), 1, units)
    assert units[0]["alternatives"] == ['"a bird 1"', '"none"']


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("scores", SCORES.assign(dense="x"), "`scores` row 0 column 'dense' is 'x'"),
        ("scores", SCORES.assign(dense=np.inf), "`scores` row 0 column 'dense' is inf"),
        ("scores", SCORES.assign(query="elsewhere"), "is about none of the queries"),
        ("scores", pd.concat([SCORES, SCORES["dense"]], axis=1), "has two columns named 'dense'"),
        ("item_texts", {"d1": "\ud800"}, "text that cannot be stored"),
        ("votes", VOTES.assign(judge=9), "`votes` row 0 column 'judge' holds the grade 9"),
        ("item_texts", ["a"], "`item_texts` is a list"),
        ("item_embeddings", {"d1": [1], "d2": [1, 2]}, "holds vectors of lengths"),
        ("relevant", 9, "unknown"),
        ("texts", ["a"], "texts"),
        ("ranks", 1, "unknown evidence 'ranks'"),
    ],
)
def test_what_is_no_evidence_leaves_what_is_there(run, name, values, words):
    before = {path.name: path.read_bytes() for path in (run.path / "evidence").iterdir()}
    with pytest.raises(InputError, match=words):
        run.save_evidence(name, values)
    assert {path.name: path.read_bytes() for path in (run.path / "evidence").iterdir()} == before


def test_more_columns_than_are_read_are_not_saved(run):
    wide = LABELS[["query", "item"]].join(pd.DataFrame(0.5, LABELS.index, [f"r{place}" for place in range(5000)]))
    with pytest.raises(InputError, match="has 5,002 columns, and a run stores at most 5,000"):
        run.save_evidence("scores", wide)
    np.testing.assert_array_equal(saved_evidence(run, "scores").values["dense"], SCORES["dense"])


def test_kinds_without_tables_say_what_to_do(tmp_path, run):
    classes = wb.import_run(["a", "b"], tmp_path / "classes")
    with pytest.raises(InputError, match="stores no tables of evidence"):
        classes.save_evidence("scores", SCORES)
    with pytest.raises(InputError, match=r"Save its evidence with `run\.save_evidence`: 'scores'"):
        run.save_predictions(np.zeros(N), out_of_fold=True, source="x")


def test_an_import_with_invalid_evidence_leaves_nothing(tmp_path):
    with pytest.raises(InputError, match="is about none of the queries"):
        wb.import_run(LABELS, tmp_path / "run", label="grade", task="pairs", scores=SCORES.assign(query="x"))
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_imported_again_loses_its_evidence(run):
    again = wb.import_run(LABELS, run.path, label="grade", task="pairs", overwrite=True)
    assert saved_names(again) == ()


def text_table(*names):
    return pa.table({name: ["a"] for name in names}).replace_schema_metadata(
        {EVIDENCE_NOTE: b'{"kind": "evidence", "source": "user"}'}
    )


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (None, "cannot be used"),
        (pa.table({"query": ["0"], "item": ["d0"], "dense": [1.0]}), "it has no provenance"),
        (text_table("query", "item", "dense"), "column 'dense' is string, not double"),
        (text_table("query"), "item"),
        (text_table("query", "item"), "has no further column"),
        (text_table("x").replace_schema_metadata({EVIDENCE_NOTE: b"[" * 9999}), "nested too deeply"),
        (text_table("x").replace_schema_metadata({EVIDENCE_NOTE: b"\xff"}), "cannot be used"),
        (
            text_table("x").replace_schema_metadata({EVIDENCE_NOTE: b'{"kind": "edges", "source": "user"}'}),
            "is of 'edges'",
        ),
    ],
)
def test_a_damaged_file_is_found_and_the_run_still_opens(run, table, words):
    path = run.layout.evidence("scores")
    path.write_bytes(b"no table") if table is None else pq.write_table(table, path)
    opened = wb.open_run(run.path)
    with pytest.raises(RunError, match=words) as told:
        wb.find_issues(opened)
    assert str(path) in str(told.value) and "save it again" in str(told.value)
    (run.path / "checksums" / "evidence" / "scores.parquet.sha256").unlink()
    found = [one for one in inspect(opened) if one.path == "evidence/scores.parquet"]
    assert found[0].kind == "damaged" and found[0].remedy == "set-aside"


HOSTILE = {
    "item_embeddings": {"item": ["d0", "d1"], "vector": pa.array([[1.0], [1.0, 2.0]], pa.list_(pa.float32()))},
    "votes": {"query": ["0"], "item": ["d0"], "judge": ["9"]},
    "relevant": {"grade": ["9"]},
    "texts": {"text": ["too", "few"]},
    "item_texts": {"item": [None], "text": ["x"]},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_tables_with_other_contents_are_refused(run, name):
    note = {EVIDENCE_NOTE: b'{"kind": "evidence", "source": "user"}'}
    pq.write_table(pa.table(HOSTILE[name]).replace_schema_metadata(note), run.layout.evidence(name))
    with pytest.raises(RunError, match=f"{name}.parquet cannot be used"):
        saved_evidence(run, name)


@pytest.mark.parametrize("name", OF_TEXTS)
def test_tables_of_texts_with_other_columns_are_refused(texts, name):
    note = {EVIDENCE_NOTE: b'{"kind": "evidence", "source": "user"}'}
    pq.write_table(pa.table({"x": ["a"]}).replace_schema_metadata(note), texts.layout.evidence(name))
    with pytest.raises(RunError, match=f"{name}.parquet cannot be used"):
        saved_evidence(texts, name)


def test_a_run_at_a_url_sends_and_fetches_its_evidence(run):
    url = f"memory://saved-evidence-{run.path.parent.name}/run"
    moved = wb.import_run(LABELS, url, label="grade", task="pairs", scores=SCORES)
    moved.save_evidence("votes", VOTES)
    shutil.rmtree(moved.path)
    again = wb.open_run(url)
    assert saved_names(again) == ("scores", "votes")
    assert saved_evidence(again, "votes").values["judge"].tolist() == VOTES["judge"].tolist()


def test_the_command_import_takes_tables_of_evidence(tmp_path, capsys):
    LABELS.to_csv(tmp_path / "labels.csv", index=False)
    SCORES.to_csv(tmp_path / "scores.csv", index=False)
    VOTES.to_parquet(tmp_path / "votes.parquet")
    named = [("scores", "scores.csv"), ("votes", "votes.parquet")]
    tables = [part for name, file in named for part in ("--evidence", f"{name}={tmp_path / file}")]
    place = tmp_path / "run"
    known = ["import", str(tmp_path / "labels.csv"), str(place), "--task", "pairs", "--label", "grade"]
    assert main([*known, *tables]) == 0, capsys.readouterr().err
    run = wb.open_run(place)
    np.testing.assert_allclose(saved_evidence(run, "scores").values["dense"], SCORES["dense"])
    assert saved_evidence(run, "votes").values["judge"].tolist() == VOTES["judge"].tolist()
    assert main(["issues", str(place)]) == 0 and "rankers dense, sparse" in capsys.readouterr().out
    assert main([*known, "--force", "--evidence", "scores"]) == 1
    assert "Give NAME=FILE" in capsys.readouterr().err
