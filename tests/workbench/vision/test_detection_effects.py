"""Average precision before and after a correction, detectors and answers ranked by given and corrected labels."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.vision.detection_metrics import averaged_precision

EVAL = Path(__file__).resolve().parents[3].parent / "shared" / "eval" / "kinds"


def made(seed: int, n: int = 60) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One or two boxes of two classes per image, and a detector that finds nearly all of them, with some false ones."""
    rng = np.random.default_rng(seed)
    row = np.sort(np.r_[np.arange(n), rng.integers(0, n, n // 2)])
    corner, size = rng.uniform(0, 200, (len(row), 2)), rng.uniform(20, 60, (len(row), 2))
    labels = pd.DataFrame(np.hstack([corner, corner + size]), columns=["x0", "y0", "x1", "y1"])
    labels = labels.assign(row=row, label=np.where(rng.random(len(row)) < 0.5, "cat", "dog"))
    found = labels[rng.random(len(row)) < 0.95].copy()
    found[["x0", "x1"]] += rng.normal(0, 2, (len(found), 1))
    false = found.sample(4 + n // 20, random_state=seed).assign(y0=400.0, y1=440.0)
    found = pd.concat([found, false], ignore_index=True)
    return labels, found.assign(score=np.where(found["y0"] < 400, rng.uniform(0.3, 1, len(found)), 0.5))


def brute_ap(right, wrong, counted):
    """Average precision of one curve, by the definition."""
    hits, misses = np.cumsum(right), np.cumsum(wrong)
    precision = hits / np.maximum(hits + misses, 1)
    return np.mean([max(precision[hits / counted >= recall], default=0.0) for recall in np.linspace(0, 1, 101)])


def test_weights_are_copies():
    """A weight of 3 is three copies of an image, entering the curve together."""
    rng = np.random.default_rng(0)
    for _ in range(30):
        right = rng.random(12) < 0.6
        weights = rng.integers(0, 4, 12)
        counted = int(weights[right].sum()) + 3
        hits, misses = np.cumsum(weights * right), np.cumsum(weights * ~right)
        precision = hits / np.maximum(hits + misses, 1)
        reached = [max(precision[hits / counted >= recall], default=0.0) for recall in np.linspace(0, 1, 101)]
        found = averaged_precision(right[None], ~right[None], weights[None], np.array([counted]))
        assert found[0, 0] == pytest.approx(np.mean(reached), abs=1e-12)
        once = averaged_precision(right[None], ~right[None], np.ones((1, 12)), np.array([12]))
        assert once[0, 0] == pytest.approx(brute_ap(right, ~right, 12), abs=1e-12)


def test_removed_labels_lower_the_average_precision_and_their_correction_restores_it():
    labels, found = made(0)
    dropped = labels.drop(labels.index[::5])
    table = wb.vision.compare_detections(dropped, found, after=labels, resamples=200)
    assert set(table.index[:-1]) == {"cat", "dog"} and table.index[-1] == "(mean)"
    for side, truth in (("before", dropped), ("after", labels)):
        alone = wb.vision.average_precision(truth, found)["ap"]
        np.testing.assert_allclose(table[side][:-1], alone[table.index[:-1]])
        assert table.loc["(mean)", side] == pytest.approx(alone.mean())
    assert (table["verdict"] == "better").all() and (table["low"] < table["difference"]).all()
    assert (table["difference"] < table["high"]).all()
    assert table["objects_after"].iloc[-1] == len(labels)
    same = wb.vision.compare_detections(labels, found, after_predictions=found, resamples=20)
    assert (same[["difference", "low", "high"]] == 0).all().all()
    again = wb.vision.compare_detections(dropped, found, after=labels, resamples=200)
    pd.testing.assert_frame_equal(table, again)


def test_more_images_give_a_narrower_interval():
    width = []
    for n in (40, 400):
        labels, found = made(1, n)
        own = wb.vision.compare_detections(
            labels.drop(labels.index[::6]), found, after=labels, resamples=100, overlaps=[0.5]
        ).loc["(mean)"]
        width.append(own["high"] - own["low"])
    assert width[0] > 2 * width[1]


def test_a_run_compares_its_given_and_corrected_labels(tmp_path):
    entries = [{"bboxes": [[0, 0, 10, 10]], "labels": ["dog"]}, {"bboxes": [], "labels": []}, None]
    run = wb.import_run(wb.Dataset.from_arrays(entries, task="boxes"), tmp_path / "run")
    found = [
        {"bboxes": [[0, 0, 10, 10]], "labels": ["dog"], "scores": [0.5]},
        {"bboxes": [[5, 5, 20, 20]], "labels": ["dog"], "scores": [0.9]},
        {"bboxes": [[5, 5, 20, 20]], "labels": ["dog"], "scores": [0.95]},
    ]
    value = run.dataset.kind.encode({"box": [5, 5, 20, 20], "label": "dog"})
    run.journal.relabel(1, value, old="null", units="a0123456789ab")
    table = wb.vision.compare_detections(run, found, resamples=50)
    assert table.loc["dog", ["before", "after"]].tolist() == [0.5, 1.0], "the image without a label is left out"
    assert wb.vision.average_precision(run, found).loc["dog", "ap"] == 1
    by_image = pd.DataFrame(
        [(row, *one["bboxes"][0], "dog", one["scores"][0]) for row, one in enumerate(found)],
        columns=["image", "x0", "y0", "x1", "y1", "label", "score"],
    )
    pd.testing.assert_frame_equal(wb.vision.average_precision(run, by_image), wb.vision.average_precision(run, found))
    ranking = wb.vision.rank_detectors({"a": found, "b": [found[0], None, None]}, run, resamples=50)
    assert ranking.table.loc["a", "rank_corrected"] == 1 and ranking.table.loc["b", "given"] == pytest.approx(1)
    assert "2 models on 2 images" in str(ranking)


def test_a_run_of_instances_compares_masks(tmp_path):
    """A class whose masks were half as large is better after the correction; the other one has not changed."""
    rng = np.random.default_rng(0)
    labels, found = [], []
    for _ in range(40):
        masks = np.zeros((2, 30, 60), bool)
        x, y = rng.integers(0, 10, 2)
        masks[0, y : y + 12, x : x + 12] = masks[1, y : y + 12, 30 + x : 42 + x] = True
        seen = np.roll(masks, int(rng.integers(0, 2)), axis=2)
        found.append({"masks": seen, "labels": ["cat", "dog"], "scores": rng.uniform(0.3, 1, 2)})
        given = masks.copy()
        given[1, : y + 6] = False
        labels.append((given, masks))
    data = wb.Dataset.from_arrays([{"masks": one, "labels": ["cat", "dog"]} for one, _ in labels], task="instances")
    run = wb.import_run(data, tmp_path / "run")
    true = wb.Dataset.from_arrays([{"masks": one, "labels": ["cat", "dog"]} for _, one in labels], task="instances")
    for row in range(data.n):
        unit = 2 * row + 1
        run.journal.relabel(row, true.value_of(unit), old=data.value_of(unit), units="g1")
    table = wb.vision.compare_detections(run, found, resamples=100)
    pd.testing.assert_frame_equal(table, wb.vision.compare_detections(data, found, after=true, resamples=100))
    for side, one in (("before", data), ("after", true)):
        alone = wb.vision.average_precision(one, found)["ap"]
        np.testing.assert_allclose(table[side][:-1], alone[table.index[:-1]])
    assert table.loc["cat", ["difference", "low", "high"]].tolist() == [0, 0, 0]
    assert table.loc["dog", "before"] < 0.1 < 0.5 < table.loc["dog", "after"]
    assert table.loc[["dog", "(mean)"], "verdict"].tolist() == ["better", "better"]
    ranking = wb.vision.rank_detectors({"a": found, "b": [None] * 40}, run, resamples=50)
    assert ranking.table.loc["a", "corrected"] == pytest.approx(table.loc["(mean)", "after"])
    with pytest.raises(InputError, match="are instances on one side and boxes on the other"):
        boxes = wb.Dataset.from_arrays([[(0, 0, 9, 9, "cat")]] * 40, task="boxes")
        wb.vision.compare_detections(run, found, after=boxes, after_predictions=[None] * 40)


def test_corrected_labels_reverse_detectors():
    """One detector reproduces the omissions of the labels, the other finds the boxes."""
    labels, found = made(2, 150)
    gone = labels.index[::4]
    dropped = labels.drop(gone)
    keys = set(zip(labels.loc[gone, "row"], labels.loc[gone, "y0"]))
    follower = found[[key not in keys for key in zip(found["row"], found["y0"])]]
    ranking = wb.vision.rank_detectors(
        {"follower": follower, "finder": found}, dropped, labels, ambiguous=[0, 1, 2], resamples=100
    )
    assert ranking.table["rank_given"].to_dict() == {"finder": 2, "follower": 1}
    assert ranking.table["rank_corrected"].to_dict() == {"finder": 1, "follower": 2}
    assert ranking.flips["labels"].tolist() == ["corrected", "unambiguous"] and ranking.flips["sure"].all()
    assert ranking.tau["tau"].tolist() == [-1, -1] and ranking.ambiguous == 3
    without = wb.vision.average_precision(labels[labels["row"] > 2], found[found["row"] > 2])["ap"].mean()
    assert ranking.table.loc["finder", "unambiguous"] == pytest.approx(without)


def test_answers_equal_scikit_learn():
    from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

    rng = np.random.default_rng(0)
    given, answers = rng.integers(0, 2, 80), {"a": rng.integers(0, 2, 80), "b": rng.random(80) < 0.7}
    corrected = np.array(["yes", "no", "ambiguous"])[rng.integers(0, 3, 80)]
    clear = corrected != "ambiguous"
    truth = np.where(clear, corrected == "yes", given)
    peers = {"f1": f1_score, "accuracy": accuracy_score, "precision": precision_score, "recall": recall_score}
    for metric, peer in peers.items():
        table = wb.vision.rank_answers(answers, given, corrected, metric=metric, resamples=20).table
        for name, said in answers.items():
            assert table.loc[name, "given"] == pytest.approx(peer(given, said))
            assert table.loc[name, "corrected"] == pytest.approx(peer(truth, said))
            assert table.loc[name, "unambiguous"] == pytest.approx(peer(truth[clear], said[clear]))


def test_answers_on_repope():
    """The made model that repeats the published labels leads on them and falls behind on the corrected ones."""
    file = EVAL / "vqa_repope_dev.csv.gz"
    if not file.is_file():
        pytest.skip("the questions of RePOPE are not on this machine")
    frame = pd.read_csv(file)
    rng = np.random.default_rng(0)
    given, corrected = (frame[f"{kind}_label"].to_numpy() for kind in ("given", "corrected"))
    truth = np.where(corrected == "ambiguous", given, corrected)

    def wrong(share, labels):
        swapped = np.where(labels == "yes", "no", "yes")
        return np.where(rng.random(len(labels)) < share, swapped, labels)

    answers = {"repeats": wrong(0.04, given), "sees": wrong(0.06, truth)}
    ranking = wb.vision.rank_answers(answers, given, corrected, groups=frame["image"], resamples=100)
    assert ranking.table["rank_given"].to_dict() == {"sees": 2, "repeats": 1}
    assert ranking.table["rank_unambiguous"].to_dict() == {"sees": 1, "repeats": 2}
    assert ranking.flips["sure"].all() and ranking.ambiguous == 380
    alone = wb.vision.rank_answers(answers, given, corrected, resamples=100)
    width = [(one.table["given_high"] - one.table["given_low"]).mean() for one in (ranking, alone)]
    assert width[0] > width[1], "questions about one image are not independent"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a, b: wb.vision.compare_detections(a, b), "`after` is missing"),
        (lambda a, b: wb.vision.compare_detections(a, b, after=a[:0]), "holds no object"),
        (lambda a, b: wb.vision.compare_detections(a, b, after=a, overlaps=[0]), "`overlaps` is"),
        (lambda a, b: wb.vision.compare_detections(a, [b], after=a), "pass a DataFrame with the columns"),
        (lambda a, b: wb.vision.average_precision(7, b), "`labels` is a int"),
        (lambda a, b: wb.vision.rank_detectors({"a": b}, a, a), "two or more"),
        (lambda a, b: wb.vision.rank_detectors({"a": b, "b": b}, a), "`corrected` is missing"),
        (lambda a, b: wb.vision.rank_detectors({"a": b, "b": b}, a, a, ambiguous=[999]), "1 unknown images"),
        (lambda a, b: wb.vision.rank_answers({"a": [1], "b": ["maybe"]}, [1], [1]), "is 'maybe'"),
        (lambda a, b: wb.vision.rank_answers({"a": [1], "b": [None]}, [1], [1]), "has no answer"),
        (lambda a, b: wb.vision.rank_answers({"a": [1], "b": [1, 0]}, [1], [1]), "2 values for 1 questions"),
        (lambda a, b: wb.vision.rank_answers({"a": [1], "b": [1]}, [1], [None]), "only ambiguous"),
        (lambda a, b: wb.vision.rank_answers({"a": [1], "b": [1]}, [1], [1], metric="auc"), "unknown metric"),
    ],
)
def test_bad_input_is_one_clear_error(call, message):
    with pytest.raises(InputError, match=message):
        call(*made(3, 8))


def test_a_class_that_only_the_correction_has_is_compared_without_a_warning():
    box = {"x0": 0, "y0": 0, "x1": 10, "y1": 10}
    before = pd.DataFrame({"row": range(6), **box, "label": "dog"})
    after = before.assign(label=["dog"] * 3 + ["cat"] * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = wb.vision.compare_detections(before, before.assign(score=0.9), after=after, resamples=20)
    assert np.isnan(found.loc["cat", ["before", "difference", "low", "high"]].to_numpy(float)).all()
    assert not np.isnan(found.loc["dog", ["low", "high"]].to_numpy(float)).any()
