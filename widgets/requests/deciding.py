"""Decisions, undo and redo: written to the journal first, then confirmed in the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.view.accepting import open_suggestions, suggested_values
from widgets.view.auditing import AGAIN, ANSWERS_SWAPPED, AUDIT, AUDIT_EXAMPLES
from widgets.view.decisions import SOURCE
from widgets.view.equal_forms import one_label, places_of_form
from widgets.view.units import given_of, verdicts_in
from widgets.wire.masks import packed, unpacked
from widgets.wire.messages import (
    AcceptAnswer,
    AcceptRequest,
    AddClassRequest,
    Arrays,
    Buffers,
    DecideAnswer,
    DecideRequest,
    FormAnswer,
    FormRequest,
    Message,
    TravelRequest,
)
from workbench.foundation.errors import InputError
from workbench.runs.label_space import add_class
from workbench.runs.verdicts import SECOND_LOOK, SWAPPED_LOOK
from workbench.tasks.keys import WHOLE_EXAMPLE
from workbench.tasks.protocol import Decided

if TYPE_CHECKING:
    from widgets.view.view import View


MANY_EXAMPLES = 20
"""Number of examples that undo may change without confirmation if this page did not make the step itself."""


def ask_decide(view: View, content: DecideRequest, buffers: Buffers) -> tuple[DecideAnswer, Arrays]:
    """Make one decision about the rows of a list or of a mask; labels may differ by row (a second buffer).

    With `units`, [[row, key, value], ...], set values of units, in the format of their kind of label, as one undo step.
    """
    verdicts, label = content.get("units"), content.get("label")
    if content.get("whole"):
        return _confirm(view, content)
    if verdicts is not None:
        return _judge(view, content, verdicts)
    rows, rest = _rows_in(view, content, buffers)
    codes = None
    if label is not None:
        codes = np.full(len(rows), int(label), np.int64)
    elif rest:
        codes = np.frombuffer(rest[0], "<i4").astype(np.int64)
    reasons = (str(view.reasons[row] or "") for row in rows)
    view.decisions.decide(content.get("op"), rows, codes, content, reasons, _where(view, rows))
    return _caught_up(view, len(rows), int(rows[0]) if len(rows) else -1)


def _judge(view: View, content: DecideRequest, verdicts: object) -> tuple[DecideAnswer, Arrays]:
    """Verdicts on units."""
    found = verdicts_in(view, verdicts)
    rows = np.unique(found.rows)
    reasons = [str(view.reasons[row] or "") for row in found.rows]
    veiled = any(map(view.decisions.is_veiled, found.rows.tolist(), found.keys))
    view.decisions.judge(found, given_of(view, found), content, reasons, _where(view, rows, veiled))
    return _caught_up(view, len(rows), int(found.rows[0]))


def _confirm(view: View, content: DecideRequest) -> tuple[DecideAnswer, Arrays]:
    """Confirm units of an example as given, and that nothing else is wrong or missing in it."""
    [row] = [view.row(one) for one in content.get("rows") or [-1]]
    listed = content.get("units")
    about = verdicts_in(view, listed) if listed else Decided(np.empty(0, np.int64), [], [])
    if (about.rows != row).any():
        raise InputError.at("units", "belong to another example", "Send those of the example to confirm.")
    keys = list(about.keys)
    where = _where(view, np.array([row]), any(view.decisions.is_veiled(row, key) for key in (*keys, WHOLE_EXAMPLE)))
    view.decisions.confirm(row, keys, given_of(view, about), content, str(view.reasons[row] or ""), where)
    return _caught_up(view, 1, row)


def ask_accept(view: View, content: AcceptRequest, buffers: Buffers) -> tuple[AcceptAnswer, Arrays]:
    """Return suggestions for units of the examples in a mask: probabilities (m,) float32 and rows; or accept all.

    Raises
    ------
    InputError : the number of suggestions differs from the number that the user confirmed.
    """
    mask = unpacked(buffers[0], view.dataset.n)
    found = open_suggestions(view, mask, content.get("unit"), content.get("least"), content.get("queue"))
    rows, sure = np.unique(found["row"]), content.get("sure")
    counts: AcceptAnswer = {"count": len(found), "examples": len(rows)}
    if sure is None:
        return counts, [np.asarray(found["p_suggested"], np.float32), np.asarray(found["row"], np.int32)]
    if sure != len(found):
        todo = f"There are {len(found):,} now. Check them again and confirm that number."
        raise InputError.at("suggestions", f"have changed since {sure:,} were confirmed", todo)
    if len(found):
        verdicts, given, reasons = suggested_values(view, found)
        body: DecideRequest = {"op": "relabel", "how": "accept selection"}
        view.decisions.judge(verdicts, given, body, reasons, _where(view, rows))
    patch, state = view.decisions.patch(view.decisions.catch_up())
    return {**counts, "time": view.decisions.last_time, "patch": patch}, state


def ask_form(view: View, content: FormRequest, buffers: Buffers) -> tuple[FormAnswer, Arrays]:
    """Return the examples with equal words that have some labels, as a mask; or give these places one label.

    Raises
    ------
    InputError : the number of places differs from the number that the user confirmed.
    """
    found = places_of_form(view, content["form"], content["labels"])
    rows = np.unique(found.tokens.rows[found.first])
    counts: FormAnswer = {"count": len(found.first), "examples": len(rows)}
    label = content.get("label")
    if label is None:
        mask = np.zeros(view.dataset.n, bool)
        mask[rows] = True
        return counts, [packed(mask)]
    if content.get("sure") != len(found.first):
        todo = f"There are {len(found.first):,} now. Check them again and confirm that number."
        raise InputError.at("places", "have changed since they were confirmed", todo)
    if len(rows):
        verdicts = one_label(view, found, label)
        reasons = [f"equal words: {content['form']}"] * len(verdicts.keys)
        given = given_of(view, verdicts)
        view.decisions.judge(verdicts, given, {"op": "relabel", "how": "selection"}, reasons, _where(view, rows))
    patch, state = view.decisions.patch(view.decisions.catch_up())
    return {**counts, "time": view.decisions.last_time, "patch": patch}, state


def _where(view: View, rows: np.ndarray, veiled: bool = False) -> str:
    """Return the queue in which a decision was made, for the journal: an audit, a second look, a second opinion.

    veiled : whether an earlier decision on a unit was hidden.
    """
    here = {AUDIT: "audit", AUDIT_EXAMPLES: "audit", AGAIN: SECOND_LOOK, ANSWERS_SWAPPED: SWAPPED_LOOK}.get(
        view.queue_order, ""
    )
    if here in (SECOND_LOOK, SWAPPED_LOOK) and not veiled and not set(rows.tolist()) <= view.decisions.hidden:
        here = ""  # already decided: a revision, not an independent look
    elif here and not set(view.dataset.ids[rows].tolist()) <= set(view.traits.queue):
        here = ""
    return here or ("second opinion" if view.decisions.alone else "")


def ask_add_class(view: View, content: AddClassRequest, buffers: Buffers) -> tuple[DecideAnswer, Arrays]:
    """Add a class to the label space, as a separate undo step."""
    code = add_class(view.run, content.get("name"), author=view.decisions.author, source=SOURCE)
    answer, state = _caught_up(view, 0, -1)
    return {**answer, "code": code}, state


def ask_undo(view: View, content: TravelRequest, buffers: Buffers) -> tuple[DecideAnswer, Arrays]:
    """Undo the author's newest decision."""
    return _travelled(view, content, redo=False)


def ask_redo(view: View, content: TravelRequest, buffers: Buffers) -> tuple[DecideAnswer, Arrays]:
    """Redo the last undone decision."""
    return _travelled(view, content, redo=True)


def rows_after_error(view: View, content: Message, buffers: Buffers) -> np.ndarray | None:
    """Rows that the page updated in advance for a decision that failed; None after other requests."""
    kind = content.get("kind")
    if kind not in ("decide", "undo", "redo"):
        return None
    touched = set(view.decisions.catch_up().tolist())
    if kind == "decide" and content.get("units") is None:
        touched |= set(_rows_in(view, content, buffers)[0].tolist())
    elif kind == "decide":
        answer = content["units"] if isinstance(content["units"], list) else []
        named = [one[0] for one in answer if isinstance(one, list) and one and type(one[0]) is int]
        touched |= {row for row in named if 0 <= row < view.dataset.n}
    return np.array(sorted(touched), np.int32) if kind == "decide" else np.arange(view.dataset.n, dtype=np.int32)


def _rows_in(view: View, content: DecideRequest | Message, buffers: Buffers) -> tuple[np.ndarray, Buffers]:
    """Row numbers of a decision (a list, or a bit mask in the first buffer) and the other buffers."""
    rows = content.get("rows")
    if rows is not None:
        return np.array([view.row(row) for row in rows], np.int64), list(buffers)
    return np.flatnonzero(unpacked(buffers[0], view.dataset.n)), list(buffers[1:])


def _travelled(view: View, content: TravelRequest, *, redo: bool) -> tuple[DecideAnswer, Arrays]:
    """Undo or redo; a large step from an earlier session asks for confirmation first."""
    if not content.get("sure"):
        size = view.decisions.size_of_next(redo=redo)
        if size > MANY_EXAMPLES:
            return {"count": 0, "row": -1, "ask": size, "time": view.decisions.last_time}, []
    entries = view.decisions.redo() if redo else view.decisions.undo()
    rows = sorted(view.decisions.rows_of({entry.id for entry in entries}).values())
    return _caught_up(view, len(rows), rows[0] if rows else -1)


def _caught_up(view: View, count: int, row: int) -> tuple[DecideAnswer, Arrays]:
    """The answer after a commit: the time of saving and the state of every row touched since."""
    patch, state = view.decisions.patch(view.decisions.catch_up())
    return {"count": count, "row": row, "time": view.decisions.last_time, "patch": patch}, state
