"""Atomic imports: a run is written to a temporary directory and then moved, so that a failure leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workbench.data.dataset import Dataset
from workbench.foundation.errors import ExistsError, RunError, first_few
from workbench.recording.ranks import Lock
from workbench.recording.recorder import Recorder
from workbench.runs.user_evidence import save_tables
from workbench.storage.examples import read_dataset
from workbench.storage.layout import Layout, read_run_json
from workbench.storage.remote import layout_at, local_path


@contextlib.contextmanager
def landing(
    path: str | Path,
    dataset: Dataset,
    *,
    overwrite: bool = False,
    evidence: Mapping[str, Any] | None = None,
    **options: Any,
) -> Generator[Recorder]:
    """Yield a Recorder whose run appears at `path` only when the block ends without an exception.

    Parameters
    ----------
    path : the run directory to create, or its URL; missing or empty, or a run if `overwrite` is set.
    dataset : the examples.
    overwrite : whether to replace the evidence of an existing run; its journal is kept.
    evidence : evidence to save as tables, by name, as in `Run.save_evidence`.
    **options : arguments of the Recorder; its mode is "import" by default.

    Raises
    ------
    ExistsError : `path` already exists.
    RunError : the existing journal has decisions about other examples.
    """
    layout = check_free(path, overwrite)
    if layout.journal.exists():
        there = read_dataset(layout, read_run_json(layout), None)
        if not np.array_equal(there.ids, dataset.ids):
            raise RunError(
                f"{path} holds decisions about other examples (with other ids); overwriting would orphan them. "
                "Import to another path, or move journal.sqlite away first."
            )
    staging = layout.root.with_name(f".{layout.root.name}.{uuid.uuid4().hex[:8]}.import")
    try:
        named: dict[str, Any] = {"mode": "import", **options}
        with Recorder(staging, dataset, **named) as recorder:
            yield recorder
            save_tables(Layout(staging), dataset, evidence or {}, source="passed to the import")
        _move_in(staging, layout)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def check_free(path: str | Path, overwrite: bool) -> Layout:
    """Return the layout of a new run; raise if an import to `path` would destroy existing data."""
    local = local_path(path)
    layout = layout_at(path) if local is None else Layout(Path(os.path.abspath(local)))
    if layout.root.exists() and not layout.root.is_dir():
        raise ExistsError(f"{path} is a file. Choose another path for the run directory.")
    if layout.run_json.is_file():
        if not overwrite:
            raise ExistsError(
                f"{path} holds a run already. Choose another path, or replace its evidence with overwrite=True "
                "(--force); decisions in its journal are kept."
            )
    elif layout.unknown_files:
        raise ExistsError(
            f"{path} exists and is not a run (it holds {first_few(layout.unknown_files)}). Choose another."
        )
    return layout


def _move_in(staging: Path, layout: Layout) -> None:
    """Move the files into place, run.json last, since the directory is a run once that file exists."""
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
