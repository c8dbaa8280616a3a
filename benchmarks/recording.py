"""What recording costs: a small CNN's epoch with and without a Recorder, and bytes on disk per example and epoch.

    python benchmarks/recording.py                     # 10 classes, 32 x 32 images
    python benchmarks/recording.py --n 5000 --ids str  # ids that are file names

Recorded and plain epochs alternate in one process. `ratio` is that of their wall times, and means little on a machine
that others use. `recorder_share` is the processor time inside the Recorder's calls, sealing included, over that of a
plain epoch: the overhead.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from workbench.dataset import Dataset
from workbench.recorder import Recorder


def small_cnn(classes: int) -> nn.Module:
    """Three convolutions, 94,000 weights: about the smallest network that anybody trains on 32 x 32 images."""
    return nn.Sequential(
        *(nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(64, 128, 3, padding=1), nn.BatchNorm2d(128), nn.ReLU(), nn.AdaptiveAvgPool2d(1)),
        *(nn.Flatten(), nn.Linear(128, classes)),
    )


class Clock:
    """Sums the processor time spent inside its blocks (all threads), which other processes do not change."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._start = time.process_time()

    def __exit__(self, *exception: object) -> None:
        self.seconds += time.process_time() - self._start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=4096, help="examples")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=3, help="of each kind, after one to warm up")
    parser.add_argument("--ids", choices=("int", "str"), default="int")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    wanted = parser.parse_args()

    rng = np.random.default_rng(0)
    ids = None if wanted.ids == "int" else [f"photos/{i:07d}.jpg" for i in range(wanted.n)]
    dataset = Dataset.from_arrays(rng.integers(0, wanted.classes, wanted.n), ids=ids)
    x = torch.from_numpy(rng.normal(size=(wanted.n, 3, 32, 32)).astype(np.float32))
    y = torch.from_numpy(dataset.given_labels.copy())
    model = small_cnn(wanted.classes)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def epoch(recorder: Recorder | None, inside: Clock) -> None:
        for rows in torch.randperm(wanted.n).split(wanted.batch):
            names = rows if ids is None else [ids[row] for row in rows]  # what a DataLoader would bring
            logits = model(x[rows])
            loss = nn.functional.cross_entropy(logits, y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if recorder is not None:
                with inside:
                    recorder.batch(names, logits)

    with tempfile.TemporaryDirectory() as folder:
        recorder, path = Recorder(Path(folder) / "run", dataset), Path(folder) / "run"
        plain, recorded, training, inside = [], [], Clock(), Clock()
        epoch(None, Clock())
        for number in range(wanted.epochs):
            start = time.perf_counter()
            with training:
                epoch(None, inside)
            plain.append(time.perf_counter() - start)
            start = time.perf_counter()
            with contextlib.ExitStack() as stack:
                stack.enter_context(recorder.epoch(number))
                epoch(recorder, inside)
                with inside:
                    stack.close()  # seals
            recorded.append(time.perf_counter() - start)
        size = sum(file.stat().st_size for file in (path / "stats").rglob("*.parquet"))
    result = {
        "examples": wanted.n,
        "classes": wanted.classes,
        "epoch_plain_s": round(sum(plain) / wanted.epochs, 4),
        "epoch_recorded_s": round(sum(recorded) / wanted.epochs, 4),
        "ratio": round(sum(recorded) / sum(plain), 4),
        "recorder_share": round(inside.seconds / training.seconds, 5),
        "microseconds_per_example": round(inside.seconds / wanted.epochs / wanted.n * 1e6, 2),
        "bytes_per_example_and_epoch": round(size / wanted.epochs / wanted.n, 1),
    }
    for name, value in result.items():
        print(f"{name:28} {value}")
    if wanted.json:
        wanted.json.write_text(json.dumps(result) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
