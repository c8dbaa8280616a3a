"""Only regular files are opened, and unreadable files are errors: on opening a run and later."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path

import numpy as np
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.errors import RunError
from workbench.recording.recorder import Recorder
from workbench.runs.run import open_run
from workbench.shell.inspection import inspect
from workbench.storage.files import entries, files_below, is_there, open_file, reading
from workbench.storage.names import EPOCH, FILES, KNOWN

N, K = 20, 2


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run with every kind of evidence and an interrupted epoch."""
    rng, place = np.random.default_rng(0), tmp_path_factory.mktemp("recorded") / "run"
    dataset = Dataset.from_arrays(np.arange(N) % K)
    with Recorder(place, dataset, logits=True) as recorder:
        for epoch in (0, 1):
            with recorder.epoch(epoch):
                recorder.batch(dataset.ids, rng.normal(size=(N, K)), rng.normal(size=(N, 3)))
        recorder.save_pred_probs(np.full((N, K), 1 / K), out_of_fold=True, source="tested")
        with pytest.raises(KeyboardInterrupt), recorder.epoch(2):
            recorder.batch(dataset.ids, rng.normal(size=(N, K)))
            raise KeyboardInterrupt
    (place / "cache").mkdir(exist_ok=True)
    run = open_run(place)
    run.journal.keep(0)
    run.journal.close()
    return place


@pytest.fixture
def path(recorded, tmp_path):
    """A copy of the run."""
    return shutil.copytree(recorded, tmp_path / "run")


PLACES = (
    *("run.json", "examples.parquet", "planted.parquet", "votes.parquet", "audit.parquet", "pred_probs.npy"),
    *("pred_probs.json", "views.json", "replay.json", "journal.sqlite", ".rank=0.lock", ".ranks.json"),
    *("stats/epoch=0001/rank=0.parquet", "logits/epoch=0001.npy", "embeddings/epoch=0001.npy"),
    *("embeddings/epoch=0001.json", "inflight/epoch=0002.rank=0.arrows", "inflight/epoch=0002.rank=0.pending"),
    *("checkpoints/epoch=0001.safetensors", "checksums/run.json.sha256", "cache/neighbors.npz"),
    "checksums/stats/epoch=0001/rank=0.parquet.sha256",
)


def fifo(place):
    os.mkfifo(place)


def plug(place):
    folder = os.getcwd()
    os.chdir(place.parent)  # socket paths must be short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(place.name)
    os.chdir(folder)


def loop(place):
    place.symlink_to(place.name)


def folder(place):
    place.mkdir()


@pytest.mark.parametrize("make", [fifo, plug, loop, folder], ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", PLACES)
def test_what_is_no_file_is_refused_by_name(path, name, make):
    place = path / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    make(place)
    if make is folder and name.startswith(("checksums/", "cache/")):
        open_run(path)  # nothing reads it
        return
    with pytest.raises(RunError, match=r"where a file belongs|cannot be read"):
        open_run(path)
    with pytest.raises(RunError, match=r"where a file belongs|cannot be read"):
        Recorder(path, Dataset.from_arrays(np.arange(N) % K))
    assert place.is_symlink() or not place.is_file()


@pytest.mark.parametrize("name", ["stats", "stats/epoch=0001", "logits", "embeddings", "inflight", "cache"])
def test_a_file_in_place_of_a_folder(path, name):
    shutil.rmtree(path / name, ignore_errors=True)
    (path / name).write_text("x")
    with pytest.raises(RunError, match=r"is a file where a folder belongs"):
        run = open_run(path)
        print(run.epochs)


def test_what_becomes_no_file_later_is_refused_when_it_is_read(path):
    run = open_run(path)
    reads = {
        "stats/epoch=0001/rank=0.parquet": lambda: run.stats(1),
        "logits/epoch=0001.npy": lambda: run.logits(1),
        "embeddings/epoch=0001.npy": lambda: run.embeddings(1),
        "pred_probs.npy": run.pred_probs,
        "inflight/epoch=0002.rank=0.arrows": run.unsealed,
    }
    for name, read in reads.items():
        (path / name).unlink()
        os.mkfifo(path / name)
        with pytest.raises(RunError, match="FIFO"):
            read()


def test_a_lock_that_is_a_link_makes_nothing_elsewhere(path, tmp_path):
    for name, target in ((".rank=0.lock", tmp_path / "victim"), (".rank=0.lock", path / "inside")):
        (path / name).unlink(missing_ok=True)
        (path / name).symlink_to(target)
        with pytest.raises(RunError, match="link"):
            Recorder(path, Dataset.from_arrays(np.arange(N) % K))
        assert not target.exists()


def test_what_belongs_to_others_may_be_of_any_kind(path):
    os.mkfifo(path / "theirs")
    (path / "lost+found").mkdir()
    assert open_run(path).epochs == (0, 1)
    assert {one.kind for one in inspect(open_run(path)) if one.path == "theirs"} <= {"unknown"}


NOBODY = """
import os, sys
from workbench.foundation.errors import RunError
from workbench.runs.run import open_run
os.setegid(65534)
os.seteuid(65534)
try:
    run = open_run(sys.argv[1])
    print("opened", run.epochs)
except RunError as error:
    print("refused", error)
"""


@pytest.mark.parametrize(
    "name", ["stats/epoch=0001", "stats", "embeddings", "logits", "inflight", "checksums", "cache", ".", "run.json"]
)
def test_what_may_not_be_read_is_an_error(path, forks, name):
    """Root may read everything, so as root the test reads as another user."""
    with tempfile.TemporaryDirectory(prefix="unreadable-") as place:
        copy = shutil.copytree(path, Path(place) / "run")
        for one in (Path(place), copy, *copy.rglob("*")):
            one.chmod(0o755)
        assert "opened (0, 1)" in look(copy, forks)
        (copy / name).chmod(0)
        said = look(copy, forks)
        (copy / name).chmod(0o755)
    assert said.startswith("refused")
    assert "Permission denied" in said
    assert Path(name).name in said


def look(path, forks) -> str:
    if os.geteuid():
        try:
            return f"opened {open_run(path).epochs}"
        except RunError as error:
            return f"refused {error}"
    process = forks.start(NOBODY, path)
    said = process.stdout.read()
    assert process.wait() == 0, process.errors()
    return said


def test_a_folder_of_others_may_be_unreadable(path, monkeypatch):
    (path / "lost+found").mkdir()
    real = os.scandir

    def scandir(folder):
        if str(folder).endswith("lost+found"):
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert open_run(path).epochs == (0, 1)
    assert [one for one in inspect(open_run(path)) if one.is_damage] == []


def test_the_helpers(tmp_path):
    (tmp_path / "b").write_text("1")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "c").write_text("2")
    assert [one.name for one in entries(tmp_path)] == ["a", "b"]
    assert entries(tmp_path / "none") == []
    assert list(files_below(tmp_path)) == [tmp_path / "a" / "c", tmp_path / "b"]
    assert is_there(tmp_path / "b")
    assert not is_there(tmp_path / "none")
    assert not is_there(tmp_path / "b" / "x")
    with reading(tmp_path / "b") as file:
        assert file.read() == b"1"
    for path in (tmp_path / "a", Path("/dev/null"), Path(f"{tmp_path}/\0")):
        with pytest.raises(RunError):
            is_there(path)
    for path in (tmp_path / "a", Path("/dev/null")):
        with pytest.raises(RunError, match="where a file belongs"):
            open_file(path)
    with pytest.raises(FileNotFoundError):
        open_file(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("stats/epoch=0003/rank=0.parquet", True),
        ("stats/epoch=12345/rank=10.of=16.parquet", True),
        ("stats/epoch=999999999/rank=0.parquet", True),
        ("stats/epoch=3/rank=0.parquet", False),  # the same epoch twice
        ("stats/epoch=00003/rank=0.parquet", False),
        ("stats/epoch=٠٠٠٣/rank=0.parquet", False),
        ("stats/epoch=9999999999/rank=0.parquet", False),
        ("stats/epoch=0003/rank=00.parquet", False),
        ("logits/epoch=0003.rank=0.of=2.npy", True),
        ("logits/epoch=0003.npy\n", False),
        (".rank=3.lock", True),
        ("notes.txt", False),
    ],
)
def test_names(name, ours):
    assert bool(FILES.fullmatch(name)) == bool(KNOWN.fullmatch(name)) == ours


def test_numbers_of_epochs_in_names():
    assert [bool(EPOCH.fullmatch(f"epoch={n:04d}")) for n in (0, 9999, 10_000, 10**9 - 1, 10**9)] == [1, 1, 1, 1, 0]
