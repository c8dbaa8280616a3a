"""More evidence does no harm: worthless evidence, and evidence that has seen the labels, in addition to good
evidence."""

from __future__ import annotations

import numpy as np
import pytest
from planted import blobs, probabilities, softmax, training
from sklearn.metrics import average_precision_score, roc_auc_score

import workbench as wb
from workbench.evidence.evidence import Evidence
from workbench.issues import own_influence, weighing
from workbench.issues.likelihood import least_doubts, surfaces
from workbench.issues.own_influence import support_of_similar_rows
from workbench.issues.posterior import opinion
from workbench.issues.smoothed import of_similar_rows
from workbench.issues.telling_columns import telling_columns, telling_space
from workbench.issues.temperature import power_and_noise

K = 4


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(5)
    vectors, given, true = blobs(rng, n=500, noise=0.12)
    return {"embeddings": vectors, "pred_probs": probabilities(rng, true, K)}, given, true


def found(world, **arrays):
    """(AP, AUROC, attrs)"""
    _, given, true = world
    issues = wb.find_issues(Evidence.from_arrays(given, K, **arrays))
    doubt = np.empty(len(issues))
    doubt[issues["row"]] = -np.arange(len(issues))
    wrong = given != true
    return average_precision_score(wrong, doubt), roc_auc_score(wrong, doubt), issues.attrs


@pytest.fixture(scope="module")
def alone(world):
    """`found` by each kind of good evidence alone."""
    return {kind: found(world, **{kind: values}) for kind, values in world[0].items()}


def bad_embeddings(name, world):
    kinds, given, _ = world
    rng, n = np.random.default_rng(0), len(given)
    return {
        "noise": lambda: rng.normal(size=(n, 16)),
        "shuffled": lambda: kinds["embeddings"][rng.permutation(n)],
        "constant": lambda: np.ones((n, 3)),
        "labels": lambda: np.eye(K)[given] + 0.05 * rng.normal(size=(n, K)),
        "wrong layer": lambda: kinds["embeddings"] @ rng.normal(size=(10, 2)),
    }[name]()


def bad_probabilities(name, world):
    from sklearn.ensemble import RandomForestClassifier

    kinds, given, _ = world
    rng, n, vectors = np.random.default_rng(0), len(given), kinds["embeddings"]
    return {
        "shuffled": lambda: kinds["pred_probs"][rng.permutation(n)],
        "constant": lambda: np.full((n, K), 1 / K),
        "Dirichlet": lambda: rng.dirichlet(np.ones(K), n),
        "labels": lambda: 0.9 * np.eye(K)[given] + 0.1 / K,
        "forest": lambda: RandomForestClassifier(30, random_state=0).fit(vectors, given).predict_proba(vectors),
    }[name]()


@pytest.mark.parametrize("name", ["noise", "shuffled", "constant", "labels", "wrong layer"])
def test_bad_embeddings_cost_nothing_beside_good_probabilities(world, alone, name):
    ap, auroc, _ = alone["pred_probs"]
    vectors = bad_embeddings(name, world).astype(np.float32)
    worse, lower, attrs = found(world, pred_probs=world[0]["pred_probs"], embeddings=vectors)
    assert worse > ap - 0.01
    assert lower > auroc - 0.005
    if name != "wrong layer":
        reason = weighing.REPEATING if name == "labels" else weighing.SAYS_NOTHING
        assert attrs["set_aside"] == {"embeddings": reason}
        assert attrs["shares"] == {"pred_probs": 1.0}
        assert f"set aside: embeddings ({reason})" in attrs["evidence"]
        assert f"embeddings set aside: {reason}" in attrs["method"]


@pytest.mark.parametrize("name", ["shuffled", "constant", "Dirichlet", "labels", "forest"])
def test_bad_probabilities_cost_nothing_beside_good_embeddings(world, alone, name):
    ap, auroc, _ = alone["embeddings"]
    probs = bad_probabilities(name, world)
    worse, lower, attrs = found(world, embeddings=world[0]["embeddings"], pred_probs=probs)
    assert worse > ap - 0.01
    assert lower > auroc - 0.005
    assert "pred_probs" in attrs["set_aside"]
    assert "given pred_probs" not in attrs["evidence"].split("; set aside")[0]


def test_a_duplicate_costs_nothing(world, alone):
    vectors, probs = world[0]["embeddings"], world[0]["pred_probs"]
    ap, auroc, _ = alone["embeddings"]
    again, lower, _ = found(world, embeddings=np.concatenate([vectors, vectors], axis=1))
    assert again > ap - 0.01
    assert lower > auroc - 0.005
    both, _, attrs = found(world, embeddings=vectors, pred_probs=probs)
    assert both > max(ap, alone["pred_probs"][0]) - 0.01
    assert sum(attrs["shares"].values()) == pytest.approx(1)
    assert set(attrs["shares"]) == {"embeddings", "pred_probs"}
    assert f"embeddings {attrs['shares']['embeddings']:.0%} (" in attrs["evidence"]


@pytest.mark.parametrize("kind", ["embeddings", "pred_probs"])
@pytest.mark.parametrize("name", ["noise", "shuffled", "memorised"])
def test_bad_dynamics_cost_nothing(world, alone, kind, name):
    _, given, true = world
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(4, len(given), K))
    good = training(rng, given, true, K)
    logits = {
        "noise": noise,
        "shuffled": good[:, rng.permutation(len(given))],
        "memorised": 8 * np.eye(K)[given] + noise,
    }[name]
    ap, auroc, _ = alone[kind]
    worse, lower, attrs = found(world, **{kind: world[0][kind]}, logits=logits)
    assert worse > ap - 0.01
    assert lower > auroc - 0.005
    assert "training dynamics" in attrs["set_aside"]


def test_good_dynamics_beside_worthless_embeddings_are_heard(world):
    _, given, true = world
    logits = training(np.random.default_rng(1), given, true, K)
    ap, auroc, _ = found(world, logits=logits)
    worse, lower, attrs = found(world, logits=logits, embeddings=bad_embeddings("noise", world).astype(np.float32))
    assert (worse, lower) == (pytest.approx(ap), pytest.approx(auroc))
    assert attrs["set_aside"] == {"embeddings": weighing.SAYS_NOTHING}


def test_worthless_evidence_alone_is_used_and_not_trusted(world):
    _, _, attrs = found(world, embeddings=bad_embeddings("noise", world).astype(np.float32))
    assert not attrs["errors_identified"]


def test_dynamics_have_no_weight_beside_texts():
    rng = np.random.default_rng(0)
    words = [["goal", "match", "team"], ["vote", "party", "law"]]
    true = rng.integers(0, 2, 200)
    texts = [" ".join(rng.choice(words[t], 3)) for t in true]
    given = np.where(rng.random(200) < 0.1, 1 - true, true)
    logits = training(rng, given, true, 2)
    plain = wb.find_issues(given, texts=texts)
    both = wb.find_issues(given, texts=texts, logits=logits)
    assert both.index.tolist() == plain.index.tolist()
    assert "training dynamics" in both.attrs["set_aside"]


def test_the_user_is_asked_whether_embeddings_saw_the_labels(world, alone):
    vectors, probs = world[0]["embeddings"], world[0]["pred_probs"]
    asked = alone["embeddings"][2]
    assert "embeddings_saw_labels=" in asked["method"]
    for saw in (True, False):
        told = found(world, embeddings=vectors, pred_probs=probs, embeddings_saw_labels=saw)[2]
        assert "embeddings_saw_labels=" not in told["method"]
        assert (told["shares"]["embeddings"] <= weighing.SEEN_SHARE + 1e-9) == saw
        assert ("by pred_probs alone" in told["method"]) == saw


# ---- parts


def test_surface_finds_what_the_other_fit_finds():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3000, K)) * 3
    probs = softmax(logits)
    true = (rng.random((3000, 1)) > probs.cumsum(1)).sum(1).clip(max=K - 1)
    given = np.where(rng.random(3000) < 0.15, (true + rng.integers(1, K, 3000)) % K, true)
    logs = np.log(probs) / 1.7
    uniform = (1 - np.eye(K)) / (K - 1)
    power, noise = power_and_noise(logs, given, uniform)
    plain, same = surfaces(logs, given, [None, uniform])
    for one in (plain, same):
        assert one.power == pytest.approx(power, rel=0.04)
        assert one.noise == pytest.approx(noise, abs=0.004)
        low, high = one.interval()
        assert low < 0.15 < high
        assert one.gain > 100
        assert one.doubts().mean() == pytest.approx(one.noise, abs=0.002)
    clean = surfaces(logs, true, [None])[0]
    assert clean.interval()[0] == 0
    assert clean.gain < 5


def test_stacking_prefers_the_view_that_predicts():
    rng = np.random.default_rng(0)
    true = rng.integers(0, K, 1000)
    good, poor = (np.log(probabilities(rng, true, K, sharp=sharp)) for sharp in (4.0, 0.5))
    weights = weighing.stacked([good, poor], true)
    assert weights[0] > 3 * weights[1] > 0
    twice = weighing.stacked([good, good], true)
    assert twice.sum() == pytest.approx(weighing.stacked([good], true)[0], rel=0.05)


def test_views_that_are_stacked_to_nothing_are_weighted_by_their_gains(monkeypatch):
    rng = np.random.default_rng(1)
    true = rng.integers(0, 3, 300)
    weak, good = (np.log(softmax(sure * np.eye(3)[true] + rng.normal(size=(300, 3)))) for sure in (1, 3))
    views = [weighing.EvidenceView("weak", 1.0, weak), weighing.EvidenceView("good", 1.0, good)]
    monkeypatch.setattr(weighing, "stacked", lambda honest, labels: np.zeros(2))
    found = weighing.weigh(views, true, 3)
    assert sum(found.shares.values()) == pytest.approx(1)
    ratio = found.gains["weak"] / found.gains["good"]
    assert found.shares["weak"] / found.shares["good"] == pytest.approx(ratio ** (4 / 3))


def test_columns_of_noise_inside_good_embeddings_are_left_out():
    rng = np.random.default_rng(1)
    vectors, given, true = blobs(rng, n=500, noise=0.12)
    noisy = np.concatenate([vectors / vectors.std(), rng.normal(size=(500, 64))], axis=1)
    wrong = given != true

    def precision(embeddings):
        issues = wb.find_issues(Evidence.from_arrays(given, K, embeddings=embeddings))
        return average_precision_score(wrong, issues.sort_values("row")["p_error"]), issues

    alone, plain = precision(vectors)
    both, told = precision(noisy)
    assert both > alone - 0.01
    assert "columns without information on the labels dropped" in told.attrs["method"]
    assert "left out" not in plain.attrs["method"]


def test_classes_that_differ_by_their_spread_keep_their_columns():
    rng = np.random.default_rng(2)
    given = rng.integers(0, 2, 600)
    spread = rng.normal(size=(600, 8)) * np.where(given[:, None] == 1, 3, 1)  # means say nothing
    hint = given[:, None] * 0.4 + rng.normal(size=(600, 2))
    vectors = np.concatenate([spread, hint], axis=1).astype(np.float32)
    telling = telling_columns(vectors, given, 2)
    assert telling[8:].all()
    assert not telling[:8].all()
    assert "left out" not in telling_space(vectors, given, 2).how


@pytest.mark.parametrize("columns", [1, 16, 64])
def test_noise_has_no_telling_columns(columns):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        given = rng.integers(0, 4, 300)
        assert "left out" not in telling_space(rng.normal(size=(300, columns)), given, 4).how


@pytest.mark.parametrize(("how", "penalties"), [("pair", (100, 1)), ("symmetric", (1,))])
def test_in_sample_linear_models_are_held_to_their_usual_share(how, penalties):
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    vectors, true = load_digits(return_X_y=True)
    vectors, true = vectors[:600] / 16, true[:600]
    rng = np.random.default_rng(1)
    step = 1 if how == "pair" else rng.integers(1, 10, 600)
    given = np.where(rng.random(600) < 0.2, (true + step) % 10, true)

    def precision(**arrays):
        issues = wb.find_issues(Evidence.from_arrays(given, 10, embeddings=vectors, **arrays))
        doubt = np.empty(600)
        doubt[issues["row"]] = -np.arange(600)
        return average_precision_score(given != true, doubt), issues.attrs

    alone, _ = precision()
    for penalty in penalties:
        model = LogisticRegression(C=penalty, solver="newton-cholesky").fit(4 * vectors, given)
        both, told = precision(pred_probs=model.predict_proba(4 * vectors))
        assert both > alone - 0.02
        assert told["set_aside"] or weighing.SMOOTHED in told["method"]


def test_better_probabilities_that_are_honest_are_not_held(world):
    kinds, _, true = world
    rng = np.random.default_rng(3)
    better = softmax(8 * np.eye(K)[true] + rng.normal(size=(len(true), K)))
    blurred = kinds["embeddings"] + 2 * rng.normal(size=kinds["embeddings"].shape)
    _, _, told = found(world, pred_probs=better, embeddings=blurred)
    assert told["shares"]["pred_probs"] > 0.3
    assert weighing.HELD not in told["method"]


def test_a_view_that_explains_little_is_no_judge_of_a_better_one(world, monkeypatch):
    """It is confident of its own mistakes, which good probabilities do not share."""
    kinds, given, true = world
    rng = np.random.default_rng(1)
    guess = np.where(rng.random(len(true)) < 0.6, rng.integers(0, K, len(true)), true)
    crude = np.full((len(true), K), 0.1 / (K - 1))
    crude[np.arange(len(true)), guess] = 0.9
    views = [
        weighing.EvidenceView("pred_probs", 1.0, np.log(kinds["pred_probs"] + 1e-9)),
        weighing.EvidenceView("embeddings", 1.0, np.log(crude), made_here=True),
    ]
    found = weighing.weigh(views, given, K)
    assert 0 < found.gains["embeddings"] < weighing.WEAK_GAIN * found.gains["pred_probs"]
    assert not found.aside
    assert found.shares["pred_probs"] > 0.5
    monkeypatch.setattr(weighing, "WEAK_GAIN", 0.0)
    assert "pred_probs" in weighing.weigh(views, given, K).aside, "else this world would show nothing"


# ---- probabilities on few rows


@pytest.fixture(scope="module")
def few_rows():
    """300 rows with 40 columns, some labels flipped, and the truth."""
    rng = np.random.default_rng(4)
    vectors, given, true = blobs(rng, n=300, k=5, d=40, noise=0.15, spread=0.9)
    return vectors, given, true


def seen_by(vectors, given, penalty):
    from sklearn.linear_model import LogisticRegression

    scaled = (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)
    return LogisticRegression(C=penalty, max_iter=1000).fit(scaled, given).predict_proba(scaled)


def not_seen_by(vectors, given, penalty):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    scaled = (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)
    return cross_val_predict(LogisticRegression(C=penalty, max_iter=1000), scaled, given, method="predict_proba")


@pytest.mark.parametrize("penalty", [0.01, 1])
def test_similar_rows_support_only_what_has_not_seen_the_label(few_rows, penalty):
    vectors, given, _ = few_rows
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for probs, honest in ((seen_by(vectors, given, penalty), False), (not_seen_by(vectors, given, penalty), True)):
        z = support_of_similar_rows(unit, np.log(probs + 1e-9), given)
        assert (z > weighing.SUPPORTED) == honest


def test_the_z_value_is_that_of_a_conditional_logit_model():
    """Compared with numerical derivatives of the likelihood."""
    from scipy.optimize import minimize

    rng = np.random.default_rng(0)
    given = rng.integers(0, 3, 200)
    views = np.stack([np.eye(3)[given] + rng.normal(size=(200, 3)), 0.5 * np.eye(3)[given] + rng.normal(size=(200, 3))])
    scaled = views / views.std(axis=(1, 2), keepdims=True)

    def cost(w):
        pooled = np.tensordot(w, scaled, 1)
        likely = pooled[np.arange(200), given] - np.log(np.exp(pooled).sum(axis=1))
        return own_influence.SHRINKAGE / 2 * w @ w - likely.sum()

    best = minimize(cost, [0.5, 0.5], tol=1e-10).x
    h = 1e-3
    steps = np.eye(2) * h
    curve = np.array([[cost(best + a + b) - cost(best + a - b) - cost(best - a + b) + cost(best - a - b) for a in steps]
                      for b in steps]) / (4 * h * h)  # fmt: skip
    z = best[1] / np.sqrt(np.linalg.inv(curve)[1, 1])
    assert own_influence._last_z(views, given) == pytest.approx(z, rel=1e-3)


def test_left_out_predictions_are_those_of_fits_without_the_row():
    rng = np.random.default_rng(0)
    vectors, targets = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    found = own_influence._left_out(vectors, targets)
    centre = targets.mean(axis=0)
    design = np.concatenate([np.ones((30, 1)), vectors], axis=1)
    for row in (0, 17):
        rest = np.arange(30) != row
        inner = design[rest].T @ design[rest] + own_influence.RIDGE_PENALTY * 30 * np.eye(5)
        fit = np.linalg.solve(inner, design[rest].T @ (targets[rest] - centre))
        assert found[row] == pytest.approx(centre + design[row] @ fit)


def neighbors_of(vectors, given, near, honest):
    """Shares of the labels of the nearest rows, with or without the row itself."""
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(near + honest).fit(vectors, given)
    rows = model.kneighbors(vectors, return_distance=False)[:, int(honest) :]
    return np.eye(given.max() + 1)[given[rows]].mean(axis=1)


@pytest.mark.parametrize("near", [1, 3, 5, 10])
@pytest.mark.parametrize("how", ["few", "pair"])
def test_nearest_neighbors_that_include_the_row_are_set_aside(few_rows, near, how):
    vectors, given, true = few_rows
    if how == "pair":
        given = np.where(np.random.default_rng(0).random(300) < 0.2, (true + 1) % 5, true)
    for honest in (False, True):
        probs = neighbors_of(vectors, given, near, honest)
        weights = opinion(Evidence.from_arrays(given, 5, embeddings=vectors, pred_probs=probs)).weights
        assert ("pred_probs" in weights.aside) == (not honest)


def test_two_neighbors_with_the_row_are_set_aside_where_few_labels_are_in_doubt():
    """Nearly all neighbours agree, so votes alone do not show that the row is one of them; no label is contradicted."""
    rng = np.random.default_rng(0)
    vectors, given, _ = blobs(rng, n=300, k=2, d=10, noise=0.02, spread=0.9)
    for honest in (False, True):
        probs = neighbors_of(vectors, given, 2, honest)
        weights = opinion(Evidence.from_arrays(given, 2, embeddings=vectors, pred_probs=probs)).weights
        assert weights.aside == ({} if honest else {"pred_probs": weighing.TIES})
    assert own_influence.expected_without_own(neighbors_of(vectors, given, 2, False), given) < weighing.LOW_EXPECTED


def test_single_votes_show_many_neighbors_that_include_the_row():
    """A class with one of q votes is the row's own with probability 1 / q; labels decided by the votes are never so."""
    rng = np.random.default_rng(2)
    vectors, given, _ = blobs(rng, n=1200, k=5, d=10, noise=0.15, spread=1.0)
    every = np.arange(1200)
    for near in (10, 20):
        with_own, honest = (neighbors_of(vectors, given, near, without) for without in (False, True))
        assert own_influence.number_of_voters(with_own) == near
        assert own_influence.expected_without_own(with_own, given) > weighing.LOW_EXPECTED
        assert (honest[every, given] == 0).any()
        assert own_influence.expected_without_own(honest, given) == 0
    annotators = np.eye(5)[np.where(rng.random((1200, 3)) < 0.2, rng.integers(0, 5, (1200, 3)), given[:, None])]
    shares = annotators.mean(axis=1)
    assert (shares == 1 / 3).any()
    assert own_influence.expected_without_own(shares, shares.argmax(axis=1)) < weighing.LOW_EXPECTED
    late = np.repeat([[1.0, 0], [0.2, 0.8]], [150, 50], axis=0)  # the first hundred rows do not show how many votes
    assert own_influence.number_of_voters(late) == 5


def test_probabilities_that_contradict_themselves_are_replaced_by_those_of_similar_rows(few_rows):
    vectors, given, true = few_rows
    seen = seen_by(vectors, given, 1e-4).astype(np.float32)
    z = support_of_similar_rows(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.log(seen), given)
    found = opinion(Evidence.from_arrays(given, 5, embeddings=vectors, pred_probs=seen))
    alone = opinion(Evidence.from_arrays(given, 5, embeddings=vectors))
    assert z < weighing.CLEARLY_OPPOSED
    assert weighing.SMOOTHED in found.weights.held["pred_probs"]
    assert any(weighing.SMOOTHED in note for note in found.notes)
    precision, lone = (average_precision_score(given != true, one.log_odds()) for one in (found, alone))
    assert precision > lone - 0.01
    changed = seen.copy()
    changed[0] = changed[0][::-1]  # what it says of a row counts for similar ones only
    means = of_similar_rows(found.vectors, changed, np.ones(300, bool)) - of_similar_rows(
        found.vectors, seen, np.ones(300, bool)
    )
    assert not means[0].any() and means.any()


def test_similar_rows_are_the_nearest_others_with_an_embedding():
    angles = np.array([0, 0.1, 0.25, 1.0, 1.2, 9.9])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    probs = np.stack([np.arange(6) / 10, 1 - np.arange(6) / 10], axis=1)
    there = np.arange(6) < 5
    found = of_similar_rows(vectors, probs, there)
    np.testing.assert_allclose(found[:5, 0], [(1 + 2 + 3 + 4 - 0) / 40, 9 / 40, 8 / 40, 7 / 40, 6 / 40], atol=1e-6)
    np.testing.assert_allclose(found[5], probs.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(of_similar_rows(vectors[:1], probs[:1], there[:1]), probs[:1])


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("share", [0.35, 0.65])
def test_embeddings_that_repeat_most_rejected_labels_are_set_aside(world, share, zeros):
    """Unless the labels are rejected with probabilities of zero only, as by leaves of a few rows."""
    kinds, given, true = world
    rng, wrong = np.random.default_rng(0), given != true
    repeated = np.where(wrong & (rng.random(len(true)) < share), given, true)
    seen = softmax(4 * np.eye(K)[repeated] + rng.normal(size=(len(true), K)))
    probs = np.where(zeros & (kinds["pred_probs"] < 0.1), 0, kinds["pred_probs"])
    views = [
        weighing.EvidenceView("pred_probs", 1.0, np.log(np.maximum(probs, 1e-6))),
        weighing.EvidenceView("embeddings", 5.0, np.log(seen), made_here=True),
    ]
    expected = {"embeddings": weighing.REPEATING} if share > 0.5 and not zeros else {}
    assert weighing.weigh(views, given, K).aside == expected


def test_trees_do_not_silence_better_embeddings(world, alone):
    """Out of fold, leaves of two rows are sure of many mistakes, which the embeddings do not share."""
    from sklearn.model_selection import cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    kinds, given, _ = world
    vectors = kinds["embeddings"]
    probs = cross_val_predict(
        DecisionTreeClassifier(min_samples_leaf=2, random_state=0), vectors, given, method="predict_proba"
    )
    ap, auroc, _ = alone["embeddings"]
    both, lower, attrs = found(world, embeddings=vectors, pred_probs=probs)
    assert both > ap - 0.02 and lower > auroc - 0.005
    assert not attrs["set_aside"]


def test_trees_that_have_seen_the_labels_are_set_aside(few_rows):
    from sklearn.model_selection import cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    vectors, given, _ = few_rows
    tree = DecisionTreeClassifier(min_samples_leaf=6, random_state=0)
    seen = tree.fit(vectors, given).predict_proba(vectors)
    honest = cross_val_predict(tree, vectors, given, method="predict_proba")
    for probs, reasons in ((seen, {"pred_probs": weighing.FREQUENCIES}), (honest, {})):
        weights = opinion(Evidence.from_arrays(given, 5, embeddings=vectors, pred_probs=probs)).weights
        assert weights.aside == reasons
    assert any(weighing.FREQUENCIES in note for note in opinion(Evidence.from_arrays(given, 5, pred_probs=seen)).notes)


def test_frequencies_count_where_groups_are_small():
    """Three groups of two with one label of each class: (1/2)^3. The frequencies of a few large groups say little."""
    probs = np.repeat([[0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]], 2, axis=0)
    labels = np.array([0, 1, 0, 2, 2, 1])
    assert own_influence.chance_of_frequencies(probs, labels) == pytest.approx(3 * np.log(0.5))
    assert own_influence.chance_of_frequencies(np.repeat(probs, 20, axis=0), np.repeat(labels, 20)) == 0
    labels[0] = 1
    assert own_influence.chance_of_frequencies(probs, labels) == 0


def test_hard_predictions_do_not_silence_better_embeddings(world, alone):
    """They are sure of their own mistakes, and nothing tells these from wrong labels."""
    kinds, given, _ = world
    hard = neighbors_of(kinds["embeddings"][:, :6], given, 1, honest=True)
    ap, auroc, _ = alone["embeddings"]
    both, lower, attrs = found(world, embeddings=kinds["embeddings"], pred_probs=hard)
    assert both > ap - 0.01
    assert lower > auroc - 0.005
    assert not attrs["set_aside"]
    judge = np.log(np.maximum(hard, 1e-6))
    assert (surfaces(judge, given, [None])[0].doubts() > weighing.SURE_AT).sum() > 50
    assert (least_doubts(judge, given) > weighing.SURE_AT).sum() < weighing.SURE_ROWS


def test_the_labels_themselves_are_set_aside_where_nearly_all_are_right():
    """Too few labels are rejected by the embeddings to tell from these that the probabilities repeat them."""
    rng = np.random.default_rng(8)
    vectors, given, true = blobs(rng, n=300, noise=0.01)
    labels = np.eye(K, dtype=np.float32)[given]
    alone = opinion(Evidence.from_arrays(given, K, embeddings=vectors))
    for probs in (labels, 0.7 * labels + 0.3 / K):
        both = opinion(Evidence.from_arrays(given, K, embeddings=vectors, pred_probs=probs))
        assert both.weights.aside["pred_probs"] == weighing.SAME_FOR_ALL
        np.testing.assert_array_equal(both.log_odds(), alone.log_odds())
    doubtful = labels.copy()
    doubtful[true != given] = 1 / K
    told = opinion(Evidence.from_arrays(given, K, embeddings=vectors, pred_probs=doubtful)).weights
    assert told.aside.get("pred_probs") != weighing.SAME_FOR_ALL


def test_neighbors_that_include_the_row_are_found_without_any_noise():
    """Overlapping classes and no wrong label: no other evidence finds noise that they should show."""
    rng = np.random.default_rng(3)
    vectors, _, true = blobs(rng, n=300, k=5, d=10, noise=0.0, spread=0.4)
    for honest in (False, True):
        probs = neighbors_of(vectors, true, 3, honest)
        weights = opinion(Evidence.from_arrays(true, 5, embeddings=vectors, pred_probs=probs)).weights
        assert ("pred_probs" in weights.aside) == (not honest)
        alone = opinion(Evidence.from_arrays(true, 5, pred_probs=probs))
        assert any(weighing.OWN_VOTE in note for note in alone.notes) == (not honest)


@pytest.mark.parametrize("near", [2, 3, 5, 10])
def test_rows_without_a_vote_for_their_label_are_expected_from_those_with_few(near):
    """Votes drawn by class probabilities, then with the row's own label as one of them."""
    rng = np.random.default_rng(near)
    probs = rng.dirichlet(np.ones(4) * 0.7, 2000)
    given, *votes = ((rng.random((2000, 1)) > probs.cumsum(axis=1)).sum(axis=1) for _ in range(near + 1))
    others = np.eye(4)[np.array(votes)].sum(axis=0)
    with_own = (others - np.eye(4)[votes[0]] + np.eye(4)[given]) / near
    assert (others[np.arange(2000), given] == 0).any()
    assert own_influence.expected_without_own(others / near, given) == 0
    assert own_influence.expected_without_own(with_own, given) > weighing.LOW_EXPECTED
    with_own[0], given[0] = [1, 0, 0, 0], 1  # a row of which there are too many copies
    assert own_influence.expected_without_own(with_own, given) > weighing.LOW_EXPECTED
    found = np.bincount(others[np.arange(2000), given].astype(int))
    bound = (found[1] / near) ** 2 * near * (near - 1) / 2 / found[2]
    assert bound < 1.3 * found[0]
    assert own_influence.expected_without_own(probs, given) == 0
    hard = 0.1 + 0.6 * np.eye(4)[probs.argmax(axis=1)]
    assert own_influence.expected_without_own(hard, given) == 0


def test_labels_that_should_have_a_low_probability_are_counted():
    """Half of the rows of class 0 have p = 0 for class 1, and the judge rejects 40 labels 1 with p = 1."""
    given = np.repeat([0, 1], [400, 40])
    judge = weighing.EvidenceView("embeddings", 1.0, np.log(np.tile([1 - 1e-9, 1e-9], (440, 1))), made_here=True)
    probs = np.tile([0.8, 0.2], (440, 1))
    probs[:200] = [1, 1e-9]
    expected = weighing._low_ones(weighing.EvidenceView("pred_probs", 1.0, np.log(probs)), judge, given, 2)
    assert expected == pytest.approx(20, abs=0.5)
    probs[-1] = [1, 1e-9]  # one label that is given has as low a probability
    assert weighing._low_ones(weighing.EvidenceView("pred_probs", 1.0, np.log(probs)), judge, given, 2) == 0


@pytest.mark.parametrize("penalty", [0.01, 1, 100])
def test_in_sample_probabilities_on_few_rows_cost_little(few_rows, penalty):
    vectors, given, true = few_rows

    def precision(**arrays):
        pooled = opinion(Evidence.from_arrays(given, 5, embeddings=vectors, **arrays))
        return average_precision_score(given != true, pooled.log_odds()), pooled.weights

    alone, _ = precision()
    seen = seen_by(vectors, given, penalty)
    both, weights = precision(pred_probs=seen)
    assert both > alone - 0.02
    assert weights.held or weights.aside


def test_better_probabilities_on_few_rows_are_believed():
    """A model that has learned from more rows, without these, explains more labels."""
    rng = np.random.default_rng(1)
    vectors, given, _ = blobs(rng, n=3000, k=5, d=40, noise=0.15, spread=0.6)
    better, vectors, given = not_seen_by(vectors, given, 0.1)[:300], vectors[:300], given[:300]
    pooled = opinion(Evidence.from_arrays(given, 5, embeddings=vectors, pred_probs=better))
    assert not pooled.weights.held
    assert not pooled.weights.aside


@pytest.mark.parametrize("columns", [1, 3])
def test_poor_embeddings_do_not_limit_good_probabilities(world, columns):
    """Linear models of so few columns cannot memorise labels, so what explains many more is no such model."""
    kinds, given, _ = world
    poor = kinds["embeddings"][:, :columns]
    pooled = opinion(Evidence.from_arrays(given, K, embeddings=poor, pred_probs=kinds["pred_probs"]))
    assert not pooled.weights.held
    assert pooled.weights.shares["pred_probs"] > 0.3
