"""Keymaps: the page and Python agree, and impossible keymaps are refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from widgets.wire.keymaps import ACTIONS, DEFAULT, EDIT, ON_DIGITS, PRESETS, REVIEW, checked
from workbench.foundation.errors import InputError

SCRIPTS = Path(__file__).resolve().parents[2] / "widgets" / "js"


def in_words(text: str, name: str) -> dict[str, str]:
    """Return a dict of actions to descriptions from a table in a script."""
    table = text[text.index(name) :]
    return dict(re.findall(r'^ +(\w+): "(.*)",', table[: table.index("}")], re.M))


def editors() -> dict[str, dict[str, str]]:
    """Return a dict of kinds of labels to the actions of their editors, for all files in `editors/`."""
    texts = [path.read_text(encoding="utf-8") for path in SCRIPTS.glob("editors/*.js")]
    return {re.search(r'^  task: "(\w+)"', text, re.M)[1]: in_words(text, "  edits: {") for text in texts}


def modes() -> list[tuple[str, dict[str, list[str]]]]:
    """Yield the name and the keys of every mode of every preset."""
    review = [(f"{preset}, review", keys) for preset, keys in REVIEW.items()]
    return review + [(f"{preset}, edit {task}", keys) for preset in EDIT for task, keys in EDIT[preset].items()]


@pytest.mark.parametrize(("mode", "keys"), modes())
def test_no_key_has_two_meanings_in_one_mode(mode, keys):
    owners: dict[str, str] = {}
    for action, listed in keys.items():
        for key in listed:
            assert owners.setdefault(key, action) == action, f"{mode}: {key!r} is {owners[key]} and {action}"


def test_every_preset_states_every_key_of_every_mode():
    words = in_words((SCRIPTS / "base" / "keys.js").read_text(encoding="utf-8"), "export const MEANINGS")
    assert tuple(words) == tuple(DEFAULT), "the page says in words what each action does"
    assert set(EDIT) == set(REVIEW) == set(PRESETS)
    for preset in PRESETS:
        assert REVIEW[preset].keys() == DEFAULT.keys() and all(REVIEW[preset].values()), preset
        assert {task: set(keys) for task, keys in EDIT[preset].items()} == {t: set(w) for t, w in editors().items()}
        assert all(all(keys.values()) for keys in EDIT[preset].values()), preset


def test_keys_that_everybody_knows_mean_in_every_preset_what_they_mean_elsewhere():
    for preset in PRESETS:
        owner = {key: action for action, keys in REVIEW[preset].items() for key in keys}
        assert (owner["Ctrl+z"], owner["Ctrl+Z"], owner["Escape"]) == ("undo", "redo", "leave"), preset
        assert "digit" in REVIEW[preset]["label"] and owner["Alt+ArrowLeft"] == "undoView"
    assert (REVIEW["prodigy"]["accept"], REVIEW["prodigy"]["skip"]) == (["a"], [" "])
    assert "Ctrl+Enter" in REVIEW["labelstudio"]["accept"] and "Alt+h" in REVIEW["labelstudio"]["hide"]
    cvat = REVIEW["cvat"]
    assert "Ctrl+digit" in cvat["label"] and "f" in cvat["next"] and "d" in cvat["previous"]


def test_what_is_good_passes():
    assert checked(None) == checked("default") == {"review": DEFAULT, "edit": EDIT["default"]}
    assert checked("prodigy")["review"] == REVIEW["prodigy"]
    review = checked({"accept": ["y", " "], "next": "ArrowRight", "flag": "Ctrl+f"})["review"]
    assert (review["accept"], review["next"], review["flag"]) == (["y", " "], ["ArrowRight"], ["Ctrl+f"])
    assert checked({"accept": "j"})["review"]["next"] == ["ArrowRight", "ArrowDown"], "next has its arrows left"
    assert checked({"accept": "x"})["review"]["nothing"] == [], "classes need no key for nothing"
    assert set(ACTIONS) == set(DEFAULT) - set(ON_DIGITS)


def test_no_action_loses_its_only_key_unseen():
    with pytest.raises(InputError, match=re.escape("gives 'k' to 'accept', which leaves 'keep' without a key")):
        checked({"accept": "k"})
    with pytest.raises(
        InputError, match=re.escape("'Backspace' to 'undo' and 'Delete' to 'skip', which leaves 'clear'")
    ):
        checked({"undo": "Backspace", "skip": "Delete"})
    assert checked({"accept": "k", "keep": " "})["review"]["keep"] == [" "]
    assert checked({"accept": "k", "keep": []})["review"]["keep"] == [], "said by name, an action can go without a key"


@pytest.mark.parametrize(
    ("keymap", "found"),
    [
        ("vim", "unknown keymap 'vim'"),
        ({"acept": "a"}, "Did you mean 'accept'"),
        ({"accept": "3"}, "Digits set classes"),
        ({"accept": "Ctrl+3"}, "Digits set classes"),
        ({"accept": "Ctrl+w"}, "Browsers reserve this one"),
        ({"accept": "Ctrl+"}, "has the key 'Ctrl+'"),
        ({"accept": "Ctrl+Alt+x"}, "has the key 'Ctrl+Alt+x'"),
        ({"label": "y"}, "unknown action in `keymap` 'label'"),
        ({"accept": "Space"}, "' ' is the space bar"),
        ({"accept": ""}, "has the key ''"),
        ({"accept": 5}, "has 5 for 'accept'"),
        ({"accept": "x", "keep": ["k", "x"]}, "'x' to both 'accept' and 'keep'"),
        (["a"], "Pass the name of a preset, or a dict"),
    ],
)
def test_what_cannot_work_is_refused(keymap, found):
    with pytest.raises(InputError, match=re.escape(found)):
        checked(keymap)
