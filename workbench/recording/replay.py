"""Record from checkpoints that were saved during a training: load each, run it over the inputs, keep the statistics.

What comes out is an ordinary run of mode "eval": every example is seen by every checkpoint without dropout or
augmentation, which is steadier evidence than that of the training pass.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.data.dataset import Dataset
from workbench.foundation.devices import device_of
from workbench.foundation.errors import InputError, RunError
from workbench.recording.batches import Batches, moved
from workbench.recording.checkpoints import find_checkpoints, fit_state, load_state
from workbench.recording.layers import AUTO, Tap, accepted, logits_in
from workbench.recording.recorder import Recorder
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
    collate: Callable[[list], Any] | None = None,
    num_workers: int = 0,
    progress: bool = True,
    overwrite: bool = False,
) -> Run:
    """Record one epoch per checkpoint. Called again after an interruption, it goes on with the first that is missing.

    >>> wb.replay("runs/pets", "checkpoints/", model, dataset, inputs, embed="layer4")          # doctest: +SKIP

    Parameters
    ----------
    path : run directory to write.
    checkpoints : a folder, a glob, a list of files (.safetensors, .pt, .pth, .ckpt), or {epoch: file}; see
        `workbench.recording.checkpoints.find_checkpoints` for how the epoch is read from file names. Only tensors are
        read from them: a checkpoint that holds other pickled objects is refused.
    model : the module the checkpoints are of. It is lent: its weights, its mode (train or eval, of each submodule) and
        its device are as before when this returns, whatever happens.
    dataset : the examples.
    inputs : what the model is run on: a tensor or array (n, ...); a mapping of such columns; a list of n samples or a
        Dataset with x, (x, y) or mappings, in dataset order; or a DataLoader of (ids, x, ...) or of mappings with "id".
        A mapping is passed as keyword arguments, those only that `model.forward` takes, and never the labels.
    embed : layer whose output is the embedding, a name of `model.named_modules()`; "auto": what the last linear layer
        takes in; None: no embeddings. (b, c, h, w) is averaged to (b, c), (b, tokens, d) to (b, d).
    embedding_epochs : "all", "last", or the epochs of which embeddings are kept.
    logits : keep the logits, float16 (n, k) per epoch.
    logits_of : function from what the model returns to logits (b, k); by default a tensor, `.logits`, ["logits"], or
        the first (b, k) tensor of a tuple. For a model that ends in softmax: `lambda p: p.log()`.
    state_of : where a checkpoint file holds the state dict of `model`: a key, or a function from what the file holds to
        the state dict, with the model's own names. By default it is looked for at the top and under the usual keys; a
        file with one state dict per part of the model, {"backbone": ..., "head": ...}, is put together by these names.
    batch_size : examples at a time (a DataLoader has its own).
    device : "auto" (an accelerator if there is one), "cpu", "cuda", ... A model spread over several devices stays.
    collate, num_workers : how samples are put together, and by how many processes they are fetched.
    progress : show a progress bar.
    overwrite : record anew what is recorded already; the journal stays.

    Returns
    -------
    Run

    Raises
    ------
    InputError : checkpoints, inputs or outputs that do not fit, each named. RunError : the run there has other
        examples, or its epochs were recorded from other checkpoints or another layer.
    """
    from tqdm.auto import tqdm

    require_task(dataset, "multiclass", "replay")
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
                        found = logits_in(output, dataset.k, logits_of)
                        vectors = None if tap is None else tap.take(len(found), mask)
                        recorder.batch(ids, found, vectors, repeats="skip" if part[1] > 1 else "refuse")
                        bar.update()
        return recorder.run()


def _missing(recorder: Recorder, files: Mapping[int, Path], layer: str | None) -> dict[int, Path]:
    """Checkpoints that are not recorded yet; those that are must be the same files and the same layer."""
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
    """What an earlier call noted; nothing if there was none or it is damaged."""
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
def _tapped(model: torch.nn.Module, layer: str | None, k: int) -> Iterator[Tap | None]:
    if layer is None:
        yield None
    else:
        with Tap(model, layer, k) as tap:
            yield tap


def _forward(model: torch.nn.Module, x: Any) -> tuple[Any, Any]:
    """What the model returns, and the attention mask if it got one."""
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
        todo = "Pass inputs of the shape and type that it was trained on, or the model that these inputs are for."
        raise InputError.at("inputs", f"({shapes}) are refused by the {type(model).__name__}: {why}", todo) from error


@contextlib.contextmanager
def _lent(model: torch.nn.Module, device: Any) -> Iterator[Callable[[Any], Any]]:
    """The model in eval mode on a device; weights, modes and device are given back. Yields what moves inputs there."""
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
    """The device asked for; for "auto" an accelerator, if there is one and the model is not on one already."""
    return home if wanted == "auto" and home.type != "cpu" else device_of(wanted)
