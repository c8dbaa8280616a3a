"""Wrong and missing spans: planted errors are found, with kind and suggestion; all forms of evidence."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

import workbench as wb
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues.kinds import ESTIMATORS
from workbench.issues.kinds.contract import Asked
from workbench.issues.spans.candidates import free_of, proposed
from workbench.issues.spans.posterior import scaled_to, token_posterior
from workbench.issues.spans.span_layers import (
    column_codes,
    given_spans,
    probabilities_of_spans,
    probabilities_of_tags,
)
from workbench.issues.spans.tagger import deal_sentences, first_copies, fit_logistic
from workbench.issues.spans.tokens import blank_tokens, numbered_tokens, segments, tokens_of_texts, word_places
from workbench.issues.spans.word_features import shape_of, token_features
from workbench.tasks.span_table import table_of
from workbench.tasks.span_tags import spans_of_tags, tags_of_spans

pytestmark = pytest.mark.usefixtures("recalling_here")

PEOPLE = ["Ada Berg", "Boris Costa", "Chen Dimas", "Dana Ekman", "Elif Faro", "Femi Gil", "Goran Haas", "Hana Ito"]
TOWNS = ["Norwell", "Oakham", "Kelsing", "Hallborg", "Brenford Bay", "Corvale"]
PATTERNS = ["{p} flew to {t} today .", "In {t} it rained .", "{p} and {p} met in {t} .", "Nobody was there ."]
PATTERNS += ["The mayor of {t} called {p} .", "He said nothing ."]


def sentences(n=400, seed=0):
    """Words and true tags."""
    rng = np.random.default_rng(seed)
    words, tags = [], []
    for _ in range(n):
        own, of = [], []
        for word in str(rng.choice(PATTERNS)).split():
            names = str(rng.choice(PEOPLE if word == "{p}" else TOWNS)).split() if word[0] == "{" else [word]
            label = {"{p}": "-PER", "{t}": "-LOC"}.get(word, "")
            own += names
            of += [("B" if not place else "I") + label if label else "O" for place in range(len(names))]
        words.append(own)
        tags.append(of)
    return words, tags


@pytest.fixture(scope="module")
def planted():
    """Words, given and true tags, and {row: (kind, span)} of the errors."""
    words, true = sentences()
    given, errors = [list(one) for one in true], {}
    kinds = ["missed", "type", "boundary", "spurious"]
    for number, row in enumerate(range(0, len(words), 13)):
        kind, spans = kinds[number % 4], spans_of_tags(true[row]).spans
        long = [one for one in spans if one[1] - one[0] > 1]
        if kind == "spurious" and not spans:
            given[row][0], errors[row] = "B-LOC", (kind, (0, 1))
        elif kind == "boundary" and long:
            start, end, label = long[0]
            given[row][end - 1], errors[row] = "O", (kind, (start, end - 1))
        elif kind in ("missed", "type") and spans:
            start, end, label = spans[0]
            other = {"PER": "LOC", "LOC": "PER"}[label]
            rest = [one for one in spans if one != spans[0]] + ([(start, end, other)] if kind == "type" else [])
            given[row], errors[row] = tags_of_spans(rest, len(words[row])), (kind, (start, end))
    return words, given, true, errors


@pytest.fixture(scope="module")
def units(planted):
    words, given, _, _ = planted
    return wb.find_issues(given, task="spans", tokens=words, per="unit", threshold=0.1)


def test_planted_errors_come_first_with_their_kind(planted, units):
    true, errors = planted[2:]
    wrong = []
    for row, value in zip(units["row"], units["given_value"]):
        said = json.loads(value)
        spans = spans_of_tags(true[row]).spans
        wrong.append(row in errors if said is None else (said["start"], said["end"], said["label"]) not in spans)
    assert average_precision_score(wrong, units["p_error"]) > 0.8
    top = units[np.array(wrong)]
    expected = [errors[row][0] for row in top["row"]]
    assert len(set(expected)) == 4, "all four kinds were planted"
    assert np.mean([one == other for one, other in zip(top["kind"], expected)]) > 0.8
    right = 0
    for row, value in zip(top["row"], top["suggested_value"]):
        said = json.loads(value)
        if said is None:
            right += errors[row][0] == "spurious"
        else:
            right += (said["start"], said["end"], said["label"]) in spans_of_tags(true[row]).spans
    assert right > 0.7 * len(top)
    assert set(units["kind"]) <= {"type", "boundary", "spurious", "missed"}
    missed = units[units["kind"] == "missed"]
    assert (missed["given_label"] == "nothing").all()
    assert all(key.startswith("c") for key in missed.index.get_level_values("unit"))


def test_what_is_said_of_a_unit(planted, units):
    words, errors = planted[0], planted[3]
    row = next(row for row, (kind, _) in errors.items() if kind == "type")
    first, last = errors[row][1]
    own = units[(units["row"] == row) & (units["kind"] == "type")].iloc[0]
    assert own["text"] == " ".join(words[row][first:last])
    assert own["reasons"].startswith("out-of-fold: ") and "equal words elsewhere: " in own["reasons"]
    row = next(row for row, (kind, _) in errors.items() if kind == "boundary")
    own = units[(units["row"] == row) & (units["kind"] == "boundary")].iloc[0]
    assert "perhaps with “" in own["reasons"]
    assert units.attrs["evidence"].startswith("held-out taggers on words")


def test_texts_and_tokens_tell_the_same(planted, units):
    """Spans in characters of the joined words are judged like those in tokens, and the second time as the first."""
    words, given, _, _ = planted
    texts = [" ".join(one) for one in words]
    spans = []
    for own, tags in zip(words, given):
        ends = np.cumsum([len(word) + 1 for word in own])
        begins = ends - [len(word) + 1 for word in own]
        spans.append([(int(begins[a]), int(ends[b - 1]) - 1, name) for a, b, name in spans_of_tags(tags).spans])
    by_text = wb.find_issues(spans, task="spans", texts=texts, per="unit")
    assert len(by_text) == len(units)
    np.testing.assert_allclose(by_text["p_error"], units["p_error"], rtol=1e-6)
    assert by_text["text"].tolist() == units["text"].tolist()
    frame = pd.DataFrame({"text": texts, "spans": spans})
    run_like = wb.Dataset.from_frame(frame, "spans", text="text", task="spans")
    pd.testing.assert_frame_equal(wb.find_issues(run_like, per="unit"), by_text)


def test_the_users_probabilities_are_pooled_in(planted):
    words, given, true, _ = planted
    names = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    rng = np.random.default_rng(1)
    probs = []
    for tags in true:
        one = np.full((len(tags), 5), 0.02) + 0.02 * rng.random((len(tags), 5))
        one[np.arange(len(tags)), [names.index(tag) for tag in tags]] = 0.9
        probs.append(one / one.sum(axis=1, keepdims=True))
    order = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    told = {"pred_probs": [one[:, [names.index(name) for name in order]] for one in probs], "tags": order}
    named = wb.find_issues(given, task="spans", tokens=words, per="unit", **told)
    plain = wb.find_issues(given, task="spans", tokens=words, per="unit", pred_probs=probs)
    np.testing.assert_allclose(plain["p_error"], named["p_error"])
    assert plain.attrs["evidence"] == "held-out taggers on words, the same, on corrected tags, given probabilities"
    alone = wb.find_issues(given, task="spans", per="unit", pred_probs=probs)
    assert alone.attrs["evidence"] == "given probabilities" and alone["text"].isna().all()
    seen = wb.find_issues(given, task="spans", per="unit", pred_probs=probs, out_of_fold=False)
    assert not seen.attrs["errors_identified"]


def test_scored_spans_as_evidence(planted):
    words, given, true, errors = planted
    predicted = [[(a, b, name, 0.95) for a, b, name in spans_of_tags(tags).spans] for tags in true]
    units = wb.find_issues(given, task="spans", predictions=predicted, per="unit")
    top = set(units["row"][: len(errors)])
    assert len(top & set(errors)) > 0.8 * len(errors)
    with_words = wb.find_issues(given, task="spans", predictions=predicted, tokens=words, per="unit")
    assert with_words.attrs["evidence"].endswith("predicted spans")


def test_embeddings_of_tokens(planted):
    words, given, true, errors = planted
    rng = np.random.default_rng(2)
    centres = {tag: rng.normal(size=12) * 2 for tag in ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")}
    vectors = [np.stack([centres[tag] + rng.normal(size=12) for tag in tags]) for tags in true]
    units = wb.find_issues(given, task="spans", embeddings=vectors, tokens=words, per="unit")
    assert "held-out taggers on embeddings" in units.attrs["evidence"]
    assert len(set(units["row"][: len(errors)]) & set(errors)) > 0.8 * len(errors)
    with pytest.raises(InputError, match="`embeddings` row 1 has shape"):
        wb.find_issues(given, task="spans", tokens=words, embeddings=[vectors[0], vectors[0][:1], *vectors[2:]])


def test_nested_spans_are_judged_in_layers():
    words, true = sentences(150)
    spans = [[*spans_of_tags(tags).spans] for tags in true]
    for row, listed in enumerate(spans):  # "Ada Berg" also holds a family name
        listed += [(end - 1, end, "NAME") for start, end, label in listed if label == "PER"]
        if row % 20 == 0:
            spans[row] = [one for one in listed if one[2] != "NAME"]
    units = wb.find_issues([[tuple(one) for one in listed] for listed in spans], task="spans", tokens=words, per="unit")
    assert units["p_error"].notna().all()
    assert "spans overlap longer ones" in units.attrs["method"]
    nested = units[units["given_label"] == "NAME"]
    assert len(nested) > 50 and nested["p_error"].median() < 0.1


def test_unlabelled_examples_get_suggestions(planted):
    words, given, true, _ = planted
    labels = [None if row < 20 else tags for row, tags in enumerate(given)]
    units = wb.find_issues(labels, task="spans", tokens=words, per="unit")
    own = units[units["row"] < 20]
    assert own["p_error"].isna().all() and own["given_label"].isna().all() and not own["is_issue"].any()
    proposed_ = {
        (row, json.loads(value)["start"], json.loads(value)["label"])
        for row, value in zip(own["row"], own["suggested_value"])
    }
    wanted = {(row, a, name) for row in range(20) for a, _, name in spans_of_tags(true[row]).spans}
    assert len(proposed_ & wanted) > 0.8 * len(wanted)


def test_wrong_evidence_gets_one_error_with_its_row(planted):
    words, given, _, _ = planted
    for evidence, found in (
        ({"tokens": words[:-1]}, "`tokens` has 399 sentences for 400 labels"),
        ({"tokens": [*words[:3], ["a"], *words[4:]]}, r"`tokens` row 3 has 1 tokens for \d+ tags"),
        ({"tokens": [[3] * len(one) for one in words]}, "`tokens` row 0 holds 3"),
        ({"texts": [" ".join(words[0][1:]), *[" ".join(one) for one in words[1:]]]}, "`texts` row 0 has"),
        ({"predictions": [[(0, 1, "ORG", 0.5)], *[[]] * 399]}, "`predictions` row 0 span 0 has the class 'ORG'"),
        ({"predictions": [[], [(0, 1, "PER")], *[[]] * 398]}, "`predictions` row 1 span 0 is"),
        ({"predictions": [[], [(0, 1, "PER", 1.5)], *[[]] * 398]}, "`predictions` row 1 span 0 is"),
        ({"pred_probs": [np.full((len(one), 4), 0.25) for one in words]}, "`pred_probs` has 4 columns for 2 classes"),
        ({"pred_probs": [np.full((len(one), 5), 0.5) for one in words]}, "`pred_probs` row 0 token 0"),
        ({"pred_probs": [np.full((1, 5), 0.2)] * 400}, "`pred_probs` row"),
    ):
        with pytest.raises(InputError, match=found):
            wb.find_issues(given, task="spans", **evidence)
    with pytest.raises(MissingEvidence):
        wb.find_issues(given, task="spans")
    probs = [np.full((len(one), 2), 0.5) for one in words]
    for tags, found in (
        (["O"], "names 1 columns of 2"),
        (["O", "B-ORG"], "`tags` row 1 is 'B-ORG'"),
        (["B-PER", "I-PER"], "one of them 'O'"),
    ):
        with pytest.raises(InputError, match=found):
            wb.find_issues(given, task="spans", pred_probs=probs, tags=tags)
    with pytest.raises(InputError, match="a span ends at 9"):
        wb.find_issues([[(0, 9, "A")]], task="spans", texts=["short"])
    with pytest.raises(InputError, match="If spans count characters, pass `texts`"):
        wb.find_issues([[(0, 9, "A")]], task="spans", tokens=[["short"]])
    for task, tags in (("spans", ["B-PER", "O"]), ("tokens", ["PER", "O"])):
        with pytest.raises(MissingEvidence, match="sentences are all equal, or too few"):
            wb.find_issues([tags] * 30, task=task, tokens=[["Anna", "left"]] * 30)


# ---- parts -------------------------------------------------------------------------------------------------------


def test_words_of_texts():
    assert word_places("") == [] and word_places("  ") == []
    assert [text[a:b] for text in ("naïve co-op 3.5",) for a, b in word_places(text)] == [
        "naïve",
        "co",
        "-",
        "op",
        "3",
        ".",
        "5",
    ]
    assert [("हिन्दी भाषा")[a:b] for a, b in word_places("हिन्दी भाषा")] == ["हिन्दी", "भाषा"]
    assert len(word_places("東京都")) == 3 and len(word_places("مرحبا بالعالم")) == 2
    assert shape_of("McRae-9") == "XxXxx-0"


def test_spans_of_characters_touch_tokens():
    table = table_of(
        wb.Dataset.from_arrays([[(0, 4, "A"), (2, 9, "A"), (4, 5, "A"), (10, 11, "A")], []], task="spans").labels
    )
    tokens = tokens_of_texts(["Rome , 1990", "x"], table)
    given = given_spans(table, tokens)
    assert list(zip(given.first.tolist(), given.last.tolist())) == [(0, 1), (0, 3), (1, 1), (2, 3)]
    assert given.layer.tolist() == [1, 0, -1, 1]
    assert given.codes(4, 0).tolist() == [1, 2, 2, 0] and given.codes(4, 1).tolist() == [1, 0, 1, 0]
    units = wb.find_issues(
        [[(4, 5, "A")], [(0, 1, "A")]],
        task="spans",
        texts=["Rome , 1990", "x"],
        predictions=[[], [(0, 1, "A", 0.9)]],
        per="unit",
    )
    assert units["p_error"].iloc[0] == pytest.approx(0.99) and "contains no words" in units["reasons"].iloc[0]
    with pytest.raises(InputError, match=r"`tokens` row 0 token 1 \('90'\) does not follow in the text"):
        tokens_of_texts(["Rome , 1990", "x"], table, [["Rome", "90"], ["x"]])
    cut = segments(3, np.array([0, 0, 2]), np.array([0, 2, 5]), np.array([4, 9, 7]))
    assert list(zip(cut.rows.tolist(), cut.begin.tolist(), cut.end.tolist())) == [
        (0, 0, 2),
        (0, 2, 4),
        (0, 4, 9),
        (2, 5, 7),
    ]


def test_tags_of_any_scheme_become_begin_and_inside():
    words = [["a", "b", "c"]]
    table = table_of(wb.Dataset.from_arrays([["O", "O", "O"]], task="spans", classes=["A"]).labels)
    tokens = numbered_tokens(words, table)
    bioes = np.array([[0.1, 0.6, 0.1, 0.1, 0.1], [0.2, 0, 0.3, 0.5, 0], [0.5, 0, 0, 0, 0.5]])
    found = probabilities_of_tags(bioes, column_codes(["O", "B-A", "I-A", "E-A", "S-A"], ["A"]), 1, tokens)
    np.testing.assert_allclose(found, [[0.1, 0.7, 0.2], [0.2, 0, 0.8], [0.5, 0.5, 0]])
    plain = probabilities_of_tags(
        np.array([[0.2, 0.8], [0.5, 0.5], [1, 0]]), column_codes(["O", "A"], ["A"]), 1, tokens
    )
    np.testing.assert_allclose(plain, [[0.2, 0.8, 0], [0.5, 0.1, 0.4], [1, 0, 0]])
    spans = probabilities_of_spans(np.array([0, 1]), np.array([2, 2]), np.array([0, 0]), np.array([0.9, 0.4]), 3, 1)
    np.testing.assert_allclose(spans, [[0.1, 0.9, 0], [0, 0.4 / 1.3, 0.9 / 1.3], [1, 0, 0]], atol=1e-12)


def test_proposals_by_hand():
    probs = np.array([[0.1, 0.9, 0.0], [0.4, 0.0, 0.6], [0.9, 0.05, 0.05], [0.5, 0.5, 0.0]])
    found = proposed(probs, np.array([0, 3, 4]))
    listed = list(zip(found.first.tolist(), found.last.tolist(), found.p.round(3).tolist()))
    assert listed == [(0, 2, 0.513), (3, 4, 0.5), (0, 1, 0.36)]
    assert free_of(found, np.zeros(4, bool)).tolist() == [0, 1]
    assert free_of(found, np.array([False, True, False, False])).tolist() == [1, 2]
    assert not len(proposed(np.array([[1.0, 0, 0]]), np.array([0, 1])).p)


def test_the_posterior_of_tokens():
    rng = np.random.default_rng(0)
    true = np.where(rng.random(4000) < 0.3, rng.integers(1, 3, 4000), 0)
    probs = np.exp(rng.normal(size=(4000, 3)) + 3 * np.eye(3)[true])
    probs[:, 1:] *= 0.6  # a model trained on these labels
    probs[:, 0] += probs[:, 1:].sum(axis=1) * 2 / 3
    probs /= probs.sum(axis=1, keepdims=True)
    given = np.where((true > 0) & (rng.random(4000) < 0.4), 0, true)  # tags are missing
    seen = token_posterior(probs, given)
    assert seen.noise_weight == 1 and seen.missing > 2 * seen.spurious
    assert np.nanmean(seen.p_error) == pytest.approx(seen.contradicted, rel=1e-6)
    assert average_precision_score(given != true, seen.w) > average_precision_score(
        given != true, 1 - probs[np.arange(4000), given]
    )
    blind = token_posterior(probs, np.where(np.arange(4000) < 100, -1, given))
    assert np.isnan(blind.w[:100]).all() and not np.isnan(blind.w[100:]).any()
    first = np.arange(4400) < 4000
    copies = np.array([[0.05, 0.05, 0.9]])  # of one token without a tag that no tagger has seen
    more = np.concatenate([probs, copies.repeat(400, axis=0)]), np.concatenate([given, np.zeros(400, np.int64)])
    without, every = token_posterior(*more, first=first), token_posterior(*more)
    np.testing.assert_allclose(without.w[:4000], seen.w) and without.missing == seen.missing
    assert every.missing > seen.missing + 300 and without.w[-1] < every.w[-1]
    assert scaled_to(np.array([0.5, 0.1]), 0.6).mean() == pytest.approx(0.6)
    assert scaled_to(np.zeros(3), 0.1).tolist() == [0, 0, 0] and len(scaled_to(np.empty(0), 0.1)) == 0


def test_the_first_copies_of_a_sentence():
    words = [["On", "Monday"], ["On", "Monday"], ["Monday", "On"], ["On", "Monday"], ["On", "Monday"], []]
    codes = np.array([0, 0, 0, 0, 0, 0, 1, 0, 0, 0])  # the fourth has other tags
    table = table_of(wb.Dataset.from_arrays([["O"] * len(own) for own in words], task="spans", classes=["X"]).labels)
    first = first_copies(numbered_tokens(words, table), codes)
    assert first.tolist() == [True] * 8 + [False] * 2
    assert first_copies(blank_tokens(np.array([2, 2, 2, 2, 2])), codes).all()  # the words are unknown


def test_folds_are_dealt_by_sentence_and_the_tagger_learns():
    words, true = sentences(60)
    table = table_of(wb.Dataset.from_arrays(true, task="spans").labels)
    tokens = numbered_tokens(words, table)
    folds = deal_sentences(tokens, 0)
    for row in range(60):
        assert len(set(folds[tokens.rows == row])) == 1
    by_words = {}
    for row, own in enumerate(words):
        assert by_words.setdefault(tuple(own), folds[tokens.starts[row]]) == folds[tokens.starts[row]]
    x = token_features(tokens)
    assert x.shape[0] == len(tokens.words) and (x[:, [-1]].toarray() == 1).all()
    y = given_spans(table, tokens).codes(len(tokens.words), 0)
    weights = fit_logistic(x, y, 5)
    assert ((x @ weights).argmax(axis=1) == y).mean() > 0.98
    from sklearn.linear_model import LogisticRegression

    dense = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    y = (dense @ [1, -1, 0.5, 0] > 0).astype(int) + (dense[:, 3] > 1)
    mine = fit_logistic(dense, y, 3, penalty=0.5, steps=500)
    theirs = LogisticRegression(C=1.0, fit_intercept=False, max_iter=2000, tol=1e-8).fit(dense, y)
    p = np.exp(dense @ mine)
    np.testing.assert_allclose(p / p.sum(axis=1, keepdims=True), theirs.predict_proba(dense), atol=2e-3)


@pytest.mark.parametrize("task", ["spans", "tokens"])
def test_verdicts_act_by_pair_of_given_and_suggested_class(planted, task):
    words, given, _, _ = planted
    asked = Asked(wb.Dataset.from_arrays(given[:120], task=task), {"tokens": words[:120]})
    found = ESTIMATORS[task].judge(asked)
    pairs = [(str(one), str(other)) for one, other in zip(found.given, found.other)]
    assert len({*zip(pairs, found.pair.tolist())}) == len({*pairs}) == len({*found.pair.tolist()}) > 4
    assert found.pair.min() == 0 and found.pair.max() == len({*pairs}) - 1
