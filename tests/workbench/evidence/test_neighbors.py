"""Nearest neighbours: compared with a full distance matrix, duplicates, missing rows, the cache."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from workbench.data.dataset import Dataset
from workbench.evidence.neighbors import AT_LEAST, METRICS, nearest, nearest_of, neighbors
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.recording.recorder import Recorder


def distances(X: np.ndarray, metric: str) -> np.ndarray:
    """(n, n) float64, infinite on the diagonal."""
    X = X.astype(np.float64)
    if metric == "cosine":
        X = X / np.linalg.norm(X, axis=1, keepdims=True)
        all_pairs = 1 - X @ X.T
    else:
        all_pairs = np.sqrt(((X[:, None] - X[None]) ** 2).sum(-1))
    np.fill_diagonal(all_pairs, np.inf)
    return all_pairs


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_equals_a_full_distance_matrix(rng, metric, dtype):
    X = rng.normal(size=(300, 9)).astype(dtype)
    graph = nearest(X, 12, metric)
    truth = distances(X, metric)
    assert graph.indices.dtype == np.int32
    assert graph.distances.dtype == np.float32
    assert np.allclose(graph.distances, np.sort(truth, axis=1)[:, :12], atol=1e-5)
    assert np.allclose(np.take_along_axis(truth, graph.indices.astype(int), 1), graph.distances, atol=1e-5)
    assert (graph.recall, graph.k, graph.n) == (1.0, 12, 300)
    assert (graph.indices != np.arange(300)[:, None]).all()


def test_by_hand():
    graph = nearest(np.array([[0.0], [1.0], [3.0], [3.5]]), 2, "euclidean")
    assert graph.indices.tolist() == [[1, 2], [0, 2], [3, 1], [2, 1]]
    assert graph.distances.tolist() == [[1, 3], [1, 2], [0.5, 2], [0.5, 2.5]]


def test_far_from_the_origin_near_rows_keep_their_order():
    X = 1e4 + np.array([[0.0], [0.125], [0.375], [1.0]], dtype=np.float32)
    graph = nearest(X, 3, "euclidean")
    assert graph.distances[0].tolist() == [0.125, 0.375, 1.0]


def test_duplicates_are_neighbours_at_distance_zero_never_the_row_itself(rng):
    X = np.repeat(rng.normal(size=(5, 4)), 30, axis=0)
    graph = nearest(X, 8, "euclidean")
    assert (graph.distances == 0).all()
    assert (graph.indices != np.arange(150)[:, None]).all()
    assert (graph.indices // 30 == np.arange(150)[:, None] // 30).all()
    assert all(len(set(row)) == 8 for row in graph.indices.tolist())


def test_rows_without_embedding_have_and_are_no_neighbours(rng):
    X = rng.normal(size=(40, 3))
    X[[3, 17]] = np.nan
    X[9, 1] = np.inf
    graph = nearest(X, 5)
    for row in (3, 9, 17):
        assert (graph.indices[row] == -1).all()
        assert np.isnan(graph.distances[row]).all()
        assert not (np.delete(graph.indices, [3, 9, 17], 0) == row).any()
    rest = np.setdiff1d(np.arange(40), [3, 9, 17])
    alone = nearest(X[rest], 5)
    assert np.array_equal(graph.indices[rest], rest[alone.indices])


def test_k_is_capped_and_too_few_neighbours_are_marked(rng):
    X = rng.normal(size=(6, 2))
    assert nearest(X, 50).k == 5
    X[2:] = np.nan
    graph = nearest(X, 4)
    assert graph.indices[0].tolist() == [1, -1, -1, -1]
    assert nearest(X[:1], 3).indices.shape == (1, 0)
    assert nearest(np.zeros((0, 3)), 3).indices.shape == (0, 0)


def test_rows_of_zeros_have_no_direction():
    graph = nearest(np.array([[0.0, 0], [0, 0], [1, 0], [2, 0]]), 3, "cosine")
    assert graph.distances.tolist() == [[0, 0.5, 0.5], [0, 0.5, 0.5], [0, 0.5, 0.5], [0, 0.5, 0.5]]


def test_many_columns_are_selected_by_groups(rng):
    """Above 4 x 16 x (k + 8) rows the candidates are chosen by minima of groups: the result stays exact."""
    X = rng.normal(size=(1501, 3)).astype(np.float32)
    graph = nearest(X, 3, "euclidean")
    assert np.allclose(graph.distances, np.sort(distances(X, "euclidean"), axis=1)[:, :3], atol=1e-6)


def test_labels_of_neighbours(rng):
    X = rng.normal(size=(10, 2))
    X[4] = np.nan
    codes = np.arange(10)
    codes[7] = -1
    graph = nearest(X, 9)
    labels = graph.labels(codes)
    assert (labels[4] == -1).all()
    assert 7 not in labels
    assert set(labels[0]) == {-1, 1, 2, 3, 5, 6, 8, 9}


def test_refusals(rng):
    with pytest.raises(InputError, match=r"unknown metric 'cosin'\. Did you mean 'cosine'\?"):
        nearest(rng.normal(size=(4, 2)), 2, "cosin")
    with pytest.raises(InputError, match=r"`embeddings` has shape \(4,\)"):
        nearest(np.zeros(4), 2)
    with pytest.raises(InputError, match=r"`k` is 0"):
        nearest(np.zeros((4, 2)), 0)


def test_what_a_device_does_equals_what_the_host_does(rng):
    """The code path for devices, on tensors of the host, including equal rows and ties."""
    torch = pytest.importorskip("torch")
    from workbench.evidence.neighbors import _refined, _refined_there, _smallest_there, smallest

    vectors = rng.integers(0, 3, (60, 4)).astype(np.float32)
    among, rows = np.arange(0, 60, 2), np.arange(10, 30)
    near = np.stack([rng.permutation(30)[:12] for _ in rows])
    wanted = _refined(vectors, rows, among[near], 5)
    for k in (1, 5):  # by groups of columns, and at once
        values = rng.normal(size=(9, 100)).astype(np.float32)
        columns = _smallest_there(torch.from_numpy(values), k).numpy()
        assert np.array_equal(np.sort(columns), np.sort(smallest(values, k)))
    tensors = [torch.from_numpy(one) for one in (vectors[among], vectors[rows], near, among)]
    found = _refined_there(*tensors, rows, 5)
    assert np.array_equal(found[0], wanted[0])
    assert np.allclose(found[1], wanted[1])


def test_a_short_search_and_the_detector_load_nothing_heavy():
    code = """
import sys, numpy as np, workbench as wb
from workbench.evidence.neighbors import nearest
X, y = np.random.default_rng(0).normal(size=(300, 4)), np.arange(300) % 3
nearest(X, 5, exact=False, device="cpu")
wb.find_issues(y, embeddings=X, pred_probs=np.full((300, 3), 1 / 3), logits=np.zeros((2, 300, 3)))
heavy = {"torch", "sklearn", "scipy.stats", "umap", "numba", "plotly", "anywidget"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_on_a_gpu_if_there_is_one(rng):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    X = rng.normal(size=(3000, 32)).astype(np.float32)
    for exact in (True, False):
        here, there = (nearest(X, 20, exact=exact, device=device) for device in ("cpu", "cuda"))
        assert np.allclose(here.distances, there.distances, atol=1e-5)
        assert (here.indices == there.indices).mean() > 0.999


def test_a_device_that_cannot_be_used(rng):
    with pytest.raises(InputError, match="`device` is 'nonsense', which cannot be used"):
        nearest(rng.normal(size=(9, 3)), 2, device="nonsense")


@pytest.mark.parametrize("limit", [30_000, 100])
def test_the_nearest_among_some(rng, monkeypatch, limit):
    """Exact and partitioned search, compared with plain distances."""
    monkeypatch.setattr("workbench.evidence.neighbors.EXACT_ROWS", limit)
    X = rng.normal(size=(8, 16))[np.arange(900) % 8] * 3 + rng.normal(size=(900, 16))
    among = np.sort(rng.choice(900, 300, replace=False))
    place, distance = nearest_of(X, among, 5, "euclidean")
    away = np.linalg.norm(X[:, None] - X[None, among], axis=2)
    away[among, np.arange(300)] = np.inf
    true = among[np.argsort(away, axis=1)[:, :5]]
    assert set(place.ravel()) <= set(among)
    shared = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(place, true)])
    assert shared == 1 if limit > 900 else shared > 0.9
    assert np.allclose(distance[:, 0], np.linalg.norm(X - X[place[:, 0]], axis=1), rtol=1e-3)


def test_approximate_search_finds_nearly_all_and_says_how_many(rng):
    X = (rng.normal(size=(40, 16))[rng.integers(40, size=3000)] * 2 + rng.normal(size=(3000, 16))).astype(np.float32)
    X[7] = np.nan
    X[100:400] = X[100]
    exact, about = nearest(X, 15, exact=True), nearest(X, 15, exact=False)
    close = about.distances <= exact.distances[:, -1:] * (1 + 1e-5)
    found = np.delete(close, 7, 0).mean()
    assert 0.93 < found < 1
    assert abs(about.recall - found) < 0.02
    assert about.how == f"approximate search, cosine distance, recall {about.recall:.3f} measured on 500 rows"
    assert (about.indices[7] == -1).all()
    assert (np.delete(about.indices, 7, 0) >= 0).all()
    assert (about.indices != np.arange(3000)[:, None]).all()
    assert all(len(set(row)) == 15 for row in np.delete(about.indices, 7, 0).tolist())
    assert np.array_equal(about.indices, nearest(X, 15, exact=False).indices)


@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 1), (3, 2), (30, 29), (200, 60)])
def test_approximate_search_of_few_rows_is_whole(rng, n, k):
    X = rng.normal(size=(n, 3))
    graph = nearest(X, k, exact=False)
    assert graph.k == min(k, n - 1)
    assert (graph.indices >= 0).all()
    if n <= k + 8:  # then every cell is searched
        assert np.array_equal(graph.indices, nearest(X, k, exact=True).indices)


@pytest.fixture
def recorded(tmp_path, rng):
    X = rng.normal(size=(200, 6)).astype(np.float32)
    dataset = Dataset.from_arrays(np.arange(200) % 3)
    with Recorder(tmp_path / "run", dataset) as recorder:
        for epoch in range(2):
            with recorder.epoch(epoch):
                rows = np.arange(190)
                recorder.batch(rows, rng.normal(size=(190, 3)), X[rows] * (1 + epoch * np.arange(6)))
    return recorder.run()


def test_a_run_computes_its_graph_once_and_slices_it(recorded, monkeypatch):
    graph = neighbors(recorded, k=10)
    assert (graph.n, graph.k) == (200, 10)
    assert (graph.indices[190:] == -1).all()
    monkeypatch.setattr("workbench.evidence.neighbors.nearest", lambda *_: pytest.fail("computed again"))
    assert np.array_equal(neighbors(recorded, k=5).indices, graph.indices[:, :5])
    assert neighbors(recorded, k=AT_LEAST).k == AT_LEAST


def test_more_neighbours_are_computed_when_asked_for(recorded):
    few = neighbors(recorded, k=10)
    many = neighbors(recorded, k=AT_LEAST + 20)
    assert many.k == AT_LEAST + 20
    assert np.array_equal(many.indices[:, :10], few.indices)
    assert neighbors(recorded, k=1000).k == 199


def test_epochs_and_metrics_have_graphs_of_their_own(recorded):
    last, first = neighbors(recorded, -1, 10), neighbors(recorded, 0, 10)
    assert not np.array_equal(last.indices, first.indices)
    assert np.array_equal(last.indices, neighbors(recorded, 1, 10).indices)
    assert not np.array_equal(last.indices, neighbors(recorded, -1, 10, metric="euclidean").indices)


def test_a_run_without_embeddings_says_how_to_get_them(tmp_path, rng):
    with Recorder(tmp_path / "run", Dataset.from_arrays([0, 1])) as recorder, recorder.epoch(0):
        recorder.batch([0, 1], rng.normal(size=(2, 2)))
    with pytest.raises(MissingEvidence, match=r"`embeddings`.*rec\.batch"):
        neighbors(recorder.run())
