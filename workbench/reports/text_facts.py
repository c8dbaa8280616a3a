"""The contents of a report about texts: kinds of errors, and corrections word by word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.foundation.cells import is_missing
from workbench.foundation.progress import step
from workbench.reports import facts
from workbench.reports.unit_facts import UnitContents, decided_units, gather_units, kind_table
from workbench.texts.wording import TextEdit, word_diff

if TYPE_CHECKING:
    from workbench.runs.run import Run

LISTED_EDITS = 15
"""Maximum number of decided corrections, and of suggested ones."""

LONGEST_COMPARED = 4000
"""Characters of a text that are compared word by word; of longer ones, only the start is shown."""

TEXT_WORDS = facts.Words(
    "text", "texts", "", "fields", "texts", "", ("texts", "missing"),
)  # fmt: skip

TEXT_KIND_WORDS = {
    "mismatch": "belongs to another item",
    "contradiction": "mentions what the item lacks",
    "omission": "leaves out what most such texts mention",
    "length": "unusually long or short",
    "template": "about the same text on many examples",
    "empty": "empty",
}
"""Kinds of errors in words."""


@dataclass(frozen=True)
class Correction:
    """A corrected text: the example, its field ("" for the only one), the edits, and who decided or P(wrong)."""

    id: Any
    field: str
    edits: list[TextEdit]
    by: str | float


@dataclass(frozen=True)
class TextFacts:
    """Contents of a report for texts only.

    Attributes
    ----------
    fields : names of the units by key, empty if examples have one text. unit : heading of their column.
    kinds : as `workbench.reports.unit_facts.kind_table` returns them.
    decided : the latest decided corrections. suggested : those of the most doubtful texts without a decision.
    many : numbers of all decided and of all suggested ones.
    """

    fields: dict[str, str]
    kinds: pd.DataFrame
    decided: list[Correction]
    suggested: list[Correction]
    many: tuple[int, int]

    @property
    def unit(self) -> str:
        """Heading of the column of fields."""
        return "field" if self.fields else ""

    def name_of(self, id: object, key: str) -> str:
        """The field."""
        return self.fields.get(key, key)


class TextContents(UnitContents):
    """Texts: the given one on its card, and corrections word by word."""

    words = TEXT_WORDS

    def stored(self, row: int, text: str) -> str:
        """The text, cut if it is long."""
        kind = self.dataset.kind
        return kind.in_words(facts.excerpt(kind.decode(text, self.dataset.classes)))

    def label(self, row: int, found: dict[str, Any], which: str) -> str | None:
        """The text, cut if it is long."""
        value = found[f"{which}_label"]
        return None if is_missing(value) else self.dataset.kind.in_words(facts.excerpt(str(value)))

    def unit(self, id: object, key: str) -> str:
        """The field, "" if examples have one text."""
        return super().unit(id, key) if self.dataset.k > 1 else ""

    def classes(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Table of texts by field, if there are several; fields are not confused with each other."""
        if self.dataset.k == 1:
            return super().classes()
        by_field = self.issues.assign(given_label=self.issues["field"])
        changed = by_field["given_label"].reindex(self.changes.index).dropna()
        return facts.class_table(by_field, changed), pd.DataFrame()

    def own(self) -> TextFacts:
        """Return the table of kinds of errors, and corrections."""
        step("corrections")
        keys = self.issues.index.get_level_values("unit").unique() if self.dataset.k > 1 else ()
        kinds = kind_table(self.issues, self.changes.index, TEXT_KIND_WORDS)
        latest = self.changes.sort_values("time", ascending=False, kind="stable")
        decided = [
            self._correction(key, self._text(row["given_label"]), self._text(row["label"]), str(row["author"]))
            for key, row in zip(latest.index.tolist(), latest.head(LISTED_EDITS).to_dict("records"))
        ]
        found = self._suggested()
        suggested = [
            self._correction(key, row["given_label"], row["suggested_label"], float(row["p_error"]))
            for key, row in zip(found.index.tolist(), found.head(LISTED_EDITS).to_dict("records"))
        ]
        fields = {str(key): self.unit(None, str(key)) for key in keys}
        return TextFacts(fields, kinds, decided, suggested, (len(latest), len(found)))

    def _suggested(self) -> pd.DataFrame:
        """Return label issues with another text as suggestion and without a decision, the most doubtful first."""
        issues = self.issues
        other = issues["suggested_label"].notna() & (issues["suggested_label"] != issues["given_label"])
        return issues[issues["is_issue"] & issues["given_label"].notna() & other & ~decided_units(self.run, issues)]

    def _text(self, stored: Any) -> str:
        return "" if is_missing(stored) else self.dataset.kind.decode(stored, self.dataset.classes)

    def _correction(self, key: tuple[Any, str], old: str, new: str, by: str | float) -> Correction:
        edits = word_diff(facts.excerpt(old, LONGEST_COMPARED), facts.excerpt(new, LONGEST_COMPARED))
        return Correction(key[0], self.unit(*key), edits, by)


def gather_texts(run: Run, issues: pd.DataFrame | None, top: int, fdr: float | None) -> facts.Facts:
    """Collect the facts of a run; see `workbench.reports.unit_facts.gather_units`."""
    return gather_units(run, issues, top, fdr, TextContents)
