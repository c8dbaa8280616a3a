"""The data set under review: ids, given labels, classes, the user's columns and media. It is never modified.

Ids and labels of many types (int, str, bool, categorical, missing) are converted to two arrays: unique `ids`, and
`labels` as the kind of label stores them (`workbench.tasks`). Rows are always joined by id, never by position.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.given_media import GivenImages, GivenSounds
from workbench.data.ids import clean_ids
from workbench.data.roots import media_root as find_root
from workbench.foundation.cells import cell_text, is_missing
from workbench.foundation.errors import InputError, first_few
from workbench.graphs.edges import Edges
from workbench.tasks import find_task
from workbench.tasks.class_names import class_text
from workbench.tasks.label_type import PLAIN, LabelType, codes_among
from workbench.tasks.protocol import Labels, Task, reading_options
from workbench.tasks.units import Units

RESERVED = ("row", "id", "given_label", "image", "audio")
"""Column names that the project's files use; user columns with these names get a trailing underscore."""


@dataclass(frozen=True, repr=False)
class Dataset:
    """A data set of n examples with their given labels. The labels may be wrong; they are never modified.

    Use `from_frame` or `from_arrays` to create one; the constructor expects values that are already validated.

    Attributes
    ----------
    ids : (n,) int64, or object array of str; unique, as the user passed them.
    labels : the given labels: (n,) int64, class index in [0, k), or -1 for unlabelled examples; for other kinds of
        labels an Arrow array of length n (`workbench.tasks`).
    classes : tuple of k class names (str).
    metadata : DataFrame of n rows with the user's other columns, RangeIndex.
    images : sequence of length n, each PNG/JPEG/... bytes, a path (str) or None; None if there are no images.
    sounds : the same for WAV, MP3, OGG or FLAC.
    text_column : name of the column of `metadata` that contains the text of an example, or None.
    task : kind of label, a key of `workbench.tasks.TASKS`.
    media_root : folder below which paths of images and sounds are read, or None if there are no paths.
    planted : DataFrame with columns id, true_label, planted_label of the errors made by `plant_errors`, or None.
    label_type : type of the labels as the user passed them, in which they are returned: int, float, bool, text or
        categorical.
    edges : edges between the examples (`workbench.graphs`), or None.
    column_of : dict of column name here to the user's own name where the two differ: "id", "given_label", "image",
        "audio", and renamed columns of `metadata`. `workbench.export` restores the user's names.
    """

    ids: np.ndarray
    labels: Labels
    classes: tuple[str, ...]
    metadata: pd.DataFrame = field(default_factory=pd.DataFrame)
    images: Sequence[bytes | str | None] | None = None
    text_column: str | None = None
    task: str = "multiclass"
    media_root: Path | None = None
    planted: pd.DataFrame | None = None
    sounds: Sequence[bytes | str | None] | None = None
    column_of: Mapping[str, str] = field(default_factory=dict)
    label_type: LabelType = PLAIN
    edges: Edges | None = None

    def __post_init__(self) -> None:
        kind = find_task(self.task)
        if self.metadata.shape[1] == 0:
            object.__setattr__(self, "metadata", pd.DataFrame(index=pd.RangeIndex(len(self.ids))))
        kind.check(self.labels, self.classes)
        for array in (self.ids, self.labels):
            if isinstance(array, np.ndarray):
                array.setflags(write=False)

    def __repr__(self) -> str:
        parts = [f"{self.n:,} examples", f"{self.k} classes ({first_few(self.classes)})"]
        unlabelled = int(self.kind.missing(self.labels).sum())
        parts += [f"{unlabelled:,} unlabelled"] if unlabelled else []
        parts += ["images"] if self.images is not None else []
        parts += ["sounds"] if self.sounds is not None else []
        parts += [f"text in {self.text_column!r}"] if self.text_column is not None else []
        parts += [f"{len(self.planted):,} planted errors"] if self.planted is not None else []
        return f"<Dataset {self.task}: {', '.join(parts)}>"

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        label: str | list[str] = "label",
        *,
        task: str = "multiclass",
        id: str | None = None,
        image: str | None = None,
        audio: str | None = None,
        text: str | None = None,
        classes: Sequence[object] | None = None,
        media_root: str | Path | None = None,
        edges: Any = None,
        **options: Any,
    ) -> Dataset:
        """Create a data set from a DataFrame with one row per example.

        Parameters
        ----------
        frame : DataFrame; columns not named below are kept as metadata. For pairs, also one row per pair.
        label : column with the given label (str, int, bool or categorical); missing values mean "no label yet". A list
            of columns for kinds of labels that need several.
        task : kind of label, a key of `workbench.tasks.TASKS`.
        id : column with unique ids (int or str). Default: row numbers from 0.
        image : column with image paths (str) or encoded image bytes (PNG, JPEG, ...).
        audio : column with paths or bytes of sounds (WAV, MP3, OGG, FLAC).
        text : column with the text of the example.
        classes : class names in the desired order. Integer labels with str `classes` are indices into them.
            Default: the sorted distinct labels.
        media_root : folder below which images and sounds are read; relative paths start there. Default: the current
            folder, or the common folder of the paths if all are absolute and some lie outside it.
        edges : DataFrame with columns source and target (ids), optionally weight; or int array (m, 2) of row numbers
            Edges between the examples.
        **options : further options of the kind of label; none for "multiclass".

        Returns
        -------
        Dataset

        Raises
        ------
        InputError : a named column is missing, an id is missing or not unique, a label is not among `classes`, or
            paths of images or sounds are absolute and none of the files can be read.

        Warns
        -----
        UserWarning : some of the files cannot be read, or none of the files with relative paths. At most 4,000 files
            are checked.
        """
        kind = find_task(task)
        if kind.long_tables:
            frame, gathered = kind.gather(
                frame, {"label": label, "id": id, "text": text, "classes": classes, **options}
            )
            label, id, text = (gathered.pop(name) for name in ("label", "id", "text"))
            options = gathered
        several = list(label) if isinstance(label, (list, tuple)) else [label]
        if len(several) > 1 and find_task(task).one_class:
            found = f"names {len(several)} columns, and labels of the task {task!r} are in one"
            raise InputError.at("label", found, "Name one column, or the `task` of your labels, such as 'numbers'.")
        roles = [*(("label", one) for one in several), ("id", id), ("image", image), ("audio", audio), ("text", text)]
        for role, name in roles:
            if name is not None and name not in frame.columns:
                raise InputError.unknown("column", name, frame.columns, f"It was passed as `{role}=`.")
        ids = np.arange(len(frame)) if id is None else frame[id].to_numpy()
        taken = {name for name in (*several, id, image, audio) if name is not None}
        metadata = frame.drop(columns=list(taken)).reset_index(drop=True)
        made = cls.from_arrays(
            frame[several if isinstance(label, (list, tuple)) else label],
            task=task,
            ids=ids,
            images=None if image is None else list(frame[image]),
            sounds=None if audio is None else list(frame[audio]),
            texts=None,
            classes=classes,
            media_root=media_root,
            text_column=text,
            metadata=metadata,
            edges=edges,
            **options,
        )
        named = {"id": id, "given_label": several[0] if len(several) == 1 else None, "image": image, "audio": audio}
        named = {role: str(name) for role, name in named.items() if name is not None}
        return dataclasses.replace(made, column_of={**made.column_of, **named})

    @classmethod
    def from_arrays(
        cls,
        labels: Any,
        *,
        task: str = "multiclass",
        ids: Iterable[object] | None = None,
        images: Sequence[Any] | np.ndarray | None = None,
        sounds: Sequence[bytes | str | Path | None] | None = None,
        texts: Sequence[str] | np.ndarray | None = None,
        classes: Sequence[object] | None = None,
        metadata: pd.DataFrame | None = None,
        media_root: str | Path | None = None,
        text_column: str | None = None,
        edges: Any = None,
        **options: Any,
    ) -> Dataset:
        """Create a data set from parallel arrays of length n.

        Parameters
        ----------
        labels, task, ids, classes, media_root, edges, options : as in `from_frame`.
        images : array (n, h, w) or (n, h, w, 3 or 4), uint8 or float in [0, 1]; or a sequence of bytes, paths,
            PIL images or arrays.
        sounds : bytes or paths of WAV, MP3, OGG or FLAC files.
        texts : sequence (n,) of str, kept as the column "text".
        metadata : DataFrame of n rows with further columns.
        text_column : name of the column of `metadata` that contains the text of an example.

        Returns
        -------
        Dataset

        Raises
        ------
        InputError : lengths differ, ids are not unique, a label is not among `classes`, or an option is unknown.
        """
        kind = find_task(task)
        for name in options:
            if name not in reading_options(kind):
                raise InputError.unknown("option", name, reading_options(kind), f"The labels are {task!r}.")
        if kind.long_tables and isinstance(labels, pd.DataFrame):
            return cls.from_frame(labels, task=task, classes=classes, **options)
        labels = list(labels) if hasattr(labels, "__next__") else labels
        given, names = kind.read(labels, classes, **options)
        n = len(given)
        unique_ids = clean_ids(np.arange(n) if ids is None else ids, n)
        columns = pd.DataFrame(index=pd.RangeIndex(n)) if metadata is None else metadata.reset_index(drop=True)
        if len(columns) != n:
            raise InputError.at("metadata", f"has {len(columns)} rows for {n} labels", "Pass one row per example.")
        renamed = {f"{name}_": name for name in columns.columns if name in RESERVED}
        columns = columns.set_axis([f"{name}_" if name in RESERVED else str(name) for name in columns.columns], axis=1)
        if columns.columns.has_duplicates:
            twice = columns.columns[columns.columns.duplicated()].tolist()
            raise InputError.at("metadata", f"has two columns named {first_few(twice)}", "Rename one of them.")
        kind.check_metadata(given, columns)
        text_column = f"{text_column}_" if text_column in RESERVED else text_column
        for name, values in (("text", texts), ("image", images), ("sound", sounds)):
            if values is not None and len(values) != n:
                found = f"has {len(values)} entries for {n} labels"
                raise InputError.at(f"{name}s", found, f"Pass one {name} per example.")
        if texts is not None:
            text_column = "text"
            columns = columns.assign(text=list(texts))
        pictures = None if images is None else GivenImages(images)
        heard = None if sounds is None else GivenSounds(sounds)
        media = {"image": pictures, "audio": heard}
        root = find_root({name: found for name, found in media.items() if found is not None}, media_root or None)
        links = None if edges is None else Edges.of(edges, n, unique_ids)
        made = cls(unique_ids, given, names, columns, pictures, text_column, task, root, sounds=heard, edges=links)
        return dataclasses.replace(made, column_of=renamed, label_type=kind.label_type(labels, classes).fitting(names))

    @property
    def n(self) -> int:
        """Number of examples."""
        return len(self.ids)

    @property
    def k(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def kind(self) -> Task:
        """The kind of label, see `workbench.tasks.protocol.Task`."""
        return find_task(self.task)

    @property
    def units(self) -> Units:
        """The units of review, each of which has a given label (`workbench.tasks.units`)."""
        return self._cached("_units", lambda: self.kind.units(self.labels, self.classes))

    @property
    def given_labels(self) -> np.ndarray:
        """(n,) int64 class indices, -1 for unlabelled examples.

        Raises
        ------
        InputError : the task does not have exactly one class per example; use `labels` or `units`.
        """
        if not self.kind.one_class:
            found = f"does not exist in a Dataset of the task {self.task!r}, whose examples do not have a single class"
            raise InputError.at("given_labels", found, "Use its `units`.")
        return self.labels

    @property
    def given(self) -> Any:
        """(n,) array of the given labels in the user's type (`label_type`).

        With one class per example: int64, float64, bool or object (text, None if unlabelled); a nullable dtype of
        pandas (Int64, boolean) for integers or bools with missing values; a Categorical if the column was one.
        """
        return self.as_given(self.labels)

    def as_given(self, labels: Labels) -> Any:
        """Convert `labels` (n,), stored like `self.labels`, to the user's type."""
        if self.kind.one_class:
            return self.label_type.column(labels, self.classes)
        return self.kind.to_column(labels, self.class_values)

    @property
    def class_values(self) -> tuple[Any, ...]:
        """The k classes in the user's type; `classes` are their names."""
        return tuple(self.label_type.values(self.classes))

    def labels_of(self, codes: np.ndarray) -> Any:
        """Convert int class indices, `codes` (m,), to labels in the user's type, as `given`; missing for -1."""
        return self.label_type.column(codes, self.classes)

    def names_of(self, codes: np.ndarray) -> np.ndarray:
        """Convert int class indices, `codes` (m,) or of any shape, to class names: object array of str, None for -1."""
        return np.array([*self.classes, None], dtype=object)[np.asarray(codes)]

    def code_of(self, label: object) -> int:
        """Return the index of a class. `label` is a value of the user's type (3) or a class name ("3").

        Raises
        ------
        InputError : there is no such class; the message lists the classes.
        """
        try:
            return self._code_by_name[class_text(label)]
        except KeyError:
            raise InputError.unknown("class", label, self.classes) from None

    def codes_of(self, labels: Any) -> np.ndarray:
        """Convert `labels` (m,), values of the user's type or class names, to int64 class indices.

        Missing values and unknown classes become -1.
        """
        return codes_among(labels, self.classes)

    def rows(self, ids: Any) -> np.ndarray:
        """Return the row numbers of `ids` (m,), int64 (m,).

        Raises
        ------
        InputError : an id is not in the dataset; the message lists the first such ids.
        """
        if hasattr(ids, "detach"):
            ids = ids.detach().cpu().numpy()
        if self.ids.dtype == object:
            wanted = ids.tolist() if isinstance(ids, np.ndarray) else ids if isinstance(ids, list) else list(ids)
            find = self._row_by_id.get
            try:
                rows = np.fromiter((find(one, -1) for one in wanted), np.int64, len(wanted))
            except TypeError as error:
                raise InputError.at("ids", f"holds invalid ids ({error})", "Pass (b,) ids, int or str.") from error
        else:
            wanted = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids))
            if wanted.ndim != 1:
                raise InputError.at("ids", f"has shape {wanted.shape}", "Pass (b,) ids, int or str.")
            if self._arange and wanted.dtype.kind in "iu":
                rows = wanted.astype(np.int64)
                if not rows.size or int(rows.view(np.uint64).max()) < self.n:  # one pass: as uint64, negatives are huge
                    return rows
                rows[rows >= self.n] = -1
            else:
                rows = self.index.get_indexer(wanted).astype(np.int64)
        if rows.size and rows.min() < 0:
            bad = np.flatnonzero(rows < 0)
            kind = "str" if self.ids.dtype == object else "int"
            raise InputError.at(
                "ids",
                f"has {len(bad)} not in the dataset: {first_few([wanted[place] for place in bad])}",
                f"Use the ids of the Dataset ({kind}), such as {self.ids.tolist()[0]!r}." if self.n else "It is empty.",
            )
        return rows

    def find(self, ids: pd.Index | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Look up ids; unlike `rows`, unknown ids are not an error.

        Parameters
        ----------
        ids : (m,) ids, int or str; values of other types are unknown ids.

        Returns
        -------
        rows : (found,) int64 row numbers of the known ids, in the order of `ids`.
        known : (m,) bool, whether each id is in the dataset.
        """
        rows = self.index.get_indexer(ids)
        known = rows >= 0
        return rows[known], known

    def image(self, row: int) -> bytes | str | None:
        """Return the encoded image bytes, or the path, of a `row`; None if it has no image."""
        return None if self.images is None else self.images[row]

    def sound(self, row: int) -> bytes | str | None:
        """Return the encoded bytes, or the path, of the sound of a `row`; None if it has no sound."""
        return None if self.sounds is None else self.sounds[row]

    def text(self, row: int) -> str | None:
        """Return the text of a `row`; None if it is missing or the dataset has no text."""
        if self.text_column is None:
            return None
        value = self.metadata[self.text_column].iat[row]
        return None if is_missing(value) else cell_text(value)

    def texts(self) -> list[str]:
        """Return the texts of all rows, "" where the text is missing.

        Raises
        ------
        InputError : the dataset has no text column.
        """
        if self.text_column is None:
            raise InputError.at("text", "is not among the columns", "Name it: `Dataset.from_frame(..., text=COLUMN)`.")
        column = self.metadata[self.text_column]
        return ["" if is_missing(value) else cell_text(value) for value in column.tolist()]

    def value_of(self, unit: int) -> str | None:
        """Return the given value of a `unit`, encoded as in the journal; None for no unit (-1) or no given value."""
        units, code = self.units, None if unit < 0 else self.units.given[unit]
        if unit < 0 and self.kind.nothing:
            return self.kind.encode(None)
        if code is None or code != code or (self.kind.asks != "number" and code < 0):
            return None
        shape = None if units.shapes is None else units.shapes[unit].as_py()
        return self.kind.encode(self.kind.value(code, shape, self.classes))

    def values_at(
        self, rows: Sequence[int] | np.ndarray, keys: Sequence[str], said: Sequence[str | None] | None = None
    ) -> list[str | None]:
        """Return the given value, as `value_of`, of each unit named by `rows` (m,) int and `keys` (m,).

        If there is no such unit, the value is the one that the label implies; for some kinds of labels this depends on
        values `said` (m,) that were decided or suggested for the units (`Task.implied`).
        """
        about = [None] * len(keys) if said is None else said
        found = zip(self.units.find(rows, keys).tolist(), rows, keys, about, strict=True)
        kind = self.kind
        return [
            self.value_of(unit) if unit >= 0 else kind.implied(self.labels, int(row), key, self.classes, one)
            for unit, row, key, one in found
        ]

    def with_labels(self, labels: Labels) -> Dataset:
        """Return a copy with other given `labels`, stored like `self.labels`."""
        labels = np.array(labels, dtype=np.int64) if self.kind.one_class else labels
        return dataclasses.replace(self, labels=labels)

    def with_classes(self, classes: Sequence[str]) -> Dataset:
        """Return a copy with a larger label space: `classes` are the classes of the dataset, followed by others."""
        return self if len(classes) == self.k else dataclasses.replace(self, classes=tuple(classes))

    @property
    def _arange(self) -> bool:
        return self._cached("_is_arange", lambda: bool(np.array_equal(self.ids, np.arange(self.n))))

    @property
    def index(self) -> pd.Index:
        """The ids as a pandas Index: `index.get_indexer(ids)` returns row numbers, -1 for unknown ids."""
        return self._cached("_id_index", lambda: pd.Index(self.ids, dtype=self.ids.dtype))

    @property
    def _row_by_id(self) -> Mapping[str, int]:
        return self._cached("_rows_of_ids", lambda: {id: row for row, id in enumerate(self.ids.tolist())})

    @property
    def _code_by_name(self) -> Mapping[str, int]:
        return self._cached("_codes", lambda: {name: code for code, name in enumerate(self.classes)})

    def _cached(self, name: str, make: Any) -> Any:
        if name not in self.__dict__:
            object.__setattr__(self, name, make())
        return self.__dict__[name]
