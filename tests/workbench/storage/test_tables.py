"""Table files: formulas neutralised and restored, nothing overwritten, no partial files, clear errors."""

from __future__ import annotations

import csv
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.foundation.errors import ExistsError, InputError
from workbench.storage.tables import neutralize, read_table, restore, write_table

HOSTILE = ["=1+1", "+1", "-1+2", "@SUM(A1)", "\tx", "\rx", "\nx", "'=1", "''@", "＝1"]
HARMLESS = ["cat", "'quoted'", "a=b", " =1", "", "1-2", "'", "a; b", "x,=1", "a\nb", ";'x"]
INSIDE = ["x;=1+1", "y;=cmd|' /C calc'!A0", "a\t=1", 'a;"=1"', "a;'=1", "a\n=1;+2\r\n@x", ";;=1", ";－1", "a;\t-1"]


@pytest.mark.parametrize("text", HOSTILE)
def test_formula_like_text_gets_an_apostrophe(text):
    assert neutralize(text) == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_stays(text):
    assert neutralize(text) == text == restore(text)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_separator_makes_a_cell_that_runs(tmp_path, separator):
    """Excel splits at semicolons where a comma is the decimal sign; quotes inside a line are then text."""
    frame = pd.DataFrame({"id;=2": INSIDE, "text": INSIDE[::-1], "x": 1.5, "last": "b;"})
    path = write_table(frame, tmp_path / "a.csv")
    whole = path.read_text(encoding="utf-8")
    for line in whole.splitlines():
        for raw in (line.split(separator), next(csv.reader([line], delimiter=separator))):
            for cell in raw:
                assert not cell.strip('"').startswith(("=", "+", "-", "@", "＝", "－")), (line, cell)
    back = read_table(path, text=["id;=2", "text"], neutralized=True)
    assert back["id;=2"].tolist() == INSIDE
    assert back["text"].tolist() == INSIDE[::-1]
    assert list(back.columns) == list(frame.columns)


@given(st.text(alphabet="'=+-@\t\r\nab＝;\""))
def test_restore_undoes_neutralize(text):
    assert restore(neutralize(text)) == text
    assert neutralize(text)[:1] not in {"=", "+", "-", "@", "\t", "\r", "\n", "＝"}


def test_csv_numbers_stay_numbers_and_text_cannot_run(tmp_path):
    frame = pd.DataFrame(
        {"=name": ["=cmd", "ok"], "x": [-1.5, 2.0], "n": [-3, 4], "mixed": [-7, "+7"], "b": [True, False]}
    )
    path = write_table(frame, tmp_path / "a.csv")
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["'=name", "x", "n", "mixed", "b"],
        ["'=cmd", "-1.5", "-3", "-7", "True"],
        ["ok", "2.0", "4", "'+7", "False"],
    ]


def test_csv_with_returns_inside_is_quoted_so_that_no_line_begins_with_a_formula(tmp_path):
    text = "a\r=1+1"
    path = write_table(pd.DataFrame({"t": [text, "b\n=2"], "x": [1, 2]}), tmp_path / "a.csv")
    raw = path.read_bytes().decode()
    assert '"a\r\'=1+1"' in raw  # quoted, and harmless where quotes are ignored
    assert '"b\n\'=2"' in raw
    assert read_table(path, neutralized=True)["t"].tolist() == [text, "b\n=2"]


@settings(max_examples=60)
@given(st.lists(st.text(alphabet="'=+-@\t\r\nab,\";é"), min_size=1, max_size=8))
def test_csv_round_trip_of_hostile_text(texts):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = write_table(pd.DataFrame({"=t": texts, "k": range(len(texts))}), Path(folder) / "a.csv")
        back = read_table(path, text=["=t"], neutralized=True)
        assert ["" if value is None else value for value in back["=t"]] == texts


def test_jsonl_and_parquet_hold_text_as_it_is(tmp_path):
    frame = pd.DataFrame({"=t": HOSTILE, "x": np.arange(len(HOSTILE)) / 2})
    for suffix in ("jsonl", "parquet"):
        back = read_table(write_table(frame, tmp_path / f"a.{suffix}"))
        assert back["=t"].tolist() == HOSTILE
        assert back["x"].tolist() == frame["x"].tolist()


def test_jsonl_has_null_for_what_json_lacks(tmp_path):
    frame = pd.DataFrame(
        {"x": [1.5, np.nan, np.inf], "t": ["a", None, b"12"], "d": pd.to_datetime(["2024-01-02", None, None])}
    )
    lines = write_table(frame, tmp_path / "a.jsonl").read_text().splitlines()
    assert json.loads(lines[0]) == {"x": 1.5, "t": "a", "d": "2024-01-02T00:00:00"}
    assert json.loads(lines[1]) == {"x": None, "t": None, "d": None}
    assert json.loads(lines[2]) == {"x": None, "t": "<2 bytes>", "d": None}


def test_parquet_keeps_bytes_and_types(tmp_path):
    frame = pd.DataFrame({"image": [b"\x89PNG", None], "n": [1, 2], "b": [True, False]})
    back = read_table(write_table(frame, tmp_path / "a.parquet"))
    assert back["image"].tolist() == [b"\x89PNG", None]
    assert back["n"].dtype == "int64"


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_never_overwrites_unasked(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_text("mine")
    with pytest.raises(ExistsError, match=r"exists\. Choose another name, or replace it with force=True"):
        write_table(pd.DataFrame({"x": [1]}), path)
    assert path.read_text() == "mine"
    write_table(pd.DataFrame({"x": [1]}), path, force=True)
    assert read_table(path)["x"].tolist() == [1]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_failure_leaves_the_old_file_and_no_half_one(tmp_path, monkeypatch, suffix):
    import workbench.storage.tables as tables

    path = tmp_path / f"a.{suffix}"
    path.write_text("mine")

    def fail(frame, target):
        target.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(tables.WRITERS, f".{suffix}", fail)
    with pytest.raises(OSError, match="No space"):
        write_table(pd.DataFrame({"x": [1]}), path, force=True)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "mine"


def test_refusals(tmp_path):
    frame = pd.DataFrame({"x": [1]})
    with pytest.raises(InputError, match=r"unknown suffix '.xlsx'.*Known: .csv, .jsonl, .parquet"):
        write_table(frame, tmp_path / "a.xlsx")
    with pytest.raises(InputError, match=r"the directory .*missing does not exist"):
        write_table(frame, tmp_path / "missing" / "a.csv")
    assert not (tmp_path / "missing").exists()
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(ExistsError, match="is a directory"):
        write_table(frame, tmp_path / "d.csv", force=True)
    with pytest.raises(InputError, match="does not exist"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "bad.parquet").write_text("not parquet")
    with pytest.raises(InputError, match=r"bad\.parquet cannot be read .*Is it really \.parquet"):
        read_table(tmp_path / "bad.parquet")
    (tmp_path / "bad.jsonl").write_text('{"a": 1}\n\n[2]\n')
    with pytest.raises(InputError, match=r"bad\.jsonl line 3 holds list, not an object"):
        read_table(tmp_path / "bad.jsonl")
    (tmp_path / "twice.csv").write_text("a,a\n1,2\n")
    with pytest.raises(InputError, match="two columns named 'a'"):
        read_table(tmp_path / "twice.csv")
    with pytest.raises(InputError, match=r"cannot be stored in Parquet"):
        write_table(pd.DataFrame({"x": [1, "a"]}), tmp_path / "m.parquet")


def test_csv_ids_stay_as_written(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,label,x\n007,NA,1\n012,None,\n")
    frame = read_table(path, text=["id", "label"])
    assert frame["id"].tolist() == ["007", "012"]
    assert frame["label"].tolist() == ["NA", "None"]
    path.write_text("id,label\n7,3\n12,\n")
    frame = read_table(path, text=["id", "label"])
    assert frame["id"].tolist() == [7, 12]
    assert frame["label"].isna().tolist() == [False, True]
