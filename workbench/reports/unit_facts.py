"""The contents of a report about labels of several units each, such as tags or spans; what differs by kind is a class.

`UnitContents` has what all kinds share. A kind overrides what it shows on cards, on the data map, and in sections of
its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError
from workbench.foundation.progress import step
from workbench.issues import find_issues
from workbench.issues.audit_plan import DECIDED
from workbench.issues.reasons import apart
from workbench.issues.totals import error_count
from workbench.reports import facts
from workbench.reports.figures.reliability import judged

if TYPE_CHECKING:
    from workbench.runs.run import Run

NO_CURVE = np.empty(0)
LISTED_FORMS, LISTED_EXAMPLES = 20, 12
"""Maximum number of listed words and examples."""

LISTED_LABELS = 4
"""Maximum number of labels that are listed of equal words."""

BEFORE = 120
"""Characters before a part of a text in an excerpt."""

FEWEST_SHOWN, LEAST_SHOWN = 12, 0.05
"""Units that are not issues are shown if their p_error is at least this, or up to this number of cards."""


class UnitContents:
    """What a report shows of a kind of label.

    Parameters
    ----------
    run : the run. issues : result of `find_issues(run, per="unit")`.

    Attributes
    ----------
    words : names of what is counted.
    """

    words: facts.Words

    def __init__(self, run: Run, issues: pd.DataFrame) -> None:
        self.run, self.issues = run, issues
        self.dataset = run.extended()
        self.missing: list[str] = []
        self.changes = run.changes()

    def stored(self, row: int, text: str) -> str:
        """Describe a value of the journal."""
        kind = self.dataset.kind
        return kind.in_words(kind.decode(text, self.dataset.classes))

    def label(self, row: int, found: dict[str, Any], which: str) -> str | None:
        """Describe the "given" or "suggested" label of `found`, a row of the issues and its `unit`; None for none."""
        value = found[f"{which}_label"]
        return None if is_missing(value) else str(value)

    def unit(self, id: object, key: str) -> str:
        """Name of a unit in words, "" if an example is its only unit."""
        return self.dataset.kind.unit_name(key, self.dataset.classes)

    def text(self, row: int, found: dict[str, Any]) -> tuple[str | None, tuple[int, int] | None]:
        """Return a text to show with a unit, and the part of it that the unit is."""
        return facts.excerpt_of(self.run, row), None

    def picture(self, row: int, found: dict[str, Any], room: int) -> tuple[tuple[bytes, int, int] | None, str]:
        """Return a picture to show with a unit, or why there is none; `room` is the number of bytes left for all."""
        return facts.thumbnail_of(self.run, row, room)

    def _value(self, text: Any) -> Any:
        """Return a value of the journal as a Python object; None for none."""
        return None if is_missing(text) else self.dataset.kind.decode(text, self.dataset.classes)

    def curves(self, shown: pd.DataFrame) -> np.ndarray | None:
        """Return the probability of the given value by epoch, (epochs, shown); None without."""
        return None

    def data_map(self) -> facts.DataMap | None:
        """Return the data map; None if the kind has none."""
        return None

    def own(self) -> facts.OwnFacts:
        """Return the contents of the sections of this kind."""
        raise NotImplementedError

    def classes(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the tables of classes and of pairs of classes; without rows for kinds without classes."""
        return pd.DataFrame(), pd.DataFrame()

    def class_tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the tables for kinds whose units have one class each."""
        changed = self.issues["given_label"].reindex(self.changes.index).dropna()
        return facts.class_table(self.issues, changed), facts.pair_table(self.issues)


def gather_units(
    run: Run, issues: pd.DataFrame | None, top: int, fdr: float | None, kind: type[UnitContents]
) -> facts.Facts:
    """Collect the facts of a run; parts without evidence are left out and named in `missing`.

    Raises
    ------
    InputError : `issues` with a row per example.
    """
    if issues is None:
        step("label errors")
        issues = find_issues(run, fdr=fdr, per="unit")
    elif issues.index.nlevels != 2:
        raise InputError.at("issues", "has one row per example", "Pass `find_issues(run, per='unit')`.")
    assert issues is not None  # `find_issues` returns a table
    contents = kind(run, issues)
    state = run.journal.state(per="unit")
    verdicts = state["verdict"].value_counts()
    classes, pairs = contents.classes()
    step(contents.words.labels)
    return facts.Facts(
        name=run.name,
        n=run.n,
        k=len(contents.dataset.classes),
        epochs=len(run.epochs),
        mode=run.mode,
        issues=issues,
        about=dict(issues.attrs),
        evidence=facts.evidence_used(run, issues),
        shown=_shown(contents, state, top),
        classes=classes,
        pairs=pairs,
        data_map=contents.data_map(),
        noise=None,
        decisions=state,
        verdicts={str(name): int(count) for name, count in verdicts.items()},
        changes=_changes(contents),
        total=error_count(run, issues),
        looked=len(judged(run)),
        canaries=None,
        gain=None,
        reliability=facts.reliability_of(run, issues),
        missing=contents.missing,
        words=contents.words,
        own=contents.own(),
    )


def kind_table(issues: pd.DataFrame, changed: pd.MultiIndex | pd.Index, words: Mapping[str, str]) -> pd.DataFrame:
    """Return one row per kind of error that occurs: kind (in words), units (judged), wrong (expected), issues, changed.

    Parameters
    ----------
    issues : with one row per unit. changed : the units that were changed. words : kinds in words, in order.
    """
    grouped = issues[issues["p_error"].notna()].groupby("kind", sort=False)
    table = pd.DataFrame({"units": grouped.size(), "wrong": grouped["p_error"].sum()})
    table["issues"] = grouped["is_issue"].sum().astype(int)
    counts = issues["kind"].reindex(changed).value_counts()
    table["changed"] = counts.reindex(table.index, fill_value=0).astype(int)
    table = table.reindex([one for one in words if one in table.index])
    return table.rename(index=dict(words)).rename_axis("kind").reset_index()


def decided_units(run: Run, issues: pd.DataFrame) -> np.ndarray:
    """Return which units of the issues have a decision, bool (m,)."""
    verdicts = run.journal.state(per="unit")["verdict"]
    return np.asarray(issues.index.isin(verdicts.index[verdicts.isin(DECIDED)]))


def worst_examples(issues: pd.DataFrame, counted: pd.Series) -> pd.DataFrame:
    """Return the examples with the most expected errors, by row: units (those `counted`), wrong (expected), issues."""
    grouped = issues.assign(units=counted).groupby(issues["row"].to_numpy(), sort=False)
    table = grouped.agg(units=("units", "sum"), wrong=("p_error", "sum"), issues=("is_issue", "sum"))
    return table[table["wrong"] > 0].sort_values("wrong", ascending=False, kind="stable").head(LISTED_EXAMPLES)


def counts_in_words(counted: Iterable[tuple[int, str]]) -> str:
    """Describe how often labels occur, the most frequent first: "LOC 12, PER 3"."""
    named = sorted(counted, key=lambda one: (-one[0], one[1]))
    words = ", ".join(f"{name} {count:,}" for count, name in named[:LISTED_LABELS])
    return words + (f", {len(named) - LISTED_LABELS} more" if len(named) > LISTED_LABELS else "")


def excerpt_around(text: str, start: int, end: int) -> tuple[str, tuple[int, int]]:
    """Return the part of a text around a range of characters, and the range in it."""
    first = 0 if end <= facts.EXCERPT else max(start - BEFORE, 0)
    before, last = "…" if first else "", max(first + facts.EXCERPT, end)
    after = "…" if last < len(text) else ""
    shift = len(before) - first
    return before + text[first:last] + after, (start + shift, end + shift)


def _shown(contents: UnitContents, state: pd.DataFrame, top: int) -> list[facts.ShownIssue]:
    """Return up to `top` suspicious units, with media up to the size limit."""
    step("pictures and texts of label issues")
    issues = contents.issues
    p = issues["p_error"]
    shown = issues[p.notna()].head(min(top, max(FEWEST_SHOWN, int((issues["is_issue"] | (p >= LEAST_SHOWN)).sum()))))
    curves = contents.curves(shown)
    now, out, room = contents.changes["label"].to_dict(), [], facts.MEDIA_BYTES
    for place, (key, found) in enumerate(zip(shown.index.tolist(), shown.to_dict("records"))):
        row, found["unit"] = int(found["row"]), key[1]
        picture, why = contents.picture(row, found, room)
        room -= len(picture[0]) if picture else 0
        given = contents.label(row, found, "given")
        label = contents.stored(row, now[key]) if key in now else given
        text, part = contents.text(row, found)
        out.append(
            facts.ShownIssue(
                id=key[0],
                given=given,
                suggested=contents.label(row, found, "suggested"),
                p_error=float(found["p_error"]),
                p_suggested=float(found["p_suggested"]),
                reasons=tuple(apart(found["reasons"])),
                decision=facts.decision_in_words(state, key, given, label),
                picture=picture,
                text=text,
                no_picture=why,
                p_given_curve=NO_CURVE if curves is None else curves[:, place],
                p_suggested_curve=NO_CURVE,
                unit=contents.unit(*key),
                part=part,
            )
        )
    return out


def _changes(contents: UnitContents) -> pd.DataFrame:
    """Return the changes, with values in words."""
    changes, dataset = contents.changes, contents.dataset
    rows = dataset.find(changes.index.get_level_values("id"))[0].tolist()
    names = ("given_label", "label")
    said = {
        name: [None if is_missing(one) else contents.stored(row, one) for row, one in zip(rows, changes[name])]
        for name in names
    }
    return changes.assign(**{name: pd.Series(values, changes.index, object) for name, values in said.items()})
