"""Edges between examples as evidence: informative ones help, uninformative ones do no harm."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from planted import in_rows
from sklearn.metrics import average_precision_score, roc_auc_score

import workbench as wb
from workbench.foundation.errors import InputError


def blocks(rng, sizes=(100, 100, 100), within=0.06, between=0.01, spread=0.6, noise=0.15, d=8):
    """(features, edges, true, given) of a block model with Gaussian features."""
    true = np.repeat(np.arange(len(sizes)), sizes)
    n, k = len(true), len(sizes)
    chance = np.where(true[:, None] == true, within, between)
    edges = np.argwhere(np.triu(rng.random((n, n)) < chance, 1))
    features = (rng.normal(size=(k, d)) * spread)[true] + rng.normal(size=(n, d))
    given = true.copy()
    wrong = rng.choice(n, round(noise * n), replace=False)
    given[wrong] = (true[wrong] + rng.integers(1, k, len(wrong))) % k
    return features.astype(np.float32), edges, true, given


def ap(found, wrong):
    return average_precision_score(wrong, in_rows(found, "p_error"))


@pytest.fixture(scope="module")
def world():
    return blocks(np.random.default_rng(5))


@pytest.fixture(scope="module")
def plain(world):
    features, _, _, given = world
    return wb.find_issues(given, embeddings=features)


@pytest.fixture(scope="module")
def both(world):
    features, edges, _, given = world
    return wb.find_issues(given, embeddings=features, edges=edges)


def test_edges_beside_features_find_far_more(world, plain, both):
    _, edges, true, given = world
    wrong = given != true
    alone = wb.find_issues(given, edges=edges)
    assert ap(both, wrong) > max(ap(plain, wrong), ap(alone, wrong)) + 0.01
    assert ap(alone, wrong) > 0.8
    shares = both.attrs["shares"]
    assert set(shares) == {"embeddings", "edges"}
    assert sum(shares.values()) == pytest.approx(1)
    assert "edges" in both.attrs["evidence"]
    assert "smoothed along the edges over 3 hops" in both.attrs["method"]
    assert both.attrs["sources"]["edges"] == "edges as given"
    top = both[both["p_error"] > 0.9]
    assert (top["suggested_label"] == true[top["row"]]).mean() > 0.9


def test_the_number_of_errors_and_their_probabilities_are_true(world, both):
    _, _, true, given = world
    wrong = given != true
    low, high = both.attrs["expected_errors_interval"]
    assert low <= wrong.sum() <= high
    p = in_rows(both, "p_error")
    place = np.minimum((10 * p).astype(int), 9)
    assert sum(abs((p - wrong)[place == one].sum()) for one in range(10)) / len(p) < 0.05


def test_reasons_count_linked_nodes(world, both):
    _, edges, _, given = world
    names = ["A", "B", "C"]
    named = wb.find_issues([names[one] for one in given], edges=edges)
    row = int(both["row"].iloc[0])
    ends = np.concatenate([edges, edges[:, ::-1]])
    near = given[ends[ends[:, 0] == row, 1]]
    most = int(np.bincount(near).argmax())
    count, total = int((near == most).sum()), len(near)
    words = named["reasons"].to_numpy()[named["row"] == row][0]
    assert f"{count} of {total} linked nodes are labelled {names[most]}" in words
    kinds = named["reason_kinds"].to_numpy()[named["row"] == row][0]
    assert kinds.split("; ")[
        words.split("; ").index(f"{count} of {total} linked nodes are labelled {names[most]}")
    ] == ("edges")


def bad_edges(kind, rng, features, edges, given):
    n = len(given)
    pairs = rng.integers(0, n, (4000, 2))
    same = pairs[given[pairs[:, 0]] == given[pairs[:, 1]]]
    distances = ((features[:, None] - features[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    near = distances.argsort(axis=1)[:, :8]
    return {
        "random": rng.integers(0, n, edges.shape),
        "shuffled": np.stack([edges[:, 0], rng.permutation(edges[:, 1])], axis=1),
        "a star": np.stack([np.zeros(n - 1, int), np.arange(1, n)], axis=1),
        "to themselves": np.repeat(np.arange(n), 2).reshape(n, 2),
        "none": np.empty((0, 2), int),
        "between equal labels": same,
        "nearest neighbours": np.stack([np.repeat(np.arange(n), 8), near.ravel()], axis=1),
    }[kind]


KINDS = ("random", "shuffled", "a star", "to themselves", "none", "between equal labels", "nearest neighbours")


@pytest.mark.parametrize("kind", KINDS)
def test_edges_that_say_nothing_or_copy_the_labels_cost_nothing(world, plain, kind):
    features, edges, true, given = world
    wrong = given != true
    bad = bad_edges(kind, np.random.default_rng(1), features, edges, given)
    found = wb.find_issues(given, embeddings=features, edges=bad)
    assert ap(found, wrong) >= ap(plain, wrong) - 0.01
    lost = roc_auc_score(wrong, in_rows(plain, "p_error")) - roc_auc_score(wrong, in_rows(found, "p_error"))
    assert lost <= 0.005
    assert "edges" in found.attrs["set_aside"] or "edges ignored" in found.attrs["method"]
    assert not found["reasons"].str.contains("linked").any()
    pd.testing.assert_frame_equal(found, plain)


def test_random_edges_beside_given_probabilities_change_nothing(world):
    _, edges, true, given = world
    rng = np.random.default_rng(2)
    probs = np.full((len(given), 3), 0.1)
    probs[np.arange(len(given)), np.where(rng.random(len(given)) < 0.8, true, given)] += 0.7
    alone = wb.find_issues(given, pred_probs=probs)
    pd.testing.assert_frame_equal(
        wb.find_issues(given, pred_probs=probs, edges=rng.integers(0, len(given), edges.shape)), alone
    )
    better = wb.find_issues(given, pred_probs=probs, edges=edges)
    assert ap(better, given != true) >= ap(alone, given != true)
    assert set(better.attrs["shares"]) == {"pred_probs", "edges"}


def test_edges_made_of_the_labels_are_found_where_errors_go_to_the_next_class():
    """Such errors are systematic, so the test of `weighing` for random noise does not detect them."""
    rng = np.random.default_rng(4)
    features, _, true, _ = blocks(rng, sizes=(60,) * 6, spread=2.0)
    given = np.where(rng.random(360) < 0.2, (true + 1) % 6, true)
    pairs = rng.integers(0, 360, (3000, 2))
    same = pairs[given[pairs[:, 0]] == given[pairs[:, 1]]]
    probs = np.full((360, 6), 0.04)
    probs[np.arange(360), np.where(rng.random(360) < 0.9, true, rng.integers(0, 6, 360))] += 0.76
    for good in ({"embeddings": features}, {"pred_probs": probs}):
        found = wb.find_issues(given, edges=same, **good)
        assert "seen the labels" in found.attrs["set_aside"]["edges"]
        pd.testing.assert_frame_equal(found, wb.find_issues(given, **good))


def test_random_edges_alone_are_refused_in_words(world):
    _, edges, _, given = world
    found = wb.find_issues(given, edges=np.random.default_rng(3).integers(0, len(given), edges.shape))
    assert not found.attrs["errors_identified"]
    assert "audit" in found.attrs["errors_in_words"]


def test_where_linked_nodes_differ_their_labels_still_say_which_are_wrong():
    _, edges, true, given = blocks(np.random.default_rng(8), sizes=(120, 120), within=0.0, between=0.06, noise=0.1)
    found = wb.find_issues(np.array(["buyer", "seller"])[given], edges=edges)
    assert ap(found, given != true) > 0.9
    assert found.attrs["expected_errors"] == pytest.approx((given != true).sum(), rel=0.3)
    assert "linked nodes are labelled buyer (buyer mostly links to seller)" in found["reasons"].iloc[0] or (
        "linked nodes are labelled seller (seller mostly links to buyer)" in found["reasons"].iloc[0]
    )


def test_karate_club_without_any_features():
    graph = nx.karate_club_graph()
    edges = nx.to_pandas_edgelist(graph, source="source", target="target")[["source", "target"]]
    true = np.array([graph.nodes[node]["club"] for node in graph])
    scores = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        wrong = np.zeros(34, bool)
        wrong[rng.choice(34, 7, replace=False)] = True
        given = np.where(wrong, np.where(true == "Officer", "Mr. Hi", "Officer"), true)
        scores.append(roc_auc_score(wrong, in_rows(wb.find_issues(given, edges=edges), "p_error")))
    assert np.mean(scores) > 0.9


def test_nodes_without_links_labels_or_features_are_fine(world):
    features, edges, true, given = world
    given, features = given.copy(), features.copy()
    edges = edges[(edges >= 20).all(axis=1)]  # the first 20 have no link
    given[[0, 30]] = -1
    features[[1, 31]] = np.nan
    found = wb.find_issues(given, embeddings=features, edges=edges)
    p = in_rows(found, "p_error")
    assert np.isnan(p[[0, 30]]).all()
    assert np.isfinite(np.delete(p, [0, 30])).all()
    of_linked = found[found["row"] >= 20]
    assert not found[found["row"] < 20]["reasons"].str.contains("linked").any()
    assert of_linked["reasons"].str.contains("linked").any()
    assert found[found["row"] == 30]["suggested_label"].iloc[0] == true[30]


def test_ids_name_the_ends_and_a_dataset_brings_its_edges(world, both):
    features, edges, _, given = world
    ids = np.array([f"n{row}" for row in range(len(given))])
    named = pd.DataFrame({"source": ids[edges[:, 0]], "target": ids[edges[:, 1]]})
    of_series = wb.find_issues(pd.Series(given, index=ids), embeddings=features, edges=named)
    dataset = wb.Dataset.from_arrays(given, ids=ids, edges=named)
    assert dataset.edges.m == len(edges)
    of_dataset = wb.find_issues(dataset, embeddings=features)
    for found in (of_series, of_dataset):
        np.testing.assert_array_equal(found["p_error"], both["p_error"])
        assert found["reasons"].tolist() == both["reasons"].tolist()
    with pytest.raises(InputError, match=r"`edges.target` row 0 is 'x', which is not among the examples"):
        wb.find_issues(pd.Series(given, index=ids), edges=pd.DataFrame({"source": ["n0"], "target": ["x"]}))


def test_edges_count_twice_or_both_ways_as_once(world, both):
    features, edges, _, given = world
    again = np.concatenate([edges, edges[:, ::-1], edges[:50], np.repeat(np.arange(9), 2).reshape(9, 2)])
    found = wb.find_issues(given, embeddings=features, edges=again)
    pd.testing.assert_frame_equal(found, both)
