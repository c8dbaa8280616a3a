"""The rows of a journal (`Entry`), and validation of the ids, units and texts of calls that write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError, first_few
from workbench.tasks.class_names import class_text, plain_value

FIELDS = ("label", "verdict", "flag", "note")
"""The fields of a decision. A field added by a later release is kept but not shown."""

ADDED = "added"
"""Value of an entry that adds a class: its field is "space", and its id the name of the class."""


class Entry(NamedTuple):
    """One row of the journal.

    Attributes
    ----------
    seq : int, increasing; numbers are never reused.
    id : int or str, id of the example; for field "space" the name of the added class.
    field : str, one of `FIELDS`, or "space" for an added class.
    old, new : str or None, the value before and after. A label is a class name, or the whole value of a unit in the
        encoding of its task; a verdict is "relabel", "keep" or "skip"; a flag is "true" or None.
    author : str.
    time : str, ISO 8601 in UTC with milliseconds.
    source, reason : str.
    batch : int, number of the call that wrote the entry; one undo reverts a whole batch.
    reverts : int or None, seq of the entry that this one undoes.
    unit : str, key of the unit of the example ("g0"), "" for the example itself.
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
    unit: str = ""


LOG_COLUMNS = tuple(name for name in Entry._fields if name != "unit")
"""Columns of a log without entries about units."""


class Entries(list[Entry]):
    """A list of `Entry` whose repr is a one-line summary."""

    def __repr__(self) -> str:
        if not self:
            return "<no entries: there was nothing to undo>"
        ids, fields = {entry.id for entry in self}, dict.fromkeys(entry.field for entry in self)
        if "space" in fields:  # such an entry stands alone
            return f"<1 entry of {self[0].author}: the class {self[0].id!r}>"
        examples = f"{len(ids):,} example{'s' if len(ids) > 1 else ''}"
        units = {(entry.id, entry.unit) for entry in self if entry.unit}
        if units:
            examples = f"{len(units):,} unit{'s' if len(units) > 1 else ''} of {examples}"
        return f"<{len(self):,} entries of {self[0].author}: {', '.join(fields)} of {examples}>"


def text_of(field: str, value: object, row: int | None = None) -> str:
    """Return `value` if it is a str that can be stored, else raise InputError."""
    if type(value) is str and value.isascii():
        return value
    if not isinstance(value, str):
        raise InputError.at(field, f"is {value!r}", "Pass a str", row=row)
    try:
        value.encode()
    except UnicodeEncodeError:
        found = f"is {value!r}, which is not valid Unicode text"
        raise InputError.at(field, found, "Decode it properly first", row=row) from None
    return str(value)


def labels_of(field: str, value: object, ids: list[Any], *, none: bool = False) -> list[Any]:
    """Return one class name per id, from class names or from labels of type int, bool or float."""
    values = per_id(field, value, ids)
    if set(map(type, values)) == {str}:
        return [text_of(field, one, row) for row, one in enumerate(values)]
    return [None if none and is_missing(one) else text_of(field, _named(one), row) for row, one in enumerate(values)]


def _named(label: object) -> object:
    plain = plain_value(label)
    return class_text(plain) if isinstance(plain, (int, float)) and plain == plain else label


def per_id(field: str, value: Any, ids: Sequence[object]) -> list[Any]:
    """Return one value per id, from a single value for all or a sequence of the same length as `ids`."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return [value] * len(ids)
    values = list(value)
    if len(values) != len(ids):
        raise InputError.at(field, f"has {len(values)} values for {len(ids)} ids", "Pass one value, or one per id")
    return values


def texts_of(field: str, value: object, ids: Sequence[object], *, none: bool = False) -> list[Any]:
    """Return one str per id; with `none`, None is allowed."""
    if isinstance(value, str) and ids:
        return [text_of(field, value, 0)] * len(ids)
    values = enumerate(per_id(field, value, ids))
    return [None if none and one is None else text_of(field, one, row) for row, one in values]


def targets_of(ids: object, units: object = "") -> tuple[list[int | str], list[str]]:
    """Validate the targets of a decision; return their ids as Python int or str, and the unit of each.

    Raises InputError for an id (or a unit of an example) that occurs twice.
    """
    listed = _ids(ids)
    units = texts_of("units", units, listed)
    targets = list(zip(listed, units))
    if len(targets) > 1 and len(set(targets)) != len(targets):
        seen: set[tuple[Any, str]] = set()
        twice = [one for one in targets if one in seen or seen.add(one)]
        named = any(units)
        found = first_few([f"{id!r} {unit!r}" for id, unit in twice]) if named else first_few([id for id, _ in twice])
        what = "Pass each unit of an example once" if named else "Pass each id once"
        raise InputError.at("ids", f"holds {found} more than once", what)
    return listed, units


def _ids(ids: Any) -> list[int | str]:
    if isinstance(ids, str) or not hasattr(ids, "__iter__"):
        ids = [ids]
    out: list[int | str] = []
    for row, id in enumerate(ids):
        if isinstance(id, str):
            out.append(text_of("ids", id, row))
        elif hasattr(id, "__index__") and type(id).__name__ not in ("bool", "bool_"):
            number = id.__index__()
            if not -(2**63) <= number < 2**63:
                raise InputError.at("ids", f"is {number}, beyond 64 bits", "Use text ids", row=row)
            out.append(number)
        else:
            raise InputError.at("ids", f"is {id!r} of type {type(id).__name__}", "Ids must be int or str", row=row)
    return out
