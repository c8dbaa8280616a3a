"""What of a run is computed on a dask.distributed cluster beside scores: neighbours, out-of-fold models, issues.

Workers get the place of the run, not its arrays: they open it under the same path, or fetch from the same URL. Folds go
to as many workers as there are; neighbours and issues rest on all rows at once and go to one worker each, which uses
its own cores. A part whose worker dies is started on another one.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.foundation.errors import InputError
from workbench.foundation.parallel import each
from workbench.storage.cache import fingerprint

if TYPE_CHECKING:
    import pandas as pd

    from workbench.evidence.neighbors import Neighbors
    from workbench.runs.run import Run


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
    from workbench.runs.run import open_run

    run = open_run(place.path, storage_options=json.loads(place.options))
    if run.described["uuid"] != place.uuid:
        found = f"has workers on which {place.path} is another run"
        raise InputError.at("client", found, "Give workers the same file system, or use a URL.")
    return run


def on_one_worker(function: Callable[[Place], Any], run: Any, client: Any) -> Any:
    """function(place) on one worker; interrupting the call cancels it there."""
    return next(result for _, result in each(function, [Place.of(run)], client=client))


def nearest_there(run: Run, epoch: int, k: int, metric: str, device: str, client: Any) -> Neighbors:
    """`workbench.evidence.neighbors.nearest` of a run's embeddings on one worker."""
    return on_one_worker(functools.partial(_nearest, epoch=epoch, k=k, metric=metric, device=device), run, client)


def _nearest(place: Place, epoch: int, k: int, metric: str, device: str) -> Neighbors:
    from workbench.evidence.neighbors import nearest

    return nearest(place.run().embeddings(epoch), k, metric, device=device)


def issues_there(run: Any, client: Any, **settings: Any) -> pd.DataFrame:
    """`workbench.find_issues` of a run on one worker; verdicts are those of this side's journal."""
    return on_one_worker(functools.partial(_issues, settings=settings), run, client)


def _issues(place: Place, settings: dict[str, Any]) -> pd.DataFrame:
    from workbench.issues.detector import find_issues

    return find_issues(place.run(), **settings)


def fitting_there(
    run: Run, epoch: int, folds: int, seed: int, client: Any
) -> tuple[np.ndarray, Callable[[], np.ndarray], float]:
    """What out-of-fold models need: rows with an embedding, a way to have their inputs on a worker, the penalty."""
    chosen = functools.partial(_chosen, epoch=epoch, folds=folds, seed=seed)
    rows, strength = on_one_worker(chosen, run, client)
    return rows, functools.partial(_inputs, Place.of(run), epoch, seed), strength


def _chosen(place: Place, epoch: int, folds: int, seed: int) -> tuple[np.ndarray, float]:
    from workbench.evidence.out_of_fold import strength_of

    rows, X = _prepared(place, epoch, seed)
    return rows, strength_of(X, place.run().dataset.given_labels[rows], folds, seed)


def _inputs(place: Place, epoch: int, seed: int) -> np.ndarray:
    return _prepared(place, epoch, seed)[1]


@functools.lru_cache(maxsize=1)
def _prepared(place: Place, epoch: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Once for each worker process, not for each fold."""
    from workbench.evidence.out_of_fold import prepared

    return prepared(place.run().embeddings(epoch), seed)
