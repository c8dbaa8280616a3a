"""Hostile tables and descriptions: each gives one clear error that names the file."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.errors import RunError
from workbench.recording.recorder import Recorder
from workbench.runs.run import open_run
from workbench.shell.inspection import inspect

N = 6


@pytest.fixture
def path(tmp_path, rng):
    images = rng.integers(0, 255, (N, 8, 8), np.uint8)
    dataset = Dataset.from_arrays(list("ab") * (N // 2), images=images)
    with Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(1):
        recorder.batch(dataset.ids, rng.normal(size=(N, 2)))
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("mode", "guess", "field `mode` is 'guess', not one of train, eval, import"),
        ("classes", ["\ud800", "b"], "holds text that is not Unicode"),
        ("n", 10**18, "run.json says n = 1000000000000000000"),
    ],
)
def test_descriptions(path, field, value, message):
    described = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(described | {field: value}))
    with pytest.raises(RunError, match=r"run\.json") as caught:
        open_run(path)
    assert message in str(caught.value)


def broken_text() -> pa.Array:
    offsets = pa.py_buffer(np.arange(0, 2 * N + 1, 2, dtype=np.int32).tobytes())
    return pa.Array.from_buffers(pa.string(), N, [None, offsets, pa.py_buffer(b"\xff\xfe" * N)])


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("text", broken_text()),
        ("day", pa.array(np.full(N, 2**31 - 1, np.int32)).view(pa.date32())),
        ("given_label", pa.array([0] * N)),
    ],
)
def test_columns_of_examples(path, name, column):
    table = pq.read_table(path / "examples.parquet").append_column(name, column)
    pq.write_table(table, path / "examples.parquet")
    with pytest.raises(RunError, match=r"examples.parquet cannot be read"):
        open_run(path)


def test_damaged_pictures(path):
    run = open_run(path)
    data = bytearray((path / "examples.parquet").read_bytes())
    place = bytes(data).find(b"PNG")  # uncompressed or compressed; if uncompressed, the middle of the file holds images
    start = place if place > 0 else len(data) // 3
    data[start : start + 300] = bytes(300)
    (path / "examples.parquet").write_bytes(data)
    with pytest.raises(RunError, match=r"examples.parquet"):
        open_run(path).dataset.image(0)
    assert run.n == N


@pytest.mark.parametrize("ids", [[[1]], [b"\xff"]])
def test_planted_errors(path, ids):
    table = pa.table({"id": ids, "true_label": ["a"], "planted_label": ["b"]})
    pq.write_table(table, path / "planted.parquet")
    try:
        run = open_run(path)
    except RunError as error:
        assert "planted.parquet" in str(error)
    else:
        assert [one.path for one in inspect(run) if one.is_damage] == ["planted.parquet"]


def test_a_huge_epoch_number_costs_nothing(path):
    shutil.copytree(path / "stats" / "epoch=0001", path / "stats" / "epoch=300000000")
    run = open_run(path)
    assert run.epochs == (1, 300_000_000)
    notes = [one.words for one in inspect(run) if "were not recorded" in one.words]
    assert notes == ["epochs 0, 2, 3, 4, 5 and 299,999,994 more were not recorded, but later ones were"]
