"""Crops of persons or things clustered into identities, which a user can split and merge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError
from workbench.foundation.rows import unit_rows

MOST_CROPS = 20_000
"""Crops that are clustered; all pairs are compared."""


@dataclass(frozen=True)
class Identities:
    """Clusters of crops.

    Attributes
    ----------
    labels : int64 (n,), the identity of each crop, from 0. embeddings : float64 (n, d), at unit length, averaged over
        scales. spread : float64 (n,), distance of each crop to the mean of its identity, 1 - cosine.
    """

    labels: np.ndarray
    embeddings: np.ndarray
    spread: np.ndarray

    def merge(self, one: int, other: int) -> Identities:
        """Return the identities with `other` joined to `one`.

        Raises
        ------
        InputError : an unknown identity
        """
        for name in (one, other):
            self._check(name)
        return self._with(np.where(self.labels == other, one, self.labels))

    def split(self, one: int, parts: int = 2) -> Identities:
        """Return the identities with `one` divided into `parts`, at least 2; the first keeps its number.

        Raises
        ------
        InputError : an unknown identity, or one with fewer crops than parts
        """
        from sklearn.cluster import AgglomerativeClustering

        self._check(one)
        own = np.flatnonzero(self.labels == one)
        if len(own) < check_whole("parts", parts, 2):
            raise InputError.at("one", f"has {len(own)} crops for {parts} parts", "Use fewer parts.")
        found = AgglomerativeClustering(parts, metric="cosine", linkage="average").fit_predict(self.embeddings[own])
        found = pd.factorize(found)[0]
        labels = self.labels.copy()
        labels[own] = np.where(found == 0, one, self.labels.max() + found)
        return self._with(labels)

    def _check(self, one: int) -> None:
        if one not in self.labels:
            raise InputError.unknown("identity", one, np.unique(self.labels).tolist())

    def _with(self, labels: np.ndarray) -> Identities:
        return replace(self, labels=labels, spread=_spread(self.embeddings, labels))


def cluster_identities(embeddings: Any, *, distance: float = 0.3) -> Identities:
    """Cluster crops into identities by their embeddings at one or several scales.

    Parameters
    ----------
    embeddings : float (n, d), or (n, scales, d): embeddings of each crop resized to several sizes, which are averaged
        at unit length, so that an identity does not depend on the size of a crop
    distance : > 0, largest mean distance (1 - cosine) of two clusters that are joined

    Returns
    -------
    Identities, with `merge` and `split`

    Raises
    ------
    InputError : another shape, values that are not finite, no direction at all, or more than 20,000 crops

    Notes
    -----
    Agglomerative clustering with average linkage. The number of identities follows from `distance`: choose it on crops
    with known identities, by `identity_quality`.

    References
    ----------
    Self-similarity Driven Scale-invariant Learning for Weakly Supervised Person Search.
    """
    from sklearn.cluster import AgglomerativeClustering

    values = np.asarray(embeddings, np.float64)
    values = values[:, None] if values.ndim == 2 else values
    if values.ndim != 3 or not len(values) or not np.isfinite(values).all():
        raise InputError.at("embeddings", f"has shape {values.shape}", "Pass finite numbers (n, d) or (n, scales, d).")
    if len(values) > MOST_CROPS:
        todo = f"All pairs are compared, for up to {MOST_CROPS:,}. Cluster parts, such as one video each."
        raise InputError.at("embeddings", f"has {len(values):,} crops", todo)
    if not distance > 0:
        raise InputError.at("distance", f"is {distance!r}", "Use a positive number.")
    n, scales, d = values.shape
    whole = unit_rows(unit_rows(values.reshape(-1, d)).reshape(n, scales, d).mean(axis=1))
    if not whole.any(axis=1).all():
        row = int(np.flatnonzero(~whole.any(axis=1))[0])
        raise InputError.at("embeddings", "is 0, which has no direction", "Drop such crops.", row=row)
    labels = np.zeros(n, np.int64)
    if n > 1:
        model = AgglomerativeClustering(None, metric="cosine", linkage="average", distance_threshold=distance)
        labels = pd.factorize(model.fit_predict(whole))[0].astype(np.int64)
    return Identities(labels, whole, _spread(whole, labels))


def identity_quality(labels: Sequence[Any], truth: Sequence[Any]) -> dict[str, float]:
    """Compare identities with true ones.

    Parameters
    ----------
    labels : n identities, such as `Identities.labels`
    truth : n true identities

    Returns
    -------
    dict of purity (share of crops with the most frequent true identity of their cluster), precision, recall and f1 of
    the pairs of crops in the same cluster, all in [0, 1]; precision is 1 if no pair is, and so is recall

    Raises
    ------
    InputError : other lengths, or no crop

    Examples
    --------
    >>> identity_quality([0, 0, 0, 1], ["a", "a", "b", "b"])
    {'purity': 0.75, 'precision': 0.3333333333333333, 'recall': 0.5, 'f1': 0.4}
    """
    if len(labels) != len(truth) or not len(labels):
        raise InputError.at("labels", f"has {len(labels)} entries, `truth` {len(truth)}", "Pass one per crop.")
    table = pd.crosstab(pd.factorize(np.asarray(labels))[0], pd.factorize(np.asarray(truth))[0]).to_numpy()

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) / 2).sum())

    both, found, true = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    precision, recall = both / found if found else 1.0, both / true if true else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    purity = float(table.max(axis=1).sum() / table.sum())
    return {"purity": purity, "precision": precision, "recall": recall, "f1": f1}


def _spread(embeddings: np.ndarray, labels: np.ndarray) -> np.ndarray:
    place = pd.factorize(labels)[0]
    sums = np.zeros((int(place.max()) + 1, embeddings.shape[1]))
    np.add.at(sums, place, embeddings)
    return 1 - (embeddings * unit_rows(sums)[place]).sum(axis=1)
