"""Wrong boxes in images whose errors are known: ranking, probabilities, kinds, suggestions, refusals, reasons."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from simulated_boxes import CLASSES, SHIFT, is_wrong, places_of_units, simulated
from sklearn.metrics import average_precision_score

import workbench as wb
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.issues.boxes import judged_boxes as judging
from workbench.issues.boxes.box_features import support
from workbench.issues.boxes.locations import locations_of
from workbench.issues.boxes.matched_boxes import GivenBoxes, matched
from workbench.issues.boxes.place_forms import worth_listing
from workbench.issues.boxes.planted_odds import (
    ShareBounds,
    in_order_of,
    most_overlooked,
    probabilities_of,
    share_bounds,
)
from workbench.issues.boxes.planting import PLANTED_MIX, planted_boxes
from workbench.issues.boxes.results import suggested_for_given
from workbench.issues.calibration import calibration_error
from workbench.tasks.box_overlaps import box_ious
from workbench.tasks.box_stages import PREDICTED_STAGES
from workbench.tasks.scored_boxes import ScoredBoxes

pytestmark = pytest.mark.usefixtures("recalling_here")

MADE = simulated()


def issues(labels, predictions, **named):
    return wb.find_issues(labels, task="boxes", classes=CLASSES, predictions=predictions, per="unit", **named)


@pytest.fixture
def few_trees(monkeypatch) -> None:
    """For tests that do not say how well errors are ranked; what they learn is not kept for the others."""
    monkeypatch.setattr("workbench.foundation.recall.KEPT_RESULTS", 0)
    monkeypatch.setattr("workbench.issues.boxes.planted_odds.BOX_TREES", 3)


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    return issues(MADE.labels, MADE.predictions)


@pytest.fixture(scope="module")
def places() -> dict[tuple[int, str], list[float]]:
    return places_of_units(MADE)


@pytest.fixture(scope="module")
def wrong(found, places) -> np.ndarray:
    return is_wrong(found.index, MADE, places)


def test_wrong_boxes_come_first_and_the_probabilities_are_right(found, wrong):
    score = found["p_error"].to_numpy()
    plain = np.where(found["given_label"] == "nothing", found["score"], 1 - found["score"])
    assert average_precision_score(wrong, score) > 0.75 > 0.1 + average_precision_score(wrong, plain)
    assert calibration_error(score, wrong) < 0.05
    low, high = found.attrs["expected_errors_interval"]
    assert low <= wrong.sum() <= high


def test_a_box_that_is_given_twice_is_wrong_once_and_changes_nothing_else(found):
    labels = [dict(one) for one in MADE.labels]
    for image in (3, 7, 8):
        one = labels[image]
        again = np.add(one["bboxes"][:1], [0.1, 0, 0, 0.1])
        labels[image] = {"bboxes": np.concatenate([one["bboxes"], again]), "labels": [*one["labels"], one["labels"][0]]}
    twice = issues(labels, MADE.predictions)
    repeated = [(image, f"g{len(MADE.labels[image]['bboxes'])}") for image in (3, 7, 8)]
    assert (twice.loc[repeated, "p_error"] > 0.98).all() and (twice.loc[repeated, "kind"] == "spurious").all()
    assert twice.loc[repeated, "reasons"].str.match("box 0 overlaps it by .99: one object twice").all()
    pd.testing.assert_series_equal(twice["p_error"].drop(repeated), found["p_error"], check_index=False)
    ends, before = (np.array(one.attrs["expected_errors_interval"]) for one in (twice, found))
    assert np.allclose(ends, before + 3, atol=0.1)


def test_places_that_misplaced_boxes_left_are_found():
    labels = [{**one, "bboxes": one["bboxes"].copy()} for one in MADE.labels]
    left: dict[int, list[np.ndarray]] = {}
    for (image, key), kind in MADE.wrong.items():
        if kind == "place":
            boxes, at = labels[image]["bboxes"], int(key[1:])
            left.setdefault(image, []).append(boxes[at] - SHIFT)
            boxes[at] += SHIFT / 2  # too far to own the prediction of its object
    moved = MADE._replace(labels=labels)
    found = issues(labels, MADE.predictions)
    places = places_of_units(moved)
    given = np.array([key.startswith("g") for _, key in found.index])
    found = found[~given & ~is_wrong(found.index, moved, places)]
    at_left = is_wrong(found.index, moved._replace(missing=left), places)
    assert at_left.sum() > 30
    assert average_precision_score(at_left, found["p_error"]) > 0.7  # .26 where only dropped boxes are planted
    assert found.loc[at_left, "p_error"].mean() > 0.3 > 0.1 > found.loc[~at_left, "p_error"].mean()


def test_kinds_of_errors_and_suggestions(found):
    given = found[[key.startswith("g") for _, key in found.index]]
    kind = np.array([MADE.wrong.get(place, "") for place in given.index])
    wrong = given[kind != ""]
    assert (wrong["kind"] == kind[kind != ""]).mean() > 0.85
    clear = wrong["p_error"] > 0.5  # others keep the given value
    wrong, kind = wrong[clear], kind[kind != ""][clear]
    places = wrong[(wrong["kind"] == "place") & (kind == "place")]
    moved = np.array([json.loads(value)["box"] for value in places["suggested_value"]])
    before = np.array([json.loads(value)["box"] for value in places["given_value"]])
    assert np.median(box_ious(moved, before - SHIFT)) > 0.8
    assert (places["given_label"] == places["suggested_label"]).mean() > 0.9
    swapped = wrong[(wrong["kind"] == "class") & (kind == "class")]
    back = [CLASSES[CLASSES.index(one) - 1] for one in swapped["given_label"]]
    assert (swapped["suggested_label"] == back).mean() > 0.9
    assert (wrong.loc[wrong["kind"] == "spurious", "suggested_value"] == "null").all()
    new = found[found["given_label"] == "nothing"]
    assert set(new["kind"]) == {"overlooked"} and (new["given_value"] == "null").all()
    assert new.loc[new["p_error"] > 0.8, "suggested_label"].isin(CLASSES).all()


def test_reasons_name_predictions_and_places(found):
    top = found.head(40)
    assert top["reasons"].str.startswith("out-of-fold: ").all()
    assert top.loc[top["given_label"] == "nothing", "reasons"].str.endswith("no given box is there").all()
    assert found.loc[found["kind"] == "place", "reasons"].str.contains("overlaps it by .").any()


def test_the_report_says_what_was_planted(found):
    assert "15% overlooked, 6% class, 8% place, 6% spurious" in found.attrs["method"]
    assert "predictions show" in found.attrs["method"]


def test_verdicts_move_the_two_parts_apart(found, wrong):
    rng = np.random.default_rng(0)
    wrong = pd.Series(wrong, index=found.index)
    # A reviewer to whom half of the given boxes that are right are too loose.
    loose = found["given_label"].ne("nothing") & ~wrong & (rng.random(len(found)) < 0.5)
    verdicts = (wrong | loose).sample(200, random_state=0)
    moved = issues(MADE.labels, MADE.predictions, verdicts=verdicts).loc[found.index]
    given = found["given_label"].ne("nothing")
    assert moved.loc[given, "p_error"].mean() > 2 * found.loc[given, "p_error"].mean()
    assert calibration_error(moved["p_error"].to_numpy(), wrong | loose) < 0.08


def test_few_boxes_are_refused_in_words(few_trees):
    few = simulated(3)
    found = issues(few.labels, few.predictions)
    assert not found.attrs["errors_identified"]
    assert "errors could be planted among" in found.attrs["errors_in_words"]
    assert found["p_error"].between(0, 1).all()


def test_systematic_omissions_are_refused_in_words(few_trees):
    rng = np.random.default_rng(0)
    labels = [dict(one) for one in MADE.labels]
    for one in labels:
        keep = (one["bboxes"][:, 0] > 90) | (rng.random(len(one["labels"])) < 0.1)
        one["bboxes"], one["labels"] = one["bboxes"][keep], np.array(one["labels"])[keep].tolist()
    found = issues(labels, MADE.predictions)
    assert not found.attrs["errors_identified"]
    low, high = found.attrs["expected_errors_interval"]
    assert high > 2 * low


def test_one_class_and_images_without_boxes(few_trees):
    one = simulated(60, seed=1, k=1)
    labels = [*one.labels, {"bboxes": np.empty((0, 4)), "labels": []}]
    predictions = [*one.predictions, {"bboxes": np.empty((0, 4)), "scores": [], "labels": []}]
    found = wb.find_issues(labels, task="boxes", classes=["car"], predictions=predictions, per="unit")
    assert "class" not in set(found["kind"])
    assert len(wb.find_issues(labels, task="boxes", classes=["car"], predictions=predictions)) == len(labels)


def test_an_image_without_a_label_gets_proposals_only(few_trees):
    labels = [None, *MADE.labels[1:]]
    found = issues(labels, MADE.predictions).loc[0]
    assert found["p_error"].isna().all() and found["given_label"].isna().all()
    assert set(found["suggested_label"]) <= set(CLASSES)


def test_boxes_of_crowds_match_any_number_of_predictions(few_trees):
    labels = [dict(one) for one in MADE.labels]
    sizes = [len(one["labels"]) for one in labels]
    labels[0]["bboxes"] = np.concatenate([labels[0]["bboxes"], [[0, 0, 200, 200]]])
    labels[0]["labels"] = [*labels[0]["labels"], "car"]
    labels[0]["more"] = [None] * sizes[0] + [{"crowd": True}]
    found = issues(labels, MADE.predictions).loc[0]
    assert not (found["given_label"] == "nothing").any()
    assert found.loc[f"g{sizes[0]}", "p_error"] == 0


def test_points_are_judged_by_boxes_and_by_points(monkeypatch):
    monkeypatch.setattr("workbench.foundation.recall.KEPT_RESULTS", 0)
    monkeypatch.setattr("workbench.issues.boxes.planted_odds.BOX_TREES", 15)
    both = (MADE.labels, MADE.predictions)
    middle = [[(one["bboxes"][:, :2] + one["bboxes"][:, 2:]) / 2 for one in part] for part in both]
    points = [{"points": at, "labels": one["labels"]} for at, one in zip(middle[0], MADE.labels)]
    centers = [
        {"points": at, "scores": one["scores"], "labels": one["labels"]} for at, one in zip(middle[1], MADE.predictions)
    ]
    moved = {place for place, kind in MADE.wrong.items() if kind == "place"}
    for predictions in (MADE.predictions, centers):
        found = wb.find_issues(points, task="points", classes=CLASSES, predictions=predictions, per="unit")
        given = found[[key.startswith("g") for _, key in found.index] & ~found.index.isin(list(moved))]
        wrong = np.array([place in MADE.wrong for place in given.index])
        assert average_precision_score(wrong, given["p_error"]) > 0.8
        value = json.loads(found["suggested_value"][found["given_label"] == "nothing"].iloc[0])
        assert set(value) == {"point", "label"}


@pytest.mark.parametrize("known", ["columns", "header", "neither"])
@pytest.mark.parametrize("task", ["boxes", "points"])
def test_suggestions_lie_in_their_image(known, task, few_trees):
    """Sizes come from the columns, or from the picture, which lies on its side by its EXIF data; a given box that
    reaches beyond its image stays as it is when only its class is doubted."""
    labels = [[(-3.0, 4.0, 20.0, 22.0, "cat")], [], None, []]
    wide = {"bboxes": [[-3.0, 4.0, 20.0, 22.0]], "scores": [0.9], "labels": ["dog"]}
    corner = {"bboxes": [[-4.0, 70.0, 31.34, 88.0]], "scores": [0.9], "labels": ["dog"]}
    away = {"bboxes": [[5.0, 81.0, 20.0, 95.0]], "scores": [0.9], "labels": ["dog"]}
    predictions = [wide, corner, corner, away]
    if task == "points":
        labels = [None if own is None else [(1.0, y, name) for _, y, _, _, name in own] for own in labels]
        corner = {"points": [[-2.0, 80.4]], "scores": [0.9], "labels": ["dog"]}
        predictions = [{"points": [[1.0, 4.0]], "scores": [0.9], "labels": ["dog"]}, corner, corner, corner]
    frame = pd.DataFrame({"labels": labels})
    if known == "columns":
        frame = frame.assign(width=30, height=80)
    elif known == "header":
        out, turned = io.BytesIO(), Image.Exif()
        turned[0x0112] = 6
        Image.new("L", (80, 30)).save(out, "JPEG", exif=turned)
        frame = frame.assign(image=[out.getvalue()] * 4)
    named = {"image": "image"} if known == "header" else {}
    data = wb.Dataset.from_frame(frame, task=task, label="labels", classes=["cat", "dog"], **named)
    units = wb.find_issues(data, predictions=predictions, per="unit")
    place = "box" if task == "boxes" else "point"
    found = {}
    for (row, key), text in units["suggested_value"].items():
        if text != "null":
            found.setdefault(int(row), []).append((key[0], json.loads(text)[place]))
    beyond, inner = ([-4, 70, 31.34, 88], [0, 70, 30, 80]) if task == "boxes" else ([-2, 80.4], [0, 80])
    new = [("c", beyond if known == "neither" else inner)]
    assert found[1] == found[2] == new
    assert found[0] == ([("g", [-3, 4, 20, 22])] if task == "boxes" else [("g", [1, 4])])
    assert (3 in found) == (known == "neither" or task == "points")


def test_predictions_are_needed():
    with pytest.raises(MissingEvidence, match="`predictions`"):
        wb.find_issues(MADE.labels, task="boxes", classes=CLASSES)


def scored(places, label, score, class_scores=None) -> ScoredBoxes:
    places = np.array(places, float)
    return ScoredBoxes(np.zeros(len(places), int), places, np.array(label), np.array(score, float), class_scores)


def test_predictions_of_several_classes_at_one_place_are_one_location():
    seen = locations_of(scored([[0, 0, 10, 10], [0, 0, 10, 9], [40, 40, 50, 50]], [0, 2, 1], [0.6, 0.7, 0.4]), 3)
    assert seen.label.tolist() == [2, 1] and seen.other.tolist() == [0, -1]
    assert seen.score.tolist() == [0.7, 0.4] and seen.second.tolist() == [0.6, 0]
    assert seen.class_score(np.array([0, 0, 1]), np.array([0, 1, 1])).tolist() == [0.6, 0, 0.4]
    vectors = np.array([[0.1, 0.2, 0.7], [0.65, 0.0, 0.3]])
    seen = locations_of(scored([[0, 0, 10, 10], [0, 0, 10, 9]], [2, 0], [0.7, 0.65], vectors), 3)
    assert seen.class_score(np.zeros(3, int), np.arange(3)).tolist() == [0.65, 0.2, 0.7]


def test_a_badly_placed_box_owns_its_object():
    boxes = np.array([[0, 0, 10, 10], [50, 50, 60, 60.0]])
    given = GivenBoxes(np.zeros(2, int), boxes, np.zeros(2, int), np.zeros(2, bool))
    seen = locations_of(scored([[0, 5, 10, 15], [80, 80, 90, 90]], [0, 0], [0.9, 0.8]), 1)
    met = matched(given, seen)
    assert met.match.tolist() == [0, -1] and met.candidates.tolist() == [1]


def test_a_box_is_moved_to_the_object_and_not_to_a_doubtful_place_beside_it():
    boxes = np.array([[0, 0, 10, 10], [50, 50, 60, 60.0]])
    given = GivenBoxes(np.zeros(2, int), boxes, np.zeros(2, int), np.zeros(2, bool))
    seen = locations_of(scored([[0, 5, 10, 15], [1, -1, 11, 9], [50, 50, 60, 61]], [0, 0, 0], [0.9, 0.05, 0.8]), 1)
    met = matched(given, seen)
    part = judging.JudgedPart(np.ones(2), None, 0, 1.0)
    kinds = np.tile([0.0, 1.0, 0.0], (2, 1))
    judged = judging.JudgedBoxes(seen, met, given, part, part, kinds, support(given, seen, met))
    assert suggested_for_given(judged).places.tolist() == [[0, 5, 10, 15], [50, 50, 60, 61]]


def test_errors_are_planted_as_described():
    rng = np.random.default_rng(0)
    made = simulated(400, seed=2)
    rows = np.repeat(np.arange(400), [len(one["labels"]) for one in made.labels])
    places = np.concatenate([one["bboxes"] for one in made.labels])
    label = np.array([CLASSES.index(name) for one in made.labels for name in one["labels"]])
    given = GivenBoxes(rows, places, label, np.zeros(len(rows), bool))
    planted = planted_boxes(given, np.bincount(label) / len(label), rng)
    assert (np.diff(planted.given.rows) >= 0).all()
    assert len(planted.dropped.rows) / len(rows) == pytest.approx(PLANTED_MIX["overlooked"], abs=0.03)
    shares = np.bincount(planted.kind[planted.kind >= 0], minlength=3) / len(rows)
    assert shares[:2] == pytest.approx([PLANTED_MIX["class"], PLANTED_MIX["place"]], abs=0.02)
    assert 0.02 < shares[2] < PLANTED_MIX["spurious"] + PLANTED_MIX["duplicate"] + 0.02
    assert len(planted.given.rows) == len(rows) - len(planted.dropped.rows) + (planted.kind == 2).sum()


def test_bounds_find_the_share_of_separated_errors():
    rng = np.random.default_rng(0)
    clean, wrong = rng.normal(-4, 1, 9000), rng.normal(4, 1, 1000)
    alike = share_bounds(np.concatenate([clean, wrong]), rng.normal(4, 1, 2000))
    assert alike.low == pytest.approx(0.1, rel=0.1) and alike.high == pytest.approx(0.1, rel=0.1)
    assert not alike.failed and alike.slope > 0.9
    milder = share_bounds(np.concatenate([clean, wrong - 2]), rng.normal(4, 1, 2000))
    assert milder.low < 0.02 < milder.high < 0.11 and milder.slope < 0.8
    assert share_bounds(np.zeros(1000), np.zeros(50)).failed
    assert alike.identified and not milder.identified
    # A ratio of 2.9 from ten units above the higher threshold may be 4 as well.
    few, many = ShareBounds(0.01, 0.029, 1000), ShareBounds(0.01, 0.029, 1_000_000)
    assert not few.identified and many.identified
    # An upper bound from elsewhere makes neither of two that are apart, or above it, a known share.
    assert many.at_most(0.02).identified and many.at_most(0.02)[:2] == (0.01, 0.02)
    assert not few.at_most(0.012).identified and not many.at_most(0.005).identified
    assert many.at_most(0.005)[:2] == (0.005, 0.005)
    odds = np.concatenate([clean, wrong])
    p = probabilities_of(odds, alike)
    assert p.mean() == pytest.approx(alike.middle, rel=1e-3) and (np.diff(p[np.argsort(odds)]) >= 0).all()
    assert in_order_of(np.array([3.0, 1, 2]), np.array([0.1, 0.2, 0.3])).tolist() == [0.3, 0.1, 0.2]


def test_scores_bound_the_overlooked_objects_on_any_scale():
    rng = np.random.default_rng(0)
    score = rng.beta(0.1, 0.3, 20_000)
    there = rng.random(20_000) < score
    for omitted in (0.05, 0.2, 0.4):
        candidates = np.flatnonzero(~there | (rng.random(20_000) < omitted))
        share, most = there[candidates].mean(), most_overlooked(score, candidates)
        assert share < most < share + 0.1
        assert most == pytest.approx(most_overlooked(score**3 / 2, candidates))
    assert most_overlooked(score, np.arange(20_000)) == 1 == most_overlooked(score, np.arange(0))


def test_errors_are_planted_into_a_sample_of_many_images(places, monkeypatch):
    monkeypatch.setattr(judging, "TAUGHT_UNITS", 600)
    found = issues(MADE.labels, MADE.predictions)
    wrong = is_wrong(found.index, MADE, places)
    assert average_precision_score(wrong, found["p_error"]) > 0.7


def test_predictions_of_small_score_are_counted_instead_of_listed(monkeypatch):
    found = scored(np.tile([0, 0, 9, 9.0], (10, 1)), [0] * 10, np.arange(10) / 100)
    listed, below = worth_listing(found, 5)
    assert listed.score.tolist() == pytest.approx([0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09])
    assert len(below.rows) == 2
    monkeypatch.setattr("workbench.issues.boxes.place_forms.MOST_LISTED", 3)
    assert len(worth_listing(found, 0)[0].rows) == 3


def in_stages(made, count: int = 4) -> list[list[dict]]:
    """Predictions of stages of which the last are those of the detector; at the first box of image 0 they disagree."""
    box, given = made.labels[0]["bboxes"][:1], made.labels[0]["labels"][0]
    other = next(name for name in CLASSES if name != given)
    stages = [list(made.predictions) for _ in range(count)]
    for number, stage in enumerate(stages[:-1]):
        stage[0] = {"bboxes": box, "labels": [(other, given)[number % 2]], "scores": [0.9]}
    return stages


def test_stages_are_a_reason_and_the_last_one_is_the_prediction(found, monkeypatch):
    monkeypatch.setattr("workbench.foundation.recall.KEPT_RESULTS", 0)
    stages = in_stages(MADE)
    only = issues(MADE.labels, None, stages=stages)
    elsewhere = found.index.get_level_values(0) != 0
    pd.testing.assert_frame_equal(only[elsewhere], found[elsewhere])  # which is also the same result computed again
    pd.testing.assert_frame_equal(only.drop(columns="reasons"), found.drop(columns="reasons"))
    assert only.attrs["evidence"] == "predictions, stages (for reasons only)"
    seen = wb.vision.stage_flips(MADE.labels, stages, classes=CLASSES).loc[(0, 0)]
    own, given = round(4 * (1 - seen["against"])), MADE.labels[0]["labels"][0]
    assert seen["flips"] >= 2
    told = f"its class changes {seen['flips']} times over 4 stages, {own} see {given}"
    assert only["reasons"].loc[(0, "g0")].endswith(told), "after other reasons"
    candidates = only["reasons"][only["given_label"] == "nothing"].loc[0]
    assert candidates.str.endswith("; only 1 of 4 stages see it").all() and len(candidates)
    most = [*stages, MADE.predictions, MADE.predictions, MADE.predictions]
    again = issues(MADE.labels[:12], None, stages=[one[:12] for one in most])["reasons"].loc[(0, "g0")]
    assert "stages" not in again, "most stages see the given class"
    assert not only["reasons"].drop(index=0, level=0).str.contains("stages").any(), "elsewhere all stages agree"


def test_stages_beside_predictions_and_in_a_run(tmp_path, few_trees):
    made = simulated(12)
    stages = in_stages(made)
    both = issues(made.labels, made.predictions, stages=stages[:2])
    assert "its class changes once over 2 stages, 1 see" in both["reasons"].loc[(0, "g0")]
    only = issues(made.labels, None, stages=stages)
    frames = [
        pd.DataFrame(image["bboxes"], columns=["x0", "y0", "x1", "y1"]).assign(
            label=image["labels"], score=image["scores"], stage=number, image=row
        )
        for number, stage in enumerate(stages)
        for row, image in enumerate(stage)
    ]
    table = pd.concat(frames, ignore_index=True)
    run = wb.import_run(made.labels, tmp_path / "run", task="boxes", classes=CLASSES, stages=table)
    pd.testing.assert_frame_equal(wb.find_issues(run, per="unit"), only)
    run.save_evidence("stages", stages, trained_on_labels=True)
    assert wb.find_issues(wb.open_run(run.path), per="unit")["reasons"].str.startswith("in-sample").any()


def test_stages_may_be_empty_or_have_scores_of_all_classes(tmp_path, few_trees):
    labels = [{"bboxes": [[0, 0, 9, 9]], "labels": ["car"]}, {"bboxes": [], "labels": []}]
    every = [{"bboxes": [[0, 0, 9, 9]], "class_scores": [[0.7, 0.2, 0.1]]}, None]
    run = wb.import_run(labels, tmp_path / "run", task="boxes", classes=CLASSES, stages=[[None, None], every])
    first, last = PREDICTED_STAGES.restore(run.dataset, PREDICTED_STAGES.store(run.dataset, [[None, None], every]))
    assert len(first.rows) == 0 and first.class_scores is None
    np.testing.assert_allclose(last.class_scores, [[0.7, 0.2, 0.1]])
    assert "its class changes once over 2 stages, 1 see car" in wb.find_issues(run, per="unit")["reasons"].iloc[0]


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([MADE.predictions], "`stages` has 1 entries"),
        (5, "`stages` is a int"),
        ([MADE.predictions, MADE.predictions[1:]], "`stages` 1: `predictions` has 149 entries for 150 labels"),
        (pd.DataFrame({"image": [0]}), "`stages` has no column 'stage'"),
        (pd.DataFrame({"stage": [0, None]}), "`stages` row 1 has no number as stage"),
    ],
)
def test_bad_stages_are_named(stages, message):
    with pytest.raises(InputError, match=message):
        issues(MADE.labels, None, stages=stages)


def test_points_have_no_stages():
    with pytest.raises(InputError, match=r"unknown array 'stages'\. Known: predictions"):
        wb.find_issues([[(1, 2, "car")]], task="points", stages=[[[]], [[]]])
