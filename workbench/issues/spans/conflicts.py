"""Forms with several labels: equal words that are labelled differently at different places of a data set."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.evidence.as_evidence import TOKENS, handed_in
from workbench.issues.kinds.contract import Asked
from workbench.issues.spans.estimator import tokens_in
from workbench.issues.spans.forms import LONGEST_FORM, Forms
from workbench.issues.spans.span_layers import Given, given_spans
from workbench.issues.spans.token_estimator import token_words
from workbench.issues.spans.tokens import Tokens
from workbench.runs.run import Run
from workbench.tasks import require_task
from workbench.tasks.protocol import NOTHING
from workbench.tasks.span_table import table_of
from workbench.tasks.token_classes import token_codes, token_starts


class Occurrences(NamedTuple):
    """All places of forms that are labelled somewhere, m of them.

    tokens : of the data set. first, last : (m,) int64, half-open ranges of tokens. label : (m,) class, -1 for a place
    without a span. form : (m,) int64, equal for equal words.
    """

    tokens: Tokens
    first: np.ndarray
    last: np.ndarray
    label: np.ndarray
    form: np.ndarray

    def text(self, place: int) -> str:
        """Return the words of a place."""
        return " ".join(self.tokens.words[self.first[place] : self.last[place]].tolist())

    def chosen(self, keep: np.ndarray) -> Occurrences:
        """Select places by a mask or by indices."""
        return Occurrences(self.tokens, *(one[keep] for one in self[1:]))


def occurrences(dataset: Dataset, labels: Any) -> Occurrences:
    """Return the places of all forms of up to eight words.

    Parameters
    ----------
    dataset : of the task "spans" or "tokens", with its words. labels : its labels, as stored, such as `run.labels()`.

    Raises
    ------
    MissingEvidence : the words are not known.
    """
    handed = handed_in(dataset, dataset.task, {})
    asked = Asked(handed.dataset, handed.evidence)
    if dataset.task == TOKENS:
        tokens = token_words(asked)
        starts, codes = token_starts(labels), token_codes(labels)
        rows = np.repeat(np.arange(dataset.n), np.diff(starts))
        at = (tokens.starts[rows] + np.arange(len(rows)) - starts[rows])[codes >= 0]
        own = Given(at, at + 1, codes[codes >= 0], np.zeros(len(at), np.int64))
        free = np.zeros(len(tokens.words), bool)
    else:
        table = table_of(labels)
        tokens = tokens_in(asked, table)
        given = given_spans(table, tokens)
        there = (given.last > given.first) & (given.last - given.first <= LONGEST_FORM)
        own = Given(*(one[there] for one in given))
        free = ~table.missing[tokens.rows] & ~_covered(tokens, given)
    forms = Forms(tokens, own, free)
    bare = _without_label(tokens, forms, own, free)
    places = (*bare, np.full(len(bare[0]), -1))
    first, last, label = (np.concatenate(pair) for pair in zip(own[:3], places))
    return Occurrences(tokens, first, last, label, forms.keys(first, last).view(np.int64))


def _covered(tokens: Tokens, given: Given) -> np.ndarray:
    """Return whether each token belongs to a span, (t,) bool."""
    edges = np.zeros(len(tokens.words) + 1, np.int64)
    np.add.at(edges, given.first, 1)
    np.add.at(edges, given.last, -1)
    return np.cumsum(edges)[:-1] > 0


def _without_label(tokens: Tokens, forms: Forms, given: Given, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the places (first, last) of labelled forms all of whose tokens are free, (t,) bool."""
    t = len(tokens.words)
    sizes, keys = given.last - given.first, forms.keys(given.first, given.last)
    total = np.concatenate([[0], np.cumsum(free)])
    places = []
    for size in np.unique(sizes).tolist():
        at = np.arange(max(t - size + 1, 0))
        at = at[(tokens.rows[at] == tokens.rows[at + size - 1]) & (total[at + size] - total[at] == size)]
        at = at[np.isin(forms.keys(at, at + size), keys[sizes == size])]
        places.append(np.stack([at, at + size]))
    found = np.concatenate(places, axis=1) if places else np.empty((2, 0), np.int64)
    return found[0], found[1]


def form_counts(found: Occurrences, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an occurrence of each form with several labels (f,) and its counts (f, k + 1), the last for "no span".

    The most one-sided form comes first: most occurrences with the most frequent label per occurrence with another.
    """
    forms, place, which = np.unique(found.form, return_index=True, return_inverse=True)
    counts = np.zeros((len(forms), k + 1), np.int64)
    np.add.at(counts, (which, found.label), 1)
    several = np.flatnonzero((counts > 0).sum(axis=1) > 1)
    most = counts[several].max(axis=1, initial=0)
    order = np.argsort(-most / (counts[several].sum(axis=1) - most + 1), kind="stable")
    return place[several[order]], counts[several[order]]


def form_conflicts(run: Run | Dataset) -> pd.DataFrame:
    """List the forms (equal words, up to eight) with several labels, from the labels as corrected so far.

    Parameters
    ----------
    run : a Run or Dataset of the task "spans" or "tokens", with its texts or tokens.

    Returns
    -------
    DataFrame, one row per form, the most one-sided first
        form : str, its words. count : int64, number of its occurrences; then one int64 column per class, and for spans
        "nothing", occurrences of which no word belongs to a span. other : int64, those that do not have the most
        frequent label.

    Raises
    ------
    InputError : labels of another kind. MissingEvidence : the words are not known.
    """
    require_task(run, ("spans", TOKENS), "form_conflicts")
    dataset = run.extended() if isinstance(run, Run) else run
    labels = run.labels() if isinstance(run, Run) else run.labels
    found = occurrences(dataset, labels)
    places, counts = form_counts(found, dataset.k)
    frame = pd.DataFrame({"form": [found.text(place) for place in places.tolist()], "count": counts.sum(axis=1)})
    names = [*dataset.classes, *([NOTHING] if dataset.task != TOKENS else [])]
    for code, name in enumerate(names):
        frame[name] = counts[:, code]
    return frame.assign(other=counts.sum(axis=1) - counts.max(axis=1, initial=0))
