"""Suggestions for units of many examples at once: count them by probability, and accept them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.view.kinds import places_of_kind
from widgets.view.units import given_of
from workbench.foundation.errors import InputError, plain_scalar
from workbench.tasks.protocol import Decided

if TYPE_CHECKING:
    import pandas as pd

    from widgets.view.view import View


WITH_PLACE = "suggested_value"
"""Column of suggestions that include their place, as stored in the journal: for spans and items of queries."""


def _suggestions_in(doubts: pd.DataFrame) -> str:
    return WITH_PLACE if WITH_PLACE in doubts else "suggested_label"


def open_suggestions(
    view: View, mask: np.ndarray, unit: str | None = None, least: float | None = None, queue: str | None = None
) -> pd.DataFrame:
    """Return the undecided doubtful units of examples that have a suggestion, as returned by `find_issues`.

    Parameters
    ----------
    mask : (n,) bool. unit : a key, for units of this key only. least : the minimum probability of a suggestion.
    queue : the name of a queue by kind of error, for the units of this queue only.
    """
    if view.doubts is None:
        raise InputError.at("suggestions", "are missing", "There is no evidence about which labels are wrong.")
    doubts = view.doubts
    keep = doubts["is_issue"].to_numpy(bool) & mask[doubts["row"].to_numpy()]
    keep &= doubts[_suggestions_in(doubts)].notna().to_numpy()
    of_queue = None if queue is None else places_of_kind(doubts, queue)
    if of_queue is not None:
        keep &= np.isin(np.arange(len(doubts)), of_queue)
    if least is not None:
        keep &= doubts["p_suggested"].to_numpy(float) >= least
    keys = doubts.index.get_level_values("unit")
    if unit is not None:
        keep &= np.asarray(keys == unit)
    places = np.flatnonzero(keep)
    judged = view.decisions.judged
    undecided = [
        str(key) not in judged(row) for key, row in zip(keys[places], doubts["row"].to_numpy()[places].tolist())
    ]
    return doubts.iloc[places[np.array(undecided, bool)]]


def suggested_values(view: View, found: pd.DataFrame) -> tuple[Decided, list[str | None], list[str]]:
    """Return the suggestions as verdicts, the given values, and the reasons."""
    name = _suggestions_in(found)
    encode = str if name == WITH_PLACE else view.dataset.kind.encode
    rows = found["row"].to_numpy().astype(np.int64)
    keys = [str(key) for key in found.index.get_level_values("unit")]
    values = [encode(plain_scalar(value)) for value in found[name]]
    verdicts = Decided(rows, keys, values)
    return verdicts, given_of(view, verdicts), [str(one or "") for one in found["reasons"]]
