import numpy as np
import pytest

import workbench as wb
from workbench.issues.temperature import _cost, power_and_noise


def _uniform_flips(k):
    return (np.ones((k, k)) - np.eye(k)) / (k - 1)


def _world(n=6000, k=4, noise=0.1, power=1.0, seed=0):
    """Calibrated probabilities raised to 1 / power, and labels drawn from them and then flipped with rate `noise`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, k)) * 4
    probs = np.exp(logits - logits.max(1, keepdims=True))
    probs /= probs.sum(1, keepdims=True)
    truth = (rng.random((n, 1)) > probs.cumsum(1)).sum(1).clip(max=k - 1)
    flipped = rng.random(n) < noise
    given = np.where(flipped, (truth + rng.integers(1, k, n)) % k, truth)
    return np.log(probs) / power, given


@pytest.mark.parametrize("power", [0.7, 1.0, 2.5])
@pytest.mark.parametrize("noise", [0.03, 0.25])
def test_finds_the_power_and_the_noise_that_made_the_data(power, noise):
    logs, given = _world(noise=noise, power=power)
    t, e = power_and_noise(logs, given, _uniform_flips(4))
    assert t == pytest.approx(power, rel=0.12)
    assert e == pytest.approx(noise, abs=0.02)


def test_two_classes_with_flat_probabilities_are_not_a_trap():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 3000)
    given = np.where(rng.random(3000) < 0.2, 1 - truth, truth)
    believes = np.clip(0.7 + 0.08 * rng.normal(size=3000), 0.5, 0.95)
    probs = np.where(np.eye(2)[truth] > 0, believes[:, None], 1 - believes[:, None])
    t, e = power_and_noise(np.log(probs), given, _uniform_flips(2))
    assert t > 2
    assert e == pytest.approx(0.2, abs=0.04)


def test_gradient_against_differences():
    logs, given = _world(n=200)
    into = _uniform_flips(4)[given]
    for theta in np.array([[0.0, -2.0], [0.8, -1.0]]):
        gradient = _cost(theta, logs, given, into)[1]
        step = 1e-6
        for axis in range(2):
            ahead, behind = theta.copy(), theta.copy()
            ahead[axis] += step
            behind[axis] -= step
            by_hand = (_cost(ahead, logs, given, into)[0] - _cost(behind, logs, given, into)[0]) / (2 * step)
            assert gradient[axis] == pytest.approx(by_hand, rel=1e-4, abs=1e-8)


def test_laws():
    logs, given = _world(n=2500)
    t, e = power_and_noise(logs, given, _uniform_flips(4))
    order = np.random.default_rng(0).permutation(2500)
    assert power_and_noise(logs[order], given[order], _uniform_flips(4)) == pytest.approx((t, e), rel=1e-3)
    assert power_and_noise(logs + 5, given, _uniform_flips(4)) == pytest.approx((t, e), rel=1e-6)
    shown = np.concatenate([given, np.full(500, -1)])
    more = np.concatenate([logs, np.zeros((500, 4))])
    assert power_and_noise(more, shown, _uniform_flips(4)) == pytest.approx((t, e), rel=1e-6)


def test_nothing_to_fit_changes_nothing():
    assert power_and_noise(np.zeros((3, 2)), np.full(3, -1), _uniform_flips(2)) == (1.0, 0.0)
    assert power_and_noise(np.zeros((3, 1)), np.zeros(3, int), np.zeros((1, 1))) == (1.0, 0.0)


def test_rows_that_are_all_as_sure_are_taken_to_be_as_sure_as_most_classifiers():
    """Power and noise cannot be distinguished then: ten of 90 labels that contradict a confident classifier are
    issues."""
    truth = np.repeat([0, 1, 2], [30, 40, 20])
    given = truth.copy()
    given[:10] = 1
    probs = np.full((90, 3), 0.05)
    probs[np.arange(90), truth] = 0.9
    issues = wb.find_issues(given, pred_probs=probs)
    assert set(issues.index[issues["is_issue"]]) == set(range(10))
    assert abs(issues.attrs["expected_errors"] - 10) < 1.5
