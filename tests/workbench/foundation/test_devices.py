"""Devices: the requested one, an accelerator by default, or one clear error."""

from __future__ import annotations

import pytest

from workbench.foundation.devices import device_of
from workbench.foundation.errors import InputError


def test_which_device(monkeypatch):
    torch = pytest.importorskip("torch")
    assert device_of("cpu").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of("auto") == device_of(None) == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert device_of("auto") == torch.device("cuda", 1)


@pytest.mark.parametrize("wanted", ["nonsense", "cuda:99"])
def test_what_cannot_be_used(wanted):
    with pytest.raises(InputError, match=f'`device` is \'{wanted}\', which cannot be used .* Use "auto" or "cpu"'):
        device_of(wanted)
