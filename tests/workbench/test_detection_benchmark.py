"""benchmarks/detection.py finds data sets in a folder by file pattern and prints one line per method."""

from __future__ import annotations

import importlib.util
import json
import math
import sys

import numpy as np
import pytest


@pytest.fixture(scope="module")
def detection(root):
    spec = importlib.util.spec_from_file_location("detection_benchmark", root / "benchmarks" / "detection.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def softmax(values):
    values = np.exp(values)
    return (values / values.sum(axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    """A folder with the documented layout, and invented names and classes."""
    rng = np.random.default_rng(0)
    n, k = 90, 3
    clean = rng.integers(0, k, n)
    given = np.where(rng.random(n) < 0.2, (clean + 1) % k, clean)
    vectors = (rng.normal(size=(k, 6)) * 4)[clean] + rng.normal(size=(n, 6))
    logits = (3 * np.eye(k)[clean] + rng.normal(size=(4, n, k))).astype(np.float16)
    probs = softmax(2 * np.eye(k)[clean] + rng.normal(size=(n, k)))
    np.savez(
        tmp_path / "cifar10n_other.npz",
        images=np.zeros((n, 2, 2, 3), np.uint8),
        clean_label=clean.astype(np.int8),
        odd_label=given.astype(np.int8),
        class_names=np.array(["a", "b", "c"]),
    )
    np.savez(tmp_path / "cifar10n_other_embed_tiny.npz", embedding=vectors.astype(np.float16))
    np.savez(
        tmp_path / "dynamics_cifar10n_other_odd_label_net.npz", logits=logits, given_label=given, oos_pred_probs=probs
    )
    np.savez(tmp_path / "dynamics_cifar10n_other_odd_label_deep.npz", logits=logits[:2], given_label=given)
    words = ("vote party law", "goal team match", "rain wind sun")  # with texts, training dynamics are not used
    text = [f"{words[c]} {i % 7}" for i, c in enumerate(clean)]
    news = {"text": text, "given_label": given.tolist(), "clean_label": clean.tolist(), "classes": ["x", "y", "z"]}
    (tmp_path / "newsclass_klingon_test.json").write_text(json.dumps(news), encoding="utf-8")
    np.savez(tmp_path / "dynamics_newsclass_klingon_test_mlp.npz", logits=logits, given_label=given)
    truth = clean.astype(np.int8)
    truth[:10] = -1
    np.savez(
        tmp_path / "conll03_b.npz",
        tokens=np.array(["w"] * n),
        sentence=np.arange(n),
        given=given.astype(np.int8),
        gold=truth,
        same=given.astype(np.int8),
        tags=np.array(["O", "B", "I"]),
    )
    np.savez(tmp_path / "dynamics_conll03_b.npz", logits=logits, given=given, oos_pred_probs=probs)
    reviewed = np.arange(20, 60)
    np.savez(
        tmp_path / "label_errors_x.npz",
        pred_probs=probs.astype(np.float64) / probs.astype(np.float64).sum(axis=1, keepdims=True),
        labels=given,
        reviewed_index=reviewed,
        is_error=(given != clean)[reviewed],
    )
    (tmp_path / "README.md").write_text("not data", encoding="utf-8")
    return tmp_path


def test_every_pattern_is_found_under_other_names(detection, folder):
    found = {case.name: case for case in detection.cases(folder)}
    assert list(found) == ["cifar10n_other odd_label", "newsclass_klingon_test", "conll03_b gold", "label_errors_x"]
    image = found["cifar10n_other odd_label"]
    assert image.embeddings.shape == (90, 6)
    assert len(image.trainings) == 2
    assert image.pred_probs is not None
    assert found["conll03_b gold"].judged.sum() == 80
    assert found["label_errors_x"].judged.sum() == 40


def test_one_line_for_each_set_and_method(detection, folder, capsys):
    assert detection.main([str(folder), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["data"] for line in lines} == {case.name for case in detection.cases(folder)}
    keys = [(line["data"], line["method"], line["training"]) for line in lines]
    assert len(set(keys)) == len(keys)
    needed = {"auroc", "average_precision", "precision_at_errors", "ece", "seconds", "n", "judged", "errors"}
    assert all(needed <= set(line) for line in lines)
    detector = [line for line in lines if line["method"] == "detector"]
    assert len(detector) == 5  # two trainings of the images, one of news, tokens, reviewed candidates
    assert all(line["auroc"] > 0.8 and 0 <= line["ece"] <= 1 for line in detector)
    methods = {line["method"] for line in lines if line["data"].startswith("cifar")}
    assert {"self_confidence", "aum", "el2n", "kernel_ridge_self_confidence", "detector (dynamics only)"} <= methods


def test_precision_at_the_number_of_errors_by_hand(detection):
    case = detection.Case("x", np.zeros(4, int), 2, np.array([1, 0, 1, 0], bool), np.ones(4, bool))
    line = detection._line(case, "m", np.array([4.0, 3.0, 2.0, 1.0]), 0.0, np.array([0.9, 0.9, 0.1, 0.1]))
    assert line["precision_at_errors"] == 0.5
    assert line["auroc"] == 0.75
    assert math.isclose(line["average_precision"], (1 + 2 / 3) / 2, abs_tol=1e-4)
    assert math.isclose(line["ece"], 0.4, abs_tol=1e-4)


def test_only_some_sets(detection, folder, capsys):
    assert detection.main([str(folder), "--only", "label_errors"]) == 0
    assert all(line.startswith("label_errors_x") for line in capsys.readouterr().out.splitlines())


def test_a_folder_without_data_or_no_folder(detection, tmp_path, capsys):
    assert detection.main([str(tmp_path)]) == 1
    assert "no data set was recognised" in capsys.readouterr().err
    assert detection.main([str(tmp_path / "missing")]) == 2
