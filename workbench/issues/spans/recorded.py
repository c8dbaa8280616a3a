"""Training dynamics of tokens as evidence: tokens that a model in training did not come to believe rank higher."""

from __future__ import annotations

import numpy as np

from workbench.evidence.as_evidence import TOKENS
from workbench.issues.from_dynamics import normal_scores
from workbench.issues.kinds.contract import Asked
from workbench.issues.spans.posterior import Posterior
from workbench.issues.spans.tokens import Tokens
from workbench.scores.token_dynamics import token_dynamics
from workbench.tasks.span_table import table_of

ON_DYNAMICS = "training dynamics of tokens"

DYNAMICS_WEIGHT = 1.0
"""Weight of the mean probability of the given label over the epochs, in normal scores, beside the posterior's rank."""


def recorded_confidence(asked: Asked, tokens: Tokens) -> np.ndarray | None:
    """Return the mean probability of the given label of each token over the recorded epochs, (t,); NaN if unknown.

    None if no training was recorded. Examples whose recorded tokens cannot be ours are not used: there are more of them
    or, where spans count characters, so that the words are ours, another number.
    """
    run = asked.evidence.get("dynamics")
    if run is None:
        return None
    found = token_dynamics(run)
    sizes = np.diff(tokens.starts)
    most = np.zeros(tokens.n, np.int64)
    np.maximum.at(most, found.rows, found.units + 1)
    counted = asked.dataset.task == TOKENS or bool((table_of(asked.dataset.labels).length >= 0).any())
    fits = (most <= sizes) if counted else (most == sizes)
    use = fits[found.rows]
    out = np.full(len(tokens.words), np.nan)
    out[tokens.starts[found.rows[use]] + found.units[use]] = found.confidence[use]
    return None if np.isnan(out).all() else out


def with_dynamics(seen: Posterior, given: np.ndarray, confidence: np.ndarray) -> Posterior:
    """Return the posterior with its probabilities of an error assigned in the order of both sources.

    Parameters
    ----------
    seen : the posterior of t tokens. given : (t,) codes, -1 without a label. confidence : (t,), NaN unknown.

    Notes
    -----
    The order is that of the sum of normal scores of w and of 1 - confidence; w and p_error keep their values, so their
    sums do not change. q of the given tag is 1 - w, and the other tags keep their proportions.
    """
    known = np.flatnonzero((given >= 0) & np.isfinite(confidence))
    if not len(known):
        return seen
    score = normal_scores(seen.w[known]) + DYNAMICS_WEIGHT * normal_scores(1 - confidence[known])
    order = np.argsort(score, kind="stable")
    q, w, p_error = seen.q.copy(), seen.w.copy(), seen.p_error.copy()
    for values in (w, p_error):
        values[known[order]] = np.sort(values[known])
    own = given[known]
    rest = np.maximum(1 - q[known, own], 1e-12)
    q[known] *= (w[known] / rest)[:, None]
    q[known, own] = 1 - w[known]
    return seen._replace(q=q, w=w, p_error=p_error)
