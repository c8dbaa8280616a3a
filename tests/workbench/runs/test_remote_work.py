"""A dask.distributed cluster of processes gives the numbers of one process, even if a worker is killed."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import Dataset
from workbench.evidence.evidence import Evidence
from workbench.evidence.neighbors import neighbors
from workbench.evidence.out_of_fold import cross_val_predict, out_of_fold
from workbench.foundation.errors import InputError
from workbench.issues.detector import find_issues
from workbench.recording.recorder import Recorder
from workbench.runs.run import open_run
from workbench.scores import SCORES, blocks, score
from workbench.scores.registry import register

pytestmark = pytest.mark.slow

N, K, D = 600, 3, 6


@pytest.fixture(scope="module")
def cluster(forked_workers):
    """Two processes of one thread each; a killed one is restarted."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def client(cluster):
    from distributed import Client

    with Client(cluster) as client:
        yield client


def record(path, epochs, options=None):
    rng = np.random.default_rng(1)
    true = rng.integers(0, K, N)
    given = np.where(rng.random(N) < 0.1, (true + 1) % K, true)
    vectors = np.eye(K, D)[true] * 4 + rng.normal(size=(N, D))
    labels = [None if row % 50 == 0 else "abc"[code] for row, code in enumerate(given)]
    dataset = Dataset.from_arrays(labels, classes=list("abc"))
    with Recorder(path, dataset, storage_options=options) as recorder:
        for epoch in range(recorder.next_epoch, epochs):
            noise = np.random.default_rng(epoch)
            with recorder.epoch(epoch):
                recorder.batch(dataset.ids, vectors[:, :K] + noise.normal(size=(N, K)), vectors if epoch < 4 else None)
    return open_run(path, storage_options=options)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record(tmp_path_factory.mktemp("cluster") / "run", 4)


@pytest.fixture
def run(recorded, tmp_path):
    """A copy without caches."""
    shutil.copytree(recorded.path, tmp_path / "run", ignore=shutil.ignore_patterns("cache", "pred_probs*"))
    return open_run(tmp_path / "run")


@pytest.fixture(scope="module")
def alone(recorded):
    """Everything in one process."""
    return {
        "probs": out_of_fold(recorded).values.copy(),
        "neighbors": neighbors(recorded, k=30),
        "scores": score(recorded).copy(),
        "issues": find_issues(recorded),
    }


def test_scores_are_the_same_to_the_last_bit(run, alone, client):
    found = score(run, block_rows=100, client=client)
    assert set(found.columns) >= {"aum", "self_confidence", "neighbor_disagreement"}
    pd.testing.assert_frame_equal(found, alone["scores"], check_exact=True)
    assert found.attrs["scores"]["aum"] == alone["scores"].attrs["scores"]["aum"]


def test_one_more_epoch_goes_on_from_the_sums(run, client, tmp_path):
    score(run, "aum", client=client)
    run = record(run.path, 5)
    updated = score(run, "aum", client=client).copy()
    shutil.rmtree(run.layout.cache)
    pd.testing.assert_frame_equal(updated, score(run, "aum"), check_exact=True)


def test_probabilities_neighbours_and_issues_are_the_same(run, alone, client):
    np.testing.assert_allclose(out_of_fold(run, client=client).values, alone["probs"], atol=1e-5)
    graph = neighbors(run, k=30, client=client)
    np.testing.assert_array_equal(graph.indices, alone["neighbors"].indices)
    np.testing.assert_allclose(graph.distances, alone["neighbors"].distances, atol=1e-6)
    run.journal.relabel([1], "b", old="a")
    expected = find_issues(run)
    found = find_issues(run, client=client)
    pd.testing.assert_frame_equal(found, expected, atol=1e-6)
    assert found.attrs["sources"] == expected.attrs["sources"]


def test_any_estimator_by_folds(client, rng):
    from sklearn.naive_bayes import GaussianNB

    given = rng.integers(0, K, N)
    x = np.eye(K, D)[given] * 2 + rng.normal(size=(N, D))
    dataset = Dataset.from_arrays(given)
    expected = cross_val_predict(GaussianNB(), x, dataset)
    np.testing.assert_array_equal(cross_val_predict(GaussianNB(), x, dataset, client=client), expected)


def test_a_killed_worker_changes_nothing(run, alone, cluster, client, monkeypatch):
    names = ["aum", "confidence", "variability", "forgetting", "el2n"]
    killed = threading.Event()
    original = blocks.Pass.write

    def write(self, rows, columns):  # locally, while the workers compute blocks
        if not killed.is_set() and rows.start >= 20:
            worker = next(worker for worker in cluster.workers.values() if worker.status.name == "running")
            os.kill(worker.pid, signal.SIGKILL)
            killed.set()
        time.sleep(0.01)
        original(self, rows, columns)

    monkeypatch.setattr(blocks.Pass, "write", write)
    found = score(run, names, block_rows=10, client=client)
    assert killed.is_set()
    pd.testing.assert_frame_equal(found, alone["scores"][names], check_exact=True)


def test_a_run_at_a_url_is_read_in_parts_by_workers(recorded, client, s3, tmp_path, monkeypatch):
    monkeypatch.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "home"))
    bucket, options = s3
    run = record(f"{bucket}/birds", 4, options)
    shutil.rmtree(run.path)
    run = open_run(f"{bucket}/birds", storage_options=options)
    names = ["aum", "confidence", "never_learned"]
    found = score(run, names, block_rows=300, client=client).copy()
    assert not list(run.path.glob("stats/*/*")), "this side fetched what workers were to read"
    run = record(f"{bucket}/birds", 5, options)
    more = score(run, names, block_rows=300, client=client)
    pd.testing.assert_frame_equal(found, score(recorded, names), check_exact=True)
    assert not more["aum"].equals(found["aum"])


def test_scores_of_the_users_own_go_along(run, client):
    @register(suspicious="high", range=(0.0, 1.0), source="this test")
    def worst_epoch(p_given):
        """One minus the smallest probability."""
        return 1 - p_given.min(axis=0)

    try:
        found = score(run, "worst_epoch", block_rows=100, client=client)
        np.testing.assert_array_equal(found["worst_epoch"], 1 - run.stat_matrix("p_given").min(axis=0))
    finally:
        del SCORES["worst_epoch"]


def test_arrays_are_scored_but_not_searched_for_issues(client, rng):
    given, logits = rng.integers(0, K, N), rng.normal(size=(3, N, K)).astype(np.float32)
    evidence = Evidence.from_arrays(given, K, logits=logits)
    pd.testing.assert_frame_equal(score(evidence, client=client), score(evidence), check_exact=True)
    with pytest.raises(InputError, match=r"`client` is given with Evidence.*Record a run"):
        find_issues(evidence, client=client)
