"""Damaged run directories: whatever the files contain, one clear error that names the file, or right numbers."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pytest

import workbench as wb
from workbench.foundation.errors import RunError
from workbench.shell.inspection import inspect

KINDS = ("cut", "flip", "tail", "zero")
FILES = (
    *("run.json", "examples.parquet", "planted.parquet", "pred_probs.npy", "pred_probs.json"),
    *("stats/epoch=0004/rank=0.parquet", "embeddings/epoch=0009.npy"),
)


def damaged(data: bytes, kind: str, rng: np.random.Generator) -> bytes:
    """The bytes truncated, zeroed, or with bits flipped anywhere or near the end (where Parquet has its footer)."""
    if kind == "cut":
        return data[: rng.integers(len(data))]
    changed = np.frombuffer(data, np.uint8).copy()
    if kind == "zero":
        start = rng.integers(len(data))
        changed[start : start + rng.integers(1, 200)] = 0
    else:
        first = 0 if kind == "flip" else max(0, len(data) - 3000)
        places = rng.integers(first, len(data), rng.choice([1, 3, 20]))
        changed[places] ^= (1 << rng.integers(0, 8, len(places))).astype(np.uint8)
    return changed.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_open_score_and_look(tmp_path, root, name):
    """Each trial damages one file. A crash or an internal error fails the test by itself."""
    import widgets as wd

    rng = np.random.default_rng(sum(name.encode()))
    path = shutil.copytree(root / "data" / "digits-run", tmp_path / "run")
    data = (path / name).read_bytes()
    refused = 0
    for trial, kind in enumerate(KINDS):
        (path / name).write_bytes(damaged(data, kind, rng))
        shutil.rmtree(path / "cache", ignore_errors=True)
        try:
            run = wb.open_run(path)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                wb.score(run)
                if trial == 2:
                    wd.Explorer(run)
                list(inspect(run))
        except RunError as error:
            refused += 1
            assert name.rpartition("/")[2] in str(error), (trial, str(error))
    assert refused  # otherwise nothing was damaged


def test_statistics_of_several_ranks_with_rows_beyond_the_dataset(tmp_path, rng):
    """Embeddings of several ranks are joined by the row numbers in the statistics, which may be arbitrary."""
    import pyarrow.parquet as pq

    dataset = wb.Dataset.from_arrays(np.arange(10) % 2)
    for rank in range(2):
        with wb.Recorder(tmp_path / "run", dataset, rank=rank, world_size=2) as recorder, recorder.epoch(0):
            recorder.batch(np.arange(rank, 10, 2), rng.normal(size=(5, 2)), rng.normal(size=(5, 3)))
    file = tmp_path / "run" / "stats" / "epoch=0000" / "rank=1.of=2.parquet"
    table = pq.read_table(file)
    pq.write_table(table.set_column(0, "row", [np.array([1, 3, 5, 7, 10**9])]), file)
    vectors = wb.open_run(tmp_path / "run").embeddings()
    assert np.flatnonzero(np.isnan(vectors).any(axis=1)).tolist() == [9]
