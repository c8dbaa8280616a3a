"""Plotly figures in a notebook widget that are drawn anew when their numbers change.

plotly's own FigureWidget sends its numbers after the widget was opened, and where the page is slow to load it draws
before they arrive: an empty plot. Here the page asks when it is ready.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import anywidget
import traitlets as T

from widgets.bundling import HERE

if TYPE_CHECKING:
    import plotly.graph_objects as go


class Plots(anywidget.AnyWidget):
    """Figures side by side, as many in a row as fit.

    Parameters
    ----------
    figures : plotly figures; settable, with as many as at first or more.
    """

    _esm = HERE / "plots.js"
    _css = HERE / "plots.css"
    _figures = T.List().tag(sync=True)

    def __init__(self, figures: Sequence[go.Figure]) -> None:
        super().__init__(_figures=_plain(figures))
        self.on_msg(self._receive)

    def show(self, figures: Sequence[go.Figure]) -> None:
        """Draw these instead."""
        self._figures = _plain(figures)

    def _receive(self, _widget: object, content: dict, _buffers: list) -> None:
        """The page asks for plotly's code, out of the installed package: 5 MB that no saved notebook should hold."""
        if content.get("ask") == "library":
            from plotly.offline import get_plotlyjs

            self.send({"push": "library"}, [get_plotlyjs().encode()])


def _plain(figures: Sequence[go.Figure]) -> list[dict]:
    """Lists and numbers only."""
    return [json.loads(figure.to_json()) for figure in figures]
