"""Tools for texts: versions, differences, replacement in many texts, ranking of candidates, claims, instructions.

`find_issues(frame, task="texts", match=..., ...)` finds texts that do not fit their items; `word_diff` compares two
versions word by word, `versions` lists all of a run, `replace` changes many at once.
"""

from workbench.foundation.lazy import names_of

HOMES = {
    **dict.fromkeys(("word_diff", "mentions"), "wording"),
    **dict.fromkeys(("belief_revision", "rerank"), "reranking"),
    **dict.fromkeys(("replacements", "replace"), "replacing"),
    **dict.fromkeys(("score_responses", "claim_preferences"), "claims"),
    **dict.fromkeys(("relabel_instructions", "relabel_relations"), "hindsight"),
    "compare_details": "captions",
    "minilm": "workbench.evidence.packaged_models",
    "odd_texts": "oddities",
    "versions": "workbench.runs.versions",
}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)
