"""Record a training of the Hugging Face Trainer, which passes neither ids nor logits to its callbacks.

Row numbers are added to the batches of `get_train_dataloader()`. A hook of the model removes them before `forward` and
pairs them with the logits after it. So gradient accumulation, mixed precision, workers and DDP make no difference, and
evaluation is not affected.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

try:
    from transformers.trainer_callback import TrainerCallback
except ImportError as missing:
    message = "HuggingFaceRecorder needs transformers. Install it with `pip install transformers accelerate`."
    raise ImportError(message) from missing

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.recording.callbacks.epochs import Epochs
from workbench.recording.layers import LABELS, Tap, logits_in
from workbench.recording.recorder import Recorder
from workbench.runs.per_epoch import OF_TOKEN_MODELS

ROWS_COLUMN = "workbench_rows"
"""Key of the row numbers in a batch."""


class HuggingFaceRecorder(TrainerCallback):
    """Record every training batch of a Trainer, and seal each epoch when it ends.

    >>> trainer = Trainer(model, args, train_dataset=train)                                     # doctest: +SKIP
    >>> HuggingFaceRecorder("runs/reviews", dataset).attach(trainer)                            # doctest: +SKIP
    >>> trainer.train()                                                                         # doctest: +SKIP

    **Ids** are a column of the training set (`id`, int or str). The Trainer would drop it; `attach` passes it to the
    recorder, while the model and the data collator receive the same inputs as before. **Logits** are those that the
    model returns in the training pass. For token classification (spans, classes of tokens) the **labels** in the batch
    are needed, too, -100 at padding and at all sub-words of a word except one.

    Parameters
    ----------
    run : path of the run directory, with `dataset`; or a Recorder, if a single process trains.
    dataset : the examples.
    id : name of the column with the ids.
    logits_of : function from the output of the model to logits (b, k); by default `.logits`.
    embed : layer whose output is kept as the embedding, "auto" for the input of the last linear layer; see `replay`.
    options : arguments of `Recorder`: logits, embedding_epochs, overwrite.

    Notes
    -----
    With several processes (torchrun, accelerate launch) each one writes its own file, and examples that are repeated as
    padding count once. Several GPUs in one process (DataParallel) are refused. With `resume_from_checkpoint`, sealed
    epochs are kept; an epoch that is resumed in the middle contains only the remaining examples. An interrupted epoch
    is not sealed.
    """

    def __init__(
        self,
        run: Recorder | str | os.PathLike[str],
        dataset: Dataset | None = None,
        *,
        id: str = "id",
        logits_of: Callable[[Any], Any] | None = None,
        embed: str | None = None,
        **options: Any,
    ) -> None:
        self._epochs = Epochs(run, dataset, options)
        self._id, self._logits_of, self._embed = id, logits_of, embed
        self._attached = False
        self._hooks: list[Any] = []
        self._tap: Tap | None = None
        self._rows: Any = None
        self._mask: Any = None
        self._labels: Any = None

    def attach(self, trainer: Any) -> HuggingFaceRecorder:
        """Add this callback to a Trainer, and the ids to its training batches. Returns self.

        Parameters
        ----------
        trainer : a transformers.Trainer.

        Raises
        ------
        InputError : the training set has no column `id`, or ids that are not in the dataset.
        """
        _check(trainer.train_dataset, self._id, self._epochs.dataset)
        plain = trainer.get_train_dataloader

        def get_train_dataloader() -> Any:
            collate, drop = trainer.data_collator, trainer.args.remove_unused_columns
            names = _inputs_of(trainer) if drop else None
            trainer.data_collator = _WithRows(collate, self._id, names, self._epochs.dataset)
            trainer.args.remove_unused_columns = False
            try:
                return plain()
            finally:
                trainer.data_collator, trainer.args.remove_unused_columns = collate, drop

        trainer.get_train_dataloader = get_train_dataloader
        trainer.add_callback(self)
        self._attached = True
        return self

    def on_train_begin(self, args: Any, state: Any, control: Any, *, model: Any = None, **others: Any) -> None:
        """Create the Recorder, now that the ranks are known, and add hooks to the model."""
        if not self._attached:
            raise InputError("HuggingFaceRecorder is not attached. Call `HuggingFaceRecorder(...).attach(trainer)`.")
        if args.n_gpu > 1:
            found = f"is {args.n_gpu}: one process on several GPUs, where batches are split inside the model"
            raise InputError.at("args.n_gpu", found, "Launch with torchrun, or set CUDA_VISIBLE_DEVICES to one GPU.")
        self._let_go()
        self._epochs.start(args.process_index, args.world_size)
        if self._embed is not None:
            self._tap = Tap(model, self._embed, self._epochs.dataset.k).__enter__()
        self._hooks = [
            model.register_forward_pre_hook(self._before, with_kwargs=True, prepend=True),
            model.register_forward_hook(self._after),
        ]

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Open the epoch."""
        self._epochs.begin(int((state.epoch or 0) + 1e-6))

    def on_epoch_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Seal the epoch."""
        self._epochs.end()

    def on_train_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Remove the hooks and close the Recorder."""
        self._let_go()
        self._epochs.close()

    def _before(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """Remove the row numbers from the inputs."""
        self._rows, self._mask = kwargs.get(ROWS_COLUMN), kwargs.get("attention_mask")
        self._labels = kwargs.get("labels") if self._epochs.dataset.task in OF_TOKEN_MODELS else None
        return args, {name: value for name, value in kwargs.items() if name != ROWS_COLUMN}

    def _after(self, module: Any, args: tuple[Any, ...], output: Any) -> None:
        """Record the logits of these rows."""
        rows, self._rows = self._rows, None
        mask, self._mask = self._mask, None
        labels, self._labels = self._labels, None
        if rows is None or not self._epochs.is_open:
            return
        ids = self._epochs.dataset.ids[rows.cpu().numpy()]
        dataset = self._epochs.dataset
        logits = logits_in(output, dataset.k, self._logits_of, one_class=dataset.kind.asks == "choice")
        self._epochs.batch(ids, logits, None if self._tap is None else self._tap.take(len(ids), mask), labels)

    def _let_go(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        if self._tap is not None:
            self._tap.__exit__()
            self._tap = None


class _WithRows:
    """A data collator that removes the ids, calls another collator for the model's inputs, and adds row numbers."""

    def __init__(self, collate: Callable[[list[Any]], Any], id: str, names: set[str] | None, dataset: Dataset) -> None:
        self._collate, self._id, self._names, self._dataset = collate, id, names, dataset

    def __call__(self, samples: list[Any]) -> Any:
        import torch

        samples = [_fields(one) for one in samples]
        missing = [one for one in samples if self._id not in one]
        if missing:
            raise InputError.unknown("column", self._id, missing[0], "It was passed as `id=`.")
        ids = [_plain(one.pop(self._id)) for one in samples]
        if self._names is not None:
            samples = [{name: value for name, value in one.items() if name in self._names} for one in samples]
        batch = self._collate(samples)
        batch[ROWS_COLUMN] = torch.from_numpy(
            self._dataset.rows(np.array(ids, object if isinstance(ids[0], str) else None))
        )
        return batch


def _inputs_of(trainer: Any) -> set[str]:
    """Return the columns that the Trainer would keep: the parameters of forward, and the labels."""
    model = trainer.model
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return {*inspect.signature(base.forward).parameters, *LABELS, *(trainer.label_names or ())}


def _check(train: Any, id: str, dataset: Dataset) -> None:
    """Refuse a training set without ids before training starts."""
    names = getattr(train, "column_names", None)
    if names is None and hasattr(train, "__getitem__") and hasattr(train, "__len__") and len(train):
        names = list(_fields(train[0]))
    if names is not None and id not in names:
        raise InputError.unknown("column", id, names, "The training set needs a column with the ids of the Dataset.")
    if hasattr(train, "column_names") and hasattr(train, "__len__"):
        dataset.rows(list(train[id]))


def _fields(sample: Any) -> dict[str, Any]:
    """Return a copy of a sample, which is a mapping or an object with attributes, as a dict."""
    if isinstance(sample, Mapping):
        return dict(sample)
    if not hasattr(sample, "__dict__"):
        found = f"has samples of type {type(sample).__name__}"
        raise InputError.at("train_dataset", found, "Use mappings such as {'id': 3, 'input_ids': [7, 2], 'label': 0}.")
    return dict(vars(sample))


def _plain(id: Any) -> Any:
    return id.item() if hasattr(id, "item") else id
