"""Sections of a report about spans: kinds of errors, equal words with other labels, texts, precision and recall."""

from __future__ import annotations

from html import escape

from workbench.foundation.cells import cell_text
from workbench.reports.facts import Facts
from workbench.reports.markup import table_html
from workbench.reports.span_facts import SpanFacts

QUALITY_ROWS = {
    "given": "given labels (expected)",
    "corrected": "corrected labels (expected)",
    "compared": "given labels, compared to the corrected ones",
}


def kinds_section(facts: Facts, own: SpanFacts) -> str:
    """Section with the expected errors of each kind."""
    rows = [
        (escape(row["kind"]), f"{row['spans']:,}", f"{row['wrong']:,.1f}", f"{row['issues']:,}", f"{row['changed']:,}")
        for row in own.kinds.to_dict("records")
    ]
    words = "The likeliest kind of error of each given span, and spans that the labels may lack."
    below = float(facts.about.get("expected_errors_below") or 0)
    if below >= 0.05:
        words += f" About {below:,.1f} more missing spans are expected that are too unlikely to be listed one by one."
    heads = ("kind of error", "spans", "wrong (expected)", "label issues", "changed")
    return f"<p>{words}</p>" + table_html(heads, rows, (1, 2, 3, 4)) if rows else ""


def forms_section(facts: Facts, own: SpanFacts) -> str:
    """Section with words that are labelled differently at different places; "" without any."""
    if not len(own.forms):
        return ""
    rows = [
        (escape(row["text"]), escape(row["labels"]), f"{row['wrong']:,.1f}", f"{row['issues']:,}")
        for row in own.forms.to_dict("records")
    ]
    words = "Words that have different labels at different places, or none. That can be right: the same words may mean "
    words += "different things."
    heads = ("words", "labelled", "wrong (expected)", "label issues")
    return f"<p>{words}</p>" + table_html(heads, rows, (2, 3))


def documents_section(facts: Facts, own: SpanFacts) -> str:
    """Section with the texts that have the most expected errors; "" without any."""
    if not len(own.documents):
        return ""
    rows = [
        (
            escape(cell_text(row["id"])), f"{row['spans']:,}", f"{row['wrong']:,.1f}", f"{row['issues']:,}",
            escape(row["excerpt"]),
        )
        for row in own.documents.to_dict("records")
    ]  # fmt: skip
    heads = ("id", "given spans", "wrong (expected)", "label issues", "text")
    return "<p>Texts with the most expected errors.</p>" + table_html(heads, rows, (1, 2, 3))


def quality_section(facts: Facts, own: SpanFacts) -> str:
    """Section with precision and recall of the labels before and after the corrections."""
    known = facts.total is None or facts.total.known
    rows = []
    for row in own.quality.to_dict("records"):
        cells = []
        for name in ("precision", "recall", "f1"):
            low, high = row[f"{name}_low"], row[f"{name}_high"]
            span = f"{low:.1%} to {high:.1%}"
            if row["labels"] == "compared":
                cells.append(f"{row[name]:.1%}")
            else:
                cells.append(f'{row[name]:.1%} <span class="soft">({span})</span>' if known else span)
        rows.append((QUALITY_ROWS[row["labels"]], *cells))
    words = "Expected: how far the labels agree with the true spans, by the probabilities of error; these are as "
    words += "reliable as the number of errors at the top, whose interval they follow."
    if not known:
        words += " Since that number is not known, only the range is."
    if len(own.quality) > 1:
        words += " Decided spans count as right. Compared: exact matches, with the decisions as truth."
    return f"<p>{words}</p>" + table_html(("labels", "precision", "recall", "F1"), rows, (1, 2, 3))
