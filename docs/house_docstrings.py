"""A griffe extension that adapts this project's docstrings to the API pages.

In the code a parameter is often described in one line, ``fdr : the largest expected share of false alarms``, because
its type is in the signature. Parsers of the numpy style take the text after the colon for a type. This extension moves
such a description below the name, so that the type comes from the signature. Entries that do name a type
(``path : str or Path`` with an indented description below) are left unchanged.
"""

from __future__ import annotations

import re

import griffe

WIDTH = 120
ENTRIES = ("Parameters", "Other Parameters", "Attributes", "Raises")
RESULTS = ("Returns", "Yields")
_HEADER = re.compile(r"^(\w[\w ]*)\n(-{3,})$", re.M)
_ENTRY = re.compile(r"^([*\w]+(?:, [*\w]+)*) : (.*)$")
_NEXT = re.compile(r"(?<=[.;]) (?=[*\w]+(?:, [*\w]+)* : )")
_TYPE = re.compile(
    r"^(?:(?:[\w.\[\]]+|\([\w, .]*\)|\{.*\}|callable|array|list|dict|tuple|sequence|iterable)"
    r"(?:, | or |,? optional| of (?:str|int|float|bool|ids|them)| array\b|$))+$"
)


class HouseStyle(griffe.Extension):
    """Rewrites docstrings after collection and before parsing."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Tidy the docstring of a module, class or function."""
        if obj.docstring:
            obj.docstring.value = tidy(obj.docstring.value)


def tidy(text: str) -> str:
    """Return the docstring with the description of every entry below its name."""
    parts = _HEADER.split(text)
    out = [parts[0]]
    for title, _, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        if title in ENTRIES:
            body = "\n" + "\n".join(_entry(block, title) for block in _blocks(body)) + "\n\n"
        elif title in RESULTS and not _is_result(body):
            title = "Result"  # a description without a type: shown unchanged
        out.append(f"{title}\n{'-' * len(title)}{body}")
    return "".join(out).rstrip()


def _blocks(body: str) -> list[list[str]]:
    """Split into entries: an unindented line and the indented lines below it."""
    blocks: list[list[str]] = []
    for line in body.strip("\n").split("\n"):
        if line[:1].strip():
            blocks += [[one] for one in _NEXT.split(line)]
        elif blocks:
            blocks[-1].append(line)
    return blocks


def _entry(block: list[str], title: str) -> str:
    found = _ENTRY.match(block[0])
    if found is None:
        return "\n".join(block)
    name, rest = found.groups()
    below = [line for line in block[1:] if line.strip()]
    word = below[0].split()[0] if below else ""
    ends = bool(below) and len(block[0]) + 1 + len(word) <= WIDTH - 8  # the next word would have fitted here
    if title != "Raises" and ((ends and not rest.endswith((",", ":", "."))) or (not below and _TYPE.match(rest))):
        return "\n".join(block)
    return "\n".join([name, f"    {rest}", *block[1:]])


def _is_result(body: str) -> bool:
    """Whether a Returns section has a type on its own line and a description below it."""
    lines = body.strip("\n").split("\n")
    return len(lines) > 1 and lines[1].startswith("    ") and not lines[0].endswith(".") and len(lines[0]) < 80
