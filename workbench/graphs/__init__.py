"""Graphs on arrays: what linked nodes say about a label, features smoothed along edges, and the edges of a run.

Labels here are class indices (n,), -1 where there is none; `edges` are (m, 2) row numbers, or a DataFrame with the
columns source, target and perhaps weight. No label takes part in its own prediction.
"""

from workbench.foundation.lazy import names_of

HOMES = {
    "Edges": "edges",
    "denoise_labels": "denoising",
    "label_histograms": "propagation",
    "linked_bayes": "propagation",
    "propagate_labels": "propagation",
    "read_edges": "workbench.runs.edges",
    "save_edges": "workbench.runs.edges",
    "smooth_features": "smoothing",
}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)
