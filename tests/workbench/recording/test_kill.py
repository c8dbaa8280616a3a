"""Repeated kill -9 while recording: everything acknowledged is there, and recording resumes where it stopped."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.statistics import statistics
from workbench.recording.recorder import Recorder
from workbench.runs.run import Run
from workbench.storage.epoch_statistics import STATISTICS

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")

N, K, BATCH, EPOCHS = 2600, 4, 260, 10**6  # batches are buffered and reduced three at a time

RECORD = f"""
import sys, numpy as np
from workbench.data.dataset import Dataset
from workbench.recording.recorder import Recorder
n, k = {N}, {K}
dataset = Dataset.from_arrays(np.arange(n) % k, ids=[f"e{{i}}" for i in range(n)], classes=list("abcd"))
recorder = Recorder(sys.argv[1], dataset, logits=True, embedding_epochs="last")
print("start", recorder.next_epoch, flush=True)
for epoch in range(recorder.next_epoch, {EPOCHS}):
    rng = np.random.default_rng(epoch)
    logits, order = rng.normal(size=(n, k)).astype("float32"), rng.permutation(n)
    with recorder.epoch(epoch):
        for start in range(0, n, {BATCH}):
            rows = order[start:start + {BATCH}]
            recorder.batch(dataset.ids[rows], logits[rows], logits[rows, :2])
            print("batch", epoch, start, flush=True)
    print("sealed", epoch, flush=True)
"""


def expected(epoch):
    """Statistics of an epoch and its recording order, as the process under test computes them."""
    rng = np.random.default_rng(epoch)
    logits, order = rng.normal(size=(N, K)).astype("float32"), rng.permutation(N)
    return statistics(logits, np.arange(N) % K), order, logits


def record_and_kill(path, forks, rng):
    """Complete lines the process printed before it was killed, after a random line; half the time while sealing."""
    process = forks.start(RECORD, path)
    sealing = rng.random() < 0.5
    lines, wanted = [], 11 * int(rng.integers(1, 4)) if sealing else int(rng.integers(1, 45))
    for line in process.stdout:
        lines.append(line.split())
        if len(lines) == wanted:
            time.sleep(float(rng.uniform(0, 0.02 if sealing else 0.004)))
            process.kill()
            break
    lines += [line.split() for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    assert process.wait() == -signal.SIGKILL, process.errors()
    return lines


def check(path, lines):
    """Check that everything acknowledged is in the run with the right numbers. Returns the next epoch to record."""
    run = Run(path)
    start = int(lines[0][1])
    sealed = [int(line[1]) for line in lines if line[0] == "sealed"]
    batches = [(int(line[1]), int(line[2])) for line in lines if line[0] == "batch"]
    assert set(range(start)) | set(sealed) <= set(run.epochs)
    assert run.epochs == tuple(range(len(run.epochs)))
    assert run.logits_epochs == run.epochs
    for epoch in run.epochs[-2:]:
        numbers, _, logits = expected(epoch)
        for name in STATISTICS:
            np.testing.assert_array_equal(run.stats(epoch)[name], numbers[name])
        np.testing.assert_array_equal(run.logits(epoch), logits.astype(np.float16))
    if run.embedding_epochs:
        assert run.embedding_epochs[-1] == run.epochs[-1]
    under_way = len(run.epochs)
    acknowledged = sum(epoch == under_way for epoch, _ in batches)
    found = run.unsealed()
    assert set(found) <= {under_way}
    if acknowledged:
        numbers, order, _ = expected(under_way)
        rows = found[under_way]["row"].to_numpy()
        assert len(rows) >= acknowledged * BATCH
        np.testing.assert_array_equal(rows, order[: len(rows)])
        np.testing.assert_array_equal(found[under_way]["loss"].to_numpy(), numbers["loss"][rows])
    return under_way


def kill_again_and_again(path, forks, seed, times):
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(times):
        before = check(path, lines) if lines else 0
        lines = record_and_kill(path, forks, rng)
        assert lines[0] == ["start", str(before)]  # the first epoch that was not sealed
    first = check(path, lines)
    dataset = Dataset.from_arrays(np.arange(N) % K, ids=[f"e{i}" for i in range(N)], classes=list("abcd"))
    with Recorder(path, dataset) as recorder:
        assert recorder.next_epoch == first
        with recorder.epoch(first):
            recorder.batch(dataset.ids, np.zeros((N, K)))
    assert Run(path).unsealed() == {}
    assert not [file for file in path.rglob("*.tmp") if "stats" in file.parts or "logits" in file.parts]


def test_killed_while_recording(tmp_path, forks):
    kill_again_and_again(tmp_path / "run", forks, seed=1, times=3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 5))
def test_killed_while_recording_many_times(tmp_path, forks, seed):
    kill_again_and_again(tmp_path / "run", forks, seed, times=8)


def test_a_stream_cut_anywhere_is_readable_up_to_there(tmp_path):
    """Every prefix of the stream yields whole batches in order and no error."""
    dataset = Dataset.from_arrays(np.arange(N) % K)
    _, _, logits = expected(0)
    recorder = Recorder(tmp_path / "run", dataset)
    with pytest.raises(KeyboardInterrupt), recorder.epoch(0):
        for start in range(0, 5 * BATCH, BATCH):
            recorder.batch(np.arange(start, start + BATCH), logits[start : start + BATCH])
        raise KeyboardInterrupt
    recorder.close()
    run = Run(tmp_path / "run")
    (stream,) = run.layout.unsealed()[0]
    whole, waited = stream.read_bytes(), run.layout.pending(stream).read_bytes()
    run.layout.pending(stream).unlink()  # 780 rows in the stream, 520 still buffered
    counts = []
    for length in range(0, len(whole), 1997):
        stream.write_bytes(whole[:length])
        rows = run.unsealed()[0]["row"].to_numpy()
        assert len(rows) % BATCH == 0
        np.testing.assert_array_equal(rows, np.arange(len(rows)))
        counts.append(len(rows))
    assert counts == sorted(counts)
    stream.write_bytes(whole)
    assert len(run.unsealed()[0]) == 780
    run.layout.pending(stream).write_bytes(waited)
    assert len(run.unsealed()[0]) == 5 * BATCH


def test_half_written_files_of_a_killed_recording_go_when_it_goes_on(tmp_path):
    dataset = Dataset.from_arrays(np.arange(N) % K, classes=list("abcd"))
    with Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids, np.zeros((N, K)))
    left = [tmp_path / "run" / folder / ".epoch=0001.half.tmp" for folder in ("stats", "checksums/stats")]
    kept = tmp_path / "run" / "checksums" / ".pred_probs.npy.sha256.7.tmp"  # another process may be writing it
    for file in (*left, kept):
        file.write_text("half")
    Recorder(tmp_path / "run", dataset)
    assert not any(file.exists() for file in left)
    assert kept.exists()
