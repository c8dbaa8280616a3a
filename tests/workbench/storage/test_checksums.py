"""Checksums: sealed files have one, in the format of sha256sum, and a crash never leaves a wrong one."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from workbench.data.dataset import Dataset
from workbench.recording.recorder import Recorder
from workbench.runs.run import open_run
from workbench.storage import checksums
from workbench.storage.layout import Layout


@pytest.fixture
def recorder(tmp_path, rng):
    with Recorder(tmp_path / "run", Dataset.from_arrays(rng.integers(0, 3, 30)), embedding_epochs="last") as recorder:
        for epoch in range(2):
            with recorder.epoch(epoch):
                recorder.batch(np.arange(30), rng.normal(size=(30, 3)), rng.normal(size=(30, 2)))
        recorder.save_pred_probs(rng.dirichlet(np.ones(3), 30), out_of_fold=True, source="folds")
        yield recorder


def test_everything_sealed_has_one_and_what_is_replaced_has_none(recorder):
    layout = Layout(recorder.path)
    names = {path.relative_to(layout.root).as_posix() for path in checksums.noted(layout)}
    assert names == {
        *("run.json", "examples.parquet", "pred_probs.npy", "pred_probs.json", "embeddings/epoch=0001.npy"),
        *("stats/epoch=0000/rank=0.parquet", "stats/epoch=0001/rank=0.parquet"),
    }
    for path, checksum in checksums.noted(layout).items():
        assert checksums.sha256(path) == checksum
    open_run(recorder.path).save_embeddings(np.ones((30, 4)), epoch=1)  # replaced: a new one
    path = layout.array("embeddings", 1)
    assert checksums.noted(layout)[path] == checksums.sha256(path)


def test_the_form_is_that_of_sha256sum(recorder):
    program = shutil.which("sha256sum")
    if program is None:
        pytest.skip("needs sha256sum")
    command = [program, "--check", "--strict", *map(str, (recorder.path / "checksums").rglob("*.sha256"))]
    assert subprocess.run(command, cwd=recorder.path, capture_output=True).returncode == 0
    (recorder.path / "pred_probs.json").write_text("{}")
    assert subprocess.run(command, cwd=recorder.path, capture_output=True).returncode == 1


@pytest.mark.parametrize("written", [True, False])
def test_a_crash_while_a_file_is_replaced(recorder, monkeypatch, written):
    """Before the rename the old pair is intact; after it the file has no checksum rather than a wrong one."""
    layout = Layout(recorder.path)
    path = layout.pred_probs
    before = checksums.noted(layout)[path]

    def stop(*_):
        raise KeyboardInterrupt

    if written:
        monkeypatch.setattr(checksums, "note", stop)
    with pytest.raises(KeyboardInterrupt), checksums.sealed(layout, path) as temporary:
        temporary.write_bytes(b"new")
        if not written:
            stop()
    assert checksums.noted(layout).get(path) == (None if written else before)
    assert (path.read_bytes() == b"new") is written


@pytest.mark.parametrize("text", ["", "abc  pred_probs.npy\n", f"{'0' * 64}  ../pred_probs.npy\n", "\udcff"])
def test_a_note_that_says_nothing_counts_as_none(recorder, text):
    layout = Layout(recorder.path)
    place = recorder.path / "checksums" / "pred_probs.npy.sha256"
    place.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert checksums.noted(layout)[layout.pred_probs] is None
