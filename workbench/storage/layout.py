"""Names of the files in a run directory, and the two ways to write one so that a crash leaves no half file.

runs/digits/
  run.json                              schema version, task, classes, n, mode, versions
  examples.parquet                      row, id, given_label, the user's columns, image
  stats/epoch=0003/rank=0.parquet       one row per example and epoch; several ranks: rank=0.of=2.parquet
  inflight/epoch=0004.rank=0.arrows     the epoch under way, an Arrow stream
  inflight/epoch=0004.rank=0.pending    logits that wait to be reduced and join it
  logits/epoch=0003.npy                 float16 (n, k), opt-in
  embeddings/epoch=0003.npy             float16 (n, d), for the epochs asked for
  checkpoints/epoch=0003.safetensors    opt-in
  pred_probs.npy                        float32 (n, k), and how they were made (see `described`)
  pred_probs.json                       the same words for people and release 0.1.0; also beside embeddings
  edges.parquet                         edges between the examples, by ids (`storage.edges`)
  votes.parquet                         what annotators, labelling functions and models said (`runs.votes`)
  planted.parquet                       errors that were put in on purpose; a copy of a note in examples.parquet
  replay.json                           which checkpoints a replay has recorded
  journal.sqlite                        decisions
  views.json                            named views of the Explorer
  checksums/                            SHA-256 of the files above, noted when they are sealed
  cache/                                everything in it can be deleted and is computed again
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
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
"""Of run.json, for runs whose examples have one class each."""

UNITS_VERSION = 2
"""The same for other kinds of labels: a release that knows only classes then says that the run is newer."""

MODES = ("train", "eval", "import")
"""Where statistics come from."""

RECORDED = (
    *("stats", "inflight", "logits", "embeddings", "checkpoints", "checksums", "cache"),
    *("pred_probs.npy", "pred_probs.json", "planted.parquet", "edges.parquet", "replay.json"),
)
"""What a recording leaves behind beside run.json and examples.parquet, or what is computed from it."""


class NeedsMigration(RunError):
    """The run is of an older schema, or its migration was cut short."""


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`; renamed to `path` after a clean exit, removed after an error.

    The data is on disk (fsync) before the new name appears, so that a crash leaves the old file or the new one. A block
    that thinks better of it removes the temporary file: then nothing is replaced.

    Raises
    ------
    WriteError : the file cannot be written: a full disk, a place that is read-only.
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
            with contextlib.suppress(OSError):  # the error that is under way says more
                temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Flush a file or folder to disk, where the platform can (Windows opens no folders)."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: object) -> None:
    """Write JSON, whole or not at all."""
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

    @property
    def planted(self) -> Path:
        return self.root / "planted.parquet"

    @property
    def audit(self) -> Path:
        return self.root / "audit.parquet"

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
        """Logits of the last batches of an epoch under way, beside its stream."""
        return stream.with_suffix(".pending")

    def array(self, kind: str, epoch: int, rank: int = 0, world_size: int = 1) -> Path:
        """A .npy of `kind` "logits" or "embeddings"."""
        part = "" if world_size == 1 else f".rank={rank}.of={world_size}"
        return self.root / kind / f"epoch={epoch:04d}{part}.npy"

    def checkpoint(self, epoch: int) -> Path:
        return self.root / "checkpoints" / f"epoch={epoch:04d}.safetensors"

    # what a run at a URL does otherwise (`workbench.storage.remote`)

    @property
    def url(self) -> str | None:
        """Where the run is, if that is not this machine."""
        return None

    @property
    def unknown_files(self) -> list[str]:
        """Names of what is there and none of a run's; looked for where there is no run only."""
        return [entry.name for entry in entries(self.root) if not entry.name.startswith(".")]

    def refresh(self) -> None:
        """Look again which files are there."""

    def listed(self, folder: str) -> list[Path]:
        """Files of a folder of the run ("stats": of the folders in it), in order; they may have to be fetched."""
        found = entries(self.root / folder)
        if folder == "stats":
            found = [file for epoch in found if EPOCH.fullmatch(epoch.name) for file in entries(Path(epoch.path))]
        return [Path(file.path) for file in found]

    def catch_up(self) -> list[str]:
        """Upload what is whole here and missing there, of a run at a URL; returns the names."""
        return []

    def unsent(self) -> list[str]:
        """Names of whole files that are here and not at the run's URL."""
        return []

    def here(self, path: Path) -> Path:
        """The file on this machine, fetched if need be."""
        return path

    def fetch_all(self) -> None:
        """Bring everything to this machine."""

    def source(self, path: Path) -> Any:
        """The file for a reader of parts, perhaps on another machine."""
        return path

    def version(self, path: Path) -> str | None:
        """What changes when the file does, where that is known without reading it."""
        return None

    def publish(self, path: Path) -> None:
        """A file is whole and in its place."""

    def withdraw(self, path: Path) -> None:
        """A file is about to be replaced or removed."""

    # which files are there

    def sealed(self) -> dict[int, list[Path]]:
        """Statistics files by epoch, for the epochs of which every rank is there, in order."""
        epochs: dict[int, list[Path]] = {}
        for epoch, by_size in self.parts().items():
            for size, files in by_size.items():
                if set(files) == set(range(size)):
                    ordered = [files[rank] for rank in range(size)]
                    if size == 1 or same_attempt([self.source(file) for file in ordered]):
                        epochs[epoch] = ordered
        return dict(sorted(epochs.items()))

    def parts(self) -> dict[int, dict[int, dict[int, Path]]]:
        """Statistics files by epoch, number of ranks and rank, whether or not the epoch is sealed."""
        found: dict[int, dict[int, dict[int, Path]]] = {}
        for file in self.listed("stats"):
            number, rank = EPOCH.fullmatch(file.parent.name), RANK.fullmatch(file.name)
            if number and rank:
                found.setdefault(int(number[1]), {}).setdefault(int(rank[2] or 1), {})[int(rank[1])] = file
        return found

    def unsealed(self) -> dict[int, list[Path]]:
        """Streams of epochs under way or cut short, by epoch."""
        sealed = self.sealed()
        found: dict[int, list[Path]] = {}
        for file in entries(self.root / "inflight"):
            match = INFLIGHT.fullmatch(file.name)
            if match and file.name.endswith(".arrows") and int(match[1]) not in sealed:
                found.setdefault(int(match[1]), []).append(Path(file.path))
        return dict(sorted(found.items()))

    def arrays(self, kind: str) -> dict[int, list[tuple[int, Path]]]:
        """(rank, path) of the .npy files of `kind`, by epoch.

        Those of sealed epochs, and those that were stored without a recording (a run may have no epochs at all); parts
        of several ranks only where all are there.
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
        """Checkpoint files by epoch."""
        files = [file for file in self.listed("checkpoints") if file.suffix == ".safetensors"]
        return {int(match[1]): file for file in files if (match := EPOCH.fullmatch(file.name))}

    def clear_evidence(self) -> None:
        """Remove what was recorded and what was computed from it; the journal, and files of others, stay."""
        for name in RECORDED:
            place = self.root / name
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)

    def clear_leftovers(self, rank: int, alone: bool) -> None:
        """Remove what a killed recording left: streams of epochs that `rank` had sealed, and half-written files.

        Half-written files are removed only where this process records `alone`; they may be another's.
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


def read_run_json(layout: Layout) -> dict:
    """The run's description, checked for schema version and the fields that reading needs."""
    described = described_by(layout, SCHEMA_VERSION)
    version = described["schema_version"]
    if version < SCHEMA_VERSION or is_there(layout.root / "migration.json"):
        found = f"has schema version {version}; this release reads {SCHEMA_VERSION}"
        if version == SCHEMA_VERSION:
            found = "was being migrated when that was cut short"
        todo = f"Run `workbench migrate {layout.root}`; what it replaces is kept."
        raise NeedsMigration(f"{layout.root} {found}. {todo}")
    expected = {"task": str, "classes": list, "n": int, "mode": str, "uuid": str}
    for name, kind in expected.items():
        if not isinstance(described.get(name), kind):
            found = described.get(name)
            raise RunError(f"{layout.run_json} field `{name}` is {found!r}, not {kind.__name__}. Restore the file.")
    classes = described["classes"]
    if not all(isinstance(name, str) for name in classes) or len(set(classes)) < len(classes):
        raise RunError(f"{layout.run_json} field `classes` is not a list of different texts. Restore the file.")
    if any(cell_text(name) != name for name in classes):
        raise RunError(f"{layout.run_json} field `classes` holds text that is not Unicode. Restore the file.")
    if described["task"] not in TASKS:
        found = f"holds labels of the task {described['task'][:100]!r}; this release knows {', '.join(TASKS)}"
        raise RunError(f"{layout.root} {found}. Update with `pip install -U label-workbench`.")
    if described["mode"] not in MODES:
        found = f"field `mode` is {described['mode'][:100]!r}, not one of {', '.join(MODES)}"
        raise RunError(f"{layout.run_json} {found}. Restore the file.")
    return described


def described_by(layout: Layout, newest: int) -> dict:
    """What run.json says, of a schema version up to `newest` (of other kinds of labels, up to `UNITS_VERSION`).

    Nothing else in it is checked.
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
