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
    """Record every training batch of a Lightning Trainer, and seal each epoch when it ends.

    >>> trainer = Trainer(callbacks=[LightningRecorder("runs/pets", dataset)])                  # doctest: +SKIP

    **Ids** are part of the batch, so that shuffling does not matter: the training set returns (id, x, y), or mappings
    with "id"; for other forms pass `ids_of`.

    **Logits** are taken from the first of these: `logits_of`; "logits" in the dict that `training_step` returns; the
    output of the module called as `self(x)` in `training_step`; the output of its only child with k outputs
    (`self.net(x)`).

    Parameters
    ----------
    run : path of the run directory, with `dataset`; or a Recorder, if a single process trains.
    dataset : the examples.
    ids_of : function from a batch to its ids (b,).
    logits_of : function from (outputs of training_step, batch) to logits (b, k).
    embed : layer whose output is kept as the embedding, "auto" for the input of the last linear layer; see `replay`.
        The vectors are those of the training pass, including dropout. None: no embeddings.
    options : arguments of `Recorder`: logits, embedding_epochs, overwrite.

    Notes
    -----
    Works with gradient accumulation (every batch is recorded, not every step), with DDP (each process writes its own
    file, and examples that the sampler repeats as padding count once) and with `ckpt_path` (epochs that were sealed
    before are kept). An epoch interrupted by an error or Ctrl-C is not sealed.
    """

    def __init__(
        self,
        run: Recorder | str | os.PathLike[str],
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
        """Create the Recorder, now that the ranks are known, and add hooks to the module."""
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
        """Discard captured outputs."""
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
        """Remove the hooks and close the Recorder."""
        self._let_go()
        self._epochs.close()

    def _hear(self, name: str) -> Callable[..., None]:
        def heard(module: Any, args: Any, output: Any) -> None:
            logits = _logits(output, self._epochs.dataset) if module.training else None
            if logits is not None:
                self._returned.setdefault(name, []).append(logits)

        return heard

    def _found(self, outputs: Any, b: int) -> Any:
        """Return the logits (b, k) of the batch, from training_step or captured from the module or a child."""
        k = self._epochs.dataset.k
        if isinstance(outputs, Mapping) and "logits" in outputs:
            return logits_in(outputs, k, one_class=self._epochs.dataset.kind.asks == "choice")
        heard = {name: found[-1] for name, all in self._returned.items() if (found := [x for x in all if len(x) == b])}
        if "" in heard:
            return heard[""]
        if len(heard) == 1:
            return next(iter(heard.values()))
        several = f"several children returned ({b}, {k}): {', '.join(heard)}"
        which = several if heard else f"no module returned ({b}, {k})"
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


def _logits(output: Any, dataset: Dataset) -> Any:
    """Return the logits (b, k) in the output of a module; None if there are none."""
    try:
        logits = logits_in(output, dataset.k, one_class=dataset.kind.asks == "choice")
    except InputError:
        return None
    return logits if logits.ndim == 2 and logits.shape[1] == dataset.k else None
