"""Graded relevance of tags from pairwise comparisons: one Bradley-Terry model per example."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError

MM_ROUNDS, MM_CLOSE = 500, 1e-9

ANSWER_COLUMNS = ("row", "winner", "loser")


def rank_relevance(judgements: pd.DataFrame, *, prior: float = 0.5) -> pd.DataFrame:
    """Estimate the relevance of each tag of an example from pairwise comparisons of its tags.

    Parameters
    ----------
    judgements : columns row (number or id of the example), winner and loser (tags); one row per comparison, which may
        be repeated or contradictory.
    prior : positive; number of wins and losses against an average tag that are added for each tag, which keeps the
        strength of tags that always or never win finite.

    Returns
    -------
    DataFrame, one row per example and tag, examples in order of appearance, most relevant tag first
        row, tag, strength (log strength, mean 0 in each example), relevance (in [0, 1], mean probability of winning
        against the other tags of the example), rank (from 1), wins, judged (int64).

    Raises
    ------
    InputError : a column is missing, a tag is compared with itself, or a prior that is not positive.

    Notes
    -----
    P(a beats b) = exp(s_a) / (exp(s_a) + exp(s_b)), fitted by minorisation-maximisation, until no strength changes by
    more than 1e-9, for at most 500 iterations. Unlike counts of wins, it takes the strength of opponents into account.

    References
    ----------
    Bradley & Terry 1952; Hunter 2004, MM algorithms for generalized Bradley-Terry models. Pairwise comparisons as
    source of graded labels: Guo et al. 2024, Multimodal Label Relevance Ranking via Reinforcement Learning.

    Examples
    --------
    >>> judged = pd.DataFrame({"row": 0, "winner": ["dog", "dog", "grass"], "loser": ["grass", "sky", "sky"]})
    >>> rank_relevance(judged)[["tag", "rank"]].to_numpy().tolist()
    [['dog', 1], ['grass', 2], ['sky', 3]]
    """
    for name in ANSWER_COLUMNS:
        if name not in judgements.columns:
            raise InputError.unknown("column", name, judgements.columns, "Judgements have row, winner and loser.")
    if not prior > 0:
        raise InputError.at("prior", f"is {prior!r}", "Give a positive number of judgements.")
    same = (judgements["winner"] == judgements["loser"]).to_numpy()
    if same.any():
        raise InputError.at("judgements", "judges a tag against itself", "Remove it.", row=int(np.flatnonzero(same)[0]))
    found = []
    for row, part in judgements.groupby("row", sort=False):
        tags = list(dict.fromkeys([tag for pair in zip(part["winner"], part["loser"]) for tag in pair]))
        place = {tag: number for number, tag in enumerate(tags)}
        wins = np.zeros((len(tags), len(tags)))
        np.add.at(wins, ([place[one] for one in part["winner"]], [place[one] for one in part["loser"]]), 1)
        found.append(_ranked(row, tags, wins, prior))
    columns = ["row", "tag", "strength", "relevance", "rank", "wins", "judged"]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def bradley_terry(wins: np.ndarray, prior: float) -> np.ndarray:
    """Fit log strengths (t,), mean 0, to a table (t, t) of wins of the row over the column."""
    games = wins + wins.T
    won = wins.sum(axis=1) + prior
    strength = np.ones(len(wins))
    for _ in range(MM_ROUNDS):
        against = games / (strength[:, None] + strength)
        new = won / (against.sum(axis=1) + 2 * prior / (strength + 1))
        new /= np.exp(np.log(new).mean())
        moved = np.abs(np.log(new / strength)).max()
        strength = new
        if moved < MM_CLOSE:
            break
    return np.log(strength)


def _ranked(row: object, tags: list[str], wins: np.ndarray, prior: float) -> pd.DataFrame:
    strength = bradley_terry(wins, prior)
    beats = 1 / (1 + np.exp(strength[None] - strength[:, None]))
    np.fill_diagonal(beats, 0)
    order = np.argsort(-strength, kind="stable")
    judged = (wins + wins.T).sum(axis=1).astype(np.int64)
    frame = pd.DataFrame(
        {
            "row": [row] * len(tags), "tag": tags, "strength": strength,
            "relevance": beats.sum(axis=1) / max(len(tags) - 1, 1), "wins": wins.sum(axis=1).astype(np.int64),
            "judged": judged,
        }
    ).iloc[order]  # fmt: skip
    frame.insert(4, "rank", np.arange(1, len(tags) + 1))
    return frame
