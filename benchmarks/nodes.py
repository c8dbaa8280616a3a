"""Detection of wrong node labels: AUROC, average precision and calibration compared with simple baselines.

    python benchmarks/nodes.py [graph_cora_llm_dev.npz] [--scale]

Planted errors: block models of 5 x 150 nodes with 16 weak features (15 % wrong), one of them with linked nodes of
different classes, and the karate club without features (7 of 34 wrong). Real errors: Cora with labels from a language
model, 32 % of them wrong. All methods use the same labels; the last line of Cora is after an audit of 200 random nodes.
`--scale` measures time and memory at 100,000 nodes and a million edges.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import cross_val_predict

import workbench as wb
from workbench.issues.calibration import calibration_error

AUDITED = 200


@dataclass
class Case:
    """Nodes, some of which have a wrong label."""

    name: str
    given: np.ndarray
    wrong: np.ndarray
    edges: np.ndarray
    features: np.ndarray | None = None
    known: np.ndarray | None = None

    @property
    def scored(self) -> np.ndarray:
        """(n,) bool, nodes with a known true label."""
        return np.ones(len(self.given), bool) if self.known is None else self.known


def block_model(name: str, seed: int, within: float, between: float, k: int = 5, size: int = 150) -> Case:
    """Nodes in blocks, with Gaussian features of strongly overlapping classes."""
    rng = np.random.default_rng(seed)
    true = np.repeat(np.arange(k), size)
    n = len(true)
    chance = np.where(true[:, None] == true, within, between)
    edges = np.argwhere(np.triu(rng.random((n, n)) < chance, 1))
    features = (rng.normal(size=(k, 16)) * 0.25)[true] + rng.normal(size=(n, 16))
    given = true.copy()
    flipped = rng.choice(n, round(0.15 * n), replace=False)
    given[flipped] = (true[flipped] + rng.integers(1, k, len(flipped))) % k
    return Case(name, given, given != true, edges, features)


def karate(seed: int) -> Case:
    """The karate club with 7 of 34 labels wrong."""
    graph = nx.karate_club_graph()
    true = np.array([graph.nodes[node]["club"] == "Officer" for node in graph]).astype(int)
    wrong = np.zeros(len(true), bool)
    wrong[np.random.default_rng(seed).choice(len(true), 7, replace=False)] = True
    return Case("karate club", np.where(wrong, 1 - true, true), wrong, np.array(graph.edges))


def cora(path: Path) -> Case:
    """Papers with the words of their abstracts, citations, and labels from a language model."""
    with np.load(path) as file:
        given, reference, edges = (file[name].astype(int) for name in ("given", "reference", "edges"))
        features = np.zeros(tuple(file["x_shape"]), np.float32)
        rows = np.repeat(np.arange(len(features)), np.diff(file["x_indptr"]))
        features[rows, file["x_indices"]] = 1
    return Case("Cora, language model", given, given != reference, edges, features, reference >= 0)


def cases(path: Path | None) -> Iterator[Case]:
    for seed in range(3):
        yield block_model("blocks, .05 / .01", seed, 0.05, 0.01)
        yield block_model("blocks, .03 / .01", seed, 0.03, 0.01)
        yield block_model("linked nodes differ, 0 / .02", seed, 0.0, 0.02, k=2)
    for seed in range(30):
        yield karate(seed)
    if path is not None:
        yield cora(path)


def of_given(probs: np.ndarray, given: np.ndarray) -> np.ndarray:
    return 1 - probs[np.arange(len(given)), given]


def found_by(case: Case) -> Iterator[tuple[str, np.ndarray, bool, float]]:
    """Yield (method, suspicion of each node, whether it is a probability, seconds)."""
    given, edges, X = case.given, case.edges, case.features

    def timed(name: str, probability: bool, call) -> tuple[str, np.ndarray, bool, float]:
        start = time.perf_counter()
        return name, call(), probability, time.perf_counter() - start

    def issues(**evidence) -> np.ndarray:
        return wb.find_issues(given, **evidence).sort_values("row")["p_error"].to_numpy()

    k = int(given.max()) + 1
    histograms = wb.graphs.label_histograms(given, edges, k=k, hops=3)
    yield timed("neighbour vote", False, lambda: of_given(histograms[:, 0], given))
    yield timed("propagated labels", False, lambda: of_given(wb.graphs.propagate_labels(given, edges, k=k), given))
    if X is not None:
        smooth = wb.graphs.smooth_features(X, edges, hops=2)[:, -X.shape[1] :]
        model = LogisticRegression(max_iter=1000)

        def logistic() -> np.ndarray:
            return cross_val_predict(model, smooth, given, cv=5, method="predict_proba")

        yield timed("SGC, logistic regression", False, lambda: of_given(logistic(), given))
        yield timed("like GraphCleaner, on SGC", False, lambda: like_graphcleaner(logistic(), given, edges))
        for name, epochs in (("denoised labels", 0), ("like ERASE, 50 epochs", 50)):
            denoised = functools.partial(wb.graphs.denoise_labels, given, edges, X, k=k, epochs=epochs)
            yield timed(name, False, lambda denoised=denoised: of_given(denoised(), given))
        yield timed("find_issues, features", True, lambda: issues(embeddings=X))
    yield timed("find_issues, edges", True, lambda: issues(edges=edges))
    if X is not None:
        yield timed("find_issues, features and edges", True, lambda: issues(embeddings=X, edges=edges))


def like_graphcleaner(probs: np.ndarray, given: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Errors planted by the confusions of a model, and a classifier on predictions and labels over three hops.

    After Li, Xiong & Hooi 2023, GraphCleaner; with boosted trees, each node judged by a model of other folds.
    """
    n, k = probs.shape
    rng = np.random.default_rng(0)
    confusion = np.stack([probs[given == c].mean(axis=0) for c in range(k)])
    np.fill_diagonal(confusion, 0)
    confusion /= confusion.sum(axis=1, keepdims=True)

    def features(labels: np.ndarray) -> np.ndarray:
        hops = wb.graphs.label_histograms(labels, edges, k=k, hops=3)
        walks = wb.graphs.label_histograms(probs, edges, hops=3)
        mine = [probs[np.arange(n), labels], *(walks[:, hop][np.arange(n), labels] for hop in range(3))]
        return np.stack([*mine, *(hops[:, hop][np.arange(n), labels] for hop in range(3))], axis=1)

    flipped = rng.random(n) < 0.1
    other = np.array([rng.choice(k, p=confusion[c]) for c in given])
    planted = features(np.where(flipped, other, given))
    plain = features(given)
    out = np.zeros(n)
    fold = rng.permutation(n) % 5
    for one in range(5):
        model = HistGradientBoostingClassifier(max_iter=100, random_state=0)
        model.fit(planted[fold != one], flipped[fold != one])
        out[fold == one] = model.predict_proba(plain[fold == one])[:, 1]
    return out


def after_audit(case: Case, seed: int) -> tuple[str, np.ndarray, np.ndarray]:
    """Probabilities after verdicts on 200 random nodes with a known label, and the remaining nodes."""
    known = np.flatnonzero(case.scored)
    seen = np.random.default_rng(seed).choice(known, AUDITED, replace=False)
    verdicts = pd.Series(case.wrong[seen], index=seen)
    found = wb.find_issues(case.given, embeddings=case.features, edges=case.edges, verdicts=verdicts)
    rest = np.setdiff1d(known, seen)
    return "the same, 200 audited", found.sort_values("row")["p_error"].to_numpy(), rest


def told(p: np.ndarray, wrong: np.ndarray, probability: bool) -> tuple[float, ...]:
    """AUROC, average precision, calibration error, expected divided by true number."""
    calibrated = (calibration_error(p, wrong), p.sum() / wrong.sum()) if probability else (np.nan, np.nan)
    return roc_auc_score(wrong, p), average_precision_score(wrong, p), *calibrated


def scale() -> None:
    """Time and memory of 100,000 nodes with a million edges, 128 features and 10 classes."""
    import resource

    rng = np.random.default_rng(0)
    n, m, k = 100_000, 1_000_000, 10
    true = rng.integers(0, k, n)
    order = np.argsort(true, kind="stable")
    first = np.searchsorted(true[order], np.arange(k + 1))
    source = rng.integers(0, n, m)
    low, high = first[true[source]], first[true[source] + 1]
    same = order[low + (rng.random(m) * (high - low)).astype(int)]
    target = np.where(rng.random(m) < 0.5, same, rng.integers(0, n, m))
    edges = np.stack([source, target], axis=1)
    features = ((rng.normal(size=(k, 128)) * 0.15)[true] + rng.normal(size=(n, 128))).astype(np.float32)
    wrong = rng.random(n) < 0.1
    given = np.where(wrong, (true + rng.integers(1, k, n)) % k, true)

    def line(name: str, call) -> None:
        start = time.perf_counter()
        p = call()
        took = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{name}: {took:.1f} s, peak of the process {peak:.1f} GB, AP {average_precision_score(wrong, p):.3f}")

    def issues(**evidence) -> np.ndarray:
        return wb.find_issues(given, **evidence).sort_values("row")["p_error"].to_numpy()

    line("propagate_labels", lambda: of_given(wb.graphs.propagate_labels(given, edges, k=k), given))
    line("linked_bayes", lambda: of_given(wb.graphs.linked_bayes(given, edges, k=k), given))
    line("find_issues, edges", lambda: issues(edges=edges))
    line("find_issues, features", lambda: issues(embeddings=features))
    line("find_issues, features and edges", lambda: issues(embeddings=features, edges=edges))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", type=Path)
    parser.add_argument("--scale", action="store_true")
    arguments = parser.parse_args()
    if arguments.scale:
        scale()
        return
    rows = []
    for case in cases(arguments.path):
        for name, p, probability, seconds in found_by(case):
            rows.append(
                (case.name, name, *told(p[case.scored], case.wrong[case.scored], probability), round(seconds, 2))
            )
    if arguments.path is not None:
        case = cora(arguments.path)
        for seed in range(3):
            name, p, rest = after_audit(case, seed)
            rows.append((case.name, name, *told(p[rest], case.wrong[rest], True), np.nan))
    table = pd.DataFrame(rows, columns=["data", "method", "AUROC", "AP", "ECE", "expected / true", "s"])
    print(table.groupby(["data", "method"], sort=False).mean().round(3).to_string())


if __name__ == "__main__":
    main()
