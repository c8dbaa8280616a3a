"""Validated evidence about candidate sets: given probabilities, and outputs of a training in each epoch.

The outputs of a training are passed as `logits`, or were recorded in the run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from workbench.foundation.checks import in_memory
from workbench.foundation.errors import InputError
from workbench.issues.kinds.checked import matched_probabilities
from workbench.issues.kinds.contract import Asked
from workbench.issues.loo_classifiers import log_softmax
from workbench.issues.partial.canaries import mass_outside
from workbench.issues.partial.learned import recorded_probs
from workbench.runs.run import Run

LEAST_GIVEN = 1e-4
"""Lower limit to which given probabilities are clipped."""


class Seen(NamedTuple):
    """Outputs of models trained on the sets: mean probabilities (n, k), mean log odds (n,) that the true class is
    outside the set, and the number of epochs."""

    probs: np.ndarray
    outside: np.ndarray
    epochs: int


def candidate_probabilities(asked: Asked) -> np.ndarray | None:
    """Return the given probabilities, float (n, k); None if not given.

    Raises
    ------
    InputError : wrong shape, values that are not probabilities, or a name that is not among the classes or ids.
    """
    given = asked.evidence.get("pred_probs")
    return None if given is None else matched_probabilities(given, asked.dataset)


def seen(asked: Asked, probs: np.ndarray | None, sets: np.ndarray) -> Seen | None:
    """Average the outputs of models trained on the sets: `logits`, recorded epochs, in-sample probabilities; or None.

    Raises
    ------
    InputError : logits have the wrong shape or are not finite.
    """
    epochs: list[Callable[[], np.ndarray]] = []
    if probs is not None and not asked.out_of_fold:
        epochs.append(lambda: np.maximum(probs, LEAST_GIVEN).astype(np.float32))
    logits = asked.evidence.get("logits")
    if logits is not None:
        logits = np.asanyarray(in_memory("logits", logits))
        if logits.ndim != 3 or logits.shape[1:] != sets.shape or not len(logits) or logits.dtype.kind not in "fiu":
            found = f"has shape {logits.shape} and dtype {logits.dtype}"
            n, k = sets.shape
            raise InputError.at("logits", found, f"Pass the outputs of each epoch: numbers (epochs, {n}, {k}).")
        epochs += [functools.partial(_softmax, logits, epoch) for epoch in range(len(logits))]
    run = asked.evidence.get("dynamics")
    if isinstance(run, Run):
        epochs += [functools.partial(recorded_probs, run, epoch) for epoch in run.epochs]
    if not epochs:
        return None
    mean, odds, count = np.zeros(sets.shape, np.float32), np.zeros(len(sets)), np.zeros(len(sets))
    for read in epochs:
        one = read()
        there = np.isfinite(one[:, 0])
        mean[there] += one[there]
        odds[there] += mass_outside(one[there], sets[there])
        count += there
    if not count.any():
        return None
    mean[count == 0] = 1 / sets.shape[1]  # rows that no epoch recorded
    return Seen(mean / np.maximum(count, 1)[:, None].astype(np.float32), odds / np.maximum(count, 1), len(epochs))


def _softmax(logits: np.ndarray, epoch: int) -> np.ndarray:
    values = np.asarray(logits[epoch], np.float32)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        found = f"is not finite in epoch {epoch} ({len(bad):,} rows)"
        raise InputError.at("logits", found, "Pass finite numbers.", row=int(bad[0]))
    return np.exp(log_softmax(values))
