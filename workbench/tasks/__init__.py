"""Kinds of labels: each is an object that implements the `Task` protocol and has an entry in `TASKS`.

Examples are divided into units. Units are judged as a choice, yes or no, or a number, and the results are pooled to
examples. A new kind of label needs a module with a `Task`, a line in `TASKS`, an editor in widgets/js/editors and a
test module; `tests/tasks/contract.py` tests what all kinds have in common.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from workbench.foundation.errors import InputError
from workbench.foundation.lazy import LazyTable

if TYPE_CHECKING:
    from workbench.tasks.protocol import Task

TASKS: LazyTable[Task] = LazyTable(
    {
        "boxes": "workbench.tasks.boxes:Boxes",
        "candidates": "workbench.tasks.candidates:Candidates",
        "instances": "workbench.tasks.instances:Instances",
        "masks": "workbench.tasks.masks:Masks",
        "multiclass": "workbench.tasks.multiclass:Multiclass",
        "multilabel": "workbench.tasks.multilabel:Multilabel",
        "numbers": "workbench.tasks.numbers:Numbers",
        "pairs": "workbench.tasks.pairs:Pairs",
        "points": "workbench.tasks.points:Points",
        "preferences": "workbench.tasks.preferences:Preferences",
        "spans": "workbench.tasks.spans:Spans",
        "texts": "workbench.tasks.texts:Texts",
        "tokens": "workbench.tasks.token_classes:TokenClasses",
    }
)
"""Name of a kind of label -> import path of its class, which is imported on first use."""


def find_task(name: object) -> Task:
    """Return the task of this name.

    Raises
    ------
    InputError : there is no such task; the message lists the names.
    """
    if not isinstance(name, str) or name not in TASKS:
        raise InputError.unknown("task", name, TASKS)
    return TASKS[name]


NOT_YET = "Other kinds are not supported yet; `find_issues`, decisions and `export` support all of them."
"""What to do with a kind of label that a feature does not support."""


def require_task(data: Any, names: str | Iterable[str], what: str, todo: str = NOT_YET) -> None:
    """Raise if a feature does not support the kind of label of the data.

    Parameters
    ----------
    data : Dataset, Run or another object with `task`, the name of its kind; objects without it are accepted.
    names : the kind of label that the feature supports, or several.
    what : the user's name of the feature, such as "compare".
    todo : what to do instead.

    Raises
    ------
    InputError : the labels are of another kind.
    """
    known = (names,) if isinstance(names, str) else tuple(names)
    found = getattr(data, "task", known[0])
    if found not in known:
        supported = ", ".join(map(repr, known))
        raise InputError.at("task", f"is {found!r}, and {what} works on {supported} labels only", todo)
