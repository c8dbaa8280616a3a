"""The units of one example, as the inspector hands them to an editor, and verdicts on units as an editor sends them.

Nothing here knows a kind of label: values go through `Task.encode` and `Task.decode`, places are the plain values of
`Units.shapes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.foundation.errors import InputError, shortened
from workbench.tasks.keys import check_key
from workbench.tasks.protocol import Decided

if TYPE_CHECKING:
    from widgets.view.view import View

MOST = 100_000
"""Verdicts in one message."""


def units_of(view: View, row: int) -> list[dict]:
    """Each unit of an example: {key, given, value, shape}, those that were added last.

    `given` and `value` (as it stands now) are values as the journal holds them, None where there is none; `shape` is
    the place, None for units without one.
    """
    dataset, units = view.dataset, view.dataset.units
    decided = view.decisions.values_of(row)
    found = []
    for unit in range(*units.of(row).indices(units.m)):
        key, given = units.key(unit), dataset.value_of(unit)
        shape = None if units.shapes is None else units.shapes[unit].as_py()
        found.append({"key": key, "given": given, "value": decided.pop(key, given), "shape": shape})
    new = ({"key": key, "given": None, "value": value, "shape": None} for key, value in decided.items())
    return found + list(new)


def verdicts_in(view: View, verdicts: object) -> Decided:
    """The verdicts of a message, [[row, key, value], ...], checked.

    Raises
    ------
    InputError : it is no such list, a row, unit or value is none of this run, or a unit is named twice.
    """
    todo = "Send [[row, key, value], ...]."
    if not isinstance(verdicts, list) or not 0 < len(verdicts) <= MOST:
        raise InputError.at("units", f"is {shortened(verdicts)}", todo)
    for one in verdicts:
        if not isinstance(one, list) or len(one) != 3 or type(one[0]) is not int or not isinstance(one[2], str):
            raise InputError.at("units", f"holds {shortened(one)}", todo)
    rows = np.array([view.row(row) for row, _, _ in verdicts], np.int64)
    keys, values = [check_key(key) for _, key, _ in verdicts], [value for _, _, value in verdicts]
    kind, classes = view.dataset.kind, view.dataset.classes
    for value in set(values):
        kind.decode(value, classes)
    for unit, row, key in zip(view.dataset.units.find(rows, keys), rows.tolist(), keys, strict=True):
        if unit < 0 and not (kind.nothing and key[:1] in ("a", "c")):  # new objects have keys of their own
            there = view.dataset.units.keys_of(row)
            raise InputError.at("unit", f"is {key!r}", f"The example has the units {there[:12]}.", row=row)
    if len(set(zip(rows.tolist(), keys))) < len(rows):
        raise InputError.at("units", "names a unit twice", "Send one verdict for each.")
    return Decided(rows, keys, values)


def given_of(view: View, rows: np.ndarray, keys: Sequence[str]) -> list[str | None]:
    """What is given of units, as the journal holds values."""
    return [view.dataset.value_of(int(unit)) for unit in view.dataset.units.find(rows, keys)]
