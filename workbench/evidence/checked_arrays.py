"""Validation of the labels and arrays that evidence is made of: names of rows and classes, shapes, probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.data.inputs import classes_among, encode_labels, row_names, to_matrix, warn_if_permuted
from workbench.foundation.checks import check_given_labels, check_pred_probs
from workbench.foundation.errors import InputError
from workbench.tasks.class_names import class_text
from workbench.tasks.label_type import LabelType


class CheckedArrays(NamedTuple):
    """Arrays about n examples and k classes whose rows and columns are in the same order; None if not passed.

    labels : int64 (n,), -1 = unlabelled. names : of the k classes. label_type : of the labels as passed. ids : (n,).
    guessed : whether the order of the classes was inferred from the labels. pred_probs : float (n, k), validated.
    logits, embeddings : as arrays; their shapes are not validated.
    """

    labels: np.ndarray
    names: tuple[str, ...]
    label_type: LabelType
    ids: np.ndarray | None
    guessed: bool
    pred_probs: np.ndarray | None
    logits: np.ndarray | None
    embeddings: np.ndarray | None


def checked_arrays(
    given_labels: Any,
    k: int | None,
    pred_probs: Any,
    logits: Any,
    embeddings: Any,
    ids: Any,
    classes: Sequence[object] | None,
) -> CheckedArrays:
    """Validate the arguments of `Evidence.from_arrays` of these names.

    Raises
    ------
    InputError : shapes do not match, labels outside -1 .. k-1, or invalid probabilities.

    Warns
    -----
    UserWarning : the columns of the probabilities seem to be in another order than the classes.
    """
    if k is not None and np.ndim(k):
        found, todo = f"is an array of shape {np.shape(k)}", "Pass arrays by name: `pred_probs=`, `embeddings=`."
        raise InputError.at("k", found, todo)
    ids = row_names(given_labels) if ids is None else np.asarray(ids)
    by_name = ids if isinstance(given_labels, pd.Series) else None
    guessed = classes is None and not isinstance(pred_probs, pd.DataFrame)
    given_labels, classes, label_type = encode_labels(given_labels, classes, pred_probs)
    guessed = guessed and classes is not None
    pred_probs = to_matrix("pred_probs", pred_probs, by_name, classes)
    embeddings = to_matrix("embeddings", embeddings, by_name)
    logits = to_matrix("logits", logits, by_name, classes)
    if pred_probs is not None and pred_probs.ndim != 2:
        found, todo = f"has shape {pred_probs.shape}", "Give one row per example and one column per class."
        raise InputError.at("pred_probs", found, todo)
    labels = np.asarray(given_labels)
    if labels.ndim != 1:
        raise InputError.at("given_labels", f"has shape {labels.shape}", "Give one label per row.")
    n = len(labels)
    k = classes_among(labels, k, classes, pred_probs, logits)
    labels = check_given_labels(labels, n, k)
    names = tuple(class_text(c) for c in classes) if classes is not None else tuple(str(c) for c in range(k))
    if pred_probs is not None:
        pred_probs, _ = check_pred_probs(pred_probs, labels)
        expect_shape("pred_probs", pred_probs.shape, (n, k))
        if guessed:
            warn_if_permuted("pred_probs", pred_probs, labels, names)
    if ids is not None:
        expect_shape("ids", ids.shape, (n,))
    return CheckedArrays(labels, names, label_type, ids, guessed, pred_probs, logits, embeddings)


def expect_shape(field: str, shape: tuple[int, ...], wanted: tuple[int, ...], what: str = "") -> None:
    """Raise InputError unless an array (or a part of it, `what`) has the wanted shape."""
    if tuple(shape) != wanted:
        raise InputError.at(field, f"has shape {tuple(shape)}{' ' + what if what else ''}", f"It must be {wanted}.")
