"""Responses judged claim by claim: scores of responses, and preferences between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError

HALF = 0.5
"""A labeller rejects a claim whose probability of being right is below this."""


def score_responses(
    claims: pd.DataFrame, labellers: Sequence[str], *, prompt: str = "prompt", response: str = "response"
) -> pd.DataFrame:
    """Score responses by the number of claims that labellers reject.

    Parameters
    ----------
    claims : DataFrame, one row per claim, with the columns `prompt`, `response` and one per labeller
    labellers : names of columns with the probability that the claim is right, float in [0, 1], NaN = not judged
    prompt, response : names of columns with ids

    Returns
    -------
    DataFrame indexed by (prompt, response)
        claims : int64, number of claims. score : float64, minus the mean number of claims that a labeller rejects, so
        that 0 is best. disagreement : float64, standard deviation of the number of rejected claims over labellers

    Raises
    ------
    InputError : a column is missing, or a probability is outside [0, 1].

    References
    ----------
    Yu et al. 2024, RLAIF-V, section 3.2: the score of a response is minus its number of rejected claims.
    """
    for name in (prompt, response, *labellers):
        if name not in claims.columns:
            raise InputError.unknown("column", name, claims.columns)
    p = claims[list(labellers)].to_numpy(np.float64)
    outside = np.flatnonzero(((p < 0) | (p > 1)).any(axis=1))
    if len(outside):
        raise InputError.at("claims", f"holds {p[outside[0]].tolist()}", "Pass probabilities.", row=int(outside[0]))
    rejected = pd.DataFrame(np.where(np.isnan(p), np.nan, p < HALF), index=claims.index)
    keys = [claims[prompt], claims[response]]
    counts = rejected.groupby(keys, sort=False).sum(min_count=1)
    size = claims.groupby(keys, sort=False).size()
    spread = counts.std(axis=1, ddof=0)
    return pd.DataFrame({"claims": size, "score": -counts.mean(axis=1), "disagreement": spread}).rename_axis(
        [prompt, response]
    )


def claim_preferences(scores: pd.DataFrame) -> pd.DataFrame:
    """Form a preference of two responses from each pair of the same prompt.

    Parameters
    ----------
    scores : the result of `score_responses`

    Returns
    -------
    DataFrame, one row per pair of responses with different scores, the most doubtful first
        prompt, chosen, rejected : ids. margin : float64 > 0, difference of the scores. disagreement : float64, of both
        responses together. doubt : float64, disagreement / margin; 0 if all labellers count the same
    """
    prompt, response = scores.index.names
    lines = []
    for key, own in scores.groupby(level=0, sort=False):
        names, values = own.index.get_level_values(1).tolist(), own["score"].to_numpy()
        spread = own["disagreement"].to_numpy()
        for one, other in zip(*np.triu_indices(len(own), 1)):
            if values[one] == values[other] or np.isnan(values[[one, other]]).any():
                continue
            best, worst = (one, other) if values[one] > values[other] else (other, one)
            margin, apart = float(values[best] - values[worst]), float(np.hypot(spread[one], spread[other]))
            lines.append((key, names[best], names[worst], margin, apart, apart / margin))
    columns = [str(prompt), "chosen", "rejected", "margin", "disagreement", "doubt"]
    assert response is not None  # both levels are named
    return pd.DataFrame(lines, columns=columns).sort_values(["doubt", "margin"], ascending=[False, True], kind="stable")
