"""What the editor of texts shows beside a text: its alternatives and its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from widgets.wire.shapes import UnitInfo
from workbench.foundation.errors import InputError, RunError
from workbench.issues.texts.evidence import alternatives_of
from workbench.runs.saved_evidence import saved_evidence
from workbench.runs.versions import versions

if TYPE_CHECKING:
    from widgets.view.view import View

MOST_ALTERNATIVES, MOST_VERSIONS = 20, 50
"""Maximum number of alternatives and of newest versions that are sent."""


def add_to_texts(view: View, row: int, units: list[UnitInfo]) -> None:
    """Add the alternatives and versions of the texts of an example to its units."""
    kind = view.dataset.kind
    if kind.name != "texts":
        return
    others = _alternatives(view, row) if len(units) == 1 else []
    changed = any(unit["changed"] or unit.get("decided") for unit in units)
    history = versions(view.run, view.dataset.ids[row : row + 1].tolist()) if changed else None
    if history is not None and view.only is not None:  # what others wrote stays hidden
        history = history[history["author"].isin(["", view.only]) | history["author"].isna()]
    for unit in units:
        unit["alternatives"] = [kind.encode(text) for text in others]
        own = () if history is None else history[history["unit"] == unit["key"]].tail(MOST_VERSIONS).itertuples()
        unit["versions"] = [
            {"value": None if one.value is None else kind.encode(one.value), "author": one.author, "time": one.time}
            for one in own
        ]


def _alternatives(view: View, row: int) -> list[str]:
    """Return the alternatives of an example: saved in the run, or in a column."""
    try:
        saved = saved_evidence(view.run, "alternatives")
        if saved is not None:
            return (saved.values[row] or [])[:MOST_ALTERNATIVES]
        listed = view.dataset.kind.evidence_in(view.dataset.metadata.iloc[[row]]).get("alternatives")
        return [] if listed is None else alternatives_of(listed.iloc[0], row)[:MOST_ALTERNATIVES]
    except (InputError, RunError):
        return []  # `find_issues` reports it
