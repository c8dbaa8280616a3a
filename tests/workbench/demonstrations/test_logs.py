"""Logs of prompts: read and checked; blame, votes and repair; by hand and with planted wrong labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import workbench as wb
from workbench.foundation.errors import InputError


def row(shown, query="q", label="yes", **answer):
    return {"demonstrations": list(shown), "query": query, "label": label, **answer}


def test_a_log_is_read():
    rows = [
        row("ab", probs={"yes": 0.3, "no": 0.7}), row("ba", prediction="yes", probs=None),
        row("ab", prediction="yes", probs={"no": 1.0}),
    ]  # fmt: skip
    found = wb.demonstrations.read_log(rows)
    table = found.table
    assert table["prediction"].tolist() == ["no", "yes", "yes"] and table["correct"].tolist() == [False, True, True]
    assert table["probability"].tolist()[::2] == [0.3, 0] and np.isnan(table["probability"][1])
    assert table["loss"].tolist() == pytest.approx([0.7, 0, 1])
    assert table["entropy"].tolist()[0] == pytest.approx(-(0.3 * np.log(0.3) + 0.7 * np.log(0.7)))
    assert table["prompt"].tolist() == [0, 1, 0] and found.ids == ["a", "b"]
    assert wb.demonstrations.read_log(found) is found
    assert str(found) == "3 answers to 1 queries with 2 demonstrations: accuracy 0.667"
    alone = wb.demonstrations.read_log([row("a", probability=0.6), row("a", probability=0.4)])
    assert alone.table["correct"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"query": 1, "label": 2, "prediction": 3}], "unknown column 'demonstrations'"),
        ([row("a")], "has no answers"),
        ([row("a", prediction="x"), {**row("a", prediction="x"), "demonstrations": "ab"}], "row 1 is 'ab'"),
        ([row("aa", prediction="x")], "row 0 names one twice"),
        ([row("a", label=None, prediction="x")], "`log.label` row 0 is missing"),
        ([row("a", probability=1.5)], "`log.probability` row 0 is 1.5"),
        ([row("a", probability="high")], "`log.probability` row 0 is 'high'"),
        ([row("a", probs={"yes": 0.5})], "sum to 1"),
        ([row("a", probs=[0.5])], "`log.probs` row 0 is [0.5]"),
    ],
)
def test_logs_that_are_refused(rows, words):
    with pytest.raises(InputError) as error:
        wb.demonstrations.read_log(rows)
    assert words in str(error.value)


def test_blame_by_hand():
    """Two queries, four prompts of two of three demonstrations; equal to the normal equations of the regression."""
    prompts = ["ab", "ac", "bc", "ab"]
    p = [[0.9, 0.8], [0.4, 0.5], [0.5, 0.3], [0.7, 0.9]]
    rows = [row(one, q, probability=p[k][q]) | {"prompt": k} for k, one in enumerate(prompts) for q in (0, 1)]
    loss = 1 - np.array(p)
    y = (loss - loss.mean(axis=0)).mean(axis=1)
    x = np.array([[one in own for one in "abc"] for own in prompts], float)
    centred = x - x.mean(axis=0)
    expected = np.linalg.solve(centred.T @ centred + np.eye(3), centred.T @ (y - y.mean()))
    found = wb.demonstrations.blame_scores(rows, resamples=100).loc[list("abc")]
    assert found["blame"].to_numpy() == pytest.approx(expected)
    differences = [y[x[:, k] == 1].mean() - y[x[:, k] == 0].mean() for k in range(3)]
    assert found["difference"].to_numpy() == pytest.approx(differences)
    assert found["prompts"].tolist() == [3, 3, 2] and found["others"].tolist() == [1, 1, 2]
    assert ((found["low"] <= found["blame"]) & (found["blame"] <= found["high"])).all()
    assert found["blame"].idxmax() == "c"
    with pytest.raises(InputError, match="only one set of demonstrations"):
        wb.demonstrations.blame_scores([row("ab", prediction="x"), row("ba", prediction="x")])


def test_what_all_prompts_show_has_no_blame():
    rows = [row("ab", prediction="yes"), row("ac", prediction="no"), row("ad", prediction="yes")]
    found = wb.demonstrations.blame_scores(rows, resamples=20)
    assert found.loc["a", "blame"] == 0 and np.isnan(found.loc["a", "low"]) and found.index[0] == "c"


def test_attention_by_hand():
    """Three planted demonstrations lead the wrong answers: they are the top three."""
    rows = []
    answers = [("x", "no"), ("y", "no"), ("z", "no"), ("x", "no"), ("a", "yes"), ("b", "yes"), ("a", "no")]
    for number, (leader, answer) in enumerate(answers):
        shown = ["a", "b", "x", "y", "z"]
        weights = [0.6 if one == leader else 0.1 for one in shown]
        rows.append(row(shown, number, prediction=answer, attention=weights))
    found = wb.demonstrations.attention_blame(rows)
    assert set(found.index[:3]) == {"x", "y", "z"} and found.index[0] == "x"
    assert found.loc["a", ["wrong", "right", "share"]].tolist() == [1, 1, 0.5]
    assert found.loc["x", "blame"] == pytest.approx((2 + 5 / 7) / 3 - 5 / 7)
    assert found["attention"].sum() == pytest.approx(1) and (found["shown"] == 7).all()
    with pytest.raises(InputError, match="is \\[1\\] for 5 demonstrations"):
        wb.demonstrations.attention_blame([rows[0] | {"attention": [1]}])
    with pytest.raises(InputError, match="unknown column 'heads'"):
        wb.demonstrations.attention_blame(rows, column="heads")


def test_votes_by_hand():
    """Answers about demonstrations count only if these are not in the prompt."""
    labels = pd.Series({"a": "yes", "b": "no", "c": "yes"})
    log = [row("bc", "a", prediction="no")] * 2 + [row("ab", "a", prediction="yes"), row("ab", "z", prediction="yes")]
    log.append(row("ac", "b", "no", prediction="no"))
    found = wb.demonstrations.demonstration_issues(labels, log, resamples=0).loc[list("abc")]
    assert found["votes"].tolist() == [2, 1, 0]
    assert found["doubt"].tolist() == pytest.approx([1 - (2 / 3) / 3, 1 - (1 + 1 / 3) / 2, 1 - 2 / 3])
    assert found["is_issue"].tolist() == [True, False, False] and found["suggested_label"].tolist()[0] == "no"
    assert found.loc["a", "reasons"].startswith("2.0 of 2.0 votes are for no")
    assert found[["vote no", "vote yes"]].sum(axis=1).to_numpy() == pytest.approx(np.ones(3))


@pytest.fixture(scope="module")
def planted():
    """60 demonstrations of three classes in clusters, 15 of them flipped, and a log of a stand-in."""
    rng = np.random.default_rng(0)
    names = np.array(["a", "b", "c"], object)
    true = rng.integers(0, 3, 60)
    x = 3 * np.eye(3)[true] @ rng.normal(size=(3, 8)) + rng.normal(0, 1.5, (60, 8))
    bad = np.isin(np.arange(60), rng.permutation(60)[:15])
    given = names[np.where(bad, (true + 1) % 3, true)]
    parts = []
    for number in range(80):
        shown = rng.permutation(60)
        prompt, asked = shown[:12].tolist(), shown[12:24]
        log = wb.demonstrations.neighbor_log([prompt], given, x, x[asked], names[true[asked]], temperature=0.2)
        parts.append(log.assign(prompt=number, query=asked))
    return x, names[true], given, bad, pd.concat(parts, ignore_index=True)


def test_planted_flips_are_found(planted):
    x, _, given, bad, log = planted
    blame = wb.demonstrations.blame_scores(log, resamples=0)["blame"].reindex(range(60))
    assert roc_auc_score(bad, blame) > 0.7
    near = wb.demonstrations.demonstration_issues(given, embeddings=x)
    both = wb.demonstrations.demonstration_issues(given, log, embeddings=x, resamples=0)
    ap = [average_precision_score(bad, one["score"].sort_index()) for one in (near, both)]
    assert min(ap) > 0.85 and both.index.name == "demonstration"
    assert bad[both["row"].to_numpy()[:5]].all() and both["p_error"].isna().all()


def test_repaired_sets_answer_better(planted):
    x, true, given, bad, _ = planted
    issues = wb.demonstrations.demonstration_issues(given, embeddings=x)
    rng = np.random.default_rng(1)
    queries = np.repeat(x, 3, axis=0) + rng.normal(0, 1.5, (180, 8))

    def accuracy(labels, rows):
        log = wb.demonstrations.neighbor_log([range(len(rows))], labels[rows], x[rows], queries, np.repeat(true, 3))
        return wb.demonstrations.read_log(log).table["correct"].mean()

    everything = np.arange(60)
    before = accuracy(given, everything)
    for how in ("drop", "correct", "rectify"):
        new = wb.demonstrations.repair_labels(issues, how)
        assert accuracy(new["label"].to_numpy(object), np.flatnonzero(new["kept"])) > before + 0.02
        assert new.index.tolist() == list(range(60))
    dropped = wb.demonstrations.repair_labels(issues, "drop", share=0.1)
    assert dropped["kept"].sum() == 54 and dropped.loc[issues.index[0], "label"] is None
    corrected = wb.demonstrations.repair_labels(issues, "correct")
    assert corrected["changed"].sum() == issues["is_issue"].sum() and bad[corrected["changed"]].mean() > 0.6


def test_rectified_by_hand():
    labels = pd.Series(["a", "a", "b"])
    log = [row([1], 0, "a", prediction="b"), row([0], 1, "a", prediction="a"), row([0], 2, "b", prediction="b")]
    issues = wb.demonstrations.demonstration_issues(labels, log, resamples=0)
    shares = np.array([[(2 / 3) / 2, (1 + 1 / 3) / 2], [(1 + 2 / 3) / 2, (1 / 3) / 2], [(2 / 3) / 2, (1 + 1 / 3) / 2]])
    own = shares[[0, 1, 2], [0, 0, 1]]
    error = (1 - own).mean()
    found = wb.demonstrations.repair_labels(issues, "rectify")
    first = own[0] * (1 - error), (1 - own[0]) * error
    assert found["label"].tolist() == ["b", "a", "b"]
    assert found["weight"].iloc[0] == pytest.approx(first[1] / sum(first))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: wb.demonstrations.demonstration_issues(["a", "b", "a"]), "`log` is not given"),
        (lambda: wb.demonstrations.demonstration_issues(["a", None, "a"], texts=["x"] * 3), "1 missing"),
        (lambda: wb.demonstrations.demonstration_issues(["a", "b", "a"], embeddings=[[1.0]]), "3 rows"),
        (lambda: wb.demonstrations.repair_labels(pd.DataFrame(), "fix"), "unknown way 'fix'"),
        (lambda: wb.demonstrations.repair_labels(pd.DataFrame(), "drop"), "has no column 'given_label'"),
        (lambda: wb.demonstrations.neighbor_log([[3]], ["a"], [[1.0]], [[1.0]], ["a"]), "names [3]"),
        (lambda: wb.demonstrations.neighbor_log([[0]], ["a"], [[1.0]], [[1.0, 2]], ["a"]), "(1, 2)"),
        (lambda: wb.demonstrations.neighbor_log([[0]], ["a"], [[1.0]], [[1.0]], ["a"], prior_weight=2), "is 2"),
        (lambda: wb.demonstrations.neighbor_log([[0]], ["a"], [[1.0]], [[1.0]], ["b"], classes=["a"]), "unknown class"),
        (lambda: wb.demonstrations.neighbor_log([[0]], ["a"], [[1.0]], [[1.0]], ["b"], prior=[[1.0]]), "shape (1, 1)"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(InputError) as error:
        call()
    assert words in str(error.value)
