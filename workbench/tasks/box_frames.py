"""Tables with one row per box or point, converted to one row per image; sizes of images in the user's columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.cells import cell_text, is_missing, is_plain, same_within
from workbench.foundation.errors import InputError
from workbench.tasks.box_reading import TWO_CORNERS, in_figures, refuse_places
from workbench.tasks.box_table import BoxTable, PlaceForm
from workbench.tasks.class_names import plain_value
from workbench.tasks.keys import number_within

IMAGE_COLUMNS = ("image", "id", "image_id", "file_name")
"""Columns of a table with one row per object that are taken as its image if `id` names none."""

SIZE_COLUMNS = ("width", "height")
"""Columns of the metadata with the size of each image in pixels."""


def corner_columns(frame: pd.DataFrame, form: PlaceForm) -> tuple[str, ...] | None:
    """Return the columns of a table that hold positions of objects; None for a table with one row per image."""
    for names in (form.names, form.others):
        if names and set(names) <= set(frame.columns):
            return names
    return None


def gathered_objects(
    frame: pd.DataFrame, named: Mapping[str, Any], form: PlaceForm
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Convert a table with one row per object to one with one row per image.

    Parameters
    ----------
    frame : DataFrame with the columns of the position, a class and an image, in which a row without a position is an
        image without objects. A table without columns of positions already has one row per image, and is returned
        unchanged.
    named : arguments of `Dataset.from_frame`: label, id, text, classes.

    Returns
    -------
    frame : columns of the image, of its objects, and those that are the same in all rows of each image; other columns
        are further fields of the objects.
    named : the arguments for it.
    """
    named = {name: value for name, value in named.items() if name != "classes"}
    names = corner_columns(frame, form)
    if names is None:
        return frame, named
    label, image = named["label"], named["id"]
    if image is None:
        image = next((name for name in IMAGE_COLUMNS if name in frame.columns), "image")
    for role, name in (("label", label), ("id", image)):
        if name not in frame.columns:
            todo = f"Name it with `{role}=`; a table of objects has an image, a position and a class in each row."
            raise InputError.unknown("column", name, frame.columns, todo)
    frame = frame.reset_index(drop=True)
    lost = frame[image].isna()
    if lost.any():
        row = int(np.flatnonzero(lost)[0])
        raise InputError.at(image, "is missing", f"Name the image of each {form.one}.", row=row)
    places, there = _places(frame, names, label, form)
    codes, images = pd.factorize(frame[image], sort=False)
    made = pd.DataFrame({image: np.asarray(images)})
    first = frame.groupby(codes, sort=True).nth(0).reset_index(drop=True)
    apart = []
    for name in frame.columns:
        if name in (image, label, *names):
            continue
        if name == named["text"] or same_within(frame[name], codes):
            made[name] = first[name]
        else:
            apart.append(name)
    made[label] = _objects(frame, places, there, codes, label, apart, form, len(images))
    return made, {**named, "id": image}


def _places(frame: pd.DataFrame, names: tuple[str, ...], label: str, form: PlaceForm) -> tuple[np.ndarray, np.ndarray]:
    """Return positions (m, d), and whether a row has one; errors name the row of the table."""
    columns = []
    for name in names:
        column = pd.to_numeric(frame[name], errors="coerce")
        odd = np.flatnonzero(column.isna() & frame[name].notna())
        if len(odd):
            row = int(odd[0])
            raise InputError.at(name, f"is {frame[name].iat[row]!r}", "Pass numbers of pixels.", row=row)
        columns.append(column.to_numpy(np.float64, na_value=np.nan))
    places = np.stack(columns, axis=1)
    there = ~(np.isnan(places).all(axis=1) & frame[label].isna().to_numpy())
    rows = np.flatnonzero(there)
    refuse_places(places[there], rows, np.zeros(len(rows), np.int64), form)
    unnamed = np.flatnonzero(there & frame[label].isna().to_numpy())
    if len(unnamed):
        raise InputError.at(label, "is missing", f"Name the class of each {form.one}.", row=int(unnamed[0]))
    return places, there


def _objects(
    frame: pd.DataFrame, places: np.ndarray, there: np.ndarray, codes: np.ndarray, label: str, apart: list[str],
    form: PlaceForm, n: int,
) -> pd.Series:  # fmt: skip
    """Return the objects of each image, in the order of the table."""
    found: list[dict[str, list[Any]]] = [{form.keys[0]: [], "labels": []} for _ in range(n)]
    classes = frame[label].tolist()
    for row in np.flatnonzero(there).tolist():
        own = found[codes[row]]
        own[form.keys[0]].append(places[row].tolist())
        own["labels"].append(plain_value(classes[row]))
    if apart:
        columns = {name: frame[name].tolist() for name in apart}
        for row in np.flatnonzero(there).tolist():
            fields = {str(name): _cell(values[row]) for name, values in columns.items() if not is_missing(values[row])}
            found[codes[row]].setdefault("more", []).append(fields or None)
    return pd.Series(found, dtype=object)


def _cell(value: Any) -> Any:
    value = plain_value(value)
    return value if is_plain(value) or isinstance(value, (list, dict)) else cell_text(value)


def image_sizes(metadata: pd.DataFrame) -> np.ndarray | None:
    """Return width and height of each image in pixels, (n, 2) float64 with NaN for unknown ones, from the columns
    `SIZE_COLUMNS`; None without them."""
    if not set(SIZE_COLUMNS) <= set(metadata.columns):
        return None
    columns = [
        pd.to_numeric(metadata[name], errors="coerce").to_numpy(np.float64, na_value=np.nan) for name in SIZE_COLUMNS
    ]
    sizes = np.stack(columns, axis=1)
    sizes[~(sizes > 0).all(axis=1)] = np.nan
    return sizes


def refuse_outside(table: BoxTable, sizes: np.ndarray, form: PlaceForm) -> None:
    """Raise if an object has no pixel inside its image, as happens where coordinates have another meaning or scale.

    Parameters
    ----------
    sizes : (n, 2) width and height, NaN unknown. Boxes that only reach beyond the image are kept as they are.
    """
    size = sizes[table.rows]
    low, high = table.places[:, :2], table.places[:, -2:]
    if form.has_sides:
        outside = ((high <= 0) & (low < high)).any(axis=1) | (low >= size).any(axis=1)
    else:
        outside = ((low < 0) | (low > size)).any(axis=1)
    if outside.any():
        place = int(np.flatnonzero(outside)[0])
        number, width, height = number_within(table.rows)[place], *size[place]
        more = f" (so do {int(outside.sum()) - 1:,} more)" if outside.sum() > 1 else ""
        found = f"{form.one} {number} lies at {in_figures(table.places[place])}, outside its image of "
        todo = f"Check the columns {' and '.join(map(repr, SIZE_COLUMNS))}, or the {form.one}. {TWO_CORNERS}"
        raise InputError.at("labels", f"{found}{width:g} x {height:g}{more}", todo, row=int(table.rows[place]))
