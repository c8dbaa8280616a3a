"""The file under a journal: its SQLite schema, who may write it, and what makes it safe to open.

Hides everything that is about SQLite and processes: creating the tables once although two processes try at the
same time, waiting for other writers, reading in a place where nothing may be written, noticing that the file was
deleted or replaced or that the process was forked, refusing files that hold more than our own tables and triggers.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sqlite3
import stat
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from workbench.foundation.errors import RunError, first_few
from workbench.storage.failures import WriteError
from workbench.storage.files import is_there, no_file

SCHEMA_VERSION = 1
APPLICATION_ID = 0x4C574A31  # "LWJ1": says that the file is one of ours
WAIT = 30.0  # seconds that a writer queues behind others before it gives up
CHECKPOINT = 1.0  # seconds between two times that the log is written into the file
MOST = 1 << 60  # of a number of an entry

_REFUSE = "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
_SCHEMA = (
    """CREATE TABLE batches (
  batch INTEGER PRIMARY KEY AUTOINCREMENT,
  owner TEXT NOT NULL,
  depth INTEGER NOT NULL CHECK (depth >= 0),
  reverts INTEGER UNIQUE REFERENCES batches(batch))""",
    """CREATE TABLE entries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id NOT NULL CHECK (typeof(id) IN ('integer', 'text')),
  field TEXT NOT NULL CHECK (field IN ('label', 'verdict', 'flag', 'note')),
  old TEXT,
  new TEXT,
  author TEXT NOT NULL,
  time TEXT NOT NULL,
  source TEXT NOT NULL,
  reason TEXT NOT NULL,
  batch INTEGER NOT NULL REFERENCES batches(batch),
  reverts INTEGER UNIQUE REFERENCES entries(seq))""",
    "CREATE INDEX entries_by_id ON entries (id, field, seq)",
    "CREATE INDEX entries_by_batch ON entries (batch)",
    "CREATE INDEX batches_by_owner ON batches (owner, batch)",
    f"CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries {_REFUSE}",
    f"CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries {_REFUSE}",
    f"CREATE TRIGGER batches_no_update BEFORE UPDATE ON batches {_REFUSE}",
    f"CREATE TRIGGER batches_no_delete BEFORE DELETE ON batches {_REFUSE}",
)

SOUND = (
    "typeof(id) IN ('integer', 'text') AND field IN ('label', 'verdict', 'flag', 'note') "
    "AND typeof(old) IN ('text', 'null') AND typeof(new) IN ('text', 'null') AND typeof(author) = 'text' "
    "AND typeof(source) = 'text' AND typeof(reason) = 'text' AND typeof(batch) = 'integer' AND typeof(time) = 'text' "
    "AND time GLOB '[12][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z' "
    "AND julianday(time) IS NOT NULL"
)
"""SQL: whether an entry is one that this program writes; a stranger's file can hold others, past its own checks."""

INCONSISTENT = {
    "entries {} have an unknown field, no proper time, or values that are no text; they are not used": (
        f"SELECT seq FROM entries WHERE NOT ({SOUND})"
    ),
    "entries {} belong to no batch; they are not used": (
        "SELECT seq FROM entries e WHERE NOT EXISTS (SELECT 1 FROM batches b WHERE b.batch = e.batch)"
    ),
    "batches {} undo or redo what is not there, or what came later": (
        "SELECT b.batch FROM batches b LEFT JOIN batches r ON r.batch = b.reverts WHERE b.reverts IS NOT NULL "
        "AND (r.batch IS NULL OR r.batch >= b.batch OR b.depth != r.depth + 1)"
    ),
    "batches {} are undo without saying of what": "SELECT batch FROM batches WHERE reverts IS NULL AND depth != 0",
    "batches {} have an owner that is no text": "SELECT batch FROM batches WHERE typeof(owner) != 'text'",
}
"""What cannot be in a journal -> SQL for the numbers of the rows where it is."""


class JournalFile:
    """One SQLite file shared by threads (a lock) and processes (SQLite's own locks), opened when first needed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read_only = False  # known after the first read or write
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int, int] | None = None  # process, device, inode
        self._finalizer: weakref.finalize | None = None
        self._checkpointed = float("-inf")
        self._begun = False
        self.strange = 0  # entries that this program did not write so; known after the first read

    def exists(self) -> bool:
        """Whether anything was ever written (a file of zero bytes is a creation that was cut short)."""
        return is_there(self.path) and self.path.stat().st_size > 0

    def read(self, sql: str, values: Sequence = ()) -> list[tuple]:
        """All rows of a query; none when there is no file yet."""
        with self._lock:
            if not self.exists():
                return []
            with self._explained():
                return self._open(write=False).execute(sql, values).fetchall()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: all of it is on disk when the block is left, or none of it is."""
        with self._lock, self._explained():
            db = self._open(write=True)
            _patiently(lambda: db.execute("BEGIN IMMEDIATE"))
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            self._settle(db)

    def _settle(self, db: sqlite3.Connection) -> None:
        """After a commit: at most once a second move what the write-ahead log holds into the file itself.

        So a copy of the file alone, made while it is open here, lacks what was decided within a second, not all.
        """
        if time.monotonic() - self._checkpointed > CHECKPOINT:
            with contextlib.suppress(sqlite3.Error):  # the decision is safe in the log
                db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._checkpointed = time.monotonic()
        if not self._begun:
            self._begun = True
            with contextlib.suppress(OSError):
                mark_begun(self.path)

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            if self._finalizer is not None:
                self._finalizer()
            self._connection = self._opened = self._finalizer = None

    def _open(self, write: bool) -> sqlite3.Connection:
        """The connection of this process to the file that is there now."""
        if self._connection is not None:
            if self._opened[0] != os.getpid():  # after a fork it belongs to the parent: leave it alone
                self._finalizer.detach()
                _FORKED.append(self._connection)
                self._connection = None
            elif not self.exists() or self._opened[1:] != _identity(self.path) or (write and self.read_only):
                self.close()
        if self._connection is None:
            _check_files(self.path)
            if write and not self.path.parent.is_dir():
                raise RunError(f"the directory of the journal {self.path} is missing. Create the run first.")
            if write and not self.path.exists() and not _writable(self.path.parent):
                raise self._refusal()
            self._connection, self.read_only, copy = _connect(self.path, write)
            self.strange = self._connection.execute(f"SELECT count(*) FROM entries WHERE NOT ({SOUND})").fetchone()[0]
            self._opened = (os.getpid(), *_identity(self.path))
            self._finalizer = weakref.finalize(self, _leave, self._connection, copy)
        if write and self.read_only:
            raise self._refusal()
        return self._connection

    def _refusal(self) -> RunError:
        return WriteError(
            f"the journal {self.path} is in a read-only place: it can be read, not added to. "
            "Copy the run to a place of your own."
        )

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            text = str(error)
            found, todo = next(rest for words, *rest in _FAILURES if any(word in text for word in words))
            raise RunError(f"the journal {self.path} {found.format(text=text, wait=WAIT)}. {todo}") from error


_FORKED: list[sqlite3.Connection] = []  # closing these in the child would disturb the parent
_FAILURES = (  # words in SQLite's message, what was found, what to do; the last one takes all others
    (("readonly", "read-only"), "cannot be written: {text}", "Copy the run to a place of your own."),
    (
        ("locked", "busy"),
        "was locked by another process for {wait:.0f} s",
        "Close it there and try again; this decision was not saved.",
    ),
    (("full",), "is on a full disk", "Make room and repeat the decision: it was not saved."),
    (
        ("unable to open",),
        "cannot be opened: {text}",
        "Check your rights to the file and to its folder; what was decided before is unchanged.",
    ),
    (
        ("I/O error",),
        "cannot be read or written: {text}",
        "The disk is full or it fails: make room, check it, then try again; leave the file where it is.",
    ),
    (
        ("malformed", "not a database", "corrupt"),
        "is damaged: {text}",
        "Restore it from a copy, or move it away to start anew.",
    ),
    (("",), "cannot be used: {text}", "Try again; if it stays so, restore the file from a copy."),
)


def mark_begun(path: Path) -> None:
    """Note beside a run's checksums that there are decisions, so that a journal which is gone is missed."""
    marker = begun_marker(path)
    if (path.parent / "run.json").is_file() and not marker.exists():
        marker.parent.mkdir(exist_ok=True)
        marker.write_text("Decisions were saved in journal.sqlite.\n", encoding="utf-8")


def begun_marker(path: Path) -> Path:
    """The file whose existence says that a journal holds decisions."""
    return path.parent / "checksums" / f"{path.name}.begun"


def _connect(path: Path, write: bool) -> tuple[sqlite3.Connection, bool, tempfile.TemporaryDirectory | None]:
    """Connection, whether it is read-only, and the temporary copy that it reads where nothing else is allowed."""
    if _writable(path.parent) and (not path.exists() or _writable(path)):
        try:
            return _connect_writable(path), False, None
        except sqlite3.OperationalError as error:  # a full disk has no room for the log; it can be read all the same
            if write or any(word in str(error) for word in ("locked", "busy")):
                raise
    try:
        db = _raw(path, "ro")
        with _closed_on_error(db):
            _check(db, path)
        return db, True, None
    except sqlite3.OperationalError:  # no shared memory can be made here: read a copy, with its write-ahead log
        copy = tempfile.TemporaryDirectory(prefix="journal-")
        for part in (path, path.with_name(path.name + "-wal")):
            if part.exists():
                shutil.copyfile(part, Path(copy.name) / part.name)
        db = _raw(Path(copy.name) / path.name, "rw")
        with _closed_on_error(db):
            _check(db, path)
        return db, True, copy


def _connect_writable(path: Path) -> sqlite3.Connection:
    db = _raw(path, "rwc")
    with _closed_on_error(db):
        _patiently(lambda: db.execute("PRAGMA journal_mode = WAL").fetchall())
        db.execute("PRAGMA synchronous = FULL")
        _patiently(lambda: _create(db))
        _check(db, path)
    return db


def _raw(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, timeout=WAIT, isolation_level=None, check_same_thread=False)
    with _closed_on_error(db):
        db.text_factory = lambda raw: raw.decode("utf-8", "replace")
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA temp_store = MEMORY")
    return db


def _create(db: sqlite3.Connection) -> None:
    """Create the tables in an empty file; of two processes that try at once, one does it."""
    if db.execute("PRAGMA schema_version").fetchone()[0]:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        if not db.execute("PRAGMA schema_version").fetchone()[0]:
            for statement in _SCHEMA:
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _check(db: sqlite3.Connection, path: Path) -> None:
    """Refuse another program's file, a newer schema, and objects (triggers!) that we did not put there."""
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        raise RunError(
            f"{path} is not a journal of this program (application id {application:#x}). "
            "Give the path of a journal, or of a run."
        )
    if version < SCHEMA_VERSION:
        raise RunError(
            f"the journal {path} has been tampered with: it says schema version {version}, and there was none before "
            f"{SCHEMA_VERSION}. Use a journal that this program wrote."
        )
    if version > SCHEMA_VERSION:
        raise RunError(
            f"the journal {path} has schema version {version}; this version reads up to {SCHEMA_VERSION}. "
            "Install a newer label-workbench."
        )
    rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    ours = [row for row in rows if row not in _STATISTICS]
    if sorted(ours, key=repr) != sorted(_expected(), key=repr):
        other = sorted(set(ours) ^ _expected(), key=repr) or ours
        strange = [" ".join(str(part)[:60] for part in row if part) for row in other]
        raise RunError(
            f"the journal {path} has been tampered with: its schema differs at {first_few(strange, 2)}. "
            "Use a journal that this program wrote."
        )
    last = db.execute(
        "SELECT max(coalesce((SELECT max(seq) FROM entries), 0), coalesce((SELECT max(batch) FROM batches), 0), "
        "coalesce((SELECT max(seq) FROM sqlite_sequence), 0))"
    ).fetchone()[0]
    if not isinstance(last, int) or last > MOST:
        raise RunError(
            f"the journal {path} has been tampered with: it numbers its entries up to {last!r:.40}, so that none can "
            "follow. Use a journal that this program wrote."
        )


_STATISTICS = {
    ("table", "sqlite_stat1", "sqlite_stat1", "CREATE TABLE sqlite_stat1(tbl,idx,stat)"),
    ("table", "sqlite_stat4", "sqlite_stat4", "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)"),
}
"""What ANALYZE leaves: it changes how SQLite searches, not what it finds."""


@functools.cache
def _expected() -> set[tuple]:
    """All rows of the schema table of a journal, as this SQLite writes them (its own table and indexes included)."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        for statement in _SCHEMA:
            db.execute(statement)
        return set(db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))


def _patiently(act: Callable[[], object]) -> None:
    """Call `act`, again while another process holds the file: not all of SQLite's locks wait by themselves."""
    until = time.monotonic() + WAIT
    while True:
        try:
            act()
            return
        except sqlite3.OperationalError as error:
            if not any(word in str(error) for word in ("locked", "busy")) or time.monotonic() > until:
                raise
            time.sleep(0.01)


@contextlib.contextmanager
def _closed_on_error(db: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        db.close()
        raise


def _leave(db: sqlite3.Connection, copy: tempfile.TemporaryDirectory | None) -> None:
    db.close()
    if copy is not None:
        copy.cleanup()


def _check_files(path: Path) -> None:
    """Refuse what SQLite would wait for, or follow to another place: it opens three more files beside a journal."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        file = path.with_name(path.name + suffix)
        if not is_there(file) and file.is_symlink():
            raise no_file(file, stat.S_IFLNK)


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _identity(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_dev, stat.st_ino
