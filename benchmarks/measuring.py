"""Shared by the benchmarks: time and peak memory of a call, a description of the machine, tables in BENCHMARKS.md."""

from __future__ import annotations

import ctypes
import datetime
import gc
import math
import os
import platform
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.foundation import recall

recall.KEPT_RESULTS = 0  # what is measured twice is computed twice

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Measured:
    """Result of a call, its time, and its peak memory above that before the call."""

    seconds: float
    peak_mb: float
    result: Any


def measured(call: Callable[[], Any]) -> Measured:
    """Call once and measure."""
    give_memory_back()
    with Peak() as peak:
        start = time.perf_counter()
        result = call()
        seconds = time.perf_counter() - start
    return Measured(seconds, peak.mb, result)


def give_memory_back() -> None:
    """Return freed memory to the system, so that it does not affect the next measurement."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class Peak:
    """Peak resident memory within the block, in MB above that at its start."""

    def __enter__(self) -> Peak:
        self.start = resident("VmRSS")
        self.high = self.start
        self.reset = self._reset()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._sample)
        if not self.reset:
            self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.reset:
            self.high = resident("VmHWM")
        else:
            self.stop.set()
            self.thread.join()
        self.mb = round(max(self.high - self.start, 0.0), 1)

    def _reset(self) -> bool:
        """Reset the kernel's high-water mark; if that is impossible, the memory is sampled."""
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return False
        return resident("VmHWM") < self.start + 20

    def _sample(self) -> None:
        while not self.stop.wait(0.003):
            self.high = max(self.high, resident("VmRSS"))


def resident(field: str) -> float:
    """A field of /proc/self/status in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return math.nan


def size(*shape: int) -> str:
    """Format a shape: "10 x 1M x 100"."""
    short = [
        f"{n // 1_000_000}M" if n % 1_000_000 == 0 else f"{n // 1000}k" if n % 1000 == 0 and n > 1000 else f"{n}"
        for n in shape
    ]
    return " x ".join(short)


def machine() -> str:
    """Describe cores, processor and versions, for the line above a table."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores of {model}, Python {platform.python_version()}, NumPy {np.__version__}"


def as_markdown(line: Mapping[str, Any]) -> str:
    """Format one row of a table."""
    cells = [
        "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value) for value in line.values()
    ]
    return "| " + " | ".join(cells) + " |"


def write_section(name: str, head: str, rows: Iterable[Mapping[str, Any]], path: Path = ROOT / "BENCHMARKS.md") -> None:
    """Write a table between the two marks of section `name` in BENCHMARKS.md; other text is kept."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = path.read_text() if path.is_file() else f"# Benchmarks\n\n{begin}\n{end}\n"
    if begin not in text:
        text += f"\n{begin}\n{end}\n"
    date = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    table = "\n".join([head, *map(as_markdown, rows)])
    before, _, rest = text.partition(begin)
    path.write_text(f"{before}{begin}\n{machine()}, {date}.\n\n{table}\n{end}{rest.partition(end)[2]}")
