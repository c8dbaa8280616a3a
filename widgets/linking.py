"""Linked selections: examples selected in one view are selected in the others, by id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from widgets.explorer import Explorer, those_known
from workbench.foundation.errors import InputError


class Link:
    """Keeps the selections of several widgets equal until `unlink()`; created by `link`."""

    def __init__(self, widgets: tuple[Any, ...]) -> None:
        self.widgets = widgets
        self._passing = False
        self._heard: list[tuple[Any, Callable[[Any], None]]] = []
        for widget in widgets:
            if observable(widget):
                self._listen(widget)
        first = widgets[0].selection
        if first is not None and len(first):
            self._pass_on(widgets[0], list(first))

    def _listen(self, widget: Any) -> None:
        def heard(change: Any) -> None:
            self._pass_on(widget, list(change["new"]))

        widget.observe(heard, "selection")
        self._heard.append((widget, heard))

    def _pass_on(self, source: object, ids: list[Any]) -> None:
        """Set the selection of the other widgets, ignoring their notifications of this change."""
        if self._passing:
            return
        self._passing = True
        try:
            for widget in self.widgets:
                if widget is not source:
                    widget.selection = those_known(widget, ids) if isinstance(widget, Explorer) else ids
        finally:
            self._passing = False

    def unlink(self) -> None:
        """Stop linking the selections."""
        for widget, heard in self._heard:
            widget.unobserve(heard, "selection")
        self._heard = []


def link(first: object, second: object, *others: object) -> Link:
    """Link the selections of two or more widgets, by id and never by position.

    Parameters
    ----------
    first, second, *others
        Explorers, or objects with an attribute `selection` that holds ids. The selection of `first` is applied to the
        others at once. An object whose `selection` is not a trait follows the others, but selecting there has no
        effect on them; at least one object must be a widget.

    Returns
    -------
    Link
        Call its `unlink()` to stop linking.

    Raises
    ------
    InputError : an object has no `selection`, or one that cannot be set; none is a widget.

    Notes
    -----
    Ids that an Explorer does not have are ignored there; they stay selected in the other views.
    """
    widgets = (first, second, *others)
    for place, widget in enumerate(widgets):
        if not observable(widget) and not settable(widget):
            found = f"is a {type(widget).__name__} without a `selection` that can be set"
            raise InputError.at(f"widget {place + 1}", found, "Pass Explorers, or objects with a selection of ids.")
    if not any(map(observable, widgets)):
        raise InputError.at("widgets", "have no trait `selection` among them", "Pass an Explorer first.")
    return Link(widgets)


def observable(widget: Any) -> bool:
    """Return whether changes of the widget's selection can be observed."""
    return hasattr(widget, "has_trait") and widget.has_trait("selection")


def settable(widget: Any) -> bool:
    """Return whether the selection can be set, by setting it to its own value."""
    if not hasattr(widget, "selection"):
        return False
    try:
        widget.selection = widget.selection
    except AttributeError:
        return False
    return True
