"""Markers: written and read without loss, every fault named, planted faults found, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.spans.markers import STYLES

SOURCE = ["Ada met Bo in Rome"]
SPANS = [[(0, 3, "PER"), (8, 10, "PER"), (14, 18, "LOC")]]


def read(line, style="letters", **more):
    return wb.spans.read_marked([line], SPANS, style=style, **more)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["ab", "c", "d e"]), st.sampled_from(["PER", "LOC"])), max_size=4),
    st.sampled_from(STYLES),
)
def test_what_is_marked_is_read_back(parts, style):
    text, spans = "", []
    for words, label in parts:
        text += "x "
        spans.append((len(text), len(text) + len(words), label))
        text += f"{words} "
    text += "y"
    found = wb.spans.read_marked(wb.spans.mark_spans([text], [spans], style=style), [spans], style=style)
    assert (found.texts, found.spans, found.sources) == ([text], [spans], [list(range(len(spans)))])
    assert not len(found.issues)


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("<a>Ada</a> traf <b>Bo</b> in <c>Rom</c>", []),
        ("<a> Ada </a>traf < b >Bo< / b > in <C>Rom</C>", []),
        ("In <c>Rome</c> traf <a>Ada</a> <b>Bo</b>", []),  # another order, but the names show which is which
        ("<a>Ada</a> traf Bo in <c>Rom</c>", ["lost"]),
        ("<a>Ada</a> traf <b>Bo</b> in <c>Rom</c>, <c>Italien</c>", ["doubled"]),
        ("<a>Ada</a> traf <b>Bo</b> in <c>Rom", ["lost", "unclosed"]),
        ("<a>Ada</a> traf <b>Bo</b> in Rom</c>", ["lost", "unopened"]),
        ("<a>Ada <b>traf</a> Bo</b> in <c>Rom</c>", ["nested"]),
        ("<a>Ada</a> traf <b> </b> in <c>Rom</c>", ["lost", "empty"]),
        ("<a>Ada</a> traf <b>Bo</b> in <c>Rom</c> <z>heute</z>", ["unknown"]),
        ("<a>Ada</a> traf <b>Bo</b> in <c>Ro</c>m", ["boundary"]),
        ("<a>Ada</a> traf <b>Bo</b> in <c>Rom.</c>", ["boundary"]),
        ("<b>Jene</b> sah <a>dieser</a> in <c>Rom</c>", ["order", "order"]),
        ("<a>Ada</a> traf <a>Bo Li</a> in <c>Rom</c>", ["lost", "doubled"]),
        ("<a>Ada</a> traf <a>Bo</a> in <c>Rom</c>", ["fuzzy"]),  # the text is that of another span
    ],
)
def test_each_fault_has_its_name(line, kinds):
    found = read(line, source_texts=SOURCE)
    assert found.issues["kind"].tolist() == kinds
    assert "<" not in found.texts[0] and "  " not in found.texts[0]
    assert all(found.issues["reasons"]) and found.issues["is_issue"].all()


def test_suggestions_by_hand():
    found = read("Ada und <b>Bo</b> sah man in <c>Ro</c>m", source_texts=SOURCE)
    assert found.texts == ["Ada und Bo sah man in Rom"]
    assert found.spans == [[(8, 10, "PER"), (22, 24, "LOC")]]
    lost, boundary = found.issues.to_dict("records")
    assert (lost["given_value"], lost["suggested_value"]) == ("null", '{"end":3,"label":"PER","start":0}')
    assert boundary["suggested_value"] == '{"end":25,"label":"LOC","start":22}'
    assert found.issues.index.get_level_values("unit")[1] == "g1" and (lost["source"], boundary["source"]) == (0, 2)
    assert np.isnan(found.issues["p_error"]).all()


def test_the_key_of_a_proposal_is_that_of_the_detector():
    from workbench.tasks.keys import candidate_keys

    found = read("Ada und <b>Bo</b> in <c>Rom</c>", source_texts=SOURCE)
    key = candidate_keys(np.array([0]), np.array([0]), np.array([3]), np.array(["PER"]))
    assert found.issues.index.get_level_values("unit").tolist() == key.to_pylist()


@pytest.mark.parametrize(
    ("line", "translations", "spans", "kinds"),
    [
        ("[Ada] traf [Bo] in [Rom]", None, [(0, 3, "PER"), (9, 11, "PER"), (15, 18, "LOC")], []),
        ("In [Rom] traf [Ada] [Bo]", None, [(3, 6, "PER"), (12, 15, "PER"), (16, 18, "LOC")], []),  # by order only
        ("In [Rom] traf [Ada] [Bo]", [["Ada", "Bo", "Rom"]], [(3, 6, "LOC"), (12, 15, "PER"), (16, 18, "PER")], []),
        ("［Ada］ in 【Rom】", [["Ada", "Bo", "Rom"]], [(0, 3, "PER"), (7, 10, "LOC")], ["lost"]),
        ("[Sie] in [dort]", None, [(0, 3, "PER"), (7, 11, "LOC")], ["lost", "fuzzy", "fuzzy"]),
    ],
)
def test_brackets_are_matched_by_order_or_by_translations(line, translations, spans, kinds):
    found = read(line, "brackets", translations=translations)
    assert (found.spans[0], found.issues["kind"].tolist()) == (spans, kinds)


def test_classes_as_markers():
    found = read("<LOC>Rom</LOC>: <per>Ada</per> und Bo", "classes", source_texts=SOURCE)
    assert found.spans == [[(0, 3, "LOC"), (5, 8, "PER")]]
    assert found.issues["kind"].tolist() == ["lost"] and found.issues["source"].tolist() == [1]


def test_spans_are_moved_to_the_translation_without_markers():
    line = "<a>Ada</a> traf den <b>Bo</b> in <c>Roms</c>"
    found = read(line, source_texts=SOURCE, texts=["Gestern traf Ada den Bo in Rom"])
    assert [found.texts[0][start:end] for start, end, _ in found.spans[0]] == ["Ada", "Bo", "Rom"]
    assert found.issues["kind"].tolist() == ["altered"]
    other = read("<a>Ada</a> traf <b>Bo</b> in <c>Rom</c>", source_texts=SOURCE, texts=["Sie traf Bo in Rom"])
    assert other.issues["kind"].tolist() == ["lost"] and other.sources == [[1, 2]]


def test_planted_faults_are_found(pairs_benchmark):
    pairs = pairs_benchmark.sentence_pairs(200, 5)
    lines, planted = pairs_benchmark.marked_with_faults(pairs, 0.15, 6)
    spans = [spans for _, spans, *_ in pairs]
    found = wb.spans.read_marked(lines, spans, style="letters", source_texts=[text for text, *_ in pairs])
    wrong = {row for row, fault in enumerate(planted) if fault}
    assert len(wrong) > 20 and set(found.issues["row"]) == wrong
    true = [sorted(own) for *_, own in pairs]
    before = pairs_benchmark.span_f1(found.spans, true)
    after = pairs_benchmark.span_f1(pairs_benchmark.accepted(found, found.spans), true)
    assert before < after and after > 0.95


def test_from_a_run_to_a_reviewed_run(tmp_path):
    frame = pd.DataFrame({"id": ["s1"], "text": SOURCE, "spans": pd.Series(SPANS, dtype=object)})
    source = wb.import_run(frame, tmp_path / "source", label="spans", text="text", id="id", task="spans")
    found = wb.spans.read_marked(["Ada traf <b>Bo</b> in <c>Rom</c>"], source, style="letters")
    run = wb.import_run(found.frame(), tmp_path / "target", label="spans", text="text", id="id", task="spans")
    issues = found.issues
    ids, units = issues.index.get_level_values("id"), issues.index.get_level_values("unit")
    run.journal.relabel(ids, issues["suggested_value"], old=issues["given_value"], units=units)
    assert [one["label"] for one in run.labels()[0].as_py()["spans"]] == [1, 1, 0]
    assert str(found) == "2 spans in 1 texts: 1 lost"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: wb.spans.mark_spans(["[a] b"], [[(4, 5, "X")]]), "row 0 already has such markers"),
        (lambda: wb.spans.mark_spans(["ab"], [[(0, 2, "X"), (1, 2, "X")]]), "overlapping spans at 1"),
        (lambda: wb.spans.mark_spans(["ab"], [[(0, 3, "X")]]), "2 characters, and a span ends at 3"),
        (lambda: wb.spans.mark_spans(["ab"], [["B-X"]]), "counts tokens"),
        (lambda: wb.spans.mark_spans(["ab", "c"], [[]]), "has 2 entries for 1 examples"),
        (lambda: read("a", "bold"), "unknown style 'bold'"),
        (lambda: read("a", translations=[["x"]]), "row 0 has 1 entries for 3 spans"),
        (lambda: read("a", ids=["x", "y"]), "2 entries for 1 examples"),
        (lambda: wb.spans.read_marked([1], [[]]), "row 0 is 1"),
        (lambda: wb.spans.read_marked(["a"], [[(0, 1)]]), "`spans` row 0 span 0"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(InputError) as error:
        call()
    assert words in str(error.value)
