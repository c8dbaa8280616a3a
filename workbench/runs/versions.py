"""The versions of a label or of one of its units: the given value and every decision about it, oldest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pandas as pd

from workbench.runs.journal import Entry
from workbench.runs.run import Run


class Version(NamedTuple):
    """A version of a unit: `value` as the journal stores it, None for no value; `author` "" is the data set."""

    id: Any
    unit: str
    number: int
    value: str | None
    author: str
    time: str
    source: str
    reason: str


def versions(run: Run, ids: Iterable[Any] | None = None) -> pd.DataFrame:
    """Return the versions of the labels that have at least one decision.

    Parameters
    ----------
    run : Run
    ids : the examples; all by default

    Returns
    -------
    DataFrame, one row per version, by example, unit and time
        id, unit : the unit ("" is the whole example). version : 0 for the given value, then 1, 2, ...
        value : the value as a person reads it: a class, a text, a number. author, time, source, reason : of the
        decision; empty for the given value. An undo is a version too: it restores an earlier value.
    """
    wanted = None if ids is None else set(ids)
    kind, classes = run.dataset.kind, run.extended().classes
    lines = []
    for one in _all_versions(run, wanted):
        value = None if one.value is None else kind.decode(one.value, classes)
        lines.append((*one[:3], value, *one[4:]))
    names = ["id", "unit", "version", "value", "author", "time", "source", "reason"]
    return pd.DataFrame(lines, columns=names, dtype=object).astype({"version": "int64"})


def _all_versions(run: Run, wanted: set[Any] | None) -> Iterator[Version]:
    entries: dict[tuple[Any, str], list[Entry]] = {}
    for entry in run.journal.since(0):
        if entry.field == "label" and (wanted is None or entry.id in wanted):
            entries.setdefault((entry.id, entry.unit), []).append(entry)
    rows, known = run.dataset.find(pd.Index([id for id, _ in entries], dtype=object))
    there = [key for key, is_there in zip(entries, known.tolist()) if is_there]
    order = sorted(zip(rows.tolist(), there), key=lambda one: (one[0], one[1][1]))
    said = [next((one.new for one in entries[key] if one.new is not None), None) for _, key in order]
    given = run.dataset.values_at([row for row, _ in order], [key[1] for _, key in order], said)
    for (_, key), first in zip(order, given, strict=True):
        yield from _of_unit(key, first, entries[key])


def _of_unit(key: tuple[Any, str], given: str | None, entries: list[Entry]) -> Iterator[Version]:
    value = given
    yield Version(*key, 0, given, "", "", "", "")
    number = 0
    for entry in entries:
        new = given if entry.new is None else entry.new
        if new == value:
            continue
        value, number = new, number + 1
        yield Version(*key, number, new, entry.author, entry.time, entry.source, entry.reason or "")
