"""The contents of a report about multi-label data, in which cells (one tag of one example) are judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.foundation.progress import step
from workbench.reports import facts
from workbench.reports.unit_facts import UnitContents, gather_units
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


@dataclass(frozen=True)
class TagFacts:
    """Contents of a report for multi-label data only.

    Attributes
    ----------
    named : names of the tags, by the key of their units. unit : heading of the column of these names.
    table : one row per tag, the one with the largest number of expected errors first: tag, yes, no, unknown (given
        cells), missing, wrong (expected errors among those given as no and as yes), issues, changed.
    rules : as `workbench.tags.tag_rules` lists them, those with exceptions first. total : number of all rules.
    """

    named: Mapping[str, str]
    table: pd.DataFrame
    rules: pd.DataFrame
    total: int
    unit: str = "tag"

    def name_of(self, id: object, key: str) -> str:
        """The name of a tag."""
        return self.named.get(key, key)


class TagContents(UnitContents):
    """Cells: their tag, the probability of the given value by epoch, tables of tags and of rules."""

    words = TAG_WORDS

    def curves(self, shown: pd.DataFrame) -> np.ndarray | None:
        """Return the probability of the given value by epoch."""
        p_yes = cell_curves(self.run, shown["row"].to_numpy(), _tags_of(shown))
        return np.where(shown["given_label"].to_numpy() == "yes", p_yes, 1 - p_yes)

    def data_map(self) -> facts.DataMap | None:
        """Return the data map of the cells."""
        return _data_map(self.run, self.issues, self.missing)

    def own(self) -> TagFacts:
        """Return tables of tags and of rules."""
        return _tags(self.run, self.issues, self.changes)


def gather_tags(run: Run, issues: pd.DataFrame | None, top: int, fdr: float | None) -> facts.Facts:
    """Collect the facts of a run; see `workbench.reports.unit_facts.gather_units`."""
    return gather_units(run, issues, top, fdr, TagContents)


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


def _tags(run: Run, issues: pd.DataFrame, changes: pd.DataFrame) -> TagFacts:
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
    return TagFacts(dict(zip(keys, dataset.classes)), table, rules.iloc[first], len(rules))


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
