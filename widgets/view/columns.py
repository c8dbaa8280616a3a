"""Columns to colour, filter and search by in a view: one flat table, each column numeric or categorical.

Each column, from label issues, scores or the user's metadata, becomes one array that is sent to the page as a binary
buffer: float32 numbers, or int32 codes into a list of categories.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from widgets.view.states import states_of
from widgets.wire.shapes import ColumnInfo
from workbench.foundation.cells import cell_text, is_plain
from workbench.foundation.errors import InputError
from workbench.review.box_files import FILE_FIELDS
from workbench.review.geotiff_files import GEO_COLUMN
from workbench.scores.registry import SCORES

if TYPE_CHECKING:
    import pandas as pd

    from workbench.data.dataset import Dataset

MOST_CATEGORIES = 200
"""Text columns with more distinct values than this can be searched, but not used for filters or colours."""

VERDICTS = ("undecided", "relabelled", "kept", "skipped")

OF_FILES = (FILE_FIELDS, GEO_COLUMN)
"""Columns that are only kept for a file of the same format; views do not show them."""

OF_EVIDENCE = ("suggested_label", "p_error", "p_suggested")
"""Columns that are empty without evidence."""


@dataclass(frozen=True)
class Column:
    """One column of a view.

    Attributes
    ----------
    name : column heading, unique in the table.
    values : (n,) float32, NaN where missing; or int32 codes into `categories`, -1 where missing.
    categories : names of the codes; None for numbers.
    suspicious : "low", "high" or None: which end of a score points to a wrong label.
    range : smallest and largest possible value if both are finite, else None.
    title : description of the column. source : the paper it follows.
    """

    name: str
    values: np.ndarray
    categories: tuple[str, ...] | None = None
    suspicious: str | None = None
    range: tuple[float, float] | None = None
    title: str = ""
    source: str = ""
    of_classes: bool = False

    @property
    def known(self) -> bool:
        """Whether any example has a value."""
        return bool((self.values >= 0).any() if self.categories is not None else np.isfinite(self.values).any())

    def described(self) -> ColumnInfo:
        """The description that is sent to the page with the values."""
        kind: Literal["number", "category"] = "number" if self.categories is None else "category"
        out: ColumnInfo = {"name": self.name, "kind": kind, "title": self.title or self.name, "source": self.source}
        if self.categories is not None:
            out["categories"] = list(self.categories)
        if self.of_classes:
            out["classes"] = True
        if self.suspicious:
            out["suspicious"] = self.suspicious
        if self.range:
            out["range"] = list(self.range)
        return out


def view_columns(dataset: Dataset, issues: pd.DataFrame, scores: pd.DataFrame) -> dict[str, Column]:
    """Return the columns of a view by name, in the order of the menus; those of the detector only if it had evidence.

    Parameters
    ----------
    dataset : n examples.
    issues, scores : indexed by id, all n rows in any order; the first as from `workbench.find_issues`.
    """
    order = rows_in_order(dataset, issues)
    if not dataset.kind.one_class:
        return _completed(_of_kind(dataset, issues, order), dataset, scores)
    classes = dataset.classes
    given = dataset.given_labels.astype(np.int32)
    suggested = codes_of(dataset, issues["suggested_label"].to_numpy()[order])
    columns = [
        Column("label", given, classes, title="label now", of_classes=True),
        Column("given_label", given.copy(), classes, title="label in the data", of_classes=True),
        Column("suggested_label", suggested, classes, title="label suggested by the evidence", of_classes=True),
        Column("verdict", np.zeros(dataset.n, np.int32), VERDICTS, title="decision"),
        Column("p_error", float_column(issues["p_error"])[order], suspicious="high", range=(0.0, 1.0),
               title="probability that the given label is wrong"),
        Column("p_suggested", float_column(issues["p_suggested"])[order], range=(0.0, 1.0),
               title="probability of the suggested label"),
    ]  # fmt: skip
    return _completed([one for one in columns if one.name not in OF_EVIDENCE or one.known], dataset, scores)


def _of_kind(dataset: Dataset, issues: pd.DataFrame, order: np.ndarray) -> list[Column]:
    """Columns for labels other than one class: whether they were changed, and what is doubtful in an example."""
    states = states_of(dataset)
    columns = [
        Column("label", states.given.copy(), states.names, title="labels now", of_classes=True),
        Column("verdict", np.zeros(dataset.n, np.int32), VERDICTS, title="decision"),
        Column("p_error", float_column(issues["p_error"])[order], suspicious="high", range=(0.0, 1.0),
               title="probability that any label of the example is wrong"),
    ]  # fmt: skip
    counts = {"units": "number of labels that can be judged", "units_doubted": "number of doubtful labels"}
    columns += [
        Column(name, float_column(issues[name])[order], title=words) for name, words in counts.items() if name in issues
    ]
    if "kind" in issues:
        doubted = issues["is_issue"].to_numpy(bool) if "is_issue" in issues else np.ones(len(issues), bool)
        if "units_doubted" in issues:
            doubted = doubted | (issues["units_doubted"] > 0).to_numpy(bool)
        kinds = issues["kind"].where(doubted).fillna("").to_numpy(object)[order]
        names = tuple(sorted({one for one in kinds if one}))
        codes = {name: code for code, name in enumerate(names)}
        values = np.array([codes.get(one, -1) for one in kinds], np.int32)
        columns.append(
            Column("kind", values, names, title="likely kind of error of the most doubtful label, of label issues")
        )
    return [column for column in columns if column.name not in OF_EVIDENCE or column.known]


def _completed(columns: list[Column], dataset: Dataset, scores: pd.DataFrame) -> dict[str, Column]:
    """Add the scores and the user's own columns."""
    columns += _score_columns(scores, rows_in_order(dataset, scores))
    taken = {column.name for column in columns}
    for name in dataset.metadata.columns:
        column = _of_user(name if name not in taken else f"{name} (data)", dataset.metadata[name])
        if column is not None and name not in (dataset.text_column, *OF_FILES):
            columns.append(column)
    return {column.name: column for column in columns}


def rows_in_order(dataset: Dataset, frame: pd.DataFrame) -> np.ndarray:
    """(n,) positions in `frame` of the dataset's rows.

    Raises
    ------
    InputError : no DataFrame, an example is missing from it, or it has ids that are not in the dataset.
    """
    if not isinstance(frame, pd.DataFrame):
        todo = (
            "Pass a DataFrame with one row per id. Scores of predictions belong into a run: `import_run(..., scores=)`."
        )
        raise InputError.at("issues or scores", f"is a {type(frame).__name__}", todo)
    rows = dataset.rows(frame.index.to_numpy())
    order = np.full(dataset.n, -1, np.int64)
    order[rows] = np.arange(len(rows))
    if len(rows) != dataset.n or (order < 0).any():
        raise InputError.at(
            "issues or scores", f"has {len(rows)} rows for {dataset.n} examples", "Pass one row per id of the run."
        )
    return order


def codes_of(dataset: Dataset, names: Sequence[object]) -> np.ndarray:
    """(n,) int32 class indices of labels or names of classes; -1 for missing ones."""
    return dataset.codes_of(names).astype(np.int32)


def _score_columns(scores: pd.DataFrame, order: np.ndarray) -> list[Column]:
    """Scores with direction, range and source, from `workbench.scores.SCORES`."""
    out = []
    about = scores.attrs.get("scores", {})  # for an ensemble, spreads and disagreement are not in the table
    for name in scores.columns:
        known = SCORES.get(name)
        if known is None:
            row = about.get(name, {})
            words = {"title": row.get("in_words", ""), "source": row.get("source", "")}
            out.append(Column(name, float_column(scores[name])[order], suspicious=row.get("suspicious"), **words))
            continue
        low, high = known.range
        finite = (low, high) if math.isfinite(low) and math.isfinite(high) else None
        values = float_column(scores[name])[order]
        out.append(Column(name, values, None, known.suspicious, finite, known.in_words, known.source))
    return out


def _of_user(name: str, series: pd.Series) -> Column | None:
    """A user's column as numbers or as categories; None if it is neither (free text, objects)."""
    if pd.api.types.is_bool_dtype(series.dtype):
        codes = series.astype("boolean").astype("Int64").fillna(-1).to_numpy(np.int32)
        return Column(name, codes, ("False", "True"))
    if pd.api.types.is_numeric_dtype(series.dtype) and series.dtype.kind != "c":
        return Column(name, float_column(series))
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return None
    try:
        codes, found = pd.factorize(series.astype(object).where(series.notna(), None), use_na_sentinel=True)
    except TypeError:  # lists, dicts, arrays: compared by their text
        codes, found = pd.factorize(plain_cells(series), use_na_sentinel=True)
    if len(found) > MOST_CATEGORIES or len(found) > max(20, len(series) // 4):
        return None
    names = [cell_text(value) for value in found]
    if len(set(names)) < len(names):  # different values with the same text, such as 1 and "1"
        same, names = pd.factorize(np.array(names, object))
        codes = np.append(same, -1)[codes]
    by_name = np.argsort(np.array(names, object), kind="stable")
    place = np.empty(len(names) + 1, np.int32)
    place[by_name] = np.arange(len(names))
    place[-1] = -1
    return Column(name, place[codes], tuple(names[i] for i in by_name))


def plain_cells(series: pd.Series) -> np.ndarray:
    """(n,) objects that can be compared and searched: texts, numbers and None unchanged, other values as text."""
    values, missing = series.to_numpy(object), series.isna().to_numpy(bool)
    out = np.full(len(values), None, object)
    for row in np.flatnonzero(~missing):
        value = values[row]
        if isinstance(value, np.generic) and value.dtype.kind in "biufU":
            value = value.item()
        out[row] = value if is_plain(value) and not isinstance(value, str) else cell_text(value)
    return out


def float_column(series: pd.Series) -> np.ndarray:
    """(n,) float32, NaN where missing."""
    return np.ascontiguousarray(series.to_numpy(dtype=np.float32, na_value=np.nan))
