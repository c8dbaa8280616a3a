"""Validation of example ids: int or str, unique, never missing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from workbench.foundation.errors import InputError, shortened
from workbench.tasks.class_names import object_array


def clean_ids(ids: Iterable[object], n: int) -> np.ndarray:
    """Return ids as (n,) int64 or an object array of str; raise InputError, naming the first invalid or repeated id."""
    raw = np.asarray(ids) if isinstance(ids, (np.ndarray, pd.Series, pd.Index)) else object_array(ids)
    if raw.shape != (n,):
        raise InputError.at("ids", f"has shape {raw.shape} for {n} labels", "Pass one id per example.")
    if raw.dtype.kind == "i":
        clean = raw.astype(np.int64)
    else:
        values = raw.astype(object)
        kind = pd.api.types.infer_dtype(values, skipna=False)
        if kind not in ("string", "integer", "empty"):
            _refuse_ids(values.tolist())
        _check_storable(values.tolist())
        clean = values.astype(np.int64) if kind == "integer" else values
    duplicated = pd.Index(clean, dtype=clean.dtype).duplicated()
    if duplicated.any():
        row = int(np.flatnonzero(duplicated)[0])
        first = int(np.flatnonzero(clean == clean[row])[0])
        found = f"repeats the id of row {first} ({int(duplicated.sum())} repeats in all)"
        raise InputError.at("ids", found, "Make ids unique.", row=row, id=clean.tolist()[row])
    return clean


def _check_storable(values: list[int | str]) -> None:
    """Raise for integers beyond 64 bits and for text that is not Unicode, such as file names in another encoding."""
    for row, value in enumerate(values):
        if isinstance(value, str):
            if not value.isascii() and value.encode(errors="replace").decode() != value:
                found = f"is {shortened(value)}, which is not valid Unicode"
                raise InputError.at("ids", found, "Decode it properly, or number the examples.", row=row)
        elif not -(2**63) <= value < 2**63:
            raise InputError.at("ids", f"is {shortened(value)}, beyond 64 bits", "Use text: str(id).", row=row)


def _refuse_ids(values: list[object]) -> None:
    """Raise an error that names an id that is neither int nor str, or says that both types occur."""
    for row, value in enumerate(values):
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            found = f"is {shortened(value)} ({type(value).__name__})"
            raise InputError.at("ids", found, "Ids must be int or str and not missing.", row=row)
    ints = sum(isinstance(value, int) for value in values)
    raise InputError.at("ids", f"mixes {ints} int and {len(values) - ints} str", "Use one type, such as str(id).")
