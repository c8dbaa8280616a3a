"""Class names, Series and DataFrames give the same results as plain arrays; names take precedence over positions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.evidence.as_evidence import as_evidence
from workbench.foundation.errors import InputError

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
    categorical = found(pd.Categorical(names), pred_probs=probs)
    assert categorical["given_label"].cat.categories.tolist() == list(NAMES)
    both = ["given_label", "suggested_label"]
    pd.testing.assert_frame_equal(categorical.astype(dict.fromkeys(both, by_code["given_label"].dtype)), by_code)
    assert set(by_code["suggested_label"]) <= set(NAMES)


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
    assert (turned["given_label"] == by_code["given_label"]).all()
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
    assert (issues["given_label"] == np.array(NAMES)[labels]).all()


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
    with pytest.raises(InputError, match="`embeddings` was given together with Evidence"):
        wb.find_issues(evidence, embeddings=probs)


def forms_of_labels(labels: np.ndarray) -> dict[str, object]:
    """The same labels, with those of rows 4 and 7 missing, in common forms."""
    import pyarrow as pa

    torch = pytest.importorskip("torch")
    gap = np.isin(np.arange(len(labels)), (4, 7))
    listed = [None if missing else int(label) for label, missing in zip(labels, gap)]
    return {
        "list": listed,
        "nullable": pd.Series(listed, dtype="Int64"),
        "floats": np.where(gap, np.nan, labels),
        "series of floats": pd.Series(np.where(gap, np.nan, labels)),
        "masked": np.ma.masked_array(labels, mask=gap),
        "arrow": pa.array(listed),
        "chunked": pa.chunked_array([listed[:50], listed[50:]]),
        "tensor": torch.tensor(np.where(gap, -1, labels)),
        "bfloat16": torch.tensor(np.where(gap, -1.0, labels)).bfloat16(),
    }


FORMS = ("list", "nullable", "floats", "series of floats", "masked", "arrow", "chunked", "tensor", "bfloat16")


@pytest.mark.parametrize("form", FORMS)
def test_numbers_with_gaps_are_indices_with_unlabelled_rows(arrays, form):
    labels, probs = arrays
    labels = np.where(labels == 1, 0, labels)  # a class that is never given: indices stay indices
    expected = found(np.where(np.isin(np.arange(90), (4, 7)), -1, labels), pred_probs=probs)
    issues = found(forms_of_labels(labels)[form], pred_probs=probs)
    floats = "float" in form  # floats are returned as floats
    assert (issues["given_label"].dtype.kind == "f") is floats
    both = dict.fromkeys(["given_label", "suggested_label"], "Int64")
    pd.testing.assert_frame_equal(issues.astype(both), expected.astype(both))


def test_probabilities_in_every_form_are_the_same(arrays):
    from scipy.sparse import csr_matrix

    torch = pytest.importorskip("torch")
    labels, probs = arrays
    expected = found(labels, pred_probs=probs)
    table = pd.DataFrame(probs)
    for form in (probs.tolist(), table.astype("Float64"), torch.tensor(probs), csr_matrix(probs), probs.astype(object)):
        pd.testing.assert_frame_equal(found(labels, pred_probs=form), expected)
    coarse = found(labels, pred_probs=torch.tensor(probs).bfloat16())  # such rows sum to 1 within a hundredth
    np.testing.assert_allclose(coarse["p_error"], expected["p_error"], atol=0.05)
    holes = table.astype("Float64").mask(table.index.to_series() == 5)
    with pytest.raises(InputError, match="`pred_probs` row 5 holds nan in column 0"):
        found(labels, pred_probs=holes)
    with pytest.raises(InputError, match="`pred_probs` row 5 holds nan in column 0"):
        found(labels, pred_probs=np.ma.masked_array(probs, mask=np.tile(np.arange(90)[:, None] == 5, 3)))


def test_columns_that_seem_to_be_in_another_order_are_told_of(arrays, recwarn):
    labels, probs = arrays
    names = np.array(NAMES, object)[labels]
    turned = probs[:, [2, 0, 1]]
    match = r"are assumed to be 'ant', 'bee', 'cow', .* agrees with 10%.* In the order 'cow', 'ant', 'bee' .* with 90%"
    for source in (names, wb.Dataset.from_arrays(names)):
        with pytest.warns(UserWarning, match=match) as told:
            wb.find_issues(source, pred_probs=turned)
        assert [one.filename for one in told] == [__file__]
    with pytest.warns(UserWarning, match=match.replace("are taken", "`logits` have no names and are taken")):
        wb.find_issues(names, logits=np.log(turned)[None])
    recwarn.clear()
    wb.find_issues(names, logits=np.log(probs)[None])
    wb.find_issues(names, pred_probs=turned, classes=["cow", "ant", "bee"])  # said
    wb.find_issues(names, pred_probs=pd.DataFrame(turned, columns=["cow", "ant", "bee"]))  # named
    wb.find_issues(names, pred_probs=probs)  # agrees
    wb.find_issues(labels, pred_probs=turned)  # numbers are columns
    wb.find_issues(names[:29], pred_probs=turned[:29])  # too few to decide
    worse = 0.6 * probs + 0.4 * np.random.default_rng(0).dirichlet(np.ones(3), 90)[:, [2, 0, 1]]
    wb.find_issues(names, pred_probs=np.random.default_rng(0).permutation(worse))  # a model that has learned nothing
    assert [str(one.message) for one in recwarn] == []


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("n", "k"), [(20, 2), (24, 2), (60, 3), (200, 2)])
def test_chance_is_not_taken_for_another_order(n, k, seed, recwarn):
    """Out of fold, a model that learned nothing agrees with fewer labels than chance, so another order always fits
    better."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    names = np.array(NAMES, object)[labels]
    as_evidence(names, pred_probs=rng.dirichlet(np.ones(k), n))
    votes = np.tile(np.bincount(labels, minlength=k) + 0.0, (n, 1))
    votes[np.arange(n), labels] -= 1  # the class shares of all other rows, in which the row's own class is rarest
    as_evidence(names, pred_probs=votes / votes.sum(axis=1, keepdims=True))
    assert [str(one.message) for one in recwarn] == []


def test_what_the_product_made_is_in_the_order_it_says(recwarn, tmp_path):
    """Even if its own probabilities contradict nearly all labels."""
    from sklearn.naive_bayes import GaussianNB

    class Contrary(GaussianNB):
        def predict_proba(self, X):
            return super().predict_proba(X)[:, ::-1]

    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    data = wb.Dataset.from_arrays(np.array(["ant", "bee"], object)[labels])
    points = rng.normal(size=(80, 2)) + 3 * labels[:, None]
    probs = wb.cross_val_predict(Contrary(), points, data)
    assert (probs.argmax(axis=1) == labels).mean() < 0.1
    wb.find_issues(data, pred_probs=probs)
    with wb.Recorder(tmp_path / "run", data) as rec:
        rec.save_pred_probs(probs, out_of_fold=True, source="made by the product")
    assert [str(one.message) for one in recwarn] == []
    run = wb.open_run(tmp_path / "run")
    wb.find_issues(data, pred_probs=run.pred_probs().values)
    assert [str(one.message) for one in recwarn] == []
    with pytest.warns(UserWarning, match="agree with"):
        wb.find_issues(data, pred_probs=probs.copy())  # an unknown object


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"given_labels": None}, "`source` is missing. Pass a run or its path, or labels"),
        ({"pred_probs": [[0.5, 0.5]] * 89 + [[1.0]]}, r"`pred_probs` has rows of different lengths \(1, 2\)"),
        ({"pred_probs": np.ones(90)}, r"`pred_probs` has shape \(90,\). Give one row per example"),
        ({"probs": np.ones((90, 3))}, "unknown array 'probs'. Did you mean 'pred_probs'"),
        ({"fdr": "0.2"}, "`fdr` is '0.2'. Give a share"),
        ({"verdicts": {3: True}}, "`verdicts` is a dict. Pass a Series"),
    ],
)
def test_what_cannot_be_meant_is_refused(arrays, arguments, match):
    labels, probs = arrays
    source, others = arguments.get("given_labels", labels), {k: v for k, v in arguments.items() if k != "given_labels"}
    with pytest.raises(InputError, match=match):
        wb.find_issues(source, **({} if "probs" in arguments else {"pred_probs": probs}) | others)
