"""Decisions that are never lost: an append-only log in SQLite, with undo that appends too.

A label that someone changed, kept, skipped, flagged or commented is one or two rows in `entries`; triggers in the
file itself refuse UPDATE and DELETE. What holds now is derived from the rows: **the newest decision that has
not been undone** wins, per id and field. An undo is a batch of rows that point at the rows they revert; a redo
reverts the undo. Hence undo of one author's older decision leaves another author's newer one in place.

Durability: write-ahead log with `synchronous=FULL`, so a call that has returned survives `kill -9` and a power
cut (one fsync a call, about a millisecond on a local disk). Writers in several processes queue for up to `WAIT` seconds.
SQLite's write-ahead log needs memory shared between its users, so **all of them must be on one machine**: on a
network filesystem let one machine write, or keep the run on a local disk.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import sqlite3
import tempfile
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from workbench.errors import InputError, RunError, first_few

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
APPLICATION_ID = 0x4C574A31  # "LWJ1": says that the file is one of ours
WAIT = 30.0  # seconds that a writer queues behind others before it gives up
FIELDS = ("label", "verdict", "flag", "note")
COLUMNS = ("seq", "id", "field", "old", "new", "author", "time", "source", "reason", "batch", "reverts")

_SCHEMA = """
CREATE TABLE batches (
  batch INTEGER PRIMARY KEY AUTOINCREMENT,
  owner TEXT NOT NULL,
  depth INTEGER NOT NULL CHECK (depth >= 0),
  reverts INTEGER UNIQUE REFERENCES batches(batch));
CREATE TABLE entries (
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
  reverts INTEGER UNIQUE REFERENCES entries(seq));
CREATE INDEX entries_by_id ON entries (id, field, seq);
CREATE INDEX entries_by_batch ON entries (batch);
CREATE INDEX batches_by_owner ON batches (owner, batch);
CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER batches_no_update BEFORE UPDATE ON batches BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER batches_no_delete BEFORE DELETE ON batches BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END
"""
_STATEMENTS = tuple(part.strip() for part in _SCHEMA.replace("; END", "\0 END").split(";"))
_STATEMENTS = tuple(part.replace("\0", ";") for part in _STATEMENTS)

# A batch of depth 0 is a decision, 1 its undo, 2 the redo of that, and so on: even depths assert, odd ones take back.
_ACTIVE = "depth % 2 = 0 AND NOT EXISTS (SELECT 1 FROM batches r WHERE r.reverts = b.batch)"
_CURRENT = "(SELECT c.new FROM entries c WHERE c.id = i.id AND c.field = {f} ORDER BY c.seq DESC LIMIT 1)"
_BASELINE = "(SELECT f.old FROM entries f WHERE f.id = i.id AND f.field = {f} ORDER BY f.seq LIMIT 1)"
_KNOWN = "EXISTS (SELECT 1 FROM entries k WHERE k.id = i.id AND k.field = {f})"
_TIP = (
    "FROM entries t JOIN batches b ON b.batch = t.batch "
    f"WHERE t.id = i.id AND t.field = i.field AND {_ACTIVE} ORDER BY t.seq DESC LIMIT 1"
)
_INSERT = "INSERT INTO entries (id, field, old, new, author, time, source, reason, batch, reverts) "


class Entry(NamedTuple):
    """One row of the journal.

    seq : int, grows by at least 1, never reused. id : int or str, the user's. field : one of `FIELDS`.
    old, new : str or None, the value before and after; a label is a class name, a verdict is "relabel", "keep" or "skip",
    a flag is "true" or None. author, source, reason : str. time : ISO 8601 UTC with milliseconds.
    batch : int, what one call wrote and one undo takes back. reverts : seq of the entry that this one undoes, or None.
    """

    seq: int
    id: int | str
    field: str
    old: str | None
    new: str | None
    author: str
    time: str
    source: str
    reason: str
    batch: int
    reverts: int | None


class Journal:
    """The decisions of one run, shared safely by threads, notebooks and processes of one machine.

    Parameters
    ----------
    path : str or Path
        The file, or a directory in which it is `journal.sqlite`. It is created by the first decision, not before;
        in a read-only place it is read and refuses decisions.
    author : str, optional
        Who decides; the login name when not given. Every method takes its own `author` too.

    Raises
    ------
    RunError
        The file is no journal, was written by a newer version, or holds tables, views or triggers that are not ours.
    """

    def __init__(self, path: str | os.PathLike[str], author: str | None = None) -> None:
        path = Path(path)
        self.path = path / "journal.sqlite" if path.is_dir() else path
        self.author = login() if author is None else _text("author", author)
        self.read_only = False
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int, int] | None = None
        self._finalizer: weakref.finalize | None = None

    def __repr__(self) -> str:
        return f"Journal({str(self.path)!r}, author={self.author!r})"

    def __reduce__(self) -> tuple:
        return Journal, (str(self.path), self.author)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            if self._finalizer is not None:
                self._finalizer()
            self._connection = self._opened = self._finalizer = None

    # ---- deciding ------------------------------------------------------------------------------------------

    def relabel(self, ids, new, *, old, author: str | None = None, source: str = "", reason="") -> int | None:
        """Give `ids` other labels, as one step of undo.

        Parameters
        ----------
        ids : int, str or sequence of them
            Distinct ids of the data set.
        new : str or sequence of str
            The class name for all, or one per id.
        old : str, None or sequence of them
            The labels that the data came with (None: unlabelled). They count only for ids that the journal
            has no label of yet; otherwise its own current label is the old one, so a caller with a stale view does no harm.
        author, source, reason
            Who, by which tool, and why; `reason` may be one per id.

        Returns
        -------
        int or None
            The batch; None when `ids` is empty. The verdict is "relabel", or "keep" where `new` is the original label.
        """
        ids = _ids(ids)
        new = [_text("new", value, nth) for nth, value in enumerate(_per_id("new", new, ids))]
        return self._decide("relabel", ids, new, _olds(old, ids), author, source, reason)

    def keep(self, ids, *, old=..., author: str | None = None, source: str = "", reason="") -> int | None:
        """Say that the original label is right; an earlier relabelling of these ids is taken back.

        Pass `old` (as in `relabel`) so that `opinions` knows which label this author confirmed.
        """
        ids = _ids(ids)
        olds = [...] * len(ids) if old is ... else _olds(old, ids)
        return self._decide("keep", ids, [None] * len(ids), olds, author, source, reason)

    def skip(self, ids, *, author: str | None = None, source: str = "", reason="") -> int | None:
        """Put the decision off: sets the verdict "skip" and leaves the label as it is."""
        ids = _ids(ids)
        return self._decide("verdict", ids, ["skip"] * len(ids), [None] * len(ids), author, source, reason)

    def flag(
        self, ids, on: bool = True, *, author: str | None = None, source: str = "", reason=""
    ) -> int | None:
        """Raise (or with `on=False` lower) a flag: a mark without a meaning of its own."""
        ids = _ids(ids)
        return self._decide(
            "flag", ids, ["true" if on else None] * len(ids), [None] * len(ids), author, source, reason
        )

    def note(self, ids, text, *, author: str | None = None, source: str = "", reason="") -> int | None:
        """Attach a text, one for all or one per id; an empty text removes it."""
        ids = _ids(ids)
        texts = [_text("text", value, nth) or None for nth, value in enumerate(_per_id("text", text, ids))]
        return self._decide("note", ids, texts, [None] * len(ids), author, source, reason)

    def undo(self, author: str | None = None, *, anyone: bool = False, source: str = "undo") -> list[Entry]:
        """Take back the newest decision of `author` (default: this journal's own) that still holds, whole batch.

        Where somebody else decided later on the same id, that decision stays. With `anyone`, the newest decision of
        all is taken back, whoever made it.

        Returns
        -------
        list of Entry
            What was appended; empty when there is nothing to undo.
        """
        return self._revert(False, author, anyone, source)

    def redo(self, author: str | None = None, *, anyone: bool = False, source: str = "redo") -> list[Entry]:
        """Bring back what `undo` took back last; nothing after a new decision by the same author."""
        return self._revert(True, author, anyone, source)

    # ---- reading -------------------------------------------------------------------------------------------

    def state(self) -> pd.DataFrame:
        """What holds now, one row per id with at least one decision that has not been undone.

        Returns
        -------
        DataFrame indexed by `id`
            label : class name, None when no decision says anything on the label (then the given one holds).
            verdict : "relabel", "keep", "skip" or None. flag : bool. note : str or None.
            author, time, reason : of the decision that set label or verdict, else of the newest other one.
        """
        import pandas as pd

        rows = self._read(
            f"WITH active AS (SELECT batch, owner FROM batches b WHERE {_ACTIVE}) "
            "SELECT e.id, e.field, e.new, a.owner, e.time, e.reason, max(e.seq) "
            "FROM entries e JOIN active a ON a.batch = e.batch GROUP BY e.id, e.field ORDER BY e.id"
        )
        order = {"flag": 0, "note": 0, "verdict": 1, "label": 1}
        table: dict[int | str, list] = {}
        best: dict[int | str, tuple[int, int]] = {}
        place = {field: at for at, field in enumerate(FIELDS)}
        for id, field, new, owner, when, reason, seq in rows:
            row = table.get(id)
            if row is None:
                row = table[id] = [None, None, None, None, None, None, None]
                best[id] = (-1, -1)
            row[place[field]] = new
            rank = (order[field], seq)
            if rank > best[id]:
                best[id] = rank
                row[4:7] = owner, when, reason
        frame = pd.DataFrame(
            list(table.values()),
            index=_index(table),
            columns=[*FIELDS, "author", "time", "reason"],
            dtype=object,
        )
        frame["flag"] = [value is not None for value in frame["flag"]]
        return frame

    def opinions(self, field: str = "label") -> pd.DataFrame:
        """What each author thinks: ids as rows, authors as columns, None where an author said nothing.

        The newest decision of each author that the author (or somebody for them) has not undone; made for agreement between
        annotators, so nobody's later decision hides an earlier one of somebody else.
        """
        import pandas as pd

        if field not in FIELDS:
            raise InputError.unknown("field", field, FIELDS)
        rows = self._read(
            f"WITH active AS (SELECT batch, owner FROM batches b WHERE {_ACTIVE}) "
            "SELECT e.id, a.owner, e.new, max(e.seq) FROM entries e JOIN active a ON a.batch = e.batch "
            "WHERE e.field = ? GROUP BY e.id, a.owner ORDER BY e.id",
            (field,),
        )
        authors = {owner: at for at, owner in enumerate(sorted({row[1] for row in rows}))}
        table: dict[int | str, list] = {}
        for id, owner, new, _ in rows:
            table.setdefault(id, [None] * len(authors))[authors[owner]] = new
        columns = pd.Index(list(authors), name="author", dtype=object)
        return pd.DataFrame(list(table.values()), index=_index(table), columns=columns, dtype=object)

    def log(self) -> pd.DataFrame:
        """Every entry ever written, oldest first, columns as in `Entry`."""
        import pandas as pd

        frame = pd.DataFrame(self.since(0), columns=list(COLUMNS), dtype=object)
        return frame.astype({"seq": "int64", "batch": "int64"})

    def since(self, seq: int) -> list[Entry]:
        """Entries after number `seq`, oldest first: how a view learns what others decided meanwhile."""
        return [
            Entry(*row)
            for row in self._read(
                f"SELECT {', '.join(COLUMNS)} FROM entries WHERE seq > ? ORDER BY seq", (int(seq),)
            )
        ]

    @property
    def last_seq(self) -> int:
        """Number of the newest entry, 0 when there is none."""
        return self._read("SELECT coalesce(max(seq), 0) FROM entries", empty=[(0,)])[0][0]

    # ---- inside --------------------------------------------------------------------------------------------

    def _decide(self, kind: str, ids: list, new: list, old: list, author, source, reason) -> int | None:
        if not ids:
            return None
        author = self.author if author is None else _text("author", author)
        source, reasons = (
            _text("source", source),
            [_text("reason", value, n) for n, value in enumerate(_per_id("reason", reason, ids))],
        )
        incoming = [
            (n, id, a, None if b is ... else b, b is not ..., why)
            for n, (id, a, b, why) in enumerate(zip(ids, new, old, reasons, strict=True))
        ]
        with self._transaction() as db:
            batch = db.execute("INSERT INTO batches (owner, depth) VALUES (?, 0)", (author,)).lastrowid
            db.execute(
                "CREATE TEMP TABLE IF NOT EXISTS incoming (n INTEGER PRIMARY KEY, id, new, old, told, reason)"
            )
            db.execute("DELETE FROM incoming")
            db.executemany("INSERT INTO incoming VALUES (?, ?, ?, ?, ?, ?)", incoming)
            stamp = {"author": author, "time": _now(), "source": source, "batch": batch}
            tail = ":author, :time, :source, i.reason, :batch, NULL FROM incoming i"

            def append(field: str, value: str, before: str = "NULL", where: str = "1") -> None:
                f = f"'{field}'"
                old_now = f"CASE WHEN {_KNOWN} THEN {_CURRENT} ELSE {before} END".format(f=f)
                db.execute(
                    f"{_INSERT} SELECT i.id, {f}, {old_now}, {value}, {tail} WHERE {where} ORDER BY i.n",
                    stamp,
                )

            given = f"CASE WHEN {_KNOWN} THEN {_BASELINE} ELSE i.old END".format(f="'label'")
            if kind == "relabel":
                append("label", "i.new", before="i.old")
                append(
                    "verdict",
                    f"CASE WHEN i.new IS {_BASELINE.format(f=chr(39) + 'label' + chr(39))} THEN 'keep' ELSE 'relabel' END",
                )
            elif kind == "keep":
                known = _KNOWN.format(f="'label'")
                append("label", given, before="i.old", where=f"i.told OR {known}")
                append("verdict", "'keep'")
            else:
                append(kind, "i.new")
            db.execute("DELETE FROM incoming")
        return batch

    def _revert(self, redo: bool, author: str | None, anyone: bool, source: str) -> list[Entry]:
        owner = self.author if author is None else _text("author", author)
        who, values = ("1", {}) if anyone else ("b.owner = :owner", {"owner": owner})
        free = "NOT EXISTS (SELECT 1 FROM batches r WHERE r.reverts = b.batch)"
        if redo:
            fresh = f"(SELECT coalesce(max(b.batch), 0) FROM batches b WHERE {who} AND b.depth = 0)"
            find = f"{who} AND b.depth % 2 = 1 AND b.batch > {fresh} AND {free}"
            new, source_of, reason_of = (
                f"(SELECT p.{c} FROM entries p WHERE p.seq = i.reverts)" for c in ("new", "source", "reason")
            )
        else:
            find = f"{who} AND b.depth % 2 = 0 AND {free}"
            new = f"CASE WHEN EXISTS (SELECT 1 {_TIP}) THEN (SELECT t.new {_TIP}) ELSE {_BASELINE.format(f='i.field')} END"
            source_of, reason_of = ":source", "''"
        if self._missing():
            return []
        with self._transaction() as db:
            target = db.execute(
                f"SELECT b.batch, b.owner, b.depth FROM batches b WHERE {find} ORDER BY b.batch DESC LIMIT 1",
                values,
            ).fetchone()
            if target is None:
                return []
            batch = db.execute(
                "INSERT INTO batches (owner, depth, reverts) VALUES (?, ?, ?)",
                (target[1], target[2] + 1, target[0]),
            ).lastrowid
            db.execute(
                f"{_INSERT} SELECT i.id, i.field, {_CURRENT.format(f='i.field')}, {new}, :author, :time, {source_of}, {reason_of}, "
                ":batch, i.seq FROM entries i WHERE i.batch = :target ORDER BY i.seq",
                {
                    "author": self.author,
                    "time": _now(),
                    "source": _text("source", source),
                    "batch": batch,
                    "target": target[0],
                },
            )
            rows = db.execute(
                f"SELECT {', '.join(COLUMNS)} FROM entries WHERE batch = ? ORDER BY seq", (batch,)
            ).fetchall()
        return [Entry(*row) for row in rows]

    def _missing(self) -> bool:
        return not self.path.exists() or self.path.stat().st_size == 0

    def _read(self, sql: str, values: Sequence = (), empty: list | None = None) -> list[tuple]:
        with self._lock:
            if self._missing():
                return [] if empty is None else empty
            with self._explained():
                return self._open(write=False).execute(sql, values).fetchall()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: everything in it is on disk when the block is left, or nothing is."""
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

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            text = str(error)
            if "readonly" in text or "read-only" in text:
                raise RunError(
                    f"the journal {self.path} cannot be written: {text}. Copy the run to a place of your own."
                ) from error
            if "locked" in text or "busy" in text:
                raise RunError(
                    f"the journal {self.path} was locked by another process for {WAIT:.0f} s. Close it there and try again."
                ) from error
            if "full" in text:
                raise RunError(
                    f"the disk of the journal {self.path} is full: this decision was not saved. Make room and repeat it."
                ) from error
            raise RunError(
                f"the journal {self.path} cannot be used: {text}. Restore it from a copy, or move it away to start anew."
            ) from error

    def _open(self, write: bool) -> sqlite3.Connection:
        """The connection of this process to the file that is there now (not to one deleted or replaced meanwhile)."""
        if self._connection is not None:
            if (
                self._opened[0] != os.getpid()
            ):  # after a fork: the connection belongs to the parent, so leave it alone
                self._finalizer.detach()
                _FORKED.append(self._connection)
                self._connection = None
            elif self._missing() or self._opened[1:] != _identity(self.path):
                self.close()
        if self._connection is None:
            if write and not self.path.parent.is_dir():
                raise RunError(f"the directory of the journal {self.path} is missing. Create the run first.")
            self._connection, self.read_only, leave = _connect(self.path)
            self._opened = (os.getpid(), *_identity(self.path))
            self._finalizer = weakref.finalize(self, _leave, self._connection, leave)
        if write and self.read_only:
            raise RunError(
                f"the journal {self.path} is in a read-only place: it can be read, not added to. Copy the run to a place of your own."
            )
        return self._connection


_FORKED: list[sqlite3.Connection] = []  # closing these in the child would disturb the parent


def login() -> str:
    """The login name, or `uid-N` where the machine knows no name for the user (containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid-{os.getuid()}" if hasattr(os, "getuid") else "unknown"


def _connect(path: Path) -> tuple[sqlite3.Connection, bool, tempfile.TemporaryDirectory | None]:
    """Connection, whether it is read-only, and the temporary copy that it reads if the place allows nothing else."""
    if _writable(path.parent) and (not path.exists() or _writable(path)):
        db = _raw(path, "rwc")
        with _closing_on_error(db):
            _patiently(lambda: db.execute("PRAGMA journal_mode = WAL").fetchall())
            db.execute("PRAGMA synchronous = FULL")
            _patiently(lambda: _prepare(db, path))
        return db, False, None
    try:
        db = _raw(path, "ro")
        with _closing_on_error(db):
            _check(db, path)
        return db, True, None
    except (
        sqlite3.OperationalError
    ):  # no shared memory can be made here: read a copy, with its write-ahead log
        copy = tempfile.TemporaryDirectory(prefix="journal-")
        for part in (path, path.with_name(path.name + "-wal")):
            if part.exists():
                shutil.copyfile(part, Path(copy.name) / part.name)
        db = _raw(Path(copy.name) / path.name, "rw")
        with _closing_on_error(db):
            _check(db, path)
        return db, True, copy


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _raw(path: Path, mode: str) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}",
        uri=True,
        timeout=WAIT,
        isolation_level=None,
        check_same_thread=False,
    )
    with _closing_on_error(db):
        db.text_factory = lambda raw: raw.decode("utf-8", "replace")
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("PRAGMA temp_store = MEMORY")
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """Create the tables in an empty file; of two processes that try at once, one does it."""
    if db.execute("PRAGMA schema_version").fetchone()[0] == 0:
        db.execute("BEGIN IMMEDIATE")
        try:
            if db.execute("PRAGMA schema_version").fetchone()[0] == 0:
                for statement in _STATEMENTS:
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
    _check(db, path)


def _check(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a newer schema, another program's file, and objects (triggers!) that we did not put there."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    application = db.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID:
        raise RunError(
            f"{path} is not a journal of this program (application id {application:#x}). Give the journal's own path."
        )
    if version > SCHEMA_VERSION:
        raise RunError(
            f"the journal {path} has schema version {version}; this version reads up to {SCHEMA_VERSION}. Install a newer label-workbench."
        )
    found = {
        sql
        for (sql,) in db.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
        )
    }
    if found != set(_STATEMENTS):
        strange = sorted(found - set(_STATEMENTS)) or sorted(set(_STATEMENTS) - found)
        raise RunError(
            f"the journal {path} has been tampered with: its schema differs at {first_few([s[:60] for s in strange], 2)}. "
            "Use a journal written by this program."
        )


def _patiently(act) -> None:
    """Call `act`, again while another process holds the file: some of SQLite's locks do not wait by themselves."""
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
def _closing_on_error(db: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        db.close()
        raise


def _leave(db: sqlite3.Connection, copy: tempfile.TemporaryDirectory | None) -> None:
    db.close()
    if copy is not None:
        copy.cleanup()


def _identity(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_dev, stat.st_ino


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _index(table: Iterable) -> pd.Index:
    """Ids as an index: int64 if all are integers, else objects."""
    import pandas as pd

    ids = list(table)
    whole = bool(ids) and all(isinstance(id, int) for id in ids)
    return pd.Index(ids, dtype="int64" if whole else object, name="id")


def _text(field: str, value: object, row: int | None = None) -> str:
    if not isinstance(value, str):
        raise InputError.at(field, f"is {value!r}", "Pass a str", row=row)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError.at(
            field, f"is {value!r}, which is no valid Unicode text", "Decode it properly first", row=row
        ) from None
    return str(value)


def _per_id(field: str, value: object, ids: list) -> list:
    """One value per id, from one for all or from a sequence of the right length."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return [value] * len(ids)
    values = list(value)
    if len(values) != len(ids):
        raise InputError.at(
            field, f"has {len(values)} values for {len(ids)} ids", "Pass one value, or one per id"
        )
    return values


def _olds(old: object, ids: list) -> list:
    return [
        None if value is None else _text("old", value, n) for n, value in enumerate(_per_id("old", old, ids))
    ]


def _ids(ids: object) -> list[int | str]:
    """Distinct ids as native int or str, in the caller's order."""
    if isinstance(ids, str) or not hasattr(ids, "__iter__"):
        ids = [ids]
    out: list[int | str] = []
    for row, id in enumerate(ids):
        if isinstance(id, str):
            out.append(_text("ids", id, row))
        elif (
            hasattr(id, "__index__")
            and not isinstance(id, bool)
            and type(id).__name__ not in ("bool_", "bool")
        ):
            number = id.__index__()
            if not -(2**63) <= number < 2**63:
                raise InputError.at("ids", f"is {number}, beyond 64 bits", "Use text ids", row=row)
            out.append(number)
        else:
            raise InputError.at(
                "ids", f"is {id!r} of type {type(id).__name__}", "Ids are int or str", row=row
            )
    if len(set(out)) != len(out):
        seen: set = set()
        twice = [id for id in out if id in seen or seen.add(id)]
        raise InputError.at("ids", f"holds {first_few(twice)} more than once", "Pass each id once")
    return out
