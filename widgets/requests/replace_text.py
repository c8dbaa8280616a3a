"""Replacement of characters in the texts of many examples: shown first, then made as one undo step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.wire.masks import unpacked
from widgets.wire.messages import Arrays, Buffers, DecideRequest
from widgets.wire.shapes import ReplaceAnswer, ReplaceRequest
from workbench.foundation.errors import InputError
from workbench.tasks.protocol import Decided
from workbench.texts.replacing import changes_in

if TYPE_CHECKING:
    from widgets.view.view import View

SHOWN_TEXTS = 12
"""Number of texts that are shown before and after."""


def ask_replace(view: View, content: ReplaceRequest, buffers: Buffers) -> tuple[ReplaceAnswer, Arrays]:
    """Show what a replacement changes; with the number of texts that the user confirmed, make it.

    Raises
    ------
    InputError : there is nothing to look for, or the number of texts differs from the confirmed one.
    """
    rows = np.flatnonzero(unpacked(buffers[0], view.dataset.n))
    options = {"whole_words": bool(content.get("whole_words")), "match_case": bool(content.get("match_case", True))}
    found = changes_in(view.run, view.run.labels(), rows, content.get("find"), content.get("by"), **options)
    ids, keys = found.index.get_level_values("id"), found.index.get_level_values("unit").tolist()
    first = zip(ids[:SHOWN_TEXTS].tolist(), found["before"], found["after"])
    answer: ReplaceAnswer = {
        "count": len(found),
        "examples": ids.nunique(),
        "shown": [{"id": id, "before": before, "after": after} for id, before, after in first],
    }
    sure = content.get("sure")
    if sure is None:
        return answer, []
    if sure != len(found):
        todo = f"There are {len(found):,} now. Check them again and confirm that number."
        raise InputError.at("texts", f"have changed since {sure:,} were confirmed", todo)
    if len(found):
        dataset = view.decisions.space
        encode, at = dataset.kind.encode, dataset.rows(ids.tolist())
        verdicts = Decided(at, keys, [encode(text) for text in found["after"]])
        reason = f"{content['find']} -> {content['by']}"
        body: DecideRequest = {"op": "relabel", "how": "selection, replace"}
        view.decisions.judge(verdicts, dataset.values_at(at, keys), body, [reason] * len(found))
    patch, state = view.decisions.patch(view.decisions.catch_up())
    return {**answer, "time": view.decisions.last_time, "patch": patch}, state
