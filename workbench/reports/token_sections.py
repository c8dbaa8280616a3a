"""Sections of a report about classes of tokens: words with several classes, sentences with the most errors."""

from __future__ import annotations

from workbench.reports.facts import Facts
from workbench.reports.token_facts import TokenFacts
from workbench.reports.unit_tables import examples_html, forms_html


def words_section(facts: Facts, own: TokenFacts) -> str:
    """Section with words that have several classes; "" without any."""
    words = "Words that have different classes at different places. That can be right: many words have several classes."
    return forms_html(words, own.forms, "word")


def sentences_section(facts: Facts, own: TokenFacts) -> str:
    """Section with the sentences that have the most expected errors; "" without any."""
    return examples_html("Sentences with the most expected errors.", own.sentences, "labelled tokens")
