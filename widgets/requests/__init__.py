"""Requests of a page: one flat table from the kind of a request to the function that answers it.

Each function takes the view, the JSON part of the message and its buffers, and returns the JSON part and the arrays of
the answer. To add a kind, write a function in the appropriate module and add it to `REQUESTS`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from widgets.requests.audit import ask_audit, ask_rank
from widgets.requests.comparing import ask_compare
from widgets.requests.data import ask_column, ask_inspect, ask_media, ask_sound
from widgets.requests.deciding import (
    ask_accept,
    ask_add_class,
    ask_decide,
    ask_form,
    ask_redo,
    ask_undo,
    rows_after_error,
)
from widgets.requests.enlarging import ask_mask_part, ask_picture, ask_text, ask_tile
from widgets.requests.evidence import (
    ask_classes,
    ask_differ,
    ask_forms,
    ask_matrix,
    ask_people,
    ask_rule,
    ask_rules,
    ask_slice,
    ask_slices,
)
from widgets.requests.export import ask_export
from widgets.requests.maps import ask_embedding, ask_trail, ask_upto
from widgets.requests.objects_map import ask_objects
from widgets.requests.opening import ask_open
from widgets.requests.ordering import ask_queue
from widgets.requests.replace_text import ask_replace
from widgets.requests.searching import ask_search
from widgets.requests.selecting import ask_current, ask_select
from widgets.requests.viewing import ask_delete_view, ask_save_view, ask_show_view
from widgets.wire.messages import Arrays, Buffers, ErrorAnswer, Message
from workbench.foundation.errors import InputError, WorkbenchError

if TYPE_CHECKING:
    from widgets.view.view import View

log = logging.getLogger(__name__)

REQUESTS: dict[str, Callable[[View, Any, Buffers], tuple[Mapping[str, Any], Arrays]]] = {
    "open": ask_open,
    "column": ask_column,
    "media": ask_media,
    "sound": ask_sound,
    "picture": ask_picture,
    "tile": ask_tile,
    "mask_part": ask_mask_part,
    "text": ask_text,
    "inspect": ask_inspect,
    "select": ask_select,
    "current": ask_current,
    "queue": ask_queue,
    "slices": ask_slices,
    "slice": ask_slice,
    "matrix": ask_matrix,
    "classes": ask_classes,
    "rules": ask_rules,
    "rule": ask_rule,
    "forms": ask_forms,
    "form": ask_form,
    "people": ask_people,
    "compare": ask_compare,
    "differ": ask_differ,
    "search": ask_search,
    "decide": ask_decide,
    "add_class": ask_add_class,
    "accept": ask_accept,
    "replace": ask_replace,
    "undo": ask_undo,
    "redo": ask_redo,
    "upto": ask_upto,
    "trail": ask_trail,
    "embedding": ask_embedding,
    "objects": ask_objects,
    "rank": ask_rank,
    "audit": ask_audit,
    "export": ask_export,
    "save_view": ask_save_view,
    "show_view": ask_show_view,
    "delete_view": ask_delete_view,
}
"""Maps the kind of a request to a function of (view, content, buffers) that returns (body, arrays).

The types of content and body are defined in `widgets.wire.messages.Requests` and `Answers`.
"""


def answer(view: View, content: Message, buffers: Buffers) -> tuple[Message, list[bytes]]:
    """Answer one request of the page, ready to send; an exception becomes its `error`."""
    kind = content.get("kind")
    body: Mapping[str, Any]
    try:
        if kind not in REQUESTS:
            raise InputError.unknown("message", kind, REQUESTS)
        body, arrays = REQUESTS[kind](view, content, buffers)
    except Exception as error:  # the page must be notified of any error
        if not isinstance(error, WorkbenchError):
            log.exception("explorer: %s failed", kind)
        text = str(error) if isinstance(error, WorkbenchError) else f"{type(error).__name__}: {error}"
        body, arrays = _failed(view, content, buffers, text)
    return {**body, "request": content.get("request")}, [np.ascontiguousarray(array).tobytes() for array in arrays]


def _failed(view: View, content: Message, buffers: Buffers, text: str) -> tuple[ErrorAnswer, Arrays]:
    """The error and, after a decision, the actual state, so that the page reverts what it showed in advance."""
    rows = rows_after_error(view, content, buffers)
    if rows is None:
        return {"error": text}, []
    patch, state = view.decisions.patch(rows)
    return {"error": text, "patch": patch}, state
