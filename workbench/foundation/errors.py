"""Exceptions. Every message names the field, the row, what was found and what to do.

All are subclasses of `WorkbenchError`, itself a `ValueError`, so `except wb.errors.WorkbenchError` catches everything
that the project raises on purpose. Messages are built here, so that the same mistake has the same wording everywhere.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

MOST = 4000
"""Largest number of characters of what was found that a message shows."""


__all__ = ["ExistsError", "FdrNotPossible", "InputError", "MissingEvidence", "RunError", "WorkbenchError"]


class WorkbenchError(ValueError):
    """Base class of all errors that the project raises on purpose."""


class InputError(WorkbenchError):
    """An argument or a row of the user's data is not valid."""

    @classmethod
    def at(
        cls, field: str, found: str, todo: str, *, row: int | None = None, id: object = None, brief: str = ""
    ) -> InputError:
        """Return an error that reads "`field` row 17 (id 'a') found. todo".

        `brief` says the same in two or three words, for places with little room.
        """
        place = f"`{field}`"
        if row is not None:
            place += f" row {row}"
        if id is not None:
            place += f" (id {shortened(id)})"
        found = found if len(found) <= MOST else f"{found[: MOST // 2]}... ({len(found):,} characters)"
        error = cls(f"{place} {found}. {todo}")
        error.parts = {"field": field, "found": found, "todo": todo, "row": row, "brief": brief}
        return error

    parts: Mapping[str, Any] = {}

    def with_id(self, ids: Sequence[object] | np.ndarray) -> InputError:
        """Return the same error with the id of its row added; `ids` (b,), int or str, are the ids of the batch."""
        row = self.parts.get("row")
        return self if row is None else self.but(id=plain_scalar(ids[row]))

    def but(self, **parts: Any) -> InputError:
        """Return the same error with other `parts`, which are arguments of `at`."""
        return InputError.at(**{**self.parts, **parts})

    @classmethod
    def unknown(cls, what: str, name: object, known: Iterable[object], todo: str = "") -> InputError:
        """Return an error for an unknown name of `what`, with the closest match, the first `known` names and `todo`."""
        options = [str(option) for option in known]
        short = [option for option in options if len(option) <= 200]
        asked = name if isinstance(name, str) else shortened(name)
        near = difflib.get_close_matches(asked, short, n=1) if len(asked) <= 200 else []
        hint = f" Did you mean {near[0]!r}?" if near else ""
        listed = ", ".join(option if len(option) <= 200 else shortened(option) for option in options[:12])
        listed += f" and {len(options) - 12} more" if len(options) > 12 else ""
        return cls(f"unknown {what} {shortened(name)}.{hint} Known: {listed or 'none'}.{' ' + todo if todo else ''}")


class MissingEvidence(WorkbenchError):
    """A score or a view needs data that were not recorded."""

    @classmethod
    def needed(cls, who: str, missing: Sequence[str], how: str) -> MissingEvidence:
        """Return an error: `who` needs the `missing` fields, which this run does not have; `how` to get them."""
        return cls(f"{who} needs {', '.join(f'`{m}`' for m in missing)}, which this run does not have. {how}")

    @classmethod
    def beside_labels(cls, task: str, evidence: Sequence[str]) -> MissingEvidence:
        """Return an error: labels of `task` cannot be judged without any of the arrays named by `evidence`."""
        one = "" if len(evidence) == 1 else "at least one of "
        names = ", ".join(f"`{name}`" for name in evidence)
        return cls(f"Labels of the task {task!r} cannot be judged by themselves. Pass {one}{names} with them.")


class FdrNotPossible(UserWarning):
    """`find_issues(fdr=...)` marks no issue: the labels alone do not allow an estimate of the false discovery rate."""


class RunError(WorkbenchError):
    """A run directory is missing, damaged, of a newer schema, or in use such that writing to it could lose data."""


class ExistsError(WorkbenchError):
    """A file or directory already exists and would be overwritten."""


def outside() -> int:
    """Return the `stacklevel` that attributes a warning of the calling function to the user's code."""
    level, frame = 1, sys._getframe(1)  # inspect would be imported for it alone
    while frame.f_back is not None and f"{frame.f_globals.get('__name__', '')}.".startswith(("workbench.", "widgets.")):
        frame, level = frame.f_back, level + 1
    return level


def shortened(value: object, most: int = 200) -> str:
    """Return the `repr` of a value for a message, cut after `most` characters."""
    value = plain_scalar(value)
    if isinstance(value, (str, bytes)) and len(value) > most:
        return f"{value[:most]!r}... ({len(value):,} {'characters' if isinstance(value, str) else 'bytes'})"
    try:
        text = repr(value)
    except Exception as error:  # a user's class, or an integer of too many digits
        return f"<{type(value).__name__} without a text: {type(error).__name__}>"
    text = text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"
    return " ".join(text.split()) if "\n" in text else text


def first_few(values: Sequence[object] | np.ndarray, most: int = 5) -> str:
    """Return the first `most` values and the number of the others as text, for error messages."""
    shown = ", ".join(shortened(value) for value in list(values[:most]))
    return shown + (f" and {len(values) - most} more" if len(values) > most else "")


def plain_scalar(value: Any) -> Any:
    """Convert a NumPy scalar to a Python value, so that messages show 3 and not np.int64(3)."""
    item = getattr(value, "item", None)
    return item() if item is not None and getattr(value, "shape", ()) == () else value
