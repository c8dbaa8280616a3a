"""A cheap judge for all pairs, and a strong one for those about which the cheap one is unsure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.foundation.checks import check_share
from workbench.foundation.errors import InputError, first_few
from workbench.ranking.graded import number_column
from workbench.tasks.class_names import class_text

CHEAP, STRONG, TO_ASK = "cheap", "strong", "ask"
"""Who gave the final grade; "ask" if the strong judge has not answered yet."""


def cascade(
    cheap: pd.DataFrame, strong: pd.DataFrame | None = None, *, unsure: float = 0.3,
    costs: tuple[float, float] = (1.0, 20.0),
) -> pd.DataFrame:  # fmt: skip
    """Combine answers of a cheap judge with those of a strong one on the pairs about which the cheap one is unsure.

    Parameters
    ----------
    cheap : DataFrame with the columns query, item, and either grade and confidence (float in [0, 1], such as the
        probability that a language model gives its answer), or one column of numeric grades per judge (NaN for no
        answer): the grade is then their median, and the confidence the share of them that give the most common grade
    strong : DataFrame with the columns query, item and grade: the answers so far; None before any
    unsure : share in [0, 1] of the pairs that go to the strong judge: those with the least confidence, and all to
        which the cheap one gives no answer
    costs : cost of one answer of the cheap and of the strong judge

    Returns
    -------
    DataFrame, one row per pair, least confident first
        query, item : as given. grade : float64, NaN as long as the strong judge is to be asked
        confidence : float64, of the cheap judge; NaN without an answer
        cheap_grade : float64, the answer of the cheap judge
        judge : "cheap", "strong" or "ask"
        attrs : asked (int, pairs for the strong judge), waiting (int, of them without an answer), cost (float, of all
        answers when none is waiting) and cost_of_strong (float, of asking the strong judge about all pairs)

    Raises
    ------
    InputError : a column is missing, a pair occurs twice, or a value is not a number in its range

    Notes
    -----
    The answers are read from files: nothing is asked. Equal confidences are ordered as in `cheap`.
    """
    check_share("unsure", unsure)
    grades, confidence, columns = _answers(cheap)
    order = np.argsort(np.nan_to_num(confidence, nan=-1.0), kind="stable")
    m = len(order)
    asked = np.zeros(m, bool)
    asked[order[: int(np.ceil(unsure * m - 1e-9))]] = True
    asked |= np.isnan(grades)
    known = {} if strong is None else _grade_of(strong)
    pairs = list(zip(map(class_text, cheap["query"].tolist()), map(class_text, cheap["item"].tolist())))
    answers = np.array([known.get(pair, np.nan) for pair in pairs])
    final = np.where(asked, answers, grades)
    judge = np.where(~asked, CHEAP, np.where(np.isnan(answers), TO_ASK, STRONG)).astype(object)
    found = pd.DataFrame(
        {
            "query": cheap["query"].to_numpy(object), "item": cheap["item"].to_numpy(object), "grade": final,
            "confidence": confidence, "cheap_grade": grades, "judge": judge,
        }
    ).iloc[order].reset_index(drop=True)  # fmt: skip
    number = int(asked.sum())
    found.attrs = {
        "asked": number,
        "waiting": int((judge == TO_ASK).sum()),
        "cost": m * len(columns) * costs[0] + number * costs[1],
        "cost_of_strong": m * costs[1],
    }
    return found


def _answers(cheap: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, Sequence[str]]:
    """Return grades and confidences (m,), and the columns of the judges."""
    _check_pairs("cheap", cheap)
    columns = [str(name) for name in cheap.columns if name not in ("query", "item")]
    if "grade" in columns:
        if "confidence" not in columns:
            todo = "Add the judge's confidence in [0, 1], or pass one column of grades per judge."
            raise InputError.unknown("column of `cheap`", "confidence", cheap.columns, todo)
        confidence = number_column("cheap", cheap, "confidence")
        outside = np.flatnonzero((confidence < 0) | (confidence > 1))
        if len(outside):
            row = int(outside[0])
            raise InputError.at("cheap", f"has the confidence {confidence[row]:g}", "Pass it in [0, 1].", row=row)
        return number_column("cheap", cheap, "grade"), confidence, ["grade"]
    if not columns:
        raise InputError.at("cheap", "has no column of answers", "Pass grade and confidence, or a column per judge.")
    votes = np.column_stack([number_column("cheap", cheap, name) for name in columns])
    known = np.isfinite(votes)
    counts = np.stack([(votes == votes[:, [at]]).sum(axis=1) for at in range(votes.shape[1])], axis=1)
    share = np.where(known, counts, 0).max(axis=1) / np.maximum(known.sum(axis=1), 1)
    grades = np.array([np.median(one[there]) if there.any() else np.nan for one, there in zip(votes, known)])
    return grades, np.where(known.any(axis=1), share, np.nan), columns


def _grade_of(strong: pd.DataFrame) -> dict[tuple[str, str], float]:
    _check_pairs("strong", strong)
    if "grade" not in strong.columns:
        raise InputError.unknown("column of `strong`", "grade", strong.columns)
    pairs = zip(map(class_text, strong["query"].tolist()), map(class_text, strong["item"].tolist()))
    return dict(zip(pairs, number_column("strong", strong, "grade").tolist()))


def _check_pairs(field: str, frame: pd.DataFrame) -> None:
    if not isinstance(frame, pd.DataFrame):
        found = f"is a {type(frame).__name__}"
        raise InputError.at(field, found, "Pass a DataFrame with the columns query, item and the answers.")
    lost = [name for name in ("query", "item") if name not in frame.columns]
    if lost:
        raise InputError.unknown(f"column of `{field}`", lost[0], frame.columns)
    twice = frame.duplicated(subset=["query", "item"]).to_numpy()
    if twice.any():
        row = int(np.flatnonzero(twice)[0])
        pair = first_few([frame["query"].iloc[row], frame["item"].iloc[row]])
        raise InputError.at(field, f"repeats the pair {pair}", "Keep one row per pair.", row=row)
