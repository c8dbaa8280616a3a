"""One score per example from training dynamics, with epochs weighted by how informative they are.

Early in training a network has learned nothing; late it has memorised all labels, including wrong ones. The epochs in
between separate them, and their position depends on the model: the first quarter for a network that fits fast, the last
for one that never fits. Epochs are therefore weighted by their own predictions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.evidence.evidence import Evidence
from workbench.evidence.most_informative_epoch import epoch_weights


@dataclass(frozen=True)
class Doubt:
    """Summary of training dynamics.

    Attributes
    ----------
    doubt : float64 (n,), normal score, high = suspicious; NaN if not recorded
    weights : float64 (epochs,), sum 1
    learned : int (n,), number of epochs in which the given label was predicted; -1 if not recorded
    recorded : int (n,), number of epochs in which the example was recorded
    other : int (n,), the most frequently predicted class (weighted) other than the given one; -1 = unknown
    p_given : float64 (n,), weighted mean over epochs of the probability of the given label
    confidence : float64 (n,), the plain mean (Swayamdipta et al. 2020, Dataset Cartography)
    """

    doubt: np.ndarray
    weights: np.ndarray
    learned: np.ndarray
    recorded: np.ndarray
    other: np.ndarray
    p_given: np.ndarray
    confidence: np.ndarray


def normal_scores(values: np.ndarray) -> np.ndarray:
    """Return normal quantiles of ranks, float64 (n,), with mean ranks for ties; NaN stays NaN."""
    from scipy.special import ndtri

    out = np.full(len(values), np.nan)
    there = ~np.isnan(values)
    if there.any():
        out[there] = ndtri((pd.Series(values[there]).rank().to_numpy() - 0.5) / there.sum())
    return out


def doubt(evidence: Evidence) -> Doubt | None:
    """Add the normal scores of the weighted means of EL2N and the margin; None without per-epoch evidence."""
    usable = [name for name in ("el2n", "margin", "p_given", "loss") if evidence.has(name)]
    if not usable:
        return None
    labels, k = evidence.given_labels, evidence.k
    correct = _correct(evidence)
    if not len(correct):
        return None
    weights = epoch_weights(correct, labels, k)
    signs = {"el2n": 1, "margin": -1, "p_given": -1, "loss": 1}
    chosen = [name for name in ("el2n", "margin") if name in usable] or usable[:1]
    total = np.where(labels < 0, np.nan, 0.0)
    for name in chosen:
        values = evidence.get(name)
        if name == "margin" and k < 2:
            continue
        total += signs[name] * normal_scores(_weighted(values, weights))
    recorded = (~np.isnan(correct)).sum(axis=0)
    learned = np.where(recorded > 0, np.nansum(correct, axis=0), -1).astype(np.int64)
    sure = _given(evidence)
    p_given, confidence = (_weighted(sure, each) for each in (weights, np.ones(len(weights))))
    return Doubt(normal_scores(total), weights, learned, recorded, _other(evidence, weights), p_given, confidence)


def _given(evidence: Evidence) -> np.ndarray:
    """Return the probability of the given label per epoch, (epochs, n), or the best available substitute."""
    if evidence.has("p_given"):
        return np.asarray(evidence.get("p_given"))
    if evidence.has("loss"):
        return np.exp(-np.asarray(evidence.get("loss")))
    if evidence.has("el2n"):
        return np.clip(1 - np.asarray(evidence.get("el2n")) / np.sqrt(2), 0, 1)
    margin = np.asarray(evidence.get("margin"))
    return np.where(np.isnan(margin), np.nan, margin > 0)


def _correct(evidence: Evidence) -> np.ndarray:
    if evidence.has("correct"):
        return np.asarray(evidence.get("correct"), np.float32)
    if evidence.has("margin"):
        margin = np.asarray(evidence.get("margin"))
        return np.where(np.isnan(margin), np.nan, margin > 0).astype(np.float32)
    p_given = _given(evidence)
    return np.where(np.isnan(p_given), np.nan, p_given > 0.5).astype(np.float32)


def _weighted(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted mean over the recorded epochs, float64 (n,)."""
    total, weight = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for epoch, one in enumerate(values):
        there = ~np.isnan(one)
        total[there] += weights[epoch] * one[there]
        weight[there] += weights[epoch]
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1), np.nan)


def _other(evidence: Evidence, weights: np.ndarray) -> np.ndarray:
    n, k = evidence.n, evidence.k
    other = np.full(n, -1)
    if not evidence.has("pred") or n * k > 1 << 27:
        return other
    pred = evidence.get("pred")
    votes = np.zeros((n, k), np.float32)
    every = np.arange(n)
    for epoch, one in enumerate(pred):
        there = one >= 0
        votes[every[there], one[there]] += weights[epoch]
    labelled = evidence.given_labels >= 0
    votes[every[labelled], evidence.given_labels[labelled]] = 0
    found = votes.max(axis=1) > 0
    other[found] = votes.argmax(axis=1)[found]
    return other
