"""Texts in other files: Parquet for Hugging Face datasets, and JSON Lines with every version of each text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.review.hf_columns import columns_beside, read_columns, write_columns
from workbench.runs.run import Run
from workbench.runs.versions import versions
from workbench.storage.layout import atomic
from workbench.storage.tables import check_target, json_lines
from workbench.tasks.protocol import Format
from workbench.tasks.texts import text_rows

GIVEN_SUFFIX = "_given"
"""Suffix of the columns of the given texts in Parquet files for Hugging Face datasets."""


def write_hf_texts(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write a .parquet file for `datasets.load_dataset("parquet", data_files=...)`: corrected and given texts.

    The corrected texts are in the column of that name, the given ones in NAME_given, so that both can be shown side by
    side; the user's other columns follow.
    """
    target = check_target(path, force, (".parquet",))
    dataset, labels = run.extended(), run.labels()
    names = _names(dataset)
    written = {f"{name}{suffix}" for name in names for suffix in ("", GIVEN_SUFFIX)}
    columns = columns_beside(dataset, written)
    for place, name in enumerate(names):
        for suffix, own in (("", labels), (GIVEN_SUFFIX, dataset.labels)):
            columns[f"{name}{suffix}"] = pa.array([one[place] for one in text_rows(own, dataset.k)], pa.string())
    return write_columns(columns, target, {})


def _names(dataset: Dataset) -> list[str]:
    """Names of the columns of texts: the user's own, or the classes of several."""
    own = dataset.column_of.get("given_label")
    return [own] if own is not None and dataset.k == 1 else list(dataset.classes)


def read_hf_texts(
    path: str | Path, *, label: str = "text", id: str | None = "id", task: str = "texts",
    classes: Sequence[object] | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read texts of a Parquet file as a Dataset.

    Parameters
    ----------
    label : column of texts; several are named by `classes`. id, task, options : as in `Dataset.from_frame`.
    """
    _, frame, roles = read_columns(path, ())
    several = label not in frame.columns and classes is not None
    names = [str(one) for one in classes or ()] if several else label
    id = id if id in frame.columns else None
    return Dataset.from_frame(frame, names, id=id, task=task, classes=classes, **roles, **options)


def write_history(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write a .jsonl file with one object per text: id, field, given, text, and its versions with their authors."""
    target = check_target(path, force, (".jsonl",))
    dataset = run.extended()
    known: dict[tuple[Any, str], list[dict[str, Any]]] = {}
    for one in versions(run).itertuples():
        about = {"text": one.value, "author": one.author, "time": one.time, "source": one.source, "reason": one.reason}
        known.setdefault((one.id, str(one.unit)), []).append(about)
    units = dataset.units
    now, was = (
        [text for one in text_rows(labels, dataset.k) for text in one] for labels in (run.labels(), dataset.labels)
    )
    with atomic(target) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        for unit, row in enumerate(units.rows.tolist()):
            key, id = units.key(unit), dataset.ids[row : row + 1].tolist()[0]
            line = {"id": id, "field": dataset.kind.unit_name(key, dataset.classes), "given": was[unit]}
            line |= {"text": now[unit], "versions": known.get((id, key), [])[1:]}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return target


def read_history(
    path: str | Path, *, label: str | None = None, id: str | None = None, task: str = "texts",
    classes: Sequence[object] | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read the newest texts of a file of versions as a Dataset.

    Parameters
    ----------
    label, id : ignored, since the names in the file are fixed. task, options : as in `Dataset.from_frame`.
    classes : names of the columns of texts; by default those in the file.
    """
    rows: dict[Any, dict[str, str | None]] = {}
    for number, record in json_lines(Path(path)):
        if not {"id", "field", "text"} <= record.keys():
            raise InputError(f"{path} line {number} has no id, field and text. Each line must have all three.")
        rows.setdefault(record["id"], {})[str(record["field"])] = record["text"]
    names = list(dict.fromkeys(name for one in rows.values() for name in one)) if classes is None else list(classes)
    frame = pd.DataFrame([[one.get(str(name)) for name in names] for one in rows.values()], columns=names, dtype=object)
    return Dataset.from_arrays(frame, ids=list(rows), task=task, classes=classes, **options)


HF_TEXTS = Format((".parquet",), read_hf_texts, write_hf_texts)
HISTORY = Format((".jsonl",), read_history, write_history, ("columns other than the id",))
