"""Graded tags from judgements "this one is more relevant than that one": Bradley-Terry, example by example."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError

ROUNDS, CLOSE = 500, 1e-9

COLUMNS = ("row", "winner", "loser")


def rank_relevance(judgements: pd.DataFrame, *, prior: float = 0.5) -> pd.DataFrame:
    """How relevant each tag of an example is, from judgements on pairs of its tags.

    Parameters
    ----------
    judgements : columns row (number or id of the example), winner and loser (tags); one row per judgement, repeated and
        contradicting ones welcome.
    prior : positive; each tag has won and lost so many judgements against an average tag beforehand, which keeps the
        strength of tags that always or never win finite.

    Returns
    -------
    DataFrame, one row per example and tag, by example in order of appearance, the most relevant tag first
        row, tag, strength (log strength, mean 0 in each example), relevance (in [0, 1], mean probability of winning
        against the other tags of the example), rank (from 1), wins, judged (int64).

    Raises
    ------
    InputError : a column is missing, a tag is judged against itself, or a prior that is not positive.

    Notes
    -----
    P(a beats b) = exp(s_a) / (exp(s_a) + exp(s_b)), fitted by minorisation-maximisation, until no strength moves by
    more than 1e-9 or for 500 rounds. Unlike counts of votes it takes into account against whom a tag has won.

    References
    ----------
    Bradley & Terry 1952; Hunter 2004, MM algorithms for generalized Bradley-Terry models. Judged pairs as the source of
    graded labels: Guo et al. 2024, Multimodal Label Relevance Ranking via Reinforcement Learning.

    Examples
    --------
    >>> judged = pd.DataFrame({"row": 0, "winner": ["dog", "dog", "grass"], "loser": ["grass", "sky", "sky"]})
    >>> rank_relevance(judged)[["tag", "rank"]].to_numpy().tolist()
    [['dog', 1], ['grass', 2], ['sky', 3]]
    """
    for name in COLUMNS:
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
    """(t,) log strengths, mean 0, of a table (t, t) of how often the row beat the column."""
    games = wins + wins.T
    won = wins.sum(axis=1) + prior
    strength = np.ones(len(wins))
    for _ in range(ROUNDS):
        against = games / (strength[:, None] + strength)
        new = won / (against.sum(axis=1) + 2 * prior / (strength + 1))
        new /= np.exp(np.log(new).mean())
        moved = np.abs(np.log(new / strength)).max()
        strength = new
        if moved < CLOSE:
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
