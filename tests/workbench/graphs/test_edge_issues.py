"""Edges as examples: evidence by another route; wrong and missing ones found, counted, reviewed and exported."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import workbench as wb
from workbench.foundation.errors import FdrNotPossible, InputError
from workbench.graphs import edge_issues, pair_evidence
from workbench.issues.calibration import calibration_error
from workbench.issues.edge_table import LINK_CLASSES


def test_evidence_equals_that_of_the_graph_without_the_own_link(rng):
    n = 24
    edges = rng.integers(0, n, (60, 2))
    labels = rng.integers(-1, 3, n)
    features = rng.normal(size=(n, 4)).astype(np.float32)
    pairs = np.array([(a, b) for a in range(n) for b in range(a + 1, n)])
    found = pair_evidence(pairs, edges, n=n, features=features, labels=labels)
    whole = nx.Graph()
    whole.add_nodes_from(range(n))
    whole.add_edges_from((a, b) for a, b in edges.tolist() if a != b)
    unit = features - features.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    degree = dict(whole.degree)
    for place, (u, v) in enumerate(pairs.tolist()):
        row = found.iloc[place]
        rest = whole.copy()
        assert row["linked"] == whole.has_edge(u, v)
        if row["linked"]:
            rest.remove_edge(u, v)
        common = sorted(set(rest[u]) & set(rest[v]))
        assert row["shared"] == len(common)
        assert row["adamic_adar"] == pytest.approx(sum(1 / np.log(degree[one]) for one in common))
        inner = [(x, y) for x in rest[u] for y in rest[x] if y in rest[v]]
        assert row["paths3"] == pytest.approx(sum(1 / np.sqrt(degree[x] * degree[y]) for x, y in inner), abs=1e-9)
        assert (row["least_degree"], row["most_degree"]) == tuple(sorted((rest.degree[u], rest.degree[v])))
        assert row["cosine"] == pytest.approx(unit[u] @ unit[v], abs=1e-5)

        def near(one, other, rest=rest):
            total = unit[list(rest[other])].sum(axis=0) if len(rest[other]) else np.zeros(4)
            length = np.linalg.norm(total)
            return unit[one] @ total / length if length else 0.0

        assert row["cosine_near"] == pytest.approx((near(u, v) + near(v, u)) / 2, abs=1e-4)
        if labels[u] < 0 or labels[v] < 0:
            assert row["label_odds"] == 0
    known = pairs[(labels[pairs] >= 0).all(axis=1)]
    assert len(known) > 50


def test_the_own_link_changes_nothing_but_that_there_is_one(rng):
    n, edges = 30, rng.integers(0, 30, (70, 2))
    labels, features = rng.integers(0, 3, n), rng.normal(size=(n, 3))
    absent = [
        (a, b) for a in range(n) for b in range(a + 1, n) if not ((edges == (a, b)) | (edges == (b, a))).all(1).any()
    ]
    for pair in absent[:40]:
        without = pair_evidence([pair], edges, n=n, features=features)
        with_ = pair_evidence([pair], np.concatenate([edges, [pair]]), n=n, features=features)
        pd.testing.assert_frame_equal(without.drop(columns="linked"), with_.drop(columns="linked"))
        assert with_["linked"].all() and not without["linked"].any()
    assert "label_odds" in pair_evidence(absent, edges, n=n, labels=labels)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pair_evidence([[0, 0]], [(0, 1)]), r"`pairs` row 0 is \[0, 0\]"),
        (lambda: pair_evidence([[0, 5]], [(0, 1)]), r"`pairs` row 0 is \[0, 5\]"),
        (lambda: pair_evidence([0, 1], [(0, 1)]), r"`pairs` has shape \(2,\)"),
        (lambda: pair_evidence([[0, 1]], [(0, 1)], n=2, features=[[1.0]]), r"`features` has shape \(1, 1\)"),
        (lambda: pair_evidence([[0, 1]], [(0, 1)], n=2, labels=[0]), r"`labels` has shape \(1,\)"),
        (lambda: edge_issues([(0, 1)]), "`edges` has 1 links. Pass at least 20"),
        (lambda: edge_issues([(0, 1)], absent=-1), "`absent` is -1"),
    ],
)
def test_what_does_not_fit_is_one_clear_error(call, words):
    with pytest.raises(InputError, match=words):
        call()


@pytest.fixture(scope="module")
def world():
    """(edges, features, true pairs): blocks in which a tenth of the links is missing, and as many are made up."""
    rng = np.random.default_rng(2)
    true = np.repeat(np.arange(4), 50)
    n = len(true)
    chance = np.where(true[:, None] == true, 0.2, 0.004)
    links = np.argwhere(np.triu(rng.random((n, n)) < chance, 1))
    features = (rng.normal(size=(4, 8)) * 0.6)[true] + rng.normal(size=(n, 8))
    dropped = rng.choice(len(links), len(links) // 10, replace=False)
    made = rng.integers(0, n, (len(links) // 10, 2))
    made = made[(made[:, 0] != made[:, 1]) & (true[made[:, 0]] != true[made[:, 1]])]
    return np.concatenate([np.delete(links, dropped, axis=0), made]), features, set(map(tuple, links.tolist()))


@pytest.fixture(scope="module")
def found(world):
    frame, named = with_names(world[0])
    return edge_issues(frame, ids=named, features=world[1])


def with_names(edges):
    names = np.array([f"n{row:03}" for row in range(200)])
    return pd.DataFrame({"source": names[edges[:, 0]], "target": names[edges[:, 1]]}), names


def is_wrong(found, true):
    """(m,) whether what is given of each pair is wrong, and whether it is linked, in the order of the examples."""
    ends = [found.dataset.metadata[one].str[1:].astype(int) for one in ("source", "target")]
    linked = found.issues.sort_values("row")["given_label"].to_numpy() == "linked"
    return linked != np.array([tuple(sorted(pair)) in true for pair in zip(*ends)]), linked


def test_made_up_edges_are_found_and_counted(world, found):
    edges, _, true = world
    wrong, linked = is_wrong(found, true)
    assert linked.sum() == len({tuple(sorted(pair)) for pair in edges.tolist()})
    assert (~linked).sum() == round(0.5 * linked.sum())
    issues = found.issues
    p = issues.sort_values("row")["p_error"].to_numpy()
    assert roc_auc_score(wrong[linked], p[linked]) > 0.9
    assert average_precision_score(wrong[linked], p[linked]) > 0.45
    neighbors = -found.dataset.metadata["adamic_adar"].to_numpy()
    assert average_precision_score(wrong[linked], p[linked]) > average_precision_score(wrong[linked], neighbors[linked])
    assert calibration_error(p[linked], wrong[linked]) < 0.09
    assert p[linked].sum() == pytest.approx(wrong[linked].sum(), rel=0.9)
    assert p[~linked].max() < 0.5, "how many are missing is not known"
    assert "how many are missing is not known" in issues.attrs["errors_in_words"]
    assert not issues.attrs["errors_identified"]
    assert issues["p_error"].is_monotonic_decreasing and (issues["kind"] == "wrong").iloc[:10].all()
    assert "common neighbour" in issues["reasons"].iloc[0] and "random pairs" in issues["reasons"].iloc[0]


def test_pairs_are_reviewed_audited_and_exported_like_any_examples(world, found, tmp_path):
    import widgets as wd

    run = wb.import_run(found.dataset, tmp_path / "links")
    view = wd.Explorer(run)._view
    first = found.issues.index[0]
    assert view.dataset.ids[view.order[0]] == first and view.issue.sum() == found.issues["is_issue"].sum()
    assert len(wb.audit(run, 20).ids) == 20
    run.journal.relabel(first, "not linked", old="linked")
    table = pd.read_csv(wb.export(run, tmp_path / "links.csv", cleaned="relabel"))
    left = table[table["link"] == "linked"]
    names = np.array([f"n{row:03}" for row in range(200)])
    assert first not in set(left["edge"]) and len(left) == (found.issues["given_label"] == "linked").sum() - 1
    assert wb.graphs.Edges.of(left[["source", "target"]], 200, names).links.nnz == 2 * len(left)


def test_a_run_of_pairs_has_its_evidence(found, tmp_path):
    run = wb.import_run(found.dataset, tmp_path / "links")
    for source in (run, str(run.path), found.dataset):
        pd.testing.assert_frame_equal(wb.find_issues(source), found.issues)
    assert wb.find_issues(run).attrs["errors_in_words"] == found.issues.attrs["errors_in_words"]
    strict = wb.find_issues(run, threshold=0.9)
    assert (strict["is_issue"] == (strict["p_error"] >= 0.9)).all() and strict["is_issue"].any()
    with pytest.warns(FdrNotPossible, match="missing is not known"):
        assert not wb.find_issues(run, fdr=0.2)["is_issue"].any()
    first, last = found.issues.index[0], found.issues.index[-1]
    run.journal.keep([first], old=["linked"], source="review")
    again = wb.find_issues(run)
    assert again.attrs["verdicts"] == 1 and again.loc[first, "p_error"] < found.issues.loc[first, "p_error"]
    moved = wb.find_issues(found.dataset, verdicts=pd.Series([True], index=[last]))
    assert moved.loc[last, "p_error"] > found.issues.loc[last, "p_error"]


def test_pairs_of_an_export_are_judged_by_their_new_label(found, tmp_path):
    run = wb.import_run(found.dataset, tmp_path / "links")
    first = found.issues.index[0]
    run.journal.relabel(first, "not linked", old="linked")
    file = wb.export(run, tmp_path / "links.parquet")
    again = wb.import_run(file, tmp_path / "again", label="link", id="edge", classes=LINK_CLASSES)
    issues = wb.find_issues(again)
    assert issues.loc[first, "given_label"] == "not linked" and not issues.loc[first, "is_issue"]
    assert issues.loc[first, "p_error"] == pytest.approx(1 - found.issues.loc[first, "p_error"])
    table = pd.read_parquet(file).assign(p_linked=2.0).drop(columns=["changed", "verdict"])
    with pytest.raises(InputError, match=r"`p_linked` row 0 is 2"):
        wb.find_issues(wb.Dataset.from_frame(table, label="link", id="edge", classes=LINK_CLASSES))


def test_verdicts_show_how_many_are_missing(world, found):
    edges, features, true = world
    wrong, _ = is_wrong(found, true)
    seen = np.random.default_rng(0).choice(len(wrong), 200, replace=False)
    frame, names = with_names(edges)
    verdicts = pd.Series(wrong[seen], index=found.dataset.ids[seen])
    moved = edge_issues(frame, ids=names, features=features, verdicts=verdicts).issues
    p = moved.sort_values("row")["p_error"].to_numpy()
    assert calibration_error(p, wrong) < 0.06 and moved.attrs["verdicts"] == 200
    assert moved.attrs["errors_identified"] and "not known" not in moved.attrs["errors_in_words"]


def test_random_edges_are_not_counted(rng):
    found = edge_issues(rng.integers(0, 100, (400, 2)), n=100, absent=0)
    assert not found.issues.attrs["errors_identified"]
    assert found.issues.attrs["errors_in_words"].startswith("0 to ")
    assert (found.issues["given_label"] == "linked").all()


def test_the_same_seed_gives_the_same_answer(world, found):
    frame, named = with_names(world[0])
    again = edge_issues(frame, ids=named, features=world[1])
    pd.testing.assert_frame_equal(again.issues, found.issues)
