"""Rank candidate texts again by what is known to be there: belief revision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError


def belief_revision(prior: Any, similarity: Any, context: Any) -> np.ndarray:
    """Revise the probability of a hypothesis by a similar fact: P(w | c) = P(w)^a.

    Parameters
    ----------
    prior : float, any shape, in [0, 1]: P(w), such as the probability of a caption under a language model
    similarity : float, broadcast, in [0, 1]: sim(w, c) of the hypothesis and the context
    context : float, broadcast, in [0, 1]: P(c), how likely the context is by itself, such as the share of items with
        this object; a rare context says more

    Returns
    -------
    float64 array (n, ...), of the shape of the three together, in [0, 1]; at least `prior`

    Raises
    ------
    InputError : a number outside [0, 1].

    Notes
    -----
    a = ((1 - sim) / (1 + sim))^(1 - P(c)). An unrelated context leaves the prior unchanged (sim = 0, a = 1); an equal
    one makes the hypothesis certain.

    References
    ----------
    Blok, Medin, Osherson 2003, Probability from similarity. Sabir, Moreno-Noguer, Madhyastha, Padro 2022, Belief
    Revision based Caption Re-ranker with Visual Semantic Information.

    Examples
    --------
    >>> belief_revision(0.25, [0.0, 0.6], 0.5).round(3).tolist()
    [0.25, 0.5]
    """
    prior, similarity, context = (
        _within(name, value) for name, value in (("prior", prior), ("similarity", similarity), ("context", context))
    )
    power = ((1 - similarity) / (1 + similarity)) ** (1 - context)
    return prior**power


def rerank(
    texts: Sequence[str], prior: Any, similarity: Any, context: Any, *, contexts: Sequence[str] | None = None
) -> pd.DataFrame:
    """Rank candidate texts of one item by belief revision with each of several contexts.

    Parameters
    ----------
    texts : c candidates
    prior : float (c,), in [0, 1]
    similarity : float (c, v), similarity of each candidate and each of v contexts (objects, labels) in [0, 1]; negative
        similarities count as 0
    context : float (v,), probability of each context
    contexts : v names

    Returns
    -------
    DataFrame of c rows, best first, indexed by place among the candidates: text, prior, revised (the largest over the
    contexts), evidence (the name of that context, "" if none changes the prior)

    Raises
    ------
    InputError : a prior or context outside [0, 1], or similarities that are not (c, v).
    """
    sims = np.clip(np.asarray(similarity, float).reshape(len(texts), -1), 0, None)
    context = np.asarray(context, float).ravel()
    if sims.shape[1] != len(context):
        found = f"has {sims.shape[1]} columns for {len(context)} contexts"
        raise InputError.at("similarity", found, "Pass one column per context.")
    names = [str(one) for one in (range(len(context)) if contexts is None else contexts)]
    prior = np.asarray(prior, float)
    revised = belief_revision(prior[:, None], sims, context[None, :]) if len(context) else prior[:, None]
    best = revised.argmax(axis=1)
    top = revised[np.arange(len(texts)), best]
    evidence = [names[one] if names and value > was else "" for one, value, was in zip(best, top, prior, strict=True)]
    frame = pd.DataFrame({"text": list(texts), "prior": prior, "revised": top, "evidence": evidence})
    return frame.sort_values(["revised", "prior"], ascending=False, kind="stable")


def _within(name: str, value: Any) -> np.ndarray:
    found = np.asarray(value, np.float64)
    if not ((found >= 0) & (found <= 1)).all():
        bad = found[~((found >= 0) & (found <= 1))].ravel()[0]
        raise InputError.at(name, f"holds {bad:g}", "Pass numbers in [0, 1].")
    return found
