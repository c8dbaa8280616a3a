"""The audit, and the queue ranked anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from widgets.view.auditing import estimate, sample

if TYPE_CHECKING:
    from widgets.view.view import View


def ask_audit(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """What the audit says now; with `draw`, its sample too, which becomes the queue."""
    arrays = []
    if content.get("draw"):
        arrays = [sample(view.run, view.issues)]
        view.queue_order = "audit"
        view.set_from_page(queue=view.dataset.ids[arrays[0]].tolist())
    return {"audit": estimate(view.run, view.issues, view.only)}, arrays


def ask_rank(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """Suspects anew; every open page then opens again."""
    view.rank_again()
    return {}, []
