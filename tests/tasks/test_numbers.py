"""Numbers as a kind of label: reading, storing, deciding and exporting, and the contract of all kinds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from contract import Case
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.tasks import TASKS

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def predictions(dataset):
    values = dataset.units.given.reshape(dataset.n, -1)
    rng = np.random.default_rng(0)
    return {"predictions": np.nan_to_num(values, nan=2.0) + rng.normal(0, 0.3, values.shape)}


CASE = Case(
    task="numbers",
    labels=[1.5, -3.25, None, 0.1, 250.0, 1e-7],
    classes=("price",),
    values=FINITE,
    decisions=[(0, "", 2.5), (2, "", -7.0), (4, "", 25.0)],
    corrected=[2.5, -3.25, -7, 0.1, 25, 1e-7],
    words={1.5: "1.5", None: "no number"},
    hostile=["", "null", "NaN", "Infinity", "-Infinity", "true", '"1.5"', "[1.5]", "1,5", "0x10", "1" * 5000],
    other_labels=[["cheap"], [[1.0, 2.0]], [np.inf], [True], [1j], [[]], ["1.5"], [10**400]],
    wrong_keys=["p0", "g0", "c0123456789abcdef"],
    predictions=predictions,
    by_hand=(0, [("", "1.5")]),
)

TWO = Case(
    task="numbers",
    labels=[[1.5, 70.0], [-3.25, None], None, [0.1, 61.5], [250.0, 88.0]],
    classes=("height", "weight"),
    values=FINITE,
    decisions=[(0, "p1", 71.0), (1, "p1", 60.0), (2, "p0", 1.0), (4, "p0", 25.0)],
    corrected=[[1.5, 71], [-3.25, 60], [1, None], [0.1, 61.5], [25, 88]],
    words={70.0: "70"},
    hostile=["", "null", "[1,2]"],
    other_labels=[[["tall", 1.0]], [[1.0]], [[1.0, 2.0, 3.0]], [[1.0, np.inf]], [3.0]],
    wrong_keys=["", "p2", "g0"],
    predictions=predictions,
    by_hand=(1, [("p0", "-3.25"), ("p1", "no number")]),
    label_names={"hf": ["height", "weight"]},
)
"""Two columns; the contract runs on them below."""


def contract():
    import contract as module

    return module.CHECKS


@pytest.mark.parametrize("check", contract(), ids=lambda check: check.__name__[6:])
def test_what_holds_for_every_kind_holds_for_two_columns(check, tmp_path):
    import inspect

    check(TWO, **({"path": tmp_path} if "path" in inspect.signature(check).parameters else {}))


@settings(max_examples=40, database=None, deadline=None)
@given(st.lists(st.none() | FINITE, min_size=1, max_size=20))
def test_any_numbers_come_back_from_what_is_stored(values):
    dataset = Dataset.from_arrays(values, task="numbers")
    assert [one for one in dataset.given.tolist()] == values
    kind = TASKS["numbers"]
    assert not kind.differ(dataset.labels, kind.from_arrow(kind.to_arrow(dataset.labels))).any()
    assert kind.differ(dataset.labels, Dataset.from_arrays([7.25] * len(values), task="numbers").labels).tolist() == [
        one != 7.25 for one in values
    ]


def test_columns_of_a_frame_are_read_under_their_names():
    frame = pd.DataFrame({"name": list("abc"), "height": [1.5, np.nan, 1.7], "weight": [70, 61, 88]})
    one = Dataset.from_frame(frame, "weight", id="name", task="numbers")
    assert (one.classes, one.units.given.tolist()) == (("weight",), [70.0, 61.0, 88.0])
    assert list(one.metadata.columns) == ["height"]
    two = Dataset.from_frame(frame, ["height", "weight"], id="name", task="numbers")
    assert two.classes == ("height", "weight") and two.units.m == 6
    assert two.given.tolist() == [[1.5, 70.0], [None, 61.0], [1.7, 88.0]]
    assert two.units.groups.tolist() == [0, 1, 0, 1, 0, 1]
    nothing = Dataset.from_arrays([None, np.nan], task="numbers")
    assert nothing.classes == ("value",) and nothing.kind.missing(nothing.labels).all()


def test_a_wrong_shape_gets_one_error_with_its_row_and_column():
    for labels, words in (
        ([[1.0, 2.0], [1.0]], "`labels` row 1 holds 1 numbers where 2 are expected"),
        ([[1.0, "x"]], "`labels` row 0 is 'x' in column 1"),
        ([1.0, 2.0, "x"], "`labels` row 2 is 'x'"),
        (np.array([1.0, np.inf]), "`labels` row 1 is infinite"),
        (np.zeros((2, 2, 2)), r"`labels` has shape \(2, 2, 2\)"),
        (None, "`labels` is None"),
        (5.0, "`labels` is 5.0"),
    ):
        with pytest.raises(InputError, match=words):
            Dataset.from_arrays(labels, task="numbers")
    with pytest.raises(InputError, match="repeats a name"):
        Dataset.from_arrays(np.zeros((2, 2)), task="numbers", classes=["a", "a"])


def test_a_run_stores_predictions_and_answers_from_them(tmp_path):
    rng = np.random.default_rng(0)
    y = rng.normal(50, 10, 200).round(2)
    y[7] *= 10
    truth = np.where(np.arange(200) == 7, y / 10, y)
    run = wb.import_run(pd.Series(y, name="price"), tmp_path / "run", task="numbers")
    with pytest.raises(MissingEvidence):
        wb.find_issues(run)
    run.save_predictions(truth + rng.normal(0, 1, 200), out_of_fold=True, source="a model")
    found = wb.find_issues(wb.open_run(tmp_path / "run"))
    assert found.index[0] == 7 and found.loc[7, "kind"] == "factor"
    assert found.loc[7, "suggested_label"] == pytest.approx(y[7] / 10)
    pd.testing.assert_frame_equal(wb.find_issues(run), found)
    run.journal.relabel(7, run.dataset.kind.encode(float(found.loc[7, "suggested_label"])), old=run.dataset.value_of(7))
    assert run.labels().to_pylist()[7] == [pytest.approx(y[7] / 10)]
    file = wb.export(run, tmp_path / "cleaned.csv", cleaned="relabel")
    assert pd.read_csv(file)["given_label" if "given_label" in pd.read_csv(file) else "label"].iloc[7] == pytest.approx(
        y[7] / 10
    )
    for values, words in ((np.zeros((3, 1)), "has shape"), (np.full((200, 1), np.inf), "is infinite")):
        with pytest.raises(InputError, match=words):
            run.save_predictions(values, out_of_fold=True, source="wrong")
