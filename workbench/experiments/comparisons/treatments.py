"""Training labels of each arm of a comparison: given, corrected, label issues dropped, as many random changes."""

from __future__ import annotations

import numpy as np

from workbench.foundation.checks import UNLABELLED

ARMS = ("given", "corrected", "dropped", "random")


def arms(
    given: np.ndarray, corrected: np.ndarray, issues: np.ndarray, train: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return the labels (n,) of every arm for one split; only those of the rows `train` are used.

    Parameters
    ----------
    given, corrected : (n,) class indices, -1 = excluded
    issues : (n,) bool, examples that are removed in the arm "dropped"
    train : (m,) rows of the training part
    rng : generator of the random changes
    """
    dropped = given.copy()
    dropped[issues] = UNLABELLED
    return {
        "given": given,
        "corrected": corrected,
        "dropped": dropped,
        "random": random_changes(given, corrected, train, rng),
    }


def random_changes(given: np.ndarray, corrected: np.ndarray, train: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the given labels (n,) with as many random changes among `train` as the correction made there.

    For every change from a to b, one random example with given label a becomes b, so that the class shares are those of
    the corrected labels and only the choice of examples is random.

    Examples
    --------
    >>> given, corrected = np.array([0, 0, 0, 0, 1]), np.array([1, 0, 0, 0, 1])
    >>> changed = random_changes(given, corrected, np.arange(5), np.random.default_rng(0))
    >>> int((changed != given).sum()), np.bincount(changed)
    (1, array([3, 2]))
    """
    labels = given.copy()
    for before in np.unique(given[train]):
        members = train[given[train] == before]
        new = corrected[members][corrected[members] != before]
        labels[rng.choice(members, size=len(new), replace=False)] = rng.permutation(new)
    return labels
