"""Losses: by hand, compared with independent formulas, in limits where they are equal, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from workbench.experiments.robust_training.losses.asymmetric import asymmetric
from workbench.experiments.robust_training.losses.bootstrapping import bootstrapping
from workbench.experiments.robust_training.losses.coteaching import remember_rate, small_loss
from workbench.experiments.robust_training.losses.cross_entropy import cross_entropy
from workbench.experiments.robust_training.losses.crosssplit import divergence, softened_labels
from workbench.experiments.robust_training.losses.forward import forward_correction
from workbench.experiments.robust_training.losses.generalized import generalized_cross_entropy
from workbench.experiments.robust_training.losses.mixup import mixup

P = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
LABELS = np.array([0, 2])


@pytest.fixture
def by_hand():
    """Two examples whose probabilities are those of P."""
    return torch.tensor(np.log(P)), torch.tensor(LABELS)


@pytest.fixture
def batch(rng):
    return torch.tensor(rng.normal(size=(40, 5)) * 3), torch.tensor(rng.integers(0, 5, 40))


def close(found, wanted, tolerance=1e-9):
    np.testing.assert_allclose(found.numpy(), wanted, atol=tolerance)


def test_cross_entropy_and_smoothing_by_hand(by_hand):
    close(cross_entropy(*by_hand), -np.log([0.7, 0.1]))
    smooth = -(0.9 * np.log([0.7, 0.1]) + 0.1 / 3 * np.log(P).sum(axis=1))
    close(cross_entropy(*by_hand, smoothing=0.1), smooth)
    soft = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    close(cross_entropy(by_hand[0], soft), [-0.5 * np.log(0.7) - 0.5 * np.log(0.2), -np.log(0.1)])


def test_generalized_by_hand_and_at_both_ends(by_hand, batch):
    close(generalized_cross_entropy(*by_hand, q=0.5), (1 - np.sqrt([0.7, 0.1])) / 0.5)
    close(generalized_cross_entropy(*batch, q=0.0), cross_entropy(*batch).numpy())
    close(generalized_cross_entropy(*batch, q=1e-9), cross_entropy(*batch).numpy(), 1e-6)
    probs = batch[0].softmax(dim=1)
    absolute = (probs - torch.eye(5)[batch[1]]).abs().sum(dim=1)
    close(generalized_cross_entropy(*batch, q=1.0), absolute.numpy() / 2)


def test_the_gradient_of_generalized_is_that_of_cross_entropy_times_p_to_the_q(batch):
    logits, labels = batch[0].requires_grad_(), batch[1]
    (plain,) = torch.autograd.grad(cross_entropy(logits, labels).sum(), logits)
    (general,) = torch.autograd.grad(generalized_cross_entropy(logits, labels, q=0.7).sum(), logits)
    weight = logits.softmax(dim=1).gather(1, labels[:, None]) ** 0.7
    close(general, (plain * weight).detach().numpy())


def test_bootstrapping_by_hand_and_without_own_part(by_hand, batch):
    close(bootstrapping(*by_hand), [-np.log(0.7), -0.8 * np.log(0.1) - 0.2 * np.log(0.8)])
    entropy = -(P * np.log(P)).sum(axis=1)
    close(bootstrapping(*by_hand, hard=False), -0.95 * np.log([0.7, 0.1]) + 0.05 * entropy)
    close(bootstrapping(*batch, 1.0), cross_entropy(*batch).numpy())


def test_forward_by_hand_with_identity_and_against_the_product(by_hand, batch, rng):
    T = np.array([[0.8, 0.1, 0.1], [0.0, 0.6, 0.4], [0.0, 0.0, 1.0]])
    wanted = [-np.log(0.7 * 0.8), -np.log(0.1 * 0.1 + 0.8 * 0.4 + 0.1)]
    close(forward_correction(*by_hand, torch.tensor(T)), wanted)
    close(forward_correction(*batch, torch.eye(5, dtype=torch.float64)), cross_entropy(*batch).numpy())
    T = rng.dirichlet(np.ones(5), 5)
    product = (batch[0].softmax(dim=1).numpy() @ T)[np.arange(40), batch[1].numpy()]
    close(forward_correction(*batch, torch.tensor(T)), -np.log(product))


def test_forward_is_least_where_the_model_says_the_truth():
    """The mean over noisy labels is smallest at the true distribution, which is the purpose of the correction."""
    T = torch.tensor([[0.7, 0.3], [0.2, 0.8]], dtype=torch.float64)
    truth = torch.tensor([0.9, 0.1], dtype=torch.float64)
    noisy = truth @ T
    losses = []
    for p in np.linspace(0.01, 0.99, 99):
        logits = torch.tensor([[np.log(p), np.log(1 - p)]] * 2)
        losses.append(float((noisy * forward_correction(logits, torch.tensor([0, 1]), T)).sum()))
    assert np.linspace(0.01, 0.99, 99)[np.argmin(losses)] == pytest.approx(0.9)


def test_mixup_is_a_blend_of_the_same_pairs(rng):
    x, y = torch.tensor(rng.normal(size=(30, 4))), torch.tensor(rng.integers(0, 3, 30))
    mixed, soft = mixup(x, y, 3, rng=np.random.default_rng(5))
    again = np.random.default_rng(5)
    share, order = again.beta(1, 1), again.permutation(30)
    close(mixed, share * x.numpy() + (1 - share) * x.numpy()[order])
    close(soft.sum(dim=1), np.ones(30))
    hard = np.eye(3)[y.numpy()]
    close(soft, share * hard + (1 - share) * hard[order])
    nearly, _ = mixup(x, y, 3, alpha=1e-9, rng=rng)
    assert min(float((nearly - x).abs().max()), float((nearly.sort(0)[0] - x.sort(0)[0]).abs().max())) < 1e-6


def test_co_teaching_keeps_small_losses_and_forgets_step_by_step():
    assert [remember_rate(epoch, 0.3, 10) for epoch in (0, 10, 99)] == [1.0, 0.7, 0.7]
    assert remember_rate(4, 0.5, 8) == 0.75
    assert small_loss(torch.tensor([5.0, 1.0, 3.0, 2.0]), 0.75).tolist() == [1, 3, 2]
    assert small_loss(torch.tensor([5.0, 1.0]), 0.0).tolist() == [1]


def test_divergence_by_hand_and_against_scipy(by_hand):
    from scipy.spatial.distance import jensenshannon

    found = divergence(by_hand[0].exp(), by_hand[1])
    wanted = [jensenshannon(P[row], np.eye(3)[LABELS[row]]) ** 2 for row in (0, 1)]
    close(found, wanted)
    assert float(divergence(torch.tensor([[0.0, 1.0]]), torch.tensor([0]))) == pytest.approx(np.log(2))


def test_cross_split_labels_by_hand():
    """Three examples given as 0: the peer agrees, disagrees, is undecided; beta .2, .8 and between."""
    probs = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]], dtype=torch.float64)
    soft = softened_labels(probs, torch.tensor([0, 0, 0]))
    half = 0.5 * (0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25) + np.log(1 / 0.75)) / np.log(2)
    beta = 0.6 * (half - 0.5) + 0.5
    close(soft, [[1, 0], [0.2, 0.8], [1 - beta / 2, beta / 2]])
    close(soft.sum(dim=1), np.ones(3))
    one = softened_labels(probs[1:2], torch.tensor([0]))
    close(one, [[0.5, 0.5]])


def test_asymmetric_by_hand_and_as_binary_cross_entropy(rng):
    p, y = np.array([[0.9, 0.3, 0.03]]), np.array([[1, 0, 0]])
    logits = torch.tensor(np.log(p / (1 - p)))
    wanted = -np.log(0.9) - 0.25**4 * np.log(0.75)
    close(asymmetric(logits, torch.tensor(y)), [wanted])
    focal = -(0.1**2) * np.log(0.9) - 0.25**4 * np.log(0.75)
    close(asymmetric(logits, torch.tensor(y), positive=2.0), [focal])
    logits, y = torch.tensor(rng.normal(size=(20, 6)) * 3), torch.tensor(rng.integers(0, 2, (20, 6)))
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, y.double(), reduction="none").sum(dim=1)
    close(asymmetric(logits, y, negative=0.0, margin=0.0), plain.numpy())


def test_a_sure_negative_has_a_finite_loss_and_gradient():
    """A class of high probability that is not given is likely a missing label; loss and gradient stay finite."""
    logits = torch.tensor([[80.0, -80.0]], requires_grad=True)
    loss = asymmetric(logits, torch.tensor([[0, 1]]), negative=4.0)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(logits.grad).all()
