"""Wrong grades of pairs: planted errors are found, with kind, suggestion and reasons; all forms of evidence."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import workbench as wb
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues.pairs import lexical
from workbench.issues.pairs.grade_noise import grade_noise
from workbench.issues.pairs.lexical import Similarities, lexical_scores
from workbench.issues.pairs.ordinal import OrdinalModel, grades_out_of_fold
from workbench.issues.pairs.pair_evidence import PairEvidence
from workbench.issues.pairs.pair_features import query_offsets, within_queries

pytestmark = pytest.mark.usefixtures("recalling_here")


def retrieval(n=80, per=10, seed=0):
    """Pairs of n queries with true and given grades; false negatives, equal texts and a few unjudged pairs."""
    rng = np.random.default_rng(seed)
    rows = []
    for query in range(n):
        words = [f"w{one}" for one in rng.choice(400, 4, replace=False)]
        for item in range(per):
            true = int(item < 2)
            own = [*(words[:3] if true else words[: rng.integers(2)]), *(f"w{one}" for one in rng.choice(400, 8))]
            rows.append((f"q{query}", f"q{query}-{item}", true, " ".join(words), " ".join(rng.permutation(own))))
        if query % 4 == 0:
            rows.append((f"q{query}", f"q{query}-copy", 1, *rows[-per][3:]))
    frame = pd.DataFrame(rows, columns=["query", "item", "true", "text", "passage"])
    frame["dense"] = frame["true"] + rng.normal(scale=0.4, size=len(frame))
    frame["grade"] = frame["true"].astype(float)
    missed = frame["item"].str.endswith("-0") & (np.arange(len(frame)) % 3 == 0)
    copies = frame["item"].str.endswith("copy") & ~missed
    spurious = frame["item"].str.endswith("-7") & (frame["query"].str.endswith("3"))
    frame["error"] = np.select([missed, copies, spurious], ["missed", "duplicate", "spurious"], "")
    frame.loc[missed | copies, "grade"] = 0.0
    frame.loc[spurious, "grade"] = 1.0
    frame.loc[frame["item"].str.endswith("-9") | frame["item"].str.endswith("-1") & (np.arange(len(frame)) % 5 == 0),
              "grade"] = np.nan  # fmt: skip
    frame.loc[frame["grade"].isna(), "error"] = ""
    return frame


PAIRS = ["query", "item", "grade", "text", "passage"]


@pytest.fixture(scope="module")
def planted():
    frame = retrieval()
    found = wb.find_issues(frame[PAIRS], task="pairs", per="unit", scores=frame[["query", "item", "dense"]])
    return frame, found


def test_planted_errors_are_found_with_kind_and_suggestion(planted):
    frame, found = planted
    both = found.reset_index().merge(frame, left_on=["id", "item"], right_on=["query", "item"])
    judged = both[both["p_error"].notna()]
    wrong = judged["error"] != ""
    assert roc_auc_score(wrong, judged["p_error"]) > 0.9
    assert average_precision_score(wrong, judged["p_error"]) > 0.6 > 3 * wrong.mean()
    assert abs(judged["p_error"].sum() - wrong.sum()) < 0.5 * wrong.sum()
    issues = judged[judged["is_issue"]]
    assert (issues["suggested_label"] == issues["true"]).mean() > 0.8
    assert issues["suggested_label"].map(type).eq(int).all() and issues["given_label"].map(type).eq(int).all()
    top = judged[: wrong.sum()]
    kinds = top[top["error"] != ""]
    assert (kinds["kind"] == kinds["error"]).mean() > 0.8 and set(kinds["kind"]) >= {"missed", "duplicate"}
    value = json.loads(issues["suggested_value"].iloc[0])
    assert value == {"grade": str(issues["suggested_label"].iloc[0]), "item": issues["item"].iloc[0]}
    copies = judged[judged["kind"] == "duplicate"]
    assert copies["reasons"].str.startswith("says the same as 'q").all()
    assert judged["reasons"].str.contains("rank [0-9]+ of 1[01] by 2 rankers, above").any()


def test_unjudged_pairs_have_no_error_but_a_suggestion(planted):
    frame, found = planted
    unjudged = found[found["kind"] == "unjudged"]
    assert unjudged["p_error"].isna().all() and not unjudged["is_issue"].any() and unjudged["given_label"].isna().all()
    true = unjudged.reset_index().merge(frame, on="item")["true"]
    assert average_precision_score(true, unjudged["p_relevant"]) > 0.8
    assert found.attrs["unlabelled"] == len(unjudged) == frame["grade"].isna().sum()
    examples = wb.find_issues(frame[PAIRS], task="pairs", scores=frame[["query", "item", "dense"]])
    assert len(examples) == 80 and examples["units"].sum() == len(found)


def test_items_that_only_a_ranker_has_are_proposed_if_likely(planted):
    frame, _ = planted
    more = frame[frame["item"].str.endswith("-1")].assign(item=lambda one: one["item"] + "new", dense=3.0)
    poor = more.assign(item=lambda one: one["item"] + "poor", dense=-0.5)
    scores = pd.concat([frame, more, poor])[["query", "item", "dense"]]
    found = wb.find_issues(frame[PAIRS], task="pairs", per="unit", scores=scores)
    new = found[[key.startswith("c") for key in found.index.get_level_values("unit")]]
    assert new["item"].str.endswith("new").mean() > 0.9 and len(new) > 60 and new["p_error"].isna().all()
    assert (new["p_relevant"] >= 0.1).all() and new["reasons"].str.startswith("rank 1 of ").mean() > 0.5
    assert found.attrs["expected_errors_below"] > 0
    assert new["given_value"].isna().all() and found.index.is_unique


def test_votes_of_people_and_models_are_evidence(planted):
    frame, _ = planted
    rng = np.random.default_rng(1)
    votes = frame[["query", "item"]].assign(
        rater=np.where(rng.random(len(frame)) < 0.9, frame["true"], 1 - frame["true"]),
        llm=frame["true"].where(frame.index % 2 == 0),
    )
    found = wb.find_issues(frame[["query", "item", "grade"]], task="pairs", per="unit", votes=votes)
    both = found.reset_index().merge(frame, on="item")
    judged = both[both["p_error"].notna()]
    assert roc_auc_score(judged["error"] != "", judged["p_error"]) > 0.9
    assert "votes rater: " in judged["reasons"].iloc[0] and "votes of rater, llm" in found.attrs["evidence"]


def test_without_words_or_rankers_there_is_no_evidence(planted):
    frame, _ = planted
    with pytest.raises(MissingEvidence):
        wb.find_issues(frame[["query", "item", "grade"]], task="pairs")
    few = wb.find_issues(frame[PAIRS][:40], task="pairs", per="unit", threshold=0.9)
    assert not few.attrs["errors_identified"] and "may contain" in few.attrs["errors_in_words"]
    vectors = {item: np.eye(3)[place % 3] for place, item in enumerate(frame["item"])}
    found = wb.find_issues(frame[PAIRS], task="pairs", per="unit", item_embeddings=vectors)
    assert "similarity of embeddings" in found.attrs["evidence"]


def test_bad_evidence_gets_one_clear_error(planted):
    frame, _ = planted
    scores = frame[["query", "item", "dense"]]
    text = scores.astype(object)
    text.iloc[3, 2] = "high"
    for name, value, words in (
        ("scores", [1, 2], "`scores` is a list"),
        ("scores", scores.drop(columns="item"), "unknown column of `scores` 'item'"),
        ("scores", scores[["query", "item"]], "`scores` has no further column"),
        ("scores", text, "`scores` row 3 column 'dense' is 'high'"),
        ("scores", scores.assign(dense=np.inf), "`scores` row 0 column 'dense' is inf"),
        ("scores", pd.concat([scores, scores]), f"`scores` row {len(scores)} repeats query 'q0' with item 'q0-0'"),
        ("scores", scores.assign(query="zz"), r"`scores` is about none of the queries\. Its queries are 'zz'"),
        ("votes", scores.assign(dense=7), "`votes` row 0 column 'dense' holds the grade 7"),
        ("item_texts", ["a"], "`item_texts` is a list"),
        ("item_embeddings", {"a": [1, 2], "b": [1]}, "`item_embeddings` holds vectors of lengths 1, 2"),
        ("item_embeddings", {"a": [1, 2]}, "`item_embeddings` is about none of the items"),
    ):
        with pytest.raises(InputError, match=words):
            wb.find_issues(frame[PAIRS], task="pairs", **{name: value})


def test_bm25_equals_its_formula_and_tfidf_takes_its_place(monkeypatch):
    texts = ["a b c", "a a d", "e f", "b b b a"]
    scores, method = lexical_scores(["a b", "zz", ""], [*texts, "x", "y", ""], np.array([0, 0, 0, 0, 1, 2, 1]))
    assert np.isnan(scores[5:]).all() and scores[2] == scores[4] == 0
    if method == lexical.BM25:
        words = [one.split() for one in [*texts, "x"]]
        mean = np.mean([len(one) for one in words])

        def weight(word, own):
            n = sum(word in one for one in words)
            idf = np.log(1 + (len(words) - n + 0.5) / (n + 0.5))
            count = own.count(word)
            return idf * count / (count + 1.5 * (1 - 0.75 + 0.75 * len(own) / mean))

        wanted = [weight("a", own) + weight("b", own) for own in words[:4]]
        np.testing.assert_allclose(scores[:4], wanted, rtol=1e-5)
    monkeypatch.setattr(lexical, "has_bm25", lambda: False)
    other, method = lexical_scores(["a b"], texts, np.zeros(4, int))
    assert method == lexical.TFIDF and other[2] == 0 and other.argmax() in (0, 3)


def test_equal_texts_are_alike():
    found = Similarities(["A cat  sat", "a cat sat", "dogs", ""], None).within(slice(0, 4))
    assert found[0, 1] == 1 and found[0, 2] == 0 and np.isnan(found[0, 0]) and np.isnan(found[3]).all()


def test_standing_is_within_the_query():
    scores = np.array([[1.0], [3.0], [np.nan], [10.0], [10.0]])
    found = within_queries(scores, np.array([0, 3, 5]))[:, 0]
    np.testing.assert_allclose(found, np.array([-1, 2, -1, 0, 0]) / np.array([np.sqrt(2)] * 3 + [1, 1]))


def test_the_ordinal_model_has_known_signs_and_its_gradient_is_right():
    from scipy.optimize import approx_fprime

    from workbench.issues.pairs import ordinal

    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    grades = np.clip(np.round(x[:, 0] - x[:, 1] + rng.logistic(size=400) + 1), 0, 2).astype(int)
    theta = np.array([0.3, 0.2, 0.1, -0.5, 1.2])
    loss = vars(ordinal)["_loss"]
    numeric = approx_fprime(theta, lambda one: loss(one, x, grades, 3)[0], 1e-6)
    np.testing.assert_allclose(loss(theta, x, grades, 3)[1], numeric, atol=1e-5)
    model = OrdinalModel(x, grades, 3)
    assert model.weights[0] > 0.5 and model.weights[1] == 0 and (np.diff(model.cuts) > 0).all()
    probs = model.predict(x)
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-6)
    held, weights = grades_out_of_fold(x, grades, 3, np.arange(400) // 4)
    assert len(weights) == 5 and roc_auc_score(grades == 2, held[:, 2]) > 0.6


def test_offsets_of_queries_vanish_where_queries_do_not_differ():
    def evidence(grades):
        m = len(grades)
        rows = np.arange(m) // 10
        none = np.empty((m, 0))
        return PairEvidence(
            rows, np.arange(m).astype(object), grades, np.arange(m), none, (), none, (), [""] * (m // 10), [""] * m,
            None, np.arange(3.0), 1,
        )  # fmt: skip

    rng = np.random.default_rng(0)
    z = rng.normal(size=300)
    one = np.zeros(300, int)
    one[::10] = 1  # one relevant item per query: its own label must not show in the offset
    assert (query_offsets(z, evidence(one)) == 0).all()
    harsh = np.clip(np.round(z + np.repeat(rng.normal(scale=1.5, size=30), 10)), 0, 2).astype(int)
    offsets = query_offsets(z, evidence(harsh))
    means = harsh.reshape(30, 10).mean(axis=1)
    assert np.corrcoef(offsets.reshape(30, 10).mean(axis=1), means)[0, 1] > 0.9


def test_noise_of_grades_is_learned_at_the_rate_that_is_held():
    rng = np.random.default_rng(0)
    true = rng.choice(3, 3000, p=[0.7, 0.2, 0.1])
    probs = np.where(np.arange(3) == true[:, None], 0.94, 0.03)
    given = np.where((true == 2) & (rng.random(3000) < 0.4), 0, true)
    noise = grade_noise(given, probs, 0.04)
    posterior = probs * noise[given]
    assert noise.sum(axis=0) == pytest.approx(np.ones(3)) and (noise > 0).all()
    assert noise[0, 2] > 0.2 and noise[0, 2] > 5 * noise[1, 2] and noise[0, 2] > 5 * noise[0, 1] > 5 * noise[2, 0]
    assert (posterior.argmax(axis=1) == true).mean() > 0.98
    plain = grade_noise(true, np.tile([0.7, 0.2, 0.1], (3000, 1)), 0.04)
    assert 1 - plain.diagonal() == pytest.approx(0.04 * np.ones(3), rel=0.2), "nothing to learn from"
