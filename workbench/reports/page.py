"""The report as HTML. All text from data is escaped; there are no scripts, and a policy in the page forbids them."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from workbench.foundation.cells import cell_text, is_missing
from workbench.foundation.version import VERSION
from workbench.reports import drawing
from workbench.reports.box_facts import BoxFacts
from workbench.reports.box_sections import box_kinds_section, images_section
from workbench.reports.facts import MOST_CLASSES, SEEN_NOT_KNOWN, Facts, Seen, ShownIssue
from workbench.reports.marks import issue_marks
from workbench.reports.markup import short_share, table_html
from workbench.reports.mask_facts import MaskFacts
from workbench.reports.mask_sections import mask_images_section, pixels_section, region_kinds_section
from workbench.reports.number_facts import NumberFacts
from workbench.reports.number_sections import causes_section, corrections_section, residuals_section, targets_section
from workbench.reports.pair_facts import PairFacts
from workbench.reports.pair_sections import errors_section, queries_section, rankers_section, unjudged_section
from workbench.reports.preference_facts import PreferenceFacts
from workbench.reports.preference_sections import judges_section, people_section, preference_kinds_section
from workbench.reports.span_facts import SpanFacts
from workbench.reports.span_sections import documents_section, forms_section, kinds_section, quality_section
from workbench.reports.tag_facts import TagFacts
from workbench.reports.tag_sections import rules_section, tags_section
from workbench.reports.text_facts import TextFacts
from workbench.reports.text_sections import edits_section, text_kinds_section
from workbench.reports.token_facts import TokenFacts
from workbench.reports.token_sections import sentences_section, words_section

SECTIONS: dict[type, tuple[tuple[str, str, Callable[[Facts, Any], str]], ...]] = {
    TagFacts: (("tags", "Tags", tags_section), ("rules", "Tags that go together", rules_section)),
    NumberFacts: (
        ("causes", "Causes of errors", causes_section),
        ("corrections", "Largest corrections", corrections_section),
        ("residuals", "Residuals", residuals_section),
        ("targets", "Targets", targets_section),
    ),
    SpanFacts: (
        ("kinds", "Kinds of errors", kinds_section),
        ("forms", "Equal words with other labels", forms_section),
        ("documents", "Texts with the most errors", documents_section),
        ("quality", "Precision and recall of the labels", quality_section),
    ),
    TokenFacts: (
        ("forms", "Words with several classes", words_section),
        ("documents", "Sentences with the most errors", sentences_section),
    ),
    PairFacts: (
        ("kinds", "Kinds of errors", errors_section),
        ("rankers", "Metrics of the rankers", rankers_section),
        ("unjudged", "Unjudged items", unjudged_section),
        ("documents", "Queries with the most errors", queries_section),
    ),
    PreferenceFacts: (
        ("kinds", "Kinds of errors", preference_kinds_section),
        ("judges", "Judges", judges_section),
        ("people", "People and the order shown", people_section),
    ),
    BoxFacts: (
        ("kinds", "Kinds of errors", box_kinds_section),
        ("documents", "Images with the most errors", images_section),
    ),
    MaskFacts: (
        ("kinds", "Kinds of regions", region_kinds_section),
        ("pixels", "Pixels before and after", pixels_section),
        ("documents", "Images with the most errors", mask_images_section),
    ),
    TextFacts: (
        ("kinds", "Kinds of errors", text_kinds_section),
        ("corrections", "Corrections word by word", edits_section),
    ),
}
"""Anchor, title and function of the sections of one kind of label only, by the type of `Facts.own`."""

MOST_CHANGES = 100
WIDE_PICTURE = 1.9
"""Ratio of width to height from which a picture stands above the text of its card."""

SEEN: dict[Seen, tuple[str, str]] = {
    True: ("out", "out-of-fold"),
    False: ("in", "in-sample"),
    None: ("", "own label left out"),
    SEEN_NOT_KNOWN: ("", "not known whether it saw the labels"),
}
"""Colour and description of evidence, by whether it is out-of-fold."""
MOST_CLASS_PAIRS = 12
TERMS = {
    "p(wrong)": "the probability that the given label is wrong, by all evidence together. Among labels with "
    "p = .8 about four of five should turn out wrong; the report shows how far that holds if true labels are known.",
    "in-sample, out-of-fold": "in-sample: the model had seen the label that it judges, so it may have "
    "memorized a wrong one and doubt it too little. Out-of-fold: it had not.",
    "expected wrong labels": "the sum of p. It is a model's estimate; an audit (a random sample that a person judges) "
    "gives a reliable number.",
    "suggested": "the most probable other label, with its probability. A label issue is a question, not a verdict: "
    "look before changing it.",
}
MAP_TERMS = {
    "confidence, variability": "mean and standard deviation over the epochs of the probability of the given label "
    "(Swayamdipta et al. 2020, Dataset Cartography).",
}
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(facts: Facts) -> str:
    """Return the complete document."""
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    sections = [
        ("issues", "The most suspicious labels", _shown(facts)),
        ("map", "How they were learned", _map(facts)),
        ("classes", "Classes", _classes(facts)),
        ("noise", "Which classes are confused", _noise(facts)),
        *((anchor, title, text(facts, facts.own)) for anchor, title, text in SECTIONS.get(type(facts.own), ())),
        ("check", "Was the detector right?", _check(facts)),
        ("decisions", "Decisions so far", _decisions(facts)),
        ("evidence", "Examples and evidence", _evidence(facts)),
        ("reading", "How to read this", _reading(facts)),
    ]
    shown = [(anchor, title, text) for anchor, title, text in sections if text]
    links = "".join(f'<a href="#{anchor}">{escape(title)}</a>' for anchor, title, _ in shown)
    body = "\n".join(
        f'<section id="{anchor}"><h2>{escape(title)}</h2>\n{text}</section>' for anchor, title, text in shown
    )
    now = datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{escape(facts.name)}: label report</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{escape(_headline(facts))}</h1>
<p class="soft">{escape(_subtitle(facts))}</p>
{_numbers(facts)}
<nav>{links}</nav>
</header>
<main>
{body}
</main>
<footer>Label Workbench {escape(VERSION)}, {escape(now)}.
This page contains no scripts and loads no external content.</footer>
</body>
</html>
"""


def _headline(facts: Facts) -> str:
    total = facts.total
    if total is None:
        return f"{facts.name}: labels of {facts.n:,} examples"
    if not total.known:
        span = f"{total.low:,.0f} to {total.high:,.0f} of {total.labels:,}"
        return f"{span} {facts.words.labels} could be {facts.words.wrong}: run an audit to estimate the number"
    words = f"About {total.errors:,.0f} of {total.labels:,} {facts.words.labels} are {facts.words.wrong}"
    if total.left_high < total.high:
        words += f"; about {total.left:,.0f} of these have no decision yet"
    return words


def _subtitle(facts: Facts) -> str:
    classes = facts.words.classes if facts.k != 1 or facts.words.classes == "classes" else facts.words.classes[:-1]
    words = f"{facts.name}: {facts.n:,} examples, {facts.k:,} {classes}"
    words += f", {facts.epochs} epochs recorded" if facts.words.curve else ""
    words += f"; {facts.words.meaning}" if facts.words.meaning else ""
    if facts.canaries is not None and facts.canaries["planted"]:
        words += f"; {facts.canaries['planted']:,} labels were changed on purpose, to measure detection"
    return words


def _numbers(facts: Facts) -> str:
    """Return the strip of numbers below the headline."""
    boxes: list[tuple[str, str]] = []
    total = facts.total
    if total is not None:
        span = f"{total.low:,.0f} to {total.high:,.0f} (95 %), {total.basis}"
        errors = f"{facts.words.wrong} {facts.words.labels}"
        why = f"{errors}, {span}{', ' + total.detail if total.detail else ''}"
        if not total.known:
            why = f"{errors}: {facts.about.get('errors_in_words') or span}"
        boxes.append((f"{total.errors:,.0f}" if total.known else "?", why))
        if total.known and total.left_high < total.high:
            rest = f"of them not decided yet ({total.left_low:,.0f} to {total.left_high:,.0f})"
            boxes.append((f"{total.left:,.0f}", rest))
    marked = int(facts.issues["is_issue"].sum())
    boxes.append((f"{marked:,}", f"label issues: {facts.about.get('threshold', 'as marked')}"))
    if facts.canaries is not None and facts.canaries["planted"]:
        c = facts.canaries
        boxes.append((f"{c['recall']:.0%}", f"of {c['planted']:,} planted errors are among the label issues"))
    decided = sum(facts.verdicts.get(name, 0) for name in ("relabel", "keep"))
    changed = len(facts.changes)
    words = f"{_plural(changed, facts.words.label)} changed so far, {decided:,} decided, {facts.looked:,} by looking"
    boxes.append((f"{changed:,}", words))
    inside = "".join(f"<div><b>{escape(number)}</b><span>{escape(words)}</span></div>" for number, words in boxes)
    return f'<div class="numbers">{inside}</div>'


def _shown(facts: Facts) -> str:
    if not facts.shown:
        return ""
    total = int(facts.issues["is_issue"].sum())
    words = f"The first {len(facts.shown):,} of {total:,} label issues, most suspicious first."
    if len(facts.shown) >= total:
        words = f"The {len(facts.shown):,} most suspicious {facts.words.labels}, {total:,} of them label issues."
    if facts.epochs > 1:
        drawn = facts.words.curve if facts.sizes is None else "probability of the whole set"
        words += f" The small curve: {drawn} by epoch."
    cards = "\n".join(_card(place, one) for place, one in enumerate(facts.shown))
    return f"<p>{words}</p>\n<div class='issues'>\n{cards}\n</div>"


def _card(place: int, one: ShownIssue) -> str:
    media, wide = "", False
    if one.picture is not None:
        data, width, height = one.picture
        kind = "jpeg" if data[:2] == b"\xff\xd8" else "png"
        pixel = ' class="px"' if max(width, height) <= 48 else ""
        encoded = base64.b64encode(data).decode("ascii")
        wide = width >= WIDE_PICTURE * height
        pixel = ' class="wide"' if wide else pixel
        media = f'<img{pixel} src="data:image/{kind};base64,{encoded}" alt="example {escape(str(one.id))}">'
    elif one.no_picture:
        media = f'<div class="none">{escape(one.no_picture[:140])}</div>'
    above, media = (media, "") if wide else ("", media)
    suggested = ""
    if one.suggested is not None and one.suggested == one.suggested and one.suggested != one.given:
        suggested = f' &rarr; <span class="is">{escape(str(one.suggested))}</span>'
        if one.p_suggested == one.p_suggested:
            suggested += f' <span class="soft">{escape(short_share(one.p_suggested))}</span>'
    done = f'<div class="done">&#10003; {escape(one.decision)}</div>' if one.decision else ""
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in one.reasons)
    text = f"<blockquote>{_marked(one.text, one.part)}</blockquote>" if one.text else ""
    unit = f'<b class="unit">{escape(one.unit)}</b> ' if one.unit else ""
    return (
        f'<article class="issue" id="s{place}">{above}<div class="top">{media}<div>'
        f'<div class="id">{escape(str(one.id))}</div>'
        f'<div class="labels">{unit}<span class="was">{escape(str(one.given))}</span>{suggested}</div>'
        f'<div class="p">p(wrong) = {escape(short_share(one.p_error))}</div>{done}</div></div>{text}'
        f"{drawing.curve(one.p_given_curve, one.p_suggested_curve)}<ul>{reasons}</ul></article>"
    )


def _marked(text: str, part: tuple[int, int] | None) -> str:
    """The text with the judged part marked."""
    if part is None:
        return escape(text)
    before, inside, after = text[: part[0]], text[part[0] : part[1]], text[part[1] :]
    return f"{escape(before)}<mark>{escape(inside)}</mark>{escape(after)}"


def _map(facts: Facts) -> str:
    found = facts.data_map
    if found is None:
        return ""
    marks = [
        (float(found.variability[at]), float(found.confidence[at]), words, link)
        for at, words, link in issue_marks(facts, found.lines)
    ]
    drawn = drawing.data_map_svg(found.variability, found.confidence, found.correctness, marks)
    key = "".join(f'<i class="m{bin}"></i>' for bin in range(drawing.CORRECTNESS_BINS))
    hard, drawn_n = int((found.confidence < 0.25).sum()), len(found.confidence)
    labels = facts.words.labels
    words = f"The data map: the mean probability that the model gave to the given value over {facts.epochs} epochs "
    words += f"(confidence), and how much it varied (variability). {hard:,} of {drawn_n:,} {labels} were never learned "
    words += "(confidence below 0.25)."
    if drawn_n < found.thinned_from:
        words += f" {drawn_n:,} of {found.thinned_from:,} {facts.words.points} are drawn."
    return (
        f"<p>{words}</p><figure>{drawn}<figcaption class='key'>colour: share of epochs in which what is given was "
        f"predicted, 0 {key} 1 (low = suspicious) &nbsp; <i class='circle'></i> label issue; click one to see it. "
        f"In-sample: the model was trained on these labels.</figcaption></figure>"
    )


def _classes(facts: Facts) -> str:
    table = facts.classes.head(MOST_CLASSES)
    if table.empty:
        return ""
    widest = max(float(table["share"].max()), 1e-9)
    rows = [
        (
            escape(str(row["class"])),
            f"{row['examples']:,}",
            f"{row['expected']:,.1f}",
            f'<span class="bar" style="width:{120 * row["share"] / widest:.0f}px"></span> {row["share"]:.1%}',
            f"{row['issues']:,}",
            f"{row['changed']:,}",
        )
        for row in table.to_dict("records")
    ]
    of_sets = facts.sizes is not None
    heads = ("class", "sets") if of_sets else ("given class", facts.words.points)
    heads += ("wrong (expected)", "share", "label issues", "changed")
    note = f" The {MOST_CLASSES} worst of {facts.k:,} classes." if len(facts.classes) > MOST_CLASSES else ""
    which = "sets that contain each class" if of_sets else f"{facts.words.points} of each given class"
    out = f"<p>Expected wrong labels among the {which}, worst first.{note}</p>"
    out += table_html(heads, rows, numbers=(1, 2, 4, 5)) + _sizes(facts)
    if len(facts.pairs):
        pairs = [
            (
                *(escape(str(row[label])) for label in ("given_label", "suggested_label")),
                *(f"{row['count']:,}", f"{row['expected']:,.1f}"),
            )
            for row in facts.pairs.head(MOST_CLASS_PAIRS).to_dict("records")
        ]
        out += "<h3>Most frequent suggestions</h3>"
        out += table_html(("given", "suggested", "label issues", "wrong (expected)"), pairs, numbers=(2, 3))
    return out


def _sizes(facts: Facts) -> str:
    """Table of candidate sets: number of candidates, and how often one of them is clear."""
    if facts.sizes is None or facts.sizes.empty:
        return ""
    rows = [
        (f"{row['size']:.0f}", f"{row['sets']:,.0f}", f"{row['expected']:,.1f}", f"{row['clear']:.0%}")
        for row in facts.sizes.to_dict("records")
    ]
    words = "A set is wrong if its true class is none of the candidates. One of them is clear if its probability leads "
    words += "that of the next by at least .5."
    heads = ("candidates", "sets", "wrong (expected)", "with a clear candidate")
    return f"<h3>Sizes of the sets</h3><p>{words}</p>" + table_html(heads, rows, numbers=(0, 1, 2, 3))


def _noise(facts: Facts) -> str:
    noise = facts.noise
    if noise is None:
        return ""
    k = len(noise.classes)
    off = noise.noise_matrix - np.diag(np.diag(noise.noise_matrix))
    shown, note = np.arange(k), ""
    if k > MOST_CLASSES:
        shown = np.sort(np.argsort(-(off.sum(axis=0) + off.sum(axis=1)), kind="stable")[:MOST_CLASSES])
        note = f" The {MOST_CLASSES} of {k:,} classes with the most noise."
    top = max(float(off[np.ix_(shown, shown)].max()), 1e-9)
    head = "<tr><th></th>" + "".join(f"<th>{escape(str(noise.classes[j]))}</th>" for j in shown) + "</tr>"
    lines = []
    for i in shown:
        cells = [f'<th class="row">{escape(str(noise.classes[i]))}</th>']
        for j in shown:
            p, low, high = noise.noise_matrix[i, j], noise.low[i, j], noise.high[i, j]
            words = f"true {noise.classes[j]}, given {noise.classes[i]}: {p:.1%} (interval {low:.1%} to {high:.1%})"
            kind = ' class="same"' if i == j else ' class="strong"' if p / top > 0.5 else ""
            style = "" if i == j else f' style="--a:{p / top:.2f}"'
            number = f"{100 * p:.1f}" if p >= 0.0005 else ""
            cells.append(f'<td{kind}{style} title="{escape(words)}">{number}</td>')
        lines.append("<tr>" + "".join(cells) + "</tr>")
    caption = "rows: given label; columns: true class (estimated); % of the true class. Hover for 95 % intervals."
    doubts = "".join(f"<li>{escape(doubt)}</li>" for doubt in noise.doubts)
    doubts = f"<p class='soft'>Doubtful here:</p><ul class='soft'>{doubts}</ul>" if doubts else ""
    assumptions = "".join(f"<li>{escape(one)}</li>" for one in noise.assumptions)
    return (
        f"<p>Which classes are confused, by confident learning ({escape(noise.how)}). "
        f"Compare the shares; the total number of wrong labels is at the top.{note}</p>"
        f'<div class="scroll"><table class="matrix"><caption>{caption}</caption>{head}{"".join(lines)}</table></div>'
        f"{doubts}<details class='soft'><summary>What this estimate assumes</summary><ul>{assumptions}</ul>"
        f"<p>The intervals cover the random choice of examples, not violations of these assumptions.</p></details>"
    )


def _check(facts: Facts) -> str:
    parts = []
    canaries = facts.canaries
    if canaries is not None and canaries["planted"]:
        c = canaries
        words = f"{c['planted']:,} errors were planted before training and recorded separately. "
        marked = c["caught"] + c["false_alarms"]
        words += f"{c['caught']:,} of them ({c['recall']:.0%}) are among the {marked:,} label issues"
        if c["false_alarms"]:
            words += f"; the other {c['false_alarms']:,} label issues are false alarms, or errors that were not planted"
        words += f". Of the {c['planted']:,} most doubtful labels {c['found_at_planted']:.0%} are planted ones. "
        words += f"The right label is suggested for {_percent(c['corrected'])} of those caught."
        parts.append(f"<p>{escape(words)}</p>")
    drawings = []
    if facts.gain is not None and canaries is not None:
        drawings.append(
            f"<figure>{drawing.gain(*facts.gain, canaries['planted'])}<figcaption>Share of planted errors found by "
            "reviewing from the top; dotted: the best possible.</figcaption></figure>"
        )
    table, how = facts.reliability
    if table is not None:
        error = float((table["count"] * (table["predicted"] - table["observed"]).abs()).sum() / table["count"].sum())
        words = f"Do the probabilities come true? By {how}; expected calibration error {error:.3f}. Points above the "
        words += "dotted line: more were wrong than predicted."
        drawings.append(f"<figure>{drawing.reliability_svg(table)}<figcaption>{escape(words)}</figcaption></figure>")
    if drawings:
        parts.append(f'<div class="pair">{"".join(drawings)}</div>')
    if table is None and parts:
        parts.append(f"<p>Are the probabilities right for labels that were not planted? {escape(how)}.</p>")
    elif table is None:
        parts.append(f"<p>Do the probabilities come true? {escape(how)}.</p>")
    if facts.total is not None and facts.total.source == "audit":
        parts.append(f"<p>By the audit {escape(str(facts.total))}.</p>")
    return "".join(parts)


def _decisions(facts: Facts) -> str:
    if not len(facts.decisions):
        return "<p>None yet. Open the run in the Explorer to review the label issues with keys.</p>"
    verdicts = ", ".join(f"{count:,} {name}" for name, count in sorted(facts.verdicts.items())) or "none"
    flagged = int(facts.decisions["flag"].fillna(False).astype(bool).sum())
    changed = f"{len(facts.changes):,} {_plural(len(facts.changes), facts.words.label)}"
    out = f"<p>{changed} changed. Verdicts: {escape(verdicts)}. Flagged: {flagged:,}.</p>"
    if len(facts.changes):
        latest = facts.changes.sort_values("time", ascending=False, kind="stable").head(MOST_CHANGES)
        rows = [
            tuple(
                escape("" if is_missing(value) else cell_text(value))
                for value in (*facts.names(id), *row[["given_label", "label", "author", "time", "reason"]])
            )
            for id, row in latest.iterrows()
        ]
        if len(facts.changes) > MOST_CHANGES:
            out += f"<p class='soft'>The latest {MOST_CHANGES}; `workbench log` lists all.</p>"
        unit = (facts.own.unit,) if facts.own is not None and facts.own.unit else ()
        out += table_html(("id", *unit, "given", "now", "by", "when", "reason"), rows)
    return out


def _evidence(facts: Facts) -> str:
    tag = '<span class="tag {}">{}</span>'
    rows = [(escape(what), tag.format(*SEEN[honest]), escape(how)) for what, honest, how in facts.evidence]
    out = table_html(("evidence", "", "where from"), rows) if rows else ""
    about = facts.about
    known, unknown = facts.words.known
    judged = f"{about['judged']:,} {known}, {about['unlabelled']:,} {unknown}" if "judged" in about else ""
    lines = [
        ("Judged", judged),
        ("Combined", str(about.get("evidence", ""))),
        ("Method", str(about.get("method", ""))),
        ("Label issues are those with", str(about.get("threshold", ""))),
        ("Not in this report", "; ".join(facts.missing)),
    ]
    out += "<dl>" + "".join(f"<dt>{a}</dt><dd>{escape(b)}</dd>" for a, b in lines if b) + "</dl>"
    return out


def _reading(facts: Facts) -> str:
    terms = TERMS if facts.data_map is None else TERMS | MAP_TERMS
    inside = "".join(f"<dt>{escape(term)}</dt><dd>{escape(words)}</dd>" for term, words in terms.items())
    return f"<dl>{inside}</dl>"


def _plural(count: int, word: str) -> str:
    return word if count == 1 else f"{word}s"


def _percent(p: float) -> str:
    return "none" if p != p else f"{p:.0%}"
