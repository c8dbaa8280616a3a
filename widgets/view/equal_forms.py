"""Forms with several labels: equal words that are labelled differently, their examples, and one label for all."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from widgets.wire.shapes import FormCount, LabelCount
from workbench.foundation.errors import InputError
from workbench.issues.spans.conflicts import Occurrences, form_counts, occurrences
from workbench.issues.spans.documents import WITH_PASSAGE
from workbench.tasks.keys import added_key
from workbench.tasks.protocol import NOTHING, Decided

if TYPE_CHECKING:
    from widgets.view.view import View

NO_SPAN = "null"
"""The value of a removed span, encoded."""

MOST_FORMS = 200
"""Maximum number of forms of a page, the most one-sided first."""


def forms_in(view: View) -> tuple[list[FormCount], int]:
    """Return the listed forms with several labels, and the number of all.

    Raises
    ------
    InputError : labels of another kind. MissingEvidence : the words are not known.
    """
    found, names = _found(view), (*view.decisions.space.classes, NOTHING)
    places, counts = form_counts(found, len(names) - 1)
    listed: list[FormCount] = []
    for place, line in zip(places[:MOST_FORMS].tolist(), counts):
        codes = [code for code in np.argsort(-line, kind="stable").tolist() if line[code]]
        labels: list[LabelCount] = [{"label": names[code], "count": int(line[code])} for code in codes]
        listed.append({"form": found.text(place), "labels": labels})
    return listed, len(places)


def places_of_form(view: View, form: str, labels: Collection[str]) -> Occurrences:
    """Return the places of a form that have one of these labels ("nothing" for no span).

    Raises
    ------
    InputError : an unknown label, or no such form.
    """
    found, names = _found(view), (*view.decisions.space.classes, NOTHING)
    for name in labels:
        if name not in names:
            raise InputError.unknown("label", name, names)
    words = form.split(" ")
    same = found.last - found.first == len(words)
    for place, word in enumerate(words):
        at = np.minimum(found.first + place, len(found.tokens.words) - 1)
        same &= found.tokens.words[at] == word
    if not same.any():
        raise InputError.at("form", f"is {form!r}", "No labelled words are equal to it now.")
    codes = {names.index(name) for name in labels}
    return found.chosen(same & np.isin(found.label, [-1 if code == len(names) - 1 else code for code in codes]))


def one_label(view: View, found: Occurrences, label: str) -> Decided:
    """Return the verdicts that give all these places one label; "nothing" removes their spans.

    Raises
    ------
    InputError : an unknown label.
    """
    space = view.decisions.space
    known_labels = (*space.classes, NOTHING) if space.kind.nothing else space.classes
    if label not in known_labels:
        raise InputError.unknown("label", label, known_labels)
    rows = found.tokens.rows[found.first]
    keys, values = [], []
    known: dict[int, dict[tuple[int, int], str]] = {}
    for place, row in enumerate(rows.tolist()):
        first, last = int(found.first[place]), int(found.last[place])
        if not space.kind.nothing:
            keys.append(f"p{first - int(found.tokens.starts[row])}")
            values.append(space.kind.encode(label))
            continue
        where = int(found.tokens.begin[first]), int(found.tokens.end[last - 1])
        if row not in known:
            known[row] = _keys_by_place(view, row)
        keys.append(known[row].get(where) or added_key())
        span = {"start": where[0], "end": where[1], "label": label}
        values.append(space.kind.encode(None if label == NOTHING else span))
    return Decided(rows.astype(np.int64), keys, values)


def _keys_by_place(view: View, row: int) -> dict[tuple[int, int], str]:
    """Return the key of the unit at each place of an example: its current span, a removed one, or a suggested one."""
    dataset, decided = view.decisions.space, view.decisions.values_of(row)
    units = dataset.units
    given = {units.key(unit): dataset.value_of(unit) for unit in range(*units.of(row).indices(units.m))}
    found: dict[tuple[int, int], str] = {}
    if view.doubts is not None:
        own = view.doubts.iloc[view.doubts_at[row] : view.doubts_at[row + 1]]
        for key, value in zip(own.index.get_level_values("unit"), own["suggested_value"]):
            if str(key) not in given:
                _note(found, str(key), value)
    for key in {**given, **decided}:
        now = decided.get(key)
        _note(found, key, given.get(key) if now in (None, NO_SPAN) else now)
    return found


def _note(found: dict[tuple[int, int], str], key: str, value: object) -> None:
    place = json.loads(value) if isinstance(value, str) else None
    if place is not None:
        found[place["start"], place["end"]] = key


def _found(view: View) -> Occurrences:
    if view.dataset.task not in WITH_PASSAGE:
        todo = "Forms need labels of words: the tasks 'spans' and 'tokens'."
        raise InputError.at("task", f"is {view.dataset.task!r}", todo)
    return occurrences(view.decisions.space, view.run.labels())
