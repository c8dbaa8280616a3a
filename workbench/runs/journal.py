"""The journal of decisions: an append-only log in SQLite, in which undo appends as well.

Each label that someone changes, keeps, skips, flags or comments adds one or two rows to `entries`; triggers in the file
refuse UPDATE and DELETE. The current state is derived from the rows: **the newest decision that has not been undone**
wins, per id, unit and field. An undo is a batch of rows that point to the rows they revert; a redo reverts the undo. So
undoing an author's older decision does not affect another author's newer one.

A decision is about an example, or about one of its **units**: a box, a span, a tag. The journal stores a unit's key and
values as text. A value is complete (class and position, for example), so that decisions can be exported on their own.

Durability: the file has a write-ahead log with `synchronous=FULL`, so a call that has returned survives `kill -9` and a
power failure (one fsync per call, about a millisecond on a local disk). Writers in other processes wait up to 30 s.
SQLite's write-ahead log needs memory shared between its users, so **all of them must be on the same machine**: on a
network file system only one machine may write; otherwise keep the run on a local disk.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.foundation.errors import InputError, first_few
from workbench.runs.authors import login, now
from workbench.storage.journalfile import JournalFile
from workbench.storage.journalqueries import (
    ALL,
    OF_OWNER,
    STANDING,
    about_of,
    added_to,
    key_of,
    next_batch,
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
from workbench.storage.journaltables import opinions_table, state_table
from workbench.storage.journalwriting import Stamp, append_decision, append_reversal

__all__ = ["FIELDS", "LOG_COLUMNS", "Entries", "Entry", "Journal", "login"]


class Journal:
    """The decisions of one run, shared safely by the threads, notebooks and processes of one machine.

    Parameters
    ----------
    path : str or Path
        The file, or a directory that contains it as `journal.sqlite`. The first decision creates it. In a read-only
        place the journal can be read but refuses decisions.
    author : str, optional
        Author of the decisions; default: the login name. Every method that decides accepts another `author`.

    Raises
    ------
    RunError
        Raised by any method if the file is not a journal, was written by a newer version, contains foreign tables,
        views or triggers, or cannot be written because its place is read-only or the disk is full.
    """

    def __init__(self, path: str | os.PathLike[str], author: str | None = None) -> None:
        path = Path(path)
        self.path = path / "journal.sqlite" if path.is_dir() else path
        self.author = login() if author is None else text_of("author", author)
        self._file = JournalFile(self.path)
        self._warned = False

    def __repr__(self) -> str:
        return f"Journal({str(self.path)!r}, author={self.author!r})"

    def __reduce__(self) -> tuple[type[Journal], tuple[str, str]]:
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
        """Whether the file is in a read-only place (known after the first read)."""
        return self._file.read_only

    # ---- deciding --------------------------------------------------------------------------------------------

    def relabel(
        self,
        ids: Any,
        new: Any,
        *,
        old: Any,
        units: Any = "",
        author: str | None = None,
        source: str = "",
        reason: Any = "",
    ) -> int | None:
        """Change the labels of `ids`, as one undo step.

        Parameters
        ----------
        ids : int, str or sequence of them
            Distinct ids of the data set; with `units`, each unit of an example once.
        new : str, int, bool, float or sequence of them
            The class for all, or one per id, as a value of the user's type (3) or a class name ("3"); for a unit, its
            whole value as text. The journal stores names.
        old : str, int, bool, float, None or sequence of them
            The given labels (None: unlabelled). They are used only for ids without a label in the journal; otherwise
            the old label is the journal's current one, so an outdated view does no harm.
        units : str or sequence of str
            Key of the unit of the example, one for all or one per id; "" is the example itself.
        author, source, reason
            Who decided, with which tool, and why; `reason` may be one per id. A call about one example counts as a
            verdict of a person. A call about several counts only with source="review", which says that somebody looked
            at each of them. A program that decides by a rule should pass its own name (source="my script"); its
            decisions never count as verdicts (`workbench.runs.verdicts`).

        Returns
        -------
        int or None
            Number of the batch; None if `ids` is empty. The verdict is "relabel", or "keep" if `new` is the original
            label.
        """
        about = targets_of(ids, units)
        new, old = labels_of("new", new, about[0]), labels_of("old", old, about[0], none=True)
        return self._decide("relabel", about, new, old, author, source, reason)

    def keep(
        self,
        ids: Any,
        *,
        old: Any = ...,
        units: Any = "",
        author: str | None = None,
        source: str = "",
        reason: Any = "",
    ) -> int | None:
        """Confirm the original label; earlier relabelling of these ids is reverted.

        Pass `old` (as in `relabel`) so that `opinions` knows which label this author confirmed.

        Parameters
        ----------
        ids, old, units, author, source, reason : as in `relabel`, like the return value.
        """
        about = targets_of(ids, units)
        olds = ... if old is ... else labels_of("old", old, about[0], none=True)
        return self._decide("keep", about, [None] * len(about[0]), olds, author, source, reason)

    def skip(
        self, ids: Any, *, units: Any = "", author: str | None = None, source: str = "", reason: Any = ""
    ) -> int | None:
        """Postpone the decision: the verdict becomes "skip", and the label does not change.

        Parameters
        ----------
        ids, units, author, source, reason : as in `relabel`, like the return value.
        """
        about = targets_of(ids, units)
        return self._decide("verdict", about, ["skip"] * len(about[0]), ..., author, source, reason)

    def flag(
        self,
        ids: Any,
        on: bool = True,
        *,
        units: Any = "",
        author: str | None = None,
        source: str = "",
        reason: Any = "",
    ) -> int | None:
        """Set a flag, or remove it with `on=False`. A flag is a mark without a predefined meaning.

        Parameters
        ----------
        ids, units, author, source, reason : as in `relabel`, like the return value.
        on : whether to set the flag or to remove it.
        """
        about = targets_of(ids, units)
        return self._decide("flag", about, ["true" if on else None] * len(about[0]), ..., author, source, reason)

    def note(
        self, ids: Any, text: Any, *, units: Any = "", author: str | None = None, source: str = "", reason: Any = ""
    ) -> int | None:
        """Attach a note; an empty text removes it.

        Parameters
        ----------
        ids, units, author, source, reason : as in `relabel`, like the return value.
        text : str, for all ids, or sequence of str, one per id.
        """
        about = targets_of(ids, units)
        texts = [one or None for one in texts_of("text", text, about[0])]
        return self._decide("note", about, texts, ..., author, source, reason)

    def add_class(self, name: str, *, author: str | None = None, source: str = "", reason: str = "") -> int | None:
        """Add a class to the label space. Use `workbench.review.add_class`, which validates the name.

        Parameters
        ----------
        name : name of the class, the id of the entry.
        author, source, reason : as in `relabel`, like the return value.
        """
        return self._decide("space", ([text_of("name", name)], [""]), [ADDED], ..., author, source, reason)

    def undo(self, author: str | None = None, *, anyone: bool = False, source: str = "undo") -> list[Entry]:
        """Undo the newest decision of `author` (default: the journal's author) that is not undone yet.

        The whole batch is undone. Later decisions of others about the same ids stay in force.

        Parameters
        ----------
        author : author of the decision.
        anyone : whether to undo the newest decision of any author instead.
        source : name of the tool, for the journal.

        Returns
        -------
        list of Entry
            The appended entries; empty if there is nothing to undo.
        """
        return self._revert(False, author, anyone, source)

    def redo(self, author: str | None = None, *, anyone: bool = False, source: str = "redo") -> list[Entry]:
        """Redo the decision that was undone last; has no effect after a new decision of the same author.

        Parameters
        ----------
        author, anyone, source : as in `undo`.
        """
        return self._revert(True, author, anyone, source)

    def size_of_next(self, *, redo: bool = False, author: str | None = None) -> int:
        """Return the number of examples that the next `undo` (or `redo`) of `author` would affect.

        Parameters
        ----------
        redo : whether to count for the next `redo`.
        author : author of the decision; default: the journal's author.
        """
        owner = self.author if author is None else text_of("author", author)
        batch = f"SELECT batch FROM ({next_batch(redo, OF_OWNER)})"
        rows = self._file.read(f"SELECT count(DISTINCT id) FROM entries WHERE batch = ({batch})", {"owner": owner})
        return int(rows[0][0]) if rows else 0

    # ---- reading ---------------------------------------------------------------------------------------------

    def state(self, *, author: str | None = None, per: str = "example", oldest_first: bool = False) -> pd.DataFrame:
        """Return the current state, one row per id with at least one decision that has not been undone.

        Parameters
        ----------
        author : use only the decisions of this author, ignoring those of others
        per : "example" for decisions about the examples themselves; "unit" for those about units of examples too
        oldest_first : sort by the decisions in the columns author and time, instead of by ids and units

        Returns
        -------
        DataFrame indexed by `id`; by `id` and `unit` with per="unit", where the unit "" is the example itself
            label : class name, or the value of a unit as text; None if no decision is about the label (then the given
            label is valid). verdict : "relabel", "keep", "skip" or None. flag : bool. note : str or None.
            author, time, reason : of the decision that set the label, else the verdict, else the newest other one.
        """
        rows = self._file.read(
            f"{STANDING} SELECT {key_of(per)}, e.field, e.new, s.owner, e.time, e.reason, max(e.seq) "
            f"FROM {self._entries()} e JOIN standing s ON s.batch = e.batch WHERE (?1 IS NULL OR s.owner = ?1) "
            f"AND {about_of(per)} GROUP BY e.id, e.unit, e.field ORDER BY e.id, e.unit, e.field",
            (author,),
        )
        return state_table(rows, per, oldest_first=oldest_first)

    def decided(self, *, author: str | None = None) -> pd.DataFrame:
        """Return the decided labels that apply to the data, one row per example or unit, in the order of the decisions.

        Parameters
        ----------
        author : use only the decisions of this author, ignoring those of others

        Returns
        -------
        DataFrame with one row per label
            id. unit : str, "" for the example itself. given_label : str or None, the label before the first decision.
            label : str, the current label; it may be the same. author, time, reason : of the decision.
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
        """Return the labels that differ from the given ones: `decided` without confirmed labels.

        Parameters
        ----------
        author : use only the decisions of this author, ignoring those of others

        Returns
        -------
        DataFrame indexed by `id` and `unit` : given_label, label, author, time, reason; sorted like `state`.
        """
        table = self.decided(author=author)
        pairs = enumerate(zip(table["label"], table["given_label"]))
        table = table.iloc[[at for at, (new, old) in pairs if new != old]]
        order = {key: at for at, key in enumerate(self.state(author=author, per="unit").index)}
        table = table.set_index(["id", "unit"])
        return table.iloc[sorted(range(len(table)), key=lambda at: order[table.index[at]])]

    def opinions(self, field: str = "label", *, per: str = "example") -> pd.DataFrame:
        """Return each author's newest decision that has not been undone: ids as rows, authors as columns.

        None means no decision. Use this for agreement between annotators: a later decision does not hide an earlier
        one of another author.

        Parameters
        ----------
        field : "label", "verdict", "flag" or "note".
        per : with "unit", the rows are units (see `state`).

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
        return opinions_table(rows, per)

    def added_classes(self) -> dict[str, bool]:
        """Return a dict of each class ever added, in the order of their codes, to False if the addition was undone."""
        rows = self._file.read(added_to(self._entries()))
        return {str(name): bool(stands) for name, stands in rows}

    def standing(self) -> list[Entry]:
        """Return the entries about labels and verdicts of decisions that have not been undone, oldest first.

        Entries about units of examples are included; author is the author of the decision.
        """
        columns = ", ".join("s.owner" if name == "author" else f"e.{name}" for name in Entry._fields)
        sql = (
            f"{STANDING} SELECT {columns} FROM entries e JOIN standing s ON s.batch = e.batch "
            "WHERE e.field IN ('label', 'verdict') ORDER BY e.seq"
        )
        return [Entry(*row) for row in self._file.read(sql)]

    def log(self) -> pd.DataFrame:
        """Return all entries, oldest first, columns as in `Entry`; `unit` only if there are decisions about units."""
        entries = self.since(0)
        frame = pd.DataFrame(entries, columns=list(Entry._fields), dtype=object)
        if not any(entry.unit for entry in entries):
            frame = frame.drop(columns="unit")
        return frame.astype({"seq": "int64", "batch": "int64"})

    def since(self, seq: int) -> list[Entry]:
        """Return the entries after number `seq`, oldest first, such as new decisions of others for a view.

        Parameters
        ----------
        seq : int, number of the last known entry; 0 for all.
        """
        rows = self._file.read(f"SELECT {ALL} FROM {self._entries()} WHERE seq > ? ORDER BY seq", (int(seq),))
        return [Entry(*row) for row in rows]

    @property
    def last_seq(self) -> int:
        """Number of the newest entry, 0 if there is none."""
        rows = self._file.read("SELECT max(seq) FROM entries")
        return rows[0][0] or 0 if rows else 0

    @property
    def schema(self) -> int | None:
        """The schema version of the file, None if there is no file yet. The first decision upgrades an older one."""
        return self._file.version if self._file.read("SELECT 1") else None

    def integrity(self) -> list[str]:
        """Return the problems that SQLite finds in the file; empty if there are none."""
        return [line for (line,) in self._file.read("PRAGMA integrity_check") if line != "ok"]

    def inconsistencies(self) -> list[str]:
        """Describe entries and batches that this program cannot have written; empty if there are none."""
        found = []
        for words, sql in INCONSISTENT.items():
            rows = self._file.read(sql)
            if rows:
                found.append(words.format(first_few([row[0] for row in rows], 3)))
        return found

    def _entries(self) -> str:
        """SQL: the table of entries, without those that this program cannot have written, if there are any."""
        self._file.read("SELECT 1")
        if not self._file.strange:
            return "entries"
        if not self._warned:
            self._warned = True
            found = f"the journal {self.path} holds {self._file.strange:,} entries of unknown form"
            warnings.warn(f"{found}. They are not used; `workbench check` lists them.", stacklevel=3)
        return f"(SELECT * FROM entries WHERE {SOUND})"

    # ---- inside ----------------------------------------------------------------------------------------------

    def _decide(
        self,
        kind: str,
        about: tuple[list[Any], list[str]],
        new: list[Any],
        old: Any,
        author: str | None,
        source: str,
        reason: object,
    ) -> int | None:
        """Append one batch; `old` is `...` if the caller did not pass the given labels."""
        ids, units = about
        if not ids:
            return None
        author = self.author if author is None else text_of("author", author)
        source = text_of("source", source)
        reasons = texts_of("reason", reason, ids)
        old_given = old is not ...
        olds = old if old_given else [None] * len(ids)
        rows = list(zip(range(len(ids)), ids, units, new, olds, reasons, strict=True))
        with self._file.transaction() as db:
            return append_decision(db, kind, rows, Stamp(author, now(), source), old_given=old_given)

    def _revert(self, redo: bool, author: str | None, anyone: bool, source: str) -> list[Entry]:
        """Append a batch that undoes the newest decision in force, or that redoes the newest undo."""
        owner = self.author if author is None else text_of("author", author)
        source = text_of("source", source)
        if not self._file.exists():
            return Entries()
        with self._file.transaction() as db:
            return append_reversal(db, owner, Stamp(self.author, now(), source), redo=redo, anyone=anyone)
