"""Datasets: ids and labels of many kinds become two arrays; errors are named; inputs are not modified."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError

# ---- labels --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "classes", "codes", "names"),
    [
        (["dog", "cat", "dog"], None, [1, 0, 1], ("cat", "dog")),
        (["dog", "cat", None], ["dog", "cat", "eel"], [0, 1, -1], ("dog", "cat", "eel")),
        ([3, 1, 3], None, [1, 0, 1], ("1", "3")),
        ([2, 0, 1], ["a", "b", "c"], [2, 0, 1], ("a", "b", "c")),
        ([10, 2, 10], [2, 10], [1, 0, 1], ("2", "10")),
        ([10, 9], None, [1, 0], ("9", "10")),  # by number, not by text
        ([True, False], None, [1, 0], ("False", "True")),
        ([1.0, np.nan, 0.0], None, [1, -1, 0], ("0", "1")),
        (["a", np.nan, pd.NA], None, [0, -1, -1], ("a",)),
        (pd.Categorical(["b", "a"], ["b", "a", "z"]), None, [0, 1], ("b", "a", "z")),
        (pd.Series(["x", "y"], index=[7, 7]), None, [0, 1], ("x", "y")),
        (pd.array([1, None, 0], "Int64"), None, [1, -1, 0], ("0", "1")),
        (np.array([1, 0], np.uint8), None, [1, 0], ("0", "1")),
        (["<b>x</b>", "=1+1"], None, [0, 1], ("<b>x</b>", "=1+1")),
        ([], None, [], ()),
        ([None, None], ["a"], [-1, -1], ("a",)),
    ],
)
def test_labels(labels, classes, codes, names):
    if isinstance(labels, pd.Categorical):
        labels = pd.Series(labels)
    dataset = Dataset.from_arrays(labels, classes=classes)
    assert dataset.given_labels.tolist() == codes
    assert dataset.given_labels.dtype == np.int64
    assert dataset.classes == names
    assert dataset.names_of(dataset.given_labels).tolist() == [None if code < 0 else names[code] for code in codes]
    assert dataset.codes_of(dataset.given).tolist() == codes


def test_labels_as_a_tensor():
    torch = pytest.importorskip("torch")
    assert Dataset.from_arrays(torch.tensor([2, 0])).classes == ("0", "2")


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (["cat", "dgo"], ["cat", "dog"], r"`labels` row 1 is 'dgo'. Known classes: 'cat', 'dog'"),
        ([0, -1], ["cat", "dog"], r"`labels` row 1 is -1. .*pass None instead of -1 \(1 rows\)"),
        (None, None, "`labels` is None. Pass one label per example"),
        ([0, 3], ["a", "b"], r"row 1 is 3"),
        ([0, -1], ["a", "b"], r"row 1 is -1"),
        (["1", 1], ["1", 1], "repeats '1'"),
        (["a"], ["a", "b", "a"], "repeats 'a'"),
        (np.zeros((2, 2)), None, r"shape \(2, 2\)"),
        ([["a"], ["b"]], None, "row 0 is a list"),
        (["a", "\udc80"], None, "not Unicode"),
    ],
)
def test_labels_that_are_wrong(labels, classes, message):
    with pytest.raises(InputError, match=message):
        Dataset.from_arrays(labels, classes=classes)


# ---- ids -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "kind", "listed"),
    [
        (None, "int64", [0, 1, 2]),
        ([5, -3, 9], "int64", [5, -3, 9]),
        (np.array([5, 3, 9], np.uint16), "int64", [5, 3, 9]),
        (["b", "", "ä/ö.jpg"], "object", ["b", "", "ä/ö.jpg"]),
        (np.array(["b", "a", "c"]), "object", ["b", "a", "c"]),
        (pd.Series(["b", "a", "c"], index=[3, 2, 1]), "object", ["b", "a", "c"]),
        ([2**62, 0, 1], "int64", [2**62, 0, 1]),
    ],
)
def test_ids(ids, kind, listed):
    dataset = Dataset.from_arrays(["x"] * 3, ids=ids)
    assert dataset.ids.dtype == kind
    assert dataset.ids.tolist() == listed
    assert dataset.rows(listed[::-1]).tolist() == [2, 1, 0]
    assert dataset.rows(np.array(listed, dataset.ids.dtype)[1:]).tolist() == [1, 2]
    assert dataset.rows([]).tolist() == []


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([1, 2, 1], r"`ids` row 2 \(id 1\) repeats the id of row 0 \(1 repeats in all\)"),
        (["a", "a", "a"], r"row 1 \(id 'a'\) .*2 repeats"),
        ([1, "a", 2], "mixes 2 int and 1 str"),
        ([1.5, 2.5, 3.5], r"row 0 is 1\.5 \(float\)"),
        ([1, None, 2], r"row 1 is None"),
        ([True, False, 2], r"row 0 is True \(bool\)"),
        ([1, 2], r"shape \(2,\) for 3 labels"),
        (np.zeros((3, 1), int), r"shape \(3, 1\)"),
        ([(1,), (2,), (3,)], r"row 0 is \(1,\) \(tuple\)"),
        ([0, 2**63, 1], "row 1 is 9223372036854775808, beyond 64 bits"),
        (np.array([0, 1, 2**63], np.uint64), "row 2 is 9223372036854775808"),
        (["ä", "b\udc80", "c"], "row 1 is 'b.udc80', which is not valid Unicode"),
    ],
)
def test_ids_that_are_wrong(ids, message):
    with pytest.raises(InputError, match=message):
        Dataset.from_arrays(["x"] * 3, ids=ids)


@settings(deadline=None, max_examples=60)
@given(
    ids=st.one_of(
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, unique=True),
        st.lists(st.text(), min_size=1, unique=True),
        st.integers(1, 20).map(lambda n: list(range(n))),
    ),
    data=st.data(),
)
def test_rows_is_the_inverse_of_ids(ids, data):
    dataset = Dataset.from_arrays(["x"] * len(ids), ids=ids)
    picked = data.draw(st.lists(st.sampled_from(ids)))
    assert [dataset.ids.tolist()[row] for row in dataset.rows(picked)] == picked
    assert dataset.rows(picked).dtype == np.int64


@pytest.mark.parametrize(
    ("ids", "asked", "message"),
    [
        ([7, 8, 9], [7, 1, 2, 3, 4, 5, 6], r"6 not in the dataset: 1, 2, 3, 4, 5 and 1 more.*\(int\), such as 7"),
        ([7, 8, 9], ["7"], r"1 not in the dataset: '7'.*\(int\)"),
        (["7", "8", "9"], [7], r"1 not in the dataset: 7.*\(str\), such as '7'"),
        (None, [0, 3], "not in the dataset: 3"),
        (None, [-1], "not in the dataset: -1"),
        (None, np.array([[0]]), "shape"),
        (["7", "8", "9"], [["7"]], "invalid ids"),
    ],
)
def test_ids_that_are_unknown(ids, asked, message):
    with pytest.raises(InputError, match=message):
        Dataset.from_arrays(["x"] * 3, ids=ids).rows(asked)


def test_an_unknown_id_of_nothing():
    with pytest.raises(InputError, match="It is empty"):
        Dataset.from_arrays([]).rows([1])


# ---- columns -------------------------------------------------------------------------------------------------


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "key": ["a", "b", "c"],
            "y": ["no", "yes", None],
            "body": ["first", None, "third"],
            "path": ["1.png", None, "3.png"],
            "score": [0.1, 0.2, 0.3],
            "row": [7, 8, 9],
        },
        index=[5, 5, 1],
    )


def test_from_frame(frame):
    before = frame.copy()
    with pytest.warns(UserWarning, match="None of 2 images can be read"):
        dataset = Dataset.from_frame(frame, "y", id="key", image="path", text="body", media_root="somewhere")
    assert dataset.n == 3
    assert dataset.k == 2
    assert dataset.metadata.columns.tolist() == ["body", "score", "row_"]
    assert dataset.metadata.index.tolist() == [0, 1, 2]
    assert [dataset.text(row) for row in range(3)] == ["first", None, "third"]
    assert [dataset.image(row) for row in range(3)] == ["1.png", None, "3.png"]
    assert dataset.media_root.name == "somewhere"
    pd.testing.assert_frame_equal(frame, before)


def test_a_text_column_with_a_reserved_name(frame):
    dataset = Dataset.from_frame(frame.assign(row=["x", "y", "z"]), "y", text="row")
    assert dataset.text(2) == "z"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"label": "label"}, "unknown column 'label'"),
        ({"label": "y", "id": "keys"}, r"unknown column 'keys'. Did you mean 'key'\?.*`id=`"),
        ({"label": "y", "text": "nobody"}, "`text=`"),
        ({"label": "y", "id": "y"}, r"row 2 is (nan|None)"),
    ],
)
def test_columns_that_are_not_there(frame, arguments, message):
    with pytest.raises(InputError, match=message):
        Dataset.from_frame(frame, **arguments)


def test_two_columns_of_one_name(frame):
    with pytest.raises(InputError, match="two columns named 'row_'"):
        Dataset.from_frame(frame.assign(row_=1), "y")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"texts": ["a"]}, "`texts` has 1 entries for 2"),
        ({"images": [b"x"]}, "`images` has 1 entries for 2"),
        ({"metadata": pd.DataFrame({"a": [1]})}, "`metadata` has 1 rows for 2"),
    ],
)
def test_lengths(arguments, message):
    with pytest.raises(InputError, match=message):
        Dataset.from_arrays([0, 1], **arguments)


def test_images_of_many_kinds():
    arrays = Dataset.from_arrays([0, 1], images=np.zeros((2, 4, 4), np.uint8))
    assert arrays.image(1).startswith(b"\x89PNG")
    assert arrays.media_root is None
    mixed = Dataset.from_arrays([0] * 4, images=[b"raw", None, np.nan, pd.NA])
    assert [mixed.image(row) for row in range(4)] == [b"raw", None, None, None]
    with pytest.warns(UserWarning, match="None of 2 images can be read"):
        paths = Dataset.from_arrays([0, 1], images=np.array(["a.png", "b.png"]))
    assert paths.image(0) == "a.png"
    assert paths.media_root is not None
    assert Dataset.from_arrays([0]).image(0) is None


# ---- never altered -------------------------------------------------------------------------------------------


def test_nothing_can_be_changed():
    ids, labels = np.array([3, 4]), np.array([0, 1])
    dataset = Dataset.from_arrays(labels, ids=ids)
    ids[0] = labels[0] = 9
    assert dataset.ids.tolist() == [3, 4]
    assert dataset.given_labels.tolist() == [0, 1]
    for array in (dataset.ids, dataset.given_labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.classes = ()


def test_other_labels_make_another_dataset():
    dataset = Dataset.from_arrays(["a", "b"], ids=["x", "y"])
    other = dataset.with_labels([1, -1])
    assert other.given.tolist() == ["b", None]
    assert dataset.given.tolist() == ["a", "b"]
    assert other.rows(["y"]).tolist() == [1]
    with pytest.raises(InputError, match="row 0 is 2 for 2 classes"):
        dataset.with_labels([2, 0])


def test_names_and_codes():
    dataset = Dataset.from_arrays(["a", "b"])
    assert dataset.names_of(np.array([[1, -1], [0, 0]])).tolist() == [["b", None], ["a", "a"]]
    assert dataset.code_of("b") == 1
    with pytest.raises(InputError, match=r"unknown class 'c'"):
        dataset.code_of("c")


def test_an_unknown_task():
    with pytest.raises(InputError, match=r"unknown task 'multiclas'. Did you mean 'multiclass'"):
        dataclasses.replace(Dataset.from_arrays([0]), task="multiclas")


def test_what_it_shows_of_itself_is_counts_and_not_arrays():
    frame = pd.DataFrame({"label": ["ant", "bee", None, "bee"], "words": list("abcd")})
    shown = repr(Dataset.from_frame(frame, text="words"))
    assert shown == "<Dataset multiclass: 4 examples, 2 classes ('ant', 'bee'), 1 unlabelled, text in 'words'>"
    assert repr(Dataset.from_arrays(range(2000))).endswith("classes ('0', '1', '2', '3', '4' and 1995 more)>")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([True, 1, "1", 1.0], "`labels` row 1 is 1 among True and False"),
        ([2, 0, True], "`labels` row 2 is True among numbers"),
        ([np.True_, np.float64(1)], "among True and False"),
        ([-1, 0, 1], r"`labels` row 0 is -1 \(1 rows\). Pass None"),
        (np.array([0.0, -1.0, np.nan]), "`labels` row 1 is -1"),
        (pd.array([1, None, -1], "Int64"), "`labels` row 2 is -1"),
        (["a", 0, -1], "`labels` row 2 is -1"),
        (pd.Series([0, -1]), "`labels` row 1 is -1"),
    ],
)
def test_labels_that_mean_two_things_are_refused(labels, message):
    with pytest.raises(InputError, match=message):
        Dataset.from_arrays(labels)


def test_minus_one_may_be_a_class_where_it_is_named():
    assert Dataset.from_arrays([-1, 1], classes=[-1, 1]).classes == ("-1", "1")
    assert Dataset.from_arrays(["-1", "1"]).classes == ("-1", "1")
    assert Dataset.from_arrays([True, False, None]).k == 2


@pytest.mark.parametrize(
    "labels", [np.array([[0], [1], [0]]), pd.DataFrame({"label": [0, 1, 0]}), np.array([0, 1, 0], object), [0, 1, 0]]
)
def test_one_column_of_labels(labels):
    assert Dataset.from_arrays(labels).given_labels.tolist() == [0, 1, 0]


def test_long_values_are_cut_in_messages():
    for call in (
        lambda: Dataset.from_arrays(["x" * 10**6, "a"], classes=["a"]),
        lambda: Dataset.from_arrays(["a"], classes=["x" * 10**6]),
        lambda: Dataset.from_arrays([0], ids=["x"]).rows(["y" * 10**6]),
        lambda: Dataset.from_arrays(["a", "b"], ids=["y" * 10**6] * 2),
        lambda: Dataset.from_arrays(["a"]).code_of("y" * 10**6),
        lambda: Dataset.from_arrays(["a"], ids=[10**5000]),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert len(str(caught.value)) < 1500
