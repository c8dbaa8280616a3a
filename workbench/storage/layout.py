"""Names of the files in a run directory, and atomic writing, so that a crash leaves no incomplete file.

runs/digits/
  run.json                              schema version, task, classes, n, mode, versions
  examples.parquet                      row, id, given_label, the user's columns, image
  stats/epoch=0003/rank=0.parquet       one row per example and epoch; several ranks: rank=0.of=2.parquet
                                        for multi-label data, one row per cell: row, unit (the tag), logit
  inflight/epoch=0004.rank=0.arrows     the epoch in progress, an Arrow stream
  inflight/epoch=0004.rank=0.pending    logits of the epoch in progress that are not reduced yet
  logits/epoch=0003.npy                 float16 (n, k), opt-in
  embeddings/epoch=0003.npy             float16 (n, d), for the requested epochs
  checkpoints/epoch=0003.safetensors    opt-in
  pred_probs.npy                        float32 (n, k), and their provenance (see `described`)
  pred_probs.json                       a copy of it for people and release 0.1.0; also for embeddings
  edges.parquet                         edges between the examples, by ids (`storage.edges`)
  evidence/scores.parquet               evidence of other kinds of labels, by name (`storage.evidence_tables`)
  votes.parquet                         votes of annotators, labelling functions and models (`runs.votes`)
  planted.parquet                       errors planted on purpose; a copy of the metadata of examples.parquet
  replay.json                           the checkpoints that a replay has recorded
  journal.sqlite                        decisions
  views.json                            named views of the Explorer
  checksums/                            SHA-256 of the files above, stored when they are sealed
  cache/                                can be deleted at any time and is computed again
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.foundation.cells import cell_text
from workbench.foundation.errors import RunError
from workbench.storage.attempts import same_attempt
from workbench.storage.failures import writing
from workbench.storage.files import entries, files_below, is_there
from workbench.storage.limits import small_json
from workbench.storage.names import EPOCH, INFLIGHT, RANK, check_entries
from workbench.tasks import TASKS

SCHEMA_VERSION = 1
"""Schema version of run.json for runs with one class per example."""

UNITS_VERSION = 2
"""Schema version for other kinds of labels, so that a release without them reports that the run is newer."""

MODES = ("train", "eval", "import")
"""Sources of the statistics."""

RECORDED = (
    *("stats", "inflight", "logits", "embeddings", "checkpoints", "evidence", "checksums", "cache"),
    *("pred_probs.npy", "pred_probs.json", "planted.parquet", "edges.parquet", "replay.json"),
)
"""Files and folders that a recording writes in addition to run.json and examples.parquet, and results of them."""


class NeedsMigration(RunError):
    """The run has an older schema, or its migration was interrupted."""


@contextlib.contextmanager
def atomic(path: Path) -> Generator[Path]:
    """Yield a temporary path next to `path`, which is renamed to `path` after the block and removed after an error.

    The data are on disk (fsync) before the rename, so that a crash leaves either the old or the new file. If the block
    removes the temporary file, nothing is replaced.

    Raises
    ------
    WriteError : the file cannot be written, because the disk is full or read-only, for example.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    with writing(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            if temporary.exists():
                _sync(temporary)
                os.replace(temporary, path)
                _sync(path.parent)
        finally:
            with contextlib.suppress(OSError):  # the original error is more informative
                temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Flush a file or folder to disk, if the platform can (Windows cannot open folders)."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Layout:
    """Paths inside one run directory."""

    root: Path

    @property
    def run_json(self) -> Path:
        return self.root / "run.json"

    @property
    def examples(self) -> Path:
        return self.root / "examples.parquet"

    @property
    def journal(self) -> Path:
        return self.root / "journal.sqlite"

    @property
    def pred_probs(self) -> Path:
        return self.root / "pred_probs.npy"

    @property
    def votes(self) -> Path:
        return self.root / "votes.parquet"

    @property
    def edges(self) -> Path:
        return self.root / "edges.parquet"

    def evidence(self, name: str) -> Path:
        return self.root / "evidence" / f"{name}.parquet"

    @property
    def planted(self) -> Path:
        return self.root / "planted.parquet"

    @property
    def audits(self) -> dict[str, Path]:
        """The plans of audits, by what they draw."""
        return {"unit": self.root / "audit.parquet", "example": self.root / "audit_examples.parquet"}

    @property
    def views(self) -> Path:
        return self.root / "views.json"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def stats(self, epoch: int, rank: int = 0, world_size: int = 1) -> Path:
        name = f"rank={rank}.parquet" if world_size == 1 else f"rank={rank}.of={world_size}.parquet"
        return self.root / "stats" / f"epoch={epoch:04d}" / name

    def inflight(self, epoch: int, rank: int = 0) -> Path:
        return self.root / "inflight" / f"epoch={epoch:04d}.rank={rank}.arrows"

    def pending(self, stream: Path) -> Path:
        """Path of the logits of the last batches of an epoch in progress, next to its stream."""
        return stream.with_suffix(".pending")

    def array(self, kind: str, epoch: int, rank: int = 0, world_size: int = 1) -> Path:
        """Path of the .npy file of an epoch; `kind` is "logits" or "embeddings"."""
        part = "" if world_size == 1 else f".rank={rank}.of={world_size}"
        return self.root / kind / f"epoch={epoch:04d}{part}.npy"

    def checkpoint(self, epoch: int) -> Path:
        return self.root / "checkpoints" / f"epoch={epoch:04d}.safetensors"

    # overridden for a run at a URL (`workbench.storage.remote`)

    @property
    def url(self) -> str | None:
        """URL of the run, None for a local one."""
        return None

    @property
    def unknown_files(self) -> list[str]:
        """Names of all entries that are not hidden; used only where there is no run yet."""
        return [entry.name for entry in entries(self.root) if not entry.name.startswith(".")]

    def refresh(self) -> None:
        """List the files again."""

    def listed(self, folder: str) -> list[Path]:
        """List the files of a folder of the run ("stats": of its subfolders) by name; some may not be fetched yet."""
        found = entries(self.root / folder)
        if folder == "stats":
            found = [file for epoch in found if EPOCH.fullmatch(epoch.name) for file in entries(Path(epoch.path))]
        return [Path(file.path) for file in found]

    def catch_up(self) -> list[str]:
        """Upload complete files that are missing at the run's URL; returns their names."""
        return []

    def unsent(self) -> list[str]:
        """Names of complete local files that are missing at the run's URL."""
        return []

    def here(self, path: Path) -> Path:
        """Return the path of the local file, fetched if necessary."""
        return path

    def fetch_all(self) -> None:
        """Fetch all files of the run."""

    def source(self, path: Path) -> Any:
        """Return the file for partial reads: its path, or a `RemoteFile`."""
        return path

    def version(self, path: Path) -> str | None:
        """A version of the file that is known without reading it, or None."""
        return None

    def publish(self, path: Path) -> None:
        """Called when a file is complete and in its final place."""

    def withdraw(self, path: Path) -> None:
        """Called before a file is replaced or removed."""

    # existing files

    def sealed(self) -> dict[int, list[Path]]:
        """Return the statistics files by epoch, for epochs with the files of all ranks, in the order of the ranks."""
        epochs: dict[int, list[Path]] = {}
        for epoch, by_size in self.parts().items():
            for size, files in by_size.items():
                if set(files) == set(range(size)):
                    ordered = [files[rank] for rank in range(size)]
                    if size == 1 or same_attempt([self.source(file) for file in ordered]):
                        epochs[epoch] = ordered
        return dict(sorted(epochs.items()))

    def parts(self) -> dict[int, dict[int, dict[int, Path]]]:
        """Return the statistics files by epoch, number of ranks and rank, including unsealed epochs."""
        found: dict[int, dict[int, dict[int, Path]]] = {}
        for file in self.listed("stats"):
            number, rank = EPOCH.fullmatch(file.parent.name), RANK.fullmatch(file.name)
            if number and rank:
                found.setdefault(int(number[1]), {}).setdefault(int(rank[2] or 1), {})[int(rank[1])] = file
        return found

    def unsealed(self) -> dict[int, list[Path]]:
        """Return the streams of epochs that are in progress or were interrupted, by epoch."""
        sealed = self.sealed()
        found: dict[int, list[Path]] = {}
        for file in entries(self.root / "inflight"):
            match = INFLIGHT.fullmatch(file.name)
            if match and file.name.endswith(".arrows") and int(match[1]) not in sealed:
                found.setdefault(int(match[1]), []).append(Path(file.path))
        return dict(sorted(found.items()))

    def arrays(self, kind: str) -> dict[int, list[tuple[int, Path]]]:
        """Return (rank, path) of the .npy files of `kind`, by epoch.

        These are the files of sealed epochs and files stored without a recording (a run may have no epochs). With
        several ranks, only complete sets are returned.
        """
        sealed, unsealed = self.sealed(), self.unsealed()
        whole: dict[int, list[tuple[int, Path]]] = {}
        parts: dict[int, list[tuple[int, Path]]] = {}
        for file in self.listed(kind):
            match = EPOCH.fullmatch(file.name) if file.suffix == ".npy" else None
            if match and match[3] is None and int(match[1]) not in unsealed:
                whole[int(match[1])] = [(0, file)]
            elif match and match[3] and len(sealed.get(int(match[1]), ())) == int(match[3]):
                parts.setdefault(int(match[1]), []).append((int(match[2]), file))
        complete = {epoch: sorted(files) for epoch, files in parts.items() if len(files) == len(sealed[epoch])}
        return dict(sorted((complete | whole).items()))

    def checkpoints(self) -> dict[int, Path]:
        """Return the checkpoint files by epoch."""
        files = [file for file in self.listed("checkpoints") if file.suffix == ".safetensors"]
        return {int(match[1]): file for file in files if (match := EPOCH.fullmatch(file.name))}

    def clear_evidence(self) -> None:
        """Remove recorded data and results computed from them; the journal and unknown files are kept."""
        for name in RECORDED:
            place = self.root / name
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)

    def clear_leftovers(self, rank: int, alone: bool) -> None:
        """Remove what a killed recording left: streams of epochs that `rank` had sealed, and incomplete files.

        Incomplete files are removed only if this process records `alone`; otherwise another rank may be writing them.
        """
        sealed = self.sealed()
        for file in entries(self.root / "inflight"):
            match = INFLIGHT.fullmatch(file.name)
            if match and int(match[2]) == rank and int(match[1]) in sealed:
                os.unlink(file.path)
        for name in ("stats", "inflight", "logits", "embeddings", "checkpoints") if alone else ():
            for folder in (self.root / name, self.root / "checksums" / name):
                for file in files_below(folder):
                    if file.name.startswith(".") and file.name.endswith(".tmp"):
                        file.unlink()


def read_run_json(layout: Layout) -> dict[str, Any]:
    """Read run.json and validate its schema version and the fields that are needed to read the run."""
    described = described_by(layout, SCHEMA_VERSION)
    version = described["schema_version"]
    if version < SCHEMA_VERSION or is_there(layout.root / "migration.json"):
        found = f"has schema version {version}; this release reads {SCHEMA_VERSION}"
        if version == SCHEMA_VERSION:
            found = "has an interrupted migration"
        todo = f"Run `workbench migrate {layout.root}`; it keeps the files that it replaces."
        raise NeedsMigration(f"{layout.root} {found}. {todo}")
    expected = {"task": str, "classes": list, "n": int, "mode": str, "uuid": str}
    for name, kind in expected.items():
        if not isinstance(described.get(name), kind):
            found = described.get(name)
            raise RunError(f"{layout.run_json} field `{name}` is {found!r}, not {kind.__name__}. Restore the file.")
    classes = described["classes"]
    if not all(isinstance(name, str) for name in classes) or len(set(classes)) < len(classes):
        raise RunError(f"{layout.run_json} field `classes` is not a list of distinct strings. Restore the file.")
    if any(cell_text(name) != name for name in classes):
        raise RunError(f"{layout.run_json} field `classes` holds text that is not Unicode. Restore the file.")
    if described["task"] not in TASKS:
        found = f"holds labels of the task {described['task'][:100]!r}; this release knows {', '.join(TASKS)}"
        raise RunError(f"{layout.root} {found}. Update with `pip install -U label-workbench`.")
    if described["mode"] not in MODES:
        found = f"field `mode` is {described['mode'][:100]!r}, not one of {', '.join(MODES)}"
        raise RunError(f"{layout.run_json} {found}. Restore the file.")
    return described


def described_by(layout: Layout, newest: int) -> dict[str, Any]:
    """Read run.json of a schema version up to `newest` (for other kinds of labels than classes, `UNITS_VERSION`).

    Nothing else is validated.
    """
    if not is_there(layout.run_json):
        what = "is not a run directory (no run.json)" if layout.root.exists() else "does not exist"
        place = layout.root
        if layout.url:
            place, what = layout.url, "is not a run (no run.json there)"
        raise RunError(f"{place} {what}. Record one with `Recorder`, or `workbench import SOURCE RUN`.")
    check_entries(layout.root)
    try:
        described = small_json(layout.run_json)
        version = described["schema_version"]
        if described.get("task", "multiclass") != "multiclass":
            newest = max(newest, UNITS_VERSION)
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise RunError(f"{layout.run_json} is damaged ({error}). Restore it, or record the run again.") from error
    if type(version) is not int or version > newest:
        raise RunError(
            f"{layout.root} has schema version {version!r}; this release reads up to {newest}. "
            "Update with `pip install -U label-workbench`."
        )
    return described
