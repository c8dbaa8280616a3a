"""Validation of settings of experiments: repeated splits and shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.foundation.checks import check_whole
from workbench.foundation.errors import InputError


def check_splits(name: str, repeats: Any, test_share: Any) -> None:
    """Raise InputError unless there are at least two repeats and the share to hold out is between 0 and 1."""
    check_whole(name, repeats, 2, "Use an integer of at least 2; an interval needs two.")
    if not 0 < test_share < 1:
        raise InputError.at("test_share", f"is {test_share!r}", "Give a share between 0 and 1.")


def distinct_shares(name: str, shares: Any, fits: Callable[[float], bool], todo: str) -> list[float]:
    """Return the distinct shares in their order; a single number counts as one share.

    Raises
    ------
    InputError : there is none, or one is invalid; `todo` describes valid shares.
    """
    found = sorted({float(share) for share in ([shares] if isinstance(shares, (int, float)) else shares)})
    for share in found:
        if not fits(share):
            raise InputError.at(name, f"holds {share!r}", todo)
    if not found:
        raise InputError.at(name, "is empty", todo)
    return found
