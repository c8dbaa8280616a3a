"""Features smoothed along links, without any label."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.foundation.checks import check_whole, refuse_infinity
from workbench.foundation.errors import InputError
from workbench.foundation.rows import unit_rows
from workbench.graphs.edges import Edges
from workbench.graphs.propagation import symmetric

SMOOTHED_HOPS = 3


def smooth_features(features: Any, edges: Any, *, hops: int = SMOOTHED_HOPS) -> np.ndarray:
    """Concatenate the features of each node with their averages over 1, 2, ... hops.

    Parameters
    ----------
    features : float (n, d); a row with NaN counts as missing, and only its linked nodes contribute
    edges : as in `Edges.of`: (m, 2) row numbers, or a DataFrame with source, target, weight
    hops : maximum number of hops, at least 0

    Returns
    -------
    float32 (n, (hops + 1) d): X, S X, S^2 X, ..., each with rows of length 1 (0 if there is nothing to average)

    Raises
    ------
    InputError : features that are not numeric or are infinite, or edges that do not match.

    Notes
    -----
    S = D^-1/2 (A + I) D^-1/2, the propagation of Wu et al. 2019, Simplifying Graph Convolutional Networks, equation 6,
    who keep only the last power. No label is used, so predictions on these features are as out-of-sample as those on X.
    """
    values = np.asarray(features)
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        found = f"has shape {values.shape} and dtype {values.dtype}"
        raise InputError.at("features", found, "Pass a numeric array with one row per node.")
    check_whole("hops", hops, 0)
    refuse_infinity("features", values, np.arange(len(values)))
    scaled = symmetric(Edges.of(edges, len(values)).links, loops=True).astype(np.float32)
    current = np.nan_to_num(values.astype(np.float32))
    current[np.isnan(values).any(axis=1)] = 0
    blocks = [unit_rows(current)]
    for _ in range(int(hops)):
        current = scaled @ current
        blocks.append(unit_rows(current))
    return np.hstack(blocks)
