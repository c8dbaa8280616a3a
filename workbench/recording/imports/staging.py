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

from workbench.data.dataset import Dataset
from workbench.foundation.errors import ExistsError, RunError, first_few
from workbench.recording.ranks import Lock
from workbench.recording.recorder import Recorder
from workbench.storage.examples import read_dataset
from workbench.storage.layout import Layout, read_run_json
from workbench.storage.remote import layout_at, local_path


@contextlib.contextmanager
def landing(path: str | Path, dataset: Dataset, *, overwrite: bool = False, **options: Any) -> Iterator[Recorder]:
    """A Recorder whose run appears at `path` when the block ends without an exception, and not before.

    Parameters
    ----------
    path : the run directory to be, or its URL; missing or empty, or a run when `overwrite` is set.
    dataset : the examples.
    overwrite : replace the evidence of the run that is there; its journal stays.
    **options : of the Recorder; its mode is "import" unless given.

    Raises
    ------
    ExistsError : something is there. RunError : decisions in the journal there are about other examples.
    """
    layout = check_free(path, overwrite)
    if layout.journal.exists():
        there = read_dataset(layout, read_run_json(layout), None)
        if not np.array_equal(there.ids, dataset.ids):
            raise RunError(
                f"{path} holds decisions about other examples (other ids); overwriting would orphan them. "
                "Import to another path, or move journal.sqlite away first."
            )
    staging = layout.root.with_name(f".{layout.root.name}.{uuid.uuid4().hex[:8]}.import")
    try:
        named: dict[str, Any] = {"mode": "import", **options}
        with Recorder(staging, dataset, **named) as recorder:
            yield recorder
        _move_in(staging, layout)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def check_free(path: str | Path, overwrite: bool) -> Layout:
    """The layout of a run to be; a path that holds something which an import would destroy is refused."""
    local = local_path(path)
    layout = layout_at(path) if local is None else Layout(Path(os.path.abspath(local)))
    if layout.root.exists() and not layout.root.is_dir():
        raise ExistsError(f"{path} is a file. Choose another path for the run directory.")
    if layout.run_json.is_file():
        if not overwrite:
            raise ExistsError(
                f"{path} holds a run already. Choose another path, or replace its evidence with overwrite=True "
                "(--force); decisions in its journal stay."
            )
    elif layout.unknown_files:
        raise ExistsError(
            f"{path} exists and is not a run (it holds {first_few(layout.unknown_files)}). Choose another."
        )
    return layout


def _move_in(staging: Path, layout: Layout) -> None:
    """Move the files into place, run.json last, since it makes the directory a run."""
    layout.root.mkdir(parents=True, exist_ok=True)
    lock = Lock(layout.root, 0)
    lock.take()
    try:
        layout.clear_evidence()
        whole = sorted(file.relative_to(staging) for file in staging.rglob("*") if file.is_file())
        for entry in sorted(staging.iterdir(), key=lambda entry: entry.name == "run.json"):
            if not entry.name.startswith(".rank="):
                entry.rename(layout.root / entry.name)
        for name in sorted(whole, key=lambda name: name.name == "run.json"):
            if not name.name.startswith(".") and name.parts[0] != "cache":
                layout.publish(layout.root / name)
    finally:
        lock.release()
