"""Labels are returned in the type in which they were given: int, float, bool, text, categorical, with or without
gaps."""

from __future__ import annotations

import dataclasses
import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import workbench as wb
from workbench.evidence import out_of_fold
from workbench.issues.kept import last_issues
from workbench.tasks.label_type import PLAIN, LabelType

N = 60
ORDER = ["small", "large", "medium"]


@functools.cache
def columns() -> dict[str, pd.Series]:
    """Columns of labels by type; each has three classes (except bool), and rows 0 and 1 are equal."""
    rng = np.random.default_rng(3)
    code = np.append([0, 0], rng.integers(0, 3, N - 2))
    number = np.array([3, 7, 12])[code]
    gap = np.arange(N) == 5
    words = np.array(ORDER, object)[code]
    return {
        "int64": pd.Series(number),
        "int8": pd.Series(number.astype(np.int8)),
        "uint16": pd.Series(number.astype(np.uint16)),
        "negative": pd.Series(number - 5),
        "Int64 with a gap": pd.Series(number, dtype="Int64").mask(gap),
        "Int8 without a gap": pd.Series(number, dtype="Int8"),
        "objects": pd.Series(number, dtype=object),
        "objects with a gap": pd.Series(number, dtype=object).where(~gap, None),
        "floats": pd.Series(number.astype(float)),
        "floats with a gap": pd.Series(number.astype(float)).mask(gap),
        "halves": pd.Series(number / 2),
        "float32": pd.Series((number / 10).astype(np.float32)),
        "bool": pd.Series(code == 0),
        "boolean with a gap": pd.Series(code == 0, dtype="boolean").mask(gap),
        "bool objects with a gap": pd.Series(code == 0, dtype=object).where(~gap, None),
        "text": pd.Series(words, dtype=object),
        "text of numbers": pd.Series(number.astype(str).astype(object)),
        "categorical": pd.Series(pd.Categorical(words, ORDER)),
        "ordered": pd.Series(pd.Categorical(words, ORDER, ordered=True)),
        "categories of int": pd.Series(pd.Categorical(number, [12, 3, 7], ordered=True)),
        "categorical with a gap": pd.Series(pd.Categorical(words, ORDER)).mask(gap),
    }


KINDS = sorted(columns())
REPORTED = {"Int64 with a gap", "halves", "bool objects with a gap", "text", "ordered", "categories of int"}
"""One of each kind: a report shows the names of classes, whatever the width of their dtype."""
WITH_ROOM = {"Int64 with a gap", "boolean with a gap"}


@pytest.fixture(params=KINDS)
def given(request) -> pd.Series:
    return columns()[request.param].copy().rename("y")


def recorded(given: pd.Series, place) -> wb.Run:
    """A reopened run of these labels, with embeddings that separate the classes."""
    frame = pd.DataFrame({"key": [f"e{row}" for row in range(N)], "y": given})
    dataset = wb.Dataset.from_frame(frame, "y", id="key")
    rng = np.random.default_rng(0)
    vectors = np.eye(dataset.k, 6)[dataset.given_labels] * 3 + rng.normal(size=(N, 6))
    wb.import_run(dataset, place, embeddings=vectors)
    return wb.open_run(place)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Iterator[Callable[[str], Path]]:
    """The run of a column of labels, recorded and scored once."""

    @functools.cache
    def path_of(kind: str) -> Path:
        path = tmp_path_factory.mktemp("typed") / "run"
        wb.score(recorded(columns()[kind].rename("y"), path))
        return path

    with pytest.MonkeyPatch.context() as patch:  # a type does not depend on how well its classes are predicted
        patch.setattr(out_of_fold, "STRENGTHS", (1.0,))
        yield path_of


@pytest.fixture
def run(made, given, request, tmp_path) -> wb.Run:
    """A copy of the run of the labels `given`."""
    return wb.open_run(shutil.copytree(made(request.node.callspec.params["given"]), tmp_path / "run"))


def assert_same(found, wanted: pd.Series) -> None:
    """Values and dtypes are equal, except for text, whose dtype depends on the version of pandas."""
    found = pd.Series(found).reset_index(drop=True).rename(wanted.name)
    if wanted.dtype == object and isinstance(wanted[0], str):
        assert found.astype(object).tolist() == wanted.tolist()
    else:
        pd.testing.assert_series_equal(found, wanted, check_names=False)


def test_from_frame_to_run_to_export(given, run, tmp_path):
    assert_same(run.dataset.given, given)
    assert run.dataset.label_type == wb.Dataset.from_arrays(given).label_type

    other = next(one for one in given.dropna().unique() if one != given[0])
    run.journal.relabel("e0", other, old=given[0])
    run.journal.relabel("e1", str(run.dataset.names_of([run.dataset.code_of(other)])[0]), old=given[1])
    wanted = given.copy()
    wanted[:2] = other
    assert_same(run.corrected_labels(), wanted)
    assert run.corrected_labels().name == "y"
    assert run.corrected_labels().index.tolist() == run.dataset.ids.tolist()

    changes = run.changes()
    assert changes.index.tolist() == ["e0", "e1"]
    assert changes["given_label"].tolist() == [given[0]] * 2 and changes["label"].tolist() == [other] * 2

    table = pd.read_parquet(wb.export(run, tmp_path / "all.parquet", issues=True))
    for name, column in {"y": wanted, "label": wanted, "given_label": given}.items():
        if given.dtype == object or isinstance(given.dtype, pd.CategoricalDtype):  # Parquet does not know these
            assert table[name].dropna().tolist() == column.dropna().tolist()
            assert table[name].isna().tolist() == column.isna().tolist()
        else:
            assert_same(table[name], column)
    assert table["changed"].sum() == 2
    cleaned = pd.read_parquet(wb.export(run, tmp_path / "cleaned.parquet", cleaned="relabel"))["y"]
    assert cleaned.tolist() == wanted.dropna().tolist()


def test_issues_of_a_run_and_of_arrays(given, run, tmp_path):
    issues = wb.find_issues(run).sort_values("row")
    assert_same(issues["given_label"], given)
    values = set(given.dropna().unique())
    assert set(issues["suggested_label"].dropna().unique()) <= values
    again = wb.find_issues(wb.open_run(tmp_path / "run")).sort_values("row")  # out of the cache
    pd.testing.assert_frame_equal(issues, again)
    pd.testing.assert_frame_equal(last_issues(run).sort_values("row"), again)

    arrays = wb.find_issues(wb.Dataset.from_arrays(given), embeddings=run.embeddings()).sort_values("row")
    assert_same(arrays["given_label"], given)
    assert arrays["suggested_label"].dtype == issues["suggested_label"].dtype


def test_every_table_has_the_type(given, run, tmp_path):
    rng, dataset, dtype = np.random.default_rng(1), run.dataset, pd.Series(run.dataset.given).dtype
    wb.review.save_votes(
        run,
        pd.DataFrame({"id": dataset.ids.repeat(2), "annotator": ["ann", "bob"] * N, "label": given.repeat(2)}).dropna(),
    )
    counts = wb.confusion_matrix(run)
    assert list(counts.index) == list(counts.columns) == list(dataset.class_values)
    consensus = wb.review.consensus(run, "majority")
    assert set(consensus["consensus"]) <= set(given.dropna().unique())
    assert wb.outliers(run).sort_index()["given_label"].dtype == dtype
    assert set(wb.duplicates(run)["given_label"].dropna()) <= set(given.dropna().unique())
    probs = rng.dirichlet(np.ones(dataset.k), N)
    planted = wb.experiments.plant_errors(wb.Dataset.from_arrays(given), 0.2, seed=1)
    before, rows = wb.Dataset.from_arrays(given), planted.planted["id"].to_numpy()
    assert planted.planted["true_label"].tolist() == pd.Series(before.given)[rows].tolist()
    path = tmp_path / "planted"
    wb.import_run(planted, path, pred_probs=probs)
    again = wb.open_run(path).planted()
    assert again["true_label"].tolist() == planted.planted["true_label"].tolist()
    assert again["planted_label"].tolist() == pd.Series(wb.open_run(path).dataset.given)[rows].tolist()
    report = wb.experiments.planted_report(wb.find_issues(wb.open_run(path)), again)
    assert report["planted"] == len(again)


def test_the_queue_slices_and_lessons_of_issues_work_on_any_type(given, run, request, tmp_path):
    issues = wb.find_issues(run, threshold=0.05)
    assert sorted(wb.review_queue(run, "pairs", issues=issues)) == sorted(issues.index[issues["is_issue"]])
    frame = wb.review.slices(run, issues=issues)
    names = [run.dataset.names_of(run.dataset.codes_of(issues[one])) for one in ("given_label", "suggested_label")]
    differ = issues["row"].to_numpy()[(names[0] != names[1]) & (names[1] != None)]  # noqa: E711
    if "suggestion differs" in frame:
        assert np.flatnonzero(frame["suggestion differs"]).tolist() == sorted(differ.tolist())
    if request.node.callspec.params["given"] in REPORTED:
        assert (tmp_path / "page.html") == wb.report(run, tmp_path / "page.html", issues=issues)


def test_codes_of_values_and_of_names(given):
    dataset = wb.Dataset.from_arrays(given)
    assert dataset.codes_of(given).tolist() == dataset.given_labels.tolist()
    assert dataset.codes_of(dataset.names_of(dataset.given_labels)).tolist() == dataset.given_labels.tolist()
    for code, (value, name) in enumerate(zip(dataset.class_values, dataset.classes)):
        assert dataset.code_of(value) == dataset.code_of(name) == code
    with pytest.raises(wb.errors.InputError, match="class"):
        dataset.code_of("of no kind")


@pytest.mark.parametrize("kind", ["int64", "negative", "bool", "categories of int", "floats"])
def test_probabilities_in_a_frame_are_matched_with_typed_labels(kind):
    """Integers that name classes are not indices, whatever their range."""
    labels = columns()[kind]
    dataset = wb.Dataset.from_arrays(labels)
    probs = np.full((N, dataset.k), 0.1 / (dataset.k - 1))
    probs[np.arange(N), dataset.given_labels] = 0.9
    probs[0] = probs[0, ::-1]
    frame = pd.DataFrame(probs[:, ::-1], columns=list(dataset.class_values)[::-1])
    issues = wb.find_issues(labels, pred_probs=frame).sort_values("row")
    assert issues["given_label"].tolist() == labels.tolist()
    expected = wb.find_issues(dataset, pred_probs=probs).sort_values("row")
    assert issues["p_error"].to_numpy() == pytest.approx(expected["p_error"].to_numpy(), abs=1e-4)


def test_indices_beside_an_array_come_back_as_indices():
    probs = np.array([[0.9, 0.1], [0.2, 0.8], [0.9, 0.1], [0.3, 0.7]])
    issues = wb.find_issues(np.array([0, 1, 1, -1], np.int32), pred_probs=probs).sort_values("row")
    assert issues["given_label"].tolist()[:3] == [0, 1, 1] and issues["given_label"].isna().tolist()[3]
    assert issues["given_label"].dtype == "Int32" and issues["suggested_label"].dtype == np.int32
    named = wb.find_issues([0, 1, 1, 0], pred_probs=probs, classes=["cat", "dog"])
    assert set(named["given_label"]) == {"cat", "dog"}, "named classes are what labels are called"
    assert wb.find_issues([0, 1, 1, 0], pred_probs=probs)["given_label"].dtype == np.int64


def test_classes_that_are_named_say_the_type():
    assert wb.Dataset.from_arrays([0, 1], classes=["no", "yes"]).given.tolist() == ["no", "yes"]
    wide = wb.Dataset.from_arrays([3, 5], classes=[3, 5, 9])
    assert wide.given.dtype == np.int64 and wide.class_values == (3, 5, 9)
    assert wb.Dataset.from_arrays(["3", "5"], classes=[3, 5]).given.tolist() == [3, 5]
    mixed = wb.Dataset.from_arrays(pd.Series([1, "a"], dtype=object))
    assert mixed.given.tolist() == ["1", "a"], "a column of several types comes back as text"
    assert wb.Dataset.from_arrays([2**70, 1]).given.tolist() == [str(2**70), "1"]
    masked = np.ma.masked_array([3, 4, 3], [False, False, True])
    assert pd.isna(wb.Dataset.from_arrays(masked).given).tolist() == [False, False, True]
    assert wb.Dataset.from_arrays(masked).given.dtype == "Int64"
    assert wb.Dataset.from_arrays(iter([True, False])).given.dtype == bool


def test_labels_of_text_leave_no_trace_in_the_file(tmp_path):
    for name, dtype in (("text", False), ("int64", True)):
        run = recorded(columns()[name], tmp_path / name)
        schema = pq.read_schema(run.layout.examples)
        assert (b"label_type" in (schema.field("given_label").metadata or {})) is dtype
        assert str(schema.field("given_label").type) == "int32"


@pytest.mark.parametrize(
    "note",
    [
        *(b"", b"{", b"[]", b"null", b'{"kind": "int"}'),
        b'{"kind": "date", "dtype": "x", "categorical": 0, "ordered": 0}',
        b'{"kind": "bool", "dtype": "bool", "categorical": false, "ordered": false}',
        b'{"kind": "int", "dtype": "float64", "categorical": false, "ordered": false}',
        b'{"kind": "int", "dtype": ["int64"], "categorical": false, "ordered": false}',
    ],
)
def test_a_note_that_does_not_fit_is_not_believed(note):
    assert LabelType.from_json(note, ("3", "7")) == PLAIN


def test_a_note_is_read_as_it_was_written(given):
    dataset = wb.Dataset.from_arrays(given)
    assert LabelType.from_json(dataset.label_type.to_json(), dataset.classes) == dataset.label_type


def test_a_class_that_does_not_fit_the_dtype_widens_it():
    small = LabelType.of(pd.Series([1, 2], dtype=np.int8))
    assert small.column(np.array([0, 1]), ("1", "300")).tolist() == [1, 300]
    assert small.column(np.array([0, -1]), ("1", "300")).tolist() == [1, pd.NA]
    category = LabelType.of(pd.Series(pd.Categorical(pd.Series([1, 2], dtype=np.int8))))
    assert category.column(np.array([1]), ("1", "300")).tolist() == [300]


def test_truth_in_the_type_of_the_labels(given, run):
    from workbench.experiments.training_data import true_labels

    assert true_labels(run.dataset, given).tolist() == run.dataset.given_labels.tolist()
    assert true_labels(run.dataset, given.tolist()).tolist() == run.dataset.given_labels.tolist()
    assert true_labels(run.dataset, run.labels()).tolist() == run.dataset.given_labels.tolist()


def test_imports_and_their_files_keep_the_type(tmp_path):
    labels = columns()["int64"]
    frame = pd.DataFrame({"label": labels, "p_3": 0.5, "p_7": 0.25, "p_12": 0.25})
    run = wb.import_run(frame, tmp_path / "frame", probs="p_", out_of_fold=True)
    assert_same(run.dataset.given, labels)
    from workbench.recording.imports import frame as table
    from workbench.recording.imports import npz

    written = pd.read_parquet(table.write(run, tmp_path / "written.parquet"))
    assert_same(written["label"], labels.rename("label"))
    again = wb.import_run(npz.write(run, tmp_path / "run.npz"), tmp_path / "again")
    assert_same(again.dataset.given, labels)
    evidence = wb.Evidence.from_arrays(labels, embeddings=np.eye(N, 4), classes=[3, 7, 12])
    assert_same(wb.import_run(evidence, tmp_path / "evidence").dataset.given, labels)


def test_a_dataset_of_other_labels_keeps_the_type():
    dataset = wb.Dataset.from_arrays(columns()["int8"])
    other = dataset.with_labels(np.zeros(N, np.int64))
    assert other.given.dtype == np.int8 and set(other.given) == {3}
    assert dataclasses.replace(dataset, labels=np.full(N, -1)).given.dtype == "Int8"
