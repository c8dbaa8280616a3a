"""What is imported when it is first asked for: names of a package, values of a table. Listing them costs nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def names_of(package: str, homes: Mapping[str, str]) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """`__all__`, `__getattr__` and `__dir__` (PEP 562) of a package whose names live in modules below it.

    Parameters
    ----------
    package : its `__name__`.
    homes : public name -> module below the package that defines it, such as "runs.run"; or the full path of a module
        elsewhere. A value with a dot before it, such as ".foundation.errors", is a module that is public as a whole.

    Raises
    ------
    AttributeError
        From `__getattr__`, for a name that is not public; the message lists those that are.
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
    """The full path of the module that a value of `homes` means; see `names_of`."""
    root = package.split(".")[0]
    return home if home.startswith(f"{root}.") else f"{package}.{home.removeprefix('.')}"


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
