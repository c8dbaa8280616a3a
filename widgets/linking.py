"""Linked selections: what is selected in one view is selected in the others, by id."""

from __future__ import annotations

from collections.abc import Callable

from widgets.view import View
from workbench.errors import InputError


class Link:
    """Keeps the selections of several widgets equal until `unlink()`; made by `link`."""

    def __init__(self, widgets: tuple) -> None:
        self.widgets = widgets
        self._passing = False
        self._heard: list[tuple[object, Callable]] = []
        for widget in widgets:
            self._listen(widget)
        first = list(widgets[0].selection)
        if first:
            self._pass_on(widgets[0], first)

    def _listen(self, widget: object) -> None:
        def heard(change: object) -> None:
            self._pass_on(widget, list(change["new"]))

        widget.observe(heard, "selection")
        self._heard.append((widget, heard))

    def _pass_on(self, source: object, ids: list) -> None:
        """Set the others; what they answer is their part of the same change and goes no further."""
        if self._passing:
            return
        self._passing = True
        try:
            for widget in self.widgets:
                if widget is not source:
                    widget.selection = widget.those_known(ids) if isinstance(widget, View) else ids
        finally:
            self._passing = False

    def unlink(self) -> None:
        """Let each go its own way again."""
        for widget, heard in self._heard:
            widget.unobserve(heard, "selection")
        self._heard = []


def link(first: object, second: object, *others: object) -> Link:
    """Link the selections of two or more widgets, by id and never by position.

    Parameters
    ----------
    first, second, *others
        Explorers, or anything with an observable trait `selection` that holds ids. What `first` has selected is
        selected in the others at once.

    Returns
    -------
    Link
        Call its `unlink()` to end it.

    Raises
    ------
    InputError : something has no trait `selection`.

    Notes
    -----
    Ids that an Explorer does not have are left out there; they stay selected where they are.
    """
    widgets = (first, second, *others)
    for place, widget in enumerate(widgets):
        if not (hasattr(widget, "has_trait") and widget.has_trait("selection")):
            found = f"is a {type(widget).__name__} without a trait `selection`"
            raise InputError.at(
                f"widget {place + 1}", found, "Pass Explorers, or widgets with an observable selection."
            )
    return Link(widgets)
