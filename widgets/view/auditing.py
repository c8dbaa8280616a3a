"""The audit in the view: examples to review, examples for a second look, and the number of remaining errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from widgets.wire.shapes import AuditInfo
from workbench.issues import planted_report
from workbench.issues.audit_plan import begun
from workbench.issues.totals import ENOUGH_AUDITED, audit_of, error_count
from workbench.ranking.position import swapped_repeats
from workbench.review.audit import audit
from workbench.tasks.keys import WHOLE_EXAMPLE

if TYPE_CHECKING:
    import pandas as pd

    from workbench.issues.totals import ErrorCount
    from workbench.runs.run import Run

BUDGET = 200
"""Number of units (examples, of one class each) drawn by an audit that is started in the view; `workbench.audit(run,
budget)` sets another."""

AUDIT, AGAIN = "audit", "again"
"""Orders of the queue: the audit's sample, and its second looks."""

ANSWERS_SWAPPED = "swapped"
"""Order of the queue: pairs of answers that were judged, shown again in the opposite order."""


class AskedUnits(NamedTuple):
    """The units in a queue of the audit.

    rows : (m,) int32, each example once, in the order of its first unit. units : keys of its units by row.
    """

    rows: np.ndarray
    units: dict[int, set[str]]

    @classmethod
    def about(cls, run: Run, ids: Sequence[object], keys: Iterable[str]) -> AskedUnits:
        """Return the units with these ids and keys, in their order."""
        rows = run.dataset.rows(ids).tolist() if len(ids) else []
        units: dict[int, set[str]] = {}
        for row, key in zip(rows, keys, strict=True):
            units.setdefault(row, set()).add(key)
        return cls(np.array(list(units), np.int32), units)

    @property
    def m(self) -> int:
        """Number of units."""
        return sum(map(len, self.units.values()))


def audit_sample(run: Run, issues: pd.DataFrame | None) -> AskedUnits:
    """Return the sample of the audit in its random order; it is drawn if there is none."""
    drawn = begun(run) or audit(run, budget=BUDGET, issues=issues)
    return AskedUnits.about(run, drawn.ids, drawn.units)


def second_looks(run: Run, author: str | None = None) -> AskedUnits:
    """Return audited units that are due for a second look; none before an audit."""
    drawn = begun(run)
    found = [] if drawn is None else drawn.second_looks(author)
    if run.dataset.kind.one_class:
        found = [(id, "") for id in found]
    return AskedUnits.about(run, [id for id, _ in found], [key for _, key in found])


def swapped_answers(run: Run, author: str) -> AskedUnits:
    """Return the pairs of answers that an author should judge in the opposite order too."""
    ids = swapped_repeats(run, author)
    return AskedUnits.about(run, ids, [WHOLE_EXAMPLE] * len(ids))


def unseen(run: Run, author: str | None = None) -> AskedUnits:
    """Return units of the audit sample without a verdict, though they may have been decided in bulk."""
    drawn = begun(run)
    if drawn is None:
        return AskedUnits.about(run, [], [])
    left = ~drawn.judged_by_looking(author)
    return AskedUnits.about(run, drawn.ids[left].tolist(), drawn.units[left].tolist())


def estimate(run: Run, issues: pd.DataFrame, author: str | None = None) -> AuditInfo:
    """Estimate the number of errors: `text` such as "about 41 left, from the detector", and the details in `title`.

    With `author`, only the decisions of this author count. `begun` : whether an audit was started. `due` : number of
    second looks. `done` : progress of the audit, for labels other than one class per example.
    """
    total = error_count(run, issues, author)
    found = audit_of(run, author)
    shown: AuditInfo = {} if total is None else {"text": total.short, "title": total_in_words(issues, total)}
    if found is None:
        return shown
    due = second_looks(run, author).m
    if not run.dataset.kind.one_class:
        drawn = begun(run)
        assert drawn is not None  # as there is an estimate
        shown["done"] = f"{drawn.judged_by_looking(author).sum():,} of {found.budget:,} {found.counted} judged"
    if found.judged and (total is None or total.source != "audit"):
        rest = ENOUGH_AUDITED - found.judged
        why = f"{rest} more until it is shown" if rest > 0 else "its interval is still wider"
        shown["title"] = "; ".join(filter(None, (shown.get("title"), f"the audit has {found.judged} verdicts: {why}")))
    if due:
        shown["title"] = "; ".join(filter(None, (shown.get("title"), f"{due} second looks are due to narrow it")))
    return {"begun": True, "due": due, **shown}


def total_in_brief(total: ErrorCount | None) -> str:
    """Format the number of errors briefly, without its source, which is shown elsewhere."""
    return "" if total is None else total.brief


def total_in_words(issues: pd.DataFrame, total: ErrorCount | None) -> str:
    """Describe the number of errors in a sentence; the detector's own sentence if its number is shown."""
    if total is None:
        return ""
    own = issues.attrs.get("errors_in_words") if issues.attrs.get("errors_source", total.source) == total.source else ""
    if total.source == "detector" and own and not total.known:
        return str(own)
    return str(total)


def canaries(run: Run, issues: pd.DataFrame) -> str:
    """Describe the share of planted errors that are found; empty without planted errors."""
    planted = run.planted()
    if planted is None or not len(planted):
        return ""
    counts = planted_report(issues, planted)
    return f"catches {counts['recall']:.0%} of {counts['planted']:,} planted errors" if counts["planted"] else ""
