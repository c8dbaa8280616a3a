"""Graphs on arrays: label propagation, features smoothed along edges, and the edges of a run.

Labels are class indices (n,), -1 = unlabelled; `edges` are (m, 2) row numbers, or a DataFrame with the columns source,
target and optionally weight. A node's own label is never used in its prediction.
"""

from workbench.foundation.lazy import names_of

HOMES = {
    "Edges": "edges",
    "denoise_labels": "denoising",
    "edge_issues": "workbench.issues.edge_units",
    "label_histograms": "propagation",
    "linked_bayes": "propagation",
    "pair_evidence": "pairs",
    "propagate_labels": "propagation",
    "read_edges": "workbench.runs.edges",
    "save_edges": "workbench.runs.edges",
    "smooth_features": "smoothing",
}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)
