"""The tables of a journal in every schema version, and the upgrades between them.

This module has the SQL that creates a journal and that upgrades an older one, and it distinguishes a valid journal from
one that was tampered with. CONTRIBUTING.md describes how to change the format.

Schema 1 (release 0.1): decisions about examples. Schema 2: also about units of examples, and edits of the label space.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Any

from workbench.foundation.errors import RunError, first_few

JOURNAL_VERSION = 2
APPLICATION_ID = 0x4C574A31  # "LWJ1": marks the file as a journal of this project
MOST_NUMBER = 1 << 60  # maximum accepted number of an entry or batch

_REFUSE = "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
_BATCHES = (
    """CREATE TABLE batches (
  batch INTEGER PRIMARY KEY AUTOINCREMENT,
  owner TEXT NOT NULL,
  depth INTEGER NOT NULL CHECK (depth >= 0),
  reverts INTEGER UNIQUE REFERENCES batches(batch))""",
    "CREATE INDEX batches_by_owner ON batches (owner, batch)",
    f"CREATE TRIGGER batches_no_update BEFORE UPDATE ON batches {_REFUSE}",
    f"CREATE TRIGGER batches_no_delete BEFORE DELETE ON batches {_REFUSE}",
)


def _entries(unit: str, fields: str, by_id: str) -> tuple[str, tuple[str, ...]]:
    """SQL that creates the table of entries, and SQL for its indexes and triggers."""
    table = f"""CREATE TABLE entries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id NOT NULL CHECK (typeof(id) IN ('integer', 'text')),{unit}
  field TEXT NOT NULL CHECK (field IN ({fields})),
  old TEXT,
  new TEXT,
  author TEXT NOT NULL,
  time TEXT NOT NULL,
  source TEXT NOT NULL,
  reason TEXT NOT NULL,
  batch INTEGER NOT NULL REFERENCES batches(batch),
  reverts INTEGER UNIQUE REFERENCES entries(seq))"""
    return table, (
        f"CREATE INDEX entries_by_id ON entries ({by_id})",
        "CREATE INDEX entries_by_batch ON entries (batch)",
        f"CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries {_REFUSE}",
        f"CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries {_REFUSE}",
    )


_ENTRIES = {
    1: _entries("", "'label', 'verdict', 'flag', 'note'", "id, field, seq"),
    2: _entries(
        "\n  unit TEXT NOT NULL DEFAULT '',", "'label', 'verdict', 'flag', 'note', 'space'", "id, unit, field, seq"
    ),
}
_REST = "field, old, new, author, time, source, reason, batch, reverts"
_IN_1 = f"seq, id, {_REST}"

SHADOW = {1: f"CREATE TEMP VIEW entries AS SELECT seq, id, '' AS unit, {_REST} FROM main.entries"}
"""Older version -> SQL of a temporary view of its entries in the current schema; the file is not changed."""

UPGRADES = {
    1: (
        *(f"DROP TRIGGER entries_no_{change}" for change in ("update", "delete")),
        *(f"DROP INDEX entries_by_{what}" for what in ("id", "batch")),
        "ALTER TABLE entries RENAME TO entries_before",
        _ENTRIES[2][0],
        f"INSERT INTO entries ({_IN_1}) SELECT {_IN_1} FROM entries_before ORDER BY seq",
        "UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'entries_before') "
        "WHERE name = 'entries'",
        "DROP TABLE entries_before",
        *_ENTRIES[2][1],
    )
}
"""Version -> the statements that upgrade to the next one, all in one transaction."""

SOUND = (
    "typeof(id) IN ('integer', 'text') AND (unit = '' OR typeof(unit) = 'text') "
    "AND (field = 'label' OR field = 'verdict' OR field IN ('flag', 'note', 'space')) "
    "AND typeof(old) IN ('text', 'null') AND typeof(new) IN ('text', 'null') AND typeof(author) = 'text' "
    "AND typeof(source) = 'text' AND typeof(reason) = 'text' AND typeof(batch) = 'integer' AND typeof(time) = 'text' "
    "AND time GLOB '[12][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z' "
    "AND julianday(time) IS NOT NULL"
)
"""SQL: whether this program can have written an entry; an untrusted file can contain others despite its constraints."""

INCONSISTENT = {
    "entries {} have an unknown field, no valid time, or values that are not text; they are not used": (
        f"SELECT seq FROM entries WHERE NOT ({SOUND})"
    ),
    "entries {} belong to no batch; they are not used": (
        "SELECT seq FROM entries e WHERE NOT EXISTS (SELECT 1 FROM batches b WHERE b.batch = e.batch)"
    ),
    "entries {} undo entries that do not exist, or that are about something else": (
        "SELECT e.seq FROM entries e LEFT JOIN entries r ON r.seq = e.reverts WHERE e.reverts IS NOT NULL "
        "AND (r.seq IS NULL OR r.id IS NOT e.id OR r.unit IS NOT e.unit OR r.field IS NOT e.field)"
    ),
    "batches {} undo or redo batches that do not exist, or that were written later": (
        "SELECT b.batch FROM batches b LEFT JOIN batches r ON r.batch = b.reverts WHERE b.reverts IS NOT NULL "
        "AND (r.batch IS NULL OR r.batch >= b.batch OR b.depth != r.depth + 1)"
    ),
    "batches {} undo something, but do not say what": "SELECT batch FROM batches WHERE reverts IS NULL AND depth != 0",
    "batches {} have an owner that is not text": "SELECT batch FROM batches WHERE typeof(owner) != 'text'",
}
"""Inconsistency, in words -> SQL for the numbers of the affected rows."""

_STATISTICS = {
    ("table", "sqlite_stat1", "sqlite_stat1", "CREATE TABLE sqlite_stat1(tbl,idx,stat)"),
    ("table", "sqlite_stat4", "sqlite_stat4", "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)"),
}
"""Tables that ANALYZE creates: they change how SQLite searches, not what it finds."""


def schema_version(db: sqlite3.Connection) -> int:
    """Return the schema version stored in the file."""
    return db.execute("PRAGMA user_version").fetchone()[0]


def create(db: sqlite3.Connection, version: int = JOURNAL_VERSION) -> None:
    """Create the tables in an empty file; safe if two processes do so at the same time."""
    if db.execute("PRAGMA schema_version").fetchone()[0]:
        return
    with all_or_nothing(db):
        if not db.execute("PRAGMA schema_version").fetchone()[0]:
            for statement in statements(version):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {version}")


def upgrade(db: sqlite3.Connection) -> None:
    """Upgrade an older journal inside the caller's transaction. Entries keep their numbers and contents.

    Entries of unknown form are copied as well, since there is no other record of them; they are not used before or
    after the upgrade.
    """
    db.execute("PRAGMA ignore_check_constraints = ON")
    try:
        for version in range(schema_version(db), JOURNAL_VERSION):
            for statement in UPGRADES[version]:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {version + 1}")
    finally:
        db.execute("PRAGMA ignore_check_constraints = OFF")


@contextlib.contextmanager
def all_or_nothing(db: sqlite3.Connection, how: str = "IMMEDIATE") -> Generator[None]:
    """Context manager for a transaction: it is committed after the block, and rolled back after an error."""
    db.execute(f"BEGIN {how}")
    with committed(db):
        yield


@contextlib.contextmanager
def committed(db: sqlite3.Connection) -> Generator[None]:
    """Context manager for the rest of an open transaction; see `all_or_nothing`."""
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def checked_version(db: sqlite3.Connection, path: Path) -> int:
    """Validate the schema of a journal, of this or an older version, and return its version.

    Raises
    ------
    RunError : another program's file, a newer schema, or objects (such as triggers) that this program did not create.
    """
    with all_or_nothing(db, "DEFERRED"):  # one consistent snapshot: another process may be upgrading
        return _checked(db, path)


def _checked(db: sqlite3.Connection, path: Path) -> int:
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = schema_version(db)
    if application != APPLICATION_ID:
        raise RunError(
            f"{path} is not a journal of this program (application id {application:#x}). "
            "Give the path of a journal, or of a run."
        )
    if version < min(_ENTRIES):
        raise RunError(
            f"the journal {path} has been tampered with: its schema version is {version}, but the first one was "
            f"{min(_ENTRIES)}. Use a journal that this program wrote."
        )
    if version > JOURNAL_VERSION:
        raise RunError(
            f"the journal {path} has schema version {version}; this version reads up to {JOURNAL_VERSION}. "
            "Install a newer label-workbench."
        )
    rows = db.execute("SELECT type, name, tbl_name, sql FROM main.sqlite_master").fetchall()
    ours = [row for row in rows if row not in _STATISTICS]
    if sorted(ours, key=repr) != sorted(_expected(version), key=repr):
        other = sorted(set(ours) ^ _expected(version), key=repr) or ours
        strange = [" ".join(str(part)[:60] for part in row if part) for row in other]
        raise RunError(
            f"the journal {path} has been tampered with: its schema differs at {first_few(strange, 2)}. "
            "Use a journal that this program wrote."
        )
    last = db.execute(
        "SELECT max(coalesce((SELECT max(seq) FROM main.entries), 0), coalesce((SELECT max(batch) FROM batches), 0), "
        "coalesce((SELECT max(seq) FROM sqlite_sequence), 0))"
    ).fetchone()[0]
    if not isinstance(last, int) or last > MOST_NUMBER:
        raise RunError(
            f"the journal {path} has been tampered with: its entries are numbered up to {last!r:.40}, so that no more "
            "can be added. Use a journal that this program wrote."
        )
    return version


def statements(version: int = JOURNAL_VERSION) -> tuple[str, ...]:
    """Return the SQL statements that create a journal of a schema version."""
    table, others = _ENTRIES[version]
    return (_BATCHES[0], table, *others, *_BATCHES[1:])


@functools.cache
def _expected(version: int) -> set[tuple[Any, ...]]:
    """Return the rows of a journal's schema table as this SQLite writes them, with its internal table and indexes."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        for statement in statements(version):
            db.execute(statement)
        return set(db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))
