"""Data in memory as a run: a DataFrame, or labels and arrays, with decisions in an optional file.

A temporary run directory holds the files that the rest of the package expects (ids, caches, given arrays); it is
deleted with the run. Pictures, texts and columns stay in memory and are not copied.
"""

from __future__ import annotations

import dataclasses
import tempfile
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.foundation.errors import InputError
from workbench.recording.imports.arrays import Handed, handed, store_arrays, task_named
from workbench.recording.imports.frame import beside
from workbench.recording.imports.staging import landing
from workbench.runs.journal import Journal
from workbench.runs.run import Run, open_run
from workbench.storage.tables import read_table
from workbench.tasks import find_task
from workbench.tasks.protocol import reading_options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.data.dataset import Dataset

OPTIONS = (*(name for name in signature(handed).parameters if name != "described"), "x", "y", "journal")[1:]
"""Options that describe data in memory, of any kind of label."""

TABLE_SUFFIXES = (".csv", ".jsonl", ".parquet")


class FrameRun(Run):
    """A run without a recording; created by `frame_run`.

    Attributes
    ----------
    axes : names of the two columns with the positions of the points, or None.
    lasting : the file with decisions and named views, or None if they are lost with the kernel.
    """

    def __init__(self, data: Handed, axes: tuple[str, str] | None, journal: Path | None) -> None:
        dataset = data.dataset
        self._folder = tempfile.TemporaryDirectory(prefix="workbench-")
        path = Path(self._folder.name) / "DataFrame"
        nothing = {"images": None, "sounds": None, "text_column": None, "media_root": None}
        bare = dataclasses.replace(dataset, metadata=pd.DataFrame(), **nothing)
        with landing(path, bare, mode="import") as recorder:
            store_arrays(recorder, dataclasses.replace(data, dataset=bare))
        self._dataset = dataset
        super().__init__(path)
        self.axes, self.lasting = axes, journal
        if journal is not None:
            self.__dict__["journal"] = Journal(journal)

    def _read_dataset(self, media_root: str | Path | None) -> Dataset:
        return self._dataset

    @property
    def name(self) -> str:
        """Name of the file with the decisions, or "DataFrame"."""
        return "DataFrame" if self.lasting is None else self.lasting.stem

    @property
    def views_path(self) -> Path:
        """The file with named views, beside that with the decisions."""
        return self.path / "views.json" if self.lasting is None else self.lasting.with_suffix(".views.json")


def frame_run(
    source: object,
    label: str | None = None,
    *,
    x: str | None = None,
    y: str | None = None,
    journal: str | Path | None = None,
    **options: Any,
) -> FrameRun:
    """Create a run from data in memory, for `widgets.Explorer(source, ...)`.

    Parameters
    ----------
    source : DataFrame, labels, Dataset or Evidence
        One row per example. Numeric and categorical columns can be used for colours and filters, texts are searched.
    label : str, optional
        Column of a DataFrame with the given labels, by default "label".
    x, y : str, optional
        Numeric columns with the positions of the points on the first map.
    journal : str or Path, optional
        File for the decisions (SQLite), created if missing. By default decisions are kept in memory.
    **options
        `pred_probs` (out-of-fold unless `out_of_fold=False`), `embeddings` and `logits`, with rows as in the source;
        `id`, `image`, `audio` and `text`, names of columns of a DataFrame; `ids`, `images`, `sounds`, `texts` and
        `metadata`, in addition to labels; `classes`, `media_root`;
        evidence of the kind of label by its name. See `workbench.recording.imports.arrays.handed`.
        By default ids are the index of a DataFrame or Series, so that `frame.loc[ex.selection]` works.

    Raises
    ------
    InputError
        A column is missing or of the wrong type, ids are not unique, or an array has the wrong number of rows.
    """
    columns = source if isinstance(source, pd.DataFrame) else None
    if columns is not None:
        _check_axes(columns, x, y)
    data = handed(source, label=label, **options)
    if columns is None:
        _check_axes(data.dataset.metadata, x, y)
    path = None if journal is None else Path(journal).expanduser().resolve()
    if path is not None and path.is_dir():
        raise InputError.at("journal", f"is the folder {path}", "Name a file, such as decisions.sqlite.")
    return FrameRun(data, None if x is None or y is None else (x, y), path)


def opened_run(source: object, options: dict[str, Any], known: Iterable[str] = ()) -> Run:
    """Open the run to be shown from its path, or create it from data in memory.

    Parameters
    ----------
    source : Run, path of a run or of a table, or anything that `frame_run` accepts
    options : options of `frame_run`; none for a run
    known : options of the view itself, for suggestions in error messages

    Raises
    ------
    InputError
        An unsupported source, an unknown option, or options for data in memory with a run.
    """
    kind = find_task(task_named(source, options.get("task")) or "multiclass")
    own = [*OPTIONS, *reading_options(kind), *kind.evidence_forms]
    everything = {*known, *own}
    for name in options:
        if name not in own:
            raise InputError.unknown("option", name, sorted(everything))
    if isinstance(source, (str, Path)) and Path(source).suffix.lower() in TABLE_SUFFIXES and Path(source).is_file():
        options = {"media_root": Path(source).resolve().parent, **options}
        label = str(options.get("label") or "label")
        table = read_table(source, text=[options[name] for name in ("label", "id") if options.get(name)])
        return frame_run(beside(source, table, [label], kind.name) if label in table else table, **options)
    if not isinstance(source, (Run, str, Path)):
        return frame_run(source, **options)
    if options:
        todo = "A run has its own columns; omit these options, or pass a DataFrame."
        if {"pred_probs", "embeddings"} & set(options):
            todo = "Store them in it: run.save_pred_probs(P, out_of_fold=True, source=...), run.save_embeddings(E)."
        raise InputError.at(", ".join(options), "applies only to a DataFrame or labels", todo)
    return open_run(source) if isinstance(source, (str, Path)) else source


def _check_axes(columns: pd.DataFrame, x: str | None, y: str | None) -> None:
    """Check that both axes are numeric columns, or neither is given."""
    for role, name in {"x": x, "y": y}.items():
        if name is not None and name not in columns.columns:
            raise InputError.unknown("column", name, columns.columns, f"It was named as `{role}=`.")
        if name is not None and not pd.api.types.is_numeric_dtype(columns[name].dtype):
            raise InputError.at(role, f"names the column {name!r} of {columns[name].dtype}", "Name a numeric column.")
    if (x is None) != (y is None):
        raise InputError.at("x" if x is None else "y", "is missing", "Pass both `x` and `y`, or neither.")
