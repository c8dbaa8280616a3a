"""Classes added during review: stable codes, one step of undo, labels of the user's type in the export."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.recording.recorder import Recorder
from workbench.review import add_class
from workbench.review.export import export
from workbench.runs.journal import Journal
from workbench.runs.run import Run, open_run
from workbench.shell.inspection import inspect
from workbench.storage.tables import read_table


def recorded(path, labels, **options) -> Run:
    """A run with one epoch."""
    dataset = Dataset.from_arrays(labels, **options)
    with Recorder(path, dataset) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids, np.random.default_rng(0).normal(size=(dataset.n, dataset.k)))
    return open_run(path)


@pytest.fixture
def pets(tmp_path):
    return recorded(tmp_path / "pets", ["cat", "dog", "cat", None, "dog"])


@pytest.mark.parametrize(
    "labels, added, dtype",
    [
        (["cat", "dog", "cat"], "zebra", None),
        ([3, 5, 3], 9, "int64"),
        (np.array([0.5, 1.5, 0.5]), 2.25, "float64"),
        (pd.Categorical(["x", "y", "x"]), "z", "category"),
        (pd.array([3, 5, None], dtype="Int64"), 200, "Int64"),
        (np.array([3, 5, 3], np.uint8), 300, None),
    ],
)
def test_a_class_is_added_in_the_type_of_the_labels(tmp_path, labels, added, dtype):
    run = recorded(tmp_path / "run", labels)
    code = add_class(run, added)
    assert code == run.k == 2 and run.label_space == (*run.classes, str(added))
    run.journal.relabel(0, added, old=run.classes[0])
    assert run.labels().tolist()[0] == code
    corrected = run.corrected_labels()
    assert corrected.iloc[0] == added and corrected.iloc[1] == run.dataset.given[1]
    assert dtype is None or str(corrected.dtype) == dtype
    assert run.changes()["label"].tolist() == [added]
    back = pd.read_parquet(export(run, tmp_path / "out.parquet"))
    assert back["label"].tolist()[:2] == corrected.tolist()[:2]


def test_an_undone_class_keeps_its_code(pets):
    assert [add_class(pets, name) for name in ("newt", "toad")] == [2, 3]
    (entry,) = pets.journal.undo()
    assert (entry.id, entry.field, entry.new) == ("toad", "space", None)
    pets.journal.undo()
    assert pets.journal.added_classes() == {"newt": False, "toad": False}
    assert pets.label_space == ("cat", "dog", "newt", "toad")
    assert add_class(pets, "toad") == 3
    assert pets.journal.added_classes() == {"newt": False, "toad": True}
    pets.journal.undo()
    pets.journal.redo()
    assert pets.journal.added_classes()["toad"]
    assert not pets.journal.inconsistencies() and not [one for one in inspect(pets) if one.kind == "damaged"]


def test_a_label_outlives_the_undo_of_its_class_by_somebody_else(pets):
    add_class(pets, "newt", author="ana")
    pets.journal.relabel(0, "newt", old="cat", author="ben")
    pets.journal.undo("ana")
    assert pets.corrected_labels().iloc[0] == "newt"
    assert not [one for one in inspect(pets) if one.kind == "damaged"]


def test_two_people_add_classes_at_once(pets):
    """Each through a separate journal, like two processes; both see the same codes."""
    with Journal(pets.journal.path, "ben") as other:
        add_class(pets, "newt")
        other.add_class("toad")
        other.add_class("newt")
    assert pets.label_space == ("cat", "dog", "newt", "toad") == open_run(pets.path).label_space


@pytest.mark.parametrize("name", ["", " newt", "newt\n", "n" * 201, "cat", "toad"])
def test_a_name_that_cannot_be_one_is_refused(pets, name):
    add_class(pets, "toad")
    before = pets.journal.last_seq
    with pytest.raises(InputError, match="`class`"):
        add_class(pets, name)
    assert pets.journal.last_seq == before


def test_a_name_of_another_type_is_refused(tmp_path):
    numbers = recorded(tmp_path / "numbers", [3, 5, 3])
    with pytest.raises(InputError, match="whole numbers"):
        add_class(numbers, "zebra")
    truth = recorded(tmp_path / "truth", [True, False, True])
    with pytest.raises(InputError, match="True and False"):
        add_class(truth, "maybe")
    heights = Dataset.from_arrays([1.5, 2.5], task="numbers")
    Recorder(tmp_path / "heights", heights).close()
    with pytest.raises(InputError, match="'numbers' are not classes"):
        add_class(open_run(tmp_path / "heights"), "height")


def test_ids_that_read_like_a_class_are_no_class(tmp_path):
    """The entry that adds a class uses the class name as id; a decision about an example with that id is unrelated."""
    run = recorded(tmp_path / "run", ["a", "b"], ids=["newt", "b"])
    add_class(run, "newt")
    run.journal.relabel("newt", "newt", old="a")
    state = run.journal.state()
    assert state.index.tolist() == ["newt"] and state["label"].tolist() == ["newt"]
    run.journal.undo()
    assert run.labels().tolist() == [0, 1] and run.journal.added_classes() == {"newt": True}
    run.journal.undo()
    assert run.journal.added_classes() == {"newt": False}


def test_a_tag_is_added_and_exported_in_every_format(tmp_path):
    dataset = Dataset.from_arrays([["sea"], ["sea", "sky"], None], task="multilabel", classes=["sea", "sky"])
    Recorder(tmp_path / "tags", dataset).close()
    run = open_run(tmp_path / "tags")
    code = add_class(run, "boat")
    run.journal.relabel([0, 2], "yes", old=["no", None], units=f"p{code}")
    corrected = run.corrected_labels().tolist()
    assert corrected[0]["yes"] == ["sea", "boat"] and corrected[1]["yes"] == ["sea", "sky"]
    assert corrected[2]["yes"] == ["boat"]
    assert run.changes()["label"].tolist() == ["yes", "yes"]
    table = read_table(export(run, tmp_path / "out.jsonl"))
    assert table["label"].iloc[0]["yes"] == ["sea", "boat"]
    file = export(run, tmp_path / "hf.parquet", format="hf")
    features = json.loads(pq.read_schema(file).metadata[b"huggingface"])["info"]["features"]
    assert features["tags"]["feature"]["names"] == ["sea", "sky", "boat"]
    lines = export(run, tmp_path / "out.svm", format="svmlight").read_text().splitlines()
    assert '["sea", "sky", "boat"]' in lines[0] and lines[1].startswith("0,2 ")


def test_nothing_else_changes(pets):
    """Evidence keeps its k columns: probabilities, detection and the classes of the dataset are unchanged."""
    before = pets.dataset.given_labels.copy()
    add_class(pets, "newt")
    assert (pets.k, pets.classes, pets.dataset.k) == (2, ("cat", "dog"), 2)
    assert np.array_equal(pets.dataset.given_labels, before)
    with pytest.raises(InputError, match="2 classes"):
        pets.save_pred_probs(np.full((5, 3), 1 / 3), out_of_fold=True, source="three columns")
