"""Statistics of logits (epochs, n, k) from memory or from disk, computed block by block.

Memory-mapped files are read with ordinary reads, so that their pages do not count as memory of the process.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from workbench.foundation.errors import InputError
from workbench.foundation.statistics import PER_EPOCH, block_statistics
from workbench.storage.npy import map_array

STORED_BLOCK = 1 << 16  # elements of one epoch's block of rows

Reader = Callable[[slice], np.ndarray]


def statistics_of_rows(logits: Any, given_labels: np.ndarray, rows: slice) -> dict[str, np.ndarray]:
    """Return {statistic: (epochs, b) float32} of a slice of rows of logits (epochs, n, k); labels are not validated."""
    with ExitStack() as files:
        readers, n, k = open_logits(logits, files)
        start, stop, _ = rows.indices(n)
        out = {name: np.empty((len(readers), stop - start), np.float32) for name in PER_EPOCH}
        step = max(1, STORED_BLOCK // k)
        for first in range(start, stop, step):
            part = slice(first, min(first + step, stop))
            place = slice(part.start - start, part.stop - start)
            for name, values in block_of(readers, given_labels, part).items():
                out[name][:, place] = values
    return out


def block_of(readers: Sequence[Reader], labels: np.ndarray, rows: slice) -> dict[str, np.ndarray]:
    """Return {statistic: (epochs, b) float32} of a block that fits into the cache; NaN in `correct` if unlabelled."""
    given = labels[rows]
    block = {name: np.empty((len(readers), len(given)), np.float32) for name in PER_EPOCH}
    for epoch, read in enumerate(readers):
        block_statistics(read(rows), given, {name: block[name][epoch] for name in PER_EPOCH}, rows.start)
    block["correct"][:, given < 0] = np.nan
    return block


def open_logits(logits_by_epoch: Any, files: ExitStack) -> tuple[list[Reader], int, int]:
    """Return a function per epoch that reads a slice of rows, and the common shape (n, k) of the epochs."""
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
                "Give one array of numbers (n, k) per epoch, all of the same shape.",
            )
    return [_reader(array, files) for array in arrays], *shape


def _mapped(path: Path) -> np.ndarray:
    try:
        return map_array(path)
    except (OSError, ValueError, EOFError) as error:
        raise InputError.at("logits_by_epoch", f"file {path} cannot be read ({error})", "Record it again.") from error


def _reader(array: np.ndarray, files: ExitStack) -> Reader:
    """Return a function that reads rows of an array; from a memory-mapped file it uses ordinary reads."""
    place = _place_in_file(array)
    if place is None:
        return array.__getitem__
    path, offset = place
    handle = os.open(path, os.O_RDONLY)
    files.callback(os.close, handle)
    width = array.shape[1] * array.itemsize

    def read(rows: slice) -> np.ndarray:
        buffer = np.empty((rows.stop - rows.start, array.shape[1]), array.dtype)
        view = buffer.data.cast("B")
        done = 0
        while done < len(view):
            got = os.preadv(handle, [view[done:]], offset + rows.start * width + done)
            if not got:
                raise InputError.at("logits_by_epoch", f"file {path} ends early", "Record it again.")
            done += got
        return buffer

    return read


def _place_in_file(array: np.ndarray) -> tuple[str, int] | None:
    """Return the path and the offset of a contiguous part of a memory-mapped file; None for other arrays."""
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
