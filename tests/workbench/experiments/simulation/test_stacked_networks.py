"""Stacked networks: the gradient compared with autograd, the step with torch's AdamW, and independence of slices."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.experiments.simulation.stacked_networks import BATCH, DECAY, RATE, Networks, _gradient, training

torch = pytest.importorskip("torch")


@pytest.fixture
def task(rng):
    return rng.normal(size=(50, 6)).astype(np.float32), rng.integers(0, 4, (3, 50))


def test_gradient_against_autograd(task):
    x, labels = task
    networks, found = Networks.started(np.arange(3), 6, 5, 4), Networks.empty(3, 6, 5, 4)
    weight = np.random.default_rng(1).random((3, 50)).astype(np.float32)
    _gradient(networks, found, x, labels, weight)
    tensors = {name: torch.tensor(getattr(networks, name)).requires_grad_() for name in
               ("into", "into_bias", "out", "out_bias")}  # fmt: skip
    hidden = (torch.tensor(x) @ tensors["into"] + tensors["into_bias"]).relu().reshape(50, 3, 5).transpose(0, 1)
    logits = hidden @ tensors["out"] + tensors["out_bias"]
    np.testing.assert_allclose(networks.logits(x), logits.detach(), atol=1e-5)
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.tensor(labels).flatten(), reduction="none")
    (loss.reshape(3, 50) * torch.tensor(weight)).mean(dim=1).sum().backward()
    for name, tensor in tensors.items():
        np.testing.assert_allclose(getattr(found, name), tensor.grad, atol=1e-6)


def test_two_epochs_are_those_of_torch(task):
    x, labels = task
    *_, last = training(x, labels, 4, width=5, epochs=2, seed=7, starts=np.arange(3))
    start = Networks.started(np.arange(3), 6, 5, 4)
    layer, head = torch.nn.Linear(6, 5), torch.nn.Linear(5, 4)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(start.into[:, 5:10]).T), layer.bias.zero_()
        head.weight.copy_(torch.tensor(start.out[1]).T), head.bias.zero_()
    net = torch.nn.Sequential(layer, torch.nn.ReLU(), head)
    optimizer, order = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY), np.random.default_rng(7)
    for _ in range(2):
        for rows in np.split(order.permutation(50), range(BATCH, 50, BATCH)):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(torch.tensor(x[rows])), torch.tensor(labels[1, rows])).backward()
            optimizer.step()
    np.testing.assert_allclose(last.logits(x)[1], net(torch.tensor(x)).detach(), atol=1e-3)


def test_a_network_does_not_depend_on_its_neighbours(task):
    x, labels = task
    *_, together = training(x, labels, 4, width=5, epochs=3, seed=7, starts=np.array([4, 5, 4]))
    *_, alone = training(x, labels[2:], 4, width=5, epochs=3, seed=7, starts=np.array([4]))
    np.testing.assert_allclose(together.logits(x)[2], alone.logits(x)[0], atol=1e-4)


def test_examples_of_no_use_change_nothing(task):
    x, labels = task
    use = np.ones((1, 50))
    use[0, ::2] = 0
    other = labels[:1].copy()
    other[0, ::2] = 0
    found = [
        [*training(x, given, 4, width=5, epochs=3, seed=7, starts=np.zeros(1, int), use=use)][-1].logits(x)
        for given in (labels[:1], other)
    ]
    np.testing.assert_array_equal(*found)
