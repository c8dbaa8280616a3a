"""Spans predicted by a model, with their probabilities, and their matches with given ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.foundation.errors import InputError, shortened
from workbench.tasks.keys import candidate_keys
from workbench.tasks.protocol import Met
from workbench.tasks.span_table import places
from workbench.tasks.units import Units

LEAST_OVERLAP = 0.5
"""Overlap, intersection over union, from which a predicted span is about a given one."""

LEAST_SCORE = 0.3
"""Probability from which a predicted span without a given one is a unit."""


def scored(predictions: Any, n: int, classes: Sequence[str]) -> tuple[np.ndarray, ...]:
    """Return (rows, start, end, label, p), (m,) each, of predicted spans (start, end, class, p), n lists.

    Raises
    ------
    InputError : an invalid entry; the message names the row and the span.
    """
    todo = "Pass n lists of (start, end, class, p), with p in [0, 1]."
    if isinstance(predictions, (str, bytes, dict)) or not hasattr(predictions, "__len__") or len(predictions) != n:
        many = len(predictions) if hasattr(predictions, "__len__") else type(predictions).__name__
        raise InputError.at("predictions", f"has {many} entries for {n} labels", todo)
    code_of = {name: code for code, name in enumerate(classes)}
    rows, found = [], []
    for row, spans in enumerate(predictions):
        for place, span in enumerate(() if spans is None else spans):
            parts: Any = [span.get(name) for name in ("start", "end", "label", "p")] if isinstance(span, dict) else span
            try:
                start, end, label, p = parts
                whole = int(start) == start and int(end) == end and 0 <= start < end and 0 <= float(p) <= 1
            except (TypeError, ValueError):
                raise InputError.at("predictions", f"span {place} is {shortened(span)}", todo, row=row) from None
            if not whole:
                raise InputError.at("predictions", f"span {place} is {shortened(span)}", todo, row=row)
            if str(label) not in code_of:
                known = f"Known classes: {', '.join(map(repr, list(classes)[:12]))}."
                raise InputError.at("predictions", f"span {place} has the class {shortened(label)}", known, row=row)
            rows.append(row)
            found.append((int(start), int(end), code_of[str(label)], float(p)))
    columns = np.array(found, float).reshape(-1, 4).T
    start, end, label = (one.astype(np.int64) for one in columns[:3])
    return np.array(rows, np.int64), start, end, label, columns[3]


def met_spans(units: Units, predictions: Any, classes: Sequence[str]) -> Met:
    """Match predicted spans with given ones, the most likely first, and add those without a match.

    Parameters
    ----------
    units : of the given spans. predictions : n lists of (start, end, class, p).

    Returns
    -------
    Met, with `pred_probs` (m, k + 1) of "nothing" and the classes: a predicted span gives p to its class and the rest
    to "nothing"; a given span without a prediction has probability 0.8 of "nothing".
    """
    rows, start, end, label, p = scored(predictions, units.n, classes)
    k = len(classes)
    probs = np.full((units.m, k + 1), 0.2 / max(k, 1))
    probs[:, 0] = 0.8
    overlap, free = np.full(units.m, np.nan), np.ones(units.m, bool)
    shapes = [] if units.shapes is None else units.shapes.to_pylist()
    more = []
    for one in np.argsort(-p, kind="stable").tolist():
        own = [unit for unit in range(*units.of(int(rows[one])).indices(units.m)) if free[unit]]
        share = [_overlap(shapes[unit], int(start[one]), int(end[one])) for unit in own]
        best = int(np.argmax(share)) if own else -1
        chances = np.zeros(k + 1)
        chances[0], chances[label[one] + 1] = 1 - p[one], p[one]
        if own and share[best] >= LEAST_OVERLAP:
            free[own[best]] = False
            probs[own[best]], overlap[own[best]] = chances, share[best]
        elif p[one] >= LEAST_SCORE:
            more.append((one, chances))
    below = float(p.sum() - sum(p[one] for one, _ in more) - (1 - probs[~free, 0]).sum())
    new = np.array([one for one, _ in more], np.int64)
    new = new[np.argsort(rows[new], kind="stable")]
    chances = dict(more)
    keys = candidate_keys(rows[new], start[new], end[new], np.array(classes, object)[label[new]].astype(str))
    joined, order = units.joined(rows[new], np.zeros(len(new), np.int64), keys, shapes=places(start[new], end[new]))
    every = np.concatenate([probs, np.array([chances[one] for one in new.tolist()]).reshape(-1, k + 1)])
    both = np.concatenate([overlap, np.full(len(new), np.nan)])
    return Met(joined, {"pred_probs": every[order]}, both[order], None, max(below, 0.0))


def _overlap(shape: dict[str, int], start: int, end: int) -> float:
    inside = max(min(shape["end"], end) - max(shape["start"], start), 0)
    return inside / (shape["end"] - shape["start"] + end - start - inside)
