"""Confident learning on arrays: thresholds, the confident joint, label issues, noise rates, the health of classes.

Northcutt, Jiang & Chuang 2021. The functions take `given_labels` (n,) and `pred_probs` (n, k), which must be
out-of-fold. Functions for tags take tables (n, k) of yes and no, functions for candidates take sets of classes,
functions for tokens take n lists of classes with n arrays (tokens, k), functions for masks (n, h, w) class indices with
(n, k, h, w) probabilities, functions for boxes n dicts of boxes with the
predictions of a detector, and `residual_scores` and `outre_scores` take
numeric labels with predictions (n,).
"""

from workbench.foundation.lazy import names_of

HOMES = {
    **dict.fromkeys(("thresholds", "confident_joint", "calibrate_joint", "joint", "estimate_noise"), "label_issues"),
    **dict.fromkeys(("noise_matrix", "inverse_noise_matrix", "class_priors", "num_issues"), "label_issues"),
    **dict.fromkeys(("find_label_issues", "rank", "threshold_adjusted"), "label_issues"),
    **dict.fromkeys(("tag_scores", "tag_quality", "tag_joints", "tag_noise"), "tag_issues"),
    **dict.fromkeys(("find_tag_issues", "find_tagged_examples"), "tag_issues"),
    **dict.fromkeys(("token_scores", "sentence_scores", "find_token_issues", "lowest_tokens"), "token_issues"),
    "common_token_issues": "token_issues",
    **dict.fromkeys(("pixel_scores", "mask_image_scores", "find_pixel_issues", "common_pixel_issues"), "mask_issues"),
    **dict.fromkeys(("box_scores", "box_image_scores", "find_box_issues"), "box_issues"),
    **dict.fromkeys(("label_health", "class_health", "overlapping_classes", "noise_report"), "health"),
    **dict.fromkeys(("residual_scores", "outre_scores"), "number_scores"),
    **dict.fromkeys(("candidate_mass", "candidate_weights", "purify_candidates"), "partial"),
    **dict.fromkeys(("candidate_sets", "candidates_from_votes"), "partial"),
}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)
