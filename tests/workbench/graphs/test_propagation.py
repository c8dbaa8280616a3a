"""Labels and features along edges: by hand, by independent computation, and that no label predicts itself."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from workbench.foundation.errors import InputError
from workbench.graphs import label_histograms, linked_bayes, propagate_labels, propagation, smooth_features

FUNCTIONS = {
    "propagate_labels": propagate_labels,
    "linked_bayes": linked_bayes,
    "label_histograms": label_histograms,
}


def random_graph(rng, n=60, m=150, k=3):
    return rng.integers(-1, k, n), rng.integers(0, n, (m, 2))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_label_takes_part_in_its_own_prediction(name, rng):
    labels, edges = random_graph(rng)
    before = FUNCTIONS[name](labels, edges, k=3)
    moved = 0
    for row in np.flatnonzero(labels >= 0):
        other = labels.copy()
        other[row] = (labels[row] + 1) % 3
        after = FUNCTIONS[name](other, edges, k=3)
        np.testing.assert_allclose(after[row], before[row], atol=1e-6)
        moved += not np.allclose(after, before)
    assert moved > 30, "labels do take part in the predictions of others"


def test_above_3000_nodes_random_signs_find_the_ways_back(monkeypatch, rng):
    labels, edges = random_graph(rng, n=400, m=900)
    exact, histograms = propagate_labels(labels, edges, k=3), label_histograms(labels, edges, k=3)
    monkeypatch.setattr(propagation, "EXACT", 10)
    estimated = propagate_labels(labels, edges, k=3)
    assert np.abs(estimated - exact).mean() < 0.02
    assert np.abs(estimated - exact).max() < 0.25
    np.testing.assert_allclose(label_histograms(labels, edges, k=3)[:, :2], histograms[:, :2], atol=1e-6)
    assert np.array_equal(estimated, propagate_labels(labels, edges, k=3)), "the same seed, the same numbers"


def test_a_path_by_hand():
    """0 - 1 - 2, labels A ? B: S has 1 / sqrt 2 next to the diagonal."""
    alpha, hops = 0.5, 3
    labels, edges = np.array([0, -1, 1]), [(0, 1), (1, 2)]
    # from 2 to 0: one walk of two links, with weight (alpha / sqrt 2)^2; the walk back to 0 is excluded
    way, own_class, other_class = alpha**2 / 2, 0.5 / 2, 1.5 / 2
    middle = alpha * 2 / np.sqrt(2) + alpha**3 * 2 / np.sqrt(2)
    lean = propagation.PRIOR * (2 * way + middle) / 3
    found = propagate_labels(labels, edges, k=2, alpha=alpha, hops=hops)
    expected = np.array([lean * own_class, way + lean * other_class])
    np.testing.assert_allclose(found[0], expected / expected.sum(), rtol=1e-5)
    np.testing.assert_allclose(found[1], [0.5, 0.5], rtol=1e-6)


def test_propagation_equals_the_series_of_a_dense_matrix(rng):
    labels, edges = random_graph(rng, n=30, m=60)
    graph = nx.Graph()
    graph.add_nodes_from(range(30))
    graph.add_edges_from(pair for pair in edges.tolist() if pair[0] != pair[1])
    dense = nx.to_numpy_array(graph)
    degree = np.maximum(dense.sum(axis=1), 1e-12)
    scaled = dense / np.sqrt(degree)[:, None] / np.sqrt(degree)[None]
    operator = sum(np.linalg.matrix_power(0.9 * scaled, hop) for hop in range(1, 11))
    np.fill_diagonal(operator, 0)
    hot = np.where((labels >= 0)[:, None], np.eye(3)[np.maximum(labels, 0)], 0)
    reached = operator @ hot
    others = np.bincount(labels[labels >= 0], minlength=3) + 0.5 - hot
    weight = reached.sum(axis=1)
    found = reached + propagation.PRIOR * weight[weight > 0].mean() * others / others.sum(axis=1, keepdims=True)
    found /= found.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(propagate_labels(labels, edges, k=3), found, atol=1e-5)


def test_linked_bayes_equals_a_plain_loop(rng):
    labels, edges = random_graph(rng, n=25, m=60, k=3)
    links = propagation.Edges.of(edges, 25).links.toarray()
    expected = np.zeros((25, 3))
    for row in range(25):
        pairs = np.full((3, 3), propagation.PSEUDO_LINKS / 3)
        for one, other in zip(*np.nonzero(links)):
            if row not in (one, other) and labels[one] >= 0 and labels[other] >= 0:
                pairs[labels[one], labels[other]] += 1
        pairs /= pairs.sum(axis=1, keepdims=True)
        others = np.delete(labels, row)
        counts = np.bincount(others[others >= 0], minlength=3) + 0.5
        if labels[row] < 0:
            counts = np.bincount(labels[labels >= 0], minlength=3) + 0.5
        logs = np.log(counts / counts.sum())
        for other in np.flatnonzero(links[row]):
            if labels[other] >= 0:
                logs += np.log(pairs[:, labels[other]])
        expected[row] = np.exp(logs - logs.max())
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(linked_bayes(labels, edges, k=3), expected, atol=1e-5)


def test_histograms_of_a_star_by_hand():
    """A centre 0 with leaves 1, 2, 3: a third of the walks of two links from a leaf return to it."""
    labels = np.array([0, 1, 1, 0])
    found = label_histograms(labels, [(0, 1), (0, 2), (0, 3)], hops=2)
    np.testing.assert_allclose(found[0], [[1 / 3, 2 / 3], [0, 0]], atol=1e-6)
    np.testing.assert_allclose(found[1], [[1, 0], [1 / 3, 1 / 3]], atol=1e-6)
    probs = label_histograms(np.eye(2)[labels], [(0, 1), (0, 2), (0, 3)], hops=2)
    np.testing.assert_allclose(probs, found, atol=1e-6)


def test_where_linked_nodes_differ_bayes_finds_the_class_and_propagation_does_not(rng):
    true = np.repeat([0, 1], 100)
    edges = [(a, b) for a in range(100) for b in range(100, 200) if rng.random() < 0.05]
    assert (linked_bayes(true, edges).argmax(axis=1) == true).mean() > 0.95
    assert (propagate_labels(true, edges).argmax(axis=1) == true).mean() < 0.2


def test_nodes_that_no_label_reaches_get_the_class_shares():
    labels = np.array([0, 0, 1, -1])
    for found in (propagate_labels(labels, [(0, 1)]), linked_bayes(labels, [(0, 1)])):
        np.testing.assert_allclose(found[3], [2.5 / 4, 1.5 / 4], rtol=1e-5)
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_smoothed_features_equal_powers_of_the_matrix(rng):
    features, edges = rng.normal(size=(20, 4)), rng.integers(0, 20, (30, 2))
    dense = propagation.Edges.of(edges, 20).links.toarray() + np.eye(20)
    root = np.diag(1 / np.sqrt(dense.sum(axis=1)))
    scaled = root @ dense @ root
    found = smooth_features(features, edges, hops=2)
    for hop in range(3):
        block = np.linalg.matrix_power(scaled, hop) @ features
        block /= np.linalg.norm(block, axis=1, keepdims=True)
        np.testing.assert_allclose(found[:, 4 * hop : 4 * hop + 4], block, atol=1e-5)


def test_a_node_without_features_gets_those_around_it():
    features = np.array([[np.nan, np.nan], [3.0, 4.0]])
    found = smooth_features(features, [(0, 1)], hops=1)
    np.testing.assert_allclose(found, [[0, 0, 0.6, 0.8], [0.6, 0.8, 0.6, 0.8]], atol=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: propagate_labels([0, 1], [(0, 1)], alpha=1.0), "`alpha` is 1.0"),
        (lambda: propagate_labels([0, 1], [(0, 1)], hops=0), "`hops` is 0"),
        (lambda: propagate_labels([0, 5], [(0, 1)], k=3), "`given_labels` row 1"),
        (lambda: propagate_labels([[0, 1]], [(0, 1)]), r"`labels` has shape \(1, 2\)"),
        (lambda: label_histograms([0, 1], [(0, 1)], hops=0), "`hops` is 0"),
        (lambda: smooth_features([1.0, 2.0], [(0, 1)]), r"`features` has shape \(2,\)"),
        (lambda: smooth_features([[1.0], [np.inf]], [(0, 1)]), "`features` row 1"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(call, words):
    with pytest.raises(InputError, match=words):
        call()
