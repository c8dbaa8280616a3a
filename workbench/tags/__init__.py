"""Tools for multi-label data: heads for incomplete tags, descriptions, vocabularies, patches.

Given scores of the cells of an (examples, tags) table, `proposals` lists the labels that they contradict, in the format
of `find_issues(per="unit")`, and `fill_unknown` fills unknown cells with clear scores. Labels are a Run, a Dataset, an
(n, k) table of 1, 0 and -1, or n lists of tags.
"""

from workbench.foundation.lazy import names_of

HOMES = {
    **dict.fromkeys(("proposals", "fill_unknown", "prompt_probabilities"), "tables"),
    "metrics": "tag_metrics",
    **dict.fromkeys(("METHODS", "train", "cross_val_predict", "refine_tags"), "heads"),
    **dict.fromkeys(("neighbor_votes", "smooth_tags"), "neighborhood"),
    "match_descriptions": "descriptions",
    **dict.fromkeys(("link_tags", "invalid_tags"), "vocabulary"),
    **dict.fromkeys(("tag_rules", "set_gaps", "cooccurrence_only"), "sets"),
    **dict.fromkeys(("region_tags", "crop_tags", "aggregate_patches", "boost_attribution"), "patches"),
    **dict.fromkeys(("part_support", "masking_effect", "overlay"), "patches"),
    **dict.fromkeys(("trail_recall", "never_retrieved"), "trails"),
    "rank_relevance": "relevance",
    "replay_pseudo_labels": "replaying",
}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)
