"""Record a training, one line per batch: statistics of every example and epoch, safe against crashes.

Hides the writing of the run directory: batches go to an unbuffered Arrow stream as they come, so that a killed process
loses at most the batch under way; a finished epoch is sealed, that is sorted by row, compressed, flushed to disk and
renamed into place. Sealed epochs are never touched again.
"""

from __future__ import annotations

import contextlib
import datetime
import sys
import uuid
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.dataset import Dataset
from workbench.errors import ExistsError, InputError, RunError, first_few
from workbench.examples import read_dataset, write_examples
from workbench.layout import SCHEMA_VERSION, Layout, atomic, read_run_json, write_json
from workbench.ranks import Lock, barrier, rank_and_size
from workbench.run import BLOCK_ROWS, Run
from workbench.statistics import statistics
from workbench.trust import sign

MODES = ("train", "eval", "import")

ENCODING = {
    "compression": "zstd",
    "use_dictionary": ["pred", "topk_class.list.element"],
    "use_byte_stream_split": ["p_given", "margin", "loss", "entropy", "el2n", "topk_p.list.element"],
}
"""How statistics are written: a third smaller and three times faster than the defaults, which look for repeats."""


class Recorder:
    """Writes a run directory from any training loop.

    >>> rec = Recorder("runs/digits", dataset)                                          # doctest: +SKIP
    >>> for epoch in range(rec.next_epoch, 20):                                         # doctest: +SKIP
    ...     with rec.epoch(epoch):
    ...         for ids, x, y in loader:
    ...             logits = model(x)
    ...             rec.batch(ids, logits)

    Parameters
    ----------
    path : run directory; made if missing. If it holds a run of the same dataset, recording goes on at `next_epoch`.
    dataset : the examples; given labels are taken from it, so that a batch needs ids and logits only.
    mode : "train" when logits come from the training pass, "eval" when from a pass of its own (`model.eval()`).
    logits : keep the logits as float16 (n, k) per epoch; 20 MB per epoch at 100,000 x 100.
    embedding_epochs : of which epochs embeddings are kept when `batch` gets them: "all", "last" (only the newest),
        or a collection of epoch numbers.
    overwrite : delete the evidence recorded before; the journal of decisions stays.
    rank, world_size : place of this process among those that record into one run; by default those of
        torch.distributed when it is initialised, else 0 and 1.

    Raises
    ------
    InputError : unusable arguments. RunError : another process records into this run, or the run there has other ids.
    ExistsError : the directory exists and is not a run.
    """

    def __init__(
        self,
        path: str | Path,
        dataset: Dataset,
        *,
        mode: str = "train",
        logits: bool = False,
        embedding_epochs: str | Collection[int] = "all",
        overwrite: bool = False,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        if mode not in MODES:
            raise InputError.unknown("mode", mode, MODES)
        if isinstance(embedding_epochs, str) and embedding_epochs not in ("all", "last"):
            raise InputError.unknown("embedding_epochs", embedding_epochs, ("all", "last", "a list of epoch numbers"))
        self.path = Path(path)
        self.dataset = dataset
        self.mode = mode
        self.rank, self.world_size = rank_and_size(rank, world_size)
        self._layout = Layout(self.path)
        self._keep_logits = logits
        self._embedding_epochs = embedding_epochs
        self._open: _Epoch | None = None
        self._lock = Lock(self.path, self.rank)
        if self.path.exists() and not self.path.is_dir():
            raise ExistsError(f"{self.path} is a file. Choose another path for the run directory.")
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock.take()
        try:
            if self.rank == 0:
                _prepare(self._layout, dataset, mode, overwrite)
                self._layout.clear_leftovers(self.rank, alone=self.world_size == 1)
            barrier(self._layout.run_json, self.rank, self.world_size)
        except BaseException:
            self._lock.release()
            raise

    @property
    def next_epoch(self) -> int:
        """The first epoch that is not sealed yet: where a training goes on after a crash."""
        sealed = self._layout.sealed()
        return max(sealed) + 1 if sealed else 0

    @contextlib.contextmanager
    def epoch(self, number: int) -> Iterator[Recorder]:
        """Record one epoch; it is sealed when the block ends without an exception.

        After an exception (or a crash) what was recorded stays readable in inflight/, and the epoch can be recorded
        again from its start.
        """
        self._check_mine()
        if not self._lock.held:
            self._lock.take()
        if self._open is not None:
            raise InputError(f"epoch {self._open.number} is still open. Close it before opening epoch {number}.")
        if int(number) != number or number < 0:
            raise InputError.at("epoch", f"is {number!r}", "Epochs are integers from 0.")
        if number in self._layout.sealed():
            raise ExistsError(
                f"epoch {number} of {self.path} is already recorded. To continue that training, start at "
                f"rec.next_epoch, {self.next_epoch}; to record anew, use Recorder(..., overwrite=True) or another path."
            )
        self._open = _Epoch(self, int(number))
        try:
            yield self
            self._open.seal()
        finally:
            self._open.close()
            self._open = None

    def batch(
        self, ids: Any, logits: Any = None, embeddings: Any = None, *, probs: Any = None, repeats: str = "refuse"
    ) -> None:
        """Record one batch of the open epoch.

        Parameters
        ----------
        ids : (b,) ids of the dataset: list, array or tensor; any order, each at most once an epoch.
        logits : (b, k) tensor (any device and float type) or array: scores before softmax.
        embeddings : (b, d) tensor or array, stored as float16.
        probs : (b, k) probabilities instead of logits, for models without them; their logarithm is recorded.
        repeats : what to do with an id that this process recorded in this epoch before: "refuse", or "skip", so that
            the first time counts (samplers that draw with replacement or fill the last batch).

        Raises
        ------
        InputError : no open epoch, an unknown or repeated id, a wrong shape, NaN.
        """
        if self._open is None:
            raise InputError("batch() was called outside an epoch. Wrap the loop in `with rec.epoch(e):`.")
        self._check_mine()
        if (logits is None) == (probs is None):
            raise InputError("batch() needs either `logits` or `probs`. Pass one of them.")
        if repeats not in ("refuse", "skip"):
            raise InputError.unknown("repeats", repeats, ("refuse", "skip"))
        self._open.add(ids, _log_of(probs) if logits is None else logits, embeddings, repeats == "skip")

    def _check_mine(self) -> None:
        """Refuse to write beside a Recorder made later by this process, or after close()."""
        if self._lock.taken_over:
            raise RunError(f"a newer Recorder writes to {self.path}. Use that one.")

    def staged(self, stages: Iterable[Any], ids: Any = None, *, every: int = 1) -> None:
        """Record staged predictions, such as those of gradient boosting: stage s as epoch s // every.

        Parameters
        ----------
        stages : iterable of (m, k) probabilities, or (m,) probabilities of the second of two classes; for example
            `model.staged_predict_proba(X)` of scikit-learn.
        ids : (m,) ids of the rows; by default all, in dataset order.
        every : record each `every`-th stage.
        """
        rows = self.dataset.ids if ids is None else ids
        for stage, probs in enumerate(stages):
            if stage % every:
                continue
            probs = np.asarray(probs)
            if probs.ndim == 1 and self.dataset.k == 2:
                probs = np.stack([1 - probs, probs], axis=1)
            with self.epoch(stage // every):
                self.batch(rows, probs=probs)

    def checkpoint(self, model: Any) -> Path:
        """Save the weights of a module, or a state dict, as checkpoints/epoch=NNNN.safetensors of the open epoch.

        Returns the path. Only rank 0 writes.
        """
        if self._open is None:
            raise InputError("checkpoint() was called outside an epoch. Call it inside `with rec.epoch(e):`.")
        from safetensors.torch import save_file

        state: Mapping[str, Any] = model if isinstance(model, Mapping) else model.state_dict()
        path = self._layout.checkpoint(self._open.number)
        if self.rank == 0:
            copies = {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}
            with atomic(path) as temporary:
                save_file(copies, temporary)
        return path

    def save_pred_probs(self, values: np.ndarray, *, out_of_fold: bool, how: str) -> None:
        """Store predicted probabilities (n, k) in dataset order; see `Run.save_pred_probs`."""
        self.run().save_pred_probs(values, out_of_fold=out_of_fold, how=how)

    def run(self) -> Run:
        """The run as recorded so far."""
        return Run(self.path)

    def close(self) -> None:
        """Let other processes record into this run; reading needs no close."""
        self._lock.release()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Epoch:
    """The epoch under way: a stream of batches, and the rows seen."""

    def __init__(self, recorder: Recorder, number: int) -> None:
        self.number = number
        self._recorder = recorder
        self._layout = recorder._layout
        self._dataset = recorder.dataset
        self._seen = np.zeros(self._dataset.n, bool)
        self._path = self._layout.inflight(number, recorder.rank)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists():  # an attempt that was cut short, perhaps while sealing
            for kind in ("logits", "embeddings"):
                self._array_path(kind).unlink(missing_ok=True)
                if recorder.rank == 0:
                    self._layout.array(kind, number).unlink(missing_ok=True)
        self._file = open(self._path, "wb", buffering=0)  # noqa: SIM115 (closed by close())
        self._end = 0  # bytes of whole messages in the stream
        self._arrays: dict[str, np.memmap] = {}
        epochs = recorder._embedding_epochs
        self._wants_embeddings = isinstance(epochs, str) or number in epochs

    def add(self, ids: Any, logits: Any, embeddings: Any, skip_repeats: bool) -> None:
        """Check a batch, reduce it to statistics, and append it to the stream."""
        rows = self._dataset.rows(ids)
        logits = logits if hasattr(logits, "detach") else np.asarray(logits)
        if tuple(logits.shape) != (len(rows), self._dataset.k):
            found = f"has shape {tuple(logits.shape)} for {len(rows)} ids and {self._dataset.k} classes"
            raise InputError.at("logits", found, "Pass one row per id and one column per class of the dataset.")
        vectors = None
        if embeddings is not None and self._wants_embeddings:
            vectors = _embedding_rows(embeddings, rows, self._dataset.ids)
        repeated = self._repeated(rows)
        if repeated is not None:
            if not skip_repeats:
                offenders = self._dataset.ids[rows[repeated]]
                found = f"holds {len(offenders)} already recorded in epoch {self.number}: {first_few(offenders)}"
                raise InputError.at("ids", found, 'Record each example once an epoch, or pass repeats="skip".')
            first = np.flatnonzero(~repeated)
            rows, logits = rows[first], logits[first]
            vectors = None if vectors is None else vectors[first]
        if not len(rows):
            return
        try:
            columns = statistics(logits, self._dataset.given_labels[rows])
        except InputError as error:
            raise error.with_id(self._dataset.ids[rows]) from None
        if vectors is not None and "embeddings" in self._arrays:
            before = self._arrays["embeddings"].shape[1]
            if vectors.shape[1] != before:
                found = f"has width {vectors.shape[1]}, before it was {before}"
                raise InputError.at("embeddings", found, "Use the same layer for the whole epoch.")
        if not self._end:
            _warn_of_probabilities(logits)
        self._append(rows, columns)
        if self._recorder._keep_logits:
            self._store("logits", rows, _host(logits))
        if vectors is not None:
            self._store("embeddings", rows, vectors)
        self._seen[rows] = True

    def _repeated(self, rows: np.ndarray) -> np.ndarray | None:
        """Mask of the rows that were recorded before in this epoch, or earlier in this batch; None when none was."""
        repeated = self._seen[rows]
        if not repeated.any() and len(set(rows.tolist())) == len(rows):
            return None
        order = np.argsort(rows, kind="stable")
        repeated[order[1:][np.diff(rows[order]) == 0]] = True
        return repeated

    def _append(self, rows: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        arrays = [pa.array(rows)]
        for values in columns.values():
            if values.ndim == 2:
                flat = pa.array(np.ascontiguousarray(values).ravel())
                arrays.append(pa.FixedSizeListArray.from_arrays(flat, values.shape[1]))
            else:
                arrays.append(pa.array(values))
        batch = pa.record_batch(arrays, names=["row", *columns])
        if not self._end:
            self._write(batch.schema.serialize())
        self._write(batch.serialize())

    def _write(self, message: pa.Buffer) -> None:
        """Append one message of the stream, whole or (after an error or Ctrl-C that the caller survives) not at all."""
        left = memoryview(message)
        try:
            while left:
                left = left[self._file.write(left) :]
        except BaseException:
            self._file.truncate(self._end)
            self._file.seek(self._end)
            raise
        self._end += len(message)

    def _store(self, kind: str, rows: np.ndarray, values: np.ndarray) -> None:
        """Write float16 rows into the (n, width) array of this epoch, under a temporary name."""
        if kind not in self._arrays:
            path = self._array_path(kind)
            path.parent.mkdir(parents=True, exist_ok=True)
            shape = (self._dataset.n, values.shape[1])
            temporary = path.with_name(f".{path.name}.tmp")
            self._arrays[kind] = np.lib.format.open_memmap(temporary, "w+", np.float16, shape)
        limit = np.finfo(np.float16).max
        self._arrays[kind][rows] = np.clip(values, -limit, limit)

    def _array_path(self, kind: str) -> Path:
        return self._layout.array(kind, self.number, self._recorder.rank, self._recorder.world_size)

    def seal(self) -> None:
        """Sort by row, compress, flush, rename; statistics last, since they make the epoch exist."""
        if not self._end:
            raise InputError(f"epoch {self.number} recorded no batch. Call rec.batch(ids, logits) inside the block.")
        self._file.close()
        for kind, array in self._arrays.items():
            if self._recorder.world_size == 1:
                array[~self._seen] = np.nan
            array.flush()
            temporary, path = Path(array.filename), self._array_path(kind)
            with atomic(path) as final:
                temporary.replace(final)
        with pa.memory_map(str(self._path)) as source:
            table = pa.ipc.open_stream(source).read_all()
            table = table.take(pa.array(np.argsort(table.column("row").to_numpy(), kind="stable")))
            path = self._layout.stats(self.number, self._recorder.rank, self._recorder.world_size)
            with atomic(path) as temporary:
                pq.write_table(table, temporary, row_group_size=BLOCK_ROWS, **ENCODING)
        self._path.unlink()
        if self._recorder._embedding_epochs == "last" and "embeddings" in self._arrays:
            for epoch, files in self._layout.arrays("embeddings").items():
                for rank, file in files:
                    if epoch < self.number and rank == self._recorder.rank:
                        file.unlink()

    def close(self) -> None:
        """Let go of the files; an unsealed stream stays in inflight/."""
        self._file.close()
        for array in self._arrays.values():
            Path(array.filename).unlink(missing_ok=True)
        self._arrays.clear()


def _prepare(layout: Layout, dataset: Dataset, mode: str, overwrite: bool) -> None:
    """Make the run directory, or check that the one there belongs to the same dataset."""
    if not layout.run_json.is_file():
        strangers = sorted(entry.name for entry in layout.root.iterdir() if not entry.name.startswith("."))
        if strangers and not layout.examples.exists():
            holds = first_few(strangers)
            raise ExistsError(f"{layout.root} exists and is not a run (it holds {holds}). Choose another path.")
        _describe(layout, dataset, mode)
        return
    described = read_run_json(layout)
    there = read_dataset(layout, described, None)
    same_ids = np.array_equal(there.ids, dataset.ids)
    if not same_ids and overwrite and layout.journal.exists():
        raise RunError(
            f"{layout.root} holds decisions about other examples (other ids); overwriting would orphan them. "
            "Record to another path, or move journal.sqlite away first."
        )
    if overwrite:
        layout.clear_evidence()
        _describe(layout, dataset, mode)
        return
    same = same_ids and there.classes == dataset.classes and np.array_equal(there.given_labels, dataset.given_labels)
    if not same:
        what = "given labels or classes" if same_ids else "ids"
        raise RunError(
            f"{layout.root} holds a run of a dataset with other {what}. "
            "Record to another path, or use Recorder(..., overwrite=True)."
        )
    if described["mode"] != mode:
        raise RunError(f"{layout.root} was recorded in mode {described['mode']!r}, not {mode!r}. Use another path.")


def _describe(layout: Layout, dataset: Dataset, mode: str) -> None:
    """Write the examples, then run.json, which makes the directory a run."""
    write_examples(layout, dataset)
    identity = uuid.uuid4().hex
    root = dataset.media_root
    described = {
        "schema_version": SCHEMA_VERSION,
        "uuid": identity,
        "task": dataset.task,
        "classes": list(dataset.classes),
        "n": dataset.n,
        "mode": mode,
        "text_column": dataset.text_column,
        "media_root": None if root is None else str(root),
        "media_signature": None if root is None else sign(identity, root),
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "versions": _versions(),
    }
    write_json(layout.run_json, described)


def _versions() -> dict[str, str]:
    """Versions of what shaped the numbers, for whoever wonders later."""
    from importlib import metadata

    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in ("label-workbench", "numpy", "pyarrow", "torch"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _host(values: Any) -> np.ndarray:
    """float32 numpy array of a tensor on any device, or of an array."""
    if hasattr(values, "detach"):
        values = values.detach().float().cpu().numpy()
    return np.asarray(values, dtype=np.float32)


def _embedding_rows(embeddings: Any, rows: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """(b, d) float32 embeddings of a batch, checked."""
    vectors = _host(embeddings)
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


def _warn_of_probabilities(logits: Any) -> None:
    """Warn when a batch of logits looks like probabilities: none below 0, every row summing to 1."""
    values = _host(logits)
    many = values.shape[1] > 1 and values.size >= 20
    if many and values.min() >= 0 and np.allclose(values.sum(axis=1), 1, atol=2e-3):
        warnings.warn(
            "these `logits` look like probabilities: none is negative and every row sums to 1. Pass the scores before "
            "softmax, or `probs=` to Recorder.batch; for a model that ends in softmax `logits_of=torch.log` to replay.",
            stacklevel=4,
        )


def _log_of(probs: Any) -> Any:
    """Logarithm of probabilities, zero taken as the smallest float32 that is not zero."""
    probs = _host(probs)
    if probs.size and (np.nanmin(probs) < 0 or np.nanmax(probs) > 1.001):
        found = f"lies between {np.nanmin(probs):.4g} and {np.nanmax(probs):.4g}"
        raise InputError.at("probs", found, "Probabilities lie in [0, 1]; pass scores before softmax as `logits`.")
    return np.log(np.maximum(probs, np.finfo(np.float32).tiny))
