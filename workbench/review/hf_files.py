"""Classes, numbers, graded pairs and preferences in the layout of Hugging Face datasets (Parquet)."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.issues.pairs.pair_texts import passages_of
from workbench.review.hf_columns import (
    NO_CLASS_LABEL,
    class_codes_in,
    class_label_names,
    columns_beside,
    read_columns,
    write_columns,
)
from workbench.runs.run import Run
from workbench.storage.tables import check_target
from workbench.tasks.numbers import values_of
from workbench.tasks.pair_reading import GRADE_COLUMN, ITEM_COLUMN, PASSAGES, QUERY_COLUMN
from workbench.tasks.pair_table import pair_table_of
from workbench.tasks.preferences import PREFERRED
from workbench.tasks.protocol import Format

NEIGHBOR_IDS, EDGE_WEIGHTS = "neighbors", "edge_weights"
"""Columns of the edges that begin at an example: ids of their other ends, and weights if there are any."""

PARQUET = (".parquet",)


def write_hf_classes(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write a .parquet file that `datasets.load_dataset("parquet", data_files=...)` opens with named classes.

    The labels are a ClassLabel in the column with the user's name for it, by default "label"; -1 is no label. Images
    and sounds have the features Image and Audio. If there are edges, each example lists those that begin at it: ids in
    the column "neighbors", weights in "edge_weights".
    """
    target, dataset = check_target(path, force, PARQUET), run.extended()
    label = dataset.column_of.get("given_label", PREFERRED if run.task == "preferences" else "label")
    linked = _edge_columns(dataset)
    columns = columns_beside(dataset, {label, *linked})
    codes = dataset.kind.to_arrow(run.labels())
    columns[label] = codes.cast(pa.int64()).fill_null(NO_CLASS_LABEL)
    return write_columns(columns | linked, target, {label: dataset.classes})


def _edge_columns(dataset: Dataset) -> dict[str, pa.Array]:
    """Return lists of the edges by the row where they begin."""
    edges = dataset.edges
    if edges is None:
        return {}
    order = np.argsort(edges.source, kind="stable")
    offsets = pa.array(np.searchsorted(edges.source[order], np.arange(dataset.n + 1)), pa.int32())
    found = {NEIGHBOR_IDS: pa.ListArray.from_arrays(offsets, pa.array(dataset.ids[edges.target[order]]))}
    if edges.weight is not None:
        found[EDGE_WEIGHTS] = pa.ListArray.from_arrays(offsets, pa.array(edges.weight[order]))
    return found


def read_hf_labels(
    path: str | Path, *, label: str | Sequence[str] | None = None, default: str = "label", id: str | None = "id",
    task: str = "multiclass", classes: Sequence[object] | None = None, image: str | None = None,
    audio: str | None = None, text: str | None = None, neighbors: str | None = NEIGHBOR_IDS, **options: Any,
) -> Dataset:  # fmt: skip
    """Read a Parquet file with one label per example: a ClassLabel, text, whole numbers, or for numbers floats.

    Parameters
    ----------
    label : name of the column; for numbers, a list of several. default : its name if `label` is None.
    image, audio : by default the only column with the feature Image or Audio. text : by default "text".
    classes : by default the names of the ClassLabel. neighbors : column of lists of ids, read as edges if the file has
        it; None reads no edges.

    Raises
    ------
    InputError : the file has no such column, a class is beyond the names, or `classes` are others.
    """
    if label is None:
        label = list(map(str, classes)) if task == "numbers" and classes is not None and len(classes) > 1 else default
    several = [label] if isinstance(label, str) else list(label)
    linked = [] if neighbors is None else [neighbors, EDGE_WEIGHTS]
    labels, others, roles = read_columns(path, [*several, *linked])
    for name in several:
        if name not in labels.column_names:
            raise InputError.unknown("column", name, [*labels.column_names, *others], "Name the labels: `label=`.")
    columns = {}
    for name in several:
        named = class_label_names(labels.schema.metadata or {}, name)
        if named is None:
            columns[name] = pd.Series(labels.column(name).to_pylist(), dtype=object if task != "numbers" else None)
        else:
            classes = _named_classes(named, classes)
            codes = class_codes_in(labels.column(name), named, name)
            columns[name] = pd.Series(np.array([*named, None], dtype=object)[codes], dtype=object)
    edges = _edges(labels, others, id, linked)
    frame = others.drop(columns=[]).assign(**columns)
    text = "text" if text is None and "text" in frame.columns and "text" not in several else text
    return Dataset.from_frame(
        frame, several if len(several) > 1 else several[0], id=id if id in frame.columns else None, task=task,
        classes=classes, image=image or roles.get("image"), audio=audio or roles.get("audio"), text=text, edges=edges,
        **options,
    )  # fmt: skip


def _named_classes(named: list[str], classes: Sequence[object] | None) -> Sequence[object]:
    """Return the classes in the order of the file, or in that of the user, whose names must be the same."""
    if classes is None:
        return named
    if set(map(str, classes)) < set(named):
        missing = min(set(named) - set(map(str, classes)))
        raise InputError.at("classes", f"lacks {missing!r}, which the file names", "Leave `classes` out, or name all.")
    return [str(one) for one in classes]


def _edges(labels: pa.Table, others: pd.DataFrame, id: str | None, linked: Sequence[str]) -> pd.DataFrame | None:
    """Return the edges as ids, if the file has a column of them."""
    if not linked or linked[0] not in labels.column_names:
        return None
    lists = labels.column(linked[0]).combine_chunks()
    if not pa.types.is_list(lists.type) and not pa.types.is_large_list(lists.type):
        raise InputError.at(linked[0], f"holds {lists.type}, not lists of ids", "Pass neighbors=None to ignore it.")
    counts = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    own = others[id].to_numpy() if id is not None and id in others.columns else np.arange(len(others))
    found = pd.DataFrame({"source": np.repeat(own, counts), "target": lists.flatten().to_pandas()})
    if linked[1] in labels.column_names:
        weights = labels.column(linked[1]).combine_chunks().flatten().to_pandas()
        if len(weights) != len(found):
            todo = f"Each list must be as long as that in {linked[0]!r}."
            raise InputError.at(linked[1], f"holds {len(weights):,} weights for {len(found):,} edges", todo)
        found["weight"] = weights
    return found


def write_hf_numbers(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write a .parquet file with a float64 column for each number, null where it is unknown.

    A single column has the user's name for it, by default "label"; several are named like the classes.
    """
    target, dataset = check_target(path, force, PARQUET), run.extended()
    one = dataset.column_of.get("given_label", "label")
    names = [one] if dataset.k == 1 else list(dataset.classes)
    values = values_of(run.labels(), dataset.k)
    columns = columns_beside(dataset, names)
    columns |= {name: pa.array(values[:, at], from_pandas=True) for at, name in enumerate(names)}
    return write_columns(columns, target, {})


# ---- pairs ---------------------------------------------------------------------------------------------------------


def write_hf_pairs(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write a .parquet file with one row per pair: the query's columns, item, grade, and passage if texts are known.

    Grades are whole numbers, or a ClassLabel if they have names; null or -1 is unjudged.
    """
    target, dataset = check_target(path, force, PARQUET), run.extended()
    table, texts = pair_table_of(run.labels()), passages_of(dataset)
    numbers = all(isinstance(one, (int, np.integer)) for one in dataset.class_values)
    values: Mapping[int, int | None] = dict(enumerate(dataset.class_values)) | {-1: None}
    grades = [values[code] for code in table.grades.tolist()] if numbers else table.grades
    label = dataset.column_of.get("given_label", GRADE_COLUMN)
    columns = columns_beside(dataset, {label, ITEM_COLUMN, "passage"}, without=(PASSAGES,))
    rows = pa.array(table.rows)
    columns = {name: _taken(values, rows) for name, values in columns.items()}
    if "id" not in dataset.column_of:
        columns = {QUERY_COLUMN if at == 0 else name: values for at, (name, values) in enumerate(columns.items())}
    columns[ITEM_COLUMN] = pa.array(table.items, pa.string())
    if texts:
        listed = [texts.get(pair) for pair in zip(table.rows.tolist(), table.items.tolist())]
        columns["passage"] = pa.array(listed, pa.string())
    columns[label] = pa.array(grades, pa.int64())
    return write_columns(columns, target, {} if numbers else {label: dataset.classes})


def _taken(values: Any, rows: pa.Array) -> Any:
    if isinstance(values, tuple):
        return values[0], values[1].take(rows)
    return values.take(rows.to_numpy()) if isinstance(values, pd.Categorical) else values.take(rows)


HF_CLASSES = Format(PARQUET, read_hf_labels, write_hf_classes, ("the type of classes that are not text",))
HF_NUMBERS = Format(PARQUET, functools.partial(read_hf_labels, task="numbers"), write_hf_numbers)
HF_PAIRS = Format(
    PARQUET, functools.partial(read_hf_labels, task="pairs", default=GRADE_COLUMN, id=QUERY_COLUMN), write_hf_pairs,
    ("queries without items",),
)  # fmt: skip
HF_PREFERENCES = Format(
    PARQUET, functools.partial(read_hf_labels, task="preferences", default=PREFERRED), write_hf_classes
)
