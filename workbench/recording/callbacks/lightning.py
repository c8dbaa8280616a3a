"""Record a Lightning training with one callback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.recording.batches import split_ids
from workbench.recording.callbacks.epochs import Epochs
from workbench.recording.layers import Tap, logits_in
from workbench.recording.recorder import Recorder

if TYPE_CHECKING:
    from lightning.pytorch import Callback
elif "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules:
    from pytorch_lightning import Callback
else:
    try:
        from lightning.pytorch import Callback
    except ImportError:
        try:
            from pytorch_lightning import Callback
        except ImportError as missing:
            raise ImportError("LightningRecorder needs Lightning: `pip install lightning`.") from missing


class LightningRecorder(Callback):
    """Records every training batch, and seals each epoch when it ends.

    >>> trainer = Trainer(callbacks=[LightningRecorder("runs/pets", dataset)])                  # doctest: +SKIP

    **Ids** travel in the batch, so that shuffling does not matter: let the training set give (id, x, y), or mappings
    with "id"; for other forms pass `ids_of`.

    **Logits** are found in this order: `logits_of`; "logits" in the dict that `training_step` returns; what the module
    returned in `training_step` when called as `self(x)`; what its only child with k outputs returned (`self.net(x)`).

    Parameters
    ----------
    run : path of the run directory, with `dataset`; or a Recorder, if one process trains.
    dataset : the examples.
    ids_of : function from a batch to its ids (b,).
    logits_of : function (outputs of training_step, batch) to logits (b, k).
    embed : layer whose output is kept as the embedding, "auto" for what the last linear layer takes in; see `replay`.
        The vectors are those of the training pass, dropout included; None keeps none.
    options : for `Recorder`: logits, embedding_epochs, overwrite.

    Notes
    -----
    Works with gradient accumulation (every batch is recorded, not every step), with DDP (every process writes its own
    file; the examples that the sampler repeats to fill the last batch count once) and with `ckpt_path`: epochs that
    were sealed before are kept. An epoch cut short by an error or Ctrl-C is not sealed.
    """

    def __init__(
        self,
        run: Recorder | str | os.PathLike,
        dataset: Dataset | None = None,
        *,
        ids_of: Callable[[Any], Any] | None = None,
        logits_of: Callable[[Any, Any], Any] | None = None,
        embed: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self._epochs = Epochs(run, dataset, options)
        self._ids_of, self._logits_of, self._embed = ids_of, logits_of, embed
        self._hooks: list[Any] = []
        self._tap: Tap | None = None
        self._returned: dict[str, Any] = {}

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Make the Recorder, now that ranks are known, and listen to the module."""
        self._let_go()
        self._epochs.start(trainer.global_rank, trainer.world_size)
        if self._embed is not None:
            self._tap = Tap(pl_module, self._embed, self._epochs.dataset.k).__enter__()
        if self._logits_of is None:
            heard = {"": pl_module, **dict(pl_module.named_children())}
            self._hooks = [module.register_forward_hook(self._hear(name)) for name, module in heard.items()]

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Open the epoch."""
        self._epochs.begin(trainer.current_epoch)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Forget what was heard before."""
        self._returned.clear()

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Record the batch."""
        if not self._epochs.is_open:
            return
        ids = split_ids(batch)[0] if self._ids_of is None else self._ids_of(batch)
        if self._logits_of is not None:
            logits = self._logits_of(outputs, batch)
        else:
            logits = self._found(outputs, len(ids))
        vectors = None if self._tap is None else self._tap.take(len(ids))
        self._returned.clear()
        self._epochs.batch(ids, logits, vectors)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Seal the epoch."""
        self._epochs.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Leave the epoch unsealed."""
        self._let_go()
        self._epochs.close()

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Training is over."""
        self._let_go()
        self._epochs.close()

    def _hear(self, name: str) -> Callable[..., None]:
        def heard(module: Any, args: Any, output: Any) -> None:
            logits = _logits(output, self._epochs.dataset.k) if module.training else None
            if logits is not None:
                self._returned.setdefault(name, []).append(logits)

        return heard

    def _found(self, outputs: Any, b: int) -> Any:
        """Logits (b, k) of the batch: returned by training_step, or captured from the module or a child."""
        k = self._epochs.dataset.k
        if isinstance(outputs, Mapping) and "logits" in outputs:
            return logits_in(outputs, k)
        heard = {name: found[-1] for name, all in self._returned.items() if (found := [x for x in all if len(x) == b])}
        if "" in heard:
            return heard[""]
        if len(heard) == 1:
            return next(iter(heard.values()))
        which = f"several children gave ({b}, {k}): {', '.join(heard)}" if heard else f"nothing gave ({b}, {k})"
        raise InputError.at(
            "logits", f"were not found: {which}", 'Return {"loss": loss, "logits": logits} from training_step.'
        )

    def _let_go(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks = []
        self._returned.clear()
        if self._tap is not None:
            self._tap.__exit__()
            self._tap = None


def _logits(output: Any, k: int) -> Any:
    """Logits (b, k) in what a module returned; None if there are none."""
    try:
        logits = logits_in(output, k)
    except InputError:
        return None
    return logits if logits.ndim == 2 and logits.shape[1] == k else None
