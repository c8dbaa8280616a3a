"""A DataFrame as a run: a data set that was never recorded, with decisions in a file of the user's choice or in none.

Hidden here: a run directory in the temporary folder holds what the rest of the project expects to find (ids, caches,
arrays that were passed in); it goes away with the run. Pictures, texts and columns stay in memory and are not copied.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.dataset import Dataset
from workbench.errors import InputError
from workbench.frames import matrix
from workbench.io.landing import landing
from workbench.journal import Journal
from workbench.run import Run, open_run

if TYPE_CHECKING:
    from collections.abc import Sequence


class FrameRun(Run):
    """A run without a recording; made by `frame_run`.

    Attributes
    ----------
    axes : names of the two columns that place the points, or None.
    lasting : the file that keeps decisions and named views, or None: then they go away with the kernel.
    """

    def __init__(self, dataset: Dataset, axes: tuple[str, str] | None, journal: Path | None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="workbench-")
        path = Path(self._folder.name) / "DataFrame"
        nothing = {"images": None, "sounds": None, "text_column": None, "media_root": None}
        bare = dataclasses.replace(dataset, metadata=pd.DataFrame(), **nothing)
        with landing(path, bare, mode="import"):
            pass
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
    frame: pd.DataFrame,
    label: str = "label",
    *,
    id: str | None = None,
    x: str | None = None,
    y: str | None = None,
    image: str | None = None,
    audio: str | None = None,
    text: str | None = None,
    classes: Sequence[object] | None = None,
    media_root: str | Path | None = None,
    pred_probs: np.ndarray | pd.DataFrame | None = None,
    embeddings: np.ndarray | None = None,
    journal: str | Path | None = None,
) -> FrameRun:
    """What `widgets.Explorer(frame, ...)` shows.

    Parameters
    ----------
    frame : one row per example. Numeric columns can be coloured and filtered by, categories too, texts are searched.
    label, image, audio, text, classes, media_root : as in `workbench.Dataset.from_frame`.
    id : column with unique ids; by default the frame's index, so that `frame.loc[ex.selection]` works.
    x, y : numeric columns that place the points of the first map.
    pred_probs : (n, k) out-of-fold probabilities, rows as in the frame, columns in the order of the classes (or named).
    embeddings : (n, d) for the embedding map and neighbours, rows as in the frame.
    journal : file for the decisions (SQLite); it is made when it is not there. Without it they are kept in memory.

    Raises
    ------
    InputError : a named column is missing or of the wrong kind, ids repeat, an array has another number of rows.
    """
    for role, name in {"x": x, "y": y}.items():
        if name is not None and name not in frame.columns:
            raise InputError.unknown("column", name, frame.columns, f"It was named as `{role}=`.")
        if name is not None and not pd.api.types.is_numeric_dtype(frame[name].dtype):
            raise InputError.at(role, f"names the column {name!r} of {frame[name].dtype}", "Name a numeric column.")
    if (x is None) != (y is None):
        raise InputError.at(
            "x" if x is None else "y", "is missing", "Name both columns that place the points, or none."
        )
    options = {"image": image, "audio": audio, "text": text, "classes": classes, "media_root": media_root}
    dataset = Dataset.from_frame(frame, label, id=id, **options)
    if id is None:
        dataset = dataclasses.replace(dataset, ids=_index_ids(frame))
    path = None if journal is None else Path(journal).expanduser().resolve()
    if path is not None and path.is_dir():
        raise InputError.at("journal", f"is the folder {path}", "Name a file, such as decisions.sqlite.")
    run = FrameRun(dataset, None if x is None else (x, y), path)
    if pred_probs is not None:
        values = matrix("pred_probs", pred_probs, None, dataset.classes)
        run.save_pred_probs(values, out_of_fold=True, how="passed with the DataFrame")
    if embeddings is not None:
        run.save_embeddings(np.asarray(embeddings))
    return run


def opened_run(source: Run | pd.DataFrame | str | Path, frame: dict) -> Run:
    """The run that a view is asked to show: opened from its path, or made of a DataFrame and the names of its columns.

    Raises
    ------
    InputError : something else, or names of columns without a DataFrame.
    """
    if isinstance(source, pd.DataFrame):
        return frame_run(source, **frame)
    if frame:
        todo = "A run knows its columns; leave these out, or pass a DataFrame."
        raise InputError.at(", ".join(frame), "goes with a DataFrame", todo)
    if isinstance(source, (str, Path)):
        return open_run(source)
    if not isinstance(source, Run):
        raise InputError.at("run", f"is a {type(source).__name__}", "Pass a Run, its path, or a DataFrame.")
    return source


def _index_ids(frame: pd.DataFrame) -> np.ndarray:
    """The frame's index as ids."""
    return Dataset.from_arrays(np.zeros(len(frame), int), ids=frame.index).ids
