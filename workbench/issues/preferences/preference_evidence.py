"""Evidence about which of two answers is better, validated: scores of the answers, and judgements in both orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.inputs import to_matrix
from workbench.foundation.errors import InputError
from workbench.issues.kinds.contract import Asked
from workbench.tasks.preferences import PREFERENCE_TEXTS, answer_code

PREFERENCE_KINDS = ("inverted", "equal", "low quality")
"""Kinds of errors: the other answer is better, both are equally good, the better answer is poor."""

NEAR_SHARE = 0.1
"""Gap of scores up to which two answers count as equal, in standard deviations of all scores."""

CONSISTENCY_POWER = 3
"""Power of the consistency of a judge, 1 - 2 (share of answers that change with the order), in its weight."""

LONGEST_GAP = 4.0
"""Limit of standardised gaps of scores."""

LONGEST_RATIO = 2.0
"""Limit of the log ratio of the lengths of two answers."""

VOTE_OF = np.array([1.0, -1.0, 0.0, 0.0, np.nan])
"""Vote of a judge by the index of its answer: for the first answer, the second, or neither; NaN for none."""

SCORE_FORMS = "Pass numbers (n, 2): of the first and of the second answer, larger = better; or (n, 2, scorers)."


@dataclass(frozen=True)
class PreferenceEvidence:
    """Evidence about n pairs of answers.

    Attributes
    ----------
    scores : float (n, 2, s), NaN = unknown; s can be 0.
    votes : float (n, j), mean of the votes of each judge over both orders in [-1, 1], high = first; NaN = none.
    flips : float (j,), share of pairs in which a judge answers otherwise in the other order; None if unknown.
    judges : j names.
    same : bool (n,), pairs whose answers are the same text.
    ratio : float (n,), log of the length of the first answer by that of the second, at most 2; 0 without texts.
    """

    scores: np.ndarray
    votes: np.ndarray
    flips: np.ndarray | None
    judges: tuple[str, ...]
    same: np.ndarray
    ratio: np.ndarray

    @cached_property
    def gap(self) -> np.ndarray:
        """Score of the first answer minus that of the second, standardised, mean of the scorers; NaN if unknown."""
        gaps = self.scores[:, 0] - self.scores[:, 1]
        spread = np.array([max(float(np.nanstd(one)), 1e-12) if np.isfinite(one).any() else 1.0 for one in gaps.T])
        gaps = np.clip(gaps / spread, -LONGEST_GAP, LONGEST_GAP)
        known = np.isfinite(gaps)
        total = np.where(known, gaps, 0).sum(axis=1)
        return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)

    @cached_property
    def level(self) -> np.ndarray:
        """Standardised score of each answer, mean of the scorers, float (n, 2); NaN if unknown."""
        flat = self.scores.reshape(-1, self.scores.shape[2])
        there = np.isfinite(flat)
        count = np.maximum(there.sum(axis=0), 1)
        filled = np.where(there, flat, 0.0)
        mean = filled.sum(axis=0) / count
        spread = np.sqrt((np.square(filled - mean) * there).sum(axis=0) / count)
        scaled = np.where(there, (filled - mean) / np.maximum(spread, 1e-12), 0.0)
        found = scaled.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
        return np.where(there.any(axis=1), found, np.nan).reshape(-1, 2)

    @cached_property
    def known(self) -> np.ndarray:
        """Bool (n,), pairs with a score of both answers or a vote."""
        return np.isfinite(self.gap) | np.isfinite(self.votes).any(axis=1) | self.same

    def pooled(self, weights: np.ndarray) -> np.ndarray:
        """Weighted mean of the votes, float (n,) in [-1, 1], 0 without votes; `weights` (j,) or (n, j)."""
        there = np.isfinite(self.votes)
        weights = np.broadcast_to(weights, self.votes.shape)
        total = (there * np.abs(weights)).sum(axis=1)
        return (np.where(there, self.votes, 0) * weights).sum(axis=1) / np.maximum(total, 1e-12)

    def consistency(self) -> np.ndarray:
        """Weights (j,) of the judges: max(0, 1 - 2 flips)^3, 1 where the other order is unknown."""
        if self.flips is None:
            return np.ones(self.votes.shape[1])
        weights = np.maximum(1 - 2 * self.flips, 0) ** CONSISTENCY_POWER
        return weights if weights.any() else np.ones(len(weights))


def read_preference_evidence(asked: Asked) -> PreferenceEvidence:
    """Return the evidence about the pairs of a data set.

    Raises
    ------
    InputError : evidence of another shape, or an answer that is none of `PREFERENCE_ANSWERS`; it names the row.
    """
    dataset, given = asked.dataset, asked.evidence
    n, ids = dataset.n, dataset.ids
    votes, judges = _votes("judgements", given.get("judgements"), ids, n)
    swapped, others = _votes("swapped_judgements", given.get("swapped_judgements"), ids, n)
    flips = None
    if given.get("swapped_judgements") is not None:
        if others != judges:
            found = f"has the judges {list(others)[:5]}, and `judgements` {list(judges)[:5]}"
            raise InputError.at("swapped_judgements", found, "Pass the same judges in both orders.")
        both = np.isfinite(votes) & np.isfinite(swapped)
        changed = both & (votes != swapped)
        flips = (changed.sum(axis=0) + 1) / (both.sum(axis=0) + 2)
        votes = np.where(both, (votes + swapped) / 2, np.where(np.isfinite(votes), votes, swapped))
    first, second = _texts(dataset.metadata)
    same, ratio = np.zeros(n, bool), np.zeros(n)
    if first is not None and second is not None:
        same = np.array([one.strip() == other.strip() for one, other in zip(first, second)], bool)
        longer = np.array([np.log((len(one) + 1) / (len(other) + 1)) for one, other in zip(first, second)])
        ratio = np.clip(longer, -LONGEST_RATIO, LONGEST_RATIO)
    return PreferenceEvidence(_scores(given.get("scores"), dataset.metadata, ids, n), votes, flips, judges, same, ratio)


def _texts(metadata: pd.DataFrame) -> tuple[list[str] | None, list[str] | None]:
    columns = [metadata[name].tolist() if name in metadata.columns else None for name in PREFERENCE_TEXTS[1:]]
    if any(one is None or not all(isinstance(text, str) for text in one) for one in columns):
        return None, None
    return columns[0], columns[1]


def _scores(given: Any, metadata: pd.DataFrame, ids: np.ndarray, n: int) -> np.ndarray:
    """Return scores (n, 2, s)."""
    if given is None:
        return np.zeros((n, 2, 0))
    if isinstance(given, (tuple, list)) and len(given) == 2 and all(isinstance(one, str) for one in given):
        for name in given:
            if name not in metadata.columns:
                raise InputError.unknown("column", name, metadata.columns, "It was passed as `scores=`.")
        given = metadata[list(given)]
    values = np.asarray(to_matrix("scores", given, _rows(given, ids)))
    if values.dtype.kind not in "fiub":
        raise InputError.at("scores", f"has dtype {values.dtype}", SCORE_FORMS)
    values = values.astype(np.float64)
    values = values[:, :, None] if values.ndim == 2 else values
    if values.ndim != 3 or values.shape[:2] != (n, 2):
        raise InputError.at("scores", f"has shape {values.shape} for {n} pairs", SCORE_FORMS)
    endless = np.flatnonzero(np.isinf(values).any(axis=(1, 2)))
    if len(endless):
        raise InputError.at("scores", "is infinite", "Pass finite numbers, or NaN.", row=int(endless[0]))
    return values


def _votes(field: str, given: Any, ids: np.ndarray, n: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return votes (n, j) and the names of the judges."""
    if given is None:
        return np.zeros((n, 0)), ()
    if isinstance(given, Mapping):
        given = pd.DataFrame(dict(given))
    if not isinstance(given, pd.DataFrame):
        cells = np.asarray(given, object)
        given = pd.DataFrame(cells[:, None] if cells.ndim == 1 else cells)
    if len(given) != n or not given.shape[1]:
        todo = "Pass one row per pair and one column per judge, with the answers 'first', 'second', 'tie' or 1, 2, 0."
        raise InputError.at(field, f"has shape {given.shape} for {n} pairs", todo)
    rows = _rows(given, ids)
    if rows is not None and given.index.is_unique and set(given.index) == set(rows.tolist()):
        given = given.reindex(rows)
    columns = [[answer_code(one, field, row) for row, one in enumerate(given[name].tolist())] for name in given.columns]
    return VOTE_OF[np.array(columns, np.int64).T], tuple(str(name) for name in given.columns)


def _rows(given: Any, ids: np.ndarray) -> np.ndarray | None:
    """Return the ids by which the rows of a table are matched; None for a table whose index counts the rows."""
    counts = isinstance(given, pd.DataFrame) and np.array_equal(given.index.to_numpy(), np.arange(len(given)))
    return None if counts else ids


def agreement_weights(votes: np.ndarray, target: Sequence[float] | np.ndarray) -> np.ndarray:
    """Log odds (j,) that a judge agrees with decided labels, shrunk towards 0 by one vote each way.

    Parameters
    ----------
    votes : float (n, j) in [-1, 1], NaN = none.
    target : float (n,), 1 = first is better, -1 = second, 0 or NaN = not decided.
    """
    sides = np.nan_to_num(np.asarray(target, np.float64))[:, None]
    agreed = np.nan_to_num(votes) * sides
    right, wrong = np.maximum(agreed, 0).sum(axis=0), np.maximum(-agreed, 0).sum(axis=0)
    return np.log((right + 1) / (wrong + 1))
