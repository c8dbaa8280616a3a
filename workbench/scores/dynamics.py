"""Training dynamics: how each example fared over the epochs of one training.

Every function takes one matrix (epochs, n) of a recorded statistic, NaN where an example was not recorded in an
epoch, and returns one value per example. Epochs without a record are left out, not counted as zero; an example that
was never recorded gets NaN (False for `never_learned`). Sums run in float64, results are float32. Cost: one pass over
the matrix, no temporary larger than one epoch unless values are missing.
"""

from __future__ import annotations

import math

import numpy as np

from workbench.scores.registry import score


def _recorded_mean(values: np.ndarray) -> tuple[np.ndarray, np.ndarray | int]:
    """Mean over recorded epochs, float64 (n,), and how many there were: an int, or (n,) where some are missing."""
    values = np.asarray(values)
    total = np.zeros(values.shape[1])
    for epoch in values:
        total += epoch
    if not np.isnan(total).any():
        return total / max(len(values), 1) if len(values) else np.full(total.shape, np.nan), len(values)
    total[:] = 0
    count = np.zeros(values.shape[1], np.int64)
    for epoch in values:
        there = ~np.isnan(epoch)
        np.add(total, epoch, out=total, where=there)
        count += there
    mean = np.full(total.shape, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean, count


@score(suspicious="low", range=(0.0, 1.0), source="Swayamdipta et al. 2020, Dataset Cartography, section 2")
def confidence(p_given: np.ndarray) -> np.ndarray:
    """Mean over epochs of the probability of the given label.

    Parameters
    ----------
    p_given : float array (epochs, n), in [0, 1]

    Returns
    -------
    float32 array (n,), in [0, 1]; low is suspicious

    Examples
    --------
    >>> confidence(np.array([[0.5, 0.1], [1.0, np.nan]]))
    array([0.75, 0.1 ], dtype=float32)
    """
    return _recorded_mean(p_given)[0].astype(np.float32)


@score(suspicious="high", range=(0.0, 0.5), source="Swayamdipta et al. 2020, Dataset Cartography, section 2")
def variability(p_given: np.ndarray) -> np.ndarray:
    """Standard deviation over epochs of the probability of the given label.

    Parameters
    ----------
    p_given : float array (epochs, n), in [0, 1]

    Returns
    -------
    float32 array (n,), in [0, 0.5]; high means ambiguous

    Notes
    -----
    Population standard deviation (ddof 0), in two passes. Which end points to wrong labels depends on the model.

    Examples
    --------
    >>> variability(np.array([[0.5, 0.1], [1.0, np.nan]]))
    array([0.25, 0.  ], dtype=float32)
    """
    p_given = np.asarray(p_given)
    mean, count = _recorded_mean(p_given)
    squares = np.zeros(p_given.shape[1])
    for epoch in p_given:
        away = epoch - mean
        np.multiply(away, away, out=away)
        if isinstance(count, np.ndarray):
            np.nan_to_num(away, copy=False, nan=0.0)
        squares += away
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(squares / count).astype(np.float32)


@score(
    suspicious="low", range=(0.0, 1.0), source="Swayamdipta et al. 2020, Dataset Cartography, section 2 (as a share)"
)
def correctness(correct: np.ndarray) -> np.ndarray:
    """Share of epochs in which the given label was the predicted one.

    Parameters
    ----------
    correct : float array (epochs, n), 1 correct, 0 wrong, NaN not recorded

    Returns
    -------
    float32 array (n,), in [0, 1]; low is suspicious. Cartography's own value is the count: share times epochs.

    Examples
    --------
    >>> correctness(np.array([[1.0, 0.0], [1.0, 1.0]]))
    array([1. , 0.5], dtype=float32)
    """
    return _recorded_mean(correct)[0].astype(np.float32)


@score(suspicious="high", range=(0.0, math.inf), source="Toneva et al. 2019, An Empirical Study of Example Forgetting")
def forgetting(correct: np.ndarray) -> np.ndarray:
    """Number of steps from correct to wrong between one recorded epoch and the next.

    Parameters
    ----------
    correct : float array (epochs, n), 1 correct, 0 wrong, NaN not recorded

    Returns
    -------
    float32 array (n,), whole numbers from 0; high is suspicious. 0 for an example that was never learned: see
    `never_learned`. NaN only for an example that was never recorded.

    Examples
    --------
    >>> forgetting(np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]))
    array([2., 0.], dtype=float32)
    """
    correct = np.asarray(correct)
    steps = np.zeros(correct.shape[1], np.float32)
    was_right = np.zeros(correct.shape[1], bool)
    seen = np.zeros(correct.shape[1], bool)
    for epoch in correct:
        right, wrong = epoch > 0.5, epoch <= 0.5
        steps += was_right & wrong
        seen |= right
        seen |= wrong
        was_right = (was_right & ~wrong) | right
    steps[~seen] = np.nan
    return steps


@score(suspicious="high", range=(0.0, 1.0), source="Toneva et al. 2019, An Empirical Study of Example Forgetting")
def never_learned(correct: np.ndarray) -> np.ndarray:
    """Whether the given label was not once the predicted one.

    Parameters
    ----------
    correct : float array (epochs, n), 1 correct, 0 wrong, NaN not recorded

    Returns
    -------
    bool array (n,); True is suspicious. False for an example that was never recorded.

    Examples
    --------
    >>> never_learned(np.array([[1.0, 0.0, np.nan], [0.0, 0.0, np.nan]]))
    array([False,  True, False])
    """
    correct = np.asarray(correct)
    right = np.zeros(correct.shape[1], bool)
    wrong = np.zeros(correct.shape[1], bool)
    for epoch in correct:
        right |= epoch > 0.5
        wrong |= epoch <= 0.5
    return wrong & ~right


@score(suspicious="low", range=(-math.inf, math.inf), source="Pleiss et al. 2020, Area Under the Margin, equation 2")
def aum(margin: np.ndarray) -> np.ndarray:
    """Area under the margin: how far the given label's logit led the others, averaged over training.

    Parameters
    ----------
    margin : float array (epochs, n), in logits
        Given logit minus the largest other logit.

    Returns
    -------
    float32 array (n,), in logits; low is suspicious

    Examples
    --------
    >>> aum(np.array([[2.0, -1.0], [4.0, -2.0]]))
    array([ 3. , -1.5], dtype=float32)
    """
    return _recorded_mean(margin)[0].astype(np.float32)


@score(
    suspicious="high",
    range=(0.0, math.sqrt(2.0)),
    source="Paul et al. 2021, Deep Learning on a Data Diet, definition 2.2",
)
def el2n(el2n: np.ndarray, *, early: float = 0.25) -> np.ndarray:
    """Length of the error vector (probabilities minus one-hot), averaged over the early epochs.

    Parameters
    ----------
    el2n : float array (epochs, n), in [0, sqrt 2]
        The norm of one epoch (not its square).
    early : float
        Which share of the epochs counts as early; at least one epoch does.

    Returns
    -------
    float32 array (n,), in [0, sqrt 2]; high is suspicious. NaN where no early epoch was recorded.

    Examples
    --------
    >>> el2n(np.array([[1.0, 0.5], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
    array([1. , 0.5], dtype=float32)
    """
    el2n = np.asarray(el2n)
    return _recorded_mean(el2n[: max(1, int(len(el2n) * early))])[0].astype(np.float32)


@score(
    suspicious="high",
    range=(0.0, math.inf),
    source="mean over epochs of the cross-entropy; Arazo et al. 2019, section 3",
)
def mean_loss(loss: np.ndarray) -> np.ndarray:
    """Mean over epochs of the cross-entropy of the given label.

    Parameters
    ----------
    loss : float array (epochs, n), in nats

    Returns
    -------
    float32 array (n,), from 0; high is suspicious

    Examples
    --------
    >>> mean_loss(np.array([[1.0, 0.5], [2.0, 0.5]]))
    array([1.5, 0.5], dtype=float32)
    """
    return _recorded_mean(loss)[0].astype(np.float32)


@score(
    suspicious="high",
    range=(0.0, math.inf),
    source="mean over epochs of the Shannon entropy of the predicted probabilities",
)
def mean_entropy(entropy: np.ndarray) -> np.ndarray:
    """Mean over epochs of the entropy of the predicted probabilities: how undecided the model stayed.

    Parameters
    ----------
    entropy : float array (epochs, n), in nats, in [0, log k]

    Returns
    -------
    float32 array (n,), in [0, log k]; high means hard

    Examples
    --------
    >>> mean_entropy(np.array([[0.2, 0.0], [0.4, 0.0]]))
    array([0.3, 0. ], dtype=float32)
    """
    return _recorded_mean(entropy)[0].astype(np.float32)
