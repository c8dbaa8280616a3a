"""Orders of the review queue by name: functions of the view that give row numbers, the first to review first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from widgets.auditing import sample
from workbench.errors import InputError

if TYPE_CHECKING:
    from widgets.view import View


def _suspicion(view: View) -> np.ndarray:
    return view.order[view.issue[view.order]]


def _pairs(view: View) -> np.ndarray:
    """Suspects by pair of given and suggested class, the most frequent pair first."""
    suspects = _suspicion(view)
    pair = view.dataset.given_labels[suspects] * view.dataset.k + view.suggested[suspects]
    _, which, total = np.unique(pair, return_inverse=True, return_counts=True)
    return suspects[np.lexsort((np.arange(len(suspects)), pair, -total[which]))]


def _random(view: View) -> np.ndarray:
    return np.random.default_rng(0).permutation(_suspicion(view))


def _audit(view: View) -> np.ndarray:
    return sample(view.run, view.issues)


def _all(view: View) -> np.ndarray:
    return view.order


QUEUES: dict[str, Callable[[View], np.ndarray]] = {
    "suspicion": _suspicion,
    "pairs": _pairs,
    "random": _random,
    "audit": _audit,
    "all": _all,
}
"""Name -> function of the view that gives (m,) row numbers."""


def queue_rows(view: View, name: str) -> np.ndarray:
    """(m,) row numbers of the queue of that name."""
    if name not in QUEUES:
        raise InputError.unknown("queue", name, QUEUES, "Or pass a list of ids.")
    return QUEUES[name](view)
