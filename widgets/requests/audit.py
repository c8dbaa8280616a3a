"""The audit, and the queue ranked anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from widgets.view.auditing import AUDIT, estimate
from widgets.view.queues import queue_rows, rank_anew, show_queue

if TYPE_CHECKING:
    from widgets.view.view import View


def ask_audit(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """What the audit says now; with `draw`, its sample too, which becomes the queue."""
    body, arrays = {}, []
    if content.get("draw"):
        rows = queue_rows(view, AUDIT)
        show_queue(view, AUDIT, rows)
        body, arrays = {"patch": [1, 5]}, [rows, *view.decisions.patch(view.decisions.take_shown())]
    return {**body, "audit": estimate(view.run, view.issues, view.only)}, arrays


def ask_rank(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """Suspects anew; every open page then opens again."""
    rank_anew(view)
    return {}, []
