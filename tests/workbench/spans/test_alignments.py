"""Votes of several languages: shares and entropy by hand, wrong links outvoted, spans by votes, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import workbench as wb
from workbench.foundation.errors import InputError

TAGS = {"de": [["D", "N", "V"]], "fr": [["D", "N", None]], "it": [["N", "N"]]}
LINKS = {"de": [[(0, 0), (1, 1), (2, 1)]], "fr": [[(0, 0), (1, 1), (2, 2)]], "it": [[(0, 0)]]}


def test_shares_and_entropy_by_hand():
    found = wb.spans.propagate_tags(TAGS, LINKS, lengths=[3], weights="equal")
    assert found.classes == ("D", "N", "V") and found.tags == [["D", "N", None]]
    assert found.probs[0][:2] == pytest.approx(np.array([[2 / 3, 1 / 3, 0], [0, 3 / 4, 1 / 4]]))
    assert np.isnan(found.probs[0][2]).all()
    assert found.tokens["votes"].tolist() == [3, 2, 0]
    entropy = [-(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3)), -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))]
    assert found.tokens["entropy"].tolist()[:2] == pytest.approx(entropy)
    assert found.tokens[["de", "fr", "it"]].iloc[0].tolist() == ["D", "D", "N"]
    named = wb.spans.propagate_tags(TAGS, LINKS, lengths=[3], weights={"de": 1, "fr": 0, "it": 3})
    assert named.probs[0][0] == pytest.approx([0.25, 0.75, 0])
    assert str(found) == "tags of 2 of 3 tokens from 3 sources; mean entropy 0.60"


def test_the_same_form_elsewhere_votes():
    tags, links = {"a": [["N"], ["V"], ["V"]]}, {"a": ["0-0", "0-0", "0-0"]}
    found = wb.spans.propagate_tags(tags, links, tokens=[["run"], ["Run"], ["run"]], forms=1.5)
    assert found.tags == [["V"], ["V"], ["V"]]
    assert found.probs[0][0] == pytest.approx([1 / 2.5, 1.5 / 2.5])
    assert found.probs[1][0] == pytest.approx([0.75 / 2.5, 1.75 / 2.5])
    assert wb.spans.propagate_tags(tags, links, lengths=[1, 1, 1]).tags == [["N"], ["V"], ["V"]]


def test_wrong_links_are_outvoted_and_errors_have_high_entropy(pairs_benchmark):
    tags, links, tokens, true = pairs_benchmark.five_languages(100, 0.2, 9)
    flat = np.array([tag for own in true for tag in own], object)

    def right(found):
        return found.tokens["tag"].to_numpy(object) == flat

    single = [
        right(wb.spans.propagate_tags({one: tags[one]}, {one: links[one]}, tokens=tokens, forms=0)) for one in tags
    ]
    pooled = right(wb.spans.propagate_tags(tags, links, tokens=tokens, weights="equal", forms=0))
    found = wb.spans.propagate_tags(tags, links, tokens=tokens)
    assert pooled.mean() > max(one.mean() for one in single) + 0.2
    assert right(found).mean() > pooled.mean()
    assert roc_auc_score(~right(found), found.tokens["entropy"].fillna(9)) > 0.9


def test_a_bad_language_gets_little_weight():
    rng = np.random.default_rng(0)
    true = [[f"t{one}" for one in rng.integers(0, 4, 10)] for _ in range(30)]
    wrong = [[f"t{one}" for one in rng.integers(0, 4, 10)] for _ in range(30)]
    tags = {"a": true, "b": true, "c": wrong}
    found = wb.spans.propagate_tags(
        tags, dict.fromkeys(tags, [" ".join(f"{i}-{i}" for i in range(10))] * 30), lengths=[10] * 30
    )
    assert found.weights["c"] < 0.2 * found.weights["a"] and found.tags == true


def test_spans_by_votes():
    spans = {"a": [[(0, 2, "PER")]], "b": [["B-PER", "I-PER", "O"]], "c": [[(0, 1, "LOC")]]}
    links = {"a": ["0-1 1-2"], "b": ["0-1 1-2 2-0"], "c": ["0-1"]}
    found = wb.spans.voted_spans(spans, links, tokens=[["So", "Ada", "Berg"]], weights="equal", least_margin=0.9)
    assert found.spans == [[(1, 3, "PER")]]
    assert found.issues["margin"].tolist() == [pytest.approx((2 / 3 + 1) / 2 - 1 / 6)]
    assert found.issues["suggested_label"].tolist() == ["LOC"] and found.issues["text"].tolist() == ["Ada Berg"]
    assert not len(wb.spans.voted_spans(spans, links, lengths=[3], weights="equal").issues)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: wb.spans.propagate_tags({}, {}, lengths=[1]), "is empty"),
        (lambda: wb.spans.propagate_tags([], {}, lengths=[1]), "is a list"),
        (lambda: wb.spans.propagate_tags({"a": [[]]}, {"b": [[]]}, lengths=[1]), "differ in the sources ['a', 'b']"),
        (lambda: wb.spans.propagate_tags({"a": [[1]]}, {"a": [[]]}, lengths=[1]), "holds 1"),
        (lambda: wb.spans.propagate_tags({"a": [[None]]}, {"a": [[]]}, lengths=[1]), "has no tag"),
        (lambda: wb.spans.propagate_tags({"a": [["N"]]}, {"a": ["1-0"]}, lengths=[1]), "`alignments of a` row 0"),
        (lambda: wb.spans.propagate_tags(TAGS, LINKS, lengths=[3], weights="best"), "unknown weights 'best'"),
        (lambda: wb.spans.propagate_tags(TAGS, LINKS, lengths=[3], weights={"de": 1}), "for each source"),
        (
            lambda: wb.spans.voted_spans({"a": [[(0, 2, "A"), (1, 2, "B")]]}, {"a": ["0-0"]}, lengths=[1]),
            "overlapping spans at 1",
        ),
    ],
)
def test_refusals(call, words):
    with pytest.raises(InputError) as error:
        call()
    assert words in str(error.value)
