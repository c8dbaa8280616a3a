"""Sections of a report about boxes or points: kinds of errors, images with the most errors."""

from __future__ import annotations

from workbench.reports.box_facts import BoxFacts
from workbench.reports.facts import Facts
from workbench.reports.unit_tables import examples_html, kinds_html


def box_kinds_section(facts: Facts, own: BoxFacts) -> str:
    """Section with the expected errors of each kind."""
    words = f"The likeliest kind of error of each given {own.unit}, and {own.objects} that the labels may lack."
    below = float(facts.about.get("expected_errors_below") or 0)
    if below >= 0.05:
        words += f" About {below:,.1f} more missing {own.objects} are expected that are too unlikely to be listed."
    return kinds_html(words, own.kinds, own.objects)


def images_section(facts: Facts, own: BoxFacts) -> str:
    """Section with the images that have the most expected errors; "" without any."""
    words = "Images with the most expected errors, and the likeliest kinds of their label issues."
    return examples_html(words, own.images, f"given {own.objects}", "label issues by kind")
