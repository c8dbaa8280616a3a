"""`find_issues` on the demo's 5,000 rows, alone and beside two busy processes: about a minute on a quiet machine.

    python benchmarks/busy.py [RUN] [--rounds N] [--processes N]

RUN is a recorded run; without it, the demo is recorded into a temporary folder first (needs mlxtend). The run is copied
and its cache removed before each call, so that everything is computed, the neighbours included. Prints wall and
processor seconds of each round, alone and beside the others in turn, and the ratio of the wall times. Nothing else may
run on the machine: the last line says how busy it was before.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Generator
from pathlib import Path

from measuring import machine

import workbench as wb
from workbench.shell.demo import record_demo

PROCESSES, ROUNDS = 2, 3
LOOP = "while True: pass"


@contextlib.contextmanager
def busy(processes: int) -> Generator[None]:
    """Keep so many processes computing within the block."""
    others = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(processes)]
    try:
        time.sleep(0.5)  # until all of them compute
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def timed(run: Path) -> tuple[float, float]:
    """Wall and processor seconds of `find_issues` without a cache."""
    shutil.rmtree(run / "cache", ignore_errors=True)
    opened = wb.open_run(run)
    wall, processor = time.perf_counter(), time.process_time()
    wb.find_issues(opened)
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    told = parser.parse_args()
    warnings.simplefilter("ignore")
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        if told.run is None:
            record_demo(run)
        else:
            shutil.copytree(told.run, run)
        timed(run)  # imports do not count
        ratios = []
        for turn in range(told.rounds):
            quiet = timed(run)
            with busy(told.processes):
                beside = timed(run)
            ratios.append(beside[0] / quiet[0])
            print(
                f"round {turn + 1}: alone {quiet[0]:.2f} s (processor {quiet[1]:.2f}), beside {told.processes} busy "
                f"processes {beside[0]:.2f} s (processor {beside[1]:.2f}), ratio {ratios[-1]:.2f}",
                flush=True,
            )
    print(f"ratio: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")
    print(f"{machine()}; load before: {load:.1f} (the ratio counts only if this is near 0)")


if __name__ == "__main__":
    main()
