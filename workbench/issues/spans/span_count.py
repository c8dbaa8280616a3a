"""Whether the labels identify the number of wrong spans, and P(wrong) on that scale.

Taggers trained on the labels contradict wrong labels, but also correct ones that are hard, and they reproduce
systematic errors of annotators. The number of errors is an estimate only if the labels contain noise that the taggers
cannot explain, and as much of it as they contradict. Otherwise it is a range, and an audit is recommended.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.issues import counts
from workbench.issues.calibration import along_score, logit
from workbench.issues.likelihood import fit_sample
from workbench.issues.noise import flips_of, noise_matrices
from workbench.issues.spans.posterior import Posterior

MOST_APART_TOKENS = 1.6
"""Largest ratio of contradicted tokens to those that are noise, for which the number of errors is known."""

KNOWN_RANGE = (0.6, 1.6)
"""Range of the number of errors relative to the expected one where it is known."""


class TokenNoise(NamedTuple):
    """Noise in the tags of t tokens.

    share : share in [0, 1] of the contradicted tokens that are noise. why : the reason why the number of wrong tokens
    is not identified, or "".
    """

    share: float
    why: str


def token_noise(probs: np.ndarray, given: np.ndarray, seen: Posterior) -> TokenNoise:
    """Estimate the noise that the taggers cannot explain.

    Parameters
    ----------
    probs : (t, K) out-of-fold probabilities of tags. given : (t,) codes, -1 without a label. seen : their posterior.
    """
    labelled = np.flatnonzero(given >= 0)
    if not len(labelled):
        return TokenNoise(0.0, "no example has a label")
    looked = fit_sample(labelled, probs.shape[1])
    matrices = noise_matrices(probs[labelled], given[labelled], 0.65)
    flips = None if matrices is None else flips_of(matrices[0])
    noise = counts.look(np.log(np.maximum(probs[looked], 1e-12)), given[looked], flips)
    against, odd = seen.contradicted * len(labelled), noise.noise * len(labelled)
    share = min(odd / against, 1.0) if against else 0.0
    if noise.gain <= counts.NEED_ALONE:
        why = "the labels contain no noise that the taggers cannot explain, so systematic errors would not be noticed"
    elif against > MOST_APART_TOKENS * odd:
        why = f"the taggers contradict {against:,.0f} tokens, and {odd:,.0f} of them seem to be noise"
    else:
        why = ""
    return TokenNoise(share, why)


def sharpened(seen: Posterior, contradicted: np.ndarray, share: float) -> np.ndarray:
    """Return P(wrong) of tokens, (t,), with the same mean as `seen.p_error`.

    Parameters
    ----------
    contradicted : (t,) bool, whether another class is likelier than the given one. share : of them that is noise.

    Notes
    -----
    The posterior spreads errors over all doubtful tokens; if all contradictions are noise, they are the errors. So the
    result is the mean of both, weighted by the share.
    """
    known = np.flatnonzero(np.isfinite(seen.w))
    found = seen.p_error.copy()
    if len(known):
        as_seen = along_score(logit(seen.w[known]), contradicted[known].astype(float))
        found[known] = (1 - share) * seen.p_error[known] + share * as_seen
    return found


def calibrated(p: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """Return P(wrong) of units, in the order of `p` and on the scale of `rough`; (u,) each."""
    return along_score(logit(p), rough) if len(p) else p


def coded(given: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return a number from 0 for each pair of a given and a suggested class, (m,) int64: they share an effect of
    verdicts (`workbench.issues.review`).

    Parameters
    ----------
    given, other : (m,) int codes from -1.
    """
    return np.unique((given + 1) * (int(other.max(initial=0)) + 2) + other + 1, return_inverse=True)[1]


def interval(p_error: np.ndarray, why: str) -> tuple[float, float]:
    """Return the 95 % interval of the number of wrong units, or the range if it is not identified."""
    known, expected = int((~np.isnan(p_error)).sum()), float(np.nansum(p_error))
    spread = 2 * float(np.sqrt(np.nansum(p_error * (1 - p_error))))
    if why:
        return 0.0, min(float(known), counts.BEYOND_LABELS * expected + spread)
    return max(KNOWN_RANGE[0] * expected - spread, 0.0), min(KNOWN_RANGE[1] * expected + spread, float(known))
