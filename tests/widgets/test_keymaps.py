"""Keymaps: what the page and Python know is the same, and what cannot work is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from widgets.wire.keymaps import ACTIONS, DEFAULT, NAMED, checked
from workbench.foundation.errors import InputError

SOURCE = (Path(__file__).resolve().parents[2] / "widgets" / "js" / "keys.js").read_text(encoding="utf-8")


def test_the_page_knows_the_same_actions_and_keymaps():
    meanings = SOURCE[SOURCE.index("export const MEANINGS") :]
    assert tuple(re.findall(r"^  (\w+):", meanings[: meanings.index("};")], re.M)) == ACTIONS
    keymaps = SOURCE[SOURCE.index("export const KEYMAPS") : SOURCE.index("export const MEANINGS")]
    assert tuple(re.findall(r"^  (\w+): \{", keymaps, re.M)) == NAMED
    default = keymaps[: keymaps.index("prodigy")]
    assert {name: json.loads(keys) for name, keys in re.findall(r"^    (\w+): (\[.*\]),", default, re.M)} == DEFAULT


def test_what_is_good_passes():
    assert checked(None) is None
    assert checked("prodigy") == "prodigy"
    assert checked({"accept": ["y", " "], "next": "ArrowRight"}) == {"accept": ["y", " "], "next": ["ArrowRight"]}
    assert checked({"accept": "j"}) == {"accept": ["j"]}, "next has its arrows left"


def test_no_action_loses_its_only_key_unseen():
    with pytest.raises(InputError, match=re.escape("gives 'k' to 'accept', which leaves 'keep' without a key")):
        checked({"accept": "k"})
    with pytest.raises(
        InputError, match=re.escape("'Backspace' to 'undo' and 'Delete' to 'skip', which leaves 'clear'")
    ):
        checked({"undo": "Backspace", "skip": "Delete"})
    assert checked({"accept": "k", "keep": " "}) == {"accept": ["k"], "keep": [" "]}
    assert checked({"accept": "k", "keep": []})["keep"] == [], "said by name, an action can go without a key"


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
