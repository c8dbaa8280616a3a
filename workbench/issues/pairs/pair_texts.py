"""Texts of the items of each query, from the column `passages` of a Dataset."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.data.dataset import Dataset
from workbench.foundation.cells import is_missing
from workbench.foundation.errors import InputError, shortened
from workbench.storage.limits import parse_json
from workbench.tasks.pair_reading import PASSAGES

PASSAGES_TODO = 'A cell is a list of {"item": ..., "text": ...}.'


def passages_of(dataset: Dataset) -> dict[tuple[int, str], str]:
    """Return the known texts of items, by row and item.

    Raises
    ------
    InputError : a cell of the column `passages` is not a list of {"item", "text"}.
    """
    found: dict[tuple[int, str], str] = {}
    if PASSAGES not in dataset.metadata.columns:
        return found
    for row, cell in enumerate(dataset.metadata[PASSAGES].tolist()):
        found |= {(row, item): text for item, text in passages_in(cell, row)}
    return found


def passages_in(cell: Any, row: int) -> list[tuple[str, str]]:
    """Return (item, text) of one query, without items that have no text."""
    if isinstance(cell, str):  # of a CSV file
        try:
            cell = parse_json(cell)
        except ValueError as error:
            raise InputError.at(PASSAGES, f"is not JSON ({error})", PASSAGES_TODO, row=row) from error
    if is_missing(cell):
        return []
    listed = cell.tolist() if isinstance(cell, np.ndarray) else cell
    if not isinstance(listed, (list, tuple)):
        raise InputError.at(PASSAGES, f"is {shortened(cell)}", PASSAGES_TODO, row=row)
    pairs = []
    for one in listed:
        if not isinstance(one, dict) or "item" not in one:
            raise InputError.at(PASSAGES, f"holds {shortened(one)}", PASSAGES_TODO, row=row)
        if not is_missing(one.get("text")):
            pairs.append((str(one["item"]), str(one["text"])))
    return pairs
