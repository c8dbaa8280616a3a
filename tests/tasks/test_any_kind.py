"""Functions and commands that work on runs of every kind of label, and the errors of those that do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.shell.cli import main
from workbench.storage.tables import read_table

N = 60


@pytest.fixture(scope="module", params=["multilabel", "candidates", "numbers", "spans"])
def run(request, tmp_path_factory):
    """A run of each kind with texts, two of which are equal, and embeddings of the examples."""
    rng = np.random.default_rng(0)
    labels = {
        "multilabel": [["a"] if row % 2 else ["a", "b"] for row in range(N)],
        "candidates": [["a", "b"] if row % 2 else ["b", "c"] for row in range(N)],
        "numbers": [float(row % 2) + row / 7 for row in range(N)],
        "spans": [[(0, 4, "word")] if row % 2 else [] for row in range(N)],
    }
    texts = [f"text {row}" for row in range(N)]
    texts[1] = texts[0]
    texts[3] = texts[5]
    frame = pd.DataFrame({"id": [f"e{row}" for row in range(N)], "label": labels[request.param], "text": texts})
    run = wb.import_run(
        frame, tmp_path_factory.mktemp("any") / "run", label="label", id="id", text="text", task=request.param
    )
    run.save_embeddings(rng.normal(size=(N, 4)).astype(np.float32), trained_on_labels=False)
    return run


def test_duplicates_outliers_and_the_map_need_no_classes(run):
    table = wb.duplicates(run, near=0)
    assert set(table.index) == {"e0", "e1", "e3", "e5"}
    same = run.task != "numbers"
    assert table["conflict"].to_dict() == {"e0": True, "e1": True, "e3": not same, "e5": not same}
    assert len(wb.outliers(run)) == N and list(wb.score(run, "neighbor_distance")) == ["neighbor_distance"]
    figure = wb.figure(run, "embedding", method="pca")
    assert sum(len(trace.x) for trace in figure.data if trace.name != "label issue") == N


def test_what_needs_classes_says_what_to_do(run):
    with pytest.raises(
        InputError, match=f"`task` is '{run.task}', and score works on .*find_issues.*neighbor_distance"
    ):
        wb.score(run)
    with pytest.raises(InputError, match=r"the figure 'noise' works on 'multiclass' labels only. Figures of all kinds"):
        wb.figure(run, "noise")
    with pytest.raises(InputError, match=r"compare works on 'multiclass' labels only. Other kinds .*`find_issues`"):
        wb.compare(run)


def test_embeddings_of_examples_do_not_hide_the_words_of_spans(run):
    assert len(wb.find_issues(run)) == N and len(wb.review_queue(run)) <= N
    assert wb.audit(run, 12).budget >= 12 and wb.audit(run, 12, per="example").budget >= 12


def test_the_command_lists_each_label_with_its_name(run, tmp_path, capsys):
    assert main(["issues", str(run.path), "--all", "--out", str(tmp_path / "all.csv")]) == 0
    said, table = capsys.readouterr().out, read_table(tmp_path / "all.csv", text=["id"])
    name = {"multilabel": "tag", "spans": "text"}.get(run.task)
    assert ("unit" in table) == (name is not None) == ("units (each is one" in said)
    if name is not None:
        found = wb.find_issues(run, per="unit")
        assert len(table) == len(found) and table[name].tolist() == found[name].tolist()
    assert main(["issues", str(run.path), "--all", "--top", "2"]) == 0
    assert (name or "id") in capsys.readouterr().out.splitlines()[1].split()
