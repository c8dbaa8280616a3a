"""Votes of people, labelling functions and models on the same examples, in memory and in the run directory.

This module reads every version of the votes file, and accepts votes in several forms. Voters need not vote on every
example: a missing row is an abstention.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.foundation.errors import InputError, MissingEvidence, RunError, first_few, plain_scalar, shortened
from workbench.storage.checksums import sealed
from workbench.storage.files import is_there
from workbench.storage.parquet import open_parquet, read_parquet
from workbench.tasks.label_type import names_in

if TYPE_CHECKING:
    from workbench.runs.run import Run

COLUMNS = ("id", "unit", "voter", "kind", "value", "confidence", "version")
"""Columns of votes.parquet: text, except id (int64 or text) and confidence (float64, null if not given)."""

OLDER = ("id", "annotator", "label")
"""Columns written by release 0.1; all of its voters are people."""

KINDS = ("person", "function", "model")
"""Kinds of voters: a person, a labelling function, or a model such as a language model."""


@dataclass(frozen=True)
class Votes:
    """m votes of some annotators on n examples of k classes.

    Attributes
    ----------
    rows : (m,) int64, row of the example, ascending.
    annotators : (m,) int64, index into `names`.
    labels : (m,) int64, class index.
    names : names of the annotators, sorted; followed by the version for annotators with votes of several versions.
    n, k : number of examples and of classes.
    kinds : kind of each of `names`, from `KINDS`; () if all are people.
    """

    rows: np.ndarray
    annotators: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    n: int
    k: int
    kinds: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Votes({len(self.rows):,} of {len(self.names):,} annotators on {len(np.unique(self.rows)):,} examples)"

    def counts(self, rows: slice = slice(None)) -> np.ndarray:
        """Return the number of votes for each class, (rows, k) int32."""
        start, stop, _ = rows.indices(self.n)
        first, last = np.searchsorted(self.rows, [start, stop])
        cells = (self.rows[first:last] - start) * self.k + self.labels[first:last]
        return np.bincount(cells, minlength=(stop - start) * self.k).reshape(-1, self.k).astype(np.int32)

    def per_row(self) -> np.ndarray:
        """Return the number of votes on each example, (n,) int64."""
        return np.bincount(self.rows, minlength=self.n)


def save_votes(
    run: Run, votes: pd.DataFrame, *, id: str = "id", annotator: str = "annotator", label: str = "label"
) -> None:
    """Store the votes of annotators, labelling functions and models, one row per vote, in place of existing votes.

    Parameters
    ----------
    run : Run
    votes : DataFrame in long format: for people with the three columns below; or with the columns id, voter, value and,
        optionally, unit (key of the unit of the example, text), kind ("person", "function" or "model"), confidence
        (float in [0, 1], NaN if not given; it is stored, but not yet used by any estimator) and version (of the
        function or model, text)
    id, annotator, label : names of the columns with the ids of the run, the annotators (converted to text) and the
        classes (in the user's type, or class names); for other kinds of labels than one class per example, the label is
        the value as in the journal

    Raises
    ------
    InputError : a column or value is missing, an id or class is not in the run, or an annotator voted twice on the same
        example.
    WriteError : the run cannot be written; existing votes are kept.
    """
    write_votes(run, checked_votes(run, votes.rename(columns={id: "id", annotator: "annotator", label: "label"})))


def checked_votes(run: Run, votes: pd.DataFrame) -> pd.DataFrame:
    """Validate votes in any form and return the columns `COLUMNS`, in dataset order; raises as `save_votes`."""
    dataset, kind = run.dataset, run.dataset.kind
    decode = None if kind.one_class else (lambda text: kind.decode(text, dataset.classes))
    table, _, _ = _checked(votes, dataset.ids, dataset.classes, dataset.rows, decode)
    return table


def write_votes(run: Run, table: pd.DataFrame) -> None:
    """Write a table returned by `checked_votes`, in place of existing votes."""
    types = dict.fromkeys(COLUMNS, pa.string()) | {"confidence": pa.float64()}
    if run.dataset.ids.dtype.kind == "i":
        types["id"] = pa.int64()
    columns = {name: pa.array(table[name].to_numpy(), kind, from_pandas=True) for name, kind in types.items()}
    with sealed(run.layout, run.layout.votes) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")


def read_votes(run: Run) -> Votes | None:
    """Read the votes stored in a run.

    Parameters
    ----------
    run : Run

    Returns
    -------
    Votes, or None if there are none. Also None for other kinds of labels than one class per example; use `vote_table`
    for votes on their units.

    Raises
    ------
    RunError
        The file is damaged or belongs to another run.
    """
    if not run.dataset.kind.one_class:
        return None
    return _read(run, lambda frame: votes_of(run, frame))


def vote_table(run: Run) -> pd.DataFrame | None:
    """Read the votes stored in a run with all columns, `COLUMNS`, for any kind of label; None if there are none."""
    return _read(run, lambda frame: checked_votes(run, frame))


def is_older(run: Run) -> bool:
    """Whether the stored votes have the columns of release 0.1, which are read as well."""
    try:
        return is_there(run.layout.votes) and "annotator" in open_parquet(run.layout.votes).schema_arrow.names
    except (OSError, pa.ArrowException, ValueError):
        return False  # damaged: reading it raises the error


def _read(run: Run, use: Callable[[pd.DataFrame], Any]) -> Any:
    path: Path = run.layout.votes
    if not is_there(path):
        return None
    try:
        names = OLDER if is_older(run) else COLUMNS
        table = read_parquet(path, names)
        for name in set(names) - {"id"}:
            found = table.schema.field(name).type
            if name != "confidence" and found not in (pa.string(), pa.large_string()):
                raise InputError.at(name, f"is {found}", "It must be text.")
        return use(table.to_pandas(ignore_metadata=True))
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise RunError(f"{path} cannot be used ({error}). Delete it, or save the votes again.") from error


def votes_of(run: Run, frame: pd.DataFrame) -> Votes:
    """Create Votes from a DataFrame as in `save_votes`; raises the same errors."""
    return votes_from(frame, run.dataset.ids, run.dataset.classes, run.dataset.rows)


def votes_from(
    votes: Any, ids: np.ndarray, classes: Sequence[str], rows_of: Callable[[np.ndarray], np.ndarray] | None = None
) -> Votes:
    """Create Votes on examples that are not in a run.

    Parameters
    ----------
    votes : Votes; DataFrame as in `save_votes`; or int array (n, annotators) of class indices, -1 = no vote
    ids, classes : ids of the n examples, names of the k classes
    rows_of : function from ids to rows; by default ids are looked up in `ids`

    Raises
    ------
    InputError : as in `save_votes`; or the array does not have n rows, or contains an invalid class index.
    """
    n, k = len(ids), len(classes)
    if isinstance(votes, Votes):
        if (votes.n, votes.k) != (n, k):
            found = f"are of {votes.n:,} examples and {votes.k:,} classes"
            raise InputError.at("votes", found, f"Pass votes on the {n:,} examples and {k:,} classes of the data.")
        return votes
    if not isinstance(votes, pd.DataFrame):
        return _of_table(np.asarray(votes), n, k)
    table, rows, codes = _checked(votes, ids, classes, rows_of or functools.partial(_rows_among, ids))
    voter, voters = pd.factorize(table["voter"], sort=True)
    version, versions = pd.factorize(table["version"], sort=True)
    _, first, people = np.unique(voter * len(versions) + version, return_index=True, return_inverse=True)
    several = np.bincount(voter[first], minlength=len(voters)) > 1
    names = (
        f"{voters[voter[at]]} {versions[version[at]]}" if several[voter[at]] else voters[voter[at]] for at in first
    )
    order = np.lexsort((people, rows))
    kinds = tuple(table["kind"].to_numpy()[first])
    return Votes(rows[order], people[order].astype(np.int64), codes[order], tuple(names), n, k, kinds)


def _checked(
    votes: pd.DataFrame,
    ids: np.ndarray,
    classes: Sequence[str],
    rows_of: Callable[[np.ndarray], np.ndarray],
    decode: Callable[[str], object] | None = None,
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Validate votes; return a sorted table with `COLUMNS`, the row of each vote, and its class index.

    With `decode`, values are texts that it can decode, votes may be on units, and class indices are -1.
    """
    votes = votes.reset_index(drop=True)
    new = {"voter", "value"} <= set(votes.columns) and not {"annotator", "label"} <= set(votes.columns)
    who, what = ("voter", "value") if new else ("annotator", "label")
    for name in ("id", who, what):
        if name not in votes.columns:
            raise InputError.unknown("column", name, votes.columns, f"Each vote needs an id, {who} and {what}.")
        missing = np.flatnonzero(votes[name].isna().to_numpy())
        if len(missing):
            todo = "Leave out votes that were not cast."
            raise InputError.at(name, f"has {len(missing)} missing values", todo, row=int(missing[0]))
    named = {"id": votes["id"].to_numpy(), "voter": votes[who].astype(str), "value": list(names_in(votes[what]))}
    blank = {"unit": "", "kind": KINDS[0], "version": ""}
    for name, usual in blank.items():
        named[name] = votes[name].astype(object).where(votes[name].notna(), usual) if new and name in votes else usual
    table = pd.DataFrame(named | {"confidence": _confidences(votes, new)}, index=pd.RangeIndex(len(votes)))
    plain = [name for name in table if name != "confidence" and table[name].dtype.kind not in "iu"]
    table = table.astype(dict.fromkeys(plain, object))
    for name in blank:
        wrong = [not isinstance(one, str) for one in table[name]]
        _refuse(table, name, wrong, "is not text", "Pass text.")
    _refuse(table, "kind", ~table["kind"].isin(KINDS), "is unknown", f"Use {first_few(KINDS)}.")
    kinds = table.groupby("voter")["kind"].transform("first")
    _refuse(table, "kind", kinds != table["kind"], "differs from other rows of this voter", "Give each voter one kind.")
    rows = rows_of(table["id"].to_numpy())
    codes = np.full(len(table), -1)
    if decode is None:
        todo = "Leave out `unit`: each example has a single class."
        _refuse(table, "unit", table["unit"] != "", "is a unit", todo)
        found = table["value"].map({str(name): code for code, name in enumerate(classes)})
        _refuse(table, "value", found.isna(), "is not a class of the run", f"Use {first_few(classes)}.", what)
        codes = found.to_numpy(np.int64)
    else:
        for text in table["value"].unique():
            decode(text)
    order = np.lexsort((table["version"], table["voter"], table["unit"], rows))
    table, rows, codes = table.iloc[order].reset_index(drop=True), rows[order], codes[order]
    twice = table.duplicated(["id", "unit", "voter", "version"]).to_numpy()
    if twice.any():
        at = int(np.flatnonzero(twice)[0])
        often = f"{table['voter'][at]!r} voted {int(twice.sum()) + 1} times"
        raise InputError.at(who, often, f"Keep one vote of each {who}.", id=ids[rows[at]])
    return table[list(COLUMNS)], rows, codes


def _confidences(votes: pd.DataFrame, new: bool) -> np.ndarray:
    """Return the confidences, (m,) float64 in [0, 1], NaN where not given."""
    if not new or "confidence" not in votes:
        return np.full(len(votes), np.nan)
    try:
        values = pd.to_numeric(votes["confidence"]).to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InputError.at(
            "confidence", f"is not a number ({error})", "Use numbers in [0, 1], or leave it out."
        ) from error
    _refuse(votes, "confidence", (values < 0) | (values > 1), "is outside [0, 1]", "Use probabilities.")
    return values


def _refuse(table: pd.DataFrame, name: str, wrong: Any, found: str, todo: str, field: str | None = None) -> None:
    """Raise an error about the first row in which a column is `wrong`, if there is one."""
    places = np.flatnonzero(np.asarray(wrong))
    if len(places):
        row = int(places[0])
        value = table[name].iloc[row]
        said = f"is {shortened(value.item() if isinstance(value, np.generic) else value)}, which {found}"
        if len(places) > 1:
            said += f" (and {len(places) - 1:,} more)"
        raise InputError.at(field or name, said, todo, row=row, id=table["id"].iloc[row])


def _of_table(table: np.ndarray, n: int, k: int) -> Votes:
    """Create Votes from an array (n, annotators) of class indices."""
    if table.ndim != 2 or len(table) != n or table.dtype.kind not in "iuf":
        found = f"has shape {table.shape} and dtype {table.dtype}"
        todo = f"Give {n:,} rows and one column per annotator, class indices, -1 = no vote."
        raise InputError.at("votes", found, f"{todo} Or a DataFrame with the columns id, voter, value.")
    codes = np.where(np.isfinite(table), table, -1) if table.dtype.kind == "f" else table
    bad = np.flatnonzero(((codes < -1) | (codes >= k) | (codes != np.floor(codes))).any(axis=1))
    if len(bad):
        found = f"holds a value that is not a class index below {k:,}"
        raise InputError.at("votes", found, "Use class indices, -1 = no vote.", row=int(bad[0]))
    rows, people = np.nonzero(codes >= 0)
    names = tuple(str(one) for one in range(table.shape[1]))
    return Votes(rows, people, codes[rows, people].astype(np.int64), names, n, k)


def _rows_among(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the row of each id."""
    rows = pd.Index(ids).get_indexer(wanted)
    if (rows < 0).any():
        at = int(np.flatnonzero(rows < 0)[0])
        found = f"is {plain_scalar(wanted[at])!r}, which is not an example"
        raise InputError.at("id", found, "Use ids of the examples.", row=at)
    return rows


def votes_needed(run: Run) -> Votes:
    """Return the run's votes; raise MissingEvidence, which says how to store them, if there are none."""
    votes = read_votes(run)
    if votes is None or not len(votes.rows):
        how = "Store them with `wb.review.save_votes(run, frame)`: columns id, annotator, label."
        raise MissingEvidence.needed("This", ["votes"], how)
    return votes
