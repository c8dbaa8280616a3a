"""Confident learning on tags: each tag is a separate yes/no question, and scores are pooled per example.

Labels are a table (n, k) of 1 (yes), 0 (no) and -1 (unknown), dense or scipy.sparse, or n lists of tags; `pred_probs`
(n, k) are out-of-sample probabilities of yes. Unknown cells have no score and are left out of thresholds, counts and
pooling. Without unknown cells the results equal those of cleanlab's `multilabel_classification`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.confident.label_issues import FILTERS, RANKINGS, confident_joint, find_label_issues
from workbench.confident.pruning import lowest
from workbench.foundation.errors import InputError
from workbench.tasks import find_task
from workbench.tasks.tag_cells import cells_of
from workbench.tasks.tag_reading import tags_by_number

POOLINGS = ("ema", "worst", "softmin")
EMA_ALPHA, SOFTMIN_TEMPERATURE = 0.8, 0.1
TAG_DRAWS = 2000


def tag_scores(labels: Any, pred_probs: Any, *, method: str = "self_confidence") -> np.ndarray:
    """Score how well each cell's label is supported by the probabilities.

    Parameters
    ----------
    labels : (n, k) of 1, 0, -1, dense or scipy.sparse; or n lists of tags, by name or number.
    pred_probs : float (n, k), probability of yes.
    method : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}
        Applied to the two probabilities of a cell. The first two are equal here: the probability of the given label.

    Returns
    -------
    (n, k) float64 in [0, 1], low = suspicious, NaN where unknown.

    Raises
    ------
    InputError : an unsupported form, shapes that do not match, probabilities outside [0, 1], or an unknown method.

    Examples
    --------
    >>> tag_scores(np.array([[1, 0, -1]]), np.array([[0.75, 0.75, 0.5]]))
    array([[0.75, 0.25,  nan]])
    """
    if method not in RANKINGS:
        raise InputError.unknown("method", method, RANKINGS)
    given, p = _read(labels, pred_probs)
    if method != "confidence_weighted_entropy":
        scores = np.where(given == 1, p, 1 - p)
    else:
        columns = [RANKINGS[method](np.maximum(one, 0), _both(chance)) for one, chance in zip(given.T, p.T)]
        scores = np.stack(columns, axis=1) if columns else np.empty(p.shape)
    return np.where(given < 0, np.nan, scores)


def tag_quality(
    labels: Any, pred_probs: Any, *, method: str = "self_confidence", pool: str = "ema", alpha: float = EMA_ALPHA,
    temperature: float = SOFTMIN_TEMPERATURE,
) -> np.ndarray:  # fmt: skip
    """Pool the scores of an example's cells into one score per example.

    Parameters
    ----------
    labels, pred_probs, method : as in `tag_scores`.
    pool : {"ema", "worst", "softmin"}
        "ema" is an exponential moving average over the scores in descending order, e = alpha s + (1 - alpha) e, so
        that the worst cells count most; "worst" is the smallest score; "softmin" is the mean with weights
        softmax((1 - s) / temperature).
    alpha : in [0, 1], for "ema". temperature : positive, for "softmin".

    Returns
    -------
    (n,) float64 in [0, 1], low = suspicious; NaN for an example without a known cell.

    Raises
    ------
    InputError : an unknown pooling, or `alpha` or `temperature` out of range, or as in `tag_scores`.
    """
    if pool not in POOLINGS:
        raise InputError.unknown("way to pool", pool, POOLINGS)
    if not 0 <= alpha <= 1:
        raise InputError.at("alpha", f"is {alpha!r}", "Pass a weight between 0 and 1.")
    if not temperature > 0:
        raise InputError.at("temperature", f"is {temperature!r}", "Pass a positive number.")
    scores = tag_scores(labels, pred_probs, method=method)
    if pool == "worst":
        return np.fmin.reduce(scores, axis=1, initial=np.nan)
    if pool == "softmin":
        known = ~np.isnan(scores)
        away = np.where(known, (1 - scores) / temperature, -np.inf)
        top = away.max(axis=1, keepdims=True, initial=-np.inf)
        weights = np.where(known, np.exp(away - np.where(np.isfinite(top), top, 0)), 0)
        total = weights.sum(axis=1)
        pooled = (weights * np.where(known, scores, 0)).sum(axis=1) / np.where(total > 0, total, 1)
        return np.where(total > 0, pooled, np.nan)
    average = np.full(len(scores), np.nan)
    for column in -np.sort(-scores, axis=1).T:  # unknown ones are last
        moved = np.where(np.isnan(average), column, alpha * column + (1 - alpha) * average)
        average = np.where(np.isnan(column), average, moved)
    return average


def find_tag_issues(
    labels: Any, pred_probs: Any, *, by: str = "prune_by_noise_rate", frac_noise: float = 1.0, min_per_class: int = 1
) -> np.ndarray:
    """Find the cells that a confident-learning filter considers wrong, tag by tag.

    Parameters
    ----------
    labels, pred_probs : as in `tag_scores`.
    by, frac_noise, min_per_class : as in `find_label_issues`; the classes of a tag are its no and its yes.

    Returns
    -------
    (n, k) bool, False where unknown.

    Notes
    -----
    An example has an issue if any of its cells has one. For "low_self_confidence" and "low_normalized_margin" cleanlab
    instead ranks whole examples by `tag_quality` and takes as many as "confident_learning" finds;
    `find_tagged_examples` does the same.
    """
    given, p = _read(labels, pred_probs)
    options = {"by": by, "frac_noise": frac_noise, "min_per_class": min_per_class}
    found = np.zeros(p.shape, bool)
    for tag in range(p.shape[1]):
        found[:, tag] = find_label_issues(given[:, tag], _both(p[:, tag]), **options)
    return found


def find_tagged_examples(
    labels: Any, pred_probs: Any, *, by: str = "prune_by_noise_rate", frac_noise: float = 1.0, min_per_class: int = 1
) -> np.ndarray:
    """Find the examples that have a cell that a filter considers wrong.

    Parameters
    ----------
    labels, pred_probs, by, frac_noise, min_per_class : as in `find_tag_issues`.

    Returns
    -------
    (n,) bool.

    Raises
    ------
    InputError : an unknown filter, or as in `tag_scores`.
    """
    if by not in FILTERS:
        raise InputError.unknown("filter", by, FILTERS)
    if by in ("low_self_confidence", "low_normalized_margin"):
        many = int(find_tag_issues(labels, pred_probs, by="confident_learning").any(axis=1).sum())
        quality = tag_quality(labels, pred_probs, method=by.removeprefix("low_"))
        return lowest(np.where(np.isnan(quality), np.inf, quality), many)
    cells = find_tag_issues(labels, pred_probs, by=by, frac_noise=frac_noise, min_per_class=min_per_class)
    return np.asarray(cells.any(axis=1))


def tag_joints(labels: Any, pred_probs: Any, *, calibrate: bool = True) -> np.ndarray:
    """Compute the confident joint of each tag.

    Parameters
    ----------
    labels, pred_probs : as in `tag_scores`.
    calibrate : whether to scale the rows to the numbers of cells given no and yes.

    Returns
    -------
    (k, 2, 2) int64, given no and yes in rows, true no and yes in columns.
    """
    given, p = _read(labels, pred_probs)
    joints = [confident_joint(given[:, tag], _both(p[:, tag]), calibrate=calibrate) for tag in range(p.shape[1])]
    return np.stack(joints) if joints else np.empty((0, 2, 2), np.int64)


def tag_noise(labels: Any, pred_probs: Any, *, level: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Estimate how often each tag is missing where it applies and given where it does not, with intervals.

    Parameters
    ----------
    labels, pred_probs : as in `tag_scores`. level : nominal coverage of the intervals, in (0, 1). seed : random seed of
        the intervals.

    Returns
    -------
    DataFrame indexed by tag
        yes, no : int64, number of cells given yes and no. threshold_yes, threshold_no : mean probability of yes where
        yes is given, and of no where no is given; NaN if there is no such cell. missing, extra : P(given no | truly
        yes) and P(given yes | truly no) by the confident joint; missing_low, missing_high, extra_low, extra_high :
        their intervals, from Jeffreys' beta distributions of the confident counts.

    Raises
    ------
    InputError : `level` outside (0, 1), or as in `tag_scores`.

    Notes
    -----
    The intervals reflect the sampling error of the counts, not errors of the model.
    """
    if not 0 < level < 1:
        raise InputError.at("level", f"is {level!r}", "Pass a share between 0 and 1, such as 0.95.")
    kind = find_task("multilabel")
    _, names = kind.read(labels, None)
    given, p = _read(labels, pred_probs)
    names = names if len(names) == p.shape[1] else tuple(map(str, range(p.shape[1])))
    raw = tag_joints(labels, pred_probs, calibrate=False).astype(float)
    yes, no = (given == 1).sum(axis=0), (given == 0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        bar_yes = np.where(given == 1, p, 0).sum(axis=0) / yes
        bar_no = np.where(given == 0, 1 - p, 0).sum(axis=0) / no
    counted = raw.sum(axis=2)
    joint = raw * (np.stack([no, yes], axis=1) / np.maximum(counted, 1))[:, :, None]
    sure = (raw.sum(axis=(1, 2)) / np.maximum(yes + no, 1))[:, None, None]  # share of cells that are counted
    rng = np.random.default_rng(seed)
    ends = [(1 - level) / 2, (1 + level) / 2]
    columns: dict[str, Any] = {"yes": yes, "no": no, "threshold_yes": bar_yes, "threshold_no": bar_no}
    for name, given_as, true in (("missing", 0, 1), ("extra", 1, 0)):
        wrong, right = joint[:, given_as, true], joint[:, true, true]
        with np.errstate(invalid="ignore"):
            rate = wrong / (wrong + right)
        a, b = (part * sure[:, 0, 0] + 0.5 for part in (wrong, right))
        low, high = np.quantile(rng.beta(a, b, (TAG_DRAWS, len(joint))), ends, axis=0)
        columns |= {name: rate, f"{name}_low": np.fmin(low, rate), f"{name}_high": np.fmax(high, rate)}
    return pd.DataFrame(columns, index=pd.Index(names, name="tag"))


def _read(labels: Any, pred_probs: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return (given (n, k) int8, p (n, k) float), or raise one error for invalid input."""
    kind, p = find_task("multilabel"), np.asarray(pred_probs)
    if p.ndim != 2 or p.dtype.kind not in "fiub":
        found = f"has dtype {p.dtype} and shape {p.shape}"
        raise InputError.at("pred_probs", found, "Pass the probability of each tag, one column per tag.")
    table = hasattr(labels, "shape") and len(labels.shape) == 2
    stored, names = kind.read(labels, None if table or not tags_by_number(labels) else range(p.shape[1]))
    kind.check_predictions(p, len(stored), names)
    if np.isnan(p).any():
        row, column = (int(one[0]) for one in np.nonzero(np.isnan(p)))
        raise InputError.at("pred_probs", f"column {column} is NaN", "Pass a probability for each cell.", row=row)
    return cells_of(stored).dense(len(names)), p.astype(np.float64, copy=False)


def _both(p: np.ndarray) -> np.ndarray:
    """Return the probabilities (n, 2) of no and yes."""
    return np.stack([1 - p, p], axis=1)
