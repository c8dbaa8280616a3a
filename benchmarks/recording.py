"""Cost of recording: an epoch of a small CNN with and without a Recorder, and bytes on disk per example and epoch.

    python benchmarks/recording.py                     # 10 classes, 32 x 32 images
    python benchmarks/recording.py --n 5000 --ids str  # file names as ids

Plain and recorded epochs alternate in one process. The time of an epoch is the median time of a step times the number
of steps, which is least affected by other users of the machine. Small batches are buffered and reduced together, so the
Recorder's time is not a median of batches but the sum over all batches and sealing, as a median over epochs. `ratio` is
(epoch + recording) / epoch; `ratio_of_whole_epochs` is the same from whole steps, which is very noisy on a shared
machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import nn

from workbench.data.dataset import Dataset
from workbench.recording import epoch as epoch_module
from workbench.recording.recorder import Recorder
from workbench.recording.stream import Stream


def small_cnn(classes: int) -> nn.Module:
    """Three convolutions, 94,000 weights: about the smallest network in use for 32 x 32 images."""
    return nn.Sequential(
        *(nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 128, 3, padding=1), nn.BatchNorm2d(128), nn.ReLU(), nn.AdaptiveAvgPool2d(1)),
        *(nn.Flatten(), nn.Linear(128, classes)),
    )


def timed(function: Callable, into: list[float]) -> Callable:
    """Wrap a function so that the seconds of each call are appended to `into`."""

    def run(*arguments: Any) -> Any:
        start = time.perf_counter()
        result = function(*arguments)
        into.append(time.perf_counter() - start)
        return result

    return run


def measure(n: int, classes: int, batch: int, epochs: int, ids: str = "int") -> dict[str, Any]:
    """Measure one training: `epochs` alternating plain and recorded epochs after a warm-up."""
    rng = np.random.default_rng(0)
    names_of = None if ids == "int" else [f"photos/{i:07d}.jpg" for i in range(n)]
    dataset = Dataset.from_arrays(rng.integers(0, classes, n), ids=names_of, classes=[str(c) for c in range(classes)])
    x = torch.from_numpy(rng.normal(size=(n, 3, 32, 32)).astype(np.float32))
    y = torch.from_numpy(dataset.given_labels.copy())
    model = small_cnn(classes)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def epoch(recorder: Recorder | None, steps: list[float]) -> None:
        for rows in torch.randperm(n).split(batch):
            names = rows if names_of is None else [names_of[row] for row in rows]  # as from a DataLoader
            start = time.perf_counter()
            logits = model(x[rows])
            loss = nn.functional.cross_entropy(logits, y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if recorder is not None:
                trained = time.perf_counter()
                recorder.batch(names, logits)
                batches.append(time.perf_counter() - trained)
            steps.append(time.perf_counter() - start)

    plain, recorded, batches, seals, whole = [], [], [], [], []
    reduced: list[float] = []
    written: list[float] = []
    with tempfile.TemporaryDirectory() as folder, split_in_two(reduced, written):
        recorder = Recorder(Path(folder) / "run", dataset)
        epoch(None, [])
        for number in range(epochs):
            epoch(None, plain)
            before = len(batches)
            with contextlib.ExitStack() as stack:
                stack.enter_context(recorder.epoch(number))
                epoch(recorder, recorded)
                start = time.perf_counter()
                stack.close()  # seals
                seals.append(time.perf_counter() - start)
            whole.append(sum(batches[before:]) + seals[-1])
        size = sum(file.stat().st_size for file in (recorder.path / "stats").rglob("*.parquet"))
    count = len(plain) / epochs
    without, inside = median(plain) * count, median(whole)
    return {
        "examples": n,
        "classes": classes,
        "epoch_s": round(without, 3),
        "recorder_s": round(inside, 4),
        "ratio": round(1 + inside / without, 5),
        "ratio_of_whole_epochs": round((sum(recorded) + sum(seals)) / sum(plain), 3),
        "batch_us": round(sum(batches) / len(batches) * 1e6),
        "of_it_statistics_us": round(sum(reduced) / len(batches) * 1e6),
        "of_it_writing_us": round(sum(written) / len(batches) * 1e6),
        "seal_ms": round(median(seals) * 1e3, 1),
        "bytes_per_example_and_epoch": round(size / epochs / n, 1),
    }


@contextlib.contextmanager
def split_in_two(reduced: list[float], written: list[float]) -> Iterator[None]:
    """Time the two parts of a batch: reducing logits to statistics, and writing them to the stream."""
    fill, append = epoch_module.fill_statistics, Stream.append
    epoch_module.fill_statistics, Stream.append = timed(fill, reduced), timed(append, written)
    try:
        yield
    finally:
        epoch_module.fill_statistics, Stream.append = fill, append


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=4096, help="examples")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=3, help="of each kind, after one to warm up")
    parser.add_argument("--ids", choices=("int", "str"), default="int")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    wanted = parser.parse_args()
    result = measure(wanted.n, wanted.classes, wanted.batch, wanted.epochs, wanted.ids)
    for name, value in result.items():
        print(f"{name:28} {value}")
    if wanted.json:
        wanted.json.write_text(json.dumps(result) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
