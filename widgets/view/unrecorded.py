"""Data in memory as a run: a DataFrame, or labels and arrays, with decisions in a file of the user's choice or in none.

Hidden here: a run directory in the temporary folder holds what the rest of the project expects to find (ids, caches,
arrays that were passed in); it goes away with the run. Pictures, texts and columns stay in memory and are not copied.
"""

from __future__ import annotations

import dataclasses
import tempfile
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.foundation.errors import InputError
from workbench.recording.imports.arrays import Handed, handed, store_arrays
from workbench.recording.imports.staging import landing
from workbench.runs.journal import Journal
from workbench.runs.run import Run, open_run
from workbench.storage.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.data.dataset import Dataset

OPTIONS = (*signature(handed).parameters, "x", "y", "journal")[1:]
"""What can be said of data in memory."""

TABLE_SUFFIXES = (".csv", ".jsonl", ".parquet")


class FrameRun(Run):
    """A run without a recording; made by `frame_run`.

    Attributes
    ----------
    axes : names of the two columns that place the points, or None.
    lasting : the file that keeps decisions and named views, or None: then they go away with the kernel.
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
        """Name of the decisions' file, or "DataFrame"."""
        return "DataFrame" if self.lasting is None else self.lasting.stem

    @property
    def views_path(self) -> Path:
        """The file of named views, beside that of the decisions."""
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
    """What `widgets.Explorer(source, ...)` shows of data that was never recorded.

    Parameters
    ----------
    source : DataFrame, labels, Dataset or Evidence
        One row per example. Numeric columns can be coloured and filtered by, categories too, texts are searched.
    label : str, optional
        Column of a DataFrame with the given labels, by default "label".
    x, y : str, optional
        Numeric columns that place the points of the first map.
    journal : str or Path, optional
        File for the decisions (SQLite); it is made when it is not there. Without it they are kept in memory.
    **options
        `pred_probs` (out-of-fold unless `out_of_fold=False`), `embeddings`, `logits`, rows as in the source; `id`,
        `image`, `audio`, `text` name columns of a DataFrame; `ids`, `images`, `sounds`, `texts`, `metadata` go beside
        labels; `classes`, `media_root`. As in `workbench.recording.imports.arrays.handed`. Ids are by default the index
        of a DataFrame or Series, so that `frame.loc[ex.selection]` works.

    Raises
    ------
    InputError
        A named column is missing or of the wrong kind, ids repeat, an array has another number of rows.
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


def opened_run(source: object, options: dict, known: Iterable[str] = ()) -> Run:
    """The run that a view is asked to show: opened from its path, or made of what is in memory.

    Parameters
    ----------
    source : Run, path of a run or of a table, or anything that `frame_run` takes
    options : of `frame_run`; none for a run
    known : the view's own options, to say which one was meant

    Raises
    ------
    InputError
        Something else, an unknown option, or options that go with data in memory beside a run.
    """
    everything = [*known, *OPTIONS]
    for name in options:
        if name not in OPTIONS:
            raise InputError.unknown("option", name, sorted(everything))
    if isinstance(source, (str, Path)) and Path(source).suffix.lower() in TABLE_SUFFIXES and Path(source).is_file():
        options = {"media_root": Path(source).resolve().parent, **options}
        source = read_table(source, text=[options[name] for name in ("label", "id") if options.get(name)])
    if not isinstance(source, (Run, str, Path)):
        return frame_run(source, **options)
    if options:
        todo = "A run knows its columns; leave these out, or pass a DataFrame."
        if {"pred_probs", "embeddings"} & set(options):
            todo = "Store them in it: run.save_pred_probs(P, out_of_fold=True, source=...), run.save_embeddings(E)."
        raise InputError.at(", ".join(options), "goes with a DataFrame or labels", todo)
    return open_run(source) if isinstance(source, (str, Path)) else source


def _check_axes(columns: pd.DataFrame, x: str | None, y: str | None) -> None:
    """Both axes are numeric columns, or there are none."""
    for role, name in {"x": x, "y": y}.items():
        if name is not None and name not in columns.columns:
            raise InputError.unknown("column", name, columns.columns, f"It was named as `{role}=`.")
        if name is not None and not pd.api.types.is_numeric_dtype(columns[name].dtype):
            raise InputError.at(role, f"names the column {name!r} of {columns[name].dtype}", "Name a numeric column.")
    if (x is None) != (y is None):
        raise InputError.at(
            "x" if x is None else "y", "is missing", "Name both columns that place the points, or none."
        )
