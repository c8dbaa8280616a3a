"""Journals of schema 1: read in place, upgraded by the first write, never partially."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import tempfile
from pathlib import Path

import pytest
from olderjournal import COLUMNS_OF_1, ROW, TIME, older

from workbench.foundation.errors import RunError
from workbench.runs.journal import LOG_COLUMNS, Journal
from workbench.storage import journalfile


def schema(path: Path) -> tuple[int, set]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = set(db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))
        return db.execute("PRAGMA user_version").fetchone()[0], rows


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


@pytest.fixture
def old(tmp_path):
    return older(tmp_path / "journal.sqlite")


@pytest.fixture(params=["digits-run", "birds-run"])
def golden(request, root, tmp_path):
    """A journal written by release 0.1.0: two authors, undo, redo, notes, flags."""
    source = root / "tests" / "golden" / "v1" / request.param / "journal.sqlite"
    return Path(shutil.copy(source, tmp_path / "journal.sqlite"))


def test_reading_changes_no_byte(golden):
    before = bytes_of(golden)
    with Journal(golden, author="ada") as journal:
        assert journal.schema == 1
        assert tuple(journal.log().columns) == LOG_COLUMNS
        assert len(journal.state()) and len(journal.opinions()) and len(journal.standing())
        assert journal.integrity() == journal.inconsistencies() == []
        assert journal.state(per="unit").index.get_level_values("unit").unique().tolist() == [""]
    assert bytes_of(golden) == before
    assert [path.name for path in golden.parent.iterdir()] == ["journal.sqlite"]


def test_the_first_decision_brings_it_up(golden, tmp_path):
    before = bytes_of(golden)
    with Journal(golden, author="new") as journal:
        told = journal.log(), journal.state(), journal.opinions(), journal.last_seq
        batch = journal.keep(["none of them"], old="cat")
        assert journal.schema == 2
        log = journal.log()
        assert log.iloc[: len(told[0])].equals(told[0])
        assert (log["batch"].iloc[-1], journal.last_seq) == (batch, told[3] + 2), "numbers go on where they were"
        assert len(journal.undo("new")) == 2
        assert journal.state().equals(told[1])
        assert journal.opinions()[told[2].columns].dropna(how="all").equals(told[2])
        assert journal.integrity() == journal.inconsistencies() == []
    with Journal(tmp_path / "fresh.sqlite") as fresh:
        fresh.keep(1)
    assert schema(golden) == schema(tmp_path / "fresh.sqlite")
    kept = golden.parent / "before-schema=1" / "journal.sqlite"
    with Journal(kept) as copy:
        assert copy.log().equals(told[0]) and copy.schema == 1
    with contextlib.closing(sqlite3.connect(golden)) as db:
        for attack in ("UPDATE entries SET unit = 'g1'", "DELETE FROM entries", "DELETE FROM batches"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(attack)
    assert before != bytes_of(golden)


@pytest.mark.parametrize("act", ["relabel", "keep", "skip", "flag", "note", "undo", "redo"])
def test_every_kind_of_write_brings_it_up(old, act):
    arguments = {"relabel": (3, "dog"), "note": (3, "x"), "undo": (), "redo": ()}.get(act, (3,))
    with Journal(old, author="ann") as journal:
        getattr(journal, act)(*arguments, **({"old": "cat"} if act == "relabel" else {}))
        assert journal.schema == 2


def test_the_numbering_is_kept_even_above_the_last_entry(old):
    with contextlib.closing(sqlite3.connect(old)) as db:
        db.execute("UPDATE sqlite_sequence SET seq = 40 WHERE name = 'entries'")
        db.commit()
    with Journal(old) as journal:
        journal.keep(9, old="cat")
        assert [entry.seq for entry in journal.since(4)] == [41, 42]


def test_an_analysed_journal_is_brought_up_too(old):
    with contextlib.closing(sqlite3.connect(old)) as db:
        db.execute("ANALYZE")
    with Journal(old) as journal:
        journal.keep(3)
        assert len(journal.state()) == 3


# ---- copies of the older file ------------------------------------------------------------------------------------


def test_a_copy_that_is_there_stays(old, tmp_path):
    """A user returned to the copy, made decisions with the older release, and now uses the new one again."""
    with Journal(old) as journal:
        journal.keep(3)
    kept = tmp_path / "before-schema=1"
    first = bytes_of(kept / "journal.sqlite")
    for name in ("journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    older(old, ids=(7, 8, 9))
    with Journal(old) as journal:
        journal.keep(3)
    assert bytes_of(kept / "journal.sqlite") == first
    with Journal(kept / "journal-2.sqlite") as second:
        assert second.state().index.tolist() == [7, 8, 9]


def test_the_same_copy_is_not_made_twice(old, tmp_path, monkeypatch):
    def fail(db):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(journalfile, "upgrade", fail)
        for _ in range(2):
            with Journal(old) as journal, pytest.raises(RunError, match="full disk"):
                journal.keep(3)
    with Journal(old) as journal:
        assert journal.schema == 1 and len(journal.state()) == 2, "it is as it was"
        assert journal.keep(3) == 2
    assert [path.name for path in (tmp_path / "before-schema=1").iterdir()] == ["journal.sqlite"]


def test_where_no_copy_can_be_made_nothing_is_changed(old, tmp_path):
    (tmp_path / "before-schema=1").write_text("in the way")
    before = bytes_of(old)
    with Journal(old) as journal:
        with pytest.raises(RunError, match="before-schema=1"):
            journal.keep(3)
        assert journal.schema == 1
    assert bytes_of(old) == before


# ---- other processes ---------------------------------------------------------------------------------------------


def test_one_reads_on_while_another_brings_it_up(old):
    reader, writer = Journal(old, author="bob"), Journal(old, author="ann")
    assert reader.state().index.tolist() == [1, 2] and reader.schema == 1
    writer.relabel([1, 1], ["box 0 0 9 9", "box 5 5 9 9"], old=[None, None], units=["a1", "a2"])
    assert reader.state().index.tolist() == [1, 2]
    assert reader.state(per="unit").index.tolist() == [(1, ""), (1, "a1"), (1, "a2"), (2, "")]
    assert reader.schema == 2
    reader.keep(2, old="cat")
    assert writer.state().loc[2, "label"] == "cat"


def test_two_that_opened_it_before_bring_it_up_once(old, tmp_path):
    journals = [Journal(old, author=name) for name in ("ann", "bob", "cy")]
    assert [journal.schema for journal in journals] == [1, 1, 1]
    for nth, journal in enumerate(journals):
        journal.relabel(10 + nth, "emu", old="cat")
    assert journals[0].state().index.tolist() == [1, 2, 10, 11, 12]
    assert journals[0].log()["seq"].tolist() == list(range(1, 11))
    assert [path.name for path in (tmp_path / "before-schema=1").iterdir()] == ["journal.sqlite"]


def test_a_connection_of_the_older_release_writes_on(old):
    """It names its columns when writing, so its entries are about the example, as before."""
    with contextlib.closing(sqlite3.connect(old, isolation_level=None)) as db:
        assert db.execute("SELECT count(*) FROM entries").fetchone() == (4,)
        with Journal(old) as journal:
            journal.keep(3)
            db.execute("INSERT INTO batches (owner, depth) VALUES ('bob', 0)")
            db.execute(ROW, (4, "flag", None, "true", "bob", TIME, "", "", 3))
            assert [(entry.id, entry.unit) for entry in journal.since(5)] == [(4, "")]
            assert journal.integrity() == journal.inconsistencies() == []


WRITER = """
import sys
from workbench.runs.journal import Journal
journal = Journal(sys.argv[1], author=sys.argv[2])
assert journal.schema in (1, 2)
for i in range(int(sys.argv[3])):
    journal.relabel(f"{sys.argv[2]}-{i}", "emu", old="cat")
"""


def test_processes_that_race_to_bring_it_up(old, forks):
    children = [forks.start(WRITER, old, name, 5) for name in ("ann", "bob", "cy")]
    for child in children:
        assert child.wait() == 0, child.errors()
    with Journal(old) as journal:
        assert len(journal.state()) == 2 + 15
        assert journal.log()["seq"].tolist() == list(range(1, 4 + 30 + 1))
    assert schema(old)[0] == 2


def test_killed_while_it_is_brought_up(old, forks):
    """Kills at random times; `test_kill_saves` kills at every statement."""
    for _ in range(4):
        child = forks.start(WRITER, old, "ann", 1)
        child.kill()
        assert child.wait() in (0, -signal.SIGKILL)
        with Journal(old) as journal:
            log = journal.log()
        assert log["id"].tolist()[:4] == [1, 2, 1, 2] and len(log) % 2 == 0
        assert schema(old)[0] in (1, 2)


# ---- read-only places ----------------------------------------------------------------------------------------------


def test_read_in_a_read_only_place(golden):
    folder = Path(tempfile.mkdtemp())
    expected = Journal(golden).state()
    try:
        shutil.copy(golden, folder)
        (folder / "journal.sqlite").chmod(0o444)
        folder.chmod(0o555)
        if os.geteuid() == 0:
            os.seteuid(65534)
        with Journal(folder, author="bob") as journal:
            assert journal.state().equals(expected)
            assert (journal.schema, journal.read_only) == (1, True)
            with pytest.raises(RunError, match="read-only place"):
                journal.keep(1)
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


# ---- foreign files -------------------------------------------------------------------------------------------------


def test_entries_of_no_known_form_come_along_and_are_not_used(old):
    with contextlib.closing(sqlite3.connect(old)) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute(ROW, (1.5, "colour", b"\xff", None, "x", "yesterday", "", "", 1))
        db.commit()
        rows = db.execute("SELECT * FROM entries").fetchall()
    with Journal(old) as journal:
        with pytest.warns(UserWarning, match="1 entries of unknown form"):
            journal.state()
        journal.keep(3)
        assert journal.state().index.tolist() == [1, 2, 3]
        assert [words.split(" have")[0] for words in journal.inconsistencies()] == ["entries 5"]
    with contextlib.closing(sqlite3.connect(old)) as db:
        sql = f"SELECT seq, {COLUMNS_OF_1}, reverts FROM entries LIMIT 5"
        assert db.execute(sql).fetchall() == rows


def test_what_cannot_be_brought_up_stays_as_it_is(old):
    """A row without an author, which no statement can write: edited into the database pages."""
    with contextlib.closing(sqlite3.connect(old, isolation_level=None)) as db:
        sql = db.execute("SELECT sql FROM sqlite_master WHERE name = 'entries'").fetchone()[0]
        db.execute("PRAGMA writable_schema = ON")
        rewrite = "UPDATE sqlite_master SET sql = ? WHERE name = 'entries'"
        db.execute(rewrite, (sql.replace("author TEXT NOT NULL", "author TEXT"),))
        db.execute("PRAGMA schema_version = 77")
    with contextlib.closing(sqlite3.connect(old, isolation_level=None)) as db:
        db.execute(ROW, (5, "flag", None, "true", None, TIME, "", "", 1))
        db.execute("PRAGMA writable_schema = ON")
        db.execute(rewrite, (sql,))
        db.execute("PRAGMA schema_version = 78")
    with Journal(old) as journal:
        with pytest.warns(UserWarning, match="unknown form"):
            assert len(journal.state()) == 2
        with pytest.raises(RunError, match=r"cannot be upgraded to schema version 2.*workbench check"):
            journal.keep(3)
        assert len(journal.state()) == 2 and journal.schema == 1


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TRIGGER trap AFTER INSERT ON entries BEGIN INSERT INTO batches (owner, depth) VALUES ('evil', 0); END",
        "DROP TRIGGER entries_no_delete",
        "PRAGMA user_version = 2",
        "ALTER TABLE entries ADD COLUMN unit TEXT NOT NULL DEFAULT ''",
    ],
)
def test_an_older_file_is_looked_at_as_closely(old, change):
    with contextlib.closing(sqlite3.connect(old)) as db:
        db.execute(change)
    for act in (lambda: Journal(old).state(), lambda: Journal(old).keep(1)):
        with pytest.raises(RunError, match="tampered"):
            act()
    assert not (old.parent / "before-schema=1").exists()


def test_edits_of_the_label_space_by_a_later_release_are_kept_and_not_shown(old):
    with Journal(old, author="ann") as journal:
        journal.keep(3)
        with contextlib.closing(sqlite3.connect(old)) as db:
            db.execute("INSERT INTO batches (owner, depth) VALUES ('ann', 0)")
            db.execute(ROW, ("dog", "space", None, "retired", "ann", TIME, "", "", 3))
            db.commit()
        assert journal.state().index.tolist() == [1, 2, 3]
        assert journal.inconsistencies() == []
        (entry,) = journal.undo()
        assert (entry.field, entry.old, entry.new) == ("space", "retired", None)
