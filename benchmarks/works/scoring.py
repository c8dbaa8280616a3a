"""Scoring out of core: seconds and memory from logits and from recorded statistics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measuring import measured, size

from works import Row, work

LIMIT_MB = 300


@work(full={"n": 1_000_000, "k": 100, "epochs": 10}, quick={"n": 20_000, "k": 100, "epochs": 3})
def scores_from_logits(folder: Path, n: int, k: int, epochs: int) -> Iterator[Row]:
    """All dynamics from float16 logits on disk."""
    from engine import logits_file

    from workbench.scores.engine import dynamics

    path = folder / "logits.npy"
    logits_file(path, epochs, n, k, np.float16)
    labels = np.load(path.with_suffix(".labels.npy"))
    bare = read_whole(path)
    found = measured(lambda: dynamics(np.load(path, mmap_mode="r"), labels))
    what, of = "all dynamics from logits on disk, float16", size(epochs, n, k)
    yield Row(what, of, found.seconds, found.peak_mb, "seconds of reading the file", found.seconds / bare)
    yield Row(f"{what}: memory", of, None, found.peak_mb, f"limit of {LIMIT_MB} MB", found.peak_mb / LIMIT_MB)


def read_whole(path: Path) -> float:
    """Seconds of reading a file from its first byte to its last."""
    buffer = bytearray(1 << 22)
    start = time.perf_counter()
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return time.perf_counter() - start
