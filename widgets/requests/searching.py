"""The search box: words or a query, answered by a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from widgets.view.shown import search_mask
from widgets.wire.masks import packed
from widgets.wire.messages import Arrays, Buffers, CountMessage, SearchRequest

if TYPE_CHECKING:
    from widgets.view.view import View


def ask_search(view: View, content: SearchRequest, buffers: Buffers) -> tuple[CountMessage, Arrays]:
    """The mask of the rows that words or a query find."""
    mask = search_mask(view, str(content["text"]))
    return {"count": int(mask.sum())}, [packed(mask)]
