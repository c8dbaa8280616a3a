"""Plotly figures in a notebook widget that are redrawn when their numbers change.

The FigureWidget of plotly sends its data after opening; if the page loads slowly, it draws an empty plot before they
arrive. Here the page requests the data when it is ready.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets as T

from widgets.bundling import HERE

if TYPE_CHECKING:
    import plotly.graph_objects as go


class Plots(anywidget.AnyWidget):
    """Figures side by side, with as many per row as fit.

    Parameters
    ----------
    figures : plotly figures; `show` replaces them with at least as many.
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

    def _receive(self, _widget: object, content: dict[str, Any], _buffers: list[bytes]) -> None:
        """Send the code of the installed plotly on request, so that its 5 MB are not stored in notebooks."""
        if content.get("ask") == "library":
            from plotly.offline import get_plotlyjs

            self.send({"push": "library"}, [get_plotlyjs().encode()])


def _plain(figures: Sequence[go.Figure]) -> list[dict[str, Any]]:
    """Convert figures to plain lists and numbers."""
    return [json.loads(figure.to_json()) for figure in figures]
