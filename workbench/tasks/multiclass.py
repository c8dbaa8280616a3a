"""One of k classes per example: the units are the examples, folding changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.errors import InputError


class Multiclass:
    """One class index per example, -1 where there is no label."""

    name = "multiclass"

    def check(self, given_labels: np.ndarray, classes: Sequence[str]) -> None:
        """Labels are an integer vector in [-1, k)."""
        if given_labels.ndim != 1 or given_labels.dtype.kind not in "iu":
            found = f"has dtype {given_labels.dtype} and shape {given_labels.shape}"
            raise InputError.at("given_labels", found, "Pass class indices, an int array of shape (n,).")
        outside = (given_labels < -1) | (given_labels >= len(classes))
        if outside.any():
            row = int(np.flatnonzero(outside)[0])
            found = f"is {int(given_labels[row])} for {len(classes)} classes"
            raise InputError.at("given_labels", found, "Use 0 to k-1, or -1 for no label.", row=row)

    def units(self, given_labels: np.ndarray, pred_probs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Each example is its own unit."""
        return given_labels, pred_probs, np.arange(len(given_labels))

    def fold(self, unit_scores: np.ndarray, owner: np.ndarray, n: int) -> np.ndarray:
        """The score of the one unit; NaN for an example without a unit."""
        folded = np.full(n, np.nan, dtype=np.result_type(unit_scores, np.float32))
        folded[owner] = unit_scores
        return folded

    def show(self, label: int, classes: Sequence[str]) -> str:
        """The class name, or "no label"."""
        return "no label" if label < 0 else classes[label]
