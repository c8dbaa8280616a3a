"""Conditional random fields as taggers: out of fold, sequences without a tag, in the pool of opinions, refusals."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import workbench as wb
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues.spans import crf
from workbench.issues.spans.tag_opinions import ON_CRF
from workbench.issues.spans.tokens import numbered_tokens
from workbench.issues.spans.word_features import token_features
from workbench.tasks.span_table import SpanTable

needs_crf = pytest.mark.skipif(not crf.has_crf(), reason="the extra label-workbench[text] is not installed")
WORDS = {"DET": ["the", "a"], "NOUN": ["dog", "duck", "saw", "watch"], "VERB": ["saw", "watch", "barks", "ran"]}
PATTERNS = [["DET", "NOUN", "VERB"], ["NOUN", "VERB", "DET", "NOUN"], ["DET", "NOUN", "VERB", "DET", "NOUN"]]


@pytest.fixture(scope="module")
def tagged():
    """Words and classes of 200 sentences; "saw" and "watch" are nouns or verbs, depending on their place."""
    rng = np.random.default_rng(0)
    tags = [PATTERNS[rng.integers(3)] for _ in range(200)]
    return [[str(rng.choice(WORDS[tag])) for tag in one] for one in tags], tags


def probabilities(words, codes, labelled=None):
    starts = np.concatenate([[0], np.cumsum([len(one) for one in words])])
    none = np.empty(0, np.int64)
    table = SpanTable(none, none, none, none, np.diff(starts), np.zeros(len(words), bool))
    tokens = numbered_tokens(words, table)
    folds = (np.arange(len(words)) % 3)[tokens.rows]
    labelled = np.ones(len(codes), bool) if labelled is None else labelled
    return folds, crf.crf_probabilities(token_features(tokens), folds, labelled, codes, 4, starts)


@needs_crf
def test_probabilities_are_marginals_of_taggers_that_have_not_seen_the_sentence(tagged):
    words, tags = tagged
    codes = np.array([["DET", "NOUN", "VERB"].index(tag) for one in tags for tag in one])
    folds, p = probabilities(words, codes)
    assert p.shape == (len(codes), 4) and np.allclose(p.sum(axis=1), 1) and (p[:, 3] == 0).all()  # a tag without tokens
    assert (p.argmax(axis=1) == codes).mean() > 0.97
    rotated = np.where(folds == 1, (codes + 1) % 3, codes)
    again = probabilities(words, rotated)[1]
    assert np.array_equal(again[folds == 1], p[folds == 1]) and not np.allclose(again[folds == 0], p[folds == 0])


@needs_crf
def test_tokens_without_a_tag_are_not_learned(tagged):
    words, tags = tagged
    codes = np.array([["DET", "NOUN", "VERB"].index(tag) for one in tags for tag in one])
    labelled = np.random.default_rng(1).random(len(codes)) < 0.7
    blank = np.where(labelled, codes, 3)
    p = probabilities(words, blank, labelled)[1]
    assert (p[:, 3] == 0).all() and (p.argmax(axis=1) == codes).mean() > 0.95
    assert np.allclose(probabilities(words, blank, np.zeros(len(codes), bool))[1], 1 / 4)


@needs_crf
@pytest.mark.parametrize("task", ["tokens", "spans"])
def test_the_tagger_is_chosen_and_named(tagged, task):
    words, tags = tagged
    given = [["O" if tag == "DET" else f"B-{tag}" for tag in one] for one in tags] if task == "spans" else tags
    given = [list(one) for one in given]
    given[7][1] = given[7][-1] if given[7][1] != given[7][-1] else given[7][1].replace("NOUN", "VERB")
    found = wb.find_issues(given, task=task, tokens=words, tagger="crf", per="unit", threshold=0.0)
    assert found.index[0][0] == 7
    assert found.attrs["method"].startswith("logistic regression and conditional random fields on words; ")
    assert ON_CRF in found.attrs["evidence"]
    usual = wb.find_issues(given, task=task, tokens=words, per="unit", threshold=0.0)
    assert usual.attrs["method"].startswith("logistic regression on words; ") and ON_CRF not in usual.attrs["evidence"]


def test_a_tagger_that_is_unknown_or_not_installed(tagged, monkeypatch):
    words, tags = tagged
    with pytest.raises(InputError, match=r"unknown tagger 'crff'\. Did you mean 'crf'"):
        wb.find_issues(tags, task="tokens", tokens=words, tagger="crff")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for task, given in (("tokens", tags), ("spans", [["O"] * len(one) for one in tags])):
        with pytest.raises(MissingEvidence, match=r"needs python-crfsuite: `pip install 'label-workbench\[text\]'`"):
            wb.find_issues(given, task=task, tokens=words, tagger="crf")
