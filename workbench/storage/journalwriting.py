"""Write a decision, or its reversal, to a journal as one batch within the caller's transaction."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from workbench.storage.journalqueries import (
    ALL,
    FREE,
    INCOMING,
    INSERT,
    OF_OWNER,
    ONE_INCOMING,
    current,
    known,
    next_batch,
    original,
)
from workbench.storage.journalrows import Entries, Entry


class Stamp(NamedTuple):
    """Author, time (ISO 8601 in UTC) and tool of an entry."""

    author: str
    time: str
    source: str


def append_decision(
    db: sqlite3.Connection, kind: str, rows: Sequence[tuple[object, ...]], stamp: Stamp, *, old_given: bool
) -> int | None:
    """Append a batch of decisions and return its number.

    Parameters
    ----------
    kind : "relabel" or "keep", which write a label and a verdict; else the field of the entries.
    rows : (number, id, unit, new value, old value, reason) of each target.
    old_given : whether the caller has passed old values.
    """
    batch = db.execute("INSERT INTO batches (owner, depth) VALUES (?, 0)", (stamp.author,)).lastrowid
    values = {**stamp._asdict(), "batch": batch}
    single = len(rows) == 1
    if single:
        values |= zip(("n", "id", "unit", "new", "old", "reason"), rows[0])
    else:
        db.execute(INCOMING)
        db.executemany("INSERT INTO incoming VALUES (?, ?, ?, ?, ?, ?)", rows)
    for sql in _insertions(kind, single, old_given):
        db.execute(sql, values)
    if not single:
        db.execute("DELETE FROM incoming")  # after an error, the rollback empties it
    return batch


@functools.cache
def _insertions(kind: str, single: bool, old_given: bool) -> list[str]:
    """SQL: the statements that append the entries of a decision (`append_decision`), only one for a `single` row."""
    label = "'label'"
    first = f"CASE WHEN {known(label)} THEN {original(label)} ELSE i.old END"
    if kind == "relabel":
        verdict = f"CASE WHEN i.new IS {first} THEN 'keep' ELSE 'relabel' END"
        selected = [_selected("label", "i.new"), _selected("verdict", verdict)]
    elif kind == "keep":
        where = "1" if old_given else known(label)
        selected = [_selected("label", first, where), _selected("verdict", "'keep'")]
    else:
        selected = [_selected(kind, "i.new")]
    if single:
        return [f"{ONE_INCOMING} {INSERT} {' UNION ALL '.join(selected)}"]
    return [f"{INSERT} {one} ORDER BY i.n" for one in selected]


def _selected(field: str, value: str, where: str = "1") -> str:
    """SQL: the entries on this field, in columns as of `INSERT`, of the incoming rows `i`."""
    f = f"'{field}'"
    before = f"CASE WHEN {known(f)} THEN {current(f)} ELSE {'i.old' if field == 'label' else 'NULL'} END"
    return (
        f"SELECT i.id, i.unit, {f}, {before}, {value}, :author, :time, :source, i.reason, :batch, NULL "
        f"FROM incoming i WHERE {where}"
    )


def append_reversal(
    db: sqlite3.Connection, owner: str, stamp: Stamp, *, redo: bool = False, anyone: bool = False
) -> Entries:
    """Append a batch that undoes the newest effective decision, or redoes the newest undo, and return its entries.

    Parameters
    ----------
    owner : author of the decision. anyone : whether decisions of all authors are considered.
    """
    if redo:
        new, by, why = (f"(SELECT p.{c} FROM entries p WHERE p.seq = i.reverts)" for c in ("new", "source", "reason"))
    else:
        standing = (
            "FROM entries t JOIN batches b ON b.batch = t.batch WHERE t.id = i.id AND t.unit = i.unit "
            f"AND t.field = i.field AND b.depth % 2 = 0 AND {FREE} ORDER BY t.seq DESC LIMIT 1"
        )
        below = f"EXISTS (SELECT 1 {standing})"
        new = f"CASE WHEN {below} THEN (SELECT t.new {standing}) ELSE {original('i.field')} END"
        by, why = ":source", "''"
    find = next_batch(redo, ":owner = :owner" if anyone else OF_OWNER)
    target = db.execute(find, {"owner": owner}).fetchone()
    if target is None:
        return Entries()
    reverted, owner, depth = target
    sql = "INSERT INTO batches (owner, depth, reverts) VALUES (?, ?, ?)"
    batch = db.execute(sql, (owner, depth + 1, reverted)).lastrowid
    db.execute(
        f"{INSERT} SELECT i.id, i.unit, i.field, {current('i.field')}, {new}, :author, :time, {by}, {why}, "
        ":batch, i.seq FROM entries i WHERE i.batch = :reverted ORDER BY i.seq",
        {**stamp._asdict(), "batch": batch, "reverted": reverted},
    )
    sql = f"SELECT {ALL} FROM entries WHERE batch = ? ORDER BY seq"
    return Entries([Entry(*row) for row in db.execute(sql, (batch,))])
