"""What a long answer is busy with, sent to the page while the kernel computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from widgets.wire.pushes import ProgressPush
from workbench.foundation.progress import listening

WORDS = {
    "open": "opening",
    "queue": "putting the queue in order",
    "rank": "ranking again",
    "audit": "drawing the audit",
    "compare": "comparing",
    "differ": "comparing",
    "classes": "counting classes",
    "people": "comparing annotators",
    "matrix": "counting pairs of classes",
    "slices": "looking for slices",
    "slice": "looking for the slice",
    "embedding": "looking for the map",
    "search": "searching",
    "export": "exporting",
}
"""Kinds of requests that can take long, in words."""


@contextmanager
def reporting(kind: object, send: Callable[[ProgressPush], None]) -> Iterator[None]:
    """Send words for the request at once, and for every step of what is computed for it; the answer ends them."""
    with listening(lambda words: send({"push": "progress", "text": words})):
        if isinstance(kind, str) and kind in WORDS:
            send({"push": "progress", "text": WORDS[kind]})
        yield
