"""Given probabilities of tags, validated: of all cells or of the most likely ones, or as returned by scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError
from workbench.issues.kinds.checked import matched_probabilities
from workbench.issues.kinds.contract import Asked

TOP = ("row", "tag", "p")
"""Columns of a table that holds only the most likely cells."""


def tag_probabilities(asked: Asked) -> np.ndarray | None:
    """Return the given probabilities of yes, float (n, k), NaN for missing ones; None if not given.

    Raises
    ------
    InputError : wrong shape, values that are not probabilities, or a name that is not among the tags or ids.
    """
    given, dataset = asked.evidence.get("pred_probs"), asked.dataset
    if given is None:
        return None
    if isinstance(given, pd.DataFrame) and set(TOP) <= set(map(str, given.columns)):
        return _of_top_cells(given, asked)
    if isinstance(given, (list, tuple)) and len(given) == dataset.k and all(np.ndim(one) == 2 for one in given):
        given = np.stack([np.asarray(one)[:, -1] for one in given], axis=1)  # as returned by predict_proba of
        # scikit-learn
    return matched_probabilities(given, dataset)


def _of_top_cells(table: pd.DataFrame, asked: Asked) -> np.ndarray:
    """Convert a table of row, tag and p; cells that it lacks are less likely than the listed ones of their row."""
    dataset = asked.dataset
    numbers = pd.api.types.is_numeric_dtype(table["row"])
    rows = table["row"].to_numpy(np.int64) if numbers else dataset.rows(table["row"].tolist())
    tags = table["tag"]
    codes = tags.to_numpy(np.int64) if pd.api.types.is_integer_dtype(tags) else [dataset.code_of(one) for one in tags]
    codes, p = np.asarray(codes, np.int64), table["p"].to_numpy(float)
    for name, values, most in (("row", rows, dataset.n), ("tag", codes, dataset.k)):
        bad = (values < 0) | (values >= most)
        if bad.any():
            place = int(np.flatnonzero(bad)[0])
            found = f"has the {name} {int(values[place])}, beyond {most - 1}"
            raise InputError.at("pred_probs", found, "Number rows and tags from 0.", row=place)
    if not ((p >= 0) & (p <= 1)).all():
        place = int(np.flatnonzero(~((p >= 0) & (p <= 1)))[0])
        raise InputError.at("pred_probs", f"has p = {p[place]:g}", "Pass probabilities, in [0, 1].", row=place)
    least = np.full(dataset.n, 0.01)
    np.minimum.at(least, rows, p / 2)
    values = np.repeat(least[:, None].astype(np.float32), dataset.k, axis=1)
    values[rows, codes] = p
    return values
