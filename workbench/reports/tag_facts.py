"""The contents of a report about multi-label data, in which cells (one tag of one example) are judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError
from workbench.foundation.progress import step
from workbench.issues import find_issues
from workbench.issues.reasons import apart
from workbench.issues.totals import error_count
from workbench.reports import facts
from workbench.reports.figures.reliability import judged
from workbench.scores.tag_dynamics import cell_curves, cell_dynamics
from workbench.tags.sets import tag_rules
from workbench.tasks.keys import number_of, position_keys
from workbench.tasks.tag_cells import TagCells, cells_of

if TYPE_CHECKING:
    from workbench.runs.run import Run

LISTED_RULES = 12
"""Maximum number of listed rules."""

TAG_WORDS = facts.Words(
    "tag", "cells", "a cell is one tag of one example", "tags", "cells", "probability of the given value",
    ("known cells", "unknown"),
)  # fmt: skip


def gather_tags(run: Run, issues: pd.DataFrame | None, top: int, fdr: float | None) -> facts.Facts:
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
    state, changes = run.journal.state(per="unit"), run.changes()
    missing: list[str] = []
    verdicts = state["verdict"].value_counts()
    return facts.Facts(
        name=run.name,
        n=run.n,
        k=run.k,
        epochs=len(run.epochs),
        mode=run.mode,
        issues=issues,
        about=dict(issues.attrs),
        evidence=facts.evidence_used(run, issues),
        shown=_shown(run, issues, state, top),
        classes=pd.DataFrame(),
        pairs=pd.DataFrame(),
        data_map=_data_map(run, issues, missing),
        noise=None,
        decisions=state,
        verdicts={str(name): int(count) for name, count in verdicts.items()},
        changes=changes,
        total=error_count(run, issues),
        looked=len(judged(run)),
        canaries=None,
        gain=None,
        reliability=facts.reliability_of(run, issues),
        missing=missing,
        words=TAG_WORDS,
        tags=_tags(run, issues, changes),
    )


def _shown(run: Run, issues: pd.DataFrame, state: pd.DataFrame, top: int) -> list[facts.ShownIssue]:
    """Return the first `top` cells with a p_error, with media up to the size limit."""
    step("pictures and texts of label issues")
    shown = issues[issues["p_error"].notna()].head(top)
    rows, tags = shown["row"].to_numpy(), _tags_of(shown)
    curves = cell_curves(run, rows, tags)
    now, out, room = state["label"].dropna().to_dict(), [], facts.MEDIA_BYTES
    for place, (key, found) in enumerate(zip(shown.index.tolist(), shown.to_dict("records"))):
        row, given = int(rows[place]), found["given_label"]
        picture, why = facts.thumbnail_of(run, row, room)
        room -= len(picture[0]) if picture else 0
        p_yes = curves[:, place]
        out.append(
            facts.ShownIssue(
                id=key[0],
                given=given,
                suggested=found["suggested_label"],
                p_error=float(found["p_error"]),
                p_suggested=float(found["p_suggested"]),
                reasons=tuple(apart(found["reasons"])),
                decision=facts.decision_in_words(state, key, given, now.get(key, given)),
                picture=picture,
                text=facts.excerpt_of(run, row),
                no_picture=why,
                p_given_curve=p_yes if given == "yes" else 1 - p_yes,
                p_suggested_curve=np.empty(0),
                unit=str(found["tag"]),
            )
        )
    return out


def _data_map(run: Run, issues: pd.DataFrame, missing: list[str]) -> facts.DataMap | None:
    step("data map")
    if not run.epochs:
        missing.append("no data map: no epochs were recorded")
        return None
    found = cell_dynamics(run)
    drawn = facts.drawn_of(np.arange(len(found.places)))
    judged = issues["row"].to_numpy() * run.k + _tags_of(issues)
    order = np.argsort(judged, kind="stable")
    at = np.minimum(np.searchsorted(judged, found.places[drawn], sorter=order), max(len(judged) - 1, 0))
    lines = order[at] if len(judged) else np.full(len(drawn), -1)
    lines = np.where(judged[lines] == found.places[drawn], lines, -1) if len(judged) else lines
    columns = (one[drawn] for one in (found.variability, found.confidence, found.correctness))
    return facts.DataMap(*columns, lines=lines, thinned_from=len(found.places))


def _tags(run: Run, issues: pd.DataFrame, changes: pd.DataFrame) -> facts.TagFacts:
    step("tags")
    dataset, k = run.extended(), run.extended().k
    states = _states(cells_of(dataset.labels), k)
    tags, p = _tags_of(issues), issues["p_error"].fillna(0).to_numpy(float)
    added = (issues["kind"] == "missing").to_numpy(bool)
    marked = issues["is_issue"].to_numpy(bool)
    numbers = [number_of(str(key)) for key in changes.index.get_level_values("unit")]
    table = pd.DataFrame(
        {
            "tag": list(dataset.classes), **states,
            "missing": np.bincount(tags[added], p[added], k), "wrong": np.bincount(tags[~added], p[~added], k),
            "issues": np.bincount(tags[marked], minlength=k),
            "changed": np.bincount(np.array([one for one in numbers if one is not None], np.int64), minlength=k),
        }
    )  # fmt: skip
    table = table.iloc[np.argsort(-(table["missing"] + table["wrong"]).to_numpy(), kind="stable")]
    rules = tag_rules(run).rules
    first = np.argsort((rules["broken"] == 0).to_numpy(), kind="stable")[:LISTED_RULES]
    keys = position_keys(np.arange(k)).to_pylist()
    return facts.TagFacts(dict(zip(keys, dataset.classes)), table, rules.iloc[first], len(rules))


def _states(cells: TagCells, k: int) -> dict[str, np.ndarray]:
    """Count the examples in which each tag (k,) is given as yes, as no, and unknown."""
    yes = np.bincount(cells.yes.tags, minlength=k)
    in_open = cells.open[cells.rest.rows]
    known_in_open = np.bincount(cells.yes.tags[cells.open[cells.yes.rows]], minlength=k)
    no_in_open = np.bincount(cells.rest.tags[in_open], minlength=k)
    unknown = cells.missing.sum() + cells.open.sum() - known_in_open - no_in_open
    unknown = unknown + np.bincount(cells.rest.tags[~in_open], minlength=k)
    return {"yes": yes, "no": cells.n - yes - unknown, "unknown": unknown}


def _tags_of(issues: pd.DataFrame) -> np.ndarray:
    """Return the tag indices of units, (m,) int64."""
    places, keys = pd.factorize(issues.index.get_level_values("unit"))
    return np.array([number_of(str(key)) for key in keys], np.int64)[places]
