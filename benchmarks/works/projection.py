"""Projections to 2-D: time, memory and trustworthiness compared with other tools, and a million points."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

from measuring import measured, size

from works import Row, work

NEEDS = {"PaCMAP": "pacmap", "LocalMAP": "pacmap", "openTSNE": "openTSNE"}


@work(full={"sizes": (50_000, 200_000)}, quick={"sizes": (5_000,)})
def projections(folder: Path, sizes: tuple[int, ...]) -> Iterator[Row]:
    "UMAP from the shared graph, with landmarks, and of umap-learn; PaCMAP, LocalMAP, openTSNE; 128 dimensions."
    import json
    import subprocess
    import sys

    script = Path(__file__).parents[1] / "projection.py"
    for n in sizes:
        stock = None
        for method in ("umap-learn", "ours", "landmarks", "PaCMAP", "LocalMAP", "openTSNE", "PCA"):
            needed = NEEDS.get(method)
            if needed and importlib.util.find_spec(needed) is None:
                continue
            command = [sys.executable, str(script), "--child", "--only", method, "--n", str(n)]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found = json.loads(told.splitlines()[-1])
            stock = stock or found["seconds"]
            told = f"{method}: trustworthiness {found['trustworthiness']}, recall {found['recall']}"
            ratio = found["seconds"] / stock
            yield Row(told, size(n, 128), found["seconds"], found["peak_mb"], "seconds of umap-learn", ratio)


@work(full={"n": 1_000_000}, quick={"n": 20_000})
def a_million_points(folder: Path, n: int) -> Iterator[Row]:
    "A large data set: landmarks by UMAP, the other points placed among them; compilation does not count."
    import projection

    from workbench.evidence.projection import LANDMARKS, by_landmarks

    X = projection.embeddings(n)
    projection.ours(projection.embeddings(4200, seed=9))
    count = min(LANDMARKS, n // 4)
    found = measured(lambda: by_landmarks(X, count))
    trust, recall = projection.trustworthiness(X, found.result)
    told = f"UMAP by {count:,} landmarks: trustworthiness {trust:.4f}, recall {recall:.3f}"
    yield Row(told, size(n, 128), found.seconds, found.peak_mb, "ten minutes", found.seconds / 600)
