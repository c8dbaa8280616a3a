"""Kinds of labels: one object each, one protocol, one table.

An example is reduced to units, the units are judged as choices, yes or no, or numbers, and what is found is pooled to
examples. A new kind of label is one module with a `Task`, one line in `TASKS`, one editor in widgets/js/editors and
one test module; `tests/tasks/contract.py` says what holds for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.foundation.errors import InputError
from workbench.foundation.lazy import LazyTable

if TYPE_CHECKING:
    from workbench.tasks.protocol import Task

TASKS: LazyTable[Task] = LazyTable(
    {
        "candidates": "workbench.tasks.candidates:Candidates",
        "multiclass": "workbench.tasks.multiclass:Multiclass",
        "multilabel": "workbench.tasks.multilabel:Multilabel",
        "numbers": "workbench.tasks.numbers:Numbers",
    }
)
"""Name of a kind of label -> import path of its class, read when first used."""


def find_task(name: object) -> Task:
    """The task of this name.

    Raises
    ------
    InputError : there is none; the message lists those there are.
    """
    if not isinstance(name, str) or name not in TASKS:
        raise InputError.unknown("task", name, TASKS)
    return TASKS[name]


def require_task(data: Any, name: str, what: str) -> None:
    """Refuse a kind of label that a feature is not made for.

    Parameters
    ----------
    data : Dataset, Run or anything else with `task`, the name of its kind; what has none is taken for multiclass.
    name : the kind that the feature works on.
    what : the feature, as a user calls it, such as "compare".

    Raises
    ------
    InputError : the labels are of another kind.
    """
    found = getattr(data, "task", name)
    if found != name:
        todo = "Other kinds have no such thing yet; `find_issues`, decisions and `export` work on all of them."
        raise InputError.at("task", f"is {found!r}, and {what} works on {name!r} labels only", todo)
