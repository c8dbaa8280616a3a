"""Figures of a simulation, where the truth is known: data map, memorization, detection, repair.

Lines differ by dash and marker as well as by colour, so that they are distinguishable on paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.foundation.errors import InputError
from workbench.reports.figures.style import FAINT, INK, OKABE_ITO, dressed

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.experiments.simulation.simulate import Simulation

CURVE_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
SYMBOLS = ("circle", "diamond-open", "square", "x", "triangle-up-open")
BLUE, ORANGE = OKABE_ITO[3], OKABE_ITO[4]
CURVE_WORDS = {"p_error": "all evidence (p_error)", "last_loss": "loss after the last epoch"}


def data_map(simulation: Simulation, epochs: int | None = None) -> go.Figure:
    """Confidence against variability after a number of epochs; wrong labels are crosses."""
    import plotly.graph_objects as go

    epochs = _checked(simulation, epochs)
    table = simulation.data_map(epochs)
    figure = go.Figure()
    for wrong, name, marker in (
        (False, "right label", {"symbol": "circle", "color": BLUE, "size": 5, "opacity": 0.55}),
        (True, "wrong label", {"symbol": "x-thin", "size": 7, "line": {"color": ORANGE, "width": 1.8}}),
    ):
        mine = table[table["wrong"] == wrong]
        figure.add_scatter(
            x=mine["variability"].tolist(),
            y=mine["confidence"].tolist(),
            mode="markers",
            name=name,
            marker=marker,
            hovertemplate="variability %{x:.2f}<br>confidence %{y:.2f}<extra>" + name + "</extra>",
        )
    low = table["confidence"] < 0.5
    share = table["wrong"][low].mean() if low.any() else 0.0
    title = f"Epoch {epochs}: {share:.0%} of those below .5 are wrong"
    dressed(figure, title, x="variability", y="confidence")
    figure.update_xaxes(range=[-0.01, 0.51])
    figure.update_yaxes(range=[-0.03, 1.03])
    return _legend(figure)


def memorization(simulation: Simulation, epochs: int | None = None) -> go.Figure:
    """Shares per epoch of wrong and right labels that the network predicts, and its accuracy on clean images."""
    import plotly.graph_objects as go

    epochs = _checked(simulation, epochs)
    table = simulation.memorization
    figure = go.Figure()
    names = {
        "right_fitted": "right labels fitted",
        "wrong_fitted": "wrong labels fitted",
        "wrong_as_true": "wrong labels predicted as true",
        "test_accuracy": "accuracy on clean test",
    }
    colors = (BLUE, ORANGE, OKABE_ITO[2], INK)
    for place, (column, name) in enumerate(names.items()):
        figure.add_scatter(
            x=table.index.tolist(),
            y=table[column].tolist(),
            mode="lines",
            name=name,
            line={"color": colors[place], "dash": CURVE_DASHES[place], "width": 2.2},
        )
    _upright(figure, epochs, 0, 1)
    fitted = table["wrong_fitted"]
    title = f"Wrong labels fitted: {fitted.iloc[0]:.0%}, in the end {fitted.iloc[-1]:.0%}"
    dressed(figure, title, x="epoch", y="share")
    figure.update_yaxes(range=[-0.03, 1.03])
    return _legend(figure)


def detection(simulation: Simulation) -> go.Figure:
    """Precision against recall of every detector; the faint line is chance."""
    import plotly.graph_objects as go

    table = simulation.detection
    average = table.attrs["average_precision"]
    figure = go.Figure()
    colors = (ORANGE, BLUE, OKABE_ITO[2], OKABE_ITO[5], INK)
    for place, (name, mine) in enumerate(table.groupby("detector", sort=False)):
        words = CURVE_WORDS.get(name, name.replace("_", " "))
        figure.add_scatter(
            x=mine["recall"].tolist(),
            y=mine["precision"].tolist(),
            mode="lines",
            name=f"{words} {average[name]:.2f}",
            customdata=mine["checked"].tolist(),
            line={"color": colors[place], "dash": CURVE_DASHES[place], "width": 2.2},
            hovertemplate="%{customdata} checked: precision %{y:.2f}, recall %{x:.2f}",
        )
    chance = float(simulation.wrong.mean())
    figure.add_scatter(
        x=[0, 1],
        y=[chance, chance],
        mode="lines",
        name=f"chance {chance:.2f}",
        line={"color": FAINT, "width": 2},
        hoverinfo="skip",
    )
    best = max(average, key=average.get)
    title = f"Best at finding them: {best.replace('_', ' ')}"
    dressed(figure, title, x="recall: share of the wrong labels found", y="precision")
    figure.update_xaxes(range=[-0.01, 1.02])
    figure.update_yaxes(range=[-0.03, 1.03])
    return _legend(figure)


def repair(simulation: Simulation, checked: int | None = None) -> go.Figure:
    """Test accuracy of networks retrained after the first examples of a list were checked and corrected.

    The faint line is at `checked`, by default the number of wrong labels; its networks are trained if necessary.
    """
    import plotly.graph_objects as go

    chosen = int(simulation.wrong.sum()) if checked is None else checked
    columns = ["order", "checked", "replicate"]
    table = pd.concat([simulation.repair, simulation.fix(chosen)]).drop_duplicates(columns).sort_values(columns)
    figure = go.Figure()
    low, high = table["accuracy"].min(), table["accuracy"].max()
    room = 0.1 * (high - low) + 0.002
    _upright(figure, chosen, low - room, high + room)
    for place, (order, name) in enumerate((("suspicious", "most suspicious first"), ("random", "at random"))):
        mine = table[table["order"] == order]
        mean = mine.groupby("checked")[["accuracy", "corrected"]].mean()
        look = {"color": (ORANGE, BLUE)[place]}
        figure.add_scatter(
            x=mean.index.tolist(),
            y=mean["accuracy"].tolist(),
            mode="lines+markers",
            name=name,
            customdata=mean["corrected"].tolist(),
            line={**look, "dash": CURVE_DASHES[place], "width": 2.2},
            marker={"symbol": SYMBOLS[place], "size": [13 if number == chosen else 8 for number in mean.index]},
            hovertemplate="%{x} checked, %{customdata:.0f} of them wrong: accuracy %{y:.3f}",
        )
        figure.add_scatter(
            x=mine["checked"].tolist(),
            y=mine["accuracy"].tolist(),
            mode="markers",
            showlegend=False,
            hoverinfo="skip",
            marker={**look, "symbol": "line-ew-open", "size": 9, "opacity": 0.7},
        )
    mean = table.groupby(["order", "checked"])["accuracy"].mean()
    before, after = mean["suspicious", 0], mean["suspicious", chosen]
    title = f"Top {chosen} checked: accuracy {before:.3f} to {after:.3f}"
    dressed(figure, title, x="examples checked and corrected", y="accuracy on clean test")
    figure.update_yaxes(range=[low - room, high + room])
    return _legend(figure)


def _upright(figure: go.Figure, x: float, low: float, high: float) -> None:
    """Draw a broad faint line at x, the position of a slider."""
    figure.add_scatter(
        x=[x, x],
        y=[low, high],
        mode="lines",
        line={"color": FAINT, "width": 6},
        showlegend=False,
        hoverinfo="skip",
    )


def _checked(simulation: Simulation, epochs: int | None) -> int:
    """Return the number of epochs; by default all."""
    last = len(simulation.memorization)
    if epochs is not None and not 1 <= epochs <= last:
        raise InputError.at("epochs", f"is {epochs!r}", f"Use a number from 1 to {last}.")
    return epochs or last


def _legend(figure: go.Figure) -> go.Figure:
    """Return a legend under the plot, two names per row, so that it covers no points and takes no width."""
    rows = -(-sum(trace.showlegend is not False for trace in figure.data) // 2)
    figure.update_layout(
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom", "font": {"size": 11}},
        height=270 + 20 * rows, margin={"l": 56, "r": 12, "t": 40, "b": 50 + 20 * rows}, title={"font": {"size": 14}},
    )  # fmt: skip
    return figure
