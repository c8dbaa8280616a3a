"""Filters and queues by tag: the state of one tag in each example, and where it is likely missing or wrong.

The column of a tag ("tag snow") is created when it is first requested, so that thousands of tags cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from widgets.view.columns import Column
from widgets.wire.shapes import TagInfo
from workbench.foundation.errors import InputError
from workbench.tasks.keys import number_of, position_keys
from workbench.tasks.tag_cells import tag_states

if TYPE_CHECKING:
    import pandas as pd

    from workbench.data.dataset import Dataset

PREFIX = "tag "
"""Prefix of the name of a tag in the name of its column."""

STATES = ("yes", "yes, remove?", "no", "no, add?", "unknown", "unknown, add?")
"""The given value of a tag in an example, and whether the evidence suggests another answer."""

QUEUES = ("missing", "wrong")
"""Queues of a tag, by the kind of error: "missing tag snow" and "wrong tag snow"."""

MOST_MENU_TAGS = 300
"""Maximum number of tags in the menus of a page, those with the most doubtful examples first."""


class TagColumns(dict[str, Column]):
    """The columns of a view including those of tags, which are created on first use.

    Parameters
    ----------
    columns : by name. dataset : of several tags an example. doubts : `find_issues(run, per="unit")`, or None.
    """

    def __init__(self, columns: Mapping[str, Column], dataset: Dataset, doubts: pd.DataFrame | None) -> None:
        super().__init__(columns)
        self.dataset, self.doubts = dataset, doubts
        self._codes = {PREFIX + name: tag for tag, name in enumerate(dataset.classes) if PREFIX + name not in columns}

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._codes

    def __missing__(self, name: str) -> Column:
        tag = self._codes[name]
        self[name] = column = Column(
            name, states_of_tag(self.dataset, self.doubts, tag), STATES, title=f"{self.dataset.classes[tag]}: as given"
        )
        return column

    def get(self, name: str, default: Any = None) -> Any:
        """The column; a column of a tag is created on first use."""
        return self[name] if name in self else default  # noqa: SIM401, this is the implementation of `get`


def states_of_tag(dataset: Dataset, doubts: pd.DataFrame | None, tag: int) -> np.ndarray:
    """Return codes into `STATES`, (n,) int32."""
    given = tag_states(dataset.labels, tag)
    codes = np.select([given == 1, given == 0], [0, 2], 4).astype(np.int32)
    if doubts is not None:
        codes[doubts["row"].to_numpy()[_of_tag(doubts, tag)]] += 1
    return codes


def tag_queue(dataset: Dataset, doubts: pd.DataFrame | None, name: str) -> tuple[np.ndarray, str] | None:
    """Return the rows (m,) int32 where a tag seems missing (or wrong), most likely first, and the key of its units.

    None if `name` is not such a queue.

    Raises
    ------
    InputError : the tag is unknown.
    """
    kind, _, tag_name = name.partition(f" {PREFIX}")
    if dataset.task != "multilabel" or kind not in QUEUES or not tag_name:
        return None
    if tag_name not in dataset.classes:
        raise InputError.unknown("tag", tag_name, dataset.classes)
    tag = list(dataset.classes).index(tag_name)
    key = key_of_tag(tag)
    if doubts is None:
        return np.empty(0, np.int32), key
    places = _of_tag(doubts, tag)
    places = places[doubts["kind"].to_numpy(object)[places] == kind]
    rows, p = doubts["row"].to_numpy()[places], doubts["p_error"].to_numpy(float)[places]
    return rows[np.lexsort((rows, -p))].astype(np.int32), key


def tags_by_doubt(classes: Sequence[str], doubts: pd.DataFrame | None) -> list[TagInfo]:
    """Return the tags that a page offers, with the number of examples in which each is likely missing or wrong."""
    counts = {kind: np.zeros(len(classes), int) for kind in QUEUES}
    if doubts is not None:
        marked = np.flatnonzero(doubts["is_issue"].to_numpy(bool))
        keys = doubts.index.get_level_values("unit")[marked]
        tags = np.array([number_of(str(key)) for key in keys], int)
        for kind in QUEUES:
            own = tags[doubts["kind"].to_numpy(object)[marked] == kind]
            counts[kind] += np.bincount(own, minlength=len(classes))
    total = counts["missing"] + counts["wrong"]
    first = np.argsort(-total, kind="stable")[:MOST_MENU_TAGS].tolist()
    return [
        {"name": str(classes[tag]), "missing": int(counts["missing"][tag]), "wrong": int(counts["wrong"][tag])}
        for tag in first
    ]


def key_of_tag(tag: int) -> str:
    """Return the key of the units of a tag."""
    return str(position_keys(np.array([tag]))[0].as_py())


def _of_tag(doubts: pd.DataFrame, tag: int) -> np.ndarray:
    """Return the positions (m,) of the doubtful units of one tag."""
    keys = doubts.index.get_level_values("unit")
    return np.flatnonzero(doubts["is_issue"].to_numpy(bool) & np.asarray(keys == key_of_tag(tag)))
