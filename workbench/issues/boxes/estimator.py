"""The estimators of boxes, points and instances: P(wrong) of given ones, and of "nothing" where one was overlooked."""

from __future__ import annotations

import numpy as np

from workbench.foundation.errors import MissingEvidence
from workbench.foundation.progress import step
from workbench.issues.boxes.judged_boxes import judged_boxes
from workbench.issues.boxes.matched_boxes import GivenBoxes
from workbench.issues.boxes.place_forms import (
    found_as_boxes,
    given_as_boxes,
    known_sizes,
    within_images,
    worth_listing,
)
from workbench.issues.boxes.results import found_boxes
from workbench.issues.boxes.stage_classes import StageClasses, classes_of_stages
from workbench.issues.kinds.contract import Asked, Found
from workbench.tasks.box_evidence import predictions_of
from workbench.tasks.box_stages import stages_of
from workbench.tasks.box_table import box_table_of
from workbench.tasks.instance_evidence import instances_of


class BoxesEstimator:
    """The estimator of the tasks "boxes" and "points"."""

    version = 6
    read = staticmethod(predictions_of)

    def judge(self, asked: Asked) -> Found:
        """Estimate P(wrong) for each given object, and for "nothing" where one seems to be missing.

        See `workbench.issues.boxes.judged_boxes.judged_boxes`.
        """
        dataset = asked.dataset
        if not asked.evidence.keys() & {"predictions", "stages"}:
            raise MissingEvidence.beside_labels(dataset.task, dataset.kind.predictions)
        step("reading the predictions")
        table = box_table_of(dataset.labels)
        stages = stages_of(dataset, asked.evidence["stages"]) if "stages" in asked.evidence else []
        found = self.read(dataset, asked.evidence.get("predictions", stages[-1] if stages else None))
        size = known_sizes(dataset, found.rows)
        places = given_as_boxes(table.rows, table.places, found)
        given = GivenBoxes(table.rows, places, table.label, table.crowd, table.masks)
        boxes = within_images(found_as_boxes(table.rows, table.places, found), size)
        open_ = table.missing[boxes.rows]
        listed, below = worth_listing(boxes.chosen(~open_), len(given.rows))
        proposals = worth_listing(boxes.chosen(open_), len(given.rows))[0]
        step("matching, and planted errors")
        judged = judged_boxes(given, listed, table.n, len(dataset.classes), size, seed=asked.seed)
        seen = None
        if stages:
            at = judged.met.candidates
            locations = np.full((len(stages), len(judged.seen.rows)), -1)
            locations[:, at] = classes_of_stages(judged.seen.rows[at], judged.seen.places[at], stages)
            seen = StageClasses(classes_of_stages(table.rows, table.places, stages), locations)
        return found_boxes(asked, table, judged, proposals, below, size, seen)


class InstancesEstimator(BoxesEstimator):
    """The estimator of the task "instances", which matches masks."""

    version = 4
    read = staticmethod(instances_of)
