"""`check` finds damage, leftovers, gaps and foreign files; a repair moves, never deletes, and the run then opens."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.errors import RunError
from workbench.recording.recorder import Recorder
from workbench.runs.run import open_run
from workbench.shell.inspection import inspect, repair_run

N, K = 30, 3


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    rng = np.random.default_rng(3)
    path = tmp_path_factory.mktemp("runs") / "pets"
    dataset = Dataset.from_arrays(rng.integers(0, K, N), ids=[f"e{i}" for i in range(N)])
    with Recorder(path, dataset, logits=True) as recorder:
        for epoch in range(3):
            with recorder.epoch(epoch):
                recorder.batch(dataset.ids, rng.normal(size=(N, K)), rng.normal(size=(N, 2)))
        recorder.save_pred_probs(rng.dirichlet(np.ones(K), N), out_of_fold=True, source="folds")
    return path


@pytest.fixture
def path(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


def found(path):
    return [(one.kind, one.path) for one in inspect(open_run(path))]


def contents(path):
    """Sorted list of the bytes of every file except checksums and locks: a repair must not lose any of them."""
    files = [file for file in path.rglob("*") if file.is_file() and "checksums" not in file.parts]
    return sorted(file.read_bytes() for file in files)


def test_a_whole_run(path):
    assert found(path) == []


@pytest.mark.parametrize(
    "name",
    [
        "stats/epoch=0001/rank=0.parquet",
        "logits/epoch=0002.npy",
        "embeddings/epoch=0000.npy",
        "pred_probs.npy",
        "pred_probs.json",
    ],
)
def test_one_flipped_bit_is_found_and_set_aside(path, name):
    data = bytearray((path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (path / name).write_bytes(data)
    before = contents(path)
    assert found(path) == [("damaged", name)]
    run = open_run(path)
    lines = list(repair_run(run, list(inspect(run))))
    assert len(lines) == 1
    assert lines[0].startswith(f"moved: {name} -> set-aside/")
    assert contents(path) == before
    assert not (path / name).exists()
    assert [kind for kind, _ in found(path) if kind in ("damaged", "missing")] == []
    open_run(path).stat_matrix("loss")


@pytest.mark.parametrize("name", ["examples.parquet", "run.json"])
def test_what_a_run_cannot_do_without_stays(path, name):
    with open(path / name, "ab") as file:
        file.write(b"\n")
    try:
        run = open_run(path)
    except RunError:
        assert name == "examples.parquet"  # it cannot even be opened
        return
    findings = list(inspect(run))
    assert [(one.kind, one.path, one.remedy) for one in findings] == [("damaged", name, "")]
    assert list(repair_run(run, findings)) == []


def test_wrong_contents_without_checksums(path):
    """An old run: files without a checksum are read instead."""
    shutil.rmtree(path / "checksums")
    stats = path / "stats" / "epoch=0001" / "rank=0.parquet"
    table = pq.read_table(stats)
    pq.write_table(table.set_column(0, "row", [np.r_[np.arange(N - 1), 0]]), stats)
    np.save(path / "logits" / "epoch=0002.npy", np.zeros((N, K + 1), np.float16))
    np.save(path / "embeddings" / "epoch=0000.npy", np.full((N, 2), np.inf, np.float16))
    findings = list(inspect(open_run(path)))
    words = {one.path: one.words for one in findings if one.kind == "damaged"}
    assert words == {
        "stats/epoch=0001/rank=0.parquet": f"holds {N} rows, 1 of them twice",
        "logits/epoch=0002.npy": "has 4 columns for 3 classes",
        "embeddings/epoch=0000.npy": "row 0 holds infinity",
    }
    bare = [one.path for one in findings if one.kind == "note" and "no checksum" in one.words]
    assert len(bare) == 5 + 2 + 2 + 2 - 1
    run = open_run(path)
    list(repair_run(run, findings))
    assert [one for one in inspect(open_run(path)) if one.kind != "note"] == []
    assert not [one for one in inspect(open_run(path)) if "checksum" in one.words]  # all have a checksum now


def test_a_sealed_file_that_is_gone(path):
    (path / "logits" / "epoch=0001.npy").unlink()
    assert found(path) == [("missing", "logits/epoch=0001.npy")]
    run = open_run(path)
    assert list(repair_run(run, list(inspect(run)))) == ["checksum forgotten: logits/epoch=0001.npy is gone"]
    assert found(path) == []


def test_leftovers_of_killed_processes(path):
    (path / "stats" / "epoch=0003").mkdir()
    leftovers = {
        "stats/epoch=0003/.rank=0.parquet.0a1b2c3d.tmp": b"half",
        "logits/.epoch=0003.npy.tmp": b"half",
        "inflight/epoch=0002.rank=0.arrows": b"sealed long ago",
        "logits/epoch=0002.rank=1.of=2.npy": b"other ranks are missing",
    }
    for name, data in leftovers.items():
        (path / name).write_bytes(data)
    assert set(found(path)) == {("leftover", name) for name in leftovers}
    before = contents(path)
    run = open_run(path)
    assert len(list(repair_run(run, list(inspect(run))))) == len(leftovers)
    assert contents(path) == before
    assert found(path) == []


def test_unfinished_epochs_and_rank_gaps(path, rng):
    dataset = open_run(path).dataset
    with Recorder(path, dataset, rank=0, world_size=2) as recorder, recorder.epoch(4):
        recorder.batch(dataset.ids[:10], rng.normal(size=(10, K)))
    with pytest.raises(KeyboardInterrupt), Recorder(path, dataset) as recorder, recorder.epoch(5):
        recorder.batch(dataset.ids[:7], rng.normal(size=(7, K)))
        raise KeyboardInterrupt
    findings = {one.path: one for one in inspect(open_run(path))}
    assert "present: rank=0.of=2.parquet" in findings["stats/epoch=0004"].words
    assert "7 of 30 examples were recorded" in findings["inflight/epoch=0005"].words
    assert {one.kind for one in findings.values()} == {"unfinished"}
    assert not any(one.remedy for one in findings.values())


def test_missing_epochs_rows_and_strangers(path, rng):
    dataset = open_run(path).dataset
    with Recorder(path, dataset) as recorder, recorder.epoch(5):
        recorder.batch(dataset.ids[:10], rng.normal(size=(10, K)))
    (path / "notes.txt").write_text("mine")
    findings = {one.path: str(one) for one in inspect(open_run(path))}
    assert findings == {
        "": "note: epochs 3, 4 were not recorded, but later ones were",
        "stats/epoch=0005": "note: stats/epoch=0005: 10 of 30 examples were recorded",
        "notes.txt": "unknown: notes.txt: not a file of a run; it is not read, and a repair leaves it",
    }
    run = open_run(path)
    assert list(repair_run(run, list(inspect(run)))) == []


def test_the_journal(path):
    run = open_run(path)
    run.journal.relabel(["e1", "stranger"], "1", old="0")
    assert [(one.kind, one.path) for one in inspect(run)] == [("note", "journal.sqlite")]
    run.journal.relabel(["e2"], "no such class", old="0")
    assert ("damaged", "journal.sqlite") in [(one.kind, one.path) for one in inspect(run)]
    run.journal.close()
    (path / "journal.sqlite").write_bytes(b"SQLite format 3\0" + bytes(100))
    assert [(one.kind, one.remedy) for one in inspect(open_run(path))] == [("damaged", "")]


def test_planted_errors_about_other_examples(path):
    columns = {"id": ["e1", "stranger"], "true_label": ["0", "1"], "planted_label": ["1", "0"]}
    pd.DataFrame(columns).to_parquet(path / "planted.parquet")
    assert ("damaged", "planted.parquet") in found(path)


def test_no_repair_beside_a_recording(path, forks):
    code = f"""
import time, workbench as wb
rec = wb.Recorder({str(path)!r}, wb.open_run({str(path)!r}).dataset)
print("recording", flush=True)
time.sleep(600)
"""
    other = forks.start(code)
    try:
        assert other.stdout.readline() == "recording\n"
        (path / "stats" / ".epoch.tmp").write_bytes(b"perhaps its own")
        run = open_run(path)
        findings = list(inspect(run))
        assert "leftover" not in {one.kind for one in findings}
        with pytest.raises(RunError, match="is being recorded"):
            list(repair_run(run, findings))
    finally:
        other.kill()
        other.wait()
    assert ("leftover", "stats/.epoch.tmp") in found(path)
