"""Stored form of labelled boxes, points and instances: a list of (position, class) per example, in their order.

Positions are half-open pixels: x to the right, y down, the centre of the first pixel at 0.5. They are neither sorted
nor made distinct, since two equal boxes are an error to find. An example without objects has an empty list; one without
a label is null. The position of an instance is its mask, and the box around it. `more` is a JSON object with the fields
of the user's file that are not ours, null for none: it stays with its object whatever a person decides about it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.foundation.errors import InputError, shortened
from workbench.tasks.class_names import plain_value

LAST_PIXEL = 2.0**31
"""Positions lie within +- this number."""

MASK_FIELD = "mask"
"""Field of an instance: compressed run lengths (`workbench.tasks.run_lengths`) of its pixels in its box, text."""

CROWD = "crowd"
"""Field of `more`: true if the box covers a group of objects of its class, as `iscrowd` does in COCO."""


class PlaceForm(NamedTuple):
    """How a position is written.

    Attributes
    ----------
    one : name of an object, "box", "point" or "instance".
    names : names of the d coordinates.
    keys : keys under which a dict per example may hold the positions (m, d).
    others : names of columns of a table that are read as `names`.
    masks : whether each box has a mask.
    """

    one: str
    names: tuple[str, ...]
    keys: tuple[str, ...]
    others: tuple[str, ...]
    masks: bool = False

    @property
    def has_sides(self) -> bool:
        """Whether positions are boxes."""
        return len(self.names) == 4

    @property
    def field(self) -> str:
        """Key of the position in a value: "box" or "point"."""
        return "box" if self.has_sides else "point"

    @property
    def place_type(self) -> pa.DataType:
        """Arrow type of `Units.shapes`."""
        masks = [(MASK_FIELD, pa.string())] if self.masks else []
        return pa.struct([*((name, pa.float64()) for name in self.names), *masks])

    @property
    def stored_type(self) -> pa.DataType:
        """Arrow type of the given labels."""
        return pa.list_(pa.struct([*self.place_type, ("label", pa.int32()), ("more", pa.string())]))


BOX = PlaceForm("box", ("x0", "y0", "x1", "y1"), ("bboxes", "boxes"), ("xmin", "ymin", "xmax", "ymax"))
POINT = PlaceForm("point", ("x", "y"), ("points",), ())
INSTANCE_FORM = PlaceForm("instance", BOX.names, ("bboxes",), (), masks=True)

BOXES_TYPE, POINTS_TYPE, INSTANCES_TYPE = BOX.stored_type, POINT.stored_type, INSTANCE_FORM.stored_type
"""Arrow types of given boxes, points and instances."""


class BoxTable(NamedTuple):
    """The m boxes or points of n examples.

    Attributes
    ----------
    rows : (m,) int64, ascending: row of the example of each object.
    places : (m, 4) float64 x0, y0, x1, y1 in pixels, half-open; for points (m, 2) x, y.
    label : (m,) int64, class index.
    more : (m,) Arrow strings, JSON objects with further fields, null for none.
    missing : (n,) bool, examples without a label.
    masks : (m,) object array of str, the masks of instances in their boxes (`MASK_FIELD`); None for boxes and points.
    """

    rows: np.ndarray
    places: np.ndarray
    label: np.ndarray
    more: pa.StringArray
    missing: np.ndarray
    masks: np.ndarray | None = None

    @property
    def n(self) -> int:
        """Number of examples."""
        return len(self.missing)

    @property
    def starts(self) -> np.ndarray:
        """(n + 1,) int64, the objects of example i are starts[i] to starts[i + 1] - 1."""
        return np.searchsorted(self.rows, np.arange(self.n + 1))

    @property
    def crowd(self) -> np.ndarray:
        """(m,) bool, boxes of a group of objects (`CROWD`)."""
        found = np.zeros(len(self.rows), bool)
        likely = pc.match_substring(self.more, f'"{CROWD}":true').fill_null(False)
        for place in np.flatnonzero(likely.to_numpy(zero_copy_only=False)).tolist():
            found[place] = more_of(self.more[place].as_py()).get(CROWD) is True
        return found


def box_table_of(labels: pa.ListArray) -> BoxTable:
    """Return stored boxes, points or instances as columns."""
    missing = labels.is_null().to_numpy(zero_copy_only=False)
    sizes = np.where(missing, 0, np.diff(labels.offsets.to_numpy()))
    flat = labels.flatten()  # without the values under null lists
    names = [flat.type.field(at).name for at in range(flat.type.num_fields)]
    names = [name for name in names if name not in (MASK_FIELD, "label", "more")]
    columns = [flat.field(name).to_numpy(zero_copy_only=False).astype(np.float64) for name in names]
    label = flat.field("label").fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    rows = np.repeat(np.arange(len(labels)), sizes)
    return BoxTable(rows, np.stack(columns, axis=1), label, flat.field("more"), missing, masks_of_shapes(flat))


def stored_boxes(table: BoxTable) -> pa.ListArray:
    """Return columns, ordered by row, in the stored form."""
    form = form_of(table.places, table.masks)
    columns = [pa.array(column) for column in np.ascontiguousarray(table.places.T)]
    columns += [] if table.masks is None else [pa.array(table.masks, pa.string())]
    columns += [pa.array(table.label.astype(np.int32)), table.more]
    flat = pa.StructArray.from_arrays(columns, fields=list(form.stored_type.value_type))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(table.rows, minlength=table.n))]).astype(np.int32)
    mask = pa.array(table.missing) if table.missing.any() else None
    return pa.ListArray.from_arrays(pa.array(offsets), flat, type=form.stored_type, mask=mask)


def form_of(places: np.ndarray, masks: np.ndarray | None = None) -> PlaceForm:
    """Return the form of positions (m, d) and, of instances, masks (m,)."""
    if masks is not None:
        return INSTANCE_FORM
    return BOX if places.shape[1] == len(BOX.names) else POINT


def place_shapes(places: np.ndarray, masks: np.ndarray | None = None) -> pa.StructArray:
    """Return positions (m, d) and, of instances, masks (m,) as `Units.shapes`."""
    columns = [pa.array(column) for column in np.ascontiguousarray(places.T, np.float64)]
    columns += [] if masks is None else [pa.array(masks, pa.string())]
    return pa.StructArray.from_arrays(columns, fields=list(form_of(places, masks).place_type))


def masks_of_shapes(shapes: pa.StructArray) -> np.ndarray | None:
    """Return the masks (m,) of `Units.shapes` or of stored objects, object array of str; None for boxes and points."""
    if shapes.type.get_field_index(MASK_FIELD) < 0:
        return None
    return shapes.field(MASK_FIELD).to_numpy(zero_copy_only=False)


def places_of(shapes: pa.StructArray) -> np.ndarray:
    """Return `Units.shapes` as positions (m, d)."""
    names = [shapes.type.field(at).name for at in range(shapes.type.num_fields)]
    names = [name for name in names if name != MASK_FIELD]
    return np.stack([shapes.field(name).to_numpy(zero_copy_only=False) for name in names], axis=1)


def more_of(text: str | None) -> dict[str, Any]:
    """Return the fields of `more`; empty for null.

    Raises
    ------
    InputError : the text is not a JSON object.
    """
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError.at("more", f"is {shortened(text)}", "Store a JSON object, or null.")
    return found


_encoder = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=plain_value)


def more_text(fields: Any) -> str | None:
    """Return fields (a dict, or JSON text of one) as stored in `more`; None for none.

    Raises
    ------
    InputError : they are no dict that JSON can hold.
    """
    if isinstance(fields, str):
        fields = more_of(fields)
    if not isinstance(fields, dict):
        raise InputError.at("more", f"is {shortened(fields)}", "Pass a dict of the further fields, or None.")
    if not fields:
        return None
    try:
        text = _encoder.encode(fields)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        todo = "Pass text, numbers, lists and dicts of them, or None."
        raise InputError.at("more", f"is {shortened(fields)} ({error})", todo) from error
    return text


def encoded_places(
    places: np.ndarray, codes: np.ndarray, classes: Sequence[str], masks: np.ndarray | None = None
) -> np.ndarray:
    """Return the values of many objects as the journal holds them, object array (m,) of str; much faster than `encode`
    of the task one by one.

    Parameters
    ----------
    places : (m, d) float64. codes : (m,) class indices, -1 for no object.
    masks : (m,) of instances, or None.
    """
    names = [json.dumps(str(name), ensure_ascii=False) for name in classes]
    one = form_of(places).field
    found = np.full(len(codes), "null", object)
    there = np.flatnonzero(codes >= 0)
    for at, place, code in zip(there.tolist(), (places[there] + 0.0).tolist(), codes[there].tolist()):
        numbers = ",".join([repr(number).removesuffix(".0") for number in place])
        parts = [f'"{one}":[{numbers}]', f'"label":{names[code]}']
        parts += [] if masks is None else [f'"{MASK_FIELD}":{json.dumps(masks[at])}']
        found[at] = f"{{{','.join(sorted(parts))}}}"
    return found
