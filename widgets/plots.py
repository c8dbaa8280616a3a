"""Plotly figures in a notebook widget that are redrawn when their numbers change.

plotly's own FigureWidget sends its numbers after the widget was opened; if the page loads slowly, it draws an empty
plot before they arrive. Here the page asks for them when it is ready.
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
    figures : plotly figures; replace them with `show`, with at least as many.
    """

    _esm = HERE / "plots.js"
    _css = HERE / "plots.css"
    _figures = T.List().tag(sync=True)

    def __init__(self, figures: Sequence[go.Figure]) -> None:
        super().__init__(_figures=_plain(figures))
        self.on_msg(self._receive)

    def show(self, figures: Sequence[go.Figure]) -> None:
        """Draw these figures instead."""
        self._figures = _plain(figures)

    def _receive(self, _widget: object, content: dict, _buffers: list) -> None:
        """Send plotly's code from the installed package on request: 5 MB that do not belong in a saved notebook."""
        if content.get("ask") == "library":
            from plotly.offline import get_plotlyjs

            self.send({"push": "library"}, [get_plotlyjs().encode()])


def _plain(figures: Sequence[go.Figure]) -> list[dict]:
    """Lists and numbers only."""
    return [json.loads(figure.to_json()) for figure in figures]
