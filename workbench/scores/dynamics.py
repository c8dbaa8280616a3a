"""Training dynamics: scores of each example over the epochs of one training run.

Every function takes one matrix (epochs, n) of a recorded statistic, NaN where an example was not recorded in an
epoch, and returns one value per example. Epochs without a record are left out, not counted as zero; an example that
was never recorded gets NaN (False for `never_learned`). Sums use float64, results are float32. Cost: one pass over
the matrix, no temporary array larger than one epoch. `running=` names the state with which a recorded run updates the
score.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from workbench.scores.registry import register
from workbench.scores.running import DEVIATION, FORGOTTEN_STEPS, MEAN, NEVER_RIGHT


def _early(epochs: int, early: float = 0.25) -> int:
    return max(1, int(epochs * early))


@register(
    suspicious="low", range=(0.0, 1.0), source="Swayamdipta et al. 2020, Dataset Cartography, section 2", running=MEAN
)
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
    return MEAN.over(p_given)


@register(
    suspicious="high",
    range=(0.0, 0.5),
    source="Swayamdipta et al. 2020, Dataset Cartography, section 2",
    running=DEVIATION,
)
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
    Population standard deviation (ddof 0), from sums of differences to the first recorded value. Whether high or low
    values point to wrong labels depends on the model.

    Examples
    --------
    >>> variability(np.array([[0.5, 0.1], [1.0, np.nan]]))
    array([0.25, 0.  ], dtype=float32)
    """
    return DEVIATION.over(p_given)


@register(
    suspicious="low",
    range=(0.0, 1.0),
    source="Swayamdipta et al. 2020, Dataset Cartography, section 2 (as a share)",
    running=MEAN,
)
def correctness(correct: np.ndarray) -> np.ndarray:
    """Share of epochs in which the given label was predicted.

    Parameters
    ----------
    correct : float array (epochs, n), 1 correct, 0 wrong, NaN not recorded

    Returns
    -------
    float32 array (n,), in [0, 1]; low is suspicious. The paper uses the count: this share times the number of epochs.

    Examples
    --------
    >>> correctness(np.array([[1.0, 0.0], [1.0, 1.0]]))
    array([1. , 0.5], dtype=float32)
    """
    return MEAN.over(correct)


@register(
    suspicious="high",
    range=(0.0, math.inf),
    source="Toneva et al. 2019, An Empirical Study of Example Forgetting",
    running=FORGOTTEN_STEPS,
)
def forgetting(correct: np.ndarray) -> np.ndarray:
    """Number of times the prediction changed from correct to wrong between consecutive recorded epochs.

    Parameters
    ----------
    correct : float array (epochs, n), 1 correct, 0 wrong, NaN not recorded

    Returns
    -------
    float32 array (n,), non-negative whole numbers; high is suspicious. 0 for an example that was never learned: see
    `never_learned`. NaN only for an example that was never recorded.

    Examples
    --------
    >>> forgetting(np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]))
    array([2., 0.], dtype=float32)
    """
    return FORGOTTEN_STEPS.over(correct)


@register(
    suspicious="high",
    range=(0.0, 1.0),
    source="Toneva et al. 2019, An Empirical Study of Example Forgetting",
    running=NEVER_RIGHT,
)
def never_learned(correct: np.ndarray) -> np.ndarray:
    """Whether the given label was never predicted.

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
    return NEVER_RIGHT.over(correct)


@register(
    suspicious="low",
    range=(-math.inf, math.inf),
    source="Pleiss et al. 2020, Area Under the Margin, equation 2",
    running=MEAN,
)
def aum(margin: np.ndarray) -> np.ndarray:
    """Area under the margin: the lead of the given label's logit over the largest other one, averaged over training.

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
    return MEAN.over(margin)


@register(
    suspicious="high",
    range=(0.0, math.sqrt(2.0)),
    source="Paul et al. 2021, Deep Learning on a Data Diet, definition 2.2",
    running=replace(MEAN, taken=_early),
)
def el2n(el2n: np.ndarray, *, early: float = 0.25) -> np.ndarray:
    """Length of the error vector (probabilities minus one-hot), averaged over the early epochs.

    Parameters
    ----------
    el2n : float array (epochs, n), in [0, sqrt 2]
        The norm of one epoch (not its square).
    early : float
        Share of the epochs that counts as early; at least one epoch is used.

    Returns
    -------
    float32 array (n,), in [0, sqrt 2]; high is suspicious. NaN where no early epoch was recorded.

    Examples
    --------
    >>> el2n(np.array([[1.0, 0.5], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
    array([1. , 0.5], dtype=float32)
    """
    el2n = np.asarray(el2n)
    return MEAN.over(el2n[: _early(len(el2n), early)])


@register(
    suspicious="high",
    range=(0.0, math.inf),
    source="mean over epochs of the cross-entropy; Arazo et al. 2019, section 3",
    running=MEAN,
)
def mean_loss(loss: np.ndarray) -> np.ndarray:
    """Mean over epochs of the cross-entropy of the given label.

    Parameters
    ----------
    loss : float array (epochs, n), in nats

    Returns
    -------
    float32 array (n,), non-negative; high is suspicious

    Examples
    --------
    >>> mean_loss(np.array([[1.0, 0.5], [2.0, 0.5]]))
    array([1.5, 0.5], dtype=float32)
    """
    return MEAN.over(loss)


@register(
    suspicious="high",
    range=(0.0, math.inf),
    source="mean over epochs of the Shannon entropy of the predicted probabilities",
    running=MEAN,
)
def mean_entropy(entropy: np.ndarray) -> np.ndarray:
    """Mean over epochs of the entropy of the predicted probabilities.

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
    return MEAN.over(entropy)
