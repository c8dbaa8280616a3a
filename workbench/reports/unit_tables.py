"""Tables of a report that several kinds of labels have: kinds of errors, equal words, worst examples."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from workbench.foundation.cells import cell_text
from workbench.reports.markup import table_html


def kinds_html(words: str, kinds: pd.DataFrame, units: str) -> str:
    """Table of the expected errors of each kind (`workbench.reports.unit_facts.kind_table`); "" without any.

    Parameters
    ----------
    words : text above the table, as HTML. units : what is counted, such as "spans".
    """
    rows = [(escape(row["kind"]), f"{row['units']:,}", *_counts(row), f"{row['changed']:,}") for row in _records(kinds)]
    heads = ("kind of error", units, "wrong (expected)", "label issues", "changed")
    return f"<p>{words}</p>" + table_html(heads, rows, (1, 2, 3, 4)) if rows else ""


def forms_html(words: str, forms: pd.DataFrame, name: str) -> str:
    """Table of words that are labelled differently: text, labels (in words), wrong, issues; "" without any."""
    rows = [(escape(row["text"]), escape(row["labels"]), *_counts(row)) for row in _records(forms)]
    heads = (name, "labelled", "wrong (expected)", "label issues")
    return f"<p>{words}</p>" + table_html(heads, rows, (2, 3)) if rows else ""


def examples_html(words: str, examples: pd.DataFrame, units: str, excerpt: str = "text") -> str:
    """Table of the examples with the most expected errors: id, units, wrong, issues, excerpt; "" without any."""
    rows = [
        (escape(cell_text(row["id"])), f"{row['units']:,}", *_counts(row), escape(row["excerpt"]))
        for row in _records(examples)
    ]
    heads = ("id", units, "wrong (expected)", "label issues", excerpt)
    return f"<p>{words}</p>" + table_html(heads, rows, (1, 2, 3)) if rows else ""


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return table.to_dict("records")


def _counts(row: dict[str, Any]) -> tuple[str, str]:
    return f"{row['wrong']:,.1f}", f"{row['issues']:,}"
