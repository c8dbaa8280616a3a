"""What a `View` needs of the widget that shows it: the traits a user sees, and a way to the open pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from widgets.wire.pushes import Push


class Traits(Protocol):
    """What is on show, as the user sets it and the pages report it; see `widgets.Explorer`."""

    selection: list
    current: object
    queue: list
    color_by: str
    filters: dict[str, Any]
    cameras: dict[str, list[float]]
    epochs: dict[str, int]
    height: int


class Channel(Protocol):
    """Between a view and the pages that show it. `widgets.explorer` has the one for notebooks."""

    traits: Traits

    def send(self, content: Push, buffers: list[bytes] | None = None) -> None:
        """Send a message to every open page, from any thread."""

    def take(self, **values: object) -> None:
        """Set traits to what a page has set already; nothing is sent back."""

    def show(self, parts: Mapping[str, object]) -> None:
        """Set parts of what is on show in one step; every page follows."""

    def decided(self) -> None:
        """Decisions were taken in, whoever made them."""
