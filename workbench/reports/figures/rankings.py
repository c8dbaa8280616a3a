"""Figures of the ranking of models before and after correcting test labels, and by share of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.foundation.errors import InputError
from workbench.reports.figures.style import FAINT, INK, OKABE_ITO, class_colors, dressed, safe, titled

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.experiments.comparisons import Reranking

MOST_MODELS = 60
SLIDER_STEPS = 101  # of the slider, one per cent each
DASHES = ("solid", "dash", "dot", "dashdot")


def bump(result: Reranking) -> go.Figure:
    """Plot the rank of every model by given labels (left) and corrected labels (right); models that moved are
    coloured."""
    import plotly.graph_objects as go

    table = result.table
    if len(table) > MOST_MODELS:
        raise InputError.at("result", f"has {len(table)} models", f"A bump chart is readable up to {MOST_MODELS}.")
    figure = go.Figure()
    left, right = _places(table["rank_given"]), _places(table["rank_corrected"])
    for name, row in table.iterrows():
        color = OKABE_ITO[2] if row["moved"] > 0 else OKABE_ITO[4] if row["moved"] < 0 else INK
        hover = (
            f"<b>{safe(name)}</b><br>given labels: {row['given']:.3f}, place {int(row['rank_given'])}"
            f"<br>corrected labels: {row['corrected']:.3f}, place {int(row['rank_corrected'])}"
        )
        figure.add_scatter(
            x=[0, 1], y=[left[name], right[name]], mode="lines+markers+text", showlegend=False,
            line={"color": color, "width": 3 if row["moved"] else 1.5}, marker={"size": 9, "color": color},
            text=[f"{safe(name, 24)} {row['given']:.1%}", f"{row['corrected']:.1%} {safe(name, 24)}"],
            textposition=["middle left", "middle right"], textfont={"size": 12}, hovertext=[hover, hover],
            hovertemplate="%{hovertext}<extra></extra>",
        )  # fmt: skip
    moved = int((table["moved"] != 0).sum())
    sure = int(result.flips["sure"].sum())
    title = f"{moved} of {len(table)} models change rank" if moved else "No model changes rank"
    pairs = f"{len(result.flips)} pairs change their order, {sure} beyond chance"
    low, high = result.tau_interval
    subtitle = f"{result.changed:,} of {result.n:,} test labels corrected; {pairs}; Kendall's tau {result.tau:.2f}"
    dressed(figure, title, f"{subtitle} ({low:.2f} to {high:.2f})")
    figure.update_xaxes(
        range=[-0.7, 1.7], tickvals=[0, 1], ticktext=["given labels", "corrected labels"], showgrid=False, side="top"
    )
    figure.update_yaxes(autorange="reversed", visible=False)
    figure.update_layout(height=160 + 30 * len(table), margin_t=110)
    return figure


def swaps(result: Reranking, labels: str = "corrected", prevalence: float | None = None) -> go.Figure:
    """Plot the accuracy of every model against the share of relabelled examples; lines cross where models swap.

    The slider moves a marker over the shares; title and points show which model is ahead. It works without a kernel.

    Parameters
    ----------
    labels : "corrected" or "given": the labels by which the relabelled examples are scored.
    prevalence : initial position of the marker, in [0, 1]; by default the observed share.
    """
    import plotly.graph_objects as go

    if result.changed in (0, result.n):
        found = "no label was corrected" if result.changed == 0 else "every label was corrected"
        raise InputError(f"Of the {result.n:,} test examples {found}: nothing depends on the share of errors.")
    mark = result.prevalence if prevalence is None else prevalence
    ends = [result.at(p, labels) for p in (0.0, 1.0)]
    order = result.at(mark, labels)
    shares = np.linspace(0, 1, SLIDER_STEPS)
    figure = go.Figure()
    for place, (color, name) in enumerate(zip(class_colors(len(order)), order.index)):
        line = (1 - shares) * ends[0][name] + shares * ends[1][name]
        figure.add_scatter(
            x=shares, y=line, mode="lines", name=safe(name, 24),
            line={"color": color, "width": 2, "dash": DASHES[place % len(DASHES)]},
            hovertemplate="share %{x:.2f}: accuracy %{y:.3f}",
        )  # fmt: skip
    there = result.swaps[result.swaps["labels"] == labels]
    if len(there):
        heights = [result.at(swap.prevalence, labels)[swap.first] for swap in there.itertuples()]
        words = [
            f"{safe(swap.second)} overtakes {safe(swap.first)} at {swap.prevalence:.3f}<br>"
            f"95 % {swap.low:.3f} to {swap.high:.3f}, in {swap.crosses:.0%} of resamples"
            for swap in there.itertuples()
        ]
        figure.add_scatter(
            x=there["prevalence"], y=heights, mode="markers", name="two models swap", text=words,
            hovertemplate="%{text}<extra></extra>", marker={"size": 11, "color": INK, "symbol": "circle-open"},
        )  # fmt: skip
    figure.add_scatter(
        **_points(mark, order), mode="markers", showlegend=False, marker={"size": 7, "color": INK},
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    figure.add_vline(x=mark, line={"color": INK, "dash": "dot", "width": 1})
    counted = f"{len(there)} pairs of models swap at some share" if len(there) else "no two models swap at any share"
    judged = f"judged by {labels} labels; {counted}; observed share {result.prevalence:.1%}"
    dressed(figure, *_ahead(mark, order, judged), x="share of test examples whose label was corrected", y="accuracy")
    steps, last = [], len(figure.data) - 1
    for share in shares:
        found = result.at(float(share), labels)
        moved = {name: [values] for name, values in _points(float(share), found).items()}
        layout: dict[str, float | str] = {"shapes[0].x0": float(share), "shapes[0].x1": float(share)}
        layout["title.text"] = titled(*_ahead(float(share), found, judged))
        steps.append({"method": "update", "label": f"{share:.0%}", "args": [moved, layout, [last]]})
    slider = {
        "active": int(np.abs(shares - mark).argmin()), "steps": steps, "x": 0, "len": 1, "minorticklen": 0,
        "bgcolor": FAINT, "bordercolor": FAINT, "pad": {"t": 48, "b": 4},
        "currentvalue": {"prefix": "wrong test labels: ", "font": {"size": 12}},
    }  # fmt: skip
    figure.update_layout(sliders=[slider], height=520, margin_b=70)
    return figure


def _points(share: float, order: pd.Series) -> dict[str, list[Any]]:
    """Values of the lines at a share, and the hover text there."""
    words = [f"{place}. {safe(name)}: {value:.3f}" for place, (name, value) in enumerate(order.items(), 1)]
    return {"x": [share] * len(order), "y": order.tolist(), "text": words}


def _ahead(share: float, order: pd.Series, judged: str) -> tuple[str, str]:
    """Title and subtitle: the best model at a share, and its lead."""
    first, second = order.index[:2]
    gap = order.iloc[0] - order.iloc[1]
    title = f"With {share:.1%} of the test labels wrong, {safe(first, 24)} is ahead"
    if gap < 1e-9:
        title = f"With {share:.1%} of the test labels wrong, {safe(first, 24)} and {safe(second, 24)} tie"
    return title, f"{100 * gap:.1f} points ahead of {safe(second, 24)}; {judged}"


def _places(ranks: pd.Series) -> dict[object, int]:
    """Return a separate position for each model; models of the same rank are one below the other."""
    return {name: place for place, name in enumerate(ranks.sort_values(kind="stable").index)}
