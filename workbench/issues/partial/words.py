"""Reasons why a candidate set is suspicious, in words: predictions of models, and candidates of neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.evidence.spaces import Space
from workbench.issues.partial.evidence import Seen
from workbench.issues.tags.words import TagNeighbors, hundredths, unit_vectors

MOST_EXPLAINED_SETS = 2000
"""Number of examples whose neighbours are searched; the most suspicious ones come first."""


class CandidateWords:
    """Reasons of examples, written on demand.

    Parameters
    ----------
    sets : bool (n, k). probs : (n, k). p_error : (n,). other : (n,) most likely class if the set is wrong, -1 = none.
    names : names of the classes. space : space in which neighbours are searched, or None. trained : or None.
    held_out : whether the models behind `probs` had not seen the sets.
    """

    def __init__(
        self, sets: np.ndarray, probs: np.ndarray, p_error: np.ndarray, other: np.ndarray, names: Sequence[str],
        space: Space | None, trained: Seen | None, held_out: bool,
    ) -> None:  # fmt: skip
        self.sets, self.probs, self.p_error, self.other, self.names = sets, probs, p_error, other, names
        self.trained, self.held_out = trained, held_out
        self.neighbors: TagNeighbors | None = None
        if space is not None:
            self.neighbors = TagNeighbors(unit_vectors(np.where(space.there[:, None], space.vectors, np.nan)))

    def __call__(self, places: np.ndarray) -> list[str]:
        """Return up to three reasons of each example."""
        near: dict[int, np.ndarray] = {}
        if self.neighbors is not None:
            doubt = np.nan_to_num(self.p_error[places], nan=-1.0)
            near = self.neighbors.of(places[np.argsort(-doubt, kind="stable")[:MOST_EXPLAINED_SETS]])
        return [self._of(int(row), near) for row in places]

    def _of(self, row: int, near: dict[int, np.ndarray]) -> str:
        own, probs = self.sets[row], self.probs[row]
        other = int(self.other[row])
        says = "held-out models" if self.held_out else "the training"
        if not own.any():
            return f"{says}: {self.names[other]} {hundredths(float(probs[other]))}"
        words = [f"{says}: {hundredths(float(probs[own].sum()))} on the candidates"]
        if other >= 0:
            words[0] += f", {self.names[other]} {hundredths(float(probs[other]))}"
        if row in near:
            theirs = self.sets[near[row]]
            known = int(theirs.any(axis=1).sum())
            if known and other >= 0 and self.p_error[row] >= 0.2:
                words.append(
                    f"{self.names[other]} is a candidate of {int(theirs[:, other].sum())} of {known} neighbours"
                )
            elif known:
                words.append(f"{int((theirs & own).any(axis=1).sum())} of {known} neighbours share a candidate")
        if self.trained is not None and self.held_out:
            mass = float(self.trained.probs[row, own].sum())
            words.append(f"training: {hundredths(mass)} on the candidates over {self.trained.epochs} epochs")
        return "; ".join(words)
