"""The examples under doubt: ids, given labels, classes, the user's columns and media. Never altered.

Hides how ids and labels of many kinds (int, str, bool, categorical, missing) become two arrays: unique `ids` and
`labels`, as the kind of label holds them (`workbench.tasks`). Rows are joined by id everywhere, never by position.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.ids import clean_ids
from workbench.data.media import encode_png
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
"""Names that the project's own files use; user columns of the same name get a trailing underscore."""


@dataclass(frozen=True, repr=False)
class Dataset:
    """n examples with given labels, perhaps wrong, that nothing in the project ever changes.

    Make one with `from_frame` or `from_arrays`; the constructor takes values that are already clean.

    Attributes
    ----------
    ids : (n,) int64, or object array of str; unique, the user's own.
    labels : the given labels: (n,) int64, class index in [0, k), or -1 where there is no label; for other kinds of
        labels an Arrow array of n (`workbench.tasks`).
    classes : tuple of k class names (str).
    metadata : DataFrame of n rows with the user's other columns, RangeIndex.
    images : sequence of n, each PNG/JPEG/... bytes, a path (str) or None; None when there are no images.
    sounds : the same for WAV, MP3, OGG or FLAC.
    text_column : name of the column of `metadata` that holds the text of an example, or None.
    task : kind of label, a key of `workbench.tasks.TASKS`.
    media_root : folder below which paths of images and sounds are read, or None when there are no paths.
    planted : DataFrame id, true_label, planted_label of errors that `plant_errors` made, or None.
    label_type : in which type the labels were given, and come back: int, float, bool, text, categorical.
    edges : edges between the examples (`workbench.graphs`), or None.
    column_of : the user's own names of columns that have another name here: "id", "given_label", "image" and "audio",
        and columns of `metadata` that were renamed. `workbench.export` gives them back.
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
        """Read a DataFrame with one row per example.

        Parameters
        ----------
        frame : DataFrame; the columns not named below are kept as metadata.
        label : column with the given label (str, int, bool or categorical); missing values mean "no label yet". A list
            of columns for kinds of labels that have several.
        task : kind of label, a key of `workbench.tasks.TASKS`.
        id : column with unique ids (int or str); without it the row numbers from 0.
        image : column with image paths (str) or encoded image bytes (PNG, JPEG, ...).
        audio : column with paths or bytes of sounds (WAV, MP3, OGG, FLAC).
        text : column with the text of the example.
        classes : class names in the order wanted. Integer labels with str `classes` are indices into them.
            Without it: the sorted distinct labels.
        media_root : folder below which images and sounds are read; relative paths start there. Default: the current
            folder; where all paths are absolute and lie elsewhere, their common folder.
        edges : edges between the examples: a DataFrame with the columns source and target, which are ids, and perhaps
            weight; or (m, 2) row numbers.
        **options : further options for the type of label; none for "multiclass".

        Returns
        -------
        Dataset

        Raises
        ------
        InputError : a named column is missing, an id repeats or is missing, a label is not among `classes`, absolute
            paths of images or sounds of which none can be read.

        Warns
        -----
        UserWarning : some of the files cannot be read, or none of relative paths (of more than 4,000, as many are
            looked for).
        """
        several = list(label) if isinstance(label, (list, tuple)) else [label]
        roles = [*(("label", one) for one in several), ("id", id), ("image", image), ("audio", audio), ("text", text)]
        for role, name in roles:
            if name is not None and name not in frame.columns:
                raise InputError.unknown("column", name, frame.columns, f"It was named as `{role}=`.")
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
        """Read parallel arrays of length n.

        Parameters
        ----------
        labels, task, ids, classes, media_root, edges, options : as in `from_frame`.
        images : array (n, h, w) or (n, h, w, 3 or 4), uint8 or float in [0, 1]; or a sequence of bytes, paths,
            PIL images or arrays.
        sounds : bytes or paths of WAV, MP3, OGG or FLAC files.
        texts : sequence (n,) of str, kept as the column "text".
        metadata : DataFrame of n rows with other columns.
        text_column : name of the column of `metadata` that holds the text of an example.

        Returns
        -------
        Dataset

        Raises
        ------
        InputError : lengths that differ, ids that repeat, a label that is not among `classes`, an unknown option.
        """
        kind = find_task(task)
        for name in options:
            if name not in reading_options(kind):
                raise InputError.unknown("option", name, reading_options(kind), f"The labels are {task!r}.")
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
        text_column = f"{text_column}_" if text_column in RESERVED else text_column
        if texts is not None:
            if len(texts) != n:
                raise InputError.at("texts", f"has {len(texts)} entries for {n} labels", "Pass one text per example.")
            text_column = "text"
            columns = columns.assign(text=list(texts))
        if images is not None and len(images) != n:
            raise InputError.at("images", f"has {len(images)} entries for {n} labels", "Pass one image per example.")
        if sounds is not None and len(sounds) != n:
            raise InputError.at("sounds", f"has {len(sounds)} entries for {n} labels", "Pass one sound per example.")
        pictures = None if images is None else _Images(images)
        heard = None if sounds is None else _Sounds(sounds)
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
        """What a person can judge, with the given labels (`workbench.tasks.units`)."""
        return self._cached("_units", lambda: self.kind.units(self.labels, self.classes))

    @property
    def given_labels(self) -> np.ndarray:
        """(n,) int64 class indices, -1 where there is no label.

        Raises
        ------
        InputError : the labels are of a kind that is not one class per example; `labels` and `units` hold those.
        """
        if not self.kind.one_class:
            found = f"is asked for in a Dataset of the task {self.task!r}, whose examples have no single class"
            raise InputError.at("given_labels", found, "Use its `units`.")
        return self.labels

    @property
    def given(self) -> Any:
        """(n,) array of the given labels in the type in which they were given (`label_type`).

        Of one class per example: int64, float64, bool or object (text, None where there is no label); the nullable
        dtypes of pandas (Int64, boolean) where integers or bools have gaps; a Categorical where the column was one.
        """
        return self.as_given(self.labels)

    def as_given(self, labels: Labels) -> Any:
        """(n,) `labels`, held as those of the dataset are, in the type in which the user gave them."""
        if self.kind.one_class:
            return self.label_type.column(labels, self.classes)
        return self.kind.to_column(labels, self.classes)

    @property
    def class_values(self) -> tuple[Any, ...]:
        """The k classes in the type in which the labels were given; `classes` are their names."""
        return tuple(self.label_type.values(self.classes))

    def labels_of(self, codes: np.ndarray) -> Any:
        """(m,) labels in the user's type, as `given`, of int class indices (`codes`) (m,); missing for -1."""
        return self.label_type.column(codes, self.classes)

    def names_of(self, codes: np.ndarray) -> np.ndarray:
        """Class names, an object array of str, None for -1, of int class indices: `codes` (m,) or of any shape."""
        return np.array([*self.classes, None], dtype=object)[np.asarray(codes)]

    def code_of(self, label: object) -> int:
        """Class index of a class (`label`), a value of the user's type (3) or its name ("3").

        Raises
        ------
        InputError : there is no such class; the error lists what there is.
        """
        try:
            return self._code_by_name[class_text(label)]
        except KeyError:
            raise InputError.unknown("class", label, self.classes) from None

    def codes_of(self, labels: Any) -> np.ndarray:
        """(m,) int64 class indices of `labels`, values of the user's type or names; -1 where missing or no class."""
        return codes_among(labels, self.classes)

    def rows(self, ids: Any) -> np.ndarray:
        """(m,) int64 row numbers of `ids`.

        Raises
        ------
        InputError : an id is not in the dataset; the message shows the first offenders.
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
                if not rows.size or int(rows.view(np.uint64).max()) < self.n:  # one look: negative ones are huge there
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
        """Rows of those of some ids that are in the dataset, and which of the ids those are.

        Parameters
        ----------
        ids : (m,) int or str, or whatever else; one that is not there is no error, as it is for `rows`.

        Returns
        -------
        (found,) int64 row numbers, in the order of the ids; and bool (m,), True for an id that was found.
        """
        rows = self.index.get_indexer(ids)
        known = rows >= 0
        return rows[known], known

    def image(self, row: int) -> bytes | str | None:
        """Encoded image bytes, or a path, of one `row`; None when it has none."""
        return None if self.images is None else self.images[row]

    def sound(self, row: int) -> bytes | str | None:
        """Encoded bytes of a sound, or a path, of one row; None when it has none."""
        return None if self.sounds is None else self.sounds[row]

    def text(self, row: int) -> str | None:
        """Text of one row; None when the dataset has no text."""
        if self.text_column is None:
            return None
        value = self.metadata[self.text_column].iat[row]
        return None if is_missing(value) else cell_text(value)

    def texts(self) -> list[str]:
        """Texts of all rows, "" where one is missing.

        Raises
        ------
        InputError : the dataset has no text column.
        """
        if self.text_column is None:
            raise InputError.at("text", "is not among the columns", "Name it: `Dataset.from_frame(..., text=COLUMN)`.")
        column = self.metadata[self.text_column]
        return ["" if is_missing(value) else cell_text(value) for value in column.tolist()]

    def value_of(self, unit: int) -> str | None:
        """What is given of a `unit`, as the journal holds values; None for no unit (-1), or where nothing is given."""
        units, code = self.units, None if unit < 0 else self.units.given[unit]
        if unit < 0 and self.kind.nothing:
            return self.kind.encode(None)
        if code is None or code != code or (self.kind.asks != "number" and code < 0):
            return None
        shape = None if units.shapes is None else units.shapes[unit].as_py()
        return self.kind.encode(self.kind.value(code, shape, self.classes))

    def values_at(self, rows: Sequence[int] | np.ndarray, keys: Sequence[str]) -> list[str | None]:
        """What is given of each unit, by int `rows` (m,) and `keys`, as `value_of` says it; of no unit as well."""
        found = zip(self.units.find(rows, keys).tolist(), rows, keys, strict=True)
        kind = self.kind
        return [
            self.value_of(unit) if unit >= 0 else kind.implied(self.labels, int(row), key, self.classes)
            for unit, row, key in found
        ]

    def with_labels(self, labels: Labels) -> Dataset:
        """The same examples with other given `labels`, held in the same way; this one stays as it is."""
        labels = np.array(labels, dtype=np.int64) if self.kind.one_class else labels
        return dataclasses.replace(self, labels=labels)

    def with_classes(self, classes: Sequence[str]) -> Dataset:
        """The same examples and labels in a larger label space: `classes` are those of the dataset, then others."""
        return self if len(classes) == self.k else dataclasses.replace(self, classes=tuple(classes))

    @property
    def _arange(self) -> bool:
        return self._cached("_is_arange", lambda: bool(np.array_equal(self.ids, np.arange(self.n))))

    @property
    def index(self) -> pd.Index:
        """The ids as an index of pandas: `index.get_indexer(ids)` are row numbers, -1 where there is none."""
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


class _Images(Sequence):
    """Images as given, encoded only when one is asked for: bytes and paths stay, arrays become PNG."""

    def __init__(self, images: Sequence[Any] | np.ndarray) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, row: Any) -> Any:
        image = self._images[row]
        if image is None or image is pd.NA or (isinstance(image, float) and np.isnan(image)):
            return None
        if isinstance(image, (bytes, bytearray, memoryview)):
            return bytes(image)
        if isinstance(image, (str, Path)):
            return str(image)
        return encode_png(image, row)

    def paths(self) -> Iterator[tuple[int, str | Path]]:
        """Row and path of each image that is named by one."""
        if self.any_path():
            yield from ((row, one) for row, one in enumerate(self._images) if isinstance(one, (str, Path)))

    def any_path(self) -> bool:
        if isinstance(self._images, np.ndarray) and self._images.dtype != object:
            return self._images.dtype.kind == "U"
        return any(isinstance(image, (str, Path)) for image in self._images)


class _Sounds(_Images):
    """Sounds as given: bytes and paths."""

    def __getitem__(self, row: Any) -> Any:
        sound = self._images[row]
        if sound is None or isinstance(sound, (bytes, bytearray, memoryview, str, Path, float, type(pd.NA))):
            return super().__getitem__(row)
        found = f"is a {type(sound).__name__}"
        raise InputError.at("sounds", found, "Pass the bytes or the path of a WAV, MP3, OGG or FLAC file.", row=row)
