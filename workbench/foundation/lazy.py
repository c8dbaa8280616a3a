"""Lazy imports: names of a package and values of a table are imported on first use. Listing them imports nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def names_of(package: str, homes: Mapping[str, str]) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` (PEP 562) of a package whose names are defined in its modules.

    Parameters
    ----------
    package : `__name__` of the package.
    homes : dict of public name to the module that defines it, relative to the package ("runs.run") or as a full path.
        A value with a leading dot, such as ".foundation.errors", is a module that is itself public.

    Raises
    ------
    AttributeError
        Raised by `__getattr__` for a name that is not public; the message lists the public names.
    """

    def get(name: str) -> Any:
        if name not in homes:
            public = ", ".join(sorted(homes))
            raise AttributeError(f"module {package!r} has no attribute {name!r}; public names: {public}")
        home = homes[name]
        module = importlib.import_module(path_of(package, home))
        value = module if home.startswith(".") else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    def listed() -> list[str]:
        return sorted([*homes, *(name for name in vars(sys.modules[package]) if name.startswith("__"))])

    return sorted(homes), get, listed


def path_of(package: str, home: str) -> str:
    """Return the full path of the module that a value of `homes` refers to; see `names_of`."""
    root = package.split(".")[0]
    return home if home.startswith(f"{root}.") else f"{package}.{home.removeprefix('.')}"


class LazyTable(Mapping[str, T], Generic[T]):
    """A read-only mapping of names to objects that are imported on first access.

    Parameters
    ----------
    places : dict of name to "package.module:attribute". If the attribute is a class, the value is an instance of it,
        made once without arguments; otherwise it is the attribute itself.
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
