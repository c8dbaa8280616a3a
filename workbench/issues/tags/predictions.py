"""Validated evidence about tags: probabilities matched by name, and vectors of embeddings or texts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.data.inputs import to_matrix
from workbench.evidence.spaces import text_vectors
from workbench.foundation.checks import refuse_infinity
from workbench.foundation.errors import InputError
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
    values = np.asarray(to_matrix("pred_probs", given, dataset.ids, dataset.classes))
    if values.dtype.kind not in "fiub":
        raise InputError.at("pred_probs", f"has dtype {values.dtype}", "Pass numbers in [0, 1].")
    dataset.kind.check_predictions(values, dataset.n, dataset.classes)
    return values


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


def vectors(asked: Asked) -> tuple[np.ndarray | None, str]:
    """Return vectors, float (n, d), of embeddings or, without these, of texts, and their description."""
    dataset = asked.dataset
    given = asked.evidence.get("embeddings")
    if given is not None:
        values = np.asarray(to_matrix("embeddings", given, dataset.ids))
        if values.ndim != 2 or len(values) != dataset.n or values.dtype.kind not in "fiu":
            found = f"has shape {values.shape} and dtype {values.dtype}"
            raise InputError.at("embeddings", found, f"Give numbers, {dataset.n} rows of d.")
        refuse_infinity("embeddings", values, dataset.ids)
        return values, "embeddings"
    texts = asked.evidence.get("texts")
    if texts is None:
        return None, ""
    if isinstance(texts, str) or len(texts) != dataset.n:
        raise InputError.at("texts", f"has {len(texts)} entries for {dataset.n} labels", "Give one text per example.")
    return text_vectors(list(texts), seed=asked.seed), "texts"
