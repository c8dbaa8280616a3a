"""Masks and boxes as arrays: fusion, repair, weak labels, pseudo-labels, texts as queries, metrics.

These functions need no run and no task. To review labels of an image in the Explorer, see the tasks "masks" and
"boxes" of `wb.import_run`.

Images of labels are int (h, w): class codes, -1 = ignored. Class scores and features of pixels are float (k, h, w) and
(d, h, w). Most functions take one image, an array of n images, or a list of images of several sizes.
"""

from workbench.foundation.lazy import names_of

HOMES = {
    "average_precision": "detection_metrics",
    "box_loss": "point_boxes",
    "boxes_to_points": "point_boxes",
    "candidate_recall": "pseudo_masks",
    "choose_boxes": "box_ranks",
    "choose_candidates": "candidate_choice",
    "cluster_identities": "identities",
    "combine_seeds": "seeds",
    "compare_detections": "detection_effects",
    "compare_masks": "segment_metrics",
    "drop_unsupported_texts": "text_queries",
    "embed_objects": "object_embeddings",
    "efficientnet": "workbench.evidence.packaged_models",
    "exclusive_maps": "text_queries",
    "export_soft_labels": "soft_points",
    "fuse_detections": "object_classes",
    "fuse_masks": "workbench.issues.masks.fusion",
    "identity_quality": "identities",
    "label_by_names": "text_queries",
    "likelihood_table": "object_classes",
    "mask_metrics": "segment_metrics",
    "mask_scores": "workbench.issues.masks.fusion",
    "masks_from_weak_labels": "weak_labels",
    "match_attributes": "attributes",
    "match_class_names": "open_names",
    "merge_coco": "open_names",
    "merge_parts": "proposal_masks",
    "odd_boxes": "unusual_boxes",
    "pixel_thresholds": "pseudo_masks",
    "pointing_accuracy": "text_queries",
    "points_outside": "point_boxes",
    "points_to_boxes": "point_boxes",
    "polygon_issues": "text_polygons",
    "project_objects": "object_embeddings",
    "propagate_by_similarity": "correlation",
    "quality_by_ignored": "soft_points",
    "query_overlap": "text_queries",
    "rank_answers": "label_rankings",
    "rank_detectors": "detection_effects",
    "read_detections": "workbench.review.box_coco",
    "read_open_detections": "open_names",
    "repair_by_region": "region_repair",
    "sample_masks": "sampled_masks",
    "snap_to_proposals": "proposal_masks",
    "soft_labels": "soft_points",
    "stage_flips": "flips",
    "superpixels": "region_repair",
    "tags_against_masks": "attributes",
    "unlikely_classes": "pseudo_masks",
    "weight_pseudo_masks": "pseudo_masks",
    "write_detections": "workbench.review.box_coco",
}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)
