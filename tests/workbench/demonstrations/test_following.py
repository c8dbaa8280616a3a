"""Flipped labels, following rates, order of demonstrations: counted by hand; a stand-in with a known answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

import workbench as wb
from workbench.demonstrations.following_labels import wilson_interval
from workbench.foundation.errors import InputError


def answers(correct, **columns):
    """A log with one query per answer, the first `correct` of ten right."""
    right = ["yes"] * correct + ["no"] * (10 - correct)
    rows = [{"demonstrations": [], "query": one, "label": "yes", "prediction": said} for one, said in enumerate(right)]
    return pd.DataFrame(rows).assign(**columns)


def sure(p, **columns):
    return {"label": "a", "probs": {"a": p, "b": 1 - p}, **columns}


def test_curves_by_hand():
    """A model that follows flipped labels, one that keeps its prior, one in between."""
    curves = {"follows": [9, 5, 0], "keeps": [10, 10, 10], "between": [9, 7, 5]}
    parts = [
        answers(right, model=name, flipped=share)
        for name, own in curves.items()
        for share, right in zip((0, 0.5, 1), own)
    ]
    found = wb.demonstrations.flip_curve(pd.concat(parts), chance=0.5)
    assert found.models["slope"].to_dict() == pytest.approx({"between": -0.4, "follows": -0.9, "keeps": 0})
    assert found.models["crossing"]["follows"] == pytest.approx(0.5) and np.isnan(found.models["crossing"]["keeps"])
    assert found.models["led_by"].to_dict() == {"between": "unclear", "follows": "labels", "keeps": "prior"}
    assert found.points.loc[("follows", 0.5), ["accuracy", "queries"]].tolist() == [0.5, 10]
    assert (found.models["start"]["between"], found.models["end"]["between"]) == (0.9, 0.5)


def test_the_interval_is_wilsons():
    for count, n in ((0, 4), (3, 10), (10, 10)):
        expected = binomtest(count, n).proportion_ci(method="wilson")
        low, high = wilson_interval(np.array([count / n]), np.array([n]))
        assert (low[0], high[0]) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_repeated_queries_do_not_narrow_the_interval():
    one, other = (wb.demonstrations.accuracy_by(log, "shots") for log in (answers(6), pd.concat([answers(6)] * 3)))
    assert other["rows"].tolist() == [30] and one[["low", "high"]].equals(other[["low", "high"]])


def test_probability_and_entropy_as_demonstrations_are_added():
    rows = [
        sure(p, demonstrations=list(range(shots)), query=query, variant=variant)
        for shots, p in ((1, 0.5), (2, 0.75))
        for query in range(3)
        for variant in ("true", "random")
    ]
    found = wb.demonstrations.accuracy_by(rows, ["variant", "shots"])
    assert found["probability"].tolist() == [0.5, 0.75, 0.5, 0.75] and found.index[0] == ("random", 1)
    assert found.loc[("true", 1), "entropy"] == pytest.approx(np.log(2))
    assert found.loc[("true", 2), "entropy"] == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))


def test_following_rates_by_hand():
    """Of four queries, three follow the shown labels; the last has the usual label, or none of both."""
    rows = []
    variants = {"true": {}, "flipped": {"yes": "no", "no": "yes"}, "symbols": {"yes": "foo", "no": "bar"}}
    for variant, mapping in variants.items():
        for query, label in enumerate(["yes", "no", "yes", "no"]):
            shown = mapping.get(label, label)
            said = shown if query < 3 else label if variant == "flipped" else "hm"
            own = {"demonstrations": [], "query": query, "label": label, "prediction": said}
            rows.append(own | {"shown_label": shown, "variant": variant})
    found = wb.demonstrations.following_rate(rows)
    assert found.index.tolist() == ["flipped", "symbols"] and found["followed"].tolist() == [0.75, 0.75]
    assert found["prior"].tolist() == [0.25, 0] and found["other"].tolist() == [0, 0.25]
    with pytest.raises(InputError, match="equals the label in every row"):
        wb.demonstrations.following_rate([rows[0]])


def test_rewritten_labels():
    labels = pd.Series(["a", "b", "c", "a"], index=list("wxyz"))
    shown, mapping = wb.demonstrations.rewrite_labels(labels, "symbols")
    assert mapping == {"a": "foo", "b": "bar", "c": "ram"} and shown.loc["z"] == "foo"
    half, _ = wb.demonstrations.rewrite_labels(labels, "flipped", share=0.5)
    assert (half != labels).sum() == 2
    drawn, empty = wb.demonstrations.rewrite_labels(labels, "random", seed=1)
    assert not empty and set(drawn) <= {"a", "b", "c"} and drawn.index.equals(labels.index)
    many = wb.demonstrations.rewrite_labels([f"c{one:02}" for one in range(14)], "symbols")[1]
    assert len(set(many.values())) == 14
    for wrong, words in (({"how": "mixed"}, "unknown way"), ({"how": "flipped", "share": 2}, "share=2")):
        with pytest.raises(InputError, match=words):
            wb.demonstrations.rewrite_labels(labels, **wrong)


@pytest.mark.parametrize("prior_weight", [0.0, 1.0])
def test_a_stand_in_follows_labels_or_its_prior(prior_weight):
    rng = np.random.default_rng(0)
    x, names = rng.normal(size=(40, 3)), np.array(["no", "yes"], object)
    codes = (x[:, 0] > 0).astype(int)
    prior = np.eye(2)[codes[20:]] * 0.8 + 0.1
    parts = []
    for share in (0, 0.5, 1):
        shown, _ = wb.demonstrations.rewrite_labels(names[codes[:20]], "flipped", share=share)
        log = wb.demonstrations.neighbor_log(
            [range(20)], shown, x[:20], x[20:], names[codes[20:]], prior=prior, prior_weight=prior_weight
        )
        parts.append(log.assign(flipped=share))
    found = wb.demonstrations.flip_curve(pd.concat(parts)).models.iloc[0]
    assert found["led_by"] == ("prior" if prior_weight else "labels")


def test_variances_by_hand():
    """Ten orders of one set for query q, another set once; one answer for r."""
    p = np.array([0.2, 0.4, 0.6, 0.8, 0.1, 0.9, 0.55, 0.55, 0.3, 0.7])
    rows = [
        sure(one, demonstrations=[0, 1, 2] if place % 2 else [2, 1, 0], query="q", prompt=place)
        for place, one in enumerate(p)
    ]
    rows += [sure(0.9, demonstrations=[3], query="q", prompt=10), sure(0.9, demonstrations=[0], query="r", prompt=11)]
    found = wb.demonstrations.order_variance(rows)
    assert found.loc["q", "order_variance"] == pytest.approx(p.var(ddof=1))
    assert found.loc["q", "choice_variance"] == pytest.approx(np.var([p.mean(), 0.9], ddof=1))
    assert found.loc["q", ["answers", "sets", "orders"]].tolist() == [11, 2, 10]
    assert found.loc["q", "agreement"] == pytest.approx(7 / 11)
    assert found["unstable"].to_dict() == {"q": True, "r": False}
    assert np.isnan(found.loc["r", "order_variance"]) and found.attrs["order_variance"] == pytest.approx(p.var(ddof=1))
    with pytest.raises(InputError, match="has one answer per query"):
        wb.demonstrations.order_variance(rows[-1:])


def test_refusals():
    for call, words in (
        (lambda: wb.demonstrations.accuracy_by(answers(1), "place"), "unknown column 'place'"),
        (lambda: wb.demonstrations.flip_curve(answers(1)), "unknown column 'flipped'"),
        (lambda: wb.demonstrations.flip_curve(answers(1, flipped=2)), "row 0 is 2"),
        (lambda: wb.demonstrations.flip_curve(answers(1, flipped=0.5)), "is always 0.5"),
        (lambda: wb.demonstrations.order_variance(answers(1), least_agreement=2), "least_agreement"),
    ):
        with pytest.raises(InputError) as error:
            call()
        assert words in str(error.value)
