"""Sections of a report about numbers: targets, causes of errors, corrections, residuals."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd

from workbench.foundation.cells import cell_text
from workbench.reports import drawing
from workbench.reports.facts import Facts
from workbench.reports.marks import issue_marks
from workbench.reports.markup import short_share, table_html
from workbench.reports.number_facts import NumberFacts, Residuals


def targets_section(facts: Facts, own: NumberFacts) -> str:
    """Section with the expected errors of each target, and how well correct numbers are predicted."""
    widest = max(float(own.targets["share"].max()), 1e-9)
    unknown = bool(own.targets["unknown"].any())
    rows = []
    for row in own.targets.to_dict("records"):
        counts = [f"{row[name]:,}" for name in ("known", *(("unknown",) if unknown else ()))]
        bar = f'<span class="bar" style="width:{120 * row["share"] / widest:.0f}px"></span> {row["share"]:.1%}'
        last = (
            f"{row['issues']:,}",
            f"{row['changed']:,}",
            _number(row["middle"]),
            _number(row["within"], "± ", digits=3),
        )
        rows.append((escape(str(row["target"])), *counts, f"{row['wrong']:,.1f}", bar, *last))
    heads = ("target", "known", *(("unknown",) if unknown else ()), "wrong (expected)", "share", "label issues")
    heads += ("changed", "median", "90 % interval")
    words = "Expected wrong numbers of each target, worst first. The interval around the prediction contains 90 % of "
    words += "the correct numbers; its median width says how small an error can be noticed."
    numbers = [place for place in range(1, len(heads)) if heads[place] != "share"]
    return f"<p>{words}</p>" + table_html(heads, rows, numbers)


def causes_section(facts: Facts, own: NumberFacts) -> str:
    """Section with named causes of errors and their counts; "" without a cause."""
    if not len(own.causes):
        return ""
    rows = [
        (escape(row["cause"]), f"{row['wrong']:,.1f}", f"{row['issues']:,}", escape(row["detail"]))
        for row in own.causes.to_dict("records")
    ]
    words = "A cause is an explanation that fits the number, not a proof. Expected: the sum of p over all numbers for "
    words += "which this is the likeliest cause."
    return f"<p>{words}</p>" + table_html(("cause", "wrong (expected)", "label issues", ""), rows, (1, 2))


def corrections_section(facts: Facts, own: NumberFacts) -> str:
    """Section with the largest corrections, decided and suggested; "" without any."""
    out = ""
    for title, table, last in (
        ("Decided", own.corrected, "by"),
        ("Suggested for label issues without a correction", own.suggested, "p(wrong)"),
    ):
        if len(table):
            out += f"<h3>{title}</h3>" + _corrections(table, own.unit, last)
    words = "The largest corrections, compared to the 90 % interval of correct numbers."
    return f"<p>{words}</p>{out}" if out else ""


def residuals_section(facts: Facts, own: NumberFacts) -> str:
    """Section with one figure per target: residuals against predictions; "" without predictions."""
    if not own.residuals:
        return ""
    figures = [_figure(facts, one, bool(own.unit)) for one in own.residuals]
    words = "Residuals against predictions. The grey area is the interval that contains 90 % of the correct numbers "
    words += "(split-conformal; the median over numbers with similar predictions)."
    return f"<p>{words}</p>" + "".join(figures)


def _corrections(table: pd.DataFrame, unit: str, last: str) -> str:
    rows = []
    for row in table.to_dict("records"):
        by = row["by"]
        rows.append(
            (
                escape(cell_text(row["id"])),
                *((escape(row["target"]),) if unit else ()),
                *(_number(row[name]) for name in ("given", "other")),
                _number(row["change"], signed=True),
                "–" if row["times"] != row["times"] else f"{row['times']:,.3g}",
                escape(short_share(by) if isinstance(by, float) else cell_text(by)),
            )
        )
    heads = ("id", *((unit,) if unit else ()), "given", "now" if last == "by" else "suggested", "change")
    first = 2 if unit else 1
    heads += ("change / half interval", last)
    return table_html(heads, rows, range(first, first + 4))


def _figure(facts: Facts, points: Residuals, named: bool) -> str:
    places = {at: (words, link) for at, words, link in issue_marks(facts, points.lines)}
    marked = sorted(places)
    drawn, outside = drawing.residual_svg(
        points.predicted, points.off, points.low, points.high, np.array(marked, np.int64),
        [places[at] for at in marked], ratio=points.ratio,
    )  # fmt: skip
    axis = "given number divided by the prediction" if points.ratio else "given number minus prediction"
    words = f"{axis}, {len(points.predicted):,} numbers"
    if len(points.predicted) < points.thinned_from:
        words += f" of {points.thinned_from:,}"
    words += f"; {outside:,} lie beyond the frame and are drawn at its edge" if outside else ""
    title = f"<h3>{escape(points.target)}</h3>" if named else ""
    return (
        f"{title}<figure>{drawn}<figcaption class='key'>{escape(words)} &nbsp; <i class='circle'></i> label issue; "
        "click one to see it.</figcaption></figure>"
    )


def _number(value: float, before: str = "", *, signed: bool = False, digits: int = 6) -> str:
    return "–" if value != value else f"{before}{value:{'+' if signed else ''},.{digits}g}"
