"""Columns of all kinds of values: the Explorer opens, searches and filters them; the recorder stores or names them."""

from __future__ import annotations

import datetime
import decimal
import pathlib
import uuid

import numpy as np
import pandas as pd
import pytest

import widgets as wd
import workbench as wb
from widgets.view.columns import plain_cells
from workbench.foundation.cells import cell_text, is_missing
from workbench.foundation.errors import InputError, WorkbenchError
from workbench.storage.tables import write_table

N = 40


class Odd:
    """A user's class that cannot even be printed."""

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


STORED = {
    "lists": [[1, 2]] * N,
    "ragged": [[i] * (i % 3) for i in range(N)],
    "dicts": [{"a": i % 3} for i in range(N)],
    "arrays": [np.arange(i % 3) for i in range(N)],
    "sets": [{1, i % 2} for i in range(N)],
    "bytes": [b"a\xff"] * N,
    "nothing": pd.Series([float("nan"), None, pd.NA, pd.NaT] * (N // 4), dtype=object),
    "decimals": [decimal.Decimal("1.10"), decimal.Decimal("2.5")] * (N // 2),
    "zone": pd.date_range("2024", periods=N, tz="Europe/Berlin"),
    "dates": [datetime.date(2024, 1, 1 + i % 3) for i in range(N)],
    "lengths": pd.to_timedelta(np.arange(N), unit="s"),
    "unsigned": np.full(N, 2**64 - 1, np.uint64),
    "infinite": [np.inf, -np.inf] * (N // 2),
    "category": pd.Categorical([3, 1] * (N // 2)),
    "maybe": pd.array([True, None] * (N // 2), dtype="boolean"),
}
REFUSED = {
    "tables": [pd.DataFrame({"a": [1, 2]})] * N,
    "series": [pd.Series([1, 2])] * N,
    "pixels": [np.zeros((2, 2))] * N,
    "mixed": [1, "a", None, 2.5] * (N // 4),
    "mixed again": [1, "1", True, [1]] * (N // 4),
    "long": [2**70 + i for i in range(N)],
    "huge": [10**5000] * N,
    "broken": pd.Series(["fine"] * (N - 1) + ["a\ud800"], dtype=object),
    "uuids": [uuid.UUID(int=i % 3) for i in range(N)],
    "paths": [pathlib.Path("a") / str(i % 2) for i in range(N)],
    "frozen": [frozenset([i % 2]) for i in range(N)],
    "tuples": [(1, "a")] * N,
    "intervals": pd.arrays.IntervalArray.from_breaks(np.arange(N + 1)),
    "bins": pd.cut(pd.Series(np.arange(N)), 4),
    "months": pd.period_range("2024-01", periods=N, freq="M"),
    "complex": np.arange(N) * 1j,
    "objects": [Odd() for _ in range(N)],
    "deep": [eval("[" * 60 + "]" * 60)] * N,
}
LABELS = {"label": list("ab") * (N // 2)}


@pytest.fixture(scope="module")
def explorer():
    return wd.Explorer(pd.DataFrame(LABELS | STORED | REFUSED), label="label")


def test_the_explorer_opens_and_shows_every_row(explorer, tmp_path):
    assert {"lists", "dicts", "sets", "mixed", "frozen", "bins"} <= set(explorer._view.columns)
    assert explorer._view.columns["lists"].categories == ("[1, 2]",)
    assert explorer._view.columns["mixed"].categories == ("1", "2.5", "a")
    assert len(explorer.table("all")) == N
    explorer.save_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").is_file()


@pytest.mark.parametrize("name", [*STORED, *REFUSED])
def test_each_column_is_searched_or_says_why_not(explorer, name):
    explorer.filters = {"search": f"contains(`{name}`, '1')"}
    explorer.filters = {}
    for query in (f"`{name}` == 'a'", f"`{name}` > 1", f"`{name}` in [1, 'a']", f"`{name}` * 2 > 1"):
        try:
            explorer.filters = {"search": query}
        except WorkbenchError:
            assert explorer.filters == {}
        explorer.filters = {}


def test_queries_see_the_text_of_cells(explorer):
    for query, count in (
        ("lists == '[1, 2]'", N),
        ("contains(dicts, \"{'a': 2}\")", N // 3),
        ("mixed == 'a'", N // 4),
        ("contains(paths, 'a/1')", N // 2),
        ("contains(objects, 'without a text')", N),
    ):
        explorer.filters = {"search": query}
        assert len(explorer.table("shown")) == count
    explorer.filters = {}


def test_what_parquet_has_a_type_for_is_recorded_shown_and_exported(tmp_path, rng):
    dataset = wb.Dataset.from_frame(pd.DataFrame(LABELS | STORED))
    with wb.Recorder(tmp_path / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(dataset.ids, rng.normal(size=(N, 2)))
    run = wb.open_run(tmp_path / "run")
    assert set(run.dataset.metadata.columns) == set(STORED)
    assert run.dataset.metadata["zone"].iloc[0] == STORED["zone"][0]
    assert run.dataset.metadata["decimals"].iloc[0] == STORED["decimals"][0]
    assert list(run.dataset.metadata["ragged"].iloc[2]) == STORED["ragged"][2]
    assert "lists" in wd.Explorer(run)._view.columns
    for suffix in ("csv", "jsonl", "parquet"):
        wb.export(run, tmp_path / f"out.{suffix}")


@pytest.mark.parametrize("name", REFUSED)
def test_what_parquet_has_no_type_for_is_refused_by_name(tmp_path, name):
    dataset = wb.Dataset.from_frame(pd.DataFrame(LABELS | {name: REFUSED[name]}))
    with pytest.raises(InputError, match=rf"`metadata\['{name}'\]`.* \.map\(str\)") as caught:
        wb.Recorder(tmp_path / "run", dataset)
    assert len(str(caught.value)) < 1000
    if name in ("mixed", "broken", "long"):
        row = {"mixed": 1, "broken": N - 1, "long": 0}[name]
        assert f"row {row} is" in str(caught.value)
    for suffix in ("csv", "jsonl"):
        write_table(dataset.metadata, tmp_path / f"out.{suffix}")
    try:
        write_table(dataset.metadata, tmp_path / "out.parquet")
    except InputError as error:
        assert "cannot be stored in Parquet" in str(error)


def test_cells():
    assert [is_missing(one) for one in (None, np.nan, pd.NA, pd.NaT, decimal.Decimal("nan"))] == [True] * 5
    assert not any(map(is_missing, ("", 0, [], [None], np.array([np.nan, 1]), pd.DataFrame(), {}, b"")))
    assert cell_text("a\ud800é") == "a\\ud800é"
    assert cell_text(Odd()) == "<Odd without a text: RuntimeError>"
    assert plain_cells(pd.Series([1, "a", None, [1], np.int64(3), 2**70], dtype=object)).tolist() == [
        *(1, "a", None, "[1]", 3, str(2**70))
    ]
