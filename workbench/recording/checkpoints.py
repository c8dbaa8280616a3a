"""Checkpoint files: find them and their epochs, read their tensors, and match these to a module.

Only tensors are read: from safetensors, or with `torch.load(weights_only=True)`, which refuses other pickled objects.
"""

from __future__ import annotations

import errno
import glob
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.foundation.errors import InputError, WorkbenchError, first_few
from workbench.storage.files import is_there
from workbench.storage.limits import check_unpacked

if TYPE_CHECKING:
    import torch

CHECKPOINT_SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")

NESTED = ("state_dict", "model_state_dict", "model", "module", "net", "weights")
"""Keys under which training scripts store the state dict of the model."""

_BESIDE = ("optimizer", "scheduler", "scaler", "rng_state", "training_args", "trainer_state")
"""Names of other files that trainers write next to the weights."""

_COPIES = ("last", "latest", "best")
"""Names of files that are copies of a numbered checkpoint."""

_REMEDY = (
    "Pass the model that was saved, or say where it is in the file: state_of=KEY, or a function from the contents of "
    "the file to a state dict with the model's own names."
)

_EPOCH_IN_NAME = (
    re.compile(r"epoch[=_\-. ]?(\d+)", re.IGNORECASE),
    re.compile(r"(?<![a-z0-9])ep?[=_\-]?(\d+)", re.IGNORECASE),
)
_STEP = re.compile(r"step|iter|checkpoint-\d", re.IGNORECASE)


def find_checkpoints(
    checkpoints: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Mapping[int, str | os.PathLike[str]],
) -> dict[int, Path]:
    """Return checkpoint paths by epoch, in order.

    Parameters
    ----------
    checkpoints : a folder, a glob, one file, a list of files, or {epoch: file}. A folder may contain folders such as
        checkpoint-500/model.safetensors; a folder of shards (...-00001-of-00002.safetensors) is one checkpoint.

    Notes
    -----
    Epochs are taken from the names: the number after "epoch"; else the last number, unless the names contain steps;
    else 0, 1, 2, ... in natural order (a list without numbers: in its own order). In a folder or glob, files such as
    last.ckpt and best.pt are ignored if other names contain epochs, since they are copies.

    Raises
    ------
    InputError : no checkpoint was found, a file is missing, or two files have the same epoch.
    """
    if isinstance(checkpoints, Mapping):
        found = {_whole(epoch): Path(path) for epoch, path in checkpoints.items()}
        _exist(found.values())
        return dict(sorted(found.items()))
    if isinstance(checkpoints, (str, os.PathLike)):
        paths, named = _without_copies(sorted(_listed(checkpoints), key=_natural)), False
    else:
        paths, named = [Path(path) for path in checkpoints], True
    _exist(paths)
    if not paths:
        raise InputError.at(
            "checkpoints", f"names none: {checkpoints}", f"Files end in {', '.join(CHECKPOINT_SUFFIXES)}."
        )
    numbers = _numbers(paths)
    if numbers is None:
        return dict(enumerate(paths if named else sorted(paths, key=_natural)))
    found = {}
    for number, path in zip(numbers, paths, strict=True):
        if number in found:
            both = f"has two files of epoch {number}: {found[number].name} and {path.name}"
            raise InputError.at("checkpoints", both, "Pass {epoch: path} to say which is which.")
        found[number] = path
    return dict(sorted(found.items()))


def load_state(path: Path, state_of: Callable[[Any], Mapping[str, Any]] | str | None = None) -> dict[str, torch.Tensor]:
    """Load the tensors of a checkpoint by name, on the CPU.

    Parameters
    ----------
    path : the file, or a folder of shards.
    state_of : key of the state dict in the file, or function from the contents of the file to it; see
        `workbench.replay`.

    Raises
    ------
    InputError : the file is damaged, contains objects other than tensors and plain values, or contains no tensors.
    """
    if path.is_dir():
        shards = [file for file in _weights_in(path) if file.suffix == ".safetensors"] or _weights_in(path)
        if not shards:
            todo = f"Files with weights end in {', '.join(CHECKPOINT_SUFFIXES)}."
            raise InputError.at(f"checkpoint {path}", "is a folder without weights", todo)
        state: dict[str, torch.Tensor] = {}
        for file in shards:
            state |= load_state(file, state_of)
        return state
    try:
        if not is_there(path):
            raise FileNotFoundError("no such file")
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            loaded = load_file(path, device="cpu")
        else:
            import torch

            _check_packed(path)
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except WorkbenchError as error:  # not a regular file
        raise InputError.at(f"checkpoint {path}", f"cannot be read ({error})", "Leave it out.") from error
    except Exception as error:
        if "weights_only" in str(error) or "Unsupported" in str(error):
            why = "holds Python objects other than tensors, which can run code when read, so it is refused"
            todo = "If you trust it, save it again with torch.save(model.state_dict(), path)."
            raise InputError.at(f"checkpoint {path}", why, todo) from error
        what = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise InputError.at(f"checkpoint {path}", f"cannot be read ({what})", "Restore it, or leave it out.") from error
    return _chosen(loaded, path, state_of) if state_of is not None else _tensors(loaded, path)


def save_tensors(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write tensors as safetensors.

    Raises
    ------
    OSError : the file cannot be written. (The library's own exception has no `errno`.)
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(dict(tensors), path)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        code = int(number[1]) if number else errno.EIO
        words = os.strerror(code) if number else str(error)
        raise OSError(code, words, str(path)) from error


def fit_state(state: Mapping[str, torch.Tensor], model: torch.nn.Module, path: Path) -> dict[str, torch.Tensor]:
    """Rename tensors to the module's names: a prefix ("module.", "model.") is removed or added if it then fits.

    Raises
    ------
    InputError : with every prefix, names are missing or unexpected, or shapes differ.
    """
    expected = model.state_dict()
    tied = _tied(expected)
    best: dict[str, list[str]] | None = None
    for candidate in _renamed(state, expected):
        misfits = _misfits(candidate, expected, tied)
        if not misfits:
            return candidate
        if best is None or sum(map(len, misfits.values())) < sum(map(len, best.values())):
            best = misfits
    assert best is not None  # the first candidate has the unchanged names
    said = "; ".join(f"{what} {first_few(names, 3)}" for what, names in best.items())
    raise InputError.at(f"checkpoint {path}", f"does not fit the model: {said}", _REMEDY)


def _check_packed(path: Path) -> None:
    """Refuse a PyTorch file with compressed tensors: PyTorch never compresses them, and it would hide their size."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(one.file_size for one in archive.infolist())
        check_unpacked(unpacked, path.stat().st_size, "Save it with torch.save.", 2)


def _whole(epoch: Any) -> int:
    if isinstance(epoch, bool) or not hasattr(epoch, "__index__") or epoch.__index__() < 0:
        raise InputError.at("checkpoints", f"has epoch {epoch!r}", "Epochs must be integers from 0.")
    return epoch.__index__()


def _exist(paths: Iterable[Path]) -> None:
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise InputError.at("checkpoints", f"does not exist: {first_few(missing)}", "Check the path.")


def _listed(place: str | os.PathLike[str]) -> list[Path]:
    """List the checkpoints in a folder or matching a glob."""
    path = Path(place)
    if path.is_dir():
        files = _weights_in(path)
        if not files or all("-of-" in file.name for file in files):
            folders = [folder for folder in path.iterdir() if folder.is_dir() and _weights_in(folder)]
            return [_one_or_shards(folder) for folder in folders] or ([path] if files else [])
        return files
    if path.exists() or not glob.has_magic(str(place)):
        return [path]
    found = [Path(name) for name in glob.glob(str(place), recursive=True)]
    return [
        _one_or_shards(one) if one.is_dir() else one
        for one in found
        if one.is_dir() or one.suffix in CHECKPOINT_SUFFIXES
    ]


def _weights_in(folder: Path) -> list[Path]:
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix in CHECKPOINT_SUFFIXES and file.is_file() and not file.name.startswith((".", *_BESIDE))
    )


def _one_or_shards(folder: Path) -> Path:
    files = _weights_in(folder)
    return files[0] if len(files) == 1 else folder


def _without_copies(paths: list[Path]) -> list[Path]:
    """Remove last.ckpt, best.pt and the like if other names contain epochs."""
    if not any(_epoch_in(path.stem) for path in paths):
        return paths
    return [path for path in paths if _epoch_in(path.stem) or not path.stem.lower().startswith(_COPIES)]


def _natural(path: Path) -> list[Any]:
    """Sorting key of natural order: epoch_10 comes after epoch_9."""
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def _numbers(paths: Sequence[Path]) -> list[int] | None:
    """Return the epoch of every path by its name; None if the names do not contain it."""
    stems = [path.name if path.is_dir() else path.stem for path in paths]
    by_word = [_epoch_in(stem) for stem in stems]
    if len(set(stems)) < len(stems) and not any(by_word):  # checkpoint-500/model, checkpoint-1000/model
        stems = [path.parent.name if path.is_file() else path.name for path in paths]
        by_word = [_epoch_in(stem) for stem in stems]
    found = [int(match) for match in by_word if match is not None]
    if len(found) == len(by_word):
        return found
    if found:
        lost = [path.name for path, match in zip(paths, by_word, strict=True) if match is None]
        found = f"has no epoch in the names {first_few(lost)}, unlike other files"
        raise InputError.at("checkpoints", found, "Leave them out with a glob or a list, or pass {epoch: path}.")
    digits = [re.findall(r"\d+", stem) for stem in stems]
    if not all(digits) or any(_STEP.search(stem) for stem in stems):
        return None
    last = [int(found[-1]) for found in digits]
    return last if len(set(last)) == len(last) else None


def _epoch_in(name: str) -> str | None:
    """Return the digits after "epoch", "ep" or "e" in a file name, or None."""
    for pattern in _EPOCH_IN_NAME:
        if match := pattern.search(name):
            return match[1]
    return None


def _tensors(loaded: Any, path: Path) -> dict[str, Any]:
    """Find the state dict in the result of `torch.load`."""
    if isinstance(loaded, Mapping):
        for inner in (*(loaded.get(name) for name in NESTED), loaded):
            if isinstance(inner, Mapping):
                state = {str(name): value for name, value in inner.items() if hasattr(value, "is_floating_point")}
                state = state or _of_parts(inner)
                if state:
                    return state
    held = f"a dict with {first_few(list(loaded))}" if isinstance(loaded, Mapping) else f"a {type(loaded).__name__}"
    found = f"holds no state dict, but {held}"
    todo = f"The top level and {', '.join(NESTED)} were searched. Say where it is: state_of=KEY or a function."
    raise InputError.at(f"checkpoint {path}", found, todo)


def _of_parts(held: Mapping[Any, Any]) -> dict[str, Any]:
    """Combine the state dicts of the parts of a model, {"backbone": ..., "head": ...}, into one.

    Entries that contain anything but tensors, such as the state of an optimizer, are ignored.
    """
    state = {}
    for part, inner in held.items():
        if isinstance(inner, Mapping) and inner and all(hasattr(one, "is_floating_point") for one in inner.values()):
            state |= {f"{part}.{name}": value for name, value in inner.items()}
    return state


def _chosen(loaded: Any, path: Path, state_of: Callable[[Any], Mapping[str, Any]] | str) -> dict[str, Any]:
    """Return the state dict that the user selected with `state_of`."""
    if isinstance(state_of, str):
        keys = list(loaded) if isinstance(loaded, Mapping) else []
        if state_of not in keys:
            raise InputError.unknown("key", state_of, keys, f"It was passed as `state_of` for {path}.")
        return _tensors(loaded[state_of], path)
    state = state_of(loaded)
    if not isinstance(state, Mapping) or not all(hasattr(value, "is_floating_point") for value in state.values()):
        found = f"returned a {type(state).__name__} for {path}"
        raise InputError.at("state_of", found, "It must return a dict of names to tensors.")
    return {str(name): value for name, value in state.items()}


def _renamed(state: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield the unchanged state dict, then variants with a prefix removed, then with a prefix added."""
    yield dict(state)
    for prefix in _prefixes(state):
        yield {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
    for prefix in _prefixes(expected):
        yield {prefix + name: value for name, value in state.items()}


def _prefixes(names: Iterable[str]) -> list[str]:
    """Return the first one, two and three parts of dotted names, in order of appearance."""
    found: dict[str, None] = {}
    for name in names:
        parts = name.split(".")
        for depth in range(1, min(len(parts), 4)):
            found[".".join(parts[:depth]) + "."] = None
    return list(found)


def _misfits(
    state: Mapping[str, Any], expected: Mapping[str, Any], tied: Mapping[str, set[str]]
) -> dict[str, list[str]]:
    """Return the names that prevent a state dict from fitting, by kind of problem; empty if it fits."""
    found = {
        "missing": [name for name in expected if name not in state and tied.get(name, set()).isdisjoint(state)],
        "unexpected": [name for name in state if name not in expected],
        "of a different shape": [
            f"{name}: {tuple(value.shape)} in the file, {tuple(expected[name].shape)} in the model"
            for name, value in state.items()
            if name in expected and hasattr(expected[name], "shape") and value.shape != expected[name].shape
        ],
    }
    return {what: names for what, names in found.items() if names}


def _tied(expected: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return a dict of each name that shares its memory with others, which are saved once, to all of these names."""
    by_memory: dict[tuple[int, tuple[int, ...]], set[str]] = {}
    for name, value in expected.items():
        if hasattr(value, "data_ptr") and value.numel():
            by_memory.setdefault((value.data_ptr(), tuple(value.shape)), set()).add(name)
    return {name: names for names in by_memory.values() if len(names) > 1 for name in names}
