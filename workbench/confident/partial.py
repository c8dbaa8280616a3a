"""Candidate sets (partial labels) on arrays: how probabilities fall on a set, which candidate is likeliest, and where
sets come from.

Sets are a table (n, k) of True and False, dense or scipy.sparse, or n lists of class numbers, None where there is no
label; `pred_probs` (n, k) are probabilities of the classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_pred_probs, check_share, in_memory
from workbench.foundation.errors import InputError, shortened
from workbench.tasks.candidate_reading import read_candidates
from workbench.tasks.candidates import sets_of

LEAST = 1e-12
"""Mass below which nothing is known of the candidates of a set: they count as equally likely."""


def candidate_mass(candidates: Any, pred_probs: Any) -> np.ndarray:
    """Probability that the true class is one of the candidates, (n,) float64 in [0, 1]; low = suspicious.

    Parameters
    ----------
    candidates : bool (n, k), dense or scipy.sparse, or n lists of class numbers.
    pred_probs : float (n, k), rows sum to 1; out-of-fold.

    Returns
    -------
    (n,) float64, the sum of the probabilities of the candidates; NaN where there is no set.

    Raises
    ------
    InputError : shapes that do not fit, an empty set, or no probabilities.

    Examples
    --------
    >>> candidate_mass([[0, 1], [2]], np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]]))
    array([0.75, 0.25])
    """
    sets, probs = _read(candidates, pred_probs)
    mass = np.where(sets, probs, 0).sum(axis=1)
    return np.where(sets.any(axis=1), np.clip(mass, 0, 1), np.nan)


def candidate_weights(candidates: Any, pred_probs: Any) -> np.ndarray:
    """How likely each candidate is the true class if one of them is, (n, k) float64: the weights of PRODEN.

    Parameters
    ----------
    candidates, pred_probs : as in `candidate_mass`.

    Returns
    -------
    (n, k) float64, rows sum to 1; 0 outside the set, all 0 where there is none.

    Notes
    -----
    w_c = p_c / sum of p over the set (Lv et al. 2020, "Progressive Identification of True Labels for Partial-Label
    Learning"). A model trained on these weights gives new probabilities, and so on. The class with the largest weight
    is the choice among the candidates. `find_issues` does ten such rounds on embeddings.

    Examples
    --------
    >>> candidate_weights([[0, 1], [2]], np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]])).round(2)
    array([[0.67, 0.33, 0.  ],
           [0.  , 0.  , 1.  ]])
    """
    sets, probs = _read(candidates, pred_probs)
    return weights_within(sets, probs.astype(np.float64))


def weights_within(sets: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """`candidate_weights` of arrays known to be right, in the dtype of `probs`."""
    inside = np.where(sets, probs, 0)
    mass = inside.sum(axis=1, keepdims=True)
    even = sets / np.maximum(sets.sum(axis=1, keepdims=True), 1)
    return np.where(mass > LEAST, inside / np.maximum(mass, LEAST), even).astype(probs.dtype)


def purify_candidates(
    candidates: Any, pred_probs: Any, *, first: float = 0.6, last: float = 0.05
) -> tuple[np.ndarray, pd.DataFrame]:
    """Remove candidates that fall behind while a model learns: progressive purification (POP).

    Parameters
    ----------
    candidates : as in `candidate_mass`.
    pred_probs : float (epochs, n, k), probabilities after each epoch; or (n, k), one epoch.
    first, last : in [0, 1], how far a candidate may lie behind the likeliest one of its set, in the first epoch and in
        the last; in between along a line.

    Returns
    -------
    sets : bool (n, k), what is left; never empty.
    removed : DataFrame, one row for each candidate that was removed, in order: epoch, row, class (number), behind (by
        how much), allowed.

    Raises
    ------
    InputError : as for `candidate_mass`.

    Notes
    -----
    After Xu et al. 2023, "Progressive Purification for Instance-Dependent Partial Label Learning", who lower the
    allowance with the number of removals instead of the epochs. On the sets of BENCHMARKS.md choosing by
    `candidate_weights` was right as often or more often; the removals show when a candidate was given up.

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
    """Sets of the likeliest classes, bool (n, k): the `top` first, or as many as hold this `mass`.

    Parameters
    ----------
    pred_probs : float (n, k), rows sum to 1.
    top : number of classes in each set, at least 1.
    mass : in [0, 1]; the smallest set of likeliest classes whose probabilities reach it.

    Returns
    -------
    bool (n, k), True for a class of the set.

    Raises
    ------
    InputError : neither or both of `top` and `mass`, or no probabilities.

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
    """Sets of the classes that annotators named, bool (n, k); all False where nobody named one often enough.

    Parameters
    ----------
    votes : int (n, annotators), class numbers, -1 where there is none.
    k : number of classes; by default the largest number and one.
    at_least : annotators who must name a class.

    Returns
    -------
    bool (n, k), True for a class of the set.

    Raises
    ------
    InputError : another shape or dtype, or a class number that is not below k.

    Examples
    --------
    >>> candidates_from_votes(np.array([[0, 1, -1], [2, 2, 0]])).astype(int)
    array([[1, 1, 0],
           [1, 0, 1]])
    """
    array = np.asarray(in_memory("votes", votes))
    if array.ndim != 2 or array.dtype.kind not in "iu":
        found = f"has shape {array.shape} and dtype {array.dtype}"
        raise InputError.at("votes", found, "Pass class numbers (n, annotators), -1 where there is none.")
    width = int(array.max(initial=-1)) + 1 if k is None else k
    bad = (array < -1) | (array >= width)
    if bad.any():
        row = int(np.flatnonzero(bad.any(axis=1))[0])
        raise InputError.at("votes", f"holds {int(array[bad][0])}", f"Class numbers are 0 to {width - 1}.", row=row)
    rows, columns = np.nonzero(array >= 0)
    counts = np.zeros((len(array), width), np.int64)
    np.add.at(counts, (rows, array[rows, columns]), 1)
    return counts >= max(at_least, 1)


def _read(candidates: Any, pred_probs: Any) -> tuple[np.ndarray, np.ndarray]:
    """Sets (n, k) bool, all False where there is none, and probabilities that fit them."""
    probs = check_pred_probs(in_memory("pred_probs", pred_probs))[0]
    table = getattr(candidates, "ndim", 1) == 2
    labels, names = read_candidates(candidates, None if table else range(probs.shape[1]))
    sets = sets_of(labels, len(names))
    if sets.shape != probs.shape:
        found = f"has shape {probs.shape} for sets of shape {sets.shape}"
        raise InputError.at("pred_probs", found, "Pass one row per example and one column per class.")
    return sets, probs
