"""Computed results in a run's `cache/`, each stored with a key of its inputs.

A file is used only if its key equals the requested one, so new evidence or other parameters make it stale, and only if
this user computed it and it has not changed since (`seals`). Files that are unreadable, stale, damaged or written by
another user are computed again and replaced. Everything in `cache/` can be deleted.

    found = load(layout, "NAME", key)                 named arrays, or None
    store(layout, "NAME", key, {"points": xy})
    frame = load_frame(layout, "NAME", key)           a DataFrame with its attrs, or None
    store_frame(layout, "NAME", key, frame)

A key is a mapping that can be written as JSON, made of digests of the evidence (`evidence_key(layout, dataset)`,
`digest(array)`, `fingerprint(files)`) and the parameters.
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

from workbench.storage.evidence_tables import evidence_files
from workbench.storage.failures import advice_on, cause_of
from workbench.storage.files import reading_listed
from workbench.storage.layout import Layout, atomic
from workbench.storage.seals import MINE, seal, state_of
from workbench.tasks.protocol import Labels

if TYPE_CHECKING:
    import pandas as pd

    from workbench.data.dataset import Dataset

WHOLE = 1 << 20  # bytes: files up to this size are hashed completely, so that a copied run keeps its cache
DIGEST_EDGE = 1 << 16  # bytes at the beginning and end of a larger file
PIECES, PIECE = 64, 1 << 12  # number and size in bytes of the pieces of a sample: 256 kB at most
UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)  # truncated or foreign: computed again


def fingerprint(paths: Iterable[Path], layout: Layout | None = None) -> str:
    """Return a short digest of the names and contents of files (for large files: size, time and both ends).

    With the `layout` of a run at a URL, the versions of the files replace their contents, so that nothing is fetched.
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
    """Return a short digest of the sizes of files and of pieces spread over them.

    It is the same for a copy of the files, and its cost does not depend on their size. Suitable for files that are
    always written completely: a single changed number in a large file can go unnoticed.
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
    """Return a short digest of given labels of any kind."""
    if isinstance(labels, np.ndarray):
        return digest(labels)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("labels", labels.type)])) as stream:
        stream.write_batch(pa.record_batch([labels], names=["labels"]))
    return hashlib.blake2b(sink.getvalue(), digest_size=12).hexdigest()


def digest(values: np.ndarray) -> str:
    """Return a short digest of an array's shape, dtype and values."""
    values = np.ascontiguousarray(values)
    head = f"{values.shape}{values.dtype}".encode()
    return hashlib.blake2b(values.view(np.uint8).data, digest_size=12, key=head[:64]).hexdigest()


def embedding_key(layout: Layout, epoch: int) -> str:
    """Return a digest of the embeddings of one epoch."""
    return fingerprint((path for _, path in layout.arrays("embeddings")[epoch]), layout)


def text_key(dataset: Dataset) -> dict[str, str]:
    """Return a key for results that are computed from the texts of the examples."""
    return {"texts": digest(np.frombuffer("\0".join(map(str, dataset.texts())).encode(), np.uint8))}


def cache_file(layout: Layout, name: str) -> Path:
    """Return the path of a file in `cache/`, which can be deleted at any time and is then computed again."""
    layout.cache.mkdir(exist_ok=True)
    return layout.cache / name


def load(layout: Layout, name: str, key: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
    """Return the arrays that this user stored as `name` under exactly this key, or None."""
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
    """Return the key under which this user stored `name`, or None."""
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
    """Store arrays as `name` atomically.

    If the cache cannot be written, a warning says so, unless `quiet`.
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
    """Warn that a result was computed but not stored, so that it will be computed again next time."""
    warnings.warn(
        f"{what}: computed but not kept, since {place} could not be written ({cause_of(error)}). {advice_on(error)}",
        stacklevel=stacklevel,
    )


def cached(
    layout: Layout, name: str, key: Mapping[str, Any], make: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Return the arrays stored as `name` under `key`; if there are none, call `make()` and store its result."""
    found = load(layout, name, key)
    if found is None:
        found = make()
        store(layout, name, key, found)
    return found


def key_digest(key: Mapping[str, Any]) -> str:
    """Return a short digest of a key, for file names."""
    return hashlib.blake2b(_encode(key), digest_size=12).hexdigest()


def evidence_key(layout: Layout, dataset: Dataset) -> dict[str, object]:
    """Return the key of results that depend on all evidence: given labels, texts, and every evidence file of the run.

    Decisions in the journal are not included.
    """
    files = [path for paths in layout.sealed().values() for path in paths]
    for kind in ("embeddings", "logits"):
        files += [path for parts in layout.arrays(kind).values() for _, path in parts]
    files += [path.with_suffix(".json") for path in files if path.parent.name == "embeddings"]
    files += [layout.pred_probs, layout.pred_probs.with_suffix(".json"), layout.votes, layout.planted, layout.edges]
    files += evidence_files(layout).values()
    if dataset.text_column is not None:
        files.append(layout.examples)
    there = [path for path in files if path.is_file() or layout.version(path) is not None]
    labels = labels_digest(dataset.labels)
    key: dict[str, object] = {"labels": labels, "evidence": fingerprint(there, layout), "n": dataset.n, "k": dataset.k}
    return key if dataset.label_type.plain else key | {"label_type": dataset.label_type.to_json()}


# ---- a DataFrame ---------------------------------------------------------------------------------------------------


def load_frame(layout: Layout, name: str, key: Mapping[str, Any]) -> pd.DataFrame | None:
    """Return the DataFrame that this user stored as `name` under exactly this key, or None."""
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
    """Store a DataFrame with its index, dtypes and `attrs` atomically.

    Columns may contain numbers, bools, dates, text and missing values; `attrs` may contain JSON values, tuples and
    NumPy arrays.

    Raises
    ------
    TypeError : the DataFrame contains values of another type.
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
    """Add a column to `arrays`. Returns None, its dtype as text if it is stored as JSON, or its categories."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "iufbmM":
        arrays[f"column-{nth}"] = values.to_numpy()
        return None
    if isinstance(values.dtype, pd.CategoricalDtype):
        arrays[f"column-{nth}"] = values.cat.codes.to_numpy()
        categories = values.cat.categories
        listed = _to_json(categories.tolist(), arrays)
        return {"categories": listed, "dtype": str(categories.dtype), "ordered": bool(values.cat.ordered)}
    found: Iterable[Any] = values.astype(object)
    if pd.api.types.infer_dtype(found, skipna=False) == "string":  # few texts in many rows: each is stored once
        codes, found = pd.factorize(np.asarray(found, object))
        arrays[f"codes-{nth}"] = codes.astype(np.int32)
    texts = json.dumps([_to_json(value, arrays) for value in found])
    arrays[f"column-{nth}"] = np.frombuffer(texts.encode(), np.uint8)
    return str(values.dtype)


def _restored(stored: Mapping[str, np.ndarray], nth: int, dtype: str | dict[str, Any] | None) -> Any:
    values = stored[f"column-{nth}"]
    if dtype is None:
        return values
    if isinstance(dtype, dict):
        categories = pd.Index(_from_json(dtype["categories"], stored), dtype=dtype["dtype"])
        return pd.Categorical.from_codes(values, categories, ordered=dtype["ordered"])
    texts = values.tobytes()
    parsed = json.loads(texts)
    if b'{"":' in texts:  # inside of a text the quotes would be escaped
        parsed = _from_json(parsed, stored)
    whole = np.empty(len(parsed), object)
    whole[:] = parsed
    column = whole if dtype == "object" else pd.array(whole, dtype=dtype)
    codes = stored.get(f"codes-{nth}")
    return column if codes is None else column.take(codes)


def _to_json(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Convert a value to JSON. Other types become an object with the reserved field ""; arrays are put in `arrays`."""
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
    raise TypeError(f"cannot be stored in a cache: {type(value).__name__}")


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
