"""The selection and the displayed example."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.wire.masks import unpacked
from widgets.wire.messages import Arrays, Buffers, CountMessage, Nothing, RowRequest, SelectRequest
from workbench.foundation.errors import plain_scalar

if TYPE_CHECKING:
    from widgets.view.view import View


def ask_select(view: View, content: SelectRequest, buffers: Buffers) -> tuple[CountMessage, Arrays]:
    """The page selected the rows of a mask; no buffer means none."""
    mask = unpacked(buffers[0], view.dataset.n) if buffers else np.zeros(view.dataset.n, bool)
    view.channel.take(selection=view.dataset.ids[mask].tolist())
    return {"count": int(mask.sum())}, []


def ask_current(view: View, content: RowRequest, buffers: Buffers) -> tuple[Nothing, Arrays]:
    """The page shows another example."""
    row = content["row"]
    view.channel.take(current=None if row < 0 else plain_scalar(view.dataset.ids[view.row(row)]))
    return {}, []
