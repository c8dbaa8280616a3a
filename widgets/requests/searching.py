"""The search box: words or a query, answered by a mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from widgets.columns import Column
from widgets.masks import packed
from widgets.search import is_query, query_mask, word_mask

if TYPE_CHECKING:
    from widgets.view import View


def ask_search(view: View, content: dict, buffers: list) -> tuple[dict, list]:
    """The mask of the rows that words or a query find."""
    text = str(content["text"])
    mask = query_mask(text, view.dataset.n, queryable(view)) if is_query(text) else word_mask(text, view.words())
    return {"count": int(mask.sum())}, [packed(mask)]


def queryable(view: View) -> dict[str, Callable[[], np.ndarray]]:
    """Columns for queries, made when asked for: numbers, names of categories, ids and texts."""
    live = {"label": view.decisions.labels, "verdict": view.decisions.verdict.astype(np.int32)}

    def named(column: Column) -> Callable[[], np.ndarray]:
        codes = live.get(column.name, column.values)
        return lambda: np.array([*column.categories, None], object)[codes]

    out: dict[str, Callable[[], np.ndarray]] = {
        name: (lambda c=column: c.values) if column.categories is None else named(column)
        for name, column in view.columns.items()
    }
    out["id"] = lambda: view.dataset.ids
    for name in view.dataset.metadata.columns:
        out.setdefault(name, lambda name=name: view.dataset.metadata[name].to_numpy(object))
    return out
