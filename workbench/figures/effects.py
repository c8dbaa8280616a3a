"""What a change of the training data brings: corrected labels, and a part of the examples, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.figures.style import INK, OKABE_ITO, class_colors, dressed, safe

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.compare import Comparison
    from workbench.select import KeepCurve

ROWS = {"corrected": "labels corrected", "dropped": "suspects left out", "random": "random changes"}


def comparison(result: Comparison) -> go.Figure:
    """Difference in accuracy against training on the given labels, in points, one row per training.

    A dot per split, the mean, its 95 % interval (thick) and that of the paired bootstrap over test examples (thin).
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
    title += f" ({words})" if words in ("better", "worse") else "; no difference that this can show"
    subtitle = f"judged on {result.judged_on}; interval: {result.interval_kind}"
    dressed(figure, title, subtitle, x="accuracy against the given labels, in points")
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(height=320)
    return figure


def keep(result: KeepCurve) -> go.Figure:
    """Accuracy against the share of the training examples that was kept, one line per score, random parts in grey."""
    import plotly.graph_objects as go

    figure = go.Figure()
    effects = result.effects
    names = list(dict.fromkeys(effects.index.get_level_values("by")))
    colors = dict(zip([name for name in names if name != "random"], class_colors(len(names))))
    for name in names:
        part = effects.loc[name]
        color = colors.get(name, INK)
        away = {
            "type": "data", "symmetric": False, "array": part["high"] - part["accuracy"],
            "arrayminus": part["accuracy"] - part["low"], "thickness": 1.2, "width": 0,
        }  # fmt: skip
        hover = [
            f"<b>{safe(name)}</b>, {share:.0%} kept<br>accuracy {row['accuracy']:.3f} ({row['low']:.3f} to "
            f"{row['high']:.3f})" + ("" if name == "random" else f"<br>against random: {result.in_words(name, share)}")
            for share, row in part.iterrows()
        ]
        figure.add_scatter(
            x=part.index, y=part["accuracy"], error_y=away, name=safe(name, 24), mode="lines+markers", text=hover,
            hovertemplate="%{text}<extra></extra>", marker={"size": 7, "color": color},
            line={"color": color, "width": 2, "dash": "dot" if name == "random" else "solid"},
        )  # fmt: skip
    trials = effects[(effects.index.get_level_values("by") != "random") & (effects.index.get_level_values("share") < 1)]
    better, worse = (int((trials["verdict"] == word).sum()) for word in ("better", "worse"))
    title = f"Of {len(trials)} selections {better} beat random examples and {worse} fall behind them"
    dressed(figure, title, f"judged on {result.judged_on}", x="share of the training examples kept", y="accuracy")
    figure.update_xaxes(tickformat=".0%", range=[0, 1.05])
    return figure
