"""Semantic masks as a kind of label: one class for each pixel of an image.

A unit is a region: connected pixels with one given class for which a model predicts another one. Regions exist only
together with predictions, so labels alone have no units. The value of a region contains its pixels, so decisions about
it, and about strokes that a person paints, are applied without the predictions, in their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from workbench.foundation.errors import InputError, shortened
from workbench.foundation.lazy import LazyTable
from workbench.tasks.class_names import object_array
from workbench.tasks.keys import check_key
from workbench.tasks.label_type import LabelType
from workbench.tasks.mask_predictions import mask_predictions
from workbench.tasks.mask_reading import read_masks
from workbench.tasks.mask_regions import regions_of
from workbench.tasks.mask_table import IGNORE, MASKS_TYPE, MaskTable, Stroke, masks_of, painted, sizes_of, stored_masks
from workbench.tasks.protocol import NOTHING, Decided, Met, TaskMixin
from workbench.tasks.region_units import MaskUnits, listed_regions, region_units
from workbench.tasks.run_lengths import area_of, checked_runs, decode_runs
from workbench.tasks.units import Units

MASK_VALUE = 'Use {"label": CLASS, "region": [y0, x0, height, width, counts]}; null as label for pixels to ignore.'

IGNORED = "ignore"
"""Name of pixels without a label, for people."""


class Masks(TaskMixin):
    """Labels are Arrow structs (`workbench.tasks.mask_table`); a value is {"label", "region"}: its pixels get the
    class."""

    name = "masks"
    one_unit = "one region of one image"
    path_cells = True
    column = MASKS_TYPE
    predictions = ("pred_probs", "predictions", "scores")
    evidence_forms = LazyTable(
        {
            "pred_probs": "workbench.tasks.mask_evidence:MASK_PROBS",
            "predictions": "workbench.tasks.mask_evidence:PREDICTED_MASKS",
            "scores": "workbench.tasks.mask_evidence:PREDICTED_SCORES",
        }
    )
    formats = LazyTable(
        {
            "table": "workbench.review.export:TABLE",
            "png": "workbench.review.mask_files:MASK_PNG",
            "npy": "workbench.review.mask_files:MASK_NPY",
            "geotiff": "workbench.review.geotiff_files:GEOTIFF",
            "labelstudio": "workbench.review.brush_files:BRUSHES",
        }
    )

    read = staticmethod(read_masks)

    def label_type(self, labels: Any, classes: Sequence[object] | None) -> LabelType:
        """The type of the classes passed; integers without them."""
        return LabelType("int", "int64") if classes is None else LabelType.of(list(classes))

    def check(self, labels: pa.StructArray, classes: Sequence[str]) -> None:
        """Check for runs of known classes that cover the image and differ from their neighbours."""
        super().check(labels, classes)
        todo = "Restore them, or read them with `Dataset.from_arrays(labels, task='masks')`."
        table = masks_of(labels)
        sizes = [np.diff(labels.field(name).fill_null([]).offsets.to_numpy()) for name in ("lengths", "codes")]
        if len(table.lengths) != len(table.codes) or (np.where(table.missing, 0, sizes[0] - sizes[1]) != 0).any():
            raise InputError.at("labels", "hold runs without a class", todo)
        row = np.repeat(np.arange(table.n), np.diff(table.starts))
        total = np.bincount(row, table.lengths.astype(np.float64), minlength=table.n)
        bad = ~table.missing & ((table.height < 1) | (table.width < 1) | (total != table.height * table.width))
        if bad.any():
            at = int(np.argmax(bad))
            found = f"holds {total[at]:,.0f} pixels for the size {table.height[at]} x {table.width[at]}"
            raise InputError.at("labels", found, todo, row=at)
        equal = np.concatenate([[False], (row[1:] == row[:-1]) & (table.codes[1:] == table.codes[:-1])])
        outside = (table.codes < IGNORE) | (table.codes >= len(classes))
        for wrong, found in (
            (outside, f"holds a run of the class {{code}} of {len(classes)}"),
            (table.lengths < 1, "holds a run of {length} pixels"),
            (equal[: len(row)], "holds two runs of the class {code} side by side"),
        ):
            if wrong.any():
                at = int(np.argmax(wrong))
                text = found.format(code=int(table.codes[at]), length=int(table.lengths[at]))
                raise InputError.at("labels", text, todo, row=int(row[at]))

    def to_column(self, labels: pa.StructArray, classes: Sequence[Any]) -> np.ndarray:
        """Dicts of run lengths {"labels": the class of each run, None = ignore; "lengths"; "size": [height, width]}."""
        table = masks_of(labels)
        names = [*classes, None]  # -1 is the last
        found: list[dict[str, Any] | None] = []
        for row in range(table.n):
            lengths, codes = table.runs(row)
            size = [int(table.height[row]), int(table.width[row])]
            named = [names[code] for code in codes.tolist()]
            whole = {"labels": named, "lengths": lengths.tolist(), "size": size}
            found.append(None if table.missing[row] else whole)
        return object_array(found)

    def differ(self, labels: pa.StructArray, others: pa.StructArray) -> np.ndarray:
        """(n,) bool, whether any pixel differs."""
        one, other = masks_of(labels), masks_of(others)
        sizes = np.diff(one.starts)
        different = (one.missing != other.missing) | (one.height != other.height) | (one.width != other.width)
        different |= sizes != np.diff(other.starts)
        rows = np.flatnonzero(~different)
        within = np.arange(sizes[rows].sum()) - np.repeat(np.cumsum(sizes[rows]) - sizes[rows], sizes[rows])
        places = [np.repeat(table.starts[rows], sizes[rows]) + within for table in (one, other)]
        unlike = one.lengths[places[0]] != other.lengths[places[1]]
        unlike |= one.codes[places[0]] != other.codes[places[1]]
        different[np.repeat(rows, sizes[rows])[unlike]] = True
        return different

    def units(self, labels: pa.StructArray, classes: Sequence[str]) -> Units:
        """None: regions exist only together with predictions (`meet`)."""
        none = np.zeros(0, np.int64)
        return MaskUnits(len(labels), none, none, pa.array([], pa.string()), masks=labels)

    def meet(
        self, units: Units, classes: Sequence[str], *, pred_probs: Any = None, predictions: Any = None,
        scores: Any = None, **others: Any,
    ) -> Met:  # fmt: skip
        """Find the regions of disagreement; `pred_probs` (m, k) are their mean probabilities of the given and the
        predicted class, and the rest for the other classes."""
        assert isinstance(units, MaskUnits) and units.masks is not None
        table, k = masks_of(units.masks), len(classes)
        found = regions_of(table, mask_predictions(sizes_of(table), k, pred_probs, predictions, scores))
        chosen, small = listed_regions(found.regions)
        regions = found.regions.chosen(chosen)
        rest = np.maximum(1 - regions.p_given - regions.p_predicted, 0) / max(k - 2, 1)
        probs = np.repeat(rest[:, None], k, axis=1)
        every = np.arange(len(chosen))
        probs[every, regions.given], probs[every, regions.predicted] = regions.p_given, regions.p_predicted
        below = float((1 - found.regions.p_given[small]).sum())
        return Met(region_units(table.n, found, chosen, classes), {"pred_probs": probs}, below=below)

    def value(self, code: int | float, shape: Mapping[str, Any] | None, classes: Sequence[str]) -> Any:
        """Class and region."""
        return None if code < 0 or shape is None else _value(classes[int(code)], list(shape.values()))

    def implied(
        self, labels: pa.StructArray, row: int, key: str, classes: Sequence[str], said: str | None = None
    ) -> str | None:
        """The given class of the region of the value `said`; None if its pixels have several."""
        if said is None:
            return None
        region = _region(self.decoded(said))
        table = masks_of(labels.slice(row, 1))
        if table.missing[0] or not _fits(table, 0, region):
            return None
        top, left, height, width, counts = region
        own = table.reader(0)(top, top + height)[:, left : left + width][decode_runs(counts, height, width)]
        if (own != own[0]).any():
            return None
        return self.encode(_value(None if own[0] == IGNORE else classes[int(own[0])], region))

    def takes(self, key: str, classes: Sequence[str]) -> bool:
        """Whether the key is that of a region or of a stroke."""
        return key[:1] in ("a", "c")

    def decode(self, text: str, classes: Sequence[str]) -> Any:
        """Class and region."""
        value = self.decoded(text)
        region = _region(value)
        if value["label"] is not None and (not isinstance(value["label"], str) or value["label"] not in classes):
            raise InputError.unknown("class", value["label"], classes)
        return _value(value["label"], region)

    def apply(self, labels: pa.StructArray, classes: Sequence[str], decided: Decided) -> pa.StructArray:
        """Return the labels with the pixels of decided regions painted, in the order of the decisions."""
        if not len(decided.keys):
            return labels
        code_of: dict[str | None, int] = {name: code for code, name in enumerate(classes)} | {None: IGNORE}
        strokes: dict[int, list[Stroke]] = {}
        rows = np.unique(decided.rows)
        table = masks_of(labels.take(pa.array(rows)))
        for row, key, text in zip(decided.rows.tolist(), decided.keys, decided.values, strict=True):
            if not self.takes(check_key(key), classes):
                raise InputError.at("unit", f"is {key!r}", "Name a region or a stroke: 'c...' or 'a...'.", row=row)
            value, place = self.decode(text, classes), int(np.searchsorted(rows, row))
            top, left, height, width, counts = value["region"]
            if table.missing[place]:
                todo = "Give it a mask of the size of its image first, such as one that ignores all pixels (255)."
                raise InputError.at("value", "is for an image without a label, whose size is not known", todo, row=row)
            if not _fits(table, place, value["region"]):
                size = f"{table.height[place]} x {table.width[place]}"
                found = f"has a region from ({top}, {left}) of {height} x {width} pixels, in a mask of {size}"
                raise InputError.at("value", found, "Regions lie within the image.", row=row)
            stroke = Stroke(top, left, decode_runs(counts, height, width), code_of[value["label"]])
            strokes.setdefault(place, []).append(stroke)
        new = []
        for place, own in strokes.items():
            height, width = int(table.height[place]), int(table.width[place])
            new.append((height, width, painted(table.runs(place), height, width, own)))
        at = np.arange(len(labels))
        at[rows[list(strokes)]] = len(labels) + np.arange(len(new))
        return pa.concat_arrays([labels, stored_masks(new)]).take(pa.array(at))

    def choices(self, classes: Sequence[str]) -> tuple[str, ...]:
        """None, because a value includes a region."""
        return ()

    def in_words(self, value: Mapping[str, Any] | None) -> str:
        """The class, the number of pixels and the place."""
        if value is None:
            return NOTHING
        top, left, height, width, counts = value["region"]
        area = area_of(checked_runs(counts, height, width, "value"))
        name = IGNORED if value["label"] is None else value["label"]
        return f"{name} in {area:,} {'pixel' if area == 1 else 'pixels'} at row {top}, column {left}"


def _region(value: Any) -> list[Any]:
    """Return the region of a decoded value, [y0, x0, height, width, counts]."""
    if not isinstance(value, dict) or set(value) != {"label", "region"}:
        raise InputError.at("value", f"is {shortened(value)}", MASK_VALUE)
    region = value["region"]
    whole = isinstance(region, list) and len(region) == 5 and all(type(one) is int for one in region[:4])
    if not whole or not isinstance(region[4], str) or min(region[:2]) < 0:
        raise InputError.at("value", f"has the region {shortened(region)}", MASK_VALUE)
    if not area_of(checked_runs(region[4], region[2], region[3], "value")):
        raise InputError.at("value", "has a region without pixels", MASK_VALUE)
    return region


def _value(label: str | None, region: list[Any]) -> dict[str, Any]:
    return {"label": label, "region": region}


def _fits(table: MaskTable, place: int, region: list[Any]) -> bool:
    top, left, height, width, _ = region
    return top + height <= table.height[place] and left + width <= table.width[place]
