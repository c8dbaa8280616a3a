"""An Explorer as a static picture with numbers: shown by pages that do not support widgets (such as a saved notebook).

It is small, because every saved notebook contains it: a picture of a few kilobytes and a table of eight lines, without
scripts. All text from the data is escaped.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from widgets.view.placing import data_map_axes
from workbench.issues.totals import error_count
from workbench.reports.figures.style import VIRIDIS

if TYPE_CHECKING:
    from widgets.view.view import View

WIDTH, HEIGHT, MARGIN = 420, 300, 10
"""Size of the picture in pixels."""

PAPER = (250, 250, 250)
MOST_ISSUES = 5
"""Number of label issues in the table."""

CELL = "padding:2px 12px 2px 0;text-align:left;"


def still_html(view: View) -> str:
    """Return HTML with a heading, the data map coloured by the probability of an error, numbers, and the top of the
    queue.

    For a blind view, colours and suggestions are omitted.
    """
    changed = view.decisions.edited
    facts = [
        ("examples", f"{view.dataset.n:,}"),
        ("classes", f"{view.dataset.k:,}"),
        ("to review", f"{len(view.traits.queue):,}"),
        ("changed", f"{changed:,}"),
    ]
    total = error_count(view.run, view.issues, view.only)
    if total is not None:
        facts.append(("wrong labels", str(total)))
    numbers = "".join(f"<tr>{_cells((name, value))}</tr>" for name, value in facts)
    return (
        f'<div style="font-family:sans-serif;font-size:13px"><strong>{html.escape(view.run.name)}</strong>'
        f" &middot; Label Workbench. A static picture: run the cell to open the view.{_map(view)}"
        f'<table style="border-collapse:collapse">{numbers}</table>{_issues(view)}</div>'
    )


def _map(view: View) -> str:
    """The data map as an image element; empty if there is none."""
    axes = data_map_axes(view.columns)
    if axes is None:
        return ""
    x, y = view.columns[axes["x"]].values, view.columns[axes["y"]].values
    ranges = axes["ranges"] or [_extent(x), _extent(y)]
    p_error = np.full(len(x), np.nan, np.float32) if view.blind else view.p_error
    picture = base64.b64encode(picture_of(x, y, ranges, p_error)).decode("ascii")
    what = f"{axes['y']} over {axes['x']} of all examples"
    if not view.blind:
        what += ", dark where the label is probably wrong"
    return (
        f'<br><img alt="{html.escape(what)}" title="{html.escape(what)}" width="{WIDTH}" height="{HEIGHT}" '
        f'src="data:image/png;base64,{picture}">'
    )


def picture_of(x: np.ndarray, y: np.ndarray, ranges: Sequence[Sequence[float]], p_error: np.ndarray) -> bytes:
    """A PNG of points: (n,) positions in `ranges` [[x0, x1], [y0, y1]], coloured by (n,) `p_error`, issues on top."""
    from PIL import Image

    rows = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    rows = rows[np.argsort(np.nan_to_num(p_error[rows], nan=-1.0), kind="stable")]
    columns = _pixels(x[rows], ranges[0], WIDTH)
    lines = HEIGHT - 1 - _pixels(y[rows], ranges[1], HEIGHT)
    palette = [PAPER, (170, 170, 170), *(tuple(bytes.fromhex(color[1:])) for color in reversed(VIRIDIS))]
    known = np.nan_to_num(p_error[rows], nan=-1.0)
    colors = np.where(known < 0, 1, 2 + np.clip(known * len(VIRIDIS), 0, len(VIRIDIS) - 1).astype(int)).astype(np.uint8)
    image = np.zeros((HEIGHT, WIDTH), np.uint8)
    near = ((0, 0), (1, 0), (0, 1), (1, 1)) if len(rows) < 100_000 else ((0, 0),)
    for down, right in near:
        image[np.clip(lines + down, 0, HEIGHT - 1), np.clip(columns + right, 0, WIDTH - 1)] = colors
    picture = Image.fromarray(image, "P")
    picture.putpalette([value for color in palette for value in color])
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _pixels(values: np.ndarray, bounds: Sequence[float], size: int) -> np.ndarray:
    low, high = bounds
    share = (values - low) / (high - low) if high > low else np.full(len(values), 0.5)
    return (MARGIN + np.clip(share, 0, 1) * (size - 1 - 2 * MARGIN)).astype(np.int64)


def _extent(values: np.ndarray) -> tuple[float, float]:
    return float(np.nanmin(values)), float(np.nanmax(values))


def _issues(view: View) -> str:
    """The first examples of the queue as a table; empty if the queue is empty."""
    rows = view.rows_of_queue()[:MOST_ISSUES]
    if not len(rows):
        return ""
    names = view.decisions.space.names_of
    columns = {"example": view.dataset.ids[rows]}
    one_class = view.dataset.kind.one_class
    if one_class:
        columns["given"] = names(view.dataset.given_labels[rows])
    if view.doubted and not view.blind and not one_class:
        columns |= {"doubtful": view.reasons[rows], "p(wrong)": view.p_error[rows]}
    elif view.doubted and not view.blind:
        columns |= {"suggested": names(view.suggested[rows]), "p(wrong)": view.p_error[rows]}
    head = "".join(f'<th style="{CELL}">{text}</th>' for text in columns)
    cells = zip(*columns.values())
    lines = "".join(f"<tr>{_cells(line)}</tr>" for line in cells)
    return f'<table style="border-collapse:collapse"><tr>{head}</tr>{lines}</table>'


def _cells(values: Iterable[object]) -> str:
    """Table cells of names and probabilities."""
    return "".join(f'<td style="{CELL}">{html.escape(_short(value))}</td>' for value in values)


def _short(value: object) -> str:
    if value is None or value != value:
        return "-"
    text = f"{float(value):.2f}" if isinstance(value, (float, np.floating)) else str(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
