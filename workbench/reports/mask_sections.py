"""Sections of a report about masks: kinds of regions, pixels before and after, images with the most errors."""

from __future__ import annotations

from html import escape

from workbench.reports.facts import MOST_CLASSES, Facts
from workbench.reports.markup import table_html
from workbench.reports.mask_facts import MaskFacts
from workbench.reports.unit_tables import examples_html, kinds_html

LISTED_MOVES = 20
"""Maximum number of pairs of classes that are listed."""


def region_kinds_section(facts: Facts, own: MaskFacts) -> str:
    """Section with the expected errors of each kind of region."""
    words = "Regions in which the predictions say another class than the mask, by where they lie."
    return kinds_html(words, own.kinds, "regions")


def pixels_section(facts: Facts, own: MaskFacts) -> str:
    """Section with the pixels of each class as given and with the decisions, and what changed."""
    rows = [
        (
            escape(str(row["class"])), f"{row['given']:,}", f"{row['now']:,}",
            f"{row['now'] - row['given']:+,}" if row["now"] != row["given"] else "",
            "" if row["wrong"] != row["wrong"] else f"{row['wrong']:,.0f}",
        )
        for row in own.pixels.head(MOST_CLASSES).to_dict("records")
    ]  # fmt: skip
    words = (
        "Pixels of each class in the given masks and with all decisions. Of the given ones as many are expected to be "
    )
    words += "wrong as doubtful regions hold, each weighted by its probability."
    heads = ("class", "given", "now", "difference", "wrong (expected)")
    out = f"<p>{words}</p>" + table_html(heads, rows, numbers=(1, 2, 3, 4))
    moved = [
        (escape(str(row["given"])), escape(str(row["now"])), f"{row['pixels']:,}")
        for row in own.moved.head(LISTED_MOVES).to_dict("records")
    ]
    if moved:
        out += "<h3>Changed pixels</h3>" + table_html(("given", "now", "pixels"), moved, numbers=(2,))
    return out


def mask_images_section(facts: Facts, own: MaskFacts) -> str:
    """Section with the images that have the most expected errors; "" without any."""
    words = "Images with the most expected wrong regions, and the pairs of classes of their label issues."
    return examples_html(words, own.images, "regions", "label issues by pair")
