"""The contents of a report about preferences: kinds of errors, judges, and how people followed the order shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.evidence.as_evidence import handed_in
from workbench.foundation.cells import cell_text
from workbench.foundation.progress import step
from workbench.issues.kinds.contract import Asked
from workbench.issues.preferences.estimator import UNEQUAL
from workbench.issues.preferences.preference_evidence import PREFERENCE_KINDS, read_preference_evidence
from workbench.ranking.position import position_bias
from workbench.reports import facts
from workbench.reports.unit_facts import UnitContents, gather_units, kind_table
from workbench.tasks.preferences import PREFERENCE_TEXTS, answer_codes

if TYPE_CHECKING:
    from workbench.runs.run import Run

PREFERENCE_LABELS = facts.Words(
    "answer", "answers", "the label says which of two answers is better", "answers", "pairs", "",
    ("labelled pairs", "unlabelled"),
)  # fmt: skip

PREFERENCE_KIND_WORDS: dict[str, str] = dict(
    zip(
        (*PREFERENCE_KINDS, UNEQUAL),
        (
            "inverted: the other answer is better",
            "equal: neither answer is better",
            "low quality: both answers are poor",
            "unequal: given as a tie or as poor, but one answer is better",
        ),
    )
)
"""Kinds of errors in words."""


@dataclass(frozen=True)
class PreferenceFacts:
    """Contents of a report for preferences only.

    Attributes
    ----------
    kinds : as `workbench.reports.unit_facts.kind_table` returns them.
    judges : one row per judge with judge, pairs (that it decided), given (share of the decided labels that it agrees
        with, NaN without any), now (the same after the decisions so far), flips (share of the pairs that it answers
        otherwise in the other order, NaN if unknown).
    people : result of `position_bias`, by author.
    """

    kinds: pd.DataFrame
    judges: pd.DataFrame
    people: pd.DataFrame
    unit: str = ""

    def name_of(self, id: object, key: str) -> str:
        """Nothing, since an example is its only unit."""
        return ""


class PreferenceContents(UnitContents):
    """Pairs of answers, shown with the prompt."""

    words = PREFERENCE_LABELS
    classes = UnitContents.class_tables

    def unit(self, id: object, key: str) -> str:
        """Nothing, since an example is its only unit."""
        return ""

    def text(self, row: int, found: dict[str, Any]) -> tuple[str | None, tuple[int, int] | None]:
        """The starts of the prompt and of both answers; the part is the given answer."""
        columns = [name for name in PREFERENCE_TEXTS if name in self.dataset.metadata]
        if len(columns) < len(PREFERENCE_TEXTS):
            return super().text(row, found)
        starts = ("", "first: ", "second: ")
        cells = [facts.excerpt(cell_text(self.dataset.metadata[name].iat[row]), facts.EXCERPT // 3) for name in columns]
        parts = [f"{start}{cell}" for start, cell in zip(starts, cells)]
        text = "\n".join(parts)
        place = {"first": 1, "second": 2}.get(str(found["given_label"]))
        if place is None:
            return text, None
        begin = sum(len(part) + 1 for part in parts[:place])
        return text, (begin + len(starts[place]), begin + len(parts[place]))

    def own(self) -> PreferenceFacts:
        """Return the tables of kinds of errors, judges and people."""
        step("judges and people")
        kinds = kind_table(self.issues, self.changes.index, PREFERENCE_KIND_WORDS)
        return PreferenceFacts(kinds, self._judges(), position_bias(self.run))

    def _judges(self) -> pd.DataFrame:
        evidence = read_preference_evidence(Asked(self.run.dataset, handed_in(self.run, "preferences", {}).evidence))
        rows = []
        labels = [answer_codes(one) for one in (self.dataset.labels, self.run.labels())]
        for place, name in enumerate(evidence.judges):
            votes = evidence.votes[:, place]
            decided = np.isfinite(votes) & (votes != 0)
            shares = []
            for codes in labels:
                both = decided & ((codes == 0) | (codes == 1))
                shares.append(float(np.mean((votes[both] > 0) == (codes[both] == 0))) if both.any() else np.nan)
            flips = np.nan if evidence.flips is None else float(evidence.flips[place])
            rows.append((name, int(decided.sum()), *shares, flips))
        return pd.DataFrame(rows, columns=["judge", "pairs", "given", "now", "flips"])


def gather_preferences(run: Run, issues: pd.DataFrame | None, top: int, fdr: float | None) -> facts.Facts:
    """Collect the facts of a run; see `workbench.reports.unit_facts.gather_units`."""
    return gather_units(run, issues, top, fdr, PreferenceContents)
