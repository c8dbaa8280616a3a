"""The state of each example's labels as one category for maps, filters and counts.

If an example has one class, its category is that class. For labels of other kinds (sets of tags, numbers, objects) the
category says whether anything was changed, and the inspector's editor shows the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from workbench.data.dataset import Dataset

AS_GIVEN, CHANGED = 0, 1
STATE_NAMES = ("as given", "changed")


class States(NamedTuple):
    """Names of the categories, and the category of the given label, (n,) int32, -1 without a label."""

    names: tuple[str, ...]
    given: np.ndarray


def states_of(dataset: Dataset) -> States:
    """Return the classes and the given labels; or "as given" and "changed", with all examples as given."""
    if dataset.kind.one_class:
        return States(tuple(dataset.classes), dataset.given_labels.astype(np.int32))
    missing = np.asarray(dataset.kind.missing(dataset.labels), bool)
    return States(STATE_NAMES, np.where(missing, -1, AS_GIVEN).astype(np.int32))
