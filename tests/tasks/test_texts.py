"""Texts as a kind of label: reading, storing, deciding and exporting, and the contract of all kinds."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from contract import Case
from hypothesis import strategies as st

import workbench as wb
from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.tasks import TASKS

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)


def predictions(dataset):
    """Match scores, low for every seventh example; one per column."""
    rng = np.random.default_rng(0)
    low = np.arange(dataset.n) % 7 == 3
    return {"match": np.where(low[:, None], 0.1, 0.3) + rng.normal(0, 0.03, (dataset.n, dataset.k))}


CASE = Case(
    task="texts",
    labels=["a red circle", "=two “blue” squares", None, '["a"]', "שלום, עולם", "12"],
    classes=("caption",),
    values=TEXTS,
    decisions=[(0, "", "a green circle"), (2, "", "one star"), (4, "", "line\nbreak, \ttab"), (5, "", "twelve")],
    corrected=["a green circle", "=two “blue” squares", "one star", '["a"]', "line\nbreak, \ttab", "twelve"],
    words={"a dog": "“a dog”", None: "no text"},
    hostile=["", "null", "a dog", "1", "true", '["a"]', '"a\\u0000"', '"\\ud800"', '"open'],
    other_labels=[[1.5], [True], [b"bytes"], [["a", "b"]], [{"text": "a"}], ["\ud800"], ["a\x00b"]],
    wrong_keys=["p0", "g0", "c0123456789abcdef"],
    predictions=predictions,
    by_hand=(0, [("", "“a red circle”")]),
)

TWO = Case(
    task="texts",
    labels=[["Add 2 and 2.", "4"], ["Say hi.", None], None, ["", "nothing"]],
    classes=("instruction", "answer"),
    values=TEXTS,
    decisions=[(0, "p1", "5"), (1, "p1", "hi"), (2, "p0", "Stop.")],
    corrected=[["Add 2 and 2.", "5"], ["Say hi.", "hi"], ["Stop.", None], ["", "nothing"]],
    words={},
    hostile=["", "null", '["a","b"]'],
    other_labels=[["one"], [["a", "b", "c"]], [["a", 1.5]]],
    wrong_keys=["", "p2", "g0"],
    predictions=predictions,
    by_hand=(1, [("p0", "“Say hi.”"), ("p1", "no text")]),
)
"""Two columns; the contract runs on them below."""


def two_columns():
    import contract

    skipped = ("check_data_in_memory_become_a_run",)  # of one column
    return [check for check in contract.CHECKS if check.__name__ not in skipped]


@pytest.mark.parametrize("check", two_columns(), ids=lambda check: check.__name__)
def test_two_columns(check, tmp_path):
    import inspect

    check(TWO, **({"path": tmp_path} if "path" in inspect.signature(check).parameters else {}))


def test_every_form_of_texts():
    wanted = [["a"], None, ["b c"]]
    for labels in (
        ["a", None, "b c"],
        ("a", np.nan, "b c"),
        np.array(["a", None, "b c"], object),
        pd.Series(["a", pd.NA, "b c"], dtype="string"),
        pd.DataFrame({"text": ["a", None, "b c"]}),
        [["a"], [None], ["b c"]],
    ):
        dataset = Dataset.from_arrays(labels, task="texts")
        assert dataset.labels.to_pylist() == wanted and dataset.classes == ("text",)
    several = pd.DataFrame({"prompt": ["a", None], "answer": ["", "b"]})
    dataset = Dataset.from_arrays(several, task="texts")
    assert dataset.classes == ("prompt", "answer") and dataset.labels.to_pylist() == [["a", ""], [None, "b"]]
    assert Dataset.from_arrays([7, 42], task="texts").given.tolist() == ["7", "42"]


def test_a_wrong_text_gets_one_error_with_its_row():
    for labels, words in (
        (["a", 1.5], "`labels` row 1 is 1.5, which is not text. Pass a str"),
        (["a", ["b", "c"]], "`labels` row 0 holds 1 texts for 2 columns"),
        (["\ud800"], "`labels` row 0 is not valid Unicode at character 0"),
        (["a\x00"], "`labels` row 0 contains the character NUL"),
        ("a text", "`labels` is a str"),
        (None, "`labels` is a NoneType"),
        (["a" * 1_000_001], "`labels` row 0 has 1,000,001 characters"),
    ):
        with pytest.raises(InputError, match=words):
            Dataset.from_arrays(labels, task="texts")
    with pytest.raises(InputError, match="repeats a name"):
        Dataset.from_arrays([["a", "b"]], task="texts", classes=["x", "x"])


def frame_of(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    match = np.where(np.arange(n) % 6 == 5, 0.1, 0.3) + rng.normal(0, 0.02, n)
    alternatives = [[f"better text {row}", "another"] for row in range(n)]
    return pd.DataFrame(
        {"id": [f"i{row}" for row in range(n)], "text": [f"text {row}" for row in range(n)], "match_clip": match}
    ).assign(alternatives=alternatives)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_evidence_in_the_columns_of_a_table_is_used(tmp_path, suffix):
    frame = frame_of()
    told = wb.find_issues(frame, task="texts")
    assert told.attrs["sources"] == {"alternatives": "column 'alternatives'", "match": "column 'match'"}
    assert told["suggested_label"].iloc[0].startswith("better text")
    run = wb.import_run(frame, tmp_path / "run", label="text", id="id", task="texts")
    pd.testing.assert_frame_equal(wb.find_issues(run)[told.columns], told)
    file = wb.export(run, tmp_path / f"texts{suffix}", cleaned="relabel")
    options = {"neutralized": True} if suffix == ".csv" else {}
    again = wb.import_run(file, tmp_path / "again", label="text", id="id", task="texts", **options)
    found = wb.find_issues(again)
    assert found["suggested_label"].tolist() == told["suggested_label"].tolist()
    np.testing.assert_allclose(found["p_error"], told["p_error"], rtol=1e-6)


def test_the_history_rebuilds_every_version(tmp_path):
    run = wb.import_run(frame_of(4), tmp_path / "run", label="text", id="id", task="texts")
    kind = TASKS["texts"]
    for text, author in (("one", "ann"), ("two", "bob")):
        run.journal.relabel("i1", kind.encode(text), old=kind.encode("text 1"), units="", author=author, reason="typo")
    run.journal.undo("bob")
    found = wb.texts.versions(run)
    assert found["value"].tolist() == ["text 1", "one", "two", "one"]
    assert found["version"].tolist() == [0, 1, 2, 3] and found["author"].tolist()[:3] == ["", "ann", "bob"]
    file = wb.export(run, tmp_path / "texts.jsonl", format="history")
    line = json.loads(file.read_text().splitlines()[1])
    assert (line["id"], line["given"], line["text"]) == ("i1", "text 1", "one")
    assert [one["text"] for one in line["versions"]] == ["one", "two", "one"]
    assert [one["author"] for one in line["versions"]][:2] == ["ann", "bob"]
    assert wb.texts.versions(run, ["i0"]).empty


def test_files_hold_the_old_and_the_new_text(tmp_path):
    run = wb.import_run(frame_of(3), tmp_path / "run", label="text", id="id", task="texts")
    run.journal.relabel("i2", '"new"', old='"text 2"', units="", author="ann")
    table = pq.read_table(wb.export(run, tmp_path / "hf.parquet", format="hf"))
    assert table.column("text").to_pylist() == ["text 0", "text 1", "new"]
    assert table.column("text_given").to_pylist() == ["text 0", "text 1", "text 2"]
    lines = [json.loads(line) for line in wb.export(run, tmp_path / "all.jsonl").read_text().splitlines()]
    assert (lines[2]["given_label"], lines[2]["label"], lines[2]["author"]) == ("text 2", "new", "ann")
    datasets = pytest.importorskip("datasets", reason="the package `datasets` is missing")
    read = datasets.Dataset.from_parquet(str(tmp_path / "hf.parquet"), cache_dir=str(tmp_path / "cache"))
    assert read[2]["text"] == "new" and read[2]["alternatives"] == ["better text 2", "another"]


def test_an_empty_text_is_a_text(tmp_path):
    run = wb.import_run(["", None, "a"], tmp_path / "run", task="texts")
    assert run.dataset.given.tolist() == ["", None, "a"]
    for suffix in (".jsonl", ".parquet"):
        file = wb.export(run, tmp_path / f"texts{suffix}")
        assert wb.import_run(file, tmp_path / suffix, label="label", id="id", task="texts").dataset.given[0] == ""
