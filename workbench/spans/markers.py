"""Mark-then-translate projection: write markers around spans, and read them back from translations with checks.

Chen, Jiang, Ritter and Xu 2023, Frustratingly Easy Label Projection for Cross-lingual Transfer (EasyProject).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from workbench.foundation.errors import InputError
from workbench.issues.spans.tokens import word_places
from workbench.spans.matching import LEAST_LIKE, likeness, nearest_words, placed_by_likeness
from workbench.spans.projection_faults import Fault, Projection, fault_table
from workbench.spans.span_lists import SpanLists, read_ids, read_span_lists, read_texts, span_texts
from workbench.spans.text_edits import CharMap
from workbench.tasks.span_tags import Span

STYLES = ("brackets", "letters", "classes")
"""Markers: [span]; <a>span</a> with a letter for each span of a text; <PER>span</PER>."""

_BRACKET = re.compile(r"[\[\]［］【】]")
_TAG = re.compile(r"<\s*(/?)\s*([^<>/\s][^<>/]*?)\s*>")
_OPENING = "[［【"

LEAST_ALIKE = 0.5
"""Likeness from which two texts are taken for the same span."""


class MarkedSpan(NamedTuple):
    """A pair of markers in a text: its position without markers, and the name in the marker ("" in brackets)."""

    start: int
    end: int
    name: str


class Parsed(NamedTuple):
    """A text without markers, the pairs of markers, and the broken ones as (kind, position, name)."""

    text: str
    found: list[MarkedSpan]
    broken: list[tuple[str, int, str]]


def mark_spans(texts: Any, spans: Any, *, style: str = "brackets") -> list[str]:
    """Put markers around spans, for a translator that keeps them.

    Parameters
    ----------
    texts : n str.
    spans : n lists of (start, end, class) in characters, which must not overlap; a Run or Dataset of spans.
    style : {"brackets", "letters", "classes"}
        "[Ada]"; "<a>Ada</a>" with a letter for the number of the span in its text; "<PER>Ada</PER>".

    Returns
    -------
    n str

    Raises
    ------
    InputError : an unknown style; spans in tokens, beyond the text or overlapping; a text that already has such
        markers; more than 702 spans of a text for letters.

    Examples
    --------
    >>> mark_spans(["Ada flew to Rome"], [[(0, 3, "PER"), (12, 16, "LOC")]], style="letters")
    ['<a>Ada</a> flew to <b>Rome</b>']
    """
    _check_style(style)
    given = read_span_lists(spans)
    listed = read_texts(texts, given.n)
    _check_characters(given, listed)
    marked = []
    for row, (text, own) in enumerate(zip(listed, given.spans)):
        if (_BRACKET if style == "brackets" else _TAG).search(text):
            raise InputError.at("texts", "already has such markers", f"Use another style of {STYLES}.", row=row)
        parts, at = [], 0
        for number, (start, end, label) in enumerate(own):
            if start < at:
                found = f"has overlapping spans at {start}"
                raise InputError.at("spans", found, "Project overlapping spans one layer at a time.", row=row)
            name = label if style == "classes" else letter(number)
            pair = ("[", "]") if style == "brackets" else (f"<{name}>", f"</{name}>")
            parts += [text[at:start], pair[0], text[start:end], pair[1]]
            at = end
        marked.append("".join([*parts, text[at:]]))
    return marked


def letter(number: int) -> str:
    """Return the name of a span by its number: a, ..., z, aa, ab, ...

    Raises
    ------
    InputError : a number of 702 or more.
    """
    if number >= 26 * 27:
        raise InputError.at("spans", f"has a text with {number + 1} spans", "Use the style 'brackets'.")
    return (chr(96 + number // 26) if number >= 26 else "") + chr(97 + number % 26)


def read_marked(
    marked: Any, spans: Any, *, style: str = "brackets", source_texts: Any = None, translations: Any = None,
    texts: Any = None, ids: Any = None,
) -> Projection:  # fmt: skip
    """Read spans from translations with markers, and name every fault.

    Parameters
    ----------
    marked : n str, translations of the result of `mark_spans`.
    spans : the spans of the source texts, as in `mark_spans`.
    style : as in `mark_spans`. Full-width brackets, and spaces inside markers, are accepted.
    source_texts : n str, the source texts; by default those of a Run or Dataset. Names that a translation keeps show
        which span is which, and where a lost one is.
    translations : n lists of str, translations of each span on its own, used like `source_texts`.
    texts : n str, translations of the texts without markers. Spans are moved to these.
    ids : n ids of the results; by default those of the source.

    Returns
    -------
    Projection
        `spans` in characters of `texts` (by default, the marked texts without markers), and `issues`, with the faults
        "lost", "doubled", "unclosed", "unopened", "nested", "empty", "unknown", "boundary", "fuzzy", "order" and
        "altered". A lost span is suggested where words of the target are like it.

    Raises
    ------
    InputError : an unknown style, or texts that do not match.

    Notes
    -----
    Pairs of markers and spans of the source are matched by an assignment that maximizes the sum of likeness (for
    brackets, minus a penalty for another order); a letter or class in a marker excludes all other spans. Likeness is
    the ratio of matching characters, as far as it exceeds 0.5. The order is a fault only in spans whose texts are not
    alike, as many languages have another order. "fuzzy" means that pairs of brackets and spans differ in number, the
    spans in class, and the texts are not alike.

    References
    ----------
    Chen, Jiang, Ritter and Xu 2023, Frustratingly Easy Label Projection for Cross-lingual Transfer, section 3.

    Examples
    --------
    >>> found = read_marked(["<b>Rom</b> hat Ada besucht"], [[(0, 3, "PER"), (12, 16, "LOC")]], style="letters")
    >>> found.spans, found.issues["kind"].tolist()
    ([[(0, 3, 'LOC')]], ['lost'])
    """
    _check_style(style)
    given = read_span_lists(spans)
    lines = read_texts(marked, given.n, "marked")
    sources = given.texts if source_texts is None else read_texts(source_texts, given.n, "source_texts")
    if sources is not None:
        _check_characters(given, sources)
    plain = None if texts is None else read_texts(texts, given.n)
    names = _names(given, sources, translations)
    every, numbers, out = [], [], []
    faults: list[Fault] = []
    for row, line in enumerate(lines):
        parsed = parse_markers(line, style)
        made = _Row(row, parsed, given.spans[row], names[row], style)
        text, own, found = parsed.text, made.spans, made.faults
        if plain is not None and plain[row] != text:
            text = plain[row]
            own, found = _onto(row, text, made)
        kept = made.sources
        order = sorted(range(len(own)), key=own.__getitem__)
        order = [one for place, one in enumerate(order) if not place or own[one] != own[order[place - 1]]]
        every.append([own[one] for one in order])
        numbers.append([kept[one] for one in order])
        out.append(text)
        faults += found
    keys = read_ids(ids, given.ids)
    issues = fault_table(faults, keys, every, out)
    return Projection(keys, every, out, None, np.full(given.n, -1), numbers, issues)


def parse_markers(line: str, style: str) -> Parsed:
    """Return the text without markers and the pairs of markers.

    Parameters
    ----------
    line : text with markers. style : one of `STYLES`.

    Notes
    -----
    Whitespace that markers double is dropped, and whitespace at the ends of spans is outside of them.
    """
    parts: list[str] = []
    size, at = 0, 0
    stack: list[tuple[str, int]] = []
    found: list[MarkedSpan] = []
    broken: list[tuple[str, int, str]] = []

    def add(piece: str) -> int:
        spaced = not parts or parts[-1][-1:].isspace()
        piece = piece[1:] if spaced and piece[:1] == " " and (parts or at) else piece
        if piece:
            parts.append(piece)
        return len(piece)

    for mark in (_BRACKET if style == "brackets" else _TAG).finditer(line):
        size += add(line[at : mark.start()])
        at = mark.end()
        closes = mark[0] not in _OPENING if style == "brackets" else bool(mark[1])
        name = "" if style == "brackets" else mark[2]
        if not closes:
            if stack:
                broken.append(("nested", size, name))
            stack.append((name, size))
            continue
        same = [place for place, (one, _) in enumerate(stack) if one.casefold() == name.casefold()]
        if not same:
            broken.append(("unopened", size, name))
            continue
        _, start = stack.pop(same[-1])
        found.append(MarkedSpan(start, size, name))
    size += add(line[at:])
    broken += [("unclosed", start, name) for name, start in stack]
    text = "".join(parts)
    trimmed = []
    for one in found:
        start, end = one.start, one.end
        while start < end and text[start].isspace():
            start += 1
        while start < end and text[end - 1].isspace():
            end -= 1
        if start < end:
            trimmed.append(MarkedSpan(start, end, one.name))
        else:
            broken.append(("empty", start, one.name))
    return Parsed(text, sorted(trimmed), broken)


class _Row:
    """The spans of one target text, their numbers in the source, and the faults."""

    def __init__(
        self, row: int, parsed: Parsed, source: Sequence[Span], names: Sequence[Sequence[str]], style: str
    ) -> None:
        self.row, self.text, self.source, self.names, self.style = row, parsed.text, source, names, style
        self.spans: list[Span] = []
        self.sources: list[int] = []
        self.faults: list[Fault] = []
        known = [one for one in parsed.found if self._allowed(one.name)]
        for kind, place, name in parsed.broken:
            shown = self._shown(name)
            self._fault(kind, None, None, f"{BROKEN[kind].format(shown)} at character {place}")
        for one in parsed.found:
            if not self._allowed(one.name):
                reason = f"{self._shown(one.name)} at character {one.start} is not a marker of the source"
                self._fault("unknown", None, None, reason)
        self.likeness = np.array(
            [
                [max((likeness(parsed.text[one.start : one.end], name) for name in own), default=0.0) for own in names]
                for one in known
            ]
        ).reshape(len(known), len(source))
        self._place(known)
        self._order()

    def _shown(self, name: str) -> str:
        return "a bracket" if self.style == "brackets" else f"<{name}>"

    def _fault(self, kind: str, given: Span | None, suggested: Span | None, reason: str, source: int = -1) -> None:
        name = next((one for one in self.names[source] if one), "") if source >= 0 else ""
        margin = self._margin(source) if given is not None and source >= 0 else np.nan
        self.faults.append(Fault(self.row, kind, given, suggested, reason, margin, source, name))

    def _allowed(self, name: str) -> list[int]:
        """Return the numbers of the source's spans that a marker can stand for."""
        if self.style == "brackets":
            return list(range(len(self.source)))
        if self.style == "letters":
            return [place for place in range(len(self.source)) if letter(place) == name.casefold()]
        return [place for place, one in enumerate(self.source) if one[2].casefold() == name.casefold()]

    def _place(self, known: list[MarkedSpan]) -> None:
        allowed = np.zeros(self.likeness.shape, bool)
        for place, one in enumerate(known):
            allowed[place, self._allowed(one.name)] = True
        self.place_of = placed_by_likeness(self.likeness, allowed)
        named = self._by_text()
        self.at = {source: place for place, source in enumerate(self.place_of) if source >= 0}
        self.known = known
        for place, (one, source) in enumerate(zip(known, self.place_of)):
            like = self._allowed(one.name)
            nearest = source if source >= 0 else max(like, key=lambda number: self.likeness[place, number])
            span = (one.start, one.end, self.source[nearest][2])
            self.spans.append(span)
            self.sources.append(nearest)
            if place in named:
                self._fault(
                    "fuzzy", span, span, f"its text is that of {self._words(source)}, its marker is not", source
                )
            elif source < 0:
                self._fault("doubled", span, None, f"{self._words(nearest)} has several markers", nearest)
            if source >= 0:
                self._boundary(span, source)
        taken = [(one.start, one.end) for one in known]
        for source in range(len(self.source)):
            if source not in self.at:
                place = nearest_words(self.text, self.names[source], taken)
                label = self.source[source][2]
                suggested = None if place is None else (*place, label)
                self._fault("lost", None, suggested, f"{self._words(source)} has no marker", source)
        labels = {one[2] for one in self.source}
        if self.style == "brackets" and len(known) != len(self.source) and len(labels) > 1:
            for source, place in self.at.items():
                if self.likeness[place, source] < LEAST_ALIKE:
                    span = self.spans[place]
                    reason = f"{len(known)} brackets for {len(self.source)} spans of several classes"
                    self._fault("fuzzy", span, span, reason, source)

    def _by_text(self) -> set[int]:
        """Give spans without a marker to pairs of markers without a span whose text is theirs; return these pairs."""
        lost = sorted(set(range(len(self.source))) - set(self.place_of))
        named = set()
        for place in range(len(self.place_of)):
            best = max(lost, key=lambda one: self.likeness[place, one], default=-1)
            if self.place_of[place] < 0 <= best and self.likeness[place, best] >= LEAST_LIKE:
                self.place_of[place] = best
                lost.remove(best)
                named.add(place)
        return named

    def _words(self, source: int) -> str:
        start, end, label = self.source[source]
        name = next((repr(one) for one in self.names[source] if one), f"{start}:{end}")
        return f"span {source} of the source ({label} {name})"

    def _margin(self, source: int) -> float:
        """Return by how much a span is more like its text than like the source's spans of other classes."""
        place = self.at.get(source)
        if place is None or not any(any(own) for own in self.names):
            return np.nan
        label = self.source[source][2]
        others = [self.likeness[place, other] for other, one in enumerate(self.source) if one[2] != label]
        return float(self.likeness[place, source] - max(others)) if others else np.nan

    def _boundary(self, span: Span, source: int) -> None:
        start, end, label = span
        touched = [one for one in word_places(self.text) if one[0] < end and one[1] > start]
        low, high = touched[0][0], touched[-1][1]
        if (low, high) != (start, end):
            self._fault("boundary", span, (low, high, label), "it begins or ends inside a word", source)
            return
        name = next((one for one in self.names[source] if one), "")
        while len(touched) > 1 and not _is_word(self.text, touched[-1]) and (not name or name[-1].isalnum()):
            touched.pop()
        if touched[-1][1] != end and name:
            self._fault("boundary", span, (start, touched[-1][1], label), "it ends with punctuation", source)

    def _order(self) -> None:
        """Report spans that stand before a span of a smaller number, unless their texts show which they are."""
        if self.style == "brackets":
            return
        numbers = [source for source in self.place_of if source >= 0]
        for place, source in enumerate(numbers):
            swapped = any(one > source for one in numbers[:place]) or any(one < source for one in numbers[place + 1 :])
            if swapped and self.likeness[self.at[source], source] < LEAST_ALIKE:
                span = self.spans[self.at[source]]
                self._fault("order", span, span, f"{self._words(source)} has another place in the order", source)


BROKEN = {
    "nested": "{} opens inside another one",
    "unopened": "{} closes without an opening",
    "unclosed": "{} opens and is never closed",
    "empty": "{} marks nothing",
}


def _is_word(text: str, place: tuple[int, int]) -> bool:
    return text[place[0]].isalnum()


def _onto(row: int, text: str, made: _Row) -> tuple[list[Span], list[Fault]]:
    """Move spans and faults of a marked text to the translation without markers."""
    chars = CharMap(made.text, text)

    def moved(span: Span | None) -> Span | None:
        if span is None:
            return None
        words = made.text[span[0] : span[1]]
        start, end = chars.place(span[0], span[1])
        same = [at.start() for at in re.finditer(re.escape(words), text)]
        if text[start:end] != words and same:
            start = min(same, key=lambda one: abs(one - start))
            end = start + len(words)
        return (start, end, span[2]) if likeness(text[start:end], words) >= LEAST_ALIKE else None

    new = [moved(one) for one in made.spans]
    faults = [one._replace(given=moved(one.given), suggested=moved(one.suggested)) for one in made.faults]
    for span, whole, source in zip(made.spans, new, made.sources):
        words = made.text[span[0] : span[1]]
        if whole is None:
            reason = f"{words!r} ({span[2]}) is not in the translation without markers"
            faults.append(Fault(row, "lost", None, None, reason, source=source, name=words))
        elif text[whole[0] : whole[1]] != words:
            reason = f"it is {words!r} in the translation with markers"
            faults.append(Fault(row, "altered", whole, whole, reason, source=source))
    made.sources = [source for source, whole in zip(made.sources, new) if whole is not None]
    return [one for one in new if one is not None], faults


def _names(given: SpanLists, sources: list[str] | None, translations: Any) -> list[list[list[str]]]:
    """Return, for each span of the source, the texts that its target may have."""
    names = []
    if translations is not None and len(translations) != given.n:
        found = f"has {len(translations)} entries for {given.n} examples"
        raise InputError.at("translations", found, "Pass one list of str per example.")
    for row, own in enumerate(given.spans):
        texts = [[one] for one in span_texts(own, None if sources is None else sources[row])]
        if translations is not None:
            said = list(translations[row])
            if len(said) != len(own) or not all(isinstance(one, str) for one in said):
                found = f"has {len(said)} entries for {len(own)} spans"
                raise InputError.at("translations", found, "Pass one str per span, in their order.", row=row)
            texts = [[one, *before] for one, before in zip(said, texts)]
        names.append([[one for one in own if one] for own in texts])
    return names


def _check_style(style: object) -> None:
    if style not in STYLES:
        raise InputError.unknown("style", style, STYLES)


def _check_characters(given: SpanLists, texts: Sequence[str]) -> None:
    """Raise InputError for spans in tokens or beyond their text."""
    counted = np.flatnonzero(given.lengths >= 0)
    if len(counted):
        todo = "Convert them to positions in characters, or use `place_spans` with alignments of tokens."
        raise InputError.at("spans", "counts tokens", todo, row=int(counted[0]))
    for row, own in enumerate(given.spans):
        end = max((one[1] for one in own), default=0)
        if end > len(texts[row]):
            found = f"has {len(texts[row])} characters, and a span ends at {end}"
            raise InputError.at("texts", found, "Spans count characters of the texts from 0.", row=row)
