"""The torch device and the number of threads of a computation."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import TYPE_CHECKING

from workbench.foundation.errors import InputError
from workbench.foundation.parallel import at_most_threads

if TYPE_CHECKING:
    import torch


def device_of(wanted: str | torch.device | None) -> torch.device:
    """Return the requested device; for "auto" or None the current CUDA device if there is one, else the CPU.

    Raises
    ------
    InputError : a device that torch does not know, or that cannot be used on this machine.
    """
    import torch

    if wanted is None or wanted == "auto":
        return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
    try:
        place = torch.device(wanted)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        what = str(error).strip().splitlines()[0]
        found = f"is {wanted!r}, which cannot be used ({what})"
        raise InputError.at("device", found, 'Use "auto" or "cpu".') from error
    return place


@contextlib.contextmanager
def one_thread() -> Generator[None]:
    """Run torch and linear algebra in one thread: on busy cores, threads that wait for each other cost minutes."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with at_most_threads(1):
            yield
    finally:
        torch.set_num_threads(before)
