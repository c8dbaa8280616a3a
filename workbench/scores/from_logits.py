"""Compute all dynamics scores from logits in one pass over blocks of rows, from memory or from disk.

`dynamics` reads each block of rows of every epoch once, reduces it to the statistics of
`workbench.foundation.statistics`, and passes the matrices (epochs, rows) to `dynamics_block`, which is also used for
the statistics of a recorded run. Results do not depend on the block size, the number of threads, or where the logits
are stored. Memory: the results and a few blocks; memory-mapped files are read instead of mapped, so that their pages do
not count towards the process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from workbench.foundation.checks import check_given_labels
from workbench.foundation.errors import InputError
from workbench.foundation.reductions import in_threads
from workbench.foundation.statistics import PER_EPOCH
from workbench.scores import dynamics as _dynamics  # noqa: F401  (fills SCORES)
from workbench.scores.registry import SCORES
from workbench.storage.logits import STORED_BLOCK, block_of, open_logits


def dynamics_names() -> list[str]:
    """Return the names of the registered scores that need only per-epoch statistics."""
    return [name for name, row in SCORES.items() if set(row.needs) <= set(PER_EPOCH)]


def dynamics_block(evidence: Mapping[str, np.ndarray], names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Compute the dynamics scores of one block of rows.

    Parameters
    ----------
    evidence : mapping of str to float array (epochs, b)
        Any of `PER_EPOCH`, NaN where a row was not recorded (`correct` as 1, 0, NaN).
    names : iterable of str, optional
        Scores to compute; by default all whose evidence is available.

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
    """Compute all dynamics scores of a training run from the logits of its epochs.

    Parameters
    ----------
    logits_by_epoch : float array (epochs, n, k), or a sequence of arrays (n, k) or of paths of `.npy` files
        Before softmax, one per epoch, in order. float16, float32 or float64.
    given_labels : int array (n,), class index; -1 = unlabelled
    block_rows : int, optional
        Number of rows reduced at a time; does not change the result.
    names : sequence of str, optional
        Scores to compute; by default all dynamics scores.
    threads : int, optional
        Maximum number of threads; by default the number of cores.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    dict of str to array (n,), one per score; NaN (never_learned: False) for an unlabelled row.

    Raises
    ------
    InputError
        No epochs, epochs of different shapes, labels that do not match, an unknown score, or a row with NaN or +inf.
    """
    from tqdm.auto import tqdm

    with ExitStack() as files:
        readers, n, k = open_logits(logits_by_epoch, files)
        labels = check_given_labels(given_labels, n, k)
        known = dynamics_names()
        names = known if names is None else list(names)
        for name in names:
            if name not in known:
                raise InputError.unknown("dynamics score", name, known)
        out = {name: np.empty(n, bool if name == "never_learned" else np.float32) for name in names}
        step = block_rows or max(1, STORED_BLOCK // k)

        def work(start: int) -> None:
            rows = slice(start, min(start + step, n))
            for name, values in dynamics_block(block_of(readers, labels, rows), names).items():
                out[name][rows] = values
            bar.update(rows.stop - rows.start)

        with tqdm(total=n, desc="dynamics", unit="row", unit_scale=True, disable=not progress, leave=False) as bar:
            in_threads(work, range(0, n, step), len(readers) * n * k, threads=threads)
    return out
