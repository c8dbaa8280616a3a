"""Wrong regions of masks: ranked, counted, explained; refusals where the masks do not allow a number."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.metrics import average_precision_score

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.issues.calibration import calibration_error
from workbench.issues.masks.mask_objects import area_around, object_runs, objects_of
from workbench.issues.masks.planting import planted_masks
from workbench.issues.masks.region_shares import by_density_ratio, region_share
from workbench.tasks.run_lengths import decode_runs

pytestmark = pytest.mark.usefixtures("recalling_here")

SIDE, CLASSES = 48, ("ground", "disc", "square")


def shapes(n, seed):
    """Correct masks (n, 48, 48): three discs or squares on the ground."""
    random = np.random.default_rng(seed)
    masks = np.zeros((n, SIDE, SIDE), np.int16)
    y, x = np.mgrid[:SIDE, :SIDE]
    for mask in masks:
        for _ in range(3):
            (cy, cx), radius, code = random.uniform(6, 42, 2), random.uniform(4, 8), int(random.integers(1, 3))
            far = np.maximum(abs(y - cy), abs(x - cx)) if code == 2 else np.hypot(y - cy, x - cx)
            mask[far < radius] = code
    return masks


def predicted(true, seed, noise=1.8):
    """Probabilities (n, 3, 48, 48) of a model that is unsure at boundaries, and wrong at some places."""
    random = np.random.default_rng(seed)
    sharp = (np.arange(3)[:, None, None] == true[:, None]).astype(float)
    field = gaussian_filter(random.normal(size=sharp.shape), (0, 0, 2.5, 2.5))
    scores = 6 * gaussian_filter(sharp, (0, 0, 0.8, 0.8)) + noise * field / field.std()
    probs = np.exp(scores)
    return (probs / probs.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def world():
    """True masks, masks with errors, and the result per unit."""
    true = shapes(120, 0)
    frequency = np.bincount(true.ravel(), minlength=3) / true.size
    given = planted_masks(true, frequency, np.random.default_rng(7))
    data = wb.Dataset.from_arrays(given, task="masks", classes=CLASSES)
    return true, given, wb.find_issues(data, per="unit", threshold=0.0, pred_probs=predicted(true, 1))


def wrong_of(units, true, given):
    """Whether most pixels of each unit are wrong."""
    wrong = []
    for row, value in zip(units["row"], units["given_value"]):
        top, left, height, width, counts = json.loads(value)["region"]
        inside = decode_runs(counts, height, width)
        box = (row, slice(top, top + height), slice(left, left + width))
        wrong.append((true[box] != given[box])[inside].mean() >= 0.5)
    return np.array(wrong)


def test_wrong_regions_come_first(world):
    true, given, units = world
    wrong = wrong_of(units, true, given)
    assert 60 < wrong.sum() < len(wrong) / 3
    found = average_precision_score(wrong, units["p_error"])
    assert found > 0.9
    assert calibration_error(units["p_error"].to_numpy(), wrong) < 0.05
    assert units.attrs["expected_errors"] == pytest.approx(wrong.sum(), rel=0.35)
    low, high = units.attrs["expected_errors_interval"]
    assert low <= wrong.sum() <= high


def test_whole_objects_alone_may_be_wrong():
    """Most planted errors are parts of objects, and none of the real ones is."""
    true = shapes(120, 3)
    given, random = true.copy(), np.random.default_rng(10)
    for mask in given:
        if random.random() < 0.25:
            code = random.choice([1, 2])
            mask[mask == code] = random.choice([0, 3 - code])
    data = wb.Dataset.from_arrays(given, task="masks", classes=CLASSES)
    units = wb.find_issues(data, per="unit", threshold=0.0, pred_probs=predicted(true, 4, noise=1.2))
    wrong = wrong_of(units, true, given)
    assert calibration_error(units["p_error"].to_numpy(), wrong) < 0.05
    assert units["p_error"].sum() == pytest.approx(wrong.sum(), rel=0.3)


def test_units_are_explained(world):
    _, _, units = world
    assert set(units["kind"]) == {"boundary", "interior"}
    first = units.iloc[0]
    assert first["reasons"].startswith("out-of-fold: ") and f" pixels; {first['kind']}, " in first["reasons"]
    assert "a whole object of" in " ".join(units["reasons"])
    assert json.loads(first["suggested_value"])["label"] == first["suggested_label"] != first["given_label"]
    assert json.loads(first["suggested_value"])["region"] == json.loads(first["given_value"])["region"]


def test_accepted_suggestions_repair_the_masks(world, tmp_path):
    true, given, units = world
    data = wb.Dataset.from_arrays(given, task="masks", classes=CLASSES)
    run = wb.import_run(data, tmp_path / "run")
    for (name, unit), line in units[units["p_error"] > 0.5].iterrows():
        run.journal.relabel(name, line["suggested_value"], old=line["given_value"], units=unit)
    file = wb.export(run, tmp_path / "masks.zip", format="npy")
    fixed = data.kind.formats["npy"].read(file)
    after = np.array([np.repeat(one["labels"], one["lengths"]).reshape(SIDE, SIDE) for one in fixed.given])
    left = (after != np.array(CLASSES)[true]).mean()
    assert left < 0.4 * (given != true).mean()


def test_refusals_in_words(world):
    true, given, _ = world
    data = wb.Dataset.from_arrays(given[:6], task="masks", classes=CLASSES)
    probs = predicted(true, 1)[:6]
    few = wb.find_issues(data, pred_probs=probs).attrs
    assert not few["errors_identified"] and "regions of planted errors could be made" in few["errors_in_words"]
    seen = wb.find_issues(data, pred_probs=probs, out_of_fold=False).attrs
    assert not seen["errors_identified"] and "the model has seen the masks" in seen["errors_in_words"]
    without = wb.find_issues(data, per="unit", predictions=probs.argmax(axis=1))  # their probability is not known
    assert not without["reasons"].str.contains(r" \.\d\d").any() and without["reasons"].str.contains("instead of").all()
    none = wb.find_issues(data, per="unit", predictions=given[:6])
    assert not len(none) and none.attrs["expected_errors"] == 0
    with pytest.raises(InputError, match="unknown array 'probs'"):
        wb.find_issues(data, probs=probs)


def test_shares_and_probabilities_of_separated_errors():
    random = np.random.default_rng(0)
    clean, planted = random.normal(-3, 1, 900), random.normal(3, 1, 400)
    odds = np.concatenate([clean, random.normal(3, 1, 100)])
    share = region_share(odds, planted)
    assert 0.08 < share.low <= share.middle <= share.high < 0.13 and not share.failed
    p = by_density_ratio(odds, share.middle)
    assert p.mean() == pytest.approx(share.middle, abs=1e-6) and p.max() < 0.99
    assert (np.diff(p[np.argsort(odds)]) >= 0).all() and p[900:].mean() > 0.85 > 0.1 > p[:900].mean()
    assert region_share(np.zeros(100), np.zeros(50)).failed


def test_objects_are_connected_pixels_of_a_class():
    codes = np.array([[[1, 1, 0], [0, 1, 2], [2, 0, 2]]], np.int16)
    objects = objects_of([object_runs(np.array([0]), codes)])
    assert objects is not None and sorted(objects.area.tolist()) == [1, 1, 1, 1, 2, 3]
    at = np.array([0, 0, 0]), np.array([1, 2, 0]), np.array([1, 2, 2])
    assert area_around(objects, *at).tolist() == [3, 2, 1]


def test_planting_keeps_pixels_without_a_label_and_the_original():
    true = shapes(40, 3)
    true[:, :4] = -1
    before = true.copy()
    planted = planted_masks(true, np.array([0.8, 0.1, 0.1]), np.random.default_rng(0))
    assert np.array_equal(true, before) and ((planted == -1) == (true == -1)).all()
    assert 0.002 < (planted != true).mean() < 0.1
