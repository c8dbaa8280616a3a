"""What can go wrong, in words: every error names the field, the place, what was found and what to do.

All are `ValueError`s under one base, so `except wb.errors.WorkbenchError` catches whatever the project
raises on purpose. Messages are built here so that the same mistake reads the same everywhere.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

MOST = 4000
"""Characters of what was found that a message holds."""


__all__ = ["ExistsError", "FdrNotPossible", "InputError", "MissingEvidence", "RunError", "WorkbenchError"]


class WorkbenchError(ValueError):
    """Base of every error that the project raises on purpose."""


class InputError(WorkbenchError):
    """An argument or a row of the user's data is not usable as it is."""

    @classmethod
    def at(
        cls, field: str, found: str, todo: str, *, row: int | None = None, id: object = None, brief: str = ""
    ) -> InputError:
        """`field` row 17 (id 'a'): found. todo. `brief` says it in two words, for where there is no more room."""
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
        """The same error naming the id of its row as well, `ids` (b,), int or str, being those of its batch."""
        row = self.parts.get("row")
        return self if row is None else InputError.at(**{**self.parts, "id": plain_scalar(ids[row])})

    @classmethod
    def unknown(cls, what: str, name: object, known: Iterable[object], todo: str = "") -> InputError:
        """An unknown name of `what`: say the nearest one, list the `known` ones when they are few, and what `todo`."""
        options = [str(option) for option in known]
        short = [option for option in options if len(option) <= 200]
        asked = name if isinstance(name, str) else shortened(name)
        near = difflib.get_close_matches(asked, short, n=1) if len(asked) <= 200 else []
        hint = f" Did you mean {near[0]!r}?" if near else ""
        listed = ", ".join(option if len(option) <= 200 else shortened(option) for option in options[:12])
        listed += f" and {len(options) - 12} more" if len(options) > 12 else ""
        return cls(f"unknown {what} {shortened(name)}.{hint} Known: {listed or 'none'}.{' ' + todo if todo else ''}")


class MissingEvidence(WorkbenchError):
    """A score or a view needs something that was not recorded."""

    @classmethod
    def needed(cls, who: str, missing: Sequence[str], how: str) -> MissingEvidence:
        """`who` needs what is `missing`, which this run does not have; `how` to get it."""
        return cls(f"{who} needs {', '.join(f'`{m}`' for m in missing)}, which this run does not have. {how}")


class FdrNotPossible(UserWarning):
    """`find_issues(fdr=...)` marks no issue: the labels alone do not say how many false alarms there would be."""


class RunError(WorkbenchError):
    """A run directory is missing, damaged, of a newer schema, or in use in a way that would lose data."""


class ExistsError(WorkbenchError):
    """A file or directory that would be overwritten is already there."""


def outside() -> int:
    """The `stacklevel` of a warning for whoever called into the project, as seen by the function that warns."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and f"{frame.f_globals.get('__name__', '')}.".startswith(("workbench.", "widgets.")):
        frame, level = frame.f_back, level + 1
    return level


def shortened(value: object, most: int = 200) -> str:
    """`repr` of a value for a message, cut where it is long."""
    value = plain_scalar(value)
    if isinstance(value, (str, bytes)) and len(value) > most:
        return f"{value[:most]!r}... ({len(value):,} {'characters' if isinstance(value, str) else 'bytes'})"
    try:
        text = repr(value)
    except Exception as error:  # a class of the user's, or an integer of too many digits
        return f"<{type(value).__name__} without a text: {type(error).__name__}>"
    text = text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"
    return " ".join(text.split()) if "\n" in text else text


def first_few(values: Sequence[object] | np.ndarray, most: int = 5) -> str:
    """At most `most` offenders and the count of the others, for error messages."""
    shown = ", ".join(shortened(value) for value in list(values[:most]))
    return shown + (f" and {len(values) - most} more" if len(values) > most else "")


def plain_scalar(value: Any) -> Any:
    """A Python value instead of a numpy scalar, so that messages show 3 and not np.int64(3)."""
    item = getattr(value, "item", None)
    return item() if item is not None and getattr(value, "shape", ()) == () else value
