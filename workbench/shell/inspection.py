"""Check every file of a run directory: what is damaged, left over, unfinished or unknown, and what can be repaired.

This module knows which files belong where. A repair never deletes: it moves files to `set-aside/`, where the user can
inspect them. Damage that no checksum shows is found by reading the files.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.foundation.errors import RunError, WorkbenchError, first_few
from workbench.issues.audit_plan import read_plan
from workbench.recording.ranks import in_use
from workbench.runs.per_epoch import OF_TOKEN_MODELS
from workbench.runs.saved_evidence import saved_evidence
from workbench.runs.votes import is_older, vote_table
from workbench.storage import seals
from workbench.storage.checksums import forget, note, noted, sha256
from workbench.storage.described import DescriptionError, about, load_array, said_beside
from workbench.storage.epoch_statistics import STATISTICS, epoch_rows, read_rows
from workbench.storage.evidence_tables import evidence_files
from workbench.storage.examples import GROUP_ROWS
from workbench.storage.files import entries, files_below
from workbench.storage.journalfile import begun_marker
from workbench.storage.journalschema import JOURNAL_VERSION
from workbench.storage.layout import Layout
from workbench.storage.limits import small_json
from workbench.storage.names import FOLDERS, KNOWN
from workbench.storage.planted import as_stored, read_copy
from workbench.storage.probabilities import UNDESCRIBED
from workbench.storage.tag_epochs import tag_rows
from workbench.storage.token_epochs import problem_of_tokens

if TYPE_CHECKING:
    from workbench.runs.run import Run

FINDING_KINDS = {
    "damaged": "cannot be used: reading it fails, or it differs from what was written",
    "missing": "was complete and has been removed",
    "leftover": "left by a killed process, and not used",
    "unfinished": "an epoch in progress, or interrupted",
    "unknown": "not a file of a run",
    "note": "for information; nothing is wrong",
}
"""Kinds of findings. The first two are damage."""

_OLDER = "it can be read; `workbench migrate` upgrades it"

_TEMPORARY = re.compile(r"\..*\.tmp$")


@dataclass(frozen=True)
class Finding:
    """A finding about a file of a run.

    Attributes
    ----------
    kind : one of `FINDING_KINDS`.
    path : the file, relative to the run; "" for the run as a whole.
    words : description of the problem and its solution.
    remedy : "set-aside" (moved to set-aside/), "note-checksum", "forget-checksum", or "" when a repair leaves it alone.
    """

    kind: str
    path: str
    words: str
    remedy: str = ""

    @property
    def is_damage(self) -> bool:
        """Whether recorded data is lost or cannot be used."""
        return self.kind in ("damaged", "missing")

    def __str__(self) -> str:
        return f"{self.kind}: {self.path}: {self.words}" if self.path else f"{self.kind}: {self.words}"


def inspect(run: Run, counted: Callable[[Path], object] = lambda path: None) -> Iterator[Finding]:
    """Find all problems of a run, in the order of its folders.

    Parameters
    ----------
    run : an opened run: its run.json and examples can be read.
    counted : called with each file that was read or compared.

    Yields
    ------
    Finding
    """
    layout = run.layout
    layout.fetch_all()
    checksums = noted(layout)
    broken: set[Path] = set()
    bare: list[Path] = []
    for path in _evidence(layout):
        counted(path)
        words = _no_file(path) or _compared(path, checksums.get(path)) or _unreadable(run, path)
        if words:
            broken.add(path)
            vital = path in (layout.run_json, layout.examples)
            yield Finding("damaged", _name(layout, path), words, "" if vital else "set-aside")
        elif checksums.get(path) is None:
            bare.append(path)
    for path in checksums:
        if path not in broken and _no_file(path) and path.exists():
            yield Finding("damaged", _name(layout, path), _no_file(path))
        if not path.exists():
            words = "it has a checksum, but the file is gone. Restore it from a copy"
            yield Finding("missing", _name(layout, path), words, "forget-checksum")
    yield from _descriptions(layout, broken)
    yield from _planted(run, broken)
    yield from _journal(run)
    if layout.votes not in broken and is_older(run):
        yield Finding("note", layout.votes.name, f"has the columns of release 0.1: {_OLDER}")
    yield from _cache(layout, counted)
    yield from _epochs(run, broken)
    yield from _strays(layout)
    for path in bare:
        words = "has no checksum (recorded by an older release, or added by hand): read, not compared"
        yield Finding("note", _name(layout, path), words, "note-checksum")


def repair_run(run: Run, findings: list[Finding]) -> Iterator[str]:
    """Carry out the remedies; yields a line for each file that was moved or noted.

    Raises
    ------
    RunError : another process is recording into the run.
    """
    layout = run.layout
    if in_use(layout.root):
        raise RunError(f"{layout.root} is being recorded. Wait until it ends, or stop it, then repair.")
    stamp = datetime.datetime.now().strftime("%Y-%m-%dT%H%M%S")
    for finding in findings:
        path = layout.root / finding.path
        if finding.remedy == "set-aside" and path.is_file():
            aside = layout.root / "set-aside" / stamp / finding.path
            aside.parent.mkdir(parents=True, exist_ok=True)
            forget(layout, path)
            os.replace(path, aside)
            yield f"moved: {finding.path} -> {aside.relative_to(layout.root)}"
        elif finding.remedy == "note-checksum" and path.is_file():
            note(layout, path)
            yield f"checksum noted: {finding.path}"
        elif finding.remedy == "forget-checksum" and not path.exists():
            forget(layout, path)
            begun_marker(path).unlink(missing_ok=True)
            yield f"checksum forgotten: {finding.path} is gone"


def _evidence(layout: Layout) -> list[Path]:
    """Return the files with recorded data that are to be read."""
    fixed = [
        layout.run_json,
        layout.examples,
        layout.planted,
        layout.edges,
        layout.votes,
        layout.views,
        *layout.audits.values(),
    ]
    fixed += [layout.pred_probs, layout.pred_probs.with_suffix(".json")]
    found = [path for path in fixed if path.exists()]
    found += [file for files in layout.sealed().values() for file in files]
    for kind in ("logits", "embeddings"):
        files = [file for parts in layout.arrays(kind).values() for _, file in parts]
        found += files + [file.with_suffix(".json") for file in files if file.with_suffix(".json").exists()]
    return [*found, *evidence_files(layout).values(), *layout.checkpoints().values()]


def _no_file(path: Path) -> str:
    """Describe what is in the place of a file; empty if it is a regular file or missing."""
    if path.is_file():
        return ""
    if path.is_dir():
        return "is a folder, not a file"
    return "is not a regular file" if path.exists() else "is a broken link" if path.is_symlink() else ""


def _compared(path: Path, checksum: str | None) -> str:
    """Return the problem with the bytes of a file; empty if they are intact or no checksum is known."""
    if checksum is None:
        return ""
    found = sha256(path)
    return "" if found == checksum else f"SHA-256 is {found[:12]}…, expected {checksum[:12]}…: the file was changed"


def _unreadable(run: Run, path: Path) -> str:
    """Return the problem with the contents of a file; empty if there is none."""
    layout = run.layout
    try:
        if path.parent.parent.name == "stats":
            return _of_statistics(run, path)
        if path.parent.name == "embeddings" and path.suffix == ".json":
            run.embedding_provenance(int(path.stem.removeprefix("epoch=")))
        elif path.parent.name in ("logits", "embeddings"):
            width = run.k if path.parent.name == "logits" else None
            return _of_array(path, run.n, width)
        if path.parent.name == "evidence":
            saved_evidence(run, path.stem)
        if path.suffix == ".safetensors":
            return _of_checkpoint(path)
        if path.stem == layout.pred_probs.stem:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if run.pred_probs() is None and path.suffix == ".npy":
                    return UNDESCRIBED
        elif path == layout.examples and run.dataset.images is not None:
            for row in range(0, run.n, GROUP_ROWS):  # each access reads its row group
                run.dataset.images[row]
        elif path == layout.votes:
            vote_table(run)
        elif path == layout.edges:
            if run.dataset.edges is None:
                raise ValueError("it contains no edges")
        elif path in layout.audits.values():
            return _ids_unknown(run, read_plan(run, path)["id"].tolist())
        elif path == layout.views:
            dict(small_json(path))["views"].items()
        elif path == layout.planted:
            planted = read_copy(layout)
            if planted is None or not _same_record(planted, run.dataset.planted):
                return ""  # a copy that is not used: see `_descriptions`
            rows, known = run.dataset.find(pd.Index(planted["id"]))
            given = run.dataset.names_of(run.dataset.given_labels[rows])
            other = planted[known][given != planted["planted_label"].to_numpy(object)[known]]
            words = f"lists planted labels that the examples do not have: {first_few(other['id'].tolist())}"
            return _ids_unknown(run, planted["id"].tolist()) or (words if len(other) else "")
    except (WorkbenchError, OSError, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        of_json = isinstance(error, DescriptionError)
        of_the_other = path.stem == layout.pred_probs.stem and of_json != (path.suffix == ".json")
        return "" if of_the_other else f"cannot be read ({error})"
    return ""


def _same_record(copy: pd.DataFrame, planted: pd.DataFrame | None) -> bool:
    """Whether a copy equals the record of planted errors."""
    return planted is not None and copy.equals(as_stored(planted).astype(copy.dtypes.to_dict()))


def _of_statistics(run: Run, path: Path) -> str:
    rows = read_rows(path, ["row"], -(1 << 62), 1 << 62).column("row").to_numpy()
    outside = rows[(rows < 0) | (rows >= run.n)]
    if outside.size:
        return f"holds row {outside[0]}, beyond the {run.n:,} examples of the run"
    if run.task in OF_TOKEN_MODELS:
        return problem_of_tokens(path, run.n)
    if not run.dataset.kind.one_class:
        return _of_cells(run, path)
    if len(np.unique(rows)) < len(rows):
        return f"holds {len(rows):,} rows, {len(rows) - len(np.unique(rows)):,} of them twice"
    columns = epoch_rows([path], STATISTICS, 0, run.n)
    p, top = columns["p_given"], columns["topk_class"]
    outside = np.flatnonzero((p < 0) | (p > 1.0001))
    if outside.size:
        return f"p_given of row {outside[0]} is {p[outside[0]]}, outside [0, 1]"
    wrong = np.flatnonzero((columns["pred"] >= run.k) | (columns["pred"] < -1) | (top >= run.k).any(axis=1))
    return f"row {wrong[0]} names a class beyond the {run.k} of the run" if wrong.size else ""


def _of_cells(run: Run, path: Path) -> str:
    """Find problems in the cells of an epoch of tags or candidate sets."""
    cells = tag_rows([path], run.k, 0, run.n)
    if not np.isfinite(cells.logits).all():
        place = int(np.flatnonzero(~np.isfinite(cells.logits))[0])
        what = "tag" if run.task == "multilabel" else "class"
        return f"the logit of row {cells.rows[place]}, {what} {cells.tags[place]} is {cells.logits[place]}"
    twice = np.flatnonzero(np.diff(np.sort(cells.rows * run.k + cells.tags)) == 0)
    return f"holds {len(cells.rows):,} cells, {len(twice):,} of them twice" if twice.size else ""


def _of_array(path: Path, n: int, width: int | None) -> str:
    array = load_array(path, n)
    if width is not None and array.shape[1] != width:
        return f"has {array.shape[1]} columns for {width} classes"
    step = max(1, (1 << 24) // max(array.shape[1], 1))
    for start in range(0, n, step):
        infinite = np.flatnonzero(np.isinf(array[start : start + step]).any(axis=1))
        if infinite.size:
            return f"row {start + infinite[0]} holds infinity"
    return ""


def _of_checkpoint(path: Path) -> str:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            for _ in file.keys():  # noqa: SIM118 (it is no mapping)
                break
    except SafetensorError as error:
        return f"cannot be read ({error})"
    return ""


def _ids_unknown(run: Run, ids: list[Any]) -> str:
    strange = [one for one, row in zip(ids, run.dataset.index.get_indexer(ids)) if row < 0]
    return f"names ids that the run does not have: {first_few(strange)}" if strange else ""


def _journal(run: Run) -> Iterator[Finding]:
    path = run.layout.journal
    name, begun = path.name, begun_marker(path).is_file()
    if path.is_dir():
        yield Finding("damaged", name, "is a folder, not a file: no decisions can be read")
        return
    if not path.exists():
        if begun:
            words = "decisions were saved, but their file is gone. Restore it from a copy"
            yield Finding("missing", name, words, "forget-checksum")
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # reported below
            problems = run.journal.integrity()
            state = run.journal.state()
            strange = run.journal.inconsistencies()
    except WorkbenchError as error:
        yield Finding("damaged", name, f"{error}")
        return
    if problems:
        yield Finding("damaged", name, f"SQLite reports: {first_few(problems)}. Restore it from a copy")
    for words in strange:
        yield Finding("damaged", name, f"{words}. Ask the person who sent it, or restore it from a copy")
    if run.journal.schema not in (None, JOURNAL_VERSION):
        words = f"has schema version {run.journal.schema}, of an older release: {_OLDER}, or its next decision"
        yield Finding("note", name, words)
    if begun and not run.journal.last_seq:
        words = "contains no decisions although some were saved. Was it copied without journal.sqlite-wal? Copy both"
        yield Finding("damaged", name, words)
    strange = _ids_unknown(run, state.index.tolist())
    if strange:
        yield Finding("note", name, f"{strange}. These decisions are kept but not used")
    decided = run.journal.decided()
    one_class = run.dataset.kind.one_class
    strange = decided[(decided["unit"] != "") == one_class]
    if len(strange):
        what = "units of examples" if one_class else "whole examples"
        words = f"{len(strange):,} decisions are about {what}, which this kind of label does not have"
        yield Finding("note", name, f"{words}; they are kept but not used")
    labels = [one for one in state["label"].dropna().unique() if one_class and one not in run.label_space]
    if labels:
        yield Finding("damaged", name, f"labels outside the classes of the run: {first_few(labels)}")


def _descriptions(layout: Layout, broken: set[Path]) -> Iterator[Finding]:
    """Find outdated copies of descriptions, which exist for people and older releases."""
    arrays = [layout.pred_probs, *(file for parts in layout.arrays("embeddings").values() for _, file in parts)]
    for path in arrays:
        beside = path.with_suffix(".json")
        if not path.is_file() or not beside.is_file() or broken & {path, beside}:
            continue
        try:
            inside, copy = about(layout, path), said_beside(path)
        except RunError:
            continue  # found when the two were read
        if inside is not None and copy is not None and {name: copy.get(name) for name in inside} != inside:
            words = f"differs from the description in {path.name}, which is used; save it again to update the copy"
            yield Finding("note", _name(layout, beside), words)


def _planted(run: Run, broken: set[Path]) -> Iterator[Finding]:
    """Find an outdated copy of the record of planted errors."""
    path = run.layout.planted
    if path.is_file() and path not in broken and not _same_record(read_copy(run.layout), run.dataset.planted):
        words = "differs from the record in examples.parquet, which is used; record again to update the copy"
        yield Finding("note", path.name, words)


def _cache(layout: Layout, counted: Callable[[Path], object]) -> Iterator[Finding]:
    """Find cached results that were changed or computed by another user; neither are used."""
    for path in sorted(layout.cache.rglob("*")):
        if not path.is_file() or path.suffix not in (".npy", ".npz") or path.parent.name.startswith("part-"):
            continue
        counted(path)
        try:
            state = seals.state_of(path, path.name)
        except OSError as error:
            yield Finding("damaged", _name(layout, path), f"cannot be read ({error})")
            continue
        if state == seals.SEAL_CHANGED:
            words = "was changed after it was computed; it is not used and will be computed again"
            yield Finding("damaged", _name(layout, path), words, "set-aside")
        elif state != seals.MINE:
            words = "was computed by another user or another release; it is not used and will be computed again"
            yield Finding("note", _name(layout, path), words)


def _epochs(run: Run, broken: set[Path]) -> Iterator[Finding]:
    """Find missing ranks, missing epochs, rows that were not recorded, and epochs in progress."""
    layout, sealed = run.layout, run.layout.sealed()
    for epoch, files in sealed.items():
        if broken.intersection(files):
            continue
        rows = int(epoch_rows(files, ("_seen",), 0, run.n)["_seen"].sum())
        if rows < run.n:
            yield Finding("note", f"stats/epoch={epoch:04d}", f"{rows:,} of {run.n:,} examples were recorded")
    for epoch, sizes in layout.parts().items():
        if epoch not in sealed:
            yield Finding("unfinished", f"stats/epoch={epoch:04d}", _why_unsealed(sizes))
    if sealed and (words := _gaps(list(sealed))):
        yield Finding("note", "", f"epochs {words} were not recorded, but later ones were")
    for name in layout.unsent():
        words = "is missing at the run's URL: an upload failed. It is uploaded when the run is next written to"
        yield Finding("unfinished", name, words)
    for epoch, frame in run.unsealed().items():
        words = f"{frame['row'].nunique():,} of {run.n:,} examples were recorded before it ended"
        words += "; record the epoch again"
        yield Finding("unfinished", f"inflight/epoch={epoch:04d}", words)


def _why_unsealed(sizes: dict[int, dict[int, Path]]) -> str:
    """Explain why the statistics of some ranks do not form an epoch, and what to do."""
    names = ", ".join(file.name for ranks in sizes.values() for file in ranks.values())
    if any(set(ranks) == set(range(size)) for size, ranks in sizes.items()):
        return f"its ranks are from different attempts (present: {names}). Record it again with all of them"
    return f"some ranks have not finished it (present: {names}). Record it again to the end"


def _gaps(sealed: list[int], most: int = 5) -> str:
    """Return the first few missing epochs before the last one, and the number of others."""
    missing = sealed[-1] + 1 - len(sealed)
    first: list[int] = []
    for before, epoch in zip([-1, *sealed], sealed):
        first += range(before + 1, min(epoch, before + 1 + most - len(first)))
    if not missing:
        return ""
    return ", ".join(map(str, first)) + (f" and {missing - len(first):,} more" if missing > len(first) else "")


def _strays(layout: Layout) -> Iterator[Finding]:
    """Find partially written files, streams of finished epochs, arrays without an epoch, and unknown files."""
    busy, sealed = in_use(layout.root), layout.sealed()
    read = {file for kind in ("logits", "embeddings") for parts in layout.arrays(kind).values() for _, file in parts}
    read |= {file for files in sealed.values() for file in files}
    unread = {file for epoch, sizes in layout.parts().items() if epoch in sealed
              for ranks in sizes.values() for file in ranks.values()} - read  # fmt: skip
    unsealed = {file for files in layout.unsealed().values() for file in files}
    for path in _all_files(layout):
        name = _name(layout, path)
        top = name.split("/")[0]
        if top == "set-aside" or (top.startswith("before-schema=") and not _TEMPORARY.match(path.name)):
            continue
        if _TEMPORARY.match(path.name):
            if not busy:
                yield Finding("leftover", name, "partially written by a process that was killed", "set-aside")
        elif top in ("migrating", "migration.json"):
            yield Finding("unfinished", name, "a migration was interrupted. Run `workbench migrate`")
        elif not KNOWN.fullmatch(name):
            yield Finding("unknown", name, "not a file of a run; it is not read, and a repair leaves it")
        elif top == "inflight" and path.with_suffix(".arrows") not in unsealed and not busy:
            yield Finding("leftover", name, "the stream of an epoch that was finished", "set-aside")
        elif path in unread and not busy:
            words = "from an interrupted attempt; the epoch was recorded again"
            yield Finding("leftover", name, words, "set-aside")
        elif top in ("logits", "embeddings") and path not in read and path.with_suffix(".npy") not in read and not busy:
            epoch = re.search(r"epoch=(\d+)", name)
            whole = epoch is not None and int(epoch[1]) in sealed
            there = "its other ranks are missing" if whole else "its epoch is not finished"
            yield Finding("leftover", name, f"{there}: it is not read", "set-aside")


def _all_files(layout: Layout) -> Iterator[Path]:
    """Return all files; in folders that do not belong to the run, only readable ones."""
    for entry in entries(layout.root):
        if entry.is_file():
            yield Path(entry.path)
        elif entry.is_dir(follow_symlinks=False):
            with contextlib.suppress(*() if entry.name in FOLDERS else (RunError,)):
                yield from files_below(Path(entry.path))


def _name(layout: Layout, path: Path) -> str:
    return path.relative_to(layout.root).as_posix()
