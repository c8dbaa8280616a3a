"""Keys of a view: presets, and validation of custom keys.

A preset defines every key of every mode. In *review* mode keys decide about the unit in focus and move the view. In
*edit* mode (Enter opens the editor of the unit, Esc leaves it) only the keys of that editor are active. The page
receives the effective keys and knows no presets; `keys.js` describes each action.

Keys are named as in browsers (`KeyboardEvent.key`): "k", "K" for Shift and k, " " for the space bar, "Enter",
"Shift+Tab". "Ctrl+z" is Cmd and z on a Mac; "Ctrl+Z" includes Shift. "digit" means the ten digit keys, which are
recognised by their position on the keyboard, independent of the layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from widgets.wire.shapes import KeysInfo
from workbench.foundation.errors import InputError

Keys = dict[str, list[str]]
"""Maps actions to their keys; the first key is shown on buttons."""

VIEW: Keys = {
    "neighbors": ["n"],
    "next": ["ArrowRight", "ArrowDown", "j"],
    "previous": ["ArrowLeft", "ArrowUp"],
    "type": ["/"],
    "edit": ["Enter"],
    "note": ["m"],
    "hide": ["h"],
    "clear": ["Backspace", "Delete"],
    "trails": ["t"],
    "enlarge": ["z"],
    "grid": ["g"],
    "zoomIn": ["+", "="],
    "zoomOut": ["-"],
    "pixels": ["o"],
    "undoView": ["Alt+ArrowLeft"],
    "redoView": ["Alt+ArrowRight"],
    "help": ["?"],
    "leave": ["Escape"],
}

DEFAULT: Keys = {
    "label": ["digit"],
    "labelSelection": ["Shift+digit"],
    "accept": [" "],
    "keep": ["k"],
    "confirmAll": ["K"],
    "nothing": ["x"],
    "unknown": ["X"],
    "skip": ["s"],
    "flag": ["f"],
    "undo": ["u", "Ctrl+z"],
    "redo": ["U", "Ctrl+Z", "Ctrl+y"],
    "nextUnit": ["Tab"],
    "previousUnit": ["Shift+Tab"],
    **VIEW,
}
"""Default keys of review mode."""

REVIEW: dict[str, Keys] = {
    "default": DEFAULT,
    "prodigy": DEFAULT
    | {
        "accept": ["a"],
        "keep": ["x"],
        "confirmAll": ["A"],
        "nothing": ["d"],
        "unknown": ["D"],
        "skip": [" "],
        "undo": ["Backspace", "u", "Ctrl+z"],
        "clear": ["Delete"],
    },
    "labelstudio": DEFAULT
    | {
        "accept": ["Ctrl+Enter", " "],
        "nothing": ["Backspace", "Delete", "x"],
        "skip": ["Ctrl+ ", "s"],
        "undo": ["Ctrl+z"],
        "redo": ["Ctrl+Z", "Ctrl+y"],
        "nextUnit": ["Alt+.", "Tab"],
        "hide": ["Alt+h", "h"],
        "clear": ["u"],
    },
    "cvat": DEFAULT
    | {
        "label": ["Ctrl+digit", "digit"],
        "nothing": ["Delete", "x"],
        "flag": ["p"],
        "undo": ["Ctrl+z", "u"],
        "redo": ["Ctrl+Z", "Ctrl+y", "U"],
        "next": ["f", "ArrowRight", "ArrowDown"],
        "previous": ["d", "ArrowLeft", "ArrowUp"],
        "clear": ["Backspace"],
    },
}
"""Keys of review mode by preset: as in Prodigy, Label Studio and CVAT."""

CLASS_KEYS: Keys = {"choose": ["Enter"], "nextMatch": ["ArrowDown"], "previousMatch": ["ArrowUp"], "leave": ["Escape"]}

UNIT_KEYS: Keys = CLASS_KEYS | {
    "nextMatch": ["ArrowDown", "Alt+ArrowDown"],
    "previousMatch": ["ArrowUp", "Alt+ArrowUp"],
}

SPAN_KEYS: Keys = CLASS_KEYS | {
    "shrinkEnd": ["["],
    "growEnd": ["]"],
    "growStart": ["{"],
    "shrinkStart": ["}"],
    "nextToken": ["ArrowRight"],
    "previousToken": ["ArrowLeft"],
    "growToken": ["Shift+ArrowRight"],
    "shrinkToken": ["Shift+ArrowLeft"],
    "remove": ["Delete", "Backspace", "x"],
    "everywhere": ["*"],
}

TOKEN_KEYS: Keys = CLASS_KEYS | {name: SPAN_KEYS[name] for name in ("nextToken", "previousToken", "everywhere")}

POINT_KEYS: Keys = CLASS_KEYS | {
    "moveLeft": ["ArrowLeft"],
    "moveRight": ["ArrowRight"],
    "draw": ["r"],
    "select": ["v"],
    "remove": ["Delete", "Backspace", "x"],
    "everywhere": ["*"],
    "nextObject": ["Tab"],
    "previousObject": ["Shift+Tab"],
    "undoStroke": ["Ctrl+z", "u"],
    "redoStroke": ["Ctrl+Z", "Ctrl+y", "U"],
    "larger": ["+", "="],
    "smaller": ["-"],
    "fit": ["Home", "o"],
}
"""The arrows up and down, which move between matches while a class is typed, move the object otherwise."""

BOX_KEYS: Keys = POINT_KEYS | {
    "corner": ["c"],
    "narrower": ["Ctrl+ArrowLeft"],
    "wider": ["Ctrl+ArrowRight"],
    "lower": ["Ctrl+ArrowUp"],
    "higher": ["Ctrl+ArrowDown"],
}

MASK_KEYS: Keys = CLASS_KEYS | {
    "brush": ["b"],
    "erase": ["e"],
    "lasso": ["l"],
    "thinner": ["["],
    "thicker": ["]"],
    "fainter": [","],
    "stronger": ["."],
    "swipe": ["w"],
    **{name: POINT_KEYS[name] for name in ("remove", "undoStroke", "redoStroke", "fit")},
    **{name: POINT_KEYS[name] for name in ("nextObject", "previousObject", "larger", "smaller")},
}

INSTANCE_KEYS: Keys = POINT_KEYS | {
    name: MASK_KEYS[name] for name in ("brush", "erase", "lasso", "thinner", "thicker", "fainter", "stronger")
}

_EDITORS: dict[str, Keys] = {
    "multiclass": CLASS_KEYS,
    "units": UNIT_KEYS,
    "candidates": CLASS_KEYS,
    "spans": SPAN_KEYS,
    "boxes": BOX_KEYS,
    "points": POINT_KEYS,
    "instances": INSTANCE_KEYS,
    "masks": MASK_KEYS,
    "texts": {"choose": ["Enter", "Ctrl+Enter"], "leave": ["Escape"]},
    "tokens": TOKEN_KEYS,
    "pairs": CLASS_KEYS,
    "preferences": {"choose": ["Enter"], "leave": ["Escape"]},
}

_CVAT: dict[str, Keys] = {name: _EDITORS[name] | {"draw": ["n", "r"]} for name in ("boxes", "points", "instances")}

EDIT: dict[str, dict[str, Keys]] = dict.fromkeys(("default", "prodigy", "labelstudio"), _EDITORS) | {
    "cvat": _EDITORS | _CVAT
}
"""Keys of each editor, by preset and by kind of label (a file in `js/editors/`)."""

PRESETS = tuple(REVIEW)
"""Valid names for `keymap`."""

ON_DIGITS = ("label", "labelSelection")
"""Actions of the digit keys, which a dict cannot change."""

ON_BUTTONS = ("enlarge", "grid", "zoomIn", "zoomOut", "pixels", "undoView", "redoView", "edit")
"""Actions that are also available by mouse, so a dict may override their keys silently."""

OF_OBJECTS = ("confirmAll", "nothing", "unknown", "nextUnit", "previousUnit")
"""Actions for examples with several units or objects, whose keys a dict may override silently too."""

ACTIONS = tuple(action for action in DEFAULT if action not in ON_DIGITS)
"""Actions that a custom key can have."""

KEY_NAMES = (
    *("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Enter", "Escape", "Backspace", "Delete", "Tab", "Shift+Tab"),
    *("Home", "End", "PageUp", "PageDown", "Insert", *(f"F{n}" for n in range(1, 13))),
)
"""Names of keys with more than one character."""

MODIFIERS = ("Ctrl+", "Alt+")
"""Modifiers that a key can be combined with."""

OF_BROWSERS = ("Ctrl+n", "Ctrl+t", "Ctrl+w", "Ctrl+N", "Ctrl+T", "Ctrl+W")
"""Shortcuts that browsers reserve."""


def checked(keymap: object) -> KeysInfo:
    """Return the effective keys: {"review": action to keys, "edit": {kind of label: action to keys}}.

    Parameters
    ----------
    keymap : None, the name of a preset, or a dict of action to key or list of keys that overrides the default. A key
        in the dict is removed from the action that has it by default.

    Raises
    ------
    InputError : an unknown preset, action or key; a digit, as digits set classes; a shortcut reserved by browsers; one
        key for two actions; an action left without a key, unless the dict gives it an empty list.
    """
    if keymap is None:
        return {"review": DEFAULT, "edit": EDIT["default"]}
    if isinstance(keymap, str):
        if keymap not in PRESETS:
            raise InputError.unknown("keymap", keymap, PRESETS, "Or pass a dict of action to key.")
        return {"review": REVIEW[keymap], "edit": EDIT[keymap]}
    if not isinstance(keymap, Mapping):
        raise InputError.at("keymap", f"is {keymap!r}", "Pass the name of a preset, or a dict of action to key.")
    return {"review": _laid_over(DEFAULT, _own(cast(Mapping[object, object], keymap))), "edit": EDIT["default"]}


def _own(keymap: Mapping[object, object]) -> Keys:
    """Return a user's dict with a list of keys for each action, each key at most once."""
    own: Keys = {}
    owner: dict[str, str] = {}
    for action, keys in keymap.items():
        if not isinstance(action, str) or action not in ACTIONS:
            raise InputError.unknown("action in `keymap`", action, ACTIONS)
        own[action] = [_key(action, key) for key in ([keys] if isinstance(keys, str) else _listed(action, keys))]
        for key in own[action]:
            if owner.setdefault(key, action) != action:
                found = f"gives the key {key!r} to both {owner[key]!r} and {action!r}"
                raise InputError.at("keymap", found, "Give each action its own keys.")
    return own


def _laid_over(base: Keys, own: Keys) -> Keys:
    """Return `base` with a user's keys; the last key of an action that the dict does not name cannot be taken."""
    owner = {key: action for action, keys in own.items() for key in keys}
    out: Keys = {}
    for action, keys in base.items():
        out[action] = own.get(action, [key for key in keys if key not in owner])
        if not out[action] and action not in (*own, *ON_BUTTONS, *OF_OBJECTS):
            taken = " and ".join(f"{key!r} to {owner[key]!r}" for key in keys)
            todo = f"Add a key for it, {{{action!r}: ...}}, or {{{action!r}: []}} to leave it without one."
            raise InputError.at("keymap", f"gives {taken}, which leaves {action!r} without a key", todo)
    return out


def _listed(action: str, keys: object) -> list[object]:
    if not isinstance(keys, (list, tuple)):
        raise InputError.at("keymap", f"has {keys!r} for {action!r}", "Use a key, or a list of keys.")
    return list(cast(Sequence[object], keys))


def _key(action: str, key: object) -> str:
    found = f"has the key {key!r} for {action!r}"
    bare = next((key[len(held) :] for held in MODIFIERS if key.startswith(held)), key) if isinstance(key, str) else ""
    if len(bare) != 1 and bare not in KEY_NAMES:
        todo = (
            "Use one character (' ' is the space bar, 'U' is Shift and u), one of "
            f"{', '.join(KEY_NAMES[:8])} ..., or one of these after 'Ctrl+' or 'Alt+'."
        )
        raise InputError.at("keymap", found, todo)
    if bare.isdigit():
        raise InputError.at("keymap", found, "Digits set classes; use another key.")
    if key in OF_BROWSERS:
        raise InputError.at("keymap", found, "Browsers reserve this one; use another key.")
    return str(key)
