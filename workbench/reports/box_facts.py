"""The contents of a report about boxes or points: kinds of errors, classes, images, pictures with the objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.data.media import as_shown, encode, open_image, read_image
from workbench.foundation.errors import InputError
from workbench.issues.boxes.results import BOX_ERRORS
from workbench.reports import facts
from workbench.reports.mask_facts import border_of
from workbench.reports.unit_facts import UnitContents, counts_in_words, gather_units, kind_table, worst_examples
from workbench.tasks.box_table import MASK_FIELD, box_table_of, form_of
from workbench.tasks.protocol import NOTHING
from workbench.tasks.run_lengths import decode_runs

if TYPE_CHECKING:
    from workbench.runs.run import Run

BOX_KIND_WORDS: dict[str, str] = dict(
    zip(
        BOX_ERRORS,
        ("another class", "another place", "spurious: nothing is here", "overlooked: an object is missing here"),
    )
) | {"outline": "another outline"}
"""Kinds of errors in words."""

PICTURE = 160
"""Largest side in pixels of a picture with an object."""

AROUND, LEAST_VIEW = 1.0, 24
"""Margin around an object as a share of its longer side, and smallest side in pixels of the part of an image shown."""

GIVEN_OUTLINE, SUGGESTED_OUTLINE = (214, 69, 65), (40, 150, 90)
"""Colours of a given object and of the suggested one."""

TINT, DASH = 0.25, 6
"""Opacity of a mask, and length in pixels of the dashes around a suggested one."""


@dataclass(frozen=True)
class BoxFacts:
    """Contents of a report for boxes, points or instances only.

    Attributes
    ----------
    places : the position of units with a decision in words, by (id, unit). unit : heading of their column.
    kinds : as `workbench.reports.unit_facts.kind_table` returns them.
    images : those with the most expected errors: id, units (given objects), wrong, issues, excerpt (issues by kind).
    objects : what is counted, "boxes", "points" or "instances".
    """

    places: dict[tuple[Any, str], str]
    kinds: pd.DataFrame
    images: pd.DataFrame
    objects: str
    unit: str

    def name_of(self, id: object, key: str) -> str:
        """The position of an object."""
        return self.places.get((id, key), "added")


class BoxContents(UnitContents):
    """Boxes, points or instances, shown in their image."""

    classes = UnitContents.class_tables

    def __init__(self, run: Run, issues: pd.DataFrame) -> None:
        super().__init__(run, issues)
        table = box_table_of(self.dataset.labels)
        self._form = form_of(table.places, table.masks)
        one, many = self._form.one, self.dataset.task
        self.words = facts.Words(
            one, many, f"a missing {one} is one that the labels lack", "classes", many, "",
            (f"{many} (given and possibly missing ones)", "in images without a label"), "wrong or missing",
        )  # fmt: skip

    def text(self, row: int, found: dict[str, Any]) -> tuple[str | None, tuple[int, int] | None]:
        """The kind of error and the position."""
        value = self._value(found["given_value"]) or self._value(found["suggested_value"])
        place = "" if value is None else f": {self.dataset.kind.in_words(value)}"
        return f"{BOX_KIND_WORDS.get(found['kind'], '')}{place}", None

    def picture(self, row: int, found: dict[str, Any], room: int) -> tuple[tuple[bytes, int, int] | None, str]:
        """The part of the image around the object, with the given and the suggested one."""
        values = [self._value(found[f"{which}_value"]) for which in ("given", "suggested")]
        if room <= 0 or (values[0] is None and values[1] is None):
            return super().picture(row, found, room)
        try:
            data = read_image(self.dataset.image(row), self.dataset.media_root)
            places, masks = zip(*((self._place(one), (one or {}).get(MASK_FIELD)) for one in values))
            return (None, "") if data is None else (drawn(data, places[0], places[1], masks), "")
        except InputError as error:
            return None, str(error)

    def own(self) -> BoxFacts:
        """Return tables of kinds of errors and of images."""
        issues, kind = self.issues, self.dataset.kind
        given = (issues["given_label"] != NOTHING) & issues["given_label"].notna()
        table = worst_examples(issues, given)
        rows = table.index.to_numpy()
        doubted = issues[issues["is_issue"]]
        counts = doubted.groupby(["row", "kind"]).size().unstack(fill_value=0).reindex(rows, fill_value=0)
        said = [
            counts_in_words((int(many), str(name)) for name, many in one.items() if many)
            for one in counts.to_dict("records")
        ]
        images = table.assign(id=self.dataset.ids[rows], excerpt=said).reset_index(drop=True)
        decided = issues.loc[issues.index.isin(self.changes.index)]
        places = {}
        for key, *texts in zip(decided.index.tolist(), decided["given_value"], decided["suggested_value"]):
            value = next((one for one in map(self._value, texts) if one is not None), None)
            places[key] = kind.in_words(value)
        kinds = kind_table(issues, self.changes.index, BOX_KIND_WORDS)
        return BoxFacts(places, kinds, images, self.dataset.task, self._form.one)

    def _place(self, value: dict[str, Any] | None) -> list[float] | None:
        """Return a box, or the box of a point, of size 0."""
        if value is None:
            return None
        place = value[self._form.field]
        return place if len(place) == 4 else [*place, *place]


def drawn(
    data: bytes, given: list[float] | None, suggested: list[float] | None,
    masks: Sequence[str | None] = (None, None),
) -> tuple[bytes, int, int]:  # fmt: skip
    """Return the part of an encoded image around one object, as a picture, with its width and height.

    Parameters
    ----------
    given, suggested : boxes x0, y0, x1, y1 in pixels, or None. The given one is drawn with a solid line, the suggested
        one with dashes; of equal ones only the given one.
    masks : of instances, the run lengths of the pixels in either box, whose borders are drawn instead.

    Raises
    ------
    InputError : the bytes are not an image of a known format.
    """
    from PIL import ImageDraw

    picture = as_shown(open_image(data)).convert("RGB")
    boxes = np.array([one for one in (given, suggested) if one is not None], float)
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    half = np.maximum((high - low).max() * (0.5 + AROUND), LEAST_VIEW / 2)
    limit = np.array(picture.size, float)
    middle = np.clip((low + high) / 2, 0, limit)
    start = np.clip(np.floor(middle - half), 0, limit - 1)
    end = np.clip(np.ceil(middle + half), start + 1, limit)
    scale = PICTURE / (end - start).max()
    size = tuple(np.maximum(np.round((end - start) * scale), 1).astype(int).tolist())
    picture = picture.crop((*start.astype(int).tolist(), *end.astype(int).tolist())).resize(size)
    pen = ImageDraw.Draw(picture)
    if given is not None and masks[0] is None:
        pen.rectangle(_corners(given, start, scale), outline=GIVEN_OUTLINE, width=2)
    if suggested is not None and masks[1] is None and suggested != given:
        _dashed(pen, _corners(suggested, start, scale))
    if given is not None and masks[0] is not None:
        _draw_mask(picture, given, masks[0], (start, end), GIVEN_OUTLINE)
    if suggested is not None and masks[1] is not None and (suggested, masks[1]) != (given, masks[0]):
        _draw_mask(picture, suggested, masks[1], (start, end), SUGGESTED_OUTLINE, dashed=True)
    return encode(picture, lossy=True, quality=85), *picture.size


def _draw_mask(
    picture: Any, box: list[float], mask: str, window: tuple[np.ndarray, np.ndarray], color: tuple[int, int, int],
    dashed: bool = False,
) -> None:  # fmt: skip
    """Draw the mask in a box over a picture, which shows the part of the image from window[0] to window[1] (x, y)."""
    from PIL import Image

    x0, y0, x1, y1 = (int(side) for side in box)
    (left, top), (right, bottom) = (side.astype(int).tolist() for side in window)
    pixels = decode_runs(mask, y1 - y0, x1 - x0) if mask else np.zeros((0, 0), bool)
    part = pixels[max(top - y0, 0) : max(bottom - y0, 0), max(left - x0, 0) : max(right - x0, 0)]
    inside = np.zeros((bottom - top, right - left), bool)
    y, x = max(y0 - top, 0), max(x0 - left, 0)
    inside[y : y + part.shape[0], x : x + part.shape[1]] = part
    shown = np.asarray(Image.fromarray(inside).resize(picture.size, Image.Resampling.NEAREST))
    border = border_of(shown)
    border |= border_of(shown & ~border)
    if dashed:
        border &= np.add.outer(*(np.arange(side) for side in shown.shape)) // DASH % 2 == 0
    opacity = np.where(border, 1.0, TINT * shown)[..., None]
    pixels = np.asarray(picture, np.float32)
    picture.paste(Image.fromarray((pixels + opacity * (np.array(color) - pixels)).astype(np.uint8)))


def _corners(box: list[float], start: np.ndarray, scale: float) -> tuple[float, float, float, float]:
    """Return a box in pixels of the picture; one without a size as a small square."""
    x0, y0, x1, y1 = ((np.array(box) - np.tile(start, 2)) * scale).tolist()
    return (x0 - 3, y0 - 3, x1 + 3, y1 + 3) if x0 == x1 and y0 == y1 else (x0, y0, x1, y1)


def _dashed(pen: Any, corners: tuple[float, float, float, float]) -> None:
    x0, y0, x1, y1 = corners
    sides = ((x0, y0, x1, y0), (x1, y0, x1, y1), (x1, y1, x0, y1), (x0, y1, x0, y0))
    for left, top, right, bottom in sides:
        parts = np.linspace(0, 1, 2 * max(int(abs(right - left) + abs(bottom - top)) // 12, 2))
        for begin, stop in zip(parts[::2].tolist(), parts[1::2].tolist()):
            ends = [(left + (right - left) * at, top + (bottom - top) * at) for at in (begin, stop)]
            pen.line(ends, fill=SUGGESTED_OUTLINE, width=2)


def gather_boxes(run: Run, issues: pd.DataFrame | None, top: int, fdr: float | None) -> facts.Facts:
    """Collect the facts of a run; see `workbench.reports.unit_facts.gather_units`."""
    return gather_units(run, issues, top, fdr, BoxContents)
