"""Keymaps: what the page and Python know is the same, and what cannot work is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from widgets.keymaps import ACTIONS, NAMED, checked
from workbench.errors import InputError

SOURCE = (Path(__file__).resolve().parents[2] / "widgets" / "js" / "keys.js").read_text(encoding="utf-8")


def test_the_page_knows_the_same_actions_and_keymaps():
    meanings = SOURCE[SOURCE.index("export const MEANINGS") :]
    assert tuple(re.findall(r"^  (\w+):", meanings[: meanings.index("};")], re.M)) == ACTIONS
    keymaps = SOURCE[SOURCE.index("export const KEYMAPS") : SOURCE.index("export const MEANINGS")]
    assert tuple(re.findall(r"^  (\w+): \{", keymaps, re.M)) == NAMED


def test_what_is_good_passes():
    assert checked(None) is None
    assert checked("prodigy") == "prodigy"
    assert checked({"accept": "y", "next": ["ArrowRight", " "]}) == {"accept": ["y"], "next": ["ArrowRight", " "]}


@pytest.mark.parametrize(
    ("keymap", "found"),
    [
        ("vim", "unknown keymap 'vim'"),
        ({"acept": "a"}, "Did you mean 'accept'"),
        ({"accept": "3"}, "Digits set classes"),
        ({"accept": "Space"}, "' ' is the space bar"),
        ({"accept": ""}, "has the key ''"),
        ({"accept": 5}, "has 5 for 'accept'"),
        ({"accept": "x", "keep": ["k", "x"]}, "'x' to both 'accept' and 'keep'"),
        (["a"], "Pass a name, or a dict"),
    ],
)
def test_what_cannot_work_is_refused(keymap, found):
    with pytest.raises(InputError, match=re.escape(found)):
        checked(keymap)
