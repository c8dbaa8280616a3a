"""The detector on large data: time and memory of `find_issues` with all evidence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measuring import measured, size

from works import Row, work

PART = 5  # the reference uses this fraction of the rows


@work(full={"n": 1_000_000, "k": 10, "d": 64, "epochs": 10}, quick={"n": 10_000, "k": 10, "d": 64, "epochs": 3})
def issues_from_all_evidence(folder: Path, n: int, k: int, d: int, epochs: int) -> Iterator[Row]:
    """Out-of-fold probabilities, embeddings and logits of every epoch combined into one probability per row."""
    from workbench.issues import find_issues

    labels, evidence = drawn(n, k, d, epochs)
    few, part = ({name: v[..., :m, :] for name, v in evidence.items()} for m in (500, n // PART))
    find_issues(labels[:500], **few)  # imports do not count
    small = measured(lambda: find_issues(labels[: n // PART], **part)).seconds
    found = measured(lambda: find_issues(labels, **evidence))
    of = f"{size(n, k)}, embedding of {d}, {epochs} epochs"
    words = f"{PART} times the seconds of 1/{PART} of the rows"
    yield Row("issues from all evidence", of, found.seconds, found.peak_mb, words, found.seconds / small / PART)
    held = sum(values.nbytes for values in evidence.values()) / 2**20
    words = f"size of the arrays, {held:.0f} MB"
    yield Row("issues from all evidence: memory", of, None, found.peak_mb, words, found.peak_mb / held)


def drawn(n: int, k: int, d: int, epochs: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Labels, a tenth of which are random, and simulated outputs of three kinds of models."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, k, n)
    labels = np.where(rng.random(n) < 0.1, rng.integers(0, k, n), true)
    one = np.eye(k, dtype=np.float32)
    centres = 0.6 * rng.standard_normal((k, d), dtype=np.float32)
    vectors = rng.standard_normal((n, d), dtype=np.float32) + centres[true]
    probs = np.exp(2.5 * one[true] + rng.standard_normal((n, k), dtype=np.float32))
    probs /= probs.sum(axis=1, keepdims=True)
    logits = np.empty((epochs, n, k), np.float16)
    for epoch in range(epochs):
        logits[epoch] = rng.standard_normal((n, k), dtype=np.float32) + 4 * (epoch + 1) / epochs * one[true]
    return labels, {"pred_probs": probs, "embeddings": vectors, "logits": logits}
