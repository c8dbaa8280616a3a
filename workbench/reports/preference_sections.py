"""Sections of a report about preferences: kinds of errors, judges, and how people followed the order shown."""

from __future__ import annotations

from html import escape

from workbench.reports.facts import Facts
from workbench.reports.markup import short_share, table_html
from workbench.reports.preference_facts import PreferenceFacts
from workbench.reports.unit_tables import kinds_html


def preference_kinds_section(facts: Facts, own: PreferenceFacts) -> str:
    """Section with the expected errors of each kind."""
    return kinds_html("The likeliest kind of error of each pair.", own.kinds, "pairs")


def judges_section(facts: Facts, own: PreferenceFacts) -> str:
    """Section with the judges' agreement with the labels; "" without judges."""
    rows = [
        (
            escape(str(row["judge"])), f"{row['pairs']:,}", _share(row["given"]), _share(row["now"]),
            _share(row["flips"]),
        )
        for row in own.judges.to_dict("records")
    ]  # fmt: skip
    words = "Of the pairs in which both the judge and the label prefer one answer: how often it is the same one. "
    words += "A judge can share the mistakes of the labels, for example if it made them."
    heads = ("judge", "pairs decided", "as the given label", "as the label now", "changes with the order")
    return f"<p>{words}</p>" + table_html(heads, rows, (1, 2, 3, 4)) if rows else ""


def people_section(facts: Facts, own: PreferenceFacts) -> str:
    """Section with the position bias of each author; "" without decisions for one of the two answers."""
    rows = []
    for author, row in own.people.iterrows():
        interval = f"<span class='soft'>({row['low']:.2f} to {row['high']:.2f})</span>"
        repeats = [f"{int(row[name]):,}" for name in ("repeated", "same", "first_twice", "second_twice")]
        p = f"{row['p_value']:.3f}" if row["p_value"] == row["p_value"] else "–"
        rows.append((escape(str(author)), f"{int(row['chosen']):,}", f"{row['share']:.2f} {interval}", *repeats, p))
    words = (
        "How often people chose the answer shown first, in an order that is random and does not depend on the label: "
    )
    words += (
        "one half without bias (95 % interval). Some pairs are repeated with the answers exchanged; whoever chooses "
    )
    words += "the answer in the same place both times followed the order."
    heads = ("author", "decisions", "first shown", "repeated", "same answer", "first twice", "second twice", "p value")
    return f"<p>{words}</p>" + table_html(heads, rows, (1, 2, 3, 4, 5, 6, 7)) if rows else ""


def _share(value: float) -> str:
    return escape(short_share(value)) if value == value else "–"
