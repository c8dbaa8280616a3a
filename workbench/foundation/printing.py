"""Results that print as a few lines of text, in a shell and in a notebook, instead of a list of their fields."""

from __future__ import annotations

import html
import textwrap

LINE_WIDTH = 96  # characters; notebook outputs break longer lines in the middle of a word


def wrapped(text: str, width: int = LINE_WIDTH) -> str:
    """Wrap each line of a text between words; continuation lines are indented by four more spaces."""
    lines = []
    for line in text.split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        options = {"subsequent_indent": f"{indent}    ", "break_long_words": False, "break_on_hyphens": False}
        lines += textwrap.wrap(line, width, **options) or [""]
    return "\n".join(lines)


class Printed:
    """Mixin for results: `repr` and the notebook display show the same text as `str`."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """The text as HTML: line breaks are kept, and long lines wrap."""
        lines = str(self).split("\n")
        return f'<div style="white-space:pre-wrap">{html.escape(chr(10).join(lines))}</div>'
