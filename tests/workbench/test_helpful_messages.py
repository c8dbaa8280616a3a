"""Calls that users commonly try: they work, or the error names the right call."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.foundation.errors import InputError

Y = np.array([0, 1] * 30)
P = np.where(np.eye(2)[Y] > 0, 0.9, 0.1)


def test_labels_by_name():
    """As in cleanlab."""
    expected = wb.find_issues(Y, pred_probs=P)
    for name in ("labels", "given_labels"):
        assert wb.find_issues(**{name: Y}, pred_probs=P).equals(expected)
    with pytest.raises(InputError, match=r"find_issues\(labels, pred_probs=P\)"):
        wb.find_issues(pred_probs=P)
    with pytest.raises(InputError, match="together with other labels"):
        wb.find_issues(Y, labels=Y, pred_probs=P)


def test_a_frame_is_no_column_of_labels():
    frame = pd.DataFrame({"label": Y, "x": 1.0})
    with pytest.raises(InputError, match=r"`source` is a DataFrame. Pass its column of labels, frame\[COLUMN\]"):
        wb.find_issues(frame, pred_probs=P)
    with pytest.raises(InputError, match="`source` is a DataFrame"):
        wb.score(frame, pred_probs=P)


def test_a_dataset_is_asked_for_by_name(tmp_path):
    frame = pd.DataFrame({"label": Y})
    with pytest.raises(InputError, match=r"`dataset` is a DataFrame. Create a Dataset from it: Dataset.from_frame"):
        wb.Recorder(tmp_path / "run", frame)
    with pytest.raises(InputError, match=r"`dataset` is a ndarray. Create a Dataset: Dataset.from_arrays\(labels"):
        wb.Recorder(tmp_path / "run", Y)
    with pytest.raises(InputError, match="`dataset` is a DataFrame"):
        wb.cross_val_predict(None, P, frame)
    assert not list(tmp_path.iterdir())


def test_staged_wants_predictions(tmp_path):
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

    dataset = wb.Dataset.from_arrays(Y)
    with wb.Recorder(tmp_path / "run", dataset) as rec:
        with pytest.raises(
            InputError, match=r"is a GradientBoostingClassifier. .*rec.staged\(model.staged_predict_proba"
        ):
            rec.staged(GradientBoostingClassifier(), P)
        with pytest.raises(InputError, match=r"is a RandomForestClassifier. .*array \(m, k\) of probabilities"):
            rec.staged(RandomForestClassifier(), P)


@pytest.mark.parametrize(
    ("column", "warned"),
    [
        (
            np.random.default_rng(0).normal(size=100),
            "'x' looks like measurements: 100 classes in 100",
        ),
        ([f"photo {n}" for n in range(100)], "'x' has a different class in nearly every row"),
        (list(range(100)), "'x' has a different class"),
        ([n % 40 for n in range(100)], None),
        ([n % 5 + 0.5 for n in range(100)], None),
        ([f"class {n % 45}" for n in range(100)], None),
    ],
)
def test_a_label_column_that_is_none_is_pointed_out(column, warned):
    frame = pd.DataFrame({"x": column})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        wb.Dataset.from_frame(frame, "x")
    told = [str(one.message) for one in caught]
    assert (warned is None) == (not told)
    assert warned is None or told[0].startswith(warned)
    if warned:
        wb.Dataset.from_frame(frame, "x", classes=sorted(set(column)))  # explicit: no warning (here: error)
