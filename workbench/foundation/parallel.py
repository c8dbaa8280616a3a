"""Apply a function to many parts: one after the other, in threads, or on a dask.distributed cluster.

Only a few parts are in progress at a time, so memory use does not depend on their number. When the caller stops or a
part fails, no further part is started, and the error is raised at once.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from workbench.foundation.errors import InputError
from workbench.foundation.reductions import usable_cores

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

Part = TypeVar("Part")
Result = TypeVar("Result")

RETRIES = 2
"""How often a part is retried after an exception. If a worker dies, dask itself restarts its parts."""


def each(
    function: Callable[[Part], Result], parts: Iterable[Part], *, client: Any = None, threads: int | None = None
) -> Generator[tuple[Part, Result], None, None]:
    """Yield (part, function(part)) in the order of completion.

    Parameters
    ----------
    function : callable that may safely run twice on a part, which happens when a worker dies.
    parts : iterable, consumed as needed.
    client : dask.distributed Client; `function` (importable from its module) and the parts must then be picklable.
    threads : largest number of threads if there is no client; 1 runs everything in the calling thread. Default: the
        number of usable cores.

    Yields
    ------
    (part, result)
    """
    check_client(client)
    if client is not None:
        yield from _on_cluster(function, iter(parts), client)
        return
    workers = threads or usable_cores()
    if workers < 2:
        for part in parts:
            yield part, function(part)
        return
    yield from _in_threads(function, iter(parts), workers)


@contextmanager
def one_blas_thread() -> Generator[None]:
    """Limit linear algebra to one thread: on busy cores, threads that wait for each other take many times longer.

    The limit applies to the whole process: the first of several callers sets it and the last one lifts it.
    """
    import scipy.linalg  # noqa: F401 - only loaded libraries can be limited, and SciPy has its own BLAS

    with _limit.lock:
        _limit.callers += 1
        if _limit.callers == 1:
            _limit.held = _libraries.found().limit(limits=1)
    try:
        yield
    finally:
        with _limit.lock:
            _limit.callers -= 1
            if _limit.callers == 0 and _limit.held is not None:
                _limit.held.restore_original_limits()
                _limit.held = None


class _Limit:
    def __init__(self) -> None:
        self.lock, self.callers = threading.Lock(), 0
        self.held: Any = None


_limit = _Limit()


@contextmanager
def at_most_threads(most: int | None) -> Generator[None]:
    """Limit linear algebra to `most` threads; None changes nothing."""
    if most is None:
        yield
        return
    with _libraries.found().limit(limits=most):
        yield


class _Libraries:
    """The loaded libraries that compute in threads; a search takes milliseconds, so only imports lead to a new one."""

    def __init__(self) -> None:
        self._modules, self._controller = 0, None

    def found(self) -> ThreadpoolController:
        from threadpoolctl import ThreadpoolController

        modules = len(sys.modules)
        controller = self._controller
        if controller is None or modules != self._modules:
            controller = ThreadpoolController()
            self._modules, self._controller = modules, controller
        return controller


_libraries = _Libraries()


def check_client(client: Any) -> None:
    """Raise InputError unless `client` is None or has the methods of a dask.distributed Client."""
    if client is None or all(hasattr(client, name) for name in ("submit", "gather", "scheduler_info", "cancel")):
        return
    found = f"is {type(client).__name__}"
    raise InputError.at("client", found, "Pass a dask.distributed.Client, or leave it out to use this machine.")


def _in_threads(
    function: Callable[[Part], Result], parts: Iterator[Part], workers: int
) -> Generator[tuple[Part, Result], None, None]:
    with ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(function, part): part for part in islice(parts, 2 * workers)}
        try:
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    part = running.pop(future)
                    yield part, future.result()
                    running |= {pool.submit(function, more): more for more in islice(parts, 1)}
        finally:
            for future in running:
                future.cancel()


def _on_cluster(
    function: Callable[[Part], Result], parts: Iterator[Part], client: Any
) -> Generator[tuple[Part, Result], None, None]:
    from distributed import wait as wait_for

    def submit(part: Any) -> Any:
        return client.submit(function, part, pure=False, retries=RETRIES)

    def width() -> int:  # workers come and go
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        return 2 * max(1, sum(worker["nthreads"] for worker in workers))

    running = {future: part for part in islice(parts, width()) for future in [submit(part)]}
    try:
        while running:
            waited: Any = wait_for(list(running), return_when="FIRST_COMPLETED")  # a coroutine only in async code
            done = waited.done
            for future in done:
                yield running.pop(future), future.result()
            more = islice(parts, max(0, width() - len(running)))
            running |= {future: part for part in more for future in [submit(part)]}
    finally:
        if running:
            client.cancel(list(running), force=True)
