"""How many labels are wrong, and how many of them nobody has seen yet: one number at a time, with its source.

The detector has an estimate, and an audit gives another. Every place that names a number asks here: `find_issues`,
the Explorer, the report and the command line. The audit's number is shown when it is the better one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.foundation.printing import Printed
from workbench.issues.audit_plan import DECIDED, begun
from workbench.issues.estimating import Estimate
from workbench.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd

ENOUGH = 30
"""Audited examples below which the audit's number is not shown in place of the detector's."""


@dataclass(frozen=True, repr=False)
class ErrorCount(Printed):
    """The number of label errors as it is shown.

    Attributes
    ----------
    errors, low, high : in all given labels, with a 95 % interval.
    left, left_low, left_high : among the examples without a decision.
    labels : examples that have a given label and a p_error.
    source : "audit" or "detector". known : whether `errors` is a fair estimate; if not, the interval alone counts.
    basis : where the numbers are from, in words. detail : what else they rest on, or "".
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

    @property
    def short(self) -> str:
        """For a line on top: "about 95 left, from 120 audited examples"."""
        if not self.known:
            return f"{self.left_low:,.0f} to {self.left_high:,.0f} left, {self.basis}"
        return f"about {self.left:,.0f} left, {self.basis}"

    def __str__(self) -> str:
        span = f"{self.low:,.0f} to {self.high:,.0f}"
        if not self.known:
            return f"between {span} of {self.labels:,} labels are wrong, {self.basis}: audit 200 examples to know"
        text = f"about {self.errors:,.0f} of {self.labels:,} labels are wrong ({span})"
        if self.left_high < self.high:
            text += f", about {self.left:,.0f} of them among examples not decided yet"
            text += f" ({self.left_low:,.0f} to {self.left_high:,.0f})"
        return f"{text}, {self.basis}" + (f", {self.detail}" if self.detail else "")


def error_count(run: Run, issues: pd.DataFrame, author: str | None = None) -> ErrorCount | None:
    """The number of errors to show for a run; None where the detector says nothing.

    Parameters
    ----------
    issues : result of `find_issues(run)`
    author : only what this author decided counts, as in a second opinion

    Notes
    -----
    The audit's estimate takes the place of the detector's as soon as 30 of its examples are judged and its interval is
    narrower, or the detector says that it cannot know (`attrs["errors_identified"]` is False).
    """
    expected = by_detector(run, issues, author)
    audited = audit_of(run, author)
    if audited is None or audited.judged < ENOUGH:
        return expected
    if expected is not None and expected.known and audited.high - audited.low >= expected.high - expected.low:
        return expected
    labels = int(issues["p_error"].notna().sum())
    basis = f"from {audited.judged:,} audited examples"
    numbers = (audited.errors, audited.low, audited.high, audited.left, audited.left_low, audited.left_high)
    source = {"source": "audit", "known": True, "basis": basis, "detail": audited.reviewer}
    return ErrorCount(*map(float, numbers), labels=labels, **source)


def audit_of(run: Run, author: str | None = None) -> Estimate | None:
    """What the audit of a run says; None where none was begun."""
    if not isinstance(run, Run):
        return None
    found = begun(run)
    return None if found is None else found.estimate(author)


def by_detector(run: Run, issues: pd.DataFrame, author: str | None = None) -> ErrorCount | None:
    """The detector's own number: the sum of p_error, over all and over what is not decided."""
    attrs: dict[str, Any] = issues.attrs
    if attrs.get("expected_errors") is None:
        return None
    p = issues["p_error"]
    errors = float(attrs["expected_errors"])
    low, high = attrs.get("expected_errors_interval") or (errors, errors)
    state = run.journal.state(author=author)["verdict"]
    decided = p.index.isin(state[state.isin(DECIDED)].index)
    left = float(np.nansum(p.to_numpy(float)[~decided]))
    share = left / errors if errors else 0.0
    open_labels = int((p.notna().to_numpy() & ~decided).sum())
    known = bool(attrs.get("errors_identified", True))
    return ErrorCount(
        errors, float(low), float(high), left, min(low * share, left), min(max(high * share, left), open_labels),
        labels=int(p.notna().sum()), source="detector", known=known, basis="from the detector",
    )  # fmt: skip


def count_attrs(run: Run, issues: pd.DataFrame) -> dict[str, str]:
    """For the `attrs` of `find_issues`: the number to show in words, and its source; nothing where there is none.

    As long as the detector's number is shown, its own words (with the reason where it cannot know) stay.
    """
    count = error_count(run, issues)
    if count is None:
        return {}
    words = {"errors_source": count.source}
    if count.source == "audit" or "errors_in_words" not in issues.attrs:
        words["errors_in_words"] = str(count)
    return words
