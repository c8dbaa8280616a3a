"""Migrate a run of an older schema version to the current one, step by step; replaced files are kept.

Each step is atomic: its files are written to `migrating/`, a plan is flushed to disk, and only then are the old files
moved to `before-schema=N/` and the new ones into place. A plan found later is resumed where it stopped. Steps do not
touch the journal, which has its own schema: `migrate` upgrades it at the end, as would the next decision, and likewise
votes of release 0.1.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from workbench.foundation.errors import InputError, RunError
from workbench.recording.ranks import Lock, in_use
from workbench.runs.run import open_run
from workbench.runs.votes import COLUMNS, is_older, vote_table, write_votes
from workbench.storage.checksums import forget, note
from workbench.storage.journalfile import JournalFile
from workbench.storage.layout import SCHEMA_VERSION, Layout, atomic, described_by, write_json
from workbench.storage.limits import small_json
from workbench.storage.remote import local_path

STAGING, PLAN_FILE = "migrating", "migration.json"


@dataclass(frozen=True)
class Change:
    """Result of a step: the new description (its `schema_version` is set automatically), and the removed files.

    Files that the step wrote below its folder replace those with the same relative path.
    """

    described: dict[str, Any]
    removed: tuple[str, ...] = field(default=())


Step = Callable[[Layout, Path, dict[str, Any]], Change]
"""Function of (the run, which is only read; an empty folder for new files; run.json) that returns the changes."""

MIGRATIONS: Mapping[int, Step] = {}
"""Version -> the step from it to the next. Version 1 is the first published version, so there are none yet."""


def migrate(path: str | Path, steps: Mapping[int, Step] = MIGRATIONS, newest: int = SCHEMA_VERSION) -> Iterator[str]:
    """Migrate the run at `path` to schema version `newest`; yields a line for each finished step.

    Parameters
    ----------
    path : the run directory, into which no process may be recording.
    steps : version -> step; a table for tests.

    Raises
    ------
    RunError : not a run, damaged, of a newer version, in use, or of a version without a migration step.
    """
    local = local_path(path)
    if local is None:
        raise InputError(f"{path} is not on this machine. Copy the run here, migrate it, and copy it back.")
    layout = Layout(local)
    version = described_by(layout, newest)["schema_version"]
    if in_use(layout.root):
        raise RunError(f"{layout.root} is being recorded. Wait until it ends, or stop it, then migrate.")
    lock = Lock(layout.root, 0)
    lock.take()
    try:
        if (layout.root / PLAN_FILE).is_file():
            yield _carry_out(layout, _read_plan(layout))
            version = described_by(layout, newest)["schema_version"]
        while version < newest:
            if version not in steps:
                known = ", ".join(map(str, sorted(steps))) or "none"
                raise RunError(
                    f"{layout.root} has schema version {version}, from which no step is known (steps from: {known}). "
                    "Open it with the release that recorded it, and export from there."
                )
            yield _carry_out(layout, _prepare(layout, steps[version], version))
            version += 1
    finally:
        lock.release()
    yield from _upgrade_journal(layout)
    if newest == SCHEMA_VERSION:
        yield from _upgrade_votes(layout)


def _upgrade_journal(layout: Layout) -> Iterator[str]:
    """Upgrade the journal as its next decision would; a damaged journal is left to `workbench check`."""
    with contextlib.closing(JournalFile(layout.journal)) as file:
        try:
            kept = file.upgrade()
        except RunError as error:
            yield f"{layout.journal.name} was left as it is: {error}"
            return
        if kept is not None:
            yield f"{layout.journal.name}: schema version {file.version}; the previous version is {kept}"


def _upgrade_votes(layout: Layout) -> Iterator[str]:
    """Add the current columns to votes of release 0.1, after saving a copy of them."""
    run = open_run(layout.root)
    if is_older(run):
        table = vote_table(run)
        kept = layout.root / "before-schema=1" / layout.votes.name
        if not kept.exists():
            with atomic(kept) as temporary:
                shutil.copyfile(layout.votes, temporary)
        write_votes(run, table)
        yield f"{layout.votes.name}: the columns {', '.join(COLUMNS)}; the previous version is {kept}"


def _prepare(layout: Layout, step: Step, version: int) -> dict[str, Any]:
    """Let the step write its files, then save the plan. Until then nothing has changed; afterwards the step
    completes."""
    staging = layout.root / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    change = step(layout, staging, dict(described_by(layout, version)))
    write_json(staging / "run.json", change.described | {"schema_version": version + 1})
    files = sorted(file.relative_to(staging).as_posix() for file in staging.rglob("*") if file.is_file())
    for name in (*files, *change.removed):
        if PurePosixPath(name).parts[0].startswith("journal.sqlite"):
            raise RunError(f"the step from version {version} names {name}: a migration must not change the journal.")
    files.sort(key=lambda name: name == "run.json")  # last: it marks the step as done
    for name in files:
        _flush(staging / name)
    plan = {"from": version, "files": files, "removed": sorted(change.removed)}
    write_json(layout.root / PLAN_FILE, plan)
    return plan


def _carry_out(layout: Layout, plan: dict[str, Any]) -> str:
    """Move old files to the backup and new ones into place, run.json last. Completed moves are skipped."""
    version = plan["from"]
    kept = layout.root / f"before-schema={version}"
    for name in (*plan["removed"], *plan["files"]):
        old, backup, new = layout.root / name, kept / name, layout.root / STAGING / name
        waiting = name in plan["removed"] or new.is_file()
        if waiting and old.is_file() and not backup.exists():
            backup.parent.mkdir(parents=True, exist_ok=True)
            if name == "run.json":
                with atomic(backup) as temporary:  # a copy, so that the directory is a valid run at any moment
                    shutil.copyfile(old, temporary)
            else:
                forget(layout, old)
                os.replace(old, backup)
        if new.is_file():
            old.parent.mkdir(parents=True, exist_ok=True)
            os.replace(new, old)
            note(layout, old)
    shutil.rmtree(layout.root / STAGING, ignore_errors=True)
    (layout.root / PLAN_FILE).unlink()
    return f"schema version {version} -> {version + 1}; the replaced files are in {kept}"


def _read_plan(layout: Layout) -> dict[str, Any]:
    """Return the plan of an interrupted migration, validated because a run can come from an untrusted source."""
    path = layout.root / PLAN_FILE
    try:
        plan = small_json(path)
        names = [*plan["files"], *plan["removed"]]
        safe = all(isinstance(name, str) and _inside(name) for name in names)
        if not safe or type(plan["from"]) is not int:
            raise ValueError("it names files outside the run, or has no version")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged ({error}). Restore the run from a copy.") from error
    return plan


def _inside(name: str) -> bool:
    """Whether a name in a plan is a path below the run other than the journal."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return bool(parts) and not parts[0].startswith(("/", "journal.sqlite")) and ".." not in parts and ":" not in name


def _flush(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
