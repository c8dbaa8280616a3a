"""Known answers of cartography, aum and cleanlab: our functions, named after the cases in the golden folder.

One function per case takes the `in_*` arrays of the case and returns the answers we compute, without the `out_` prefix.
This file is thus also the adapter for the script next to the answers: `python SHARED/golden/check_golden.py
tests/workbench/test_golden.py`. Not covered: cartography's epoch loss (divided by n twice) and corrected variance (ours
is uncorrected), ensembles and multi-label scores (we have no such functions).
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from workbench.confident import health
from workbench.confident import label_issues as c
from workbench.foundation.statistics import statistics
from workbench.scores.from_logits import dynamics
from workbench.scores.labels import confidence_weighted_entropy, normalized_margin, self_confidence


def datamap(logits, labels):
    scores = dynamics(logits, labels)
    confidence = scores["confidence"].astype(float)
    return {
        "confidence": confidence,
        "variability": scores["variability"],
        "correctness": np.rint(scores["correctness"] * len(logits)).astype(int),
        "forgetfulness": np.where(scores["never_learned"], 1000, scores["forgetting"]).astype(int),
        "threshold_closeness": confidence * (1 - confidence),
        "epoch_acc": [statistics(epoch, labels)["correct"].mean() for epoch in logits],
    }


def datamap_ci(logits, labels):
    return {name: values for name, values in datamap(logits, labels).items() if name != "variability"}


def aum(logits, labels):
    return {"aum": dynamics(logits, labels)["aum"]}


def confident_joint(labels, pred_probs):
    mask = c.find_label_issues(labels, pred_probs, by="confident_learning")
    return {
        "thresholds": c.thresholds(labels, pred_probs),
        "confident_joint_calibrated": c.confident_joint(labels, pred_probs),
        "confident_joint_raw": c.confident_joint(labels, pred_probs, calibrate=False),
        "off_diagonal_indices": np.flatnonzero(mask),
        "estimated_joint": c.joint(labels, pred_probs),
        "num_label_issues_off_diagonal": c.num_issues(labels, pred_probs),
        "num_label_issues_calibrated": c.num_issues(labels, pred_probs, calibrated=True),
    }


def noise_matrices(labels, pred_probs):
    return {
        "py": c.class_priors(labels, pred_probs),
        "noise_matrix": c.noise_matrix(labels, pred_probs),
        "inverse_noise_matrix": c.inverse_noise_matrix(labels, pred_probs),
    }


def find_label_issues(labels, pred_probs):
    out = {f"{by}": c.find_label_issues(labels, pred_probs, by=by) for by in c.FILTERS}
    out["prune_by_noise_rate_frac05"] = c.find_label_issues(labels, pred_probs, frac_noise=0.5)
    for by in c.RANKINGS:
        out[f"pbnr_ranked_{by}"] = c.rank(labels, pred_probs, out["prune_by_noise_rate"], by=by)
    confusion = np.zeros((pred_probs.shape[1],) * 2, np.int64)
    np.add.at(confusion, (labels, pred_probs.argmax(axis=1)), 1)
    out["argmax_cm"] = c.find_label_issues(labels, pred_probs, joint_counts=c.calibrate_joint(confusion, labels))
    out["batched"] = np.flatnonzero(out["low_self_confidence"])
    return out


def label_quality(labels, pred_probs, pred_probs2):
    adjusted = c.threshold_adjusted(labels, pred_probs)
    return {
        "self_confidence": self_confidence(labels, pred_probs),
        "normalized_margin": normalized_margin(labels, pred_probs),
        "confidence_weighted_entropy": confidence_weighted_entropy(labels, pred_probs),
        "adj_self_confidence": self_confidence(labels, adjusted),
        "adj_normalized_margin": normalized_margin(labels, adjusted),
    }


def dataset_health(labels, pred_probs):
    classes = health.class_health(labels, pred_probs)
    pairs = health.overlapping_classes(labels, pred_probs, with_zeros=True)
    return {
        "health": health.label_health(labels, pred_probs),
        "overlap": pairs[["a_index", "b_index", "overlap", "joint_probability"]].to_numpy(float),
        "class_rank": classes[["class_index", "issues", "missed", "noise", "missed_noise", "quality"]].to_numpy(float),
    }


WE_HAVE = {
    "datamap": 6,
    "datamap_ci": 5,
    "aum": 1,
    "confident_joint": 7,
    "noise_matrices": 3,
    "find_label_issues": 13,
    "label_quality": 5,
    "dataset_health": 3,
}


@pytest.mark.parametrize("case", WE_HAVE)
def test_known_answers(shared, case):
    folder = shared / "golden"
    if not (folder / "golden.json").is_file():
        pytest.skip(f"no known answers at {folder}")
    row = next(row for row in json.loads((folder / "golden.json").read_text())["cases"] if row["file"] == f"{case}.npz")
    with np.load(folder / row["file"], allow_pickle=False) as arrays:
        inputs = {name[3:]: arrays[name] for name in arrays.files if name.startswith("in_")}
        wanted = {name[4:]: arrays[name] for name in arrays.files if name.startswith("out_")}
    answers = globals()[case](**inputs)
    assert len(answers) == WE_HAVE[case]
    assert set(answers) <= set(wanted)
    for name, answer in answers.items():
        if wanted[name].dtype.kind in "bi":
            np.testing.assert_array_equal(answer, wanted[name], err_msg=name)
        else:
            np.testing.assert_allclose(answer, wanted[name], rtol=row["rtol"], atol=max(row["rtol"] / 100, 1e-9))
