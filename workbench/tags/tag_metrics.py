"""Metrics of predicted tags, per tag and averaged: micro and macro averages, with rare tags separate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError
from workbench.issues.calibration import calibration_error
from workbench.tags.tables import read_both

TAIL_TAGS = 10


class TagMetrics(NamedTuple):
    """Result of `metrics`: the DataFrames `per_tag` and `summary`."""

    per_tag: pd.DataFrame
    summary: pd.DataFrame


def metrics(
    labels: Any, pred_probs: Any, *, threshold: float | str = 0.5, tail: int = TAIL_TAGS,
    classes: Sequence[object] | None = None,
) -> TagMetrics:  # fmt: skip
    """Compute precision, recall, F1, average precision and calibration of each tag, and averages with rare tags apart.

    Parameters
    ----------
    labels : as in `proposals`, taken as true; unknown cells are ignored.
    pred_probs : float (n, k), probability of each tag.
    threshold : in [0, 1], minimum probability of predicted tags; "best" uses, for each tag, the threshold with the
        largest F1 on these labels, which is optimistic.
    tail : tags given at most this many times form the tail.
    classes : as in `proposals`.

    Returns
    -------
    TagMetrics
        per_tag : indexed by tag; support (int64, cells that are yes), known, threshold, precision, recall, f1 (0 if
            there are only given or only predicted tags), average_precision (NaN without a yes) and calibration_error
            (expected calibration error over 10 bins of equal width).
        summary : indexed by "all", "head" and "tail"; tags, support, micro_f1 (over all cells), macro_f1 (mean over
            tags that are given at least once), mean_average_precision, calibration_error (mean over tags); NaN in a
            row without such tags.

    Raises
    ------
    InputError : a threshold outside [0, 1], or labels or probabilities in an unsupported form.

    Examples
    --------
    >>> given = np.array([[1, 0], [1, 1], [0, 0]])
    >>> metrics(given, [[0.9, 0.6], [0.8, 0.7], [0.1, 0.2]]).per_tag["f1"].round(2).tolist()
    [1.0, 0.67]
    """
    best = threshold == "best"
    if not best and not (isinstance(threshold, (int, float)) and 0 <= threshold <= 1):
        raise InputError.at("threshold", f"is {threshold!r}", 'Pass a probability, or "best".')
    table, p = read_both(labels, pred_probs, field="pred_probs", classes=classes, probabilities=True)
    lines, counts = [], []
    for tag in range(len(table.names)):
        known = (table.given[:, tag] >= 0) & ~np.isnan(p[:, tag])
        y, chance = table.given[known, tag] == 1, p[known, tag]
        cut = best_threshold(y, chance) if best else float(threshold)
        said = chance >= cut
        right = int((said & y).sum())
        counts.append((right, int(said.sum()), int(y.sum())))
        lines.append(
            {
                "support": int(y.sum()), "known": int(known.sum()), "threshold": cut,
                "precision": right / said.sum() if said.any() else np.nan,
                "recall": right / y.sum() if y.any() else np.nan, "f1": _f1(*counts[-1]),
                "average_precision": _average_precision(y, chance),
                "calibration_error": calibration_error(chance, y),
            }
        )  # fmt: skip
    per_tag = pd.DataFrame(lines, index=pd.Index(table.names, name="tag"))
    totals = np.array(counts, np.int64).reshape(-1, 3)
    rare = (totals[:, 2] <= tail) & (totals[:, 2] > 0)
    groups = {"all": np.ones(len(totals), bool), "head": totals[:, 2] > tail, "tail": rare}
    summary = {name: _pooled(per_tag[some], totals[some]) for name, some in groups.items()}
    return TagMetrics(per_tag, pd.DataFrame.from_dict(summary, orient="index"))


def _pooled(lines: pd.DataFrame, totals: np.ndarray) -> dict[str, float]:
    given = lines[lines["support"] > 0]
    return {
        "tags": len(lines), "support": int(totals[:, 2].sum()),
        "micro_f1": _f1(*totals.sum(axis=0)) if len(lines) else np.nan,
        "macro_f1": given["f1"].mean(), "mean_average_precision": given["average_precision"].mean(),
        "calibration_error": lines["calibration_error"].mean(),
    }  # fmt: skip


def _f1(right: int, said: int, given: int) -> float:
    return float(2 * right / (said + given)) if said + given else np.nan


def _average_precision(y: np.ndarray, scores: np.ndarray) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(y, scores)) if y.any() else np.nan


def best_threshold(y: np.ndarray, chance: np.ndarray) -> float:
    """Return the threshold with the largest F1, halfway to the next lower probability; .5 if no tag is given.

    Parameters
    ----------
    y : bool (m,). chance : float (m,) in [0, 1].
    """
    if not y.any():
        return 0.5
    order = np.argsort(-chance, kind="stable")
    sorted_ = chance[order]
    ends = np.flatnonzero(np.diff(sorted_, append=-1.0) < 0)  # ties are predicted together
    right = np.cumsum(y[order])[ends]
    f1 = 2 * right / (ends + 1 + y.sum())
    place = int(ends[int(f1.argmax())])
    return float((sorted_[place] + (sorted_[place + 1] if place + 1 < len(sorted_) else 0)) / 2)
