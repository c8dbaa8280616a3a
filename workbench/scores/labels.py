"""Label quality from one set of predicted probabilities, which should be out-of-sample.

Low is suspicious for all three scores. An unlabelled row (label -1) gets NaN. The scales are those of cleanlab 2.9, so
that thresholds and plots carry over.
"""

from __future__ import annotations

import numpy as np

from workbench.foundation.reductions import by_blocks, float_rows, given_and_other, given_values
from workbench.scores.registry import register

SCORE_FLOOR = 1e-6


@register(suspicious="low", range=(0.0, 1.0), source="Northcutt, Jiang, Chuang 2021, Confident Learning, section 2")
def self_confidence(given_labels: np.ndarray, pred_probs: np.ndarray) -> np.ndarray:
    """Predicted probability of the given label.

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample

    Returns
    -------
    float array (n,), in [0, 1]; low is suspicious. float32 for float16 and float32 input, else float64.

    Examples
    --------
    >>> self_confidence(np.array([0, 1, -1]), np.array([[0.75, 0.25], [0.5, 0.5], [1.0, 0.0]]))
    array([0.75, 0.5 ,  nan])
    """
    return given_values(np.asarray(pred_probs), np.asarray(given_labels))


@register(
    suspicious="low", range=(0.0, 1.0), source="Northcutt, Jiang, Chuang 2021, Confident Learning; Wei et al. 2018"
)
def normalized_margin(given_labels: np.ndarray, pred_probs: np.ndarray) -> np.ndarray:
    """Probability of the given label minus the largest other probability, rescaled from [-1, 1] to [0, 1].

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample

    Returns
    -------
    float array (n,), in [0, 1]; low is suspicious, .5 is a tie. With a single class the score is (p + 1) / 2.

    Examples
    --------
    >>> normalized_margin(np.array([0, 1]), np.array([[0.75, 0.25], [1.0, 0.0]]))
    array([0.75, 0.  ])
    """
    pred_probs, given_labels = np.asarray(pred_probs), np.asarray(given_labels)
    margin, other = given_and_other(pred_probs, given_labels)
    if pred_probs.shape[1] > 1:
        margin -= other
    margin += 1
    margin /= 2
    return margin


@register(
    suspicious="low",
    range=(0.0, 1.0),
    source="Kuan and Mueller 2022, Model-agnostic label quality scoring; scale of cleanlab 2.9",
)
def confidence_weighted_entropy(given_labels: np.ndarray, pred_probs: np.ndarray) -> np.ndarray:
    """Normalized entropy of the probabilities divided by the probability of the given label, mapped to [0, 1].

    Parameters
    ----------
    given_labels : int array (n,), class index; -1 = unlabelled
    pred_probs : float array (n, k), in [0, 1], out-of-sample

    Returns
    -------
    float64 array (n,), in [0, 1]; low is suspicious. NaN with a single class, for which normalization is undefined.

    Notes
    -----
    With s = (H / log k) / max(p, 1e-6), the score is log(1 + s) / max(s, 1e-6). As in cleanlab 2.9, a row with a
    certain prediction (s below 1e-6) scores near 0 even if the given label is predicted: use it together with
    `self_confidence`. Cost: one logarithm per element, in blocks.

    Examples
    --------
    >>> confidence_weighted_entropy(np.array([0, 0]), np.array([[0.5, 0.5], [0.1, 0.9]])).round(3)
    array([0.549, 0.371])
    """
    pred_probs, given_labels = np.asarray(pred_probs), np.asarray(given_labels)
    n, k = pred_probs.shape
    ratio = np.full(n, np.nan)
    if k == 1:
        return ratio

    def work(rows: slice) -> None:
        ratio[rows] = _entropy_block(float_rows(pred_probs[rows]))

    by_blocks(work, n, k)
    ratio /= np.log(k)
    ratio /= np.maximum(given_values(pred_probs, given_labels), SCORE_FLOOR)
    return np.log1p(ratio) / np.maximum(ratio, SCORE_FLOOR)


def _entropy_block(block: np.ndarray) -> np.ndarray:
    """Return the Shannon entropy of each row in nats, with 0 log 0 = 0."""
    logs = np.maximum(block, np.finfo(block.dtype).tiny)
    np.log(logs, out=logs)
    logs *= block
    return -logs.sum(axis=1)
