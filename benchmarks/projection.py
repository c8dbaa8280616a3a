"""Projections to 2-D: stock UMAP, ours, landmarks, PaCMAP, LocalMAP, t-SNE; time, memory, trustworthiness.

    python benchmarks/projection.py --n 50000                 # each in its own process
    python benchmarks/projection.py --n 5000 --only ours landmarks

The data are 128-dimensional with a structure like the embeddings of a classifier: classes that consist of several
groups, each on a curved six-dimensional surface, and noise. Trustworthiness (Venna & Kaski 2001, 15 neighbours)
measures whether neighbours in the projection are neighbours in the data; recall is the share of the 15 nearest
neighbours in the data that are among the 15 nearest in the projection. Both are measured on 2,000 rows against all
others.
PaCMAP, LocalMAP and openTSNE need `pip install -e ".[bench-projection]"`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable

import numpy as np
from measuring import measured

K = 15
D = 128
SAMPLE = 2000


def embeddings(n: int, seed: int = 0) -> np.ndarray:
    """(n, 128) float32 in 20 classes of 4 groups."""
    rng = np.random.default_rng(seed)
    classes, groups, inside = 20, 4, 6
    centres = rng.normal(size=(classes, 1, D)) * 1.2 + rng.normal(size=(classes, groups, D)) * 0.6
    centres = centres.reshape(-1, D)
    bases = rng.normal(size=(len(centres), inside, D)) / np.sqrt(D)
    bends = rng.normal(size=(len(centres), inside, D)) / np.sqrt(D)
    which = rng.integers(0, len(centres), n)
    out = np.empty((n, D), np.float32)
    for group in range(len(centres)):
        rows = np.flatnonzero(which == group)
        u = rng.normal(size=(len(rows), inside))
        out[rows] = centres[group] + 4 * u @ bases[group] + 2 * np.sin(2 * u) @ bends[group]
    return out + rng.normal(size=out.shape).astype(np.float32) * 0.15


def ours(X: np.ndarray) -> np.ndarray:
    from workbench.evidence.projection import umap

    return umap(X)


def landmarks(X: np.ndarray) -> np.ndarray:
    from workbench.evidence.projection import by_landmarks

    return by_landmarks(X, min(50_000, max(1000, len(X) // 4)))


def stock(X: np.ndarray) -> np.ndarray:
    """umap-learn with its defaults, except for the metric and the seed, which are ours."""
    from umap import UMAP

    return UMAP(metric="cosine", random_state=0).fit_transform(X)


def pacmap(X: np.ndarray) -> np.ndarray:
    from pacmap import PaCMAP

    return PaCMAP(random_state=0).fit_transform(_unit(X))


def localmap(X: np.ndarray) -> np.ndarray:
    from pacmap import LocalMAP

    return LocalMAP(random_state=0).fit_transform(_unit(X))


def opentsne(X: np.ndarray) -> np.ndarray:
    from openTSNE import TSNE

    return np.asarray(TSNE(metric="cosine", random_state=0).fit(X))


def pca(X: np.ndarray) -> np.ndarray:
    from workbench.evidence.projection import pca as principal

    return principal(X)


METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "umap-learn": stock,
    "ours": ours,
    "landmarks": landmarks,
    "PaCMAP": pacmap,
    "LocalMAP": localmap,
    "openTSNE": opentsne,
    "PCA": pca,
}


def _unit(X: np.ndarray) -> np.ndarray:
    """Normalise rows to length 1, so that Euclidean neighbours equal those by cosine."""
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def trustworthiness(X: np.ndarray, Y: np.ndarray, seed: int = 1) -> tuple[float, float]:
    """Trustworthiness in [0, 1] and recall of the 15 neighbours, on a sample of rows against all."""
    rng = np.random.default_rng(seed)
    n = len(X)
    rows = rng.choice(n, min(SAMPLE, n), replace=False)
    unit, place = _unit(X), np.asarray(Y, np.float32)
    penalty, kept = 0.0, 0
    for part in np.array_split(rows, max(1, len(rows) * n // (1 << 25))):
        away = 1 - unit[part] @ unit.T
        flat = ((place[part, None] - place[None]) ** 2).sum(-1) if n <= 20_000 else _flat(place, part)
        away[np.arange(len(part)), part] = flat[np.arange(len(part)), part] = np.inf
        near = np.argpartition(flat, K, axis=1)[:, :K]
        true = np.argpartition(away, K, axis=1)[:, :K]
        for row in range(len(part)):
            ranks = (away[row] < away[row, near[row], None]).sum(1) + 1
            penalty += np.maximum(ranks - K, 0).sum()
            kept += len(np.intersect1d(near[row], true[row]))
    scale = 2 / (len(rows) * K * (2 * n - 3 * K - 1))
    return 1 - scale * penalty, kept / (len(rows) * K)


def _flat(place: np.ndarray, part: np.ndarray) -> np.ndarray:
    squares = (place**2).sum(1)
    return squares[part, None] + squares - 2 * place[part] @ place.T


def measure(method: str, n: int, warm: bool = True) -> dict[str, object]:
    """Measure one method in this process; compilation does not count."""
    X = embeddings(n)
    if warm:
        METHODS[method](embeddings(4200, seed=9))  # above 4,096 rows umap-learn uses another algorithm
    found = measured(lambda: METHODS[method](X))
    trust, recall = trustworthiness(X, found.result)
    return {
        "method": method,
        "n": n,
        "seconds": round(found.seconds, 1),
        "peak_mb": found.peak_mb,
        "trustworthiness": round(trust, 4),
        "recall": round(recall, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=50_000)
    parser.add_argument("--only", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--child", action="store_true", help="measure in this process (one method)")
    wanted = parser.parse_args()
    if wanted.child:
        print(json.dumps(measure(wanted.only[0], wanted.n)))
        return
    for method in wanted.only:
        command = [sys.executable, __file__, "--child", "--only", method, "--n", str(wanted.n)]
        done = subprocess.run(command, capture_output=True, text=True)
        print(done.stdout.strip().splitlines()[-1] if done.returncode == 0 else f"{method}: {done.stderr[-500:]}")


if __name__ == "__main__":
    main()
