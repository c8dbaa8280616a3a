"""Tags and candidate sets in other file formats: Parquet for Hugging Face datasets, and SVMlight for tags."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, shortened
from workbench.review.hf_columns import class_label_names, columns_beside, read_columns, write_columns
from workbench.runs.run import Run
from workbench.storage.layout import atomic
from workbench.storage.limits import parse_json
from workbench.storage.tables import check_target
from workbench.tasks.protocol import Format
from workbench.tasks.tag_cells import Listed, TagCells, cells_of, stored_cells

COLUMNS_BESIDE = {"no": "{}_no", "unknown": "{}_unknown"}
"""Columns in addition to the tags, for rows with unknown tags."""


def write_hf(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write a .parquet file that `datasets.load_dataset("parquet", data_files=...)` opens with named tags or classes.

    They are lists of ClassLabel, in a column with the user's name for it. Rows with unknown tags also list the absent
    ones in the column NAME_no (all others are unknown) or the unknown ones in NAME_unknown.
    """
    target = check_target(path, force, (".parquet",))
    dataset = run.extended()
    labels: Any = run.labels()
    sets = run.task == "candidates"
    name = dataset.column_of.get("given_label", "sets" if sets else "tags")
    listed = {name: labels} if sets else _tag_columns(name, labels)
    columns = columns_beside(dataset, {name, *(beside.format(name) for beside in COLUMNS_BESIDE.values())})
    columns |= {one: _lists(values, labels) for one, values in listed.items()}
    return write_columns(columns, target, dict.fromkeys(listed, dataset.classes))


def _tag_columns(name: str, labels: pa.StructArray) -> dict[str, pa.Array]:
    """Return lists of given tags, and of absent or unknown ones, by name of the column."""
    cells = cells_of(labels)
    columns = {name: labels.field("yes")}
    if len(cells.rest.rows) or cells.open.any():
        columns |= {beside.format(name): labels.field(side) for side, beside in COLUMNS_BESIDE.items()}
    return columns


def _lists(values: pa.Array, labels: pa.Array) -> pa.Array:
    """Convert to lists of int64, the storage type of ClassLabel; null for rows without a label."""
    listed = [None if gone else one for one, gone in zip(values.to_pylist(), labels.is_null().to_pylist())]
    return pa.array(listed, pa.list_(pa.int64()))


def read_hf(
    path: str | Path, *, label: str = "tags", id: str | None = "id", task: str = "multilabel",
    classes: Sequence[object] | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read a Parquet file with lists of ClassLabel as a Dataset with the names of the file.

    Raises
    ------
    InputError : the file has no such column, or its tags differ from `classes`.
    """
    beside = {side: name.format(label) for side, name in COLUMNS_BESIDE.items()}
    table, others, roles = read_columns(path, [label, *beside.values()])
    if label not in table.column_names:
        raise InputError.unknown("column", label, [*table.column_names, *others], "It was named as `label=`.")
    named = class_label_names(table.schema.metadata or {}, label)
    if named is not None and classes is not None and [str(one) for one in classes] != named:
        raise InputError.at("classes", f"differ from those of {path}: {shortened(named)}", "Leave `classes` out.")
    names = named if named is not None else classes
    labels = table.column(label).to_pylist()
    there = {side: name for side, name in beside.items() if name in table.column_names}
    if there:
        rows = zip(labels, *(table.column(name).to_pylist() for name in there.values()))
        sides = ("yes", *there)
        labels = [None if one[0] is None else {side: part for side, part in zip(sides, one) if part is not None}
                  for one in rows]  # fmt: skip
    frame = others.assign(**{label: pd.Series(labels, dtype=object)})
    id = id if id in frame.columns else None
    return Dataset.from_frame(frame, label, id=id, task=task, classes=names, **roles, **options)


# ---- SVMlight ------------------------------------------------------------------------------------------------------

TAGS_COMMENT = "# tags: "


def write_svmlight(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write a .svm file with the indices of the tags of each example, then its embedding if present, from index 0.

    The names of the tags are in a comment at the top, ids in comments at the end of the rows; scikit-learn's
    `load_svmlight_file(path, multilabel=True, zero_based=True)` skips them. Examples without a label are omitted.
    """
    target = check_target(path, force, SVMLIGHT.suffixes)
    dataset, cells = run.extended(), cells_of(run.labels())
    vectors = run.embeddings() if run.embedding_epochs else np.empty((dataset.n, 0))
    starts = np.searchsorted(cells.yes.rows, np.arange(dataset.n + 1))
    with atomic(target) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.write(f"{TAGS_COMMENT}{json.dumps(list(dataset.classes))}\n")
        for row in np.flatnonzero(~cells.missing).tolist():
            tags = ",".join(map(str, cells.yes.tags[starts[row] : starts[row + 1]].tolist()))
            there = enumerate(np.asarray(vectors[row], float).tolist())
            pairs = " ".join(f"{place}:{value:.6g}" for place, value in there if value)
            file.write(f"{tags} {pairs} # {json.dumps(dataset.ids[row : row + 1].tolist()[0])}\n")
    return target


def read_svmlight(
    path: str | Path, *, task: str = "multilabel", classes: Sequence[object] | None = None, id: str | None = None,
    label: str | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read the tags of an SVMlight file as a Dataset; ids come from the comments after the rows, or are row numbers.

    Parameters
    ----------
    classes : names of the tags in the order of their indices, if the file does not name them; by default the indices.
    id, label : ignored, since the file has no column names; accepted for consistency with other readers.

    Notes
    -----
    Features are not read. To use them, pass those returned by `load_svmlight_file` to `find_issues` as embeddings.

    Raises
    ------
    InputError : an invalid line; the error states its number.
    """
    rows, tags, ids, named = [], [], [], None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith(TAGS_COMMENT) and named is None:
                named = _json(line[len(TAGS_COMMENT) :], path, number)
                continue
            body, _, comment = line.partition("#")
            if not body.strip() and (not comment or body[:1] not in (" ", "\t")):
                continue
            first = "" if body[:1] in (" ", "\t") else body.split()[0]
            found = [] if ":" in first else [one for one in first.split(",") if one]
            try:
                tags += [_whole(one) for one in found]
            except ValueError as error:
                raise _line_error(path, number, f"holds the tags {shortened(first)}") from error
            rows += [len(ids)] * len(found)
            ids.append(_json(comment, path, number) if comment.strip() else None)
    k = max(tags, default=-1) + 1
    names = named if isinstance(named, list) else list(range(k)) if classes is None else list(classes)
    if min(tags, default=0) < 0 or k > len(names):
        raise InputError.at("classes", f"names {len(names)} tags, and {path} has numbers up to {k - 1}", "Name all.")
    n = len(ids)
    nothing = Listed(np.empty(0, np.int64), np.empty(0, np.int64))
    cells = TagCells(
        Listed(np.array(rows, np.int64), np.array(tags, np.int64)), nothing, np.zeros(n, bool), np.zeros(n, bool)
    )
    column = stored_cells(n, len(names), *cells)
    listed = [one["yes"] for one in column.to_pylist()]
    own = ids if all(isinstance(one, (str, int)) for one in ids) and len(set(ids)) == n else None
    text = [str(one) for one in names]
    return Dataset.from_arrays(listed, task=task, classes=text, ids=own, **options)


def _whole(text: str) -> int:
    """Return the number of a tag, which may be written as 3.0; ValueError for anything else."""
    number = float(text)
    if not number.is_integer():
        raise ValueError(text)
    return int(number)


def _json(text: str, path: str | Path, number: int) -> Any:
    try:
        return parse_json(text.strip())
    except ValueError:
        return None


def _line_error(path: str | Path, number: int, found: str) -> InputError:
    return InputError(f"{path} line {number} {found}. A line is 'tag,tag index:value ...', such as '0,3 0:1.5'.")


HF = Format((".parquet",), read_hf, write_hf)
HF_SETS = Format(
    (".parquet",), functools.partial(read_hf, label="sets", task="candidates"), write_hf,
    ("the type of classes that are not text",),
)  # fmt: skip
SVMLIGHT = Format(
    (".svm", ".svmlight", ".txt"),
    read_svmlight,
    write_svmlight,
    ("examples without a label", "whether an absent tag is unknown", "columns other than the id"),
)
