"""The units of one example, as sent to an editor, and verdicts on units, as received from it.

The module is independent of the kind of label: values are converted by `Task.encode` and `Task.decode`, and shapes are
the plain values of `Units.shapes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from widgets.view.box_outlines import add_outlines
from widgets.view.given_masks import add_to_masks
from widgets.view.text_units import add_to_texts
from widgets.wire.shapes import UnitDoubt, UnitInfo
from workbench.foundation.errors import InputError, plain_scalar, shortened
from workbench.issues.reasons import apart
from workbench.tasks.keys import WHOLE_EXAMPLE, check_key
from workbench.tasks.protocol import Decided

if TYPE_CHECKING:
    from widgets.view.view import View

MOST_VERDICTS = 100_000
"""Maximum number of verdicts in one message."""

OF_ITEMS: dict[str, Literal["standing", "relevant"]] = {"standing": "standing", "p_relevant": "relevant"}
"""Columns of the result that are sent for items of a query, and their names there."""

SHOWN = 300
"""Maximum number of units of an example that are all sent; with more, only given, doubtful and decided ones."""


def units_of(view: View, row: int) -> list[UnitInfo]:
    """Return the units of an example as {key, given, value, changed, shape}, added ones last.

    `given` and `value` (the current one) are in the format of the journal, None if there is none; `changed` says
    whether they differ; `shape` is None for units without one. If an example has several units, each also has its
    `name`, the detector's result (`doubts_of`), whether an audit has drawn it (`asked`), and its probability by epoch
    if a training was recorded (`curve`); of more than `SHOWN` units, only the relevant ones are returned.
    """
    dataset = view.decisions.space
    units = dataset.units
    decided, judged = view.decisions.values_of(row), view.decisions.judged(row)
    asked = view.decisions.asked(row) - {WHOLE_EXAMPLE}
    found: list[UnitInfo] = []

    def add(key: str, given: str | None, shape: object) -> None:
        value = decided.get(key, given)
        found.append({"key": key, "given": given, "value": value, "changed": value != given, "shape": shape})

    for unit in range(*units.of(row).indices(units.m)):
        add(units.key(unit), dataset.value_of(unit), None if units.shapes is None else units.shapes[unit].as_py())
    doubts = {} if dataset.kind.one_class else doubts_of(view, row)
    there = {one["key"] for one in found}
    for key in (*doubts, *decided, *sorted(asked)):
        if key not in there:
            said = decided.get(key) or doubts.get(key, {}).get("suggested")
            add(key, dataset.values_at([row], [key], [said])[0], None)
            there.add(key)
    if dataset.kind.one_class:
        return found
    if len(found) > SHOWN:
        blank = (
            ("no",) if dataset.kind.asks == "yes/no" else (dataset.kind.encode(None),) if dataset.kind.nothing else ()
        )
        doubted = {key for key, known in doubts.items() if known.get("doubted")}
        listed = doubted | decided.keys() | asked
        found = [one for one in found if one["key"] in listed or one["given"] not in blank]
    name, curves = dataset.kind.unit_name, view.details.tag_curves.of(row)
    for one in found:
        key = one["key"]
        one |= {"name": name(key, dataset.classes), "decided": key in judged, **doubts.get(key, {})}
        if key in asked:
            one["asked"] = True
        if key in curves:
            one["curve"] = curves[key]
    add_to_texts(view, row, found)
    add_to_masks(view, found)
    add_outlines(view, row, found)
    return found


def doubts_of(view: View, row: int) -> dict[str, UnitDoubt]:
    """Return {p_error, suggested, p_suggested, doubted, kind, reasons} by key, for the judged units of an example.

    `suggested` is in the format of the journal; `doubted` says whether the unit is marked as an issue.
    """
    frame = view.doubts
    if frame is None:
        return {}
    own = frame.iloc[view.doubts_at[row] : view.doubts_at[row + 1]]
    whole = "suggested_value" in own  # with the place, encoded
    encode = str if whole else view.dataset.kind.encode
    suggested = own["suggested_value" if whole else "suggested_label"].to_numpy(object)
    kinds = own["kind"].to_numpy(object) if "kind" in own else np.full(len(own), None)
    columns = (own[name].to_numpy(float) for name in ("p_error", "p_suggested"))
    lines = zip(own.index.get_level_values("unit"), suggested, *columns, own["is_issue"], kinds, own["reasons"])
    found: dict[str, UnitDoubt] = {
        str(key): {
            "p_error": None if np.isnan(p) else float(p),
            "suggested": None if value is None or value != value else encode(plain_scalar(value)),
            "p_suggested": None if np.isnan(q) else float(q),
            "doubted": bool(issue),
            "kind": kind if isinstance(kind, str) else None,
            "reasons": apart(reasons),
        }
        for key, value, p, q, issue, kind, reasons in lines
    }
    for column, name in OF_ITEMS.items():
        if column in own:
            for doubt, value in zip(found.values(), own[column].to_numpy(float)):
                doubt[name] = None if np.isnan(value) else float(value)
    return found


def verdicts_in(view: View, verdicts: object) -> Decided:
    """Validate the verdicts of a message, [[row, key, value], ...].

    Raises
    ------
    InputError : not such a list; a row, unit or value that is not in this run; or a unit that is named twice.
    """
    todo = "Send [[row, key, value], ...]."
    if not isinstance(verdicts, list) or not 0 < len(verdicts) <= MOST_VERDICTS:
        raise InputError.at("units", f"is {shortened(verdicts)}", todo)
    for one in verdicts:
        if not isinstance(one, list) or len(one) != 3 or type(one[0]) is not int or not isinstance(one[2], str):
            raise InputError.at("units", f"holds {shortened(one)}", todo)
    rows = np.array([view.row(row) for row, _, _ in verdicts], np.int64)
    keys, values = [check_key(key) for _, key, _ in verdicts], [value for _, _, value in verdicts]
    dataset = view.decisions.space
    kind, classes = dataset.kind, dataset.classes
    written = {value: kind.encode(kind.decode(value, classes)) for value in set(values)}  # "99" as "99.0"
    values = [written[value] for value in values]
    for unit, row, key in zip(dataset.units.find(rows, keys), rows.tolist(), keys, strict=True):
        if unit < 0 and not kind.takes(key, classes):
            there = dataset.units.keys_of(row)
            raise InputError.at("unit", f"is {key!r}", f"The example has the units {there[:12]}.", row=row)
    if len(set(zip(rows.tolist(), keys))) < len(rows):
        raise InputError.at("units", "names a unit twice", "Send one verdict for each.")
    return Decided(rows, keys, values)


def given_of(view: View, about: Decided) -> list[str | None]:
    """Return the given values of the units of verdicts, in the format of the journal."""
    return view.decisions.space.values_at(about.rows, about.keys, about.values)
