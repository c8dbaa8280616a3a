"""Scenes for the tests of masks: shapes on a ground, with noisy features and class scores of pixels."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest


def shapes(n: int, k: int, *, size: int = 40, number: int = 3, seed: int = 0) -> tuple[np.ndarray, list[list]]:
    """Return label images (n, size, size) with codes 0 (ground) .. k - 1, and the (mask, code) of each shape, none of
    which overlap."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    labels, found = np.zeros((n, size, size), np.int64), []
    for row in range(n):
        own = []
        while len(own) < number:
            cy, cx, r = [*rng.uniform(6, size - 6, 2).tolist(), rng.uniform(4, 6)]
            round_ = rng.random() < 0.5
            mask = (y - cy) ** 2 + (x - cx) ** 2 < r * r if round_ else np.maximum(abs(y - cy), abs(x - cx)) < r
            if not (labels[row][mask] > 0).any():
                code = int(rng.integers(1, k))
                labels[row][mask] = code
                own.append((mask, code))
        found.append(own)
    return labels, found


def miou(truth, predicted, k):
    """Return the mean IoU by another route: a confusion matrix over all pixels, classes of the truth."""
    truth, predicted = np.ravel(truth), np.ravel(predicted)
    found = []
    for code in range(k):
        one, other = truth == code, predicted == code
        if one.any():
            found.append((one & other).sum() / (one | other).sum())
    return float(np.mean(found))


@pytest.fixture(scope="session")
def scenes():
    """Sixteen images of five classes: `labels`, features (n, 6, h, w) of class centres with noise, class probabilities
    `probs` (n, 5, h, w), the `shapes`."""
    labels, found = shapes(16, 5, size=32, seed=1)
    rng = np.random.default_rng(2)
    centers = rng.normal(0, 1.2, (5, 6))
    features = (centers[labels] + rng.normal(0, 0.8, (*labels.shape, 6))).transpose(0, 3, 1, 2)
    logits = 2.5 * np.eye(5)[labels] + rng.normal(0, 1.1, (*labels.shape, 5))
    probs = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return SimpleNamespace(
        labels=labels, features=features, probs=probs.transpose(0, 3, 1, 2), shapes=found, centers=centers
    )


@pytest.fixture(scope="session", name="miou")
def miou_fixture():
    return miou


@pytest.fixture(scope="session", name="shapes")
def shapes_fixture():
    return shapes
