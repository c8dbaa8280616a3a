"""Stored predictions: ensembles are direct means, flipped labels are those that all models contradict."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import workbench as wb
from workbench.foundation.errors import InputError

MODELS = {
    "logistic": LogisticRegression(),
    "weak": LogisticRegression(C=1e-3),
    "bayes": GaussianNB(),
    "near": KNeighborsClassifier(9),
    "nearer": KNeighborsClassifier(3),
    "tree": DecisionTreeClassifier(max_depth=3),
}
NUMBERS = {"ridge": Ridge(), "stiff": Ridge(1000.0), "near": KNeighborsRegressor(9)}


@pytest.fixture(scope="module")
def stored():
    """(table, flipped rows by data set) of four bundled tables; a tenth of the labels is wrong."""
    parts, flips = [], {}
    for name, load in {"iris": load_iris, "wine": load_wine, "cancer": load_breast_cancer}.items():
        bunch = load()
        rng = np.random.default_rng(0)
        y = np.array([f"{name}{one}" for one in bunch.target])
        wrong = rng.random(len(y)) < 0.1
        classes = np.unique(y)
        given = np.where(wrong, classes[(bunch.target + 1) % len(classes)], y)
        for model, estimator in MODELS.items():
            p = cross_val_predict(make_pipeline(StandardScaler(), estimator), bunch.data, given, method="predict_proba")
            keys = {"data": name, "model": model, "id": np.arange(len(y)), "label": given}
            parts.append(pd.DataFrame({**keys, **dict(zip(classes, p.T))}))
        flips[name] = wrong
    x, y = load_diabetes(return_X_y=True)
    wrong = np.random.default_rng(1).random(len(y)) < 0.1
    given = np.where(wrong, y * 3, y)
    for model, estimator in NUMBERS.items():
        p = cross_val_predict(make_pipeline(StandardScaler(), estimator), x, given)
        keys = {"data": "diabetes", "model": model, "id": np.arange(len(y)), "label": given}
        parts.append(pd.DataFrame({**keys, "prediction": p}))
    return pd.concat(parts, ignore_index=True), {**flips, "diabetes": wrong}


def test_ensembles_are_direct_means(stored):
    table, _ = stored
    found = wb.experiments.StoredPredictions(table.sample(frac=1, random_state=0).sort_values("data", kind="stable"))
    found_in_order = wb.experiments.StoredPredictions(table)
    assert found_in_order.data == ["iris", "wine", "cancer", "diabetes"] and found_in_order.models("iris") == [*MODELS]
    classes = [one for one in table if str(one).startswith("wine")]
    some = table[(table["data"] == "wine") & table["model"].isin(["bayes", "near"])]
    direct = some.groupby("id")[classes].mean()
    assert np.allclose(found_in_order.ensemble("wine", ["bayes", "near"]), direct)
    assert np.allclose(found.ensemble("wine", ["bayes", "near"]).loc[direct.index], direct)
    weighed = found_in_order.ensemble("wine", ["bayes", "near"], weights=[3, 1])
    assert np.allclose(weighed, found_in_order.ensemble("wine", ["bayes", "bayes", "bayes", "near"]))


def test_rows_that_all_models_contradict_are_the_flipped_ones(stored):
    table, flips = stored
    found = wb.experiments.StoredPredictions(table)
    for name, wrong in flips.items():
        every = found.contradicted(name, share=0.0)
        share = every["share"].sort_index()
        assert len(every) == len(wrong) and roc_auc_score(wrong, share) > (0.9 if name != "diabetes" else 0.8)
        almost = found.contradicted(name, share=0.9)
        assert wrong[almost.index].mean() > 0.7 and (almost["against"] >= 0.9 * almost["models"]).all()
        assert almost["share"].is_monotonic_decreasing
    iris = found.contradicted("iris")
    truth = np.array([f"iris{one}" for one in load_iris().target])
    assert (iris["suggested_label"] == truth[iris.index]).mean() > 0.85


def test_selected_models_have_the_least_loss(stored):
    found = wb.experiments.StoredPredictions(stored[0])
    one = found.ensemble("cancer", [found.select("cancer", 1)[0]])
    labels = stored[0].query("data == 'cancer' and model == 'bayes'")["label"]
    losses = {name: log_loss(labels, np.clip(found.ensemble("cancer", [name]), 1e-12, 1)) for name in MODELS}
    assert log_loss(labels, np.clip(one, 1e-12, 1)) == pytest.approx(min(losses.values()))
    several = found.ensemble("cancer", found.select("cancer"))
    assert log_loss(labels, several) < min(losses.values())
    assert found.select("diabetes", 3)


def test_a_table_is_read_from_a_file(stored, tmp_path):
    part = stored[0].query("data == 'iris'")
    part.to_parquet(tmp_path / "stored.parquet")
    found = wb.experiments.StoredPredictions(tmp_path / "stored.parquet")
    assert found.ensemble("iris").equals(wb.experiments.StoredPredictions(stored[0]).ensemble("iris"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="label"), "unknown column 'label'"),
        (lambda t: t[["data", "model", "id", "label"]], "has no predictions"),
        (lambda t: pd.concat([t, t.head(1)]), "an example twice"),
        (lambda t: t.iloc[:-1], "149 predictions of 'tree' on 'iris' for 150"),
        (lambda t: t.assign(iris0=t["iris0"] + 0.5), "no probabilities"),
        (lambda t: t.assign(iris0=t["iris0"].where(t.index != 3)), "has gaps"),
    ],
)
def test_tables_that_do_not_fit_are_refused(stored, change, message):
    table = stored[0].query("data == 'iris'").dropna(axis=1)
    with pytest.raises(InputError, match=message):
        wb.experiments.StoredPredictions(change(table))


def test_unknown_names_are_refused(stored):
    found = wb.experiments.StoredPredictions(stored[0])
    with pytest.raises(InputError, match=r"unknown data set 'iriss'\. Did you mean 'iris'"):
        found.ensemble("iriss")
    with pytest.raises(InputError, match="unknown model"):
        found.ensemble("iris", ["forest"])
    with pytest.raises(InputError, match="`weights` are"):
        found.ensemble("iris", ["near"], weights=[0])
