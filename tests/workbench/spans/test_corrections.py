"""Corrected texts: edits by character, accepted or rejected, wrong targets doubted, scores by hand, spans moved."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import workbench as wb
from workbench.foundation.errors import InputError

TEXTS = st.text(alphabet="ab c.是的", max_size=20)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4))
def test_all_edits_give_the_target_and_none_the_source(pairs):
    sources, targets = ([one[side] for one in pairs] for side in (0, 1))
    edits = wb.spans.read_corrections(sources, targets)
    assert wb.spans.apply_edits(sources, edits.assign(accepted=True)) == targets
    assert wb.spans.apply_edits(sources, edits.assign(accepted=False)) == sources
    assert edits.index.is_unique


def test_edits_by_hand():
    edits = wb.spans.read_corrections(
        ["I liev in teh big Rom", "天汽很好"], ["I live in the big Rome", "天气很好"], ids=["a", "b"]
    )
    shown = edits[["start", "end", "old", "new", "old_words", "new_words"]].to_numpy().tolist()
    assert shown == [
        [4, 6, "ev", "ve", "liev", "live"], [11, 13, "eh", "he", "teh", "the"], [21, 21, "", "e", "Rom", "Rome"],
        [1, 2, "汽", "气", "汽", "气"],
    ]  # fmt: skip
    assert edits.index.tolist() == [("a", 0), ("a", 1), ("a", 2), ("b", 0)]
    chosen = edits.assign(accepted=[True, False, True, False])
    assert wb.spans.apply_edits(["I liev in teh big Rom", "天汽很好"], chosen) == ["I live in teh big Rome", "天汽很好"]


def spelled(n, seed):
    """n sentences of 40 words, one of them misspelled in the source; a tenth of the targets has another wrong word."""
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("abcdefghij"), 5)) for _ in range(40)]
    sources, targets, clean, wrong = [], [], [], []
    for _ in range(n):
        own = list(rng.choice(words, 8))
        place = int(rng.integers(8))
        source, target = own.copy(), own.copy()
        source[place] = source[place][:2] + source[place][3] + source[place][2] + source[place][4:]
        bad = rng.random() < 0.1
        if bad:
            other = (place + 3) % 8
            target[other] = target[other][:1] + "z" + target[other][2:]
        for held, one in zip((sources, targets, clean), (source, target, own)):
            held.append(" ".join(one))
        wrong.append(bad)
    return sources, targets, clean, np.array(wrong)


def test_wrong_targets_are_doubted():
    sources, targets, clean, wrong = spelled(200, 0)
    edits = wb.spans.read_corrections(sources, targets)
    doubt = edits.groupby("row")["doubt"].max().reindex(range(200), fill_value=-9)
    assert roc_auc_score(wrong, doubt) > 0.95
    kept = wb.spans.apply_edits(sources, edits)
    before = wb.spans.correction_scores(sources, targets, clean).loc["correction", "f1"]
    after = wb.spans.correction_scores(sources, kept, clean).loc["correction", "f1"]
    assert before == pytest.approx(1 - wrong.mean(), abs=0.02) and after > before + 0.05


def test_scores_by_hand():
    sources, references = ["ab", "cd", "ef", "gh", "ij"], ["ab", "cx", "ex", "gx", "ij"]
    targets = ["ab", "cx", "ey", "gh", "iz"]
    found = wb.spans.correction_scores(sources, targets, references)
    assert found.loc["detection"].tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 3, 3, 2])
    assert found.loc["correction"].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 3, 3, 1])
    assert np.isnan(wb.spans.correction_scores(["a"], ["a"], ["a"])["f1"]).all()


def test_spans_follow_edits():
    old, new = ["Ada liev in Rom, not Bonn"], ["Dr. Ada lives in Rome, not"]
    spans = [[(0, 3, "PER"), (12, 15, "LOC"), (21, 25, "LOC")]]
    found = wb.spans.move_spans(spans, old, new)
    assert [(new[0][start:end], label) for start, end, label in found.spans[0]] == [("Ada", "PER"), ("Rome", "LOC")]
    assert found.changed[["old", "new"]].to_numpy().tolist() == [["Rom", "Rome"], ["Bonn", ""]]
    assert wb.spans.move_spans(spans, old, old).spans == spans


def test_refusals():
    edits = wb.spans.read_corrections(["ab"], ["ax"])
    with pytest.raises(InputError, match="has no column 'accepted'"):
        wb.spans.apply_edits(["ab"], edits.drop(columns="accepted"))
    with pytest.raises(InputError, match="row 0 replaces 'b' at 1, which is not there"):
        wb.spans.apply_edits(["xy"], edits.assign(accepted=True))
    with pytest.raises(InputError, match="overlapping edits at 0"):
        wb.spans.apply_edits(["ab"], edits.assign(accepted=True).iloc[[0, 0]].assign(start=[0, 0], old="ab", end=2))
    with pytest.raises(InputError, match="has 1 entries for 2 examples"):
        wb.spans.read_corrections(["a", "b"], ["a"])
    with pytest.raises(InputError, match="counts tokens"):
        wb.spans.move_spans([["B-A"]], ["a"], ["a"])
