"""Out-of-core scoring: time and memory from logits and from recorded statistics."""

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

    from workbench.scores.from_logits import dynamics

    path = folder / "logits.npy"
    logits_file(path, epochs, n, k, np.float16)
    labels = np.load(path.with_suffix(".labels.npy"))
    bare = read_whole(path)
    found = measured(lambda: dynamics(np.load(path, mmap_mode="r"), labels))
    what, of = "all dynamics from logits on disk, float16", size(epochs, n, k)
    yield Row(what, of, found.seconds, found.peak_mb, "seconds of reading the file", found.seconds / bare)
    yield Row(f"{what}: memory", of, None, found.peak_mb, f"limit of {LIMIT_MB} MB", found.peak_mb / LIMIT_MB)


def read_whole(path: Path) -> float:
    """Time for reading a complete file, in seconds."""
    buffer = bytearray(1 << 22)
    start = time.perf_counter()
    with open(path, "rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return time.perf_counter() - start


@work(full={"n": 10_000_000, "k": 10, "epochs": 10}, quick={"n": 100_000, "k": 10, "epochs": 3})
def scores_from_statistics(folder: Path, n: int, k: int, epochs: int) -> Iterator[Row]:
    """All dynamics of a recorded run, then one more epoch, then a second call; memory of all three."""
    from workbench.runs.run import open_run
    from workbench.scores import score

    recorded(folder / "tiny", 100, k, 1)
    score(open_run(folder / "tiny"))  # imports are not charged
    recorded(folder / "run", n, k, epochs)
    run = open_run(folder / "run")
    bare = read_columns(run)
    first = measured(lambda: score(run))
    what, of = "scores of a run", size(epochs, n, k)
    yield Row(what, of, first.seconds, first.peak_mb, "seconds of decoding the columns", first.seconds / bare)
    yield Row(f"{what}: memory", of, None, first.peak_mb, f"limit of {LIMIT_MB} MB", first.peak_mb / LIMIT_MB)
    recorded(folder / "run", n, k, epochs + 1, first=epochs)
    again = open_run(folder / "run")
    more = measured(lambda: score(again))
    anew = "seconds of the whole pass"
    yield Row("scores after one more epoch", of, more.seconds, more.peak_mb, anew, more.seconds / first.seconds)
    second = measured(lambda: score(again))
    yield Row("scores asked for again", of, second.seconds, second.peak_mb, anew, second.seconds / first.seconds)


def recorded(path: Path, n: int, k: int, epochs: int, first: int = 0) -> None:
    """A run with random statistics, which makes no difference for the time of scoring."""
    from workbench.data.dataset import Dataset
    from workbench.recording.recorder import Recorder

    labels = np.random.default_rng(0).integers(0, k, n)
    with Recorder(path, Dataset.from_arrays(labels, classes=[str(name) for name in range(k)])) as recorder:
        for epoch in range(first, epochs):
            rng = np.random.default_rng(epoch + 1)
            with recorder.epoch(epoch):
                for start in range(0, n, 100_000):
                    rows = np.arange(start, min(start + 100_000, n))
                    logits = rng.standard_normal((len(rows), k), dtype=np.float32)
                    logits[np.arange(len(rows)), labels[rows]] += 4 * (epoch + 1) / epochs
                    recorder.batch(rows, logits)


def read_columns(run) -> float:
    """Time for decoding the columns required by the scores with pyarrow alone, in seconds."""
    import pyarrow.parquet as pq

    names = ["row", "p_given", "margin", "loss", "entropy", "el2n", "correct"]
    start = time.perf_counter()
    for files in run.layout.sealed().values():
        for path in files:
            for _ in pq.ParquetFile(path).iter_batches(65536, columns=names):
                pass
    return time.perf_counter() - start


@work(
    full={"sizes": ((200_000, 5), (1_000_000, 5), (1_000_000, 20)), "k": 10},
    quick={"sizes": ((20_000, 2), (60_000, 2), (60_000, 4)), "k": 10},
)
def cost_of_a_row_and_epoch(folder: Path, sizes: tuple[tuple[int, int], ...], k: int) -> Iterator[Row]:
    """The formula of docs/scale.md: time of scores at three sizes compared with s n E, with s from the first."""
    from workbench.runs.run import open_run
    from workbench.scores import score

    recorded(folder / "tiny", 100, k, 1)
    score(open_run(folder / "tiny"))  # imports are not charged
    unit = None
    for number, (n, epochs) in enumerate(sizes):
        recorded(folder / f"run{number}", n, k, epochs)
        run = open_run(folder / f"run{number}")
        found = measured(lambda run=run: score(run))
        unit = unit or found.seconds / (n * epochs)
        words = f"s n E with s = {unit * 1e6:.2f} us"
        ratio = found.seconds / (unit * n * epochs)
        yield Row("cost of a row and epoch", size(epochs, n, k), found.seconds, found.peak_mb, words, ratio)


@work(full={"n": 2_000_000, "k": 10, "epochs": 10}, quick={"n": 50_000, "k": 10, "epochs": 2})
def scores_on_a_cluster(folder: Path, n: int, k: int, epochs: int) -> Iterator[Row]:
    """The same scores in threads and on a local dask cluster with as many processes."""
    import shutil

    from distributed import Client, LocalCluster

    from workbench.foundation.reductions import usable_cores
    from workbench.runs.run import open_run
    from workbench.scores import score

    recorded(folder / "run", n, k, epochs)
    run = open_run(folder / "run")
    cores = usable_cores()
    settings = {"n_workers": cores, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with LocalCluster(**settings) as cluster, Client(cluster) as client:
        recorded(folder / "tiny", 1000, k, 1)
        score(open_run(folder / "tiny"), block_rows=10, client=client)  # workers import what they need
        shutil.rmtree(run.layout.cache, ignore_errors=True)
        there = measured(lambda: score(run, client=client))
        shutil.rmtree(run.layout.cache)
        here = measured(lambda: score(run))
    what = f"scores on a cluster of {cores} processes"
    yield Row(
        what,
        size(epochs, n, k),
        there.seconds,
        there.peak_mb,
        "seconds of as many threads",
        there.seconds / here.seconds,
    )
