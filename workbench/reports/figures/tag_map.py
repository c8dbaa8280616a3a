"""The data map of one tag: training dynamics of each example with the tag and each without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.foundation.errors import InputError, MissingEvidence
from workbench.reports.figures.maps import HARD, as_data_map, recorded_epochs, thinned
from workbench.reports.figures.style import MOST_POINTS, OKABE_ITO, WEBGL_ROWS, safe, share
from workbench.scores.dynamics import confidence, variability
from workbench.tasks.tag_cells import tag_states

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from workbench.runs.run import Run

STATES_SHOWN = ((1, "yes", OKABE_ITO[4]), (0, "no", OKABE_ITO[3]))


def tag_data_map(run: Run, tag: str | None = None, *, most: int = MOST_POINTS) -> go.Figure:
    """Plot confidence against variability of the given value of one tag over the epochs, for examples where it is
    known.

    Parameters
    ----------
    tag : name of the tag. most : maximum number of points; with more, a random sample is drawn.

    Raises
    ------
    InputError : no such tag. MissingEvidence : no epoch was recorded.
    """
    import plotly.graph_objects as go

    dataset = run.dataset
    if tag is None or tag not in dataset.classes:
        raise InputError.unknown("tag", tag, dataset.classes, "Pass `tag=`, the name of one.")
    if not run.epochs:
        raise MissingEvidence.needed("figure 'data_map'", ["epochs"], "Record a training with `Recorder`.")
    code = dataset.classes.index(tag)
    p_given = np.full((len(run.epochs), run.n), np.nan, np.float32)
    for place, epoch in enumerate(run.epochs):
        cells = run.unit_stats(epoch, ("row", "unit", "p_given"))
        mine = cells["unit"] == code
        p_given[place, cells["row"][mine]] = cells["p_given"][mine]
    x, y = variability(p_given), confidence(p_given)
    judged, hard = int(np.isfinite(y).sum()), int((y < HARD).sum())
    states = tag_states(dataset.labels, code)
    figure = go.Figure()
    rows = thinned(np.isfinite(x) & np.isfinite(y), np.zeros(run.n, bool), most)
    draw = go.Scattergl if len(rows) > WEBGL_ROWS else go.Scatter
    for state, name, color in STATES_SHOWN:
        mine = rows[states[rows] == state]
        words = [f"<b>{safe(one)}</b><br>given {name}" for one in dataset.ids[mine]]
        marker = {"size": 7 if len(rows) < WEBGL_ROWS else 4, "opacity": 0.7, "color": color}
        figure.add_trace(
            draw(
                x=x[mine], y=y[mine], mode="markers", name=f"given {name}", marker=marker, text=words,
                hovertemplate="%{text}<br>confidence %{y:.3g}<br>variability %{x:.3g}<extra></extra>",
            )
        )  # fmt: skip
    title = f"The model came to believe all but {hard:,} of {judged:,} cells of {safe(tag)}"
    subtitle = f"{safe(run.name)}: mean probability of the given value below {share(HARD)} means not believed; "
    subtitle += recorded_epochs(run)
    return as_data_map(figure, x, title, subtitle, "given")
