"""The audit, and the queue ranked anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from widgets.auditing import estimate, sample

if TYPE_CHECKING:
    from widgets.view import View


def ask_audit(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """What the audit says now; with `draw`, its sample too."""
    rows = [sample(view.run, view.issues)] if content.get("draw") else []
    return {"audit": estimate(view.run, view.issues)}, rows


def ask_rank(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """Suspects anew; every open page then opens again."""
    view.rank_again()
    return {}, []
