"""The text of an example with spans or classes of tokens, split into tokens, for their editors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from widgets.wire.shapes import Passage
from workbench.issues.spans.documents import document_of

if TYPE_CHECKING:
    from widgets.view.view import View

LONGEST_PASSAGE = 500_000
"""Characters that are sent; spans beyond are listed without their text."""

WITH_PASSAGE = ("spans", "tokens")
"""Kinds of labels whose editors show a text."""


def passage_of(view: View, row: int) -> Passage | None:
    """Return the text of an example and the start and end of its tokens; None for other kinds of labels.

    `counts` is the unit of positions of spans: "tokens" or "characters".
    """
    found = document_of(view.dataset, row) if view.dataset.task in WITH_PASSAGE else None
    if found is None:
        return None
    kept = [place for place in found.words if place[1] <= LONGEST_PASSAGE]
    begin, end = [first for first, _ in kept], [last for _, last in kept]
    counts = "tokens" if found.counts_tokens else "characters"
    return {"text": found.text[:LONGEST_PASSAGE], "begin": begin, "end": end, "counts": counts}
