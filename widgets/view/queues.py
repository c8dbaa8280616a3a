"""Orders of the review queue by name, as rows of the view: those of `wb.review_queue`, and any displayed column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from widgets.view.auditing import (
    AGAIN,
    ANSWERS_SWAPPED,
    AUDIT,
    AUDIT_EXAMPLES,
    AskedUnits,
    audit_sample,
    sample_of_examples,
    second_looks,
    swapped_answers,
    unseen,
    unseen_examples,
)
from widgets.view.judging import rank_again
from widgets.view.kinds import rows_of_kind
from widgets.view.tags import tag_queue
from workbench.foundation.errors import InputError
from workbench.issues.audit_plan import begun
from workbench.issues.example_audit import begun_examples
from workbench.ranking.position import SHARE_REPEATED
from workbench.review.queues import ORDERS, possible, review_queue
from workbench.runs.verdicts import awaiting, decided_otherwise, unit_opinions

if TYPE_CHECKING:
    from widgets.view.view import View

OF_DOUBT = ("suspicion", "pairs", AUDIT, AUDIT_EXAMPLES, AGAIN)
"""Orders that depend on label issues."""

OF_CLASSES = ("pairs",)
"""Orders for examples with one class."""

COLUMN = "column"
"""Name of the order by the column that colours the points."""


def queue_rows(view: View, name: str, among: list[Any] | None = None) -> np.ndarray:
    """Return the row numbers (m,) int32 of the named queue; `among` are ids to order instead of the label issues.

    Without evidence, no label is an issue and all examples are ordered. In an audit, earlier decisions on units that
    nobody has looked at, and on those for a second look, are hidden until another queue is requested.
    """
    if name == AUDIT:
        asked = audit_sample(view.run, view.issues if view.dataset.kind.one_class else view.doubts)
        _ask(view, asked, unseen(view.run, view.only))
        return asked.rows
    if name == AUDIT_EXAMPLES:
        asked = sample_of_examples(view.run, view.doubts)
        _ask(view, asked, unseen_examples(view.run, asked, view.only))
        return asked.rows
    if name == AGAIN:
        asked = second_looks(view.run, view.only, view.doubts)
        _ask(view, asked, asked)
        return asked.rows
    if name == ANSWERS_SWAPPED and view.dataset.task == "preferences":
        asked = swapped_answers(view.run, view.decisions.who)
        _ask(view, asked, asked)
        return asked.rows
    nothing = AskedUnits.about(view.run, [], [])
    _ask(view, _second_opinion(view) if name == "second" else nothing, nothing)
    by_tag = tag_queue(view.dataset, view.doubts, name)
    chosen = rows_of_kind(view.doubts, name) if by_tag is None else by_tag[0]
    if chosen is not None:
        return chosen if among is None else chosen[np.isin(chosen, view.dataset.rows(among))]
    if name in ORDERS or name == "second":
        who = view.decisions.who
        if among is None and not view.ordered:
            among = view.dataset.ids.tolist()
        ids = review_queue(view.run, name, among=among, issues=view.issues, author=who)
        return view.dataset.rows(ids).astype(np.int32) if ids else np.empty(0, np.int32)
    column = view.columns.get(name)
    if column is None or column.categories is not None:
        numbers = [column.name for column in view.columns.values() if column.categories is None]
        raise InputError.unknown("queue", name, [*ORDERS, "second", AGAIN, *numbers], "Or pass a list of ids.")
    values = column.values if column.suspicious == "low" else -column.values
    return view.order[np.argsort(np.where(np.isnan(values), np.inf, values)[view.order], kind="stable")]


def _second_opinion(view: View) -> AskedUnits:
    """Return the units about which a second opinion asks."""
    due = awaiting(view.run, view.decisions.who)
    if due.nlevels == 1:
        return AskedUnits.about(view.run, [], [])
    rows, known = view.dataset.find(due.get_level_values("id"))
    return AskedUnits.about(view.run, view.dataset.ids[rows].tolist(), due.get_level_values("unit")[known])


def _ask(view: View, asked: AskedUnits, veiled: AskedUnits) -> None:
    """Make the queue ask about these units; the veiled ones are shown as undecided."""
    if view.dataset.kind.one_class:
        view.decisions.hide(veiled.rows)
    else:
        view.decisions.ask(asked.units, veiled.units)


def show_queue(view: View, name: str, rows: np.ndarray) -> None:
    """Set the rows and the name of the queue. A page that requested it receives them in its answer."""
    view.queue_order = name
    view.channel.take(queue=view.dataset.ids[rows].tolist())


def unit_of_queue(view: View) -> str:
    """Return the key of the units in the current queue if it concerns one tag; otherwise ""."""
    by_tag = tag_queue(view.dataset, None, view.queue_order)
    return "" if by_tag is None else by_tag[1]


def rank_anew(view: View) -> None:
    """Run the detector again with the verdicts of the journal, and refresh every open page."""
    view.show_issues(rank_again(view.run, view.only, view.pool))
    view.own_queue = None
    show_queue(view, "suspicion", queue_rows(view, "suspicion"))
    view.channel.send({"push": "reopen"})


def orders(view: View) -> list[str]:
    """Return the names of the orders that a page can offer; without evidence, only those that need none."""
    of_doubt = () if view.ordered else OF_DOUBT
    if not view.dataset.kind.one_class:
        of_doubt = OF_CLASSES if view.ordered else (*OF_DOUBT, *OF_CLASSES)
    more = (ANSWERS_SWAPPED,) if view.dataset.task == "preferences" else ()
    return [name for name in (*possible(view.run), AGAIN, *more, COLUMN) if name not in of_doubt]


def why_empty(view: View, name: str) -> str:
    """Explain in a sentence or two why the named queue is empty."""
    if name == "second":
        return _no_second_opinion(view)
    if name == AGAIN:
        found = begun(view.run) or begun_examples(view.run)
        if found is None:
            return "No audit has been started. Choose “random audit” first; some of its examples come back here."
        estimate = found.estimate(view.only)
        done = f"{estimate.judged} of {found.budget} {estimate.counted} of the audit are judged"
        return f"No second look is due: {done}. Continue the audit."
    if name == ANSWERS_SWAPPED:
        return f"No pair is due: about {SHARE_REPEATED:.0%} of the pairs that you judge come back here, once each."
    if name in (AUDIT, AUDIT_EXAMPLES):
        return "Nothing to audit: no example has a given label and a p_error."
    if tag_queue(view.dataset, None, name) is not None:
        return "No label issues of this kind were found for this tag."
    if name == "annotators":
        return "The annotators agree on every example."
    return "No label issues were found."


def _no_second_opinion(view: View) -> str:
    """Explain an empty second-opinion queue: no verdicts yet, only this author's, or only bulk decisions."""
    who = view.decisions.who
    said = unit_opinions(view.run)
    others = [name for name in said.columns if name != who]
    if others:
        judged = said.index[said[others].notna().any(axis=1)].get_level_values("id").nunique()
        named = ", ".join(map(str, others[:3])) + (" and others" if len(others) > 3 else "")
        return f"You ({who}) have judged all {judged:,} examples that {named} judged."
    bulk = decided_otherwise(view.run.journal)
    if who in said.columns:
        why = f"Only you ({who}) have judged examples. A second opinion is another author's: open the run with author=."
    else:
        why = "No examples have been judged yet."
    return f"{why} {bulk:,} were decided in bulk, which does not count as an opinion." if bulk else why
