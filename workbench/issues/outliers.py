"""Find examples that are far from all others in the embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.runs.run import opened
from workbench.scores import score

if TYPE_CHECKING:
    from workbench.runs.run import Run

FENCE = 1.5
"""Interquartile ranges above the upper quartile beyond which an example counts as an outlier (Tukey 1977)."""


def outliers(run: Run, *, fence: float = FENCE) -> pd.DataFrame:
    """Rank examples by their mean distance to their nearest neighbours, farthest first.

    Parameters
    ----------
    run : a Run or its path.
    fence : threshold for outliers, in interquartile ranges above the upper quartile

    Returns
    -------
    DataFrame indexed by id
        neighbor_distance : the score of this name. is_outlier : bool.
        given_label : in the type in which labels were given.
        `.attrs`: threshold (distance), how (in words)

    Raises
    ------
    MissingEvidence : the run has no embeddings.

    Notes
    -----
    threshold = Q3 + fence * (Q3 - Q1) over all examples (Tukey 1977, Exploratory Data Analysis). With 1.5, as in box
    plots, about 0.3 % of 5,000 CIFAR-10 images and 3 % of 1,797 digits are above it.
    """
    run = opened(run)
    scores = score(run, "neighbor_distance")
    values = scores["neighbor_distance"].to_numpy(float)
    threshold = far_from(values, fence)
    with np.errstate(invalid="ignore"):
        table = pd.DataFrame(
            {"neighbor_distance": values, "is_outlier": values > threshold, "given_label": run.dataset.given},
            index=scores.index,
        )
    table = table.sort_values("neighbor_distance", ascending=False, kind="stable")
    evidence = scores.attrs["scores"]["neighbor_distance"]["evidence"]
    table.attrs = {"threshold": threshold, "how": f"beyond {threshold:.3g}; {evidence}"}
    return table


def far_from(values: np.ndarray, fence: float = FENCE) -> float:
    """Return the upper fence of distances, Q3 + fence * (Q3 - Q1); NaN without distances."""
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan")
    low, high = np.percentile(known, [25, 75])
    return float(high + fence * (high - low))
