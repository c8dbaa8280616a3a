"""The commands: functions from parsed arguments to lines of text; an int among the lines is the exit status."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.evidence.projection import project as laid_out
from workbench.foundation.errors import FdrNotPossible, InputError, MissingEvidence
from workbench.issues.detector import find_issues
from workbench.recording.imports import import_run
from workbench.reports.report import report as write_report
from workbench.review.box_coco import read_detections
from workbench.review.export import export as write_export
from workbench.review.label_folders import files_of_ids
from workbench.runs.run import Run, open_run
from workbench.runs.saved_evidence import saved_names
from workbench.scores import SCORES
from workbench.scores import score as score_run
from workbench.shell.demo import findings, record_demo, reset_demo
from workbench.shell.terminal import table
from workbench.storage.limits import parse_json
from workbench.storage.tables import PAGE_SUFFIXES, check_target, read_table, write_table
from workbench.tasks.box_frames import IMAGE_COLUMNS
from workbench.tasks.raster_files import RASTER_READERS

Lines = Iterator[str | int]
UNIT_NAMES = ("tag", "target", "text")
ISSUE_COLUMNS = ("id", "given_label", "suggested_label", "p_error", "reasons")


def demo(args: argparse.Namespace) -> Lines:
    """Record the demo run and summarize the findings."""
    if args.reset:
        count = reset_demo(args.run)
        yield f"{args.run}: the decisions on {count:,} examples were undone; the journal keeps the history."
        return
    run = record_demo(args.run, data=args.data, small=args.small, overwrite=args.force, progress=not args.quiet)
    yield from findings(run)
    yield ""
    yield f'Look at it in JupyterLab:  import widgets as wd, workbench as wb; wd.Explorer(wb.open_run("{args.run}"))'


def import_(args: argparse.Namespace) -> Lines:
    """Create a run from data in another format."""
    given = {
        "label": args.label.split(",") if args.task == "numbers" and args.label else args.label,
        "task": args.task,
        "id": args.id,
        "out_of_fold": args.out_of_fold,
        "embedding": args.embedding,
        "embeddings": args.embed,
        "image": args.image,
        "images": args.images,
        "audio": args.audio,
        "text": args.text,
        "edges": args.edges,
        "classes": None if args.classes is None else args.classes.split(","),
        "probs": args.probs.split(",") if args.probs and "," in args.probs else args.probs,
        "logits": args.logits or None,
    }
    options = {name: value for name, value in given.items() if value is not None}
    files = dict(map(_evidence_file, args.evidence or ()))
    later = {name: file for name, file in files.items() if Path(file).suffix.lower() == ".json" or Path(file).is_dir()}
    tables = {name: read_table(file, text=ID_COLUMNS) for name, file in files.items() if name not in later}
    options |= {"evidence": tables} if tables else {}
    options |= dict(map(_format_option, args.option))
    progress = not args.quiet and sys.stderr.isatty()
    run = import_run(args.source, args.run, format=args.format, overwrite=args.force, progress=progress, **options)
    for name, file in later.items():  # files of a folder are named like ids, detections of COCO name images
        try:
            run.save_evidence(name, _evidence_of(name, file, run), source=file)
        except InputError as error:
            raise InputError(f"{error} The run was imported without --evidence {name}.") from error
    yield describe(run)


def score(args: argparse.Namespace) -> Lines:
    """Print scores as a table, or a summary of them."""
    out = _free(args)
    run = open_run(args.run)
    names = None if args.scores is None else args.scores.split(",")
    scores = score_run(run, names)
    if scores.shape[1] == 0:
        how = "Record a training, or import logits, probabilities or embeddings."
        raise MissingEvidence(f"{run.layout.url or run.path} contains only labels, so there is nothing to score. {how}")
    if out is not None:
        write_table(scores.rename_axis("id").reset_index(), out, force=args.force)
        yield f"{len(scores):,} examples, {scores.shape[1]} scores{_origin(run)} -> {out}"
        return
    rows = []
    for name in scores.columns:
        values = pd.to_numeric(scores[name], errors="coerce").to_numpy(float)
        values = values[np.isfinite(values)]
        spread = [f"{np.quantile(values, q):.4g}" for q in (0.05, 0.5, 0.95)] if len(values) else ["", "", ""]
        rows.append((name, f"{SCORES[name].suspicious} = suspicious" if name in SCORES else "", *spread))
    yield describe(run)
    yield from table(("score", "direction", "5 %", "median", "95 %"), rows)
    yield "Write them with --out scores.parquet."


def issues(args: argparse.Namespace) -> Lines:
    """Print label issues, most suspicious first."""
    out = _free(args)
    if args.fdr is not None and not 0 < args.fdr < 1:
        raise InputError.at("--fdr", f"is {args.fdr}", "Give a share between 0 and 1, such as 0.2.")
    run = open_run(args.run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FdrNotPossible)  # printed below
        found = find_issues(run, fdr=args.fdr, per="unit" if several_units(run) else "example")
    marked = int(found["is_issue"].sum())
    summary = _basis_of(found.attrs)
    listed = found if args.all else found[found["is_issue"].to_numpy(bool)]
    columns = issue_columns(found)
    listed = listed.reset_index()[columns]
    some = f"{marked:,} of {run.n:,} labels look wrong"
    if several_units(run):
        some = f"{marked:,} of {found.attrs['judged']:,} units (each is {run.dataset.kind.one_unit}) look wrong"
    if out is not None:
        write_table(listed, out, force=args.force)
        yield f"{some} ({summary}); {len(listed):,} rows -> {out}"
        return
    yield f"{some} ({summary})."
    named = any(name in columns for name in UNIT_NAMES)  # says more than a key
    shown = listed.head(max(args.top, 0)).drop(columns=["unit"] if named and "unit" in columns else [])
    yield from table(tuple(shown), shown.assign(p_error=shown["p_error"].map("{:.3f}".format)).to_numpy())
    if len(listed) > len(shown):
        yield f"... and {len(listed) - len(shown):,} more; write them with --out issues.csv."


def several_units(run: Run) -> bool:
    """Whether an example can have several labels, which are then listed one by one."""
    return run.dataset.units.keys is not None


def issue_columns(found: pd.DataFrame) -> list[str]:
    """Return the columns of a table of issues: those of units start with their key and their name."""
    first, *rest = ISSUE_COLUMNS
    name = next((one for one in UNIT_NAMES if one in found), None)
    units = ["unit"] if found.index.nlevels > 1 else []
    return [first, *units, *([name] if name else []), *(["kind"] if "kind" in found else []), *rest]


def _basis_of(attrs: Mapping[str, Any]) -> str:
    """Describe the estimated number of errors with its uncertainty and the evidence used."""
    parts = [str(attrs.get("threshold", "")), str(attrs.get("errors_in_words", ""))]
    parts.append(f"evidence: {attrs.get('evidence') or 'none'}")
    if attrs.get("pred_probs"):
        parts.append(f"probabilities {attrs['pred_probs']}")
    if attrs.get("verdicts"):
        parts.append(f"{attrs['verdicts']:,} verdicts of people")
    return "; ".join(part for part in parts if part)


def _origin(run: Run) -> str:
    """State whether scores from probabilities are in-sample or out-of-fold, and the mode of the recorded dynamics."""
    probs = run.pred_probs()
    parts = [] if probs is None else [f"probabilities {probs.kind}"]
    if run.epochs:
        parts.append(f"dynamics of mode {run.mode}")
    return f" ({', '.join(parts)})" if parts else ""


def log(args: argparse.Namespace) -> Lines:
    """Print the journal, oldest entry first."""
    out = _free(args)
    run = open_run(args.run)
    entries = run.journal.log()
    if args.id is not None:
        entries = entries[[str(id) == args.id for id in entries["id"]]]
    if out is not None:
        write_table(entries, out, force=args.force)
        yield f"{len(entries):,} entries -> {out}"
        return
    if not len(entries):
        yield "No decisions yet."
        return
    rows = []
    for entry in entries.itertuples():
        old, new = ("-" if value is None else value for value in (entry.old, entry.new))
        note = entry.source if entry.reverts is None else f"{entry.source} of {entry.reverts}"
        about = (entry.id, entry.unit) if "unit" in entries else (entry.id,)
        rows.append((entry.seq, entry.time, entry.author, *about, entry.field, f"{old} -> {new}", note, entry.reason))
    about = ("id", "unit") if "unit" in entries else ("id",)
    yield from table(("seq", "time", "author", *about, "field", "change", "source", "reason"), rows)


def export(args: argparse.Namespace) -> Lines:
    """Write the corrected labels to a file."""
    run = open_run(args.run)
    file = write_export(
        run,
        args.file,
        format=args.format,
        force=args.force,
        drop=args.drop,
        only_changed=args.only_changed,
        cleaned=args.cleaned,
        images=args.images,
        sounds=args.sounds,
        issues=args.issues or None,
        **dict(map(_format_option, args.option)),
    )
    yield f"{_changed(run)} -> {file}"
    lost = () if args.format is None else run.dataset.kind.formats[args.format].loses
    if lost:
        yield f"What {args.format} does not hold: {'; '.join(lost)}."


def _changed(run: Run) -> str:
    """State how many labels differ from the given ones; where examples have several, also in how many examples."""
    changes = run.changes()
    if changes.index.nlevels == 1:
        return f"{len(changes):,} of {run.n:,} labels changed"
    examples = changes.index.get_level_values(0).nunique()
    return f"{len(changes):,} labels changed, in {examples:,} of {run.n:,} examples"


def report(args: argparse.Namespace) -> Lines:
    """Write a report about the run as one HTML page."""
    check_target(args.file, args.force, PAGE_SUFFIXES)
    yield f"report -> {write_report(open_run(args.run), args.file, force=args.force)}"


def project(args: argparse.Namespace) -> Lines:
    """Compute the 2-D map of the embeddings and cache it in the run."""
    out = _free(args)
    run = open_run(args.run)
    points = laid_out(run, epoch=args.epoch, method=args.method, seed=args.seed)
    if out is None:
        yield f"{len(points):,} points, cached in {run.layout.cache}; write them with --out map.csv."
        return
    write_table(pd.DataFrame({"id": run.dataset.ids, "x": points[:, 0], "y": points[:, 1]}), out, force=args.force)
    yield f"{len(points):,} points -> {out}"


def describe(run: Run) -> str:
    """Describe the contents of the run in one line."""
    probs = run.pred_probs()
    parts = [f"{run.n:,} examples", f"{run.k} classes", f"{len(run.epochs)} epochs"]
    if run.logits_epochs:
        parts.append("logits")
    if run.embedding_epochs:
        parts.append("embeddings")
    parts += [name.replace("_", " ") for name in saved_names(run)]
    parts.append(f"{probs.kind} probabilities" if probs is not None else "no probabilities")
    return f"{run.layout.url or run.path}: {', '.join(parts)}"


RASTERS = tuple(RASTER_READERS)
"""Suffixes of files of predicted masks or probabilities, one for each image."""

OWN_ARGUMENTS = ("source", "run", "path", "format", "force", "overwrite", "progress")
"""Parameters that have arguments of their own and are no options of a format."""

ID_COLUMNS = ("query", *IMAGE_COLUMNS)
"""Columns of tables of evidence that are read as text, since ids may look like numbers."""


def _evidence_of(name: str, file: str, run: Run) -> Any:
    """Return detections of COCO, or the paths of the files in a folder, one for each image."""
    if not Path(file).is_dir():
        return read_detections(file, run)
    return [Path(file) / one for one in files_of_ids(f"--evidence {name}", file, run.dataset.ids.tolist(), RASTERS)]


def _evidence_file(said: str) -> tuple[str, str]:
    """Return the name and the file of an argument NAME=FILE."""
    name, equals, file = said.partition("=")
    if not (name and equals and file):
        raise InputError.at("--evidence", f"is {said!r}", "Give NAME=FILE, such as scores=scores.csv.")
    if Path(file).suffix.lower() == ".json" and name != "predictions":
        raise InputError.at(
            "--evidence", f"is {said!r}", "Only predictions of boxes are read from JSON, as COCO has them."
        )
    return name, file


def _format_option(said: str) -> tuple[str, Any]:
    """Return the name and the value of an argument NAME=VALUE; a value that is not JSON is text."""
    name, equals, value = said.partition("=")
    if not (name.isidentifier() and equals and value) or name in OWN_ARGUMENTS:
        raise InputError.at("--option", f"is {said!r}", "Give NAME=VALUE of the format, such as scheme=BIOES.")
    try:
        return name, parse_json(value)
    except ValueError:
        return name, value


def _free(args: argparse.Namespace) -> Path | None:
    """Return the path of --out; raise before the computation if it cannot be written."""
    return None if args.out is None else check_target(args.out, args.force)
