"""Lenses: ready-made selections that rest on scores. Those that rest on decisions are made in the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from widgets.columns import Column


def _above(name: str, threshold: float) -> Callable[[Mapping[str, Column]], np.ndarray | None]:
    """Rows whose score is larger than a threshold; None where the run has no such score."""
    return lambda columns: columns[name].values > threshold if name in columns else None


def _suggestion_differs(columns: Mapping[str, Column]) -> np.ndarray:
    suggested = columns["suggested"].values
    return (suggested >= 0) & (suggested != columns["given"].values)


LENSES: dict[str, Callable[[Mapping[str, Column]], np.ndarray | None]] = {
    "never learned": _above("never_learned", 0.5),
    "most neighbours disagree": _above("neighbor_disagreement", 0.5),
    "forgotten more than once": _above("forgetting", 1),
    "suggestion differs": _suggestion_differs,
}
"""Name in the menu -> function of the columns that gives a (n,) bool mask, or None when it does not apply."""


def lens_masks(columns: Mapping[str, Column]) -> dict[str, np.ndarray]:
    """Masks by name; empty ones are left out."""
    masks = {name: lens(columns) for name, lens in LENSES.items()}
    return {name: mask for name, mask in masks.items() if mask is not None and mask.any()}
