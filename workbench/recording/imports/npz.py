"""NumPy archives: `logits[epochs, n, k]`, `given_label[n]`, optionally probabilities, embeddings, ids, class names.

Logits are read from the archive one block of rows at a time, so an import needs no more memory than for its largest
other array. Pickles are never loaded.
"""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
import zipfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, MissingEvidence, WorkbenchError, first_few
from workbench.recording.imports.staging import check_free, landing
from workbench.runs.run import Run
from workbench.storage.layout import atomic
from workbench.storage.limits import TooMuch
from workbench.storage.npy import Header, check_archive, parse_header
from workbench.storage.tables import check_target
from workbench.tasks.class_names import class_text
from workbench.tasks.label_type import LabelType

LABELS_KEYS = ("given_label", "given_labels", "given", "label", "labels")
IDS = ("ids", "id", "guids", "guid")
CLASSES_KEYS = ("class_names", "classes")
OUT_OF_FOLD_KEYS = ("oos_pred_probs", "oof_pred_probs")
EMBEDDINGS = ("embedding", "embeddings")
IMAGES = ("images", "image")
TEXTS_KEYS = ("texts", "text")
BLOCK_BYTES = 8 << 20


def recognizes(source: Path) -> bool:
    """Whether the path is an .npz file."""
    return source.suffix.lower() == ".npz"


def read(
    source: str | Path,
    path: str | Path,
    *,
    label: str | None = None,
    out_of_fold: bool | None = None,
    classes: Sequence[str] | None = None,
    logits: bool = False,
    overwrite: bool = False,
    progress: bool = False,
) -> Run:
    """Import an archive into a run directory.

    Parameters
    ----------
    source : .npz with some of these arrays:
        given_label (n,) class index (-1 = none) or class name [also given_labels, given, label, labels];
        logits (epochs, n, k) or (n, k), of any numeric type; a row of NaN was not recorded in that epoch;
        epochs (epochs,) their numbers, by default 0, 1, ...;
        oos_pred_probs (n, k) out-of-fold probabilities; or pred_probs (n, k), with the option `out_of_fold`;
        embedding (n, d); ids (n,), by default row numbers from 0; class_names (k,);
        images (n, h, w) or (n, h, w, 3 or 4); text (n,). Other arrays (n,) become columns of the metadata.
    path : the run directory to create.
    label : name of the array with the given labels, if the archive has several.
    out_of_fold : required with `pred_probs`: whether the model was trained without the examples that it predicts.
    classes : class names in column order, instead of those in the archive.
    logits : whether to keep the logits (float16); statistics are computed from them at full precision in any case.
    overwrite : whether to replace the evidence of an existing run; its journal is kept.
    progress : whether to show a progress bar over epochs.

    Returns
    -------
    Run; if the archive has no logits, the run has no epochs.

    Raises
    ------
    InputError : the archive is damaged or contains Python objects, or an array does not fit; the message names it.
    """
    check_free(path, overwrite)
    source = Path(source)
    if not _is_archive(source):
        raise InputError(f"{source} is not an .npz archive, or is damaged. Save it with numpy.savez.")
    with _explained(source), np.load(source, allow_pickle=False) as archive:
        found = _Archive(source, archive, label)
        dataset = found.dataset(classes)
        probs, is_out_of_fold = found.pred_probs(out_of_fold)
        embeddings = found.optional(EMBEDDINGS, (dataset.n, None))
    from tqdm.auto import tqdm

    with landing(path, dataset, logits=logits, overwrite=overwrite) as recorder:
        bar = tqdm(total=len(found.epochs), desc="import", unit="epoch", disable=not progress or not found.epochs)
        with bar:
            for epoch, blocks in found.dynamics(dataset):
                with recorder.epoch(epoch):
                    for rows, values in blocks:
                        recorder.batch(dataset.ids[rows], values)
                bar.update()
        run = recorder.run()
        if probs is not None:
            run.save_pred_probs(probs, out_of_fold=is_out_of_fold, source=f"imported from {source.name}")
        if embeddings is not None:
            run.save_embeddings(embeddings)
    return Run(path)


def _class_names(dataset: Dataset) -> np.ndarray:
    """Return the classes (k,) in the user's type if that is a number or bool, else their names."""
    text = dataset.label_type.kind == "text"
    return np.array(dataset.classes, str) if text else np.array(dataset.class_values)


def write(run: Run, target: str | Path, *, force: bool = False, logits: bool = True) -> Path:
    """Write a run as an archive that `import_run` can read.

    Parameters
    ----------
    run : Run
    target : a path that ends in .npz.
    force : whether to replace an existing file.
    logits : whether to write the logits (float16); False leaves out the training dynamics.

    Raises
    ------
    MissingEvidence : the run has epochs whose logits were not kept, and `logits` is not False; logits cannot be
        computed from statistics.
    """
    file = check_target(target, force, (".npz",))
    dataset = run.dataset
    arrays: dict[str, Any] = {"given_label": dataset.given_labels, "class_names": _class_names(dataset)}
    arrays["ids"] = dataset.ids if dataset.ids.dtype.kind == "i" else dataset.ids.astype(str)
    if run.epochs and logits:
        if run.logits_epochs != run.epochs:
            how = "Record with logits=True, or write with logits=False to leave out the dynamics."
            raise MissingEvidence.needed("This format", ["logits"], how)
        arrays["epochs"] = np.array(run.epochs)
        arrays["logits"] = np.stack([run.logits(epoch) for epoch in run.epochs])
    probs = run.pred_probs()
    if probs is not None:
        arrays["oos_pred_probs" if probs.out_of_fold else "pred_probs"] = probs.values
    if run.embedding_epochs:
        arrays["embedding"] = run.embeddings()
    for name, values in dataset.metadata.items():
        plain = values.to_numpy()
        if plain.dtype == object and values.map(lambda value: isinstance(value, str)).all():
            plain = plain.astype(str)
        if plain.dtype.kind in "iufbU" and name not in arrays:
            arrays[name] = plain
    with atomic(file) as temporary, open(temporary, "wb") as out:
        np.savez_compressed(out, **arrays)
    return file


def _is_archive(source: Path) -> bool:
    """Whether a file is a zip archive from its first byte on; NumPy treats others as pickles."""
    if not source.is_file() or not zipfile.is_zipfile(source):
        return False
    with open(source, "rb") as file:
        return file.read(2) == b"PK"


@contextlib.contextmanager
def _explained(what: Path | str) -> Generator[None]:
    """Turn the exceptions of NumPy, zipfile and zlib for a damaged file into an InputError."""
    try:
        yield
    except WorkbenchError:
        raise
    except TooMuch as error:
        raise InputError(f"{what} is not read: {error}") from error
    except (OSError, ValueError, EOFError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{what} cannot be read as .npz ({error}). Save it again with numpy.savez.") from error


class _Archive:
    """The contents of an open archive, by role; logits are read in blocks."""

    def __init__(self, source: Path, archive: np.lib.npyio.NpzFile, label: str | None) -> None:
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise InputError(f"{source} holds a single array. Save it with numpy.savez and names.")
        assert archive.zip is not None  # it is open
        check_archive(archive.zip, source.stat().st_size)
        self._source, self._archive, self._zip = source, archive, archive.zip
        self._names = list(archive.files)
        self._used: set[str] = set()
        named = label or self._first(LABELS_KEYS)
        if named is None:
            hint = f"The archive has {first_few(self._names, 8)}."
            raise InputError(f"{source} has no given labels. {hint} Pass the name of the array: label=... (--label).")
        self._label, self._labels = named, self._read(named)
        if self._labels.ndim != 1:
            raise self._misfit(self._label, self._labels.shape, "one label per example, shape (n,)")
        self.n = len(self._labels)
        self._logits_header = self._header("logits") if "logits" in self._names else None
        self.epochs = self._epoch_numbers()

    def dataset(self, classes: Sequence[str] | None) -> Dataset:
        """Create the Dataset: ids, labels, classes, media and the remaining columns."""
        ids = self.optional(IDS, (self.n,))
        stored = self.optional(CLASSES_KEYS, (None,))
        known = classes if classes is not None else stored
        label_type = LabelType.of(self._labels, known)
        names = [class_text(name) for name in ([] if known is None else known)]
        k = self._k()
        if not names and k is not None:
            if self._labels.dtype.kind == "U":
                listed = first_few(sorted(set(self._labels.tolist())))
                found = f"holds names ({listed}), but the order of the columns is not known"
                raise InputError.at(self._label, found, "Add `class_names` to the archive, or give `classes`.")
            names = [str(code) for code in range(k)]
        if names and k is not None and len(names) != k:
            raise InputError.at("classes", f"has {len(names)} names for {k} columns", "Give one per column, in order.")
        images = self.optional(IMAGES, None)
        if images is not None and (len(images) != self.n or images.ndim not in (3, 4)):
            raise self._misfit("images", images.shape, f"({self.n}, h, w) or ({self.n}, h, w, channels)")
        texts = self.optional(TEXTS_KEYS, (self.n,))
        columns = self._columns()
        made = Dataset.from_arrays(
            self._label_values(),
            ids=ids,
            images=images,
            texts=None if texts is None else texts.astype(object),
            classes=names or None,
            metadata=columns,
        )
        return dataclasses.replace(made, label_type=label_type.fitting(made.classes))

    def pred_probs(self, out_of_fold: bool | None) -> tuple[np.ndarray | None, bool]:
        """Return the probabilities, if any, and whether they are out-of-fold: by their name, or as the caller says."""
        shape = (self.n, self._k())
        named = self.optional(OUT_OF_FOLD_KEYS, shape)
        if named is not None:
            return named, True
        plain = self.optional(("pred_probs",), shape)
        if plain is not None and out_of_fold is None:
            found = "does not say whether the model had seen the examples that it predicts"
            raise InputError.at("pred_probs", found, "Pass out_of_fold=True or False (--out-of-fold or --in-sample).")
        return plain, bool(out_of_fold)

    def optional(self, names: Sequence[str], shape: tuple[int | None, ...] | None) -> np.ndarray | None:
        """Return the first array with one of these names, checked for its shape; None if there is none."""
        name = self._first(names)
        if name is None:
            return None
        values = self._read(name)
        if shape is not None:
            fits = values.ndim == len(shape) and all(want in (None, has) for want, has in zip(shape, values.shape))
            if not fits:
                raise self._misfit(name, values.shape, str(shape).replace("None", "*"))
        return values

    def dynamics(self, dataset: Dataset) -> Iterator[tuple[int, Iterator[tuple[np.ndarray, np.ndarray]]]]:
        """Yield (epoch, blocks) in the order of the archive; a block is row numbers (b,) and logits (b, k)."""
        if not self.epochs or self._logits_header is None:
            return
        shape, fortran, dtype, start = self._logits_header
        *_, n, k = shape
        if fortran:
            with _explained(self._source), np.load(self._source, allow_pickle=False) as archive:
                whole = archive["logits"].reshape(-1, n, k)
            for epoch, values in zip(self.epochs, whole):
                yield epoch, self._recorded(values, 0, epoch, dataset)
            return
        with zipfile.ZipFile(self._source) as zipped, zipped.open("logits.npy") as stream:
            with _explained(f"{self._source}: `logits`"):
                stream.seek(start)
            for epoch in self.epochs:
                yield epoch, self._blocks(stream, dtype, epoch, (n, k), dataset)

    def _blocks(
        self, stream: IO[bytes], dtype: np.dtype, epoch: int, shape: tuple[int, int], dataset: Dataset
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the blocks of the epoch that starts at the current position of the stream."""
        n, k = shape
        step = max(1, BLOCK_BYTES // max(1, k * dtype.itemsize))
        for first in range(0, n, step):
            b = min(step, n - first)
            with _explained(f"{self._source}: `logits`"):
                raw = stream.read(b * k * dtype.itemsize)
            if len(raw) != b * k * dtype.itemsize:
                raise InputError(f"{self._source} ends in the middle of `logits`. Copy it again.")
            yield from self._recorded(np.frombuffer(raw, dtype).reshape(b, k), first, epoch, dataset)

    def _recorded(
        self, block: np.ndarray, first: int, epoch: int, dataset: Dataset
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the recorded rows of a block, which are not all NaN; a row with some NaN, or infinity, is an error."""
        block = block.astype(block.dtype.newbyteorder("="), copy=False)
        if block.dtype.kind == "f":
            absent = np.isnan(block).all(axis=1)
            bad = ~np.isfinite(block).all(axis=1) & ~absent
            if bad.any():
                row = first + int(np.flatnonzero(bad)[0])
                found = f"of epoch {epoch} holds NaN or infinity"
                todo = "A row that was not recorded must be all NaN; others must have finite numbers."
                raise InputError.at("logits", found, todo, row=row, id=dataset.ids[row])
        else:
            absent = np.zeros(len(block), bool)
        if not absent.all():
            yield first + np.flatnonzero(~absent), block[~absent]

    def _epoch_numbers(self) -> list[int]:
        """Return the epoch numbers: those in `epochs`, else counted from 0; none without logits."""
        numbers = self.optional(("epochs",), (None,)) if "epochs" in self._names else None
        if self._logits_header is None:
            return []
        self._used.add("logits")
        shape, _, dtype, _ = self._logits_header
        if len(shape) not in (2, 3) or shape[-2] != self.n or shape[-1] < 1 or dtype.kind not in "fiu":
            raise self._misfit("logits", shape, f"(epochs, {self.n}, k), of numbers")
        count = 1 if len(shape) == 2 else shape[0]
        if numbers is None:
            return list(range(count))
        good = len(numbers) == count and numbers.dtype.kind in "iu" and len(set(numbers.tolist())) == count
        if not good or (numbers < 0).any():
            found = f"is {first_few(numbers.tolist())}"
            raise InputError.at("epochs", found, f"Give {count} distinct numbers from 0.")
        return [int(number) for number in numbers]

    def _k(self) -> int | None:
        """Return the number of columns of logits or probabilities, None if there are none."""
        if self._logits_header is not None:
            return int(self._logits_header[0][-1])
        for name in (*OUT_OF_FOLD_KEYS, "pred_probs"):
            if name in self._names:
                shape = self._header(name)[0]
                return int(shape[1]) if len(shape) == 2 else None
        return None

    def _label_values(self) -> Any:
        """Return the labels as `Dataset` accepts them: -1 becomes missing."""
        labels = self._labels
        if labels.dtype.kind not in "iu":
            return labels.astype(object) if labels.dtype.kind == "U" else labels
        low = labels < -1
        if low.any():
            row = int(np.flatnonzero(low)[0])
            raise InputError.at(self._label, f"is {labels[row]}", "Use class indices from 0, -1 for no label.", row=row)
        return pd.Series(labels.astype(np.int64)).astype("Int64").mask(labels == -1)

    def _columns(self) -> pd.DataFrame:
        """Return one-dimensional arrays without a role as the user's columns; a warning names ignored arrays."""
        later = {*OUT_OF_FOLD_KEYS, "pred_probs", *EMBEDDINGS}
        columns, left_out = {}, []
        for name in self._names:
            if name in self._used or name in later:
                continue
            shape, _, dtype, _ = self._header(name)
            if shape == (self.n,) and dtype.kind in "iufbU":
                values = self._read(name)
                columns[name] = values.astype(object) if dtype.kind == "U" else values
            else:
                left_out.append(f"{name} {shape}")
        if left_out:
            listed = ", ".join(left_out)
            warnings.warn(f"{self._source.name}: ignored arrays that have no known role: {listed}.", stacklevel=5)
        return pd.DataFrame(columns, index=pd.RangeIndex(self.n))

    def _first(self, names: Sequence[str]) -> str | None:
        return next((name for name in names if name in self._names), None)

    def _read(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise InputError.unknown("array", name, self._names, f"The archive is {self._source.name}.")
        self._header(name)
        self._used.add(name)
        with _explained(f"{self._source}: `{name}`"):
            return self._archive[name]

    def _header(self, name: str) -> Header:
        """Return the header of an array; refuse Python objects and wrong sizes."""
        if f"{name}.npy" not in self._zip.namelist():
            raise InputError(f"{self._source}: `{name}` is not a NumPy array.")
        with _explained(f"{self._source}: `{name}`"), self._zip.open(f"{name}.npy") as stream:
            header = parse_header(stream)
        size = self._zip.getinfo(f"{name}.npy").file_size - header.start
        if header.nbytes != size:
            found = f"has shape {header.shape} in its header, but {size} bytes of data"
            raise InputError(f"{self._source}: `{name}` {found}. The file is damaged.")
        return header

    def _misfit(self, name: str, shape: tuple[int, ...], wanted: str) -> InputError:
        return InputError.at(name, f"has shape {tuple(shape)} with {len(self._labels)} labels", f"Expected {wanted}.")
