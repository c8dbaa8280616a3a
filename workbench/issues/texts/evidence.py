"""Evidence about texts, validated: match scores, vectors of items and texts, alternatives, known objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.inputs import to_matrix
from workbench.foundation.cells import is_missing
from workbench.foundation.checks import check_embeddings, in_memory, refuse_infinity
from workbench.foundation.errors import InputError, shortened
from workbench.issues.kinds.contract import Asked
from workbench.storage.limits import parse_json
from workbench.tasks.texts import checked_text
from workbench.texts.wording import Objects, read_objects

ALTERNATIVE_MATCH_TODO = "Pass one number per alternative."


@dataclass(frozen=True)
class TextEvidence:
    """Evidence about the texts of one column.

    Attributes
    ----------
    texts : n texts, None = missing.
    match : float (n, sources), high = fits, NaN = unknown; None without. sources : their names.
    items : float (n, d), embeddings of the items, or None. vectors : float (n, e), embeddings of the texts, or None.
    alternatives : n lists of other texts. scores : n arrays of their match, NaN = unknown; None without.
    objects : known objects of the items, or None.
    """

    texts: list[str | None]
    match: np.ndarray | None
    sources: tuple[str, ...]
    items: np.ndarray | None
    vectors: np.ndarray | None
    alternatives: list[list[str]]
    scores: list[np.ndarray] | None
    objects: Objects | None


def read_evidence(asked: Asked, columns: Sequence[Sequence[str | None]]) -> list[TextEvidence]:
    """Return the evidence about each of t columns of n texts.

    Raises
    ------
    InputError : evidence of another shape; the message names it and the row.
    """
    dataset, given, t = asked.dataset, asked.evidence, len(columns)
    n = dataset.n
    for name in ("alternatives", "alternative_match", "text_embeddings"):
        if given.get(name) is not None:
            refuse_columns(name, t)
    match, sources = None, ()
    if given.get("match") is not None:
        match, sources = match_of(given["match"], dataset.ids, n, t, dataset.classes)
    items, vectors = (
        None if given.get(name) is None else vectors_by_row(name, given[name], dataset.ids, n)
        for name in ("embeddings", "text_embeddings")
    )
    objects = given.get("objects")
    known = None if objects is None else read_objects(object_cells(objects, dataset.ids), n)
    others = given.get("alternatives")
    alternatives = [[] for _ in range(n)] if others is None else alternative_lists(others, dataset.ids)
    scores = _alternative_scores(given.get("alternative_match"), dataset.ids, alternatives)
    found = []
    for place, texts in enumerate(columns):
        own = match if t == 1 or match is None else match[:, [place]]
        named = sources if t == 1 else sources[place : place + 1]
        found.append(TextEvidence(list(texts), own, named, items, vectors, alternatives, scores, known))
    return found


def refuse_columns(name: str, t: int) -> None:
    """Raise `InputError` for evidence about a single column of texts if there are several."""
    if t > 1:
        raise InputError.at(name, f"was given for {t} columns of texts", "Find the issues of one column at a time.")


def match_of(given: Any, ids: np.ndarray, n: int, t: int, classes: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return match scores (n, sources) float64 and the names of the sources; for t > 1 one per column of texts."""
    todo = "Pass numbers (n,), or one column per source." if t == 1 else "Pass one column per column of texts."
    if isinstance(given, pd.Series):
        given = given.to_frame(given.name if isinstance(given.name, str) else "match")
    if isinstance(given, Mapping):
        given = pd.DataFrame(dict(given))
    names = [str(name) for name in given.columns] if isinstance(given, pd.DataFrame) else None
    counts = isinstance(given, pd.DataFrame) and np.array_equal(given.index.to_numpy(), np.arange(len(given)))
    values = np.asarray(to_matrix("match", given, None if counts else ids, classes if t > 1 else None))
    if values.dtype.kind not in "fiub":
        raise InputError.at("match", f"has dtype {values.dtype}", todo)
    values = values.astype(np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) != n or not values.shape[1] or (t > 1 and values.shape[1] != t):
        raise InputError.at("match", f"has shape {values.shape} for {n} examples", todo)
    refuse_infinity("match", values, ids)
    return values, tuple(names or (["match"] if values.shape[1] == 1 else map(str, range(values.shape[1]))))


def vectors_by_row(name: str, given: Any, ids: np.ndarray, n: int) -> np.ndarray:
    """Return vectors (n, d) float32, NaN for unknown ones."""
    values = check_embeddings(np.asarray(to_matrix(name, given, ids)), n)
    refuse_infinity(name, values, ids)
    return np.asarray(values, np.float32)


def _cells(given: Any, ids: np.ndarray, name: str) -> list[Any]:
    """Return one object per example; text that holds JSON, as in a CSV file, is parsed."""
    given = in_memory(name, given)
    if isinstance(given, pd.Series):
        counts = np.array_equal(given.index.to_numpy(), np.arange(len(given)))
        if not counts and given.index.is_unique and len(given) == len(ids) and set(given.index) == set(ids.tolist()):
            given = given.reindex(ids)
        given = given.tolist()
    if isinstance(given, (str, bytes, Mapping)) or not hasattr(given, "__len__") or len(given) != len(ids):
        size = len(given) if hasattr(given, "__len__") else type(given).__name__
        raise InputError.at(name, f"has length {size} for {len(ids)} examples", "Pass one list per example.")
    return [_parsed(one, name, row) for row, one in enumerate(given)]


def _parsed(one: Any, name: str, row: int) -> Any:
    one = one.tolist() if isinstance(one, np.ndarray) else one
    if not isinstance(one, str):
        return one
    try:
        return parse_json(one)
    except ValueError as error:
        found = f"is {shortened(one)}, which is not a list"
        raise InputError.at(name, found, "Pass a list per example, in CSV as JSON.", row=row) from error


def object_cells(given: Any, ids: np.ndarray) -> list[Any]:
    """Return the objects of each example as passed, in the order of the examples."""
    return _cells(given, ids, "objects")


def alternative_lists(given: Any, ids: np.ndarray) -> list[list[str]]:
    """Return the alternatives of each example."""
    return [alternatives_of(one, row) for row, one in enumerate(_cells(given, ids, "alternatives"))]


def alternatives_of(cell: Any, row: int) -> list[str]:
    """Return the alternatives of one example from a list of texts, or from its JSON; [] if it is missing."""
    one = _parsed(cell, "alternatives", row)
    if is_missing(one):
        return []
    if not isinstance(one, (list, tuple)):
        todo = "Pass n lists of texts, [] for an example without alternatives."
        raise InputError.at("alternatives", f"is {shortened(one)}", todo, row=row)
    return [checked_text(text, "alternatives", row) for text in one]


def _alternative_scores(given: Any, ids: np.ndarray, alternatives: list[list[str]]) -> list[np.ndarray] | None:
    if given is None:
        return None
    found = score_lists(given, ids)
    for row, (values, others) in enumerate(zip(found, alternatives, strict=True)):
        if len(values) != len(others):
            said = f"is {shortened(values.tolist())} for {len(others)} alternatives"
            raise InputError.at("alternative_match", said, ALTERNATIVE_MATCH_TODO, row=row)
    return found


def score_lists(given: Any, ids: np.ndarray) -> list[np.ndarray]:
    """Return the match scores of the alternatives of each example; NaN = unknown."""
    found = []
    for row, one in enumerate(_cells(given, ids, "alternative_match")):
        try:
            values = np.array([] if is_missing(one) else one, np.float64)
        except (TypeError, ValueError):
            values = np.full((0, 0), np.nan)
        if values.ndim != 1:
            raise InputError.at("alternative_match", f"is {shortened(one)}", ALTERNATIVE_MATCH_TODO, row=row)
        if np.isinf(values).any():
            raise InputError.at("alternative_match", "is infinite", "Pass finite numbers, or NaN.", row=row)
        found.append(values)
    return found
