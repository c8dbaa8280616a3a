"""A Recorder driven by events: a trainer says that an epoch begins, a batch is done, the epoch ends, or all is over."""

from __future__ import annotations

import os
import warnings
from contextlib import AbstractContextManager
from typing import Any

from workbench.data.dataset import Dataset
from workbench.foundation.errors import ExistsError, InputError
from workbench.recording.recorder import Recorder


class Epochs:
    """One training after the other into one run.

    Parameters
    ----------
    run : a Recorder; or the path of the run directory, with `dataset`, for a Recorder that is made when training
        starts: training on several devices needs that, since ranks are known only then.
    dataset : the examples, when `run` is a path.
    options : for `Recorder`, when `run` is a path.
    """

    def __init__(
        self, run: Recorder | str | os.PathLike[str], dataset: Dataset | None, options: dict[str, Any]
    ) -> None:
        if isinstance(run, Recorder):
            if dataset is not None or options:
                given = ", ".join([*(["dataset"] if dataset is not None else []), *options])
                raise InputError(f"a Recorder was passed, so {given} would have no effect. Give it to the Recorder.")
            dataset = run.dataset
        elif dataset is None:
            raise InputError.at("dataset", "is missing", "Pass a Recorder, or a path and the Dataset.")
        self._own = not isinstance(run, Recorder)  # made here, so closed here
        self._path, self._options = "" if isinstance(run, Recorder) else os.fspath(run), options
        self.dataset = dataset
        self.recorder = run if isinstance(run, Recorder) else None
        self._open: AbstractContextManager[Any] | None = None
        self._first = True
        self._recorded = 0

    def start(self, rank: int, world_size: int) -> None:
        """Training starts, perhaps again; what a training that failed left open is given up."""
        self.abandon()
        self._first = True
        if self.recorder is None:
            self.recorder = Recorder(self._path, self.dataset, rank=rank, world_size=world_size, **self._options)
            self._options = {name: value for name, value in self._options.items() if name != "overwrite"}
        if self.recorder.world_size != world_size:
            found = f"is a Recorder of {self.recorder.world_size} process(es), but {world_size} train"
            raise InputError.at("recorder", found, "Pass the path and the dataset instead of a Recorder.")

    def begin(self, number: int) -> None:
        """An epoch begins. One that a resumed training repeats keeps its first recording."""
        self.abandon()
        fresh, self._first = self._first and number == 0, False
        assert self.recorder is not None  # since `start`
        try:
            context = self.recorder.epoch(number)
            context.__enter__()
        except ExistsError:
            if fresh:
                raise
            message = f"epoch {number} is recorded already and stays as it is; this repetition is not recorded"
            warnings.warn(message, stacklevel=2)
            return
        self._open, self._recorded = context, 0

    @property
    def is_open(self) -> bool:
        """Whether batches are recorded now."""
        return self._open is not None

    def batch(self, ids: Any, logits: Any, embeddings: Any = None) -> None:
        """A batch is done; of an example drawn twice in one epoch the first time counts."""
        assert self.recorder is not None  # since `start`
        self.recorder.batch(ids, logits, embeddings, repeats="skip")
        self._recorded += 1

    def end(self) -> None:
        """The epoch is over: seal it (one without a batch, skipped on resuming, is given up)."""
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
        """Training is over: others may record into the run."""
        self.abandon()
        if self.recorder is not None and self._own:
            self.recorder.close()
            self.recorder = None
