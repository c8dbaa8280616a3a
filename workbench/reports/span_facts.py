"""The contents of a report about spans: kinds of errors, equal words with other labels, texts, precision and recall."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.evidence.as_evidence import handed_in
from workbench.foundation.cells import is_missing
from workbench.foundation.progress import step
from workbench.issues.kinds.contract import Asked
from workbench.issues.spans.documents import Document, document_of, listed_spans
from workbench.issues.spans.estimator import tokens_in
from workbench.issues.spans.forms import Forms
from workbench.issues.spans.judged_spans import SPAN_ERRORS
from workbench.issues.spans.span_layers import given_spans
from workbench.reports import facts
from workbench.reports.unit_facts import (
    LISTED_FORMS,
    UnitContents,
    counts_in_words,
    decided_units,
    excerpt_around,
    gather_units,
    kind_table,
    worst_examples,
)
from workbench.tasks.keys import number_of
from workbench.tasks.protocol import NOTHING
from workbench.tasks.span_table import table_of

if TYPE_CHECKING:
    from workbench.runs.run import Run

SPAN_WORDS = facts.Words(
    "span", "spans", "a missing span is one that the labels lack", "classes", "spans", "",
    ("spans (given and possibly missing ones)", "without a label"), "wrong or missing",
)  # fmt: skip

KIND_WORDS: dict[str, str] = dict(
    zip(SPAN_ERRORS, ("another class", "other boundaries", "spurious: no span here", "missed: a span is missing here"))
)
"""Kinds of errors in words."""


@dataclass(frozen=True)
class SpanFacts:
    """Contents of a report for spans only.

    Attributes
    ----------
    texts : the words of each unit, by (id, unit). unit : heading of their column.
    kinds : as `workbench.reports.unit_facts.kind_table` returns them.
    forms : words that are labelled differently at different places: text, labels (with counts, in words), wrong
        (expected), issues.
    documents : examples with the most expected errors: id, units (given spans), wrong, issues, excerpt.
    quality : precision, recall and F1 of the labels, with an interval (low, high) of each; rows "given" and, after
        changes, "corrected" (expected), and "compared" (the given labels against the corrected ones).
    """

    texts: dict[tuple[Any, str], str]
    kinds: pd.DataFrame
    forms: pd.DataFrame
    documents: pd.DataFrame
    quality: pd.DataFrame
    unit: str = "span"

    def name_of(self, id: object, key: str) -> str:
        """The words of a span."""
        return self.texts.get((id, key), "added")


class SpanContents(UnitContents):
    """Spans, shown in their text."""

    words = SPAN_WORDS

    def __init__(self, run: Run, issues: pd.DataFrame) -> None:
        super().__init__(run, issues)
        words = [None if is_missing(one) else str(one) for one in issues["text"]]
        self.texts = {key: one for key, one in zip(issues.index.tolist(), words) if one is not None}
        self._documents: dict[int, Document | None] = {}

    def stored(self, row: int, text: str) -> str:
        """The class of a span, and its words."""
        return self._in_words(row, self._value(text))

    def label(self, row: int, found: dict[str, Any], which: str) -> str | None:
        """The class; a suggested span with other boundaries with its words."""
        label = super().label(row, found, which)
        value, given = self._value(found["suggested_value"]), self._value(found["given_value"])
        if which == "given" or value is None or given is None:
            return label
        same = all(value[end] == given[end] for end in ("start", "end"))
        return label if same else self._in_words(row, value)

    def unit(self, id: object, key: str) -> str:
        """The words of the span."""
        return self.texts.get((id, key), "")

    def text(self, row: int, found: dict[str, Any]) -> tuple[str | None, tuple[int, int] | None]:
        """The text around the span."""
        document = self._document(row)
        value = self._value(found["given_value"]) or self._value(found["suggested_value"])
        if document is None or not document.known:
            return facts.excerpt_of(self.run, row), None
        start, end = document.in_text(value["start"], value["end"]) if value else self._only(row, document, found)
        if end <= start:
            return facts.excerpt_of(self.run, row) or document.text[: facts.EXCERPT], None
        return excerpt_around(document.text, start, end)

    def _only(self, row: int, document: Document, found: dict[str, Any]) -> tuple[int, int]:
        """Return the only place of the words of a span that is not suggested, outside the given ones; (0, 0) if there
        is not exactly one."""
        words = found["text"]
        if is_missing(words) or not words:
            return 0, 0
        taken = [document.in_text(start, end) for start, end, _ in listed_spans(self.dataset.labels, row) or []]
        starts = [one.start() for one in re.finditer(re.escape(words), document.text)]
        free = [one for one in starts if all(one >= end or one + len(words) <= start for start, end in taken)]
        return (free[0], free[0] + len(words)) if len(free) == 1 else (0, 0)

    def classes(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Tables of given spans by class, and of pairs of given and suggested classes."""
        issues = self.issues
        given = issues[issues["given_label"] != NOTHING]
        changed = given["given_label"].reindex(self.changes.index).dropna()
        return facts.class_table(given, changed), facts.pair_table(issues)

    def own(self) -> SpanFacts:
        """Return tables of kinds of errors, forms and texts, and precision and recall."""
        step("equal words with other labels")
        forms = self._forms()
        kinds = kind_table(self.issues, self.changes.index, KIND_WORDS)
        return SpanFacts(self.texts, kinds, forms, self._worst(), self._quality())

    def _document(self, row: int) -> Document | None:
        if row not in self._documents:
            self._documents[row] = document_of(self.dataset, row)
        return self._documents[row]

    def _in_words(self, row: int, value: dict[str, Any] | None) -> str:
        document = self._document(row)
        if value is None or document is None or not document.known:
            return self.dataset.kind.in_words(value)
        start, end = document.in_text(value["start"], value["end"])
        return f"{value['label']} “{document.text[start:end]}”"

    def _forms(self) -> pd.DataFrame:
        """Return the table of words that are labelled differently, by counting them in all labelled texts."""
        columns = ["text", "labels", "wrong", "issues"]
        handed = handed_in(self.run, "spans", {})
        asked = Asked(handed.dataset, handed.evidence)
        table = table_of(handed.dataset.labels)
        tokens = tokens_in(asked, table)
        if not tokens.known:
            self.missing.append("no comparison of equal words: the run has no texts")
            return pd.DataFrame(columns=columns)
        given = given_spans(table, tokens)
        forms = Forms(tokens, given, ~table.missing[tokens.rows])
        starts = np.searchsorted(table.rows, np.arange(table.n + 1))
        issues = self.issues.assign(text=[self.texts.get(key, "") for key in self.issues.index.tolist()])
        grouped = issues.groupby("text", sort=False)
        sums = pd.DataFrame({"wrong": grouped["p_error"].sum(), "issues": grouped["is_issue"].sum().astype(int)})
        keys = issues.index.get_level_values("unit")
        own = issues[[key[:1] == "g" for key in keys]].drop_duplicates("text")
        numbers = [number_of(key) or 0 for key in own.index.get_level_values("unit")]
        places = starts[own["row"].to_numpy(np.int64)] + np.array(numbers, np.int64)
        labels, bare = forms.counts(given.first[places], given.last[places])
        rows = []
        for text, counted, outside in zip(own["text"], labels, bare.tolist()):
            if len(counted) + (outside > 0) > 1:
                rows.append((text, self._counts(counted, outside), *sums.loc[text]))
        found = pd.DataFrame(rows, columns=columns).astype({"issues": "int64"})
        return found.sort_values("wrong", ascending=False, kind="stable").head(LISTED_FORMS).reset_index(drop=True)

    def _counts(self, counted: dict[int, int], outside: int) -> str:
        named = [(count, self.dataset.classes[label]) for label, count in counted.items()]
        return counts_in_words([*named, *([(outside, "no span")] if outside else [])])

    def _worst(self) -> pd.DataFrame:
        issues = self.issues
        given = (issues["given_label"] != NOTHING) & issues["given_label"].notna()
        table = worst_examples(issues, given)
        documents = [self._document(int(row)) for row in table.index]
        texts = ["" if one is None or not one.known else one.text for one in documents]
        short = [text[: facts.EXCERPT // 2] + ("…" if len(text) > facts.EXCERPT // 2 else "") for text in texts]
        return table.assign(id=self.dataset.ids[table.index.to_numpy()], excerpt=short).reset_index(drop=True)

    def _quality(self) -> pd.DataFrame:
        issues, attrs = self.issues, self.issues.attrs
        expected = float(attrs.get("expected_errors") or 0)
        scales = [1.0, *((end / expected if expected else 1.0) for end in attrs.get("expected_errors_interval", ()))]
        decided = decided_units(self.run, issues)
        below = float(attrs.get("expected_errors_below") or 0)
        rows = {"given": [expected_quality(issues, below, scale) for scale in scales]}
        if len(self.changes):
            left = issues.assign(p_error=issues["p_error"].where(~decided, 0.0))
            rows["corrected"] = [expected_quality(self._now(left), below, scale) for scale in scales]
            rows["compared"] = [self._compared()]
        lines = []
        for name, found in rows.items():
            values = np.array(found)
            lines.append((name, *values[0], *values.min(axis=0), *values.max(axis=0)))
        measures = ("precision", "recall", "f1")
        columns = [*measures, *(f"{name}_low" for name in measures), *(f"{name}_high" for name in measures)]
        return pd.DataFrame(lines, columns=["labels", *columns])

    def _now(self, issues: pd.DataFrame) -> pd.DataFrame:
        """Return issues with the decided labels as given ones."""
        values = [self._value(text) for text in self.changes["label"]]
        now = pd.Series([NOTHING if one is None else one["label"] for one in values], self.changes.index, dtype=object)
        known = now[now.index.isin(issues.index)]
        added = pd.DataFrame({"given_label": now.drop(known.index), "p_error": 0.0, "kind": "type"})
        there = issues[["given_label", "p_error", "kind"]].copy()
        there.loc[known.index, "given_label"] = known
        return pd.concat([there, added]) if len(added) else there

    def _compared(self) -> tuple[float, float, float]:
        """Return precision, recall and F1 of the given spans against the corrected ones, by exact matches."""
        one, other = (
            {tuple(span) for span in np.stack(table_of(labels)[:4], axis=1).tolist()}
            for labels in (self.run.dataset.labels, self.run.labels())
        )
        return _measures(len(one & other), len(one), len(other))


def gather_spans(run: Run, issues: pd.DataFrame | None, top: int, fdr: float | None) -> facts.Facts:
    """Collect the facts of a run; see `workbench.reports.unit_facts.gather_units`."""
    return gather_units(run, issues, top, fdr, SpanContents)


def expected_quality(issues: pd.DataFrame, below: float = 0.0, scale: float = 1.0) -> tuple[float, float, float]:
    """Return the expected precision, recall and F1 of labelled spans, from their probabilities of error.

    Parameters
    ----------
    issues : one row per unit: given_label ("nothing" for a span that is possibly missing), p_error, kind.
    below : expected number of missing spans without a row. scale : factor of all probabilities.

    Notes
    -----
    A given span is right with probability 1 - p. If it is wrong in its class or boundaries, there is another span in
    its place; if it is spurious, there is none. With R expected right spans among G given ones, S expected spurious
    ones and M expected missing ones, precision is R / G and recall R / (G - S + M).
    """
    known = issues["p_error"].notna().to_numpy()
    p = np.clip(issues["p_error"].to_numpy(float)[known] * scale, 0, 1)
    absent = (issues["given_label"] == NOTHING).to_numpy()[known]
    spurious = (issues["kind"] == SPAN_ERRORS[2]).to_numpy()[known] & ~absent
    given = int((~absent).sum())
    true = given - p[spurious].sum() + p[absent].sum() + below * scale
    return _measures(float((1 - p[~absent]).sum()), given, float(true))


def _measures(right: float, given: float, true: float) -> tuple[float, float, float]:
    """Return precision, recall and F1."""
    precision, recall = (right / count if count else 1.0 for count in (given, true))
    return precision, recall, 2 * right / (given + true) if given + true else 1.0
