"""Commands for run directories: list, check, repair and migrate them."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from workbench.foundation.errors import InputError, RunError, WorkbenchError
from workbench.recording.ranks import in_use
from workbench.runs.journal import Journal
from workbench.runs.run import Run, open_run
from workbench.shell.commands import Lines, describe
from workbench.shell.inspection import inspect, repair_run
from workbench.shell.migration import migrate as steps
from workbench.shell.terminal import table
from workbench.storage.layout import Layout, NeedsMigration
from workbench.storage.remote import local_path, runs_below

LISTED = ("run", "examples", "classes", "epochs", "state", "accuracy", "changed", "size", "mode")


def ls(args: argparse.Namespace) -> Lines:
    """List the runs below a folder or a URL."""
    local = local_path(args.folder)
    found = runs_below(args.folder) if local is None else _runs_in(local)
    rows = [_listed(place, size) for place, size in found.items()]
    if not rows:
        yield f"No runs below {args.folder}. Make one with `workbench demo` or `workbench import`."
        return
    yield from table(LISTED, rows)


def _runs_in(folder: Path) -> dict[Path, int]:
    """Return the run directories in a folder or at most two levels below it, and their sizes in bytes."""
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder. Pass a folder of runs, or a URL such as s3://bucket/runs.")
    files = sorted({*folder.glob("run.json"), *folder.glob("*/run.json"), *folder.glob("*/*/run.json")})
    runs = [file.parent for file in files]
    runs = [run for run in runs if not any(part.startswith(".") for part in run.relative_to(folder).parts)]
    return {run: sum(file.stat().st_size for file in run.rglob("*") if file.is_file()) for run in runs}


def _listed(path: Path | str, count: int) -> tuple[object, ...]:
    """Return one row of the list. Accuracy: share of labelled examples predicted as given in the last epoch."""
    size = _size(count)
    try:
        run = open_run(path)
        accuracy = _accuracy(run)
        changed = f"{len(run.changes()):,}"
    except WorkbenchError as error:
        return (path, "", "", "", "damaged", "", "", size, str(error))
    return (path, f"{run.n:,}", run.k, len(run.epochs), _state(run), accuracy, changed, size, run.mode)


def _state(run: Run) -> str:
    if in_use(run.path):
        return "under way"
    streams = list(run.layout.unsealed())
    return f"interrupted in epoch {streams[-1]}" if streams else "complete"


def _accuracy(run: Run) -> str:
    if not run.example_epochs:
        return "-"
    stats = run.stats(run.example_epochs[-1], ["correct", "p_given"])
    there = np.isfinite(stats["p_given"])
    return f"{stats['correct'][there].mean():.3f}" if there.any() else "-"


def _size(count: int) -> str:
    """Format a number of bytes with decimal units (powers of 1000)."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"


def check(args: argparse.Namespace) -> Lines:
    """Check every file of a run; the exit status is 1 if there is damage that was not repaired."""
    from tqdm.auto import tqdm

    try:
        run = open_run(args.run)
    except RunError as error:
        yield from _beyond_repair(args.run, error)
        return
    yield describe(run)
    with tqdm(desc="checking", unit=" files", delay=2, leave=False, disable=not sys.stderr.isatty()) as bar:
        findings = list(inspect(run, lambda path: bar.update()))
    bare = [finding for finding in findings if finding.remedy == "note-checksum" and finding.kind == "note"]
    for finding in findings:
        if finding not in bare:
            yield str(finding)
    if bare:
        how = "recorded by an older release, or added by hand"
        yield f"note: {len(bare)} files have no checksum ({how}): they were read, not compared"
    if args.repair:
        yield from repair_run(run, findings)
        try:
            findings = list(inspect(open_run(args.run)))
        except RunError as error:
            yield f"after the repair: {error}"
            yield 1
            return
    counts = Counter(finding.kind for finding in findings)
    damage = counts["damaged"] + counts["missing"]
    if damage:
        aside = any(finding.remedy for finding in findings if finding.is_damage)
        hint = " `--repair` moves damaged files to set-aside/." if aside and not args.repair else ""
        yield f"{damage} {'part is' if damage == 1 else 'parts are'} damaged.{hint}"
        yield 1
    else:
        yield "Every file was read; nothing is damaged."


def _beyond_repair(place: str, error: RunError) -> Lines:
    """Return advice for a run that cannot be opened because one of its two essential files is damaged."""
    local = local_path(place)
    layout = None if local is None else Layout(local)
    if layout is None or isinstance(error, NeedsMigration):
        raise error
    if not layout.run_json.exists() and not layout.examples.exists():
        raise error
    yield f"damaged: {error}"
    yield "run.json and examples.parquet cannot be restored from the other files, so --repair changes nothing."
    yield "Restore the file from a copy of the run. Without a copy:"
    yield "  1. record or import the same examples again, with the same ids, to another path;"
    decisions = "  2. "
    if layout.journal.exists():
        try:
            count = len(Journal(layout.journal).state())
            decisions += f"the decisions are intact ({count:,} examples): copy {layout.journal.name} into the new run;"
        except WorkbenchError as broken:
            decisions += f"the journal cannot be read either ({broken});"
    else:
        decisions += "no decisions were made in this run;"
    yield decisions
    yield "  3. probabilities and embeddings (.npy) can be read with numpy and stored in the new run."
    yield 1


def migrate(args: argparse.Namespace) -> Lines:
    """Migrate a run of an older schema version to the current one."""
    done = list(steps(args.run))
    yield from done
    if not done:
        yield f"{args.run} has the current schema version; there is nothing to do."
