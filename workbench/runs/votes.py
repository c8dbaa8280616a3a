"""What several people said about the same examples: votes, in memory and in the run directory.

Hidden here: the votes' table in the run directory, and the forms in which votes come in. No annotator needs to have
seen every example.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, MissingEvidence, RunError, first_few
from workbench.storage.files import is_there
from workbench.storage.parquet import read_parquet

if TYPE_CHECKING:
    from workbench.runs.run import Run

COLUMNS = ("id", "annotator", "label")


@dataclass(frozen=True)
class Votes:
    """m votes of some annotators on n examples of k classes.

    Attributes
    ----------
    rows : (m,) int64 row of the example, ascending. annotators : (m,) int64 index into `names`.
    labels : (m,) int64 class index. names : annotators' names, sorted. n, k : examples and classes.
    """

    rows: np.ndarray
    annotators: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    n: int
    k: int

    def __repr__(self) -> str:
        return f"Votes({len(self.rows):,} of {len(self.names):,} annotators on {len(np.unique(self.rows)):,} examples)"

    def counts(self, rows: slice = slice(None)) -> np.ndarray:
        """(rows, k) int32: how many votes each class has."""
        start, stop, _ = rows.indices(self.n)
        first, last = np.searchsorted(self.rows, [start, stop])
        cells = (self.rows[first:last] - start) * self.k + self.labels[first:last]
        return np.bincount(cells, minlength=(stop - start) * self.k).reshape(-1, self.k).astype(np.int32)

    def per_row(self) -> np.ndarray:
        """(n,) int64 number of votes."""
        return np.bincount(self.rows, minlength=self.n)


def save_votes(
    run: Run, votes: pd.DataFrame, *, id: str = "id", annotator: str = "annotator", label: str = "label"
) -> None:
    """Store what annotators said, one row per vote; it replaces the votes that are there.

    Parameters
    ----------
    votes : DataFrame in long format
    id, annotator, label : names of its columns: ids of the run, annotators (anything that has a name), class names

    Raises
    ------
    InputError : a column is missing, an id or a class is not in the run, a value is missing, or an annotator
        voted twice on one example. WriteError : the run cannot be written; the votes that are there stay.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from workbench.storage.checksums import sealed

    found = votes_of(run, votes.rename(columns={id: "id", annotator: "annotator", label: "label"}))
    dataset = run.dataset
    table = pa.table(
        {
            "id": pa.array(dataset.ids[found.rows], pa.int64() if dataset.ids.dtype.kind == "i" else pa.string()),
            "annotator": pa.array([found.names[a] for a in found.annotators], pa.string()),
            "label": pa.array(list(dataset.names_of(found.labels)), pa.string()),
        }
    )
    with sealed(run.layout, run.layout.votes) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_votes(run: Run) -> Votes | None:
    """The votes stored in a run, or None; RunError when the file is damaged or of another run."""
    import pyarrow as pa

    path: Path = run.layout.votes
    if not is_there(path):
        return None
    try:
        table = read_parquet(path, COLUMNS)
        for name in ("annotator", "label"):
            if table.schema.field(name).type not in (pa.string(), pa.large_string()):
                raise InputError.at(name, f"is {table.schema.field(name).type}", "It must be text.")
        return votes_of(run, table.to_pandas(ignore_metadata=True))
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise RunError(f"{path} cannot be used ({error}). Delete it, or save the votes again.") from error


def votes_of(run: Run, frame: pd.DataFrame) -> Votes:
    """Votes out of a DataFrame with the columns id, annotator and label; see `save_votes` for what is refused."""
    return votes_from(frame, run.dataset.ids, run.dataset.classes, run.dataset.rows)


def votes_from(
    votes: Any, ids: np.ndarray, classes: Sequence[str], rows_of: Callable[[np.ndarray], np.ndarray] | None = None
) -> Votes:
    """Votes on examples that are in no run.

    Parameters
    ----------
    votes : Votes; DataFrame with the columns id, annotator and label; or int array (n, annotators) of class indices,
        -1 where there is no vote
    ids, classes : of the n examples and the k classes
    rows_of : from ids to rows; looked up among `ids` by default

    Raises
    ------
    InputError : as in `save_votes`; or the array has another length, or holds no class index.
    """
    n, k = len(ids), len(classes)
    if isinstance(votes, Votes):
        if (votes.n, votes.k) != (n, k):
            found = f"are of {votes.n:,} examples and {votes.k:,} classes"
            raise InputError.at("votes", found, f"There are {n:,} examples and {k:,} classes here.")
        return votes
    if not isinstance(votes, pd.DataFrame):
        return _of_table(np.asarray(votes), n, k)
    for name in COLUMNS:
        if name not in votes.columns:
            raise InputError.unknown("column", name, votes.columns, "Votes need an id, an annotator and a label.")
        missing = np.flatnonzero(votes[name].isna().to_numpy())
        if len(missing):
            todo = "Leave out votes that were not cast."
            raise InputError.at(name, f"has {len(missing)} missing values", todo, row=int(missing[0]))
    rows = _rows_among(ids, votes["id"].to_numpy()) if rows_of is None else rows_of(votes["id"].to_numpy())
    by_name = {str(name): code for code, name in enumerate(classes)}
    said = votes["label"].astype(str)
    labels = said.map(by_name).to_numpy(float)
    if np.isnan(labels).any():
        place = int(np.flatnonzero(np.isnan(labels))[0])
        raise InputError.at(
            "label", f"is {said.iloc[place]!r}, which is no class of the run", f"Use {first_few(classes)}.",
            row=place, id=votes["id"].iloc[place],
        )  # fmt: skip
    people, names = pd.factorize(votes["annotator"].astype(str), sort=True)
    order = np.lexsort((people, rows))
    found = Votes(rows[order], people[order].astype(np.int64), labels[order].astype(np.int64), tuple(names), n, k)
    twice = (np.diff(found.rows) == 0) & (np.diff(found.annotators) == 0)
    if twice.any():
        at = int(np.flatnonzero(twice)[0])
        often = f"{found.names[found.annotators[at]]!r} voted {int(twice.sum()) + 1} times"
        raise InputError.at("annotator", often, "Keep one vote of each annotator.", id=ids[found.rows[at]])
    return found


def _of_table(table: np.ndarray, n: int, k: int) -> Votes:
    """Votes out of one row per example and one column per annotator."""
    if table.ndim != 2 or len(table) != n or table.dtype.kind not in "iuf":
        found = f"has shape {table.shape} and dtype {table.dtype}"
        todo = f"Give {n:,} rows and one column per annotator, class indices, -1 = no vote."
        raise InputError.at("votes", found, f"{todo} Or a DataFrame with the columns id, annotator, label.")
    codes = np.where(np.isfinite(table), table, -1) if table.dtype.kind == "f" else table
    bad = np.flatnonzero(((codes < -1) | (codes >= k) | (codes != np.floor(codes))).any(axis=1))
    if len(bad):
        found = f"holds a value that is no class index below {k:,}"
        raise InputError.at("votes", found, "Use class indices, -1 = no vote.", row=int(bad[0]))
    rows, people = np.nonzero(codes >= 0)
    names = tuple(str(one) for one in range(table.shape[1]))
    return Votes(rows, people, codes[rows, people].astype(np.int64), names, n, k)


def _rows_among(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The row of each id."""
    rows = pd.Index(ids).get_indexer(wanted)
    if (rows < 0).any():
        at = int(np.flatnonzero(rows < 0)[0])
        raise InputError.at("id", f"is {wanted[at]!r}, which is none of the examples", "Use their ids.", row=at)
    return rows


def votes_needed(run: Run) -> Votes:
    """The run's votes, or MissingEvidence that says how to store them."""
    votes = read_votes(run)
    if votes is None or not len(votes.rows):
        how = "Store them with `run.save_votes(frame)`: columns id, annotator, label."
        raise MissingEvidence.needed("This", ["votes"], how)
    return votes
