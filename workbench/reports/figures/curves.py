"""Probability of the given and of the suggested label over the epochs, one small plot per example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, MissingEvidence
from workbench.reports.figures.maps import suggestions
from workbench.reports.figures.style import INK, OKABE_ITO, dressed, safe
from workbench.scores import score

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.runs.run import Run

MOST_CURVES = 24
GIVEN_COLOR, SUGGESTED_COLOR = OKABE_ITO[4], OKABE_ITO[3]


def curves(run: Run, ids: Sequence[object] | None = None, *, issues: pd.DataFrame | None = None) -> go.Figure:
    """Probability of the given and of the suggested label over the epochs, for some examples.

    Parameters
    ----------
    ids : at most 24 ids; by default the first six of `issues`, or the six with the lowest confidence.
    issues : result of `find_issues`, for the suggested labels.

    Notes
    -----
    The five most probable classes of each epoch are recorded: if the suggested label is not among them, the curve has a
    gap.
    """
    from plotly.subplots import make_subplots

    if not run.epochs:
        raise MissingEvidence.needed("figure 'curves'", ["epochs"], "Record a training with `Recorder`.")
    rows = _rows(run, ids, issues)
    suggested, _ = suggestions(run, issues)
    other = run.dataset.codes_of(suggested[rows])
    given = run.dataset.given_labels[rows]
    names = run.dataset.names_of(given)
    p_given = np.stack([run.stats(epoch, ["p_given"])["p_given"][rows] for epoch in run.epochs])
    p_other = over_epochs(run, rows, other)
    columns = min(3, len(rows))
    titles = [
        f"<b>{safe(run.dataset.ids[row], 18)}</b>  given {safe(names[place], 14)}"
        + (f", suggested {safe(suggested[row], 14)}" if other[place] not in (-1, given[place]) else "")
        for place, row in enumerate(rows)
    ]
    lines = -(-len(rows) // columns)
    gaps = {"vertical_spacing": min(0.12, 0.3 / lines), "horizontal_spacing": 0.05}
    figure = make_subplots(lines, columns, shared_xaxes=True, shared_yaxes=True, subplot_titles=titles, **gaps)
    for place in range(len(rows)):
        at = {"row": place // columns + 1, "col": place % columns + 1}
        _line(figure, run.epochs, p_given[:, place], "given label", GIVEN_COLOR, "solid", place == 0, at)
        if other[place] not in (-1, given[place]):
            _line(figure, run.epochs, p_other[:, place], "suggested label", SUGGESTED_COLOR, "dash", False, at)
    _line(figure, [None], [None], "suggested label", SUGGESTED_COLOR, "dash", True, {"row": 1, "col": 1})
    figure.update_annotations(font={"size": 12, "color": INK})
    last = p_given[-1]
    believed = int((last >= 0.5).sum())
    title = f"At the end the model agrees with {believed} of these {len(rows)} labels"
    dressed(figure, title, f"{safe(run.name)}: probability of the given label and of the suggested one, epoch by epoch")
    figure.update_yaxes(range=[-0.04, 1.04], tickvals=[0, 0.5, 1])
    figure.update_xaxes(title_text="epoch", row=lines)
    legend = {"orientation": "h", "x": 0, "xanchor": "left", "y": 0, "yanchor": "bottom", "yref": "container"}
    figure.update_layout(height=180 + 170 * lines, margin_t=100, margin_b=84, legend=legend)
    return figure


def over_epochs(run: Run, rows: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the probability (epochs, m) of one class for each of m rows; NaN if not among the five recorded
    classes."""
    out = np.full((len(run.epochs), len(rows)), np.nan, np.float32)
    for epoch, number in enumerate(run.epochs):
        stats = run.stats(number, ["topk_p", "topk_class"])
        hit = (stats["topk_class"][rows] == classes[:, None]) & (classes[:, None] >= 0)
        there = hit.any(axis=1)
        out[epoch, there] = stats["topk_p"][rows][hit]
    return out


def _rows(run: Run, ids: Sequence[object] | None, issues: pd.DataFrame | None) -> np.ndarray:
    """Return the rows to draw."""
    if ids is None and issues is not None:
        ids = issues.index[:6]
    if ids is None:
        return np.argsort(score(run, "confidence")["confidence"].to_numpy(), kind="stable")[:6]
    if isinstance(ids, (str, bytes)) or not hasattr(ids, "__iter__"):
        ids = [ids]
    rows = run.dataset.rows(list(ids))
    if not 1 <= len(rows) <= MOST_CURVES:
        raise InputError.at("ids", f"names {len(rows)} examples", f"Name 1 to {MOST_CURVES}.")
    return rows


def _line(
    figure: go.Figure, x: Any, y: Any, name: str, color: str, dash: str, legend: bool, at: dict[str, int]
) -> None:
    import plotly.graph_objects as go

    figure.add_trace(
        go.Scatter(
            x=list(x), y=list(y), name=name, legendgroup=name, showlegend=legend, mode="lines+markers",
            line={"color": color, "dash": dash, "width": 2}, marker={"size": 4},
            hovertemplate=f"epoch %{{x}}<br>p({name}) %{{y:.3f}}<extra></extra>",
        ),
        **at,
    )  # fmt: skip
