"""Scores that are updated epoch by epoch, by means of a small state per example.

A dynamics score is defined once, by its state; the pure function of the whole matrix (epochs, n) adds its rows in the
same order. Incrementally updated scores are therefore identical to those of a full pass, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

State = dict[str, np.ndarray]


@dataclass(frozen=True)
class Running:
    """The state of a score, how an epoch is added to it, and how the score is computed from it.

    Attributes
    ----------
    fields : name -> (dtype, initial value) of the state's arrays (n,).
    add : (state, values (n,) of one epoch, NaN where not recorded) -> None; changes the state in place.
    value : state -> (n,) score.
    taken : number of epochs -> number of first epochs that count.
    """

    fields: Mapping[str, tuple[type[Any], float]]
    add: Callable[[State, np.ndarray], None]
    value: Callable[[State], np.ndarray]
    taken: Callable[[int], int] = int

    def start(self, n: int) -> State:
        """Return the state of n examples before the first epoch."""
        return {name: np.full(n, initial, dtype) for name, (dtype, initial) in self.fields.items()}

    def over(self, matrix: np.ndarray) -> np.ndarray:
        """Return the score (n,) of a whole matrix (epochs, n); the caller chooses which epochs count."""
        matrix = np.asarray(matrix)
        state = self.start(matrix.shape[1])
        for epoch in matrix:
            self.add(state, epoch)
        return self.value(state)

    @property
    def dtype(self) -> np.dtype:
        """Structured dtype of one example's state."""
        return np.dtype([(name, dtype) for name, (dtype, _) in self.fields.items()])


def _whole(values: np.ndarray) -> bool:
    """Return whether no value is missing; a sum is the fastest test (False for both +inf and -inf, which is safe)."""
    with np.errstate(invalid="ignore"):
        return not np.isnan(values.sum())


def _add_mean(state: State, values: np.ndarray) -> None:
    if _whole(values):
        state["total"] += values
        state["count"] += 1
        return
    there = ~np.isnan(values)
    np.add(state["total"], values, out=state["total"], where=there)
    state["count"] += there


def _mean(state: State) -> np.ndarray:
    total, count = state["total"], state["count"]
    mean = np.full(total.shape, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean.astype(np.float32)


MEAN = Running({"total": (np.float64, 0), "count": (np.int32, 0)}, _add_mean, _mean)
"""Mean over the recorded epochs, summed in float64."""


def _add_deviation(state: State, values: np.ndarray) -> None:
    if not _whole(state["first"]):
        np.copyto(state["first"], values, where=np.isnan(state["first"]))
    away = np.subtract(values, state["first"], dtype=np.float64)
    if _whole(values):
        state["count"] += 1
    else:
        there = ~np.isnan(values)
        away[~there] = 0
        state["count"] += there
    state["sum"] += away
    np.multiply(away, away, out=away)
    state["squares"] += away


def _deviation(state: State) -> np.ndarray:
    count = np.where(state["count"] > 0, state["count"], np.nan)
    mean = state["sum"] / count
    return np.sqrt(np.maximum(state["squares"] / count - mean * mean, 0)).astype(np.float32)


DEVIATION = Running(
    {"first": (np.float32, np.nan), "sum": (np.float64, 0), "squares": (np.float64, 0), "count": (np.int32, 0)},
    _add_deviation,
    _deviation,
)
"""Population standard deviation over the recorded epochs.

It sums differences from the first recorded value and their squares, so similar values lose no precision and a constant
curve gives exactly 0.
"""


def _add_steps(state: State, values: np.ndarray) -> None:
    right, wrong = values > 0.5, values <= 0.5
    state["steps"] += state["was_right"] & wrong
    state["seen"] |= right | wrong
    state["was_right"] &= ~wrong
    state["was_right"] |= right


def _steps(state: State) -> np.ndarray:
    return np.where(state["seen"], state["steps"], np.nan).astype(np.float32)


FORGOTTEN_STEPS = Running({"steps": (np.int32, 0), "was_right": (bool, 0), "seen": (bool, 0)}, _add_steps, _steps)
"""Number of changes from correct to wrong between consecutive recorded epochs."""


def _add_once(state: State, values: np.ndarray) -> None:
    state["right"] |= values > 0.5
    state["wrong"] |= values <= 0.5


def _never(state: State) -> np.ndarray:
    return state["wrong"] & ~state["right"]


NEVER_RIGHT = Running({"right": (bool, 0), "wrong": (bool, 0)}, _add_once, _never)
"""Whether the example was recorded and never correct."""
