"""Figures of results: they draw the numbers of the result, escaped, transparent; errors."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench.foundation.errors import InputError
from workbench.reports.figures import FIGURES, OF_RESULTS

NASTY = '<b onclick="alert(1)">m</b>'


@pytest.fixture(scope="module")
def ranked():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 5, 400)
    given = truth.copy()
    given[:40] = (given[:40] + 1) % 5
    models = {name: np.where(rng.random(400) < p, truth, 0) for name, p in (("a", 0.9), ("c", 0.7), ("d", 0.7))}
    return wb.experiments.compare_rankings(
        {NASTY: np.where(rng.random(400) < 0.88, given, 0), **models}, given, truth, resamples=50
    )


@pytest.fixture(scope="module")
def compared():
    rng = np.random.default_rng(2)
    truth = np.arange(120) % 3
    given = np.where(rng.random(120) < 0.15, (truth + 1) % 3, truth)
    X = np.eye(3)[truth] + 0.3 * rng.normal(size=(120, 3))
    return wb.compare(wb.Dataset.from_arrays(given), X, after=truth, truth=truth, repeats=2)


def plain(figure) -> str:
    assert figure.layout.template.layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert figure.layout.title.text
    text = figure.to_json()
    assert "onclick" not in text or "<b onclick" not in text
    return text


def test_names_of_kinds_are_distinct():
    assert not set(FIGURES) & set(OF_RESULTS)


def test_the_bump_chart_has_a_line_per_model_from_rank_to_rank(ranked):
    figure = wb.figure(ranked)
    plain(figure)
    assert len(figure.data) == 4
    lefts, rights = zip(*(trace.y for trace in figure.data))
    assert sorted(lefts) == sorted(rights) == [0, 1, 2, 3]
    first = figure.data[rights.index(0)]
    assert first.hovertext[0].startswith(f"<b>{wb.reports.figures.style.safe(ranked.table.index[0])}</b>")
    assert "Kendall" in figure.layout.title.text


def test_lines_cross_where_the_table_says(ranked):
    figure = wb.figure(ranked, "swaps")
    plain(figure)
    marks = next(trace for trace in figure.data if trace.name == "two models swap")
    there = ranked.swaps[ranked.swaps["labels"] == "corrected"]
    assert len(there) >= 1
    np.testing.assert_allclose(marks.x, there["prevalence"])
    lines = {trace.name: trace for trace in figure.data if trace.mode == "lines"}
    for swap, height in zip(there.itertuples(), marks.y):
        for name in (swap.first, swap.second):
            line = lines[wb.reports.figures.style.safe(name, 24)]
            assert np.interp(swap.prevalence, line.x, line.y) == pytest.approx(height)
    moved = wb.figure(ranked, "swaps", labels="given", prevalence=0.4)
    assert "With 40.0% of the test labels wrong" in moved.layout.title.text


def test_the_slider_moves_the_mark_and_says_who_is_ahead(ranked):
    """Every step is computed with `at`; on either side of a crossing a different model leads."""
    figure = wb.figure(ranked, "swaps", prevalence=0.31)
    (slider,) = figure.layout.sliders
    assert len(slider.steps) == 101 and slider.active == 31
    for number in (0, 31, 100):
        moved, layout, (trace,) = slider.steps[number].args
        wanted = ranked.at(number / 100)
        np.testing.assert_allclose(moved["y"][0], wanted)
        np.testing.assert_allclose(moved["x"][0], number / 100)
        assert layout["shapes[0].x0"] == layout["shapes[0].x1"] == number / 100
        assert f"{wb.reports.figures.style.safe(wanted.index[0], 24)} is ahead" in layout["title.text"]
        assert figure.data[trace].mode == "markers" and len(figure.data[trace].y) == len(wanted)
    np.testing.assert_allclose(figure.data[trace].y, ranked.at(0.31))
    plain(figure)


def test_no_swaps_where_nothing_was_corrected():
    same = wb.experiments.compare_rankings({"a": [0, 1], "b": [0, 0]}, [0, 1], [0, 1], resamples=2)
    with pytest.raises(InputError, match="no label was corrected"):
        wb.figure(same, "swaps")


def test_the_comparison_shows_every_split_and_says_its_answer(compared):
    figure = wb.figure(compared, "comparison")
    plain(figure)
    assert compared.in_words() in figure.layout.title.text
    dots = figure.data[0]
    np.testing.assert_allclose(dots.x, 100 * (compared.table["corrected"] - compared.table["given"]))


def test_a_result_knows_its_kinds(ranked, compared):
    with pytest.raises(InputError, match=r"unknown figure 'comparison'.* Known: bump, swaps"):
        wb.figure(ranked, "comparison")
    with pytest.raises(InputError, match="unknown option of figure 'swaps'"):
        wb.figure(ranked, "swaps", epoch=1)
    with pytest.raises(InputError, match="`prevalence` is 2"):
        wb.figure(ranked, "swaps", prevalence=2)
