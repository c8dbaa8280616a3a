"""Two schemes: a known mapping is found by positions, by entities and by graphs; merged labels; overlap of domains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.spans.type_names import name_similarity

TYPES = [f"t{place:02d}" for place in range(12)]
TO = {name: f"u{(7 * place + 3) % 12:02d}" for place, name in enumerate(TYPES)}


def annotated(n, seed, error=0.2):
    """Spans of 12 types, and the same by renamed types with a share of wrong types and boundaries; entities by type."""
    rng = np.random.default_rng(seed)
    one, other, texts = [], [], []
    for _ in range(n):
        mine, theirs, words = [], [], []
        for _ in range(int(rng.integers(1, 4))):
            kind = int(rng.integers(12))
            start = len(words) + 1
            words += ["x", f"form{kind}_{rng.integers(20)}", "z"]
            mine.append((start, start + 1, TYPES[kind]))
            named = TO[TYPES[int(rng.integers(12)) if rng.random() < error else kind]]
            theirs.append((start, start + 1 + int(rng.random() < error), named))
        one.append(mine)
        other.append(theirs)
        texts.append(words)
    return one, other, texts


def test_twelve_types_are_mapped_by_position():
    one, other, _ = annotated(150, 0)
    found = wb.spans.map_types(one, other)
    assert found.types() == TO and not found.unmatched
    assert (found.mapping["relation"] == "same").all() and (found.mapping["margin"] > 0.05).all()
    assert found.mapping["spans"].sum() == sum(map(len, one))


def test_twelve_types_are_mapped_by_entities_of_other_texts():
    one, _, texts = annotated(150, 1)
    _, other, others = annotated(130, 2)
    found = wb.spans.map_types(one, other, texts=texts, other_texts=others)
    assert found.types() == TO


def test_graphs_decide_between_types_with_equal_evidence():
    """Two types of each scheme occur with the same entities; only their neighbours differ."""
    one = [[(0, 1, "a"), (1, 2, "x")], [(0, 1, "b"), (1, 2, "y")]] * 5
    other = [[(0, 1, "B"), (1, 2, "Xxxx")], [(0, 1, "C"), (1, 2, "Yyyy")]] * 5
    words, others = [["same", "ex"], ["same", "wy"]] * 5, [["same", "wy"], ["same", "ex"]] * 5
    found = wb.spans.map_types(one, other, texts=words, other_texts=others)
    assert found.types() == {"a": "C", "b": "B", "x": "Yyyy", "y": "Xxxx"}
    given = np.array([[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]])
    swapped = wb.spans.map_types(
        one, other, texts=words, other_texts=others, graphs=(given, given[[1, 0, 2, 3]][:, [1, 0, 2, 3]])
    )
    assert swapped.types()["a"] == "B"


def test_parts_and_unmatched_types_are_marked():
    one = [[(0, 2, "City"), (3, 5, "River"), (6, 8, "Person"), (9, 10, "Date")]] * 3 + [[(0, 2, "City")]] * 3
    other = [[(0, 2, "LOC"), (3, 5, "LOC"), (6, 8, "PER"), (11, 12, "ORG")]] * 3 + [[(0, 2, "LOC")]] * 3
    found = wb.spans.map_types(one, other)
    shown = found.mapping[["other", "relation"]].T.to_dict("list")
    assert shown == {
        "City": ["LOC", "same"],
        "Date": [None, None],
        "Person": ["PER", "same"],
        "River": ["LOC", "narrower"],
    }
    assert found.unmatched == ("ORG",) and found.mapping.loc["River", "score"] == 1
    assert found.confusion.loc["Date", "O"] == found.confusion.loc["O", "ORG"] == 3
    assert found.confusion.loc["City", "LOC"] == 6
    assert str(found).splitlines()[1] == "unmatched: Date, ORG"


def test_names():
    found = name_similarity(["ORG", "geo_loc", "date"], ["Organization", "GeoLoc", "TIME"])
    assert found.round(2).tolist() == [[0.9, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_merged_labels_of_the_same_texts(tmp_path):
    one = [[(0, 3, "PER"), (5, 9, "GPE"), (12, 16, "DATE")]]
    other = [[(0, 3, "Person"), (5, 11, "Place"), (20, 22, "ORG")]]
    merged = wb.spans.merge_schemes(one, other, {"PER": "Person", "GPE": "Place"}, texts=["Ada, Roma II 1990 at UN"])
    assert merged.spans == [[(0, 3, "Person"), (5, 9, "Place"), (12, 16, "DATE"), (20, 22, "ORG")]]
    assert merged.sources == [[0, 0, 0, 1]]
    assert merged.issues[["kind", "suggested_value"]].to_numpy().tolist() == [
        ["conflict", '{"end":11,"label":"Place","start":5}']
    ]
    run = wb.import_run(merged.frame(), tmp_path / "run", label="spans", text="text", id="id", task="spans")
    assert run.classes == ("DATE", "ORG", "Person", "Place")


def test_merged_data_sets():
    found = wb.spans.map_types(
        [[(0, 1, "PER"), (1, 2, "X")]], [["B-PER"], ["B-X"]], texts=[["Ada", "q"]], other_texts=[["Ada"], ["r"]]
    )
    assert found.types()["PER"] == "PER"
    merged = wb.spans.merge_schemes(
        [["B-PER", "B-X"]], [["B-PER"], ["B-X"]], {"PER": "PER"}, texts=[["Ada", "q"]], other_texts=[["Ada"], ["r"]]
    )
    assert merged.tags() == [["B-PER", "B-X (one)"], ["B-PER"], ["B-X"]]
    assert merged.sources == [[0, 0], [1], [1]] and merged.tokens == [["Ada", "q"], ["Ada"], ["r"]]


def test_entities_in_common():
    one = [[(0, 3, "PER"), (4, 8, "LOC")], [(0, 3, "PER"), (4, 6, "PER")]]
    found = wb.spans.entity_overlap(one, [[(0, 3, "NAME")]], texts=["Ada Rome", "ADA Bo"], other_texts=["ada"])
    assert found.loc[("PER", "NAME")].tolist() == [2, 1, 0.5, 3, 2]
    everything = found[found.index.get_level_values("other").isna()]
    assert everything["common"].tolist() == [0, 1]


def slots(n, seed, names, types, turn):
    """Sentences of 8 tokens, a third of them slots, with embeddings that are a noisy linear map of the types' ones."""
    rng = np.random.default_rng(seed)
    true, vectors = [], []
    for _ in range(n):
        own = [str(rng.choice(names)) if rng.random() < 0.33 else "O" for _ in range(8)]
        base = np.stack([np.zeros(4) if one == "O" else types[one] for one in own])
        vectors.append(base @ turn + rng.normal(0, 0.3, (8, 12)))
        true.append([(at, at + 1, one) for at, one in enumerate(own) if one != "O"])
    return true, vectors


@pytest.fixture(scope="module")
def domain():
    """Ten types with descriptions in four dimensions, three of which only the other domain has."""
    rng = np.random.default_rng(0)
    types = {f"slot{one}": row / np.linalg.norm(row) for one, row in enumerate(rng.normal(size=(10, 4)))}
    turn = rng.normal(size=(4, 12))
    names = list(types)
    return types, slots(120, 1, names[:7], types, turn), slots(40, 2, names[7:], types, turn)


def test_flipped_types_are_doubted(domain):
    types, (true, vectors), _ = domain
    seen = {name: types[name] for name in list(types)[:7]}
    rng = np.random.default_rng(3)
    flipped = [[rng.random() < 0.1 for _ in own] for own in true]
    wrong = [
        [(*span[:2], f"slot{(int(span[2][4:]) + 3) % 7}") if bad else span for span, bad in zip(*both)]
        for both in zip(true, flipped)
    ]
    found = wb.spans.nearest_types(wrong, vectors, seen, tokens=[["w"] * 8] * 120)
    units = found.issues[found.issues["kind"] == "type"]
    doubt = np.concatenate([np.zeros(len(own)) for own in wrong])
    first = np.cumsum([0, *map(len, wrong)])
    for row, unit, margin in zip(units["row"], units.index.get_level_values("unit"), units["margin"]):
        doubt[first[row] + int(unit[1:])] = -margin
    assert roc_auc_score([bad for own in flipped for bad in own], doubt) > 0.95
    assert found.probs[0].sum(axis=1) == pytest.approx(np.ones(8)) and found.probs[0].shape == (8, 8)


def test_unseen_types_of_another_domain_are_found(domain):
    types, (true, vectors), (other, others) = domain
    found = wb.spans.nearest_types([*true, *[None] * 40], [*vectors, *others], pd.DataFrame(types).T)
    pairs = [(set(one), set(two)) for one, two in zip(found.spans[120:], other)]
    hits = sum(len(one & two) for one, two in pairs)
    assert 2 * hits / sum(len(one) + len(two) for one, two in pairs) > 0.6
    assert {span[2] for own in found.spans[120:] for span in own} >= set(list(types)[7:])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: wb.spans.map_types([[]], [[(0, 1, "A")]]), "`one` has no spans"),
        (lambda: wb.spans.map_types([["B-A"]], [["B-A"], ["O"]]), "`texts` is not given"),
        (lambda: wb.spans.map_types([["B-A"]], [["B-A"]], graphs=([[1, 2]], [[1]])), "array of shape (1, 2)"),
        (lambda: wb.spans.merge_schemes([["B-A"]], [["B-B"]], {"A": "C"}), "maps 'A' to 'C'"),
        (lambda: wb.spans.nearest_types([["B-A"]], [[[1.0]]], {"A": [1.0]}), "has 1 labelled sentences"),
        (lambda: wb.spans.nearest_types([["B-A"]], [[[1.0]]], {"B": [1.0]}), "unknown type 'A'"),
        (lambda: wb.spans.nearest_types([["B-A"]], [[[1.0]]], [1]), "is a list"),
        (
            lambda: wb.spans.nearest_types([["O", "B-A"], ["O"]], [[[1.0]], [[1.0]]], {"A": [1.0]}, folds=2),
            "a span ends at 2",
        ),
        (lambda: wb.spans.nearest_types([["B-A"]], [[[np.nan]]], {"A": [1.0]}, folds=2), "holds NaN"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(InputError) as error:
        call()
    assert words in str(error.value)
