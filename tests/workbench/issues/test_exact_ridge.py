"""Kernel ridge on all rows: the answers of the definition, and of landmarks at all rows."""

import numpy as np
import pytest
from planted import blobs

from workbench.issues import exact_ridge
from workbench.issues.exact_ridge import ExactRidge, inverse_factor, ridge
from workbench.issues.loo_classifiers import PENALTIES, Ridge, gaussian_kernel, log_softmax


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr("workbench.issues.exact_ridge.TILE", 37)  # several, of which the last is smaller


def unit_rows(rng, n, **options):
    vectors, given, _ = blobs(rng, n=n, **options)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), given


def test_the_inverse_of_a_factor(rng, small_tiles):
    half = rng.normal(size=(150, 150))
    matrix = half @ half.T / 150 + np.eye(150)
    found = inverse_factor(matrix.astype(np.float32))
    assert np.abs(found - np.linalg.inv(np.linalg.cholesky(matrix))).max() < 1e-4
    with pytest.raises(np.linalg.LinAlgError):
        inverse_factor(-np.eye(50, dtype=np.float32))


@pytest.mark.parametrize("soft", [False, True])
def test_left_out_means_fitted_without_the_row(rng, small_tiles, soft):
    vectors, given = unit_rows(rng, 120, noise=0.2)
    taught = np.ones(120, bool)
    taught[[3, 50]] = False
    targets = rng.dirichlet(np.ones(4), size=120).astype(np.float32) if soft else given
    head = ExactRidge(vectors, taught, 4)
    found = head.log_probs(targets, given, (PENALTIES[2], 5))
    wanted = targets if soft else np.eye(4)[given]
    penalty = PENALTIES[2] * taught.sum()
    for row in (0, 3, 77):
        rest = np.flatnonzero(taught & (np.arange(120) != row))
        kernel = gaussian_kernel(vectors[rest].astype(float), vectors[rest].astype(float), head.width)
        across = gaussian_kernel(vectors[[row]].astype(float), vectors[rest].astype(float), head.width)
        value = across @ np.linalg.solve(kernel + penalty * np.eye(len(rest)), wanted[rest])
        assert np.allclose(found[row], log_softmax(5 * value)[0], atol=2e-3)


def test_all_rows_as_landmarks_say_the_same(rng, small_tiles):
    vectors, given = unit_rows(rng, 400, noise=0.2)
    taught = np.arange(400) % 7 > 0
    settings = (PENALTIES[1], 6)
    exact = ExactRidge(vectors, taught, 4).log_probs(given, given, settings)
    landmarks = Ridge(vectors, taught, 4)
    assert landmarks.exact
    assert np.abs(exact - landmarks.log_probs(given, given, settings)).max() < 0.02


def test_rows_that_repeat_do_not_stop_it(rng, small_tiles):
    vectors, given = unit_rows(rng, 3)
    vectors, given = np.repeat(vectors, 100, axis=0), np.repeat(given, 100)
    vectors[::2] += rng.normal(size=vectors[::2].shape).astype(np.float32) * 1e-6
    found = ExactRidge(vectors, np.ones(300, bool), 4).log_probs(given, given)
    assert np.isfinite(found).all()
    assert (found.argmax(axis=1) == given).all()


def test_which_sizes_are_exact(rng, monkeypatch):
    monkeypatch.setattr(exact_ridge, "LANDMARKS", 60)
    monkeypatch.setattr("workbench.issues.loo_classifiers.LANDMARKS", 60)
    monkeypatch.setattr(exact_ridge, "EXACT", 200)
    vectors, _ = unit_rows(rng, 201)
    every = np.ones(201, bool)
    assert isinstance(ridge(vectors[:200], every[:200], 4), ExactRidge)
    few, many = ridge(vectors[:60], every[:60], 4), ridge(vectors, every, 4)
    assert isinstance(few, Ridge) and few.exact
    assert isinstance(many, Ridge) and not many.exact
