"""Preference pairs (prompt, chosen, rejected): doubtful ones, data conditioned on the score, and files for DPO."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError
from workbench.issues.preferences.preference_evidence import NEAR_SHARE, PREFERENCE_KINDS
from workbench.ranking.graded import number_column
from workbench.storage.layout import atomic
from workbench.storage.tables import check_target
from workbench.tasks.preferences import PREFERENCE_TEXTS, check_pair_texts


def preference_issues(
    frame: pd.DataFrame, *, scores: tuple[str, str] = ("chosen_score", "rejected_score"), near: float | None = None,
    low: float | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Find preference pairs whose rejected answer scores higher, whose answers are alike, or whose chosen one is poor.

    Parameters
    ----------
    frame : DataFrame with the columns prompt, chosen, rejected (str) and two columns of scores, larger = better
    scores : names of the columns of scores, of the chosen and of the rejected answer
    near : gap up to which two answers count as equal, >= 0; by default .1 standard deviations of all scores
    low : score below which a chosen answer is of low quality; by default the median score of rejected answers

    Returns
    -------
    DataFrame with the index of `frame`, smallest gap first (pairs without scores last)
        gap : float64, score of the chosen minus that of the rejected answer, NaN if unknown
        kind : "inverted", "equal", "low quality", or None; equal texts are "equal" whatever their scores
        suggestion : "swap", "drop", or None

    Raises
    ------
    InputError : a column is missing, a text is missing, or a score is not a number

    Notes
    -----
    The gap is what the scores say, not a probability: how often a small gap is an error depends on the scorer.
    """
    check_pair_texts(frame)
    for name in scores:
        if name not in frame.columns:
            raise InputError.unknown("column", name, frame.columns, "It holds the scores of the answers.")
    chosen, rejected = (number_column("frame", frame, name) for name in scores)
    gap = chosen - rejected
    every = np.concatenate([chosen, rejected])
    known = every[np.isfinite(every)]
    near = NEAR_SHARE * float(known.std()) if near is None and len(known) else near or 0.0
    poor = rejected[np.isfinite(rejected)]
    limit = low if low is not None else float(np.median(poor)) if len(poor) else -np.inf
    same = (frame["chosen"].str.strip() == frame["rejected"].str.strip()).to_numpy(bool)
    kind = np.full(len(frame), None, object)
    kind[chosen < limit] = PREFERENCE_KINDS[2]
    kind[gap < -near] = PREFERENCE_KINDS[0]
    kind[(np.abs(gap) <= near) | same] = PREFERENCE_KINDS[1]
    suggestion = np.full(len(frame), None, object)
    suggestion[kind == PREFERENCE_KINDS[0]] = "swap"
    suggestion[(kind == PREFERENCE_KINDS[1]) | (kind == PREFERENCE_KINDS[2])] = "drop"
    found = pd.DataFrame({"gap": gap, "kind": 0, "suggestion": 0}, index=frame.index)
    for name, values in (("kind", kind), ("suggestion", suggestion)):
        found[name] = pd.Series(values, frame.index, dtype=object)  # None stays None
    return found.sort_values("gap", kind="stable", na_position="last")


def reward_rows(
    frame: pd.DataFrame, *, scores: tuple[str, str] = ("chosen_score", "rejected_score"),
    template: str = "{prompt}\n\nTarget score: {score:g}",
) -> pd.DataFrame:  # fmt: skip
    """Convert each preference pair to two rows, each conditioned on the score of one of its answers.

    Parameters
    ----------
    frame, scores : as in `preference_issues`; all scores must be known
    template : text of the conditioned prompt, with {prompt} and {score}

    Returns
    -------
    DataFrame, two rows per pair
        prompt : str; chosen, rejected : str. For the score of the chosen answer, that answer is preferred; for the
        score of the rejected answer, the rejected one is
        score : float64, the target; pair : the index of the pair in `frame`

    Raises
    ------
    InputError : as in `preference_issues`, or a score is missing

    References
    ----------
    Zhang et al. 2024, Reward-Augmented Data Enhances Direct Preference Alignment of LLMs, section 3.
    """
    check_pair_texts(frame)
    values = []
    for name in scores:
        if name not in frame.columns:
            raise InputError.unknown("column", name, frame.columns, "It holds the scores of the answers.")
        column = number_column("frame", frame, name)
        if np.isnan(column).any():
            row = int(np.flatnonzero(np.isnan(column))[0])
            raise InputError.at("frame", f"column {name!r} is missing", "Drop pairs without scores.", row=row)
        values.append(column)
    rows = []
    texts = zip(frame.index, *(frame[name].tolist() for name in PREFERENCE_TEXTS), *values)
    for pair, prompt, chosen, rejected, high, less in texts:
        for score, first, second in ((high, chosen, rejected), (less, rejected, chosen)):
            text = template.replace("{prompt}", prompt, 1) if "{score" not in template else None
            text = text or template.format(prompt=prompt, score=float(score))
            rows.append({"prompt": text, "chosen": first, "rejected": second, "score": float(score), "pair": pair})
    return pd.DataFrame(rows, columns=[*PREFERENCE_TEXTS, "score", "pair"])


def write_preferences(
    frame: pd.DataFrame, path: str | Path, *, provenance: Sequence[str] = (), force: bool = False
) -> Path:
    """Write preference pairs as JSONL for direct preference optimisation: prompt, chosen, rejected, one pair per line.

    Parameters
    ----------
    frame : DataFrame with the columns prompt, chosen and rejected
    path : file ending in .jsonl
    provenance : further columns, written under "provenance" together with the index of the row, such as scores, the
        kind of error and who decided
    force : whether to replace an existing file

    Returns
    -------
    Path

    Raises
    ------
    InputError : a column or text is missing. ExistsError : the file exists.
    """
    check_pair_texts(frame)
    for name in provenance:
        if name not in frame.columns:
            raise InputError.unknown("column", name, frame.columns, "It was passed as `provenance=`.")
    target = check_target(path, force, (".jsonl",))
    with atomic(target) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        for at, row in enumerate(frame.index.tolist()):
            record: dict[str, object] = {name: str(frame[name].iloc[at]) for name in PREFERENCE_TEXTS}
            about = {name: _plain(frame[name].iloc[at]) for name in provenance}
            file.write(json.dumps(record | {"provenance": {"row": row, **about}}, ensure_ascii=False) + "\n")
    return target


def _plain(value: object) -> object:
    if is_missing(value):
        return None
    return value.item() if isinstance(value, np.generic) else value
