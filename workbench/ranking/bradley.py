"""Strengths of compared things from many judgements of pairs: Bradley-Terry with intervals and a position term."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, first_few, shortened
from workbench.issues.calibration import expit

STRENGTH_PENALTY = 0.01
"""Weight of the penalty on squared strengths, which keeps a thing that always wins finite."""

Z_95 = 1.959963984540054


def pairwise_strengths(judgements: pd.DataFrame, *, position: bool = True) -> pd.DataFrame:
    """Fit the strength of each compared thing, and how much the judge favours the first position.

    Parameters
    ----------
    judgements : DataFrame with the columns first, second (str or int: what was shown first and second) and winner:
        1 (the first), 2 (the second) or 0 (a tie, which counts half for each)
    position : whether to fit a term for the first position

    Returns
    -------
    DataFrame indexed by name, strongest first
        strength : float64, in log odds, mean 0; low, high : its 95 % interval
        wins : float64, ties count half; games : int64
        attrs : position_bias (log odds that the first of two equal things wins), position_interval (low, high), and
        first_wins (probability that it does); NaN without `position`

    Raises
    ------
    InputError : a column is missing, a thing is compared with itself, a winner is not 0, 1 or 2, or some things were
        never compared, not even through others

    Notes
    -----
    P(first wins) = expit(s_first - s_second + b), by Newton's method with a weak penalty; intervals from the inverse
    Hessian, given that judgements are independent (Bradley and Terry 1952; Agresti 2013, section 11.6).

    Examples
    --------
    >>> games = pd.DataFrame({"first": ["a", "b"] * 40, "second": ["b", "a"] * 40, "winner": [1, 2] * 30 + [2, 1] * 10})
    >>> pairwise_strengths(games)["strength"].round(2).to_dict()
    {'a': 0.55, 'b': -0.55}
    """
    first, second, won, names = _checked(judgements)
    k, m = len(names), len(won)
    design = np.zeros((m, k + 1))
    design[np.arange(m), first] += 1
    design[np.arange(m), second] -= 1
    design[:, k] = float(position)
    hold = STRENGTH_PENALTY * np.eye(k + 1)
    theta = np.zeros(k + 1)
    hessian = hold
    for _ in range(100):
        p = expit(design @ theta)
        gradient = design.T @ (won - p) - hold @ theta
        hessian = (design * (p * (1 - p))[:, None]).T @ design + hold
        step = np.linalg.solve(hessian, gradient)
        theta = theta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    covariance = np.linalg.inv(hessian)
    centre = np.eye(k) - 1 / k
    strength = centre @ theta[:k]
    spread = Z_95 * np.sqrt(np.maximum(np.diag(centre @ covariance[:k, :k] @ centre), 0))
    wins = np.bincount(first, won, minlength=k) + np.bincount(second, 1 - won, minlength=k)
    games = np.bincount(first, minlength=k) + np.bincount(second, minlength=k)
    found = pd.DataFrame(
        {"strength": strength, "low": strength - spread, "high": strength + spread, "wins": wins, "games": games},
        index=pd.Index(names, name="name"),
    ).sort_values("strength", ascending=False, kind="stable")
    bias = float(theta[k]) if position else float("nan")
    width = Z_95 * float(np.sqrt(covariance[k, k])) if position else float("nan")
    found.attrs = {
        "position_bias": bias,
        "position_interval": (bias - width, bias + width),
        "first_wins": float(expit(np.array(bias))),
    }
    return found


def _checked(judgements: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[object]]:
    """Return the places of the compared things, and 1, 0 or 1/2 for the first, (m,) each; and the names."""
    todo = "Pass a DataFrame with the columns first, second and winner."
    if not isinstance(judgements, pd.DataFrame):
        raise InputError.at("judgements", f"is a {type(judgements).__name__}", todo)
    for column in ("first", "second", "winner"):
        if column not in judgements.columns:
            raise InputError.unknown("column of `judgements`", column, judgements.columns, todo)
    if not len(judgements):
        raise InputError.at("judgements", "is empty", todo)
    winner = judgements["winner"].tolist()
    wrong = [row for row, one in enumerate(winner) if one not in (0, 1, 2)]
    if wrong:
        found = f"has the winner {shortened(winner[wrong[0]])}"
        raise InputError.at("judgements", found, "Use 1 for the first, 2 for the second, 0 for a tie.", row=wrong[0])
    codes, names = pd.factorize(pd.concat([judgements["first"], judgements["second"]]), sort=False)
    first, second = np.split(codes, 2)
    lost = np.flatnonzero((first < 0) | (second < 0) | (first == second))
    if len(lost):
        row = int(lost[0])
        pair = first_few([judgements["first"].iloc[row], judgements["second"].iloc[row]])
        raise InputError.at("judgements", f"compares {pair}", "Name two different things.", row=row)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    k = len(names)
    groups, part = connected_components(coo_array((np.ones(len(first)), (first, second)), shape=(k, k)), directed=False)
    if groups > 1:
        apart = first_few([str(names[np.flatnonzero(part == one)[0]]) for one in range(groups)], 3)
        found = f"has {groups} groups that were never compared, with {apart}"
        raise InputError.at("judgements", found, "Fit each group apart, or compare them.")
    won = np.array([0.5, 1.0, 0.0])[np.array(winner, int)]
    return first, second, won, list(names)
