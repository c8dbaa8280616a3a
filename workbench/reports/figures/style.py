"""Common style of all figures: colours, template, titles, hover texts.

Backgrounds are transparent and greys are chosen to be readable on white and on black, so that a figure fits on paper
and in a dark notebook. Text from data (ids, class names) is escaped, since plotly reads markup in text.
"""

from __future__ import annotations

import colorsys
import html
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from workbench.scores.registry import SCORES

if TYPE_CHECKING:
    import plotly.graph_objects as go

OKABE_ITO = ("#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7", "#b8a000", "#7a7a7a")
"""Okabe and Ito's colours for the colour-blind; yellow darkened and black lightened to be seen on any background."""

MORE_COLORS = ("#8f5fc4", "#8b5a2b", "#7fae1e", "#f0868c", "#0b8f9a", "#b5178f", "#5c6fe0", "#a83a3a")
"""Colours of classes nine to sixteen."""

VIRIDIS = ("#3f5290", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#a5db36")
"""The scale without its darkest and lightest ends, which are invisible on a black or a white page."""

INK = "#7b7b7b"
FAINT = "rgba(128,128,128,0.22)"
RING = "#d55e00"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
WEBGL_ROWS = 5_000
"""More points than this are drawn with WebGL."""

MOST_POINTS = 50_000
"""More points than this are thinned at random."""


def class_colors(k: int) -> list[str]:
    """One colour per class: Okabe and Ito's, eight more, then steps around the hue circle at changing lightness."""
    colors: list[str] = [*OKABE_ITO, *MORE_COLORS][:k]
    for extra in range(k - len(colors)):
        hue = (0.05 + extra * 0.38196601) % 1
        red, green, blue = colorsys.hls_to_rgb(hue, (0.5, 0.4, 0.6)[extra % 3], (0.6, 0.45)[extra % 2])
        colors.append(f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}")
    return colors


def score_colors(suspicious: str | None, stops: tuple[str, ...] = VIRIDIS) -> list[list[object]]:
    """Return a plotly colour scale whose dark end is the suspicious one."""
    ordered = stops[::-1] if suspicious == "high" else stops
    return [[place, color] for place, color in zip(np.linspace(0, 1, len(stops)).tolist(), ordered)]


def direction(name: str, suspicious: str | None) -> str:
    """Name of a score and which end is suspicious, for a legend."""
    words = safe(name.replace("_", " "))
    return words if suspicious is None else f"{words}<br>{suspicious} = suspicious"


def suspicious_end(name: str) -> str | None:
    """ "low" or "high" of a registered score, None of anything else."""
    return "high" if name == "p_error" else SCORES[name].suspicious if name in SCORES else None


def safe(value: object, most: int = 60) -> str:
    """Text of a value for plotly: shortened, control characters blanked, markup escaped; a dash for "none"."""
    if value is None:
        return "–"
    text = "".join(c if c.isprintable() else " " for c in str(value))
    return html.escape(text if len(text) <= most else text[: most - 1] + "…", quote=False)


def wrapped_html(text: str, width: int = 110) -> str:
    """Escaped text with line breaks for plotly."""
    return "<br>".join(html.escape(line, quote=False) for line in textwrap.wrap(text, width))


def share(p: float) -> str:
    """Format a probability with two digits and no leading zero: .93, 1.0, <.01."""
    if p != p:
        return "–"
    return "1.0" if p > 0.995 else "<.01" if p < 0.005 else f"{p:.2f}"[1:]


def titled(title: str, subtitle: str = "") -> str:
    """Return a title with a smaller line below, in plotly's HTML; both must be safe."""
    return title + (f"<br><span style='font-size:12px'>{subtitle}</span>" if subtitle else "")


def dressed(figure: go.Figure, title: str, subtitle: str = "", *, x: str = "", y: str = "") -> go.Figure:
    """Apply the house template, a statement as title, and axis names to a figure."""
    figure.update_layout(template=template(), title_text=titled(title, subtitle), margin_t=72 if subtitle else 52)
    if x:
        figure.update_xaxes(title_text=x)
    if y:
        figure.update_yaxes(title_text=y)
    return figure


def template() -> go.layout.Template:
    """Return the template: plain, dense, transparent."""
    import plotly.graph_objects as go

    axis = {
        "gridcolor": FAINT,
        "linecolor": FAINT,
        "zeroline": False,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": FAINT,
        "automargin": True,
        "title": {"standoff": 8, "font": {"size": 12}},
        "tickfont": {"size": 11},
    }
    bar = {"outlinewidth": 0, "thickness": 12, "len": 0.7, "title": {"side": "top", "font": {"size": 12}}}
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 12, "color": INK},
            "title": {
                "x": 0,
                "xref": "paper",
                "xanchor": "left",
                "font": {"size": 15},
                "y": 1,
                "yanchor": "top",
                "yref": "container",
                "pad": {"t": 20},
            },
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": list(OKABE_ITO),
            "xaxis": axis,
            "yaxis": axis,
            "margin": {"l": 60, "r": 24, "t": 64, "b": 52},
            "legend": {"itemsizing": "constant", "bgcolor": "rgba(0,0,0,0)", "tracegroupgap": 2},
            "hoverlabel": {"font": {"family": FONT, "size": 12}, "align": "left"},
            "hovermode": "closest",
            "modebar": {
                "orientation": "v",
                "bgcolor": "rgba(0,0,0,0)",
                "color": "rgba(128,128,128,0.5)",
                "activecolor": INK,
            },
            "colorscale": {"sequential": score_colors(None)},
        },
        data={"scatter": [{"marker": {"colorbar": bar}}], "scattergl": [{"marker": {"colorbar": bar}}]},
    )
