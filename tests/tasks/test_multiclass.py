"""One class per example as a kind of label: numbers and columns are unchanged by the support for other kinds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from contract import Case
from hypothesis import strategies as st

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.tasks import TASKS


def predictions(dataset):
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(dataset.k), dataset.n)
    labelled = np.flatnonzero(dataset.given_labels >= 0)
    probs[labelled, dataset.given_labels[labelled]] += 3
    return {"pred_probs": probs / probs.sum(axis=1, keepdims=True)}


CASE = Case(
    task="multiclass",
    labels=["cat", "dog", None, "=eel", "dog"],
    classes=("cat", "dog", "=eel"),
    values=st.sampled_from(["cat", "dog", "=eel"]),
    decisions=[(0, "", "dog"), (2, "", "=eel"), (3, "", "cat")],
    corrected=["dog", "dog", "=eel", "cat", "dog"],
    words={"cat": "cat", None: "no label"},
    hostile=["", "cow", "cat ", "CAT", '"cat"', "0", "null"],
    other_labels=[["cow"], [["cat"]], [{"a": 1}]],
    wrong_keys=["g0", "p0"],
    predictions=predictions,
    by_hand=(0, [("", "cat")]),
)


def test_a_run_is_written_as_before(tmp_path):
    """run.json has schema 1 and labels are int32, so that earlier releases can read such runs."""
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    wb.Recorder(tmp_path / "run", CASE.dataset(), mode="import").close()
    described = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert (described["schema_version"], described["task"]) == (1, "multiclass")
    column = pq.read_table(tmp_path / "run" / "examples.parquet").column("given_label")
    assert column.type == pa.int32() and column.to_pylist() == [0, 1, None, 2, 1]


def test_rows_of_units_are_those_of_examples():
    """`per` changes only the index, and the columns are unchanged."""
    dataset = CASE.dataset(times=20)
    examples = wb.find_issues(dataset, **predictions(dataset))
    units = wb.find_issues(dataset, per="unit", **predictions(dataset))
    assert units.index.tolist() == [(one, "") for one in examples.index]
    pd.testing.assert_frame_equal(units.reset_index(drop=True), examples.reset_index(drop=True))
    assert units.attrs == examples.attrs
    assert {"units", "units_doubted", "unit"}.isdisjoint(examples.columns)


def test_arguments_go_by_name():
    import inspect

    labels, probs = np.array([0, 1] * 30), np.full((60, 2), 0.5)
    with pytest.raises(InputError, match=r"is an array of shape \(60, 2\)\. Pass arrays by name: `pred_probs=`"):
        wb.find_issues(labels, probs)
    named = inspect.signature(wb.find_issues).parameters
    assert [name for name, one in named.items() if one.kind is not one.KEYWORD_ONLY] == ["source", "others"]
    assert {"task", "per", "pred_probs", "embeddings", "logits", "texts", "votes"} <= set(named)
    with pytest.raises(InputError, match="unknown task 'tags'"):
        wb.find_issues(labels, task="tags", pred_probs=probs)


def test_units_cost_an_example_nothing():
    units = TASKS["multiclass"].units(np.array([1, -1]), ("a", "b"))
    assert units.keys is None and units.groups is None and units.shapes is None
