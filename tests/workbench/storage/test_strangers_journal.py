"""Journals that were tampered with, and files of other programs: an error, or read in part."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest

from workbench.foundation.errors import RunError
from workbench.runs.journal import Journal


def change(journal, *statements):
    """Change the file without the journal."""
    journal.close()
    with contextlib.closing(sqlite3.connect(journal.path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def test_the_file_itself_refuses_changes(journal):
    journal.relabel(1, "dog", old="cat")
    with contextlib.closing(sqlite3.connect(journal.path)) as db:
        for attack in (
            "UPDATE entries SET new = 'emu'",
            "DELETE FROM entries",
            "DELETE FROM batches",
            "UPDATE batches SET owner = 'x'",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(attack)
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(
                "INSERT INTO entries (id, field, author, time, source, reason, batch) "
                "VALUES (x'00', 'label', '', '', '', '', 1)"
            )


def test_newer_schema_and_foreign_files_are_refused(journal, tmp_path):
    journal.relabel(1, "dog", old="cat")
    change(journal, "PRAGMA user_version = 3")
    with pytest.raises(RunError, match="schema version 3; this version reads up to 2"):
        journal.state()
    with pytest.raises(RunError, match="schema version 3"):
        journal.keep(1)

    other = tmp_path / "other.sqlite"
    with contextlib.closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE mine (x)")
    with pytest.raises(RunError, match="is not a journal"):
        Journal(other).keep(1)
    text = tmp_path / "text.sqlite"
    text.write_text("id,label\n" * 200)
    with pytest.raises(RunError, match="not a database"):
        Journal(text).state()
    with pytest.raises(RunError, match="directory of the journal"):
        Journal(tmp_path / "no" / "journal.sqlite").keep(1)


@pytest.mark.parametrize(
    "trap",
    [
        "CREATE TRIGGER trap AFTER INSERT ON entries BEGIN INSERT INTO batches (owner, depth) VALUES ('evil', 0); END",
        "CREATE VIEW trap AS SELECT 1",
        "DROP TRIGGER entries_no_delete",
    ],
)
def test_a_stranger_cannot_hide_triggers_in_the_file(journal, trap):
    journal.keep(1)
    change(journal, trap)
    with pytest.raises(RunError, match="tampered"):
        journal.state()


HIDDEN = {
    "a trigger with a name of SQLite's": (
        "INSERT INTO sqlite_master VALUES ('trigger', 'sqlite_x', 'entries', 0, 'CREATE TRIGGER sqlite_x BEFORE INSERT "
        "ON entries BEGIN SELECT RAISE(IGNORE); END')"
    ),
    "a view with a name of SQLite's": (
        "INSERT INTO sqlite_master VALUES ('view', 'sqlite_v', 'sqlite_v', 0, 'CREATE VIEW sqlite_v AS SELECT 1')"
    ),
    "a table with a name of SQLite's": (
        "INSERT INTO sqlite_master SELECT 'table', 'sqlite_t', 'sqlite_t', rootpage, 'CREATE TABLE sqlite_t(x)' "
        "FROM sqlite_master WHERE name = 'batches'"
    ),
    "an index of another name": "UPDATE sqlite_master SET name = 'other' WHERE name = 'entries_by_batch'",
    "a column that is computed": (
        "UPDATE sqlite_master SET sql = replace(sql, 'reason TEXT', 'x AS (new || 1), reason TEXT') "
        "WHERE name = 'entries'"
    ),
    "another collation": (
        "UPDATE sqlite_master SET sql = replace(sql, 'author TEXT', 'author TEXT COLLATE NOCASE') "
        "WHERE name = 'entries'"
    ),
    "a check that lets pass": (
        "UPDATE sqlite_master SET sql = replace(sql, 'depth >= 0', 'depth >= -9') WHERE name = 'batches'"
    ),
}


@pytest.mark.parametrize("how", HIDDEN)
def test_nothing_is_hidden_in_the_schema_table(journal, how):
    journal.keep(1)
    change(journal, "PRAGMA writable_schema = ON", HIDDEN[how], "PRAGMA schema_version = 99")
    for act in (journal.state, lambda: journal.keep(2)):
        with pytest.raises(RunError, match=r"tampered|malformed"):
            act()


@pytest.mark.parametrize("odd", ["PRAGMA user_version = 0", "UPDATE sqlite_sequence SET seq = 9223372036854775807"])
def test_numbers_that_no_journal_has(journal, odd):
    journal.keep(1)
    change(journal, odd)
    with pytest.raises(RunError, match="tampered"):
        journal.keep(2)


def test_a_journal_that_was_analysed_is_none_the_worse(journal):
    journal.keep([1, 2])
    change(journal, "ANALYZE")
    assert len(journal.state()) == 2
    assert journal.keep(3)


STRANGE = {
    "unknown field": ("field", "'colour'"),
    "blob time": ("time", "x'00'"),
    "odd time": ("time", "'yesterday'"),
    "time without a zone": ("time", "'2026-01-01T00:00:00'"),
    "day that is none": ("time", "'2026-13-01T00:00:00.000Z'"),
    "blob label": ("new", "x'ff'"),
    "real id": ("id", "1.5"),
    "blob author": ("author", "x'00'"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_entries_of_no_known_form_are_left_out_with_a_word(journal, kind):
    """Written by bypassing the constraints of the file, as an attacker could."""
    journal.relabel([1, 2], "dog", old="cat")
    expected = journal.state(), journal.since(0)
    name, value = STRANGE[kind]
    columns = {"id": "7", "field": "'label'", "new": "'emu'", "author": "'x'", "time": "'2026-01-01T00:00:00.000Z'"}
    columns |= {"source": "''", "reason": "''", "batch": "1", name: value}
    entry = f"INSERT INTO entries ({', '.join(columns)}) VALUES ({', '.join(columns.values())})"
    change(journal, "PRAGMA ignore_check_constraints = ON", entry)
    again = Journal(journal.path, author="ann")
    with pytest.warns(UserWarning, match="1 entries of unknown form.*workbench check"):
        state = again.state()
    assert state.equals(expected[0])
    assert again.since(0) == expected[1]
    assert list(again.opinions().index) == [1, 2]
    assert [words.split(" have")[0] for words in again.inconsistencies()] == ["entries 5"]
    assert again.keep(9)
    assert 9 in again.state().index


@pytest.mark.parametrize(
    ("insert", "found"),
    [
        ("INSERT INTO batches VALUES (9, 'x', 0, 9)", "batches 9 undo or redo"),
        ("INSERT INTO batches VALUES (9, 'x', 1, 7)", "batches 9 undo or redo"),
        ("INSERT INTO batches VALUES (9, 'x', 3, NULL)", "batches 9 undo something, but do not say what"),
        ("INSERT INTO batches VALUES (9, x'00', 0, NULL)", "batches 9 have an owner"),
        (
            "INSERT INTO entries (id, field, author, time, source, reason, batch) "
            "VALUES (1, 'flag', 'x', '2026-01-01T00:00:00.000Z', '', '', 77)",
            "entries 3 belong to no batch",
        ),
    ],
)
def test_batches_that_do_not_fit(journal, insert, found):
    journal.relabel(1, "dog", old="cat")
    assert journal.inconsistencies() == []
    change(journal, insert)
    assert any(found in words for words in journal.inconsistencies())
    assert journal.state().label.tolist() == ["dog"]
    assert journal.opinions().columns.tolist() == ["ann"]
