"""The robust methods with a common interface: each trains heads on given labels and returns probabilities.

Most are a loss in the common loop; co-teaching and cross-split correction train two networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.confident.label_issues import estimate_noise
from workbench.evidence.out_of_fold import cross_validated_probs, deal_folds
from workbench.experiments.robust_training.losses.bootstrapping import bootstrapping
from workbench.experiments.robust_training.losses.coteaching import remember_rate, small_loss
from workbench.experiments.robust_training.losses.cross_entropy import cross_entropy
from workbench.experiments.robust_training.losses.crosssplit import gamma_at, softened_labels
from workbench.experiments.robust_training.losses.forward import forward_correction
from workbench.experiments.robust_training.losses.generalized import generalized_cross_entropy
from workbench.experiments.robust_training.losses.mixup import mixup
from workbench.experiments.robust_training.networks import Setup, Training, gradient_step, network_probabilities
from workbench.foundation.errors import InputError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

HEAD_STRENGTH = (
    0.01  # inverse penalty: with 40 % noise on digits, out-of-fold accuracy is .91, and .85 with a value of 1
)
CORRECTED_TEMPERATURE = 0.5  # temperature of labels corrected by cross-split correction, as in the paper
WARM_UP = 1 / 3  # share of the epochs in which cross-split correction uses the given labels


@dataclass(frozen=True)
class Trained:
    """Trained heads: their mean probabilities, and their predictions for the training examples.

    Attributes
    ----------
    nets : the networks
    on_training : float32 (n, k), probabilities of the training examples: for cross-split correction from the network
        that was not trained on them, otherwise in-sample
    """

    nets: tuple[torch.nn.Module, ...]
    on_training: np.ndarray

    def predict(self, X: Tensor) -> np.ndarray:
        """Return the mean of the networks' probabilities, float32 (m, k)."""
        return np.mean([network_probabilities(net, X) for net in self.nets], axis=0)


@dataclass(frozen=True)
class Method:
    """The training function, a description, and the source."""

    train: Callable[[Training], Trained]
    in_words: str
    source: str


def _one_network(
    loss: Callable[[Training, torch.nn.Module, Tensor, Tensor, np.random.Generator], Tensor],
) -> Callable[[Training], Trained]:
    """Return a function that trains one network with a loss of (task, network, inputs, labels, rng)."""

    def train(task: Training) -> Trained:
        net, optimizer = task.network()
        order, chance = task.rng(1), task.rng(2)
        for _ in range(task.setup.epochs):
            for rows in task.batches(order):
                gradient_step(optimizer, loss(task, net, task.X[rows], task.labels[rows], chance))
        return Trained((net,), network_probabilities(net, task.X))

    return train


def _mixed(task: Training, net: torch.nn.Module, x: Tensor, y: Tensor, rng: np.random.Generator) -> Tensor:
    inputs, targets = mixup(x, y, task.k, rng=rng)
    return cross_entropy(net(inputs), targets)


def _co_teaching(task: Training) -> Trained:
    """Train two networks; in every batch, each is trained on the examples with the smallest loss in the other."""
    pairs = [task.network(number) for number in (0, 1)]
    order = task.rng(1)
    for epoch in range(task.setup.epochs):
        share = remember_rate(epoch, task.noise_rate, ramp=max(1, task.setup.epochs // 3))
        for rows in task.batches(order):
            losses = [cross_entropy(net(task.X[rows]), task.labels[rows]) for net, _ in pairs]
            chosen = [small_loss(loss, share) for loss in losses]
            for (_, optimizer), loss, theirs in zip(pairs, losses, reversed(chosen)):
                gradient_step(optimizer, loss[theirs])
    nets = tuple(net for net, _ in pairs)
    return Trained(nets, np.mean([network_probabilities(net, task.X) for net in nets], axis=0))


def _cross_split(task: Training) -> Trained:
    """Train two networks on two halves; after a warm-up, each uses labels corrected by the other."""
    import torch

    half = deal_folds(task.labels.numpy(), 2, task.seed)
    parts = [np.flatnonzero(half == number) for number in (0, 1)]
    pairs = [task.network(number) for number in (0, 1)]
    order = task.rng(1)
    warm = max(1, round(WARM_UP * task.setup.epochs))
    for epoch in range(task.setup.epochs):
        soft = torch.nn.functional.one_hot(task.labels, task.k).float()
        if epoch >= warm:
            gamma = gamma_at((epoch - warm) / (task.setup.epochs - warm))
            for number, rows in enumerate(parts):
                peer = torch.from_numpy(network_probabilities(pairs[1 - number][0], task.X[rows]))
                soft[rows] = softened_labels(peer, task.labels[rows], gamma, temperature=CORRECTED_TEMPERATURE)
        for (net, optimizer), part in zip(pairs, parts):
            for rows in task.batches(order, part):
                gradient_step(optimizer, cross_entropy(net(task.X[rows]), soft[rows]))
    on_training = np.empty((len(task.labels), task.k), np.float32)
    for number, rows in enumerate(parts):
        on_training[rows] = network_probabilities(pairs[1 - number][0], task.X[rows])
    return Trained(tuple(net for net, _ in pairs), on_training)


ROBUST_METHODS: dict[str, Method] = {
    "cross_entropy": Method(
        _one_network(lambda task, net, x, y, rng: cross_entropy(net(x), y)), "the usual loss", "the baseline"
    ),
    "label_smoothing": Method(
        _one_network(lambda task, net, x, y, rng: cross_entropy(net(x), y, smoothing=0.1)),
        "a tenth of every label is spread over all classes",
        "Szegedy et al. 2016; Lukasik et al. 2020",
    ),
    "generalized_cross_entropy": Method(
        _one_network(lambda task, net, x, y, rng: generalized_cross_entropy(net(x), y)),
        "labels that the model finds improbable count less (q = .7)",
        "Zhang and Sabuncu 2018",
    ),
    "bootstrapping": Method(
        _one_network(lambda task, net, x, y, rng: bootstrapping(net(x), y)),
        "a fifth of every label is the model's own answer",
        "Reed et al. 2015, hard",
    ),
    "forward_correction": Method(
        _one_network(lambda task, net, x, y, rng: forward_correction(net(x), y, task.transition)),
        "predictions are multiplied by the estimated noise matrix",
        "Patrini et al. 2017",
    ),
    "mixup": Method(_one_network(_mixed), "trained between examples", "Zhang et al. 2018"),
    "co_teaching": Method(_co_teaching, "two networks select small-loss examples for each other", "Han et al. 2018"),
    "cross_split": Method(
        _cross_split, "two halves correct each other's labels; without the semi-supervised part", "Kim et al. 2023"
    ),
}


def check_methods(names: str | Iterable[str] | None) -> list[str]:
    """Return names of methods, all of them for None; errors list the valid names."""
    found = list(ROBUST_METHODS) if names is None else [names] if isinstance(names, str) else list(dict.fromkeys(names))
    for name in found:
        if name not in ROBUST_METHODS:
            raise InputError.unknown("method", name, ROBUST_METHODS)
    if not found:
        raise InputError.at("methods", "is empty", f"Choose from {', '.join(ROBUST_METHODS)}.")
    return found


def estimated_noise(X: np.ndarray, labels: np.ndarray, k: int, seed: int = 0) -> tuple[np.ndarray, float]:
    """Estimate the noise matrix (k, k), row = true, column = given, and the share of wrong labels by confident
    learning.

    The probabilities are out-of-fold, from a logistic regression on X. A class without examples keeps its labels.
    """
    from sklearn.linear_model import LogisticRegression

    probs = cross_validated_probs(LogisticRegression(C=HEAD_STRENGTH, max_iter=200, tol=1e-3), X, labels, k, 5, seed)
    estimate = estimate_noise(labels, probs)
    transition = np.array(estimate.noise_matrix, float).T
    empty = ~np.isfinite(transition).all(axis=1) | (transition.sum(axis=1) <= 0)
    transition[empty] = np.eye(k)[empty]
    transition /= transition.sum(axis=1, keepdims=True)
    wrong = float((np.asarray(estimate.class_priors) * (1 - np.diag(transition))).sum())
    return transition, float(np.clip(wrong, 0, 0.9))


def train(
    name: str,
    X: np.ndarray,
    labels: np.ndarray,
    k: int,
    setup: Setup,
    seed: int,
    noise: tuple[np.ndarray, float] | None = None,
) -> Trained:
    """Train one method.

    Parameters
    ----------
    name : a key of `ROBUST_METHODS`
    X : float32 (n, d), scaled; labels : int (n,), class index below k
    noise : matrix and share of wrong labels; by default `estimated_noise`
    """
    import torch

    transition, rate = estimated_noise(X, labels, k, seed) if noise is None else noise
    task = Training(
        torch.from_numpy(np.ascontiguousarray(X, np.float32)), torch.from_numpy(np.asarray(labels, np.int64)), k,
        setup, seed, torch.from_numpy(np.asarray(transition, np.float32)), rate,
    )  # fmt: skip
    return ROBUST_METHODS[name].train(task)
