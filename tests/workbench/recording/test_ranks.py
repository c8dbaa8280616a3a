"""Ranks: locks, waiting for the first rank, and several ranks recording into one run."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from workbench.foundation.errors import InputError, RunError
from workbench.foundation.statistics import statistics
from workbench.recording import ranks
from workbench.recording.ranks import Lock, barrier, rank_and_size
from workbench.recording.recorder import Recorder
from workbench.runs.run import Run


def test_alone_by_default():
    assert rank_and_size(None, None) == (0, 1)
    assert rank_and_size(1, 3) == (1, 3)


@pytest.mark.parametrize(("rank", "size"), [(0, None), (None, 2)])
def test_half_a_place(rank, size):
    with pytest.raises(InputError, match="go together"):
        rank_and_size(rank, size)


@pytest.mark.parametrize(("rank", "size"), [(2, 2), (-1, 2), (0, 0)])
def test_no_such_rank(rank, size):
    with pytest.raises(InputError, match=f"is {rank} of {size}"):
        rank_and_size(rank, size)


def test_of_torch_distributed(monkeypatch):
    class Group:
        get_rank = staticmethod(lambda: 2)
        get_world_size = staticmethod(lambda: 4)

    monkeypatch.setattr(ranks, "process_group", lambda: Group)
    assert rank_and_size(None, None) == (2, 4)


def test_waiting_for_the_first_rank(tmp_path):
    made = tmp_path / "run.json"
    barrier(made, 0, 1)
    barrier(made, 0, 2)  # the first rank never waits
    with pytest.raises(RunError, match="rank 1 waited 0 s for rank 0"):
        barrier(made, 1, 2, timeout=0)
    threading.Timer(0.1, made.touch).start()
    barrier(made, 1, 2, timeout=10)


def test_a_second_lock_of_the_process_takes_over(tmp_path):
    pytest.importorskip("fcntl")
    first, second, other = Lock(tmp_path, 0), Lock(tmp_path, 0), Lock(tmp_path, 1)
    first.take()
    other.take()
    assert first.held
    assert not first.taken_over
    second.take()
    assert first.taken_over
    assert not first.held
    assert other.held
    first.release()
    assert second.held
    second.release()
    other.release()
    assert not second.held


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def refuse(*arguments):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    lock = Lock(tmp_path, 0)
    lock.take()
    assert not lock.held
    lock.release()


# ---- several ranks -------------------------------------------------------------------------------------------


def test_two_ranks_by_hand(tmp_path, dataset, logits):
    """Half the rows each, row 0 in both (sampler padding): sealed once both have sealed; rank 0's copy counts."""
    first = Recorder(tmp_path / "run", dataset, rank=0, world_size=2, logits=True)
    second = Recorder(tmp_path / "run", dataset, rank=1, world_size=2, logits=True)
    run = Run(tmp_path / "run")
    with first.epoch(0):
        first.batch(dataset.ids[:7], logits[:7])
    assert run.epochs == run.logits_epochs == ()
    assert first.next_epoch == second.next_epoch == 0
    with second.epoch(0):
        second.batch(np.append(dataset.ids[7:], dataset.ids[0]), np.concatenate([logits[7:], -logits[:1]]))
    assert run.epochs == run.logits_epochs == (0,)
    np.testing.assert_array_equal(run.stats(0)["loss"], statistics(logits, dataset.given_labels)["loss"])
    np.testing.assert_array_equal(run.logits(0), logits.astype(np.float16))
    first.close()
    second.close()
