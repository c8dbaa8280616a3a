"""The other run: the agreement in words, and where it has the examples on the data map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from widgets.requests.opening import data_map
from workbench.errors import InputError

if TYPE_CHECKING:
    from widgets.view import View


def ask_compare(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """Words, and x and y of the other run on the axes of the data map where it has both scores."""
    if view.compared is None:
        raise InputError.at("other", "is missing", "Open the view with `other=` a second run.")
    axes = data_map(view.columns)
    places = view.compared.places
    there = bool(axes) and axes["x"] in places and axes["y"] in places
    arrays = [places[axes["x"]], places[axes["y"]]] if there else []
    return {"name": view.compared.name, "text": view.compared.text}, arrays
