"""All dynamics from logits in one pass over blocks of rows, from memory or from disk.

`dynamics` reads each block of rows of every epoch once, reduces it to the statistics of
`workbench.foundation.statistics`, and hands the matrices (epochs, rows) to `dynamics_block`, which a recorded run's
statistics go through too: the numbers are the same whatever the block size, the number of threads, or where the
logits lie. Memory: the results and a few blocks; a memory-mapped file is read, not mapped in, so that its pages do
not stay with the process.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from workbench.foundation.checks import check_given_labels
from workbench.foundation.errors import InputError
from workbench.foundation.reductions import in_threads
from workbench.foundation.statistics import block_statistics
from workbench.scores import dynamics as _dynamics  # noqa: F401  (fills SCORES)
from workbench.scores.registry import SCORES
from workbench.storage.npy import map_array

STATISTICS = ("p_given", "margin", "loss", "entropy", "el2n", "correct")
BLOCK = 1 << 16  # elements of one epoch's block of rows


def dynamics_names() -> list[str]:
    """Names of the registered scores that need per-epoch statistics only."""
    return [name for name, row in SCORES.items() if set(row.needs) <= set(STATISTICS)]


def dynamics_block(evidence: Mapping[str, np.ndarray], names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Dynamics scores of one block of rows.

    Parameters
    ----------
    evidence : mapping of str to float array (epochs, b)
        Any of `STATISTICS`, NaN where a row was not recorded (`correct` as 1, 0, NaN).
    names : iterable of str, optional
        Which scores; unless given, all whose evidence is there.

    Returns
    -------
    dict of str to array (b,)
    """
    if names is None:
        names = [name for name in dynamics_names() if all(need in evidence for need in SCORES[name].needs)]
    return {name: SCORES[name].function(*(evidence[need] for need in SCORES[name].needs)) for name in names}


def dynamics(
    logits_by_epoch: Any,
    given_labels: Any,
    *,
    block_rows: int | None = None,
    names: Sequence[str] | None = None,
    threads: int | None = None,
    progress: bool = False,
) -> dict[str, np.ndarray]:
    """All dynamics scores of a training from the logits of its epochs.

    Parameters
    ----------
    logits_by_epoch : float array (epochs, n, k), or a sequence of arrays (n, k) or of paths of `.npy` files
        Before softmax, one per epoch, in order. float16, float32 or float64.
    given_labels : int array (n,), class index; -1 = unlabelled
    block_rows : int, optional
        Rows reduced at a time; does not change the result.
    names : sequence of str, optional
        Which scores; all dynamics unless given.
    threads : int, optional
        At most so many; as many as there are cores unless given.
    progress : bool
        Show a bar.

    Returns
    -------
    dict of str to array (n,), one for each score; NaN (never_learned: False) for an unlabelled row.

    Raises
    ------
    InputError
        No epochs, epochs of different shape, labels that do not fit, an unknown score, or a row with NaN or +inf.
    """
    from tqdm.auto import tqdm

    with ExitStack() as files:
        readers, n, k = _open(logits_by_epoch, files)
        labels = check_given_labels(given_labels, n, k)
        known = dynamics_names()
        names = known if names is None else list(names)
        for name in names:
            if name not in known:
                raise InputError.unknown("dynamics score", name, known)
        out = {name: np.empty(n, bool if name == "never_learned" else np.float32) for name in names}
        step = block_rows or max(1, BLOCK // k)

        def work(start: int) -> None:
            rows = slice(start, min(start + step, n))
            for name, values in dynamics_block(_block(readers, labels, rows), names).items():
                out[name][rows] = values
            bar.update(rows.stop - rows.start)

        with tqdm(total=n, desc="dynamics", unit="row", unit_scale=True, disable=not progress, leave=False) as bar:
            in_threads(work, range(0, n, step), len(readers) * n * k, threads=threads)
    return out


def statistics_of_rows(logits: Any, given_labels: np.ndarray, rows: slice) -> dict[str, np.ndarray]:
    """{statistic: (epochs, b) float32} of some rows of logits (epochs, n, k); labels are trusted."""
    with ExitStack() as files:
        readers, n, k = _open(logits, files)
        start, stop, _ = rows.indices(n)
        out = {name: np.empty((len(readers), stop - start), np.float32) for name in STATISTICS}
        step = max(1, BLOCK // k)
        for first in range(start, stop, step):
            part = slice(first, min(first + step, stop))
            place = slice(part.start - start, part.stop - start)
            for name, values in _block(readers, given_labels, part).items():
                out[name][:, place] = values
    return out


def _block(readers: Sequence[Reader], labels: np.ndarray, rows: slice) -> dict[str, np.ndarray]:
    """{statistic: (epochs, b)} of a block that fits the cache, NaN for `correct` where there is no label."""
    given = labels[rows]
    block = {name: np.empty((len(readers), len(given)), np.float32) for name in STATISTICS}
    for epoch, read in enumerate(readers):
        block_statistics(read(rows), given, {name: block[name][epoch] for name in STATISTICS}, rows.start)
    block["correct"][:, given < 0] = np.nan
    return block


Reader = Callable[[slice], np.ndarray]


def _open(logits_by_epoch: Any, files: ExitStack) -> tuple[list[Reader], int, int]:
    """One reader of rows per epoch, and the shape (n, k) that all epochs share."""
    epochs = [logits_by_epoch] if isinstance(logits_by_epoch, (str, Path)) else list(logits_by_epoch)
    arrays = [_mapped(Path(e)) if isinstance(e, (str, Path)) else np.asanyarray(e) for e in epochs]
    if not arrays:
        raise InputError.at("logits_by_epoch", "holds no epochs", "Record or pass at least one.")
    shape = arrays[0].shape
    for epoch, array in enumerate(arrays):
        if array.ndim != 2 or array.shape[1] < 1 or array.shape != shape or array.dtype.kind not in "fiu":
            raise InputError.at(
                "logits_by_epoch",
                f"has shape {array.shape} and dtype {array.dtype} in epoch {epoch}, and {shape} in epoch 0",
                "Give one array of numbers (n, k) per epoch, all of one shape.",
            )
    return [_reader(array, files) for array in arrays], *shape


def _mapped(path: Path) -> np.ndarray:
    try:
        return map_array(path)
    except (OSError, ValueError, EOFError) as error:
        raise InputError.at("logits_by_epoch", f"file {path} cannot be read ({error})", "Record it again.") from error


def _reader(array: np.ndarray, files: ExitStack) -> Reader:
    """Rows of an array; of a memory-mapped file by reading them, so that its pages are not counted to the process."""
    place = _place_in_file(array)
    if place is None:
        return array.__getitem__
    path, offset = place
    handle = os.open(path, os.O_RDONLY)
    files.callback(os.close, handle)
    width = array.shape[1] * array.itemsize

    def read(rows: slice) -> np.ndarray:
        buffer = np.empty((rows.stop - rows.start, array.shape[1]), array.dtype)
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view):
            got = os.preadv(handle, [view[done:]], offset + rows.start * width + done)
            if not got:
                raise InputError.at("logits_by_epoch", f"file {path} ends early", "Record it again.")
            done += got
        return buffer

    return read


def _place_in_file(array: np.ndarray) -> tuple[str, int] | None:
    """Path and first byte of a contiguous part of a memory-mapped file; None for anything else."""
    root: Any = array
    while isinstance(root, np.ndarray) and isinstance(root.base, np.ndarray):
        root = root.base
    if (
        not hasattr(os, "preadv")
        or not isinstance(root, np.memmap)
        or not isinstance(root.base, mmap.mmap)
        or root.filename is None
        or root.mode == "c"
        or not array.flags.c_contiguous
    ):
        return None
    inside = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    return str(root.filename), root.offset + inside
