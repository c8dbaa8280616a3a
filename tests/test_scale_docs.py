"""docs/scale.md: its local code runs, and its table of bytes agrees with the disk usage at three sizes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from workbench.data.dataset import Dataset
from workbench.evidence.neighbors import neighbors
from workbench.evidence.out_of_fold import out_of_fold
from workbench.recording.recorder import Recorder
from workbench.runs.run import open_run
from workbench.scores import score
from workbench.scores.from_logits import dynamics_names


def record(path, n, k, epochs, d=8):
    """A run of a model that learns, with logits and embeddings."""
    rng = np.random.default_rng(n)
    true = rng.integers(0, k, n)
    with Recorder(path, Dataset.from_arrays(true, classes=[str(c) for c in range(k)]), logits=True) as recorder:
        for epoch in range(epochs):
            logits = rng.normal(size=(n, k)).astype(np.float32)
            logits[np.arange(n), true] += 4 * (epoch + 1) / epochs
            with recorder.epoch(epoch):
                recorder.batch(np.arange(n), logits, rng.normal(size=(n, d)))
    return open_run(path)


def bytes_of(folder, pattern="*"):
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file())


@pytest.mark.parametrize(("n", "k", "epochs"), [(2_000, 3, 2), (6_000, 10, 3), (12_000, 50, 5)])
def test_bytes_follow_the_formulas(tmp_path, n, k, epochs):
    run = record(tmp_path / "run", n, k, epochs)
    statistics = bytes_of(run.path / "stats") / (n * epochs)
    assert 25 < statistics < 72
    headers = 200 * epochs
    assert 0 <= bytes_of(run.path / "logits") - 2 * n * k * epochs < headers
    assert 0 <= bytes_of(run.path / "embeddings") - 2 * n * 8 * epochs < headers
    score(run, dynamics_names())
    scores = run.layout.cache / "scores"
    sums = bytes_of(scores, "*.state.*")
    assert 0 <= sums - 104 * n < 9 * 400
    assert 0 <= bytes_of(scores) - sums - 33 * n < 9 * 200


def test_bytes_of_probabilities_and_neighbours_follow_the_formulas(tmp_path):
    n, k = 2_000, 3
    run = record(tmp_path / "run", n, k, 1)
    out_of_fold(run)
    assert 0 <= run.layout.pred_probs.stat().st_size - 4 * n * k < 1000  # header, and the description after the rows
    neighbors(run, k=15)
    assert 0 <= bytes_of(run.layout.cache, "neighbors*") - 400 * n < 2_000


def blocks(root):
    """Return the Python blocks of the page that can run here."""
    text = (root / "docs" / "scale.md").read_text(encoding="utf-8")
    found = re.findall(r"(<!-- not run: .*? -->\n)?```python\n(.*?)```", text, re.S)
    assert sum(bool(mark) for mark, _ in found) == 2
    return [code for mark, code in found if not mark]


@pytest.mark.slow
def test_the_local_code_of_the_page_runs(root, tmp_path, monkeypatch, forked_workers):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABEL_WORKBENCH_HOME", str(tmp_path / "home"))
    run = record(tmp_path / "runs" / "birds", 300, 3, 2)
    np.save("logits.npy", np.stack([run.logits(0), run.logits(1)]))
    np.save("labels.npy", run.dataset.given_labels)
    names = {"run_dir": run.path}
    for code in blocks(root):
        exec(compile(code, "docs/scale.md", "exec"), names)
    assert len(names["scores"]) == 300 and "p_error" in names["issues"]
    assert names["run"].url == "memory://bucket/birds"
    assert names["run"].labels()[0] == 1
