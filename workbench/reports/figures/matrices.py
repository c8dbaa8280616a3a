"""Matrices of classes: predicted class by given label, and given label by true class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.confident.health import noise_report
from workbench.issues.confusion import confusion_matrix as confusion_table
from workbench.issues.confusion import needed
from workbench.reports.figures.style import FAINT, INK, dressed, safe, wrapped_html

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.runs.run import Run

MOST_MATRIX_CLASSES = 40
"""With more classes, only those with the most disagreement are drawn."""

ASSUMED = (
    "An estimate that holds only under assumptions: label noise depends on the true class alone, probabilities are "
    "out-of-sample, and every class has examples that the model predicts confidently and correctly."
)
CELL_RGB = "0,100,170"
MOST_NUMBERS = 20  # maximum number of classes for numbers in the cells


def confusion(run: Run) -> go.Figure:
    """Plot the number of predictions of each class by given label; the diagonal is pale.

    Predictions are those of the stored or out-of-fold probabilities, or else of the last epoch (in-sample).
    """
    counts, how = confusion_counts(run)
    given = counts.sum(axis=1)
    off = counts - np.diag(np.diag(counts))
    shown, note = _most(off)
    names = [safe(run.classes[c], 18) for c in shown]
    part = counts[np.ix_(shown, shown)]
    a, b = np.unravel_index(off.argmax(), off.shape)
    title = "Every prediction agrees with the given label"
    if off.sum():
        of = f"{int(off[a, b]):,} of {int(given[a]):,}"
        title = f"{safe(run.classes[a], 24)} is most often predicted to be {safe(run.classes[b], 24)} ({of})"
    text = [[f"{value:,}" if value else "" for value in row] for row in part.tolist()]
    hover = [
        [
            f"given <b>{names[i]}</b>, predicted <b>{names[j]}</b><br>{part[i, j]:,} of {given[shown[i]]:,}"
            for j in range(len(shown))
        ]
        for i in range(len(shown))
    ]
    color = np.where(np.eye(len(shown), dtype=bool), np.nan, part.astype(float))
    differ = f"{int(off.sum()):,} of {int(given.sum()):,} labels differ from the prediction"
    subtitle = f"{safe(run.name)}: {differ}{note}<br>{safe(how, 90)}"
    return _heatmap(color, text, hover, names, "examples", title, subtitle, ("given label", "predicted label"))


def confusion_counts(run: Run) -> tuple[np.ndarray, str]:
    """Return counts (k, k) int64, rows = given, columns = predicted, and a description of the predictions."""
    table = confusion_table(run)
    return table.to_numpy(), table.attrs["how"]


def noise(run: Run, *, draws: int = 200, seed: int = 0) -> go.Figure:
    """Draw the noise matrix P(given | true) estimated by confident learning, with intervals and assumptions.

    Parameters
    ----------
    draws, seed : number of bootstrap samples for the intervals, and random seed.
    """
    probs = needed(run, "figure 'noise'")
    found = noise_report(
        run.dataset.given_labels, probs.values, run.classes, out_of_fold=probs.out_of_fold, draws=draws, seed=seed
    )
    matrix, low, high = found.noise_matrix, found.low, found.high
    shown, note = _most(matrix - np.diag(np.diag(matrix)))
    names = [safe(run.classes[c], 18) for c in shown]
    at = np.ix_(shown, shown)
    percent = matrix[at] * 100
    text = [[f"{value:.1f}" if value >= 0.05 else "" for value in row] for row in percent.tolist()]
    hover = [
        [
            f"true <b>{names[j]}</b>, given <b>{names[i]}</b><br>{percent[i, j]:.1f} % "
            f"(95 % interval {100 * low[shown[i], shown[j]]:.1f} to {100 * high[shown[i], shown[j]]:.1f})"
            for j in range(len(shown))
        ]
        for i in range(len(shown))
    ]
    labelled = int((run.dataset.given_labels >= 0).sum())
    title = f"About {found.errors:,.0f} of {labelled:,} labels are wrong"
    title += f" (95 % interval {found.errors_low:,.0f} to {found.errors_high:,.0f})"
    where = safe(probs.provenance.in_full, 90)
    subtitle = f"{safe(run.name)}: % of each true class that was given each label{note}<br>{where}"
    color = np.where(np.eye(len(shown), dtype=bool), np.nan, percent)
    axes = ("given label", "true class (estimated)")
    figure = _heatmap(color, text, hover, names, "% of class", title, subtitle, axes)
    lines = [wrapped_html(ASSUMED, 112)]
    lines += [wrapped_html("Doubtful here: " + "; ".join(found.doubts), 112)] if found.doubts else []
    note_lines = sum(line.count("<br>") + 1 for line in lines)
    figure.add_annotation(
        text="<br>".join(lines), x=0, y=0, xref="paper", yref="paper", xanchor="left", yanchor="top",
        yshift=-figure.layout.margin.b + 4,
        align="left", showarrow=False, font={"size": 11, "color": INK},
    )  # fmt: skip
    more = 16 * note_lines + 12
    figure.update_layout(margin_b=figure.layout.margin.b + more, height=figure.layout.height + more)
    return figure


def _most(off: np.ndarray) -> tuple[np.ndarray, str]:
    """Classes to draw, in class order, and a note if some are left out."""
    k = len(off)
    if k <= MOST_MATRIX_CLASSES:
        return np.arange(k), ""
    most = np.sort(np.argsort(-(off.sum(axis=0) + off.sum(axis=1)), kind="stable")[:MOST_MATRIX_CLASSES])
    return most, f"; the {MOST_MATRIX_CLASSES} of {k:,} classes with the most disagreement"


def _heatmap(
    color: np.ndarray,
    text: list[list[str]],
    hover: list[list[str]],
    names: list[str],
    what: str,
    title: str,
    subtitle: str,
    axes: tuple[str, str],
) -> go.Figure:
    """Draw a heatmap with rows from top to bottom; cells without a colour (the diagonal) are grey."""
    import plotly.graph_objects as go

    k = len(names)
    # by opacity: low values are almost transparent
    scale = [[0, f"rgba({CELL_RGB},0.04)"], [1, f"rgba({CELL_RGB},1)"]]
    top = float(np.nanmax(color, initial=0)) or 1.0
    ticks = list(range(k))
    bar = {"title": {"text": what}, "outlinewidth": 0, "thickness": 12, "len": 0.7}
    figure = go.Figure(
        [
            go.Heatmap(
                z=np.where(np.eye(k, dtype=bool), 1.0, np.nan), colorscale=[[0, FAINT], [1, FAINT]], showscale=False,
                hoverinfo="skip", xgap=1, ygap=1,
            ),
            go.Heatmap(
                z=color, zmin=0, zmax=top, colorscale=scale, text=hover, hovertemplate="%{text}<extra></extra>",
                xgap=1, ygap=1, colorbar=bar,
            ),
        ]
    )  # fmt: skip
    if k <= MOST_NUMBERS:
        for i in range(k):
            for j in range(k):
                if text[i][j]:
                    ink = INK if i == j or color[i, j] < 0.45 * top else "#ffffff"
                    figure.add_annotation(
                        x=j, y=i, text=text[i][j], showarrow=False, font={"size": 11 if k <= 12 else 9, "color": ink}
                    )
    dressed(figure, title, subtitle, y=axes[0], x=axes[1])
    side, longest = int(min(760, max(340, 34 * k))), max(len(name) for name in names)
    left = 50 + 7 * longest
    width = max(760, side + left + 120)
    end = side / (width - left - 20)
    axis = {"tickvals": ticks, "ticktext": names, "showgrid": False, "ticks": "", "showline": False}
    figure.update_xaxes(**axis, constrain="domain", constraintoward="left", domain=[0, end])
    figure.update_yaxes(**axis, autorange="reversed", scaleanchor="x", constrain="domain", constraintoward="top")
    figure.data[1].colorbar.update(x=end + 0.02, xanchor="left", ypad=0)
    margin = {"l": left, "r": 20, "t": 92, "b": 60 + (6 * longest if k > 10 and longest > 3 else 0)}
    figure.update_layout(margin=margin, width=width, height=side + margin["t"] + margin["b"])
    return figure
