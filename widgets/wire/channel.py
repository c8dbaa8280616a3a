"""What a `View` needs from the widget that shows it: the user's traits, and a channel to the open pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from widgets.wire.pushes import Push


class Traits(Protocol):
    """The displayed state, as set by the user and reported by the pages; see `widgets.Explorer`."""

    selection: list[Any]
    current: object
    queue: list[Any]
    color_by: str
    filters: dict[str, Any]
    cameras: dict[str, list[float]]
    epochs: dict[str, int]
    height: int


class Channel(Protocol):
    """Connects a view with the pages that show it. `widgets.explorer` implements it for notebooks."""

    traits: Traits

    def send(self, content: Push, buffers: list[bytes] | None = None) -> None:
        """Send a message to every open page, from any thread."""

    def take(self, **values: object) -> None:
        """Set traits to values that a page has already set; nothing is sent back."""

    def show(self, parts: Mapping[str, object]) -> None:
        """Set parts of the displayed state in one step; every page follows."""

    def decided(self) -> None:
        """Called after new decisions of any author were read."""
