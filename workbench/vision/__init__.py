"""Masks and boxes as arrays: fusion, repair, weak labels, pseudo-labels, texts as queries, metrics.

These functions need no run and no task. To review labels of an image in the Explorer, see the tasks "masks" and
"boxes" of `wb.import_run`.
"""

from workbench.foundation.lazy import names_of

HOMES = {
    "average_precision": "detection_metrics",
    "fuse_masks": "workbench.issues.masks.fusion",
    "read_detections": "workbench.review.box_coco",
    "write_detections": "workbench.review.box_coco",
    "mask_scores": "workbench.issues.masks.fusion",
}

__all__, __getattr__, __dir__ = names_of(__name__, HOMES)
