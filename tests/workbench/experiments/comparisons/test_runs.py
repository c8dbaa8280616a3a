"""Two runs by id: a run compared with itself and with a shuffled copy, by hand, and compared with scipy."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.data.dataset import Dataset
from workbench.evidence.neighbors import neighbors
from workbench.experiments.comparisons.two_runs import compare_runs, spearman
from workbench.foundation.errors import InputError
from workbench.recording.recorder import Recorder
from workbench.runs.run import open_run

N = 60
IDS = np.array([f"x{n:02}" for n in range(N)], object)


def recorded(path, order, *, seed=0, classes=("a", "b", "c"), flipped=(), embed=True, ids=IDS):
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, N)
    noise = np.random.default_rng(seed).normal(size=(N, 3))
    logits = [np.eye(3)[truth] * (1 + epoch) + noise * 0.4 for epoch in range(3)]
    given = truth.copy()
    given[list(flipped)] = (given[list(flipped)] + 1) % 3
    names = np.array(["a", "b", "c"], object)
    turn = [list("abc").index(name) for name in classes]
    with Recorder(path, Dataset.from_arrays(list(names[given][order]), ids=ids[order], classes=classes)) as recorder:
        for epoch, values in enumerate(logits):
            with recorder.epoch(epoch):
                vectors = values[order].astype(np.float32) if embed else None
                recorder.batch(ids[order], values[order][:, turn], vectors)
    return open_run(path)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    return recorded(tmp_path_factory.mktemp("runs") / "a", np.arange(N))


def test_a_run_agrees_with_itself(first):
    found = compare_runs(first, first.path)
    assert found.table.index.tolist() == IDS.tolist()
    changes = [name for name in found.table if name.endswith("_change")]
    assert "confidence_change" in changes
    assert found.table[changes].fillna(0).eq(0).all(axis=None)
    assert (found.table["moved"] == 0).all()
    assert (found.table["neighbors_kept"] == 1).all()
    s = found.summary
    assert (s["n"], s["only_a"], s["only_b"], s["given_differ"]) == (N, 0, 0, 0)
    assert s["predictions_agree"] == s["predictions_kappa"] == 1
    assert s["spearman"]["confidence"] == pytest.approx(1)
    assert "60 examples in both" in str(found)


def test_order_of_rows_and_classes_does_not_matter(first, tmp_path, rng):
    other = recorded(tmp_path / "b", rng.permutation(N), classes=("c", "a", "b"))
    found = compare_runs(first, other)
    assert found.summary["given_differ"] == 0
    assert found.table["moved"].max() < 1e-6
    assert found.table["aum_change"].abs().max() < 1e-5
    assert (found.table["neighbors_kept"] == 1).all()


def test_what_differs_is_found_by_id(first, tmp_path):
    order = np.arange(10, N)
    other = recorded(tmp_path / "b", order, seed=9, flipped=(12, 40))
    found = compare_runs(first, other)
    assert found.table.index.tolist() == IDS[10:].tolist()
    assert (found.summary["only_a"], found.summary["only_b"]) == (10, 0)
    assert found.summary["given_differ"] == 2
    assert found.table.index[found.table["given_a"] != found.table["given_b"]].tolist() == ["x12", "x40"]
    row = found.table.loc["x12"]
    assert row["confidence_change"] == pytest.approx(row["confidence_b"] - row["confidence_a"])
    assert row["moved"] == pytest.approx(np.hypot(row["confidence_change"], row["variability_change"]))
    assert found.table["moved"].nlargest(2).index.isin(["x12", "x40"]).any(), "another given label moves an example far"
    back = compare_runs(other, first)
    assert back.table["confidence_change"].loc["x30"] == pytest.approx(-found.table["confidence_change"].loc["x30"])
    assert back.summary["issues_jaccard"] == pytest.approx(found.summary["issues_jaccard"], nan_ok=True)
    a, b = found.table["is_issue_a"], found.table["is_issue_b"]
    assert found.summary["issues_both"] == (a & b).sum()
    assert found.summary["issues_jaccard"] == pytest.approx((a & b).sum() / max((a | b).sum(), 1))


def test_neighbors_kept_by_a_loop(first, tmp_path):
    other = recorded(tmp_path / "b", np.arange(N)[::-1], seed=4)
    kept = compare_runs(first, other).table["neighbors_kept"]
    for id in ("x00", "x31"):
        near = []
        for run in (first, other):
            row = run.dataset.rows([id])[0]
            near.append(set(run.dataset.ids[neighbors(run, k=10).indices[row]]))
        assert kept[id] == pytest.approx(len(near[0] & near[1]) / 10)
    assert 0.2 < kept.mean() < 1


def test_evidence_of_one_run_only(first, tmp_path):
    found = compare_runs(first, recorded(tmp_path / "b", np.arange(N), embed=False))
    assert "neighbors_kept" not in found.table
    assert "neighbor_distance_change" not in found.table
    assert "moved" in found.table


def test_spearman(rng):
    stats = pytest.importorskip("scipy.stats")
    a, b = rng.integers(0, 20, 100).astype(float), rng.normal(size=100)
    b += a / 5
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
    a[3] = np.nan
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b, nan_policy="omit").statistic)
    assert np.isnan(spearman(np.ones(5), np.arange(5.0)))


def test_nothing_in_common(first, tmp_path):
    other = recorded(tmp_path / "b", np.arange(N), ids=np.array([f"y{n}" for n in range(N)], object))
    with pytest.raises(InputError, match=r"nothing in common: \['x00'.*\['y0'"):
        compare_runs(first, other)
