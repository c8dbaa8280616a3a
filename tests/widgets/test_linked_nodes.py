"""Linked nodes in the inspector: for a run with edges, for arrays, and in a saved page."""

from __future__ import annotations

import base64
import gzip
import json
import re

import numpy as np
import pytest

import widgets as wd
import workbench as wb
from widgets.requests import answer
from widgets.view.details import LINKS_SHOWN


@pytest.fixture(scope="module")
def graph():
    rng = np.random.default_rng(4)
    given = np.repeat([0, 1], 30)
    ends = rng.integers(0, 30, (120, 2)) + 30 * rng.integers(0, 2, 120)[:, None]
    hub = np.stack([np.full(25, 59), np.arange(25)], axis=1)  # linked to 25 of the other class
    return given, np.concatenate([ends, hub])


@pytest.fixture(scope="module")
def explorer(graph, tmp_path_factory):
    given, edges = graph
    labels = np.array(["ant", "bee"])[given]
    run = wb.import_run(labels, tmp_path_factory.mktemp("runs") / "nodes", edges=edges)
    return wd.Explorer(run)


def test_linked_nodes_are_those_of_the_edges(explorer, graph):
    _, edges = graph
    run = explorer.run
    for row in (0, 12, 40):
        linked = explorer._view.details.of(row, "")["linked"]
        ends = np.concatenate([edges, edges[:, ::-1]])
        expected = set(ends[ends[:, 0] == row, 1].tolist()) - {row}
        assert set(linked["rows"]) == expected
        assert linked["total"] == len(expected) == len(linked["items"])
        pairs = {tuple(sorted((linked["rows"][a], linked["rows"][b]))) for a, b in linked["between"]}
        between = {tuple(sorted(pair)) for pair in edges.tolist() if set(pair) <= expected and pair[0] != pair[1]}
        assert pairs == between
    assert run.dataset.edges.degree[59] > LINKS_SHOWN
    hub = explorer._view.details.of(59, "")["linked"]
    assert len(hub["rows"]) == LINKS_SHOWN
    assert hub["total"] == run.dataset.edges.degree[59]
    json.dumps(hub)


def test_the_reason_counts_what_the_inspector_shows(explorer, graph):
    given, _ = graph
    details = explorer._view.details.of(59, "")
    total = explorer.run.dataset.edges.degree[59]
    linked = explorer.run.dataset.edges.linked(59)
    ants = int((given[linked] == 0).sum())
    assert f"{ants} of {total} linked nodes are labelled ant" in details["reasons"]
    at = details["reasons"].index(f"{ants} of {total} linked nodes are labelled ant")
    assert "linked nodes" in details["meanings"][at]


def test_without_edges_there_are_none_to_show(tmp_path):
    probs = np.full((20, 2), 0.5)
    ex = wd.Explorer(np.arange(20) % 2, pred_probs=probs)
    assert ex._view.details.of(0, "")["linked"] is None


def test_without_epochs_the_map_shows_what_the_links_say(explorer, graph):
    """A node with many links of another label lies at the lower right."""
    given, edges = graph
    body, _ = answer(explorer._view, {"kind": "open"}, [])
    axes = body["data_map"]
    assert (axes["x"], axes["y"], body["maps"]) == ("links (log2)", "p_given (links)", [True, False])
    x, y = (explorer._view.columns[axes[one]].values for one in ("x", "y"))
    degree = explorer.run.dataset.edges.degree
    np.testing.assert_array_less(np.abs(x - np.log2(np.maximum(degree, 1)))[degree > 0], 0.31)
    assert np.isnan(x[degree == 0]).all() and np.isnan(y[degree == 0]).all()
    expected = wb.graphs.linked_bayes(given, edges, k=2)[np.arange(60), given]
    np.testing.assert_allclose(y[degree > 0], expected[degree > 0], rtol=1e-6)
    assert x[59] > np.quantile(x[degree > 0], 0.95) and y[59] < 0.01


def test_candidates_and_numbers_without_embeddings_have_a_map_and_bare_labels_a_grid(tmp_path):
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(3), 60)
    sets = [[0, 1], [1, 2], [0]] * 20
    run = wb.import_run(sets, tmp_path / "sets", task="candidates")
    run.save_pred_probs(probs, out_of_fold=True, source="made up")
    view = wd.Explorer(run)._view
    body, _ = answer(view, {"kind": "open"}, [])
    assert (body["data_map"]["x"], body["data_map"]["y"], body["maps"]) == ("margin", "mass_inside", [True, False])
    found = wb.find_issues(run).sort_values("row")
    np.testing.assert_allclose(view.columns["mass_inside"].values, found["mass_inside"], rtol=1e-5)
    np.testing.assert_allclose(view.columns["margin"].values, found["margin"], rtol=1e-5)

    y = np.exp(rng.normal(size=60))
    run = wb.import_run(np.where(np.arange(60) == 7, 1000 * y, y), tmp_path / "numbers", task="numbers")
    run.save_predictions(y[:, None] * np.exp(0.1 * rng.normal(size=(60, 1))), out_of_fold=True, source="made up")
    view = wd.Explorer(run)._view
    body, _ = answer(view, {"kind": "open"}, [])
    assert (body["data_map"]["x"], body["data_map"]["y"]) == ("expected number", "given number")
    assert "asinh" in view.columns["given number"].title
    away = np.abs(view.columns["given number"].values - view.columns["expected number"].values)
    assert away.argmax() == 7

    run = wb.import_run(["a", "b"] * 30, tmp_path / "bare")
    body, _ = answer(wd.Explorer(run)._view, {"kind": "open"}, [])
    assert body["data_map"] is None and body["maps"] == [False, False] and "edges" in body["no_data_map"]


def test_labels_and_edges_open_without_a_run(graph):
    given, edges = graph
    ex = wd.Explorer(given, edges=edges)
    assert ex._view.details.of(59, "")["linked"]["total"] > LINKS_SHOWN
    assert any("linked nodes are labelled" in one for one in ex._view.details.of(59, "")["reasons"])


def test_a_saved_page_has_the_linked_nodes_of_its_examples(explorer, tmp_path):
    explorer.save_html(tmp_path / "page.html", examples=3)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    packed = re.findall(r"<template id=.*?>(.*?)<", text)[0]
    facts = json.loads(gzip.decompress(base64.b64decode(packed)))
    for detail in facts["details"].values():
        assert detail["linked"]["items"] == []
        assert {str(row) for row in detail["linked"]["rows"]} <= set(facts["items"])
