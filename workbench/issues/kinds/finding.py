"""From an estimator's answer to the tables of `find_issues`: verdicts, the cut, suggestions, attributes.

Nothing here depends on the kind of label.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.evidence.as_evidence import handed_in
from workbench.foundation.errors import FdrNotPossible, MissingEvidence, outside
from workbench.foundation.parallel import one_blas_thread
from workbench.foundation.progress import step
from workbench.issues import calibration, counts
from workbench.issues.kept import Kept, kind_key
from workbench.issues.kinds import ESTIMATORS
from workbench.issues.kinds.contract import Asked, Found
from workbench.issues.per_example import both_counts, by_example
from workbench.issues.review import with_verdicts
from workbench.runs.run import Run
from workbench.runs.verdicts import known_verdicts

EXPLAINED_UNITS, EXPLAINED_UNITS_OF_MANY = 200_000, 20_000
"""Maximum number of units whose reasons are listed; the most suspicious ones come first."""

FINDING_STEPS = 3
"""Of the bar."""


def find_in_kind(
    source: Any, task: str, arrays: Mapping[str, Any], *, per: str, fdr: float | None, threshold: float,
    verdicts: pd.Series | None, seed: int,
) -> pd.DataFrame:  # fmt: skip
    """`find_issues` of labels whose kind has an estimator; a run's answer without `arrays` is kept in its cache."""
    kept = None
    if isinstance(source, Run) and not arrays:
        arguments = {"fdr": fdr, "threshold": threshold, "seed": seed, "per": per}
        kept = Kept(source, arguments | kind_key(source), verdicts)
        found = kept.load()
        if found is not None:
            return found
    handed = handed_in(source, task, arrays)
    if not handed.evidence:
        todo = "Pass them with the labels."
        raise MissingEvidence.needed(f"Labels of the task {task!r}", handed.dataset.kind.predictions, todo)
    run = source if isinstance(source, Run) else None
    asked = Asked(handed.dataset, handed.evidence, handed.out_of_fold, verdicts, seed, run, handed.sources)
    step("reading the evidence")
    with one_blas_thread():
        found = ESTIMATORS[task].judge(asked)
    frame, promised = _as_table(asked, found, per, fdr, threshold)
    if kept is not None and promised:  # otherwise the warning is repeated on every call
        kept.store(frame)
    return frame


def _as_table(asked: Asked, found: Found, per: str, fdr: float | None, threshold: float) -> tuple[pd.DataFrame, bool]:
    """The table, and whether the cut that was asked for could be promised."""
    ids = asked.dataset.ids
    index: Any = None
    verdicts = asked.verdicts
    if per == "unit" or verdicts is not None:
        index = found.units.named(pd.Index(ids[found.units.rows], name="id"))
    if verdicts is not None and len(verdicts):
        verdicts = known_verdicts(verdicts, index, journal=asked.run is not None)
    p_error, words = _moved(found.p_error, verdicts, index, found.pair)
    strict = None
    promised = fdr is None or found.identified
    if fdr is None:
        how, is_issue = f"p_error >= {threshold:g}", np.nan_to_num(p_error, nan=-1.0) >= threshold
    elif not promised:
        how = f"no issue is marked, because a share of false alarms of {fdr:g} cannot be guaranteed: {found.why}"
        warnings.warn(f"`fdr`: {how}. Use `threshold=`.", FdrNotPossible, stacklevel=outside())
        is_issue = np.zeros(len(p_error), bool)
    else:
        strict = p_error if found.p_least is None else _moved(found.p_least, verdicts, index, found.pair)[0]
        how = f"largest set with an expected share of false alarms of at most {fdr:g}, with a margin for what is not "
        how, is_issue = f"{how}known", calibration.largest_set(strict, fdr * counts.FDR_CUT)
    step("reasons")
    frame = _table(found, p_error, is_issue)
    frame.attrs = _attrs(asked, found, p_error, verdicts, how, words)
    if per == "example":
        limit = threshold if fdr is None else fdr * counts.FDR_CUT if promised else np.inf
        return by_example(frame, found.units, ids, limit=limit, strict=strict), promised
    attrs = frame.attrs | {"counted": "units"} | both_counts(frame.attrs, p_error, found.units)
    order = np.lexsort((frame["row"], -np.nan_to_num(p_error, nan=-1.0)))
    frame = frame.iloc[order].set_axis(index[order])
    frame.attrs = attrs
    return frame, promised


def _moved(
    p_error: np.ndarray, verdicts: pd.Series | None, index: pd.Index | None, pair: np.ndarray | None
) -> tuple[np.ndarray, str]:
    """Probabilities after verdicts, and what was done in words."""
    if verdicts is None or not len(verdicts):
        return p_error, ""
    moved, words = with_verdicts(pd.Series(p_error, index=index), verdicts, pair)
    return moved.to_numpy(), words.replace("pair of classes", "kind of error") if pair is not None else words


def _table(found: Found, p_error: np.ndarray, is_issue: np.ndarray) -> pd.DataFrame:
    """The columns of `find_issues` per unit, in the order of the units."""
    known = ~np.isnan(p_error)
    doubted = ~known | (p_error >= 0.5) | is_issue
    before = np.where(known, np.maximum(np.nan_to_num(found.p_error), 1e-12), 1.0)
    p_other = np.where(known, np.clip(found.p_other / before, 0, 1) * np.nan_to_num(p_error), found.p_other)
    given, other = np.asarray(found.given), np.asarray(found.other)
    p_kept = 1.0 if found.p_kept is None else found.p_kept
    frame = pd.DataFrame(
        {
            **found.columns,
            "given_label": given,
            "suggested_label": np.where(doubted, other, given if found.kept is None else found.kept),
            "p_error": p_error,
            "p_suggested": np.where(doubted, p_other, (1 - np.nan_to_num(p_error)) * p_kept),
            "is_issue": is_issue,
            **({} if found.kind is None else {"kind": found.kind}),
            "reasons": _reasons(found, p_error),
            "row": found.units.rows,
            **found.last,
        }
    )
    return frame


def _reasons(found: Found, p_error: np.ndarray) -> np.ndarray:
    places = np.arange(len(p_error))
    if len(places) > EXPLAINED_UNITS:
        most = EXPLAINED_UNITS_OF_MANY
        places = np.sort(np.argpartition(-np.nan_to_num(p_error, nan=-1.0), most)[:most])
    words = np.full(len(p_error), "", object)
    words[places] = found.reasons(places)
    return words


def _attrs(
    asked: Asked, found: Found, p_error: np.ndarray, verdicts: pd.Series | None, how: str, words: str
) -> dict[str, Any]:
    """What the table rests on, in words and numbers, with the names that `find_issues` gives for classes."""
    known = ~np.isnan(p_error)
    before, expected = float(np.nansum(found.p_error)), float(np.nansum(p_error))
    low, high = (end * (expected / before if before else 1.0) for end in found.interval)
    if verdicts is not None:  # what a person has seen is no longer a question
        wrong = int(verdicts.sum())
        low, high = max(low, wrong), min(high, known.sum() - (len(verdicts) - wrong))
    interval = (round(min(low, expected), 1), round(max(high, expected), 1))
    seen = "out-of-fold" if asked.out_of_fold else "in-sample"
    return {
        "evidence": found.evidence or ", ".join(asked.evidence),
        "shares": {},
        "set_aside": {},
        "pred_probs": seen if "pred_probs" in asked.evidence else "none",
        "threshold": how,
        "expected_errors": round(expected, 1),
        "expected_errors_interval": interval,
        "errors_identified": found.identified,
        "errors_in_words": counts.count_in_words(expected, interval, found.identified, found.why, _todo(verdicts)),
        "expected_errors_below": round(float(found.below), 1),
        "judged": int(known.sum()),
        "unlabelled": int((~known).sum()),
        "method": "; ".join(one for one in (found.method, words) if one),
        "sources": dict(asked.sources) | dict(found.sources),
        "verdicts": 0 if verdicts is None else len(verdicts),
    }


def _todo(verdicts: pd.Series | None) -> str:
    """What to do where the number of errors is not known, or what was done."""
    many = 0 if verdicts is None else len(verdicts)
    if many >= counts.AUDIT_SIZE:
        return f"p_error follows {many:,} verdicts"
    some = f" ({many:,} so far)" if many else ""
    return f"verdicts on {counts.AUDIT_SIZE} units drawn at random{some} tell what p_error is worth (`verdicts=`)"
