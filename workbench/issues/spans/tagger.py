"""Out-of-fold probabilities of tags from token features, by multinomial logistic regression with folds by sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from workbench.foundation.rows import softmax
from workbench.issues.spans.tokens import Tokens

TAGGER_FOLDS = 5
FIRST_COPIES = 2
"""Copies of a sentence, with the same tags, whose contradicted tokens count when noise is estimated. All are held out
together, so a tagger's mistake about one would count as often as it was copied; a second may be another decision."""

TAGGER_PENALTY = 0.3
"""Of the squared weights, as in CRFsuite's c2."""

TAGGER_STEPS, FURTHER_STEPS = 40, 12
"""Steps of L-BFGS from nothing and from weights of other targets; stopping early regularises as well."""

MEMORY = 6
"""Pairs of steps and gradients that L-BFGS remembers."""

SUFFICIENT_GAIN, STEP_HALVINGS = 1e-4, 20
"""Share of the expected gain that a step has to bring, and how often it is halved to find one."""


def deal_sentences(tokens: Tokens, seed: int) -> np.ndarray:
    """Return the fold of each token (t,), that of its example; equal sentences share a fold."""
    rng = np.random.default_rng(seed)
    first: dict[tuple[object, ...], int] = {}
    same = np.array([first.setdefault(words, row) for row, words in enumerate(_sentences(tokens))], np.int64)
    fold = rng.permutation(tokens.n) % TAGGER_FOLDS
    return fold[same][tokens.rows]


def first_copies(tokens: Tokens, codes: np.ndarray) -> np.ndarray:
    """Return the tokens of the first `FIRST_COPIES` sentences with the same words and tags, (t,) bool; all if words are
    unknown.

    Parameters
    ----------
    codes : (t,) given tags.
    """
    if not tokens.known:
        return np.ones(len(codes), bool)
    tags = (tuple(codes[start:end].tolist()) for start, end in pairwise(tokens.starts.tolist()))
    seen: Counter[tuple[tuple[object, ...], ...]] = Counter()
    keep = np.zeros(tokens.n, bool)
    for row, sentence in enumerate(zip(_sentences(tokens), tags)):
        seen[sentence] += 1
        keep[row] = seen[sentence] <= FIRST_COPIES
    return keep[tokens.rows]


def _sentences(tokens: Tokens) -> Iterator[tuple[object, ...]]:
    return (tuple(tokens.words[start:end]) for start, end in pairwise(tokens.starts.tolist()))


class Taggers:
    """One tagger per fold, each trained on the other folds.

    Parameters
    ----------
    x : (t, f) features, sparse or dense float32. folds : (t,) folds. labelled : (t,) bool, tokens to learn from.
    width : number of tags. penalty : of the squared weights.
    """

    def __init__(
        self, x: Any, folds: np.ndarray, labelled: np.ndarray, width: int, *, penalty: float = TAGGER_PENALTY
    ) -> None:
        self.x, self.folds, self.labelled, self.width, self.penalty = x, folds, labelled, width, penalty
        self.weights: dict[int, np.ndarray] = {}

    def probabilities(self, targets: np.ndarray) -> np.ndarray:
        """Return probabilities (t, width) of tags, each by a tagger that has not seen the token's sentence.

        Parameters
        ----------
        targets : (t,) int codes. A second call starts from the weights of the previous one.
        """
        out = np.full((len(targets), self.width), 1 / self.width)
        for fold in np.unique(self.folds).tolist():
            held = np.flatnonzero(self.folds == fold)
            rest = np.flatnonzero((self.folds != fold) & self.labelled)
            if not len(rest):
                continue
            start = self.weights.get(fold)
            steps = TAGGER_STEPS if start is None else FURTHER_STEPS
            options = {"penalty": self.penalty, "steps": steps, "start": start}
            self.weights[fold] = fit_logistic(self.x[rest], targets[rest], self.width, **options)
            out[held] = softmax(np.asarray(self.x[held] @ self.weights[fold], float))
        return out


def fit_logistic(
    x: Any, y: np.ndarray, k: int, *, penalty: float = TAGGER_PENALTY, steps: int = TAGGER_STEPS,
    start: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """Return the weights (f, k) float32 of multinomial logistic regression, sum of losses + penalty |w|^2.

    Parameters
    ----------
    x : (m, f) features, sparse or dense float32. y : (m,) int in [0, k). start : initial weights, by default 0.
    """
    back = x.T.tocsr() if hasattr(x, "tocsr") else x.T
    each = np.arange(len(y))

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = x @ weights
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        total = p.sum(axis=1)
        value = float(np.log(total).sum(dtype=np.float64) - logits[each, y].sum(dtype=np.float64))
        p /= total[:, None]
        p[each, y] -= 1
        value += penalty * float(np.vdot(weights, weights))
        return value, back @ p + np.float32(2 * penalty) * weights

    return _descend(loss, np.zeros((x.shape[1], k), np.float32) if start is None else start, steps)


def _descend(loss: Callable[[np.ndarray], tuple[float, np.ndarray]], point: np.ndarray, steps: int) -> np.ndarray:
    """Minimise by L-BFGS (Nocedal 1980) with halved steps; `loss` returns the value and its gradient."""
    value, gradient = loss(point)
    pairs: list[tuple[np.ndarray, np.ndarray, float]] = []
    for step in range(steps):
        way = -_times_curvature(pairs, gradient)
        slope = float(np.vdot(way, gradient))
        if slope >= 0:
            break
        size = 1.0 if step or pairs else min(1.0, 1.0 / max(float(np.abs(gradient).max()), 1e-12))
        for _ in range(STEP_HALVINGS):
            there = point + np.float32(size) * way
            new, slopes = loss(there)
            if new <= value + SUFFICIENT_GAIN * size * slope:
                break
            size /= 2
        else:
            break
        moved, bent = there - point, slopes - gradient
        curve = float(np.vdot(moved, bent))
        if curve > 1e-10 * float(np.vdot(bent, bent)):
            pairs = [*pairs[1 - MEMORY :], (moved, bent, curve)]
        small = value - new <= 1e-7 * abs(value)
        point, value, gradient = there, new, slopes
        if small:
            break
    return point


def _times_curvature(pairs: list[tuple[np.ndarray, np.ndarray, float]], gradient: np.ndarray) -> np.ndarray:
    """Return the gradient times the inverse Hessian estimated from the last steps, by the two-loop recursion."""
    found = gradient.copy()
    shares = []
    for moved, bent, curve in reversed(pairs):
        share = float(np.vdot(moved, found)) / curve
        found -= np.float32(share) * bent
        shares.append(share)
    if pairs:
        _, bent, curve = pairs[-1]
        found *= np.float32(curve / float(np.vdot(bent, bent)))
    for (moved, bent, curve), share in zip(pairs, reversed(shares)):
        found += np.float32(share - float(np.vdot(bent, found)) / curve) * moved
    return found
