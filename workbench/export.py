"""The corrected labels as a file: with who changed what, when and why, or as a cleaned training set.

What is exported is the given labels with the decisions of the journal applied; the run itself stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.errors import InputError
from workbench.run import Run
from workbench.storage.tables import check_target, write_table

DROPS = ("flagged", "skipped", "suspects")
CLEANED = ("relabel", "drop")
COLUMNS = ("id", "label", "given_label", "changed", "author", "time", "reason")
"""Columns of an export besides the user's own; a column of the user's with such a name gets a trailing underscore."""


def export(
    run: Run,
    path: str | Path,
    *,
    force: bool = False,
    drop: str | Iterable[object] | None = None,
    only_changed: bool = False,
    cleaned: str | None = None,
    images: bool = True,
    sounds: bool = True,
) -> Path:
    """Write the corrected labels to .csv, .jsonl or .parquet.

    Parameters
    ----------
    run : the run; its journal says what was decided.
    path : the file; its suffix says the format, its directory must exist.
    force : replace a file that is there.
    drop, only_changed, cleaned, images, sounds : as in `export_table`. Bytes of images and sounds go to Parquet only;
        in CSV and JSONL the columns `image` and `audio` say where they are.

    Returns
    -------
    Path of the file. It appears whole or not at all.

    Raises
    ------
    ExistsError : the file is there. InputError : unknown suffix or option, no such directory.

    Notes
    -----
    In CSV, text that begins like a formula (``= + - @``, tab, carriage return) gets an apostrophe in front, in column
    names and class names too, so that a spreadsheet shows it and does not run it; numbers stay numbers. Read such a
    file back with ``workbench.storage.tables.read_table(path, text=["id", "label", "given_label"], neutralized=True)``.
    JSONL and Parquet hold the text as it is.
    """
    target = check_target(path, force)
    binary = target.suffix.lower() == ".parquet"
    chosen = {"drop": drop, "only_changed": only_changed, "cleaned": cleaned, "images": images, "sounds": sounds}
    return write_table(export_table(run, **chosen, binary=binary), target, force=force)


def export_table(
    run: Run,
    *,
    drop: str | Iterable[object] | None = None,
    only_changed: bool = False,
    cleaned: str | None = None,
    images: bool = True,
    sounds: bool = True,
    binary: bool = True,
) -> pd.DataFrame:
    """What `export` writes, one row per example in dataset order.

    Parameters
    ----------
    drop : leave out examples: "flagged"; "skipped" (put off in the review); "suspects" (what `find_issues` calls an
        issue and nobody has relabelled or kept); or a list of ids.
    only_changed : only examples whose label differs from the given one.
    cleaned : None, the table with given labels and decisions. "relabel", a training set: id, the user's columns
        and `label` as corrected. "drop", a training set in which changed examples are left out instead.
        A training set has no examples without a label; suspects that nobody looked at stay, unless dropped.
    images, sounds : include the column `image` when the dataset has images, and `audio` when it has sounds.
    binary : whether bytes can be stored; if not, these columns name the place of the bytes in the run.

    Returns
    -------
    DataFrame with the columns id, the user's, label, given_label (None where there is none), changed (bool), and
    author, time (ISO 8601, UTC), reason of the decision that relabelled the example or kept its label, else None.
    """
    if cleaned is not None and cleaned not in CLEANED:
        raise InputError.unknown("cleaned", cleaned, CLEANED)
    if cleaned == "drop" and only_changed:
        raise InputError('cleaned="drop" leaves out what changed, only_changed=True the rest. Choose one.')
    dataset = run.dataset
    labels = run.labels()
    changed = labels != dataset.given_labels
    keep = ~_dropped(run, drop)
    if only_changed:
        keep &= changed
    if cleaned is not None:
        keep &= labels >= 0
    if cleaned == "drop":
        keep &= ~changed
    rows = np.flatnonzero(keep)

    columns: dict[str, object] = {"id": dataset.ids[rows]}
    taken = {*COLUMNS, "image", "audio"}
    for name in dataset.metadata.columns:
        free = str(name)
        while free in taken:
            free += "_"
        taken.add(free)
        columns[free] = dataset.metadata[name].iloc[rows].array
    columns["label"] = _objects(dataset.names_of(labels[rows]))
    if cleaned is None:
        columns["given_label"] = _objects(dataset.given[rows])
        columns["changed"] = changed[rows]
        columns |= _who(run, rows)
    if images and dataset.images is not None:
        columns["image"] = _objects(_media(run, dataset.image, rows, binary))
    if sounds and dataset.sounds is not None:
        columns["audio"] = _objects(_media(run, dataset.sound, rows, binary))
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)))


def _objects(values: object) -> pd.Series:
    """Text with None where there is none, which pandas would make NaN."""
    return pd.Series(values, dtype=object)


def _who(run: Run, rows: np.ndarray) -> dict[str, pd.Series]:
    """Author, time and reason (None where nobody decided) of decisions on the label of `rows`."""
    state = run.journal.state()
    state = state[state["label"].notna() | state["verdict"].isin(["relabel", "keep"])]
    places, known = run._known_rows(state.index)
    found = {}
    for name in ("author", "time", "reason"):
        whole = np.full(run.n, None, dtype=object)
        whole[places] = state[name].to_numpy()[known]
        found[name] = _objects(whole[rows])
    return found


def _dropped(run: Run, drop: str | Iterable[object] | None) -> np.ndarray:
    """(n,) bool, which examples to leave out."""
    out = np.zeros(run.n, bool)
    if drop is None:
        return out
    if not isinstance(drop, str):
        out[run.dataset.rows(list(drop))] = True
        return out
    if drop not in DROPS:
        raise InputError.unknown("drop", drop, DROPS, "Or pass a list of ids.")
    state = run.journal.state()
    if drop == "suspects":
        from workbench import find_issues

        issues = find_issues(run)
        out[run.dataset.rows(issues.index[issues["is_issue"].to_numpy(bool)])] = True
        decided, _ = run._known_rows(state.index[state["verdict"].isin(["relabel", "keep"])])
        out[decided] = False
    else:
        chosen = state["flag"] if drop == "flagged" else state["verdict"] == "skip"
        places, _ = run._known_rows(state.index[chosen.to_numpy(bool)])
        out[places] = True
    return out


def _media(
    run: Run, of: Callable[[int], bytes | str | None], rows: np.ndarray, binary: bool
) -> list[bytes | str | None]:
    """Bytes or paths of images or sounds; where bytes cannot be stored, where in the run they are."""
    media = (of(int(row)) for row in rows)
    if binary:
        listed = list(media)
        mixed = any(isinstance(one, bytes) for one in listed) and any(isinstance(one, str) for one in listed)
        return [one.encode() if isinstance(one, str) else one for one in listed] if mixed else listed
    place = f"{run.name}/examples.parquet row"
    return [f"{place} {row}" if isinstance(one, bytes) else one for row, one in zip(rows.tolist(), media)]
