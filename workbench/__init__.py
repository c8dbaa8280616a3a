"""Label Workbench: find label errors, say how certain they are, and correct them.

    import workbench as wb

The subpackages, in the order in which the data pass through them. Each imports only from those before it:

    foundation    errors, arrays, parallel work      scores        scores of label quality and difficulty
    tasks         kinds of labels                    confident     confident learning on arrays
    graphs        edges between examples             issues        which labels are wrong, with probabilities
    data          examples, images and sounds        review        manual review: queues, annotators, export
    storage       the files of a run                 experiments   does it help: compare, select, robust, simulate
    runs          a run, its journal, its votes      tags          several tags per example: heads, descriptions
    evidence      predictions and embeddings         spans         projection, versions and schemes of spans
    recording     recording and importing runs       ranking       rankings and judges of pairs
    texts         tools for captions and answers     demonstrations  examples in prompts
    vision        masks and boxes as arrays          reports       figures and the HTML report
                                                     shell         the command `workbench`

Names are loaded on first use (PEP 562), so importing this package takes milliseconds. torch, umap, plotly and
scikit-learn are imported only by the functions that need them.
"""

from __future__ import annotations

from workbench.foundation.lazy import names_of
from workbench.foundation.version import VERSION

HOMES = {  # public name -> module that defines it; adding one is a decision (tests/test_layout.py lists them)
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
    "demonstrations": ".demonstrations",
    "duplicates": "issues.duplicates",
    "ensemble": "scores.ensemble",
    "embed_texts": "evidence.spaces",
    "neighbors": "evidence.neighbors",
    "project": "evidence.projection",
    "ranking": ".ranking",
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
    "spans": ".spans",
    "tags": ".tags",
    "texts": ".texts",
    "vision": ".vision",
}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)

__version__ = VERSION
