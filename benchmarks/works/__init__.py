"""The measurements of `benchmarks/scale.py`: one function each, in the modules of this folder.

    @work(full={"n": 1_000_000, "k": 100}, quick={"n": 20_000, "k": 100})
    def scores_from_logits(folder, n, k):
        "What is measured, in one line."
        ...prepare files below folder...
        found = measured(lambda: ...)
        yield Row("scores from logits", size(n, k), found.seconds, found.peak_mb, "read with cat", found.seconds / cat)

Each function runs in its own process, so that its memory is measured separately; imports and preparation before
`measured` do not count.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    work : what was measured.
    size : size of the data, as text: "10 x 1M x 100".
    seconds : wall time; None if something else is measured.
    peak_mb : peak resident memory above that at the start; None if not measured.
    reference : description of the reference for `ratio`: "seconds of one process", "limit of 300 MB".
    ratio : value of this measurement divided by the reference; below 1 means less than the reference.
    """

    work: str
    size: str
    seconds: float | None
    peak_mb: float | None
    reference: str
    ratio: float | None

    def plain(self) -> dict[str, Any]:
        """Round values for output."""
        rounded = {name: round(value, 4) for name, value in asdict(self).items() if isinstance(value, float)}
        return asdict(self) | rounded


@dataclass(frozen=True)
class Work:
    """A function that measures, and its sizes."""

    name: str
    function: Callable[..., Iterator[Row]]
    full: Mapping[str, Any]
    quick: Mapping[str, Any]

    def rows(self, folder: Path, quick: bool) -> Iterator[Row]:
        """Run the measurement; files go below `folder`, which is empty at the start."""
        return self.function(folder, **(self.quick if quick else self.full))


WORKS: dict[str, Work] = {}


def work(*, full: Mapping[str, Any], quick: Mapping[str, Any]) -> Callable:
    """Register a generator of rows `function(folder, **sizes)` with its full size and one of a few seconds."""

    def add(function: Callable[..., Iterator[Row]]) -> Callable[..., Iterator[Row]]:
        if function.__name__ in WORKS:
            raise ValueError(f"two works are called {function.__name__}")
        WORKS[function.__name__] = Work(function.__name__, function, full, quick)
        return function

    return add


def all_works() -> dict[str, Work]:
    """Return all measurements of the modules in this folder, in the order of the modules' names."""
    for module in sorted(found.name for found in pkgutil.iter_modules(__path__)):
        importlib.import_module(f"{__name__}.{module}")
    return WORKS
