"""Tags with three states, dense, sparse and listed: stored, decided, exported and read again without loss."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from contract import Case, recorded, same
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.review import tag_files
from workbench.tasks import multilabel


def predictions(dataset):
    """Probabilities that agree with the given cells and are uncertain for unknown ones."""
    rng = np.random.default_rng(0)
    given = dataset.units.given.reshape(dataset.n, dataset.k)
    return {"pred_probs": np.clip(np.where(given == 1, 0.85, 0.1) + rng.normal(0, 0.1, given.shape), 0, 1)}


CASE = Case(
    task="multilabel",
    labels=[
        {"yes": ["sea", "sky"], "unknown": []},
        {"yes": [], "unknown": []},
        None,
        {"yes": ["=tree"], "unknown": ["sea"]},
        {"yes": ["sky"], "no": []},
        {"yes": [], "no": ["sky", "=tree"]},
    ],
    classes=("sea", "sky", "=tree"),
    values=st.sampled_from(["no", "yes", "unknown"]),
    decisions=[
        (0, "p0", "no"),
        (1, "p2", "yes"),
        (2, "p1", "yes"),
        (3, "p0", "no"),
        (4, "p0", "no"),
        (5, "p1", "unknown"),
    ],
    corrected=[
        {"yes": ["sky"], "unknown": []},
        {"yes": ["=tree"], "unknown": []},
        {"yes": ["sky"], "no": []},
        {"yes": ["=tree"], "unknown": []},
        {"yes": ["sky"], "no": ["sea"]},
        {"yes": [], "no": ["=tree"]},
    ],
    words={"yes": "yes", "no": "no", "unknown": "unknown"},
    hostile=["", "maybe", "YES", '"yes"', "null", "-1", "1"],
    other_labels=[["sea"], [["whale"]], [3], [{"yes": ["sea"], "maybe": []}], [["sea", "sea"]], [[["sea"]]]],
    wrong_keys=["", "g0", "p3", "p-1", "x"],
    predictions=predictions,
    by_hand=(5, [("p0", "unknown"), ("p1", "no"), ("p2", "no")]),
)


TABLE = np.array([[1, 0, -1], [0, 0, 0], [-1, -1, -1], [1, 1, 1]])
LISTS = [{"yes": ["a"], "unknown": ["c"]}, {"yes": [], "unknown": []}, None, {"yes": ["a", "b", "c"], "unknown": []}]


def read(labels, classes=("a", "b", "c"), **options):
    return wb.Dataset.from_arrays(labels, task="multilabel", classes=classes, **options)


@pytest.mark.parametrize(
    "form", ["array", "bytes", "floats", "frame", "coo", "csr_array", "lists", "objects", "tensor"]
)
def test_the_same_tags_in_every_form(form):
    sparse = scipy.sparse.coo_matrix(TABLE)
    frame = pd.DataFrame(TABLE, columns=["a", "b", "c"])
    labels = {
        "array": TABLE,
        "bytes": TABLE.astype(np.int8),
        "floats": np.where(TABLE < 0, np.nan, TABLE),
        "frame": frame[["c", "a", "b"]],
        "coo": sparse,
        "csr_array": scipy.sparse.csr_array(sparse),
        "lists": LISTS,
        "objects": np.where(TABLE < 0, None, TABLE).astype(object),
    }
    if form == "tensor":
        labels["tensor"] = pytest.importorskip("torch").tensor(TABLE)
    dataset = read(labels[form])
    assert dataset.units.given.reshape(4, 3).tolist() == TABLE.tolist()
    assert list(dataset.given) == LISTS
    assert dataset.kind.missing(dataset.labels).tolist() == [False, False, True, False]


def test_an_open_world_knows_what_is_said_alone():
    dataset = read([["a"], {"yes": ["b"], "no": ["a"]}, [], {"yes": ["a"], "unknown": []}], open_world=True)
    assert dataset.units.given.reshape(4, 3).tolist() == [[1, -1, -1], [0, 1, -1], [-1, -1, -1], [1, 0, 0]]
    assert dataset.kind.missing(dataset.labels).tolist() == [False, False, True, False]
    stored = scipy.sparse.coo_array((np.array([1.0, 0.0]), ([0, 1], [2, 0])), shape=(3, 3))
    given = read(stored, open_world=True).units.given.reshape(3, 3)
    assert given.tolist() == [[-1, -1, 1], [0, -1, -1], [-1, -1, -1]]
    assert read(stored).units.given.reshape(3, 3).tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]


@settings(max_examples=40)
@given(hnp.arrays(np.int8, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.integers(-1, 1)), st.booleans())
def test_any_table_comes_back(table, open_world):
    names = [f"t{column}" for column in range(table.shape[1])]
    dataset = read(table, names, open_world=open_world)
    assert (dataset.units.given.reshape(table.shape) == table).all()
    again = read(list(dataset.given), names)
    assert not dataset.kind.differ(again.labels, dataset.labels).any()
    dataset.kind.check(dataset.labels, dataset.classes)
    other = table.copy()
    other[0, -1] = 1 if table[0, -1] != 1 else 0
    assert dataset.kind.differ(read(other, names, open_world=open_world).labels, dataset.labels).tolist() == [
        True,
        *[False] * (len(table) - 1),
    ]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([[0, 1, 0], [0, 2, 1]]), r"`labels` row 1 column 1 \('b'\) is 2. A cell is 1 \(yes\), 0 \(no\)"),
        (np.array([[0.5, 1, 0]]), r"`labels` row 0 column 0 \('a'\) is 0.5"),
        (np.array([[True, "x", 0]], object), r"`labels` row 0 column 1 \('b'\) is 'x'"),
        (scipy.sparse.csr_array(np.array([[0, 0, 0], [0, 0, 7]])), r"`labels` row 1 column 2 \('c'\) is 7"),
        (np.zeros((2, 2, 2)), r"`labels` has shape \(2, 2, 2\). Pass an \(n, k\) table"),
        (np.zeros((2, 4)), "`classes` names 3 tags for 4 columns"),
        (np.array([["a", "b", "c"]]), "`labels` has dtype <U1"),
        (["a"], "`labels` row 0 is 'a', which is not a list of tags"),
        ([["a"], ["d"]], r"`labels` row 1 holds the tag 'd'. Known tags: 'a', 'b', 'c'"),
        ([["a"], ["b", "b"]], "`labels` row 1 lists the tag 'b' twice"),
        ([["a"], [None]], "`labels` row 1 holds the tag None"),
        ([{"yes": ["a"], "no": ["a"]}], "`labels` row 0 lists the tag 'a' twice"),
        ([{"yes": [], "no": [], "unknown": []}], "`labels` row 0 is "),
        ([{"tags": ["a"]}], "`labels` row 0 is "),
        ("abc", "`labels` is a str"),
        (7, "`labels` is a int"),
    ],
)
def test_a_wrong_form_gets_one_clear_error(labels, message):
    with pytest.raises(InputError, match=message):
        read(labels)


def test_names_of_tags_are_found_or_given():
    assert wb.Dataset.from_arrays([["b", "a"], ["c"]], task="multilabel").classes == ("a", "b", "c")
    assert wb.Dataset.from_arrays([[10, 2], []], task="multilabel").classes == ("2", "10")
    assert wb.Dataset.from_arrays(TABLE, task="multilabel").classes == ("0", "1", "2")
    codes = read([[0, 2], []])
    assert list(codes.given) == [["a", "c"], []]
    with pytest.raises(InputError, match="`classes` repeats 'a'"):
        read(TABLE, ["a", "b", "a"])
    frame = pd.DataFrame({"text": ["x", "y"], "a": [1, 0], "b": [0, 0]})
    made = wb.Dataset.from_frame(frame, ["a", "b"], task="multilabel", text="text")
    assert list(made.given) == [["a"], []] and made.text_column == "text"


def test_large_tables_list_what_is_given_and_know_the_rest(monkeypatch, tmp_path):
    monkeypatch.setattr(multilabel, "MOST_CELLS", 5)
    run = recorded(CASE, tmp_path)
    dataset = run.dataset
    keys = [(int(row), dataset.units.key(place)) for place, row in enumerate(dataset.units.rows)]
    assert keys == [(0, "p0"), (0, "p1"), (3, "p0"), (3, "p2"), (4, "p1"), (5, "p1"), (5, "p2")]
    assert dataset.values_at([0, 1, 2, 3, 4], ["p2", "p9", "p0", "p0", "p0"]) == ["no", None, None, None, None]
    for row, key, value in CASE.decisions:
        old = dataset.values_at([row], [key])[0]
        run.journal.relabel(dataset.ids[row], value, old=old, units=key)
    assert same(CASE, run.labels(), CASE.labels_of(CASE.corrected))
    changes = run.changes()
    assert len(changes) == len(CASE.decisions) and changes.loc[("a1", "p2"), "given_label"] == "no"


# ---- files -------------------------------------------------------------------------------------------------------


def exported(tmp_path, labels, **options):
    dataset = wb.Dataset.from_arrays(labels, task="multilabel", ids=[f"id {n}" for n in range(len(labels))], **options)
    return wb.import_run(dataset, tmp_path / "run")


def test_scikit_learn_opens_the_svmlight_file(tmp_path):
    datasets = pytest.importorskip("sklearn.datasets")
    labels, vectors = [["b", "=x"], [], ["a"], None, ["b"]], np.array([[0, 1.5], [2, 0], [0, 0], [1, 1], [-3, 4]])
    run = exported(tmp_path, labels, classes=["=x", "a", "b"])
    run.save_embeddings(vectors)
    file = wb.export(run, tmp_path / "tags.svm", format="svmlight")
    x, y = datasets.load_svmlight_file(str(file), multilabel=True, zero_based=True, n_features=2)
    assert [tuple(map(int, one)) for one in y] == [(0, 2), (), (1,), (2,)]
    assert np.allclose(x.toarray(), vectors[[0, 1, 2, 4]])
    again = wb.import_run(file, tmp_path / "again", format="svmlight", task="multilabel")
    assert again.dataset.ids.tolist() == ["id 0", "id 1", "id 2", "id 4"] and again.classes == run.classes
    assert list(again.dataset.given) == [["=x", "b"], [], ["a"], ["b"]]
    other = tmp_path / "theirs.svm"
    datasets.dump_svmlight_file(
        np.array([[1.0, 0], [0, 2]]), np.array([[1, 0, 1], [0, 0, 0]]), str(other), multilabel=True
    )
    assert list(tag_files.read_svmlight(other).given) == [["0", "2"], []]
    other.write_text("0,x 1:2\n")
    with pytest.raises(InputError, match=r"theirs.svm line 1 holds the tags '0,x'"):
        tag_files.read_svmlight(other)


@pytest.mark.parametrize(
    ("labels", "listed"),
    [
        ([["b", "a"], [], ["a"]], [[0, 1], [], [0]]),
        ([{"yes": ["b"], "unknown": ["a"]}, ["a"], {"yes": [], "no": ["a"]}], [[1], [0], []]),
    ],
)
def test_the_library_datasets_reads_and_writes_the_same_tags(tmp_path, labels, listed):
    datasets = pytest.importorskip("datasets", reason="the package `datasets` is missing")
    run = exported(tmp_path, labels, classes=["a", "b"])
    file = wb.export(run, tmp_path / "tags.parquet", format="hf")
    read = datasets.Dataset.from_parquet(str(file), cache_dir=str(tmp_path / "cache"))
    assert read.features["tags"].feature.names == ["a", "b"] and read["tags"][:] == listed
    read.to_parquet(str(tmp_path / "theirs.parquet"))
    again = wb.import_run(tmp_path / "theirs.parquet", tmp_path / "again", format="hf", task="multilabel")
    assert list(again.dataset.given) == list(run.dataset.given)
    assert again.dataset.ids.tolist() == run.dataset.ids.tolist() and again.classes == ("a", "b")


def test_parquet_for_hugging_face_names_its_tags(tmp_path):
    import json

    import pyarrow.parquet as pq

    run = exported(tmp_path, [["b"], [], None], classes=["a", "b"])
    file = wb.export(run, tmp_path / "tags.parquet", format="hf")
    table = pq.read_table(file)
    feature = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]["tags"]
    assert feature == {"feature": {"names": ["a", "b"], "_type": "ClassLabel"}, "_type": "Sequence"}
    assert table.column("tags").to_pylist() == [[1], [], None]
    again = wb.import_run(file, tmp_path / "again", format="hf", task="multilabel")
    assert list(again.dataset.given) == [["b"], [], None] and again.classes == ("a", "b")
    with pytest.raises(InputError, match="unknown format 'coco'"):
        wb.export(run, tmp_path / "x.json", format="coco")
    with pytest.raises(InputError, match="unknown column 'labels'"):
        tag_files.read_hf(file, label="labels")
