"""Export the corrected labels: with author, time and reason of each change, or as a cleaned training set.

The export contains the given labels with the decisions of the journal applied; the run is not changed. Columns keep
the names that they had when the Dataset was created.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.issues.detector import find_issues
from workbench.issues.kept import last_issues
from workbench.runs.run import Run
from workbench.storage.tables import WRITERS, check_target, parsed_cells, read_table, write_table
from workbench.tasks import find_task
from workbench.tasks.protocol import Format, Labels, keyword_options

DROPS = ("flagged", "skipped", "issues")
CLEANED = ("relabel", "drop")
EXPORT_COLUMNS = (
    *("given_label", "label", "changed", "verdict", "flag", "note", "p_error", "suggested_label"),
    *("author", "time", "reason"),
)
"""Columns of an export besides the user's own; a user's column with one of these names gets a trailing underscore."""


def export(
    run: Run,
    path: str | Path,
    *,
    format: str | None = None,
    force: bool = False,
    drop: str | Iterable[object] | None = None,
    only_changed: bool = False,
    cleaned: str | None = None,
    images: bool = True,
    sounds: bool = True,
    issues: pd.DataFrame | bool | None = None,
    **options: Any,
) -> Path:
    """Write the corrected labels to .csv, .jsonl or .parquet, or in a format of their kind.

    Parameters
    ----------
    run : Run
        Its journal contains the decisions.
    path : str or Path
        The file; its suffix determines the format, its directory must exist.
    format : str, optional
        A format of this kind of label (`workbench.tasks.TASKS[run.task].formats`), such as "svmlight" for tags. It
        contains the corrected labels of all examples; besides `force` it takes the `options` of the format.
    force : bool
        Whether to replace an existing file.
    drop : {"flagged", "skipped", "issues"} or list of ids, optional
        Examples to omit. "skipped" means those skipped in the review, "issues" those marked as issues by `find_issues`
        that have not been relabelled or kept.
    only_changed : bool
        Whether to write only examples whose label differs from the given one.
    cleaned : {"relabel", "drop"}, optional
        Write a training set instead: ids, your own columns, and the labels under the name of your label column, without
        any history. "relabel" writes the corrected labels, "drop" omits changed examples. Unlabelled examples are
        omitted; unreviewed issues are included unless dropped.
    images, sounds : bool
        Whether to include them. Their bytes are written only to Parquet; in CSV and JSONL their columns name their
        location in the run.
    issues : DataFrame or bool, optional
        Source of `p_error` and `suggested_label`: the result of `find_issues`; True computes it now, False leaves both
        empty. By default the last result for this run if it is cached, so that an export does not run the detector.
    options
        Options of the format, such as ``scheme="BIOES"`` of "conll" or ``user_id`` of "argilla".

    Returns
    -------
    Path
        The file, which is written completely or not at all.

    Raises
    ------
    ExistsError
        The file exists.
    InputError
        Unknown suffix or option, a selection of rows with a `format`, or a missing directory.

    Notes
    -----
    Columns of the table, one row per example in dataset order:

    - the id under the name of your id column ("id" if there is none), and your other columns;
    - your label column, if it has another name, with the corrected labels;
    - given_label, label (corrected), changed; labels have the type and dtype in which they were given, if the format
      supports it;
    - verdict ("relabel", "keep" or "skip"), flag and note of the decision;
    - p_error, suggested_label: results of the detector, empty if unknown;
    - author, time (ISO 8601, UTC) and reason of the decision;
    - images and sounds, unless their column is the id.

    Your own columns with one of these names get a trailing underscore.

    In CSV, text that starts like a formula (``= + - @``, tab, carriage return) is prefixed with an apostrophe, also in
    names of columns and classes, and so is such a character after a semicolon, tab or line end within the text, so that
    a spreadsheet does not execute it. Numbers stay numbers. Read such a file back with
    ``workbench.storage.tables.read_table(path, text=["id", "label", "given_label"], neutralized=True)``.
    JSONL and Parquet contain the unchanged text.
    """
    if format is not None and format != "table":
        formats = run.dataset.kind.formats
        if format not in formats:
            raise InputError.unknown("format", format, formats, f"The labels are of the task {run.task!r}.")
        write = formats[format].write
        _check_options(options, [name for name in keyword_options(write) if name != "force"], format)
        rows = {"drop": drop is not None, "only_changed": only_changed, "cleaned": cleaned is not None}
        _refuse("selects rows of a table", f"{format!r} contains all examples", rows)
        columns = {"images": not images, "sounds": not sounds, "issues": issues is not None}
        _refuse("is about the columns of a table", f"{format!r} has columns of its own", columns)
        return write(run, path, force=force, **options)
    _check_options(options, keyword_options(export), "table")
    target = check_target(path, force)
    binary = target.suffix.lower() == ".parquet"
    chosen = {"drop": drop, "only_changed": only_changed, "cleaned": cleaned, "images": images, "sounds": sounds}
    return write_table(export_table(run, **chosen, issues=issues, binary=binary), target, force=force)


def export_table(
    run: Run,
    *,
    drop: str | Iterable[object] | None = None,
    only_changed: bool = False,
    cleaned: str | None = None,
    images: bool = True,
    sounds: bool = True,
    issues: pd.DataFrame | bool | None = None,
    binary: bool = True,
) -> pd.DataFrame:
    """Return the table that `export` writes, as a DataFrame with one row per example in dataset order.

    Parameters
    ----------
    drop, only_changed, cleaned, images, sounds, issues
        As in `export`.
    binary : bool
        Whether bytes can be stored; if not, the columns of images and sounds name the location of the bytes in the run.
    """
    dataset, labels = run.extended(), run.labels()
    changed = dataset.kind.differ(labels, dataset.labels)
    rows = _chosen(run, labels, changed, drop, only_changed, cleaned)

    name_of = _names(dataset, whole=cleaned is None)
    corrected = _as_given(dataset, labels, rows)
    columns: dict[str, object] = {name_of["id"]: dataset.ids[rows]}
    columns |= {name_of[name]: dataset.metadata[name].iloc[rows].array for name in dataset.metadata.columns}
    if name_of["given_label"] not in EXPORT_COLUMNS or cleaned is not None:
        columns[name_of["given_label"]] = corrected
    if cleaned is None:
        found = {"given_label": _as_given(dataset, dataset.labels, rows), "label": corrected, "changed": changed[rows]}
        found |= _decided(run, rows) | _judged(run, issues, rows)
        columns |= {name: found[name] for name in EXPORT_COLUMNS}
    if images and dataset.images is not None and name_of["image"] != name_of["id"]:
        columns[name_of["image"]] = _objects(_media(run, dataset.image, rows, binary))
    if sounds and dataset.sounds is not None and name_of["audio"] != name_of["id"]:
        columns[name_of["audio"]] = _objects(_media(run, dataset.sound, rows, binary))
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)))


def exported_rows(
    run: Run,
    *,
    drop: str | Iterable[object] | None = None,
    only_changed: bool = False,
    cleaned: str | None = None,
) -> np.ndarray:
    """Return the rows of the dataset (m,), ascending, that `export` writes with these options."""
    labels = run.labels()
    return _chosen(run, labels, run.dataset.kind.differ(labels, run.dataset.labels), drop, only_changed, cleaned)


def _check_options(options: Mapping[str, Any], known: Sequence[str], format: str) -> None:
    for name in options:
        if name not in known:
            raise InputError.unknown("option", name, known, f"The format is {format!r}.")


def _refuse(found: str, why: str, given: dict[str, bool]) -> None:
    """Raise for the first option of tables that was given with a format."""
    for name, is_given in given.items():
        if is_given:
            raise InputError.at(name, found, f"Leave it out, or write a table: {why}.")


def _chosen(
    run: Run,
    labels: Labels,
    changed: np.ndarray,
    drop: str | Iterable[object] | None,
    only_changed: bool,
    cleaned: str | None,
) -> np.ndarray:
    """Return the rows for known labels; `changed` (n,) is a mask of those that differ from the given ones."""
    if cleaned is not None and cleaned not in CLEANED:
        raise InputError.unknown("cleaned", cleaned, CLEANED)
    if cleaned == "drop" and only_changed:
        raise InputError('cleaned="drop" leaves out the changed examples, only_changed=True all others. Choose one.')
    keep = ~_dropped(run, drop)
    if only_changed:
        keep &= changed
    if cleaned is not None:
        keep &= ~run.dataset.kind.missing(labels)
    if cleaned == "drop":
        keep &= ~changed
    return np.flatnonzero(keep)


def _names(dataset: Dataset, *, whole: bool) -> dict[str, str]:
    """Return the exported name of each column of the dataset, with an underscore if it equals one of ours."""
    own = dataset.column_of
    taken = set(EXPORT_COLUMNS) if whole else set()
    label = own.get("given_label", "label")
    names = {"given_label": label}
    taken.add(label)
    for role, there in (("id", True), ("image", dataset.images is not None), ("audio", dataset.sounds is not None)):
        if there:
            same = own.get(role) is not None and own.get(role) == own.get("id") and role != "id"
            names[role] = names["id"] if same else free_name(own.get(role, role), taken)
    for name in dataset.metadata.columns:
        names[name] = free_name(own.get(name, str(name)), taken)
    return names


def free_name(name: str, taken: set[str]) -> str:
    """Return the name, with underscores appended until it is not in `taken`, to which it is added."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _as_given(dataset: Dataset, labels: Labels, rows: np.ndarray) -> object:
    """Labels of some rows in the type of the given labels."""
    if not dataset.kind.one_class:
        return _objects(dataset.as_given(labels)[rows])
    values = dataset.as_given(labels[rows])
    return _objects(values) if values.dtype == object else values


def _objects(values: object) -> pd.Series:
    """Text with None for missing values, which pandas would convert to NaN."""
    return pd.Series(values, dtype=object)


def _decided(run: Run, rows: np.ndarray) -> dict[str, object]:
    """Return the decisions about `rows` with author, time and reason; None, or False for the flag, if there are
    none."""
    state = _by_example(run)
    places, known = run.dataset.find(state.index)
    found: dict[str, object] = {}
    for name in ("verdict", "flag", "note", "author", "time", "reason"):
        values = np.full(run.n, False if name == "flag" else None, dtype=object)
        values[places] = state[name].to_numpy(object)[known]
        found[name] = values[rows].astype(bool) if name == "flag" else _objects(values[rows])
    return found


def _by_example(run: Run) -> pd.DataFrame:
    """Return `journal.state()`; for decisions on units, the newest per example, flagged if any of its units is
    flagged."""
    if run.dataset.kind.one_class:
        return run.journal.state()
    state = run.journal.state(per="unit", oldest_first=True)
    newest = state.groupby(level="id", sort=False).last()
    return newest.assign(flag=state["flag"].groupby(level="id", sort=False).any())


def _judged(run: Run, issues: pd.DataFrame | bool | None, rows: np.ndarray) -> dict[str, object]:
    """Return `p_error` and `suggested_label` of `rows`; NaN and None without a result of the detector."""
    if issues is True:
        issues = find_issues(run)
    elif issues is None:
        issues = last_issues(run)
    one_class = run.dataset.kind.one_class
    p_error = np.full(run.n, np.nan)
    suggested = np.full(run.n, -1) if one_class else np.full(run.n, None, dtype=object)
    if issues is not None and not isinstance(issues, (bool, pd.DataFrame)):
        found = f"is a {type(issues).__name__}"
        raise InputError.at("issues", found, "Pass what `find_issues(run)` returned, True or False.")
    if issues is not None and not isinstance(issues, bool):
        missing = {"p_error", "suggested_label"} - set(issues.columns)
        if missing:
            found = f"has no column {min(missing)!r}"
            raise InputError.at("issues", found, "Pass what `find_issues(run)` returned, True or False.")
        places, known = run.dataset.find(issues.index)
        p_error[places] = issues["p_error"].to_numpy(float)[known]
        named = issues["suggested_label"]
        suggested[places] = (run.dataset.codes_of(named) if one_class else named.to_numpy(object))[known]
    found = _as_given(run.dataset, suggested, rows) if one_class else _objects(suggested[rows])
    return {"p_error": p_error[rows], "suggested_label": found}


def _dropped(run: Run, drop: str | Iterable[object] | None) -> np.ndarray:
    """Return a mask (n,) of the examples to omit."""
    out = np.zeros(run.n, bool)
    if drop is None:
        return out
    if not isinstance(drop, str):
        out[run.dataset.rows(list(drop))] = True
        return out
    if drop not in DROPS:
        raise InputError.unknown("drop", drop, DROPS, "Or pass a list of ids.")
    state = _by_example(run)
    if drop == "issues":
        issues = find_issues(run)
        out[run.dataset.rows(issues.index[issues["is_issue"].to_numpy(bool)])] = True
        decided, _ = run.dataset.find(state.index[state["verdict"].isin(["relabel", "keep"])])
        out[decided] = False
    else:
        chosen = state["flag"] if drop == "flagged" else state["verdict"] == "skip"
        places, _ = run.dataset.find(state.index[chosen.to_numpy(bool)])
        out[places] = True
    return out


def _media(
    run: Run, of: Callable[[int], bytes | str | None], rows: np.ndarray, binary: bool
) -> list[bytes | str | None]:
    """Bytes or paths of images or sounds; if bytes cannot be stored, their location in the run."""
    media = (of(int(row)) for row in rows)
    if binary:
        listed = list(media)
        mixed = any(isinstance(one, bytes) for one in listed) and any(isinstance(one, str) for one in listed)
        return [one.encode() if isinstance(one, str) else one for one in listed] if mixed else listed
    place = f"{run.name}/examples.parquet row"
    return [f"{place} {row}" if isinstance(one, bytes) else one for row, one in zip(rows.tolist(), media)]


def read_labels(
    path: str | Path,
    *,
    label: str = "label",
    id: str = "id",
    task: str = "multiclass",
    classes: Sequence[object] | None = None,
    **options: Any,
) -> Dataset:
    """Read a table written by `export` as a Dataset: its ids and the corrected labels, other columns as metadata.

    Parameters
    ----------
    path : .csv, .jsonl or .parquet. In CSV, lists of labels are JSON.
    label, id, task, classes, options : as in `Dataset.from_frame`.
    """
    frame = read_table(path, text=[label, id, "given_label"], neutralized=True)
    kind = find_task(task)
    if label in frame.columns and not (kind.one_class or kind.text_cells):
        frame = frame.assign(**{label: parsed_cells(label, frame[label])})
    return Dataset.from_frame(frame, label, id=id, task=task, classes=classes, **options)


TABLE = Format(tuple(WRITERS), read_labels, export)
"""The table of `export`, one row per example."""
