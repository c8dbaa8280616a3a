"""Validated evidence for kinds of labels with an estimator: probabilities matched by name, embeddings or texts."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.data.dataset import Dataset
from workbench.data.inputs import to_matrix
from workbench.evidence.spaces import text_vectors
from workbench.foundation.checks import check_embeddings, check_texts, refuse_infinity
from workbench.foundation.errors import InputError
from workbench.issues.kinds.contract import Asked


def matched_probabilities(given: Any, dataset: Dataset) -> np.ndarray:
    """Return probabilities (n, k) with rows and columns in the order of the data set.

    Raises
    ------
    InputError : another shape, no probabilities, or a name that is not among the classes or ids.
    """
    values = np.asarray(to_matrix("pred_probs", given, dataset.ids, dataset.classes))
    if values.dtype.kind not in "fiub":
        raise InputError.at("pred_probs", f"has dtype {values.dtype}", "Pass numbers in [0, 1].")
    dataset.kind.check_predictions(values, dataset.n, dataset.classes)
    return values


def vectors(asked: Asked) -> tuple[np.ndarray | None, str]:
    """Return float vectors (n, d) of the embeddings or, without these, of the texts; and their description."""
    dataset = asked.dataset
    given = asked.evidence.get("embeddings")
    if given is not None:
        values = check_embeddings(np.asarray(to_matrix("embeddings", given, dataset.ids)), dataset.n)
        refuse_infinity("embeddings", values, dataset.ids)
        return values, "embeddings"
    texts = asked.evidence.get("texts")
    if texts is None:
        return None, ""
    return text_vectors(check_texts(texts, dataset.n), seed=asked.seed), "texts"
