"""Texts in a view: alternatives and versions of a text, and replacement in many texts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import widgets as wd
import workbench as wb
from widgets.requests.replace_text import ask_replace
from widgets.view.units import units_of
from widgets.wire.masks import packed
from workbench.foundation.errors import InputError


@pytest.fixture
def view(tmp_path):
    rng = np.random.default_rng(0)
    n = 60
    frame = pd.DataFrame({"id": [f"t{row}" for row in range(n)], "text": [f"a colour {row}" for row in range(n)]})
    frame["match"] = np.where(np.arange(n) < 6, 0.0, 1.0) + rng.normal(0, 0.05, n)
    frame["alternatives"] = [[f"other {row}"] for row in range(n)]
    return wd.Explorer(wb.import_run(frame, tmp_path / "run", label="text", id="id", task="texts"))._view


def mask(*rows):
    return [packed(np.isin(np.arange(60), rows)).tobytes()]


def test_alternatives_and_versions_are_sent(view):
    (unit,) = units_of(view, 3)
    assert unit["alternatives"] == ['"other 3"'] and unit["versions"] == [] and unit["suggested"] == '"other 3"'
    view.run.journal.relabel("t3", '"new"', old='"a colour 3"', units="", author="ann")
    view.decisions.catch_up()
    (unit,) = units_of(view, 3)
    assert [one["value"] for one in unit["versions"]] == ['"a colour 3"', '"new"']
    assert [one["author"] for one in unit["versions"]] == ["", "ann"]


def test_a_replacement_is_shown_confirmed_and_undone_at_once(view):
    view.run.journal.relabel("t4", '"a Colour, corrected"', old='"a colour 4"', units="")
    view.decisions.catch_up()
    asked = {"find": "colour", "by": "color"}
    shown, _ = ask_replace(view, asked, mask(2, 3, 4))
    assert (shown["count"], shown["examples"]) == (2, 2)
    assert shown["shown"][0] == {"id": "t2", "before": "a colour 2", "after": "a color 2"}
    both, _ = ask_replace(view, {**asked, "match_case": False}, mask(2, 3, 4))
    assert both["count"] == 3
    assert ask_replace(view, {**asked, "find": "colou", "whole_words": True}, mask(2, 3, 4))[0]["count"] == 0
    with pytest.raises(InputError, match="have changed since 5 were confirmed"):
        ask_replace(view, {**asked, "sure": 5}, mask(2, 3, 4))
    with pytest.raises(InputError, match="`find` is ''"):
        ask_replace(view, {"find": "", "by": "x"}, mask(2))
    answer, state = ask_replace(view, {**asked, "sure": 2}, mask(2, 3, 4))
    assert answer["patch"]["changed"] == 3 and set(state[0].tolist()) == {2, 3}
    texts = view.dataset.kind.to_column(view.run.labels(), view.run.classes)
    assert texts[[2, 3, 4, 5]].tolist() == ["a color 2", "a color 3", "a Colour, corrected", "a colour 5"]
    assert view.run.journal.undo()
    texts = view.dataset.kind.to_column(view.run.labels(), view.run.classes)
    assert texts[[2, 3, 4]].tolist() == ["a colour 2", "a colour 3", "a Colour, corrected"]


def test_a_replacement_is_no_verdict(view):
    before = wb.find_issues(view.run).attrs["verdicts"]
    assert wb.texts.replace(view.run, "colour", "color", ids=["t9"]) == 1
    assert wb.texts.replace(view.run, "colour", "color") == 59
    assert wb.find_issues(view.run).attrs["verdicts"] == before == 0
    assert wb.texts.replace(view.run, "colour", "color") == 0
    with pytest.raises(InputError, match="not in the dataset"):
        wb.texts.replacements(view.run, "a", "b", ids=["nobody"])
