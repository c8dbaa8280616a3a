"""Record a training with one line per batch: statistics of every example (or tag) in every epoch, safe against crashes.

The Recorder creates the run directory, continues after a crash, and ensures that one process writes per rank. Batches
can be read as soon as they are recorded. A finished epoch is sealed, and sealed epochs are never changed.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import sys
import uuid
import weakref
from collections.abc import Collection, Generator, Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from workbench.data.dataset import Dataset
from workbench.data.inputs import check_dataset
from workbench.foundation.errors import ExistsError, InputError, RunError, first_few
from workbench.recording.checkpoints import save_tensors
from workbench.recording.epoch import OpenEpoch
from workbench.recording.ranks import Lock, barrier, rank_and_size
from workbench.recording.reduction import REDUCTIONS, Reduction, reduction_of
from workbench.recording.rendezvous import Attempt
from workbench.runs.per_epoch import OF_TOKEN_MODELS
from workbench.runs.run import Run
from workbench.storage.checksums import note, sealed
from workbench.storage.examples import read_dataset, write_examples
from workbench.storage.failures import WriteError, failed_to_write, writing
from workbench.storage.files import is_there
from workbench.storage.layout import MODES, SCHEMA_VERSION, UNITS_VERSION, Layout, read_run_json, write_json
from workbench.storage.names import MOST_EPOCHS, check_entries
from workbench.storage.remote import layout_at
from workbench.storage.trust import sign
from workbench.tasks import require_task


class Recorder:
    """Record a training into a run directory, from any training loop.

    >>> rec = Recorder("runs/digits", dataset)                                          # doctest: +SKIP
    >>> for epoch in range(rec.next_epoch, 20):                                         # doctest: +SKIP
    ...     with rec.epoch(epoch):
    ...         for ids, x, y in loader:
    ...             logits = model(x)
    ...             rec.batch(ids, logits)

    Parameters
    ----------
    path : run directory or URL; created if missing. If there is a run of the same dataset, recording continues at
        `next_epoch`.
    dataset : the examples. Given labels are taken from it, so that a batch needs only ids and logits.
    mode : "train" if the logits come from the training pass, "eval" if they come from a separate pass (`model.eval()`).
    logits : whether to keep the logits as float16 (n, k) per epoch; 20 MB per epoch for n = 100,000 and k = 100.
    embedding_epochs : epochs whose embeddings are kept, if `batch` receives any: "all", "last" (only the newest), or a
        collection of epoch numbers.
    storage_options : options for fsspec if `path` is a URL. Epochs are recorded in a local folder of this user and
        uploaded when they are sealed; failed uploads are repeated when the next Recorder is created.
    overwrite : whether to delete the evidence recorded before; the journal of decisions is kept.
    rank, world_size : rank of this process, and number of processes that record into the run; by default those of
        torch.distributed if it is initialized, else 0 and 1. An epoch counts when all ranks that were started together
        have sealed it. Ranks on several machines that record to one URL need torch.distributed.

    Raises
    ------
    InputError : an argument is invalid.
    RunError : another process records into this run, or the existing run has other ids.
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
        storage_options: Mapping[str, Any] | None = None,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        if mode not in MODES:
            raise InputError.unknown("mode", mode, MODES)
        check_dataset(dataset)
        if logits and dataset.task in OF_TOKEN_MODELS:
            todo = "Leave it out: the statistics of each token are kept."
            raise InputError.at("logits", f"is True for labels of the task {dataset.task!r}", todo)
        if isinstance(embedding_epochs, str) and embedding_epochs not in ("all", "last"):
            raise InputError.unknown("embedding_epochs", embedding_epochs, ("all", "last", "a list of epoch numbers"))
        self._place, self._storage_options = path, storage_options
        self.dataset = dataset
        self.mode = mode
        self.rank, self.world_size = rank_and_size(rank, world_size)
        self.layout: Layout = layout_at(path, storage_options)
        self.path = self.layout.root
        self._keep_logits = logits
        self._embedding_epochs = embedding_epochs
        self._open: OpenEpoch | None = None
        self._reduction: Reduction | None = None
        self._lock = Lock(self.path, self.rank)
        if self.path.exists() and not self.path.is_dir():
            raise ExistsError(f"{self.path} is a file. Choose another path for the run directory.")
        with writing(self.path, below=True):
            self._begin(dataset, mode, overwrite)

    def _begin(self, dataset: Dataset, mode: str, overwrite: bool) -> None:
        """Lock the run, and create its directory or validate the existing one."""
        self.path.mkdir(parents=True, exist_ok=True)
        check_entries(self.path)
        self._lock.take()
        try:
            if self.rank == 0:
                _prepare(self.layout, dataset, mode, overwrite)
                self.layout.clear_leftovers(self.rank, alone=self.world_size == 1)
            barrier(self.layout.run_json, self.rank, self.world_size)
            if self.rank:
                self.layout.refresh()
            else:
                self.layout.catch_up()
            self._attempt = Attempt(self.path, self.rank, self.world_size)
            self._leaving = weakref.finalize(self, self._attempt.leave_at_exit)
        except BaseException:
            self._lock.release()
            raise

    @property
    def next_epoch(self) -> int:
        """The first epoch after the last sealed one, at which a training continues after a crash."""
        sealed = self.layout.sealed()
        return max(sealed) + 1 if sealed else 0

    @contextlib.contextmanager
    def epoch(self, number: int) -> Generator[Recorder]:
        """Context manager to record one epoch; it is sealed when the block ends without an exception.

        After an exception or a crash, the recorded batches stay readable in inflight/, and the epoch can be recorded
        again from its start.

        Parameters
        ----------
        number : int, from 0.

        Raises
        ------
        InputError : another epoch is open, or `number` is not a valid epoch.
        ExistsError : the epoch is already recorded.
        """
        require_task(self.dataset, REDUCTIONS, "a recording of epochs")
        self._check_mine()
        if not self._lock.held:
            self._lock.take()
        if not self._leaving.alive:
            self._leaving = weakref.finalize(self, self._attempt.leave_at_exit)
        if self._open is not None:
            raise InputError(f"epoch {self._open.number} is still open. Close it before opening epoch {number}.")
        if not isinstance(number, (int, float, np.number)) or number % 1 != 0 or not 0 <= number < MOST_EPOCHS:
            raise InputError.at("epoch", f"is {number!r}", f"Epochs must be integers from 0 to {MOST_EPOCHS - 1:,}.")
        if number in self.layout.sealed():
            raise ExistsError(
                f"epoch {number} of {self.path} is already recorded. To continue that training, start at "
                f"rec.next_epoch, {self.next_epoch}; to start over, use Recorder(..., overwrite=True) or another path."
            )
        with writing(self.path, below=True):
            self._open = OpenEpoch(
                self.layout,
                self.dataset,
                self._reduction_of_labels(),
                int(number),
                self.rank,
                self.world_size,
                keep_logits=self._keep_logits,
                embedding_epochs=self._embedding_epochs,
                attempt=self._attempt.go_on(),
            )
        self._attempt.failed = True
        try:
            yield self
            with writing(self.path, below=True):
                self._open.seal()
            self._attempt.failed = False
        finally:
            self._open.close()
            self._open = None

    def batch(
        self, ids: Any, logits: Any = None, embeddings: Any = None, *, probs: Any = None, labels: Any = None,
        repeats: str = "refuse",
    ) -> None:  # fmt: skip
        """Record one batch of the open epoch.

        Parameters
        ----------
        ids : (b,) ids of the dataset: list, array or tensor; in any order, each at most once per epoch.
        logits : (b, k) tensor (any device and float type) or array: scores before softmax; for multi-label data,
            before the sigmoid of each tag; for spans and classes of tokens (b, T, k), of each position.
        embeddings : (b, d) tensor or array, stored as float16.
        probs : (b, k) tensor or array, probabilities instead of logits for models without logits. Their logarithm is
            recorded (for multi-label data, their log odds).
        labels : (b, T) int, the labels with which a token model is trained, -100 at padding and at all sub-words of a
            word except one; needed for spans and classes of tokens only. The labelled positions of a row are the tokens
            of the example in their order; a sentence that was cut off has fewer.
        repeats : what to do with an id that this process has already recorded in this epoch: "refuse", or "skip", which
            keeps the first one (for samplers that draw with replacement or pad the last batch).

        Raises
        ------
        InputError : no epoch is open, an id is unknown or repeated, a shape is wrong, or a value is NaN.
        WriteError : the batch cannot be written, because the disk is full, for example; earlier batches are kept.
        """
        if self._open is None:
            raise InputError("batch() was called outside an epoch. Wrap the loop in `with rec.epoch(e):`.")
        self._check_mine()
        if (logits is None) == (probs is None):
            raise InputError("batch() needs either `logits` or `probs`. Pass one of them.")
        if repeats not in ("refuse", "skip"):
            raise InputError.unknown("repeats", repeats, ("refuse", "skip"))
        try:
            found = self._reduction_of_labels().from_probs(probs) if logits is None else logits
            self._open.add(ids, found, embeddings, repeats == "skip", labels)
        except OSError as error:  # no `with`, since this is called often
            if isinstance(error, WriteError):
                raise
            raise failed_to_write(self.path, error) from error

    def _reduction_of_labels(self) -> Reduction:
        """The reduction of logits; created once, since it prepares the given tags."""
        if self._reduction is None:
            self._reduction = reduction_of(self.dataset)
        return self._reduction

    def _check_mine(self) -> None:
        """Raise if a later Recorder of this process has taken over."""
        if self._lock.taken_over:
            raise RunError(f"a newer Recorder writes to {self.path}. Use that one.")

    def staged(self, stages: Iterable[Any], ids: Any = None, *, every: int = 1) -> None:
        """Record staged predictions, such as those of gradient boosting; stage s becomes epoch s // every.

        Parameters
        ----------
        stages : iterable of probabilities (m, k), or (m,) of the second of two classes, such as
            `model.staged_predict_proba(X)` of scikit-learn.
        ids : (m,) ids of the rows; by default all ids, in dataset order.
        every : record only every `every`-th stage.

        Raises
        ------
        InputError : a model was passed instead of its predictions, or `batch` refuses them.
        """
        if hasattr(stages, "predict_proba") or not hasattr(stages, "__iter__"):
            call = "rec.staged(model.staged_predict_proba(X))"
            if not hasattr(stages, "staged_predict_proba"):
                call = "rec.staged(predictions), with an array (m, k) of probabilities for each stage"
            raise InputError.at("stages", f"is a {type(stages).__name__}", f"Pass its predictions: {call}.")
        rows = self.dataset.ids if ids is None else ids
        for stage, probs in enumerate(stages):
            if stage % every:
                continue
            probs = np.asarray(probs)
            if probs.ndim == 1 and self.dataset.k == 2 and self.dataset.kind.one_class:
                probs = np.stack([1 - probs, probs], axis=1)
            with self.epoch(stage // every):
                self.batch(rows, probs=probs)

    def checkpoint(self, model: Any) -> Path:
        """Save a module's weights, or a state dict, as checkpoints/epoch=NNNN.safetensors of the open epoch.

        Only rank 0 writes the file.

        Parameters
        ----------
        model : a module, or a dict of name to tensor.

        Returns
        -------
        Path of the file.

        Raises
        ------
        InputError : no epoch is open.
        """
        if self._open is None:
            raise InputError("checkpoint() was called outside an epoch. Call it inside `with rec.epoch(e):`.")
        state: Mapping[str, Any] = model if isinstance(model, Mapping) else model.state_dict()
        path = self.layout.checkpoint(self._open.number)
        if self.rank == 0:
            copies = {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}
            with sealed(self.layout, path) as temporary:
                save_tensors(copies, temporary)
        return path

    def save_pred_probs(self, values: np.ndarray, *, out_of_fold: bool, source: str) -> None:
        """Store predicted probabilities (n, k) in dataset order; see `Run.save_pred_probs`.

        Parameters
        ----------
        values : float array (n, k).
        out_of_fold, source : as in `Run.save_pred_probs`.
        """
        self.run().save_pred_probs(values, out_of_fold=out_of_fold, source=source)

    def run(self) -> Run:
        """Open the run as recorded so far."""
        return Run(self._place, storage_options=self._storage_options)

    def close(self) -> None:
        """Release the lock, so that other processes can record into this run. Reading does not require it."""
        if self._leaving.detach() and not self._lock.taken_over:
            self._attempt.leave()
        self._lock.release()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _prepare(layout: Layout, dataset: Dataset, mode: str, overwrite: bool) -> None:
    """Create the run directory, or check that the existing one belongs to the same dataset."""
    if not is_there(layout.run_json):
        if layout.unknown_files and not layout.examples.exists():
            holds = first_few(layout.unknown_files)
            place = layout.url or layout.root
            raise ExistsError(f"{place} exists and is not a run (it holds {holds}). Choose another path.")
        _describe(layout, dataset, mode)
        return
    described = read_run_json(layout)
    there = read_dataset(layout, described, None)
    same_ids = np.array_equal(there.ids, dataset.ids)
    if not same_ids and overwrite and layout.journal.exists():
        raise RunError(
            f"{layout.root} holds decisions about other examples (with other ids); overwriting would orphan them. "
            "Record to another path, or move journal.sqlite away first."
        )
    if overwrite:
        layout.clear_evidence()
        _describe(layout, dataset, mode)
        return
    same = same_ids and (there.task, there.classes) == (dataset.task, dataset.classes)
    same = same and not dataset.kind.differ(there.labels, dataset.labels).any()
    if not same:
        what = "given labels or classes" if same_ids else "ids"
        raise RunError(
            f"{layout.root} is a run of a dataset with other {what}. "
            "Record to another path, or use Recorder(..., overwrite=True)."
        )
    if described["mode"] != mode:
        raise RunError(f"{layout.root} was recorded in mode {described['mode']!r}, not {mode!r}. Use another path.")


def _describe(layout: Layout, dataset: Dataset, mode: str) -> None:
    """Write the examples, then run.json; the directory is a run once that file exists."""
    write_examples(layout, dataset)
    identity = uuid.uuid4().hex
    root = dataset.media_root
    described = {
        "schema_version": SCHEMA_VERSION if dataset.kind.one_class else UNITS_VERSION,
        "uuid": identity,
        "task": dataset.task,
        "classes": list(dataset.classes),
        "n": dataset.n,
        "mode": mode,
        "text_column": dataset.text_column,
        "audio": dataset.sounds is not None,
        "media_root": None if root is None else str(root),
        "media_signature": None if root is None else sign(identity, root),
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "versions": dict(_versions()),
    }
    write_json(layout.run_json, described)
    note(layout, layout.run_json)


@functools.cache
def _versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that influence the numbers."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in ("label-workbench", "numpy", "pyarrow", "torch"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
