"""Candidate sets as a kind of label: reading, storing, deciding and exporting, and the contract of all kinds."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from contract import Case
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

import workbench as wb
from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.tasks import TASKS
from workbench.tasks.candidates import sets_of

CLASSES = ("cat", "dog", "owl")
SETS = [list(some) for size in (1, 2, 3) for some in itertools.combinations(CLASSES, size)]


def predictions(dataset):
    """Out-of-fold probabilities that mostly agree with the sets."""
    rng = np.random.default_rng(0)
    inside = sets_of(dataset.labels, dataset.k)
    probs = np.where(inside, 0.8, 0.1) + rng.uniform(0, 0.3, inside.shape)
    return {"pred_probs": probs / probs.sum(axis=1, keepdims=True)}


CASE = Case(
    task="candidates",
    labels=[["cat", "dog"], ["owl"], None, ["cat", "dog", "owl"], ["dog", "owl"], "cat"],
    classes=CLASSES,
    values=st.sampled_from(SETS),
    decisions=[(0, "", ["owl"]), (2, "", ["cat", "owl"]), (1, "", ["cat"]), (5, "", ["owl"])],
    corrected=[["owl"], ["cat"], ["cat", "owl"], ["cat", "dog", "owl"], ["dog", "owl"], ["owl"]],
    words={("cat", "dog"): "cat or dog", None: "no label"},
    hostile=["", "null", "cat", '"cat"', "[]", '["cat","cat"]', '["whale"]', "[1]", '["cat",null]', '[["cat"]]'],
    other_labels=[[["whale"]], [[]], [["cat", "cat"]], [{"cat": 1}], [["cat", None]], [b"cat"], [[["cat"]]]],
    wrong_keys=["p0", "g0", "c0123456789abcdef"],
    predictions=predictions,
    by_hand=(0, [("", "cat or dog")]),
)


def test_tables_and_lists_are_the_same_sets():
    table = np.array([[1, 1, 0], [0, 0, 1], [1, 0, 1]])
    wanted = [[0, 1], [2], [0, 2]]
    lists = [["cat", "dog"], {"owl"}, np.array(["owl", "cat"])]
    twice = coo_array(([True, True, True, True, True, True], ([0, 0, 1, 2, 2, 0], [0, 1, 2, 2, 0, 1])), shape=(3, 3))
    forms = [table, table.astype(bool), table.astype(float), csr_array(table), pd.DataFrame(table, columns=CLASSES)]
    forms += [
        lists,
        tuple(lists),
        pd.Series(lists),
        [[0, 1], [2], (2, 0)],
        [("cat", "dog"), "owl", ["cat", "owl"]],
        twice,
    ]
    for labels in forms:
        dataset = Dataset.from_arrays(labels, task="candidates", classes=CLASSES)
        assert dataset.labels.to_pylist() == wanted and dataset.classes == CLASSES, labels
    named = Dataset.from_arrays(pd.DataFrame(table.astype(bool), columns=CLASSES), task="candidates")
    assert named.classes == CLASSES
    assert Dataset.from_arrays(table, task="candidates").classes == ("0", "1", "2")
    numbers = Dataset.from_arrays([[3, 30], [7], None], task="candidates")
    assert numbers.classes == ("3", "7", "30") and numbers.labels.to_pylist() == [[0, 2], [1], None]
    gaps = Dataset.from_arrays(np.array([[1.0, 0.0], [np.nan, np.nan]]), task="candidates")
    assert gaps.labels.to_pylist() == [[0], None]
    frame = pd.DataFrame({"name": list("abc"), "candidates": lists})
    read = Dataset.from_frame(frame, label="candidates", id="name", task="candidates")
    assert read.given.tolist() == [["cat", "dog"], ["owl"], ["cat", "owl"]]


def test_a_wrong_shape_gets_one_error_with_its_row():
    for labels, words in (
        ([["cat"], []], "`labels` row 1 is an empty set. Name at least one class, or pass None"),
        (np.array([[True, False], [False, False]]), "`labels` row 1 is an empty set"),
        (np.array([[1.0, np.nan]]), r"`labels` row 0 column 1 \('1'\) is nan"),
        (np.array([[1, 2]]), r"`labels` row 0 column 1 \('1'\) is 2"),
        (csr_array([[1, 5]]), r"`labels` row 0 column 1 \('1'\) is 5"),
        (csr_array((2, 2)), r"`labels` row 0 is an empty set \(2 rows\)"),
        (np.zeros((1, 2, 2)), r"`labels` has shape \(1, 2, 2\)"),
        ([["cat"], {"a": 1}], "`labels` row 1 is {'a': 1}, which is not a list of classes"),
        ([["cat"], ["dog", "dog"]], "`labels` row 1 lists the class 'dog' twice"),
        ([["cat"], ["dog", None]], "`labels` row 1 holds the class None"),
        ("cat", "`labels` is a str"),
        (None, "`labels` is a NoneType"),
    ):
        with pytest.raises(InputError, match=words):
            Dataset.from_arrays(labels, task="candidates")
    with pytest.raises(InputError, match=r"`labels` row 2 is 'whale'\. Known classes: 'cat', 'dog', 'owl'"):
        Dataset.from_arrays([["cat"], ["dog", "owl"], ["cat", "whale"]], task="candidates", classes=CLASSES)
    with pytest.raises(InputError, match="names 2 classes for 3 columns"):
        Dataset.from_arrays(np.ones((2, 3), bool), task="candidates", classes=["a", "b"])


def test_the_order_of_classes_is_kept(tmp_path):
    ages = pd.CategoricalDtype([1, 2, 10], ordered=True)
    dataset = Dataset.from_arrays([[1, 2], [10], None], task="candidates", classes=ages)
    assert dataset.classes == ("1", "2", "10") and dataset.label_type.ordered
    assert wb.import_run(dataset, tmp_path / "run").dataset.label_type.ordered
    assert wb.open_run(tmp_path / "run").dataset.given.tolist() == [[1, 2], [10], None]
    assert not Dataset.from_arrays([[1, 2]], task="candidates").label_type.ordered


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_classes_keep_their_type(tmp_path, suffix):
    """Numbers stay numbers and text stays text, from the labels to the tables and the export."""
    probs = {"pred_probs": np.tile([0.6, 0.3, 0.1], (60, 1))}
    for classes, sets in (((3, 7, 30), [[3, 30], [7], [30]]), (("3", "7", "30"), [["3", "30"], ["7"], ["30"]])):
        made = Dataset.from_arrays(sets * 20, task="candidates", classes=classes)
        run = wb.import_run(made, tmp_path / f"{type(classes[0]).__name__}{suffix}")
        assert run.dataset.given.tolist()[:3] == sets and run.classes == ("3", "7", "30")
        found = wb.find_issues(run, **probs).sort_values("row")
        assert found["given_label"].tolist()[:3] == sets
        assert {type(one) for one in found["suggested_label"]} == {type(classes[0])}
        assert {type(one) for one in found["likeliest_candidate"]} == {type(classes[0])}
        encode = run.dataset.kind.encode
        run.journal.relabel(0, encode(classes[1]), old=encode(sets[0]), units="")
        file = wb.export(run, tmp_path / f"{type(classes[0]).__name__}-out{suffix}", issues=found)
        options = {"neutralized": True} if suffix == ".csv" else {}
        again = wb.import_run(
            file, tmp_path / f"{file.stem}-again", label="label", id="id", task="candidates", **options
        )
        assert again.dataset.given.tolist()[:3] == [[classes[1]], *sets[1:]]
    table = Dataset.from_arrays(np.eye(3, dtype=bool), task="candidates")
    assert table.given.tolist() == [[0], [1], [2]] and table.classes == ("0", "1", "2")


def test_parquet_for_hugging_face_names_its_classes(tmp_path):
    import json

    import pyarrow.parquet as pq

    frame = pd.DataFrame({"bird": list("xyz"), "heard": [["owl", "cat"], None, ["dog"]], "size": [1.5, 2.0, 0.5]})
    run = wb.import_run(frame, tmp_path / "run", label="heard", id="bird", task="candidates", classes=CLASSES)
    run.journal.relabel("z", '["cat","owl"]', old='["dog"]', units="")
    file = wb.export(run, tmp_path / "sets.parquet", format="hf")
    table = pq.read_table(file)
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["heard"] == {
        "feature": {"names": list(CLASSES), "_type": "ClassLabel"}, "_type": "Sequence",
    }  # fmt: skip
    assert features["size"] == {"dtype": "float64", "_type": "Value"}
    assert table.column("heard").to_pylist() == [[0, 2], None, [0, 2]]
    again = wb.import_run(file, tmp_path / "again", format="hf", task="candidates", label="heard", id="bird")
    assert again.dataset.given.tolist() == [["cat", "owl"], None, ["cat", "owl"]] and again.classes == CLASSES
    assert again.dataset.ids.tolist() == list("xyz") and again.dataset.metadata["size"].tolist() == [1.5, 2.0, 0.5]


def test_a_choice_within_the_set_confirms_it_and_one_outside_does_not():
    kind = TASKS["candidates"]
    given = kind.encode(["dog", "cat"])
    assert given == '["cat","dog"]' == kind.encode({"dog", "cat"}) == kind.encode(("cat", "dog"))
    assert kind.encode("cat") == '["cat"]' and kind.encode(3) == '["3"]'
    assert kind.contradicts(kind.encode("cat"), given) is False
    assert kind.contradicts(kind.encode(["owl"]), given) is True
    assert kind.contradicts(kind.encode(["owl", "cat"]), given) is None
    assert kind.contradicts(kind.encode(["owl"]), None) is True


def test_verdicts_on_sets(tmp_path):
    dataset = Dataset.from_arrays([["cat", "dog"]] * 40, task="candidates", classes=CLASSES)
    run = wb.import_run(dataset, tmp_path / "run")
    evidence = {"pred_probs": np.tile([0.4, 0.3, 0.3], (40, 1))}
    said = ["cat", "owl", ["cat", "owl"]]
    for row, value in enumerate(said):
        run.journal.relabel(row, dataset.kind.encode(value), old=dataset.value_of(row), units="")
    found = wb.find_issues(run, per="unit", **evidence)
    assert found.attrs["verdicts"] == 2  # the mixed set means neither
    assert run.labels().to_pylist()[:4] == [[0], [2], [0, 2], [0, 1]]
