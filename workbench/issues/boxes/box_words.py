"""Reasons why a box is suspicious, in words: predictions around it, other places, boxes beside it, its size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.issues.boxes.box_checks import BoxChecks
from workbench.issues.boxes.judged_boxes import SAME_OBJECT, JudgedBoxes
from workbench.issues.boxes.matched_boxes import COVERS
from workbench.issues.boxes.stage_classes import StageClasses
from workbench.issues.tags.words import hundredths

WORTH_SAYING = 0.05
"""Smallest score of another class that is named."""

WELL_PLACED = 0.9
"""IoU from which the place of a prediction is not said to differ."""


class BoxWords:
    """Reasons of units, written on demand.

    Parameters
    ----------
    place : (u,) int64, given box of each unit, -1 for a candidate. location : (u,) int64, -1 without one.
    checks : facts about the given boxes. says : description of the source of the predictions. names : of the classes.
    one : name of an object, "box" or "point". stages : what s decoder stages or checkpoints see; their reason comes
        last, since it says the least.
    """

    def __init__(
        self, judged: JudgedBoxes, place: np.ndarray, location: np.ndarray, checks: BoxChecks, says: str,
        names: Sequence[str], one: str, stages: StageClasses | None = None,
    ) -> None:  # fmt: skip
        self.judged, self.place, self.location, self.checks = judged, place, location, checks
        self.says, self.names, self.one, self.stages = says, names, one, stages

    def __call__(self, places: np.ndarray) -> list[str]:
        """Return up to three reasons of each unit."""
        sentences = []
        for unit in places.tolist():
            given = int(self.place[unit])
            reasons = self._of_candidate(unit) if given < 0 else self._of_given(given, unit)
            sentences.append("; ".join([one for one in reasons if one][:3]))
        return sentences

    def _of_candidate(self, unit: int) -> list[str]:
        seen, at = self.judged.seen, int(self.location[unit])
        text = f"{self.says}: {self.names[seen.label[at]]} {hundredths(float(seen.score[at]))}"
        if seen.second[at] >= WORTH_SAYING:
            text += f", {self.names[seen.other[at]]} {hundredths(float(seen.second[at]))}"
        return [text, f"no given {self.one} is there", self._of_new(at)]

    def _of_given(self, given: int, unit: int) -> list[str]:
        judged = self.judged
        label = int(judged.given.label[given])
        same = float(judged.support.same5[given])
        text = f"{self.says}: {self.names[label]} {hundredths(same)}"
        at = int(judged.met.match[given])
        if at < 0:
            near = float(judged.support.same1[given])
            text = f"{self.says}: no {self.names[label]} here" if same == 0 else text
            text += f", {hundredths(near)} where they touch" if near > max(same, WORTH_SAYING) else ""
        if self.checks.twin_iou[given] >= SAME_OBJECT and self.checks.same_class[given]:
            return [*self.checks.of(given), text, self._of_stages(given)]
        if at < 0:
            return [text, *self.checks.of(given), self._of_stages(given)]
        seen = judged.seen
        other = int(seen.label[at])
        code, score = (other, seen.score[at]) if other != label else (seen.other[at], seen.second[at])
        if code >= 0 and score >= WORTH_SAYING:
            text += f", {self.names[code]} {hundredths(float(score))}"
        iou = float(judged.met.match_iou[given])
        moved = f"the predicted {self.one} overlaps it by {hundredths(iou)}" if iou < WELL_PLACED else ""
        return [text, moved + " only" * (iou < COVERS), *self.checks.of(given), self._of_stages(given)]

    def _of_new(self, location: int) -> str:
        """State how many stages see the object that seems to be missing; "" if all do."""
        if self.stages is None:
            return ""
        seen = self.stages.locations[:, location]
        own = int((seen == self.judged.seen.label[location]).sum())
        return "" if own == len(seen) else f"only {own} of {len(seen)} stages see it"

    def _of_stages(self, given: int) -> str:
        """State how often the class at a given object changes from stage to stage; "" if it does not, or if most stages
        see the given one."""
        if self.stages is None:
            return ""
        seen = self.stages.given[:, given]
        flips = int((seen[1:] != seen[:-1]).sum())
        own = int((seen == self.judged.given.label[given]).sum())
        if not flips or 2 * own > len(seen):
            return ""
        times = "once" if flips == 1 else f"{flips} times"
        name = self.names[int(self.judged.given.label[given])]
        return f"its class changes {times} over {len(seen)} stages, {own} see {name}"
