"""examples.parquet: values survive a round trip, images are read by row, unsupported columns are named."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.recording.recorder import Recorder
from workbench.runs.run import Run
from workbench.storage import examples


def stored(path, dataset):
    """The dataset as read back from a run."""
    Recorder(path / "run", dataset).close()
    return Run(path / "run").dataset


def test_a_full_dataset_comes_back(tmp_path):
    frame = pd.DataFrame(
        {
            "name": ["x", "ü\n<b>", "=1+1", ""],
            "y": ["cat", None, "dog", "cat"],
            "text": ["one", None, "", "four"],
            "number": [1.5, np.nan, -np.inf, 0],
            "whole": [1, 2, 3, 2**60],
            "maybe": pd.array([True, None, False, True], "boolean"),
            "when": pd.to_datetime(["2026-01-01", None, "2026-01-03", "2026-01-04"], utc=True),
            "kind": pd.Categorical(["a", "b", None, "a"]),
            "tags": [["p", "q"], [], None, ["r"]],
            "day": [datetime.date(2026, 1, day + 1) for day in range(4)],
            "image": [b"\x89PNG1", None, b"", b"\xff\xd8"],
        }
    )
    dataset = Dataset.from_frame(frame, "y", id="name", image="image", text="text", classes=["dog", "cat", "eel"])
    back = stored(tmp_path, dataset)
    assert back.ids.tolist() == dataset.ids.tolist()
    assert back.ids.dtype == dataset.ids.dtype
    assert back.given_labels.tolist() == [1, -1, 0, 1]
    assert back.classes == ("dog", "cat", "eel")
    assert back.text_column == "text"
    assert [back.text(row) for row in range(4)] == ["one", None, "", "four"]
    assert [back.image(row) for row in range(4)] == [b"\x89PNG1", None, b"", b"\xff\xd8"]
    assert back.metadata.columns.tolist() == dataset.metadata.columns.tolist()
    for name in ("number", "whole", "day"):
        assert back.metadata[name].equals(dataset.metadata[name]), name
    assert back.metadata["kind"].tolist()[:2] == ["a", "b"]
    assert back.metadata["when"].dt.day.tolist()[0] == 1
    assert list(back.metadata["tags"][0]) == ["p", "q"]
    assert back.metadata["maybe"].isna().tolist() == [False, True, False, False]


@pytest.mark.parametrize("n", [0, 1, 5])
def test_sizes(tmp_path, n):
    back = stored(tmp_path, Dataset.from_arrays([0] * n, classes=["a"]))
    assert back.n == n
    assert back.classes == ("a",)


def test_int_ids_keep_64_bits(tmp_path):
    assert stored(tmp_path, Dataset.from_arrays([0, 0], ids=[2**62, -(2**63)])).ids.tolist() == [2**62, -(2**63)]


def test_planted_errors_are_kept_apart(tmp_path):
    import dataclasses

    table = pd.DataFrame({"id": [1], "true_label": ["a"], "planted_label": ["b"]})
    dataset = dataclasses.replace(Dataset.from_arrays(["a", "b"]), planted=table)
    pd.testing.assert_frame_equal(stored(tmp_path, dataset).planted, table, check_dtype=False)


def test_images_are_read_a_group_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(examples, "GROUP_ROWS", 8)
    back = stored(tmp_path, Dataset.from_arrays([0] * 100, images=[b"%d" % row for row in range(100)]))
    assert pq.ParquetFile(tmp_path / "run" / "examples.parquet").num_row_groups == 13
    for row in (99, 0, 50, 7, 8, 99):
        assert back.image(row) == b"%d" % row
    assert len(back.images._groups) <= 8
    assert back.images[48:52] == [b"48", b"49", b"50", b"51"] and back.images[98:200] == [b"98", b"99"]
    for row in (100, -1):
        with pytest.raises(IndexError):
            back.images[row]


def test_images_are_read_only_when_asked_for(tmp_path):
    back = stored(tmp_path, Dataset.from_arrays([0] * 3, images=[b"x"] * 3))
    assert not back.images._groups


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1, "a", 2.5], r"metadata\['c'\].* cannot be stored"),
        ([1 + 2j, 0, 0], r"metadata\['c'\]"),
        ([object(), None, None], r"metadata\['c'\]"),
        (["ok", "\ud800", ""], r"metadata\['c'\]"),
    ],
)
def test_columns_that_cannot_be_stored(tmp_path, column, message):
    dataset = Dataset.from_arrays([0, 1, 0], metadata=pd.DataFrame({"c": pd.Series(column, dtype=object)}))
    with pytest.raises(InputError, match=message):
        Recorder(tmp_path / "run", dataset)
    assert not (tmp_path / "run" / "run.json").exists()
    good = Dataset.from_arrays([0, 1, 0])
    Recorder(tmp_path / "run", good).close()  # the directory can be used again


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (["a.png", b"x"], "row 1 is an image among paths"),
        ([np.zeros((2, 2, 2)), np.zeros((2, 2))], r"row 0 is an array of float64 of shape \(2, 2, 2\)"),
    ],
)
def test_images_that_cannot_be_stored(tmp_path, images, message):
    with pytest.raises(InputError, match=message):
        Recorder(tmp_path / "run", Dataset.from_arrays([0, 1], images=images))
