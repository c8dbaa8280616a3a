"""Positions: the joint choice against all choices, margins, faults, alignments with wrong links, refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

import workbench as wb
from workbench.foundation.errors import InputError

COLUMNS = ["row", "span", "start", "end", "score"]


def place(rows, spans, **more):
    table = pd.DataFrame(rows, columns=COLUMNS)
    return wb.spans.place_spans(table, spans, **({"lengths": [9] * len(spans)} | more))


def best_of_all(rows, k, without=None):
    """(placed, sum, {span: candidate}) by trying everything."""
    options = [[None, *(one for one in rows if one[1] == span and one != without)] for span in range(k)]
    best = (-1, -np.inf, {})
    for choice in itertools.product(*options):
        there = [one for one in choice if one is not None]
        if all(a[3] <= b[2] or b[3] <= a[2] for a, b in itertools.combinations(there, 2)):
            key = (len(there), sum(one[4] for one in there))
            if key > best[:2]:
                best = (*key, {one[1]: one for one in there})
    return best


@pytest.mark.parametrize("seed", range(12))
def test_the_choice_and_its_margins_equal_those_of_all_choices(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, 5))
    rows = []
    for span, _ in itertools.product(range(k), range(int(rng.integers(1, 5)))):
        start = int(rng.integers(0, 8))
        rows.append([0, span, start, min(start + int(rng.integers(1, 4)), 9), round(float(rng.normal()), 6)])
    rows = [list(one) for one in {(row[1], row[2], row[3]): row for row in rows}.values()]
    found = place(rows, [[(one, one + 1, f"c{one}") for one in range(k)]], least_margin=np.inf)
    count, total, chosen = best_of_all(rows, k)
    placed = dict(zip(found.sources[0], found.spans[0]))
    assert placed == {one[1]: (one[2], one[3], f"c{one[1]}") for one in chosen.values()} and len(placed) == count
    margins = {source: margin for source, margin in zip(found.issues["source"], found.issues["margin"])}
    for span, one in chosen.items():
        other = best_of_all(rows, k, one)
        if other[0] == count:
            assert margins[span] == pytest.approx(total - other[1], abs=1e-9)
        else:
            assert span not in margins


def test_faults_by_hand():
    spans = [[(0, 1, "PER"), (1, 2, "LOC"), (2, 3, "ORG"), (3, 4, "LOC")]]
    rows = [[0, 0, 0, 1, 0.0], [0, 0, 5, 6, -0.05], [0, 1, 2, 3, 0.0], [0, 1, 2, 4, -0.02], [0, 2, 7, 8, -1.0]]
    found = place(rows, spans, least_margin=0.1, source_texts=["a b c d"])
    assert found.spans == [[(0, 1, "PER"), (2, 3, "LOC"), (7, 8, "ORG")]] and found.sources == [[0, 1, 2]]
    issues = found.issues.reset_index("unit")
    assert issues["kind"].tolist() == ["lost", "doubled", "low margin"]
    assert issues["source"].tolist() == [3, 0, 1] and issues["unit"].tolist()[1:] == ["g0", "g1"]
    assert issues["margin"].tolist()[1:] == [pytest.approx(0.05), pytest.approx(0.02)]
    assert issues["suggested_value"].tolist() == [
        "null", '{"end":6,"label":"PER","start":5}', '{"end":4,"label":"LOC","start":2}',
    ]  # fmt: skip
    assert found.tags()[0] == ["B-PER", "O", "B-LOC", "O", "O", "O", "O", "B-ORG", "O"]


def test_a_span_whose_positions_are_taken_is_lost_with_its_best_one():
    found = place([[0, 0, 0, 2, 1.0], [0, 1, 1, 3, 0.5]], [[(0, 1, "A"), (1, 2, "B")]])
    assert found.spans == [[(0, 2, "A")]]
    assert found.issues["suggested_value"].tolist() == ['{"end":3,"label":"B","start":1}']


def test_scores_by_hand():
    """Span of two tokens, linked to 1 and 2 of four; 3 has a link from elsewhere, 0 none."""
    table = wb.spans.candidate_positions([[(0, 2, "PER")]], [[(0, 1), (1, 2, 0.5), (5, 3)]], lengths=[4])
    score = {(one.start, one.end): one.score for one in table.itertuples()}
    assert set(score) == {(0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}  # 0 has no link, and is next to a linked one
    assert score[1, 3] == pytest.approx(np.log(2 * 1.5 / (1.5 + 1.5)))
    assert score[1, 2] == pytest.approx(np.log(2 * 1 / (1.5 + 1)) - 0.5 * np.log(2) - 0.5 * 0.25)
    assert score[0, 2] == pytest.approx(np.log(2 * 1 / (1.5 + 1.25)) - 0.5 * 0.5)
    text = wb.spans.candidate_positions([[(0, 2, "PER")]], ["0-1 1-2:0.5 5-3"], lengths=[4])
    frame = pd.DataFrame({"row": 0, "source": [0, 1, 5], "target": [1, 2, 3], "weight": [1, 0.5, 1]})
    pd.testing.assert_frame_equal(table, text)
    pd.testing.assert_frame_equal(table, wb.spans.candidate_positions([[(0, 2, "PER")]], frame, lengths=[4]))


def test_wrong_links_are_outvoted_and_wrong_positions_have_low_margins(pairs_benchmark):
    spans, links, tokens, true = pairs_benchmark.linked(pairs_benchmark.sentence_pairs(150, 7), 0.2, 8)
    table = wb.spans.candidate_positions(spans, links, tokens=tokens)
    found = wb.spans.place_spans(table, spans, tokens=tokens, least_margin=np.inf)
    ranges = []
    for own, edges in zip(spans, links):
        ends = [[j for i, j, _ in edges if start <= i < end] for start, end, _ in own]
        ranges.append([(min(one), max(one) + 1, span[2]) for one, span in zip(ends, own)])
    assert pairs_benchmark.span_f1(found.spans, true) > pairs_benchmark.span_f1(ranges, true) + 0.03
    known = found.issues[found.issues["margin"].notna()]
    units = known.index.get_level_values("unit").str[1:].astype(int)
    wrong = np.array([found.spans[row][unit] not in true[row] for row, unit in zip(known["row"], units)])
    assert average_precision_score(wrong, -known["margin"]) > 2.5 * wrong.mean()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: place([[0, 0, 0, 1, np.nan]], [[(0, 1, "A")]]), "row 0 is [0.0, 0.0, 0.0, 1.0, nan]"),
        (lambda: place([[0, 1, 0, 1, 0.0]], [[(0, 1, "A")]]), "Name a row, one of its spans"),
        (lambda: place([[0, 0, 3, 10, 0.0]], [[(0, 1, "A")]]), "a position within its target"),
        (lambda: place([[1, 0, 0, 1, 0.0]], [[(0, 1, "A")]]), "Name a row"),
        (lambda: wb.spans.place_spans([1], [[]], lengths=[2]), "is a list"),
        (lambda: wb.spans.place_spans(pd.DataFrame({"row": []}), [[]], lengths=[2]), "unknown column 'span'"),
        (lambda: place([], [[]], lengths=None), "Pass one of `tokens`, `lengths` and `texts`"),
        (lambda: place([], [[]], lengths=[1, 2]), "one number of tokens each"),
        (
            lambda: place([[0, one, 0, 1, 0.0] for one in range(13)], [[(one, one + 1, "A") for one in range(13)]]),
            "13 spans that compete",
        ),
        (lambda: wb.spans.candidate_positions([["B-A"]], ["0-4"], lengths=[2]), "links 0 to 4 with weight 1"),
        (lambda: wb.spans.candidate_positions([["B-A"]], ["0-4"], lengths=[2]), "The source has 1 tokens"),
        (lambda: wb.spans.candidate_positions([["B-A"]], ["0:4"], lengths=[2]), "holds '0:4'"),
        (lambda: wb.spans.candidate_positions([["B-A"]], [[(0, 1, 2.0)]], lengths=[2]), "weight 2"),
        (lambda: wb.spans.candidate_positions([["B-A"]], [], lengths=[2]), "has 0 entries for 1 sentences"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(InputError) as error:
        call()
    assert words in str(error.value)
