"""Metrics of rankings, judges in two steps, sources and rankers that disagree, repair."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, ndcg_score, roc_auc_score

import workbench as wb
from workbench.foundation.errors import InputError, MissingEvidence


def made(n=40, per=8, seed=0):
    """Grades 0 to 2 and two rankers, one of which misses some items."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"query": np.repeat([f"q{one}" for one in range(n)], per), "item": [*range(per)] * n})
    frame["grade"] = rng.choice(3, n * per, p=[0.6, 0.25, 0.15])
    frame["dense"] = frame["grade"] + rng.normal(size=n * per)
    frame["sparse"] = rng.normal(size=n * per)
    frame.loc[rng.random(n * per) < 0.2, "sparse"] = np.nan
    return frame


LABELS, SCORES = ["query", "item", "grade"], ["query", "item", "dense", "sparse"]


def test_metrics_equal_another_route():
    frame = made()
    found = wb.ranking.metrics(frame[LABELS], frame[SCORES], k=5)
    for query, own in frame.groupby("query", sort=False):
        if not own["grade"].any():
            assert query not in found.index.get_level_values("query")
            continue
        wanted = ndcg_score([own["grade"]], [own["dense"]], k=5)
        assert found.loc[("dense", query), "ndcg"] == pytest.approx(wanted)
        order = own.sort_values("sparse", ascending=False)[: own["sparse"].notna().sum()]
        hits = np.flatnonzero(order["grade"].to_numpy()[:5] >= 1)
        assert found.loc[("sparse", query), "mrr"] == pytest.approx(1 / (hits[0] + 1) if len(hits) else 0)


def test_metrics_by_hand():
    labels = pd.DataFrame({"query": [1, 1, 1, 2], "item": ["a", "b", "c", "a"], "grade": [2, 0, 1, 0]})
    scores = pd.DataFrame({"query": [1, 1, 1, 1, 2], "item": ["x", "a", "b", "c", "a"], "r": [9.0, 1, 1, 0, 1]})
    found = wb.ranking.metrics(labels, scores, k=10)
    # order: x (unjudged), b, a (equal scores: by item, descending), c
    dcg, best = 2 / np.log2(4) + 1 / np.log2(5), 2 + 1 / np.log2(3)
    assert found.index.tolist() == [("r", "1")]
    np.testing.assert_allclose(found.to_numpy(), [[dcg / best, 1 / 3]])
    assert wb.ranking.metrics(labels, scores, k=10, relevant=2)["mrr"].tolist() == [1 / 3]
    assert wb.ranking.metrics(labels, scores, k=2)["mrr"].tolist() == [0]


def test_before_and_after_with_a_paired_interval():
    frame = made()
    better = frame.assign(dense=frame["grade"] + 0.3 * frame["dense"])
    found = wb.ranking.compare_metrics(frame[LABELS], frame[SCORES], after_scores=better[SCORES])
    one = found.loc[("dense", "ndcg@10")]
    each = wb.ranking.metrics(frame[LABELS], better[SCORES]) - wb.ranking.metrics(frame[LABELS], frame[SCORES])
    assert one["difference"] == pytest.approx(each.loc["dense", "ndcg"].mean())
    assert 0 < one["low"] <= one["difference"] <= one["high"] and one["verdict"] == "better"
    same = found.loc[("sparse", "mrr@10")]
    assert (same["low"], same["high"]) == (0, 0) and same["verdict"].startswith("no difference")
    relabelled = wb.ranking.compare_metrics(frame[LABELS], frame[SCORES], after=frame.assign(grade=2 - frame["grade"]))
    assert relabelled.loc[("dense", "ndcg@10"), "verdict"] == "worse"
    with pytest.raises(InputError, match="`after` is missing"):
        wb.ranking.compare_metrics(frame[LABELS], frame[SCORES])
    with pytest.raises(InputError, match="has no query with a relevant item"):
        wb.ranking.metrics(frame.assign(grade=0)[LABELS], frame[SCORES])


def test_the_list_view_shows_where_an_irrelevant_item_leads():
    labels = pd.DataFrame({"query": ["a"] * 4 + ["b"] * 2, "item": [*"wxyz", *"xy"], "grade": [1, 0, 1, 0, 1, 0]})
    scores = pd.DataFrame({"query": ["a"] * 3 + ["b"] * 2, "item": [*"wxy", *"xy"], "r": [2.0, 3, 1, 5, 4]})
    found = wb.ranking.list_view(labels, scores)
    assert found[["query", "item"]].apply("".join, axis=1).tolist() == ["aw", "ay", "bx"]
    assert found["rank"].tolist() == [2, 3, 1] and found["above"].tolist() == [1, 1, 0]
    assert found["beaten"].tolist() == [True, True, False]
    lost = wb.ranking.list_view(labels, scores.iloc[1:])
    assert lost["rank"].isna().tolist() == [True, False, False] and lost["above"].tolist() == [1, 1, 0]


def test_a_cascade_asks_the_strong_judge_about_unsure_pairs():
    cheap = pd.DataFrame({"query": ["q"] * 5, "item": [*"abcde"], "grade": [1, 0, 1, 0, None],
                          "confidence": [0.9, 0.4, 0.6, 0.99, None]})  # fmt: skip
    waiting = wb.ranking.cascade(cheap, unsure=0.4)
    assert waiting["item"].tolist() == [*"ebcad"]
    assert waiting["judge"].tolist() == ["ask", "ask", "cheap", "cheap", "cheap"]
    assert waiting.attrs == {"asked": 2, "waiting": 2, "cost": 5 + 2 * 20, "cost_of_strong": 100}
    strong = pd.DataFrame({"query": ["q", "q"], "item": ["b", "a"], "grade": [2, 0]})
    done = wb.ranking.cascade(cheap, strong, unsure=0.4, costs=(0, 3))
    assert done.set_index("item")["grade"].to_dict() == pytest.approx(
        {"e": np.nan, "b": 2, "c": 1, "a": 1, "d": 0}, nan_ok=True
    )
    assert done.attrs == {"asked": 2, "waiting": 1, "cost": 6, "cost_of_strong": 15}
    votes = pd.DataFrame({"query": ["q"] * 3, "item": [*"abc"], "x": [1, 0, 2], "y": [1, 1, None], "z": [1, 2, 2]})
    several = wb.ranking.cascade(votes, unsure=0.0).set_index("item")
    assert several.loc["a", "confidence"] == 1 and several.loc["b", "confidence"] == pytest.approx(1 / 3)
    assert several.loc["c", ["grade", "confidence"]].tolist() == [2, 1] and several.loc["b", "grade"] == 1
    for frame, words in (
        (cheap.drop(columns="confidence"), "unknown column of `cheap` 'confidence'"),
        (cheap.assign(confidence=2), "`cheap` row 0 has the confidence 2"),
        (cheap.assign(grade="yes"), "`cheap` row 0 column 'grade' holds 'yes'"),
        (pd.concat([cheap, cheap]), "`cheap` row 5 repeats the pair 'q', 'a'"),
        (cheap[["query", "item"]], "`cheap` has no column of answers"),
        (cheap.drop(columns="item"), "unknown column of `cheap` 'item'"),
    ):
        with pytest.raises(InputError, match=words):
            wb.ranking.cascade(frame)


def test_sources_that_disagree_are_queued_by_what_the_model_says():
    rng = np.random.default_rng(0)
    true = rng.random(400) < 0.4
    frame = pd.DataFrame({"image": range(400), "rater": true.astype(float), "advertiser": true.astype(float)})
    wrong = rng.permutation(400)[:60]
    frame.loc[wrong, "advertiser"] = 1 - frame.loc[wrong, "advertiser"]
    frame["score"] = true + rng.normal(scale=0.4, size=400)
    found = wb.ranking.compare_sources(frame, ("advertiser", "rater"), scores="score")
    assert set(found["image"]) == set(wrong)
    assert found.attrs["kappa"].kappa == pytest.approx(cohen_kappa_score(frame["advertiser"], frame["rater"]))
    assert found.attrs["auc"]["rater"] == pytest.approx(roc_auc_score(frame["rater"], frame["score"]))
    assert found.attrs["auc"]["advertiser"] < found.attrs["auc"]["rater"]
    assert (found["sides_with"] == "rater").mean() > 0.85 and (found["sides_with"][:20] == "rater").all()
    assert found["apart"].is_monotonic_decreasing
    silent = wb.ranking.compare_sources(frame.assign(rater=None), ("advertiser", "score"))
    assert silent["sides_with"].isna().all() and np.isnan(silent.attrs["auc"]["score"])
    with pytest.raises(InputError, match="have no pair in common"):
        wb.ranking.compare_sources(frame.assign(rater=None), ("advertiser", "rater"))


def test_items_that_only_one_ranker_has_equal_a_recount():
    frame = made()
    one, other = (frame[["query", "item", name]] for name in ("dense", "sparse"))
    found = wb.ranking.run_differences(one, other, k=3, labels=frame[LABELS])
    count = 0
    for _, own in frame.groupby("query"):
        tops = [set(own.dropna(subset=[name]).nlargest(3, name)["item"]) for name in ("dense", "sparse")]
        count += len(tops[0] ^ tops[1])
    assert len(found) == count and (found["rank"] <= 3).all() and not (found["other_rank"] <= 3).any()
    assert found["grade"].notna().all()
    with pytest.raises(InputError, match="`one` has 2 rankers"):
        wb.ranking.run_differences(frame[SCORES], other)


def test_reranking_by_all_evidence_beats_each_ranker():
    frame = made(n=80)
    frame["sparse"] = frame["grade"] + np.random.default_rng(3).normal(size=len(frame))
    scores = wb.ranking.rank_jointly(frame[LABELS], scores=frame[SCORES])
    joined = frame.merge(scores.assign(item=scores["item"].astype(int)), on=["query", "item"])
    values = wb.ranking.metrics(frame[LABELS], joined[[*SCORES, "reranked"]])["ndcg"].groupby("ranker").mean()
    assert values["reranked"] > values[["dense", "sparse"]].max()


def test_repairs_are_written_to_the_journal_as_decisions_of_a_program(tmp_path):
    frame = made()
    frame["grade"] = (frame["grade"] > 0).astype(int)
    frame["dense"] = frame["grade"] + 0.1 * frame["dense"]
    wrong = frame.index[frame["grade"] == 1][:6]
    given = frame.assign(grade=frame["grade"].where(~frame.index.isin(wrong), 0))
    run = wb.import_run(given[LABELS], tmp_path / "run", label="grade", task="pairs")
    issues = wb.find_issues(run, per="unit", threshold=0.0, scores=frame[["query", "item", "dense"]])
    chosen = issues[:5]
    assert wb.ranking.repair_grades(run, chosen) == len(chosen)
    changed = run.dataset.kind.differ(run.labels(), run.dataset.labels)
    assert set(run.dataset.ids[changed]) == set(chosen.index.get_level_values("id"))
    assert wb.find_issues(run, per="unit", scores=frame[["query", "item", "dense"]]).attrs["verdicts"] == 0
    assert run.journal.undo() and not run.dataset.kind.differ(run.labels(), run.dataset.labels).any()
    assert wb.ranking.repair_grades(run, chosen[:1], "drop") == 1
    dropped = run.dataset.as_given(run.labels())[int(chosen["row"].iloc[0])]
    assert {one["item"]: one["grade"] for one in dropped}[chosen["item"].iloc[0]] is None
    assert wb.ranking.repair_grades(run, chosen, "drop_query") == chosen.index.get_level_values("id").nunique()
    left = pd.read_json(wb.export(run, tmp_path / "left.jsonl", drop="flagged", issues=False), lines=True)
    assert not set(left["query"]) & set(chosen.index.get_level_values("id"))
    assert wb.ranking.repair_grades(run, chosen[:0]) == 0
    with pytest.raises(InputError, match="unknown how 'burn'"):
        wb.ranking.repair_grades(run, chosen, "burn")
    with pytest.raises(InputError, match="`issues` is a DataFrame"):
        wb.ranking.repair_grades(run, chosen.reset_index())


def test_false_negatives_are_relabelled_with_the_answers_of_judges(tmp_path):
    """A hundred queries of ten passages, 15 % of the relevant ones overlooked."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"query": np.repeat([f"q{one}" for one in range(100)], 10), "item": [*map(str, range(1000))]})
    true = pd.Series(([1, 1] + [0] * 8) * 100)
    missed = (true == 1) & (rng.random(1000) < 0.15)
    frame["grade"] = true.mask(missed, 0)
    scores = frame[["query", "item"]].assign(dense=true + rng.normal(0, 0.6, 1000))
    sure = rng.random(1000) < 0.8
    cheap = frame[["query", "item"]].assign(grade=true.where(sure, 1 - true), confidence=np.where(sure, 0.9, 0.6))
    answers = wb.ranking.cascade(cheap, frame[["query", "item"]].assign(grade=true), unsure=0.3)
    assert answers.attrs["cost"] < answers.attrs["cost_of_strong"] / 2
    run = wb.import_run(frame, tmp_path / "run", label="grade", task="pairs")
    votes = answers[["query", "item"]].assign(judge=answers["grade"])
    units = wb.find_issues(run, per="unit", threshold=0.1, scores=scores, votes=votes)
    chosen = units[units["is_issue"]]
    wb.ranking.repair_grades(run, chosen)
    relabelled = set(chosen["item"])
    wrong = set(frame.loc[missed, "item"])
    assert len(relabelled & wrong) / len(relabelled) > 0.9 and len(relabelled & wrong) / len(wrong) > 0.5
    after = wb.ranking.metrics(run, scores)["ndcg"].mean()
    assert after > wb.ranking.metrics(frame, scores)["ndcg"].mean()


@pytest.mark.parametrize("extra", [True, False])
def test_items_of_a_corpus_are_found_scored_and_proposed(monkeypatch, extra):
    if extra:
        pytest.importorskip("bm25s")
    monkeypatch.setattr("workbench.issues.pairs.lexical.has_bm25", lambda: extra)
    monkeypatch.setattr("workbench.ranking.corpus_search.has_bm25", lambda: extra)
    name = "BM25" if extra else "TF-IDF"
    rng = np.random.default_rng(0)
    words = [[f"t{query}", f"s{query}", *(f"w{one}" for one in rng.choice(50, 3))] for query in range(40)]
    corpus, rows = {}, []
    for query, own in enumerate(words):
        for item in range(5):
            text = own[:2] if item < 2 else own[2:3]
            corpus[f"d{query}-{item}"] = " ".join([*text, *(f"x{one}" for one in rng.choice(200, 6))])
            if item != 1:  # nobody has listed the second relevant item
                rows.append((f"q{query}", f"d{query}-{item}", int(item == 0), " ".join(own)))
    labels = pd.DataFrame(rows, columns=["query", "item", "grade", "text"])
    labels.loc[len(labels)] = ("q39", "elsewhere", 0, " ".join(words[39]))
    found = wb.ranking.search_corpus(labels, corpus, k=4)
    assert list(found.columns) == ["query", "item", name] and not found.duplicated(["query", "item"]).any()
    top = found.groupby("query", sort=False)["item"].agg(list)
    assert all({f"d{query}-0", f"d{query}-1"} <= set(top[f"q{query}"][:4]) for query in range(40))
    of_first = found[found["query"] == "q0"]
    assert (of_first[name][:4].to_numpy() > 0).all() and of_first[name][:4].is_monotonic_decreasing
    listed = set(map(tuple, labels[["query", "item"]].to_numpy())) - {("q39", "elsewhere")}
    assert listed <= set(map(tuple, found[["query", "item"]].to_numpy()))
    issues = wb.find_issues(labels, task="pairs", scores=found, per="unit")
    proposed = issues[[key.startswith("c") for key in issues.index.get_level_values("unit")]]
    assert {f"d{query}-1" for query in range(40)} <= set(proposed["item"])


def test_a_corpus_without_words_or_queries_without_texts_are_refused():
    labels = pd.DataFrame({"query": ["q"], "item": ["a"], "grade": [1]})
    with pytest.raises(MissingEvidence, match="texts"):
        wb.ranking.search_corpus(labels, {"a": "words"})
    with pytest.raises(InputError, match="`corpus` holds no words"):
        wb.ranking.search_corpus(labels, {"a": "..."}, texts=["words"])
    with pytest.raises(InputError, match="dict or Series"):
        wb.ranking.search_corpus(labels, ["words"], texts=["words"])
    with pytest.raises(InputError, match="k"):
        wb.ranking.search_corpus(labels, {"a": "words"}, texts=["words"], k=0)
    again = wb.ranking.search_corpus(labels, {"a": "words", "b": "x"}, texts={"q": "x"})
    assert again["item"].tolist() == ["b", "a"] and again.iloc[1, 2] == 0
