"""Queues by kind of error and by pair of classes, for labels of which an example has several."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from widgets.wire.shapes import KindCount
from workbench.foundation.errors import InputError
from workbench.tasks.protocol import NOTHING

if TYPE_CHECKING:
    from widgets.view.view import View

KIND_PREFIX = "kind: "
"""Prefix of the names of these queues: "kind: overlooked" or "kind: class, cat → dog"."""

MENU_PAIRS = 40
"""Maximum number of pairs of classes in the menu of a page, the most frequent first."""


def kinds_of(doubts: pd.DataFrame | None) -> pd.DataFrame:
    """Return the doubtful units as rows of place in `doubts`, kind, and pair: None unless both classes differ."""
    if doubts is None or "kind" not in doubts:
        return pd.DataFrame({"place": [], "kind": [], "pair": []})
    places = np.flatnonzero(doubts["is_issue"].to_numpy(bool) & doubts["kind"].notna().to_numpy())
    kind = doubts["kind"].to_numpy(object)[places]
    classes = [doubts[name].fillna(NOTHING).to_numpy(object)[places] for name in ("given_label", "suggested_label")]
    pairs = [
        None if NOTHING in (given, other) or given == other else f"{one}, {given} → {other}"
        for one, given, other in zip(kind, *classes)
    ]
    return pd.DataFrame({"place": places, "kind": kind, "pair": pairs})


def kind_queues(view: View) -> list[KindCount]:
    """Return the queues that a page offers, kinds of errors before pairs of classes, the largest first."""
    if view.dataset.kind.one_class or view.dataset.task == "multilabel":  # tags have queues of their own
        return []
    found = kinds_of(view.doubts)
    listed: list[KindCount] = []
    for column, most in (("kind", None), ("pair", MENU_PAIRS)):
        counts = found[column].value_counts().iloc[:most]
        for name, count in counts.items():
            listed.append({"name": str(name), "count": int(count), "pair": column == "pair"})
    return listed


def places_of_kind(doubts: pd.DataFrame | None, name: str) -> np.ndarray | None:
    """Return places (m,) in `doubts` of the units of a queue by its name, most likely errors first; None if it is not
    such a queue.

    Raises
    ------
    InputError : no such kind or pair.
    """
    if not name.startswith(KIND_PREFIX):
        return None
    found, wanted = kinds_of(doubts), name[len(KIND_PREFIX) :]
    keep = (found["kind"] == wanted) | (found["pair"] == wanted)
    if doubts is None or not keep.any():
        raise InputError.unknown("kind of error", wanted, sorted(found["kind"].unique()))
    places = found["place"].to_numpy(np.int64)[keep.to_numpy(bool)]
    return places[np.argsort(-doubts["p_error"].to_numpy(float)[places], kind="stable")]


def rows_of_kind(doubts: pd.DataFrame | None, name: str) -> np.ndarray | None:
    """Return the rows (m,) int32 of a queue by its name, each once; None if it is not such a queue."""
    places = places_of_kind(doubts, name)
    return None if places is None or doubts is None else pd.unique(doubts["row"].to_numpy(np.int32)[places])
