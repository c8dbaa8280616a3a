"""Wrong texts: match scores of several sources, embeddings, known objects, alternatives, form."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import workbench as wb
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues.calibration import calibration_error
from workbench.issues.texts.matches import pool_matches, two_groups
from workbench.texts.wording import read_objects

NAMES = ("dog", "cat", "red car", "boat", "tree", "bench", "horse", "kite")


def scene(n: int = 600, share: float = 0.15, seed: int = 0):
    """Items with two or three objects, texts that mention most of them, and swapped texts: (frame, objects, wrong)."""
    rng = np.random.default_rng(seed)
    objects = [list(rng.choice(NAMES, rng.integers(2, 4), replace=False)) for _ in range(n)]
    ways = ("a photo of {}", "{} outside", "here is {}")
    texts = [
        ways[rng.integers(3)].format(" and ".join(f"a {name}" for name in one if rng.random() < 0.9) or "nothing")
        for one in objects
    ]
    chosen = rng.permutation(n)[: round(share * n)]
    order = np.arange(n)
    order[chosen] = np.roll(chosen, 1)
    wrong = np.array([set(objects[row]) != set(objects[order[row]]) for row in range(n)])
    frame = pd.DataFrame({"id": [f"i{row}" for row in range(n)], "text": [texts[place] for place in order]})
    return frame, objects, wrong


@pytest.fixture(scope="module")
def scenes():
    return scene()


@pytest.fixture(scope="module")
def by_objects(scenes):
    """The result for the scenes by their objects."""
    frame, objects, _ = scenes
    return found_in(frame, objects=objects)


def found_in(frame, **evidence) -> pd.DataFrame:
    return wb.find_issues(frame, task="texts", per="unit", **evidence).sort_values("row")


def test_texts_that_belong_to_other_items_are_found_by_objects(scenes, by_objects):
    wrong, found = scenes[2], by_objects
    p = found["p_error"].to_numpy()
    assert roc_auc_score(wrong, p) > 0.97
    assert calibration_error(p, wrong) < 0.05
    assert found.attrs["errors_identified"]
    low, high = found.attrs["expected_errors_interval"]
    assert low <= wrong.sum() <= high
    assert "mentions" in found["reasons"].iloc[np.argmax(p)]


def test_what_contradicts_detections_and_what_is_left_out_are_named():
    frame, objects, _ = scene(300, share=0.0)
    rng = np.random.default_rng(3)
    detections = [{name: float(rng.uniform(0.6, 1)) for name in one} for one in objects]
    added = {}
    for place, row in enumerate(range(0, 300, 25)):
        added[row] = next(name for name in np.roll(NAMES, place) if name not in objects[row])
        frame.loc[row, "text"] = f"a photo of {' and '.join(f'a {one}' for one in [*objects[row], added[row]])}"
    silent = [row for row in range(7, 300, 10) if len(objects[row]) == 3 and row not in added]
    for row in silent:
        frame.loc[row, "text"] = f"number {row} is a {objects[row][0]}"
    found = found_in(frame, objects=detections)
    for row, name in added.items():
        assert found["kind"].iloc[row] == "contradiction"
        assert f"mentions '{name}', which the item lacks" in found["reasons"].iloc[row]
    assert all("does not mention" in found["reasons"].iloc[row] for row in silent)
    assert {found["kind"].iloc[row] for row in silent} == {"omission"}
    wrong = np.isin(np.arange(300), [*added, *silent])
    assert roc_auc_score(wrong, found["p_error"]) > 0.9


def test_every_form_of_objects():
    objects = [["dog", "cat"], [], None]
    plain = read_objects(objects, 3)
    assert plain.names == ("cat", "dog") and plain.known.tolist() == [True, True, False]
    for form in (
        [[("dog", 1.0), ("cat", 1)], [], None],
        [{"dog": 1.0, "cat": 1.0}, {}, np.nan],
        [np.array(["cat", "dog"]), (), None],
    ):
        again = read_objects(form, 3)
        np.testing.assert_array_equal(again.confidence.toarray(), plain.confidence.toarray())
        assert again.names == plain.names and again.known.tolist() == plain.known.tolist()
    assert read_objects([[("dog", 0.25), ("dog", 0.5)]], 1).confidence.toarray().tolist() == [[0.5]]


def test_embeddings_of_items_suffice(scenes):
    frame, objects, wrong = scenes
    rng = np.random.default_rng(1)
    codes = np.array([[name in one for name in NAMES] for one in objects], float)
    items = codes @ rng.normal(size=(len(NAMES), 20)) + rng.normal(0, 0.3, (len(frame), 20))
    found = found_in(frame, embeddings=items)
    assert roc_auc_score(wrong, found["p_error"]) > 0.9
    assert calibration_error(found["p_error"].to_numpy(), wrong) < 0.08


def test_a_better_alternative_is_proposed(scenes):
    frame, objects, wrong = scenes
    right = [f"a photo of {' and '.join(f'a {name}' for name in one)}" for one in objects]
    alternatives = [["a photo of a kite", text, "nothing"] for text in right]
    found = found_in(frame, objects=objects, alternatives=alternatives)
    doubted = (found["p_error"] > 0.9).to_numpy() & wrong
    proposed = found["suggested_label"].to_numpy()[doubted]
    assert (proposed == np.array(right, object)[doubted]).mean() > 0.9
    assert (found["p_suggested"] <= np.maximum(found["p_error"], 1 - found["p_error"]) + 1e-9).all()


def two_peaks(n=1000, apart=5.0, share=0.1, seed=0):
    rng = np.random.default_rng(seed)
    wrong = rng.random(n) < share
    return [f"text {row}" for row in range(n)], np.where(wrong, 0, apart) + rng.normal(size=n), wrong


def test_match_scores_are_counted_only_where_they_form_two_groups():
    texts, match, wrong = two_peaks()
    found = found_in(pd.DataFrame({"text": texts}), match=match)
    assert found.attrs["errors_identified"]
    assert found.attrs["expected_errors"] == pytest.approx(wrong.sum(), rel=0.15)
    assert calibration_error(found["p_error"].to_numpy(), wrong) < 0.03
    texts, match, wrong = two_peaks(apart=1.0)
    told = found_in(pd.DataFrame({"text": texts}), match=match)
    assert not told.attrs["errors_identified"]
    assert "do not form two groups" in told.attrs["errors_in_words"]
    with pytest.warns(UserWarning, match="two groups"):
        assert not wb.find_issues(texts, task="texts", match=match, fdr=0.1)["is_issue"].any()
    rows = np.random.default_rng(5).permutation(len(wrong))[:200]
    audited = found_in(pd.DataFrame({"text": texts}), match=match, verdicts=pd.Series(wrong[rows], told.index[rows]))
    assert calibration_error(audited["p_error"].to_numpy(), wrong) < 0.05


@pytest.mark.parametrize("kind", ["normal", "skewed", "uniform"])
def test_one_group_is_never_taken_for_two(kind):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        draws = {"normal": rng.normal(size=800), "skewed": -rng.gamma(2, 1, 800), "uniform": rng.random(800)}
        groups = two_groups(draws[kind])
        assert groups is None or not groups.separate, (kind, seed)


def test_sources_are_weighed_by_agreement():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=2000)
    match = np.stack(
        [truth + rng.normal(0, noise, 2000) for noise in (0.5, 1.0, 2.0)] + [rng.normal(size=2000)], axis=1
    )
    pooled = pool_matches(match, ["good", "fair", "poor", "none"])
    assert (np.diff(pooled.weights) < 0).all() and pooled.weights[3] == 0
    assert pooled.aside == ("'none' does not agree with the others",)
    best = np.corrcoef(truth, match[:, 0])[0, 1]
    assert np.corrcoef(truth, pooled.score)[0, 1] > best
    scaled = pool_matches(match * [1, 100, 1e-3, 5] + [0, 7, -3, 2], ["good", "fair", "poor", "none"])
    np.testing.assert_allclose(scaled.score, pooled.score, atol=1e-6)
    gaps = np.where(rng.random(match.shape) < 0.3, np.nan, match)
    assert np.isfinite(pool_matches(gaps, list("abcd")).score).mean() > 0.95
    assert pool_matches(match[:, :2], list("ab")).weights.tolist() == [0.5, 0.5]


def test_form_is_told_and_an_empty_text_is_suspicious():
    texts, match, _ = two_peaks(n=300)
    texts = [f"{text} {' '.join(f'word{row}x{place}' for place in range(8))}" for row, text in enumerate(texts)]
    texts[3], texts[4] = "   ", "word " * 400
    for row in range(10, 40):
        texts[row] = f"stock photo number {row} of a nice thing"
    found = found_in(pd.DataFrame({"text": texts}), match=match)
    assert found["p_error"].iloc[3] > 0.8 and found["kind"].iloc[3] == "empty"
    assert "400 words, while most texts have" in found["reasons"].iloc[4]
    assert "about the same text on 30 examples" in found["reasons"].iloc[20]
    assert wb.texts.odd_texts(texts).overused.sum() == 30


def test_a_missing_text_gets_an_alternative():
    texts, match, _ = two_peaks(n=60)
    texts[5] = None
    found = found_in(pd.DataFrame({"text": texts}), match=match, alternatives=[["other"]] * 60)
    assert np.isnan(found["p_error"].iloc[5]) and found["suggested_label"].iloc[5] == "other"


def test_bad_evidence_gets_one_error():
    texts = [f"text {row}" for row in range(50)]
    for evidence, words in (
        ({"match": np.zeros(3)}, r"`match` has shape \(3, 1\) for 50 examples"),
        ({"match": np.full(50, np.inf)}, "`match`"),
        ({"match": ["high"] * 50}, "`match` has dtype"),
        ({"objects": [["dog"]] * 3}, "`objects` has length 3 for 50"),
        ({"objects": [["dog"]] * 49 + [[3]]}, "`objects` row 49 holds 3"),
        ({"objects": [[("dog", 2.0)]] * 50}, "`objects` row 0 holds"),
        ({"objects": "dog"}, "`objects`"),
        (
            {"match": np.ones(50), "alternatives": [["a"]] * 49 + ["b"]},
            "`alternatives` row 49 is 'b', which is not a list",
        ),
        ({"match": np.ones(50), "alternatives": [[1.5]] * 50}, "`alternatives` row 0 is 1.5, which is not text"),
        (
            {"match": np.ones(50), "alternatives": [["a"]] * 50, "alternative_match": [[1, 2]] * 50},
            "`alternative_match` row 0",
        ),
        ({"embeddings": np.ones((3, 2))}, "`embeddings`"),
    ):
        with pytest.raises(InputError, match=words):
            wb.find_issues(texts, task="texts", **evidence)
    for evidence in ({"embeddings": np.random.default_rng(0).normal(size=(50, 4))}, {"alternatives": [["a"]] * 50}):
        with pytest.raises(MissingEvidence, match="Pass `match`"):
            wb.find_issues(texts, task="texts", **evidence)


def test_useless_evidence_says_so():
    frame, _, _ = scene(300)
    noise = np.random.default_rng(0).normal(size=(300, 10))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = found_in(frame, embeddings=noise, match=noise[:, 0])
    assert not found.attrs["errors_identified"]
