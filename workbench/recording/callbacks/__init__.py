"""Recording from trainers that own the loop: Lightning and Hugging Face.

    from workbench.recording.callbacks import LightningRecorder, HuggingFaceRecorder

Each is imported, with its framework, when it is first named.
"""

from workbench.foundation.lazy import names_of

HOMES = {"LightningRecorder": "lightning", "HuggingFaceRecorder": "huggingface"}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)
