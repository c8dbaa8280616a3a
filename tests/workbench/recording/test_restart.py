"""Interrupted and resumed recordings: exceptions, rerun cells, locks, overwriting, other data, leftovers."""

from __future__ import annotations

import os

import numpy as np
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.errors import ExistsError, RunError
from workbench.recording.recorder import Recorder
from workbench.runs.run import Run
from workbench.storage import cache

N, K = 12, 3


@pytest.fixture
def recorded(tmp_path, dataset, logits):
    """A run in `tmp_path / "run"` with one epoch."""
    with Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids, logits)
    return Run(tmp_path / "run")


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_an_exception_in_the_epoch(tmp_path, dataset, logits, stop):
    recorder = Recorder(tmp_path / "run", dataset, logits=True)
    with recorder.epoch(0):
        recorder.batch(dataset.ids, logits)
    with pytest.raises(stop), recorder.epoch(1):
        recorder.batch(dataset.ids[:5], logits[:5])
        raise stop
    run = Run(tmp_path / "run")
    assert run.epochs == run.logits_epochs == (0,)
    assert run.unsealed()[1]["row"].tolist() == [0, 1, 2, 3, 4]
    assert recorder.next_epoch == 1
    with recorder.epoch(1):
        recorder.batch(dataset.ids, logits)
    assert run.epochs == run.logits_epochs == (0, 1)
    assert run.unsealed() == {}
    recorder.close()


def test_the_recorder_cell_run_again(tmp_path, dataset, logits):
    """A notebook cell that creates the Recorder is run a second time, also in the middle of an epoch."""
    first = Recorder(tmp_path / "run", dataset)
    with first.epoch(0):
        first.batch(dataset.ids, logits)
    open_epoch = first.epoch(1)
    open_epoch.__enter__()
    first.batch(dataset.ids[:3], logits[:3])
    second = Recorder(tmp_path / "run", dataset)
    assert second.next_epoch == 1
    for write in (lambda: first.epoch(5).__enter__(), lambda: first.batch(dataset.ids[3:], logits[3:])):
        with pytest.raises(RunError, match="a newer Recorder writes"):
            write()
    with second.epoch(1):
        second.batch(dataset.ids, logits)
    with pytest.raises(ExistsError, match=r"epoch 1 .* already recorded.*next_epoch, 2"):
        second.epoch(1).__enter__()
    second.close()


def test_a_closed_recorder_takes_its_lock_again(tmp_path, dataset, logits):
    recorder = Recorder(tmp_path / "run", dataset)
    recorder.close()
    with recorder.epoch(0):
        recorder.batch(dataset.ids, logits)
        assert locked_out(tmp_path / "run")
    recorder.close()
    assert not locked_out(tmp_path / "run")


def locked_out(path):
    """Whether another Recorder would be refused: these locks also hold between two openings in one process."""
    fcntl = pytest.importorskip("fcntl")
    with open(path / ".rank=0.lock") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_another_process_records(tmp_path, dataset):
    fcntl = pytest.importorskip("fcntl")
    Recorder(tmp_path / "run", dataset).close()
    with open(tmp_path / "run" / ".rank=0.lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(RunError, match=r"another process is recording into .*run \(rank 0\)"):
            Recorder(tmp_path / "run", dataset)
    Recorder(tmp_path / "run", dataset).close()


def test_overwrite_keeps_the_journal_and_the_files_of_others(tmp_path, dataset, logits):
    with Recorder(tmp_path / "run", dataset, logits=True) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids, logits)
    run = Run(tmp_path / "run")
    run.journal.relabel(["img1"], "b", old=str(dataset.given[1]))
    run.save_pred_probs(np.full((N, K), 1 / K), out_of_fold=True, source="test")
    cache.cache_file(run.layout, "projection.npy").write_bytes(b"x")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with Recorder(tmp_path / "run", dataset, overwrite=True) as recorder:
        assert recorder.next_epoch == 0
    run = Run(tmp_path / "run")
    assert run.epochs == run.logits_epochs == ()
    assert run.pred_probs() is None
    assert not (tmp_path / "run" / "cache").exists()
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"
    assert run.journal.state().label["img1"] == "b"


def test_overwrite_does_not_orphan_decisions(tmp_path, dataset, recorded):
    recorded.journal.flag(["img1"], True)
    other = Dataset.from_arrays(dataset.given_labels, classes=dataset.classes)
    with pytest.raises(RunError, match=r"decisions about other examples.*journal.sqlite"):
        Recorder(tmp_path / "run", other, overwrite=True)
    assert Run(tmp_path / "run").epochs == (0,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: Dataset.from_arrays(d.given_labels, classes=d.classes), "other ids"),
        (lambda d: d.with_labels((d.given_labels + 1) % K), "other given labels"),
        (lambda d: Dataset.from_arrays(d.given_labels, ids=d.ids, classes=["a", "b", "z"]), "other .* classes"),
    ],
)
def test_another_dataset_is_refused(tmp_path, dataset, recorded, change, message):
    with pytest.raises(RunError, match=message):
        Recorder(tmp_path / "run", change(dataset))
    with Recorder(tmp_path / "run", change(dataset), overwrite=True) as recorder:
        assert recorder.run().epochs == ()


def test_another_mode_is_refused(tmp_path, dataset, recorded):
    with pytest.raises(RunError, match="mode 'train', not 'eval'"):
        Recorder(tmp_path / "run", dataset, mode="eval")


def test_places_that_are_no_run(tmp_path, dataset):
    (tmp_path / "file").write_text("x")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("x")
    with pytest.raises(ExistsError, match="is a file"):
        Recorder(tmp_path / "file", dataset)
    with pytest.raises(ExistsError, match=r"is not a run \(it holds 'cat.jpg'\)"):
        Recorder(tmp_path / "photos", dataset)
    with pytest.raises(ExistsError, match=r"is not a run"):
        Recorder(tmp_path / "photos", dataset, overwrite=True)
    assert (tmp_path / "photos" / "cat.jpg").exists()


def test_leftovers_of_a_killed_recording_are_removed(tmp_path, dataset, recorded):
    """Killed between the rename and the removal of the stream, or leaving half-written files."""
    run = recorded
    stream = run.layout.inflight(0)
    stream.write_bytes(b"cut")
    half = run.layout.stats(1).parent / ".rank=0.parquet.abc.tmp"
    half.parent.mkdir()
    half.write_bytes(b"half")
    Recorder(tmp_path / "run", dataset).close()
    assert not stream.exists()
    assert not half.exists()
    assert run.epochs == (0,)


def test_arrays_of_a_seal_that_was_cut_short_are_not_taken_over(tmp_path, dataset, logits):
    """Killed between renaming the embeddings and renaming the statistics; then recorded without embeddings."""
    recorder = Recorder(tmp_path / "run", dataset)
    with pytest.raises(RuntimeError), recorder.epoch(0):
        recorder.batch(dataset.ids, logits)
        raise RuntimeError
    run = Run(tmp_path / "run")
    path = run.layout.array("embeddings", 0)
    path.parent.mkdir()
    np.save(path, np.ones((N, 2), np.float16))
    assert run.embedding_epochs == ()
    with recorder.epoch(0):
        recorder.batch(dataset.ids, logits)
    assert run.embedding_epochs == ()
    recorder.close()


def test_a_worker_that_outlives_a_killed_training_holds_no_lock(tmp_path, dataset):
    """DataLoader workers are forked; the lock must be released with the process that took it."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    recorder = Recorder(tmp_path / "run", dataset)
    (read, write), (told, tell) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.write(tell, b"x")
        os.read(read, 1)  # blocks until the parent closes its end
        os._exit(0)
    os.close(read)
    os.read(told, 1)  # the child runs
    try:
        assert locked_out(tmp_path / "run")
        recorder.close()
        assert not locked_out(tmp_path / "run")
    finally:
        for end in (write, told, tell):
            os.close(end)
        os.waitpid(child, 0)
