"""Progress of a long request, sent to the page while the kernel computes."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from widgets.wire.pushes import ProgressPush
from workbench.foundation.progress import listening

WORDS = {
    "open": "opening",
    "queue": "sorting the queue",
    "rank": "ranking again",
    "audit": "drawing the audit",
    "compare": "comparing",
    "differ": "comparing",
    "classes": "counting classes",
    "people": "comparing annotators",
    "matrix": "counting pairs of classes",
    "slices": "computing slices",
    "slice": "computing the slice",
    "embedding": "computing the map",
    "search": "searching",
    "export": "exporting",
}
"""Descriptions of the kinds of requests that can take long."""


@contextmanager
def reporting(kind: object, send: Callable[[ProgressPush], None]) -> Generator[None]:
    """Send a description of the request at once, and of every step of its computation, until it is answered."""
    with listening(lambda words: send({"push": "progress", "text": words})):
        if isinstance(kind, str) and kind in WORDS:
            send({"push": "progress", "text": WORDS[kind]})
        yield
