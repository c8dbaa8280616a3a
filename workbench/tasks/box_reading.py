"""Read labelled boxes and points as passed by users: dicts of arrays or lists of objects per example.

Errors name the row and the number of the object in it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.foundation.cells import is_missing
from workbench.foundation.checks import in_memory
from workbench.foundation.errors import InputError, first_few, outside, shortened
from workbench.tasks.box_table import BOX, LAST_PIXEL, POINT, BoxTable, PlaceForm, more_text, stored_boxes
from workbench.tasks.classes import class_codes
from workbench.tasks.keys import number_within

MOST_OBJECTS = 100_000
"""Largest number of objects in one example."""

OBJECT_FORMS = {
    "box": (
        'Pass n dicts {"bboxes": (b, 4) x0, y0, x1, y1, "labels": (b,)}, n lists of (x0, y0, x1, y1, class), or a '
        "DataFrame with one row per box; [] for an image without objects, None for one without a label."
    ),
    "point": (
        'Pass n dicts {"points": (b, 2) x, y, "labels": (b,)}, n lists of (x, y, class), or a DataFrame with one row '
        "per point; [] for an image without objects, None for one without a label."
    ),
}
TWO_CORNERS = "Pass x0, y0, x1, y1 in pixels: two corners, not a corner with width and height, nor a centre."
LABELS_KEY, MORE_KEY, MASKS_KEY = "labels", "more", "masks"


class _Own(NamedTuple):
    """The objects of one example: positions (b, d), b classes, and b further fields, or None."""

    places: np.ndarray
    names: Sequence[object]
    more: Sequence[Any] | None


def read_boxes(labels: Any, classes: Sequence[object] | None) -> tuple[pa.ListArray, tuple[str, ...]]:
    """Return stored boxes and the class names.

    Parameters
    ----------
    labels : n dicts {"bboxes": (b, 4), "labels": (b,)}, with positions x0, y0, x1, y1 in pixels, half-open, and
        optionally "more", b dicts of further fields, or JSON texts of them; or n lists of boxes (x0, y0, x1, y1,
        class), as tuples or dicts {"box": [x0, y0, x1, y1], "label": class, "more": fields}. None for an image without
        a label.
    classes : names of the classes; by default those that occur, sorted. Integer classes with names as text are indices.

    Raises
    ------
    InputError : a position that is not finite, a box of negative size, an image with more than `MOST_OBJECTS` boxes, or
        an unknown class; the message names the row and the box.
    """
    return _read(labels, classes, BOX)


def read_points(labels: Any, classes: Sequence[object] | None) -> tuple[pa.ListArray, tuple[str, ...]]:
    """Return stored points and the class names.

    Parameters
    ----------
    labels : n dicts {"points": (b, 2), "labels": (b,)}, with positions x, y in pixels; or n lists of points (x, y,
        class), as tuples or dicts {"point": [x, y], "label": class}. None for an image without a label.
    classes : as in `read_boxes`, like the errors.
    """
    return _read(labels, classes, POINT)


def _read(labels: Any, classes: Sequence[object] | None, form: PlaceForm) -> tuple[pa.ListArray, tuple[str, ...]]:
    own = owned(labels, form)
    missing = np.array([one is None for one in own], bool)
    there = [one for one in own if one is not None]
    sizes = np.array([0 if one is None else len(one.places) for one in own], np.int64)
    rows = np.repeat(np.arange(len(own)), sizes)
    places = np.concatenate([one.places for one in there]) if there else np.empty((0, len(form.names)))
    places = places.astype(np.float64, copy=False)
    refuse_places(places, rows, number_within(rows), form)
    names = [name for one in there for name in one.names]
    codes, known = class_indices(names, classes, rows)
    texts: list[str | None] = []
    for one in there:
        texts += [None] * len(one.places) if one.more is None else one.more
    more = pa.nulls(len(rows), pa.string()) if not any(texts) else pa.array(texts, pa.string())
    return stored_boxes(BoxTable(rows, places, codes, more, missing)), known


def owned(labels: Any, form: PlaceForm, *, encoded: bool = True) -> list[_Own | None]:
    """Return the objects of each example, None without a label; classes are not yet looked up.

    encoded : whether to return further fields as text; otherwise they are neither checked nor changed.
    """
    to_list = getattr(labels, "to_pylist", None)
    labels = labels if to_list is None else to_list()
    todo = OBJECT_FORMS[form.one]
    if isinstance(labels, (str, bytes, Mapping)) or not hasattr(labels, "__iter__"):
        raise InputError.at("labels", f"is a {type(labels).__name__}", todo)
    unread: set[str] = set()
    found = [_own(one, row, form, unread) for row, one in enumerate(labels)]
    if encoded:
        found = [one if one is None else _encoded(one, row, form) for row, one in enumerate(found)]
    if unread:
        message = (
            f"`labels` hold {first_few(sorted(unread))}, which are not read. Pass fields of objects as {MORE_KEY!r}."
        )
        warnings.warn(message, stacklevel=outside())
    return found


def flat_names(labels: Any, form: PlaceForm) -> list[object]:
    """Return the classes of all objects, as the user passed them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the same labels
        return [name for one in owned(labels, form, encoded=False) if one is not None for name in one.names]


def _own(cell: Any, row: int, form: PlaceForm, unread: set[str]) -> _Own | None:
    todo = OBJECT_FORMS[form.one]
    if isinstance(cell, Mapping):
        key = next((name for name in form.keys if name in cell), None)
        if key is None or LABELS_KEY not in cell:
            raise InputError.at("labels", f"is {shortened(dict(cell))}", todo, row=row)
        unread.update(str(name) for name in cell if name not in (key, LABELS_KEY, MORE_KEY))
        places = numbers(cell[key], key, row, form)
        names = _listed(cell[LABELS_KEY], row, form)
        more = None if is_missing(cell.get(MORE_KEY)) else _listed(cell[MORE_KEY], row, form)
        for name, values in ((LABELS_KEY, names), (MORE_KEY, more)):
            if values is not None and len(values) != len(places):
                found = f"has {len(values):,} {name} for {len(places):,} {key}"
                raise InputError.at("labels", found, todo, row=row)
        return _few_enough(_Own(places, names, more), row, form)
    cell = in_memory("labels", cell)
    if is_missing(cell):
        return None
    if isinstance(cell, (str, bytes)) or not isinstance(cell, (list, tuple, np.ndarray, pd.Series)):
        raise InputError.at("labels", f"is {shortened(cell)}", todo, row=row)
    if len(cell) > MOST_OBJECTS:
        raise _too_many(len(cell), row, form)
    parts = [_part(one, place, row, form) for place, one in enumerate(cell)]
    places = [place for place, _, _ in parts]
    more = [fields for _, _, fields in parts]
    own = _Own(
        numbers(places, form.keys[0], row, form),
        [name for _, name, _ in parts],
        more if any(one is not None for one in more) else None,
    )
    return _few_enough(own, row, form)


def _part(one: Any, place: int, row: int, form: PlaceForm) -> tuple[Any, object, Any]:
    """Return (position, class, further fields) of one object of a list."""
    d = len(form.names)
    if isinstance(one, Mapping):
        keys = set(one) - {MORE_KEY}
        if keys == {form.one, "label"} or (form is BOX and keys == {"bbox", "label"}):
            position = one.get(form.one, one.get("bbox"))
        else:
            position = [one[name] for name in form.names] if keys == {*form.names, "label"} else None
        if position is not None:
            return position, one["label"], one.get(MORE_KEY)
    else:
        listed = one.tolist() if isinstance(one, np.ndarray) else one
        if isinstance(listed, (list, tuple)) and len(listed) == d + 1:
            return list(listed[:d]), listed[d], None
    raise InputError.at("labels", f"{form.one} {place} is {shortened(one)}", OBJECT_FORMS[form.one], row=row)


def _few_enough(own: _Own, row: int, form: PlaceForm) -> _Own:
    if len(own.places) > MOST_OBJECTS:
        raise _too_many(len(own.places), row, form)
    return own


def _encoded(own: _Own, row: int, form: PlaceForm) -> _Own:
    """Return the objects with their further fields as text."""
    if own.more is None:
        return own
    texts = []
    for place, fields in enumerate(own.more):
        try:
            texts.append(None if is_missing(fields) else more_text(fields))
        except InputError as error:
            found = f"{form.one} {place}: more {error.parts['found']}"
            raise InputError.at("labels", found, error.parts["todo"], row=row) from error
    return own._replace(more=texts)


def _too_many(many: int, row: int, form: PlaceForm) -> InputError:
    todo = f"At most {MOST_OBJECTS:,} are read: cut the image into tiles."
    return InputError.at("labels", f"has {many:,} objects, each a {form.one}", todo, row=row)


def numbers(values: Any, key: str, row: int, form: PlaceForm, field: str = "labels") -> np.ndarray:
    """Return positions (b, d) of one example as an array of numbers; errors name the object."""
    d = len(form.names)
    values = in_memory(field, values)
    try:
        found = np.asarray(values)
    except ValueError:  # rows of different lengths
        found = np.empty(0, object)
    if found.dtype.kind in "iuf" and found.shape == (len(found), d):
        return found
    if not found.size and not len(values):
        return np.empty((0, d))
    todo = f"Pass {key} of shape (b, {d}): {', '.join(form.names)}."
    for place, one in enumerate(values if hasattr(values, "__len__") else ()):
        own = np.asarray(one, object)
        fine = own.shape == (d,) and all(
            isinstance(part, (int, float, np.number)) and not isinstance(part, bool) for part in own.tolist()
        )
        if not fine:
            raise InputError.at(field, f"{form.one} {place} is {shortened(one)}", todo, row=row)
    if found.dtype.kind == "O" and len(found):
        return np.array([np.asarray(one, np.float64) for one in values])
    raise InputError.at(field, f"has {key} of shape {found.shape} and dtype {found.dtype}", todo, row=row)


def _listed(values: Any, row: int, form: PlaceForm) -> list[Any]:
    values = in_memory("labels", values)
    if isinstance(values, (pd.Series, pd.Index, np.ndarray)):
        values = values.tolist()
    if not isinstance(values, (list, tuple)):
        raise InputError.at("labels", f"holds {shortened(values)}", OBJECT_FORMS[form.one], row=row)
    return list(values)


def refuse_places(
    places: np.ndarray, rows: np.ndarray, numbers: np.ndarray, form: PlaceForm, field: str = "labels"
) -> None:
    """Raise if a position is not finite or too large, or a box has negative size.

    Parameters
    ----------
    places : (m, d) float64. rows, numbers : (m,) row of each object, and its number in the row.
    """
    far = ~(np.abs(places) <= LAST_PIXEL).all(axis=1)  # NaN as well
    turned = np.zeros(len(places), bool)
    if form.has_sides:
        turned = (places[:, 2] < places[:, 0]) | (places[:, 3] < places[:, 1])
    for wrong, todo in (
        (far, f"Pass finite numbers of pixels, at most {LAST_PIXEL:,.0f}."),
        (turned, f"A box has x0 <= x1 and y0 <= y1. {TWO_CORNERS}"),
    ):
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            more = f" (so do {int(wrong.sum()) - 1:,} more)" if wrong.sum() > 1 else ""
            found = f"{form.one} {int(numbers[place])} lies at {in_figures(places[place])}{more}"
            raise InputError.at(field, found, todo, row=int(rows[place]))


def in_figures(place: np.ndarray) -> str:
    """Return a position as text, such as "(1, 2.5, 30, 40)"."""
    return f"({', '.join(f'{value:.10g}' for value in place.tolist())})"


def class_indices(
    names: list[object], classes: Sequence[object] | None, rows: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return class indices (m,) of objects and the names of the classes; errors name the row of the example."""
    gone = next((place for place, name in enumerate(names) if is_missing(name)), None)
    if gone is not None:
        found = "holds an object without a class"
        raise InputError.at("labels", found, "Name the class of each object.", row=int(rows[gone]))
    named = None if classes is None else list(getattr(classes, "categories", classes))
    try:
        codes, known = class_codes(pd.Series(names, dtype=object), named)
    except InputError as error:
        place = error.parts.get("row")
        raise error if place is None else error.but(row=int(rows[place])) from error
    if "" in known:
        raise InputError.at("classes", f"holds the empty name: {first_few(list(known))}", "Name each class.")
    return codes, known
