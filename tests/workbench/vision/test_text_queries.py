"""Masks of text queries, and attributes and tags compared with masks."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import workbench as wb
from workbench.foundation.errors import InputError

COLORS = "red", "green", "blue", "white"


@pytest.fixture(scope="module")
def phrases(scenes):
    """The shapes of the scenes as referring queries: masks, images, texts; 10 % have the mask of another query."""
    rng = np.random.default_rng(8)
    masks, images, texts, wrong = [], [], [], []
    for row, shapes in enumerate(scenes.shapes):
        for number, (mask, code) in enumerate(shapes):
            other = (number + 1) % len(shapes)
            swapped = rng.random() < 0.1
            masks.append(shapes[other][0] if swapped else mask)
            images.append(row)
            texts.append(f"the {COLORS[code - 1]} one, number {number}")
            wrong.append(swapped)
    return np.stack(masks), images, texts, np.array(wrong)


def test_masks_of_another_query_overlap_it(phrases):
    masks, images, texts, wrong = phrases
    assert 2 <= wrong.sum() <= 10
    found = wb.vision.query_overlap(masks, images, texts)
    assert roc_auc_score(wrong, found["overlap"]) > 0.9
    assert found.loc[wrong, "flagged"].all()
    other = found["other"].dropna()
    assert [images[row] for row in other] == [images[row] for row in other.index]


def test_overlap_by_hand_and_with_entities():
    masks = np.array([[[1, 1, 1, 0]], [[0, 0, 1, 1]], [[1, 1, 0, 0]]])
    entities = {"a": [[[1, 1, 0, 0]], [[0, 0, 1, 1]]], "b": [[[1, 0, 0, 0]], [[0, 1, 1, 1]]]}
    found = wb.vision.query_overlap(masks, ["a", "a", "b"], ["x", "y", "z"], entities=entities, above=0.4)
    assert found["overlap"].tolist() == [0.5, 0.5, 0] and found["flagged"].tolist() == [True, True, False]
    assert found["other"].tolist()[:2] == [1, 0] and found["other"].isna().tolist() == [False, False, True]
    assert found["entities"].tolist() == [[0, 1], [1], [0]]
    same = wb.vision.query_overlap(masks, ["a", "a", "b"], ["x", "x", "z"])
    assert not same["flagged"].any(), "equal texts may select the same"


def test_the_exclusive_map_is_chosen():
    """Two queries with two expressions each; the first of the first query also shows the second thing."""
    responses = [
        np.array([[[0.9, 0.0, 1.0, 0.0]], [[1.0, 0.2, 0.1, 0.0]]]),
        np.array([[[0.1, 0.0, 1.0, 0.0]], [[0.9, 0.0, 1.0, 0.0]]]),
    ]
    found = wb.vision.exclusive_maps(responses)
    assert found.chosen.tolist() == [1, 0]
    assert found.masks.astype(int).tolist() == [[[1, 0, 0, 0]], [[0, 0, 1, 0]]]
    # the mean of the other query is [.5, 0, 1, 0]
    own, other = np.array([1, 0.2, 0.1, 0]), np.array([0.5, 0, 1, 0])
    wanted = (own * np.maximum(own - other, 0)).sum() / (own**2).sum()
    assert found.exclusiveness[0][1] == pytest.approx(wanted)
    truth = [[[1, 1, 0, 0]], [[0, 0, 0, 1]]]
    assert wb.vision.pointing_accuracy(found.maps, truth) == 0.5


def test_exclusive_maps_point_at_their_shape_more_often(scenes):
    """One expression in two responds to the shape of another query too, with random strength."""
    rng = np.random.default_rng(9)
    hits, first = [], []
    for shapes in scenes.shapes:
        responses = []
        for number, (mask, _) in enumerate(shapes):
            other = shapes[(number + 1) % len(shapes)][0]
            maps = [mask + rng.uniform(0.5, 1.5) * other, mask + 0.3 * other]
            responses.append(np.stack(maps) + rng.random((2, 32, 32)) * 0.2)
        truth = np.stack([mask for mask, _ in shapes])
        found = wb.vision.exclusive_maps(responses)
        assert not (found.masks.sum(axis=0) > 1).any()
        hits.append(wb.vision.pointing_accuracy(found.maps, truth))
        first.append(wb.vision.pointing_accuracy(np.stack([one[0] for one in responses]), truth))
    assert np.mean(hits) > np.mean(first) + 0.1 and np.mean(hits) > 0.95


def test_adding_the_true_name_raises_the_iou(scenes, miou):
    names = {COLORS[code - 1] if code else "ground": scenes.centers[code] for code in range(4)}
    before = wb.vision.label_by_names(scenes.features, names)
    after = before.add("white", scenes.centers[4])
    unit = np.moveaxis(scenes.features, 1, -1)
    unit = unit / np.linalg.norm(unit, axis=-1, keepdims=True)
    centers = scenes.centers / np.linalg.norm(scenes.centers, axis=1, keepdims=True)
    np.testing.assert_array_equal(after.labels, (unit @ centers.T).argmax(axis=-1))
    assert after.names == ("ground", "red", "green", "blue", "white") and (after.labels[after.changed] == 4).all()
    np.testing.assert_array_equal(after.labels != before.labels, after.changed)
    assert miou(scenes.labels, after.labels, 5) > miou(scenes.labels, before.labels, 5) + 0.05
    single = wb.vision.label_by_names(scenes.features[0], names)
    np.testing.assert_array_equal(single.labels, before.labels[0])


def test_absent_texts_are_dropped_step_by_step():
    """Two things, three absent texts; "puppy" only loses its pixels once "dog" is alone."""
    maps = np.array([
        [[0.9, 0.9, 0.1, 0.1, 0.1, 0.0]],  # dog
        [[0.1, 0.1, 0.8, 0.9, 0.1, 0.0]],  # cat
        [[0.2, 0.2, 0.1, 0.1, 0.4, 0.0]],  # car: one weak pixel
        [[0.3, 0.2, 0.2, 0.2, 0.3, 0.0]],  # bus: has a pixel only when the car is gone
        [[0.1, 0.1, 0.1, 0.1, 0.1, 0.0]],  # sky: never
    ])  # fmt: skip
    texts = ["dog", "cat", "car", "bus", "sky"]
    found = wb.vision.drop_unsupported_texts(maps, texts, threshold=0.5, floor=0.3)
    assert found.texts == ["dog", "cat"]
    assert found.labels.tolist() == [[0, 0, 1, 1, -1, -1]]
    assert found.steps[0].tolist() == [[0, 0, 1, 1, 2, -1]] and len(found.steps) == 2
    first = found.table[found.table["step"] == 1].set_index("text")
    np.testing.assert_allclose(first["support"], [0.9, 0.85, 0.4, 0, 0])
    assert first["kept"].tolist() == [True, True, False, False, False]

    asked = []

    def scored(kept):
        asked.append(list(kept))
        return maps[[texts.index(text) for text in kept]]

    again = wb.vision.drop_unsupported_texts(scored, texts, threshold=0.5)
    assert asked == [texts, ["dog", "cat"]] and again.texts == found.texts
    none = wb.vision.drop_unsupported_texts(maps[2:], texts[2:], threshold=0.5)
    assert none.texts == [] and (none.labels == -1).all()


def test_attributes_find_the_mask_and_the_wrong_ones(scenes):
    """Each shape has a colour, a size and a place; the query describes it in the same or other words."""
    vectors = {}
    rng = np.random.default_rng(10)
    for group in (("red", "crimson"), ("green", "emerald"), ("blue", "azure"), ("white", "ivory"), ("left", "west"),
                  ("right", "east"), ("small", "tiny"), ("big", "large")):  # fmt: skip
        center = rng.normal(size=16)
        vectors |= {text: center + rng.normal(0, 0.2, 16) for text in group}
    other = dict(zip(("red", "green", "blue", "white", "left", "right", "small", "big"),
                     ("crimson", "emerald", "azure", "ivory", "west", "east", "tiny", "large")))  # fmt: skip
    right, flagged, wrong = [], [], []
    for shapes in scenes.shapes:
        described = {}
        for number, (mask, code) in enumerate(shapes):
            side = "left" if np.nonzero(mask)[1].mean() < 16 else "right"
            described[number] = [COLORS[code - 1], side, "small" if mask.sum() < 70 else "big"]
        if len({tuple(one) for one in described.values()}) < len(described):
            continue  # two shapes that no query distinguishes
        queries = {f"q{number}": [other[text] for text in own] for number, own in described.items()}
        given = {f"q{number}": (number + (number == 0)) % len(shapes) for number in described}
        found = wb.vision.match_attributes(queries, described, embeddings=vectors, given=given)
        assert found.matrix.shape == (len(queries), len(described))
        right += (found.picks["proposal"] == list(described)).tolist()
        flagged += found.picks["wrong"].tolist()
        wrong += [number != given[f"q{number}"] for number in described]
    assert len(right) > 20 and all(right) and flagged == wrong


def test_attributes_by_hand():
    vectors = {"a": [1, 0], "b": [0, 1], "c": [-1, 0]}
    found = wb.vision.match_attributes({"q": ["a", "b"]}, {7: ["a"], 9: ["b", "c"]}, embeddings=vectors)
    # a is in 7, b is not: (1 + 0) / 2; the one attribute of 7 is in q: 1. In 9: (0 + 1) / 2, (1 + 0) / 2
    assert found.matrix.loc["q"].tolist() == [0.75, 0.5]
    assert found.picks.loc["q"].tolist() == [7, 0.75, 0.5, 0.25]


def test_all_mismatches_of_tags_and_masks_are_found(scenes):
    rng = np.random.default_rng(11)
    tags = [sorted(set(np.unique(labels)) - {0}) for labels in scenes.labels]
    planted = set()
    for row in range(len(tags)):
        for code in range(1, 5):
            if rng.random() < 0.1:
                kind = "mask without tag" if code in tags[row] else "tag without mask"
                tags[row] = sorted(set(tags[row]) ^ {code})
                planted.add((row, code, kind))
    found = wb.vision.tags_against_masks(tags, scenes.labels)
    assert {(row, code, kind) for row, code, kind, _ in found.values} == planted and len(planted) > 3
    names = [*"abcde"]
    named = wb.vision.tags_against_masks([[names[one] for one in own] for own in tags], scenes.labels, classes=names)
    assert named["class"].tolist() == [names[one] for one in found["class"]]
    table = np.zeros((len(tags), 5), bool)
    for row, own in enumerate(tags):
        table[row, own] = True
    assert wb.vision.tags_against_masks(table, scenes.labels)["row"].tolist() == found["row"].tolist()
    few = wb.vision.tags_against_masks([[1]], np.array([[[1, 1, 2, 0]]]), least_pixels=2)
    assert few.empty, "one pixel of class 2 is not enough"


def test_refusals(scenes, phrases):
    masks, images, texts, _ = phrases
    with pytest.raises(InputError, match="`texts` has 2 entries for 48 masks"):
        wb.vision.query_overlap(masks, images, texts[:2])
    with pytest.raises(InputError, match="unknown image of `entities`"):
        wb.vision.query_overlap(masks, images, texts, entities={})
    with pytest.raises(InputError, match="Responses are at least 0"):
        wb.vision.exclusive_maps([-np.ones((1, 2, 2))])
    with pytest.raises(InputError, match="already there"):
        wb.vision.label_by_names(scenes.features, {"a": scenes.centers[0]}).add("a", scenes.centers[1])
    with pytest.raises(InputError, match="Pass 6 finite numbers"):
        wb.vision.label_by_names(scenes.features, {"a": [1, 2]})
    with pytest.raises(InputError, match="Pass different texts"):
        wb.vision.drop_unsupported_texts(np.ones((2, 1, 1)), ["a", "a"])
    with pytest.raises(InputError, match="unknown attribute in `embeddings` 'b'"):
        wb.vision.match_attributes({"q": ["a"]}, {0: ["b"]}, embeddings={"a": [1.0]})
    with pytest.raises(InputError, match="unknown proposal in `given` 5"):
        wb.vision.match_attributes({"q": ["a"]}, {0: ["b"]}, given={"q": 5})
    with pytest.raises(InputError, match="unknown tag of row 0 'x'"):
        wb.vision.tags_against_masks([["x"]], scenes.labels[:1], classes=[*"abcde"])
