"""Execute decisions of a page exactly once and in order, even if the connection loses or repeats messages.

A broken connection can lose a message or its answer. The page numbers the requests that change something (the number is
their turn) and resends unanswered ones. Here, a turn that arrives too early waits for those before it, and a turn that
was already executed is only answered again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from widgets.requests import answer
from widgets.wire.messages import Buffers, Message

if TYPE_CHECKING:
    from widgets.view.view import View

REMEMBERED = 1000
"""Number of answers kept for a page that repeats a request."""


class Turns:
    """The requests of each page of a view so far."""

    def __init__(self) -> None:
        self._done: dict[str, int] = {}
        self._early: dict[str, dict[int, tuple[Message, Buffers]]] = {}
        self._answers: dict[tuple[str, int], Message] = {}

    def answers(self, view: View, content: Message, buffers: Buffers) -> Iterator[tuple[Message, list[bytes]]]:
        """Answers that can be given now that this request has arrived, as `widgets.requests.answer` returns them."""
        turn = content.get("turn")
        if not isinstance(turn, int):
            yield answer(view, content, buffers)
            return
        page = str(content.get("request")).rpartition(".")[0]
        if turn <= self._done.get(page, 0):
            yield self._again(view, page, turn, content)
            return
        early = self._early.setdefault(page, {})
        early[turn] = content, buffers
        while (turn := self._done.get(page, 0) + 1) in early:
            self._done[page] = turn
            body, arrays = answer(view, *early.pop(turn))
            self._answers[page, turn] = body
            if len(self._answers) > REMEMBERED:
                del self._answers[next(iter(self._answers))]
            yield body, arrays

    def _again(self, view: View, page: str, turn: int, content: Message) -> tuple[Message, list[bytes]]:
        """Return a message for the lost answer, and the current state of every row."""
        unknown = {"error": "it is not known whether this decision was saved", "request": content.get("request")}
        view.decisions.catch_up()
        patch, state = view.decisions.patch(np.arange(view.dataset.n, dtype=np.int32))
        body = {**self._answers.get((page, turn), unknown), "patch": patch}
        return body, [np.ascontiguousarray(array).tobytes() for array in state]
