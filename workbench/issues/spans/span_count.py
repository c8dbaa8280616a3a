"""Whether the labels identify the number of wrong spans, and P(wrong) on that scale.

Taggers trained on the labels contradict wrong labels, but also correct ones that are hard, and they reproduce
systematic errors of annotators. The number of errors is an estimate only if the labels contain noise that the taggers
cannot explain, and as much of it as they contradict. Otherwise it is a range, and an audit is recommended.
"""

from __future__ import annotations

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


def not_counted(probs: np.ndarray, given: np.ndarray, seen: Posterior) -> str:
    """Return the reason why the number of wrong tokens is not identified, or "".

    Parameters
    ----------
    probs : (t, K) out-of-fold probabilities of tags. given : (t,) codes, -1 without a label. seen : their posterior.
    """
    labelled = np.flatnonzero(given >= 0)
    if not len(labelled):
        return "no example has a label"
    looked = fit_sample(labelled, probs.shape[1])
    matrices = noise_matrices(probs[labelled], given[labelled], 0.65)
    flips = None if matrices is None else flips_of(matrices[0])
    noise = counts.look(np.log(np.maximum(probs[looked], 1e-12)), given[looked], flips)
    against, odd = seen.contradicted * len(labelled), noise.noise * len(labelled)
    if noise.gain <= counts.NEED_ALONE:
        return "the labels contain no noise that the taggers cannot explain, so systematic errors would not be noticed"
    if against > MOST_APART_TOKENS * odd:
        return f"the taggers contradict {against:,.0f} tokens, and {odd:,.0f} of them seem to be noise"
    return ""


def calibrated(p: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """Return P(wrong) of units, in the order of `p` and on the scale of `rough`; (u,) each."""
    return along_score(logit(p), rough) if len(p) else p


def interval(p_error: np.ndarray, why: str) -> tuple[float, float]:
    """Return the 95 % interval of the number of wrong units, or the range if it is not identified."""
    known, expected = int((~np.isnan(p_error)).sum()), float(np.nansum(p_error))
    spread = 2 * float(np.sqrt(np.nansum(p_error * (1 - p_error))))
    if why:
        return 0.0, min(float(known), counts.BEYOND_LABELS * expected + spread)
    return max(KNOWN_RANGE[0] * expected - spread, 0.0), min(KNOWN_RANGE[1] * expected + spread, float(known))
