"""Candidate sets (partial labels) on arrays: the probability of a set, its most likely candidate, and building sets.

Sets are a boolean table (n, k), dense or scipy.sparse, or n lists of class indices, None = unlabelled; `pred_probs`
(n, k) are class probabilities.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_pred_probs, check_share, in_memory
from workbench.foundation.errors import InputError, shortened
from workbench.tasks.candidate_reading import read_candidates
from workbench.tasks.candidates import sets_of

LEAST_PROBABILITY = 1e-12
"""Mass below which the candidates of a set count as equally likely."""


def candidate_mass(candidates: Any, pred_probs: Any) -> np.ndarray:
    """Compute the probability that the true class is among the candidates.

    Parameters
    ----------
    candidates : bool (n, k), dense or scipy.sparse, or n lists of class indices.
    pred_probs : float (n, k), rows sum to 1; out-of-fold.

    Returns
    -------
    (n,) float64 in [0, 1], the sum of the candidates' probabilities, low = suspicious; NaN for rows without a set.

    Raises
    ------
    InputError : shapes that do not match, an empty set, or invalid probabilities.

    Examples
    --------
    >>> candidate_mass([[0, 1], [2]], np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]))
    array([0.75, 0.25])
    """
    sets, probs = _read(candidates, pred_probs)
    mass = np.where(sets, probs, 0).sum(axis=1)
    return np.where(sets.any(axis=1), np.clip(mass, 0, 1), np.nan)


def candidate_weights(candidates: Any, pred_probs: Any) -> np.ndarray:
    """Compute the probability of each candidate, given that one of them is the true class: the weights of PRODEN.

    Parameters
    ----------
    candidates, pred_probs : as in `candidate_mass`.

    Returns
    -------
    (n, k) float64, rows sum to 1; 0 outside the set, all 0 for rows without a set.

    Notes
    -----
    w_c = p_c / sum of p over the set (Lv et al. 2020, "Progressive Identification of True Labels for Partial-Label
    Learning"). A model trained with these weights gives new probabilities, and so on. The class with the largest weight
    is selected among the candidates. `find_issues` does ten such rounds on embeddings.

    Examples
    --------
    >>> candidate_weights([[0, 1], [2]], np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])).round(2)
    array([[0.67, 0.33, 0.  ],
           [0.  , 0.  , 1.  ]])
    """
    sets, probs = _read(candidates, pred_probs)
    return weights_within(sets, probs.astype(np.float64))


def weights_within(sets: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """`candidate_weights` of validated arrays, in the dtype of `probs`."""
    inside = np.where(sets, probs, 0)
    mass = inside.sum(axis=1, keepdims=True)
    even = sets / np.maximum(sets.sum(axis=1, keepdims=True), 1)
    return np.where(mass > LEAST_PROBABILITY, inside / np.maximum(mass, LEAST_PROBABILITY), even).astype(probs.dtype)


def purify_candidates(
    candidates: Any, pred_probs: Any, *, first: float = 0.6, last: float = 0.05
) -> tuple[np.ndarray, pd.DataFrame]:
    """Remove candidates that become unlikely during training: progressive purification (POP).

    Parameters
    ----------
    candidates : as in `candidate_mass`.
    pred_probs : float (epochs, n, k), probabilities after each epoch; or (n, k), one epoch.
    first, last : in [0, 1], the allowed difference between the probabilities of the most likely candidate of a set and
        of another one, in the first and in the last epoch; linear in between.

    Returns
    -------
    sets : bool (n, k), the remaining candidates; never empty.
    removed : DataFrame, one row per removed candidate, in order: epoch, row, class (index), behind (the difference),
        allowed.

    Raises
    ------
    InputError : as for `candidate_mass`.

    Notes
    -----
    After Xu et al. 2023, "Progressive Purification for Instance-Dependent Partial Label Learning", who lower the
    threshold with the number of removals instead of the epochs. On the sets of BENCHMARKS.md, choosing by
    `candidate_weights` was correct as often or more often; the removals show when a candidate was excluded.

    Examples
    --------
    >>> sets, removed = purify_candidates([[0, 1]], np.array([[[0.5, 0.4, 0.1]], [[0.7, 0.2, 0.1]]]))
    >>> sets, removed[["epoch", "class"]].values
    (array([[ True, False, False]]), array([[1, 1]]))
    """
    check_share("first", first)
    check_share("last", last)
    stack = np.asarray(in_memory("pred_probs", pred_probs))
    stack = stack[None] if stack.ndim == 2 else stack
    if stack.ndim != 3 or not len(stack):
        raise InputError.at("pred_probs", f"has shape {stack.shape}", "Pass probabilities (epochs, n, k).")
    sets = _read(candidates, stack[0])[0]
    log = []
    for epoch, (probs, allowed) in enumerate(zip(stack, np.linspace(first, last, len(stack)))):
        _read(candidates, probs)
        behind = np.where(sets, np.where(sets, probs, -1).max(axis=1, keepdims=True) - probs, 0)
        rows, codes = np.nonzero(sets & (behind > allowed))
        log.append((np.full(len(rows), epoch), rows, codes, behind[rows, codes], np.full(len(rows), allowed)))
        sets[rows, codes] = False
    columns = [np.concatenate(column) for column in zip(*log)]
    return sets, pd.DataFrame(dict(zip(("epoch", "row", "class", "behind", "allowed"), columns)))


def candidate_sets(pred_probs: Any, *, top: int | None = None, mass: float | None = None) -> np.ndarray:
    """Build sets of the most likely classes: the first `top`, or as many as needed to reach `mass`.

    Parameters
    ----------
    pred_probs : float (n, k), rows sum to 1.
    top : number of classes in each set, at least 1.
    mass : in [0, 1]; each set is the smallest set of most likely classes whose probabilities sum to at least this.

    Returns
    -------
    bool (n, k), True for a class of the set.

    Raises
    ------
    InputError : neither or both of `top` and `mass`, or invalid probabilities.

    Examples
    --------
    >>> candidate_sets(np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]]), mass=0.5).astype(int)
    array([[1, 0, 0],
           [0, 1, 0]])
    """
    probs = check_pred_probs(in_memory("pred_probs", pred_probs))[0]
    if (top is None) == (mass is None):
        raise InputError.at("top", "and `mass` are both given or both missing", "Pass one of them.")
    order = np.argsort(-probs, axis=1, kind="stable")
    if mass is not None:
        check_share("mass", mass)
        ranked = np.cumsum(np.take_along_axis(probs.astype(float), order, axis=1), axis=1)
        sizes = (ranked < mass - 1e-9).sum(axis=1) + 1
    elif isinstance(top, bool) or not isinstance(top, (int, np.integer)) or top < 1:
        raise InputError.at("top", f"is {shortened(top)}", "Pass a number of classes, at least 1.")
    else:
        sizes = np.full(len(probs), int(top))
    sets = np.zeros(probs.shape, bool)
    np.put_along_axis(sets, order, np.arange(probs.shape[1]) < sizes[:, None], axis=1)
    return sets


def candidates_from_votes(votes: Any, k: int | None = None, *, at_least: int = 1) -> np.ndarray:
    """Build sets of the classes that annotators chose; empty if no class was chosen often enough.

    Parameters
    ----------
    votes : int (n, annotators), class indices, -1 = no vote.
    k : number of classes; by default the largest index + 1.
    at_least : number of annotators who must choose a class.

    Returns
    -------
    bool (n, k), True for a class of the set.

    Raises
    ------
    InputError : wrong shape or dtype, or a class index that is not below k.

    Examples
    --------
    >>> candidates_from_votes(np.array([[0, 1, -1], [2, 2, 0]])).astype(int)
    array([[1, 1, 0],
           [1, 0, 1]])
    """
    array = np.asarray(in_memory("votes", votes))
    if array.ndim != 2 or array.dtype.kind not in "iu":
        found = f"has shape {array.shape} and dtype {array.dtype}"
        raise InputError.at("votes", found, "Pass class indices (n, annotators), -1 where there is no vote.")
    width = int(array.max(initial=-1)) + 1 if k is None else k
    bad = (array < -1) | (array >= width)
    if bad.any():
        row = int(np.flatnonzero(bad.any(axis=1))[0])
        raise InputError.at("votes", f"holds {int(array[bad][0])}", f"Class indices are 0 to {width - 1}.", row=row)
    rows, columns = np.nonzero(array >= 0)
    counts = np.zeros((len(array), width), np.int64)
    np.add.at(counts, (rows, array[rows, columns]), 1)
    return counts >= max(at_least, 1)


def _read(candidates: Any, pred_probs: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return sets (n, k) bool, all False for rows without a set, and matching probabilities."""
    probs = check_pred_probs(in_memory("pred_probs", pred_probs))[0]
    table = getattr(candidates, "ndim", 1) == 2
    labels, names = read_candidates(candidates, None if table else range(probs.shape[1]))
    sets = sets_of(labels, len(names))
    if sets.shape != probs.shape:
        found = f"has shape {probs.shape} for sets of shape {sets.shape}"
        raise InputError.at("pred_probs", found, "Pass one row per example and one column per class.")
    return sets, probs
