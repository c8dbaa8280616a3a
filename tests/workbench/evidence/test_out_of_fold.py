"""Out-of-fold probabilities: no example is predicted by a model that saw it; rare classes, missing labels, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import Dataset
from workbench.evidence.out_of_fold import cross_val_predict, deal_folds, out_of_fold
from workbench.foundation.errors import InputError, MissingEvidence
from workbench.recording.recorder import Recorder


class Memory:
    """A classifier that is certain of the label of rows it was trained on, and undecided about others."""

    def fit(self, X, y):
        self.seen = {float(x[0]): label for x, label in zip(X, y, strict=True)}
        self.k = int(np.max(y)) + 1
        return self

    def predict_proba(self, X):
        out = np.full((len(X), self.k), 1 / self.k)
        for row, x in enumerate(X):
            if float(x[0]) in self.seen:
                out[row] = np.eye(self.k)[self.seen[float(x[0])]]
        return out


def blobs(rng, n=200, k=3):
    y = rng.integers(0, k, n)
    return np.eye(k)[y] * 5 + rng.normal(size=(n, k)), y


def test_no_row_is_predicted_by_a_model_that_saw_it(rng):
    n = 60
    found = cross_val_predict(
        Memory(), np.arange(n, dtype=float)[:, None], Dataset.from_arrays(np.arange(n) % 3), folds=4
    )
    assert np.allclose(found, 1 / 3)
    assert found.dtype == np.float32


def test_equals_scikit_learn_on_the_same_folds(rng):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import PredefinedSplit
    from sklearn.model_selection import cross_val_predict as of_sklearn

    X, y = blobs(rng)
    split = PredefinedSplit(deal_folds(y, 5, 3))
    expected = of_sklearn(LogisticRegression(), X, y, cv=split, method="predict_proba")
    assert np.allclose(
        cross_val_predict(LogisticRegression(), X, Dataset.from_arrays(y), 5, seed=3), expected, atol=1e-6
    )


def test_folds_are_even_in_size_and_in_every_class(rng):
    y = np.repeat([0, 1, 2, -1], [50, 23, 3, 10])
    fold = deal_folds(y, 5, 0)
    assert (fold[y < 0] == -1).all()
    assert np.ptp(np.bincount(fold[y >= 0])) <= 1
    for c in range(3):
        assert np.ptp(np.bincount(fold[y == c], minlength=5)) <= 1
    assert len(set(fold[y == 2])) == 3, "a class with three members is in three folds"
    assert not np.array_equal(fold, deal_folds(y, 5, 1))
    assert np.array_equal(fold, deal_folds(y, 5, 0))


def test_a_class_that_a_training_part_lacks_gets_probability_zero(rng):
    from sklearn.linear_model import LogisticRegression

    X, y = blobs(rng, 100, 2)
    y[17] = 3  # a class of one member; class 2 has none
    found = cross_val_predict(LogisticRegression(), X, Dataset.from_arrays(y, classes=list(range(4))), 5)
    assert found.shape == (100, 4)
    assert np.allclose(found.sum(1), 1)
    assert found[17, 3] == 0
    assert (found[:, 2] == 0).all()
    assert (np.delete(found[:, 3], 17) > 0).any()


def test_unlabelled_rows_are_predicted_by_a_model_of_all_labelled_ones(rng):
    from sklearn.linear_model import LogisticRegression

    X, y = blobs(rng)
    labels = [int(c) if i % 10 else None for i, c in enumerate(y)]
    found = cross_val_predict(LogisticRegression(), X, Dataset.from_arrays(labels, classes=[0, 1, 2]))
    known = np.arange(200) % 10 > 0
    expected = LogisticRegression().fit(X[known], y[known]).predict_proba(X[~known])
    assert np.allclose(found[~known], expected, atol=1e-6)


def test_frames_sparse_matrices_and_texts(rng):
    import scipy.sparse
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    y = np.arange(40) % 2
    X = rng.integers(0, 9, (40, 5))
    dataset = Dataset.from_arrays(y)
    plain = cross_val_predict(MultinomialNB(), X, dataset)
    assert np.array_equal(plain, cross_val_predict(MultinomialNB(), pd.DataFrame(X), dataset))
    assert np.array_equal(plain, cross_val_predict(MultinomialNB(), scipy.sparse.coo_matrix(X), dataset))
    texts = [("cat meows" if label else "dog barks") + f" {i % 3} times" for i, label in enumerate(y)]
    found = cross_val_predict(make_pipeline(CountVectorizer(), MultinomialNB()), texts, dataset)
    assert (found.argmax(1) == y).all()


def test_one_class_is_certain(rng):
    from sklearn.linear_model import LogisticRegression

    assert (cross_val_predict(LogisticRegression(), rng.normal(size=(9, 2)), Dataset.from_arrays(["a"] * 9)) == 1).all()


def test_more_folds_than_rows_leave_one_out(rng):
    found = cross_val_predict(Memory(), np.arange(4.0)[:, None], Dataset.from_arrays([0, 1, 0, 1]), folds=10)
    assert np.allclose(found, 0.5)


def test_refusals(rng):
    from sklearn.svm import LinearSVC

    X, y = blobs(rng, 30)
    dataset = Dataset.from_arrays(y)
    with pytest.raises(InputError, match=r"\(LinearSVC\) has no predict_proba.*CalibratedClassifierCV"):
        cross_val_predict(LinearSVC(), X, dataset)
    with pytest.raises(InputError, match=r"`X` has 29 rows for 30 examples"):
        cross_val_predict(Memory(), X[1:], dataset)
    with pytest.raises(InputError, match=r"`folds` is 1"):
        cross_val_predict(Memory(), X, dataset, folds=1)
    with pytest.raises(InputError, match="1 labelled rows"):
        cross_val_predict(Memory(), X[:2], Dataset.from_arrays([0, None]))


def test_probabilities_that_are_not_are_refused(rng):
    class Broken(Memory):
        def predict_proba(self, X):
            out = super().predict_proba(X)
            out[0, 0] = np.nan
            return out

    with pytest.raises(InputError, match=r"`estimator` row \d+ returned probabilities that are negative or not finite"):
        cross_val_predict(Broken(), np.arange(12.0)[:, None], Dataset.from_arrays(np.arange(12) % 2))


def record(path, X, labels, rows=None, mode="train", epochs=1):
    dataset = Dataset.from_arrays(labels)
    rows = np.arange(len(X)) if rows is None else rows
    recorder = Recorder(path, dataset, mode=mode)
    for _ in range(epochs):
        with recorder.epoch(recorder.next_epoch):
            recorder.batch(rows, np.zeros((len(rows), dataset.k)), X[rows])
    recorder.close()
    return recorder.run()


def test_a_run_keeps_its_probabilities_and_says_how_they_came(tmp_path, rng):
    X, y = blobs(rng)
    given = y.copy()
    given[:10] = (given[:10] + 1) % 3
    run = record(tmp_path / "run", X, given)
    found = out_of_fold(run)
    assert found.out_of_fold
    assert found.source == (
        "head out-of-fold: 5-fold logistic regression on the embeddings of epoch 0, seed 0; "
        "the embedding was trained on these labels"
    )
    own = found.values[np.arange(200), given]
    assert np.median(own[:10]) < 0.2 < 0.8 < np.median(own[10:])
    assert np.array_equal(run.pred_probs().values, found.values)
    assert run.pred_probs().source == found.source


def test_other_settings_or_epochs_are_computed_again_and_the_users_own_are_kept(tmp_path, rng, monkeypatch):
    X, y = blobs(rng)
    run = record(tmp_path / "run", X, y)
    first = out_of_fold(run)
    assert "seed 4" in out_of_fold(run, seed=4).source
    run = record(tmp_path / "run", X, y)
    assert "epoch 1" in out_of_fold(run).source
    assert out_of_fold(run, epoch=0).source == first.source
    run.save_pred_probs(np.full((200, 3), 1 / 3), out_of_fold=True, source="my forest")
    assert out_of_fold(run).source == "my forest"
    assert "logistic" in out_of_fold(run, replace=True).source


def test_examples_without_an_embedding_get_the_class_frequencies(tmp_path, rng):
    X, y = blobs(rng)
    run = record(tmp_path / "run", X, y, rows=np.arange(190), mode="import")
    found = out_of_fold(run)
    assert np.allclose(found.values[190:], np.bincount(y) / 200)
    assert found.source.endswith(
        "whether the embedding saw these labels is not known; "
        "10 examples without an embedding have the class frequencies"
    )
    assert out_of_fold(run).source == found.source


def test_constant_wide_and_single_class_embeddings(tmp_path, rng):
    y = np.arange(20) % 2
    flat = out_of_fold(record(tmp_path / "flat", np.ones((20, 3)), y)).values
    assert np.allclose(flat, 0.5, atol=0.1)
    wide = out_of_fold(record(tmp_path / "wide", rng.normal(size=(20, 400)), y)).values
    assert np.allclose(wide.sum(1), 1, atol=1e-5)


def test_a_run_without_embeddings_says_how_to_get_probabilities(tmp_path):
    with Recorder(tmp_path / "run", Dataset.from_arrays([0, 1])) as recorder, recorder.epoch(0):
        recorder.batch([0, 1], np.zeros((2, 2)))
    with pytest.raises(MissingEvidence, match=r"`embeddings`.*save_pred_probs.*cross_val_predict"):
        out_of_fold(recorder.run())


def test_real_label_errors_are_found_as_well_as_by_the_best_published_score(shared):
    """CIFAR-10N, 17 % wrong: cleanlab's out-of-fold self-confidence reached .895 / .705, EL2N .902 / .721."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    from workbench.evidence.out_of_fold import _logistic

    with np.load(shared / "eval" / "cifar10n_dev.npz", allow_pickle=False) as data:
        given, wrong = data["random_label1"].astype(int), data["random_label1"] != data["clean_label"]
    with np.load(shared / "eval" / "cifar10n_dev_embed_effnetlite0.npz", allow_pickle=False) as data:
        values, _ = _logistic(data["embedding"], given, 10, 5, 0)
    doubt = -values[np.arange(len(given)), given]
    assert roc_auc_score(wrong, doubt) > 0.897
    assert average_precision_score(wrong, doubt) > 0.715
