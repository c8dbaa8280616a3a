"""The contents of a report about graded pairs: kinds of errors, unjudged items, metrics of rankers, worst queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.evidence.as_evidence import handed_in
from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError
from workbench.foundation.progress import step
from workbench.issues.pairs.estimator import PAIR_ERRORS
from workbench.issues.pairs.pair_evidence import gains_of, item_texts_of, query_texts, relevant_code
from workbench.issues.pairs.pair_texts import passages_of
from workbench.ranking.rank_metrics import compare_metrics, metrics
from workbench.reports import facts
from workbench.reports.unit_facts import UnitContents, decided_units, gather_units, kind_table, worst_examples
from workbench.tasks.protocol import Decided

if TYPE_CHECKING:
    from workbench.runs.run import Run

LISTED_ITEMS = 12
"""Maximum number of listed unjudged items."""

PAIR_WORDS = facts.Words(
    "grade", "grades", "an example is a query; each of its judged items has a grade", "grades", "pairs", "",
    ("judged pairs", "unjudged"),
)  # fmt: skip

PAIR_KIND_WORDS: dict[str, str] = dict(
    zip(
        PAIR_ERRORS[:4],
        (
            "missed: relevant, but graded irrelevant",
            "spurious: irrelevant, but graded relevant",
            "another grade, on the same side",
            "an equal item has another grade",
        ),
    )
)
"""Kinds of errors in words."""

DEPTH = 10
"""Depth of the metrics."""


@dataclass(frozen=True)
class PairFacts:
    """Contents of a report for graded pairs only.

    Attributes
    ----------
    items : the item of each unit, by (id, unit). unit : heading of their column.
    kinds : as `workbench.reports.unit_facts.kind_table` returns them.
    unjudged : unjudged items, the most likely relevant first: id, item, grade (suggested), p_relevant.
    unjudged_total : number of all of these, and the expected number of relevant ones.
    given : mean metrics of the rankers by the given grades, indexed by (ranker, metric): value, queries; empty without
        scores. changes : by what is done to the grades, "decided" and "accepted": the result of `compare_metrics`.
    queries : those with the most expected errors: id, units (judged items), wrong, issues, excerpt.
    """

    items: dict[tuple[Any, str], str]
    kinds: pd.DataFrame
    unjudged: pd.DataFrame
    unjudged_total: tuple[int, float]
    given: pd.DataFrame
    changes: dict[str, pd.DataFrame]
    queries: pd.DataFrame
    unit: str = "item"

    def name_of(self, id: object, key: str) -> str:
        """The item."""
        return self.items.get((id, key), "added")


class PairContents(UnitContents):
    """Graded pairs, shown with the texts of the query and of the item."""

    words = PAIR_WORDS
    classes = UnitContents.class_tables

    def __init__(self, run: Run, issues: pd.DataFrame) -> None:
        super().__init__(run, issues)
        self.items = dict(zip(issues.index.tolist(), issues["item"].astype(str)))
        self._evidence = handed_in(run, "pairs", {}).evidence
        self._queries = query_texts(run.dataset, self._evidence.get("texts"))
        listed = self._evidence.get("item_texts")
        self._texts, self._corpus = passages_of(run.dataset), {} if listed is None else item_texts_of(listed)

    def stored(self, row: int, text: str) -> str:
        """The grade."""
        grade = self.dataset.kind.decode(text, self.dataset.classes)["grade"]
        return self.dataset.kind.in_words(None) if grade is None else grade

    def label(self, row: int, found: dict[str, Any], which: str) -> str | None:
        """The grade."""
        value = found[f"{which}_value"]
        return None if is_missing(value) else self.stored(row, value)

    def unit(self, id: object, key: str) -> str:
        """The item."""
        return self.items.get((id, key), "")

    def text(self, row: int, found: dict[str, Any]) -> tuple[str | None, tuple[int, int] | None]:
        """The texts of the query and of the item."""
        item = str(found["item"])
        texts = (self._queries[row], self._texts.get((row, item)) or self._corpus.get(item, ""))
        return "\n".join(facts.excerpt(one) for one in texts if one) or None, None

    def own(self) -> PairFacts:
        """Return tables of kinds of errors, unjudged items and queries, and the metrics of the rankers."""
        step("metrics of the rankers")
        issues = self.issues
        open_ = issues[issues["p_error"].isna()].sort_values("p_relevant", ascending=False, kind="stable")
        first = open_.head(LISTED_ITEMS)
        unjudged = pd.DataFrame(
            {
                "id": first.index.get_level_values("id"), "item": first["item"].to_numpy(object),
                "grade": [self.label(0, one, "suggested") for one in first.to_dict("records")],
                "p_relevant": first["p_relevant"].to_numpy(float),
            }
        )  # fmt: skip
        table = worst_examples(issues, issues["p_error"].notna())
        rows = table.index.to_numpy()
        queries = table.assign(id=self.dataset.ids[rows], excerpt=[facts.excerpt(self._queries[row]) for row in rows])
        given, changes = self._metrics()
        total = len(open_), float(open_["p_relevant"].sum() + (issues.attrs.get("expected_errors_below") or 0))
        kinds = kind_table(issues, self.changes.index, PAIR_KIND_WORDS)
        return PairFacts(self.items, kinds, unjudged, total, given, changes, queries.reset_index(drop=True))

    def _metrics(self) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
        """Return the metrics by the given grades, and their comparisons with decided and with all suggested grades."""
        none, scores = pd.DataFrame(columns=["value", "queries"]), self._evidence.get("scores")
        if scores is None:
            self.missing.append("no metrics of rankers: the run stores no scores (`run.save_evidence`)")
            return none, {}
        dataset = self.dataset
        least = float(gains_of(dataset)[relevant_code(dataset, self._evidence.get("relevant"))])
        try:
            found = metrics(dataset, scores, k=DEPTH, relevant=least)
            means = found.groupby(level="ranker", sort=False).mean().rename(columns=lambda name: f"{name}@{DEPTH}")
            given = means.rename_axis(columns="metric").stack().to_frame("value")
            given["queries"] = found.index.get_level_values("query").nunique()
            others = {}
            if len(self.changes):
                others["decided"] = dataset.with_labels(self.run.labels())
            accepted = self._accepted()
            if accepted is not None:
                others["accepted"] = dataset.with_labels(accepted)
            return given, {
                name: compare_metrics(dataset, scores, after=one, k=DEPTH, relevant=least)
                for name, one in others.items()
            }
        except InputError as error:
            self.missing.append(f"no metrics of rankers: {error}")
            return none, {}

    def _accepted(self) -> Any:
        """Return the labels with decisions, and with the suggestion for each other label issue; None without one."""
        left = self.issues[self.issues["is_issue"] & ~decided_units(self.run, self.issues)]
        left = left[left["suggested_value"].notna()]
        if not len(left):
            return None
        keys = left.index.get_level_values("unit").tolist()
        more = Decided(left["row"].to_numpy(np.int64), keys, left["suggested_value"].tolist())
        return self.dataset.kind.apply(self.run.labels(), self.dataset.classes, more)


def gather_pairs(run: Run, issues: pd.DataFrame | None, top: int, fdr: float | None) -> facts.Facts:
    """Collect the facts of a run; see `workbench.reports.unit_facts.gather_units`."""
    return gather_units(run, issues, top, fdr, PairContents)
