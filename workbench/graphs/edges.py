"""Edges between examples, validated once from any supported form, and the undirected links that they define.

The module accepts arrays, data frames and adjacency matrices, with ids or row numbers, and handles duplicate edges,
edges in both directions, and self-loops.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.foundation.checks import in_memory
from workbench.foundation.errors import InputError, shortened

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

EDGE_COLUMNS = ("source", "target", "weight")

EDGE_FORMS = "Pass (m, 2) row numbers, or a DataFrame with the columns source and target (ids) and optionally weight."

Ends = tuple[np.ndarray, np.ndarray, np.ndarray | None]
"""(source, target, weight): row numbers (m,) int64 for both ends, and (m,) float64 or None."""


class Edges:
    """The m given edges between n examples, and the undirected links that they define.

    Use `of` to create one. The constructor takes a function that reads the edges on first use.

    Attributes
    ----------
    n : int, number of examples (nodes)
    source, target : (m,) int64 row numbers. weight : (m,) float64, non-negative; None if no weights were given.

    Notes
    -----
    Links are undirected. An edge given more than once, or in both directions, counts once, with its largest weight;
    self-loops and edges of weight 0 define no link.
    """

    def __init__(self, n: int, read: Callable[[], Ends]) -> None:
        self.n = int(n)
        self._read = read

    def __repr__(self) -> str:
        loops = int((self.source == self.target).sum())
        parts = [f"{self.m:,} edges between {self.n:,} nodes"]
        parts += [f"{loops:,} from a node to itself"] if loops else []
        alone = int((self.degree == 0).sum())
        parts += [f"{alone:,} nodes without a link"] if alone else []
        return f"<Edges: {', '.join(parts)}>"

    @classmethod
    def of(cls, edges: Any, n: int, ids: Any = None, field: str = "edges") -> Edges:
        """Build edges from any supported form.

        Parameters
        ----------
        edges : Edges; (m, 2) int array of row numbers; DataFrame with the columns source and target (ids) and
            optionally weight; or a sparse matrix (n, n) of weights.
        n : number of examples.
        ids : (n,) ids of the examples; by default the row numbers.
        field : name of the argument in error messages.

        Raises
        ------
        InputError : unknown examples, missing values, negative or infinite weights, or an unsupported form.
        """
        if isinstance(edges, Edges):
            if edges.n != n:
                raise InputError.at(field, f"are between {edges.n:,} examples", f"Pass edges between {n:,} examples.")
            return edges
        if hasattr(edges, "tocoo"):
            source, target, weight = _of_matrix(edges, n, field)
        elif isinstance(in_memory(field, edges), pd.DataFrame):
            source, target, weight = _of_frame(in_memory(field, edges), n, ids, field)
        else:
            source, target, weight = _of_array(in_memory(field, edges), n, field)
        for array in (source, target) if weight is None else (source, target, weight):
            array.setflags(write=False)
        return cls(n, lambda: (source, target, weight))

    @functools.cached_property
    def _ends(self) -> Ends:
        return self._read()

    @property
    def source(self) -> np.ndarray:
        """Row number where each edge begins, (m,) int64."""
        return self._ends[0]

    @property
    def target(self) -> np.ndarray:
        """Row number where each edge ends, (m,) int64."""
        return self._ends[1]

    @property
    def weight(self) -> np.ndarray | None:
        """Weights (m,) float64, or None."""
        return self._ends[2]

    @property
    def m(self) -> int:
        """Number of given edges."""
        return len(self.source)

    @functools.cached_property
    def links(self) -> csr_matrix:
        """Weights of the links, sparse float64 (n, n), symmetric with zero diagonal."""
        from scipy.sparse import csr_matrix

        weight = np.ones(self.m) if self.weight is None else self.weight
        kept = (self.source != self.target) & (weight > 0)
        one, other, weight = self.source[kept], self.target[kept], weight[kept]
        low, high = np.minimum(one, other), np.maximum(one, other)
        order = np.lexsort((-weight, high, low))
        low, high, weight = low[order], high[order], weight[order]
        first = np.ones(len(low), bool)
        first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
        low, high, weight = low[first], high[first], weight[first]
        ends = (np.concatenate([low, high]), np.concatenate([high, low]))
        return csr_matrix((np.concatenate([weight, weight]), ends), shape=(self.n, self.n))

    @functools.cached_property
    def degree(self) -> np.ndarray:
        """Number of linked nodes of each row, (n,) int64."""
        return np.diff(self.links.indptr).astype(np.int64)

    def label_counts(self, codes: np.ndarray, k: int) -> np.ndarray:
        """Count the linked nodes with each label: (n, k) int64.

        Parameters
        ----------
        codes : int (n,), class indices below `k`, -1 = unlabelled.
        """
        from scipy.sparse import csr_matrix

        links = self.links
        known = np.flatnonzero(codes >= 0)
        labels = csr_matrix((np.ones(len(known), np.int64), (known, codes[known])), shape=(self.n, k))
        ones = csr_matrix((np.ones(links.nnz, np.int64), links.indices, links.indptr), shape=links.shape)
        return (ones @ labels).toarray()

    def are_linked(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Return whether each pair of rows is linked, bool (p,).

        Parameters
        ----------
        one, other : int (p,), row numbers.
        """
        if not len(one):
            return np.empty(0, bool)
        return np.asarray(self.links[one, other]).ravel() > 0

    def linked(self, row: int) -> np.ndarray:
        """Return the rows linked to a row, (degree,) int64, largest weight first.

        Parameters
        ----------
        row : row number.
        """
        part = slice(*self.links.indptr[row : row + 2])
        found = self.links.indices[part].astype(np.int64)
        return found[np.lexsort((found, -self.links.data[part]))]

    def frame(self, ids: np.ndarray) -> pd.DataFrame:
        """Return the given edges as a DataFrame: columns source and target (ids), and weight if there are weights.

        Parameters
        ----------
        ids : (n,) ids of the examples.
        """
        columns = {"source": ids[self.source], "target": ids[self.target]}
        return pd.DataFrame(columns if self.weight is None else columns | {"weight": self.weight})


def _of_matrix(matrix: Any, n: int, field: str) -> Ends:
    if matrix.shape != (n, n):
        raise InputError.at(field, f"is a matrix of shape {matrix.shape}", f"It must be {(n, n)}. Or: {EDGE_FORMS}")
    found = matrix.tocoo()
    weight = _checked_weights(np.asarray(found.data), field)
    return found.row.astype(np.int64), found.col.astype(np.int64), weight


def _of_array(values: Any, n: int, field: str) -> Ends:
    array = np.asarray(values)
    if array.size == 0 and array.ndim <= 2:
        return np.empty(0, np.int64), np.empty(0, np.int64), None
    if array.ndim != 2 or array.shape[1] != 2:
        turned = " Transpose it." if array.ndim == 2 and array.shape[0] == 2 else ""
        raise InputError.at(field, f"has shape {array.shape}", f"{EDGE_FORMS}{turned}")
    if array.dtype.kind not in "iuf":
        todo = "Pass row numbers, or a DataFrame with the columns source and target for ids."
        raise InputError.at(field, f"has dtype {array.dtype}", todo)
    bad = ~np.isfinite(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
    whole = bad | (np.where(bad, 0, array) % 1 != 0) if array.dtype.kind == "f" else bad
    wrong = whole | (array < 0) | (array >= n)
    if wrong.any():
        row = int(np.flatnonzero(wrong.any(axis=1))[0])
        value = array[row][wrong[row]][0]
        found = f"names {shortened(value)}, which is no row"
        raise InputError.at(field, found, f"Use row numbers from 0 to {n - 1:,}, or a DataFrame of ids.", row=row)
    ends = array.astype(np.int64)
    return ends[:, 0].copy(), ends[:, 1].copy(), None


def _of_frame(frame: pd.DataFrame, n: int, ids: Any, field: str) -> Ends:
    for name in EDGE_COLUMNS[:2]:
        if name not in frame.columns:
            raise InputError.unknown("column", name, frame.columns, f"`{field}` need a source and a target.")
    index = pd.RangeIndex(n) if ids is None else pd.Index(ids)
    ends = []
    for name in EDGE_COLUMNS[:2]:
        column = frame[name]
        missing = np.flatnonzero(column.isna().to_numpy())
        if len(missing):
            todo = "Drop edges without both ends."
            raise InputError.at(f"{field}.{name}", f"has {len(missing):,} missing values", todo, row=int(missing[0]))
        rows = index.get_indexer(pd.Index(column.to_numpy()))
        lost = np.flatnonzero(rows < 0)
        if len(lost):
            found = f"is {shortened(column.iloc[int(lost[0])])}, which is not among the examples"
            found += f" (and {len(lost) - 1:,} more)" if len(lost) > 1 else ""
            kind = "row numbers" if ids is None else "their ids"
            todo = f"Use {kind}, such as {shortened(index[0])}." if n else "There are no examples."
            raise InputError.at(f"{field}.{name}", found, todo, row=int(lost[0]))
        ends.append(rows.astype(np.int64))
    if "weight" not in frame.columns:
        return ends[0], ends[1], None
    return ends[0], ends[1], _checked_weights(frame["weight"], f"{field}.weight")


def _checked_weights(weights: Any, field: str) -> np.ndarray:
    """Return weights (m,) float64, finite and non-negative."""
    try:
        values = pd.to_numeric(pd.Series(weights)).to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InputError.at(field, f"is not a number ({error})", "Use numbers of at least 0.") from error
    bad = np.flatnonzero(~np.isfinite(values) | (values < 0))
    if len(bad):
        row = int(bad[0])
        found = f"is {values[row]:g}" + (f" (and {len(bad) - 1:,} more invalid weights)" if len(bad) > 1 else "")
        raise InputError.at(field, found, "Use finite numbers of at least 0, or leave the column out.", row=row)
    return values
