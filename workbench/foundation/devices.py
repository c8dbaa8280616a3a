"""Which torch device a computation runs on: the one asked for, if it can be used, or an accelerator if there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.foundation.errors import InputError

if TYPE_CHECKING:
    import torch


def device_of(wanted: str | torch.device | None) -> torch.device:
    """The device asked for; of "auto" (or None) the present CUDA device, or the CPU where there is none.

    Raises
    ------
    InputError : a device that torch does not know, or that cannot be used here.
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
