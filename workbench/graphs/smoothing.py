"""Features smoothed along links: what a node and those around it look like, without any label."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.foundation.checks import refuse_infinity
from workbench.foundation.errors import InputError
from workbench.foundation.rows import unit_rows
from workbench.graphs.edges import Edges
from workbench.graphs.propagation import symmetric

HOPS = 3


def smooth_features(features: Any, edges: Any, *, hops: int = HOPS) -> np.ndarray:
    """Features of each node as they are and averaged over 1, 2, ... hops, side by side.

    Parameters
    ----------
    features : float (n, d); a row with NaN has none, and gets what linked nodes have
    edges : as of `Edges.of`: (m, 2) row numbers, or a DataFrame source, target, weight
    hops : how far, from 0

    Returns
    -------
    float32 (n, (hops + 1) d): X, S X, S^2 X, ..., each with rows of length 1 (0 where there is nothing to average)

    Raises
    ------
    InputError : features that are no numbers or infinite, edges that do not fit.

    Notes
    -----
    S = D^-1/2 (A + I) D^-1/2, the propagation of Wu et al. 2019, Simplifying Graph Convolutional Networks, equation 6,
    of which they keep the last power only. No label enters, so a classifier on these features is as honest as one on X.
    """
    values = np.asarray(features)
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        found = f"has shape {values.shape} and dtype {values.dtype}"
        raise InputError.at("features", found, "Give numbers, one row of d per node.")
    if int(hops) != hops or hops < 0:
        raise InputError.at("hops", f"is {hops!r}", "Use a whole number from 0.")
    refuse_infinity("features", values, np.arange(len(values)))
    scaled = symmetric(Edges.of(edges, len(values)).links, loops=True).astype(np.float32)
    current = np.nan_to_num(values.astype(np.float32))
    current[np.isnan(values).any(axis=1)] = 0
    blocks = [unit_rows(current)]
    for _ in range(int(hops)):
        current = scaled @ current
        blocks.append(unit_rows(current))
    return np.hstack(blocks)
