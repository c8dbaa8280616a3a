"""Migration of a synthetic older run: all or nothing, with a backup, leaving the journal untouched."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.foundation.errors import RunError
from workbench.runs.run import open_run
from workbench.runs.votes import is_older, vote_table
from workbench.shell import migration
from workbench.shell.inspection import inspect
from workbench.shell.migration import Change, migrate
from workbench.storage import checksums
from workbench.storage.layout import Layout, write_json

OLD = "examples.arrow-table"


def old_run(path, source):
    """A made-up version -1: examples in an Arrow file with another name, and a field `k` in run.json."""
    shutil.copytree(source, path)
    table = pq.read_table(path / "examples.parquet")
    with pa.OSFile(str(path / OLD), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    (path / "examples.parquet").unlink()
    described = json.loads((path / "run.json").read_text())
    write_json(path / "run.json", described | {"schema_version": -1, "k": 10})
    return path


def to_0(layout, folder, described):
    with pa.memory_map(str(layout.root / OLD)) as file:
        pq.write_table(pa.ipc.open_file(file).read_all(), folder / "examples.parquet")
    return Change(described, removed=(OLD,))


def to_1(layout, folder, described):
    assert layout.examples.is_file()  # the previous step was applied
    del described["k"]
    (folder / "stats").mkdir()
    shutil.copyfile(layout.stats(0), folder / "stats" / "copied.parquet")
    return Change(described)


STEPS = {-1: to_0, 0: to_1}


@pytest.fixture
def old(tmp_path, root):
    path = old_run(tmp_path / "run", root / "data" / "digits-run")
    (path / "journal.sqlite").write_bytes(b"not to be touched")
    return path


def bytes_of(path):
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_an_older_run_says_what_to_do(old):
    with pytest.raises(RunError, match=r"has schema version -1; this release reads 1\. Run `workbench migrate "):
        open_run(old)


def test_steps_one_by_one_with_a_backup(old, root):
    before = bytes_of(old)
    lines = list(migrate(old, STEPS))
    assert [line.partition(";")[0] for line in lines[:2]] == ["schema version -1 -> 0", "schema version 0 -> 1"]
    assert lines[2].startswith("journal.sqlite was left as it is: ") and "not a database" in lines[2]
    assert (old / "journal.sqlite").read_bytes() == b"not to be touched" and len(lines) == 3
    (old / "journal.sqlite").unlink()
    run, original = open_run(old), open_run(root / "data" / "digits-run")
    np.testing.assert_array_equal(run.dataset.ids, original.dataset.ids)
    np.testing.assert_array_equal(run.stat_matrix("loss"), original.stat_matrix("loss"))
    assert "k" not in run.described
    backup = bytes_of(old / "before-schema=-1")
    assert backup == {OLD: before[OLD], "run.json": before["run.json"]}
    assert json.loads((old / "before-schema=0" / "run.json").read_text())["schema_version"] == 0
    assert not (old / OLD).exists()
    assert not list(old.glob("migrat*"))
    noted = checksums.noted(Layout(old))
    assert noted[old / "examples.parquet"] == checksums.sha256(old / "examples.parquet")
    assert list(migrate(old, STEPS)) == []  # again: nothing to do


def test_the_journal_is_not_touched(old):
    list(migrate(old, STEPS))
    assert (old / "journal.sqlite").read_bytes() == b"not to be touched"

    def naughty(layout, folder, described):
        (folder / "journal.sqlite").write_bytes(b"new")
        return Change(described)

    write_json(old / "run.json", json.loads((old / "run.json").read_text()) | {"schema_version": 0})
    with pytest.raises(RunError, match="must not change the journal"):
        list(migrate(old, {0: naughty}))


@pytest.mark.parametrize("stop", range(9))
def test_interrupted_anywhere_it_is_carried_on(old, monkeypatch, stop):
    """Killed at every rename: before the plan is written nothing has changed, afterwards the migration is completed."""
    undisturbed = shutil.copytree(old, old.with_name("undisturbed"))
    list(migrate(undisturbed, {-1: to_0}, newest=0))
    wanted = bytes_of(undisturbed)
    calls = iter(range(100))
    real = migration.os.replace

    def replace(*arguments):
        if next(calls) == stop:
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(migration.os, "replace", replace)
    try:
        list(migrate(old, {-1: to_0}, newest=0))
        assert stop >= 8  # every rename was tried
    except KeyboardInterrupt:
        with pytest.raises(RunError, match="Run `workbench migrate"):
            open_run(old)
    monkeypatch.setattr(migration.os, "replace", real)
    list(migrate(old, {-1: to_0}, newest=0))
    found = bytes_of(old)
    left = {name for name in found.keys() ^ wanted.keys() if not name.startswith("checksums/")}
    assert not left
    assert {name for name in wanted if found.get(name) != wanted[name] and not name.startswith("checksums/")} == set()


def test_a_version_from_which_no_step_leads(old):
    with pytest.raises(RunError, match=r"version -1, from which no step is known \(steps from: 0\)"):
        list(migrate(old, {0: to_1}))
    with pytest.raises(RunError, match=r"steps from: none"):
        list(migrate(old))
    assert sorted(migration.MIGRATIONS) == []  # a new migration step needs its own test


def test_a_step_that_fails_changes_nothing(old):
    before = bytes_of(old)

    def failing(layout, folder, described):
        (folder / "examples.parquet").write_bytes(b"half")
        raise RunError("no")

    with pytest.raises(RunError, match="no"):
        list(migrate(old, {-1: failing}))
    assert {name: data for name, data in bytes_of(old).items() if name[:4] not in ("migr", ".ran")} == before


@pytest.mark.parametrize(
    "plan",
    [
        b"{",
        b"[]",
        b'{"from": 0, "files": ["../../x"], "removed": []}',
        b'{"from": 0, "files": [], "removed": ["/etc/passwd"]}',
        b'{"from": 0, "files": [], "removed": ["journal.sqlite"]}',
        b'{"from": "x", "files": [], "removed": []}',
        b'{"from": 0, "files": ["C:\\\\x"], "removed": []}',
    ],
)
def test_a_plan_from_a_stranger(old, plan):
    (old / "migration.json").write_bytes(plan)
    before = bytes_of(old.parent)
    with pytest.raises(RunError, match=r"migration\.json is damaged"):
        list(migrate(old, STEPS))
    after = bytes_of(old.parent)
    assert {name: after[name] for name in after if ".rank=0.lock" not in name} == before


def test_a_newer_run_is_refused(old):
    write_json(old / "run.json", {"schema_version": 2})
    for act in (open_run, lambda path: list(migrate(path))):
        with pytest.raises(RunError, match=r"has schema version 2; this release reads up to 1\. Update"):
            act(old)


@pytest.fixture
def birds(root, tmp_path):
    """A copy of a run written by release 0.1.0, with its journal and votes."""
    return shutil.copytree(root / "tests" / "golden" / "v1" / "birds-run", tmp_path / "birds")


def test_journal_and_votes_of_an_older_release_are_brought_up(birds):
    before = bytes_of(birds)
    run = open_run(birds)
    log, table = run.journal.log(), vote_table(run)
    notes = [str(one) for one in inspect(run) if "migrate" in one.words and one.kind == "note"]
    assert [note.split(":")[1] for note in notes] == [" journal.sqlite", " votes.parquet"]
    run.journal.close()
    lines = list(migrate(birds))
    assert [line.partition(":")[0] for line in lines] == ["journal.sqlite", "votes.parquet"]
    run = open_run(birds)
    assert run.journal.schema == 2 and run.journal.log().equals(log)
    assert not is_older(run) and vote_table(run).equals(table)
    assert [str(one) for one in inspect(run) if one.is_damage or "migrate" in one.words] == []
    run.journal.close()
    kept = bytes_of(birds / "before-schema=1")
    assert sorted(kept) == ["journal.sqlite", "votes.parquet"]
    assert kept["votes.parquet"] == before["votes.parquet"]
    assert list(migrate(birds)) == []


def test_damaged_votes_and_journals_stay_as_they_are(birds):
    for name in ("journal.sqlite", "votes.parquet"):
        (birds / name).write_bytes(b"damaged")
    assert [line.partition(":")[0] for line in migrate(birds)] == ["journal.sqlite was left as it is"]
    assert (birds / "votes.parquet").read_bytes() == b"damaged"


def test_half_a_copy_of_an_older_journal_is_a_leftover(birds):
    """A copy that was cut short by a kill: nothing reads it, and a repair sets it aside."""
    (birds / "before-schema=1").mkdir()
    (birds / "before-schema=1" / ".journal.sqlite.0123abcd.tmp").write_bytes(b"half")
    found = [one for one in inspect(open_run(birds)) if one.kind == "leftover" and one.path.startswith("before-schema")]
    assert [(one.path, one.remedy) for one in found] == [("before-schema=1/.journal.sqlite.0123abcd.tmp", "set-aside")]
