"""The best of several candidate labels of an item, by judgements of pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_share
from workbench.foundation.errors import InputError
from workbench.issues.calibration import expit
from workbench.ranking.bradley import pairwise_strengths

CHOICE_COLUMNS = ("item", "first", "second", "winner")


def choose_candidates(
    judgements: pd.DataFrame, *, quality: Mapping[tuple[Any, Any], float] | None = None, adopt: float = 0.8,
    seconds: float = 30.0,
) -> pd.DataFrame:  # fmt: skip
    """Choose the best candidate mask or box of each item by comparisons of pairs, and adopt it or send it to review.

    Parameters
    ----------
    judgements : DataFrame with the columns item, first, second (the compared candidates, such as "model a") and winner:
        1, 2, or 0 for a tie; by a person, or votes of a model that saw both overlays
    quality : maps (item, candidate) to a quality in [0, 1], such as the share of judges who call the candidate good by
        itself; by default the probability that the best beats the second best in a further judgement
    adopt : in [0, 1], smallest quality of a candidate that is adopted
    seconds : time of a review, in seconds, for `saved`

    Returns
    -------
    DataFrame indexed by item
        best, second : the candidates in front
        strength : float64, log odds by which the best leads
        quality : float64 in [0, 1]
        judgements : int64
        adopted : bool; the others go to review
        attrs : adopted, review (numbers of items), saved (hours that the adopted items would have taken)

    Raises
    ------
    InputError : a missing column, candidates of an item that were never compared, or a best candidate without a quality

    Notes
    -----
    Strengths are those of Bradley-Terry within each item, where the position of a candidate is not modelled: show each
    pair in both orders. A best candidate is the best of those offered; only `quality` says whether it is good.

    References
    ----------
    Label Critic: Design Data Before Models.

    Examples
    --------
    >>> votes = pd.DataFrame({"item": ["x"] * 3, "first": [*"aab"], "second": [*"bcc"], "winner": [1, 1, 2]})
    >>> choose_candidates(votes, adopt=0.6)[["best", "adopted"]].values.tolist()
    [['a', True]]
    """
    for column in CHOICE_COLUMNS:
        if column not in judgements.columns:
            raise InputError.unknown("column of `judgements`", column, judgements.columns)
    check_share("adopt", adopt)
    if not seconds >= 0:
        raise InputError.at("seconds", f"is {seconds!r}", "Use a time of at least 0.")
    rows = []
    for item, own in judgements.groupby("item", sort=False):
        try:
            strength = pairwise_strengths(own[list(CHOICE_COLUMNS[1:])], position=False)["strength"]
        except InputError as error:
            raise InputError(f"item {item!r}: {error}") from error
        lead = float(strength.iloc[0] - strength.iloc[1])
        best = strength.index[0]
        value = float(expit(np.array(lead))) if quality is None else quality.get((item, best), np.nan)
        if not 0 <= value <= 1:
            raise InputError.at("quality", f"has {value!r} for {(item, best)!r}", "Pass a number in [0, 1].")
        rows.append((item, best, strength.index[1], lead, value, len(own), value >= adopt))
    names = ["item", "best", "second", "strength", "quality", "judgements", "adopted"]
    found = pd.DataFrame(rows, columns=names).set_index("item")
    number = int(found["adopted"].sum())
    found.attrs = {"adopted": number, "review": len(found) - number, "saved": number * seconds / 3600}
    return found
