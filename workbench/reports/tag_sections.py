"""Sections of a report for multi-label data: errors by tag, and rules about pairs of tags."""

from __future__ import annotations

from html import escape

from workbench.reports.facts import Facts
from workbench.reports.markup import table_html
from workbench.reports.tag_facts import TagFacts

MOST_TAGS = 40
"""Maximum number of listed tags, those with the most expected errors first."""


def tags_section(facts: Facts, own: TagFacts) -> str:
    """Section with expected missing and wrong tags by tag."""
    listed = own.table.head(MOST_TAGS)
    unknown = bool(listed["unknown"].any())
    widest = max(float((listed["missing"] + listed["wrong"]).max()), 1e-9)
    rows = []
    for row in listed.to_dict("records"):
        bar = f'<span class="bar" style="width:{90 * (row["missing"] + row["wrong"]) / widest:.0f}px"></span>'
        counts = [f"{row[name]:,}" for name in ("yes", "no", *(("unknown",) if unknown else ()))]
        expected = (f"{row['missing']:,.1f}", f"{row['wrong']:,.1f}", bar)
        rows.append((escape(str(row["tag"])), *counts, *expected, f"{row['issues']:,}", f"{row['changed']:,}"))
    heads = ("tag", "yes", "no", *(("unknown",) if unknown else ()), "missing (expected)", "wrong (expected)", "")
    numbers = [place for place in range(1, len(heads) + 2) if place != len(heads) - 1]
    note = f" {MOST_TAGS} of {facts.k:,} tags." if len(own.table) > MOST_TAGS else ""
    words = "Expected errors of each tag: missing ones are given as no but should be yes, wrong ones the reverse."
    return f"<p>{words}{note}</p>" + table_html((*heads, "label issues", "changed"), rows, numbers)


def rules_section(facts: Facts, own: TagFacts) -> str:
    """Section with rules that nearly all examples follow, with the number of exceptions; "" if there are none."""
    if not len(own.rules):
        return ""
    rows = [
        (
            f"{escape(str(one['tag']))} {one['kind']} {escape(str(one['other']))}",
            f"{one['count']:,}",
            f"{one['share']:.1%}",
            f"{one['expected']:.1%}",
            f"{one['broken']:,}",
        )
        for one in own.rules.to_dict("records")
    ]
    left = own.total - len(rows)
    words = "Counted for the current tags. In an exception, one of the two tags may be wrong."
    note = f" {left:,} more rules are not listed; `wb.tags.tag_rules(run)` lists all." if left else ""
    heads = ("rule", "examples with the first tag", "follow it", "if independent", "exceptions")
    return f"<p>{words}{note}</p>" + table_html(heads, rows, numbers=(1, 2, 3, 4))
