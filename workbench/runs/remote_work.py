"""Work on a run on a dask.distributed cluster: the place of the run, and a function on one worker.

Workers receive the place of the run, not its arrays: they open it under the same path, or fetch from the same URL.
Folds are distributed to all workers. Neighbours and issues need all rows at once and are computed by one worker each,
on its own cores. If a worker dies, its part is restarted on another one.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workbench.foundation.errors import InputError
from workbench.foundation.parallel import each
from workbench.runs.run import Run, open_run
from workbench.storage.cache import fingerprint


@dataclass(frozen=True)
class Place:
    """The place of a run for workers, and its identity, by which they notice if it is a different run."""

    path: str
    uuid: str
    version: str  # of the embeddings, so that results of replaced ones are not used
    options: str = "{}"  # JSON, so that a place is hashable

    @classmethod
    def of(cls, run: Any) -> Place:
        """Return the place of an opened run; raise InputError for evidence in memory, which has none."""
        layout = getattr(run, "layout", None)
        if layout is None:
            found = f"is given with {type(run).__name__}, which is in the memory of this process"
            raise InputError.at("client", found, "Record a run where workers can read it, or leave out `client`.")
        options = layout.remote.plain_options if layout.url else "{}"
        version = fingerprint((file for parts in layout.arrays("embeddings").values() for _, file in parts), layout)
        return cls(layout.url or str(run.path.resolve()), run.described["uuid"], version, options)

    def run(self) -> Run:
        """Open the run in this process."""
        run = _opened(self)
        run.layout.refresh()
        return run


@functools.lru_cache(maxsize=2)
def _opened(place: Place) -> Run:
    run = open_run(place.path, storage_options=json.loads(place.options))
    if run.described["uuid"] != place.uuid:
        found = f"has workers on which {place.path} is a different run"
        raise InputError.at("client", found, "Give workers the same file system, or use a URL.")
    return run


def on_one_worker(function: Callable[[Place], Any], run: Any, client: Any) -> Any:
    """Return function(place), computed on one worker; interrupting the call cancels it there."""
    return next(result for _, result in each(function, [Place.of(run)], client=client))
