"""A person at work: what to look at first, ready-made selections, several annotators, agreement, pace, export."""

from workbench.foundation.lazy import names_of

HOMES = {
    "agreement": "agreement",
    "annotator_quality": "consensus",
    "consensus": "consensus",
    "review_pace": "pace",
    "slices": "slices",
}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)
