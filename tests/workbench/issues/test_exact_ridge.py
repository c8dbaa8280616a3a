"""Kernel ridge on all rows, compared with its definition and, for few rows, with eigenvectors; landmarks for many
rows."""

import numpy as np
import pytest
from planted import blobs

from workbench.issues import exact_ridge
from workbench.issues.exact_ridge import ExactRidge, conjugate, ridge
from workbench.issues.kernels import gaussian_kernel, summed_squares
from workbench.issues.landmark_ridge import LandmarkRidge
from workbench.issues.loo_classifiers import PENALTIES, Ridge, log_softmax
from workbench.issues.sketch import Sketch


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr("workbench.issues.exact_ridge.TILE", 37)  # several, of which the last is smaller


def unit_rows(rng, n, **options):
    vectors, given, _ = blobs(rng, n=n, **options)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), given


def test_conjugate_gradients_solve_every_column(rng):
    half = rng.normal(size=(150, 150))
    matrix = half @ half.T / 150 + np.eye(150)
    right = rng.normal(size=(150, 5)).astype(np.float32)
    right[:, 2] = 0
    least = 1e-3 * np.linalg.norm(right, axis=0)
    found, away = conjugate(lambda v, _: matrix.astype(np.float32) @ v, lambda v, _: v / 2, right, least)
    assert np.abs(right - matrix @ found - away).max() < 1e-4
    wanted = np.linalg.solve(matrix, right)
    assert np.linalg.norm(matrix @ found - right, axis=0)[[0, 1, 3, 4]].max() < 0.02
    assert np.abs(found - wanted).max() < 0.01
    assert not found[:, 2].any()


def test_a_sketch_is_inverted_exactly(rng, monkeypatch):
    monkeypatch.setattr("workbench.issues.sketch.FEATURES", 30)
    vectors, _ = unit_rows(rng, 200)
    sketch = Sketch(vectors, 0.5, np.random.default_rng(0))
    assert sketch.features.shape == (200, 30)
    matrix = (sketch.features @ sketch.features.T).astype(float) + np.diag(sketch.rest)
    assert np.allclose(np.diag(matrix), 1, atol=1e-4)
    shifted = sketch.plus(0.3)
    inverse = np.linalg.inv(matrix + 0.3 * np.eye(200))
    values = rng.normal(size=(200, 3)).astype(np.float32)
    assert np.abs(shifted.diagonal - np.diag(inverse)).max() < 1e-3
    assert np.abs(shifted.solve(values) - inverse @ values).max() < 1e-3
    assert np.abs(sketch.times(values) - matrix @ values).max() < 1e-3


def test_sums_of_squares_by_blocks(rng, monkeypatch):
    monkeypatch.setattr(
        "workbench.issues.kernels.parts_of", lambda n, m, most=0: [slice(i, i + 7) for i in range(0, n, 7)]
    )
    values = rng.normal(size=(100, 6)).astype(np.float32)
    assert np.allclose(summed_squares(lambda part: values[part], 100, 6), values.T @ values, atol=1e-4)


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
    many = LandmarkRidge(vectors, taught, 4)
    assert many.landmarks == taught.sum()
    said = many.log_probs(given, given, settings)
    assert np.abs(exact - said)[~taught].max() < 0.02
    known = many.features[taught].astype(float)
    inner = np.linalg.inv(known.T @ known + settings[0] * taught.sum() * np.eye(known.shape[1]))
    leverages = np.einsum("ij,jk,ik->i", known, inner, known)
    ratio = many._leverages[settings[0]][taught] / leverages
    assert abs(ratio.mean() - 1) < 0.02
    assert ratio.std() < 0.15  # measured in 256 random directions


@pytest.mark.parametrize(("penalty", "spread"), zip(PENALTIES, (0.16, 0.09, 0.035, 0.012)))
def test_the_diagonal_of_the_inverse(rng, monkeypatch, penalty, spread):
    monkeypatch.setattr("workbench.issues.sketch.FEATURES", 60)
    vectors, given = unit_rows(rng, 500, noise=0.2, d=40)
    head = ExactRidge(vectors, np.ones(500, bool), 4)
    diagonal = head._solved((penalty,), np.eye(4, dtype=np.float32)[given])[0].diagonal
    inverse = np.linalg.inv(head._kernel.astype(float) + penalty * 500 * np.eye(500))
    away = diagonal / np.diag(inverse) - 1
    assert abs(away.mean()) < 0.025
    assert away.std() < spread


def test_the_same_answer_again(rng):
    vectors, given = unit_rows(rng, 300, noise=0.2)
    every = np.ones(300, bool)
    first, second = (ExactRidge(vectors, every, 4, seed=3).log_probs(given, given) for _ in range(2))
    assert np.array_equal(first, second)


def test_rows_that_repeat_do_not_stop_it(rng, small_tiles):
    vectors, given = unit_rows(rng, 3)
    vectors, given = np.repeat(vectors, 100, axis=0), np.repeat(given, 100)
    vectors[::2] += rng.normal(size=vectors[::2].shape).astype(np.float32) * 1e-6
    found = ExactRidge(vectors, np.ones(300, bool), 4).log_probs(given, given)
    assert np.isfinite(found).all()
    assert (found.argmax(axis=1) == given).all()


def test_which_sizes_are_exact(rng, monkeypatch):
    monkeypatch.setattr(exact_ridge, "SMALL_KERNEL", 60)
    monkeypatch.setattr(exact_ridge, "EXACT_KERNEL_ROWS", 200)
    monkeypatch.setattr("workbench.issues.landmark_ridge.MOST_LANDMARKS", 100)
    vectors, given = unit_rows(rng, 201)
    every = np.ones(201, bool)
    few, some, many = (ridge(vectors[:n], every[:n], 4) for n in (60, 200, 201))
    assert isinstance(few, Ridge) and few.exact
    assert isinstance(some, ExactRidge) and some.exact
    assert isinstance(many, LandmarkRidge) and not many.exact
    assert many.landmarks == 100
    agreed = many.log_probs(given, given).argmax(axis=1)[:200] == some.log_probs(given[:200], given[:200]).argmax(
        axis=1
    )
    assert agreed.mean() > 0.95
