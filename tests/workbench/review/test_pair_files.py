"""Files of graded pairs: TREC qrels and runs, BEIR folders, triples."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import workbench as wb
from workbench.foundation.errors import ExistsError, InputError
from workbench.review.pair_files import (
    read_beir,
    read_run,
    read_trec,
    read_triples,
    write_beir,
    write_run,
    write_trec,
    write_triples,
)
from workbench.tasks import TASKS


@pytest.fixture
def run(tmp_path):
    frame = pd.DataFrame(
        {
            "query": ["q1", "q1", "q1", "q2", "q2"],
            "item": ["d1", "d2", "d3", "d1", "d4"],
            "grade": [2, 0, None, 0, 1],
            "text": ["red <cat>"] * 3 + ["dog"] * 2,
            "passage": ["a cat", "a house", "cats", "a cat", "dogs\tbark"],
        }
    )
    return wb.import_run(frame, tmp_path / "run", task="pairs", label="grade", text="text", id="query")


def graded(dataset):
    """{query: {item: grade}} of judged pairs."""
    return {
        query: {one["item"]: one["grade"] for one in pairs if one["grade"] is not None}
        for query, pairs in zip(dataset.ids.tolist(), dataset.given)
    }


GIVEN = {"q1": {"d1": 2, "d2": 0}, "q2": {"d1": 0, "d4": 1}}


def test_qrels_hold_judged_pairs_with_decisions(run, tmp_path):
    file = write_trec(run, tmp_path / "a.qrels")
    assert file.read_text() == "q1 0 d1 2\nq1 0 d2 0\nq2 0 d1 0\nq2 0 d4 1\n"
    assert graded(read_trec(file)) == GIVEN
    encode = TASKS["pairs"].encode
    run.journal.relabel("q1", encode({"item": "d2", "grade": "1"}), old=run.dataset.value_of(1), units="g1")
    run.journal.relabel("q2", encode({"item": "d9", "grade": "2"}), old=None, units="c0123456789abcdef")
    assert wb.export(run, tmp_path / "b.qrels", format="trec").read_text().splitlines()[1:] == [
        *("q1 0 d2 1", "q2 0 d1 0", "q2 0 d4 1", "q2 0 d9 2"),
    ]
    again = wb.import_run(tmp_path / "b.qrels", tmp_path / "again", format="trec", task="pairs")
    assert graded(again.dataset) == {"q1": {"d1": 2, "d2": 1}, "q2": {"d1": 0, "d4": 1, "d9": 2}}
    with pytest.raises(ExistsError):
        write_trec(run, file)
    other = wb.import_run([[("a b", 1)]], tmp_path / "space", task="pairs")
    with pytest.raises(InputError, match="`item` row 0 is 'a b'"):
        write_trec(other, tmp_path / "c.qrels")


def test_a_wrong_line_is_named(tmp_path):
    for name, text, read, words in (
        ("a.qrels", "q 0 d 1\n\nq 0 d\n", read_trec, "a.qrels line 3 has 3 fields"),
        ("b.qrels", "q 0 d high\n", read_trec, "b.qrels line 1 has the grade 'high'"),
        ("c.qrels", "q 0 d 1\nq 0 d 2\n", read_trec, "`labels` row 1 repeats the pair of row 0"),
        ("a.run", "q Q0 d 1 2.5\n", read_run, "a.run line 1 has 5 fields"),
        ("b.run", "q Q0 d 1 best me\n", read_run, "b.run line 1 has the score 'best'"),
        ("c.run", "q Q0 d 1 1 a\nq Q0 e 1 1 b\n", read_run, "names 2 rankers, a, b"),
        ("a.tsv", "q\tp\n", read_triples, "a.tsv line 1 has 2 columns"),
        ("a.jsonl", '{"query": "q", "positive": "p"}\n', read_triples, "a.jsonl line 1 has no negative"),
        ("b.jsonl", '{"query":"q","positive":"p","negative":"p"}', read_triples, "'p' is positive and negative"),
        ("c.jsonl", '{"query":"q","positive":["p"],"positive_id":"a","negative":"n"}', read_triples, "has 1 of `pos"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=words):
            read(tmp_path / name)
    with pytest.raises(InputError, match="unknown split 'test'"):
        read_beir(tmp_path)


def test_runs_come_back_with_their_scores(tmp_path):
    scores = pd.DataFrame({"query": ["q1", "q1", "q2"], "item": ["d1", "d2", "d1"], "bm25": [0.1 + 0.2, 7.5, None]})
    file = write_run(scores, tmp_path / "a.run", name="bm25")
    assert file.read_text() == "q1 Q0 d2 1 7.5 bm25\nq1 Q0 d1 2 0.30000000000000004 bm25\n"
    again = read_run(file)
    assert again.columns.tolist() == ["query", "item", "bm25"]
    assert again.sort_values("item")["bm25"].tolist() == [0.1 + 0.2, 7.5]
    assert read_run(file, name="other").columns.tolist()[2] == "other"
    with pytest.raises(InputError, match="unknown column 'dense'"):
        write_run(scores, tmp_path / "b.run", name="dense")


def test_a_beir_folder_keeps_texts(run, tmp_path):
    folder = write_beir(run, tmp_path / "beir")
    assert (folder / "qrels" / "test.tsv").read_text().splitlines()[:2] == ["query-id\tcorpus-id\tscore", "q1\td1\t2"]
    corpus = [json.loads(line) for line in (folder / "corpus.jsonl").read_text().splitlines()]
    assert {one["_id"]: one["text"] for one in corpus} == {
        "d1": "a cat",
        "d2": "a house",
        "d3": "cats",
        "d4": "dogs\tbark",
    }
    again = wb.import_run(folder, tmp_path / "again", format="beir", task="pairs").dataset
    assert graded(again) == GIVEN and again.texts() == ["red <cat>", "dog"]
    assert [dict(one) for one in again.metadata["passages"][1]][1] == {"item": "d4", "text": "dogs\tbark"}
    (folder / "corpus.jsonl").write_text('{"_id": "d1", "title": "T", "text": "cat"}\n')
    assert read_beir(folder).metadata["passages"][0][0]["text"] == "T cat"
    with pytest.raises(ExistsError):
        write_beir(run, tmp_path / "beir")


def test_triples_are_relevant_items_with_irrelevant_ones(run, tmp_path):
    file = write_triples(run, tmp_path / "a.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines[0] == {
        "query_id": "q1", "positive_id": "d1", "negative_id": "d2",
        "query": "red <cat>", "positive": "a cat", "negative": "a house",
    }  # fmt: skip
    assert len(lines) == 2
    assert graded(read_triples(file)) == {"q1": {"d1": 1, "d2": 0}, "q2": {"d1": 0, "d4": 1}}
    (tmp_path / "b.tsv").write_text("who\tme\tyou\nwho\tme\tthem\n")
    assert graded(read_triples(tmp_path / "b.tsv")) == {"who": {"me": 1, "you": 0, "them": 0}}
    (tmp_path / "c.jsonl").write_text('{"query": "who", "positive": "me", "negative": ["you", "them"]}\n')
    assert graded(read_triples(tmp_path / "c.jsonl")) == {"who": {"me": 1, "you": 0, "them": 0}}
