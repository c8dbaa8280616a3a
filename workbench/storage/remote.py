"""Run directories at any fsspec URL, with a local working folder.

The working folder of a URL contains fetched files, the epoch in progress, caches and the journal (SQLite needs a local
file). A file is uploaded as soon as it is sealed, statistics after the other files of their epoch; files are fetched
when they are read. This module keeps track of the versions of fetched files, ignores files at the URL that do not
belong to a run, and uploads such that a file appears only when it is complete.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sqlite3
import tempfile
import uuid
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.foundation.cells import is_url
from workbench.foundation.errors import InputError, MissingEvidence, RunError
from workbench.storage.attempts import look_ahead
from workbench.storage.files import entries, files_below, is_there
from workbench.storage.journalfile import JournalFile
from workbench.storage.journalrows import Entry
from workbench.storage.layout import RECORDED, Layout, atomic
from workbench.storage.limits import small_json
from workbench.storage.names import AT_URL, EPOCH, INFLIGHT, RANK
from workbench.storage.trust import user_folder

AT_ONCE = ("run.json", "examples.parquet", "edges.parquet", "planted.parquet", "votes.parquet", "pred_probs.json")
JOURNAL = "journal.sqlite"
WHOLE_PUTS = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oci", "memory"}
"""Protocols whose uploads are atomic; with others, a file is uploaded under another name and then moved."""


def local_path(place: str | Path) -> Path | None:
    """Return the path of a local file, given as a path or file:// URL; None for other URLs."""
    if not is_url(place):
        return Path(place).expanduser()
    protocol, _, path = str(place).partition("://")
    return Path(path) if protocol in ("file", "local") else None


def layout_at(path: str | Path, storage_options: Mapping[str, Any] | None = None) -> Layout:
    """Return the layout of a run directory; for a URL, the layout of its working folder."""
    if (local := local_path(path)) is not None:
        return Layout(local)
    remote = Remote.at(str(path).rstrip("/"), dict(storage_options or {}))
    layout = RemoteLayout(remote.folder, remote)
    layout.refresh()
    return layout


@dataclass(frozen=True)
class RemoteFile:
    """A file at a URL that is read in parts, without fetching it; can be sent to workers."""

    url: str
    version: str
    options: str = "{}"  # JSON

    def open(self) -> Any:
        """Open a seekable binary file; reads request ranges of bytes."""
        fs, path = filesystem(self.url, json.loads(self.options))
        return fs.open(path, "rb", cache_type="readahead", block_size=1 << 20)


def filesystem(url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """Return (fsspec file system, path in it) of a URL; errors say what to install."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise MissingEvidence(f"{url} needs fsspec. Install it with `pip install 'label-workbench[scale]'`.") from error
    try:
        return url_to_fs(url, **options)
    except ImportError as error:
        raise RunError(f"{url} cannot be opened: {error} in this environment.") from error
    except ValueError as error:
        raise RunError(f"{url} cannot be opened: {error}. Use a path, or a URL that fsspec knows.") from error


def runs_below(url: str) -> dict[str, int]:
    """Find the runs at most two folders below a URL; return a dict of their URLs to their sizes in bytes."""
    fs, base = filesystem(url, {})
    base = base.rstrip("/")
    try:
        found = {path[len(base) :].lstrip("/"): info for path, info in fs.find(base, detail=True).items()}
    except Exception as error:  # each file system has its own exceptions
        raise _failed(url, "listing", error) from error
    names = [name.rpartition("/")[0] for name in found if name.rpartition("/")[2] == "run.json"]
    names = [name for name in names if name.count("/") < 2 and not any(p.startswith(".") for p in name.split("/"))]
    sizes = dict.fromkeys(sorted(names), 0)
    for path, info in found.items():
        for name in names:
            if not name or path.startswith(f"{name}/"):
                sizes[name] += int(info.get("size") or 0)
    return {f"{url.rstrip('/')}/{name}".rstrip("/"): size for name, size in sizes.items()}


def _failed(url: str, what: str, error: Exception) -> RunError:
    reason = f"{type(error).__name__}: {error}"
    return RunError(f"{url}: {what} failed ({reason}). Check the URL, your permissions and the network.")


@dataclass
class Remote:
    """A run at a URL, and its local working folder.

    Attributes
    ----------
    files : dict of name to version, for the files at the URL when it was last listed.
    have : dict of name to [version at the URL, local mtime_ns, local size], for files that are equal on both sides.
    unknown_files : other names at the URL.
    run : identity of the run of the local files, None until it is known.
    caught_up : whether files that were missing at the URL have been uploaded since the run was opened.
    """

    url: str
    options: dict[str, Any]
    folder: Path
    files: dict[str, str] = field(default_factory=dict)
    have: dict[str, list[Any]] = field(default_factory=dict)
    unknown_files: list[str] = field(default_factory=list)
    run: str | None = None
    caught_up: bool = False

    @classmethod
    def at(cls, url: str, options: dict[str, Any]) -> Remote:
        """Open the working folder of a URL; it is created if missing, readable only by its user."""
        name = re.sub(r"[^\w.-]+", "_", url.rpartition("/")[2])[:40] or "run"
        folder = user_folder() / "remote" / f"{name}-{hashlib.blake2b(url.encode(), digest_size=8).hexdigest()}"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        remote = cls(url, options, folder)
        with contextlib.suppress(OSError, ValueError, AttributeError):
            noted = small_json(folder / ".remote.json")
            remote.have = {name: list(one) for name, one in noted["have"].items() if AT_URL.fullmatch(name)}
            remote.run = noted.get("run")
        return remote

    @property
    def plain_options(self) -> str:
        """The options as JSON, for workers."""
        try:
            return json.dumps(self.options, sort_keys=True)
        except TypeError as error:
            found = f"cannot be sent to workers ({error})"
            raise InputError.at("storage_options", found, "Use plain values, or the environment.") from error

    def file_system(self) -> tuple[Any, str]:
        """Return the file system of the URL, and the path in it."""
        fs, base = filesystem(self.url, self.options)
        return fs, base.rstrip("/")

    @contextlib.contextmanager
    def explained(self, what: str) -> Generator[None]:
        """Turn the exceptions of a file system into one that says what failed."""
        try:
            yield
        except Exception as error:  # each file system has its own exceptions
            raise _failed(self.url, what, error) from error

    def look(self) -> None:
        """List the URL, and remove local copies of files that were changed or removed there."""
        fs, base = self.file_system()
        with self.explained("listing"):
            fs.invalidate_cache()
            found = fs.find(base, detail=True) if fs.exists(base) else {}
        names = {path[len(base) :].lstrip("/"): info for path, info in found.items() if path.startswith(base)}
        self.files = {name: version_of(info) for name, info in names.items() if AT_URL.fullmatch(name)}
        self.unknown_files = sorted(set(names) - set(self.files))
        for name, (version, *_) in list(self.have.items()):
            if name != JOURNAL and self.files.get(name) != version:
                (self.folder / name).unlink(missing_ok=True)
                del self.have[name]
        self._note()

    def fetch(self, name: str) -> Path:
        """Return the path of the local copy of a file, fetched if necessary."""
        path = self.folder / name
        if name not in self.files or (name in self.have and path.is_file()):
            return path
        fs, base = self.file_system()
        with self.explained(f"fetching {name}"), atomic(path) as temporary:
            fs.get_file(f"{base}/{name}", str(temporary))
        self._same(name, self.files[name])
        return path

    def put(self, name: str, source: Path | None = None) -> None:
        """Upload a complete file; it appears at the URL only when it is complete there."""
        fs, base = self.file_system()
        source = source or self.folder / name
        target = f"{base}/{name}"
        with self.explained(f"uploading {name}"):
            fs.makedirs(target.rpartition("/")[0], exist_ok=True)
            if self.url.partition("://")[0] in WHOLE_PUTS:
                fs.put_file(str(source), target)
            else:
                temporary = f"{target}.{uuid.uuid4().hex[:8]}.tmp"
                fs.put_file(str(source), temporary)
                fs.mv(temporary, target)
            fs.invalidate_cache()
            self.files[name] = version_of(fs.info(target))
        self._same(name, self.files[name])

    def remove(self, names: Iterable[str]) -> None:
        """Remove files at the URL."""
        fs, base = self.file_system()
        for name in names:
            if name in self.files:
                with self.explained(f"removing {name}"):
                    fs.rm_file(f"{base}/{name}")
                del self.files[name]
            self.have.pop(name, None)
        self._note()

    def unsent(self) -> list[str]:
        """Return the names of complete local files that are missing at the URL, in the order of upload.

        Statistics come after the other files, run.json last.
        """
        names = [path.relative_to(self.folder).as_posix() for path in files_below(self.folder)]
        names = {name for name in names if AT_URL.fullmatch(name) and name not in self.files and name != JOURNAL}
        for note in [name for name in names if name.startswith("checksums/")]:
            of = note.removeprefix("checksums/").removesuffix(".sha256")
            if of not in names and of not in self.have:
                names.remove(note)  # the file at the URL is a different one
        return sorted(names, key=lambda name: (name == "run.json", "stats/" in name, name))

    def belongs_to(self, run: str | None) -> None:
        """Record the identity of the run at the URL; files of another run that were never uploaded are set aside."""
        if self.run is not None and run != self.run:
            aside = self.folder / "set-aside" / re.sub(r"\W", "", self.run)[:40]
            for name in self.unsent():
                (aside / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(self.folder / name, aside / name)
        if run != self.run:
            self.run = run
            self._note()

    def changed_here(self, name: str) -> bool:
        """Whether a local file differs from what was last fetched or uploaded."""
        path = self.folder / name
        if not path.is_file():
            return False
        stat = path.stat()
        return name not in self.have or self.have[name][1:] != [stat.st_mtime_ns, stat.st_size]

    def _same(self, name: str, version: str) -> None:
        stat = (self.folder / name).stat()
        self.have[name] = [version, stat.st_mtime_ns, stat.st_size]
        self._note()

    def _note(self) -> None:
        temporary = self.folder / f".remote.{os.getpid()}.tmp"
        temporary.write_text(json.dumps({"url": self.url, "run": self.run, "have": self.have}), encoding="utf-8")
        os.replace(temporary, self.folder / ".remote.json")


def version_of(info: Mapping[str, Any]) -> str:
    """Return a digest that changes with a file: of its entity tag, checksum or time, and its size."""
    keys = ("ETag", "etag", "md5Hash", "content_md5", "checksum", "LastModified", "mtime", "created", "size")
    described = [f"{key}={info[key]}" for key in keys if info.get(key) is not None]
    return hashlib.blake2b("\n".join(described).encode(), digest_size=12).hexdigest()


@dataclass(frozen=True)
class RemoteLayout(Layout):
    """A run directory at a URL: lists the files at the URL and in the working folder, and fetches them when read."""

    remote: Remote = field(compare=False)

    @property
    def unknown_files(self) -> list[str]:
        """Names at the URL that do not belong to a run."""
        return self.remote.unknown_files

    @property
    def pred_probs(self) -> Path:
        return self.here(super().pred_probs)

    @property
    def url(self) -> str:
        return self.remote.url

    def refresh(self) -> None:
        self.remote.look()
        for name in self.remote.files:
            if name in AT_ONCE or re.fullmatch(r"embeddings/.*\.json", name):
                self.remote.fetch(name)
        self._know_the_run()
        self._take_journal()

    def catch_up(self) -> list[str]:
        """Upload complete local files that are missing at the URL, since an upload failed or the process was killed."""
        self._know_the_run()
        names, self.remote.caught_up = self.unsent(), True
        for name in names:
            self.remote.put(name)
        return names

    def unsent(self) -> list[str]:
        """Names of complete local files that are missing at the URL, without those of an epoch in progress."""
        waiting = self._under_way()
        return [name for name in self.remote.unsent() if not _is_part(name, waiting)]

    def _under_way(self) -> set[tuple[int, int]]:
        """(epoch, rank) whose statistics are not sealed yet: their other files are uploaded together with them."""
        streams = [INFLIGHT.fullmatch(entry.name) for entry in entries(self.root / "inflight")]
        waiting = {(int(match[1]), int(match[2])) for match in streams if match}
        for file in super().listed("stats"):
            number, rank = EPOCH.fullmatch(file.parent.name), RANK.fullmatch(file.name)
            if number and rank:
                waiting.discard((int(number[1]), int(rank[1])))
        return waiting

    def _know_the_run(self) -> None:
        """Record the identity of the run. A damaged run.json is ignored here; opening the run raises an error."""
        run = None
        if is_there(self.run_json):
            try:
                run = str(small_json(self.run_json)["uuid"])
            except (OSError, ValueError, TypeError, KeyError):
                return
        self.remote.belongs_to(run)

    def sealed(self) -> dict[int, list[Path]]:
        sources = [self.source(file) for sizes in self.parts().values() for size, files in sizes.items()
                   for file in files.values() if size > 1]  # fmt: skip
        look_ahead([source for source in sources if isinstance(source, RemoteFile)])
        return super().sealed()

    def listed(self, folder: str) -> list[Path]:
        there = {self.root / name for name in self.remote.files if name.startswith(f"{folder}/")}
        return sorted(there | set(super().listed(folder)))

    def here(self, path: Path) -> Path:
        return self.remote.fetch(self._name(path))

    def fetch_all(self) -> None:
        for name in self.remote.files:
            if name != self.journal.name:
                self.remote.fetch(name)

    def source(self, path: Path) -> Path | RemoteFile:
        name = self._name(path)
        if name not in self.remote.files or path.is_file():
            return path
        return RemoteFile(f"{self.url}/{name}", self.remote.files[name], self.remote.plain_options)

    def version(self, path: Path) -> str | None:
        return self.remote.files.get(self._name(path))

    def publish(self, path: Path) -> None:
        name = self._name(path)
        if _is_part(name, self._under_way()):
            return
        done = []
        if name.startswith("stats/") or (name != "run.json" and not self.remote.caught_up):
            done = self.catch_up()
        if name not in done:
            self.remote.put(name)

    def withdraw(self, path: Path) -> None:
        self.remote.remove([self._name(path)])

    def clear_evidence(self) -> None:
        mine = [name for name in self.remote.files if name.partition("/")[0] in RECORDED]
        self.remote.remove(mine)
        self.remote.run = None  # the next files belong to a new run
        super().clear_evidence()

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _take_journal(self) -> None:
        """Fetch the journal from the URL, unless the local one has decisions that were never pushed."""
        name = self.journal.name
        there = self.remote.files.get(name)
        if there is None or (name in self.remote.have and self.remote.have[name][0] == there):
            return
        if not self.journal.exists() or not self._decided_since():
            for file in self.root.glob(f"{name}*"):
                file.unlink()
            self.remote.have.pop(name, None)
            self.remote.fetch(name)

    def _decided_since(self) -> bool:
        """Whether the local journal has decisions that were not pushed."""
        log = self.root / f"{self.journal.name}-wal"
        return self.remote.changed_here(self.journal.name) or (log.is_file() and log.stat().st_size > 0)

    def _holds_theirs(self) -> bool:
        """Whether the local journal has every decision at the URL: pushed from here, but not recorded."""
        columns = ", ".join(Entry._fields)  # in this order in files of every schema version
        everything = f"SELECT {columns} FROM entries ORDER BY seq", "SELECT * FROM batches ORDER BY batch"
        with tempfile.TemporaryDirectory(prefix="journal-") as folder:
            copy = Path(folder) / JOURNAL
            fs, base = self.remote.file_system()
            with self.remote.explained(f"fetching {JOURNAL}"):
                fs.get_file(f"{base}/{JOURNAL}", str(copy))
            with contextlib.closing(JournalFile(copy)) as there, contextlib.closing(JournalFile(self.journal)) as here:
                return all(here.read(sql)[: len(rows)] == rows for sql in everything for rows in [there.read(sql)])

    def push_journal(self) -> bool:
        """Upload the whole journal. Returns False if there is nothing to upload.

        Raises
        ------
        RunError : somebody else has pushed since it was fetched, and their decisions would be lost.
        """
        name = self.journal.name
        if not self.journal.exists() or not self._decided_since():
            return False
        self.remote.look()
        known = self.remote.have.get(name, [None])[0]
        if self.remote.files.get(name, known) != known and not self._holds_theirs():
            raise RunError(
                f"another user pushed decisions to {self.url} since you fetched them. Keep a copy of yours, "
                f"{self.journal}, delete it, open the run again to get theirs, and repeat the missing decisions."
            )
        copy = self.root / ".journal.push.tmp"
        copy.unlink(missing_ok=True)
        try:
            with (
                contextlib.closing(sqlite3.connect(self.journal)) as db,
                contextlib.closing(sqlite3.connect(copy)) as to,
            ):
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                db.backup(to)
            self.remote.put(name, copy)
        finally:
            copy.unlink(missing_ok=True)
        return True


def _is_part(name: str, waiting: set[tuple[int, int]]) -> bool:
    """Whether a file contains logits or embeddings (or their checksum) of one of these epochs and ranks."""
    name = name.removeprefix("checksums/").removesuffix(".sha256")
    match = EPOCH.fullmatch(name.rpartition("/")[2]) if name.startswith(("logits/", "embeddings/")) else None
    return match is not None and (int(match[1]), int(match[2] or 0)) in waiting
