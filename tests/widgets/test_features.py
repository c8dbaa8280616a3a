"""Features of table rows: how unusual a value is, compared with manual counts, and the map without epochs."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from widgets.requests import answer
from widgets.view.features import CLASS_SAMPLE, FEWEST_OF_CLASS, Features, Group
from widgets.view.placing import data_map_axes
from workbench.data.dataset import Dataset


def dataset(columns, labels) -> Dataset:
    return Dataset.from_arrays(labels, metadata=pd.DataFrame(columns))


def cells(data, row, suggested=-1) -> dict:
    found = Features(data).of(row, suggested)
    json.dumps(found, allow_nan=False)
    return {cell["name"]: cell for cell in found["rows"]}


def test_unusual_is_the_share_of_the_class_that_is_as_extreme():
    size = np.r_[np.arange(100.0), 40.0]  # a row of class 0 is compared with the 100 of its class
    labels = np.r_[np.zeros(99, int), 0, 1]
    size[99], rng = 1000.0, np.random.default_rng(0)
    data = dataset({"flat": np.ones(101), "size": size, "noise": rng.normal(size=101)}, labels)
    found = Features(data).of(99, 1)["rows"]
    assert found[0]["name"] == "size", "the most unusual first"
    assert found[0]["unusual"] == pytest.approx(2 / 100), "two-sided: only itself lies there"
    assert found[-1] | {"value": ""} == found[-1] | {"value": "", "unusual": 1.0, "name": "flat"}
    middle = cells(data, 50)["size"]
    assert middle["unusual"] == pytest.approx(2 * 50 / 100, abs=0.021)
    assert middle["given"] == sorted(middle["given"]) and 0 <= middle["at"] <= 1
    assert cells(data, 100)["size"]["of"] == "all", f"a class of fewer than {FEWEST_OF_CLASS} is compared with all"


def test_ties_are_broken_by_distance_and_units_do_not_matter():
    rng = np.random.default_rng(1)
    near, far = rng.normal(size=200), rng.normal(size=200)
    near[7], far[7] = 4.0, 400.0
    data = dataset({"near": near, "far": far, "thousands": near * 1000}, [0] * 200)
    order = [cell["name"] for cell in Features(data).of(7, -1)["rows"]]
    assert order[0] == "far"
    found = cells(data, 7)
    assert found["near"]["unusual"] == found["thousands"]["unusual"] == found["far"]["unusual"]


def test_categories_missing_values_and_odd_columns():
    n = 200
    ward = np.array(["north"] * 150 + ["south"] * 49 + ["<img src=x>"], object)
    gap = np.where(np.arange(n) == n - 1, np.nan, 1.5 * np.arange(n))
    data = dataset(
        {
            "ward": ward, "gap": gap, "flag": np.arange(n) % 2 == 0, "tag": [f"row {i}" for i in range(n)],
            "day": pd.date_range("2026-01-01", periods=n), "whole": pd.array([None, *range(n - 1)], "Int64"),
            "endless": np.r_[np.inf, np.arange(n - 1.0)], "empty": [None] * n, "kind": pd.Categorical(ward),
        },
        [0] * n,
    )  # fmt: skip
    last = cells(data, n - 1)
    assert last["ward"]["unusual"] == last["kind"]["unusual"] == pytest.approx(1 / n)
    assert last["ward"]["shares"] == {"all": 1 / n, "given": 1 / n}
    assert last["gap"]["unusual"] == pytest.approx(1 / n), "a gap is rare there"
    assert last["tag"]["unusual"] == last["empty"]["unusual"] == 1.0, "as every other one"
    assert last["day"]["unusual"] == pytest.approx(2 / n)
    assert cells(data, 170)["ward"]["unusual"] == pytest.approx(50 / n)
    assert cells(data, 0)["whole"]["unusual"] == pytest.approx(1 / n)
    assert cells(data, 0)["endless"]["number"] is None


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_dates_and_durations_of_any_unit(unit):
    days = pd.Series(pd.date_range("2026-01-01", periods=100)).astype(f"datetime64[{unit}]")
    days[99] = pd.NaT
    spans = (days - days[0]).astype(f"timedelta64[{unit}]")
    data = dataset({"day": days, "there": days.dt.tz_localize("Asia/Tokyo"), "span": spans}, [0] * 100)
    for name, cell in cells(data, 49).items():
        assert cell["unusual"] == pytest.approx(1.0, abs=0.03), name
        assert cell["at"] == pytest.approx(0.5, abs=0.03), name
    assert {cell["unusual"] for cell in cells(data, 99).values()} == {0.01}


def test_cells_of_any_kind_are_features():
    odd = [{"a": 1}, [1, 2], np.arange(3), {3}, 1 + 2j, b"x", object, pd.NA, "text", 5] * 3
    data = dataset({"odd": odd, "complex": np.arange(30) * 1j}, [0] * 30)
    for row in range(10):
        assert set(cells(data, row)) == {"odd", "complex"}


def test_a_large_class_is_represented_by_a_sample_and_wide_tables_by_what_is_unusual():
    n = 3 * CLASS_SAMPLE
    data = dataset({"a": np.arange(float(n))}, [0] * n)
    assert Features(data)._group(0)["a"].total == CLASS_SAMPLE
    assert cells(data, 0)["a"]["unusual"] <= 4 / CLASS_SAMPLE
    wide = dataset({f"f{i}": np.r_[np.zeros(20), float(i == 399)] for i in range(400)}, [0] * 21)
    found = Features(wide).of(20, -1)
    assert (len(found["rows"]), found["more"], found["rows"][0]["name"]) == (300, 100, "f399")
    assert Features(dataset({"a": [1.0, 2.0]}, [None, 0])).of(0, 0)["rows"][0]["of"] == "all"


def test_a_group_of_one_value_or_none():
    assert Group(pd.Series([np.nan, np.nan])).unusual(3.0) == (None, 0.0)
    assert Group(pd.Series([], dtype=float)).unusual(3.0) == (None, 0.0)
    share, distance = Group(pd.Series([2.0] * 50)).unusual(9.0)
    assert (share, distance) == (2 / 50, 0.0)


# ---- the map -------------------------------------------------------------------------------------------------


def opened(**options):
    import widgets as wd

    ex = wd.Explorer(**options)
    body, _ = answer(ex._view, {"kind": "open"}, [])
    return ex, body


def two_classes(n=120, k=2):
    rng = np.random.default_rng(3)
    labels = np.array([f"class {i % k}" for i in range(n)])
    probs = rng.dirichlet(np.ones(k), n).astype(np.float32)
    return rng, labels, probs


def test_a_table_of_two_classes_without_epochs_gets_a_map_of_its_features():
    rng, labels, probs = two_classes()
    frame = pd.DataFrame(rng.normal(size=(120, 6)), columns=list("abcdef")).assign(label=labels, id_=np.arange(120))
    frame["b"] = 5000 * frame["a"] + rng.normal(size=120)
    ex, body = opened(run=frame, pred_probs=probs)
    assert (body["data_map"]["title"], body["maps"]) == ("features (PCA)", [True, False])
    assert "embeddings=" in body["embedding"]["message"]
    xy = np.column_stack([ex._view.columns[body["data_map"][axis]].values for axis in ("x", "y")])
    assert abs(np.corrcoef(xy.T)[0, 1]) < 0.1, "two columns that say different things"
    title = ex._view.columns["feature PC 1"].title
    assert "6 numeric columns" in title or "7 numeric" in title
    detail, _ = answer(ex._view, {"kind": "inspect", "row": 3}, [])
    assert {row["name"] for row in detail["features"]["rows"]} >= set("abcdef")


@pytest.mark.parametrize(
    ("k", "title", "x"), [(2, "confidence by class", "class (spread)"), (4, "confidence map", "p_other")]
)
def test_probabilities_alone_are_no_straight_line(k, title, x):
    _, labels, probs = two_classes(k=k)
    texts = [f"text {i}" for i in range(120)]
    ex, body = opened(run=pd.DataFrame({"label": labels, "text": texts}), text="text", pred_probs=probs)
    assert (body["data_map"]["title"], body["data_map"]["x"]) == (title, x)
    if k == 4:
        rest = np.where(np.arange(4) == ex.run.dataset.given_labels[:, None], -1, probs).max(1)
        np.testing.assert_allclose(ex._view.columns["p_other"].values, rest, atol=1e-5)
    xs, ys = (ex._view.columns[body["data_map"][axis]].values for axis in ("x", "y"))
    assert abs(np.corrcoef(xs, ys)[0, 1]) < 0.9
    assert data_map_axes({}) is None
