"""Tables whose values are imported when they are first asked for, so that listing them costs nothing."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class LazyTable(Mapping[str, T], Generic[T]):
    """A read-only mapping of names to objects, given as import paths.

    Parameters
    ----------
    places : dict of name to "package.module:attribute". A class is called without arguments, once; anything else is
        the value itself.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        self._found: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._found:
            module, _, attribute = self._places[name].partition(":")
            found = getattr(importlib.import_module(module), attribute)
            self._found[name] = found() if isinstance(found, type) else found
        return self._found[name]

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return f"<{len(self)} entries: {', '.join(self)}>"
