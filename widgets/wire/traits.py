"""Trait types of the Explorer in addition to those of traitlets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import traitlets as T

if TYPE_CHECKING:
    _TraitType = T.TraitType[Any, Any]
else:
    _TraitType = T.TraitType  # before traitlets 5.10 it takes no arguments


class Ids(_TraitType):
    """A list of ids; the widget checks them against its data set."""

    info_text = "a sequence of ids"
    default_value: tuple[()] = ()


class Computed(_TraitType):
    """A trait whose value is computed on access, and whose owner notifies observers of changes.

    Parameters
    ----------
    read : function that returns the value for an owner.
    write : function that receives a value set by the user; it changes the underlying state, which sends notifications.
    """

    info_text = "computed"
    default_value = None

    def __init__(self, read: Callable[[Any], Any], write: Callable[[Any, Any], None], **options: Any) -> None:
        super().__init__(**options)
        self.read, self.write = read, write

    def get(self, obj: T.HasTraits, cls: type[Any] | None = None) -> Any:
        """The current value."""
        return self.read(obj)

    def set(self, obj: T.HasTraits, value: Any) -> None:
        """Pass the value to the owner."""
        self.write(obj, value)

    def tell(self, obj: T.HasTraits) -> None:
        """Notify the observers with the computed value, which is not computed if there are no observers."""
        assert self.name is not None  # set by the class with this trait
        notifiers = obj._trait_notifiers  # pyrefly: ignore[protected-access] (traitlets has no public list of observers)
        heard = notifiers.get(self.name, {}) | notifiers.get(T.All, {})
        if heard.get("change") or heard.get(T.All):
            obj.notify_change(T.Bunch(name=self.name, old=None, new=self.read(obj), owner=obj, type="change"))
