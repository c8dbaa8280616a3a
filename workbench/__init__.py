"""Label Workbench: which labels are wrong, how sure are we, and fixing them.

    import workbench as wb

The folders, in the order of the data; each imports only what stands before it:

    foundation    errors, arrays, parallel work      scores        how doubtful, how hard
    tasks         kinds of labels                    confident     confident learning on arrays
    graphs        edges, and what they say           issues        which labels are wrong, and how sure we are
    data          examples, images and sounds        review        a person at work: queues, annotators, export
    storage       the files of a run                 experiments   does it help: compare, select, robust, simulate
    runs          a run, its journal, its votes      tags          several tags per example: heads, descriptions
    evidence      what models say                    reports       figures and the page
    recording     how a run comes to be              shell         the command `workbench`

Names are loaded when first used (PEP 562), so importing this package costs milliseconds: torch, umap, plotly and
scikit-learn come in only with the function that needs them.
"""

from __future__ import annotations

from workbench.foundation.lazy import names_of
from workbench.foundation.version import VERSION

HOMES = {  # public name -> module that defines it; one more line here is a decision (tests/test_layout.py lists them)
    "Dataset": "data.dataset",
    "Evidence": "evidence.evidence",
    "Journal": "runs.journal",
    "Recorder": "recording.recorder",
    "Run": "runs.run",
    "SCORES": "scores",
    "audit": "review.audit",
    "compare": "experiments.comparisons.comparison",
    "confident": ".confident",
    "confusion_matrix": "issues.confusion",
    "cross_val_predict": "evidence.out_of_fold",
    "duplicates": "issues.duplicates",
    "ensemble": "scores.ensemble",
    "embed_texts": "evidence.spaces",
    "neighbors": "evidence.neighbors",
    "project": "evidence.projection",
    "errors": ".foundation.errors",
    "experiments": ".experiments",
    "export": "review.export",
    "figure": "reports.figures",
    "find_issues": "issues.detector",
    "graphs": ".graphs",
    "import_run": "recording.imports",
    "open_run": "runs.run",
    "outliers": "issues.outliers",
    "replay": "recording.replay",
    "report": "reports.report",
    "review": ".review",
    "review_queue": "review.queues",
    "score": "scores",
    "tags": ".tags",
}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)

__version__ = VERSION
