"""Corrected preferences as JSONL for direct preference optimisation, and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.ranking.preference_pairs import write_preferences
from workbench.runs.run import Run
from workbench.storage.tables import json_lines
from workbench.tasks.preferences import PREFERENCE_SCORES, PREFERENCE_TEXTS, PREFERRED, answer_codes
from workbench.tasks.protocol import Format


def corrected_pairs(run: Run) -> pd.DataFrame:
    """Return the pairs of a run in which one answer is better, after the decisions in its journal.

    Parameters
    ----------
    run : Run of the task "preferences" whose examples have the columns prompt, chosen and rejected

    Returns
    -------
    DataFrame indexed by id; ties, pairs of two poor answers and pairs without a label are left out
        prompt, chosen, rejected : str; the answers are exchanged where the second one is better
        chosen_score, rejected_score : exchanged likewise, if the run has them
        swapped : bool, whether they were exchanged

    Raises
    ------
    InputError : the run has no texts.
    """
    dataset = run.extended()
    if not set(PREFERENCE_TEXTS) <= set(dataset.metadata.columns):
        todo = "Import the table with the columns prompt, chosen and rejected."
        raise InputError.at("run", "has no texts of prompts and answers", todo)
    codes = answer_codes(run.labels())
    frame = dataset.metadata.set_axis(pd.Index(dataset.ids, name="id"), axis=0)
    names = [*PREFERENCE_TEXTS, *(one for one in PREFERENCE_SCORES if one in frame.columns)]
    frame = frame[names].assign(swapped=codes == 1)
    for one, other in (PREFERENCE_TEXTS[1:], PREFERENCE_SCORES):
        if one in frame.columns and other in frame.columns:
            first, second = frame[one], frame[other]
            frame[one], frame[other] = first.where(codes != 1, second), second.where(codes != 1, first)
    return frame[(codes == 0) | (codes == 1)]


def write_dpo(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write `corrected_pairs` as .jsonl: prompt, chosen, rejected, and under "provenance" the id, `swapped`, scores."""
    frame = corrected_pairs(run)
    return write_preferences(frame, path, provenance=list(frame.columns.difference(PREFERENCE_TEXTS)), force=force)


def read_dpo(
    path: str | Path, *, label: str | None = None, id: str | None = None, task: str = "preferences",
    classes: Sequence[object] | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read JSONL with prompt, chosen and rejected as a Dataset; the ids are those of the provenance, if it has them.

    Parameters
    ----------
    label, id : ignored, since the names in the file are fixed. task, classes, options : as in `Dataset.from_frame`.
    """
    rows = []
    for number, record in json_lines(Path(path)):
        texts = {name: record.get(name) for name in PREFERENCE_TEXTS}
        if not all(isinstance(text, str) for text in texts.values()):
            raise InputError(
                f"{path} line {number} has no text of prompt, chosen and rejected. Each line must have them."
            )
        about = record.get("provenance")
        about = about if isinstance(about, dict) else {}
        scores = {name: about[name] for name in PREFERENCE_SCORES if name in about}
        rows.append({"id": about.get("row", number - 1), **texts, **scores})
    frame = pd.DataFrame(rows, columns=None if rows else ["id", *PREFERENCE_TEXTS])
    return Dataset.from_frame(frame, PREFERRED, id="id", task=task, classes=classes, **options)


LOST_OF_PREFERENCES = ("ties and pairs without a label", "which answer was given as the better one", "other columns")

DPO = Format((".jsonl",), read_dpo, write_dpo, LOST_OF_PREFERENCES)
