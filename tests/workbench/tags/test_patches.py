"""Scores of places: the second digit of a canvas is located, crops get their own labels, lack of support shows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label
from sklearn.metrics import roc_auc_score

import workbench as wb
from workbench.foundation.errors import InputError


def test_the_other_digit_is_proposed_at_its_place(canvases):
    kept = [[str(one)] for one in canvases.kept]
    found = wb.tags.region_tags(kept, canvases.scores, classes=[str(one) for one in range(10)])
    rows, tags = found["row"].to_numpy(), found["tag"].astype(int).to_numpy()
    right = canvases.shown[rows, tags] == 1
    given = np.eye(10, dtype=int)[canvases.kept]
    missing = int((canvases.shown - given > 0).sum())
    assert right.mean() > 0.85 and right.sum() / missing > 0.75
    places = canvases.scores[rows, 0, :, tags].argmax(axis=1)
    assert np.allclose(found["x0"], places / 3) and np.allclose(found["area"], 1 / 3)
    assert (found["y0"] == 0).all() and (found["y1"] == 1).all() and found["score"].is_monotonic_decreasing


def test_regions_are_those_of_a_plain_search():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (5, 6, 8, 4))
    found = wb.tags.region_tags([[], [0], [], [], [3]], logits, softmax=True, threshold=0.6)
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    for (_, unit), one in found.iterrows():
        tag, maps = int(unit[1:]), p[one["row"], :, :, int(unit[1:])]
        assert one["score"] == pytest.approx(maps.max()) and (one["row"], tag) not in ((1, 0), (4, 3))
        places, _ = label(maps >= 0.6)
        ys, xs = np.nonzero(places == places[np.unravel_index(maps.argmax(), maps.shape)])
        box = [xs.min() / 8, ys.min() / 6, (xs.max() + 1) / 8, (ys.max() + 1) / 6]
        assert one[["x0", "y0", "x1", "y1"]].tolist() == pytest.approx(box)
        assert one["area"] == pytest.approx(len(xs) / 48)
    wanted = (
        (p.reshape(5, -1, 4).max(axis=1) >= 0.6).sum() - (p[1, :, :, 0].max() >= 0.6) - (p[4, :, :, 3].max() >= 0.6)
    )
    assert len(found) == wanted


def test_labels_of_crops_are_means_over_fine_points():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(2, 3, 4, 5))
    boxes = np.array([[0.1, 0.2, 0.65, 0.9], [0.0, 0.0, 1.0, 1.0], [0.5, 0.34, 0.55, 0.36]])
    rows = np.array([1, 0, 1])
    found = wb.tags.crop_tags(scores, rows, boxes, softmax=False)
    for row, (x0, y0, x1, y1), one in zip(rows, boxes, found):
        ys = (np.linspace(y0, y1, 601)[:-1] + (y1 - y0) / 1200) * 3
        xs = (np.linspace(x0, x1, 601)[:-1] + (x1 - x0) / 1200) * 4
        assert one == pytest.approx(scores[row][ys.astype(int)][:, xs.astype(int)].mean(axis=(0, 1)), abs=5e-3)
    soft = wb.tags.crop_tags(scores, rows, boxes)
    assert np.allclose(soft, np.exp(found) / np.exp(found).sum(axis=1, keepdims=True))


def test_labels_of_crops_are_right_more_often_than_the_one_label(canvases):
    rng = np.random.default_rng(2)
    rows, place = np.arange(200), rng.integers(0, 3, 200)
    boxes = np.stack([place / 3, np.zeros(200), (place + 1) / 3, np.ones(200)], axis=1)
    mask = (canvases.at == place[:, None]).any(axis=1)  # the crop shows a digit
    found = wb.tags.crop_tags(canvases.scores, rows, boxes, softmax=False).argmax(axis=1)
    first = canvases.at[:, 0] == place
    here = np.where(first, canvases.kept, found)
    shown = canvases.shown[rows, found] == 1
    assert shown[mask].mean() > 0.9 > (first[mask]).mean() + 0.3
    assert (found == here)[mask & first].mean() > 0.85


def test_patches_are_aggregated_as_by_hand():
    whole = np.array([[0.2, 0.6], [0.5, 0.1]])
    patches = np.array([[[0.9, 0.3], [0.1, 0.4]], [[0.2, 0.5], [0.4, 0.0]]])
    assert np.allclose(wb.tags.aggregate_patches(whole, patches), [[0.55, 0.45], [0.35, 0.3]])


def test_a_replay_states_every_deviation(canvases):
    patches = canvases.scores[:, 0]
    whole = patches.mean(axis=1)
    published = {"mean_average_precision": 0.5, "patches": 9, "threshold": 0.5, "model": "RN50"}
    found = wb.tags.replay_pseudo_labels(canvases.shown, whole, patches, published=published, settings={"model": "LR"})
    assert np.array_equal(found.soft, wb.tags.aggregate_patches(whole, patches))
    measured = wb.tags.metrics(canvases.shown, found.soft).summary.loc["all", "mean_average_precision"]
    report = found.report
    assert report.loc["mean_average_precision", "here"] == measured and measured > 0.85
    assert report.loc["mean_average_precision", "difference"] == pytest.approx(measured - 0.5)
    deviations = report.index[report["agrees"] == False].tolist()  # noqa: E712
    assert deviations == ["mean_average_precision", "patches", "model"]
    assert report.loc["threshold", "agrees"] is True and report.loc["macro_f1", "agrees"] is None
    same = wb.tags.replay_pseudo_labels(canvases.shown, whole, patches, published={"mean_average_precision": measured})
    assert same.report.loc["mean_average_precision", "agrees"] is True


def test_boosted_attributions_find_missed_small_digits(canvases):
    """Noisy maps: the mean of a map hardly shows one place of three; its positive part does."""
    rng = np.random.default_rng(3)
    logits = np.log(np.clip(canvases.scores, 1e-4, None)) - np.log(0.3) + rng.normal(0, 1, canvases.scores.shape)
    given = np.eye(10, dtype=int)[canvases.kept]
    unmarked, true = given == 0, canvases.shown
    plain, boosted = logits.mean(axis=(1, 2)), wb.tags.boost_attribution(logits)
    assert np.array_equal(wb.tags.boost_attribution(logits, factor=1), plain)
    by_hand = [max(one, 5 * one) for one in logits[7, 0, :, 4]]
    assert boosted[7, 4] == pytest.approx(np.mean(by_hand))
    areas = [roc_auc_score(true[unmarked], one[unmarked]) for one in (plain, boosted)]
    assert areas[1] > areas[0] + 0.02 and areas[1] > 0.9


def test_tags_without_mass_are_the_wrong_ones(canvases):
    """Embeddings of places lie near that of their digit; a sixth of the tags are wrong."""
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(10, 16))
    n = 200
    parts = np.stack([vectors[rng.permutation(np.flatnonzero(one).tolist() * 3)[:3]] for one in canvases.shown])
    parts = parts + rng.normal(0, 0.8, parts.shape)
    parts[:20, 2] = np.nan  # padding
    given = canvases.shown.copy()
    wrong = np.zeros(given.shape, bool)
    for row in rng.choice(n, 60, replace=False):
        wrong[row, rng.choice(np.flatnonzero(given[row] == 0))] = True
    given[wrong] = 1
    found = wb.tags.part_support(parts, vectors)
    assert np.allclose(found.mass.sum(axis=1), 1) and np.allclose(np.nansum(found.plan[:20, 2]), 0)
    assert roc_auc_score(wrong[given == 1], -found.mass[given == 1]) > 0.85
    unit = [one / np.linalg.norm(one, axis=-1, keepdims=True) for one in (parts[30], vectors)]
    weights = np.exp(unit[0] @ unit[1].T / 0.1)
    assert np.allclose(found.plan[30], weights / weights.sum(axis=1, keepdims=True) / 3)
    some = wb.tags.part_support(parts, vectors, tags=np.arange(10) < 4)
    assert np.allclose(some.mass[:, 4:], 0) and np.allclose(some.mass.sum(axis=1), 1)


def test_effects_of_masks_and_pictures():
    whole, masked = np.array([[0.9, 0.5]]), np.array([[[0.1, 0.5], [0.9, 0.6], [0.8, 0.5]]])
    effect = wb.tags.masking_effect(whole, masked)
    assert np.allclose(effect[0], [[0.8, 0.0], [0.0, -0.1], [0.1, 0.0]])
    found = wb.tags.proposals(np.array([[1, 1]]), effect.max(axis=1), drop_below=0.05)
    assert list(found["tag"]) == ["1"], "it depends on no part"
    picture = wb.tags.overlay(np.full((4, 6), 100, np.uint8), [[0.0, 2.0], [-1.0, 1.0]], strength=0.5)
    assert picture.shape == (4, 6, 3) and picture.dtype == np.uint8
    assert picture[0, 0].tolist() == [100, 100, 100] and picture[3, 0].tolist() == [100, 100, 100]
    assert picture[0, 5].tolist() == [178, 50, 50] and picture[3, 3].tolist() == [139, 75, 75]
    assert wb.tags.overlay(np.array([[0.0, 5.0]]), np.zeros((1, 1)))[0].tolist() == [[0, 0, 0], [255, 255, 255]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wb.tags.region_tags([[0]], np.zeros((2, 1, 1, 3))), "for 1 examples"),
        (lambda: wb.tags.crop_tags(np.zeros((1, 1, 1, 1)), [0], [[0.5, 0, 0.5, 1]]), "row 0 holds"),
        (lambda: wb.tags.crop_tags(np.zeros((1, 1, 1, 1)), [1], [[0, 0, 1, 1]]), "of the row 1"),
        (lambda: wb.tags.aggregate_patches([[0.1]], [[[1.2]]]), "`patches` holds numbers outside"),
        (lambda: wb.tags.boost_attribution(np.zeros((1, 1, 1)), factor=0.5), "`factor` is 0.5"),
        (lambda: wb.tags.part_support(np.zeros((1, 2, 3)), np.zeros((4, 2))), "`parts` has shape"),
        (lambda: wb.tags.masking_effect([[0.1]], [[0.1]]), "`masked` has shape"),
        (lambda: wb.tags.overlay(np.zeros((2, 2, 4)), [[1]]), "`image` has shape"),
    ],
)
def test_what_has_no_place_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
