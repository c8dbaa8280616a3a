"""The queue in another order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.queues import queue_rows

if TYPE_CHECKING:
    from widgets.view import View


def ask_queue(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """The rows of the queue by name; a queue that the user gave keeps its examples where the order allows it."""
    rows = queue_rows(view, str(content.get("by")), view.own_queue)
    view.set_from_page(queue=view.dataset.ids[rows].tolist())
    return {"count": len(rows)}, [np.ascontiguousarray(rows, np.int32)]
