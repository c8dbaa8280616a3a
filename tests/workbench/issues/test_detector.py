"""The detector: by purpose on planted noise, by law, on little and odd evidence, and by refusal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import workbench as wb
from workbench.errors import InputError, MissingEvidence
from workbench.evidence import Evidence
from workbench.issues.calibrate import calibration_error
from workbench.issues.combine import smoothed
from workbench.issues.detector import canary_report, find_issues
from workbench.issues.dynamics import normal_scores

COLUMNS = ["given", "suggested", "p_error", "p_suggested", "is_issue", "reasons", "row"]


def blobs(rng, n=400, k=4, d=10, noise=0.15, spread=3.0):
    """Embeddings of k Gaussian classes; some labels are another class, drawn at random."""
    centres = rng.normal(size=(k, d)) * spread
    true = rng.integers(0, k, n)
    given = true.copy()
    wrong = rng.random(n) < noise
    given[wrong] = (true[wrong] + rng.integers(1, k, wrong.sum())) % k
    return (centres[true] + rng.normal(size=(n, d)) * 2).astype(np.float32), given, true


def softmax(values):
    values = np.exp(values - values.max(axis=-1, keepdims=True))
    return values / values.sum(axis=-1, keepdims=True)


def probabilities(rng, true, k, sharp=2.0):
    """Out-of-fold probabilities of a fair model."""
    return softmax(sharp * np.eye(k)[true] + rng.normal(size=(len(true), k)))


def training(rng, given, true, k, epochs=8):
    """Logits of a network that learns the true class first and memorises the given one later."""
    base = 3 * np.eye(k)[true] + rng.normal(size=(len(true), k))
    memory = 5 * np.eye(k)[given] / epochs
    noise = rng.normal(size=(epochs, *base.shape)) * 0.3
    return np.stack([base * min(1, (e + 1) / 3) + memory * max(0, e - 2) + noise[e] for e in range(epochs)])


def ranked_auroc(found: pd.DataFrame, wrong: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    place = np.empty(len(found))
    place[found["row"]] = -np.arange(len(found))
    return roc_auc_score(wrong, place)


def in_rows(found: pd.DataFrame, column: str) -> np.ndarray:
    return found.sort_values("row")[column].to_numpy()


# ---- what comes back


def test_the_frame(rng):
    vectors, given, _ = blobs(rng)
    ids = np.array([f"img_{i:03d}" for i in range(len(given))], object)
    found = find_issues(Evidence.from_arrays(given, 4, embeddings=vectors, ids=ids, classes=["a", "b", "c", "d"]))
    assert found.columns.tolist() == COLUMNS
    assert found.index.name == "id"
    assert sorted(found["row"]) == list(range(len(given)))
    assert (found.index == ids[found["row"]]).all()
    assert (np.diff(found["p_error"]) <= 0).all()
    assert found["p_error"].between(0, 1).all()
    assert found["p_suggested"].between(0, 1).all()
    assert found["reasons"].str.split("; ").str.len().between(1, 3).all()
    assert (found["is_issue"] == (found["p_error"] >= 0.5)).all()
    issues = found[found["is_issue"]]
    assert (issues["given"] != issues["suggested"]).all()
    rest = found[found["p_error"] < 0.5]
    assert (rest["given"] == rest["suggested"]).all()
    assert found["row"].dtype == np.int64


def test_attrs_say_what_it_rests_on(rng):
    vectors, given, true = blobs(rng)
    found = find_issues(Evidence.from_arrays(given, 4, embeddings=vectors))
    assert "kernel ridge" in found.attrs["evidence"]
    assert found.attrs["threshold"] == "p_error >= 0.5"
    low, high = found.attrs["expected_errors_interval"]
    assert low <= found.attrs["expected_errors"] <= high
    assert low <= (given != true).sum() <= high
    assert "exact" in found.attrs["method"]
    in_sample = find_issues(Evidence.from_arrays(given, 4, pred_probs=probabilities(rng, given, 4), out_of_fold=False))
    assert in_sample.attrs["pred_probs"].startswith("in-sample")


# ---- does it do its job


@pytest.mark.parametrize("noise", [0.05, 0.2, 0.35])
def test_finds_planted_errors_from_embeddings(rng, noise):
    vectors, given, true = blobs(rng, noise=noise)
    found = find_issues(Evidence.from_arrays(given, 4, embeddings=vectors))
    wrong = given != true
    assert ranked_auroc(found, wrong) > 0.97
    assert calibration_error(in_rows(found, "p_error"), wrong) < {0.05: 0.03, 0.2: 0.06, 0.35: 0.15}[noise]
    top = found[: wrong.sum()]
    assert wrong[top["row"]].mean() > 0.8
    hits = top[wrong[top["row"]] & top["is_issue"]]
    assert len(hits) > 0.5 * wrong.sum()
    assert (hits["suggested"].astype(int) == true[hits["row"]]).mean() > 0.95


def test_every_kind_of_evidence_finds_errors_and_all_together_come_near_the_best(rng):
    vectors, given, true = blobs(rng, spread=1.0, noise=0.2)
    wrong = given != true
    kinds = {
        "embeddings": vectors,
        "pred_probs": probabilities(rng, true, 4),
        "logits": training(rng, given, true, 4),
    }
    alone = {
        name: ranked_auroc(find_issues(Evidence.from_arrays(given, 4, **{name: value})), wrong)
        for name, value in kinds.items()
    }
    together = ranked_auroc(find_issues(Evidence.from_arrays(given, 4, **kinds)), wrong)
    assert min(alone.values()) > 0.8
    assert together > max(alone.values()) - 0.01
    assert together > np.median(list(alone.values())) + 0.01


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["pred_probs", "logits"])
def test_one_kind_of_evidence_is_as_good_as_its_best_score(seed, kind):
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    _, given, true = blobs(rng, n=1500, noise=0.1 + 0.05 * seed)
    wrong = given != true
    value = probabilities(rng, true, 4) if kind == "pred_probs" else training(rng, given, true, 4, epochs=6 + 3 * seed)
    evidence = Evidence.from_arrays(given, 4, **{kind: value})
    best = 0.0
    scores = wb.score(evidence)
    for name in scores.columns:
        if name != "variability":  # which of its ends is suspicious depends on the model
            sign = 1 if wb.SCORES[name].suspicious == "high" else -1
            best = max(best, roc_auc_score(wrong, sign * scores[name].to_numpy(float)))
    assert ranked_auroc(find_issues(evidence), wrong) > best - 0.005


def test_in_sample_probabilities_do_not_spoil_good_evidence(rng):
    vectors, given, true = blobs(rng, noise=0.2)
    memorised = softmax(6 * np.eye(4)[given] + rng.normal(size=(len(given), 4)))
    wrong = given != true
    good = ranked_auroc(find_issues(Evidence.from_arrays(given, 4, embeddings=vectors)), wrong)
    both = find_issues(Evidence.from_arrays(given, 4, embeddings=vectors, pred_probs=memorised, out_of_fold=False))
    assert ranked_auroc(both, wrong) > good - 0.02


def test_texts_alone_are_evidence(rng):
    words = [["goal", "match", "team", "coach"], ["vote", "party", "law", "senate"]]
    true = rng.integers(0, 2, 300)
    texts = [" ".join(rng.choice(words[t], 4)) + f" item{rng.integers(50)}" for t in true]
    given = np.where(rng.random(300) < 0.1, 1 - true, true)
    found = find_issues(Evidence.from_arrays(given, 2, texts=texts))
    assert ranked_auroc(found, given != true) > 0.97


@pytest.mark.parametrize("fdr", [0.1, 0.3])
def test_achieved_share_of_false_alarms_on_planted_errors(fdr):
    achieved = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        vectors, given, true = blobs(rng, n=600, spread=2, noise=0.2)
        found = find_issues(Evidence.from_arrays(given, 4, embeddings=vectors), fdr=fdr)
        chosen = found[found["is_issue"]]
        assert 1 - chosen["p_error"].mean() <= fdr + 1e-9
        achieved.append((given == true)[chosen["row"]].mean())
    assert np.mean(achieved) <= fdr + 0.05
    assert "expected share of false alarms" in found.attrs["threshold"]


# ---- laws


def evidence_of(rng):
    vectors, given, true = blobs(rng, n=250, noise=0.2)
    return {
        "embeddings": vectors,
        "pred_probs": probabilities(rng, true, 4),
        "logits": training(rng, given, true, 4),
    }, given


def test_same_seed_same_result(rng):
    kinds, given = evidence_of(rng)
    first = find_issues(Evidence.from_arrays(given, 4, **kinds), seed=3)
    second = find_issues(Evidence.from_arrays(given, 4, **kinds), seed=3)
    pd.testing.assert_frame_equal(first, second)


def test_order_of_rows_does_not_matter(rng):
    kinds, given = evidence_of(rng)
    turn = rng.permutation(len(given))
    straight = find_issues(Evidence.from_arrays(given, 4, **kinds))
    moved = find_issues(
        Evidence.from_arrays(
            given[turn],
            4,
            embeddings=kinds["embeddings"][turn],
            pred_probs=kinds["pred_probs"][turn],
            logits=kinds["logits"][:, turn],
        )
    )
    np.testing.assert_allclose(in_rows(moved, "p_error"), in_rows(straight, "p_error")[turn], atol=2e-3)


def test_order_of_classes_does_not_matter(rng):
    kinds, given = evidence_of(rng)
    turn = np.array([2, 0, 3, 1])  # class c becomes turn[c]
    back = np.argsort(turn)
    straight = find_issues(Evidence.from_arrays(given, 4, **kinds))
    moved = find_issues(
        Evidence.from_arrays(
            turn[given],
            4,
            embeddings=kinds["embeddings"],
            pred_probs=kinds["pred_probs"][:, back],
            logits=kinds["logits"][:, :, back],
        )
    )
    np.testing.assert_allclose(in_rows(moved, "p_error"), in_rows(straight, "p_error"), atol=2e-3)


def test_scale_and_shift_of_embeddings_do_not_matter(rng):
    vectors, given, _ = blobs(rng, n=200)
    straight = find_issues(Evidence.from_arrays(given, 4, embeddings=vectors))
    moved = find_issues(Evidence.from_arrays(given, 4, embeddings=vectors * 7 + 100))
    np.testing.assert_allclose(in_rows(moved, "p_error"), in_rows(straight, "p_error"), atol=5e-3)


def test_normal_scores_by_hand():
    scores = normal_scores(np.array([5.0, np.nan, 1.0, 3.0]))
    assert np.isnan(scores[1])
    assert scores[3] == pytest.approx(0)
    assert scores[0] == pytest.approx(-scores[2])


def test_noise_matrix_by_hand():
    counts = np.array([[900.0, 100.0, 0.0], [100.0, 800.0, 0.0], [0.0, 100.0, 1000.0]])
    raw = smoothed(counts, 0)
    np.testing.assert_allclose(raw.sum(axis=0), 1)
    assert raw[0, 1] == pytest.approx(raw[2, 1])
    assert raw[1, 0] > 3 * raw[2, 0]
    alike = smoothed(counts, 1)
    np.testing.assert_allclose(alike[1, 0], alike[2, 0])
    np.testing.assert_allclose(np.diag(alike), np.diag(raw))


# ---- what people bring


@pytest.mark.parametrize("kind", ["embeddings", "pred_probs", "logits"])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 20])
def test_a_handful_of_rows(rng, kind, n):
    given = np.arange(n) % 2
    value = {
        "embeddings": rng.normal(size=(n, 3)),
        "pred_probs": softmax(rng.normal(size=(n, 2))),
        "logits": rng.normal(size=(2, n, 2)),
    }[kind]
    evidence = Evidence.from_arrays(given, 2, **{kind: value})
    if kind == "embeddings" and n == 1:
        with pytest.raises(MissingEvidence, match="at least two classes"):
            find_issues(evidence)
        return
    found = find_issues(evidence)
    assert len(found) == n
    assert found["p_error"].between(0, 1).all()


def test_no_rows_at_all():
    found = find_issues(Evidence.from_arrays(np.zeros(0, int), 2, logits=np.zeros((2, 0, 2))))
    assert found.columns.tolist() == COLUMNS
    assert len(found) == 0


def test_one_class_can_not_be_wrong():
    found = find_issues(Evidence.from_arrays(np.zeros(6, int), 1, pred_probs=np.ones((6, 1))))
    assert (found["p_error"] == 0).all()
    assert not found["is_issue"].any()
    assert (found["suggested"] == "0").all()


def test_a_class_that_is_never_given(rng):
    vectors, given, true = blobs(rng, k=4)
    evidence = Evidence.from_arrays(given, 6, embeddings=vectors, pred_probs=probabilities(rng, true, 6))
    found = find_issues(evidence)
    assert found["p_error"].notna().all()
    assert ranked_auroc(found, given != true) > 0.95


def test_a_class_with_a_single_row(rng):
    vectors, given, _ = blobs(rng, k=3, noise=0.0)
    given = given.copy()
    given[0] = 3
    found = find_issues(Evidence.from_arrays(given, 4, embeddings=vectors))
    assert found["p_error"].notna().all()


def test_equal_probabilities_say_nothing():
    found = find_issues(Evidence.from_arrays(np.arange(30) % 3, 3, pred_probs=np.full((30, 3), 1 / 3)))
    assert np.ptp(found["p_error"]) < 1e-5
    assert found["p_error"].max() < 0.01


def test_equal_embeddings_say_nothing():
    found = find_issues(Evidence.from_arrays(np.arange(40) % 2, 2, embeddings=np.ones((40, 5))))
    assert found["p_error"].between(0, 1).all()


def test_zero_and_one_as_probabilities(rng):
    true = rng.integers(0, 3, 200)
    given = true.copy()
    given[:20] = (given[:20] + 1) % 3
    found = find_issues(Evidence.from_arrays(given, 3, pred_probs=np.eye(3)[true].astype(np.float16)))
    assert set(found["row"][:20]) == set(range(20))
    assert found["p_error"].notna().all()


def test_rows_without_an_embedding(rng):
    vectors, given, true = blobs(rng)
    vectors[:10] = np.nan
    vectors[10, 3] = np.inf
    found = find_issues(Evidence.from_arrays(given, 4, embeddings=vectors))
    assert found["p_error"].notna().all()
    assert "11 rows have no embedding" in found.attrs["method"]
    assert ranked_auroc(found.query("row > 10").assign(row=lambda f: f["row"] - 11), (given != true)[11:]) > 0.95


def test_no_usable_embedding_is_one_clear_error():
    with pytest.raises(MissingEvidence, match="at least two classes that are given and have an embedding"):
        find_issues(Evidence.from_arrays(np.arange(10) % 2, 2, embeddings=np.full((10, 3), np.nan)))


def test_unlabelled_rows_are_not_judged_but_get_a_suggestion(rng):
    vectors, given, true = blobs(rng)
    blind = given.copy()
    blind[:30] = -1
    found = find_issues(Evidence.from_arrays(blind, 4, embeddings=vectors, pred_probs=probabilities(rng, true, 4)))
    free = found[found["row"] < 30]
    assert free["p_error"].isna().all()
    assert not free["is_issue"].any()
    assert free["given"].isna().all()
    assert (free["suggested"].astype(int) == true[free["row"]]).mean() > 0.9
    assert found.iloc[-30:]["row"].max() < 30
    assert found.attrs["unlabelled"] == 30
    assert found.attrs["judged"] == len(given) - 30


def test_no_label_at_all(rng):
    found = find_issues(Evidence.from_arrays(np.full(5, -1), 2, pred_probs=softmax(rng.normal(size=(5, 2)))))
    assert found["p_error"].isna().all()
    assert not found["is_issue"].any()
    assert found["suggested"].notna().all()


def test_epochs_that_were_not_recorded_for_a_row(rng):
    _, given, true = blobs(rng)
    logits = training(rng, given, true, 4)
    margin = np.sort(logits, axis=2)
    own = np.take_along_axis(logits, given[None, :, None], axis=2)[:, :, 0]
    beside = np.where(own == margin[:, :, -1], margin[:, :, -2], margin[:, :, -1])
    values = (own - beside).astype(np.float32)
    values[:, 0] = np.nan
    values[3:, 1] = np.nan
    found = find_issues(Evidence.from_arrays(given, 4, statistics={"margin": values}))
    assert found["p_error"].notna().all()
    assert ranked_auroc(found, given != true) > 0.9


def test_many_classes(rng):
    n, k = 1500, 150
    true = rng.integers(0, k, n)
    given = np.where(rng.random(n) < 0.1, rng.integers(0, k, n), true)
    vectors = (rng.normal(size=(k, 32)) * 3)[true] + rng.normal(size=(n, 32))
    found = find_issues(Evidence.from_arrays(given, k, embeddings=vectors, pred_probs=probabilities(rng, true, k, 8)))
    assert ranked_auroc(found, given != true) > 0.97


@pytest.mark.slow
def test_ten_thousand_classes(rng):
    n, k = 30_000, 10_000
    true = rng.integers(0, k, n)
    given = np.where(rng.random(n) < 0.1, rng.integers(0, k, n), true)
    vectors = ((rng.normal(size=(k, 32)) * 3)[true] + rng.normal(size=(n, 32))).astype(np.float32)
    found = find_issues(Evidence.from_arrays(given, k, embeddings=vectors))
    assert "votes of neighbours" in found.attrs["method"]
    assert ranked_auroc(found, given != true) > 0.75


# ---- verdicts, canaries


def test_verdicts_move_probabilities_and_hardly_the_order(rng):
    vectors, given, _ = blobs(rng, noise=0.2, spread=1.0)
    evidence = Evidence.from_arrays(given, 4, embeddings=vectors)
    before = find_issues(evidence)
    rows = before["row"].to_numpy()[:100]
    after = find_issues(evidence, verdicts=pd.Series(np.zeros(100, bool), index=rows))
    assert after["p_error"].rank().corr(before["p_error"].reindex(after.index).rank()) > 0.8
    assert after["p_error"].sum() < before["p_error"].sum()
    assert "100 verdicts" in after.attrs["method"]


def test_verdicts_of_the_journal_are_used(tmp_path, rng):
    vectors, given, true = blobs(rng, n=120)
    dataset = wb.Dataset.from_arrays(given)
    with wb.Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids, training(rng, given, true, 4)[2], embeddings=vectors)
    run = wb.open_run(tmp_path / "run")
    before = find_issues(run)
    run.journal.keep(before.index[:30].tolist())
    after = find_issues(run)
    assert after["p_error"].sum() < before["p_error"].sum()
    assert "30 verdicts" in after.attrs["method"]


def test_canaries_are_counted_by_hand():
    issues = pd.DataFrame(
        {
            "given": list("aabba"),
            "suggested": list("bbaaa"),
            "p_error": [0.9, 0.8, 0.7, 0.2, np.nan],
            "is_issue": [True, True, True, False, False],
        },
        index=pd.Index([10, 11, 12, 13, 14], name="id"),
    )
    planted = pd.DataFrame({"id": [10, 12, 13, 14, 99], "true_label": list("bbbbb"), "planted_label": list("aaaaa")})
    report = canary_report(issues, planted)
    assert report["planted"] == 3
    assert report["caught"] == 2
    assert report["recall"] == pytest.approx(2 / 3)
    assert report["false_alarms"] == 1
    assert report["found_at_planted"] == pytest.approx(2 / 3)
    assert report["corrected"] == pytest.approx(1 / 2)
    assert report["sentence"].startswith("catches 67% of 3 planted errors; 1 in 3 of the 3 issues")
    assert canary_report(issues, planted[:0])["sentence"] == "no planted errors to measure on"


def test_planted_errors_are_caught(rng):
    vectors, given, _ = blobs(rng, noise=0.0)
    dataset = wb.plant(wb.Dataset.from_arrays(given), 0.1)
    found = find_issues(Evidence.from_arrays(dataset.given_labels, 4, embeddings=vectors))
    report = canary_report(found, dataset.planted)
    assert report["recall"] > 0.9
    assert report["corrected"] > 0.9


# ---- refusals


def test_nothing_to_go_by():
    with pytest.raises(MissingEvidence, match="pred_probs, embeddings or recorded epochs"):
        find_issues(Evidence.from_arrays(np.zeros(3, int), 2))


@pytest.mark.parametrize("arguments", [{"fdr": 1.2}, {"fdr": -0.1}, {"threshold": 2}])
def test_shares_outside_0_and_1(arguments):
    with pytest.raises(InputError, match="between 0 and 1"):
        find_issues(Evidence.from_arrays(np.zeros(3, int), 2, pred_probs=np.full((3, 2), 0.5)), **arguments)


# ---- size


def test_large_sets_use_landmarks_in_little_memory(rng, monkeypatch):
    import tracemalloc

    monkeypatch.setattr("workbench.issues.heads.LANDMARKS", 400)
    vectors, given, true = blobs(rng, n=12_000, k=10, d=64, noise=0.1)
    tracemalloc.start()
    found = find_issues(Evidence.from_arrays(given, 10, embeddings=vectors))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "landmarks" in found.attrs["method"]
    assert ranked_auroc(found, given != true) > 0.99
    assert peak < 3.5e8  # all pairs of rows would be 1.2 GB


@pytest.mark.parametrize("n", [7, 500, 1603])
def test_neighbours_of_some_rows_are_those_of_a_full_sort(rng, n):
    from workbench.issues.combine import labels_near

    vectors = rng.normal(size=(n, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = rng.permutation(n)[:6]
    nearest = [[other for other in np.argsort(-vectors @ vectors[row]) if other != row][:4] for row in rows]
    found = labels_near(vectors, rows, np.arange(n), 4)  # each row is its own label
    np.testing.assert_array_equal(np.sort(found, axis=1), np.sort(nearest, axis=1))


# ---- real data


@pytest.mark.slow
def test_real_errors_beat_the_best_published_scores(shared):
    """CIFAR-10N worst labels: AUROC .879 and average precision .843 are the best of any single score."""
    from sklearn.metrics import average_precision_score

    labels = np.load(shared / "eval" / "cifar10n_dev.npz")
    vectors = np.load(shared / "eval" / "cifar10n_dev_embed_effnetlite0.npz")["embedding"]
    given, clean = labels["worse_label"].astype(int), labels["clean_label"]
    found = find_issues(Evidence.from_arrays(given, 10, embeddings=vectors), fdr=0.2)
    wrong = given != clean
    assert ranked_auroc(found, wrong) > 0.889
    assert average_precision_score(wrong, in_rows(found, "p_error")) > 0.873
    chosen = found[found["is_issue"]]
    assert (~wrong[chosen["row"]]).mean() < 0.25


def test_an_embedding_that_learned_the_labels_does_not_set_the_number_of_errors(tmp_path, rng):
    vectors, given, true = blobs(rng, n=600, noise=0.15, spread=1.5)
    leaked = np.concatenate([vectors, 1.5 * np.eye(4)[given]], axis=1)
    dataset = wb.Dataset.from_arrays(given, classes=list("abcd"))
    with wb.Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids, training(rng, given, true, 4)[2], embeddings=leaked)
    run = wb.open_run(tmp_path / "run")
    alone = find_issues(run)
    assert "may be more errors than expected" in alone.attrs["method"]
    run.save_pred_probs(wb.cross_validate(LogisticRegression(), vectors, dataset), out_of_fold=True, how="pixels")
    errors = int((given != true).sum())
    both = find_issues(run)
    assert both.attrs["expected_errors"] == pytest.approx(errors, rel=0.25)
    assert alone.attrs["expected_errors"] < both.attrs["expected_errors"]
