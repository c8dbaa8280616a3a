"""Probability that each token's tag is wrong, given out-of-fold probabilities and the tag.

    q ~ p^a T[given, .]^h,   w = 1 - q[given]

where T = P(given | true) is the noise matrix from the confident joint. The model has learned the given tags, so p alone
cannot distinguish missing tags from spurious ones; T can, but it misleads if there are too many tags. So T is fully
used (h = 1) if it finds at least twice as many missing tags as spurious ones, or mostly swapped classes, and not at all
if it finds fewer than 1.4 times as many; a = 1 - h / 2. Where no class means "no tag", all errors are swapped classes.

All copies of a sentence are held out together, so the taggers err alike on each of them: T and the expected errors are
counted without further copies of what the taggers contradict (`first_copies`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.foundation.rows import softmax
from workbench.issues.noise import noise_matrices

SWAPPED, SWAPPED_WIDTH = 0.7, 0.15
"""Share of expected errors between two classes from which T counts, and how much more it takes to count fully."""

FEW_TOKENS = 15.0
"""Expected wrong tokens of both kinds that are added before they are compared: a few of one kind prove nothing."""

MOST_TOKEN_ERROR = 0.995
LEAST_LOG = -16.0


class Posterior(NamedTuple):
    """The posterior of t tokens and K tags.

    q : (t, K) posterior of the true tag. w : (t,) 1 - q[given], for ranking. p_error : (t,) float64, calibrated: its
    mean is the share of tokens whose most likely tag differs; NaN without a label. noise_weight : h. missing, spurious
    : expected numbers of tokens by T alone. contradicted : share of labelled tokens whose most likely tag differs.
    swapped : share of the expected errors that are between two classes.
    """

    q: np.ndarray
    w: np.ndarray
    p_error: np.ndarray
    noise_weight: float
    missing: float
    spurious: float
    contradicted: float
    swapped: float


def token_posterior(
    probs: np.ndarray, given: np.ndarray, *, first: np.ndarray | None = None, outside: int = 0, plain: bool = False
) -> Posterior:
    """Return the posterior of the tags.

    Parameters
    ----------
    probs : (t, K) out-of-fold probabilities. given : (t,) codes, -1 without a label. first : (t,) bool, tokens that are
        no further copies, by default all: T and h are estimated from them and from those whose likeliest tag is the
        given one. outside : code of O, -1 if there is none. plain : whether each other code is a class of its own; by
        default they are B and I of each class.
    """
    labelled = given >= 0
    codes = given[labelled]
    some = _counted(probs, given, first)
    logs, noise = _logs(probs, given, some)
    t = len(probs)
    full, own = softmax((logs + noise)[some]), given[some]
    wrong = 1 - full[np.arange(len(own)), own]
    bare = own == outside
    missing = float(wrong[bare].sum())
    spurious = float(full[~bare, outside].sum()) if outside >= 0 else 0.0
    swapped = float(wrong.sum()) - missing - spurious if plain else _to_other_classes(full, own)
    swapped /= float(wrong.sum()) + FEW_TOKENS
    h = float(np.clip(2 * np.log2((missing + FEW_TOKENS) / (spurious + FEW_TOKENS)) - 1, 0, 1))
    h = max(h, float(np.clip((swapped - SWAPPED) / SWAPPED_WIDTH, 0, 1)))
    q = softmax((1 - h / 2) * logs + h * noise)
    w = np.full(t, np.nan)
    w[labelled] = 1 - q[labelled, codes]
    contradicted = float((probs[labelled].argmax(axis=1) != codes).mean()) if len(codes) else 0.0
    p_error = np.full(t, np.nan)
    p_error[labelled] = scaled_to(w[labelled], contradicted)
    return Posterior(q, w, p_error, h, missing, spurious, contradicted, swapped)


def corrected_tags(probs: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the likeliest tags (t,) if T counts in full, with which a tagger learns once more; arguments as above."""
    logs, noise = _logs(probs, given, given >= 0)
    return (logs / 2 + noise).argmax(axis=1)


def _counted(probs: np.ndarray, given: np.ndarray, first: np.ndarray | None) -> np.ndarray:
    """Return the tokens from which T and h are estimated, (t,) bool."""
    labelled = given >= 0
    return labelled if first is None else labelled & (first | (probs.argmax(axis=1) == given))


def _logs(probs: np.ndarray, given: np.ndarray, some: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log p and log T[given, .], (t, K) each; the second is 0 without a label."""
    labelled = given >= 0
    logs = np.maximum(np.log(np.maximum(probs, 1e-30)), LEAST_LOG)
    noise = np.zeros(probs.shape)
    matrices = noise_matrices(probs[some], given[some], 0) if some.any() else None
    if matrices is not None:
        noise[labelled] = np.log(np.maximum(matrices[0], 1e-12))[given[labelled]]
    return logs, noise


def _to_other_classes(posterior: np.ndarray, codes: np.ndarray) -> float:
    """Return the expected number of tokens given a wrong class instead of another; tags are O, then B and I per
    class."""
    inside = codes > 0
    by_class = posterior[inside, 1::2] + posterior[inside, 2::2]
    own = by_class[np.arange(len(by_class)), (codes[inside] - 1) // 2]
    return float(by_class.sum() - own.sum())


def scaled_to(w: np.ndarray, mean: float) -> np.ndarray:
    """Return min(s w, 0.995) with the factor s that gives the requested mean, as far as possible."""
    if not len(w) or w.max() <= 0 or mean <= 0:
        return np.zeros(len(w))
    low, high = 0.0, MOST_TOKEN_ERROR / max(w[w > 0].min(), 1e-12)
    for _ in range(60):
        middle = (low + high) / 2
        if np.minimum(middle * w, MOST_TOKEN_ERROR).mean() < mean:
            low = middle
        else:
            high = middle
    return np.minimum(high * w, MOST_TOKEN_ERROR)
