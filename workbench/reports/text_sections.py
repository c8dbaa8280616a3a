"""Sections of a report about texts: kinds of errors, and corrections word by word."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from workbench.foundation.cells import cell_text
from workbench.reports.facts import Facts
from workbench.reports.markup import short_share, table_html
from workbench.reports.text_facts import Correction, TextFacts
from workbench.reports.unit_tables import kinds_html
from workbench.texts.wording import TextEdit

EDIT_TAGS = {"removed": "del", "added": "ins"}
"""HTML element of an edit; equal parts have none."""


def text_kinds_section(facts: Facts, own: TextFacts) -> str:
    """Section with the expected errors of each kind."""
    return kinds_html("The likeliest kind of error of each text, if it is wrong.", own.kinds, "texts")


def edits_section(facts: Facts, own: TextFacts) -> str:
    """Section with decided and suggested corrections; "" without any."""
    out = ""
    for title, listed, many, last in (
        ("Decided", own.decided, own.many[0], "by"),
        ("Suggested for label issues without a decision", own.suggested, own.many[1], "p(wrong)"),
    ):
        if listed:
            some = f" ({len(listed):,} of {many:,})" if len(listed) < many else ""
            out += f"<h3>{title}{some}</h3>" + _corrections(listed, own.unit, last)
    words = "Removed words are struck out, added ones underlined."
    return f"<p>{words}</p>{out}" if out else ""


def edits_html(edits: Sequence[TextEdit]) -> str:
    """The edits of a text, with removed and added parts marked."""
    parts = []
    for kind, text in edits:
        tag = EDIT_TAGS.get(kind)
        parts.append(escape(text) if tag is None else f"<{tag}>{escape(text)}</{tag}>")
    return "".join(parts)


def _corrections(listed: Sequence[Correction], unit: str, last: str) -> str:
    rows = [
        (
            escape(cell_text(one.id)), *((escape(one.field),) if unit else ()), edits_html(one.edits),
            escape(short_share(one.by) if isinstance(one.by, float) else str(one.by)),
        )
        for one in listed
    ]  # fmt: skip
    return table_html(("id", *((unit,) if unit else ()), "text", last), rows)
