"""The result of a projection: spans on the target side, and the faults that were found, as a table for review."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.foundation.printing import Printed
from workbench.tasks import find_task
from workbench.tasks.class_names import object_array
from workbench.tasks.keys import candidate_keys
from workbench.tasks.protocol import NOTHING
from workbench.tasks.span_tags import Span, tags_of_spans

FAULTS = {
    "lost": "a span of the source has none in the target",
    "doubled": "a span of the source has several in the target",
    "unclosed": "an opening marker without a closing one",
    "unopened": "a closing marker without an opening one",
    "nested": "a marker inside another one, or across it",
    "empty": "markers around nothing",
    "unknown": "a marker that no span of the source has",
    "boundary": "a span that begins or ends inside a word, or ends with punctuation",
    "fuzzy": "a span that can belong to several spans of the source",
    "order": "spans in another order than in the source",
    "altered": "a text between markers that differs in the translation without markers",
    "low margin": "a position that is hardly better than the next one",
    "removed": "a span of the old version that the new one lacks",
    "retyped": "a span with another type in the old version",
    "moved": "a span with other boundaries in the old version",
    "conflict": "a span that another scheme has with another type or other boundaries",
    "missed": "a position without a span that is near a type",
    "spurious": "a span that is near no type",
    "type": "a span that is nearer to another type",
}
"""Kinds of faults, the most severe first, and their meaning."""


class Fault(NamedTuple):
    """One doubtful span.

    Attributes
    ----------
    row : its example. kind : one of `FAULTS`. given : the span that the labels have, or None. suggested : the span to
    replace it with; None for none. reason : in words. margin : float, by which the position leads; NaN if unknown.
    source : number of the span of the source, -1 unknown. name : text of the span of the source, "" unknown.
    """

    row: int
    kind: str
    given: Span | None
    suggested: Span | None
    reason: str
    margin: float = np.nan
    source: int = -1
    name: str = ""


@dataclass(frozen=True, repr=False)
class Projection(Printed):
    """Projected spans of n target texts.

    Attributes
    ----------
    ids : (n,) ids. spans : n lists of (start, end, class), ordered. texts : n str, or None if positions count tokens.
    tokens : n lists of str, or None. lengths : (n,) int64, numbers of tokens; -1 for characters.
    sources : n lists with the number of the source's span of each span, -1 unknown.
    issues : DataFrame indexed by (id, unit) of doubtful spans, most severe first, in the format of
        `find_issues(per="unit")`: text, given_label, suggested_label, p_error and p_suggested (NaN: a fault has no
        probability), is_issue, kind (one of `FAULTS`), reasons, row, given_value, suggested_value, margin, source.
    """

    ids: np.ndarray
    spans: list[list[Span]]
    texts: list[str] | None
    tokens: list[list[str]] | None
    lengths: np.ndarray
    sources: list[list[int]]
    issues: pd.DataFrame

    def __str__(self) -> str:
        counts = self.issues["kind"].value_counts()
        said = ", ".join(f"{count:,} {kind}" for kind, count in counts.items()) or "no faults"
        return f"{sum(map(len, self.spans)):,} spans in {len(self.spans):,} texts: {said}"

    def frame(self) -> pd.DataFrame:
        """Return the spans as a DataFrame for `import_run(..., label="spans", id="id", task="spans")`, with `text` or
        `tokens`."""
        words: dict[str, Any] = {}
        if self.texts is not None:
            words["text"] = self.texts
        if self.tokens is not None:
            words["tokens"] = self.tokens
        if (self.lengths < 0).all():
            return pd.DataFrame({"id": self.ids, **words, "spans": pd.Series(self.spans, dtype=object)})
        labels = [{"length": int(t), "spans": own} for own, t in zip(self.spans, self.lengths)]
        return pd.DataFrame({"id": self.ids, **words, "spans": pd.Series(labels, dtype=object)})

    def tags(self, scheme: str = "BIO") -> list[list[str]]:
        """Return n lists of tags in a `scheme`, for spans that count tokens."""
        return [tags_of_spans(own, int(length), scheme) for own, length in zip(self.spans, self.lengths)]


def fault_table(
    faults: Sequence[Fault], ids: np.ndarray, spans: Sequence[Sequence[Span]], texts: Sequence[str] | None = None,
    tokens: Sequence[Sequence[str]] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return faults as units, the most severe kind first, then by increasing margin; see `Projection.issues`.

    Parameters
    ----------
    spans : n lists of the given spans, ordered as they are stored. texts, tokens : of the examples, if known.

    Notes
    -----
    A given span has the key of its number. A proposed one has that of its content, so it equals the key of the same
    proposal of `find_issues`. Faults about one unit are joined; the most severe gives its kind and suggestion.
    """
    kind_at = {kind: place for place, kind in enumerate(FAULTS)}
    keyed: dict[tuple[int, str], list[Fault]] = {}
    for fault, key in zip(faults, _keys(faults, spans), strict=True):
        keyed.setdefault((fault.row, key), []).append(fault)
    merged = []
    for (row, key), own in keyed.items():
        own = sorted(own, key=lambda one: kind_at[one.kind])
        merged.append((row, key, own[0], "; ".join(dict.fromkeys(one.reason for one in own))))
    merged.sort(key=lambda one: (kind_at[one[2].kind], np.nan_to_num(one[2].margin, nan=np.inf), one[0]))
    encode = find_task("spans").encode
    rows = [row for row, _, _, _ in merged]
    firsts = [one for _, _, one, _ in merged]

    def value(span: Span | None) -> str:
        return encode(None if span is None else dict(zip(("start", "end", "label"), span)))

    frame = pd.DataFrame(
        {
            "text": object_array([_text(one, texts, tokens) for one in firsts]),
            "given_label": object_array([NOTHING if one.given is None else one.given[2] for one in firsts]),
            "suggested_label": object_array([NOTHING if one.suggested is None else one.suggested[2] for one in firsts]),
            "p_error": np.full(len(merged), np.nan),
            "p_suggested": np.full(len(merged), np.nan),
            "is_issue": np.ones(len(merged), bool),
            "kind": object_array([one.kind for one in firsts]),
            "reasons": object_array([reasons for _, _, _, reasons in merged]),
            "row": np.array(rows, np.int64),
            "given_value": object_array([value(one.given) for one in firsts]),
            "suggested_value": object_array([value(one.suggested) for one in firsts]),
            "margin": np.array([one.margin for one in firsts], float),
            "source": np.array([one.source for one in firsts], np.int64),
        }
    )
    names = [ids[row] for row in rows]
    frame.index = pd.MultiIndex.from_arrays([names, [key for _, key, _, _ in merged]], names=["id", "unit"])
    counted = frame["kind"].value_counts()
    frame.attrs = {
        "evidence": "checks of a projection",
        "threshold": "faults that the checks found",
        "faults": {kind: int(counted[kind]) for kind in FAULTS if kind in counted},
    }
    return frame


def _keys(faults: Sequence[Fault], spans: Sequence[Sequence[Span]]) -> list[str]:
    """Return the key of each fault's unit."""
    keys = [""] * len(faults)
    proposed = []
    for place, fault in enumerate(faults):
        if fault.given is not None and fault.given in spans[fault.row]:
            keys[place] = f"g{list(spans[fault.row]).index(fault.given)}"
        else:
            proposed.append(place)
    proposed.sort(key=lambda place: faults[place].row)
    places = [(-1, -1, "") if (one := faults[at].suggested or faults[at].given) is None else one for at in proposed]
    columns = [np.array([span[part] for span in places], np.int64) for part in (0, 1)]
    words = [f"{faults[at].kind} {faults[at].source}" if span[0] < 0 else span[2] for at, span in zip(proposed, places)]
    rows = np.array([faults[at].row for at in proposed], np.int64)
    distinct = pd.MultiIndex.from_arrays([rows, *columns, words])
    first = ~distinct.duplicated()
    made = candidate_keys(rows[first], *(one[first] for one in columns), np.array(words, object)[first])
    key_of = dict(zip(distinct[first].tolist(), made.to_pylist()))
    for place, content in zip(proposed, distinct.tolist()):
        keys[place] = key_of[content]
    return keys


def _text(fault: Fault, texts: Sequence[str] | None, tokens: Sequence[Sequence[str]] | None) -> str | None:
    """Return the text of the suggested or given span, or of the source's."""
    span = fault.suggested or fault.given
    if span is not None and texts is not None:
        return texts[fault.row][span[0] : span[1]]
    if span is not None and tokens is not None:
        return " ".join(tokens[fault.row][span[0] : span[1]])
    return fault.name or None
