"""Scores of any pair of an item and a text, from vectors or known objects.

A view can score pairs that were not given, such as an item with another item's text. Such pairs are wrong by
construction, so that they show what the score of a wrong text is.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from workbench.evidence.spaces import text_vectors, unit_space
from workbench.issues.texts.coverage import Coverage, coverage
from workbench.issues.texts.evidence import TextEvidence

VIEW_FOLDS = 5
MAP_PENALTIES = (0.01, 0.1, 1.0, 10.0)
"""Ridge penalties, in units of the mean variance of a direction times the number of rows, that are tried."""

COMPARED_WITH = 200
"""Number of items and of texts with which each pair is compared."""

COMPARED_AT_A_TIME = 20_000

LEAST_MAPPED = 30
"""Minimum number of rows from which a map from items to texts is learned."""


class TextView(Protocol):
    """Attributes: name, in words. items : bool (n,), items that it can score."""

    name: str
    items: np.ndarray

    def scores(self, items: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """Score of each pair, float (p,), high = fits; `texts` are rows of all texts, alternatives after the given."""
        ...

    def table(self, items: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """Score of every item with every text, float (items, texts)."""
        ...


class VectorView:
    """The cosine of vectors of items and texts in one space."""

    def __init__(self, name: str, left: np.ndarray, right: np.ndarray) -> None:
        self.name = name
        self.items: np.ndarray = np.asarray(np.isfinite(left).all(axis=1))
        self._left, self._right = _unit(left), _unit(right)

    def scores(self, items: np.ndarray, texts: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->i", self._left[items], self._right[texts]).astype(np.float64)

    def table(self, items: np.ndarray, texts: np.ndarray) -> np.ndarray:
        return (self._left[items] @ self._right[texts].T).astype(np.float64)


class ObjectsView:
    """The log likelihood ratio of the objects that a text mentions."""

    name = "known objects"

    def __init__(self, found: Coverage) -> None:
        self._found = found
        self.items: np.ndarray = found.known

    def scores(self, items: np.ndarray, texts: np.ndarray) -> np.ndarray:
        return self._found.scores(items, texts)

    def table(self, items: np.ndarray, texts: np.ndarray) -> np.ndarray:
        return self._found.table(items, texts)


def views_of(evidence: TextEvidence, seed: int) -> tuple[list[TextView], Coverage | None, list[str]]:
    """Return the views that the evidence allows, the coverage of objects, and all texts: given, then alternatives.

    Notes
    -----
    Embeddings of items and texts of the same dimension are taken to lie in one space, as those of image-text models do,
    and compared by cosine. In any case a ridge regression from the vectors of items (embeddings, objects) to those of
    texts is learned, out of fold, without splitting equal items; the text vectors are the given ones or, if there are
    none, those of character n-grams.
    """
    n = len(evidence.texts)
    every = [*evidence.texts, *(text for one in evidence.alternatives for text in one)]
    found = None if evidence.objects is None else coverage(evidence.objects, every, n)
    views: list[TextView] = [] if found is None else [ObjectsView(found)]
    items, vectors = evidence.items, evidence.vectors
    joint = items is not None and vectors is not None and items.shape[1] == vectors.shape[1] and len(every) == n
    if joint:
        assert items is not None and vectors is not None
        views.append(VectorView("embeddings of items and texts", items, vectors))
    if items is not None:
        written = np.array([text is not None and bool(text.strip()) for text in evidence.texts], bool)
        right = (
            vectors
            if vectors is not None and len(every) == n
            else text_vectors([text or "" for text in every], seed=seed)
        )
        learned = _learned(items, right, written, seed)
        if learned is not None:
            views.append(learned)
    return views, found, [text or "" for text in every]


def _learned(items: np.ndarray, right: np.ndarray, written: np.ndarray, seed: int) -> VectorView | None:
    """Return the view by vectors predicted from those of items; None with too few rows or useless predictions."""
    space = unit_space(items, seed=seed)
    n = len(items)
    usable = np.flatnonzero(space.there & written & np.isfinite(right[:n]).all(axis=1) & np.any(right[:n] != 0, axis=1))
    if len(usable) < LEAST_MAPPED:
        return None
    right = np.asarray(right, np.float64)
    center = right[usable].mean(axis=0)
    target = right - center
    groups = np.unique(items[usable], axis=0, return_inverse=True)[1].reshape(-1)
    fold_of = np.random.default_rng(seed).permutation(groups.max() + 1) % VIEW_FOLDS
    fold = np.full(n, -1)
    fold[usable] = fold_of[groups]
    best: tuple[float, np.ndarray | None] = (0.0, None)
    total = float(np.square(target[usable]).sum())
    for penalty in MAP_PENALTIES:
        predicted = _out_of_fold(space.vectors.astype(np.float64), target, usable, fold, penalty)
        explained = 1 - float(np.square(target[usable] - predicted[usable]).sum()) / max(total, 1e-12)
        best = max(best, (explained, predicted), key=lambda one: one[0])
    if best[1] is None:
        return None
    predicted = np.where(space.there[:, None], best[1], np.nan)
    return VectorView("text vectors predicted from the items", predicted, target)


def _out_of_fold(x: np.ndarray, y: np.ndarray, usable: np.ndarray, fold: np.ndarray, penalty: float) -> np.ndarray:
    """Return ridge predictions (n, e); rows in no fold are predicted from all usable ones."""
    predicted = np.zeros((len(x), y.shape[1]))
    for number in (*range(VIEW_FOLDS), -1):
        asked = np.flatnonzero(fold == number)
        taught = usable[fold[usable] != number]
        if not len(asked) or not len(taught):
            continue
        mean, shift = x[taught].mean(axis=0), y[taught].mean(axis=0)
        centred = x[taught] - mean
        gram = centred.T @ centred
        held = penalty * max(float(np.trace(gram)) / len(gram), 1e-12)
        weights = np.linalg.solve(gram + held * np.eye(len(gram)), centred.T @ (y[taught] - shift))
        predicted[asked] = (x[asked] - mean) @ weights + shift
    return predicted


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = np.nan_to_num(np.asarray(vectors, np.float64))
    return vectors / np.maximum(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)), 1e-12)[:, None]


class PairComparison:
    """Scores of pairs relative to those of the same item with other texts, and of the same text with other items.

    A text that fits nearly any item, and an item that nearly any text fits, have high scores without being right.
    """

    def __init__(self, view: TextView, rows: np.ndarray, all_texts: int, seed: int) -> None:
        self._view = view
        rng = np.random.default_rng(seed)
        few = rng.permutation(rows)[:COMPARED_WITH]
        self._of_item = self._summary(np.arange(len(view.items)), few, by_item=True)
        self._of_text = self._summary(np.arange(all_texts), few, by_item=False)

    def _summary(self, own: np.ndarray, others: np.ndarray, *, by_item: bool) -> np.ndarray:
        mean, spread = np.zeros(len(own)), np.zeros(len(own))
        for start in range(0, len(own), COMPARED_AT_A_TIME):
            part = slice(start, start + COMPARED_AT_A_TIME)
            table = self._view.table(own[part], others) if by_item else self._view.table(others, own[part]).T
            mean[part], spread[part] = table.mean(axis=1), table.std(axis=1)
        typical = np.median(spread[spread > 0]) if (spread > 0).any() else 1.0
        return np.stack([mean, np.maximum(spread, 0.2 * typical)])

    def features(self, items: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """Float (p, 3): the score, and its deviation among texts of the item and among items of the text."""
        scores = self._view.scores(items, texts)
        by_item = (scores - self._of_item[0, items]) / self._of_item[1, items]
        by_text = (scores - self._of_text[0, texts]) / self._of_text[1, texts]
        return np.stack([scores, by_item, by_text], axis=1)

    def standing(self, items: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """Normal deviation of each pair among other texts of the item."""
        return (self._view.scores(items, texts) - self._of_item[0, items]) / self._of_item[1, items]
