"""Tools for labelled spans: projection to translations, versions, corrections, schemes of types, types by similarity.

Spans are n lists of (start, end, class), half-open, in characters of a text or in tokens; n lists of tags; or a Run or
Dataset of spans. Tables of doubtful spans have the format of `find_issues(per="unit")`: pass them to the Explorer as
`issues=`.
"""

from workbench.foundation.lazy import names_of

HOMES = {
    "form_conflicts": "workbench.issues.spans.conflicts",
    **dict.fromkeys(("mark_spans", "read_marked"), "markers"),
    **dict.fromkeys(("candidate_positions", "place_spans"), "positions"),
    **dict.fromkeys(("propagate_tags", "voted_spans"), "alignments"),
    "compare_versions": "two_versions",
    **dict.fromkeys(("map_types", "entity_overlap", "merge_schemes"), "schemes"),
    "nearest_types": "type_vectors",
    **dict.fromkeys(("compare_predictions", "domain_overlap"), "transfers"),
    **dict.fromkeys(("read_corrections", "apply_edits", "correction_scores", "move_spans"), "corrections"),
}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)
