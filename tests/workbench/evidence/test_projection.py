"""Projections: PCA compared with SVD, UMAP keeps groups together, small and incomplete data, seeds and the cache."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import Dataset
from workbench.evidence import neighbors
from workbench.evidence.projection import _keep_compiled, by_landmarks, fitted, pca, project, umap
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.recording.recorder import Recorder


def groups(rng, n=150, k=3, d=12):
    codes = np.arange(n) % k
    return rng.normal(size=(k, d))[codes] * 5 + rng.normal(size=(n, d)), codes


def check_groups(points, codes, missing):
    """All rows but one have a place, centred, nearest to the others of their group; returns which rows."""
    assert np.isnan(points[missing]).all()
    rest = np.arange(len(points)) != missing
    assert np.isfinite(points[rest]).all()
    assert np.allclose(points[rest].mean(0), 0, atol=1e-4)
    centres = np.stack([points[rest & (codes == c)].mean(0) for c in range(codes.max() + 1)])
    nearest = np.linalg.norm(points[rest, None] - centres, axis=2).argmin(1)
    assert (nearest == codes[rest]).mean() > 0.98
    return rest


def record(path, X, rows=None, epochs=1):
    rows = np.arange(len(X)) if rows is None else rows
    recorder = Recorder(path, Dataset.from_arrays(np.arange(len(X)) % 3, classes=[0, 1, 2]))
    for epoch in range(epochs):
        with recorder.epoch(epoch):
            recorder.batch(rows, np.zeros((len(rows), 3)), X[rows] * (1 + epoch))
    recorder.close()
    return recorder.run()


@pytest.mark.parametrize("shape", [(40, 5), (8, 100), (30, 2)])
def test_pca_equals_the_singular_value_decomposition(rng, shape):
    X = rng.normal(size=shape) * np.arange(1, shape[1] + 1)
    points = pca(X)
    u, s, _ = np.linalg.svd(X - X.mean(0), full_matrices=False)
    expected = u[:, :2] * s[:2]
    expected *= np.sign((expected * points).sum(0))
    assert points.dtype == np.float32
    assert np.allclose(points, expected, rtol=1e-3, atol=1e-3 * s[0])


def test_pca_of_one_dimension_of_equal_rows_and_of_rows_left_out(rng):
    line = pca(np.array([[0.0], [1], [2]]))
    assert line.tolist() == [[-1, 0], [0, 0], [1, 0]]
    assert (pca(np.ones((4, 3))) == 0).all()
    X = rng.normal(size=(20, 4))
    X[3, 1] = np.nan
    points = pca(X)
    assert np.isnan(points[3]).all()
    assert np.allclose(np.delete(points, 3, 0), pca(np.delete(X, 3, 0)))
    assert pca(np.full((2, 3), np.nan)).shape == (2, 2)
    assert pca(np.zeros((0, 3))).shape == (0, 2)


def test_umap_keeps_groups_together_is_reproducible_and_silent(rng):
    X, codes = groups(rng)
    X[4] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        points = umap(X)
    assert points.dtype == np.float32
    check_groups(points, codes, 4)
    assert np.array_equal(points, umap(X), equal_nan=True)
    assert not np.array_equal(points, umap(X, seed=1), equal_nan=True)


@pytest.mark.parametrize("n", [5, 6, 14, 15, 16])
def test_umap_of_few_rows(rng, n):
    assert np.isfinite(umap(rng.normal(size=(n, 4)))).all()


@pytest.mark.parametrize("n", [0, 1, 2, 4])
def test_too_few_rows_for_umap_are_drawn_by_pca_and_that_is_said(rng, n):
    X = rng.normal(size=(n, 3))
    with pytest.warns(
        UserWarning, match=rf"at least 5 examples with an embedding, but there are {n}; PCA is used instead"
    ):
        assert np.array_equal(umap(X), pca(X))


def test_equal_rows(rng):
    assert np.isfinite(umap(np.ones((30, 4)))).all()


def test_a_run_keeps_its_projections_by_epoch_method_and_seed(tmp_path, rng, monkeypatch):
    X, _ = groups(rng)
    run = record(tmp_path / "run", X, np.arange(149), epochs=2)
    points = project(run)
    assert points.shape == (150, 2)
    assert np.isnan(points[149]).all()
    flat = project(run, method="pca")
    assert np.allclose(project(run, 0, "pca")[:149] * 2, flat[:149], atol=0.05)
    with monkeypatch.context() as patch:
        patch.setattr("workbench.evidence.projection.umap", lambda *_: pytest.fail("computed again"))
        patch.setattr("workbench.evidence.projection.pca", lambda *_: pytest.fail("computed again"))
        assert np.array_equal(project(run), points, equal_nan=True)
        assert np.array_equal(project(run, 1, "pca"), flat, equal_nan=True)
    assert not np.array_equal(project(run, seed=5), points, equal_nan=True)
    assert {path.name for path in run.layout.cache.iterdir()} == {
        "neighbors-epoch=0001-cosine.npz",
        "projection-epoch=0000-pca.npz",
        "projection-epoch=0001-pca.npz",
        "projection-epoch=0001-umap-seed=0.npz",
        "projection-epoch=0001-umap-seed=5.npz",
    }


def test_pictures_of_several_epochs_can_be_compared(tmp_path, rng):
    """Groups keep their positions from epoch to epoch, although each embedding is rotated at random."""
    X, codes = groups(rng, d=3)
    recorder = Recorder(tmp_path / "run", Dataset.from_arrays(codes))
    for epoch in range(3):
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        with recorder.epoch(epoch):
            recorder.batch(np.arange(150), np.zeros((150, 3)), (X @ turn + rng.normal(size=X.shape) * 0.3))
    recorder.close()
    run = recorder.run()
    for method in ("umap", "pca"):
        last = project(run, -1, method)
        for epoch in (0, 1):
            found = project(run, epoch, method)
            assert all(np.corrcoef(found[:, axis], last[:, axis])[0, 1] > 0.8 for axis in (0, 1)), (method, epoch)


def spread(points):
    return np.sqrt(((points - points.mean(0)) ** 2).sum(1).mean())


def test_fitted_undoes_turning_mirroring_scaling_and_moving(rng):
    points = rng.normal(size=(30, 2)).astype(np.float32)
    turn, _ = np.linalg.qr(rng.normal(size=(2, 2)))
    moved = (3 * points @ turn + [5, -2]).astype(np.float32)
    like = points.copy()
    like[:4] = np.nan
    moved[8] = np.nan
    found = fitted(moved, like)
    rest = np.arange(30) != 8
    assert np.allclose(found[rest], points[rest], atol=1e-4)
    assert np.isnan(found[8]).all()
    assert np.array_equal(fitted(moved, np.full((30, 2), np.nan)), moved, equal_nan=True)  # nothing to fit to


def test_rows_that_are_added_leave_the_others_where_they_were(rng):
    """With four more groups the principal axes rotate, and a layout from scratch would differ."""
    codes = np.r_[np.arange(300) % 12, 12 + np.arange(100) % 4]
    X = rng.normal(size=(16, 12))[codes] * 5 + rng.normal(size=(400, 12))
    before = umap(X[:300])
    places = np.full((400, 2), np.nan, np.float32)
    places[:300] = before

    def moved(points):
        return np.median(np.linalg.norm(fitted(points, places)[:300] - before, axis=1)) / spread(before)

    like = umap(X, like=places)
    assert np.array_equal(like, umap(X, like=places))
    assert moved(like) < 0.8 * moved(umap(X))
    assert np.linalg.norm(like[:300].mean(0) - before.mean(0)) < 0.05 * spread(before)  # in the same coordinates, not
    # only similar


def test_like_another_run_a_table_or_places(tmp_path, rng):
    X, _ = groups(rng, n=60)
    first = record(tmp_path / "first", X)
    second = record(tmp_path / "second", X + 0.1 * rng.normal(size=X.shape))
    old = project(first)
    by_run = project(second, like=first)
    table = pd.DataFrame(old, index=first.dataset.ids).sample(frac=1, random_state=0)
    assert np.array_equal(by_run, project(second, like=old))
    assert np.array_equal(by_run, project(second, like=table))
    assert len(list(second.layout.cache.glob("projection-*-like=*.npz"))) == 1  # equal positions, one layout
    assert not np.array_equal(by_run, project(second))
    flat = project(second, method="pca", like=-project(first, method="pca"))
    assert np.allclose(flat, -project(second, method="pca"), atol=1e-5)
    with pytest.raises(InputError, match=r"`like` has shape \(3, 2\) for 60 examples"):
        project(second, like=np.zeros((3, 2)))
    with pytest.raises(InputError, match="no point for any of the examples"):
        project(second, like=table.set_axis([f"other{i}" for i in range(60)]))


def test_landmarks_keep_groups_together(rng):
    X, codes = groups(rng, n=900, k=5)
    X[7] = np.nan
    points = by_landmarks(X, 200)
    rest = check_groups(points, codes, 7)
    assert np.array_equal(points, by_landmarks(X, 200), equal_nan=True)
    assert np.array_equal(by_landmarks(X[8:58], 50), umap(X[8:58]))  # all are landmarks
    again = by_landmarks(X, 200, like=points)
    assert np.nanmedian(np.linalg.norm(again - points, axis=1)) < 0.3 * spread(points[rest])


def test_a_landmark_lies_where_it_was_laid_out_and_others_among_their_nearest(rng, monkeypatch):
    """Checked independently: weights of two anchors written out."""
    X = rng.normal(size=(40, 4))
    layout = rng.normal(size=(10, 2)).astype(np.float32)
    monkeypatch.setattr("workbench.evidence.projection.umap", lambda X, seed, like: layout)
    monkeypatch.setattr("workbench.evidence.projection.ANCHORS", 2)
    points = by_landmarks(X, 10)
    chosen = np.sort(np.random.default_rng(0).choice(40, 10, replace=False))
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    expected = np.empty((40, 2))
    for row in range(40):
        away = 1 - unit[chosen] @ unit[row]
        a, b = np.argsort(away)[:2]
        w = np.exp(-(away[b] - away[a]) / ((away[b] - away[a]) / 2))
        expected[row] = (layout[a] + w * layout[b]) / (1 + w)
        if row in chosen:
            expected[row] = layout[list(chosen).index(row)]
    assert np.allclose(points, expected - expected.mean(0), atol=1e-4)


def test_a_large_run_is_laid_out_by_landmarks(tmp_path, rng, monkeypatch):
    X, _ = groups(rng, n=300)
    run = record(tmp_path / "run", X)
    monkeypatch.setattr("workbench.evidence.projection.LANDMARK_ROWS", 200)
    monkeypatch.setattr("workbench.evidence.projection.LANDMARKS", 100)
    assert np.array_equal(project(run), by_landmarks(run.embeddings(), 100))


def test_refusals(tmp_path, rng):
    run = record(tmp_path / "run", rng.normal(size=(9, 3)))
    with pytest.raises(InputError, match=r"unknown projection method 'tsne'.*umap, pca"):
        project(run, method="tsne")
    with pytest.raises(InputError, match="unknown epoch of embeddings 3"):
        project(run, 3)
    with Recorder(tmp_path / "other", Dataset.from_arrays([0, 1])) as recorder, recorder.epoch(0):
        recorder.batch([0, 1], np.zeros((2, 2)))
    with pytest.raises(MissingEvidence, match="`embeddings`"):
        project(recorder.run())


COMPILED = """
from umap.layouts import _nb_optimize_layout_euclidean_single_epoch as layout
from umap.umap_ import compute_membership_strengths, smooth_knn_dist
stats = [function.stats for function in (layout, smooth_knn_dist, compute_membership_strengths)]
compiled, loaded = ([sum(getattr(one, name).values()) for one in stats] for name in ("cache_misses", "cache_hits"))
"""


@pytest.mark.slow
def test_a_fresh_process_gives_the_same_picture_and_compiles_nothing(forks):
    code = (
        "import numpy as np; from workbench.evidence.projection import umap; "
        f"X = np.random.default_rng(3).normal(size=(60, 5)); print(umap(X).tolist()){COMPILED}print(compiled, loaded)"
    )
    expected = umap(np.random.default_rng(3).normal(size=(60, 5))).tolist()
    child = forks.start(code)  # the forking process may have imported umap, but never runs it
    shown = child.stdout.read()
    assert child.wait() == 0, child.errors()
    assert shown == f"{expected}\n[0, 0, 0] [1, 1, 1]\n"


def test_without_a_place_for_what_is_compiled(rng, monkeypatch):
    """In a read-only installation without a home, each process compiles, as before."""
    from umap import layouts, umap_

    X = rng.normal(size=(20, 3))
    expected = umap(X)

    class Dispatcher:
        def enable_caching(self):
            asked.append(self)
            raise RuntimeError("cannot cache function: no locator available for file 'umap_.py'")

    asked = []
    with monkeypatch.context() as patch:
        patch.setattr(umap_, "smooth_knn_dist", Dispatcher())
        patch.delattr(umap_, "compute_membership_strengths")
        patch.setattr(layouts, "_nb_optimize_layout_euclidean_single_epoch", Dispatcher())
        _keep_compiled.__wrapped__()
    assert len(asked) == 2
    assert np.array_equal(umap(X), expected)


def interrupting(function, call):
    """Return the function, interrupted at call number `call` as by Ctrl-C."""
    count = itertools.count(1)

    def stopped(*arguments, **options):
        if next(count) == call:
            raise KeyboardInterrupt
        return function(*arguments, **options)

    return stopped


def half_written(file, **arrays):
    file.write(b"PK half of it")
    raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["neighbours", "rounds", "writing"])
def test_ctrl_c_keeps_nothing_half_done(tmp_path, rng, monkeypatch, where):
    """Interrupted before the neighbours are found, in round 50 of UMAP, and while the layout is written."""
    from umap import layouts

    X, _ = groups(rng, n=60)
    expected = project(record(tmp_path / "other", X))
    run, kept = record(tmp_path / "run", X), set()
    if where != "neighbours":
        neighbors.neighbors(run, k=14)
        kept = {"neighbors-epoch=0000-cosine.npz"}
    one_round = layouts._get_optimize_layout_euclidean_single_epoch_fn(False)
    with monkeypatch.context() as patch:
        if where == "neighbours":
            patch.setattr(neighbors, "nearest", interrupting(neighbors.nearest, 1))
        elif where == "rounds":
            stopped = interrupting(one_round, 50)
            patch.setattr(layouts, "_get_optimize_layout_euclidean_single_epoch_fn", lambda parallel: stopped)
        else:
            patch.setattr(np, "savez", half_written)
        with pytest.raises(KeyboardInterrupt):
            project(run)
    assert {path.name for path in run.path.rglob("cache/*")} == kept
    assert np.array_equal(project(run), expected)
