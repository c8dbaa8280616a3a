"""Names of the files in a run directory, and the two ways to write one so that a crash leaves no half file.

    runs/digits/
      run.json                              schema version, task, classes, n, mode, versions
      examples.parquet                      row, id, given_label, the user's columns, image
      stats/epoch=0003/rank=0.parquet       one row per example and epoch; several ranks: rank=0.of=2.parquet
      inflight/epoch=0004.rank=0.arrows     the epoch under way, an Arrow stream
      logits/epoch=0003.npy                 float16 (n, k), opt-in
      embeddings/epoch=0003.npy             float16 (n, d), for the epochs asked for
      checkpoints/epoch=0003.safetensors    opt-in
      pred_probs.npy, pred_probs.json       float32 (n, k), and how they were made
      planted.parquet                       canaries: errors that were put in on purpose
      journal.sqlite                        decisions
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

from workbench.errors import RunError

SCHEMA_VERSION = 1

_EPOCH = re.compile(r"epoch=(\d+)(?:\.rank=(\d+)\.of=(\d+))?(?:\.\w+)?$")
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

    def array(self, kind: str, epoch: int, rank: int = 0, world_size: int = 1) -> Path:
        """A .npy of `kind` "logits" or "embeddings"."""
        part = "" if world_size == 1 else f".rank={rank}.of={world_size}"
        return self.root / kind / f"epoch={epoch:04d}{part}.npy"

    def checkpoint(self, epoch: int) -> Path:
        return self.root / "checkpoints" / f"epoch={epoch:04d}.safetensors"

    def sealed(self) -> dict[int, list[Path]]:
        """Statistics files by epoch, for the epochs of which every rank is there, in order."""
        epochs: dict[int, list[Path]] = {}
        for folder in sorted((self.root / "stats").glob("epoch=*")):
            number = _EPOCH.match(folder.name)
            if number is None:
                continue
            by_size: dict[int, list[tuple[int, Path]]] = {}
            for file in folder.iterdir():
                rank = _RANK.match(file.name)
                if rank:
                    by_size.setdefault(int(rank[2] or 1), []).append((int(rank[1]), file))
            whole = [sorted(files) for size, files in by_size.items() if len(files) == size]
            if whole:
                epochs[int(number[1])] = [file for _, file in whole[-1]]
        return dict(sorted(epochs.items()))

    def arrays(self, kind: str) -> dict[int, list[tuple[int, Path]]]:
        """(rank, path) of the .npy files of `kind`, by epoch.

        Those of sealed epochs, and those that were stored without a recording (a run may have no epochs at all).
        """
        sealed = self.sealed()
        found: dict[int, list[tuple[int, Path]]] = {}
        for file in sorted((self.root / kind).glob("epoch=*.npy")):
            match = _EPOCH.match(file.name)
            if match is None:
                continue
            epoch = int(match[1])
            stored = match[2] is None and not any((self.root / "inflight").glob(f"epoch={match[1]}.*"))
            if epoch in sealed or stored:
                found.setdefault(epoch, []).append((int(match[2] or 0), file))
        return found

    def checkpoints(self) -> dict[int, Path]:
        """Checkpoint files by epoch."""
        files = sorted((self.root / "checkpoints").glob("epoch=*.safetensors"))
        return {int(match[1]): file for file in files if (match := _EPOCH.match(file.name))}

    def clear_evidence(self) -> None:
        """Remove everything but the journal and the lock of the process that clears."""
        for entry in self.root.iterdir():
            if entry.name.startswith(("journal.sqlite", ".rank=")):
                continue
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def read_run_json(layout: Layout) -> dict:
    """The run's description, checked for schema version and the fields that reading needs."""
    if not layout.run_json.is_file():
        what = "is not a run directory (no run.json)" if layout.root.exists() else "does not exist"
        raise RunError(f"{layout.root} {what}. Record one with `Recorder`, or `workbench import SOURCE RUN`.")
    try:
        described = json.loads(layout.run_json.read_text(encoding="utf-8"))
        version = described["schema_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{layout.run_json} is damaged ({error}). Restore it, or record the run again.") from error
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise RunError(
            f"{layout.root} has schema version {version!r}; this release reads up to {SCHEMA_VERSION}. "
            "Update with `pip install -U label-workbench`."
        )
    expected = {"task": str, "classes": list, "n": int, "mode": str, "uuid": str}
    for name, kind in expected.items():
        if not isinstance(described.get(name), kind):
            found = described.get(name)
            raise RunError(f"{layout.run_json} field `{name}` is {found!r}, not {kind.__name__}. Restore the file.")
    if not all(isinstance(name, str) for name in described["classes"]):
        raise RunError(f"{layout.run_json} field `classes` holds something that is not text. Restore the file.")
    return described
