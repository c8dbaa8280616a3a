"""Label Workbench: which labels are wrong, how sure are we, and fixing them.

    import workbench as wb

The folders, in the order of the data; each imports only what stands before it:

    foundation    errors, arrays, parallel work      issues        which labels are wrong, and how sure we are
    tasks         kinds of labels                    review        a person at work: queues, annotators, export
    data          examples, images and sounds        experiments   does it help: compare, select, robust, simulate
    storage       the files of a run                 reports       figures and the page
    runs          a run, its journal, its votes      shell         the command `workbench`
    recording     how a run comes to be
    evidence      what models say
    scores        how doubtful, how hard

Names are loaded when first used (PEP 562), so importing this package costs milliseconds: torch, umap, plotly and
scikit-learn come in only with the function that needs them.
"""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version

_HOME = {  # public name -> module that defines it; one more line here is a decision (tests/test_layout.py lists them)
    "Dataset": "data.dataset",
    "Evidence": "evidence.evidence",
    "Journal": "runs.journal",
    "Recorder": "recording.recorder",
    "Run": "runs.run",
    "SCORES": "scores",
    "agreement": "review.agreement",
    "annotators": "review.consensus",
    "audit": "issues.audit",
    "canary_report": "issues.plant",
    "compare": "experiments.compare",
    "compare_runs": "experiments.compare.two_runs",
    "confusion": "issues.confusion",
    "consensus": "review.consensus",
    "cross_validate": "evidence.out_of_fold",
    "duplicates": "issues.duplicates",
    "ensemble": "evidence.ensemble",
    "export": "review.export",
    "find_issues": "issues.detector",
    "figure": "reports.figures",
    "keep_curve": "experiments.select",
    "lenses": "review.slices",
    "open_run": "runs.run",
    "outliers": "issues.outliers",
    "pace": "review.pace",
    "plant": "issues.plant",
    "queue": "review.queues",
    "replay": "recording.replay",
    "rerank": "experiments.compare",
    "read": "recording.imports",
    "report": "reports.report",
    "robust": "experiments.robust",
    "score": "scores",
    "select": "experiments.select",
    "simulate": "experiments.simulation.simulate",
    "suggest": "experiments.robust",
    "weigh": "experiments.select",
}

__all__ = sorted(_HOME)

try:
    __version__ = version("label-workbench")
except PackageNotFoundError:  # used from a source tree that was not installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> object:
    if name == "errors":  # `except wb.errors.WorkbenchError`
        return importlib.import_module(f"{__name__}.foundation.errors")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; public names: {', '.join(__all__)}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
