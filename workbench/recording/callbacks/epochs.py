"""A Recorder driven by a trainer: training starts, an epoch begins, a batch is done, the epoch ends, training ends."""

from __future__ import annotations

import os
import warnings
from contextlib import AbstractContextManager
from typing import Any

from workbench.data.dataset import Dataset
from workbench.foundation.errors import ExistsError, InputError
from workbench.recording.recorder import Recorder


class Epochs:
    """Record one or more consecutive trainings into one run.

    Parameters
    ----------
    run : a Recorder; or the path of the run directory, with `dataset`, for a Recorder that is created when training
        starts. Training on several devices needs a path, since the ranks are known only then.
    dataset : the examples, if `run` is a path.
    options : arguments of `Recorder`, if `run` is a path.
    """

    def __init__(
        self, run: Recorder | str | os.PathLike[str], dataset: Dataset | None, options: dict[str, Any]
    ) -> None:
        if isinstance(run, Recorder):
            if dataset is not None or options:
                given = ", ".join([*(["dataset"] if dataset is not None else []), *options])
                raise InputError(f"a Recorder was passed, so {given} would have no effect. Pass it to the Recorder.")
            dataset = run.dataset
        elif dataset is None:
            raise InputError.at("dataset", "is missing", "Pass a Recorder, or a path and the Dataset.")
        self._own = not isinstance(run, Recorder)  # created here, so closed here
        self._path, self._options = "" if isinstance(run, Recorder) else os.fspath(run), options
        self.dataset = dataset
        self.recorder = run if isinstance(run, Recorder) else None
        self._open: AbstractContextManager[Any] | None = None
        self._first = True
        self._recorded = 0

    def start(self, rank: int, world_size: int) -> None:
        """Called when training starts, for the first time or again; abandons an epoch that a failed training left."""
        self.abandon()
        self._first = True
        if self.recorder is None:
            self.recorder = Recorder(self._path, self.dataset, rank=rank, world_size=world_size, **self._options)
            self._options = {name: value for name, value in self._options.items() if name != "overwrite"}
        if self.recorder.world_size != world_size:
            found = f"is a Recorder of {self.recorder.world_size} process(es), but {world_size} train"
            raise InputError.at("recorder", found, "Pass the path and the dataset instead of a Recorder.")

    def begin(self, number: int) -> None:
        """Called when an epoch begins. If a resumed training repeats an epoch, its first recording is kept."""
        self.abandon()
        fresh, self._first = self._first and number == 0, False
        assert self.recorder is not None  # since `start`
        try:
            context = self.recorder.epoch(number)
            context.__enter__()
        except ExistsError:
            if fresh:
                raise
            message = f"epoch {number} is already recorded and is kept; this repetition is not recorded"
            warnings.warn(message, stacklevel=2)
            return
        self._open, self._recorded = context, 0

    @property
    def is_open(self) -> bool:
        """Whether an epoch is open, so that batches are recorded."""
        return self._open is not None

    def batch(self, ids: Any, logits: Any, embeddings: Any = None, labels: Any = None) -> None:
        """Record a batch; if an example is drawn twice in one epoch, the first one is kept."""
        assert self.recorder is not None  # since `start`
        self.recorder.batch(ids, logits, embeddings, labels=labels, repeats="skip")
        self._recorded += 1

    def end(self) -> None:
        """Called when an epoch ends: seal it. An epoch without batches, skipped on resuming, is abandoned."""
        if self._open is None:
            return
        if not self._recorded:
            self.abandon()
            return
        context, self._open = self._open, None
        context.__exit__(None, None, None)

    def abandon(self) -> None:
        """Leave an open epoch unsealed; its batches stay readable in inflight/ until it is recorded again."""
        if self._open is not None:
            context, self._open = self._open, None
            stopped = RuntimeError("the epoch did not end")
            context.__exit__(RuntimeError, stopped, None)

    def close(self) -> None:
        """Called when training ends: close the Recorder, so that others may record into the run."""
        self.abandon()
        if self.recorder is not None and self._own:
            self.recorder.close()
            self.recorder = None
