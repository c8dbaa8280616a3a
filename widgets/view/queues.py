"""Orders of the review queue by name, as rows of the view: those of `workbench.queue`, and any column on show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.view.auditing import sample
from workbench.errors import InputError
from workbench.queues import ORDERS, possible, queue

if TYPE_CHECKING:
    from widgets.view.view import View

OF_DOUBT = ("suspicion", "pairs", "audit")
"""Orders that rest on suspects."""

COLUMN = "column"
"""In a page: by the column that colours the points."""


def queue_rows(view: View, name: str, among: list | None = None) -> np.ndarray:
    """(m,) int32 row numbers of the queue of that name; `among` are ids to order instead of the suspects.

    Where nothing is suspected for want of evidence, all examples are ordered.
    """
    if name == "audit":
        return sample(view.run, view.issues)
    if name in ORDERS or name == "second":
        who = view.decisions.who
        if among is None and not view.doubted:
            among = view.dataset.ids.tolist()
        ids = queue(view.run, name, among=among, issues=view.issues, author=who)
        return view.dataset.rows(ids).astype(np.int32) if ids else np.empty(0, np.int32)
    column = view.columns.get(name)
    if column is None or column.categories is not None:
        numbers = [column.name for column in view.columns.values() if column.categories is None]
        raise InputError.unknown("queue", name, [*ORDERS, "second", *numbers], "Or pass a list of ids.")
    values = column.values if column.suspicious == "low" else -column.values
    return view.order[np.argsort(np.where(np.isnan(values), np.inf, values)[view.order], kind="stable")]


def orders(view: View) -> list[str]:
    """Names of the orders that a page can offer; without evidence those that need none."""
    of_doubt = () if view.doubted else OF_DOUBT
    return [name for name in (*possible(view.run), COLUMN) if name not in of_doubt]
