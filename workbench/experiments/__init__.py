"""Does fixing help? Planted errors, comparisons, rankings of models, selection, robust training.

`wb.compare`, the most common question, is available at the top of the package.
"""

from workbench.foundation.lazy import names_of

HOMES = {
    "compare_rankings": "comparisons.model_ranking",
    "compare_runs": "comparisons.two_runs",
    "detect_out_of_fold": "small_detector",
    "digit_canvases": "canvases",
    "graph_cleaner": "planted_nodes",
    "plant_box_errors": "canvases",
    "plant_errors": "workbench.issues.plant",
    "planted_report": "workbench.issues.plant",
    "restore_pairing": "permuted",
    "StoredPredictions": "stored_predictions",
    "keep_curve": "selection.curve",
    "robust": "robust_training.bench",
    "sample_weights": "selection.selecting",
    "select": "selection.selecting",
    "simulate": "simulation.simulate",
    "suggest": "robust_training.suggestions",
}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)
