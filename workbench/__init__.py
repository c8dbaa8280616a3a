"""Label Workbench: which labels are wrong, how sure are we, and fixing them.

The flow, also the order to read the code in: record -> score -> look -> decide -> export -> compare.

    import workbench as wb

Names are loaded when first used (PEP 562), so importing this package costs milliseconds: torch, umap, plotly and
scikit-learn come in only with the function that needs them.
"""

from __future__ import annotations

import importlib
import sys
import types
from importlib.metadata import PackageNotFoundError, version

_HOME = {  # public name -> module that defines it; one more line here is a decision (tests/test_layout.py lists them)
    "Dataset": "dataset",
    "Evidence": "evidence",
    "Journal": "journal",
    "Recorder": "recording.recorder",
    "Run": "run",
    "SCORES": "scores",
    "agreement": "people.agreement",
    "annotators": "people.annotators",
    "audit": "issues.audit",
    "canary_report": "issues.detector",
    "compare": "compare",
    "compare_runs": "compare.runs",
    "confusion": "issues.confusion",
    "consensus": "people.annotators",
    "cross_validate": "folds",
    "duplicates": "issues.duplicates",
    "ensemble": "ensemble",
    "export": "export",
    "find_issues": "issues.detector",
    "figure": "figures",
    "keep_curve": "select",
    "lenses": "issues.lenses",
    "open_run": "run",
    "outliers": "issues.outliers",
    "pace": "people.pace",
    "plant": "issues.plant",
    "queue": "queues",
    "replay": "recording.replay",
    "rerank": "compare",
    "read": "io",
    "report": "report",
    "robust": "robust",
    "score": "scores",
    "select": "select",
    "simulate": "simulate",
    "suggest": "robust",
    "weigh": "select",
}

__all__ = sorted(_HOME)

try:
    __version__ = version("label-workbench")
except PackageNotFoundError:  # used from a source tree that was not installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; public names: {', '.join(__all__)}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])


class _Package(types.ModuleType):
    """Where a public function is called as its module (`compare`), importing the module must not hide the function."""

    def __setattr__(self, name: str, value: object) -> None:
        if _HOME.get(name) == name and isinstance(value, types.ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
