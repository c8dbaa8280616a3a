"""Output of a corrector, such as of spelling: edits by character to accept or reject, and doubtful ones among them."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, shortened
from workbench.issues.spans.tokens import word_places
from workbench.spans.span_lists import read_ids, read_span_lists, read_texts
from workbench.spans.text_edits import CharMap, Edit, char_edits
from workbench.tasks.span_tags import Span

EDIT_COLUMNS = ("start", "end", "old", "new", "accepted")


class MovedSpans(NamedTuple):
    """Spans in edited texts.

    Attributes
    ----------
    spans : n lists of (start, end, class), ordered. changed : DataFrame of the spans whose own text was edited: row,
        start, end (in the old text), label, old, new; new is "" for a deleted span, which is not in `spans`.
    """

    spans: list[list[Span]]
    changed: pd.DataFrame


def read_corrections(sources: Any, targets: Any, *, ids: Any = None) -> pd.DataFrame:
    """Align corrected texts with their sources by character, and list each edit with evidence against it.

    Parameters
    ----------
    sources : n str, texts as they were. targets : n str, the texts as corrected.
    ids : n ids; by default the row numbers.

    Returns
    -------
    DataFrame indexed by (id, edit), in the order of the texts
        row, start, end (position in the source, characters), old and new (the text before and after), old_words and
        new_words (the whole words), doubt (float64; above 0: the words after the edit are rarer in the other targets
        than those before it), reverse (number of edits in other texts that undo it), accepted (bool, `doubt` at most 0
        and not more reverse than equal edits), reasons. Set `accepted` yourself, then use `apply_edits`.

    Raises
    ------
    InputError : different numbers of texts, or entries that are not text.

    Notes
    -----
    doubt = log((c(old) + 1/2) / (c(new) + 1/2)), where c(words) counts the targets of other rows that have the words.
    A wrong target has words that no other target has. It is evidence, not a probability. In few texts on many topics,
    correct words are rare as well.

    References
    ----------
    Liu, Wu and Zhao 2024, Chinese Spelling Correction as Rephrasing Language Model, for the kind of data.

    Examples
    --------
    >>> edits = read_corrections(["teh cat sat", "the cat ran"], ["the cat sat", "the cat ran"])
    >>> edits[["old_words", "new_words", "accepted"]].to_numpy().tolist()
    [['teh', 'the', True]]
    """
    before = read_texts(sources, len(sources) if hasattr(sources, "__len__") else 0, "sources")
    after = read_texts(targets, len(before), "targets")
    names = read_ids(ids, np.arange(len(before)))
    words = [_words(text) for text in after]
    held = Counter(word for own in words for word in set(own))
    rows = []
    for row, (old, new) in enumerate(zip(before, after)):
        for edit in char_edits(old, new):
            rows.append((row, edit.start, edit.end, *_parts(edit, old, new)))
    columns = ["row", "start", "end", "old", "new", "old_words", "new_words"]
    frame = pd.DataFrame(rows, columns=pd.Index(columns)).astype({"row": int, "start": int, "end": int})
    pairs = Counter(zip(frame["old_words"], frame["new_words"]))
    evidence = [
        _evidence(held, pairs, set(words[row]), old, new)
        for row, old, new in zip(frame["row"], frame["old_words"], frame["new_words"])
    ]
    table = pd.DataFrame(evidence, columns=pd.Index(["doubt", "reverse", "accepted", "reasons"]))
    frame = pd.concat([frame, table], axis=1)
    numbers = frame.groupby("row").cumcount()
    frame.index = pd.MultiIndex.from_arrays([names[frame["row"].to_numpy(int)], numbers], names=["id", "edit"])
    return frame


def apply_edits(sources: Any, edits: pd.DataFrame) -> list[str]:
    """Apply the accepted edits.

    Parameters
    ----------
    sources : n str, as in `read_corrections`.
    edits : DataFrame
        With the columns row, start, end, old, new and accepted (bool), such as the result of `read_corrections`.

    Returns
    -------
    n str. With all edits accepted, these are the targets; with none, the sources.

    Raises
    ------
    InputError : missing columns, edits that overlap, or an edit whose `old` is not in the source.
    """
    texts = read_texts(sources, len(sources) if hasattr(sources, "__len__") else 0, "sources")
    lost = [name for name in ("row", *EDIT_COLUMNS) if name not in edits]
    if lost:
        raise InputError.at("edits", f"has no column {lost[0]!r}", "Pass the result of `read_corrections`.")
    taken = edits[edits["accepted"].to_numpy(bool)].sort_values(["row", "start", "end"])
    parts: dict[int, list[str]] = {}
    at: dict[int, int] = {}
    for row, start, end, old, new in taken[["row", *EDIT_COLUMNS[:4]]].itertuples(index=False):
        if not 0 <= row < len(texts) or texts[row][start:end] != old:
            found = f"replaces {shortened(old)} at {start}, which is not there"
            raise InputError.at("edits", found, "Pass edits of these sources.", row=int(row))
        if start < at.get(row, 0):
            raise InputError.at("edits", f"has overlapping edits at {start}", "Accept one of them.", row=int(row))
        parts.setdefault(row, []).extend([texts[row][at.get(row, 0) : start], new])
        at[row] = end
    return ["".join([*parts.get(row, []), text[at.get(row, 0) :]]) for row, text in enumerate(texts)]


def correction_scores(sources: Any, targets: Any, references: Any) -> pd.DataFrame:
    """Score corrected texts against references, by sentence: detection and correction, as usual in spelling correction.

    Parameters
    ----------
    sources, targets, references : n str each: the texts as they were, as corrected, and as they should be.

    Returns
    -------
    DataFrame indexed by "detection" and "correction": precision, recall, f1 (float64 in [0, 1], NaN if undefined),
    changed (texts that the corrector changed), wrong (texts that should be changed), correct.

    Raises
    ------
    InputError : different numbers of texts.

    Notes
    -----
    A text is detected if exactly the right characters of the source are edited, and corrected if the target equals the
    reference. precision = correct / changed, recall = correct / wrong, f1 = 2 correct / (changed + wrong), where
    correct counts texts that should be changed and were.

    References
    ----------
    Tseng, Lee, Chang and Chen 2015, Introduction to SIGHAN 2015 Bake-off for Chinese Spelling Check, section 4.

    Examples
    --------
    >>> correction_scores(["teh", "cat", "dgo"], ["the", "cat", "dig"], ["the", "cat", "dog"])["f1"].round(2).tolist()
    [1.0, 0.5]
    """
    before = read_texts(sources, len(sources) if hasattr(sources, "__len__") else 0, "sources")
    after, wanted = (
        read_texts(one, len(before), name) for one, name in ((targets, "targets"), (references, "references"))
    )
    changed = np.array([one != two for one, two in zip(before, after)], bool)
    wrong = np.array([one != two for one, two in zip(before, wanted)], bool)
    same = [_places(old, one) == _places(old, two) for old, one, two in zip(before, after, wanted)]
    equal = [one == two for one, two in zip(after, wanted)]
    rows = []
    for good in (np.array(same, bool), np.array(equal, bool)):
        correct = int((good & changed & wrong).sum())
        both = int(changed.sum()), int(wrong.sum())
        shares = [correct / one if one else np.nan for one in both]
        f1 = 2 * correct / sum(both) if sum(both) else np.nan
        rows.append((*shares, f1, *both, correct))
    columns = ["precision", "recall", "f1", "changed", "wrong", "correct"]
    return pd.DataFrame(rows, columns=pd.Index(columns), index=pd.Index(["detection", "correction"]))


def move_spans(spans: Any, old_texts: Any, new_texts: Any) -> MovedSpans:
    """Move spans in characters to edited texts, such as those of `apply_edits`.

    Parameters
    ----------
    spans : n lists of (start, end, class) in characters; a Run or Dataset of spans.
    old_texts, new_texts : n str each.

    Returns
    -------
    MovedSpans, with `spans` and the table `changed`.

    Raises
    ------
    InputError : spans in tokens, or different numbers of texts.

    Examples
    --------
    >>> move_spans([[(11, 15, "LOC")]], ["I liev in  Rome."], ["I live in Rome."]).spans
    [[(10, 14, 'LOC')]]
    """
    given = read_span_lists(spans)
    old, new = (read_texts(one, given.n, name) for one, name in ((old_texts, "old_texts"), (new_texts, "new_texts")))
    counted = np.flatnonzero(given.lengths >= 0)
    if len(counted):
        raise InputError.at("spans", "counts tokens", "Pass positions in characters.", row=int(counted[0]))
    moved: list[list[Span]] = []
    changed = []
    for row, own in enumerate(given.spans):
        chars = CharMap(old[row], new[row])
        kept: set[Span] = set()
        for start, end, label in own:
            first, last = chars.place(start, end)
            if first < last:
                kept.add((first, last, label))
            if chars.changed(start, end):
                changed.append((row, start, end, label, old[row][start:end], new[row][first:last]))
        moved.append(sorted(kept))
    columns = ["row", "start", "end", "label", "old", "new"]
    return MovedSpans(moved, pd.DataFrame(changed, columns=pd.Index(columns)))


def _places(old: str, new: str) -> list[tuple[int, int]]:
    return [(edit.start, edit.end) for edit in char_edits(old, new)]


def _words(text: str) -> list[str]:
    return [text[start:end].casefold() for start, end in word_places(text)]


def _parts(edit: Edit, old: str, new: str) -> tuple[str, str, str, str]:
    """Return the text before and after an edit, and the same for the whole words."""
    wholes = []
    for text, start, end in ((old, edit.start, edit.end), (new, edit.new_start, edit.new_end)):
        touched = [one for one in word_places(text) if one[0] <= end and one[1] >= start]
        inside = [one for one in touched if one[0] < end and one[1] > start] or touched
        wholes.append(text[min(start, inside[0][0]) : max(end, inside[-1][1])] if inside else text[start:end])
    return old[edit.start : edit.end], new[edit.new_start : edit.new_end], wholes[0], wholes[1]


def _evidence(
    held: Counter[str], pairs: Counter[tuple[str, str]], own: set[str], old: str, new: str
) -> tuple[float, int, bool, str]:
    """Return doubt, number of reverse edits, whether the edit is accepted, and the reasons."""

    def others(words: str) -> float:
        parts = re.findall(r"\S+", words.casefold())
        pieces = [piece for part in parts for piece in _words(part)]
        return min((held[piece] - (piece in own) for piece in pieces), default=0)

    before, after = others(old), others(new)
    doubt = float(np.log((before + 0.5) / (after + 0.5)))
    reverse, equal = pairs[new, old], pairs[old, new]
    reasons = []
    if doubt > 0:
        reasons.append(f"{shortened(new)} is in {after} other targets, {shortened(old)} in {before}")
    if reverse:
        reasons.append(f"{reverse} edits elsewhere do the reverse, {equal} the same")
    return doubt, reverse, doubt <= 0 and reverse <= equal, "; ".join(reasons)
