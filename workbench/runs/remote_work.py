"""Work on a run that is done on a dask.distributed cluster: which run, and one function on one worker.

Workers get the place of the run, not its arrays: they open it under the same path, or fetch from the same URL. Folds go
to as many workers as there are; neighbours and issues rest on all rows at once and go to one worker each, which uses
its own cores. A part whose worker dies is started on another one.
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
    """Where workers find a run, and by which identity they notice that it is another one."""

    path: str
    uuid: str
    version: str  # of the embeddings, so that nothing old is used when they were replaced
    options: str = "{}"  # JSON, so that a place can be a key

    @classmethod
    def of(cls, run: Any) -> Place:
        """The place of an opened run; InputError for evidence made of arrays, which has none."""
        layout = getattr(run, "layout", None)
        if layout is None:
            found = f"is given with {type(run).__name__}, which lies in this process's memory"
            raise InputError.at("client", found, "Record a run where workers can read it, or leave `client` out.")
        options = layout.remote.plain_options if layout.url else "{}"
        version = fingerprint((file for parts in layout.arrays("embeddings").values() for _, file in parts), layout)
        return cls(layout.url or str(run.path.resolve()), run.described["uuid"], version, options)

    def run(self) -> Run:
        """The run, opened in this process."""
        run = _opened(self)
        run.layout.refresh()
        return run


@functools.lru_cache(maxsize=2)
def _opened(place: Place) -> Run:
    run = open_run(place.path, storage_options=json.loads(place.options))
    if run.described["uuid"] != place.uuid:
        found = f"has workers on which {place.path} is another run"
        raise InputError.at("client", found, "Give workers the same file system, or use a URL.")
    return run


def on_one_worker(function: Callable[[Place], Any], run: Any, client: Any) -> Any:
    """function(place) on one worker; interrupting the call cancels it there."""
    return next(result for _, result in each(function, [Place.of(run)], client=client))
