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
  pred_probs.npy, pred_probs.json       float32 (n, k), and how they were made
  votes.parquet                         id, annotator, label: what several annotators said
  planted.parquet                       canaries: errors that were put in on purpose
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
import re
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import RunError

SCHEMA_VERSION = 1

RECORDED = (
    *("stats", "inflight", "logits", "embeddings", "checkpoints", "checksums", "cache"),
    *("pred_probs.npy", "pred_probs.json", "planted.parquet", "replay.json"),
)
"""What a recording leaves behind beside run.json and examples.parquet, or what is computed from it."""

_EPOCH = re.compile(r"epoch=(\d+)(?:\.rank=(\d+)\.of=(\d+))?(?:\.\w+)?$")
_INFLIGHT = re.compile(r"epoch=(\d+)\.rank=(\d+)\.(?:arrows|pending)$")
_RANK = re.compile(r"rank=(\d+)(?:\.of=(\d+))?\.parquet$")


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`; renamed to `path` after a clean exit, removed after an error.

    The data is on disk (fsync) before the new name appears, so that a crash leaves the old file or the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
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
    def planted(self) -> Path:
        return self.root / "planted.parquet"

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
    def strangers(self) -> list[str]:
        """Names of what is there and none of a run's; looked for where there is no run only."""
        there = self.root.iterdir() if self.root.is_dir() else ()
        return sorted(entry.name for entry in there if not entry.name.startswith("."))

    def refresh(self) -> None:
        """Look again which files are there."""

    def listed(self, folder: str) -> list[Path]:
        """Files of a folder of the run ("stats": of the folders in it), in order; they may have to be fetched."""
        return sorted((self.root / folder).glob("epoch=*/*" if folder == "stats" else "*"))

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
        parts: dict[int, dict[int, list[tuple[int, Path]]]] = {}
        for file in self.listed("stats"):
            number, rank = _EPOCH.match(file.parent.name), _RANK.match(file.name)
            if number and rank:
                by_size = parts.setdefault(int(number[1]), {})
                by_size.setdefault(int(rank[2] or 1), []).append((int(rank[1]), file))
        for epoch, by_size in parts.items():
            whole = [sorted(files) for size, files in by_size.items() if len(files) == size]
            if whole:
                epochs[epoch] = [file for _, file in whole[-1]]
        return dict(sorted(epochs.items()))

    def unsealed(self) -> dict[int, list[Path]]:
        """Streams of epochs under way or cut short, by epoch."""
        sealed = self.sealed()
        found: dict[int, list[Path]] = {}
        for file in sorted((self.root / "inflight").glob("epoch=*.arrows")):
            match = _INFLIGHT.match(file.name)
            if match and int(match[1]) not in sealed:
                found.setdefault(int(match[1]), []).append(file)
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
            match = _EPOCH.match(file.name) if file.suffix == ".npy" else None
            if match and match[3] is None and int(match[1]) not in unsealed:
                whole[int(match[1])] = [(0, file)]
            elif match and match[3] and len(sealed.get(int(match[1]), ())) == int(match[3]):
                parts.setdefault(int(match[1]), []).append((int(match[2]), file))
        complete = {epoch: sorted(files) for epoch, files in parts.items() if len(files) == len(sealed[epoch])}
        return dict(sorted((complete | whole).items()))

    def checkpoints(self) -> dict[int, Path]:
        """Checkpoint files by epoch."""
        files = [file for file in self.listed("checkpoints") if file.suffix == ".safetensors"]
        return {int(match[1]): file for file in files if (match := _EPOCH.match(file.name))}

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
        for file in (self.root / "inflight").glob(f"epoch=*.rank={rank}.*"):
            match = _INFLIGHT.match(file.name)
            if match and int(match[1]) in sealed:
                file.unlink()
        for name in ("stats", "inflight", "logits", "embeddings", "checkpoints") if alone else ():
            for folder in (self.root / name, self.root / "checksums" / name):
                for file in folder.rglob(".*.tmp"):
                    file.unlink()


def read_run_json(layout: Layout) -> dict:
    """The run's description, checked for schema version and the fields that reading needs."""
    described = described_by(layout, SCHEMA_VERSION)
    version = described["schema_version"]
    if version < SCHEMA_VERSION or (layout.root / "migration.json").exists():
        found = f"has schema version {version}; this release reads {SCHEMA_VERSION}"
        if version == SCHEMA_VERSION:
            found = "was being migrated when that was cut short"
        raise RunError(f"{layout.root} {found}. Run `workbench migrate {layout.root}`; what it replaces is kept.")
    expected = {"task": str, "classes": list, "n": int, "mode": str, "uuid": str}
    for name, kind in expected.items():
        if not isinstance(described.get(name), kind):
            found = described.get(name)
            raise RunError(f"{layout.run_json} field `{name}` is {found!r}, not {kind.__name__}. Restore the file.")
    classes = described["classes"]
    if not all(isinstance(name, str) for name in classes) or len(set(classes)) < len(classes):
        raise RunError(f"{layout.run_json} field `classes` is not a list of different texts. Restore the file.")
    return described


def described_by(layout: Layout, newest: int) -> dict:
    """What run.json says, of a schema version up to `newest`; nothing else in it is checked."""
    if not layout.run_json.is_file():
        what = "is not a run directory (no run.json)" if layout.root.exists() else "does not exist"
        place = layout.root
        if layout.url:
            place, what = layout.url, "is not a run (no run.json there)"
        raise RunError(f"{place} {what}. Record one with `Recorder`, or `workbench import SOURCE RUN`.")
    _refuse_links(layout.root)
    try:
        described = json.loads(layout.run_json.read_text(encoding="utf-8"))
        version = described["schema_version"]
    except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        raise RunError(f"{layout.run_json} is damaged ({error}). Restore it, or record the run again.") from error
    if type(version) is not int or version > newest:
        raise RunError(
            f"{layout.root} has schema version {version!r}; this release reads up to {newest}. "
            "Update with `pip install -U label-workbench`."
        )
    return described


def _refuse_links(root: Path) -> None:
    """A run from a stranger must not make us read or write elsewhere: nothing in it is a link that leads out."""
    inside = root.resolve()
    for folder, folders, files in os.walk(root):
        for entry in (Path(folder, name) for name in (*folders, *files)):
            if entry.is_symlink() and not entry.resolve().is_relative_to(inside):
                found = f"{entry} is a link that leads out of the run, to {entry.resolve()}"
                raise RunError(f"{found}. Remove it, or put in its place what it names.")
