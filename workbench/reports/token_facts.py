"""The contents of a report about classes of tokens: words with several classes, sentences with the most errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.evidence.as_evidence import handed_in
from workbench.foundation.cells import is_missing
from workbench.foundation.progress import step
from workbench.issues.kinds.contract import Asked
from workbench.issues.spans.token_estimator import token_words
from workbench.reports import facts
from workbench.reports.unit_facts import (
    LISTED_FORMS,
    UnitContents,
    counts_in_words,
    excerpt_around,
    gather_units,
    worst_examples,
)
from workbench.tasks.keys import number_of
from workbench.tasks.token_classes import token_codes

if TYPE_CHECKING:
    from workbench.runs.run import Run

TOKEN_WORDS = facts.Words(
    "token", "tokens", "each token has one class", "classes", "tokens", "", ("labelled tokens", "without a label"),
)  # fmt: skip


@dataclass(frozen=True)
class TokenFacts:
    """Contents of a report for classes of tokens only.

    Attributes
    ----------
    texts : the word of each token, by (id, unit); without those that are not known. unit : heading of their column.
    forms : words with several classes: text, labels (with counts, in words), wrong (expected), issues.
    sentences : examples with the most expected errors: id, units (labelled tokens), wrong, issues, excerpt.
    """

    texts: dict[tuple[Any, str], str]
    forms: pd.DataFrame
    sentences: pd.DataFrame
    unit: str = "token"

    def name_of(self, id: object, key: str) -> str:
        """The word, or the key of the unit."""
        return self.texts.get((id, key), key)


class TokenContents(UnitContents):
    """Tokens, shown in their sentence."""

    words = TOKEN_WORDS
    classes = UnitContents.class_tables

    def __init__(self, run: Run, issues: pd.DataFrame) -> None:
        super().__init__(run, issues)
        handed = handed_in(run, "tokens", {})
        self._tokens = token_words(Asked(handed.dataset, handed.evidence))
        words = [None if is_missing(one) else str(one) for one in issues["text"]]
        self.texts = {key: one for key, one in zip(issues.index.tolist(), words) if one is not None}

    def unit(self, id: object, key: str) -> str:
        """The word."""
        return self.texts.get((id, key), key)

    def text(self, row: int, found: dict[str, Any]) -> tuple[str | None, tuple[int, int] | None]:
        """The sentence around the token."""
        number, words = number_of(found["unit"]), self._sentence(row)
        if number is None or number >= len(words):
            return facts.excerpt_of(self.run, row), None
        start = sum(len(word) + 1 for word in words[:number])
        return excerpt_around(" ".join(words), start, start + len(words[number]))

    def own(self) -> TokenFacts:
        """Return tables of words and of sentences."""
        step("words with several classes")
        if not self._tokens.known:
            self.missing.append("no comparison of equal words: the run has no tokens")
        table = worst_examples(self.issues, self.issues["p_error"].notna())
        sentences = [" ".join(self._sentence(int(row))) for row in table.index]
        short = [facts.excerpt(one, facts.EXCERPT // 2) for one in sentences]
        ids = self.dataset.ids[table.index.to_numpy()]
        return TokenFacts(self.texts, self._forms(), table.assign(id=ids, excerpt=short).reset_index(drop=True))

    def _sentence(self, row: int) -> list[str]:
        tokens = self._tokens
        return tokens.words[tokens.starts[row] : tokens.starts[row + 1]].tolist() if tokens.known else []

    def _forms(self) -> pd.DataFrame:
        """Return the words with several given classes, those with the most expected errors first."""
        labels, tokens, columns = self.run.dataset.labels, self._tokens, ["text", "labels", "wrong", "issues"]
        if not tokens.known:
            return pd.DataFrame(columns=columns)
        labelled = ~self.run.dataset.kind.missing(labels)[tokens.rows]  # the others have no list of classes
        counted = pd.DataFrame({"text": tokens.words[labelled], "code": token_codes(labels)})
        counted = counted[counted["code"] >= 0].groupby(["text", "code"], sort=False).size().reset_index(name="count")
        several = counted[counted.groupby("text")["code"].transform("size") > 1]
        named: dict[str, list[tuple[int, str]]] = {}
        for text, code, count in zip(several["text"], several["code"].tolist(), several["count"].tolist()):
            named.setdefault(text, []).append((count, self.dataset.classes[code]))
        words = {text: counts_in_words(counts) for text, counts in named.items()}
        own = self.issues[self.issues["text"].isin(list(words))].groupby("text", sort=False)
        found = pd.DataFrame({"wrong": own["p_error"].sum(), "issues": own["is_issue"].sum().astype(int)})
        found = found.sort_values("wrong", ascending=False, kind="stable").head(LISTED_FORMS).reset_index()
        return found.assign(labels=[words[text] for text in found["text"]])[columns]


def gather_tokens(run: Run, issues: pd.DataFrame | None, top: int, fdr: float | None) -> facts.Facts:
    """Collect the facts of a run; see `workbench.reports.unit_facts.gather_units`."""
    return gather_units(run, issues, top, fdr, TokenContents)
