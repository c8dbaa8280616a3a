"""Convert spans of tokens to tags and back: BIO (IOB2), IOB1, BIOES (with E/S or L/U), IO.

A tag is "O" or a prefix and a class: "B-PER". Spans are (start, end, class), half-open, in tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from workbench.foundation.errors import InputError, shortened

SCHEMES = ("BIO", "IOB1", "BIOES", "BILOU", "IO")
OUTSIDE = "O"
_BIOES_PREFIX = {"L": "E", "U": "S", "B": "B", "I": "I", "E": "E", "S": "S"}
"""Prefix -> the one that BIOES uses for it."""

Span = tuple[int, int, str]


class Tagged(NamedTuple):
    """Spans read from the tags of one sentence.

    spans : ordered by start. repaired : indices of tokens whose tag is invalid after the previous one in its scheme,
    such as I-PER after O in BIO; it was read as the start of a span, or as the end of the previous one.
    """

    spans: list[Span]
    repaired: list[int]


def split_tag(tag: object) -> tuple[str, str]:
    """Return the prefix (B, I, E, S, or O) and the class of a tag; the class of "O" is "".

    Raises
    ------
    InputError : not a tag.
    """
    if tag == OUTSIDE:
        return OUTSIDE, ""
    if isinstance(tag, str) and len(tag) > 2 and tag[1] in "-_" and tag[0] in _BIOES_PREFIX:
        return _BIOES_PREFIX[tag[0]], tag[2:]
    todo = "Use 'O', or a prefix (B, I, E, S, L or U) and a class, such as 'B-PER'."
    raise InputError.at("tags", f"holds {shortened(tag)}", todo)


def scheme_of(tags: Iterable[object]) -> str:
    """Return the scheme of all tags of a data set: the simplest one that fits the prefixes and their order.

    Parameters
    ----------
    tags : str, sentence after sentence; None, or any other value that is not a str, at the end of each.

    Returns
    -------
    str, one of `SCHEMES`; "BIO" for tags without any span. IOB1 uses B only between two spans of one class; IO has no
    B.
    """
    letters: set[str] = set()
    opened: set[str] = set()  # prefixes at the start of a span after O or another class
    before = ""
    for tag in tags:
        if not isinstance(tag, str):
            before = ""
            continue
        prefix, name = split_tag(tag)
        if prefix != OUTSIDE:
            letters.add(tag[0])
            if name != before:
                opened.add(prefix)
        before = name
    if letters & {"L", "U"}:
        return "BILOU"
    if letters & {"E", "S"}:
        return "BIOES"
    if letters == {"I"}:
        return "IO"
    return "IOB1" if opened == {"I"} else "BIO"


def spans_of_tags(tags: Sequence[object], scheme: str = "BIO") -> Tagged:
    """Return the spans of one sentence.

    Parameters
    ----------
    tags : one str per token. scheme : one of `SCHEMES`.

    Returns
    -------
    Tagged, with spans (start, end, class), half-open in tokens.

    Raises
    ------
    InputError : an unknown scheme, or an invalid tag; the message names the token.

    Notes
    -----
    An unfinished or unopened span is read like in the evaluation script of CoNLL-2003: a change of class starts a span.

    Examples
    --------
    >>> spans_of_tags(["B-PER", "I-PER", "O", "I-LOC"]).spans
    [(0, 2, 'PER'), (3, 4, 'LOC')]
    """
    _check_scheme(scheme)
    ends = scheme in ("BIOES", "BILOU")
    spans: list[Span] = []
    repaired: list[int] = []
    start, name = -1, ""
    for place, tag in enumerate(tags):
        try:
            prefix, own = split_tag(tag)
        except InputError as error:
            raise error.but(found=f"token {place} {error.parts['found']}") from error
        inside = start >= 0
        follows = inside and own == name and prefix in ("I", "E")
        if inside and not follows:
            spans.append((start, place, name))
            if ends:
                repaired.append(place - 1)  # neither E nor S ended it
            start = -1
        if prefix == OUTSIDE:
            continue
        if not follows:
            if prefix in ("I", "E") and scheme not in ("IO", "IOB1"):
                repaired.append(place)
            start, name = place, own
        if prefix in ("E", "S"):
            spans.append((start, place + 1, name))
            start = -1
    if start >= 0:
        spans.append((start, len(tags), name))
        if ends:
            repaired.append(len(tags) - 1)
    return Tagged(spans, sorted(set(repaired)))


def tags_of_spans(spans: Iterable[Span], length: int, scheme: str = "BIO") -> list[str]:
    """Return the tags of one sentence.

    Parameters
    ----------
    spans : (start, end, class), half-open in tokens, in any order. length : number of tokens. scheme : one of
        `SCHEMES`.

    Returns
    -------
    list of `length` str, which `spans_of_tags` converts back to the same spans.

    Raises
    ------
    InputError : an unknown scheme; spans that overlap or are outside the sentence; in IO, adjacent spans of one class,
        which it cannot represent.

    Examples
    --------
    >>> tags_of_spans([(0, 2, "PER"), (2, 3, "PER")], 4)
    ['B-PER', 'I-PER', 'B-PER', 'O']
    """
    _check_scheme(scheme)
    tags = [OUTSIDE] * length
    before: Span = (0, -1, "")
    end, single = ("L", "U") if scheme == "BILOU" else ("E", "S")
    for start, stop, name in sorted(spans):
        if not 0 <= start < stop <= length:
            todo = f"Spans lie within the {length} tokens of the sentence."
            raise InputError.at("spans", f"holds ({start}, {stop}, {name!r})", todo)
        if start < before[1]:
            todo = "Tags cannot represent overlapping spans: pass lists of (start, end, class)."
            raise InputError.at("spans", f"holds ({start}, {stop}, {name!r}), which overlaps {before}", todo)
        touches = start == before[1] and name == before[2]
        if touches and scheme == "IO":
            todo = "IO cannot tell adjacent spans of one class apart: use BIO."
            raise InputError.at("spans", f"holds ({start}, {stop}, {name!r}) next to {before}", todo)
        tags[start:stop] = [f"I-{name}"] * (stop - start)
        if scheme in ("BIO", "BIOES", "BILOU") or (scheme == "IOB1" and touches):
            tags[start] = f"B-{name}"
        if scheme in ("BIOES", "BILOU"):
            tags[stop - 1] = f"{single if stop - start == 1 else end}-{name}"
        before = (start, stop, name)
    return tags


def _check_scheme(scheme: object) -> None:
    if scheme not in SCHEMES:
        raise InputError.unknown("scheme", scheme, SCHEMES)
