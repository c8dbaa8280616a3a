"""Pool several opinions about the classes: a weighted sum of log probabilities that maximises the likelihood of sets.

Uninformative models get little weight, and over- and underconfident models are rescaled. Only opinions of models that
have not seen the sets may be pooled in this way.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import reduce

import numpy as np

from workbench.issues.loo_classifiers import LOO_FLOOR
from workbench.issues.partial.disambiguation import normalised

WEIGHTS_ALONE = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
"""Candidate weights of a single opinion."""

OWN_WEIGHTS, GIVEN_WEIGHTS = (0.75, 1.0, 1.25), (0.0, 0.1, 0.25, 0.5)
"""Candidate weights of our own classifiers, which are already scaled, and of a given opinion. The latter may fit the
sets only because both share the same mistakes, so its weight is limited; a confident opinion needs little weight."""

POOLING_SAMPLE = 5000
"""Maximum number of rows used to choose the weights."""


def weights_of(opinions: Sequence[np.ndarray], sets: np.ndarray) -> tuple[float, ...]:
    """Choose weights of one or two opinions, log probabilities (n, k), that maximise the likelihood of the sets."""
    rows = np.flatnonzero(sets.any(axis=1))
    rows = rows if len(rows) <= POOLING_SAMPLE else rows[np.linspace(0, len(rows) - 1, POOLING_SAMPLE).astype(int)]
    some, given = [one[rows] for one in opinions], sets[rows]
    tried = [(one,) for one in WEIGHTS_ALONE] if len(opinions) == 1 else itertools.product(OWN_WEIGHTS, GIVEN_WEIGHTS)
    best: tuple[float, tuple[float, ...]] = (-np.inf, (1.0,) * len(opinions))
    for weights in tried:
        probs = np.exp(pooled(some, weights))
        inside = np.where(given, probs, 0).sum(axis=1)
        value = float(np.log(np.maximum(inside, LOO_FLOOR)).mean()) if len(rows) else 0.0
        if value > best[0] + 1e-9:
            best = (value, weights)
    return best[1]


def pooled(opinions: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Return the normalised weighted sum of log probabilities (n, k)."""
    return normalised(reduce(np.add, (np.float32(weight) * one for weight, one in zip(weights, opinions, strict=True))))
