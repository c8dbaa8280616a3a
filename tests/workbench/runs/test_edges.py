"""The edges of a run: stored unchanged, read back, checked, and used as evidence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import workbench as wb
from workbench.foundation.errors import InputError, RunError
from workbench.graphs import read_edges, save_edges
from workbench.shell.cli import main
from workbench.shell.inspection import inspect
from workbench.storage.edges import read_edge_list

N = 60
EDGES = pd.DataFrame({"source": ["n1", "n1", "n0", "n3"], "target": ["n0", "n2", "n1", "n3"], "weight": [1, 2.5, 1, 0]})


def dataset(edges=None):
    labels = np.array(["cat", "dog"])[np.arange(N) % 2]
    return wb.Dataset.from_arrays(labels, ids=[f"n{row}" for row in range(N)], edges=edges)


@pytest.fixture
def run(tmp_path):
    wb.Recorder(tmp_path / "run", dataset(EDGES)).close()
    return wb.open_run(tmp_path / "run")


def test_edges_come_back_as_they_were_given(run):
    edges = read_edges(run)
    pd.testing.assert_frame_equal(edges.frame(run.dataset.ids), EDGES)
    assert edges.degree[:4].tolist() == [1, 2, 1, 0]
    table = pq.read_table(run.layout.edges)
    assert [str(field.type) for field in table.schema] == ["string", "string", "double"]
    assert {one.kind for one in inspect(run)} <= {"note"}, list(inspect(run))


def test_edges_of_a_run_are_saved_replaced_and_judged_by(tmp_path):
    wb.Recorder(tmp_path / "run", dataset()).close()
    run = wb.open_run(tmp_path / "run")
    assert read_edges(run) is None
    rng = np.random.default_rng(0)
    ends = rng.integers(0, N // 2, (200, 2)) * 2 + rng.integers(0, 2, 200)[:, None]  # between equally labelled nodes
    save_edges(run, ends)
    assert run.dataset.edges.m == 200
    found = wb.find_issues(wb.open_run(run.path))
    assert "edges" in found.attrs["evidence"]
    assert found.attrs["sources"]["edges"] == "edges of the run"
    assert found["reasons"].str.contains("linked nodes are labelled").any()
    again = wb.find_issues(run)  # from the cache
    pd.testing.assert_frame_equal(again, found)
    save_edges(run, rng.integers(0, N, (200, 2)))
    other = wb.find_issues(run)
    assert not np.array_equal(other["p_error"], found["p_error"]), "other edges, another answer"


def test_what_is_no_edge_leaves_those_that_are_there(run):
    before = run.layout.edges.read_bytes()
    with pytest.raises(InputError, match=r"`edges.target` row 0 is 'x', which is not among the examples"):
        save_edges(run, pd.DataFrame({"source": ["n0"], "target": ["x"]}))
    assert run.layout.edges.read_bytes() == before


def test_a_run_that_is_recorded_again_without_edges_has_none(run):
    wb.Recorder(run.path, dataset(), overwrite=True).close()
    assert read_edges(wb.open_run(run.path)) is None
    assert not run.layout.edges.exists()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pa.table({"source": ["n0"], "target": ["elsewhere"]}), "'elsewhere', which is not among the examples"),
        (pa.table({"source": ["n0"]}), "target"),
        (pa.table({"source": [1.5], "target": [2.5]}), "column `source` is double"),
        (pa.table({"source": ["n0"], "target": ["n1"], "weight": [-1.0]}), "is -1"),
        (None, "cannot be used"),
    ],
)
def test_a_damaged_file_is_found_and_the_run_still_opens(run, table, words):
    run.layout.edges.write_bytes(b"no table") if table is None else pq.write_table(table, run.layout.edges)
    opened = wb.open_run(run.path)
    with pytest.raises(RunError, match=words):
        len(read_edges(opened).source)
    found = [one for one in inspect(opened) if one.path == "edges.parquet"]
    assert found[0].kind == "damaged"
    assert found[0].remedy == "set-aside"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("edges.csv", "source,target,weight\nn0,n1,2\nn2,n1,1\n"),
        ("edges.tsv", "# a comment\nn0\tn1\t2\nn2\tn1\t1\n"),
        ("edges.txt", "source target weight\nn0 n1 2\nn2 n1 1\n"),
        ("edges.jsonl", '{"source": "n0", "target": "n1", "weight": 2}\n{"source": "n2", "target": "n1", "weight": 1}'),
    ],
)
def test_the_command_import_takes_lists_of_edges(tmp_path, name, text, capsys):
    dataset().metadata.assign(name=dataset().ids, label="a").to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / name).write_text(text)
    arguments = ["import", tmp_path / "table.csv", tmp_path / "run", "--id", "name", "--edges", tmp_path / name]
    assert main([str(one) for one in arguments]) == 0, capsys.readouterr().err
    found = read_edges(wb.open_run(tmp_path / "run"))
    assert found.source.tolist() == [0, 2]
    assert found.target.tolist() == [1, 1]
    assert found.weight.tolist() == [2, 1]


def test_lists_of_numbers_are_ids_and_other_files_are_refused(tmp_path):
    (tmp_path / "cites.edges").write_text("10 7\n7 3\n")
    assert read_edge_list(tmp_path / "cites.edges").to_numpy().tolist() == [[10, 7], [7, 3]]
    assert read_edge_list(tmp_path / "cites.edges", text=True).to_numpy().tolist() == [["10", "7"], ["7", "3"]]
    (tmp_path / "cites.edges").write_text("")
    assert len(read_edge_list(tmp_path / "cites.edges")) == 0
    (tmp_path / "cites.edges").write_text("1 2 3 4\n")
    with pytest.raises(InputError, match="has 4 columns in the line '1 2 3 4'"):
        read_edge_list(tmp_path / "cites.edges")
    (tmp_path / "cites.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="unknown column 'source'"):
        read_edge_list(tmp_path / "cites.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_edge_list(tmp_path / "nothing.edges")


def test_arrays_with_edges_become_a_run(tmp_path):
    run = wb.import_run([0, 1, 0], tmp_path / "run", edges=[(0, 1), (1, 2)])
    assert run.dataset.edges.degree.tolist() == [1, 2, 1]
