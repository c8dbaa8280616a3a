"""Small networks trained together as slices of the same arrays: one hidden layer of rectified linear units, AdamW.

Gradients are computed by hand: for networks this small, a framework would spend most of the time on overhead, and its
import would take longer than the training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from workbench.foundation.parallel import at_most_threads

BATCH = 32
RATE = 1e-2  # learning rate
DECAY = 1e-4
ADAM_FIRST, ADAM_SECOND, ADAM_EPSILON = 0.9, 0.999, 1e-8  # decay rates of Adam's two moments, and epsilon


@dataclass(frozen=True)
class Networks:
    """M networks of d inputs, w hidden units, k classes: views into one flat array of all weights.

    Attributes
    ----------
    flat : float32 (M * (d w + w + w k + k),)
    into, into_bias : (d, M w), (M w,); out, out_bias : (M, w, k), (M, 1, k)
    """

    flat: np.ndarray
    into: np.ndarray
    into_bias: np.ndarray
    out: np.ndarray
    out_bias: np.ndarray

    @classmethod
    def empty(cls, m: int, d: int, width: int, k: int) -> Networks:
        """Create networks with all weights zero."""
        shapes = ((d, m * width), (m * width,), (m, width, k), (m, 1, k))
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        flat = np.zeros(ends[-1], np.float32)
        return cls(flat, *(part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes)))

    @classmethod
    def started(cls, starts: np.ndarray, d: int, width: int, k: int) -> Networks:
        """Create networks with initial weights as in He et al. 2015 and zero biases; equal `starts` (M,) give equal
        networks."""
        made = cls.empty(len(starts), d, width, k)
        for number, start in enumerate(starts):
            rng = np.random.default_rng(int(start))
            made.into[:, number * width : (number + 1) * width] = rng.normal(size=(d, width)) * (2 / d) ** 0.5
            made.out[number] = rng.normal(size=(width, k)) * (2 / width) ** 0.5
        return made

    def hidden(self, x: np.ndarray) -> np.ndarray:
        """Return the hidden activations (M, n, w) of x (n, d)."""
        m, width, _ = self.out.shape
        values = x @ self.into
        values += self.into_bias
        np.maximum(values, 0, out=values)
        return values.reshape(len(x), m, width).transpose(1, 0, 2)

    def logits(self, x: np.ndarray) -> np.ndarray:
        """Return the logits (M, n, k) of x (n, d)."""
        return self.hidden(x) @ self.out + self.out_bias


def training(
    features: np.ndarray, labels: np.ndarray, k: int, *, width: int, epochs: int, seed: int, starts: np.ndarray,
    use: np.ndarray | None = None,
) -> Iterator[Networks]:  # fmt: skip
    """Yield the networks after each epoch (the same object, updated in place), trained with cross-entropy.

    Parameters
    ----------
    features : float32 (n, d)
    labels : int (M, n), the given classes for each network
    k, width, epochs : classes, hidden units, passes over the data
    seed : random seed of the order of batches, which is the same for all networks
    starts : int (M,), seeds of the initial weights
    use : float (M, n), weight of each example's loss; 0 excludes it. By default 1

    References
    ----------
    Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization (AdamW).
    """
    n, d = features.shape
    networks = Networks.started(starts, d, width, k)
    gradient = Networks.empty(len(starts), d, width, k)
    mean, square = np.zeros_like(networks.flat), np.zeros_like(networks.flat)
    rng, steps = np.random.default_rng(int(seed)), 0
    for _ in range(epochs):
        order = rng.permutation(n)
        with at_most_threads(1):  # threads that wait for each other on busy cores can cost minutes
            for first in range(0, n, BATCH):
                rows = order[first : first + BATCH]
                weight = None if use is None else use[:, rows]
                _gradient(networks, gradient, features[rows], labels[:, rows], weight)
                steps += 1
                _move(networks.flat, gradient.flat, mean, square, steps)
        yield networks


def _gradient(
    networks: Networks, gradient: Networks, x: np.ndarray, labels: np.ndarray, weight: np.ndarray | None
) -> None:
    """Compute into `gradient` the gradient of the mean cross-entropy of x (b, d) and labels (M, b)."""
    m, b = labels.shape
    hidden = networks.hidden(x)
    wrong = hidden @ networks.out
    wrong += networks.out_bias
    wrong -= wrong.max(axis=2, keepdims=True)
    np.exp(wrong, out=wrong)
    wrong /= wrong.sum(axis=2, keepdims=True)
    wrong[np.arange(m)[:, None], np.arange(b), labels] -= 1
    wrong *= np.float32(1 / b) if weight is None else (weight / b).astype(np.float32)[:, :, None]
    np.matmul(hidden.transpose(0, 2, 1), wrong, out=gradient.out)
    np.sum(wrong, axis=1, keepdims=True, out=gradient.out_bias)
    back = np.empty((b, m, networks.out.shape[1]), np.float32)
    np.matmul(wrong, networks.out.transpose(0, 2, 1), out=back.transpose(1, 0, 2))
    back *= hidden.transpose(1, 0, 2) > 0
    flat = back.reshape(b, -1)
    np.matmul(x.T, flat, out=gradient.into)
    np.sum(flat, axis=0, out=gradient.into_bias)


def _move(weights: np.ndarray, gradient: np.ndarray, mean: np.ndarray, square: np.ndarray, steps: int) -> None:
    """Make one step of AdamW, in place."""
    mean *= ADAM_FIRST
    mean += (1 - ADAM_FIRST) * gradient
    square *= ADAM_SECOND
    gradient *= gradient
    gradient *= 1 - ADAM_SECOND
    square += gradient
    np.sqrt(square, out=gradient)
    gradient /= (1 - ADAM_SECOND**steps) ** 0.5
    gradient += ADAM_EPSILON
    np.divide(mean, gradient, out=gradient)
    gradient *= RATE / (1 - ADAM_FIRST**steps)
    weights *= 1 - RATE * DECAY
    weights -= gradient
