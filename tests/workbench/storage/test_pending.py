"""Buffered logits: no row is lost or counted twice, whoever stops and whenever."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.foundation.statistics import statistics
from workbench.recording.recorder import Recorder
from workbench.runs.run import Run
from workbench.storage.epoch_statistics import STATISTICS
from workbench.storage.pending import MOST_GATHERED, ROOM, Pending, read_pending

N, K = 3000, 4


def recorded(tmp_path, rng, batches, dtypes=(np.float32,), stop=None, ruled_out=0.01):
    """A run of one epoch recorded in these batches of rows, and its expected statistics."""
    given = [None if rng.random() < 0.1 else "abcd"[label] for label in rng.integers(0, K, N)]
    dataset = Dataset.from_arrays(given, classes=list("abcd"))
    logits = rng.normal(size=(N, K)).astype(np.float16)
    others = np.flatnonzero((rng.random(N) < ruled_out) & (dataset.given_labels != 0))
    logits[others, 0] = -np.inf
    with Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        for number, rows in enumerate(batches):
            recorder.batch(rows, logits[rows].astype(dtypes[number % len(dtypes)]))
            if number == stop:
                raise KeyboardInterrupt
    return logits, dataset


@pytest.mark.parametrize("dtypes", [(np.float32,), (np.float64, np.float32), (np.float16, np.float32, np.float32)])
def test_batches_of_any_length_and_dtype_give_the_statistics_of_the_whole(tmp_path, rng, dtypes):
    """Batches that are buffered, too long to be buffered, or that rule a class out."""
    cuts = np.sort(rng.choice(N, 25, replace=False))
    cuts = cuts[(cuts < 800) | (cuts > 2200)]
    batches = np.split(rng.permutation(N), cuts)
    assert max(map(len, batches)) > ROOM
    logits, dataset = recorded(tmp_path, rng, batches, dtypes)
    found, wanted = Run(tmp_path / "run").stats(0), statistics(logits, dataset.given_labels)
    for name in STATISTICS:
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-6, atol=1e-6, err_msg=name)
    assert not list((tmp_path / "run" / "inflight").iterdir())


@pytest.mark.parametrize("length", [7, 128, 400])
def test_an_epoch_under_way_is_readable_after_every_batch_in_order(tmp_path, rng, length):
    dataset = Dataset.from_arrays(rng.integers(0, K, N))
    logits, order = rng.normal(size=(N, K)).astype(np.float32), rng.permutation(N)
    wanted = statistics(logits, dataset.given_labels)
    with Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        run = Run(tmp_path / "run")
        for batch, start in enumerate(range(0, min(N, 40 * length), length)):
            rows = order[start : start + length]
            recorder.batch(rows, logits[rows])
            if batch % 3 == 0:
                frame = run.unsealed()[0]
                assert frame["row"].tolist() == order[: start + length].tolist()
                for name in STATISTICS:
                    np.testing.assert_array_equal(np.stack(frame[name].to_numpy()), wanted[name][frame["row"]])
                    assert frame.dtypes[name] == (object if wanted[name].ndim == 2 else wanted[name].dtype)


def test_nan_is_refused_at_its_own_batch(tmp_path, rng):
    dataset = Dataset.from_arrays(rng.integers(0, K, N), ids=[f"e{i}" for i in range(N)])
    logits = rng.normal(size=(10, K))
    with Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids[:10], logits)
        logits[3, 1] = np.nan
        with pytest.raises(InputError, match=r"holds NaN.*e13|e13.*holds NaN"):
            recorder.batch(dataset.ids[10:20], logits)
        recorder.batch(dataset.ids[20:30], rng.normal(size=(10, K)))
    there = np.flatnonzero(np.isfinite(Run(tmp_path / "run").stats(0)["loss"]))
    assert there.tolist() == [*range(10), *range(20, 30)]


def test_rows_that_were_reduced_but_not_cleared_are_not_counted_twice(tmp_path, rng):
    """Killed, or stopped by Ctrl-C, between writing to the stream and clearing the buffer."""
    with pytest.raises(KeyboardInterrupt):
        recorded(tmp_path, rng, np.split(np.arange(N), 30), stop=4, ruled_out=0)
    run = Run(tmp_path / "run")
    (stream,) = run.layout.unsealed()[0]
    path = run.layout.pending(stream)
    rows, logits = read_pending(path, N, K)
    assert rows.tolist() == list(range(500))
    with Recorder(tmp_path / "run", run.dataset) as recorder, recorder.epoch(0):
        assert run.unsealed() == {} or not len(run.unsealed()[0])  # started over
        recorder.batch(rows, logits)
        recorder._open._append(*recorder._open._pending.gathered())
        assert run.unsealed()[0]["row"].tolist() == list(range(500))
    assert np.isfinite(run.stats(0)["margin"]).sum() == (run.dataset.given_labels[:500] >= 0).sum()


def test_room_and_fit(tmp_path, rng):
    pending = Pending(tmp_path / "p", K)
    batch = rng.normal(size=(400, K)).astype(np.float32)
    assert pending.room == ROOM
    assert pending.takes(batch)
    assert not pending.takes(rng.normal(size=(ROOM // 2 + 1, K)))
    assert not pending.takes(np.ones((4, K), np.int64))
    assert not pending.takes(np.full((4, K), np.longdouble(1)))
    for bad in (np.nan, np.inf, -np.inf):
        assert not pending.takes(np.where(np.arange(K) == 1, bad, batch))
    assert pending.takes(np.full((4, K), 3e38, np.float32))
    pending.add(np.arange(400), batch)
    pending.add(np.arange(400, 800), batch)
    assert not pending.fits(batch)
    assert pending.fits(batch[:224])
    assert not pending.fits(batch[:10].astype(np.float64))
    pending.clear()
    assert pending.fits(batch.astype(np.float64))
    assert Pending(tmp_path / "wide", 1000).room == MOST_GATHERED // 1000


@pytest.mark.parametrize("change", ["cut", "head", "k", "count", "kind", "text"])
def test_a_file_that_is_none_of_ours_brings_nothing(tmp_path, rng, change):
    pending = Pending(tmp_path / "p", K)
    pending.add(np.arange(20), rng.normal(size=(20, K)).astype(np.float32))
    pending.close()
    assert len(read_pending(tmp_path / "p", N, K)[0]) == 20
    raw = bytearray((tmp_path / "p").read_bytes())
    head = np.frombuffer(raw, np.int64, 6)
    if change == "cut":
        raw = raw[:-1]
    elif change == "text":
        raw = b"x" * len(raw)
    else:
        head[{"head": 0, "k": 1, "kind": 2, "count": 5}[change]] = 10**9
    (tmp_path / "p").write_bytes(raw)
    rows, logits = read_pending(tmp_path / "p", N, K)
    assert rows.shape == (0,)
    assert logits.shape == (0, K)


def test_rows_that_the_dataset_does_not_have_and_numbers_that_are_none(tmp_path, rng):
    pending = Pending(tmp_path / "p", K)
    logits = rng.normal(size=(4, K)).astype(np.float32)
    logits[2] = np.nan
    pending.add(np.array([0, N, 2, -1]), logits)
    assert read_pending(tmp_path / "p", N, K)[0].tolist() == [0]
    assert read_pending(tmp_path / "gone", N, K)[0].tolist() == []
