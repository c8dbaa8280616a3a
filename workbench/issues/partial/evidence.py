"""Validated evidence about candidate sets: given probabilities, and outputs of a training in each epoch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.foundation.checks import in_memory
from workbench.foundation.errors import InputError
from workbench.issues.kinds.checked import matched_probabilities
from workbench.issues.kinds.contract import Asked
from workbench.issues.loo_classifiers import log_softmax
from workbench.issues.partial.canaries import mass_outside

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
    """Average the outputs of models trained on the sets: `logits` of each epoch, and in-sample probabilities; or None.

    Raises
    ------
    InputError : logits have the wrong shape or are not finite.
    """
    parts = [] if probs is None or asked.out_of_fold else [np.maximum(probs, LEAST_GIVEN).astype(np.float32)]
    logits = asked.evidence.get("logits")
    if logits is not None:
        logits = np.asanyarray(in_memory("logits", logits))
        if logits.ndim != 3 or logits.shape[1:] != sets.shape or not len(logits) or logits.dtype.kind not in "fiu":
            found = f"has shape {logits.shape} and dtype {logits.dtype}"
            n, k = sets.shape
            raise InputError.at("logits", found, f"Pass the outputs of each epoch: numbers (epochs, {n}, {k}).")
    number = len(parts) + (0 if logits is None else len(logits))
    if not number:
        return None
    mean, odds = np.zeros(sets.shape, np.float32), np.zeros(len(sets))
    for epoch in range(number):
        one = parts[epoch] if logits is None or epoch < len(parts) else _softmax(logits, epoch - len(parts))
        mean += one / number
        odds += mass_outside(one, sets) / number
    return Seen(mean, odds, number)


def _softmax(logits: np.ndarray, epoch: int) -> np.ndarray:
    values = np.asarray(logits[epoch], np.float32)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        found = f"is not finite in epoch {epoch} ({len(bad):,} rows)"
        raise InputError.at("logits", found, "Pass finite numbers.", row=int(bad[0]))
    return np.exp(log_softmax(values))
