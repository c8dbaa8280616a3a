"""Scores, votes and texts as columns over all pairs: the listed ones, and those that only a ranker or voter has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.foundation.cells import is_missing
from workbench.foundation.checks import check_texts
from workbench.foundation.errors import InputError, first_few, shortened
from workbench.issues.kinds.contract import Asked
from workbench.issues.pairs.pair_texts import passages_of
from workbench.tasks.class_names import class_text, object_array
from workbench.tasks.pair_reading import grade_codes, item_name
from workbench.tasks.pair_table import UNJUDGED, PairTable, pair_table_of

EVIDENCE_TODO = {
    "scores": "Pass a DataFrame with the columns query, item and one column per ranker.",
    "votes": "Pass a DataFrame with the columns query, item and one column of grades per voter.",
}
"""By name of a table: its form."""

VECTORS_TODO = "Pass a DataFrame of numbers indexed by item, or a dict of item to vector."


@dataclass(frozen=True)
class PairEvidence:
    """The m pairs of n queries, ordered by query: the listed ones first, then those that only the evidence names.

    Attributes
    ----------
    rows : (m,) int64. items : (m,) object. grades : (m,) int64, -1 unjudged.
    listed : (m,) int64, place among the listed pairs, -1 for others.
    scores : (m, rankers) float64, NaN where a ranker does not return the item. rankers : their names.
    votes : (m, voters) float64, grades as class indices, NaN without a vote. voters : their names.
    queries, texts : texts of the n queries and of the m items, "" if unknown.
    vectors : (m, d) float32 embeddings of the items, NaN if unknown; None without any.
    gains : (k,) float64, the gain of each grade: its number, at least 0; its place for named grades.
    relevant : lowest class index that is relevant.
    notes : remarks for the description of the method.
    """

    rows: np.ndarray
    items: np.ndarray
    grades: np.ndarray
    listed: np.ndarray
    scores: np.ndarray
    rankers: tuple[str, ...]
    votes: np.ndarray
    voters: tuple[str, ...]
    queries: list[str]
    texts: list[str]
    vectors: np.ndarray | None
    gains: np.ndarray
    relevant: int
    notes: list[str] = field(default_factory=list)

    @property
    def n(self) -> int:
        """Number of queries."""
        return len(self.queries)

    @property
    def starts(self) -> np.ndarray:
        """(n + 1,) int64, the pairs of query i are starts[i] to starts[i + 1] - 1."""
        return np.searchsorted(self.rows, np.arange(self.n + 1))

    @property
    def judged(self) -> np.ndarray:
        """(m,) bool, whether a pair has a grade."""
        return self.grades >= 0


def evidence_of_pairs(asked: Asked) -> PairEvidence:
    """Collect the evidence of `find_issues` about pairs.

    Raises
    ------
    InputError : a table without the columns query and item, without further columns, with a pair twice, or about none
        of the queries; a score that is not a number; a vote that is not a grade.
    """
    dataset, given = asked.dataset, asked.evidence
    table, notes = pair_table_of(dataset.labels), []
    columns = {
        name: matched_pairs(name, given[name], dataset, notes) for name in EVIDENCE_TODO if given.get(name) is not None
    }
    own = list(zip(table.rows.tolist(), table.items.tolist()))
    texts_of, corpus = _item_texts(dataset, given.get("item_texts"))
    pairs = list(dict.fromkeys([*own, *(pair for some, _ in columns.values() for pair in some)]))
    order = sorted(range(len(pairs)), key=lambda place: pairs[place][0])
    pairs = [pairs[place] for place in order]
    place_of = {pair: place for place, pair in enumerate(pairs)}
    listed = np.array([place if place < len(own) else -1 for place in order], np.int64)
    filled: dict[str, tuple[np.ndarray, tuple[str, ...]]] = {}
    for name in EVIDENCE_TODO:
        some, frame = columns.get(name, ([], pd.DataFrame()))
        values = np.full((len(pairs), frame.shape[1]), np.nan)
        if frame.shape[1]:
            values[[place_of[pair] for pair in some]] = pair_numbers(name, frame, dataset)
        filled[name] = values, tuple(map(str, frame.columns))
    grades = np.full(len(pairs), UNJUDGED, np.int64)
    grades[listed >= 0] = table.grades[listed[listed >= 0]]
    return PairEvidence(
        np.array([row for row, _ in pairs], np.int64),
        object_array(item for _, item in pairs),
        grades,
        listed,
        filled["scores"][0],
        filled["scores"][1],
        filled["votes"][0],
        filled["votes"][1],
        query_texts(dataset, given.get("texts")),
        [texts_of.get(pair) or corpus.get(pair[1], "") for pair in pairs],
        _vectors(given.get("item_embeddings"), [item for _, item in pairs]),
        gains_of(dataset),
        relevant_code(dataset, given.get("relevant")),
        notes,
    )


def gains_of(dataset: Dataset) -> np.ndarray:
    """Return the gain of each grade (k,): its number, at least 0; for grades with other names, their places."""
    try:
        numbers = [float(name) for name in dataset.classes]
    except ValueError:
        numbers = [float(code) for code in range(dataset.k)]
    return np.maximum(np.array(numbers), 0.0)


def relevant_code(dataset: Dataset, relevant: Any) -> int:
    """Return the lowest class index that is relevant: that of a grade, by default the first with a gain."""
    if relevant is not None:
        return dataset.code_of(relevant)
    gains = gains_of(dataset)
    return int(np.argmax(gains > 0)) if (gains > 0).any() else dataset.k - 1


def ids_as_text(dataset: Dataset) -> list[str]:
    """Return the ids of the n queries as text, by which tables name them."""
    return [class_text(id) for id in dataset.ids.tolist()]


def matched_pairs(
    name: str, frame: Any, dataset: Dataset, notes: list[str]
) -> tuple[list[tuple[int, str]], pd.DataFrame]:
    """Return the pairs (row, item) of a table about queries in the data set, and its other columns.

    Parameters
    ----------
    name : "scores" or "votes". notes : a remark about other queries is added to them.
    """
    todo, rows_of = EVIDENCE_TODO[name], {id: row for row, id in enumerate(ids_as_text(dataset))}
    if not isinstance(frame, pd.DataFrame):
        raise InputError.at(name, f"is a {type(frame).__name__}", todo)
    for column in ("query", "item"):
        if column not in frame.columns:
            raise InputError.unknown(f"column of `{name}`", column, frame.columns, todo)
    rest = frame.drop(columns=["query", "item"]).reset_index(drop=True)
    if not rest.shape[1]:
        raise InputError.at(name, "has no further column", todo)
    rows = [None if is_missing(one) else rows_of.get(class_text(one)) for one in frame["query"].tolist()]
    known = np.array([row is not None for row in rows], bool)
    if not known.any():
        some = first_few(list(dict.fromkeys(frame["query"].tolist())), 3)
        todo = f"Its queries are {some}; the labels have {first_few(list(rows_of), 3)}."
        raise InputError.at(name, "is about none of the queries", todo)
    if not known.all():
        notes.append(f"{int((~known).sum()):,} rows of `{name}` are about other queries")
    pairs, seen = [], set()
    for place, item in enumerate(frame["item"].tolist()):
        if rows[place] is None:
            continue
        pair = (rows[place], item_name(item, place, name))
        if pair in seen:
            found = f"repeats query {shortened(frame['query'].iloc[place])} with item {shortened(item)}"
            raise InputError.at(name, found, "Keep one row per pair.", row=place)
        seen.add(pair)
        pairs.append(pair)
    return pairs, rest[known]


def pair_numbers(name: str, frame: pd.DataFrame, dataset: Dataset) -> np.ndarray:
    """Return scores as floats, or votes as class indices, NaN where there is none."""
    values = np.full(frame.shape, np.nan)
    for at, column in enumerate(frame.columns):
        own = frame[column]
        if name == "votes":
            try:
                codes = grade_codes(own.tolist(), dataset.class_values, np.arange(len(own)))[0]
            except InputError as error:
                place = error.parts.get("row")
                row = None if place is None else int(own.index[place])
                found = f"column {shortened(str(column))} {error.parts.get('found', '')}".strip()
                raise InputError.at(name, found, error.parts.get("todo", EVIDENCE_TODO[name]), row=row) from error
            values[:, at] = np.where(codes >= 0, codes, np.nan)
            continue
        numbers = pd.to_numeric(own, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        wrong = (np.isnan(numbers) & ~own.isna().to_numpy(bool)) | np.isinf(numbers)
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            found = f"column {shortened(str(column))} is {shortened(own.iloc[place])}"
            todo = "Pass numbers, larger for a better item, and NaN for an item that the ranker does not return."
            raise InputError.at(name, found, todo, row=int(own.index[place]))
        values[:, at] = numbers
    return values


def query_texts(dataset: Dataset, texts: Any) -> list[str]:
    """Return the texts of the n queries, "" for unknown ones, from a mapping by id or n texts in order."""
    if texts is None:
        return [""] * dataset.n
    if isinstance(texts, (Mapping, pd.Series)):
        known = {class_text(name): text for name, text in texts.items()}
        return [_text(known.get(class_text(id))) for id in dataset.ids.tolist()]
    return [_text(one) for one in check_texts(texts, dataset.n)]


def _text(value: Any) -> str:
    return "" if is_missing(value) else str(value)


def _item_texts(dataset: Dataset, texts: Any) -> tuple[dict[tuple[int, str], str], dict[str, str]]:
    """Return texts of items by (row, item) from the data set, and by item as passed."""
    if texts is None:
        return passages_of(dataset), {}
    return passages_of(dataset), item_texts_of(texts)


def item_texts_of(texts: Any) -> dict[str, str]:
    """Return the texts of items as passed, by item."""
    if not isinstance(texts, (Mapping, pd.Series)):
        raise InputError.at("item_texts", f"is a {type(texts).__name__}", "Pass a dict or Series of item to text.")
    return {item_name(item, field="item_texts"): _text(text) for item, text in texts.items()}


def _vectors(embeddings: Any, items: list[str]) -> np.ndarray | None:
    """Return the embedding of each item, NaN for items without one."""
    if embeddings is None:
        return None
    names, values = vectors_of(embeddings)
    place_of = {name: place for place, name in enumerate(names)}
    places = np.array([place_of.get(item, -1) for item in items], np.int64)
    if not (places >= 0).any():
        raise InputError.at("item_embeddings", "is about none of the items", VECTORS_TODO)
    found = np.full((len(items), values.shape[1]), np.nan, np.float32)
    found[places >= 0] = values[places[places >= 0]]
    return found


def vectors_of(embeddings: Any) -> tuple[list[str], np.ndarray]:
    """Return m items and their vectors, (m, d) of numbers, from a DataFrame indexed by item or a mapping."""
    if isinstance(embeddings, pd.DataFrame):
        values, names = embeddings.to_numpy(), embeddings.index.tolist()
    elif isinstance(embeddings, Mapping):
        names = list(embeddings)
        lengths = {np.size(embeddings[name]) for name in names}
        if len(lengths) > 1:
            found = f"holds vectors of lengths {first_few(sorted(lengths))}"
            raise InputError.at("item_embeddings", found, VECTORS_TODO)
        values = np.stack([np.asarray(embeddings[name]) for name in names]) if names else np.empty((0, 1))
    else:
        raise InputError.at("item_embeddings", f"is a {type(embeddings).__name__}", VECTORS_TODO)
    if values.dtype.kind not in "fiu" or values.ndim != 2:
        found = f"has dtype {values.dtype} and shape {values.shape}"
        raise InputError.at("item_embeddings", found, VECTORS_TODO)
    return [item_name(name, field="item_embeddings") for name in names], values


def table_in(evidence: PairEvidence) -> PairTable:
    """Return all pairs as a table, none of its queries missing."""
    return PairTable(evidence.rows, evidence.items, evidence.grades, np.zeros(evidence.n, bool))
