"""Nodes: a detector of planted errors is better than features alone; denoising of labels by links and prototypes."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, matthews_corrcoef, roc_auc_score
from sklearn.model_selection import cross_val_predict

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.foundation.rows import unit_rows
from workbench.graphs.coding_rate import PRECISION, rate_slope


@pytest.fixture(scope="module")
def blocks():
    """A stochastic block model of 4 x 100 nodes with weak features, and its labels with .1 and .3 of them flipped."""
    rng = np.random.default_rng(0)
    true = np.repeat(np.arange(4), 100)
    edges = np.argwhere(np.triu(rng.random((400, 400)) < np.where(true[:, None] == true, 0.05, 0.01), 1))
    x = np.eye(4)[true] + rng.normal(0, 0.8, (400, 4))
    flips = {}
    for share in (0.1, 0.3):
        given = true.copy()
        rows = rng.choice(400, round(share * 400), replace=False)
        given[rows] = (true[rows] + rng.integers(1, 4, len(rows))) % 4
        flips[share] = given
    return x, edges, true, flips


def test_planted_errors_teach_to_find_real_ones(blocks):
    x, edges, true, flips = blocks
    given = flips[0.1]
    probs = cross_val_predict(LogisticRegression(), x, given, method="predict_proba")
    found = wb.experiments.graph_cleaner(given, probs, edges)
    wrong = given != true
    p = found["p_error"].sort_index()
    alone = -probs[np.arange(400), given]
    assert average_precision_score(wrong, p) > average_precision_score(wrong, alone) + 0.2
    by_features = wb.confident.find_label_issues(given, probs)
    assert matthews_corrcoef(wrong, p > 0.5) > matthews_corrcoef(wrong, by_features) + 0.1
    assert found["p_error"].is_monotonic_decreasing and p.sum() == pytest.approx(wrong.sum(), rel=0.6)
    top = found.head(20)
    assert (top["suggested_label"] == true[top.index]).mean() > 0.6
    assert (found["suggested_label"] != found["given_label"]).all()
    kept = p < 0.5
    features = wb.graphs.smooth_features(x, edges)
    scores = [(LogisticRegression().fit(features[some], given[some]).predict(features) == true).mean()
              for some in (np.ones(400, bool), kept)]  # fmt: skip
    assert scores[1] >= scores[0] - 0.005, "training without those that are flagged"


def test_unlabelled_nodes_are_not_judged_and_the_seed_decides(blocks):
    _, edges, true, flips = blocks
    given = flips[0.1].copy()
    given[:5] = -1
    probs = np.eye(4)[true] * 0.6 + 0.1
    found = wb.experiments.graph_cleaner(given, probs, edges, draws=1)
    assert found["p_error"].isna().sum() == 5 and set(found.index[-5:]) == set(range(5))
    assert found.equals(wb.experiments.graph_cleaner(given, probs, edges, draws=1))
    with pytest.raises(InputError, match="`draws` is 0"):
        wb.experiments.graph_cleaner(given, probs, edges, draws=0)
    with pytest.raises(InputError, match="has 3 labels"):
        wb.experiments.graph_cleaner([0, 1, 1], probs[:3], [[0, 1]])


def test_a_trained_representation_restores_labels_too(blocks):
    x, edges, true, flips = blocks
    given = flips[0.3]
    soft = wb.graphs.denoise_labels(given, edges, x, epochs=20)
    assert np.allclose(soft.sum(axis=1), 1) and (soft >= 0).all()
    assert (soft.argmax(axis=1) == true).mean() > (given == true).mean() + 0.05
    assert roc_auc_score(given != true, 1 - soft[np.arange(400), given]) > 0.8
    assert np.array_equal(soft, wb.graphs.denoise_labels(given, edges, x, epochs=20))
    with pytest.raises(InputError, match=r"`epochs` is 3 without features"):
        wb.graphs.denoise_labels(given, edges, epochs=3)
    with pytest.raises(InputError, match="`epochs` is -1"):
        wb.graphs.denoise_labels(given, edges, x, epochs=-1)


def test_the_slope_of_the_coding_rates_is_their_derivative(rng):
    z = unit_rows(rng.normal(size=(12, 4)))
    labels = rng.dirichlet(np.ones(3), 12)

    def gain(z):
        """R(Z) - Rc(Z, P), written out."""
        n, d = z.shape
        whole = np.linalg.slogdet(np.eye(d) + d / (n * PRECISION) * z.T @ z)[1] / 2
        parts = 0.0
        for column in labels.T:
            size = column.sum()
            inner = np.eye(d) + d / (size * PRECISION) * z.T @ (column[:, None] * z)
            parts += size / (2 * n) * np.linalg.slogdet(inner)[1]
        return whole - parts

    slope = rate_slope(z, labels)
    for place in [(0, 0), (5, 2), (11, 3)]:
        step = np.zeros_like(z)
        step[place] = 1e-6
        assert slope[place] == pytest.approx((gain(z + step) - gain(z - step)) / 2e-6, rel=1e-4)


def test_denoised_labels_restore_most_and_find_more_than_features(blocks):
    x, edges, true, flips = blocks
    given = flips[0.3]
    wrong = given != true
    soft = wb.graphs.denoise_labels(given, edges, x)
    assert np.allclose(soft.sum(axis=1), 1) and (soft >= 0).all()
    restored = soft.argmax(axis=1) == true
    assert restored[wrong].mean() > 0.75 and restored.mean() > (given == true).mean() + 0.08
    probs = cross_val_predict(LogisticRegression(), x, given, method="predict_proba")
    lost, alone = (1 - one[np.arange(400), given] for one in (soft, probs))
    assert roc_auc_score(wrong, lost) > roc_auc_score(wrong, alone) + 0.05
    spread = wb.graphs.denoise_labels(given, edges)
    assert np.allclose(spread, wb.graphs.propagate_labels(given, edges))
    assert restored.mean() > (spread.argmax(axis=1) == true).mean(), "prototypes help"


def test_prototypes_leave_out_the_own_node():
    """Compared with a loop over similarities of each node to prototypes of all others."""
    rng = np.random.default_rng(1)
    labels, edges, x = rng.integers(0, 3, 30), rng.integers(0, 30, (60, 2)), rng.normal(size=(30, 5))
    soft = wb.graphs.denoise_labels(labels, edges, x, mix=0.0)
    spread = wb.graphs.propagate_labels(labels, edges).astype(float)
    smooth = wb.graphs.smooth_features(x, edges, hops=2).astype(float)
    smooth -= smooth.mean(axis=0)
    for row in range(30):
        rest = np.arange(30) != row
        cosines = []
        for code in range(3):
            mean = spread[rest, code] @ smooth[rest]
            cosines.append(mean @ smooth[row] / np.linalg.norm(mean) / np.linalg.norm(smooth[row]))
        like = np.exp(2 * np.array(cosines))
        assert soft[row] == pytest.approx(like / like.sum(), abs=1e-6)
    with pytest.raises(InputError, match="`mix` is 2"):
        wb.graphs.denoise_labels(labels, edges, mix=2)


def test_karate_club_is_restored():
    graph = nx.karate_club_graph()
    true = np.array([graph.nodes[node]["club"] == "Officer" for node in graph]).astype(int)
    shares = []
    for seed in range(10):
        rows = np.random.default_rng(seed).choice(34, 7, replace=False)
        given = true.copy()
        given[rows] = 1 - given[rows]
        soft = wb.graphs.denoise_labels(given, np.array(graph.edges))
        shares.append((soft.argmax(axis=1) == true)[rows].mean())
    assert np.mean(shares) > 0.7
