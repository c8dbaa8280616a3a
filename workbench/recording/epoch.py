"""An epoch in progress: batches are appended to a stream, and the epoch is sealed at the end.

This module keeps track of the recorded rows, stores logits and embeddings in arrays, and seals: sort by row, compress,
flush to disk, rename.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, first_few
from workbench.foundation.statistics import host_floats
from workbench.recording.reduction import Reduction, host
from workbench.recording.stream import Stream
from workbench.storage.attempts import marked
from workbench.storage.checksums import forget, sealed
from workbench.storage.files import is_there
from workbench.storage.layout import Layout
from workbench.storage.pending import Pending
from workbench.storage.token_epochs import TokenBatch


class OpenEpoch:
    """An epoch in progress: a stream of batches, and the recorded rows.

    Parameters
    ----------
    layout, dataset : of the run.
    reduction : how logits are reduced.
    number : number of the epoch.
    rank, world_size : rank of this process, and number of ranks.
    keep_logits : whether to keep the logits as well.
    embedding_epochs : "all", "last" or the epochs whose embeddings are kept.
    attempt : name of the attempt, shared by the ranks that record together; see `workbench.recording.rendezvous`.
    """

    def __init__(
        self,
        layout: Layout,
        dataset: Dataset,
        reduction: Reduction,
        number: int,
        rank: int,
        world_size: int,
        *,
        keep_logits: bool,
        embedding_epochs: str | Collection[int],
        attempt: str = "",
    ) -> None:
        self.number, self._attempt = number, attempt
        self._layout, self._dataset, self._reduction = layout, dataset, reduction
        self._rank, self._world_size = rank, world_size
        self._keep_logits, self._embedding_epochs = keep_logits, embedding_epochs
        self._seen = np.zeros(self._dataset.n, bool)
        self._turn = np.zeros(self._dataset.n, np.int32)  # position in the last batch with this row
        self._path = self._layout.inflight(number, rank)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._forget_attempts()
        self._pending = Pending(layout.pending(self._path), max(dataset.k, 1))
        self._stream = Stream(self._path, reduction.schema)
        self._begun = False
        self._arrays: dict[str, np.memmap] = {}
        self._stored: dict[str, np.ndarray] = {}  # rows of the arrays that were written
        self._wants_embeddings = isinstance(embedding_epochs, str) or number in embedding_epochs

    def _forget_attempts(self) -> None:
        """Remove files that this rank sealed of an incomplete epoch; the statistics first, since they make it count."""
        cut_short = is_there(self._path)
        if self._world_size > 1:
            self._remove(self._layout.stats(self.number, self._rank, self._world_size))
        for kind in ("logits", "embeddings"):
            if cut_short or self._world_size > 1:
                self._remove(self._array_path(kind))
            if cut_short and self._rank == 0:
                self._remove(self._layout.array(kind, self.number))

    def _remove(self, path: Path) -> None:
        forget(self._layout, path)
        path.unlink(missing_ok=True)

    def add(self, ids: Any, logits: Any, embeddings: Any, skip_repeats: bool, labels: Any = None) -> None:
        """Validate a batch and write it to disk; small batches are collected there and reduced together."""
        rows = self._dataset.rows(ids)
        batch = self._reduction.checked(logits if hasattr(logits, "detach") else np.asarray(logits), labels, len(rows))
        vectors = None
        if embeddings is not None and self._wants_embeddings:
            vectors = _embedding_rows(embeddings, rows, self._dataset.ids)
        repeated = self._repeated(rows)
        if repeated is not None:
            if not skip_repeats:
                offenders = self._dataset.ids[rows[repeated]]
                found = f"holds {len(offenders)} already recorded in epoch {self.number}: {first_few(offenders)}"
                raise InputError.at("ids", found, 'Record each example once per epoch, or pass repeats="skip".')
            first = np.flatnonzero(~repeated)
            rows, batch = rows[first], batch.chosen(first) if isinstance(batch, TokenBatch) else batch[first]
            vectors = None if vectors is None else vectors[first]
        if not len(rows):
            return
        if vectors is not None and "embeddings" in self._arrays:
            before = self._arrays["embeddings"].shape[1]
            if vectors.shape[1] != before:
                found = f"has width {vectors.shape[1]}, before it was {before}"
                raise InputError.at("embeddings", found, "Use the same layer for the whole epoch.")
        logits = batch.logits if isinstance(batch, TokenBatch) else batch
        if not self._begun:
            self._reduction.look_at(host(logits))
        if isinstance(batch, TokenBatch):
            self._append(rows, batch)
        else:
            self._collect(rows, host_floats(logits.detach()) if hasattr(logits, "detach") else logits)
        self._begun = True
        if self._keep_logits:
            self._store("logits", rows, host(logits))
        if vectors is not None:
            self._store("embeddings", rows, vectors)
        self._seen[rows] = True

    def _collect(self, rows: np.ndarray, values: Any) -> None:
        """Collect logits (b, k) of a small batch, or reduce them at once."""
        if isinstance(values, np.ndarray) and self._pending.takes(values):
            if not self._pending.fits(values):
                self._reduce()
            self._pending.add(rows, values)
        else:
            self._reduce()
            self._append(rows, values)

    def _reduce(self) -> None:
        """Reduce the collected batches to statistics."""
        if self._pending.count:
            self._append(*self._pending.gathered())
            self._pending.clear()

    def _append(self, rows: np.ndarray, logits: Any) -> None:
        """Reduce logits to statistics and append them to the stream."""
        try:
            self._reduction.append(self._stream, rows, logits)
        except InputError as error:
            raise error.with_id(self._dataset.ids[rows]) from None

    def _repeated(self, rows: np.ndarray) -> np.ndarray | None:
        """Mask (b,) of rows that were recorded before in this epoch, or earlier in this batch; None if none were."""
        repeated, turn = self._seen[rows], _counted(len(rows))
        self._turn[rows] = turn
        if not repeated.any() and (self._turn[rows] == turn).all():
            return None
        order = np.argsort(rows, kind="stable")
        repeated[order[1:][np.diff(rows[order]) == 0]] = True
        return repeated

    def _store(self, kind: str, rows: np.ndarray, values: np.ndarray) -> None:
        """Write float16 rows to the (n, width) array of this epoch, which has a temporary name."""
        if kind not in self._arrays:
            path = self._array_path(kind)
            path.parent.mkdir(parents=True, exist_ok=True)
            shape = (self._dataset.n, values.shape[1])
            temporary = path.with_name(f".{path.name}.tmp")
            self._arrays[kind] = np.lib.format.open_memmap(temporary, "w+", np.float16, shape)
            self._stored[kind] = np.zeros(self._dataset.n, bool)
        limit = np.finfo(np.float16).max
        self._arrays[kind][rows] = np.clip(values, -limit, limit)
        self._stored[kind][rows] = True

    def _array_path(self, kind: str) -> Path:
        return self._layout.array(kind, self.number, self._rank, self._world_size)

    def seal(self) -> None:
        """Sort by row, compress, flush, rename; the statistics last, since the epoch exists once they do."""
        if not self._begun:
            raise InputError(f"epoch {self.number} recorded no batch. Call rec.batch(ids, logits) inside the block.")
        self._reduce()
        self._pending.close()
        self._stream.close()
        for kind, array in self._arrays.items():
            empty = ~self._stored[kind]
            array[empty if self._world_size == 1 else empty & self._seen] = np.nan  # other rows belong to other ranks
            array.flush()
            temporary, path = _file_of(array), self._array_path(kind)
            with sealed(self._layout, path) as final:
                temporary.replace(final)
        with pa.memory_map(str(self._path)) as source:
            table = pa.ipc.open_stream(source).read_all()
            _, first = np.unique(self._reduction.places(table), return_index=True)  # Ctrl-C may have written one twice
            table = table.take(pa.array(first))
            path = self._layout.stats(self.number, self._rank, self._world_size)
            with sealed(self._layout, path) as temporary:
                pq.write_table(marked(table, self._attempt), temporary, **self._reduction.encoding)
        self._path.unlink()
        if self._embedding_epochs == "last" and "embeddings" in self._arrays:
            for epoch, files in self._layout.arrays("embeddings").items():
                for rank, file in files:
                    if epoch < self.number and rank == self._rank:
                        self._remove(file)

    def close(self) -> None:
        """Close the files; an unsealed stream and the collected logits stay in inflight/."""
        self._pending.close()
        self._stream.close()
        for array in self._arrays.values():
            _file_of(array).unlink(missing_ok=True)
        self._arrays.clear()


def _file_of(array: np.memmap) -> Path:
    assert array.filename is not None  # it maps a file
    return Path(array.filename)


@functools.lru_cache(maxsize=16)
def _counted(length: int) -> np.ndarray:
    """Return 0, 1, 2, ... as int32, cached by length."""
    return np.arange(length, dtype=np.int32)


def _embedding_rows(embeddings: Any, rows: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Validate the embeddings of a batch and return them as (b, d) float32."""
    vectors = host(embeddings)
    if vectors.ndim > 2:
        vectors = vectors.reshape(len(vectors), -1)
    if vectors.ndim != 2 or len(vectors) != len(rows):
        found = f"has shape {vectors.shape} for {len(rows)} ids"
        raise InputError.at("embeddings", found, "Pass one row of d numbers per id.")
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        bad = int(np.flatnonzero(~finite)[0])
        raise InputError.at("embeddings", "has NaN or infinity", "Check the layer.", row=bad, id=ids[rows[bad]])
    return vectors
