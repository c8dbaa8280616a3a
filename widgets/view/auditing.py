"""The audit in the view: examples to review, examples for a second look, and the number of remaining errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from widgets.wire.shapes import AuditInfo
from workbench.issues import planted_report
from workbench.issues.audit_plan import begun
from workbench.issues.example_audit import begun_examples
from workbench.issues.totals import ENOUGH_AUDITED, error_count
from workbench.ranking.position import swapped_repeats
from workbench.review.audit import audit
from workbench.runs.verdicts import unit_verdicts_of
from workbench.tasks.keys import WHOLE_EXAMPLE

if TYPE_CHECKING:
    import pandas as pd

    from workbench.issues.totals import ErrorCount
    from workbench.runs.run import Run

BUDGET = 200
"""Number of units (examples, of one class each) drawn by an audit that is started in the view; `workbench.audit(run,
budget)` sets another."""

BUDGET_OF_EXAMPLES = 100
"""The same for an audit of whole examples, which takes longer for each."""

AUDIT, AUDIT_EXAMPLES, AGAIN = "audit", "audit_examples", "again"
"""Orders of the queue: the audit's sample of units or of whole examples, and second looks of both."""

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


def sample_of_examples(run: Run, doubts: pd.DataFrame | None) -> AskedUnits:
    """Return the examples of the audit of whole examples, with all their units; drawn if there are none.

    doubts : result of `find_issues(run, per="unit")`, which lists the proposed units too.
    """
    drawn = begun_examples(run) or audit(run, budget=BUDGET_OF_EXAMPLES, per="example", issues=doubts)
    return _whole(run, drawn.ids, doubts)


def _whole(run: Run, ids: Sequence[object], doubts: pd.DataFrame | None) -> AskedUnits:
    """Return examples with all their units, and the example itself: that nothing else is missing.

    Of units at fixed positions, such as tags, only doubtful ones are asked for one by one.
    """
    rows = run.dataset.rows(ids).tolist() if len(ids) else []
    units = {row: {key for key in run.dataset.units.keys_of(row) if key[0] != "p"} | {WHOLE_EXAMPLE} for row in rows}
    if doubts is not None:
        keys, marked = doubts.index.get_level_values("unit"), doubts["is_issue"].to_numpy(bool)
        for row, key, doubted in zip(doubts["row"].tolist(), keys, marked, strict=True):
            if row in units and (doubted or key[0] != "p"):
                units[row].add(key)
    return AskedUnits(np.array(list(units), np.int32), units)


def second_looks(run: Run, author: str | None = None, doubts: pd.DataFrame | None = None) -> AskedUnits:
    """Return what is due for a second look, units and whole examples; none before an audit."""
    drawn, of_examples = begun(run), begun_examples(run)
    found = [] if drawn is None else drawn.second_looks(author)
    if run.dataset.kind.one_class:
        found = [(id, "") for id in found]
    asked = AskedUnits.about(run, [id for id, _ in found], [key for _, key in found])
    if of_examples is None:
        return asked
    whole = _whole(run, of_examples.second_looks(author), doubts)
    units = {row: asked.units.get(row, set()) | whole.units.get(row, set()) for row in (*asked.units, *whole.units)}
    return AskedUnits(np.array(list(units), np.int32), units)


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


def unseen_examples(run: Run, asked: AskedUnits, author: str | None = None) -> AskedUnits:
    """Return the units of examples of the audit that nobody has looked at, in examples that are not judged."""
    drawn = begun_examples(run)
    if drawn is None:
        return asked
    left = set(run.dataset.rows(drawn.ids[~drawn.judged_by_looking(author)].tolist()).tolist())
    seen: dict[int, set[str]] = {}
    index = unit_verdicts_of(run, author).index
    for row, key in zip(run.dataset.rows(index.get_level_values(0).tolist()).tolist(), index.get_level_values(1)):
        seen.setdefault(row, set()).add(key)
    units = {row: keys - seen.get(row, set()) for row, keys in asked.units.items() if row in left}
    return AskedUnits(np.array(list(units), np.int32), units)


def estimate(run: Run, issues: pd.DataFrame, author: str | None = None, order: str = AUDIT) -> AuditInfo:
    """Estimate the number of errors: `text` such as "about 41 left, from the detector", and the details in `title`.

    With `author`, only the decisions of this author count. `order` : the queue, whose audit is described if there are
    two. `begun` : whether an audit was started. `due` : number of second looks. `done` : progress of the audit, for
    labels other than one class per example.
    """
    total = error_count(run, issues, author)
    audits = {"unit": begun(run), "example": begun_examples(run)}
    drawn = audits["example" if order == AUDIT_EXAMPLES or audits["unit"] is None else "unit"]
    found = None if drawn is None else drawn.estimate(author)
    shown: AuditInfo = {} if total is None else {"text": total.short, "title": total_in_words(issues, total)}
    if drawn is None or found is None:
        return shown
    due = sum(len(one.second_looks(author)) for one in audits.values() if one is not None)
    if not run.dataset.kind.one_class:
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
