"""Decisions that are never lost: an append-only log in SQLite, with undo that appends too.

A label that someone changed, kept, skipped, flagged or commented is one or two rows in `entries`; triggers in
the file itself refuse UPDATE and DELETE. What holds now is derived from the rows: **the newest decision that has
not been undone** wins, per id and field. An undo is a batch of rows that point at the rows they revert; a redo
reverts the undo. Hence undo of one author's older decision leaves another author's newer one in place.

Durability: write-ahead log with `synchronous=FULL`, so a call that has returned survives `kill -9` and a power
cut (one fsync a call, about a millisecond on a local disk). Writers in other processes queue, for up to 30 s.
SQLite's write-ahead log needs memory shared between its users, so **all of them must be on one machine**: on a
network filesystem let one machine write, or keep the run on a local disk.
"""

from __future__ import annotations

import getpass
import os
import warnings
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from workbench.foundation.errors import InputError, first_few
from workbench.storage.journalfile import INCONSISTENT, SOUND, JournalFile

if TYPE_CHECKING:
    import pandas as pd

FIELDS = ("label", "verdict", "flag", "note")


class Entry(NamedTuple):
    """One row of the journal.

    seq : int, grows and is never used again. id : int or str, the user's. field : one of `FIELDS`.
    old, new : str or None, the value before and after: a label is a class name, a verdict is "relabel", "keep"
    or "skip", a flag is "true" or None. author, source, reason : str. time : ISO 8601 UTC with milliseconds.
    batch : int, what one call wrote and one undo takes back. reverts : seq of the entry that this one undoes, or
    None.
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


COLUMNS = Entry._fields


class Entries(list):
    """A list of `Entry` that prints as one line, however long it is."""

    def __repr__(self) -> str:
        if not self:
            return "<no entries: there was nothing to take back>"
        ids, fields = {entry.id for entry in self}, dict.fromkeys(entry.field for entry in self)
        examples = f"{len(ids):,} example{'s' if len(ids) > 1 else ''}"
        return f"<{len(self):,} entries of {self[0].author}: {', '.join(fields)} of {examples}>"


# A batch of depth 0 is a decision, 1 its undo, 2 the redo of that: even depths assert, odd ones take back.
_FREE = "NOT EXISTS (SELECT 1 FROM batches r WHERE r.reverts = b.batch)"
_BY_SOMEBODY = "b.depth % 2 = 0 AND typeof(b.owner) = 'text'"
_STANDING = f"WITH standing AS (SELECT batch, owner FROM batches b WHERE {_BY_SOMEBODY} AND {_FREE})"
_MINE = "b.owner = :owner"
_INSERT = "INSERT INTO entries (id, field, old, new, author, time, source, reason, batch, reverts)"


def _known(field: str) -> str:
    """SQL: whether the journal has an entry on this field of the row `i`."""
    return f"EXISTS (SELECT 1 FROM entries k WHERE k.id = i.id AND k.field = {field})"


def _current(field: str) -> str:
    """SQL: the value that holds, which is the newest entry's."""
    return f"(SELECT c.new FROM entries c WHERE c.id = i.id AND c.field = {field} ORDER BY c.seq DESC LIMIT 1)"


def _original(field: str) -> str:
    """SQL: the value before the first decision, for labels the given one."""
    return f"(SELECT f.old FROM entries f WHERE f.id = i.id AND f.field = {field} ORDER BY f.seq LIMIT 1)"


class Journal:
    """The decisions of one run, shared safely by threads, notebooks and processes of one machine.

    Parameters
    ----------
    path : str or Path
        The file, or a directory in which it is `journal.sqlite`. It is created by the first decision, not
        before; in a read-only place it is read and refuses decisions.
    author : str, optional
        Who decides; the login name when not given. Every method that decides takes its own `author` too.

    Raises
    ------
    RunError
        From any method: the file is no journal, was written by a newer version, holds tables, views or triggers
        that are not ours, is in a read-only place or on a full disk.
    """

    def __init__(self, path: str | os.PathLike[str], author: str | None = None) -> None:
        path = Path(path)
        self.path = path / "journal.sqlite" if path.is_dir() else path
        self.author = login() if author is None else _text("author", author)
        self._file = JournalFile(self.path)
        self._warned = False

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
        self._file.close()

    @property
    def read_only(self) -> bool:
        """Whether the file was found in a place where nothing may be written (known after the first read)."""
        return self._file.read_only

    # ---- deciding --------------------------------------------------------------------------------------------

    def relabel(self, ids, new, *, old, author: str | None = None, source: str = "", reason="") -> int | None:
        """Give `ids` other labels, as one step of undo.

        Parameters
        ----------
        ids : int, str or sequence of them
            Distinct ids of the data set.
        new : str or sequence of str
            The class name for all, or one per id.
        old : str, None or sequence of them
            The labels that the data came with (None: unlabelled). They count only for ids of which the journal
            has no label yet; otherwise its own current one is the old one, so a stale view does no harm.
        author, source, reason
            Who, by which tool, and why; `reason` may be one per id. A call about one example counts as a verdict of a
            person; one about several does only with source="review", which says that somebody looked at each. A
            program that decides by a rule names itself (source="my script"), and its decisions never count as verdicts
            (`workbench.runs.verdicts`).

        Returns
        -------
        int or None
            The batch; None when `ids` is empty. The verdict becomes "relabel", or "keep" where `new` is the
            original label.
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
        """Put the decision off: the verdict becomes "skip", the label stays as it is."""
        ids = _ids(ids)
        return self._decide("verdict", ids, ["skip"] * len(ids), [...] * len(ids), author, source, reason)

    def flag(self, ids, on: bool = True, *, author: str | None = None, source: str = "", reason="") -> int | None:
        """Raise (or with `on=False` lower) a flag: a mark without a meaning of its own."""
        ids = _ids(ids)
        value = "true" if on else None
        return self._decide("flag", ids, [value] * len(ids), [...] * len(ids), author, source, reason)

    def note(self, ids, text, *, author: str | None = None, source: str = "", reason="") -> int | None:
        """Attach a text, one for all or one per id; an empty text removes it."""
        ids = _ids(ids)
        texts = [_text("text", value, nth) or None for nth, value in enumerate(_per_id("text", text, ids))]
        return self._decide("note", ids, texts, [...] * len(ids), author, source, reason)

    def undo(self, author: str | None = None, *, anyone: bool = False, source: str = "undo") -> list[Entry]:
        """Take back the newest decision of `author` (default: the journal's own) that still stands.

        The whole batch goes back at once. Where somebody else decided later on the same id, that decision stays.
        With `anyone`, the newest standing decision of all is taken back, whoever made it.

        Returns
        -------
        list of Entry
            What was appended; empty when there is nothing to undo.
        """
        return self._revert(False, author, anyone, source)

    def redo(self, author: str | None = None, *, anyone: bool = False, source: str = "redo") -> list[Entry]:
        """Bring back what `undo` took back last; nothing after a new decision of the same author."""
        return self._revert(True, author, anyone, source)

    def size_of_next(self, *, redo: bool = False, author: str | None = None) -> int:
        """On how many examples the next `undo` (or `redo`) of `author` would act; 0 when there is none."""
        owner = self.author if author is None else _text("author", author)
        sql = f"SELECT count(DISTINCT e.id) FROM entries e WHERE e.batch = (SELECT batch FROM ({_next(redo, _MINE)}))"
        rows = self._file.read(sql, {"owner": owner})
        return int(rows[0][0]) if rows else 0

    # ---- reading ---------------------------------------------------------------------------------------------

    def state(self, *, author: str | None = None) -> pd.DataFrame:
        """What holds now, one row per id that has at least one decision which has not been undone.

        Parameters
        ----------
        author : only what this author decided, whatever others decided before or after

        Returns
        -------
        DataFrame indexed by `id`
            label : class name; None when no decision says anything on the label (then the given one holds).
            verdict : "relabel", "keep", "skip" or None. flag : bool. note : str or None.
            author, time, reason : of the decision that set the label, else the verdict, else the newest other one.
        """
        import pandas as pd

        rows = self._file.read(
            f"{_STANDING} SELECT e.id, e.field, e.new, s.owner, e.time, e.reason, max(e.seq) "
            f"FROM {self._entries()} e JOIN standing s ON s.batch = e.batch WHERE ?1 IS NULL OR s.owner = ?1 "
            "GROUP BY e.id, e.field ORDER BY e.id",
            (author,),
        )
        place = {field: at for at, field in enumerate(FIELDS)}
        weight = {"label": 2, "verdict": 1, "flag": 0, "note": 0}
        table: dict[int | str, list] = {}
        best: dict[int | str, tuple[int, int]] = {}
        for id, field, new, owner, when, reason, seq in rows:
            row = table.setdefault(id, [None] * 7)
            row[place[field]] = new
            if (weight[field], seq) > best.get(id, (-1, 0)):
                best[id] = (weight[field], seq)
                row[4:] = owner, when, reason
        columns = [*FIELDS, "author", "time", "reason"]
        frame = pd.DataFrame(list(table.values()), index=_index(table), columns=columns, dtype=object)
        frame["flag"] = [value is not None for value in frame["flag"]]
        return frame

    def opinions(self, field: str = "label") -> pd.DataFrame:
        """What each author thinks: ids as rows, authors as columns, None where an author said nothing.

        Each author's newest decision that has not been undone. Made for agreement between annotators: nobody's
        later decision hides an earlier one of somebody else.
        """
        import pandas as pd

        if field not in FIELDS:
            raise InputError.unknown("field", field, FIELDS)
        rows = self._file.read(
            f"{_STANDING} SELECT e.id, s.owner, e.new, max(e.seq) FROM {self._entries()} e "
            "JOIN standing s ON s.batch = e.batch WHERE e.field = ? GROUP BY e.id, s.owner ORDER BY e.id",
            (field,),
        )
        authors = {owner: at for at, owner in enumerate(sorted({row[1] for row in rows}))}
        table: dict[int | str, list] = {}
        for id, owner, new, _ in rows:
            table.setdefault(id, [None] * len(authors))[authors[owner]] = new
        columns = pd.Index(list(authors), name="author", dtype=object)
        return pd.DataFrame(list(table.values()), index=_index(table), columns=columns, dtype=object)

    def standing(self) -> list[Entry]:
        """Entries on labels and verdicts of decisions that have not been undone, oldest first; author = who decided."""
        columns = ", ".join("s.owner" if name == "author" else f"e.{name}" for name in COLUMNS)
        sql = (
            f"{_STANDING} SELECT {columns} FROM entries e JOIN standing s ON s.batch = e.batch "
            "WHERE e.field IN ('label', 'verdict') ORDER BY e.seq"
        )
        return [Entry(*row) for row in self._file.read(sql)]

    def log(self) -> pd.DataFrame:
        """Every entry ever written, oldest first, columns as in `Entry`."""
        import pandas as pd

        frame = pd.DataFrame(self.since(0), columns=list(COLUMNS), dtype=object)
        return frame.astype({"seq": "int64", "batch": "int64"})

    def since(self, seq: int) -> list[Entry]:
        """Entries after number `seq`, oldest first: how a view learns what others decided meanwhile."""
        sql = f"SELECT {', '.join(COLUMNS)} FROM {self._entries()} WHERE seq > ? ORDER BY seq"
        return [Entry(*row) for row in self._file.read(sql, (int(seq),))]

    @property
    def last_seq(self) -> int:
        """Number of the newest entry, 0 when there is none."""
        rows = self._file.read("SELECT max(seq) FROM entries")
        return rows[0][0] or 0 if rows else 0

    def integrity(self) -> list[str]:
        """What SQLite finds wrong in the file, page by page; empty when nothing is."""
        return [line for (line,) in self._file.read("PRAGMA integrity_check") if line != "ok"]

    def inconsistencies(self) -> list[str]:
        """What entries and batches say that cannot have been written here, in words; empty when nothing is wrong."""
        found = []
        for words, sql in INCONSISTENT.items():
            rows = self._file.read(sql)
            if rows:
                found.append(words.format(first_few([row[0] for row in rows], 3)))
        return found

    def _entries(self) -> str:
        """SQL: the table of entries; without those that this program did not write so, if there are any."""
        self._file.read("SELECT 1")
        if not self._file.strange:
            return "entries"
        if not self._warned:
            self._warned = True
            found = f"the journal {self.path} holds {self._file.strange:,} entries of no known form"
            warnings.warn(f"{found}. They are not used; `workbench check` says which.", stacklevel=3)
        return f"(SELECT * FROM entries WHERE {SOUND})"

    # ---- inside ----------------------------------------------------------------------------------------------

    def _decide(self, kind: str, ids: list, new: list, old: list, author, source, reason) -> int | None:
        """Append one batch; `old` is `...` where the caller did not say what the given label is."""
        if not ids:
            return None
        author = self.author if author is None else _text("author", author)
        source = _text("source", source)
        reasons = [_text("reason", value, nth) for nth, value in enumerate(_per_id("reason", reason, ids))]
        told = [value is not ... for value in old]
        olds = [None if value is ... else value for value in old]
        with self._file.transaction() as db:
            batch = db.execute("INSERT INTO batches (owner, depth) VALUES (?, 0)", (author,)).lastrowid
            db.execute("CREATE TEMP TABLE IF NOT EXISTS incoming (n INTEGER PRIMARY KEY, id, new, old, told, reason)")
            db.execute("DELETE FROM incoming")
            rows = zip(range(len(ids)), ids, new, olds, told, reasons, strict=True)
            db.executemany("INSERT INTO incoming VALUES (?, ?, ?, ?, ?, ?)", rows)
            stamp = {"author": author, "time": _now(), "source": source, "batch": batch}

            def append(field: str, value: str, where: str = "1") -> None:
                f = f"'{field}'"
                before = f"CASE WHEN {_known(f)} THEN {_current(f)} ELSE {'i.old' if field == 'label' else 'NULL'} END"
                db.execute(
                    f"{_INSERT} SELECT i.id, {f}, {before}, {value}, :author, :time, :source, i.reason, :batch, NULL "
                    f"FROM incoming i WHERE {where} ORDER BY i.n",
                    stamp,
                )

            label = "'label'"
            if kind == "relabel":
                append("label", "i.new")
                append("verdict", f"CASE WHEN i.new IS {_original(label)} THEN 'keep' ELSE 'relabel' END")
            elif kind == "keep":
                original = f"CASE WHEN {_known(label)} THEN {_original(label)} ELSE i.old END"
                append("label", original, where=f"i.told OR {_known(label)}")
                append("verdict", "'keep'")
            else:
                append(kind, "i.new")
            db.execute("DELETE FROM incoming")
        return batch

    def _revert(self, redo: bool, author: str | None, anyone: bool, source: str) -> list[Entry]:
        """Append the batch that undoes the newest standing decision, or that redoes the newest undo."""
        owner = self.author if author is None else _text("author", author)
        source = _text("source", source)
        mine = ":owner = :owner" if anyone else _MINE
        find = _next(redo, mine)
        if redo:
            new, by, why = (
                f"(SELECT p.{c} FROM entries p WHERE p.seq = i.reverts)" for c in ("new", "source", "reason")
            )
        else:
            standing = (
                "FROM entries t JOIN batches b ON b.batch = t.batch WHERE t.id = i.id AND t.field = i.field "
                f"AND b.depth % 2 = 0 AND {_FREE} ORDER BY t.seq DESC LIMIT 1"
            )
            below = f"EXISTS (SELECT 1 {standing})"
            new = f"CASE WHEN {below} THEN (SELECT t.new {standing}) ELSE {_original('i.field')} END"
            by, why = ":source", "''"
        if not self._file.exists():
            return Entries()
        with self._file.transaction() as db:
            target = db.execute(find, {"owner": owner}).fetchone()
            if target is None:
                return Entries()
            reverted, owner, depth = target
            sql = "INSERT INTO batches (owner, depth, reverts) VALUES (?, ?, ?)"
            batch = db.execute(sql, (owner, depth + 1, reverted)).lastrowid
            db.execute(
                f"{_INSERT} SELECT i.id, i.field, {_current('i.field')}, {new}, :author, :time, {by}, {why}, :batch, "
                "i.seq FROM entries i WHERE i.batch = :reverted ORDER BY i.seq",
                {"author": self.author, "time": _now(), "source": source, "batch": batch, "reverted": reverted},
            )
            sql = f"SELECT {', '.join(COLUMNS)} FROM entries WHERE batch = ? ORDER BY seq"
            return Entries(Entry(*row) for row in db.execute(sql, (batch,)))


def _next(redo: bool, mine: str) -> str:
    """SQL: batch, owner and depth of what the next undo (or redo) takes back."""
    find = f"{mine} AND b.depth % 2 = 0 AND {_FREE}"
    if redo:
        fresh = f"(SELECT coalesce(max(b.batch), 0) FROM batches b WHERE {mine} AND b.depth = 0)"
        find = f"{mine} AND b.depth % 2 = 1 AND b.batch > {fresh} AND {_FREE}"
    return f"SELECT b.batch, b.owner, b.depth FROM batches b WHERE {find} ORDER BY b.batch DESC LIMIT 1"


def login() -> str:
    """The login name, or `uid-N` where the machine knows no name for the user (containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid-{os.getuid()}" if hasattr(os, "getuid") else "unknown"


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
        found = f"is {value!r}, which is no valid Unicode text"
        raise InputError.at(field, found, "Decode it properly first", row=row) from None
    return str(value)


def _per_id(field: str, value: object, ids: list) -> list:
    """One value per id, from one for all or from a sequence of the right length."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return [value] * len(ids)
    values = list(value)
    if len(values) != len(ids):
        raise InputError.at(field, f"has {len(values)} values for {len(ids)} ids", "Pass one value, or one per id")
    return values


def _olds(old: object, ids: list) -> list:
    return [None if value is None else _text("old", value, n) for n, value in enumerate(_per_id("old", old, ids))]


def _ids(ids: object) -> list[int | str]:
    """Distinct ids as native int or str, in the caller's order."""
    if isinstance(ids, str) or not hasattr(ids, "__iter__"):
        ids = [ids]
    out: list[int | str] = []
    for row, id in enumerate(ids):
        if isinstance(id, str):
            out.append(_text("ids", id, row))
        elif hasattr(id, "__index__") and type(id).__name__ not in ("bool", "bool_"):
            number = id.__index__()
            if not -(2**63) <= number < 2**63:
                raise InputError.at("ids", f"is {number}, beyond 64 bits", "Use text ids", row=row)
            out.append(number)
        else:
            raise InputError.at("ids", f"is {id!r} of type {type(id).__name__}", "Ids are int or str", row=row)
    if len(set(out)) != len(out):
        seen: set = set()
        twice = [id for id in out if id in seen or seen.add(id)]
        raise InputError.at("ids", f"holds {first_few(twice)} more than once", "Pass each id once")
    return out
