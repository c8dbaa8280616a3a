"""Lossless compact encoding of arrays for the page.

A million class codes take one million bytes instead of four. A column that repeats another one, counts the rows, or has
a single value is sent as a short description. Nothing is rounded. `packing.js` decodes the arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from widgets.wire.shapes import ArraySpec, Said

NARROW_TYPES = ((1 << 8, np.uint8), (1 << 16, np.uint16))
"""Integer types by the number of values that they can represent."""


def packed_arrays(arrays: Mapping[str, np.ndarray]) -> tuple[list[ArraySpec], list[np.ndarray]]:
    """Encode arrays: return their descriptions, and the buffers of those that need one.

    Parameters
    ----------
    arrays : one-dimensional arrays of float32, int32 or uint8 by name.

    Returns
    -------
    specs : list of dict, one per array in their order: `name`, `type` (the decoded type: "f4", "i4" or "u1") and
        `length`; then one of `fill` (the only value, None for NaN), `rows` (counts from 0), `like` (the name of an
        earlier array that starts with the same values), or `buffer` (index into the buffers). If the buffer has another
        type, `sent` is this type and `less` is to be subtracted from its values.
    buffers : list of ndarray.
    """
    specs: list[ArraySpec] = []
    buffers: list[np.ndarray] = []
    for at, (name, values) in enumerate(arrays.items()):
        said: Said | None = _one_value(values) or _counts(values) or _repeats(values, list(arrays.items())[:at])
        if said is None:
            sent, less = _narrowed(values)
            said = {"buffer": len(buffers)}
            if sent.dtype != values.dtype:
                said = {**said, "sent": sent.dtype.kind + str(sent.dtype.itemsize), "less": less}
            buffers.append(sent)
        kind = values.dtype.kind + str(values.dtype.itemsize)
        specs.append({"name": name, "type": kind, "length": len(values), **said})
    return specs, buffers


def _one_value(values: np.ndarray) -> Said | None:
    if not len(values):
        return {"fill": 0}
    first = values[0]
    if values[-1] != first and not (np.isnan(first) and np.isnan(values[-1])):
        return None
    if np.isnan(first):
        return {"fill": None} if np.isnan(values).all() else None
    return {"fill": first.item()} if np.isfinite(first) and (values == first).all() else None


def _counts(values: np.ndarray) -> Said | None:
    if values.dtype.kind != "i" or values[0] != 0 or values[-1] != len(values) - 1:
        return None
    return {"rows": True} if np.array_equal(values, np.arange(len(values))) else None


def _repeats(values: np.ndarray, before: list[tuple[str, np.ndarray]]) -> Said | None:
    for name, other in before:
        alike = other.dtype == values.dtype and len(other) >= len(values) and values[-1] == other[len(values) - 1]
        if alike and np.array_equal(values, other[: len(values)]):
            return {"like": name}
    return None


def _narrowed(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Return integers in the narrowest sufficient type, and the offset added to them: 1 if the minimum is -1."""
    if values.dtype.kind == "i":
        less = int(values.min() < 0)
        most = int(values.max()) + less
        for size, kind in NARROW_TYPES:
            if values.min() >= -1 and most < size:
                return (values + less).astype(kind), less
    return values, 0


def unpacked_arrays(specs: Sequence[Mapping[str, Any]], buffers: Sequence[bytes]) -> dict[str, np.ndarray]:
    """Decode the result of `packed_arrays`, as the page does: return arrays by name."""
    out: dict[str, np.ndarray] = {}
    for spec in specs:
        kind, length = np.dtype(f"<{spec['type']}"), int(spec["length"])
        values: np.ndarray
        if "fill" in spec:
            values = np.full(length, np.nan if spec["fill"] is None else spec["fill"], kind)
        elif "rows" in spec:
            values = np.arange(length, dtype=kind)
        elif "like" in spec:
            values = np.array(out[spec["like"]][:length])
        else:
            buffer: int = spec["buffer"]
            sent: np.ndarray = np.frombuffer(buffers[buffer], f"<{spec.get('sent', spec['type'])}")
            values = sent.astype(kind) - kind.type(spec.get("less", 0))
        out[spec["name"]] = values
    return out
