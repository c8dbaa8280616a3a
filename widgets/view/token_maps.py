"""The data map of a recorded token model: each example by the token that training believed least."""

from __future__ import annotations

from typing import TYPE_CHECKING

from widgets.view.columns import Column
from workbench.runs.per_epoch import OF_TOKEN_MODELS
from workbench.scores.token_dynamics import least_believed

if TYPE_CHECKING:
    from workbench.runs.run import Run


def token_columns(run: Run) -> list[Column]:
    """Return the columns of the data map; [] for other kinds of labels and without a recording."""
    if run.task not in OF_TOKEN_MODELS or not run.epochs:
        return []
    confidence, variability = least_believed(run)
    words = f"of the probability of the given label over {len(run.epochs)} epochs, of the token with the lowest mean"
    return [
        Column("confidence", confidence, suspicious="low", range=(0.0, 1.0), title=f"mean {words}"),
        Column("variability", variability, range=(0.0, 0.5), title=f"standard deviation {words}"),
    ]
