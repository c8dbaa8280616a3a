"""Convert the judged layers to units: keys, values, texts, the number of errors and its description."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workbench.issues.kinds.contract import Asked, Found
from workbench.issues.spans.crf import TAGGERS, tagger_of
from workbench.issues.spans.forms import Forms
from workbench.issues.spans.judged_spans import SPAN_ERRORS, JudgedSpans
from workbench.issues.spans.posterior import Posterior
from workbench.issues.spans.span_count import calibrated, coded, interval
from workbench.issues.spans.span_layers import Given
from workbench.issues.spans.tag_opinions import ON_WORDS
from workbench.issues.spans.tokens import Tokens
from workbench.issues.spans.words import SpanWords
from workbench.tasks.keys import candidate_keys
from workbench.tasks.protocol import NOTHING
from workbench.tasks.span_table import SpanTable, places
from workbench.tasks.units import Units

NO_TOKEN = 0.99
"""P(wrong) of a given span that touches no token, such as one of a space."""


class Layer(NamedTuple):
    """Judged spans without overlaps.

    probs : the pooled probabilities (t, 2 k + 1). seen : their posterior. used : their sources. why : the reason why
    the number of wrong tokens is not identified, or "".
    """

    judged: JudgedSpans
    probs: np.ndarray
    seen: Posterior
    used: tuple[str, ...]
    why: str


def found_spans(
    asked: Asked, table: SpanTable, tokens: Tokens, given: Given, layers: Sequence[Layer], in_sample: bool
) -> Found:
    """Return the result of the estimator.

    Parameters
    ----------
    table : the given spans. given : the same, in tokens. layers : at least one.
    in_sample : whether only predictions that have seen the labels are available.
    """
    units, made = in_units(asked, table, tokens, given, layers)
    proposed, unlabelled = made.place < 0, units.given < 0
    names = np.array([*asked.dataset.classes, NOTHING], object)
    p_error = np.where(unlabelled, np.nan, made.p)
    scaled = np.flatnonzero(~np.isnan(p_error) & (made.last > made.first))
    p_error[scaled] = calibrated(made.p[scaled], made.rough[scaled])
    given_label = np.where(proposed, NOTHING, names[made.label])
    given_label[unlabelled] = None
    why = "the model has seen the labels; pass tokens, texts or out-of-fold probabilities"
    why = why if in_sample else layers[0].why
    labelled = ~table.missing[tokens.rows]
    used = tuple(dict.fromkeys(name for layer in layers for name in layer.used))
    says = "in-sample" if in_sample else "out-of-fold"
    words = SpanWords(tokens, Forms(tokens, given, labelled), made, layers[0].probs, says, asked.dataset.classes)
    return Found(
        units,
        p_error,
        given_label,
        names[made.other_label],
        made.share * np.where(unlabelled, made.p, np.nan_to_num(p_error)),
        interval(p_error, why),
        words,
        kind=made.kind,
        columns={"text": _texts(asked, table, tokens, units, made)},
        values=_values(asked, tokens, units, made),
        pair=coded(np.where(proposed, -1, made.label), made.other_label),
        identified=not why,
        why=why,
        below=_below(layers[0], tokens, made, labelled),
        evidence=", ".join(used),
        method=_method(asked, layers, given),
    )


def in_units(
    asked: Asked, table: SpanTable, tokens: Tokens, given: Given, layers: Sequence[Layer]
) -> tuple[Units, JudgedSpans]:
    """Collect the layers: units of all given spans, then of the proposed ones, sorted by example, and the judged spans
    in their order (`p` is NaN if unknown)."""
    m = len(table.rows)
    nowhere = given.layer < 0
    blanks = [
        *(np.arange(m), given.first, given.last, table.label, np.where(nowhere, NO_TOKEN, np.nan), np.zeros(m)),
        *(given.first, given.last, np.where(nowhere, -1, table.label), nowhere.astype(float)),
        np.where(nowhere, np.array(SPAN_ERRORS[2], object), np.array(None, object)),
    ]
    judged = [np.concatenate(one) for one in zip(*(layer.judged for layer in layers))]
    old = judged[0] >= 0
    columns = []
    for blank, values in zip(blanks, judged, strict=True):
        column = blank.copy()
        column[judged[0][old]] = values[old]
        columns.append([column, values[~old]])
    first, last, label = (new for _, new in columns[1:4])
    rows = tokens.rows[first]
    order = np.argsort(rows, kind="stable")
    rows, start, end = rows[order], tokens.begin[first[order]], tokens.end[last[order] - 1]
    classes = np.array(asked.dataset.classes, object)
    keys = candidate_keys(rows, start, end, classes[label[order]].astype(str))
    code = np.where(table.missing[rows], -1, 0)
    units, mixed = asked.dataset.units.joined(rows, code, keys, shapes=places(start, end))
    return units, JudgedSpans(*(np.concatenate([old_, new[order]])[mixed] for old_, new in columns))


def _texts(asked: Asked, table: SpanTable, tokens: Tokens, units: Units, made: JudgedSpans) -> np.ndarray:
    """Return the text of each unit (u,), None if unknown."""
    texts = asked.evidence.get("texts")
    found = np.full(units.m, None, object)
    if not tokens.known:
        return found
    counts_tokens = texts is None or (table.length >= 0).any()
    rows = units.rows.tolist()
    shapes = units.shapes
    if counts_tokens:
        pairs = zip(made.first.tolist(), made.last.tolist())
        found[:] = [" ".join(tokens.words[first:last].tolist()) for first, last in pairs]
    elif texts is not None and shapes is not None:
        start, end = (shapes.field(name).to_pylist() for name in ("start", "end"))
        found[:] = [texts[row][low:high] for row, low, high in zip(rows, start, end)]
    return found


def _values(asked: Asked, tokens: Tokens, units: Units, made: JudgedSpans) -> tuple[np.ndarray, np.ndarray]:
    """Return given and suggested values (u,) in the format of the journal; the given one is None without a label."""
    kind, classes = asked.dataset.kind, asked.dataset.classes
    nothing = kind.encode(None)
    assert units.shapes is not None
    start, end = (np.array(units.shapes.field(name).to_pylist(), np.int64) for name in ("start", "end"))
    given = np.full(units.m, None, object)
    for unit, code in enumerate(units.given.tolist()):
        if code >= 0:
            place = {"start": int(start[unit]), "end": int(end[unit])}
            given[unit] = nothing if code == 0 else kind.encode(place | {"label": classes[code - 1]})
    moved = (made.other_first != made.first) | (made.other_last != made.last)
    at = np.flatnonzero(moved)
    start[at], end[at] = tokens.begin[made.other_first[at]], tokens.end[made.other_last[at] - 1]
    other = np.full(units.m, nothing, object)
    for unit in np.flatnonzero(made.other_label >= 0).tolist():
        label = classes[made.other_label[unit]]
        other[unit] = kind.encode({"start": int(start[unit]), "end": int(end[unit]), "label": label})
    return given, other


def _below(layer: Layer, tokens: Tokens, made: JudgedSpans, labelled: np.ndarray) -> float:
    """Return the expected number of missing spans too unlikely to be listed: posterior starts outside all units."""
    edges = np.zeros(len(tokens.words) + 1)
    np.add.at(edges, made.first, 1)
    np.add.at(edges, made.last, -1)
    free = (np.cumsum(edges)[:-1] <= 0) & labelled
    return float(layer.seen.q[free, 1::2].sum())


def _method(asked: Asked, layers: Sequence[Layer], given: Given) -> str:
    seen = layers[0].seen
    notes = [f"{TAGGERS[tagger_of(asked)]} on words"] if ON_WORDS in layers[0].used else []
    notes += [f"weight of the noise matrix of tags: {seen.noise_weight:.0%}"]
    notes.append(f"{seen.missing:,.0f} tokens seem to lack a tag and {seen.spurious:,.0f} seem to have a spurious one")
    deeper = int((given.layer > 0).sum())
    if deeper:
        judged = sum(len(layer.judged.place) for layer in layers[1:])
        notes.append(f"{deeper:,} spans overlap longer ones; {judged:,} of them were judged")
    return "; ".join(notes)
