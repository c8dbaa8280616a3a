"""Masks and boxes as arrays: fusion, repair, weak labels, pseudo-labels, texts as queries, metrics.

These functions need no run and no task. To review labels of an image in the Explorer, see the tasks "masks" and
"boxes" of `wb.import_run`.

Images of labels are int (h, w): class codes, -1 = ignored. Class scores and features of pixels are float (k, h, w) and
(d, h, w). Most functions take one image, an array of n images, or a list of images of several sizes.
"""

from workbench.foundation.lazy import names_of

HOMES = {
    "average_precision": "detection_metrics",
    "candidate_recall": "pseudo_masks",
    "combine_seeds": "seeds",
    "compare_masks": "segment_metrics",
    "fuse_masks": "workbench.issues.masks.fusion",
    "mask_metrics": "segment_metrics",
    "mask_scores": "workbench.issues.masks.fusion",
    "masks_from_weak_labels": "weak_labels",
    "merge_parts": "proposal_masks",
    "pixel_thresholds": "pseudo_masks",
    "propagate_by_similarity": "correlation",
    "read_detections": "workbench.review.box_coco",
    "repair_by_region": "region_repair",
    "sample_masks": "sampled_masks",
    "snap_to_proposals": "proposal_masks",
    "superpixels": "region_repair",
    "unlikely_classes": "pseudo_masks",
    "weight_pseudo_masks": "pseudo_masks",
    "write_detections": "workbench.review.box_coco",
}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)
