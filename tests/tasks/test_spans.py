"""Spans as a kind of label: reading, storing, deciding, exporting, and the contract of all kinds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from contract import Case
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.tasks import TASKS
from workbench.tasks.span_tags import SCHEMES, scheme_of, spans_of_tags, tags_of_spans

CLASSES = ("LOC", "PER")


def span(start, end, label):
    return {"start": start, "end": end, "label": label}


def predictions(dataset):
    """Scored spans that mostly agree with the labels, some missing and some spurious."""
    found = []
    for row, spans in enumerate(dataset.given):
        listed = [(one["start"], one["end"], one["label"], 0.9) for one in spans or () if row % 5 != 3]
        if row % 7 == 2:
            listed.append((40, 44, "LOC", 0.8))
        found.append(listed)
    return {"predictions": found}


_PLACE = st.integers(0, 50)
_VALUES = st.builds(lambda a, b, label: span(a, a + b + 1, label), _PLACE, _PLACE, st.sampled_from(CLASSES))
CASE = Case(
    task="spans",
    labels=[
        [span(0, 4, "PER"), span(9, 13, "LOC")],
        [],
        None,
        [span(2, 5, "LOC")],
        [span(0, 9, "LOC"), span(3, 6, "PER")],
    ],
    classes=CLASSES,
    values=st.none() | _VALUES,
    decisions=[
        (0, "g1", span(9, 15, "LOC")),
        (0, "g0", None),
        (1, "c0123456789abcdef", span(5, 8, "PER")),
        (2, "a0123456789ab", span(1, 2, "LOC")),
        (4, "g1", span(3, 6, "LOC")),
    ],
    corrected=[
        [span(9, 15, "LOC")],
        [span(5, 8, "PER")],
        [span(1, 2, "LOC")],
        [span(2, 5, "LOC")],
        [span(0, 9, "LOC"), span(3, 6, "LOC")],
    ],
    words={None: "nothing"},
    hostile=[
        *("", "null null", "[]", '"LOC"', '{"start":0,"end":1}', '{"start":0,"end":1,"label":"ORG"}', "1" * 5000),
        *('{"start":1,"end":1,"label":"LOC"}', '{"start":-1,"end":1,"label":"LOC"}', "[" * 3000),
        *('{"start":0.5,"end":1,"label":"LOC"}', '{"start":true,"end":2,"label":"LOC"}'),
        *('{"start":0,"end":99999999999,"label":"LOC"}', '{"start":0,"end":1,"label":["LOC"]}'),
    ],
    other_labels=[
        *([[span(0, 1, "ORG")]], [[(3, 3, "LOC")]], [[(-1, 3, "LOC")]], ["LOC"], [[(0, 1)]], [{"a": 1}]),
        [["X-LOC"]],
    ],
    wrong_keys=["", "g9", "x", "g-1", "p0"],
    predictions=predictions,
    by_hand=(0, [("g0", "PER 0:4"), ("g1", "LOC 9:13")]),
    texts=["Anna was Bonn bound", "Hugo Chen was there", "x y", "inRom", "New York City is big"],
)

SPANS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4), st.sampled_from(["A", "B-x"])), max_size=5)


def laid_out(parts):
    """Nonoverlapping spans from (gap, size, class), and the length."""
    spans, at = [], 0
    for gap, size, name in parts:
        spans.append((at + gap, at + gap + size, name))
        at += gap + size
    return spans, at + 2


@settings(max_examples=80, deadline=None)
@given(SPANS, st.sampled_from(SCHEMES))
def test_tags_hold_spans_without_loss(parts, scheme):
    spans, length = laid_out(parts)
    if scheme == "IO" and any(a[1] == b[0] and a[2] == b[2] for a, b in pairwise(spans)):
        with pytest.raises(InputError, match="IO cannot tell adjacent spans"):
            tags_of_spans(spans, length, scheme)
        return
    tags = tags_of_spans(spans[::-1], length, scheme)
    assert len(tags) == length
    assert spans_of_tags(tags, scheme) == (spans, [])
    assert tags_of_spans(spans_of_tags(tags, scheme).spans, length, scheme) == tags


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["O", "B-A", "I-A", "E-A", "S-A", "B-C", "I-C", "E-C", "S-C"]), max_size=9))
def test_any_tags_are_read_as_spans_that_cover_the_same_tokens(tags):
    for scheme in ("BIO", "BIOES", "IOB1"):
        spans, repaired = spans_of_tags(tags, scheme)
        covered = {place: name for start, end, name in spans for place in range(start, end)}
        assert covered == {place: tag[2:] for place, tag in enumerate(tags) if tag != "O"}
        assert all(a[1] <= b[0] for a, b in pairwise(spans)) and set(repaired) <= set(range(len(tags)))


def test_tags_by_hand():
    assert spans_of_tags(["I-A", "I-A", "B-A", "O", "I-C"], "IOB1") == ([(0, 2, "A"), (2, 3, "A"), (4, 5, "C")], [])
    assert tags_of_spans([(0, 2, "A"), (2, 3, "A")], 4, "IOB1") == ["I-A", "I-A", "B-A", "O"]
    assert tags_of_spans([(0, 2, "A"), (2, 3, "A")], 3, "BIOES") == ["B-A", "E-A", "S-A"]
    assert tags_of_spans([(0, 2, "A"), (2, 3, "A")], 3, "BILOU") == ["B-A", "L-A", "U-A"]
    assert spans_of_tags(["O", "I-A", "I-C"], "BIO") == ([(1, 2, "A"), (2, 3, "C")], [1, 2])
    assert spans_of_tags(["B-A", "I-A", "O"], "BIOES") == ([(0, 2, "A")], [1])
    for tags, scheme in (
        (["O", "B-A", "I-A"], "BIO"),
        (["I-A", "B-A", None, "I-C"], "IOB1"),
        (["I-A", None, "I-A"], "IO"),
        (["S-A"], "BIOES"),
        (["B-A", "L-A"], "BILOU"),
        (["B-A", "O", "I-A"], "BIO"),
        (["O"], "BIO"),
    ):
        assert scheme_of(tags) == scheme, tags
    with pytest.raises(InputError, match=r"`spans` holds \(1, 3, 'A'\), which overlaps \(0, 2, 'A'\)"):
        tags_of_spans([(0, 2, "A"), (1, 3, "A")], 4)
    with pytest.raises(InputError, match="unknown scheme 'IOB'"):
        spans_of_tags([], "IOB")


def test_forms_of_labels_are_the_same_spans(tmp_path):
    tags = [["B-PER", "I-PER", "O"], ["O"], None, ["B-LOC", "B-LOC", "O", "O"]]
    wanted = [[(0, 2, "PER")], [], None, [(0, 1, "LOC"), (1, 2, "LOC")]]
    names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    codes = [None if one is None else [names.index(tag) for tag in one] for one in tags]
    bioes = [["B-PER", "E-PER", "O"], ["O"], None, ["S-LOC", "S-LOC", "O", "O"]]
    iob1 = [["I-PER", "I-PER", "O"], ["O"], None, ["I-LOC", "B-LOC", "O", "O"]]
    for labels in (tags, bioes, iob1, pd.Series(tags), pa.array(tags)):
        data = Dataset.from_arrays(labels, task="spans")
        assert data.classes == ("LOC", "PER")
        assert [one and one["length"] for one in data.labels.to_pylist()] == [3, 1, None, 4]
        assert data.given.tolist() == tags
    by_code = Dataset.from_arrays(codes, task="spans", classes=names)
    assert by_code.classes == ("PER", "LOC") and by_code.given.tolist() == tags
    as_arrays = Dataset.from_arrays([one and np.array(one) for one in codes], task="spans", classes=names)
    assert as_arrays.labels.equals(by_code.labels)
    spans = Dataset.from_arrays(wanted, task="spans")
    assert spans.labels.to_pylist()[0]["length"] is None
    assert [one and [tuple(part.values()) for part in one] for one in spans.given] == wanted
    both = Dataset.from_arrays(
        [tags[0], {"length": 9, "spans": [(0, 2, "PER"), (1, 2, "LOC")]}, wanted[3]], task="spans"
    )
    again = Dataset.from_arrays(both.given, task="spans")
    assert again.labels.equals(both.labels) and [one["length"] for one in again.labels.to_pylist()] == [3, 9, None]
    run = wb.import_run(pd.DataFrame({"tags": tags, "tokens": [["a"] * 3, ["b"], ["c"], ["d"] * 4]}), tmp_path / "run",
                        label="tags", task="spans")  # fmt: skip
    assert run.dataset.given.tolist() == tags
    run.journal.relabel(0, TASKS["spans"].encode(span(1, 3, "LOC")), old=None, units="a0123456789ab")
    file = wb.export(run, tmp_path / "labels.jsonl", cleaned="relabel")
    assert pd.read_json(file, lines=True)["tags"].tolist()[0] == {
        "length": 3,
        "spans": [span(0, 2, "PER"), span(1, 3, "LOC")],
    }
    with pytest.raises(InputError, match="`value` row 0 ends at 4 of 3 tokens"):
        run.journal.relabel(0, TASKS["spans"].encode(span(1, 4, "LOC")), old=None, units="a0123456789ac")
        run.labels()


def test_a_wrong_form_gets_one_error_with_its_row():
    for labels, words in (
        ([["O"], ["O", "X-A"]], "`labels` row 1 token 1 is 'X-A'"),
        ([["O"], ["O", 3]], "`labels` row 1 token 1 is 3"),
        ([[(0, 1, "A")], [(2, 2, "A")]], "`labels` row 1 span 0 is from 2 to 2"),
        ([[(0, 1, "A")], [(0, 1.5, "A")]], "`labels` row 1 span 0: end is 1.5"),
        ([[(0, 1, "A"), (0, 1, "A")]], r"`labels` row 0 lists the span \(0, 1, 'A'\) twice"),
        ([[(0, 1)]], r"`labels` row 0 span 0 is \(0, 1\)"),
        ([[(0, 1, None)]], "`labels` row 0 span 0 has the class None"),
        ([{"length": 3, "spans": [(0, 4, "A")]}], "`labels` row 0 span 0 ends at 4 of 3 tokens"),
        ([{"spans": []}], "`labels` row 0 is {'spans': "),
        ("O", "`labels` is a str"),
    ):
        with pytest.raises(InputError, match=words):
            Dataset.from_arrays(labels, task="spans")
    with pytest.raises(InputError, match=r"`labels` row 1 is 'ORG'\. Known classes: 'A'"):
        Dataset.from_arrays([[(0, 1, "A")], [(0, 1, "ORG")]], task="spans", classes=["A"])
    with pytest.raises(InputError, match="`labels` row 0 token 0 is 7"):
        Dataset.from_arrays([[7]], task="spans", classes=["O", "B-A"])
    with pytest.warns(UserWarning, match=r"`labels` row 1 token 0 is 'I-A', which does not follow in BIO \(1 rows\)"):
        data = Dataset.from_arrays([["O", "B-A"], ["I-A", "O"]], task="spans")
    assert data.given.tolist() == [["O", "B-A"], ["B-A", "O"]]


def test_damaged_labels_are_refused():
    kind = TASKS["spans"]
    good = Dataset.from_arrays([[(0, 2, "A")], ["B-A", "O"]], task="spans").labels
    kind.check(good, ("A",))
    for change, words in (
        ({"label": 3}, "holds a span of the class 3 of 1"),
        ({"start": 2}, "holds a span 2 to 2"),
    ):
        listed = good.to_pylist()
        listed[0]["spans"][0] |= change
        with pytest.raises(InputError, match=words):
            kind.check(pa.array(listed, kind.column), ("A",))
    listed = good.to_pylist()
    listed[0]["spans"] = listed[0]["spans"] * 2
    with pytest.raises(InputError, match="does not list its spans in order"):
        kind.check(pa.array(listed, kind.column), ("A",))
