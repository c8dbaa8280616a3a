"""Decisions that are never lost: an append-only log in SQLite, with undo that appends too.

A label that someone changed, kept, skipped, flagged or commented is one or two rows in `entries`; triggers in
the file itself refuse UPDATE and DELETE. What holds now is derived from the rows: **the newest decision that has
not been undone** wins, per id, unit and field. An undo is a batch of rows that point at the rows they revert; a redo
reverts the undo. Hence undo of one author's older decision leaves another author's newer one in place.

A decision is about an example, or about one of its **units**: a box, a span, a tag. A unit's key and values are text to
the journal; a value is the whole of it (class and place, say), so that decisions can be exported without anything else.

Durability: write-ahead log with `synchronous=FULL`, so a call that has returned survives `kill -9` and a power
cut (one fsync a call, about a millisecond on a local disk). Writers in other processes queue, for up to 30 s.
SQLite's write-ahead log needs memory shared between its users, so **all of them must be on one machine**: on a
network filesystem let one machine write, or keep the run on a local disk.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pandas as pd

from workbench.foundation.errors import InputError, first_few
from workbench.runs.authors import login, now
from workbench.storage.journalfile import JournalFile
from workbench.storage.journalqueries import (
    ALL,
    FREE,
    INCOMING,
    INSERT,
    OF_OWNER,
    STANDING,
    about_of,
    added_to,
    current,
    index_of,
    key_of,
    known,
    next_batch,
    original,
    paired,
)
from workbench.storage.journalrows import (
    ADDED,
    FIELDS,
    LOG_COLUMNS,
    Entries,
    Entry,
    labels_of,
    targets_of,
    text_of,
    texts_of,
)
from workbench.storage.journalschema import INCONSISTENT, SOUND

__all__ = ["FIELDS", "LOG_COLUMNS", "Entries", "Entry", "Journal", "login"]


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
        self.author = login() if author is None else text_of("author", author)
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

    def relabel(self, ids, new, *, old, units="", author: str | None = None, source: str = "", reason="") -> int | None:
        """Give `ids` other labels, as one step of undo.

        Parameters
        ----------
        ids : int, str or sequence of them
            Distinct ids of the data set; with `units`, each unit of an example once.
        new : str, int, bool, float or sequence of them
            The class for all, or one per id, as a value of the user's type (3) or as its name ("3"); of a unit its
            whole value as text. The journal holds names.
        old : str, int, bool, float, None or sequence of them
            The labels that the data came with (None: unlabelled). They count only for ids of which the journal
            has no label yet; otherwise its own current one is the old one, so a stale view does no harm.
        units : str or sequence of str
            Which unit of the example is meant, one key for all or one per id; "" is the example itself.
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
        about = targets_of(ids, units)
        new, old = labels_of("new", new, about[0]), labels_of("old", old, about[0], none=True)
        return self._decide("relabel", about, new, old, author, source, reason)

    def keep(self, ids, *, old=..., units="", author: str | None = None, source: str = "", reason="") -> int | None:
        """Say that the original label is right; an earlier relabelling of these ids is taken back.

        Pass `old` (as in `relabel`) so that `opinions` knows which label this author confirmed.

        Parameters
        ----------
        ids, old, units, author, source, reason : as in `relabel`, and so is what is returned.
        """
        about = targets_of(ids, units)
        olds = ... if old is ... else labels_of("old", old, about[0], none=True)
        return self._decide("keep", about, [None] * len(about[0]), olds, author, source, reason)

    def skip(self, ids, *, units="", author: str | None = None, source: str = "", reason="") -> int | None:
        """Put the decision off: the verdict becomes "skip", the label stays as it is.

        Parameters
        ----------
        ids, units, author, source, reason : as in `relabel`, and so is what is returned.
        """
        about = targets_of(ids, units)
        return self._decide("verdict", about, ["skip"] * len(about[0]), ..., author, source, reason)

    def flag(
        self, ids, on: bool = True, *, units="", author: str | None = None, source: str = "", reason=""
    ) -> int | None:
        """Raise (or with `on=False` lower) a flag: a mark without a meaning of its own.

        Parameters
        ----------
        ids, units, author, source, reason : as in `relabel`, and so is what is returned.
        on : raise it, or lower it.
        """
        about = targets_of(ids, units)
        return self._decide("flag", about, ["true" if on else None] * len(about[0]), ..., author, source, reason)

    def note(self, ids, text, *, units="", author: str | None = None, source: str = "", reason="") -> int | None:
        """Attach a text, one for all or one per id; an empty text removes it.

        Parameters
        ----------
        ids, units, author, source, reason : as in `relabel`, and so is what is returned.
        text : str or sequence of str.
        """
        about = targets_of(ids, units)
        texts = [one or None for one in texts_of("text", text, about[0])]
        return self._decide("note", about, texts, ..., author, source, reason)

    def add_class(self, name: str, *, author: str | None = None, source: str = "", reason: str = "") -> int | None:
        """Add a class to the label space; `workbench.review.add_class` checks its `name`, the id of the entry.

        Parameters
        ----------
        name, author, source, reason : as in `relabel`, and so is what is returned.
        """
        return self._decide("space", ([text_of("name", name)], [""]), [ADDED], ..., author, source, reason)

    def undo(self, author: str | None = None, *, anyone: bool = False, source: str = "undo") -> list[Entry]:
        """Take back the newest decision of `author` (default: the journal's own) that still stands.

        The whole batch goes back at once. Where somebody else decided later on the same id, that decision stays.
        With `anyone`, the newest standing decision of all is taken back, whoever made it.

        Parameters
        ----------
        author : whose decision.
        anyone : whosever it is.
        source : what the journal names as the tool.

        Returns
        -------
        list of Entry
            What was appended; empty when there is nothing to undo.
        """
        return self._revert(False, author, anyone, source)

    def redo(self, author: str | None = None, *, anyone: bool = False, source: str = "redo") -> list[Entry]:
        """Bring back what `undo` took back last; nothing after a new decision of the same author.

        Parameters
        ----------
        author, anyone, source : as in `undo`.
        """
        return self._revert(True, author, anyone, source)

    def size_of_next(self, *, redo: bool = False, author: str | None = None) -> int:
        """On how many examples the next `undo` (or `redo`) of `author` would act; 0 when there is none.

        Parameters
        ----------
        redo : of the next redo instead.
        author : whose decision; the journal's own author by default.
        """
        owner = self.author if author is None else text_of("author", author)
        batch = f"SELECT batch FROM ({next_batch(redo, OF_OWNER)})"
        rows = self._file.read(f"SELECT count(DISTINCT id) FROM entries WHERE batch = ({batch})", {"owner": owner})
        return int(rows[0][0]) if rows else 0

    # ---- reading ---------------------------------------------------------------------------------------------

    def state(self, *, author: str | None = None, per: str = "example", oldest_first: bool = False) -> pd.DataFrame:
        """What holds now, one row per id that has at least one decision which has not been undone.

        Parameters
        ----------
        author : only what this author decided, whatever others decided before or after
        per : "example", decisions on the examples themselves; "unit", those on units of examples too
        oldest_first : sorted by the decisions that author and time belong to, not by ids and units

        Returns
        -------
        DataFrame indexed by `id`; by `id` and `unit` with per="unit", where the unit "" is the example itself
            label : class name, of a unit its value as text; None when no decision says anything on the label (then the
            given one holds). verdict : "relabel", "keep", "skip" or None. flag : bool. note : str or None.
            author, time, reason : of the decision that set the label, else the verdict, else the newest other one.
        """
        rows = self._file.read(
            f"{STANDING} SELECT {key_of(per)}, e.field, e.new, s.owner, e.time, e.reason, max(e.seq) "
            f"FROM {self._entries()} e JOIN standing s ON s.batch = e.batch WHERE (?1 IS NULL OR s.owner = ?1) "
            f"AND {about_of(per)} GROUP BY e.id, e.unit, e.field ORDER BY e.id, e.unit, e.field",
            (author,),
        )
        place = {field: at for at, field in enumerate(FIELDS)}
        weight = {"label": 2, "verdict": 1, "flag": 0, "note": 0}
        table: dict[object, list] = {}
        best: dict[object, tuple[int, int]] = {}
        for key, field, new, owner, when, reason, seq in rows if per == "example" else paired(rows):
            if field not in place:
                continue
            row = table.setdefault(key, [None] * 7)
            row[place[field]] = new
            if (weight[field], seq) > best.get(key, (-1, 0)):
                best[key] = (weight[field], seq)
                row[4:] = owner, when, reason
        columns = [*FIELDS, "author", "time", "reason"]
        if oldest_first:
            table = {key: table[key] for key in sorted(table, key=lambda key: best[key][1])}
        frame = pd.DataFrame(list(table.values()), index=index_of(table, per), columns=columns, dtype=object)
        frame["flag"] = [value is not None for value in frame["flag"]]
        return frame

    def decided(self, *, author: str | None = None) -> pd.DataFrame:
        """The labels that hold, each example or unit once, in the order of the decisions: what is applied to the data.

        Parameters
        ----------
        author : only what this author decided, whatever others decided before or after

        Returns
        -------
        DataFrame with one row per label
            id. unit : str, "" for the example itself. given_label : str or None, what the first decision replaced.
            label : str, what holds now; it can be the same. author, time, reason : of the decision.
        """
        entries = self._entries()
        rows = self._file.read(
            f"{STANDING} SELECT e.id, e.unit, (SELECT f.old FROM {entries} f WHERE f.id = e.id AND f.unit = e.unit "
            "AND f.field = 'label' ORDER BY f.seq LIMIT 1), e.new, s.owner, e.time, e.reason, max(e.seq) "
            f"FROM {entries} e JOIN standing s ON s.batch = e.batch WHERE (?1 IS NULL OR s.owner = ?1) "
            "AND e.field = 'label' GROUP BY e.id, e.unit ORDER BY max(e.seq)",
            (author,),
        )
        columns = ["id", "unit", "given_label", "label", "author", "time", "reason"]
        table = pd.DataFrame([row[:7] for row in rows if row[3] is not None], columns=columns, dtype=object)
        return table

    def changes(self, *, author: str | None = None) -> pd.DataFrame:
        """Labels that differ from what the data came with: `decided` without those that were confirmed.

        Parameters
        ----------
        author : only what this author decided, whatever others decided before or after

        Returns
        -------
        DataFrame indexed by `id` and `unit` : given_label, label, author, time, reason; sorted as `state` is.
        """
        table = self.decided(author=author)
        pairs = enumerate(zip(table["label"], table["given_label"]))
        table = table.iloc[[at for at, (new, old) in pairs if new != old]]
        order = {key: at for at, key in enumerate(self.state(author=author, per="unit").index)}
        table = table.set_index(["id", "unit"])
        return table.iloc[sorted(range(len(table)), key=lambda at: order[table.index[at]])]

    def opinions(self, field: str = "label", *, per: str = "example") -> pd.DataFrame:
        """What each author thinks: ids as rows, authors as columns, None where an author said nothing.

        Each author's newest decision that has not been undone. Made for agreement between annotators: nobody's
        later decision hides an earlier one of somebody else.

        Parameters
        ----------
        field : "label", "verdict", "flag" or "note".
        per : with "unit", units as rows (see `state`).

        Raises
        ------
        InputError : an unknown field.
        """
        if field not in FIELDS:
            raise InputError.unknown("field", field, FIELDS)
        rows = self._file.read(
            f"{STANDING} SELECT {key_of(per)}, s.owner, e.new, max(e.seq) FROM {self._entries()} e "
            f"JOIN standing s ON s.batch = e.batch WHERE e.field = ? AND {about_of(per)} "
            "GROUP BY e.id, e.unit, s.owner ORDER BY e.id, e.unit",
            (field,),
        )
        rows = rows if per == "example" else list(paired(rows))
        authors = {owner: at for at, owner in enumerate(sorted({row[1] for row in rows}))}
        table: dict[object, list] = {}
        for key, owner, new, _ in rows:
            table.setdefault(key, [None] * len(authors))[authors[owner]] = new
        columns = pd.Index(list(authors), name="author", dtype=object)
        return pd.DataFrame(list(table.values()), index=index_of(table, per), columns=columns, dtype=object)

    def added_classes(self) -> dict[str, bool]:
        """Classes ever added, in the order of their codes: whether each stands, False where that was undone."""
        rows = self._file.read(added_to(self._entries()))
        return {str(name): bool(stands) for name, stands in rows}

    def standing(self) -> list[Entry]:
        """Entries on labels and verdicts of decisions that have not been undone, oldest first; author = who decided.

        Those on units of examples are among them.
        """
        columns = ", ".join("s.owner" if name == "author" else f"e.{name}" for name in Entry._fields)
        sql = (
            f"{STANDING} SELECT {columns} FROM entries e JOIN standing s ON s.batch = e.batch "
            "WHERE e.field IN ('label', 'verdict') ORDER BY e.seq"
        )
        return [Entry(*row) for row in self._file.read(sql)]

    def log(self) -> pd.DataFrame:
        """Every entry ever written, oldest first, columns as in `Entry`; `unit` only where a unit was decided about."""
        entries = self.since(0)
        frame = pd.DataFrame(entries, columns=list(Entry._fields), dtype=object)
        if not any(entry.unit for entry in entries):
            frame = frame.drop(columns="unit")
        return frame.astype({"seq": "int64", "batch": "int64"})

    def since(self, seq: int) -> list[Entry]:
        """Entries after number `seq`, oldest first: how a view learns what others decided meanwhile.

        Parameters
        ----------
        seq : int, the last entry that is known; 0 for all.
        """
        rows = self._file.read(f"SELECT {ALL} FROM {self._entries()} WHERE seq > ? ORDER BY seq", (int(seq),))
        return [Entry(*row) for row in rows]

    @property
    def last_seq(self) -> int:
        """Number of the newest entry, 0 when there is none."""
        rows = self._file.read("SELECT max(seq) FROM entries")
        return rows[0][0] or 0 if rows else 0

    @property
    def schema(self) -> int | None:
        """The schema version of the file, None when there is none yet. The first decision brings an older one up."""
        return self._file.version if self._file.read("SELECT 1") else None

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

    def _decide(self, kind: str, about: tuple[list, list], new: list, old, author, source, reason) -> int | None:
        """Append one batch; `old` is `...` where the caller did not say what the given label is."""
        ids, units = about
        if not ids:
            return None
        author = self.author if author is None else text_of("author", author)
        source = text_of("source", source)
        reasons = texts_of("reason", reason, ids)
        old_given = old is not ...
        with self._file.transaction() as db:
            batch = db.execute("INSERT INTO batches (owner, depth) VALUES (?, 0)", (author,)).lastrowid
            db.execute(INCOMING)
            db.execute("DELETE FROM incoming")
            rows = zip(range(len(ids)), ids, units, new, old if old_given else [None] * len(ids), reasons, strict=True)
            db.executemany("INSERT INTO incoming VALUES (?, ?, ?, ?, ?, ?)", rows)
            stamp = {"author": author, "time": now(), "source": source, "batch": batch}

            def append(field: str, value: str, where: str = "1") -> None:
                f = f"'{field}'"
                before = f"CASE WHEN {known(f)} THEN {current(f)} ELSE {'i.old' if field == 'label' else 'NULL'} END"
                db.execute(
                    f"{INSERT} SELECT i.id, i.unit, {f}, {before}, {value}, :author, :time, :source, i.reason, "
                    f":batch, NULL FROM incoming i WHERE {where} ORDER BY i.n",
                    stamp,
                )

            label = "'label'"
            if kind == "relabel":
                append("label", "i.new")
                append("verdict", f"CASE WHEN i.new IS {original(label)} THEN 'keep' ELSE 'relabel' END")
            elif kind == "keep":
                first = f"CASE WHEN {known(label)} THEN {original(label)} ELSE i.old END"
                append("label", first, where="1" if old_given else known(label))
                append("verdict", "'keep'")
            else:
                append(kind, "i.new")
            db.execute("DELETE FROM incoming")
        return batch

    def _revert(self, redo: bool, author: str | None, anyone: bool, source: str) -> list[Entry]:
        """Append the batch that undoes the newest standing decision, or that redoes the newest undo."""
        owner = self.author if author is None else text_of("author", author)
        source = text_of("source", source)
        mine = ":owner = :owner" if anyone else OF_OWNER
        find = next_batch(redo, mine)
        if redo:
            new, by, why = (
                f"(SELECT p.{c} FROM entries p WHERE p.seq = i.reverts)" for c in ("new", "source", "reason")
            )
        else:
            standing = (
                "FROM entries t JOIN batches b ON b.batch = t.batch WHERE t.id = i.id AND t.unit = i.unit "
                f"AND t.field = i.field AND b.depth % 2 = 0 AND {FREE} ORDER BY t.seq DESC LIMIT 1"
            )
            below = f"EXISTS (SELECT 1 {standing})"
            new = f"CASE WHEN {below} THEN (SELECT t.new {standing}) ELSE {original('i.field')} END"
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
                f"{INSERT} SELECT i.id, i.unit, i.field, {current('i.field')}, {new}, :author, :time, {by}, {why}, "
                ":batch, i.seq FROM entries i WHERE i.batch = :reverted ORDER BY i.seq",
                {"author": self.author, "time": now(), "source": source, "batch": batch, "reverted": reverted},
            )
            sql = f"SELECT {ALL} FROM entries WHERE batch = ? ORDER BY seq"
            return Entries(Entry(*row) for row in db.execute(sql, (batch,)))
