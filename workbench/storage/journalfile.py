"""The SQLite file of a journal: opening it safely, and sharing it between processes.

This module creates the tables once even if two processes try at the same time, waits for other writers, reads in
places where nothing may be written, and notices when the file was deleted or replaced or the process was forked. A
file of an older schema is read in place and upgraded by the first write, which keeps a copy of the old file in
`before-schema=N/` next to it. The tables are defined in `journalschema`.
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
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.foundation.errors import RunError
from workbench.storage.checksums import sha256
from workbench.storage.failures import WriteError
from workbench.storage.files import is_there, no_file, stat_of
from workbench.storage.journalschema import (
    JOURNAL_VERSION,
    SHADOW,
    SOUND,
    all_or_nothing,
    checked_version,
    committed,
    create,
    upgrade,
)
from workbench.storage.journalschema import schema_version as version_in
from workbench.storage.layout import atomic

WAIT = 30.0  # seconds that a writer waits for others before it gives up
CHECKPOINTS = 20  # most checkpoints in a row, which move the write-ahead log to the file
REFILL = 4.0  # further checkpoints per second: more than a person decides
SYNCHRONOUS = "FULL"  # each decision is on disk when the call returns, so it survives a power failure
TRAILING = 1.0  # seconds until the checkpoint after writes that exceeded that rate

Values = Sequence[Any] | Mapping[str, Any]
"""Values of the placeholders (question marks or names) of a query."""


class JournalFile:
    """An SQLite file shared by threads (a lock) and processes (SQLite's own locks), opened on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read_only = False  # known after the first read or write
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, tuple[int, int] | None] | None = None  # process; device and inode
        self._finalizer: weakref.finalize[..., JournalFile] | None = None
        self._left = float(CHECKPOINTS)  # checkpoints that may still be made without a pause
        self._settled = float("-inf")
        self._timer: threading.Timer | None = None
        self._begun = False
        self.strange = 0  # number of entries that this program cannot have written; known after the first read
        self.version = JOURNAL_VERSION  # schema version of the file; known after the first read or write

    def exists(self) -> bool:
        """Whether anything was ever written (an empty file means that its creation was interrupted)."""
        found = stat_of(self.path)
        return found is not None and found.st_size > 0

    def read(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query; none if there is no file yet."""
        with self._lock:
            if not self.exists():
                return []
            with self._explained():
                db = self._open(write=False)
                if self.version < JOURNAL_VERSION:
                    return self._read_older(db, sql, values)
                return db.execute(sql, values).fetchall()

    def _read_older(self, db: sqlite3.Connection, sql: str, values: Values) -> list[tuple[Any, ...]]:
        """Return all rows of a query of a file of an older schema; open it again if it was upgraded meanwhile."""
        with all_or_nothing(db, "DEFERRED"):
            if version_in(db) == self.version:
                return db.execute(sql, values).fetchall()
        self.close()
        return self._open(write=False).execute(sql, values).fetchall()

    def upgrade(self) -> Path | None:
        """Upgrade the file to the current schema. Returns the path of the copy of the old file, None if up to date.

        Raises
        ------
        RunError : the file cannot be written or upgraded; it is unchanged.
        """
        with self._lock, self._explained():
            if not self.exists():
                return None
            self._open(write=False)
            return self._upgraded() if self.version < JOURNAL_VERSION else None

    def _upgraded(self) -> Path | None:
        """Copy the old file, then upgrade it in one transaction, during which no other process can write."""
        kept, db = None, self._open(write=True)
        try:
            db.execute("DROP VIEW IF EXISTS temp.entries")
            _patiently(lambda: db.execute("BEGIN IMMEDIATE"))
            with committed(db):
                if version_in(db) < JOURNAL_VERSION:  # otherwise another process has upgraded it first
                    kept = _keep(self.path, version_in(db))
                    upgrade(db)
            self.version = checked_version(db, self.path)
        except sqlite3.IntegrityError as error:
            raise RunError(
                f"the journal {self.path} cannot be upgraded to schema version {JOURNAL_VERSION}: {error}. It is "
                "unchanged; `workbench check` lists the entries that this program did not write."
            ) from error
        finally:
            if self.version < JOURNAL_VERSION:
                self.close()
        return kept

    @contextlib.contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """Context manager for a write transaction: after the block, all of it is on disk, or nothing after an error."""
        with self._lock, self._explained():
            db = self._open(write=True)
            if self.version < JOURNAL_VERSION:
                self._upgraded()
            _patiently(lambda: db.execute("BEGIN IMMEDIATE"))
            with committed(db):
                yield db
            self._settle(db)

    def _settle(self, db: sqlite3.Connection) -> None:
        """After a commit, move the write-ahead log to the file itself; after many commits in a row, a second later.

        So a copy of the file alone contains all decisions, even if it is made while the journal is open here.
        """
        now = time.monotonic()
        self._left = min(CHECKPOINTS, self._left + (now - self._settled) * REFILL)
        self._settled = now
        if self._left >= 1:
            self._left -= 1
            _checkpoint(db)
        elif self._timer is None or not self._timer.is_alive():
            self._timer = threading.Timer(TRAILING, _checkpoint_later, [weakref.ref(self)])
            self._timer.daemon = True
            self._timer.start()
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
        """Return this process's connection to the current file, opening it again if the file was replaced."""
        if self._connection is not None:
            opened = self._opened
            if opened is None or opened[0] != os.getpid():  # after a fork it belongs to the parent: do not close it
                if self._finalizer is not None:
                    self._finalizer.detach()
                _FORKED.append(self._connection)
                self._connection = None
            elif opened[1] is None or opened[1] != _identity(self.path) or (write and self.read_only):
                self.close()
        if self._connection is None:
            _check_files(self.path)
            if write and not self.path.parent.is_dir():
                raise RunError(f"the directory of the journal {self.path} is missing. Create the run first.")
            if write and not self.path.exists() and not _writable(self.path.parent):
                raise self._refusal()
            self._connection, self.read_only, copy = _connect(self.path, write)
            self.version = version_in(self._connection)
            if self.version in SHADOW:
                self._connection.execute(SHADOW[self.version])
            self.strange = self._connection.execute(f"SELECT count(*) FROM entries WHERE NOT ({SOUND})").fetchone()[0]
            self._opened = (os.getpid(), _identity(self.path))
            self._finalizer = weakref.finalize(self, _leave, self._connection, copy)
        if write and self.read_only:
            raise self._refusal()
        return self._connection

    def _refusal(self) -> RunError:
        return WriteError(
            f"the journal {self.path} is in a read-only place: it can be read, but no decisions can be added. "
            "Copy the run to a folder of your own."
        )

    def checkpoint_now(self) -> None:
        """Move the log of this process into the file."""
        with self._lock:
            self._timer = None
            own = self._opened is not None and self._opened[0] == os.getpid()
            if self._connection is not None and own and not self.read_only:
                _checkpoint(self._connection)

    @contextlib.contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            text = str(error)
            found, todo = next(rest for words, *rest in _FAILURES if any(word in text for word in words))
            raise RunError(f"the journal {self.path} {found.format(text=text, wait=WAIT)}. {todo}") from error


def _checkpoint(db: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.Error):  # the decision is already on disk, in the log
        db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _checkpoint_later(of: weakref.ref[JournalFile]) -> None:
    file = of()
    if file is not None:
        file.checkpoint_now()


_FORKED: list[sqlite3.Connection] = []  # closing these in the child process would interfere with the parent
_FAILURES = (  # words in SQLite's message, what was found, what to do; the last one matches all others
    (("readonly", "read-only"), "cannot be written: {text}", "Copy the run to a folder of your own."),
    (
        ("locked", "busy"),
        "was locked by another process for {wait:.0f} s",
        "Close it there and try again; this decision was not saved.",
    ),
    (("full",), "is on a full disk", "Make room and repeat the decision: it was not saved."),
    (
        ("unable to open",),
        "cannot be opened: {text}",
        "Check the permissions of the file and its folder; earlier decisions are unchanged.",
    ),
    (
        ("I/O error",),
        "cannot be read or written: {text}",
        "The disk is full or failing: make room, check it, then try again; leave the file where it is.",
    ),
    (
        ("malformed", "not a database", "corrupt"),
        "is damaged: {text}",
        "Restore it from a copy, or move it away to start a new one.",
    ),
    (("",), "cannot be used: {text}", "Try again; if the error persists, restore the file from a copy."),
)


def mark_begun(path: Path) -> None:
    """Record among a run's checksums that there are decisions, so that a lost journal is detected."""
    marker = begun_marker(path)
    if (path.parent / "run.json").is_file() and not marker.exists():
        marker.parent.mkdir(exist_ok=True)
        marker.write_text("Decisions were saved in journal.sqlite.\n", encoding="utf-8")


def begun_marker(path: Path) -> Path:
    """Return the path of the file whose existence says that a journal contains decisions."""
    return path.parent / "checksums" / f"{path.name}.begun"


def _connect(path: Path, write: bool) -> tuple[sqlite3.Connection, bool, tempfile.TemporaryDirectory[str] | None]:
    """Return a connection, whether it is read-only, and the temporary copy that it reads, if one was needed."""
    if _writable(path.parent) and (not path.exists() or _writable(path)):
        try:
            return _connect_writable(path), False, None
        except sqlite3.OperationalError as error:  # a full disk has no room for the log, but the file can be read
            if write or any(word in str(error) for word in ("locked", "busy")):
                raise
    try:
        db = _raw(path, "ro")
        with _closed_on_error(db):
            checked_version(db, path)
        return db, True, None
    except sqlite3.OperationalError:  # shared memory cannot be created here: read a copy, with its write-ahead log
        copy = tempfile.TemporaryDirectory(prefix="journal-")
        for part in (path, path.with_name(path.name + "-wal")):
            if part.exists():
                shutil.copyfile(part, Path(copy.name) / part.name)
        db = _raw(Path(copy.name) / path.name, "rw")
        with _closed_on_error(db):
            checked_version(db, path)
        return db, True, copy


def _connect_writable(path: Path) -> sqlite3.Connection:
    db = _raw(path, "rwc")
    with _closed_on_error(db):
        db.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")  # first: the change to WAL is itself a write
        _patiently(lambda: db.execute("PRAGMA journal_mode = WAL").fetchall())
        _patiently(lambda: create(db))
        checked_version(db, path)
    return db


def _keep(path: Path, version: int) -> Path:
    """Copy a journal to `before-schema=N/` next to it, atomically; earlier copies with other contents are kept."""
    folder = path.parent / f"before-schema={version}"
    earlier: list[Path] = []
    kept = folder / path.name
    while os.path.lexists(kept):
        earlier.append(kept)
        kept = folder / f"{path.stem}-{len(earlier) + 1}{path.suffix}"
    with atomic(kept) as temporary:
        with contextlib.closing(_raw(path, "ro")) as db, contextlib.closing(sqlite3.connect(temporary)) as copy:
            copy.execute("PRAGMA journal_mode = OFF")
            db.backup(copy)
        for one in earlier:
            if one.is_file() and sha256(one) == sha256(temporary):
                temporary.unlink()
                return one
    return kept


def _raw(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    db = sqlite3.connect(uri, uri=True, timeout=WAIT, isolation_level=None, check_same_thread=False)
    with _closed_on_error(db):
        db.text_factory = functools.partial(str, encoding="utf-8", errors="replace")
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA temp_store = MEMORY")
    return db


def _patiently(act: Callable[[], object]) -> None:
    """Call `act` until no other process locks the file: not all of SQLite's locks wait by themselves."""
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
def _closed_on_error(db: sqlite3.Connection) -> Generator[None]:
    try:
        yield
    except BaseException:
        db.close()
        raise


def _leave(db: sqlite3.Connection, copy: tempfile.TemporaryDirectory[str] | None) -> None:
    db.close()
    if copy is not None:
        copy.cleanup()


def _check_files(path: Path) -> None:
    """Refuse files that would block SQLite or lead it elsewhere: it opens three more files next to a journal."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        file = path.with_name(path.name + suffix)
        if not is_there(file) and file.is_symlink():
            raise no_file(file, stat.S_IFLNK)


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of a file; None if there is none, or only an empty one."""
    found = stat_of(path)
    return (found.st_dev, found.st_ino) if found is not None and found.st_size else None
