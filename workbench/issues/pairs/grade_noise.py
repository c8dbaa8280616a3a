"""Which wrong grades take the place of which right ones, learned from graded pairs and out-of-fold probabilities."""

from __future__ import annotations

import numpy as np

NOISE_ROUNDS = 5

MIX_WEIGHT, RATE_WEIGHT = 0.3, 1.0
"""Weights of the prior, relative to the expected number of wrong grades: of how a right grade is replaced, and of how
often. The rate differs more between sources of grades, so its prior is stronger."""

LEAST_RATE, MOST_RATE = 1e-4, 0.5


def grade_noise(given: np.ndarray, probs: np.ndarray, rate: float) -> np.ndarray:
    """Estimate P(given = row | true = column), (k, k), columns sum to 1.

    Parameters
    ----------
    given : int (m,), in [0, k). probs : float (m, k), out-of-fold probabilities of the grades, positive.
    rate : in (0, .5], share of wrong grades over all pairs; it is held.

    Notes
    -----
    Five rounds of expectation maximisation (Dawid and Skene 1979, with one annotator and known class probabilities).
    Prior: wrong grades are near and common ones, in proportion to sqrt(share) / distance in grades, and all grades are
    wrong at the same rate. Errors alone do not determine the rate, since `probs` are fitted to the same grades: the
    rounds would end at 0.
    """
    k = probs.shape[1]
    shares = np.bincount(given, minlength=k) + 0.5
    apart = np.abs(np.subtract.outer(np.arange(k), np.arange(k)))
    usual = np.where(apart > 0, np.sqrt(shares)[:, None] / np.maximum(apart, 1), 0.0)
    usual /= usual.sum(axis=0)
    mix, rates = usual, np.full(k, rate)
    for _ in range(NOISE_ROUNDS):
        posterior = probs * (mix * rates + np.diag(1 - rates))[given]
        posterior /= np.maximum(posterior.sum(axis=1, keepdims=True), 1e-300)
        joint = np.stack([np.bincount(given, column, k) for column in posterior.T], axis=1)
        count = np.maximum(joint.sum(axis=0), 1e-9)
        wrong = np.where(apart > 0, joint, 0.0)
        mix = wrong + MIX_WEIGHT * rate * count * usual
        mix /= mix.sum(axis=0)
        rates = (wrong.sum(axis=0) / count + RATE_WEIGHT * rate) / (1 + RATE_WEIGHT)
        rates = np.clip(rates * rate * count.sum() / (rates * count).sum(), LEAST_RATE, MOST_RATE)
    return mix * rates + np.diag(1 - rates)
