"""The number of label errors to show, in total and remaining, with its source.

The detector has an estimate, and an audit gives another one. `find_issues`, the Explorer, the report and the command
line all use this module; the audit's number is shown if it is better.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from workbench.foundation.printing import Printed
from workbench.issues.audit_plan import DECIDED, begun
from workbench.issues.estimating import Estimate
from workbench.issues.example_audit import begun_examples
from workbench.runs.run import Run

ENOUGH_AUDITED = 30
"""Minimum number of audited examples for the audit's number to replace the detector's."""


@dataclass(frozen=True, repr=False)
class ErrorCount(Printed):
    """The number of label errors to show.

    Attributes
    ----------
    errors, low, high : number among all given labels, with a 95 % interval.
    left, left_low, left_high : number among the examples without a decision.
    labels : number of examples (or units) with a given label and a p_error.
    source : "audit" or "detector". known : whether `errors` is a valid estimate; if not, only the interval is.
    basis : source of the numbers, in words. detail : further assumptions, or "".
    unit : what is counted if that is not examples, in words, such as "one tag of one example"; else "".
    several : whether examples are counted that have several labels each, such as tags.
    """

    errors: float
    low: float
    high: float
    left: float
    left_low: float
    left_high: float
    labels: int
    source: str
    known: bool
    basis: str
    detail: str = ""
    unit: str = ""
    several: bool = False

    @property
    def short(self) -> str:
        """Short text, such as "about 95 left, from 120 audited examples"."""
        left = "wrong units left" if self.unit else "left"
        if not self.known:
            return f"{self.left_low:,.0f} to {self.left_high:,.0f} {left}, {self.basis}"
        return f"about {self.left:,.0f} {left}, {self.basis}"

    @property
    def brief(self) -> str:
        """The total number of errors as text, without its source."""
        counted = f"{self.labels:,} units (each is {self.unit})" if self.unit else f"{self.labels:,} labels"
        wrong = "are wrong" if self.known else "may be wrong"
        if self.several:
            counted, wrong = f"{self.labels:,} examples", f"{'' if self.known else 'may '}have a wrong label"
        span = f"{self.low:,.0f} to {self.high:,.0f}"
        return (
            f"about {self.errors:,.0f} of {counted} {wrong} ({span})" if self.known else f"{span} of {counted} {wrong}"
        )

    def __str__(self) -> str:
        if not self.known:
            said = f"{self.brief}, {self.basis}: audit 200 examples to find out"
            return said + (f"; {self.detail}" if self.detail else "")
        text = self.brief
        if self.left_high < self.high:
            text += f", about {self.left:,.0f} of them among undecided {'units' if self.unit else 'examples'}"
            text += f" ({self.left_low:,.0f} to {self.left_high:,.0f})"
        return f"{text}, {self.basis}" + (f", {self.detail}" if self.detail else "")


def error_count(run: Run, issues: pd.DataFrame, author: str | None = None) -> ErrorCount | None:
    """Return the number of errors to show for a run; None if the detector has no estimate.

    Parameters
    ----------
    issues : result of `find_issues(run)`
    author : use only decisions of this author, as for a second opinion

    Notes
    -----
    The audit's estimate replaces the detector's if 30 of its examples are judged, and either its interval is narrower
    or the detector cannot identify the number (`attrs["errors_identified"]` is False). An audit of whole examples comes
    first. If an example has several units,
    an audit counts these, whatever a row of `issues` is, and its interval is compared with that of the units; `issues`
    that follow an audit already name its number.
    """
    expected = by_detector(run, issues, author)
    whole = audit_of(run, author, "example")
    if whole is not None and whole.judged >= ENOUGH_AUDITED and whole.inside is not None:
        of_units = issues.index.nlevels > 1
        found = by_whole_audit(whole, int(issues["p_error"].notna().sum()) if of_units else None)
        if _more_precise(found, expected, issues, "units" if of_units else "examples"):
            return found
    audited = audit_of(run, author)
    if audited is None or audited.judged < ENOUGH_AUDITED:
        return expected
    follows = not run.dataset.kind.one_class and issues.attrs.get("errors_source") == "audit"
    if not follows and not _more_precise(audited, expected, issues, "units"):
        return expected
    return by_audit(audited, audited.population if audited.unit else int(issues["p_error"].notna().sum()))


def _more_precise(
    audited: Estimate | ErrorCount, expected: ErrorCount | None, issues: pd.DataFrame, counted: str
) -> bool:
    """Whether an audit's interval is narrower than the detector's for what it counts, or that is not identified."""
    if expected is None or not expected.known:
        return True
    low, high = issues.attrs.get(f"expected_errors_{counted}_interval", (expected.low, expected.high))
    return audited.high - audited.low < high - low


def by_whole_audit(audited: Estimate, units: int | None) -> ErrorCount:
    """Return the estimate of an audit of whole examples: of examples, or of wrong ones of the `units` listed units."""
    inside = audited.inside
    if units is None or inside is None:
        return by_audit(audited, audited.population)
    of = replace(
        audited, errors=inside.errors, low=inside.low, high=inside.high, left=inside.left, left_low=inside.left_low,
        left_high=inside.left_high, unit=inside.unit, inside=None,
    )  # fmt: skip
    return replace(by_audit(of, units), several=False)


def by_audit(audited: Estimate, labels: int) -> ErrorCount:
    """Return the estimate of an audit as an `ErrorCount`; `labels` as there."""
    basis = f"from {audited.judged:,} audited {audited.counted}"
    numbers = (audited.errors, audited.low, audited.high, audited.left, audited.left_low, audited.left_high)
    detail = f"{audited.reviewer}{audited.also}"
    source = {"source": "audit", "known": True, "basis": basis, "detail": detail}
    return ErrorCount(
        *map(float, numbers), labels=labels, unit=audited.unit, several=audited.inside is not None, **source
    )


def audit_of(run: Run, author: str | None = None, per: str = "unit") -> Estimate | None:
    """Return the estimate of a run's audit of units, or of whole examples; None if it was not started."""
    if not isinstance(run, Run):
        return None
    found = begun_examples(run) if per == "example" else begun(run)
    return None if found is None else found.estimate(author)


def by_detector(run: Run, issues: pd.DataFrame, author: str | None = None) -> ErrorCount | None:
    """Return the detector's number: the sum of p_error over all, and over undecided, examples."""
    attrs: dict[str, Any] = issues.attrs
    if attrs.get("expected_errors") is None:
        return None
    p = issues["p_error"]
    errors = float(attrs["expected_errors"])
    low, high = attrs.get("expected_errors_interval") or (errors, errors)
    several = p.index.nlevels == 1 and run.dataset.units.keys is not None
    decided = _decided(run, issues, author, several)
    left = float(np.nansum(p.to_numpy(float)[~decided]))
    share = left / errors if errors else 0.0
    open_labels = int((p.notna().to_numpy() & ~decided).sum())
    known = bool(attrs.get("errors_identified", True))
    return ErrorCount(
        errors, float(low), float(high), left, min(low * share, left), min(max(high * share, left), open_labels),
        labels=int(p.notna().sum()), source="detector", known=known, basis="from the detector", several=several,
        detail=str(attrs.get("labels_corrected") or ""),
    )  # fmt: skip


def _decided(run: Run, issues: pd.DataFrame, author: str | None, several: bool) -> np.ndarray:
    """Return (n,) bool, which rows are decided; an example with several units is, if its worst one and as many are as
    are doubtful."""
    index = issues.index
    state = run.journal.state(author=author, per="unit" if several or index.nlevels > 1 else "example")["verdict"]
    state = state[state.isin(DECIDED)]
    if not several:
        return index.isin(state.index)
    worst = pd.MultiIndex.from_arrays([index, issues["unit"].to_numpy(object)]).isin(state.index)
    count = state.groupby(level="id").size().reindex(index, fill_value=0).to_numpy()
    return worst & (count >= issues["units_doubted"].to_numpy())


def count_attrs(run: Run, issues: pd.DataFrame) -> dict[str, str]:
    """Return the number to show in words and its source, for the `attrs` of `find_issues`; {} without a number.

    The detector's own text, including the reason if the number is not identified, is kept if its number is shown.
    """
    count = error_count(run, issues)
    if count is None:
        return {}
    words = {"errors_source": count.source}
    if count.source == "audit" or "errors_in_words" not in issues.attrs:
        words["errors_in_words"] = str(count)
    return words
