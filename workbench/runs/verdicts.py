"""Which decisions of a journal are verdicts: somebody looked at this example and said whether its label is right.

Everything that learns from verdicts, or is measured by them, takes them from here: `find_issues`, the audit, the
reliability of p_error, agreement, pace, and second opinions. A journal also holds decisions that nobody gave by
looking, such as the accepted suggestions of a whole selection. They change labels; they are evidence of nothing.
"""

from __future__ import annotations

import warnings
from typing import TypeVar

import pandas as pd

from workbench.foundation.errors import InputError, first_few, outside
from workbench.runs.journal import Journal
from workbench.runs.run import Run

REVIEWED = ("review", "second look")
"""Sources by which a caller of the journal says that a person looked at each example, however many a call decides."""

ONE_BY_ONE = ("", "explorer")
"""Sources of which a call about one example is a verdict, and a call about several is not."""

MANY = ("selection", "accept selection", "labels")
"""What the Explorer adds to its source where a decision was about a whole selection, or came from Python."""

SECOND_LOOK = "second look"
AUDIT_SOURCE = "audit"


Verdicts = TypeVar("Verdicts", pd.Series, pd.DataFrame)


def by_looking(source: str, size: int) -> bool:
    """Whether a decision is a verdict of a person who looked at the example.

    Parameters
    ----------
    source : of the journal's entry: a tool, or a tool, a colon and what was done there, separated by commas
    size : how many examples the call decided

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
    """Whether somebody sat there and decided, about one example or about many: no program, and no label set in code."""
    tool, *done = _parts(source)
    return tool in (*REVIEWED, *ONE_BY_ONE) and "labels" not in done


def _parts(source: str) -> list[str]:
    tool, _, done = source.lower().partition(":")
    return [tool.strip(), *(part.strip() for part in done.split(",") if part.strip())]


def is_second_look(source: str) -> bool:
    """Whether a verdict was given on an example that was shown again, without what was said before."""
    return SECOND_LOOK in _parts(source)


def looks(journal: Journal, author: str | None = None) -> pd.DataFrame:
    """Every verdict that stands, oldest first.

    Parameters
    ----------
    author : only this author's

    Returns
    -------
    DataFrame, one row per verdict
        id. verdict : "relabel", "keep" or "skip". label : the class name given or confirmed; None where `keep` was
        called without the given label, and for "skip". author, time, source : as in the journal. seq : int, grows.
        second_look : bool. An author's change of mind leaves the older verdict in the table.
    """
    table, _ = _split(journal, author)
    return table


def decided_otherwise(journal: Journal, author: str | None = None) -> int:
    """Number of examples with a decision that stands and no verdict: decided in bulk, or by a program."""
    table, others = _split(journal, author)
    return len(others - set(table["id"]))


def _split(journal: Journal, author: str | None) -> tuple[pd.DataFrame, set]:
    """The verdicts, and ids of all decisions on labels that are none."""
    columns = ["id", "verdict", "label", "author", "time", "source", "seq", "second_look"]
    entries = [one for one in journal.standing() if not one.unit and (author is None or one.author == author)]
    size: dict[int, int] = {}
    label: dict[tuple, str | None] = {}
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
    """Each author's newest verdict as a label: ids as rows, authors as columns, NaN where an author gave none."""
    table = looks(journal)
    newest = table.drop_duplicates(["id", "author"], keep="last")
    newest = newest[newest["label"].notna()]
    return newest.pivot(index="id", columns="author", values="label")


def wrong_by(run: Run, table: pd.DataFrame) -> pd.Series:
    """For verdicts of a run's examples: True = the given label is wrong, False = it is right, <NA> = put off.

    Parameters
    ----------
    table : rows of `looks`, of ids that are in the run
    """
    given = run.dataset.given_labels[run.dataset.index.get_indexer(table["id"])]
    given = run.dataset.names_of(given)
    wrong = (table["verdict"] == "relabel") & table["label"].notna() & (table["label"].to_numpy(object) != given)
    return wrong.astype("boolean").mask(table["verdict"] == "skip")


def verdicts_of(run: Run, author: str | None = None) -> pd.Series:
    """The newest verdict on each example: bool indexed by id, True = the given label is wrong.

    Decisions that nobody gave by looking are left out (`by_looking`), and so are examples that were put off.
    With `author`, what this author stands for, whatever others decided before or after.
    """
    table = known_looks(run, author).drop_duplicates("id", keep="last")
    verdicts = wrong_by(run, table).set_axis(pd.Index(table["id"], name="id"))
    return verdicts.dropna().astype(bool)


def unit_verdicts_of(run: Run, author: str | None = None) -> pd.Series:
    """The newest verdict on each unit: bool indexed by (id, unit), True = what is given is wrong.

    As `verdicts_of`, for labels that are not one class per example. All units of one example in one call count as
    looked at; those of several examples do only where the call says so.
    """
    whole = run.dataset.units.keys is None  # each example is its own unit, ""
    standing = (one for one in run.journal.standing() if whole or one.unit)
    entries = [one for one in standing if author is None or one.author == author]
    looked: dict[int, set] = {}
    said: dict[tuple, str | None] = {}
    for entry in entries:
        if entry.field == "verdict":
            looked.setdefault(entry.batch, set()).add(entry.id)
        elif entry.field == "label":
            said[entry.batch, entry.id, entry.unit] = entry.new
    newest = {
        (one.id, one.unit): (one.new, said.get((one.batch, one.id, one.unit)))
        for one in entries
        if one.field == "verdict" and one.new is not None and by_looking(one.source, len(looked[one.batch]))
    }
    dataset = run.dataset
    rows = dataset.index.get_indexer([id for id, _ in newest])
    known = [target for target, row in zip(newest, rows, strict=True) if row >= 0]
    given = dataset.values_at(rows[rows >= 0], [unit for _, unit in known])
    found = {}
    for target, label in zip(known, given, strict=True):
        verdict, value = newest[target]
        if verdict == "skip":
            continue
        wrong = verdict == "relabel" and value is not None and dataset.kind.contradicts(value, label)
        if wrong is not None:
            found[target] = wrong
    index = pd.MultiIndex.from_tuples(list(found), names=["id", "unit"]) if found else _NO_UNITS
    return pd.Series(list(found.values()), index=index, dtype=bool)


_NO_UNITS = pd.MultiIndex.from_arrays([[], []], names=["id", "unit"])


def known_looks(run: Run, author: str | None = None) -> pd.DataFrame:
    """`looks` of a run's journal on examples that the run has; a warning names others."""
    table = looks(run.journal, author)
    known = known_verdicts(table.set_index("id", drop=False), run.dataset.index, journal=True)
    return known.reset_index(drop=True)


def warn_if_left_out(journal: Journal, what: str) -> None:
    """Say that decisions do not count, where a journal holds decisions of authors who gave no verdict at all."""
    table, others = _split(journal, None)
    if len(others) and table.empty:
        message = f"{what}: none of the {len(others):,} decisions counts: each call decided several examples at once"
        warnings.warn(
            f"{message} or names a program as its source. If a person looked at each, pass source='review'.",
            stacklevel=3,
        )


def known_verdicts(verdicts: Verdicts, ids: pd.Index, *, journal: bool = False) -> Verdicts:
    """The verdicts on examples that are there; a warning names the others.

    Parameters
    ----------
    verdicts : Series or DataFrame indexed by id
    ids : of the examples
    journal : whether they are those of a run's journal, which may hold other things and never is an error

    Raises
    ------
    InputError : none of the verdicts given is on an example that is there.
    """
    known = ids.get_indexer(verdicts.index) >= 0
    if known.all():
        return verdicts
    strange = list(verdicts.index[~known])
    if not journal and not known.any():
        found = f"is about none of the examples: {first_few(strange)} are not ids here ({first_few(list(ids[:3]))} are)"
        raise InputError.at("verdicts", found, "Index it by id, of the same type: `find_issues(...).index` has them.")
    what, todo = "`verdicts`", "Index it by id, as in `find_issues(...).index`."
    if journal:
        what, todo = "The journal", "Is journal.sqlite that of another data set?"
    share = f"{len(strange)} of {len(verdicts)}"
    message = f"{what} judges ids that are not among the examples ({share}, left out): {first_few(strange)}."
    warnings.warn(f"{message} {todo}", stacklevel=outside())
    return verdicts[known]
