"""Write the message types as JSDoc for the page, and check messages against them."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_origin

from widgets.wire import messages, pictures, pushes, shapes

if sys.version_info < (3, 11):
    from typing_extensions import NotRequired, get_type_hints, is_typeddict
else:
    from typing import NotRequired, get_type_hints, is_typeddict

SCRIPT = Path(__file__).resolve().parents[1] / "js" / "state" / "messages.js"
TYPEDEFS_HEADER = """/**
 * Types of the messages between Python and the page. Generated from `messages.py`, `pushes.py` and `shapes.py` in
 * `widgets/wire/` by `python -m widgets._bundle`. Do not edit. Besides the JSON part, messages have buffers.
 */
export {};
"""
PLAIN_TYPES = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null", Any: "any"}
JSON = {str: (str,), int: (int,), float: (int, float), bool: (bool,), type(None): (type(None),)}


def typed_dicts() -> Iterator[type[Any]]:
    """Yield the types of messages and their parts, in the order of definition."""
    for module in (pictures, shapes, messages, pushes):
        yield from (one for one in vars(module).values() if is_typeddict(one) and one.__module__ == module.__name__)


def fields(kind: type[Any]) -> dict[str, tuple[Any, bool]]:
    """Return the fields of a type: name to (type, whether it may be missing)."""
    hints = get_type_hints(kind, include_extras=True)
    missing = {name: _origin(hint) is NotRequired for name, hint in hints.items()}
    return {name: (typing.get_args(hint)[0] if missing[name] else hint, missing[name]) for name, hint in hints.items()}


def typedefs() -> str:
    """Return the text of `js/state/messages.js`, with a typedef for every type."""
    out = [TYPEDEFS_HEADER]
    for kind in typed_dicts():
        said = (inspect.getdoc(kind) or "").replace("\n\n", "\n").replace("\n", "\n * ")
        lines = [f"/**\n * {said}\n * @typedef {{object}} {kind.__name__}\n"]
        for name, (hint, missing) in fields(kind).items():
            lines.append(f" * @property {{{_script(hint)}}} {f'[{name}]' if missing else name}\n")
        out.append("".join([*lines, " */\n"]))
    return "\n".join(out)


def _origin(hint: Any) -> object:
    """As `get_origin`, whose result is partly unknown: it may be a parameter of a generic type."""
    return get_origin(hint)


def _script(hint: Any) -> str:
    """Return a type in JSDoc notation."""
    if hint in PLAIN_TYPES:
        return PLAIN_TYPES[hint]
    if is_typeddict(hint):
        return hint.__name__
    origin, args = _origin(hint), typing.get_args(hint)
    if origin is list:
        part = _script(args[0])
        return f"({part})[]" if "|" in part else f"{part}[]"
    if origin is dict:
        return f"Record<string, {_script(args[1])}>"
    if origin is typing.Literal:
        return " | ".join(f'"{one}"' for one in args)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(map(_script, args))
    raise TypeError(f"no way to write {hint!r} as JSDoc")


def misfits(value: object, hint: Any, at: str = "message") -> list[str]:
    """Describe where a message differs from its type; empty if it conforms."""
    if hint is Any:
        return []
    if is_typeddict(hint):
        return _misfits_of_fields(value, hint, at)
    origin, args = _origin(hint), typing.get_args(hint)
    if origin is list and isinstance(value, list):
        items = typing.cast(list[object], value)
        return [line for i, one in enumerate(items) for line in misfits(one, args[0], f"{at}[{i}]")]
    if origin is dict and isinstance(value, dict):
        entries = typing.cast(dict[object, object], value)
        return [line for name, one in entries.items() for line in misfits(one, args[1], f"{at}[{name!r}]")]
    if origin is typing.Literal:
        return [] if value in args else [f"{at} is {value!r}, not one of {args}"]
    if origin in (typing.Union, types.UnionType):
        found = [misfits(value, one, at) for one in args]
        return [] if not all(found) else min(found, key=len)
    if hint in JSON and type(value) in JSON[hint]:
        return []
    return [f"{at} is {type(value).__name__}, not {hint}"]


def _misfits_of_fields(value: object, hint: type[Any], at: str) -> list[str]:
    if not isinstance(value, Mapping):
        return [f"{at} is {type(value).__name__}, not {hint.__name__}"]
    known, entries = fields(hint), typing.cast(Mapping[object, object], value)
    out = [f"{at} has an unknown field {name!r}" for name in entries if name not in known]
    for name, (part, missing) in known.items():
        if name in entries:
            out += misfits(entries[name], part, f"{at}.{name}")
        elif not missing:
            out.append(f"{at} lacks the field {name!r}")
    return out
