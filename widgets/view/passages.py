"""Texts for editors: of an example with spans or tokens, of the items of a query, and of two answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from widgets.view.auditing import ANSWERS_SWAPPED
from widgets.wire.shapes import ItemText, Passage
from workbench.foundation.cells import cell_text
from workbench.issues.pairs.pair_texts import passages_in
from workbench.issues.spans.documents import WITH_PASSAGE, document_of
from workbench.tasks.keys import WHOLE_EXAMPLE
from workbench.tasks.pair_reading import PASSAGES
from workbench.tasks.preferences import PREFERENCE_ANSWERS, PREFERENCE_TEXTS, shown_swapped

if TYPE_CHECKING:
    from widgets.view.view import View

LONGEST_PASSAGE = 500_000
"""Characters that are sent; spans beyond are listed without their text."""

LONGEST_ITEM, MOST_ITEM_TEXTS = 4_000, 1_000
"""Characters of an item that are sent, and items of a query."""

LONGEST_ANSWER = 50_000
"""Characters of an answer that are sent."""


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


def items_of(view: View, row: int) -> list[ItemText] | None:
    """Return the texts of the items of a query, or of two answers as shown; None for other kinds of labels."""
    if view.dataset.task == "preferences":
        return _answers_of(view, row)
    if view.dataset.task != "pairs":
        return None
    if PASSAGES not in view.dataset.metadata.columns:
        return []
    found = passages_in(view.dataset.metadata[PASSAGES].iloc[row], row)[:MOST_ITEM_TEXTS]
    return [{"item": item, "text": text[:LONGEST_ITEM]} for item, text in found]


def _answers_of(view: View, row: int) -> list[ItemText]:
    """Return both answers, named as in the labels, in the order in which they are shown; none without texts."""
    columns = PREFERENCE_TEXTS[1:]
    if not set(columns) <= set(view.dataset.metadata.columns):
        return []
    cells = [view.dataset.metadata[name].iat[row] for name in columns]
    texts: list[ItemText] = [
        {"item": name, "text": cell_text(cell)[:LONGEST_ANSWER]} for name, cell in zip(PREFERENCE_ANSWERS, cells)
    ]
    repeated = view.queue_order == ANSWERS_SWAPPED and view.decisions.is_veiled(row, WHOLE_EXAMPLE)
    return texts[::-1] if shown_swapped(view.dataset.ids[row : row + 1].tolist())[0] != repeated else texts
