"""The data map of tokens: training dynamics of each labelled token of a recorded token model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.foundation.errors import MissingEvidence
from workbench.reports.figures.maps import HARD, as_data_map, recorded_epochs, thinned
from workbench.reports.figures.style import MOST_POINTS, OKABE_ITO, WEBGL_ROWS, safe, share
from workbench.scores.token_dynamics import token_dynamics

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.runs.run import Run


def token_data_map(run: Run, *, most: int = MOST_POINTS) -> go.Figure:
    """Plot confidence against variability of the given label of each token over the epochs.

    Parameters
    ----------
    most : maximum number of points; with more, a random sample is drawn, which includes all tokens that were not
        believed.

    Raises
    ------
    MissingEvidence : no epoch was recorded.
    """
    import plotly.graph_objects as go

    if not run.epochs:
        raise MissingEvidence.needed("figure 'data_map'", ["epochs"], "Record a training with `Recorder`.")
    found = token_dynamics(run)
    x, y = found.variability.astype(np.float32), found.confidence.astype(np.float32)
    hard = y < HARD
    places = thinned(np.isfinite(y), hard, most)
    figure = go.Figure()
    draw = go.Scattergl if len(places) > WEBGL_ROWS else go.Scatter
    for name, color, kept in (("believed", OKABE_ITO[4], ~hard), ("not believed", OKABE_ITO[3], hard)):
        mine = places[kept[places]]
        names = run.dataset.ids[found.rows[mine]]
        words = [f"<b>{safe(one)}</b><br>token {unit}" for one, unit in zip(names, found.units[mine].tolist())]
        marker = {"size": 7 if len(places) < WEBGL_ROWS else 4, "opacity": 0.7, "color": color}
        figure.add_trace(
            draw(
                x=x[mine], y=y[mine], mode="markers", name=name, marker=marker, text=words,
                hovertemplate="%{text}<br>confidence %{y:.3g}<br>variability %{x:.3g}<extra></extra>",
            )
        )  # fmt: skip
    title = f"The model came to believe all but {int(hard.sum()):,} of {len(y):,} tokens"
    subtitle = f"{safe(run.name)}: mean probability of the given label below {share(HARD)} means not believed; "
    return as_data_map(figure, x, title, subtitle + recorded_epochs(run), "given")
