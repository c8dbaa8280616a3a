"""Differences of two texts by character, as edits, and positions carried from one text to the other."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import NamedTuple


class Edit(NamedTuple):
    """One edit: old[start:end] becomes new[new_start:new_end]."""

    start: int
    end: int
    new_start: int
    new_end: int


def char_edits(old: str, new: str) -> list[Edit]:
    """Return the edits that turn one text into another, in order.

    Edits with only letters between them, inside a word, are one edit; ideographs and kana are edited one by one.

    Examples
    --------
    >>> char_edits("teh cat", "the cats")
    [Edit(start=1, end=3, new_start=1, new_end=3), Edit(start=7, end=7, new_start=7, new_end=8)]
    """
    edits: list[Edit] = []
    for kind, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        between = old[edits[-1].end : start] if edits else ""
        if edits and between.isascii() and between.isalnum():
            last = edits.pop()
            edits.append(Edit(last.start, end, last.new_start, new_end))
        else:
            edits.append(Edit(start, end, new_start, new_end))
    return edits


class CharMap:
    """Positions in a text, carried to an edited version of it."""

    def __init__(self, old: str, new: str) -> None:
        self.old, self.new, self.edits = old, new, char_edits(old, new)

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return the position of old[start:end] in the new text; equal numbers if it was deleted.

        An edit that touches it is inside as a whole; an insertion beside it only if it makes a word longer.
        """
        return self._at(start, False), self._at(end, True)

    def changed(self, start: int, end: int) -> bool:
        """Whether an edit changes old[start:end]."""
        first, last = self.place(start, end)
        return self.old[start:end] != self.new[first:last]

    def _at(self, place: int, is_end: bool) -> int:
        shift = 0
        for edit in self.edits:
            if edit.start == edit.end == place:
                if is_end != self._in_word(edit, is_end):  # it stays before the place
                    break
                shift = edit.new_end - edit.end
            elif edit.start < place < edit.end:
                return edit.new_end if is_end else edit.new_start
            elif place >= edit.end:
                shift = edit.new_end - edit.end
            else:
                break
        return place + shift

    def _in_word(self, edit: Edit, is_end: bool) -> bool:
        """Whether an insertion at the end (or start) of a span belongs to its last (or first) word."""
        if is_end:
            return self.old[edit.start - 1 : edit.start].isalnum() and self.new[edit.new_start].isalnum()
        return self.old[edit.start : edit.start + 1].isalnum() and self.new[edit.new_end - 1].isalnum()
