"""Progress of long computations: a bar in terminals and notebooks after two seconds, and messages for a view.

    with task("find_issues", 3):
        step("neighbours")                   anywhere below, without passing an object down

A task inside another task is reported as a step of the outer one. If standard error is neither a terminal nor a
notebook, nothing is printed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context

DELAY = 2.0
"""Seconds before a bar appears."""

_task: ContextVar[_Task | None] = ContextVar("task", default=None)
_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


class _Task:
    """A progress bar that appears after `DELAY` seconds, even if no step has ended by then."""

    def __init__(self, what: str, steps: int) -> None:
        from tqdm.auto import tqdm

        self.what, self.left = what, steps
        self.bar = tqdm(total=steps, desc=what, unit="step", delay=DELAY, leave=False, disable=None)
        self.timer: threading.Timer | None = None
        if not self.bar.disable:
            self.timer = threading.Timer(DELAY, copy_context().run, (self.bar.refresh,))
            self.timer.daemon = True
            self.timer.start()
        self.begun = False

    def step(self, words: str) -> None:
        if self.begun:
            self._done()
        self.begun = True
        self.bar.set_description_str(f"{self.what}: {words}", refresh=False)

    def _done(self) -> None:
        if self.left > 0:
            self.left -= 1
            self.bar.update()

    def close(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer.join()
        self.bar.close()


@contextmanager
def task(what: str, steps: int) -> Generator[None]:
    """Show progress of a computation of about `steps` steps; call `step` at the beginning of each."""
    if _task.get() is not None:
        step(what)
        yield
        return
    made = _Task(what, steps)
    token = _task.set(made)
    try:
        yield
        made.bar.total = made.bar.n  # complete: a notebook would keep an unfinished bar, in red
    finally:
        _task.reset(token)
        made.close()


def step(words: str) -> None:
    """Report that a step begins, to the enclosing `task` and to the listener of `listening`, if any."""
    made = _task.get()
    if made is not None:
        made.step(words)
    hear = _listener.get()
    if hear is not None:
        hear(words)


@contextmanager
def listening(hear: Callable[[str], None]) -> Generator[None]:
    """Call `hear(words)` at every step inside the block, for a view that displays progress itself."""
    token = _listener.set(hear)
    try:
        yield
    finally:
        _listener.reset(token)
