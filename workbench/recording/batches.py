"""Batches of ids and model arguments from many kinds of input.

The input may be an array, a mapping of columns, samples, a torch Dataset, or a DataLoader whose batches contain ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.recording.layers import LABELS

ID_KEYS = ("id", "ids")
"""Keys of the ids in a sample or batch that is a mapping."""


class Batch(NamedTuple):
    """Ids (b,), and the argument of the model: one positional argument, or a mapping of keyword arguments."""

    ids: Any
    x: Any


class Batches:
    """Batches in dataset order, or in the order of the loader; can be iterated repeatedly.

    Parameters
    ----------
    inputs : one of
        - tensor or array (n, ...), rows in dataset order;
        - mapping of columns, each (n, ...), for models that take keyword arguments;
        - list of n samples, or a torch or Hugging Face Dataset of n items, in dataset order: x, (x, y) or a mapping;
          y is ignored. If the items are mappings with "id", their order and number do not matter;
        - DataLoader, or another iterable that can be read repeatedly, of (ids, x, ...) or mappings with "id".
    dataset : the examples.
    batch_size : rows per batch; ignored for loaders.
    collate : function from a list of samples to a batch; by default torch's.
    num_workers : number of processes that fetch samples.
    part : (i, m): every m-th row, starting at row i, for several ranks; loaders select their part themselves.

    Attributes
    ----------
    count : number of batches; None if it is not known before reading.

    Raises
    ------
    InputError : the number of rows differs from that of the dataset, or the input can be read only once.
    """

    def __init__(
        self,
        inputs: Any,
        dataset: Dataset,
        batch_size: int = 256,
        *,
        collate: Callable[[list[Any]], Any] | None = None,
        num_workers: int = 0,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        if batch_size < 1:
            raise InputError.at("batch_size", f"is {batch_size}", "Use 1 or more.")
        self._inputs, self._dataset, self._size = inputs, dataset, batch_size
        self._collate, self._workers = collate, num_workers
        self._rows = np.arange(dataset.n)[part[0] :: part[1]]
        self._read, self.count = self._reader()

    def __iter__(self) -> Iterator[Batch]:
        return self._read()

    def _reader(self) -> tuple[Callable[[], Iterator[Batch]], int | None]:
        inputs, n = self._inputs, self._dataset.n
        parts = -(-len(self._rows) // self._size)
        if isinstance(inputs, Mapping):
            if not inputs:
                raise InputError.at("inputs", "is an empty mapping", "Pass columns of n rows.")
            for name, column in inputs.items():
                _expect(f"inputs[{name!r}]", len(column), n)
            return self._columns, parts
        if hasattr(inputs, "shape") and hasattr(inputs, "dtype"):
            _expect("inputs", len(inputs), n)
            return self._slices, parts
        if _is_loader(inputs):
            return self._loaded, len(inputs) if hasattr(inputs, "__len__") else None
        if hasattr(inputs, "__getitem__") and hasattr(inputs, "__len__"):
            if len(inputs) != n and len(inputs) and _brings_ids(inputs[0]):
                return self._loaded, len(inputs)
            if len(inputs) != n and not (len(inputs) and _sample_id(inputs[0]) is not None):
                _expect("inputs", len(inputs), n)
            if len(inputs) != n:
                self._rows = np.arange(len(inputs))
                parts = -(-len(inputs) // self._size)
            return self._samples, parts
        if hasattr(inputs, "__next__"):
            found = "is an iterator, which can be read only once, but each checkpoint has to read it"
            raise InputError.at("inputs", found, "Pass a list, a Dataset or a DataLoader.")
        if hasattr(inputs, "__iter__"):
            return self._loaded, None
        found = f"is a {type(inputs).__name__}"
        raise InputError.at("inputs", found, "Pass an array, samples, a Dataset or a DataLoader.")

    def _chunks(self) -> Iterator[np.ndarray]:
        for start in range(0, len(self._rows), self._size):
            yield self._rows[start : start + self._size]

    def _slices(self) -> Iterator[Batch]:
        for rows in self._chunks():
            yield Batch(self._dataset.ids[rows], _tensor(self._inputs[_index(rows)]))

    def _columns(self) -> Iterator[Batch]:
        columns = {name: column for name, column in self._inputs.items() if name not in (*LABELS, *ID_KEYS)}
        for rows in self._chunks():
            cut = {name: column[_index(rows)] if hasattr(column, "shape") else [column[i] for i in rows]
                   for name, column in columns.items()}  # fmt: skip
            yield Batch(self._dataset.ids[rows], {name: _tensor(column) for name, column in cut.items()})

    def _samples(self) -> Iterator[Batch]:
        from torch.utils.data import DataLoader, default_collate

        collate = _KeepIds(self._collate or default_collate)
        chunks = [rows.tolist() for rows in self._chunks()]
        loader = DataLoader(self._inputs, batch_sampler=chunks, collate_fn=collate, num_workers=self._workers)
        for rows, (ids, batch) in zip(chunks, loader, strict=True):
            yield Batch(self._dataset.ids[rows] if ids is None else ids, batch)

    def _loaded(self) -> Iterator[Batch]:
        for batch in self._inputs:
            ids, x = split_ids(batch)
            yield Batch(ids, x)


def split_ids(batch: Any) -> tuple[Any, Any]:
    """Return (ids, x) of a batch that is (ids, x, ...) or a mapping with "id".

    Raises
    ------
    InputError : the batch contains no ids.
    """
    if isinstance(batch, Mapping):
        for key in ID_KEYS:
            if key in batch:
                rest = {name: value for name, value in batch.items() if name not in (key, *LABELS)}
                return batch[key], rest
        listed = ", ".join(map(str, batch))
        raise InputError.at("batch", f'has {listed}, but no "id"', 'Add "id" to every sample.')
    if _brings_ids(batch):
        return batch[0], batch[1]
    first = batch[0] if isinstance(batch, (tuple, list)) and len(batch) else batch
    dimensions = getattr(first, "shape", None)
    shape = "" if dimensions is None else f" of shape {tuple(dimensions)}"
    found = f"begins with a {type(first).__name__}{shape}, not with ids"
    todo = 'Make the loader return (ids, x, ...) or mappings with "id", or pass `loader.dataset`, in dataset order.'
    raise InputError.at("batch", found, todo)


def _brings_ids(batch: Any) -> bool:
    """Whether a batch is (ids, x, ...) or a mapping with ids: one-dimensional, integers or text."""
    if isinstance(batch, Mapping):
        return any(key in batch and _are_ids(batch[key]) for key in ID_KEYS)
    return isinstance(batch, (tuple, list)) and len(batch) >= 2 and _are_ids(batch[0])


def _are_ids(ids: Any) -> bool:
    if hasattr(ids, "shape"):
        kind = str(ids.dtype)
        return len(ids.shape) == 1 and ("int" in kind or kind == "object" or kind.startswith("<U"))
    return isinstance(ids, (tuple, list)) and all(isinstance(one, (int, str)) for one in ids)


class _KeepIds:
    """A collate function for samples x, (x, y) or mappings, which separates the ids and drops the labels."""

    def __init__(self, collate: Callable[[list[Any]], Any]) -> None:
        self._collate = collate

    def __call__(self, samples: list[Any]) -> tuple[list[Any] | None, Any]:
        ids = None
        if isinstance(samples[0], Mapping):
            found = [_sample_id(sample) for sample in samples]
            ids = None if found[0] is None else found
            samples = [{k: v for k, v in one.items() if k not in (*ID_KEYS, *LABELS)} for one in samples]
        elif isinstance(samples[0], (tuple, list)):
            samples = [sample[0] for sample in samples]
        try:
            return ids, self._collate(samples)
        except TypeError as error:
            found = f"holds samples that cannot be collated ({str(error)[:120]})"
            raise InputError.at("inputs", found, "Return tensors (with a transform?), or pass `collate=`.") from error


def _sample_id(sample: Any) -> Any:
    if isinstance(sample, Mapping):
        for key in ID_KEYS:
            if key in sample:
                value = sample[key]
                return value.item() if hasattr(value, "item") else value
    return None


def _is_loader(inputs: Any) -> bool:
    import torch

    return isinstance(inputs, torch.utils.data.DataLoader)


def _expect(field: str, found: int, n: int) -> None:
    if found != n:
        todo = "Pass the inputs of all examples in dataset order, or a DataLoader of (ids, x)."
        raise InputError.at(field, f"has {found} rows for {n} examples", todo)


def _index(rows: np.ndarray) -> Any:
    """Return a slice if the rows are consecutive (no copy), else a list of rows."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows.tolist()


def _tensor(values: Any) -> Any:
    """Convert an array or a list of numbers to a tensor; other lists (texts) are returned unchanged."""
    import torch

    if isinstance(values, torch.Tensor):
        return values
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        return torch.from_numpy(np.require(values, requirements=["C", "W"]))
    if isinstance(values, (list, tuple)) and values and not isinstance(values[0], str):
        return torch.as_tensor(np.asarray(values))
    return values


def moved(value: Any, device: Any, floats: Any) -> Any:
    """Move the tensors in `value` (also in mappings, lists and tuples) to a device, floats converted to `floats`."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.to(device=device, dtype=floats if value.is_floating_point() else None, non_blocking=True)
    if isinstance(value, Mapping):
        return {name: moved(one, device, floats) for name, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(moved(one, device, floats) for one in value)
    return value
