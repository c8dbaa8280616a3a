"""SQL of the journal: decisions in force, current values, the next batch to undo."""

from __future__ import annotations

from workbench.foundation.errors import InputError
from workbench.storage.journalrows import Entry

PER = ("example", "unit")
"""What a row of a table is."""
ALL = ", ".join(Entry._fields)

# A batch of depth 0 is a decision, 1 its undo, 2 the redo of that: even depths assert, odd ones undo.
FREE = "NOT EXISTS (SELECT 1 FROM batches r WHERE r.reverts = b.batch)"
_BY_SOMEBODY = "b.depth % 2 = 0 AND typeof(b.owner) = 'text'"
STANDING = f"WITH standing AS (SELECT batch, owner FROM batches b WHERE {_BY_SOMEBODY} AND {FREE})"
OF_OWNER = "b.owner = :owner"
INCOMING = "CREATE TEMP TABLE IF NOT EXISTS incoming (n INTEGER PRIMARY KEY, id, unit, new, old, reason)"
ONE_INCOMING = "WITH incoming (n, id, unit, new, old, reason) AS (VALUES (:n, :id, :unit, :new, :old, :reason))"
"""SQL: the same as a table of a single row, which needs no writing."""
INSERT = "INSERT INTO entries (id, unit, field, old, new, author, time, source, reason, batch, reverts)"


def _on(field: str) -> str:
    """SQL: the entries `e` on this field for the unit of the row `i`."""
    return f"FROM entries e WHERE e.id = i.id AND e.unit = i.unit AND e.field = {field}"


def known(field: str) -> str:
    """SQL: whether the journal has an entry on this field for the unit of the row `i`."""
    return f"EXISTS (SELECT 1 {_on(field)})"


def current(field: str) -> str:
    """SQL: the current value, that is, of the newest entry."""
    return f"(SELECT e.new {_on(field)} ORDER BY e.seq DESC LIMIT 1)"


def original(field: str) -> str:
    """SQL: the value before the first decision; for labels, the given label."""
    return f"(SELECT e.old {_on(field)} ORDER BY e.seq LIMIT 1)"


def next_batch(redo: bool, mine: str) -> str:
    """SQL: batch, owner and depth of the batch that the next undo (or redo) reverts."""
    find = f"{mine} AND b.depth % 2 = 0 AND {FREE}"
    if redo:
        fresh = f"(SELECT coalesce(max(b.batch), 0) FROM batches b WHERE {mine} AND b.depth = 0)"
        find = f"{mine} AND b.depth % 2 = 1 AND b.batch > {fresh} AND {FREE}"
    return f"SELECT b.batch, b.owner, b.depth FROM batches b WHERE {find} ORDER BY b.batch DESC LIMIT 1"


def added_to(entries: str) -> str:
    """SQL: the classes added in a table of entries, in order, and whether each is still in force."""
    return (
        f"{STANDING} SELECT e.id, max(s.batch IS NOT NULL AND e.new IS NOT NULL) FROM {entries} e "
        "LEFT JOIN standing s ON s.batch = e.batch WHERE e.field = 'space' GROUP BY e.id ORDER BY min(e.seq)"
    )


def key_of(per: str) -> str:
    """SQL: the columns that identify a row of a table."""
    if per not in PER:
        raise InputError.unknown("per", per, PER)
    return "e.id" if per == "example" else "e.id, e.unit"


def about_of(per: str) -> str:
    """SQL: whether the entry `e` is about an example or a unit, as `per` asks. (The plus keeps the index order.)"""
    return "+e.unit = ''" if per == "example" else "1"
