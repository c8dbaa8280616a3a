"""Killed at every file operation of every kind of save: either the previous state is there or the complete new one.

`killed.py` defines each save and runs it in forked processes that die just before the nth operation.
"""

from __future__ import annotations

import errno
import importlib.util
import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from forks import Forks

import workbench as wb
import workbench.foundation.errors
from workbench.runs.journal import Journal
from workbench.shell.inspection import inspect
from workbench.storage import cache
from workbench.storage.columns import read_column
from workbench.storage.evidence_tables import read_evidence_table

HERE = Path(__file__).parent / "killed.py"
CODE = "import sys, killed; killed.main(*sys.argv[1:3], int(sys.argv[3]))"
JOURNALS = ("journal", "older_journal")  # saving again is one more decision

_spec = importlib.util.spec_from_file_location("killed", HERE)
killed = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(killed)


@pytest.fixture(scope="module")
def servers() -> Iterator[Forks]:
    imports = "import workbench.scores.sources, workbench.review.audit, workbench.issues.plant, workbench.issues.review"
    module = f"import sys; sys.path.insert(0, {str(HERE.parent)!r}); import killed; sys.path.pop(0)"
    made = Forks(
        f"import numpy, pandas, pyarrow.parquet, widgets.saved.page, workbench.reports.report, {imports[7:]}; {module}",
        warm=True,
    )
    yield made
    made.close()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("os.fsync", killed.no_sync)
    return {"LABEL_WORKBENCH_HOME": str(tmp_path / "home")}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """A folder with a run of one epoch, which tests copy."""
    folder = tmp_path_factory.mktemp("recorded")
    dataset = wb.Dataset.from_arrays(np.arange(killed.N) % killed.K, classes=list("abc"))
    with wb.Recorder(folder / "run", dataset) as recorder, recorder.epoch(0):
        logits = np.random.default_rng(0).normal(size=(killed.N, killed.K))
        recorder.batch(dataset.ids, logits, logits[:, :2])
    return folder


def state(kind: str, folder: Path) -> object:
    """What a reader finds, in comparable form."""
    run = wb.open_run(folder / "run")
    try:
        return _state(run, kind, folder)
    finally:
        run.journal.close()


def _state(run: wb.Run, kind: str, folder: Path) -> object:
    if kind == "pred_probs":
        found = run.pred_probs()
        version = int(found.out_of_fold)
        assert found.source == f"v{version}"
        assert np.array_equal(found.values, killed.probabilities(version))
        return version
    if kind == "embeddings":
        version = int(run.embeddings(0)[0, 0]) - 1
        assert (run.embeddings(0) == version + 1).all()
        assert run.embedding_provenance(0).words == f"v{version}"
        assert (run.embedding_provenance(0).saw_labels is False) is (version == 0)
        return version
    if kind == "votes":
        return len(wb.review.read_votes(run).rows)
    if kind == "edges":
        return wb.graphs.read_edges(run).m
    if kind == "evidence":
        table, provenance = read_evidence_table(run.layout.evidence("scores"))
        [version] = set(table["version"].to_pylist())
        assert provenance.words == f"v{version}"
        return version
    if kind == "views":
        from widgets.view.views import Views

        return Views(run.path / "views.json").read()["x"]["color_by"]
    if kind == "audit":
        return wb.audit(run, budget=1).budget
    if kind == "planted":
        return run.dataset.given.tolist(), run.planted().to_numpy().tolist()
    if kind in JOURNALS:
        kept = folder / "run" / "before-schema=1" / "journal.sqlite"
        if run.journal.schema == 2 and kind == "older_journal":
            with Journal(kept) as older:
                assert older.log().equals(run.journal.log().iloc[:3])
        log = run.journal.log()
        return log.drop(columns="time").to_numpy().tolist()
    if kind == "computed":
        return int((cache.load(run.layout, "numbers", {"of": "the same"}) or {"version": [-1]})["version"][0])
    if kind == "scores":
        columns = {name: read_column(run.layout.cache / "scores", name, "d1", killed.N) for name in "ab"}
        for values in columns.values():
            assert values is None or (values == 1).all()
        return sum(values is not None for values in columns.values())
    name = {"report": "report.html", "saved_html": "view.html"}.get(kind, f"out.{kind}")
    return (folder / name).read_bytes()


FAILURES = {
    "full": (OSError(errno.ENOSPC, "No space left on device"), "No space left on device. Make room on that disk"),
    "quota": (OSError(errno.EDQUOT, "Disk quota exceeded"), "Disk quota exceeded. Make room on that disk"),
    "read-only": (OSError(errno.EROFS, "Read-only file system"), "Read-only file system. Choose another folder"),
    "denied": (PermissionError(errno.EACCES, "Permission denied"), "Permission denied. Choose another folder"),
    "disk": (OSError(errno.EIO, "Input/output error"), "Input/output error. Check the disk"),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("kind", sorted(set(killed.SAVES) - {*JOURNALS, "computed", "scores"}))
def test_a_save_that_fails(kind, failure, recorded, tmp_path, home, monkeypatch):
    """One clear error that names the file and says what to do; existing data is kept."""
    run = wb.open_run(shutil.copytree(recorded / "run", tmp_path / "run"))
    killed.SAVES[kind](run, 0)
    before = state(kind, tmp_path)
    error, words = FAILURES[failure]

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync" if failure in ("full", "quota") else "os.replace", fail)
        with pytest.raises(wb.errors.WorkbenchError, match=words) as told:
            killed.SAVES[kind](run, 1)
    assert str(tmp_path) in str(told.value)
    assert state(kind, tmp_path) == before
    assert not [str(one) for one in inspect(run) if one.kind != "note"]
    assert not list(tmp_path.rglob(".*.tmp"))
    killed.SAVES[kind](run, 1)
    assert state(kind, tmp_path) != before


@pytest.mark.parametrize("step", ["begin", "batch", "seal"])
def test_a_recording_that_fails(step, tmp_path, home, monkeypatch):
    """The error names the run; sealed epochs are kept, and the epoch can be recorded again."""
    dataset = wb.Dataset.from_arrays(np.arange(killed.N) % killed.K, classes=list("abc"))
    logits = np.random.default_rng(0).normal(size=(killed.N, killed.K))

    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with wb.Recorder(tmp_path / "run", dataset) as recorder:
        with recorder.epoch(0):
            recorder.batch(dataset.ids, logits)
        places = {"begin": "stream.Stream.__init__", "batch": "stream.Stream.append", "seal": "epoch.pq.write_table"}
        with monkeypatch.context() as patch:
            patch.setattr(f"workbench.recording.{places[step]}", fail)
            patch.setattr("workbench.recording.epoch.Pending.takes", lambda *_: False)
            expected = pytest.raises(wb.errors.WorkbenchError, match=r"run.* could not be written: No space.*Make room")
            with expected, recorder.epoch(1):
                recorder.batch(dataset.ids, logits)
        assert wb.open_run(tmp_path / "run").epochs == (0,)
        with recorder.epoch(1):
            recorder.batch(dataset.ids, logits)
    assert wb.open_run(tmp_path / "run").epochs == (0, 1)


def test_a_recorder_where_nothing_may_be_written(tmp_path, home, monkeypatch):
    def fail(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "run"))

    monkeypatch.setattr("pathlib.Path.mkdir", fail)
    with pytest.raises(
        wb.errors.WorkbenchError, match=r"run could not be written: Permission denied. Choose another folder"
    ):
        wb.Recorder(tmp_path / "run", wb.Dataset.from_arrays([0, 1]))


def test_a_checksum_that_cannot_be_noted_loses_nothing(tmp_path, home, monkeypatch):
    dataset = wb.Dataset.from_arrays(np.arange(killed.N) % killed.K, classes=list("abc"))
    run = wb.Recorder(tmp_path / "run", dataset).run()
    real = Path.write_text

    def full(path, *arguments, **named):
        if path.name.endswith(".tmp") and ".sha256" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, *arguments, **named)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.warns(UserWarning, match=r"pred_probs\.npy was saved, but its checksum could not be stored"):
        killed.pred_probs(run, 1)
    assert state("pred_probs", tmp_path) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", killed.SAVES)
def test_killed_at_every_operation(kind, recorded, tmp_path, servers, home):
    """Many operations change nothing, such as opening for reading: each state of the folder is left once by a kill."""
    template = shutil.copytree(recorded, tmp_path / "template")
    killed.SAVES[kind](wb.open_run(template / "run"), 0)
    whole = shutil.copytree(template, tmp_path / "whole")
    child = servers.start(CODE, kind, whole, 0, environment=home)
    told = child.stdout.read()
    assert child.wait() == 0, child.errors()
    changing, count = json.loads(told)
    before, after = state(kind, template), state(kind, whole)
    assert before != after
    allowed = [before, after, *([1] if kind == "scores" else [])]  # every column is saved separately
    if kind == "computed":
        allowed.append(-1)  # a cached result may be missing
    seen, checked = [], set()
    for nth in changing:
        folder = shutil.copytree(template, tmp_path / f"{nth}")
        child = servers.start(CODE, kind, folder, nth, environment=home)
        assert child.wait() == -signal.SIGKILL, child.errors()
        checked.add(killed.contents(folder))
        findings = [str(finding) for finding in inspect(wb.open_run(folder / "run")) if finding.is_damage]
        found = state(kind, folder)
        assert found in allowed, (nth, found)
        assert findings == [], nth
        seen.append(found)
        killed.SAVES[kind](wb.open_run(folder / "run"), 1)  # and saving again repairs it
        if kind not in JOURNALS:
            assert state(kind, folder) == after, nth
        shutil.rmtree(folder)
    assert count >= 3 and len(checked) == len(changing)
    assert before in seen
