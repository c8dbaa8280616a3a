"""Other libraries that the engine is compared with: their own calls, or a loop after a published definition."""

from __future__ import annotations

import tempfile
import warnings
from itertools import pairwise

import numpy as np


def cleanlab_filter(given_labels: np.ndarray, pred_probs: np.ndarray, by: str, n_jobs: int | None) -> np.ndarray:
    """cleanlab's find_label_issues, as a mask."""
    from cleanlab.filter import find_label_issues

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return find_label_issues(given_labels, pred_probs, filter_by=by, n_jobs=n_jobs)


def cleanlab_margin(given_labels: np.ndarray, pred_probs: np.ndarray) -> np.ndarray:
    """cleanlab's normalized margin without input validation."""
    from cleanlab.rank import get_normalized_margin_for_each_label

    return get_normalized_margin_for_each_label(given_labels, pred_probs)


def cleanlab_margin_checked(given_labels: np.ndarray, pred_probs: np.ndarray) -> np.ndarray:
    """cleanlab's normalized margin as documented, with input validation."""
    from cleanlab.rank import get_label_quality_scores

    return get_label_quality_scores(given_labels, pred_probs, method="normalized_margin")


def aum_all_epochs(logits: np.ndarray, given_labels: np.ndarray) -> dict[int, float]:
    """aum's calculator with all examples of an epoch in one call, its fastest use."""
    import torch
    from aum import AUMCalculator

    ids = list(range(len(given_labels)))
    labels = torch.from_numpy(given_labels)
    with tempfile.TemporaryDirectory() as folder:
        calculator = AUMCalculator(folder)
        for epoch in logits:
            calculator.update(torch.from_numpy(epoch), labels, ids)
        return {i: calculator.sums[i] / calculator.counts[i] for i in ids}


def cartography_loop(logits: list[list[list[float]]], given_labels: list[int]) -> dict[str, list[float]]:
    """Dataset cartography example by example: one softmax and one argmax for each example and epoch.

    Follows the definitions in the paper and the structure of its published script, whose records are lists of numbers
    read from JSON: logits[example][epoch][class].
    """
    import torch

    confidence, variability, correctness, forgetting = [], [], [], []
    for epochs, label in zip(logits, given_labels):
        p_given, right = [], []
        for values in epochs:
            probs = torch.nn.functional.softmax(torch.Tensor(values), dim=-1)
            p_given.append(float(probs[label]))
            right.append(bool(np.argmax(values) == label))
        confidence.append(np.mean(p_given))
        variability.append(np.std(p_given))
        correctness.append(sum(right))
        forgetting.append(sum(before and not after for before, after in pairwise(right)))
    return {
        "confidence": confidence,
        "variability": variability,
        "correctness": correctness,
        "forgetting": forgetting,
    }
