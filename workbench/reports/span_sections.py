"""Sections of a report about spans: kinds of errors, equal words with other labels, texts, precision and recall."""

from __future__ import annotations

from workbench.reports.facts import Facts
from workbench.reports.markup import table_html
from workbench.reports.span_facts import SpanFacts
from workbench.reports.unit_tables import examples_html, forms_html, kinds_html

QUALITY_ROWS = {
    "given": "given labels (expected)",
    "corrected": "corrected labels (expected)",
    "compared": "given labels, compared to the corrected ones",
}


def kinds_section(facts: Facts, own: SpanFacts) -> str:
    """Section with the expected errors of each kind."""
    words = "The likeliest kind of error of each given span, and spans that the labels may lack."
    below = float(facts.about.get("expected_errors_below") or 0)
    if below >= 0.05:
        words += f" About {below:,.1f} more missing spans are expected that are too unlikely to be listed one by one."
    return kinds_html(words, own.kinds, "spans")


def forms_section(facts: Facts, own: SpanFacts) -> str:
    """Section with words that are labelled differently at different places; "" without any."""
    words = "Words that have different labels at different places, or none. That can be right: the same words may mean "
    return forms_html(f"{words}different things.", own.forms, "words")


def documents_section(facts: Facts, own: SpanFacts) -> str:
    """Section with the texts that have the most expected errors; "" without any."""
    return examples_html("Texts with the most expected errors.", own.documents, "given spans")


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
