"""Demonstrations of in-context learning: which are wrong, how much their labels matter, and which to show.

No model is called: answers are imported as a log, one row per answered prompt, see `read_log`. `neighbor_log` makes
such a log with a weighted vote of the demonstrations, to try things without a model.
"""

from workbench.foundation.lazy import names_of

HOMES = {
    "read_log": "prompt_logs",
    "neighbor_log": "neighbor_answers",
    **dict.fromkeys(("blame_scores", "attention_blame"), "blaming"),
    **dict.fromkeys(("demonstration_issues", "repair_labels"), "wrong_demonstrations"),
    **dict.fromkeys(("accuracy_by", "flip_curve", "following_rate", "rewrite_labels"), "following_labels"),
    "order_variance": "instability",
    **dict.fromkeys(("choose_demonstrations", "prompt_block"), "choosing"),
    **dict.fromkeys(("retrieved_contexts", "deciding_demonstrations"), "contexts"),
}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)
