"""Absolute times on a GPU and on the CPU of the same machine: statistics, exact neighbours, replay.

    python benchmarks/gpu.py                    # on a machine with CUDA
    python benchmarks/gpu.py --device cpu --quick   # a trial run on any machine

Prints a table. Each time is the best of three after a warm-up, including copies to and from the device. The table also
shows the largest difference between the results of the two.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import workbench as wb
from workbench.evidence.neighbors import nearest
from workbench.foundation.statistics import statistics


def best(call: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    """Time of the fastest of `times` calls after a warm-up, in seconds, and its result."""
    result = call()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def of_statistics(device: str, n: int, k: int) -> tuple[str, float, float, str]:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(n, k)).astype(np.float16)
    given = rng.integers(0, k, n)
    there, a = best(lambda: statistics(logits, given, device=device))
    here, b = best(lambda: statistics(logits, given))
    apart = max(float(np.abs(a[name] - b[name]).max()) for name in ("p_given", "margin", "loss", "entropy", "el2n"))
    same = (a["pred"] == b["pred"]).mean()
    return f"statistics {n:,} x {k} float16", there, here, f"largest difference {apart:.1e}, same class {same:.6f}"


def of_neighbors(device: str, n: int, d: int) -> tuple[str, float, float, str]:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, d))[rng.integers(0, 50, n)] + rng.normal(size=(n, d))
    vectors = vectors.astype(np.float16)
    there, a = best(lambda: nearest(vectors, 50, exact=True, device=device))
    here, b = best(lambda: nearest(vectors, 50, exact=True, device="cpu"), 1)
    apart = float(np.abs(a.distances - b.distances).max())
    return f"exact neighbours {n:,} x {d}", there, here, f"largest difference of distances {apart:.1e}"


def of_replay(device: str, n: int, checkpoints: int) -> tuple[str, float, float, str]:
    from recording import small_cnn

    rng = np.random.default_rng(0)
    dataset = wb.Dataset.from_arrays(rng.integers(0, 10, n))
    x = torch.from_numpy(rng.normal(size=(n, 3, 32, 32)).astype(np.float32))
    states = {epoch: small_cnn(10).state_dict() for epoch in range(checkpoints)}
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for epoch, state in states.items():
            files[epoch] = Path(folder) / f"epoch={epoch}.pt"
            torch.save(state, files[epoch])

        def replay(where: str) -> wb.Run:
            path = Path(folder) / where.replace(":", "-")
            options = {"embed": None, "device": where, "overwrite": True, "progress": False}
            return wb.replay(path, files, small_cnn(10), dataset, x, **options)

        there, a = best(lambda: replay(device), 1)
        here, b = best(lambda: replay("cpu"), 1)
        apart = float(np.abs(a.stat_matrix("loss") - b.stat_matrix("loss")).max())
    what = f"replay of {checkpoints} checkpoints, {n:,} images"
    return what, there, here, f"largest difference of losses {apart:.1e}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the script")
    wanted = parser.parse_args()
    if wanted.device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit("gpu.py: no CUDA device here, nothing was measured. Try the script with --device cpu --quick.")
    name = torch.cuda.get_device_name() if wanted.device.startswith("cuda") else "CPU"
    print(f"{name}, torch {torch.__version__}, {torch.get_num_threads()} threads on the CPU\n")
    print(f"| work | s on {wanted.device} | s on cpu | ratio | agreement |\n|---|---|---|---|---|")
    small = wanted.quick
    works = [
        lambda: of_statistics(wanted.device, 5_000 if small else 1_000_000, 100),
        lambda: of_statistics(wanted.device, 500 if small else 50_000, 1000),
        lambda: of_neighbors(wanted.device, 2_000 if small else 20_000, 128),
        lambda: of_neighbors(wanted.device, 3_000 if small else 100_000, 128),
        lambda: of_replay(wanted.device, 200 if small else 20_000, 3),
    ]
    for work in works:
        what, there, here, words = work()
        print(f"| {what} | {there:.3f} | {here:.3f} | {there / here:.3f} | {words} |", flush=True)


if __name__ == "__main__":
    main()
