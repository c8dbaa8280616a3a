"""An import becomes a run directory in one step: written beside it, then moved in, so that a failure leaves nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from workbench.dataset import Dataset
from workbench.errors import ExistsError, RunError
from workbench.recording.ranks import Lock
from workbench.recording.recorder import Recorder
from workbench.storage.examples import read_dataset
from workbench.storage.layout import Layout, read_run_json


@contextlib.contextmanager
def landing(path: str | Path, dataset: Dataset, *, overwrite: bool = False, **options: Any) -> Iterator[Recorder]:
    """A Recorder whose run appears at `path` when the block ends without an exception, and not before.

    Parameters
    ----------
    path : the run directory to be; missing or empty, or a run when `overwrite` is set.
    dataset : the examples.
    overwrite : replace the evidence of the run that is there; its journal stays.
    **options : of the Recorder; its mode is "import" unless given.

    Raises
    ------
    ExistsError : something is there. RunError : decisions in the journal there are about other examples.
    """
    target = Path(os.path.abspath(path))
    check_free(target, overwrite)
    if target.is_dir() and Layout(target).journal.exists():
        there = read_dataset(Layout(target), read_run_json(Layout(target)), None)
        if not np.array_equal(there.ids, dataset.ids):
            raise RunError(
                f"{path} holds decisions about other examples (other ids); overwriting would orphan them. "
                "Import to another path, or move journal.sqlite away first."
            )
    staging = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.import")
    try:
        with Recorder(staging, dataset, **({"mode": "import"} | options)) as recorder:
            yield recorder
        _move_in(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def check_free(path: str | Path, overwrite: bool) -> None:
    """Refuse a path that holds something which an import would destroy."""
    target = Path(path)
    if target.exists() and not target.is_dir():
        raise ExistsError(f"{path} is a file. Choose another path for the run directory.")
    if not target.is_dir() or not any(target.iterdir()):
        return
    if not Layout(target).run_json.is_file():
        raise ExistsError(f"{path} exists and is not a run. Choose another path.")
    if not overwrite:
        raise ExistsError(
            f"{path} holds a run already. Choose another path, or replace its evidence with overwrite=True (--force); "
            "decisions in its journal stay."
        )


def _move_in(staging: Path, target: Path) -> None:
    """Move the files into place, run.json last, since it makes the directory a run."""
    target.mkdir(parents=True, exist_ok=True)
    lock = Lock(target, 0)
    lock.take()
    try:
        Layout(target).clear_evidence()
        for entry in sorted(staging.iterdir(), key=lambda entry: entry.name == "run.json"):
            if not entry.name.startswith(".rank="):
                entry.rename(target / entry.name)
    finally:
        lock.release()
