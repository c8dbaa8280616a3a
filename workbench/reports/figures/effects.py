"""Figures of the effect of changed training data (corrected labels, or a subset of the examples), with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.foundation.errors import InputError
from workbench.reports.figures.style import INK, OKABE_ITO, class_colors, dressed, safe

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.experiments.comparisons import Comparison
    from workbench.experiments.robust_training import RobustBench
    from workbench.experiments.selection import KeepCurve

MEASURES = {
    "accuracy": "accuracy on true labels",
    "ece": "expected calibration error",
    "restored": "share of wrong labels restored",
    "broken": "share of right labels broken",
}
ROWS = {"corrected": "labels corrected", "dropped": "label issues left out", "random": "random changes"}


def comparison(result: Comparison) -> go.Figure:
    """Plot the difference in accuracy to training on the given labels, in points, one row per training.

    Shows a dot per split, the mean, its 95 % interval (thick) and that of the paired bootstrap over test examples
    (thin).
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    effects = 100 * result.effects.select_dtypes("number")
    for arm, name in ROWS.items():
        row = effects.loc[arm]
        color = OKABE_ITO[2] if row["low"] > 0 else OKABE_ITO[4] if row["high"] < 0 else INK
        each = 100 * (result.table[arm] - result.table["given"])
        figure.add_scatter(
            x=each, y=[name] * len(each), mode="markers", showlegend=False,
            hovertemplate="%{x:.1f}<extra>split</extra>", marker={"color": color, "size": 6, "opacity": 0.35},
        )  # fmt: skip
        for low, high, width in ((row["bootstrap_low"], row["bootstrap_high"], 1.5), (row["low"], row["high"], 5)):
            figure.add_scatter(
                x=[low, high], y=[name, name], mode="lines", line={"color": color, "width": width},
                opacity=0.6 if width > 2 else 1, showlegend=False, hoverinfo="skip",
            )  # fmt: skip
        figure.add_scatter(
            x=[row["difference"]], y=[name], mode="markers+text", text=[result.in_words(arm)], showlegend=False,
            textposition="top center", textfont={"size": 12}, hovertemplate="%{text}<extra></extra>",
            marker={"color": color, "size": 11, "line": {"width": 1, "color": INK}},
        )  # fmt: skip
    figure.add_vline(x=0, line={"color": INK, "dash": "dot", "width": 1})
    words = result.effects.loc["corrected", "verdict"]
    title = f"{result.changed:,} labels corrected: {result.in_words()}"
    title += f" ({words})" if words in ("better", "worse") else "; no difference is shown"
    subtitle = f"judged on {result.judged_on}; interval: {result.interval_kind}"
    dressed(figure, title, subtitle, x="accuracy against the given labels, in points")
    figure.update_yaxes(range=[len(ROWS) - 0.6, -0.7])
    ends = effects[["low", "high", "bootstrap_low", "bootstrap_high"]].to_numpy()
    ends = np.concatenate([ends.ravel(), [0], *(100 * (result.table[arm] - result.table["given"]) for arm in ROWS)])
    figure.update_xaxes(range=[ends.min() - 0.06 * np.ptp(ends) - 0.1, ends.max() + 0.06 * np.ptp(ends) + 0.1])
    figure.update_layout(height=320)
    return figure


def keep(result: KeepCurve) -> go.Figure:
    """Plot accuracy against the share of training examples kept, one line per score, random subsets in grey."""
    import plotly.graph_objects as go

    figure = go.Figure()
    effects = result.effects
    names = list(dict.fromkeys(effects.index.get_level_values("by")))
    colors = dict(zip([name for name in names if name != "random"], class_colors(len(names))))
    for name in names:
        hover = [
            "" if name == "random" else f"<br>against random: {result.in_words(name, share)}"
            for share in effects.loc[name].index
        ]
        _line(figure, name, effects.loc[name], hover, colors.get(name, INK), dotted=name == "random")
    trials = effects[(effects.index.get_level_values("by") != "random") & (effects.index.get_level_values("share") < 1)]
    better, worse = (int((trials["verdict"] == word).sum()) for word in ("better", "worse"))
    title = f"{better} of {len(trials)} selections do better than random examples, {worse} do worse"
    dressed(figure, title, f"judged on {result.judged_on}", x="share of the training examples kept", y="accuracy")
    figure.update_xaxes(tickformat=".0%", range=[0, 1.05])
    return figure


def robust(result: RobustBench, measure: str = "accuracy") -> go.Figure:
    """Plot accuracy by share of wrong labels, one line per method, cross-entropy in grey; for a single share, one row
    each.

    Parameters
    ----------
    measure : "accuracy" (with 95 % intervals), "ece", "restored" or "broken" (means over seeds).
    """
    import plotly.graph_objects as go

    if measure not in MEASURES:
        raise InputError.unknown("measure", measure, MEASURES)
    figure = go.Figure()
    effects = result.effects
    names = list(dict.fromkeys(effects.index.get_level_values("method")))
    colors = dict(zip(names[1:], class_colors(len(names) - 1)))
    for name in names:
        part = effects.loc[name]
        hover = [
            f"<br>ECE {row['ece']:.3f}, restored {row['restored']:.2f}, broken {row['broken']:.3f}"
            + ("" if name == names[0] else f"<br>against cross-entropy: {result.in_words(name, rate)}")
            for rate, row in part.iterrows()
        ]
        dotted = name in (names[0], "clean")
        _line(figure, name, part, hover, colors.get(name, INK), dotted=dotted, measure=measure)
    worst = effects.index.get_level_values("rate").max()
    rivals = effects.xs(worst, level="rate")["accuracy"].drop("clean", errors="ignore")
    title = f"With {worst:.0%} of the labels wrong, {rivals.idxmax().replace('_', ' ')} is ahead: {rivals.max():.1%}"
    title += f", cross-entropy {rivals[names[0]]:.1%}"
    said = f"judged on {result.judged_on}"
    if effects.index.get_level_values("rate").nunique() == 1:
        return _in_rows(dressed(figure, title, said, x=MEASURES[measure]))
    dressed(figure, title, said, x="share of wrong labels in training", y=MEASURES[measure])
    figure.update_xaxes(tickformat=".0%")
    return figure


def _in_rows(figure: go.Figure) -> go.Figure:
    """Draw lines of one point each, which would overlap, as rows with their names in front."""
    for line in figure.data:
        away = line.error_y.to_plotly_json()
        line.update(x=line.y, y=[line.name], error_x=away, error_y=None, mode="markers", marker_size=9)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_layout(showlegend=False, height=150 + 34 * len(figure.data))
    return figure


def _line(
    figure: go.Figure,
    name: str,
    part: pd.DataFrame,
    hover: list[str],
    color: str,
    *,
    dotted: bool = False,
    measure: str = "accuracy",
) -> None:
    """Return a line with 95 % intervals of accuracy; a row of `part` is a share, `hover` its additional hover text."""
    away = None
    if measure == "accuracy":
        away = {
            "type": "data", "symmetric": False, "array": part["high"].clip(upper=1) - part["accuracy"],
            "arrayminus": part["accuracy"] - part["low"].clip(lower=0), "thickness": 1.2, "width": 0,
        }  # fmt: skip
    words = safe(name, 30).replace("_", " ")
    text = [
        f"<b>{words}</b>, {share:.0%}<br>accuracy {row['accuracy']:.3f} ({row['low']:.3f} to {row['high']:.3f}){more}"
        for (share, row), more in zip(part.iterrows(), hover)
    ]
    figure.add_scatter(
        x=part.index, y=part[measure], error_y=away, name=words, mode="lines+markers", text=text,
        hovertemplate="%{text}<extra></extra>", marker={"size": 7, "color": color},
        line={"color": color, "width": 2, "dash": "dot" if dotted else "solid"},
    )  # fmt: skip
