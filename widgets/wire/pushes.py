"""Messages that Python sends to a page unasked, defined once."""

from __future__ import annotations

import sys
from typing import Literal

from widgets.wire.shapes import Patch

if sys.version_info < (3, 11):
    from typing_extensions import NotRequired, TypedDict
else:
    from typing import NotRequired, TypedDict


class ProgressPush(TypedDict):
    """Progress of a long request."""

    push: Literal["progress"]
    text: str


class QueuePush(TypedDict):
    """Python set the queue; its rows are the buffer."""

    push: Literal["queue"]
    by: str
    unit: str


class SelectionPush(TypedDict):
    """Python set the selection; its mask is the buffer."""

    push: Literal["selection"]


class GoPush(TypedDict):
    """Python shows another example."""

    push: Literal["go"]
    row: int


class ViewsPush(TypedDict):
    """The names of the saved views."""

    push: Literal["views"]
    views: list[str]


class DecidedPush(TypedDict):
    """Decisions that Python made."""

    push: Literal["decided"]
    patch: Patch
    time: str | None


class EmbeddingPush(TypedDict):
    """A better layout of the last epoch; its positions are the buffer."""

    push: Literal["embedding"]
    note: str


class ProjectedPush(TypedDict):
    """A layout is done, or has failed."""

    push: Literal["projected"]
    epoch: int | str
    failed: NotRequired[str]


class ReopenPush(TypedDict):
    """Everything changed: the page must reopen."""

    push: Literal["reopen"]


class Pushes(TypedDict):
    """Messages that Python sends unasked, by `push`."""

    progress: ProgressPush
    queue: QueuePush
    selection: SelectionPush
    go: GoPush
    views: ViewsPush
    decided: DecidedPush
    embedding: EmbeddingPush
    projected: ProjectedPush
    reopen: ReopenPush


Push = (
    ProgressPush
    | QueuePush
    | SelectionPush
    | GoPush
    | ViewsPush
    | DecidedPush
    | EmbeddingPush
    | ProjectedPush
    | ReopenPush
)
"""Any message that Python sends unasked."""
