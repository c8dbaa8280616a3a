"""Review by people: queues, ready-made slices, several annotators, agreement, pace, export."""

from workbench.foundation.lazy import names_of

HOMES = {
    "add_class": "workbench.runs.label_space",
    "agreement": "kappa",
    "annotator_quality": "annotators",
    "consensus": "annotators",
    "read_votes": "workbench.runs.votes",
    "review_pace": "pace",
    "save_votes": "workbench.runs.votes",
    "slices": "slicing",
}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)
