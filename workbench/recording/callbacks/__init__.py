"""Callbacks that record from trainers with their own loop: Lightning and Hugging Face.

    from workbench.recording.callbacks import LightningRecorder, HuggingFaceRecorder

Each is imported, with its framework, on first use.
"""

from workbench.foundation.lazy import names_of

HOMES = {"LightningRecorder": "lightning", "HuggingFaceRecorder": "huggingface"}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)
