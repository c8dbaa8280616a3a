"""Rankings and their judgements: metrics, disagreements of rankers and of sources, judges in two steps, preferences.

Judgements are a Run, a Dataset of the task "pairs", or a DataFrame with the columns query, item and grade; scores of
rankers a DataFrame with the columns query, item and one column per ranker.
"""

from workbench.foundation.lazy import names_of

HOMES = {
    "cascade": "cascades",
    "corrected_pairs": "preference_files",
    "compare_metrics": "rank_metrics",
    "compare_sources": "grade_sources",
    "list_view": "rank_metrics",
    "metrics": "rank_metrics",
    "pairwise_strengths": "bradley",
    "position_bias": "position",
    "preference_issues": "preference_pairs",
    "rank_jointly": "joint_ranking",
    "read_run": "workbench.review.pair_files",
    "repair_grades": "repairs",
    "reward_rows": "preference_pairs",
    "run_differences": "grade_sources",
    "search_corpus": "corpus_search",
    "swapped_repeats": "position",
    "write_preferences": "preference_pairs",
    "write_run": "workbench.review.pair_files",
}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)
