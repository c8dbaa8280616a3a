"""Soft labels of points or pixels, exported as hard labels, with ignored ones, or soft."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_given_labels, check_pred_probs, check_share
from workbench.foundation.errors import InputError
from workbench.storage.tables import check_target
from workbench.tasks.mask_table import IGNORE

LabelForm = Literal["hard", "ignore", "soft"]


def soft_labels(scores: Any, form: LabelForm = "ignore", *, threshold: float = 0.6) -> np.ndarray:
    """Turn class scores of points, such as of shapes fitted to a point cloud, into labels for training.

    Parameters
    ----------
    scores : float (n, k), at least 0: scores of each point for each class, such as its fit to the shapes of the class;
        rows are divided by their sums
    form : "hard" (the best class), "ignore" (the best class, -1 below the threshold) or "soft" (all shares)
    threshold : in [0, 1], smallest share of the best class; only for "ignore"

    Returns
    -------
    int64 (n,), or float64 (n, k) with rows that sum to 1 for "soft". A point without any score is -1, or has equal
    shares.

    Raises
    ------
    InputError : another shape, negative or infinite scores, or an unknown form

    References
    ----------
    From CAD models to soft point cloud labels: An automatic annotation pipeline for cheaply supervised 3D semantic
    segmentation.

    Examples
    --------
    >>> soft_labels([[3, 1], [1, 1], [0, 0]], "ignore", threshold=0.6)
    array([ 0, -1, -1])
    """
    check_share("threshold", threshold)
    if form not in ("hard", "ignore", "soft"):
        raise InputError.unknown("form", form, ("hard", "ignore", "soft"))
    values = np.asarray(scores, np.float64)
    if values.ndim != 2 or not values.shape[1] or not np.isfinite(values).all() or values.min(initial=0) < 0:
        found = f"has shape {values.shape}, or negative or infinite values"
        raise InputError.at("scores", found, "Pass (n, k) numbers of at least 0.")
    total = values.sum(axis=1, keepdims=True)
    shares = np.divide(values, total, out=np.full(values.shape, 1 / values.shape[1]), where=total > 0)
    if form == "soft":
        return shares
    kept = total[:, 0] > 0
    if form == "ignore":
        kept &= shares.max(axis=1) >= threshold
    return np.where(kept, shares.argmax(axis=1), IGNORE)


def export_soft_labels(
    scores: Any, path: str | Path, form: LabelForm = "ignore", *, threshold: float = 0.6,
    classes: Sequence[Any] | None = None, force: bool = False,
) -> Path:  # fmt: skip
    """Write labels of points in one of three forms.

    Parameters
    ----------
    scores, form, threshold : as in `soft_labels`
    path : file ending in .npy, or .csv with the column label, or a column per class
    classes : names of the k classes, for .csv
    force : whether to replace an existing file

    Returns
    -------
    Path

    Raises
    ------
    InputError : as in `soft_labels`, or another number of classes
    """
    target = check_target(path, force, (".npy", ".csv"))
    labels = soft_labels(scores, form, threshold=threshold)
    k = np.shape(scores)[1]
    names = list(range(k)) if classes is None else list(classes)
    if len(names) != k:
        raise InputError.at("classes", f"has {len(names)} names for {k} classes", "Pass one per column.")
    if target.suffix == ".npy":
        np.save(target, labels)
    elif labels.ndim == 2:
        pd.DataFrame(labels, columns=names).to_csv(target, index=False)
    else:
        named = [None if code == IGNORE else names[code] for code in labels]
        pd.DataFrame({"label": named}).to_csv(target, index=False)
    return target


def quality_by_ignored(scores: Any, truth: Any, *, shares: Sequence[float] | None = None) -> pd.DataFrame:
    """Show the quality of labels against the share of points that are ignored.

    Parameters
    ----------
    scores : as in `soft_labels`
    truth : int (n,), true class codes of some points, -1 = unknown
    shares : shares of points to ignore, those with the lowest shares of their best class first; by default 0, .1, .. .9

    Returns
    -------
    DataFrame indexed by ignored
        threshold : float64, the threshold of `soft_labels` that ignores so many
        accuracy : float64 in [0, 1], of the remaining hard labels
        soft : float64 in [0, 1], mean soft share of the true class among the remaining points
        points : int64, remaining points with a true class

    Raises
    ------
    InputError : as in `soft_labels`, or no point with a true class

    Notes
    -----
    The row 0 is the quality of the hard and of the soft export. Accuracy that does not rise along the rows says that
    the scores do not know where they are wrong: then ignoring costs points and gains nothing.
    """
    probs = check_pred_probs(soft_labels(scores, "soft"))[0]
    true = check_given_labels(truth, len(probs), probs.shape[1])
    known = np.flatnonzero(true != IGNORE)
    if not len(known):
        raise InputError.at("truth", "has no class", "Label some points.")
    top = probs.max(axis=1)
    right = probs[known].argmax(axis=1) == true[known]
    soft = probs[known, true[known]]
    rows = []
    for share in np.arange(10) / 10 if shares is None else shares:
        check_share("shares", float(share))
        threshold = float(np.quantile(top, share)) if share else 0.0
        kept = top[known] >= threshold
        number = int(kept.sum())
        means = (right[kept].mean(), soft[kept].mean()) if number else (np.nan, np.nan)
        rows.append((float(share), threshold, *means, number))
    columns = ["ignored", "threshold", "accuracy", "soft", "points"]
    return pd.DataFrame(rows, columns=columns).set_index("ignored")
