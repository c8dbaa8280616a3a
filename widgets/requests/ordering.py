"""Change the order of the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.view.queues import queue_rows, show_queue, unit_of_queue, why_empty
from widgets.view.view import OWN_ORDER
from widgets.wire.messages import Arrays, Buffers, QueueAnswer, QueueRequest

if TYPE_CHECKING:
    from widgets.view.view import View


def ask_queue(view: View, content: QueueRequest, buffers: Buffers) -> tuple[QueueAnswer, Arrays]:
    """The rows of the queue by name; the user's own queue keeps its examples if the order allows it."""
    by = str(content.get("by"))
    rows = (
        view.dataset.rows(view.own_queue)
        if by == OWN_ORDER and view.own_queue
        else queue_rows(view, by, view.own_queue)
    )
    show_queue(view, by, rows)
    patch, state = view.decisions.patch(view.decisions.take_shown(), at=1)
    body: QueueAnswer = {"count": len(rows), "unit": unit_of_queue(view), "why": "", "patch": patch}
    if not len(rows):
        body["why"] = why_empty(view, by)
    return body, [np.ascontiguousarray(rows, np.int32), *state]
