"""Results that print well: as a few lines of words in a shell and in a notebook, never as a dump of their fields."""

from __future__ import annotations

import html
import textwrap

LINE_WIDTH = 96  # columns; a notebook's output breaks longer lines in the middle of a word


def wrapped(text: str, width: int = LINE_WIDTH) -> str:
    """Lines broken between words; what follows a break is indented a little more than its line."""
    lines = []
    for line in text.split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        options = {"subsequent_indent": f"{indent}    ", "break_long_words": False, "break_on_hyphens": False}
        lines += textwrap.wrap(line, width, **options) or [""]
    return "\n".join(lines)


class Printed:
    """A result whose `__str__` says what came out; its repr, and what a notebook shows, is the same text."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """The text with its lines, broken where the page is narrower."""
        lines = str(self).split("\n")
        return f'<div style="white-space:pre-wrap">{html.escape(chr(10).join(lines))}</div>'
