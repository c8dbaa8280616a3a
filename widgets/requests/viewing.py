"""Named views from the page's menu: save, show, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.view.shown import check_view, forget_view, keep_view, named_view
from widgets.wire.masks import unpacked
from widgets.wire.messages import Arrays, Buffers, NameRequest, Nothing, SaveViewRequest
from workbench.foundation.errors import InputError

if TYPE_CHECKING:
    from widgets.view.view import View


def ask_save_view(view: View, content: SaveViewRequest, buffers: Buffers) -> tuple[Nothing, Arrays]:
    """Save the state of the page, which is part of the message because its traits may not have arrived yet."""
    mask = unpacked(buffers[0], view.dataset.n) if buffers else np.zeros(view.dataset.n, bool)
    parts = {name: part for name, part in content.items() if name in ("filters", "color_by", "cameras", "epochs")}
    keep_view(view, str(content["name"]), parts | {"selection": view.dataset.ids[mask].tolist()})
    return {}, []


def ask_show_view(view: View, content: NameRequest, buffers: Buffers) -> tuple[Nothing, Arrays]:
    """Show a saved view by setting the traits, which the page follows."""
    if not isinstance(content["name"], str):
        raise InputError.at("name", f"is {content['name']!r}", "Pass the name of a view.")
    view.channel.show(check_view(view, named_view(view, content["name"])))
    return {}, []


def ask_delete_view(view: View, content: NameRequest, buffers: Buffers) -> tuple[Nothing, Arrays]:
    """Delete a saved view."""
    forget_view(view, str(content["name"]))
    return {}, []
