"""Any number of tags per example (multi-label data): each (example, tag) cell is yes, no or unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from workbench.foundation.errors import InputError, shortened
from workbench.foundation.lazy import LazyTable
from workbench.tasks.keys import check_key, number_of, position_keys
from workbench.tasks.protocol import Decided, Met, TaskMixin
from workbench.tasks.tag_cells import (
    CELLS_TYPE,
    NO,
    UNKNOWN,
    YES,
    Listed,
    TagCells,
    cells_of,
    differ,
    distinct,
    stored_cells,
)
from workbench.tasks.tag_reading import read_tags
from workbench.tasks.units import Units

VALUES = ("no", "yes", "unknown")
"""Values of a cell by code; the code of the last is -1."""

MOST_CELLS = 5_000_000
"""In tables with more cells, only stored cells are units; the others are "no", or unknown in an open world."""


class Multilabel(TaskMixin):
    """Labels are Arrow structs of lists of tags (`workbench.tasks.tag_cells`); a value is "yes", "no" or "unknown"."""

    name = "multilabel"
    asks = "yes/no"
    one_unit = "one tag of one example"
    column = CELLS_TYPE
    predictions = ("pred_probs", "embeddings", "texts")
    stored = "pred_probs"
    recorded = True
    formats = LazyTable(
        {
            "table": "workbench.review.export:TABLE",
            "hf": "workbench.review.tag_files:HF",
            "svmlight": "workbench.review.tag_files:SVMLIGHT",
        }
    )

    read = staticmethod(read_tags)

    def differ(self, labels: pa.Array, others: pa.Array) -> np.ndarray:
        """(n,) bool, whether a cell differs."""
        return differ(labels, others)

    def check(self, labels: pa.StructArray, classes: Sequence[str]) -> None:
        """Check for lists of distinct tags in [0, k), in `yes` and either `no` or `unknown`, in non-null rows."""
        super().check(labels, classes)
        null = {part: labels.field(part).is_null().to_numpy(zero_copy_only=False) for part in ("yes", "no", "unknown")}
        there = labels.is_valid().to_numpy(zero_copy_only=False)
        wrong = there & (null["yes"] | (null["no"] == null["unknown"]))
        todo = "Restore them, or read them with `Dataset.from_arrays(labels, task='multilabel')`."
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            found = "does not have `yes` and exactly one of `no` and `unknown`"
            raise InputError.at("labels", found, todo, row=row)
        cells = cells_of(labels)
        rows, tags = (np.concatenate(pair) for pair in zip(cells.yes, cells.rest))
        outside = (tags < 0) | (tags >= len(classes))
        if outside.any():
            place = int(np.flatnonzero(outside)[0])
            found = f"holds the tag {int(tags[place])} of {len(classes)}"
            raise InputError.at("labels", found, todo, row=int(rows[place]))
        place = rows * max(len(classes), 1) + tags
        if len(distinct(place)) < len(place):
            raise InputError.at("labels", "holds a tag twice in one row", todo)

    def check_predictions(self, values: np.ndarray, n: int, classes: Sequence[str]) -> None:
        """Check that values are probabilities of "yes" (n, k) in [0, 1], or NaN."""
        if np.shape(values) != (n, len(classes)):
            found = f"has shape {np.shape(values)} for {n} examples and {len(classes)} tags"
            raise InputError.at("pred_probs", found, "Pass the probability of each tag, one column per tag.")
        for start in range(0, n, 65_536):
            block = np.asarray(values[start : start + 65_536])
            bad = (block < 0) | (block > 1)
            if bad.any():
                row, column = (int(one[0]) for one in np.nonzero(bad))
                found = f"column {column} ({shortened(classes[column])}) is {block[row, column]:g}"
                raise InputError.at("pred_probs", found, "Pass probabilities, in [0, 1].", row=start + row)

    def to_column(self, labels: pa.StructArray, classes: Sequence[str]) -> np.ndarray:
        """Lists of tags; if some row has unknown tags, all rows are dicts of lists instead."""
        plain = not len(cells_of(labels).rest.rows) and not cells_of(labels).open.any()
        names = np.array([*classes, None], object)
        out = np.full(len(labels), None, object)
        for row, one in enumerate(labels.to_pylist()):
            if one is not None:
                parts = {part: [names[tag] for tag in tags] for part, tags in one.items() if tags is not None}
                out[row] = parts["yes"] if plain else parts
        return out

    def units(self, labels: pa.StructArray, classes: Sequence[str]) -> Units:
        """All cells, example by example; in large tables only the stored ones."""
        cells, n, k = cells_of(labels), len(labels), len(classes)
        if n * k <= MOST_CELLS:
            rows, tags = np.repeat(np.arange(n), k), np.tile(np.arange(k), n)
            given = cells.dense(k).ravel().astype(np.int64)
        else:
            rows, tags = (np.concatenate(pair) for pair in zip(cells.yes, cells.rest))
            given = np.full(len(rows), YES)
            rest = cells.rest.rows
            given[len(cells.yes.rows) :] = np.where(cells.open[rest], NO, UNKNOWN)
            order = np.lexsort((tags, rows))
            rows, tags, given = rows[order], tags[order], given[order]
        return Units(n, rows, given, position_keys(tags), groups=tags)

    def implied(
        self, labels: pa.StructArray, row: int, key: str, classes: Sequence[str], said: str | None = None
    ) -> str | None:
        """ "no" for a tag that is not listed in a closed row."""
        one = labels[row].as_py()
        return VALUES[NO] if one is not None and one["no"] is None and self.takes(key, classes) else None

    def takes(self, key: str, classes: Sequence[str]) -> bool:
        """Whether the key is that of a tag."""
        tag = number_of(key)
        return key[:1] == "p" and tag is not None and tag < len(classes)

    def meet(self, units: Units, classes: Sequence[str], *, pred_probs: Any = None, **others: Any) -> Met:
        """Convert probabilities of "yes" (n, k) to (m, 2), for "no" and "yes"."""
        if pred_probs is None:
            return Met(units, {})
        self.check_predictions(np.asarray(pred_probs), units.n, classes)
        yes = np.asarray(pred_probs, float)[units.rows, units.groups]
        return Met(units, {"pred_probs": np.stack([1 - yes, yes], axis=1)})

    def encode(self, value: str) -> str:
        """The value unchanged."""
        if not isinstance(value, str) or value not in VALUES:
            raise InputError.at("value", f"is {shortened(value)}", f"Use one of {', '.join(VALUES)}.")
        return value

    def decode(self, text: str, classes: Sequence[str]) -> str:
        """The text unchanged."""
        return self.encode(text)

    def contradicts(self, said: str, given: str | None) -> bool | None:
        """The other answer; who says "unknown" says neither."""
        return None if said == VALUES[2] else said != given

    def apply(self, labels: pa.StructArray, classes: Sequence[str], decided: Decided) -> pa.StructArray:
        """Return the labels with the decided cells; in a row that had no label, all other cells are unknown."""
        if not len(decided.keys):
            return labels
        n, k = len(labels), len(classes)
        rows, tags = np.asarray(decided.rows, np.int64), np.empty(len(decided.keys), np.int64)
        codes = np.array([VALUES.index(self.encode(value)) for value in decided.values])
        codes[codes == 2] = UNKNOWN
        for place, key in enumerate(decided.keys):
            tag = number_of(check_key(key))
            if tag is None or key[:1] != "p" or tag >= k:
                todo = f"Name a tag by its number, p0 to p{k - 1}."
                raise InputError.at("unit", f"is {key!r}", todo, row=int(rows[place]))
            tags[place] = tag
        cells = cells_of(labels)
        open_, missing = cells.open.copy(), cells.missing.copy()
        open_[rows[missing[rows]]] = True
        missing[rows] = False
        cells = TagCells(_without(cells.yes, rows, tags, k), _without(cells.rest, rows, tags, k), open_, missing)
        rest = codes == np.where(open_[rows], NO, UNKNOWN)
        yes = _with(cells.yes, rows[codes == YES], tags[codes == YES])
        return stored_cells(n, k, yes, _with(cells.rest, rows[rest], tags[rest]), open_, missing)

    def unit_name(self, key: str, classes: Sequence[str]) -> str:
        """The tag."""
        tag = number_of(key)
        return classes[tag] if tag is not None and tag < len(classes) else key

    def choices(self, classes: Sequence[str]) -> tuple[str, ...]:
        """The three states of a cell."""
        return VALUES

    def in_words(self, value: str | None) -> str:
        """The value, "unknown" for None."""
        return VALUES[2] if value is None else value


def _without(cells: Listed, rows: np.ndarray, tags: np.ndarray, k: int) -> Listed:
    keep = ~np.isin(cells.rows * k + cells.tags, rows * k + tags)
    return Listed(cells.rows[keep], cells.tags[keep])


def _with(cells: Listed, rows: np.ndarray, tags: np.ndarray) -> Listed:
    return Listed(np.concatenate([cells.rows, rows]), np.concatenate([cells.tags, tags]))
