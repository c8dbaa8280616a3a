"""Computed results kept in a run's `cache/`, each with the key of what it was made from.

A file is used only if its key equals the one asked for, so new evidence or other parameters make it stale by
themselves, and only if this user computed it and it was not changed since (`seals`): what is unreadable, stale, damaged
or one from somebody else is computed again and replaced. Everything in `cache/` can be deleted.

    found = load(layout, "NAME", key)                 named arrays, or None
    store(layout, "NAME", key, {"points": xy})
    frame = load_frame(layout, "NAME", key)           a DataFrame with its attrs, or None
    store_frame(layout, "NAME", key, frame)

A key is a mapping that JSON can hold, made of digests of the evidence (`evidence_key(layout, dataset)`,
`digest(array)`, `fingerprint(files)`) and of the parameters.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.storage.failures import advice_on, cause_of
from workbench.storage.files import reading_listed
from workbench.storage.layout import Layout, atomic
from workbench.storage.seals import MINE, seal, state_of
from workbench.tasks.protocol import Labels

if TYPE_CHECKING:
    import pandas as pd

    from workbench.data.dataset import Dataset

WHOLE = 1 << 20  # bytes: smaller files are hashed whole, so that a copied run keeps its cache
DIGEST_EDGE = 1 << 16
PIECES, PIECE = 64, 1 << 12  # of a sample: 256 kB at most
UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)  # cut short or not ours: made again


def fingerprint(paths: Iterable[Path], layout: Layout | None = None) -> str:
    """Short digest of the files' names and contents (of large files: size, time and both ends).

    With the `layout` of a run at a URL, its versions stand for contents, so that nothing is fetched.
    """
    digest = hashlib.blake2b(digest_size=12)
    for path in paths:
        version = layout.version(path) if layout is not None else None
        if version is not None:
            digest.update(f"{path.name}\0{version}\0".encode())
            continue
        with reading_listed(path) as file:
            stat = os.fstat(file.fileno())
            digest.update(f"{path.name}\0{stat.st_size}\0".encode())
            if stat.st_size <= WHOLE:
                digest.update(file.read())
            else:
                digest.update(f"{stat.st_mtime_ns}\0".encode())
                digest.update(file.read(DIGEST_EDGE))
                file.seek(-DIGEST_EDGE, 2)
                digest.update(file.read())
    return digest.hexdigest()


def sample_key(paths: Iterable[Path], layout: Layout | None = None) -> str:
    """Short digest of the files' sizes and of pieces all over them: it survives a copy, at the same cost for any size.

    For files that are written as a whole; one changed number in the middle of a large one can stay unseen.
    """
    digest = hashlib.blake2b(digest_size=12)
    for path in paths:
        version = layout.version(path) if layout is not None else None
        if version is not None:
            digest.update(version.encode())
            continue
        with reading_listed(path) as file:
            size = file.seek(0, 2)
            digest.update(f"{size}\0".encode())
            for start in sorted({place * size // PIECES for place in range(PIECES)} | {max(0, size - PIECE)}):
                file.seek(start)
                digest.update(file.read(PIECE))
    return digest.hexdigest()


def labels_digest(labels: Labels) -> str:
    """Short digest of given labels of any kind."""
    if isinstance(labels, np.ndarray):
        return digest(labels)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("labels", labels.type)])) as stream:
        stream.write_batch(pa.record_batch([labels], names=["labels"]))
    return hashlib.blake2b(sink.getvalue(), digest_size=12).hexdigest()


def digest(values: np.ndarray) -> str:
    """Short digest of an array's shape, dtype and values."""
    values = np.ascontiguousarray(values)
    head = f"{values.shape}{values.dtype}".encode()
    return hashlib.blake2b(values.view(np.uint8).data, digest_size=12, key=head[:64]).hexdigest()


def embedding_key(layout: Layout, epoch: int) -> str:
    """Digest of the embeddings of one epoch."""
    return fingerprint((path for _, path in layout.arrays("embeddings")[epoch]), layout)


def text_key(dataset: Dataset) -> dict[str, str]:
    """What is made from the texts of the examples was made from these."""
    return {"texts": digest(np.frombuffer("\0".join(map(str, dataset.texts())).encode(), np.uint8))}


def cache_file(layout: Layout, name: str) -> Path:
    """A file in `cache/`; what is there can be deleted at any time and is computed again."""
    layout.cache.mkdir(exist_ok=True)
    return layout.cache / name


def load(layout: Layout, name: str, key: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
    """The arrays that this user stored as `name` under exactly this key, or None."""
    path = layout.cache / f"{name}.npz"
    try:
        if not path.is_file() or state_of(path, path.name) != MINE:
            return None
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
            if stored["key"].tobytes() != _encode(key):
                return None
            return {field: stored[field] for field in stored.files if field != "key"}
    except UNREADABLE:
        return None


def stored_key(layout: Layout, name: str) -> dict[str, Any] | None:
    """Under which key this user stored something as `name`, or None."""
    path = layout.cache / f"{name}.npz"
    try:
        if not path.is_file() or state_of(path, path.name) != MINE:
            return None
        with np.load(path, allow_pickle=False) as stored:
            return dict(json.loads(stored["key"].tobytes()))
    except (*UNREADABLE, TypeError):
        return None


def store(
    layout: Layout, name: str, key: Mapping[str, Any], arrays: Mapping[str, np.ndarray], *, quiet: bool = False
) -> None:
    """Store arrays as `name`, whole or not at all.

    In a place that cannot be written a warning says that nothing was kept, unless `quiet`.
    """
    try:
        path = cache_file(layout, f"{name}.npz")
        with atomic(path) as temporary:
            with open(temporary, "wb") as file:
                named: dict[str, Any] = {"key": np.frombuffer(_encode(key), np.uint8), **arrays}
                np.savez(file, **named)
            seal(temporary, path.name)
    except OSError as error:
        if not quiet:
            warn_not_kept(name, layout.root, error, stacklevel=4)


def warn_not_kept(what: str, place: Path, error: OSError, stacklevel: int = 3) -> None:
    """Say that a result is there but will have to be computed again."""
    warnings.warn(
        f"{what}: computed but not kept, since {place} could not be written ({cause_of(error)}). {advice_on(error)}",
        stacklevel=stacklevel,
    )


def cached(
    layout: Layout, name: str, key: Mapping[str, Any], make: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """The arrays stored as `name` under `key`, made and stored if they are not there."""
    found = load(layout, name, key)
    if found is None:
        found = make()
        store(layout, name, key, found)
    return found


def key_digest(key: Mapping[str, Any]) -> str:
    """Short digest of a key, for file names."""
    return hashlib.blake2b(_encode(key), digest_size=12).hexdigest()


def evidence_key(layout: Layout, dataset: Dataset) -> dict[str, object]:
    """What a judgement of all examples is made from: given labels, texts, and every file of evidence of the run.

    Decisions in the journal are not part of it.
    """
    files = [path for paths in layout.sealed().values() for path in paths]
    for kind in ("embeddings", "logits"):
        files += [path for parts in layout.arrays(kind).values() for _, path in parts]
    files += [path.with_suffix(".json") for path in files if path.parent.name == "embeddings"]
    files += [layout.pred_probs, layout.pred_probs.with_suffix(".json"), layout.votes, layout.planted, layout.edges]
    if dataset.text_column is not None:
        files.append(layout.examples)
    there = [path for path in files if path.is_file() or layout.version(path) is not None]
    labels = labels_digest(dataset.labels)
    key: dict[str, object] = {"labels": labels, "evidence": fingerprint(there, layout), "n": dataset.n, "k": dataset.k}
    return key if dataset.label_type.plain else key | {"label_type": dataset.label_type.to_json()}


# ---- a DataFrame ---------------------------------------------------------------------------------------------------


def load_frame(layout: Layout, name: str, key: Mapping[str, Any]) -> pd.DataFrame | None:
    """The DataFrame that this user stored as `name` under exactly this key, or None."""
    stored = load(layout, name, key)
    if stored is None:
        return None
    try:
        about = json.loads(stored["about"].tobytes())
        index, *columns = (_restored(stored, nth, one) for nth, one in enumerate(about["columns"]))
        frame = pd.DataFrame(dict(enumerate(columns)), index=pd.Index(index, name=about["index"]))
        frame.columns = _from_json(about["names"], stored)
        frame.attrs = _from_json(about["attrs"], stored)
        return frame
    except (*UNREADABLE, TypeError, IndexError):
        return None


def store_frame(layout: Layout, name: str, key: Mapping[str, Any], frame: pd.DataFrame, *, quiet: bool = True) -> None:
    """Store a DataFrame with its index, dtypes and `attrs`, whole or not at all.

    Columns hold numbers, bools, dates, text or missing values; attrs what JSON can hold, tuples, and numpy arrays.

    Raises
    ------
    TypeError : something else is in it.
    """
    arrays: dict[str, np.ndarray] = {}
    values = [frame.index.to_series(), *(frame.iloc[:, place] for place in range(frame.shape[1]))]
    about = {
        "index": frame.index.name,
        "names": _to_json(list(frame.columns), arrays),
        "columns": [_taken_apart(arrays, nth, one) for nth, one in enumerate(values)],
        "attrs": _to_json(dict(frame.attrs), arrays),
    }
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    store(layout, name, key, arrays, quiet=quiet)


def _taken_apart(arrays: dict[str, np.ndarray], nth: int, values: pd.Series) -> str | dict[str, Any] | None:
    """Put a column among the arrays; its dtype in words where it had to become text, or its categories."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "iufbmM":
        arrays[f"column-{nth}"] = values.to_numpy()
        return None
    if isinstance(values.dtype, pd.CategoricalDtype):
        arrays[f"column-{nth}"] = values.cat.codes.to_numpy()
        categories = values.cat.categories
        listed = _to_json(categories.tolist(), arrays)
        return {"categories": listed, "dtype": str(categories.dtype), "ordered": bool(values.cat.ordered)}
    texts = json.dumps([_to_json(value, arrays) for value in values.astype(object)])
    arrays[f"column-{nth}"] = np.frombuffer(texts.encode(), np.uint8)
    return str(values.dtype)


def _restored(stored: Mapping[str, np.ndarray], nth: int, dtype: str | dict[str, Any] | None) -> Any:
    values = stored[f"column-{nth}"]
    if dtype is None:
        return values
    if isinstance(dtype, dict):
        categories = pd.Index(_from_json(dtype["categories"], stored), dtype=dtype["dtype"])
        return pd.Categorical.from_codes(values, categories, ordered=dtype["ordered"])
    parsed = _from_json(json.loads(values.tobytes()), stored)
    whole = np.empty(len(parsed), object)
    whole[:] = parsed
    return whole if dtype == "object" else pd.array(whole, dtype=dtype)


def _to_json(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """A value as JSON; what JSON lacks as an object with one field of a reserved name, arrays beside it."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if value is pd.NA or value is pd.NaT:
        return {"": "missing"}
    if isinstance(value, np.generic):
        return _to_json(value.item(), arrays)
    if isinstance(value, np.ndarray) and value.dtype.kind in "iufbmMU":
        name = f"array-{len(arrays)}"
        arrays[name] = value
        return {"": "array", "name": name}
    if isinstance(value, list):
        return [_to_json(one, arrays) for one in value]
    if isinstance(value, tuple):
        return {"": "tuple", "items": [_to_json(one, arrays) for one in value]}
    if isinstance(value, Mapping):
        items = [[_to_json(one, arrays) for one in pair] for pair in value.items()]
        return {"": "mapping", "items": items}
    raise TypeError(f"cannot be kept in a cache: {type(value).__name__}")


def _from_json(value: Any, stored: Mapping[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_from_json(one, stored) for one in value]
    if not isinstance(value, dict):
        return value
    kind = value[""]
    if kind == "missing":
        return pd.NA
    if kind == "array":
        return stored[value["name"]]
    items = [_from_json(one, stored) for one in value["items"]]
    return tuple(items) if kind == "tuple" else {key: one for key, one in items}


def _encode(key: Mapping[str, Any]) -> bytes:
    return json.dumps({"version": 1, **key}, sort_keys=True).encode()
