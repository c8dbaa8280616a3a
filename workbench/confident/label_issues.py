"""Confident learning on arrays: which given labels the predicted probabilities confidently contradict.

Northcutt, Jiang, Chuang 2021 ("Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70), with the
counting rules of cleanlab 2.9, including ties and missing classes, so that masks are identical. Probabilities should be
out-of-sample. An unlabelled row (label -1) is never an issue and is not counted; a class that is never given has a
threshold that no probability reaches.

One pass over the probabilities (`counting`) gives a few numbers per row; all functions except the pruning filters
(`pruning`) use only these. No temporary array is as large as the probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.confident.counting import TINY, Classes, calibrate_counts, read_probs
from workbench.confident.pruning import by_margin, lowest, lowest_of_classes, to_prune
from workbench.foundation.checks import check_given_labels, check_pred_probs
from workbench.foundation.errors import InputError
from workbench.foundation.reductions import float_rows, given_values, in_threads, label_counts
from workbench.scores.labels import confidence_weighted_entropy, normalized_margin, self_confidence

FILTERS = (
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
    "low_self_confidence",
    "low_normalized_margin",
)
GROUPS = 16
"""Number of groups of classes for the pruning filters: few calls, but enough for all threads."""

WIDEST_GROUP = 1 << 20
"""Maximum number of counts (classes of a group x all classes) in one group."""

RANKINGS = {
    "self_confidence": self_confidence,
    "normalized_margin": normalized_margin,
    "confidence_weighted_entropy": confidence_weighted_entropy,
}


def thresholds(given_labels: Any, pred_probs: Any) -> np.ndarray:
    """Compute the mean predicted probability of each class over the examples given it.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample

    Returns
    -------
    float array (k,), in [2e-6, 1]; 2 for a class that is never given. The dtype is that of `pred_probs` (float64 if a
    class is missing), and the mean is computed at that precision.

    References
    ----------
    Northcutt, Jiang, Chuang 2021, equation 2.

    Examples
    --------
    >>> thresholds(np.array([0, 0, 1]), np.array([[0.75, 0.25], [0.25, 0.75], [0.5, 0.5]]))
    array([0.5, 0.5])
    """
    probs, labels = check_pred_probs(pred_probs, given_labels)
    return Classes(labels, probs.shape[1]).means(given_values(probs, labels))


def confident_joint(given_labels: Any, pred_probs: Any, *, calibrate: bool = True) -> np.ndarray:
    """Count examples by given class (rows) and confident true class (columns).

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample
    calibrate : bool
        Whether to scale each row to the number of examples given that class, in whole numbers, instead of returning the
        raw counts.

    Returns
    -------
    int64 array (k, k). The diagonal of the raw counts is at least 1.

    Notes
    -----
    An example counts for a class if its probability reaches the class's threshold within 1e-6; if several classes do,
    for the class of its largest probability. Memory: 16 bytes per pair of a given class and any class.

    References
    ----------
    Northcutt, Jiang, Chuang 2021, equation 1.
    """
    probs, labels = check_pred_probs(pred_probs, given_labels, scan=False)
    rows = read_probs(labels, probs)
    return rows.calibrated() if calibrate else rows.raw_joint()


def calibrate_joint(counts: np.ndarray, given_labels: Any) -> np.ndarray:
    """Scale counts by given and true class to the number of examples given each class.

    Parameters
    ----------
    counts : int or float array (k, k), rows given, columns true
    given_labels : int array (n,), class index; -1 = unlabelled

    Returns
    -------
    int64 array (k, k); row i sums to the number of examples given class i.
    """
    counts = np.asarray(counts)
    labels = check_given_labels(given_labels, len(np.asarray(given_labels)), len(counts))
    return calibrate_counts(counts, label_counts(labels, len(counts)))


def joint(given_labels: Any, pred_probs: Any) -> np.ndarray:
    """Estimate the joint distribution of given and true class.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample

    Returns
    -------
    float64 array (k, k), rows given, columns true, sums to 1; all zero if no row is labelled.

    Raises
    ------
    InputError
        Shapes do not match, labels outside -1 .. k-1, or invalid probabilities.
    """
    counts = confident_joint(given_labels, pred_probs)
    return counts / max(float(counts.sum()), TINY)


@dataclass(frozen=True)
class Noise:
    """Confident-learning estimates of the labelling process, valid only under assumptions (see `confident.health`).

    Attributes
    ----------
    class_priors : float64 (k,)
        P(true = j).
    noise_matrix : float64 (k, k)
        P(given = i | true = j) in row i, column j; columns sum to 1.
    inverse_noise_matrix : float64 (k, k)
        P(true = i | given = j) in row i, column j; columns sum to 1.
    confident_joint : int64 (k, k)
        The calibrated counts behind the estimates; rows given, columns true.
    """

    class_priors: np.ndarray
    noise_matrix: np.ndarray
    inverse_noise_matrix: np.ndarray
    confident_joint: np.ndarray


def estimate_noise(given_labels: Any, pred_probs: Any, *, converge: bool = True) -> Noise:
    """Estimate class priors, noise matrix and inverse noise matrix from the calibrated confident joint.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample
    converge : bool
        Whether to make the three estimates consistent with Bayes' rule by alternating updates.

    Returns
    -------
    Noise: class_priors (k,), noise_matrix (k, k) P(given | true), inverse_noise_matrix (k, k) P(true | given), float64.
    """
    counts = confident_joint(given_labels, pred_probs)
    return noise_from_joint(counts, np.asarray(given_labels), converge=converge)


def noise_from_joint(counts: np.ndarray, given_labels: np.ndarray, *, converge: bool = True) -> Noise:
    """`estimate_noise` from an existing calibrated confident joint."""
    k = len(counts)
    given = label_counts(given_labels, k)
    shares = given / max(float(given.sum()), 1.0)
    forward = counts / np.maximum(counts.sum(axis=0).astype(float), TINY)
    backward = counts.T / np.maximum(counts.sum(axis=1).astype(float), TINY)
    priors = _priors(shares, forward, backward)
    forward, backward = _as_rates(forward), _as_rates(backward)
    if converge:
        for _ in range(3):
            for _ in range(5):
                backward = _as_rates((forward * priors).T / np.maximum(shares, TINY))
                priors = _priors(shares, forward, backward)
            forward = _as_rates((backward * shares).T / np.maximum(priors, TINY))
        priors = np.clip(priors, 1e-5, 1.0)
        priors = priors / max(priors.sum(), TINY)
        forward, backward = _as_rates(forward), _as_rates(backward)
    return Noise(priors, forward, backward, counts)


def noise_matrix(given_labels: Any, pred_probs: Any) -> np.ndarray:
    """Estimate the probability of each given label for each true class, P(given = i | true = j).

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample

    Returns
    -------
    float64 array (k, k), columns sum to 1; see `estimate_noise`.

    Raises
    ------
    InputError
        Shapes do not match, labels outside -1 .. k-1, or invalid probabilities.
    """
    return estimate_noise(given_labels, pred_probs).noise_matrix


def inverse_noise_matrix(given_labels: Any, pred_probs: Any) -> np.ndarray:
    """Estimate the probability of each true class for each given label, P(true = i | given = j).

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample

    Returns
    -------
    float64 array (k, k), columns sum to 1; see `estimate_noise`.

    Raises
    ------
    InputError
        Shapes do not match, labels outside -1 .. k-1, or invalid probabilities.
    """
    return estimate_noise(given_labels, pred_probs).inverse_noise_matrix


def class_priors(given_labels: Any, pred_probs: Any) -> np.ndarray:
    """Estimate the share of each true class, P(true = j).

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample

    Returns
    -------
    float64 array (k,), sums to 1; see `estimate_noise`.

    Raises
    ------
    InputError
        Shapes do not match, labels outside -1 .. k-1, or invalid probabilities.
    """
    return estimate_noise(given_labels, pred_probs).class_priors


def num_issues(given_labels: Any, pred_probs: Any, *, calibrated: bool = False) -> int:
    """Estimate the number of wrong labels: examples off the diagonal of the confident joint.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample
    calibrated : bool
        Whether to count in the calibrated joint, which distributes unconfident examples like confident ones. Otherwise
        the examples themselves are counted, except those whose largest probability is that of the given label.

    Returns
    -------
    int, between 0 and the number of labelled rows.
    """
    probs, labels = check_pred_probs(pred_probs, given_labels, scan=False)
    rows = read_probs(labels, probs)
    if not calibrated:
        return int(rows.off_diagonal().sum())
    counts = calibrate_counts(rows.calibrated(), rows.classes.counts)
    share = 1.0 - (counts / max(float(counts.sum()), TINY)).trace()
    return int(np.rint(share * rows.classes.counts.sum()))


def find_label_issues(
    given_labels: Any,
    pred_probs: Any,
    *,
    by: str = "prune_by_noise_rate",
    frac_noise: float = 1.0,
    min_per_class: int = 1,
    joint_counts: np.ndarray | None = None,
) -> np.ndarray:
    """Find the given labels that a confident-learning filter considers wrong, as a mask.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample
    by : str
        "prune_by_noise_rate" (for every pair of classes, as many examples as the joint counts, by largest margin
        of the other class), "prune_by_class" (for every given class, as many as the joint counts, by smallest
        probability of that class), "both", "confident_learning" (the examples off the diagonal of the confident
        joint), "predicted_neq_given", "low_self_confidence" and "low_normalized_margin" (the lowest `num_issues`
        scores; only these may include examples whose largest probability is that of the given label).
    frac_noise : float
        For the three pruning filters: share of each off-diagonal count to use.
    min_per_class : int
        For the pruning filters: classes of at most this many examples are not pruned, and this many are kept in each.
    joint_counts : int array (k, k), optional
        A calibrated joint for the pruning filters, rows given; by default it is computed.

    Returns
    -------
    bool array (n,)

    Raises
    ------
    InputError
        Invalid arrays, an unknown filter, or `frac_noise` or `joint_counts` for a filter that does not use them.
    """
    if by not in FILTERS:
        raise InputError.unknown("filter", by, FILTERS)
    probs, labels = check_pred_probs(pred_probs, given_labels, scan=False)
    pruning = by in ("prune_by_noise_rate", "prune_by_class", "both")
    if not pruning and (frac_noise != 1.0 or joint_counts is not None):
        raise InputError.at(
            "frac_noise" if frac_noise != 1.0 else "joint_counts",
            f"does not apply to the filter {by!r}",
            "Use it with prune_by_noise_rate, prune_by_class or both.",
        )
    if not 0.0 <= frac_noise <= 1.0:
        raise InputError.at("frac_noise", f"is {frac_noise!r}", "Pass a share between 0 and 1.")
    rows = read_probs(labels, probs, confident=by != "predicted_neq_given")
    if by == "predicted_neq_given":
        return rows.contradicted
    if by == "confident_learning":
        return rows.off_diagonal()
    if by in ("low_self_confidence", "low_normalized_margin"):
        how_many = int(rows.off_diagonal().sum())
        if by == "low_self_confidence":
            return lowest(rows.p_given, how_many)
        # exact if another class leads; if the given label leads, its lead counts as 0, since such a row is no issue
        margins = (rows.p_given - rows.largest + 1) / 2
        return lowest(margins, how_many, lambda: normalized_margin(labels, probs))
    counts = rows.calibrated() if joint_counts is None else np.asarray(joint_counts)
    if counts.shape != (probs.shape[1],) * 2:
        raise InputError.at(
            "joint_counts",
            f"has shape {counts.shape}",
            f"Pass one row and one column for each of the {probs.shape[1]} classes.",
        )
    by_class, by_noise_rate = np.zeros((2, len(probs)), bool)

    def prune(classes: np.ndarray) -> None:
        pruned = to_prune(counts, classes, min_per_class, frac_noise)
        if by != "prune_by_noise_rate":
            how_many = rows.classes.counts[classes] - pruned[np.arange(len(classes)), classes].astype(np.int64)
            by_class[lowest_of_classes(rows.p_given, rows, classes, how_many)] = True
        if by != "prune_by_class":
            by_noise_rate[by_margin(probs, rows, classes, pruned)] = True

    large = np.flatnonzero(rows.classes.counts > max(min_per_class, 1))
    if len(large):
        groups = np.array_split(large, min(len(large), max(GROUPS, probs.shape[1] ** 2 // WIDEST_GROUP)))
        in_threads(prune, groups, probs.size)
    if by == "both":
        return by_class & by_noise_rate & rows.contradicted
    return (by_class if by == "prune_by_class" else by_noise_rate) & rows.contradicted


def rank(
    given_labels: Any, pred_probs: Any, mask: np.ndarray | None = None, *, by: str = "self_confidence"
) -> np.ndarray:
    """Rank rows by a label-quality score, most suspicious first.

    Parameters
    ----------
    given_labels, pred_probs
        As for `find_label_issues`.
    mask : bool array (n,), optional
        Rows to rank; by default all labelled rows.
    by : {"self_confidence", "normalized_margin", "confidence_weighted_entropy"}

    Returns
    -------
    int64 array (m,) of row numbers

    Raises
    ------
    InputError
        An unknown score, or arrays that do not match.
    """
    if by not in RANKINGS:
        raise InputError.unknown("ranking", by, RANKINGS)
    probs, labels = check_pred_probs(pred_probs, given_labels)
    chosen = np.flatnonzero(labels >= 0 if mask is None else np.asarray(mask) & (labels >= 0))
    return chosen[np.argsort(RANKINGS[by](labels[chosen], probs[chosen]))]


def threshold_adjusted(given_labels: Any, pred_probs: Any) -> np.ndarray:
    """Subtract class thresholds from probabilities, shift to positive and rescale to sum 1; fairer to rare classes.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample

    Returns
    -------
    float array (n, k), a copy, for use with the label-quality scores.

    Raises
    ------
    InputError
        Shapes do not match, labels outside -1 .. k-1, or invalid probabilities.
    """
    probs, labels = check_pred_probs(pred_probs, given_labels)
    limits = Classes(labels, probs.shape[1]).means(given_values(probs, labels))
    adjusted = float_rows(probs) - limits
    adjusted += limits.max()
    adjusted /= adjusted.sum(axis=1, keepdims=True)
    return adjusted


def _priors(shares: np.ndarray, forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Return P(true) from P(given) and the two diagonals, at least 1e-6 before normalization."""
    priors = backward.diagonal() / np.maximum(forward.diagonal(), TINY) * shares
    priors = np.minimum(np.maximum(priors, 1e-6), 1.0)  # on a few numbers, three times as fast as np.clip
    return priors / max(priors.sum(), TINY)


def _as_rates(matrix: np.ndarray) -> np.ndarray:
    """Clip off-diagonal rates to [0, .9999] and normalize columns to sum 1."""
    rates = np.minimum(np.maximum(matrix, 0), 0.9999)
    diagonal = slice(None, None, len(matrix) + 1)
    rates.flat[diagonal] = matrix.flat[diagonal]
    return rates / np.maximum(rates.sum(axis=0), TINY)
