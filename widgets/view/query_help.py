"""Explain what is wrong with a query that cannot be parsed: where, and how to write it.

Queries with habits from SQL, pandas and JavaScript (`=`, `&&`, `AND`, `<>`) are not corrected silently: the message
shows the corrected query.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from workbench.foundation.errors import InputError

_QUOTED = re.compile(r"""("[^"]*"|'[^']*'|`[^`]*`)""")
_CURLY = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'"})
_SLIPS = [
    (re.compile(r"===+"), "==", "compares with `===`"),
    (re.compile(r"<>"), "!=", "compares with `<>`"),
    (re.compile(r"=<"), "<=", "compares with `=<`"),
    (re.compile(r"=>"), ">=", "compares with `=>`"),
    (re.compile(r"(?<![=!<>:])=(?![=<>])"), "==", "has a single `=`"),
    (re.compile(r"\s*&&\s*"), " and ", "joins with `&&`"),
    (re.compile(r"\s*\|\|\s*"), " or ", "joins with `||`"),
    (re.compile(r"!(?!=)\s*"), "not ", "negates with `!`"),
    *((re.compile(rf"\b{word.upper()}\b"), word, f"writes `{word.upper()}`") for word in ("and", "or", "not", "in")),
]
_ENDS = re.compile(r"(==|!=|<=|>=|<|>|=|\+|-|\*|/|%|,|\bin)\s*$")
_JOINS = re.compile(r"\b(and|or|not)\s*$", re.IGNORECASE)
_BEGINS = re.compile(r"\s*(==|!=|<=|>=|<|>|=|\*|/|%|and\b|or\b)", re.IGNORECASE)
_LIKE_QUERY = re.compile(r"(?:\w|`|\)|\"|')\s*(?:[=!<>]=|<>|(?<![-=])[<>]|=(?!>)|=>\s*[\d.\"'])|\bcontains\s*\(")

QUERY_EXAMPLE = "p_error > .5 and given_label == 'cat'"


def looks_like_query(text: str) -> bool:
    """Whether a text looks like an attempted query: a name before a comparison operator, or `contains(`."""
    return bool(_LIKE_QUERY.search(_QUOTED.sub(lambda match: "q" * len(match[0]), text.translate(_CURLY))))


def corrected(text: str) -> tuple[str, str]:
    """The corrected query, and a description of the first mistake and its position ("" if there is none)."""
    straight, first = text.translate(_CURLY), (len(text) + 1, "")
    if straight != text:
        first = next(i for i, (one, other) in enumerate(zip(text, straight)) if one != other), "has curly quotes"
    out, at = [], 0
    for part in _QUOTED.split(straight):
        if not _QUOTED.fullmatch(part):
            for pattern, right, words in _SLIPS:
                match = pattern.search(part)
                if match:
                    first = min(first, (at + match.start() + len(match[0]) - len(match[0].lstrip()), words))
                    part = pattern.sub(right, part)
        out.append(part)
        at += len(part)
    return "".join(out).strip(), f"{first[1]} at character {first[0] + 1}" if first[1] else ""


def unreadable_query(
    text: str, columns: Iterable[str], readable: Callable[[str], bool], place: int | None
) -> InputError:
    """The error for a query that cannot be parsed.

    Parameters
    ----------
    readable : whether a text can be parsed. place : index at which the parser stopped, if known.
    """
    found, todo = _trouble(text, columns, place)
    better, slip = corrected(text)
    columns = list(columns)
    if not any(name in text for name in columns):
        todo += f" To search for the text itself, put it in quotes: '{text}'" if "'" not in text else ""
    if slip and readable(better):
        return InputError.at("query", slip, f"Write: {better}")
    return InputError.at("query", f"{slip}, and {found}" if slip else found, todo)


def _trouble(text: str, columns: Iterable[str], place: int | None) -> tuple[str, str]:
    bare = _QUOTED.sub("q", text).rstrip()
    for quote in ('"', "'", "`"):
        if bare.count(quote) % 2:
            return f"has a {quote} without its partner at character {text.rindex(quote) + 1}", "Close it."
    if match := _JOINS.search(bare):
        return f"ends after `{match[1]}`", f"Write another condition, or remove `{match[1]}`."
    if match := _ENDS.search(bare):
        return f"ends after `{match[1]}`", "Write what follows, for example: p_error > .5"
    if match := _BEGINS.match(bare):
        return f"begins with `{match[1]}`", "Write what comes before it, for example: p_error > .5"
    for one, other in ("()", "[]"):
        if bare.count(one) != bare.count(other):
            lone, missing = (one, other) if bare.count(one) > bare.count(other) else (other, one)
            return f"has a `{lone}` without its `{missing}`", f"Add `{missing}`, or remove `{lone}`."
    for name in columns:
        if not re.fullmatch(r"\w+", name) and name in text and f"`{name}`" not in text:
            return f"names the column {name} without backticks", f"Put it in backticks: `{name}`."
    where = "" if place is None or place >= len(text) else f" at character {place + 1} ({text[place : place + 12]!r})"
    return f"cannot be read{where}", f"Write for example: {QUERY_EXAMPLE}"
