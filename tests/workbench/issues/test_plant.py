import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.issues.plant import plant_errors


@pytest.fixture
def dataset():
    labels = np.random.default_rng(0).integers(0, 4, 1000)
    labels[:50] = -1
    clean = Dataset.from_arrays(np.maximum(labels, 0), classes=list("abcd"), ids=[f"x{i}" for i in range(1000)])
    return clean.with_labels(labels)


def test_by_hand_pair_noise_moves_every_label_to_the_next_class():
    dataset = Dataset.from_arrays(["a", "b", "c"])
    planted = plant_errors(dataset, 0.99, "pair")
    assert planted.given.tolist() == ["b", "c", "a"]
    assert planted.planted.to_dict("list") == {
        "id": [0, 1, 2],
        "true_label": ["a", "b", "c"],
        "planted_label": ["b", "c", "a"],
    }
    assert dataset.given.tolist() == ["a", "b", "c"], "the original stays as it is"


@pytest.mark.parametrize("kind", ["symmetric", "pair", np.array([[0.5, 0.5, 0, 0]] * 2 + [[0, 0, 0.9, 0.1]] * 2)])
def test_laws(dataset, kind):
    noisy = plant_errors(dataset, 0.1, kind, seed=3)
    changed = noisy.given_labels != dataset.given_labels
    assert changed.sum() == round(0.1 * 950) == len(noisy.planted)
    assert not changed[:50].any(), "unlabelled rows are never planted"
    assert noisy.planted["id"].tolist() == dataset.ids[changed].tolist()
    assert noisy.planted["true_label"].tolist() == dataset.given[changed].tolist()
    assert noisy.planted["planted_label"].tolist() == noisy.given[changed].tolist()
    again = plant_errors(dataset, 0.1, kind, seed=3)
    assert np.array_equal(again.given_labels, noisy.given_labels)
    assert not np.array_equal(plant_errors(dataset, 0.1, kind, seed=4).given_labels, noisy.given_labels)


def test_a_matrix_decides_how_often_and_to_which_class(dataset):
    never_c = np.array([[0.8, 0.2, 0, 0], [0, 0.4, 0.6, 0], [0, 0, 1, 0], [0.5, 0, 0, 0.5]])
    noisy = plant_errors(dataset, 0.2, never_c)
    flips = noisy.planted.groupby(["true_label", "planted_label"]).size()
    assert set(flips.index) == {("a", "b"), ("b", "c"), ("d", "a")}
    assert flips[("b", "c")] > 2 * flips[("a", "b")]


def test_estimated_follows_the_confusions_in_the_probabilities():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 3000)
    given = np.where((truth == 0) & (rng.random(3000) < 0.3), 1, truth)
    probs = np.full((3000, 3), 0.05) + 0.85 * np.eye(3)[truth]
    noisy = plant_errors(Dataset.from_arrays(given, classes=["a", "b", "c"]), 0.05, "estimated", pred_probs=probs)
    pairs = noisy.planted.groupby(["true_label", "planted_label"]).size()
    assert pairs[("a", "b")] > 0.9 * len(noisy.planted)


@pytest.mark.parametrize(
    ("fraction", "kind", "words"),
    [
        (0, "symmetric", "`fraction` is 0"),
        (1.5, "symmetric", "`fraction` is 1.5"),
        (0.0001, "symmetric", "makes 0 errors"),
        (0.1, "symetric", "Did you mean 'symmetric'"),
        (0.1, "estimated", "`pred_probs` is missing"),
        (0.1, "boundary", "`pred_probs` is missing"),
        (0.1, np.eye(3), "shape"),
        (0.1, np.full((4, 4), 0.3), "row 0 sums to 1.2"),
        (0.1, np.eye(4), "between 1 and 0 can be planted"),
    ],
)
def test_refusals(dataset, fraction, kind, words):
    with pytest.raises(InputError, match=words):
        plant_errors(dataset, fraction, kind)


def test_planting_twice_or_with_one_class_is_refused(dataset):
    with pytest.raises(InputError, match="already has planted errors"):
        plant_errors(plant_errors(dataset, 0.1), 0.1)
    with pytest.raises(InputError, match="at least two classes"):
        plant_errors(Dataset.from_arrays(["a", "a"]), 0.5)


def test_boundary_noise_by_hand_is_near_the_boundary_and_takes_the_runner_up():
    labels = np.zeros(2000, int)
    labels[1000:] = 1
    p_other = np.tile(np.linspace(0, 0.5, 1000), 2)
    probs = np.full((2000, 3), 0.0)
    probs[np.arange(2000), labels] = 1 - p_other
    probs[np.arange(2000), 1 - labels] = p_other
    noisy = plant_errors(Dataset.from_arrays(labels, classes=[0, 1, 2]), 0.2, "boundary", pred_probs=probs)
    changed = noisy.given_labels != labels
    assert (noisy.given_labels[changed] == 1 - labels[changed]).all()
    weights = 1 - (1 - 2 * p_other) ** 2  # the margin is 1 - 2 p_other
    drawn = np.histogram(p_other[changed], bins=5, range=(0, 0.5))[0] / changed.sum()
    law = np.histogram(p_other, bins=5, range=(0, 0.5), weights=weights)[0] / weights.sum()
    assert abs(drawn - law).max() < 0.07, "drawing without replacement flattens the law a little"
    assert not changed[p_other == 0].any(), "a certain example is never changed"


def test_annotator_noise_is_each_ones_own(dataset):
    noisy = plant_errors(dataset, 0.3, "annotator", seed=2)
    assert "annotator" not in dataset.metadata.columns
    who = noisy.metadata["annotator"]
    changed = noisy.given_labels != dataset.given_labels
    share = pd.Series(changed).groupby(who.to_numpy()).mean()
    assert share["annotator 5"] > 2 * share["annotator 1"], "the last errs most"
    mistakes = pd.DataFrame({"who": who, "before": dataset.given_labels, "after": noisy.given_labels})[changed]
    assert (mistakes.groupby(["who", "before"])["after"].nunique() == 1).all(), "one favourite mistake for each class"


def test_annotator_noise_takes_the_column_that_is_there():
    who = ["ann"] * 500 + ["bob"] * 500
    own = Dataset.from_arrays(np.arange(1000) % 4, metadata=pd.DataFrame({"annotator": who}))
    noisy = plant_errors(own, 0.3, "annotator")
    assert noisy.metadata["annotator"].tolist() == who
    changed = noisy.given_labels != own.given_labels
    assert changed[500:].mean() > 1.5 * changed[:500].mean()
    unnamed = Dataset.from_arrays([0, 1, 0], metadata=pd.DataFrame({"annotator": ["ann", None, "bob"]}))
    with pytest.raises(InputError, match="no annotator"):
        plant_errors(unnamed, 0.5, "annotator")


@pytest.mark.parametrize(
    ("dataset", "arguments", "match"),
    [
        ([0, 1, 1], {"fraction": 0.1}, r"`dataset` is a list. Pass `Dataset.from_arrays"),
        (None, {"fraction": "5%"}, "`fraction` is '5%'. Give a share"),
        (None, {"fraction": 0.1, "kind": "estimated", "pred_probs": np.full((4, 3), 1 / 3)}, r"has shape \(4, 3\)"),
    ],
)
def test_what_is_no_dataset_share_or_table_is_refused(dataset, arguments, match):
    with pytest.raises(InputError, match=match):
        plant_errors(Dataset.from_arrays([0, 1, 1, 0]) if dataset is None else dataset, **arguments)
