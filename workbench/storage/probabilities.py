"""The predicted probabilities of a run: stored with their description. Automatic ones never replace the user's."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.foundation.errors import InputError, RunError
from workbench.storage.described import about, load_array, said_beside, write_described
from workbench.storage.files import is_there, unreadable
from workbench.storage.layout import Layout
from workbench.storage.provenance import Provenance, of_old_description


@dataclass(frozen=True)
class PredProbs:
    """Predicted probabilities (n, k) float32, or other predictions (n, width), with their provenance.

    Attributes
    ----------
    provenance : what made them, and whether each row comes from a model that was not trained on its label.
    made_of : digest of the inputs from which this program computed them; "" if not known.
    """

    values: np.ndarray
    provenance: Provenance
    made_of: str = ""

    @property
    def out_of_fold(self) -> bool:
        """Whether each row comes from a model that was not trained on its label."""
        return bool(self.provenance.out_of_fold)

    @property
    def source(self) -> str:
        """The provenance in words."""
        return str(self.provenance)

    @property
    def automatic(self) -> bool:
        """Whether this program computed them on its own initiative, so that it may replace them."""
        return self.provenance.source == "cross-validation"

    @property
    def kind(self) -> str:
        """ "out-of-fold" or "in-sample"."""
        return self.provenance.seen


class StoredProbabilities:
    """pred_probs.npy of a run: probabilities (n, k), or other predictions, and their description in one file.

    Parameters
    ----------
    layout : layout of the run.
    n : number of rows.
    check : callable that raises `InputError` for values that are not valid predictions for this run.
    """

    def __init__(self, layout: Layout, n: int, check: Callable[[np.ndarray], None]) -> None:
        self._layout, self._n, self._check = layout, n, check
        self._checked: object = None
        self._warned = False

    def read(self) -> PredProbs | None:
        """Read the stored predictions; None if there are none or, with a warning, if they have no description.

        Raises
        ------
        RunError : the file or its description is damaged.
        """
        path = self._layout.pred_probs
        left = 10
        while True:
            before = self._version()
            if before is None:
                return None
            values, said = load_array(path, self._n), about(self._layout, path) or said_beside(path)
            left -= 1
            if not left or self._version() == before:  # otherwise another process replaced the file in between
                break
        if before != self._checked:
            try:
                self._check(values)
            except InputError as error:
                raise RunError(f"{path} is damaged. {error} Restore it, or delete it to go without it.") from error
        self._checked = before
        if said is None:
            if not self._warned:
                self._warned = True
                warnings.warn(f"{path} {UNDESCRIBED}. It is not used.", stacklevel=4)
            return None
        return PredProbs(values, self._provenance(said), str(said.get("made_of", "")))

    def _provenance(self, said: Mapping[str, Any]) -> Provenance:
        if "provenance" not in said:
            return of_old_description(said)
        try:
            found = Provenance.from_json(said["provenance"])
            if found.kind != "pred_probs" or found.out_of_fold is None:
                raise ValueError("its provenance is of something else")
        except ValueError as error:
            raise RunError(f"{self._layout.pred_probs} is damaged: {error}. Save the probabilities again.") from error
        return found

    def save(self, found: PredProbs, *, replace: bool = False) -> bool:
        """Store probabilities in place of the present ones. Returns whether they were stored.

        Unless `replace`, automatic ones are not stored if there are any of the user's, even if these are damaged or
        incomplete.

        Raises
        ------
        WriteError : the file cannot be written; the earlier one is unchanged.
        """
        said: dict[str, Any] = {"out_of_fold": found.out_of_fold, "how": found.source, "automatic": found.automatic}
        said["provenance"] = found.provenance.to_json()  # the fields above are for people, and for release 0.1.0
        if found.made_of:
            said["made_of"] = found.made_of
        unless = self._holds_a_persons if found.automatic and not replace else None
        values = np.asarray(found.values, np.float32)
        return write_described(self._layout, self._layout.pred_probs, values, said, unless)

    def _holds_a_persons(self) -> bool:
        path = self._layout.pred_probs
        if not path.exists():
            return path.with_suffix(".json").exists()  # the values were lost, or will be written next
        try:
            there = self.read()
            said_beside(path)
        except RunError:
            return True
        return there is None or not there.automatic

    def _version(self) -> tuple[int, ...] | None:
        path = self._layout.pred_probs
        try:
            if not is_there(path):
                return None
            stat = path.stat()
        except FileNotFoundError:  # replaced in between
            return None
        except OSError as error:
            raise unreadable(path, error) from error
        return stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size


UNDESCRIBED = (
    "is without its description (pred_probs.json is missing, as after an interrupted save): save the "
    "probabilities again with `run.save_pred_probs`, or delete the file"
)
"""What is wrong with values without a description, and what to do."""
