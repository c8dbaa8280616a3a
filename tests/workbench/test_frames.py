"""Class names, Series and DataFrames give what the plain arrays give; names win over positions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import InputError

NAMES = ("ant", "bee", "cow")


@pytest.fixture
def arrays() -> tuple[np.ndarray, np.ndarray]:
    """(labels, out-of-fold probabilities) of 90 rows; every tenth label is wrong."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 90)
    labels = truth.copy()
    labels[::10] = (labels[::10] + 1) % 3
    probs = rng.dirichlet(np.ones(3), 90) * 0.3 + 0.7 * np.eye(3)[truth]
    return labels, probs


def found(*args: object, **arrays: object) -> pd.DataFrame:
    return wb.find_issues(*args, **arrays).sort_values("row")


def test_labels_and_probabilities_in_one_call(arrays):
    labels, probs = arrays
    expected = wb.find_issues(wb.Evidence.from_arrays(labels, pred_probs=probs))
    pd.testing.assert_frame_equal(wb.find_issues(labels, pred_probs=probs), expected)
    assert set(np.flatnonzero(found(labels, pred_probs=probs)["is_issue"])) == set(range(0, 90, 10))
    scores = wb.score(labels, "self_confidence", pred_probs=probs)["self_confidence"]
    np.testing.assert_allclose(scores, probs[np.arange(90), labels], rtol=1e-6)


def test_names_of_classes_are_looked_up(arrays):
    labels, probs = arrays
    names = np.array(NAMES)[labels]
    by_code = found(labels, pred_probs=probs, classes=NAMES)
    pd.testing.assert_frame_equal(found(names, pred_probs=probs), by_code)
    pd.testing.assert_frame_equal(found(list(names), pred_probs=probs), by_code)
    pd.testing.assert_frame_equal(found(pd.Categorical(names), pred_probs=probs), by_code)
    assert set(by_code["suggested"]) <= set(NAMES)


def test_a_missing_label_is_no_label(arrays):
    labels, probs = arrays
    names = [None if row == 4 else NAMES[label] for row, label in enumerate(labels)]
    issues = found(names, pred_probs=probs)
    assert np.isnan(issues["p_error"].iloc[4]) and issues.attrs["unlabelled"] == 1


def test_columns_of_a_table_are_matched_by_name(arrays):
    labels, probs = arrays
    names = np.array(NAMES)[labels]
    table = pd.DataFrame(probs, columns=NAMES)
    by_code = found(labels, pred_probs=probs, classes=NAMES)
    turned = found(names, pred_probs=table[["cow", "ant", "bee"]])
    assert np.allclose(turned["p_error"], by_code["p_error"], atol=1e-6)
    assert (turned["given"] == by_code["given"]).all()
    pd.testing.assert_frame_equal(found(names, pred_probs=table[["cow", "bee", "ant"]], classes=NAMES), by_code)


def test_rows_of_a_table_are_matched_by_the_ids_of_the_labels(arrays):
    labels, probs = arrays
    ids = [f"img{row:03}" for row in range(90)]
    series = pd.Series(np.array(NAMES)[labels], index=ids)
    table = pd.DataFrame(probs, columns=NAMES, index=ids)
    issues = found(series, pred_probs=table.sample(frac=1, random_state=0))
    assert list(issues.index) == ids
    by_position = found(labels, pred_probs=probs, classes=NAMES)
    pd.testing.assert_frame_equal(issues.reset_index(drop=True), by_position.reset_index(drop=True))


def test_a_dataset_with_arrays(arrays):
    labels, probs = arrays
    data = wb.Dataset.from_arrays(np.array(NAMES)[labels], ids=range(100, 190))
    issues = found(data, pred_probs=probs)
    assert list(issues.index) == list(range(100, 190))
    assert (issues["given"] == np.array(NAMES)[labels]).all()


def test_what_does_not_fit_is_refused(arrays, tmp_path):
    labels, probs = arrays
    names = np.array(NAMES)[labels]
    table = pd.DataFrame(probs, columns=["ant", "bee", "dog"])
    with pytest.raises(InputError, match=r"`pred_probs` has no column 'cow' and has the column 'dog'"):
        found(names, pred_probs=table, classes=NAMES)
    with pytest.raises(InputError, match=r"`labels` row \d+ is 'cow'. Known classes: 'ant', 'bee', 'dog'"):
        found(names, pred_probs=table)
    series = pd.Series(names, index=[f"a{row}" for row in range(90)])
    with pytest.raises(InputError, match=r"has no row 'a0', 'a1'.* and 85 more"):
        found(series, pred_probs=pd.DataFrame(probs, columns=NAMES))
    doubled = pd.DataFrame(probs, columns=["ant", "bee", "bee"])
    with pytest.raises(InputError, match="'bee' twice"):
        found(names, pred_probs=doubled, classes=NAMES)
    for call in (lambda: wb.find_issues(labels, probs), lambda: wb.Evidence.from_arrays(labels, probs)):
        with pytest.raises(InputError, match=r"is an array of shape \(90, 3\). Pass arrays by name: `pred_probs=`"):
            call()
    evidence = wb.Evidence.from_arrays(labels, pred_probs=probs)
    with pytest.raises(InputError, match="`embeddings` was given beside Evidence"):
        wb.find_issues(evidence, embeddings=probs)
