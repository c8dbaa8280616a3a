"""Record from checkpoints that were saved during a training: load each, apply it to the inputs, keep the statistics.

The result is an ordinary run of mode "eval". Every checkpoint predicts every example without dropout or augmentation,
which is less noisy evidence than that of the training pass.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.data.dataset import Dataset
from workbench.foundation.devices import device_of
from workbench.foundation.errors import InputError, RunError
from workbench.recording.batches import Batches, moved
from workbench.recording.checkpoints import find_checkpoints, fit_state, load_state
from workbench.recording.layers import AUTO, Tap, accepted, logits_in
from workbench.recording.recorder import Recorder
from workbench.recording.reduction import REDUCTIONS
from workbench.runs.per_epoch import OF_TOKEN_MODELS
from workbench.runs.run import Run
from workbench.storage.layout import write_json
from workbench.storage.limits import small_json
from workbench.tasks import require_task

if TYPE_CHECKING:
    import torch


def replay(
    path: str | Path,
    checkpoints: str | Path | Sequence[str | Path] | Mapping[int, str | Path],
    model: torch.nn.Module,
    dataset: Dataset,
    inputs: Any,
    *,
    embed: str | None = AUTO,
    embedding_epochs: str | Collection[int] = "all",
    logits: bool = False,
    logits_of: Callable[[Any], Any] | None = None,
    state_of: Callable[[Any], Mapping[str, Any]] | str | None = None,
    batch_size: int = 256,
    device: str | torch.device = "auto",
    collate: Callable[[list[Any]], Any] | None = None,
    num_workers: int = 0,
    progress: bool = True,
    overwrite: bool = False,
) -> Run:
    """Record one epoch per checkpoint. After an interruption, call it again to continue with the missing ones.

    >>> wb.replay("runs/pets", "checkpoints/", model, dataset, inputs, embed="layer4")          # doctest: +SKIP

    Parameters
    ----------
    path : run directory to write.
    checkpoints : a folder, a glob, a list of files (.safetensors, .pt, .pth, .ckpt), or {epoch: file}; see
        `workbench.recording.checkpoints.find_checkpoints` for how epochs are read from file names. Only tensors are
        read; a checkpoint with other pickled objects is refused.
    model : the module of the checkpoints. Its weights, modes (train or eval, of each submodule) and device are restored
        when the function returns, also after an error.
    dataset : the examples, with one class each, tags or candidate sets.
    inputs : inputs of the model: a tensor or array (n, ...); a mapping of such columns; a list of n samples or a
        Dataset with x, (x, y) or mappings, in dataset order; or a DataLoader of (ids, x, ...) or of mappings with "id".
        Of a mapping, the entries that `model.forward` accepts are passed as keyword arguments, but never the labels.
    embed : layer whose output is the embedding, a name in `model.named_modules()`; "auto": the input of the last linear
        layer; None: no embeddings. (b, c, h, w) is averaged to (b, c), (b, tokens, d) to (b, d).
    embedding_epochs : "all", "last", or the epochs whose embeddings are kept.
    logits : whether to keep the logits, float16 (n, k) per epoch.
    logits_of : function from the output of the model to logits (b, k). By default the output is a tensor, or the logits
        are `.logits`, ["logits"] or the first (b, k) tensor of a tuple. If the model ends in softmax: `lambda p:
        p.log()`; if it ends in a sigmoid for each tag: `torch.logit`.
    state_of : location of the state dict of `model` in a checkpoint file: a key, or a function from the contents of the
        file to the state dict, with the model's own names. By default the top level and the usual keys are searched; a
        file with a state dict for each part of the model, {"backbone": ..., "head": ...}, is combined by these names.
    batch_size : examples per batch; a DataLoader has its own.
    device : "auto" (an accelerator if there is one), "cpu", "cuda", ... A model on several devices is not moved.
    collate, num_workers : function from a list of samples to a batch, and number of processes that fetch samples.
    progress : whether to show a progress bar.
    overwrite : whether to record again what is already recorded; the journal is kept.

    Returns
    -------
    Run

    Raises
    ------
    InputError : a checkpoint, an input or an output does not fit; the message names it.
    RunError : the existing run has other examples, or was recorded from other checkpoints or another layer.
    """
    from tqdm.auto import tqdm

    require_task(dataset, [name for name in REDUCTIONS if name not in OF_TOKEN_MODELS], "replay")
    files = find_checkpoints(checkpoints)
    layer = None if embed is None else Tap(model, embed, dataset.k).described
    with Recorder(
        path, dataset, mode="eval", logits=logits, embedding_epochs=embedding_epochs, overwrite=overwrite
    ) as recorder:
        part = (recorder.rank, recorder.world_size)
        batches = Batches(inputs, dataset, batch_size, collate=collate, num_workers=num_workers, part=part)
        todo = _missing(recorder, files, layer)
        steps = None if batches.count is None else batches.count * len(todo)
        bar = tqdm(total=steps, desc="replay", unit="batch", disable=not (progress and todo))
        with bar, _lent(model, device) as move:
            for epoch, file in todo.items():
                bar.set_description(f"epoch {epoch}, {file.name}")
                model.load_state_dict(fit_state(load_state(file, state_of), model, file), strict=False)
                wanted = embed is not None and _wanted(embedding_epochs, epoch, max(files))
                with recorder.epoch(epoch), _tapped(model, embed if wanted else None, dataset.k) as tap:
                    for ids, x in batches:
                        output, mask = _forward(model, move(x))
                        found = logits_in(output, dataset.k, logits_of, one_class=dataset.kind.asks == "choice")
                        vectors = None if tap is None else tap.take(len(found), mask)
                        recorder.batch(ids, found, vectors, repeats="skip" if part[1] > 1 else "refuse")
                        bar.update()
        return recorder.run()


def _missing(recorder: Recorder, files: Mapping[int, Path], layer: str | None) -> dict[int, Path]:
    """Return the checkpoints that are not recorded yet; raise if the others came from other files or another layer."""
    note = recorder.path / "replay.json"
    now = {"layer": layer, "checkpoints": {str(epoch): _identity(file) for epoch, file in files.items()}}
    sealed = recorder.layout.sealed()
    before = _read(note) if sealed else {}
    if before and before.get("layer") != layer:
        found = f"{recorder.path} holds embeddings of {before.get('layer')}, not of {layer}."
        raise RunError(f"{found} Use the same `embed`, another path, or overwrite=True.")
    known = before.get("checkpoints", {})
    for epoch in sealed:
        old, new = known.get(str(epoch)), now["checkpoints"].get(str(epoch))
        if old is not None and new is not None and old != new:
            found = f"epoch {epoch} of {recorder.path} was recorded from {old['name']} ({old['bytes']:,} bytes)"
            todo = "Use another path, overwrite=True, or {epoch: path} to number the checkpoints yourself."
            raise RunError(f"{found}, but now is {new['name']} ({new['bytes']:,} bytes). {todo}")
    if recorder.rank == 0:
        write_json(note, now | {"checkpoints": known | now["checkpoints"]})
    return {epoch: file for epoch, file in files.items() if epoch not in sealed}


def _identity(file: Path) -> dict[str, Any]:
    parts = [file] if file.is_file() else [part for part in file.iterdir() if part.is_file()]
    return {"name": file.name, "bytes": sum(part.stat().st_size for part in parts)}


def _read(note: Path) -> dict[str, Any]:
    """Read the record of an earlier call; empty if there is none or it is damaged."""
    try:
        found = small_json(note)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("checkpoints"), dict) else {}


def _wanted(embedding_epochs: str | Collection[int], epoch: int, last: int) -> bool:
    if isinstance(embedding_epochs, str):
        return embedding_epochs == "all" or epoch == last
    return epoch in embedding_epochs


@contextlib.contextmanager
def _tapped(model: torch.nn.Module, layer: str | None, k: int) -> Generator[Tap | None]:
    if layer is None:
        yield None
    else:
        with Tap(model, layer, k) as tap:
            yield tap


def _forward(model: torch.nn.Module, x: Any) -> tuple[Any, Any]:
    """Return the output of the model, and the attention mask if there is one."""
    import torch

    try:
        with torch.inference_mode():
            if not isinstance(x, Mapping):
                return model(x), None
            names = accepted(model, x)
            return model(**{name: value for name, value in x.items() if name in names}), x.get("attention_mask")
    except torch.cuda.OutOfMemoryError:
        raise
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        columns = x.items() if isinstance(x, Mapping) else [("a batch", x)]
        shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in columns if hasattr(value, "shape"))
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        todo = "Pass inputs of the shape and type that it was trained on, or the model that belongs to these inputs."
        raise InputError.at("inputs", f"({shapes}) are refused by the {type(model).__name__}: {why}", todo) from error


@contextlib.contextmanager
def _lent(model: torch.nn.Module, device: Any) -> Generator[Callable[[Any], Any]]:
    """Put the model into eval mode on a device, and yield a function that moves inputs there.

    Weights, modes and device are restored at the end.
    """
    import torch

    modes = {module: module.training for module in model.modules()}
    state = {
        name: value.detach().clone() if isinstance(value, torch.Tensor) else value
        for name, value in model.state_dict().items()
    }
    tensors = [*model.parameters(), *model.buffers()]
    homes = {tensor.device for tensor in tensors}
    home = tensors[0].device if tensors else torch.device("cpu")
    place = _device(device, home) if len(homes) <= 1 else home
    floats = next((one.dtype for one in tensors if one.is_floating_point()), torch.get_default_dtype())
    try:
        if place != home:
            model.to(place)
        model.eval()
        yield lambda x: moved(x, place, floats)
    finally:
        if place != home:
            model.to(home)
        model.load_state_dict(state)
        for module, training in modes.items():
            module.training = training


def _device(wanted: Any, home: torch.device) -> torch.device:
    """Return the requested device; for "auto" an accelerator, if there is one and the model is not already on one."""
    return home if wanted == "auto" and home.type != "cpu" else device_of(wanted)
