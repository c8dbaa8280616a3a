"""Tables of a journal from the rows of its queries: the current state, and the opinion of each author."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from workbench.storage.journalrows import FIELDS

DECIDED_BY = {"label": 2, "verdict": 1, "flag": 0, "note": 0}
"""Which field's decision gives author, time and reason of a row: that of the largest number, else the newest."""


def state_table(rows: Iterable[tuple[Any, ...]], per: str, *, oldest_first: bool) -> pd.DataFrame:
    """Return the table of `Journal.state`.

    Parameters
    ----------
    rows : id, unit (with per="unit" only), field, value, author, time, reason, seq.
    per : "example" or "unit". oldest_first : sort by the decisions in the columns author and time.
    """
    place = {field: at for at, field in enumerate(FIELDS)}
    table: dict[object, list[Any]] = {}
    best: dict[object, tuple[int, int]] = {}
    for key, field, new, owner, when, reason, seq in _keyed(rows, per):
        if field not in place:
            continue
        row = table.setdefault(key, [None] * 7)
        row[place[field]] = new
        if (DECIDED_BY[field], seq) > best.get(key, (-1, 0)):
            best[key] = (DECIDED_BY[field], seq)
            row[4:] = owner, when, reason
    columns = [*FIELDS, "author", "time", "reason"]
    if oldest_first:
        table = {key: table[key] for key in sorted(table, key=lambda key: best[key][1])}
    frame = pd.DataFrame(list(table.values()), index=_index_of(table, per), columns=columns, dtype=object)
    frame["flag"] = [value is not None for value in frame["flag"]]
    return frame


def opinions_table(rows: Sequence[tuple[Any, ...]], per: str) -> pd.DataFrame:
    """Return the table of `Journal.opinions` from rows of id, unit (per "unit" only), author, value, seq."""
    keyed = list(_keyed(rows, per))
    authors = {owner: at for at, owner in enumerate(sorted({row[1] for row in keyed}))}
    table: dict[object, list[Any]] = {}
    for key, owner, new, _ in keyed:
        table.setdefault(key, [None] * len(authors))[authors[owner]] = new
    columns = pd.Index(list(authors), name="author", dtype=object)
    return pd.DataFrame(list(table.values()), index=_index_of(table, per), columns=columns, dtype=object)


def _keyed(rows: Iterable[tuple[Any, ...]], per: str) -> Iterable[tuple[Any, ...]]:
    """Return the rows of a query, with (id, unit) as one key if they have units."""
    return rows if per == "example" else _paired(rows)


def _paired(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query with (id, unit) as one key."""
    return (((id, unit), *rest) for id, unit, *rest in rows)


def _index_of(keys: Iterable[Any], per: str) -> pd.Index:
    """Return ids as an Index, int64 if all are integers, else object; or (id, unit) pairs as a MultiIndex."""
    keys = list(keys)
    ids = keys if per == "example" else [id for id, _ in keys]
    whole = bool(ids) and all(isinstance(id, int) for id in ids)
    index = pd.Index(ids, dtype="int64" if whole else object, name="id")
    if per == "example":
        return index
    return pd.MultiIndex.from_arrays([index, pd.Index([unit for _, unit in keys], dtype=object, name="unit")])
