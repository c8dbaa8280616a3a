"""Select the columns of embeddings that are informative about the labels, so that noise does not blur distances.

After standardisation, a column of noise counts as much as one that separates classes. Columns are dropped only if that
increases the leave-one-out likelihood of the labels.
"""

from __future__ import annotations

import numpy as np

from workbench.evidence.spaces import Space, unit_space
from workbench.foundation.recall import recalled
from workbench.issues.kernels import class_sums
from workbench.issues.loo_classifiers import Ridge

JUDGED_ROWS = 5000
"""Maximum number of rows on which columns are tested."""
TRIED = 800
"""Maximum number of rows on which both spaces are compared."""
BY_CHANCE = 0.01
"""Significance level of the F test: columns with larger p-values may be dropped."""
MANY_COLUMNS = 0.05
"""Minimum share of uninformative columns for which a comparison is made."""


@recalled
def telling_space(embeddings: np.ndarray, given: np.ndarray, k: int, seed: int = 0) -> Space:
    """Return `unit_space` of all columns, or of the informative ones if they predict the labels better.

    Parameters
    ----------
    embeddings : float (n, d); given : int (n,), -1 = unlabelled

    Notes
    -----
    A column is uninformative if the ratio of its variance between and within classes is not significant at the 1 %
    level (F test). The test misses classes that differ in other ways than by their means, so both spaces are compared
    by leave-one-out kernel ridge on at most 800 rows: the gain in log likelihood must exceed the penalty of one
    parameter by the Bayesian information criterion.
    """
    whole = unit_space(embeddings, seed=seed)
    rows = np.flatnonzero(whole.there & (given >= 0))
    random = np.random.default_rng(seed)
    some = rows if len(rows) <= JUDGED_ROWS else np.sort(random.choice(rows, JUDGED_ROWS, replace=False))
    telling = telling_columns(np.asarray(embeddings[some], np.float32), given[some], k)
    by_chance = BY_CHANCE * len(telling)
    if not by_chance + 3 * by_chance**0.5 < telling.sum() <= (1 - MANY_COLUMNS) * len(telling):
        return whole
    part = unit_space(embeddings, seed=seed, columns=np.flatnonzero(telling))
    tried = some if len(some) <= TRIED else np.sort(random.choice(some, TRIED, replace=False))
    gain = head_on(part, tried, given[tried], k)[1] - head_on(whole, tried, given[tried], k)[1]
    if 2 * len(tried) * gain < np.log(len(tried)):
        return whole
    left = int((~telling).sum())
    return Space(part.vectors, whole.there, f"{left} columns without information on the labels dropped, {part.how}")


def telling_columns(values: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Return whether the class means of each column differ significantly, (d,) bool; values float32 (m, d)."""
    from scipy.special import fdtrc

    m = len(values)
    sizes = np.bincount(labels, minlength=k).astype(float)
    classes = int((sizes > 0).sum())
    if classes < 2 or m - classes < 1:
        return np.ones(values.shape[1], bool)
    away = values - values.mean(axis=0, dtype=np.float64).astype(np.float32)
    sums = class_sums(away, labels, k).astype(float)
    between = (sums**2 / np.maximum(sizes, 1)[:, None]).sum(axis=0)
    within = np.einsum("ij,ij->j", away, away, dtype=np.float64) - between
    there = within + between > 0
    ratio = (between / (classes - 1)) / np.maximum(within / (m - classes), 1e-30)
    return there & (fdtrc(classes - 1, m - classes, np.where(there, ratio, 0)) < BY_CHANCE)


def head_on(space: Space, rows: np.ndarray, labels: np.ndarray, k: int) -> tuple[np.ndarray, float]:
    """Return leave-one-out log probabilities (m, k) of these rows, and the mean of those of the given labels."""
    head = Ridge(space.vectors[rows], np.ones(len(rows), bool), k)
    return head.log_probs(labels, labels), head.likelihood
