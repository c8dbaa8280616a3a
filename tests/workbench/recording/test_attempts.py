"""Ranks killed and restarted: an epoch never mixes statistics, logits or embeddings of two attempts."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from workbench.data.dataset import Dataset
from workbench.recording.ranks import Lock
from workbench.recording.recorder import Recorder
from workbench.recording.rendezvous import RANKS_FILE, Attempt
from workbench.runs.run import Run
from workbench.shell.inspection import inspect

RANK = """
import os, signal, sys, time
import numpy as np
from workbench.data.dataset import Dataset
from workbench.recording.recorder import Recorder

path, end = sys.argv[1:3]
rank, value, fatal = map(int, sys.argv[3:])
left = fatal
def counted(real):
    def act(*arguments, **named):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)
    return act
dataset = Dataset.from_arrays(np.arange(8) % 2)
recorder = Recorder(path, dataset, logits=True, rank=rank, world_size=2)
if fatal:
    for name in ("open", "unlink", "replace", "fsync", "ftruncate"):
        setattr(os, name, counted(getattr(os, name)))
with recorder.epoch(0):
    rows = np.arange(rank, 8, 2)
    recorder.batch(rows, np.eye(2)[[0] * 4] * value, np.full((4, 3), value))
print("sealed", fatal - left, flush=True)
while not os.path.exists(end):  # the job goes on, until it is killed: nothing is closed
    time.sleep(0.01)
"""


def job(forks, path, value, ranks=(0, 1), fatal=0) -> int | None:
    """Start ranks that run at the same time and seal one after the other, then kill them all.

    Returns the number of operations of the first rank. If `fatal` is not 0, rank 0 is killed at that operation.
    """
    end = path.with_name("end")
    end.unlink(missing_ok=True)
    started = []
    for rank in ranks:
        process = forks.start(RANK, path, end, rank, value, fatal if rank == 0 else 0)
        started.append((process, process.stdout.readline()))
    end.touch()
    for process, _ in started:
        status = process.wait()
        assert status in (0, -9), process.errors()
    return int(started[0][1].split()[1]) if started[0][1] else None


def values_in(run: Run, epoch: int = 0) -> set[float]:
    """The values an epoch was recorded from: exactly one if its ranks belong to one attempt."""
    margins = np.abs(run.stats(epoch)["margin"])
    found = {*margins.tolist()}
    if epoch in run.logits_epochs:
        found |= {*run.logits(epoch)[:, 0].tolist()}
    if epoch in run.embedding_epochs:
        found |= {*np.unique(run.embeddings(epoch)).tolist()}
    return found


@pytest.mark.slow
def test_killed_at_an_operation_and_started_again(tmp_path, forks):
    """Rank 0 had sealed in attempt 1. In attempt 2 it is killed at operation i; rank 1 seals before or after it."""
    operations = job(forks, tmp_path / "whole", 1, [0], fatal=10_000)
    assert operations > 15
    whole = 0
    for turn, fatal in enumerate(range(1, operations + 12, 9)):  # every operation was tried, in both orders
        path = tmp_path / f"killed-at-{fatal}"
        job(forks, path, 1, [0])
        job(forks, path, 2, ((0, 1), (1, 0))[turn % 2], fatal)
        run = Run(path)
        if run.epochs:
            whole += 1
            assert run.logits_epochs == run.embedding_epochs == (0,)
            assert values_in(run) == {2.0}, fatal
            continue
        assert [one.kind for one in inspect(run) if one.is_damage] == []
        job(forks, path, 3)
        assert values_in(Run(path)) == {3.0}, fatal
        assert Run(path).logits_epochs == (0,)
    assert 0 < whole < operations / 2  # rank 0 survived the last ones


def test_an_epoch_of_ranks_that_were_started_again(tmp_path):
    """The same state reached in one process: an exception within an epoch ends an attempt as a kill does."""
    dataset = Dataset.from_arrays(np.arange(8) % 2)

    def attempt(rank, value, cut=False):
        recorder = Recorder(tmp_path / "run", dataset, logits=True, rank=rank, world_size=2)
        try:
            with recorder.epoch(0):
                recorder.batch(np.arange(rank, 8, 2), np.eye(2)[[0] * 4] * value)
                if cut:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
        recorder.close()

    attempt(0, 1.0)
    attempt(0, 2.0, cut=True)
    attempt(0, 3.0, cut=True)
    attempt(1, 3.0)
    assert Run(tmp_path / "run").epochs == ()
    attempt(0, 4.0)
    attempt(1, 4.0)
    assert values_in(Run(tmp_path / "run")) == {4.0}


def of_two_ranks(path):
    """A run with one epoch of two processes."""
    dataset = Dataset.from_arrays(np.arange(8) % 2)
    for rank in (0, 1):
        with Recorder(path, dataset, rank=rank, world_size=2) as recorder, recorder.epoch(0):
            recorder.batch(np.arange(rank, 8, 2), np.eye(2)[[0] * 4])
    return Run(path)


def test_check_says_that_ranks_are_of_different_attempts_or_left_something(tmp_path):
    run = of_two_ranks(tmp_path / "run")
    assert run.epochs == (0,)
    file = run.layout.stats(0, 1, 2)
    table = pq.read_table(file)
    pq.write_table(table.replace_schema_metadata({"attempt": "another"}), file)
    assert run.epochs == ()
    words = [one.words for one in inspect(run) if one.path == "stats/epoch=0000"]
    assert len(words) == 1
    assert words[0].startswith(
        "its ranks are from different attempts (present: rank=0.of=2.parquet, rank=1.of=2.parquet)"
    )
    with Recorder(run.path, run.dataset) as recorder, recorder.epoch(0):  # one process goes on
        recorder.batch(run.dataset.ids, np.eye(2)[run.dataset.given_labels])
    left = {one.path for one in inspect(run) if one.kind == "leftover"}
    assert left == {f"stats/epoch=0000/rank={rank}.of=2.parquet" for rank in (0, 1)}


def test_a_damaged_part_is_damage_and_not_an_epoch_less(tmp_path):
    run = of_two_ranks(tmp_path / "run")
    run.layout.stats(0, 1, 2).write_bytes(b"PAR1 no more")
    assert run.epochs == (0,)
    assert [one.path for one in inspect(run) if one.is_damage] == ["stats/epoch=0000/rank=1.of=2.parquet"]


@pytest.mark.parametrize("left", [b"", b"{", b"[]", b'{"attempt": 3, "size": 2, "ranks": {}}', b'{"ranks": {"x": 1}}'])
def test_who_joins_whom(tmp_path, left):
    (tmp_path / RANKS_FILE).write_bytes(left)  # truncated by a kill, or not ours

    def started(rank, size=2):
        lock = Lock(tmp_path, rank)
        lock.take()
        return lock, Attempt(tmp_path, rank, size)

    lock, zero = started(0)
    other, one = started(1)
    assert zero.id == one.id == one.go_on() == zero.go_on() != ""
    zero.leave()
    lock.release()
    lock, again = started(0)  # already took part in that attempt
    assert again.id != one.id
    assert one.go_on() == again.id  # the next epoch of the rank that continues
    again.failed = True
    again.leave()
    lock.release()
    other.release()
    other, later = started(1)
    assert later.id != again.id
    lock, wide = started(0, size=3)
    assert wide.id not in (later.id, "")
    lock.release()  # killed: open in the file, and its lock is free
    assert json.loads((tmp_path / RANKS_FILE).read_text())["ranks"] == {"0": "open"}
    assert Attempt(tmp_path, 2, 3).id != wide.id
    other.release()
    assert Attempt(tmp_path, 0, 1).id == ""
