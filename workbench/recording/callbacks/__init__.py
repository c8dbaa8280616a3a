"""Recording from trainers that own the loop: Lightning and Hugging Face.

    from workbench.recording.callbacks import LightningRecorder, HuggingFaceRecorder

Each is imported, with its framework, when it is first named.
"""

from __future__ import annotations

import importlib

_HOME = {"LightningRecorder": "lightning", "HuggingFaceRecorder": "huggingface"}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
