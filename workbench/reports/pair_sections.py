"""Sections of a report about graded pairs: kinds of errors, unjudged items, metrics of rankers, worst queries."""

from __future__ import annotations

from html import escape

import pandas as pd

from workbench.foundation.cells import cell_text
from workbench.reports.facts import Facts
from workbench.reports.markup import short_share, table_html
from workbench.reports.pair_facts import PairFacts
from workbench.reports.unit_tables import examples_html, kinds_html

CHANGE_WORDS = {
    "decided": (
        "By the decided grades",
        "The given grades, and those after the decisions so far, over the queries with a relevant item in both.",
    ),
    "accepted": (
        "If all label issues were accepted",
        "The suggestions come from a model that uses these rankers, so a gain here does not show that a ranker is "
        "better. It shows how much the metrics depend on the doubtful grades.",
    ),
}
"""Title and explanation of a change of the grades."""


def errors_section(facts: Facts, own: PairFacts) -> str:
    """Section with the expected errors of each kind."""
    return kinds_html("The likeliest kind of error of each judged pair.", own.kinds, "judged pairs")


def unjudged_section(facts: Facts, own: PairFacts) -> str:
    """Section with unjudged items that are likely relevant; "" if all are judged."""
    many, expected = own.unjudged_total
    if not many:
        return ""
    rows = [
        (
            escape(cell_text(row["id"])), escape(row["item"]), escape(cell_text(row["grade"])),
            escape(short_share(row["p_relevant"])),
        )
        for row in own.unjudged.to_dict("records")
    ]  # fmt: skip
    words = f"{many:,} items have no grade, about {expected:,.1f} of which are relevant by the estimate of the model. "
    words += "The likeliest ones:"
    return f"<p>{words}</p>" + table_html(("query", "item", "likeliest grade", "p(relevant)"), rows, (3,))


def rankers_section(facts: Facts, own: PairFacts) -> str:
    """Section with the metrics of the rankers by the given grades, and after changes; "" without scores."""
    if not len(own.given):
        return ""
    rows = [
        (escape(str(ranker)), escape(str(metric)), f"{row['value']:.3f}", f"{row['queries']:,.0f}")
        for (ranker, metric), row in own.given.iterrows()
    ]
    words = "Means over the queries with a relevant item, by the given grades; unjudged items count as irrelevant."
    out = f"<p>{words}</p>" + table_html(("ranker", "metric", "mean", "queries"), rows, (2, 3))
    for name, table in own.changes.items():
        title, why = CHANGE_WORDS[name]
        out += f"<h3>{title}</h3><p>{why}</p>" + _compared(table)
    return out


def queries_section(facts: Facts, own: PairFacts) -> str:
    """Section with the queries that have the most expected errors; "" without any."""
    return examples_html("Queries with the most expected errors.", own.queries, "judged items")


def _compared(table: pd.DataFrame) -> str:
    rows = [
        (
            escape(str(ranker)), escape(str(metric)), f"{row['before']:.3f}", f"{row['after']:.3f}",
            f"{row['difference']:+.3f} <span class='soft'>({row['low']:+.3f} to {row['high']:+.3f})</span>",
            escape(row["verdict"]), f"{row['queries']:,.0f}",
        )
        for (ranker, metric), row in table.iterrows()
    ]  # fmt: skip
    heads = ("ranker", "metric", "before", "after", "difference (95 %)", "", "queries")
    return table_html(heads, rows, (2, 3, 4, 6))
