"""Tags that go together, and the examples that break such a rule: counted from the tags as they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from widgets.view.tags import key_of_tag
from widgets.wire.shapes import TagRule
from workbench.foundation.checks import check_share
from workbench.foundation.errors import InputError
from workbench.tags.pair_rules import examples_of_rule, pair_rules
from workbench.tasks.tag_cells import TagCells, cells_of

if TYPE_CHECKING:
    from widgets.view.view import View

MOST_RULES = 200
"""Maximum number of rules of a page: first those with exceptions, the strongest first, then those without."""

SUPPORT = 10
"""Minimum number of examples with the first tag of a rule, as in `workbench.tags.tag_rules`."""

LEAST_SHARE = 0.9
"""Share of examples that follow a rule, to begin with."""


def rules_of_tags(view: View, least: float) -> tuple[list[TagRule], int]:
    """The rules that hold in at least the share `least`, as a page lists them, and the number of all.

    Raises
    ------
    InputError : labels other than tags, or a share outside [0, 1].
    """
    check_share("least", least)
    cells, names = _cells(view), view.decisions.space.classes
    found = pair_rules(cells, len(names), least, SUPPORT).sorted()
    shown = np.argsort(found.broken == 0, kind="stable")[:MOST_RULES]
    rules: list[TagRule] = [
        {
            "tag": names[found.first[at]], "other": names[found.second[at]], "implies": bool(found.implies[at]),
            "count": int(found.count[at]), "share": float(found.share[at]), "expected": float(found.expected[at]),
            "broken": int(found.broken[at]),
        }
        for at in shown.tolist()
    ]  # fmt: skip
    return rules, len(found.count)


def rows_of_rule(view: View, tag: str, other: str, implies: bool, broken: bool) -> tuple[np.ndarray, str]:
    """(n,) bool of the examples that break a rule, or follow it, and the key of the tag that is to be judged.

    Raises
    ------
    InputError : labels other than tags, or an unknown tag.
    """
    cells, names = _cells(view), view.decisions.space.classes
    for one in (tag, other):
        if one not in names:
            raise InputError.unknown("tag", one, names)
    first, second = names.index(tag), names.index(other)
    mask = np.zeros(cells.n, bool)
    mask[examples_of_rule(cells, len(names), first, second, implies, broken=broken)] = True
    return mask, key_of_tag(second) if broken else ""


def _cells(view: View) -> TagCells:
    """The tags as they are now."""
    if view.dataset.task != "multilabel":
        todo = "Rules about pairs of tags need several tags per example."
        raise InputError.at("task", f"is {view.dataset.task!r}", todo)
    return cells_of(view.run.labels())
