"""Requests about the audit and the ranking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from widgets.view.auditing import AUDIT, AUDIT_EXAMPLES, estimate
from widgets.view.queues import queue_rows, rank_anew, show_queue
from widgets.wire.messages import Arrays, AuditAnswer, AuditRequest, Buffers, Nothing

if TYPE_CHECKING:
    from widgets.view.view import View


def ask_audit(view: View, content: AuditRequest, buffers: Buffers) -> tuple[AuditAnswer, Arrays]:
    """Return the current estimate of the audit; with `draw`, also its sample, which becomes the queue."""
    if not content.get("draw"):
        return {"audit": estimate(view.run, view.issues, view.only, view.queue_order)}, []
    order = AUDIT_EXAMPLES if content.get("per") == "example" else AUDIT
    rows = queue_rows(view, order)
    show_queue(view, order, rows)
    patch, state = view.decisions.patch(view.decisions.take_shown(), at=1)
    return {"audit": estimate(view.run, view.issues, view.only, order), "patch": patch}, [rows, *state]


def ask_rank(view: View, content: Nothing, buffers: Buffers) -> tuple[Nothing, Arrays]:
    """Rank the examples again; every open page is then refreshed."""
    rank_anew(view)
    return {}, []
