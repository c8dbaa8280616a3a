"""Kinds of label: one small object each, one protocol, one table.

A structured task is reduced to units, the units are scored as multiclass or binary, and the unit scores are folded
back to examples. A score is therefore written once; a new kind of label adds a file here and a row in `TASKS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from workbench.tasks.multiclass import Multiclass


class Task(Protocol):
    """What a kind of label must be able to do; see `Multiclass` for the plainest case."""

    name: str

    def check(self, given_labels: np.ndarray, classes: Sequence[str]) -> None:
        """Raise `InputError` when labels and classes do not fit this task."""

    def units(self, given_labels: np.ndarray, pred_probs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Flat given labels (m,), predicted probabilities (m, k) and owner (m,): the example of each unit."""

    def fold(self, unit_scores: np.ndarray, owner: np.ndarray, n: int) -> np.ndarray:
        """One score per example (n,) from one per unit (m,)."""

    def show(self, label: int, classes: Sequence[str]) -> str:
        """A label in words, plain text."""


TASKS: dict[str, Task] = {task.name: task for task in (Multiclass(),)}
