"""Turn the result of an estimator into the tables of `find_issues`: verdicts, selection, suggestions, attributes.

Nothing in this module depends on the kind of label.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.evidence.as_evidence import handed_in
from workbench.foundation.errors import MissingEvidence
from workbench.foundation.parallel import one_blas_thread
from workbench.foundation.progress import step
from workbench.issues import counts
from workbench.issues.kept import Kept, kind_key
from workbench.issues.kinds import ESTIMATORS
from workbench.issues.kinds.contract import Asked, Found
from workbench.issues.kinds.following import Followed, followed
from workbench.issues.marking import Marked, mark, none_marked
from workbench.issues.per_example import both_counts, by_example
from workbench.issues.review import with_verdicts
from workbench.runs.run import Run
from workbench.runs.verdicts import known_verdicts

EXPLAINED_UNITS, EXPLAINED_UNITS_OF_MANY = 200_000, 20_000
"""Maximum number of units whose reasons are listed; the most suspicious ones come first."""

FINDING_STEPS = 3
"""Number of steps of the progress bar."""


def find_in_kind(
    source: Any, task: str, arrays: Mapping[str, Any], *, per: str, fdr: float | None, threshold: float,
    verdicts: pd.Series | None, seed: int, follow: bool = False,
) -> pd.DataFrame:  # fmt: skip
    """Implement `find_issues` for kinds of labels with an estimator; the result for a run without `arrays` is cached.

    follow : whether to use the audit of a run.
    """
    kept, audit = None, None
    if isinstance(source, Run) and not arrays:
        audit = followed(source, cut=fdr is not None) if follow else None
        arguments = {"fdr": fdr, "threshold": threshold, "seed": seed} | kind_key(source)
        key = "" if audit is None else audit.key
        kept = {one: Kept(source, arguments | {"per": one}, verdicts, key) for one in ("example", "unit")}
        frame = kept[per].load()
        if frame is not None:
            return frame
    handed = handed_in(source, task, arrays)
    if not handed.evidence:
        raise MissingEvidence.beside_labels(task, handed.dataset.kind.predictions)
    run = source if isinstance(source, Run) else None
    asked = Asked(handed.dataset, handed.evidence, handed.out_of_fold, verdicts, seed, run, handed.sources)
    step("reading the evidence")
    with one_blas_thread():
        found = ESTIMATORS[task].judge(asked)
    # A view shows both tables; at a threshold they differ in their arrangement only.
    both = kept is not None and fdr is None and per == "example" and len(found.units.rows) <= EXPLAINED_UNITS
    frames, promised = _as_tables(asked, found, (per, "unit") if both else (per,), fdr, threshold, audit)
    if kept is not None and promised:  # otherwise the warning is repeated on every call
        for one, frame in frames.items():
            kept[one].store(frame)
    return frames[per]


def _as_tables(
    asked: Asked, found: Found, shapes: tuple[str, ...], fdr: float | None, threshold: float, audit: Followed | None
) -> tuple[dict[str, pd.DataFrame], bool]:
    """Return the tables by shape, the one asked for first, and whether the requested selection is guaranteed."""
    ids = asked.dataset.ids
    index: Any = None
    verdicts = asked.verdicts
    if "unit" in shapes or verdicts is not None:
        index = found.units.named(pd.Index(ids[found.units.rows], name="id"))
    if verdicts is not None and len(verdicts):
        verdicts = known_verdicts(verdicts, index, journal=asked.run is not None)
    p_error, words, left = _moved(found.p_error, verdicts, index, found.pair)
    least = None
    if fdr is not None and found.p_least is not None:
        least = _moved(found.p_least, verdicts, index, found.pair)[0]
    interval = _interval(found, p_error, verdicts)
    better = audit is not None and audit.better(found.identified, interval)
    if audit is not None and better:
        p_error, least = audit.moved(p_error, least)
    marked = _marked(found, p_error, least, index, shapes[0], fdr, threshold, audit)
    step("reasons")
    table = _table(found, p_error, marked.chosen)
    attrs = _attrs(asked, found, p_error, interval, verdicts, marked.how, words, left)
    if audit is not None and better:
        attrs |= audit.attrs()
    frames = {}
    if "example" in shapes:
        limit = threshold if fdr is None else fdr * counts.FDR_CUT if marked.strict is not None else np.inf
        frame = by_example(table, attrs, found.units, ids, limit=limit, strict=marked.strict)
        if marked.audited:
            frame["is_issue"] = frame["units_doubted"] > 0
        frames["example"] = frame
    if "unit" in shapes:
        order = np.lexsort((table["row"], -np.nan_to_num(p_error, nan=-1.0)))
        frame = pd.DataFrame({name: values[order] for name, values in table.items()}).set_axis(index[order])
        frame.attrs = attrs | {"counted": "units"} | both_counts(attrs, p_error, found.units)
        frames["unit"] = frame
    return frames, marked.promised


def _marked(
    found: Found, p_error: np.ndarray, least: np.ndarray | None, index: pd.Index | None, per: str, fdr: float | None,
    threshold: float, audit: Followed | None,
) -> Marked:  # fmt: skip
    sample = None if audit is None or index is None else audit.sample
    of_units = per == "unit" or found.units.keys is None
    if fdr is not None and not found.identified and sample is not None and not of_units:
        how = "no example is marked, because an audit of units does not determine a share of examples"
        return none_marked(len(p_error), how, "Use `per='unit'`, or use `threshold=`.")
    return mark(
        p_error, p_error if least is None else least, fdr, threshold, identified=found.identified, why=found.why,
        advice="Use `threshold=`.", sample=sample, index=index,
    )  # fmt: skip


def _interval(found: Found, p_error: np.ndarray, verdicts: pd.Series | None) -> tuple[float, float]:
    """Expected number of wrong units, low and high, after verdicts."""
    known = int((~np.isnan(p_error)).sum())
    before, expected = float(np.nansum(found.p_error)), float(np.nansum(p_error))
    low, high = (end * (expected / before if before else 1.0) for end in found.interval)
    return counts.after_verdicts(low, high, expected, known, verdicts)


def _moved(
    p_error: np.ndarray, verdicts: pd.Series | None, index: pd.Index | None, pair: np.ndarray | None
) -> tuple[np.ndarray, str, float]:
    """Return probabilities after verdicts, a description of the recalibration, and the calibration error that is
    expected after it (NaN if unknown)."""
    if verdicts is None or not len(verdicts):
        return p_error, "", np.nan
    moved, words = with_verdicts(pd.Series(p_error, index=index), verdicts, pair)
    words = words if pair is None else words.replace("pair of classes", "kind of error")
    return moved.to_numpy(), words, moved.attrs.get("calibration_error", (np.nan,))[0]


def _table(found: Found, p_error: np.ndarray, is_issue: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of `find_issues` per unit, (m,) each, in the order of the units."""
    known = ~np.isnan(p_error)
    doubted = ~known | (p_error >= 0.5) | is_issue
    before = np.where(known, np.maximum(np.nan_to_num(found.p_error), 1e-12), 1.0)
    p_other = np.where(known, np.clip(found.p_other / before, 0, 1) * np.nan_to_num(p_error), found.p_other)
    given, other = np.asarray(found.given), np.asarray(found.other)
    p_kept = 1.0 if found.p_kept is None else found.p_kept
    whole = {}
    if found.values is not None:
        of_given, of_other = found.values
        whole = {"given_value": of_given, "suggested_value": np.where(doubted, of_other, of_given)}
    table = {
        **found.columns,
        "given_label": given,
        "suggested_label": np.where(doubted, other, given if found.kept is None else found.kept),
        "p_error": p_error,
        "p_suggested": np.where(doubted, p_other, (1 - np.nan_to_num(p_error)) * p_kept),
        "is_issue": is_issue,
        **({} if found.kind is None else {"kind": found.kind}),
        "reasons": _reasons(found, p_error),
        "row": found.units.rows,
        **whole,
        **found.last,
    }
    return {name: np.asarray(values) for name, values in table.items()}


def _reasons(found: Found, p_error: np.ndarray) -> np.ndarray:
    places = np.arange(len(p_error))
    if len(places) > EXPLAINED_UNITS:
        most = EXPLAINED_UNITS_OF_MANY
        places = np.sort(np.argpartition(-np.nan_to_num(p_error, nan=-1.0), most)[:most])
    words = np.full(len(p_error), "", object)
    words[places] = found.reasons(places)
    return words


def _attrs(
    asked: Asked, found: Found, p_error: np.ndarray, interval: tuple[float, float], verdicts: pd.Series | None,
    how: str, words: str, left: float,
) -> dict[str, Any]:  # fmt: skip
    """Return the attributes of the table, with the same names as for classes."""
    known = ~np.isnan(p_error)
    expected = float(np.nansum(p_error))
    seen = "out-of-fold" if asked.out_of_fold else "in-sample"
    todo = _todo(verdicts, asked.run is not None, "examples" if found.units.keys is None else "units", left)
    return {
        "evidence": found.evidence or ", ".join(asked.evidence),
        "shares": {},
        "set_aside": {},
        "pred_probs": seen if "pred_probs" in asked.evidence else "none",
        "threshold": how,
        "expected_errors": round(expected, 1),
        "expected_errors_interval": interval,
        "errors_identified": found.identified,
        "errors_in_words": counts.count_in_words(expected, interval, found.identified, found.why, todo),
        "expected_errors_below": round(float(found.below), 1),
        "judged": int(known.sum()),
        "unlabelled": int((~known).sum()),
        "method": "; ".join(one for one in (found.method, words) if one),
        "sources": dict(asked.sources) | dict(found.sources),
        "verdicts": 0 if verdicts is None else len(verdicts),
    }


def _todo(verdicts: pd.Series | None, is_run: bool, drawn: str, left: float) -> str:
    """Return advice if the number of errors is not identified, or what was done, and the calibration error `left`."""
    many = 0 if verdicts is None else len(verdicts)
    if many >= counts.AUDIT_SIZE:
        known = "" if np.isnan(left) else f", with a calibration error of about {max(left, 0.01):.2f}"
        return f"p_error follows {many:,} verdicts{known}"
    if is_run:
        return f"audit {counts.AUDIT_SIZE} {drawn} to find out (`wb.audit`)"
    some = f" ({many:,} so far)" if many else ""
    return f"verdicts on {counts.AUDIT_SIZE} units drawn at random{some} would calibrate p_error (`verdicts=`)"
