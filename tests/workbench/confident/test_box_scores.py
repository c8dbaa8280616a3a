"""ObjectLab's scores and decisions against cleanlab's object detection, and input that cleanlab does not accept."""

from __future__ import annotations

import time

import numpy as np
import pytest

from workbench import confident
from workbench.confident.box_issues import OBJECT_ERRORS
from workbench.foundation.errors import InputError


def drawn(seed, n=None, k=None, most=9, side=None, ties=None):
    """Random images: empty ones, equal boxes, boxes without area, predictions near the boxes and anywhere."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 10)) if n is None else n
    k = int(rng.integers(1, 6)) if k is None else k
    side = float(rng.choice([0.02, 100, 1000, 30_000])) if side is None else side
    ties = bool(rng.integers(2)) if ties is None else ties
    labels, predictions = [], []
    for _ in range(n):
        given, seen = rng.integers(0, most + 1, 2)
        boxes, found = (boxed(rng, one, side) for one in (given, seen))
        label, code = rng.integers(0, k, given), rng.integers(0, k, seen)
        if given > 2:
            boxes[1], boxes[2, 2:] = boxes[0], boxes[2, :2]
        for place in np.flatnonzero(rng.random(seen) < 0.7) if given else ():
            like = rng.integers(given)
            corners = (boxes[like] + rng.normal(0, side / 60 * rng.integers(2), 4)).reshape(2, 2)
            found[place] = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
            code[place] = label[like] if rng.random() < 0.8 else code[place]
        score = rng.beta(3, 0.6, seen)
        scored = np.concatenate([found, (np.round(score, 1) if ties else score)[:, None]], axis=1)
        labels.append({"bboxes": boxes, "labels": label})
        predictions.append([scored[code == one] for one in range(k)])
    return labels, predictions


def boxed(rng, m, side):
    corner = rng.uniform(0, side, (m, 2))
    return np.concatenate([corner, corner + rng.uniform(0, side / 3, (m, 2))], axis=1)


@pytest.fixture
def filters(monkeypatch):
    """cleanlab's filter, without processes of its own."""
    module = pytest.importorskip("cleanlab.object_detection.filter")
    monkeypatch.setattr(module, "Pool", Here)
    monkeypatch.setattr(module.np, "in1d", np.isin, raising=False)  # cleanlab needs it, NumPy dropped it
    return module


class Here:
    def __init__(self, processes):
        pass

    def starmap(self, function, calls):
        return [function(*one) for one in calls]

    def close(self):
        pass


@pytest.mark.parametrize("seed", range(24))
def test_scores_are_those_of_cleanlab(seed):
    rank = pytest.importorskip("cleanlab.object_detection.rank")
    labels, predictions = drawn(seed)
    check = seed % 3 > 0
    own = {"labels": labels, "predictions": predictions}
    theirs = {
        "overlooked": rank.compute_overlooked_box_scores(**own),
        "badly_located": rank.compute_badloc_box_scores(**own),
        "swapped": rank.compute_swap_box_scores(**own, overlapping_label_check=check),
    }
    mine = confident.box_scores(labels, predictions, check_overlaps=check)
    for name in OBJECT_ERRORS:
        for one, other in zip(mine[name], theirs[name], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)
    for weights in (None, {"overlooked": 0.5, "badly_located": 0.1, "swapped": 0.4}):
        named = weights and {"overlooked": 0.5, "badloc": 0.1, "swap": 0.4}
        options = {"aggregation_weights": named, "overlapping_label_check": check, "verbose": False}
        wanted = rank.get_label_quality_scores(labels, predictions, **options)
        found = confident.box_image_scores(labels, predictions, weights=weights, check_overlaps=check)
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_decisions_are_those_of_cleanlab(seed, filters):
    labels, predictions = drawn(seed, ties=False)
    wanted = filters.find_label_issues(labels, predictions)
    assert confident.find_box_issues(labels, predictions).tolist() == wanted.tolist()
    ranked = filters.find_label_issues(labels, predictions, return_indices_ranked_by_score=True)
    assert confident.find_box_issues(labels, predictions, ranked=True).tolist() == ranked.tolist()
    boxes = confident.find_box_issues(labels, predictions, per="unit")
    touched = [any(boxes[name][row].any() for name in OBJECT_ERRORS) for row in range(len(labels))]
    assert touched == wanted.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_predictions_of_equal_score_are_taken_in_their_order(seed, filters, monkeypatch):
    """On purpose: NumPy's default sort, which cleanlab uses, breaks ties in another order on other processors."""
    labels, predictions = drawn(seed, n=7, ties=True, side=100)
    usual = np.argsort
    with monkeypatch.context() as patch:
        patch.setattr(filters.np, "argsort", lambda values, *args, **named: usual(values, kind="stable"))
        wanted = filters.find_label_issues(labels, predictions)
    assert confident.find_box_issues(labels, predictions).tolist() == wanted.tolist()


def test_names_and_dicts_give_the_same_scores():
    labels, predictions = drawn(3, n=4, k=3, side=100)
    mine = confident.box_image_scores(labels, predictions)
    names = np.array(["car", "bus", "van"])
    as_dicts = [
        {
            "bboxes": np.concatenate(one)[:, :4],
            "scores": np.concatenate(one)[:, 4],
            "labels": np.repeat(names, [len(own) for own in one]).tolist(),
        }
        for one in predictions
    ]
    named = [one | {"labels": names[one["labels"]].tolist()} for one in labels]
    np.testing.assert_array_equal(confident.box_image_scores(named, as_dicts, classes=names.tolist()), mine)


def test_an_image_without_a_label_has_no_scores():
    labels, predictions = drawn(5, n=6, side=100)
    whole = confident.box_image_scores(labels[:-1], predictions[:-1])
    open_ = [*labels[:-1], None]
    found = confident.box_image_scores(open_, predictions)
    assert np.isnan(found[-1])
    np.testing.assert_allclose(found[:-1], whole)
    assert not confident.find_box_issues(open_, predictions)[-1]
    assert np.isnan(confident.box_scores(open_, predictions)["overlooked"][-1]).all()


def test_bad_input_names_the_image():
    labels, predictions = drawn(1, n=3, k=2, side=100)
    with pytest.raises(InputError, match="`weights` is"):
        confident.box_image_scores(labels, predictions, weights={"overlooked": 0.5})
    with pytest.raises(InputError, match="unknown kind of error 'badloc'"):
        confident.box_image_scores(labels, predictions, weights={"badloc": 1.0})
    with pytest.raises(InputError, match="unknown per 'box'"):
        confident.find_box_issues(labels, predictions, per="box")
    predictions[1][0] = np.array([[0, 0, 5, 5, np.nan]])
    with pytest.raises(InputError, match="`predictions` row 1"):
        confident.box_scores(labels, predictions)


@pytest.mark.slow
def test_scores_take_a_tenth_of_the_time_of_cleanlab():
    rank = pytest.importorskip("cleanlab.object_detection.rank")
    labels, predictions = drawn(0, n=100, k=5, most=18, side=1000, ties=False)
    began = time.perf_counter()
    wanted = rank.get_label_quality_scores(labels, predictions, verbose=False)
    theirs = time.perf_counter() - began
    began = time.perf_counter()
    found = confident.box_image_scores(labels, predictions)
    assert 10 * (time.perf_counter() - began) < theirs
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
