"""The votes of a run: people, labelling functions and models in one table, and files of release 0.1."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, RunError
from workbench.recording.recorder import Recorder
from workbench.runs.run import open_run
from workbench.runs.votes import COLUMNS, checked_votes, is_older, read_votes, save_votes, vote_table, votes_from
from workbench.shell.inspection import inspect

SAID = pd.DataFrame(
    [
        ("i1", "anna", "person", "cat", np.nan, ""),
        ("i0", "anna", "person", "dog", np.nan, ""),
        ("i0", "long names", "function", "cat", np.nan, "2"),
        ("i0", "llm", "model", "dog", 0.9, "june"),
        ("i0", "llm", "model", "cat", 0.4, "may"),
        ("i1", "llm", "model", "dog", 1.0, "may"),
    ],
    columns=["id", "voter", "kind", "value", "confidence", "version"],
)


@pytest.fixture
def run(tmp_path):
    Recorder(tmp_path / "run", Dataset.from_arrays(["cat", "dog"], ids=["i0", "i1"], classes=["cat", "dog"])).close()
    return open_run(tmp_path / "run")


@pytest.fixture
def birds(root, tmp_path):
    shutil.copytree(root / "tests" / "golden" / "v1" / "birds-run", tmp_path / "birds")
    run = open_run(tmp_path / "birds")
    yield run
    run.journal.close()


def test_people_functions_and_models_in_one_table(run):
    save_votes(run, SAID.set_index(pd.Index([9, 8, 8, 0, 1, 2])))
    file = pq.read_table(run.layout.votes)
    assert file.schema.names == list(COLUMNS)
    assert file.schema.field("confidence").type == pa.float64()
    assert {file.schema.field(name).type for name in COLUMNS if name != "confidence"} == {pa.string()}
    assert file.column("confidence").to_pylist() == [None, 0.9, 0.4, None, None, 1.0]
    assert set(file.column("unit").to_pylist()) == {""}
    votes = read_votes(run)
    assert votes.names == ("anna", "llm june", "llm may", "long names")
    assert votes.kinds == ("person", "model", "model", "function")
    assert votes.counts().tolist() == [[2, 2], [1, 1]]
    table = vote_table(run)
    assert table["voter"].tolist() == ["anna", "llm", "llm", "long names", "anna", "llm"], "sorted as the dataset is"
    assert [str(one) for one in inspect(run) if one.kind != "note"] == []
    assert votes_from(SAID, run.dataset.ids, ["cat", "dog"]).names == votes.names


def test_both_shapes_say_the_same(run):
    older = SAID[SAID["kind"] == "person"].rename(columns={"voter": "annotator", "value": "label"})
    save_votes(run, older[["id", "annotator", "label"]])
    first = run.layout.votes.read_bytes(), read_votes(run)
    save_votes(run, SAID[SAID["kind"] == "person"][["id", "voter", "value"]])
    assert run.layout.votes.read_bytes() == first[0]
    save_votes(run, older.rename(columns={"id": "task", "annotator": "who", "label": "said"}), id="task",
                   annotator="who", label="said")  # fmt: skip
    assert run.layout.votes.read_bytes() == first[0]
    assert first[1].kinds == ("person",)


def test_a_file_of_release_0_1_is_read_as_votes_of_people(birds):
    older = pq.read_table(birds.layout.votes)
    assert older.schema.names == ["id", "annotator", "label"] and is_older(birds)
    table = vote_table(birds)
    assert table[["id", "voter", "value"]].to_numpy().tolist() == older.to_pandas().to_numpy().tolist()
    assert set(table["kind"]) == {"person"} and set(table["unit"]) == set(table["version"]) == {""}
    assert table["confidence"].isna().all()
    votes = read_votes(birds)
    assert set(votes.kinds) == {"person"}
    save_votes(birds, table)
    assert not is_older(birds) and vote_table(birds).equals(table)
    again = read_votes(birds)
    assert again.names == votes.names and (again.labels == votes.labels).all() and (again.rows == votes.rows).all()


def changed(**columns):
    return SAID.assign(**columns)


@pytest.mark.parametrize(
    ("frame", "match"),
    [
        (changed(kind="robot"), r"`kind` row 0 \(id 'i1'\) is 'robot', which is unknown \(and 5 more\).*'person'"),
        (changed(unit="g0"), r"`unit` row 0 .* is 'g0'.*Leave out `unit`"),
        (changed(unit=[None, "", "", "", "", 3]), r"`unit` row 5 .*is 3, which is not text"),
        (changed(version=1), r"`version` row 0 .*is not text"),
        (changed(value="cow"), r"`value` row 0 .*is 'cow', which is not a class"),
        (changed(confidence=1.5), r"`confidence` row 0 .*is 1.5, which is outside \[0, 1\]"),
        (changed(confidence="sure"), r"`confidence` is not a number"),
        (changed(kind=["person", "model", *["model"] * 4]), r"`kind` row 1 .*'model', which differs.*one kind"),
        (changed(version=""), r"`voter` \(id 'i0'\) 'llm' voted 2 times"),
        (SAID.drop(columns="value"), "unknown column 'annotator'"),
        (changed(voter=None), "`voter` row 0 has 6 missing"),
    ],
)
def test_what_is_refused(run, frame, match):
    with pytest.raises(InputError, match=match):
        save_votes(run, frame)
    assert read_votes(run) is None


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("kind", pa.array([1] * 6)),
        ("kind", pa.array([None] * 6, pa.string())),
        ("confidence", pa.array(["x"] * 6)),
        ("confidence", pa.array([7.0] * 6)),
        ("unit", pa.array(["g0"] * 6)),
        ("voter", pa.array([None] * 6, pa.string())),
        ("version", pa.array([b"\xff"] * 6)),
    ],
)
def test_a_strangers_table_is_one_clear_error(run, name, values):
    save_votes(run, SAID)
    table = pq.read_table(run.layout.votes)
    pq.write_table(table.set_column(COLUMNS.index(name), name, values), run.layout.votes)
    if name == "kind" and values.null_count:
        assert set(read_votes(run).kinds) == {"person"}, "nothing said: a person"
        return
    with pytest.raises(RunError, match=r"votes\.parquet cannot be used"):
        read_votes(run)


def test_a_table_with_columns_of_neither_form(run):
    pq.write_table(pa.table({"id": ["i0"], "voter": ["x"]}), run.layout.votes)
    with pytest.raises(RunError, match=r"votes\.parquet cannot be used"):
        vote_table(run)


def test_votes_on_units_of_other_kinds_of_labels(run, monkeypatch):
    """The kind of label defines valid values; the keys of units are kept unchanged."""

    class Boxes:
        one_class = False

        @staticmethod
        def decode(text, classes):
            if not text.startswith("{"):
                raise InputError.at("value", f"is {text!r}", "Pass a box.")

    monkeypatch.setattr(type(run.dataset), "kind", Boxes)
    frame = pd.DataFrame({"id": ["i1", "i0", "i1"], "unit": ["g0", "c3", "g0"], "voter": ["a", "a", "b"],
                          "value": ['{"x":1}', "{}", "{}"]})  # fmt: skip
    save_votes(run, frame)
    assert vote_table(run)[["id", "unit", "voter"]].to_numpy().tolist() == [
        ["i0", "c3", "a"],
        ["i1", "g0", "a"],
        ["i1", "g0", "b"],
    ]
    assert read_votes(run) is None
    with pytest.raises(InputError, match="Pass a box"):
        save_votes(run, frame.assign(value="cat"))
    with pytest.raises(InputError, match="voted 2 times"):
        checked_votes(run, frame.assign(voter="a"))
