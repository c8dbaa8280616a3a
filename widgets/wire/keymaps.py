"""Keymaps of a view, checked before they reach the page: nobody should have to find out that a key does nothing."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.foundation.errors import InputError

NAMED = ("default", "prodigy")

DEFAULT = {
    "accept": [" "],
    "keep": ["k"],
    "skip": ["s"],
    "flag": ["f"],
    "undo": ["u"],
    "redo": ["U"],
    "neighbors": ["n"],
    "next": ["ArrowRight", "ArrowDown", "j"],
    "previous": ["ArrowLeft", "ArrowUp"],
    "type": ["/"],
    "note": ["m"],
    "blind": ["b"],
    "clear": ["Backspace", "Delete"],
    "trails": ["t"],
    "enlarge": ["z"],
    "grid": ["g"],
    "zoomIn": ["+", "="],
    "zoomOut": ["-"],
    "pixels": ["o"],
    "undoView": ["Ctrl+z"],
    "redoView": ["Ctrl+y", "Ctrl+Z"],
    "help": ["?"],
    "leave": ["Escape"],
}
"""The default keymap, as in js/keys.js; `MEANINGS` there says in words what an action does."""

ON_BUTTONS = ("enlarge", "grid", "zoomIn", "zoomOut", "pixels")
"""Actions that have a button as well: a keymap may take their keys without a word."""

ACTIONS = tuple(DEFAULT)
"""What a key can do."""

KEYS = (
    *("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Enter", "Escape", "Backspace", "Delete", "Tab"),
    *("Home", "End", "PageUp", "PageDown", "Insert", *(f"F{n}" for n in range(1, 13))),
)
"""Names of keys that are longer than one character, as browsers give them in `KeyboardEvent.key`."""


def checked(keymap: object) -> str | dict[str, list[str]] | None:
    """A keymap as the page takes it: a name, or a dict of action to list of keys that is laid over the default.

    A key of the dict is taken away from the action that has it by default.

    Raises
    ------
    InputError : an unknown keymap or action; a key that no keyboard has; a digit, which sets a class; one key for two
        actions; an action left without any key, unless the dict says so with an empty list.
    """
    if keymap is None:
        return None
    if isinstance(keymap, str):
        if keymap not in NAMED:
            raise InputError.unknown("keymap", keymap, NAMED, "Or pass a dict of action to key.")
        return keymap
    if not isinstance(keymap, Mapping):
        raise InputError.at("keymap", f"is {keymap!r}", "Pass a name, or a dict of action to key.")
    out: dict[str, list[str]] = {}
    owner: dict[str, str] = {}
    for action, keys in keymap.items():
        if action not in ACTIONS:
            raise InputError.unknown("action in `keymap`", action, ACTIONS)
        out[action] = [_key(action, key) for key in ([keys] if isinstance(keys, str) else _listed(action, keys))]
        for key in out[action]:
            if owner.setdefault(key, action) != action:
                found = f"gives the key {key!r} to both {owner[key]!r} and {action!r}"
                raise InputError.at("keymap", found, "Give each action keys of its own.")
    _keeps_every_action(out, owner)
    return out


def _keeps_every_action(own: dict[str, list[str]], owner: dict[str, str]) -> None:
    """Refuse a dict that takes the last key of an action which it does not name."""
    for action, keys in DEFAULT.items():
        if action not in own and action not in ON_BUTTONS and all(key in owner for key in keys):
            takers = {owner[key]: key for key in keys}
            taken = " and ".join(f"{key!r} to {taker!r}" for taker, key in takers.items())
            todo = f"Add a key for it, {{{action!r}: ...}}, or {{{action!r}: []}} to go without one."
            raise InputError.at("keymap", f"gives {taken}, which leaves {action!r} without a key", todo)


def _listed(action: str, keys: object) -> list:
    if not isinstance(keys, (list, tuple)):
        raise InputError.at("keymap", f"has {keys!r} for {action!r}", "Use a key, or a list of keys.")
    return list(keys)


def _key(action: str, key: object) -> str:
    found = f"has the key {key!r} for {action!r}"
    if not isinstance(key, str) or (len(key) != 1 and key not in KEYS):
        todo = f"Use one character (' ' is the space bar, 'U' is shift and u) or one of {', '.join(KEYS[:8])} ..."
        raise InputError.at("keymap", found, todo)
    if key.isdigit():
        raise InputError.at("keymap", found, "Digits set classes; use another key.")
    return key
