"""Shared data for the tests of tags: attributes of noisy digits with missing tags, and canvases of two digits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from planted import digit_attributes
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression


class Digits(NamedTuple):
    """Noisy digits: x (n, 64) and the true attributes (n, 6)."""

    x: np.ndarray
    true: np.ndarray


@pytest.fixture(scope="session")
def digits() -> Digits:
    return Digits(*digit_attributes(np.random.default_rng(0), 600))


class Canvases(NamedTuple):
    """Images of 8 x 24 pixels with three places, two of which contain a digit.

    scores (n, 1, 3, 10) : probabilities for the three places, from a classifier trained on other digits.
    shown (n, 10) : the digits shown. kept (n,) : the labelled one.
    at (n, 2) : their places, the labelled one first.
    """

    images: np.ndarray
    scores: np.ndarray
    shown: np.ndarray
    kept: np.ndarray
    at: np.ndarray


@pytest.fixture(scope="session")
def canvases() -> Canvases:
    rng = np.random.default_rng(1)
    data = load_digits()
    order = rng.permutation(len(data.target))
    learn, show = order[:900], order[900:]
    blank = rng.integers(0, 3, (90, 64)).astype(float)
    model = LogisticRegression(C=0.01, max_iter=2000)
    model.fit(np.concatenate([data.data[learn], blank]), np.concatenate([data.target[learn], np.full(90, 10)]))
    n = 200
    pairs = rng.choice(show, (n, 2))
    images = rng.integers(0, 3, (n, 8, 3, 8)).astype(float)
    at = np.stack([rng.permutation(3)[:2] for _ in range(n)])
    for row in range(n):
        for place, one in zip(at[row], pairs[row]):
            images[row, :, place] = data.images[one]
    flat = images.transpose(0, 2, 1, 3).reshape(n * 3, 64)
    scores = model.predict_proba(flat).reshape(n, 1, 3, 11)[..., :10]
    shown = np.zeros((n, 10), int)
    np.put_along_axis(shown, data.target[pairs], 1, axis=1)
    return Canvases(images.reshape(n, 8, 24), scores, shown, data.target[pairs[:, 0]], at)
