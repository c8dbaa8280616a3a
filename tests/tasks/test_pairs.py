"""Graded pairs as a kind of label: reading, storing, deciding, exporting, and the contract of all kinds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from contract import Case
from hypothesis import strategies as st

import workbench as wb
from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.tasks import TASKS
from workbench.tasks.protocol import Decided

GRADES = ("0", "1", "2")


def pair(item, grade):
    return {"item": item, "grade": grade}


def predictions(dataset):
    """Scores of two rankers that mostly agree with the grades."""
    rng = np.random.default_rng(0)
    rows = [
        (id, one["item"], (0 if one["grade"] is None else int(one["grade"])) + noise, noise)
        for id, given in zip(dataset.ids, dataset.given)
        for one in given or ()
        for noise in rng.normal(scale=0.3, size=1)
    ]
    return {"scores": pd.DataFrame(rows, columns=["query", "item", "dense", "sparse"])}


CASE = Case(
    task="pairs",
    labels=[
        [("d1", 2), ("d2", 0), ("d3", None)],
        [],
        None,
        [pair("d1", 0), pair("d9", 1)],
        {"d4": 0, "d5": 0, "d6": 2},
    ],
    classes=GRADES,
    values=st.builds(pair, st.text(min_size=1, max_size=9), st.none() | st.sampled_from(GRADES)),
    decisions=[
        (0, "g1", pair("d2", "1")),
        (0, "g2", pair("d3", "0")),
        (1, "c0123456789abcdef", pair("d7", "2")),
        (2, "a0123456789ab", pair("d8", "0")),
        (3, "g1", pair("d9", "2")),
        (4, "g2", pair("d6", None)),
    ],
    corrected=[
        [("d1", 2), ("d2", 1), ("d3", 0)],
        [("d7", 2)],
        [("d8", 0)],
        [("d1", 0), ("d9", 2)],
        [("d4", 0), ("d5", 0), ("d6", None)],
    ],
    words={None: "unjudged"},
    hostile=[
        *(
            "",
            "null",
            "[]",
            '"2"',
            "2",
            '{"grade":"2"}',
            '{"grade":"2","item":7}',
            '{"grade":"2","item":""}',
            "1" * 5000,
        ),
        *('{"grade":"9","item":"d1"}', '{"grade":2,"item":"d1"}', '{"grade":["2"],"item":"d1"}', "[" * 3000),
        *('{"grade":"2","item":null}', '{"grade":"2","item":"d1","more":1}', '{"grade":"2","item":"\\ud800"}'),
    ],
    other_labels=[
        *([["d1"]], [[("d1", 7)]], [[("d1", 1), ("d1", 2)]], [[(None, 1)]], [[("", 1)]], [[("d1", 1, 2)]], ["d1"], [7]),
        *([[("d1", [1])]], [[("d1", 0.5)]], [[({}, 1)]], [[pair("d1", 1) | {"x": 1}]]),
    ],
    wrong_keys=["", "g9", "x", "g-1", "p0", "g0"],
    predictions=predictions,
    by_hand=(0, [("g0", "d1: 2"), ("g1", "d2: 0"), ("g2", "unjudged")]),
    texts=["who flew", "what rained", "x y", "inRom", "New York City"],
)


def long_frame():
    return pd.DataFrame(
        {
            "query": ["q2", "q1", "q2", "q1"],
            "item": [4, 7, 5, 4],
            "grade": [1.0, np.nan, 0.0, 3.0],
            "text": ["big dogs", "a cat", "big dogs", "a cat"],
            "passage": ["dogs grow", "cats", None, "a cat sat"],
            "year": [1, 2, 3, 4],
        }
    )


def test_a_table_of_pairs_is_one_row_per_query(tmp_path):
    data = Dataset.from_frame(long_frame(), task="pairs", text="text")
    assert data.ids.tolist() == ["q2", "q1"] and data.classes == ("0", "1", "2", "3")
    assert data.given.tolist() == [[pair("4", 1), pair("5", 0)], [pair("7", None), pair("4", 3)]]
    assert data.texts() == ["big dogs", "a cat"] and list(data.metadata) == ["text", "passages"]
    assert data.metadata["passages"][1] == [{"item": "7", "text": "cats"}, {"item": "4", "text": "a cat sat"}]
    same = [
        Dataset.from_arrays(long_frame(), task="pairs"),
        Dataset.from_frame(long_frame().rename(columns={"query": "q", "item": "d", "grade": "rel"}), "rel", id="q",
                           item="d", task="pairs"),
        wb.import_run(long_frame(), tmp_path / "frame", task="pairs", label="grade", text="text").dataset,
    ]  # fmt: skip
    long_frame().to_csv(tmp_path / "pairs.csv", index=False)
    same.append(wb.import_run(tmp_path / "pairs.csv", tmp_path / "csv", task="pairs", label="grade").dataset)
    for other in same:
        assert other.labels.equals(data.labels) and other.ids.tolist() == ["q2", "q1"] and other.classes == data.classes
    assert [{**one} for one in same[2].metadata["passages"][0]] == data.metadata["passages"][0]
    binary = Dataset.from_frame(long_frame().assign(grade=[True, False, None, True]), task="pairs")
    assert binary.classes == ("0", "1") and binary.given.tolist()[0] == [pair("4", 1), pair("5", None)]
    named = long_frame().assign(grade=["good", "bad", "bad", "fair"])
    read = Dataset.from_frame(named, task="pairs", classes=["bad", "fair", "good"])
    assert read.given.tolist()[1] == [pair("7", "bad"), pair("4", "fair")]
    spam = Dataset.from_frame(long_frame().assign(grade=[-2, 0, 1, 1]), task="pairs")
    assert spam.classes == ("-2", "-1", "0", "1")


def test_a_wrong_form_gets_one_error_with_its_row():
    frame = long_frame()
    for change, words in (
        ({"grade": [1, 0, 0.5, 2]}, "`labels` row 2 holds the grade 0.5. Grades are whole numbers"),
        ({"grade": [1, 0, "good", 2]}, "`labels` row 2 holds the grade 'good'"),
        ({"grade": [1, 0, 900, 2]}, "`labels` holds grades from 0 to 900"),
        ({"item": [4, 7, 4, 4]}, "`labels` row 2 repeats the pair of row 0: query 'q2', item '4'"),
        ({"item": [4, None, 5, 4]}, "`item` row 1 names the item nan"),
        ({"item": [4, "", 5, 4]}, "`item` row 1 names an item ''"),
        ({"query": ["a", "b", None, "a"]}, "`query` row 2 is missing"),
    ):
        with pytest.raises(InputError, match=words):
            Dataset.from_frame(frame.assign(**change), task="pairs")
    with pytest.raises(InputError, match=r"unknown column 'doc'.*Name it with `item=`"):
        Dataset.from_frame(frame, task="pairs", item="doc")
    with pytest.raises(InputError, match=r"unknown column 'grade'|unknown column 'label'"):
        Dataset.from_frame(frame.drop(columns="grade"), task="pairs")
    with pytest.raises(InputError, match=r"`labels` row 0 holds the grade 3\. Known grades: '0', '1'"):
        Dataset.from_frame(frame[::-1], task="pairs", classes=[0, 1])
    with pytest.raises(InputError, match="`item` names a column of labels in lists"):
        Dataset.from_arrays([[("d1", 1)]], task="pairs", item="d")
    with pytest.raises(InputError, match="`value` row 0 names the item 'd2', but g0 is 'd1'"):
        kind, data = TASKS["pairs"], Dataset.from_arrays([[("d1", 1)]], task="pairs")

        kind.apply(data.labels, data.classes, Decided(np.array([0]), ["g0"], [kind.encode(pair("d2", "1"))]))


def test_damaged_labels_are_refused():
    kind = TASKS["pairs"]
    good = Dataset.from_arrays([[("d1", 1), ("d2", None)]], task="pairs").labels
    kind.check(good, ("0", "1"))
    for change, words in (
        ({"grade": 2}, "holds a grade that is not one of 2"),
        ({"grade": -1}, "holds a grade that is not one of 2"),
        ({"item": None}, "holds an item without a name"),
        ({"item": "d2"}, "lists an item twice"),
    ):
        listed = good.to_pylist()
        listed[0][0] |= change
        with pytest.raises(InputError, match=words):
            kind.check(pa.array(listed, kind.column), ("0", "1"))


def test_a_grade_is_taken_back_and_an_unjudged_pair_graded(tmp_path):
    run = wb.import_run(long_frame(), tmp_path / "run", task="pairs", label="grade")
    encode, data = TASKS["pairs"].encode, run.dataset
    old = data.value_of(0)
    run.journal.relabel("q2", encode(pair("4", None)), old=old, units="g0")
    run.journal.relabel("q1", encode(pair("7", "2")), old=None, units="g0")
    corrected = data.as_given(run.labels()).tolist()
    assert corrected == [[pair("4", None), pair("5", 0)], [pair("7", 2), pair("4", 3)]]
    assert TASKS["pairs"].contradicts(encode(pair("4", None)), old) is None
    again = wb.import_run(wb.export(run, tmp_path / "out.parquet", cleaned="relabel"), tmp_path / "again", id="query",
                          label="grade", task="pairs")  # fmt: skip
    assert again.dataset.given.tolist() == corrected
