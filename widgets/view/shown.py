"""The displayed state as plain values: filters, colour, cameras, epochs and selection, checked field by field.

The same checks serve the traits that a user sets and the named views that are read from a run's file, which may be
untrusted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from widgets.view.columns import plain_cells
from widgets.view.search import LONGEST_QUERY, is_query, query_mask, word_mask
from widgets.view.views import VIEW_FIELDS
from widgets.wire.shapes import ShownParts
from workbench.foundation.errors import InputError, first_few, shortened
from workbench.tasks.class_names import class_text

if TYPE_CHECKING:
    from widgets.view.columns import Column
    from widgets.view.view import View
    from workbench.runs.run import Run

SEARCH = "search"
"""The filter that holds a text or a query instead of a column's values."""

MAPS = ("data map", "embedding map")
NEAREST_ZOOM, FARTHEST_ZOOM = 0.2, 1e6
"""Smallest and largest zoom factor of a camera."""


def check_filters(value: object, columns: Mapping[str, Column]) -> dict[str, Any]:
    """Return {column: [low, high] or [category, ...], "search": text} with plain numbers and strings.

    Raises
    ------
    InputError : not a dict, an unknown column or category, or bounds that are not two numbers in order.
    """
    if not isinstance(value, Mapping):
        raise InputError.at("filters", f"is {value!r}", "Pass a dict such as {'p_error': [0.5, 1]}; {} for none.")
    out: dict[str, Any] = {}
    for name, wanted in value.items():
        if name == SEARCH:
            out[name] = _text("filters['search']", wanted)
        elif name not in columns:
            raise InputError.unknown("column", name, [*columns, SEARCH])
        else:
            known = columns[name].categories
            out[name] = _bounds(name, wanted) if known is None else _categories(name, wanted, known)
    return out


def filter_mask(view: View, filters: Mapping[str, Any]) -> np.ndarray:
    """Return a mask (n,) of the rows that match every filter; the page computes the same rows."""
    mask = np.ones(view.dataset.n, bool)
    for name, wanted in filters.items():
        if name == SEARCH:
            mask &= search_mask(view, wanted) if wanted else True
            continue
        column, values = view.columns[name], view.live_values(name)
        if column.categories is None:
            low, high = wanted
            numbers = values.astype(np.float64)
            mask &= (numbers >= low) & (numbers <= high)
        else:
            mask &= np.isin(values, [column.categories.index(one) for one in wanted])
    return mask


def search_mask(view: View, text: str) -> np.ndarray:
    """Return a mask (n,) of the rows that match words or a query."""
    columns = queryable(view)
    return query_mask(text, view.dataset.n, columns) if is_query(text, columns) else word_mask(text, view.words())


def queryable(view: View) -> dict[str, Callable[[], np.ndarray]]:
    """Return columns for queries, computed on request: numbers, names of categories, ids and texts."""

    def named(column: Column) -> np.ndarray:
        return np.array([*(column.categories or ()), None], object)[view.live_values(column.name)]

    out: dict[str, Callable[[], np.ndarray]] = {
        name: (lambda c=column: c.values) if column.categories is None else (lambda c=column: named(c))
        for name, column in view.columns.items()
    }
    out["id"] = lambda: view.dataset.ids
    for name in view.dataset.metadata.columns:
        out.setdefault(name, lambda name=name: plain_cells(view.dataset.metadata[name]))
    return out


def check_cameras(value: object) -> dict[str, list[float]]:
    """Return {"data map" or "embedding map": [zoom, x, y]}; zoom 1 and centre (0, 0) show the whole map.

    Raises
    ------
    InputError : not a dict of that form.
    """
    if not isinstance(value, Mapping):
        raise InputError.at("cameras", f"is {value!r}", "Pass {'data map': [zoom, x, y]}; {} shows whole maps.")
    out = {}
    for name, camera in value.items():
        if name not in MAPS:
            raise InputError.unknown("map", name, MAPS)
        numbers = _numbers(camera, 3)
        if numbers is None or not NEAREST_ZOOM <= numbers[0] <= FARTHEST_ZOOM:
            todo = f"Pass [zoom, x, y], zoom from {NEAREST_ZOOM} to {FARTHEST_ZOOM:.0f}."
            raise InputError.at(f"cameras[{name!r}]", f"is {shortened(camera)}", todo)
        out[name] = numbers
    return out


def check_epochs(value: object, run: Run) -> dict[str, int]:
    """Return {"data map" or "embedding map": epoch} of the maps that do not show their last epoch.

    Raises
    ------
    InputError : not a dict of that form, or an epoch for which the run has no such map.
    """
    if not isinstance(value, Mapping):
        raise InputError.at("epochs", f"is {value!r}", "Pass {'data map': epoch}; {} shows the last ones.")
    out = {}
    for name, epoch in value.items():
        if name not in MAPS:
            raise InputError.unknown("map", name, MAPS)
        there = run.example_epochs if name == MAPS[0] else run.embedding_epochs
        if isinstance(epoch, bool) or not isinstance(epoch, (int, np.integer)) or epoch not in there:
            raise InputError.at(f"epochs[{name!r}]", f"is {epoch!r}", f"There are {first_few(list(there), 8)}.")
        if epoch != there[-1]:
            out[name] = int(epoch)
    return out


def check_color(value: object, columns: Mapping[str, Column]) -> str:
    """The name of a column."""
    if value not in columns:
        raise InputError.unknown("column", value, columns)
    return str(value)


def check_view(view: View, value: object) -> ShownParts:
    """A view, or a part of one, with every field checked against the run.

    Raises
    ------
    InputError : not a dict, an unknown field, or a field that does not fit the run.
    """
    if not isinstance(value, Mapping):
        raise InputError.at("view", f"is {value!r}", f"Pass a name, or a dict of {', '.join(VIEW_FIELDS)}.")
    checks: dict[str, Callable[[Any], Any]] = {
        "filters": lambda part: check_filters(part, view.columns),
        "color_by": lambda part: check_color(part, view.columns),
        "cameras": check_cameras,
        "epochs": lambda part: check_epochs(part, view.run),
        "selection": lambda part: view.known_ids("selection", part),
    }
    for name in value:
        if name not in checks:
            raise InputError.unknown("part of a view", name, checks)
    return cast(ShownParts, {name: checks[name](part) for name, part in value.items()})


def named_view(view: View, name: str) -> ShownParts:
    """The parts of a saved view.

    Raises
    ------
    InputError : there is no view of that name.
    """
    views = view.named_views.read()
    if name not in views:
        raise InputError.unknown("view", name, views, "Save one with `save_view(name)`.")
    return cast(ShownParts, {field: part for field, part in views[name].items() if field in VIEW_FIELDS})


def keep_view(view: View, name: str, parts: Mapping[str, object]) -> None:
    """Save a view under a name and send the list of views to the pages."""
    view.named_views.save(name, check_view(view, parts))
    view.channel.send({"push": "views", "views": list(view.named_views.read())})


def forget_view(view: View, name: str) -> None:
    """Delete a saved view and send the list of views to the pages."""
    view.named_views.delete(name)
    view.channel.send({"push": "views", "views": list(view.named_views.read())})


def _bounds(name: str, wanted: object) -> list[float]:
    numbers = _numbers(wanted, 2)
    if numbers is None or numbers[0] > numbers[1]:
        raise InputError.at(f"filters[{name!r}]", f"is {shortened(wanted)}", "Pass [low, high], two numbers in order.")
    return numbers


def _categories(name: str, wanted: Any, known: tuple[str, ...]) -> list[str]:
    if isinstance(wanted, (str, bytes)) or not hasattr(wanted, "__iter__"):
        raise InputError.at(f"filters[{name!r}]", f"is {wanted!r}", "Pass a list of categories to keep.")
    names = [class_text(one) for one in wanted]
    for one in names:
        if one not in known:
            raise InputError.unknown(f"category of {name}", one, known)
    return names


def _text(field: str, wanted: object) -> str:
    if not isinstance(wanted, str) or len(wanted) > LONGEST_QUERY:
        raise InputError.at(
            field, f"is {str(wanted)[:40]!r}", f"Pass words or a query, up to {LONGEST_QUERY} characters."
        )
    return wanted


def _numbers(value: Any, size: int) -> list[float] | None:
    """`size` finite numbers as a list of float, or None."""
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__len__") or len(value) != size:
        return None
    real = [one for one in value if isinstance(one, (int, float, np.number)) and not isinstance(one, bool)]
    try:
        numbers = [float(one) for one in real]
    except OverflowError:  # an integer of hundreds of digits
        return None
    return numbers if len(numbers) == size and all(map(math.isfinite, numbers)) else None
