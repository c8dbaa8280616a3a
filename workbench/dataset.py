"""The examples under doubt: ids, given labels, classes, the user's columns and media. Never altered.

Hides how ids and labels of many kinds (int, str, bool, categorical, missing) become two arrays: unique `ids` and
integer `given_labels` into `classes`, with -1 for "no label yet". Rows are joined by id everywhere, never by position.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.cells import cell_text, is_missing
from workbench.classes import class_codes, object_array
from workbench.errors import InputError, first_few, shortened
from workbench.storage.roots import media_root as find_root
from workbench.tasks import TASKS

UNLABELLED = -1
"""Class index of an example without a given label."""

RESERVED = ("row", "id", "given_label", "image", "audio")
"""Names that the project's own files use; user columns of the same name get a trailing underscore."""


@dataclass(frozen=True, repr=False)
class Dataset:
    """n examples with given labels, perhaps wrong, that nothing in the project ever changes.

    Make one with `from_frame` or `from_arrays`; the constructor takes values that are already clean.

    Attributes
    ----------
    ids : (n,) int64, or object array of str; unique, the user's own.
    given_labels : (n,) int64, class index in [0, k), or -1 where there is no label.
    classes : tuple of k class names (str).
    metadata : DataFrame of n rows with the user's other columns, RangeIndex.
    images : sequence of n, each PNG/JPEG/... bytes, a path (str) or None; None when there are no images.
    sounds : the same for WAV, MP3, OGG or FLAC.
    text_column : name of the column of `metadata` that holds the text of an example, or None.
    task : kind of label, a key of `workbench.tasks.TASKS`.
    media_root : folder below which paths of images and sounds are read, or None when there are no paths.
    column_of : the user's own names of columns that have another name here: "id", "given_label", "image" and "audio",
        and columns of `metadata` that were renamed. `workbench.export` gives them back.
    """

    ids: np.ndarray
    given_labels: np.ndarray
    classes: tuple[str, ...]
    metadata: pd.DataFrame = field(default_factory=pd.DataFrame)
    images: Sequence[bytes | str | None] | None = None
    text_column: str | None = None
    task: str = "multiclass"
    media_root: Path | None = None
    planted: pd.DataFrame | None = None
    sounds: Sequence[bytes | str | None] | None = None
    column_of: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise InputError.unknown("task", self.task, TASKS)
        if self.metadata.shape[1] == 0:
            object.__setattr__(self, "metadata", pd.DataFrame(index=pd.RangeIndex(len(self.ids))))
        TASKS[self.task].check(self.given_labels, self.classes)
        for name in ("ids", "given_labels"):
            getattr(self, name).setflags(write=False)

    def __repr__(self) -> str:
        parts = [f"{self.n:,} examples", f"{self.k} classes ({first_few(self.classes)})"]
        unlabelled = int((self.given_labels < 0).sum())
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
        label: str = "label",
        *,
        id: str | None = None,
        image: str | None = None,
        audio: str | None = None,
        text: str | None = None,
        classes: Sequence[object] | None = None,
        media_root: str | Path | None = None,
    ) -> Dataset:
        """Read a DataFrame with one row per example.

        Parameters
        ----------
        frame : DataFrame; the columns not named below are kept as metadata.
        label : column with the given label (str, int, bool or categorical); missing values mean "no label yet".
        id : column with unique ids (int or str); without it the row numbers from 0.
        image : column with image paths (str) or encoded image bytes (PNG, JPEG, ...).
        audio : column with paths or bytes of sounds (WAV, MP3, OGG, FLAC).
        text : column with the text of the example.
        classes : class names in the order wanted. Integer labels with str `classes` are indices into them.
            Without it: the sorted distinct labels.
        media_root : folder below which images and sounds are read; relative paths start there. Default: the current
            folder; where all paths are absolute and lie elsewhere, their common folder.

        Raises
        ------
        InputError : a named column is missing, an id repeats or is missing, a label is not among `classes`, absolute
            paths of images or sounds of which none can be read.

        Warns
        -----
        UserWarning : some of the files cannot be read, or none of relative paths (of more than 4,000, as many are
            looked for).
        """
        for role, name in {"label": label, "id": id, "image": image, "audio": audio, "text": text}.items():
            if name is not None and name not in frame.columns:
                raise InputError.unknown("column", name, frame.columns, f"It was named as `{role}=`.")
        ids = np.arange(len(frame)) if id is None else frame[id].to_numpy()
        taken = {name for name in (label, id, image, audio) if name is not None}
        metadata = frame.drop(columns=list(taken)).reset_index(drop=True)
        made = cls.from_arrays(
            frame[label],
            ids=ids,
            images=None if image is None else list(frame[image]),
            sounds=None if audio is None else list(frame[audio]),
            texts=None,
            classes=classes,
            media_root=media_root,
            text_column=text,
            metadata=metadata,
        )
        named = {"id": id, "given_label": label, "image": image, "audio": audio}
        named = {role: str(name) for role, name in named.items() if name is not None}
        return dataclasses.replace(made, column_of={**made.column_of, **named})

    @classmethod
    def from_arrays(
        cls,
        labels: Iterable[object],
        *,
        ids: Iterable[object] | None = None,
        images: Sequence[Any] | np.ndarray | None = None,
        sounds: Sequence[bytes | str | Path | None] | None = None,
        texts: Sequence[str] | None = None,
        classes: Sequence[object] | None = None,
        metadata: pd.DataFrame | None = None,
        media_root: str | Path | None = None,
        text_column: str | None = None,
    ) -> Dataset:
        """Read parallel arrays of length n.

        Parameters
        ----------
        labels, ids, classes, media_root : as in `from_frame`.
        images : array (n, h, w) or (n, h, w, 3 or 4), uint8 or float in [0, 1]; or a sequence of bytes, paths,
            PIL images or arrays.
        sounds : bytes or paths of WAV, MP3, OGG or FLAC files.
        texts : n strings, kept as the column "text".
        metadata : DataFrame of n rows with other columns.
        """
        codes, names = class_codes(labels, classes)
        n = len(codes)
        clean_ids = _clean_ids(np.arange(n) if ids is None else ids, n)
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
        made = cls(clean_ids, codes, names, columns, pictures, text_column, "multiclass", root, sounds=heard)
        return dataclasses.replace(made, column_of=renamed)

    @property
    def n(self) -> int:
        """Number of examples."""
        return len(self.ids)

    @property
    def k(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def given(self) -> np.ndarray:
        """(n,) object array of class names, None where there is no label."""
        return self.names_of(self.given_labels)

    def names_of(self, codes: np.ndarray) -> np.ndarray:
        """Class names (object array, None for -1) of class indices of any shape."""
        return np.array([*self.classes, None], dtype=object)[np.asarray(codes)]

    def code_of(self, name: object) -> int:
        """Class index of a class name; the error lists what there is."""
        try:
            return self._code_by_name[str(name)]
        except KeyError:
            raise InputError.unknown("class", name, self.classes) from None

    def rows(self, ids: Iterable[object]) -> np.ndarray:
        """(m,) int64 row numbers of ids.

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
                raise InputError.at("ids", f"holds what is no id ({error})", "Pass (b,) ids, int or str.") from error
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
                rows = self._index.get_indexer(wanted).astype(np.int64)
        if rows.size and rows.min() < 0:
            bad = np.flatnonzero(rows < 0)
            kind = "str" if self.ids.dtype == object else "int"
            raise InputError.at(
                "ids",
                f"has {len(bad)} not in the dataset: {first_few([wanted[place] for place in bad])}",
                f"Use the ids of the Dataset ({kind}), such as {self.ids.tolist()[0]!r}." if self.n else "It is empty.",
            )
        return rows

    def image(self, row: int) -> bytes | str | None:
        """Encoded image bytes, or a path, of one row; None when it has none."""
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

    def with_labels(self, labels: np.ndarray) -> Dataset:
        """The same examples with other given labels (class indices); this one stays as it is."""
        return dataclasses.replace(self, given_labels=np.array(labels, dtype=np.int64))

    @property
    def _arange(self) -> bool:
        return self._cached("_is_arange", lambda: bool(np.array_equal(self.ids, np.arange(self.n))))

    @property
    def _index(self) -> pd.Index:
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
        from workbench.storage.media import encode_png

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


def _clean_ids(ids: Iterable[object], n: int) -> np.ndarray:
    """(n,) int64 or object array of str, unique, or an error that names the first offender."""
    raw = np.asarray(ids) if isinstance(ids, (np.ndarray, pd.Series, pd.Index)) else object_array(ids)
    if raw.shape != (n,):
        raise InputError.at("ids", f"has shape {raw.shape} for {n} labels", "Pass one id per example.")
    if raw.dtype.kind == "i":
        clean = raw.astype(np.int64)
    else:
        values = raw.astype(object)
        kind = pd.api.types.infer_dtype(values, skipna=False)
        if kind not in ("string", "integer", "empty"):
            _refuse_ids(values.tolist())
        _check_storable(values.tolist())
        clean = values.astype(np.int64) if kind == "integer" else values
    duplicated = pd.Index(clean, dtype=clean.dtype).duplicated()
    if duplicated.any():
        row = int(np.flatnonzero(duplicated)[0])
        first = int(np.flatnonzero(clean == clean[row])[0])
        found = f"repeats the id of row {first} ({int(duplicated.sum())} repeats in all)"
        raise InputError.at("ids", found, "Make ids unique.", row=row, id=clean.tolist()[row])
    return clean


def _check_storable(values: list[int | str]) -> None:
    """Refuse integers beyond 64 bits and text that is no Unicode, such as file names in another encoding."""
    for row, value in enumerate(values):
        if isinstance(value, str):
            if not value.isascii() and value.encode(errors="replace").decode() != value:
                found = f"is {shortened(value)}, no valid Unicode"
                raise InputError.at("ids", found, "Decode it properly, or number the examples.", row=row)
        elif not -(2**63) <= value < 2**63:
            raise InputError.at("ids", f"is {shortened(value)}, beyond 64 bits", "Use text: str(id).", row=row)


def _refuse_ids(values: list[object]) -> None:
    """Say which id is neither int nor str, or that both kinds occur."""
    for row, value in enumerate(values):
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            found = f"is {shortened(value)} ({type(value).__name__})"
            raise InputError.at("ids", found, "Ids are int or str and never missing.", row=row)
    ints = sum(isinstance(value, int) for value in values)
    raise InputError.at("ids", f"mixes {ints} int and {len(values) - ints} str", "Use one kind: str(id) for all.")
