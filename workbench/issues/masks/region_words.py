"""Kinds of wrong regions, and reasons why a region is suspicious, as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.issues.masks.judged_regions import JudgedRegions
from workbench.issues.tags.words import hundredths
from workbench.tasks.mask_blocks import MOST_DEPTH

REGION_KINDS = ("boundary", "interior")
"""Kinds of regions: thin ones along a boundary of the given mask, and all others."""

THIN = 2
"""Largest depth of a region at a boundary, in pixels."""

AT_EDGE = 0.3
"""Smallest share of the pixels of a region at a boundary that touch another given class."""

WHOLE_OBJECT = 0.95
"""Share of an object from which a region covers all of it."""


def region_kinds(judged: JudgedRegions) -> np.ndarray:
    """Return the kind (m,) object of each judged region."""
    regions = judged.seen.found.regions.chosen(judged.chosen)
    kinds = np.full(len(judged.chosen), REGION_KINDS[1], object)
    kinds[(regions.depth <= THIN) & (regions.edge >= AT_EDGE)] = REGION_KINDS[0]
    return kinds


class RegionWords:
    """Reasons of judged regions, written on demand.

    Parameters
    ----------
    kinds : (m,) their kinds. classes : class names. says : description of the source of the probabilities. known :
        whether probabilities were passed, not only predicted classes.
    """

    def __init__(
        self, judged: JudgedRegions, kinds: np.ndarray, classes: Sequence[str], says: str, known: bool
    ) -> None:
        self.judged, self.kinds, self.classes, self.says, self.known = judged, kinds, classes, says, known

    def __call__(self, places: np.ndarray) -> list[str]:
        """Return up to three reasons of each region."""
        at = self.judged.chosen[places]
        regions = self.judged.seen.found.regions.chosen(at)
        columns = [one.tolist() for one in (regions.given, regions.predicted, regions.p_given, regions.p_predicted)]
        columns += [one.tolist() for one in (regions.area, regions.depth)]
        columns += [self.judged.seen.covers_given[at].tolist(), self.judged.seen.covers_predicted[at].tolist()]
        sentences = []
        for given, predicted, p, q, area, depth, of_given, of_predicted, kind in zip(*columns, self.kinds[places]):
            names = self.classes[given], self.classes[predicted]
            deep = f"more than {depth - 1}" if depth == MOST_DEPTH else str(depth)
            reasons = [
                self._predicted(names, p, q, area),
                f"{kind}, {deep} {'pixel' if deep == '1' else 'pixels'} deep",
            ]
            if of_predicted >= WHOLE_OBJECT:
                reasons.append(f"a whole object of {names[1]} is missing")
            elif of_given >= WHOLE_OBJECT:
                reasons.append(f"the whole object of {names[0]} is doubtful")
            sentences.append("; ".join(reasons))
        return sentences

    def _predicted(self, names: tuple[object, object], p: float, q: float, area: int) -> str:
        """State the given and the predicted class, with their mean probabilities where they were passed."""
        if not self.known:
            return f"{self.says}: {names[1]} instead of {names[0]}, {area:,} pixels"
        return f"{self.says}: {names[0]} {hundredths(p)}, {names[1]} {hundredths(q)}, mean of {area:,} pixels"
