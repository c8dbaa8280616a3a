"""Verdicts: the decisions of a journal for which a person looked at the example and judged its label.

Everything that learns from verdicts, or is measured by them, uses this module: `find_issues`, the audit, the
reliability of p_error, agreement, pace, and second opinions. A journal also contains decisions without such a look,
such as suggestions accepted for a whole selection. They change labels but are not evidence.
"""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, first_few, outside
from workbench.runs.journal import Journal
from workbench.runs.run import Run

REVIEWED = ("review", "second look")
"""Sources with which a caller says that a person looked at each example, even if a call decides about several."""

ONE_BY_ONE = ("", "explorer")
"""Sources with which a call about one example is a verdict, but a call about several is not."""

MANY = ("selection", "accept selection", "labels")
"""Additions to the Explorer's source for decisions about a whole selection, or from Python."""

SECOND_LOOK = "second look"
SWAPPED_LOOK = "answers swapped"
AUDIT_SOURCE = "audit"


Verdicts = TypeVar("Verdicts", pd.Series, pd.DataFrame)


def by_looking(source: str, size: int) -> bool:
    """Whether a decision is a verdict of a person who looked at the example.

    Parameters
    ----------
    source : source of the journal entry: a tool, optionally followed by a colon and a comma-separated list of details
    size : number of examples that the call decided

    Examples
    --------
    >>> by_looking("explorer: audit, key", 1), by_looking("explorer: accept selection", 304)
    (True, False)
    >>> by_looking("notebook", 1), by_looking("review", 200)
    (False, True)
    """
    tool, *done = _parts(source)
    if tool in REVIEWED:
        return True
    return tool in ONE_BY_ONE and size == 1 and not any(part in MANY for part in done)


def at_the_view(source: str) -> bool:
    """Whether a person made the decision in a view, about one example or several; not a program or code."""
    tool, *done = _parts(source)
    return tool in (*REVIEWED, *ONE_BY_ONE) and "labels" not in done


def _parts(source: str) -> list[str]:
    tool, _, done = source.lower().partition(":")
    return [tool.strip(), *(part.strip() for part in done.split(",") if part.strip())]


def is_second_look(source: str) -> bool:
    """Whether a verdict is a second look: the example was shown again without the earlier verdict."""
    return SECOND_LOOK in _parts(source)


def is_swapped_look(source: str) -> bool:
    """Whether two answers were shown again in the opposite order, without the earlier verdict."""
    return SWAPPED_LOOK in _parts(source)


def looks(journal: Journal, author: str | None = None) -> pd.DataFrame:
    """Return all verdicts that have not been undone, oldest first.

    Parameters
    ----------
    author : only verdicts of this author

    Returns
    -------
    DataFrame, one row per verdict
        id. verdict : "relabel", "keep" or "skip". label : the class name assigned or confirmed; None for "skip", and if
        `keep` was called without the given label. author, time, source : as in the journal. seq : int, increasing.
        second_look : bool. If an author changes a verdict, the older one stays in the table.
    """
    table, _ = _split(journal, author)
    return table


def decided_otherwise(journal: Journal, author: str | None = None) -> int:
    """Return the number of examples with a decision but no verdict: decided in bulk, or by a program."""
    table, others = _split(journal, author)
    return len(others - set(table["id"]))


def _split(journal: Journal, author: str | None) -> tuple[pd.DataFrame, set[Any]]:
    """Return the verdicts, and the ids of all other decisions about labels."""
    columns = ["id", "verdict", "label", "author", "time", "source", "seq", "second_look"]
    entries = [one for one in journal.standing() if not one.unit and (author is None or one.author == author)]
    size: dict[int, int] = {}
    label: dict[tuple[int, Any], str | None] = {}
    for entry in entries:
        if entry.field == "verdict":
            size[entry.batch] = size.get(entry.batch, 0) + 1
        elif entry.field == "label":
            label[entry.batch, entry.id] = entry.new
    rows, others = [], set()
    for entry in entries:
        if entry.field != "verdict" or entry.new is None:
            continue
        if not by_looking(entry.source, size[entry.batch]):
            others.add(entry.id)
            continue
        said = None if entry.new == "skip" else label.get((entry.batch, entry.id))
        again = is_second_look(entry.source)
        rows.append((entry.id, entry.new, said, entry.author, entry.time, entry.source, entry.seq, again))
    return pd.DataFrame(rows, columns=columns).astype({"seq": "int64", "second_look": bool}), others


def opinions(journal: Journal) -> pd.DataFrame:
    """Return each author's newest verdict as a label: ids as rows, authors as columns, NaN without a verdict."""
    table = looks(journal)
    newest = table.drop_duplicates(["id", "author"], keep="last")
    newest = newest[newest["label"].notna()]
    return newest.pivot(index="id", columns="author", values="label")


def wrong_by(run: Run, table: pd.DataFrame) -> pd.Series:
    """Return for each verdict: True = the given label is wrong, False = it is right, <NA> = skipped.

    Parameters
    ----------
    run : Run
    table : rows of `looks`, with ids that are in the run
    """
    given = run.dataset.given_labels[run.dataset.index.get_indexer(table["id"])]
    given = run.dataset.names_of(given)
    wrong = (table["verdict"] == "relabel") & table["label"].notna() & (table["label"].to_numpy(object) != given)
    return wrong.astype("boolean").mask(table["verdict"] == "skip")


def verdicts_of(run: Run, author: str | None = None) -> pd.Series:
    """Return the newest verdict on each example: bool indexed by id, True = the given label is wrong.

    Decisions that are not verdicts (`by_looking`) and skipped examples are left out. With `author`, only the verdicts
    of this author are used.
    """
    table = known_looks(run, author).drop_duplicates("id", keep="last")
    verdicts = wrong_by(run, table).set_axis(pd.Index(table["id"], name="id"))
    return verdicts.dropna().astype(bool)


def unit_looks(run: Run, author: str | None = None) -> pd.DataFrame:
    """Return the verdicts on units that have not been undone, oldest first: `looks` for labels other than one class.

    Returns
    -------
    DataFrame, one row per verdict
        id, verdict, author, source, seq, second_look : as in `looks`. unit : str, key of the unit; "" if an example is
        its own unit, or was skipped as a whole. label : the value assigned or confirmed, as stored in the journal; None
        if skipped. wrong : boolean, True = the given value is wrong; <NA> if skipped, or
        if the decision says neither.

    Notes
    -----
    A call about units of one example counts as a verdict on each of them; a call about several examples counts only if
    its source says so.
    """
    dataset = run.dataset
    whole = dataset.units.keys is None  # each example is its own unit ""
    entries = [one for one in run.journal.standing() if author is None or one.author == author]
    looked: dict[int, set[Any]] = {}
    said: dict[tuple[int, Any, str], str | None] = {}
    for entry in entries:
        if entry.field == "verdict":
            looked.setdefault(entry.batch, set()).add(entry.id)
        elif entry.field == "label":
            said[entry.batch, entry.id, entry.unit] = entry.new
    given = [one for one in entries if one.field == "verdict" and (whole or one.unit or one.new == "skip")]
    given = [one for one in given if one.new is not None and by_looking(one.source, len(looked[one.batch]))]
    rows = dataset.index.get_indexer([one.id for one in given]) if given else np.empty(0, np.int64)
    known = [one for one, row in zip(given, rows, strict=True) if row >= 0]
    about = [(one, int(row)) for one, row in zip(given, rows, strict=True) if row >= 0 and one.new != "skip"]
    values = [said.get((one.batch, one.id, one.unit)) for one, _ in about]
    labels = dataset.values_at([row for _, row in about], [one.unit for one, _ in about], values)
    wrong: dict[int, bool | None] = {}
    answers: dict[int, str | None] = {}
    for (one, _), label, value in zip(about, labels, values, strict=True):
        relabelled = one.new == "relabel" and value is not None
        answers[one.seq] = value if relabelled else label
        wrong[one.seq] = dataset.kind.contradicts(str(value), label) if relabelled else False
    columns = ("id", "unit", "verdict", "author", "source", "seq", "second_look")
    lines = [(one.id, one.unit, one.new, one.author, one.source, one.seq, is_second_look(one.source)) for one in known]
    table = pd.DataFrame(lines, columns=columns).astype({"seq": "int64", "second_look": bool})
    table["label"] = pd.Series([answers.get(one.seq) for one in known], dtype=object)
    return table.assign(wrong=pd.array([wrong.get(one.seq) for one in known], "boolean"))


def whole_looks(run: Run, author: str | None = None) -> pd.DataFrame:
    """Return the verdicts on whole examples that have several units: all of them were judged, and nothing is missing.

    Returns
    -------
    DataFrame, one row per verdict, oldest first
        id, verdict ("keep" or "skip"), author, seq, second_look : as in `looks`. errors : int, number of units of the
        example whose newest verdict says "wrong"; of a second look, only its own verdicts count.

    Notes
    -----
    `run.journal.keep(id)`, without a unit, says that the units with a verdict stand as decided, that all others are as
    given, and that nothing else is missing.
    """
    entries = [one for one in run.journal.standing() if author is None or one.author == author]
    size: dict[int, set[Any]] = {}
    for entry in entries:
        if entry.field == "verdict":
            size.setdefault(entry.batch, set()).add(entry.id)
    found = [one for one in entries if one.field == "verdict" and not one.unit and one.new in ("keep", "skip")]
    found = [one for one in found if by_looking(one.source, len(size[one.batch]))]
    columns = ["id", "verdict", "author", "seq", "second_look"]
    lines = [(one.id, one.new, one.author, one.seq, is_second_look(one.source)) for one in found]
    table = pd.DataFrame(lines, columns=columns).astype({"id": object, "seq": "int64", "second_look": bool})
    wrong = wrong_units(run, author)
    again = wrong[wrong["second_look"]].groupby(["id", "author"]).size()
    errors = wrong[~wrong["second_look"]].groupby("id").size().reindex(table["id"], fill_value=0).to_numpy()
    looked = pd.MultiIndex.from_frame(table[["id", "author"]])
    errors = np.where(table["second_look"], again.reindex(looked, fill_value=0).to_numpy(), errors)
    return table.assign(errors=errors.astype(np.int64))


def wrong_units(run: Run, author: str | None = None) -> pd.DataFrame:
    """Return the units whose newest verdict says "wrong", of first and of second looks: rows of `unit_looks`."""
    table = unit_looks(run, author)
    again = table["second_look"]
    newest = [
        table[~again].drop_duplicates(["id", "unit"], keep="last"),
        table[again].drop_duplicates(["id", "unit", "author"], keep="last"),
    ]
    found = pd.concat(newest)
    return found[found["wrong"].fillna(False).to_numpy(bool)]


def unit_verdicts_of(run: Run, author: str | None = None) -> pd.Series:
    """Return the newest verdict on each unit: bool indexed by (id, unit), True = the given value is wrong.

    This is `verdicts_of` for labels other than one class per example (see `unit_looks`).
    """
    table = unit_looks(run, author).drop_duplicates(["id", "unit"], keep="last")
    table = table[table["wrong"].notna()]
    index = pd.MultiIndex.from_frame(table[["id", "unit"]])
    return pd.Series(table["wrong"].to_numpy(bool), index=index, dtype=bool)


def newest_verdicts(run: Run, author: str | None = None) -> pd.Series:
    """The newest verdict on what can be judged: by id (`verdicts_of`), or by (id, unit) (`unit_verdicts_of`)."""
    return verdicts_of(run, author) if run.dataset.kind.one_class else unit_verdicts_of(run, author)


def unit_opinions(run: Run) -> pd.DataFrame:
    """Return each author's newest verdict on what can be judged, as a label or value.

    Returns
    -------
    DataFrame indexed by id, or by (id, unit) for labels other than one class per example; authors as columns, NaN
    without a verdict. As `opinions`, for a run of any kind.
    """
    if run.dataset.kind.one_class:
        return opinions(run.journal)
    table = unit_looks(run).drop_duplicates(["id", "unit", "author"], keep="last")
    table = table[table["label"].notna()].astype({"unit": object})
    if table.empty:
        return pd.DataFrame(index=pd.MultiIndex.from_frame(table[["id", "unit"]]))
    return table.pivot(index=["id", "unit"], columns="author", values="label")


def awaiting(run: Run, author: str) -> pd.Index:
    """Return what other authors have judged and this one has not: ids, or (id, unit), as `unit_opinions` has them.

    A unit that another author added, such as a span, is not among the given ones; the other units of its example are
    asked about instead, and an example with nothing else is left out once this author has judged anything in it.
    """
    said = unit_opinions(run)
    mine = said[author].notna() if author in said else pd.Series(False, said.index)
    others = said.drop(columns=[author], errors="ignore").notna().any(axis=1)
    due = said.index[others & ~mine]
    if run.dataset.kind.one_class or not len(due):
        return due
    rows, known = run.dataset.find(due.get_level_values("id"))
    due = due[known]
    given = run.dataset.units.find(rows, due.get_level_values("unit").tolist()) >= 0
    asked = said.index[others]
    held, there = run.dataset.find(asked.get_level_values("id"))
    asked = asked[there]
    usual = asked.get_level_values("id")[run.dataset.units.find(held, asked.get_level_values("unit").tolist()) >= 0]
    done = said.index[mine].get_level_values("id")
    ids = due.get_level_values("id")
    return due[given | ~(ids.isin(usual) | ids.isin(done))]


def known_looks(run: Run, author: str | None = None) -> pd.DataFrame:
    """Return `looks` of a run's journal for the examples of the run; a warning names other ids."""
    table = looks(run.journal, author)
    known = known_verdicts(table.set_index("id", drop=False), run.dataset.index, journal=True)
    return known.reset_index(drop=True)


def warn_if_left_out(journal: Journal, what: str) -> None:
    """Warn that decisions do not count if a journal has decisions but not a single verdict."""
    table, others = _split(journal, None)
    if len(others) and table.empty:
        message = f"{what}: none of the {len(others):,} decisions counts: each call decided several examples at once"
        warnings.warn(
            f"{message} or names a program as its source. If a person looked at each, pass source='review'.",
            stacklevel=3,
        )


def known_verdicts(verdicts: Verdicts, ids: pd.Index, *, journal: bool = False) -> Verdicts:
    """Return the verdicts on known examples; a warning names the other ids.

    Parameters
    ----------
    verdicts : Series or DataFrame indexed by id
    ids : ids of the examples; (id, unit) if `verdicts` are indexed by these. Units that are not among those of a known
        example, such as a span that a person added, are left out without a warning.
    journal : whether the verdicts come from a run's journal, for which unknown ids are never an error

    Raises
    ------
    InputError : none of the verdicts is on a known example.
    """
    known = ids.get_indexer(verdicts.index) >= 0
    if known.all():
        return verdicts
    strange = list(verdicts.index[~known])
    if ids.nlevels > 1:
        examples = ids.get_level_values(0)
        strange = [one for one, new in zip(strange, ~verdicts.index[~known].get_level_values(0).isin(examples)) if new]
        if not strange:
            return verdicts[known]
    if not journal and not known.any():
        found = f"matches none of the examples: {first_few(strange)} are not ids here ({first_few(list(ids[:3]))} are)"
        raise InputError.at("verdicts", found, "Index it by id, of the same type: `find_issues(...).index` has them.")
    what, todo = "`verdicts`", "Index it by id, as in `find_issues(...).index`."
    if journal:
        what, todo = "The journal", "Check whether journal.sqlite belongs to another data set."
    share = f"{len(strange)} of {len(verdicts)}"
    has = "contains" if journal else "contain"
    message = f"{what} {has} ids that are not among the examples ({share}, ignored): {first_few(strange)}."
    warnings.warn(f"{message} {todo}", stacklevel=outside())
    return verdicts[known]
