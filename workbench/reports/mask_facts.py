"""The contents of a report about semantic masks: regions and pictures of them, pixels before and after, images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.data.media import as_shown, encode, open_image, read_image
from workbench.foundation.errors import InputError
from workbench.issues.masks.region_words import REGION_KINDS, THIN
from workbench.reports import facts
from workbench.reports.unit_facts import UnitContents, counts_in_words, gather_units, kind_table, worst_examples
from workbench.review.mask_files import palette
from workbench.tasks.mask_table import IGNORE, MaskTable, band_edges, masks_of
from workbench.tasks.masks import IGNORED
from workbench.tasks.run_lengths import decode_runs

if TYPE_CHECKING:
    from workbench.runs.run import Run

REGION_KIND_WORDS: dict[str, str] = dict(
    zip(REGION_KINDS, (f"boundary: at most {THIN} pixels deep, along a border", "interior: all others"))
)
"""Kinds of regions in words."""

PANEL_SIDE = 132
"""Largest side in pixels of each of the two pictures of a region, as given and as suggested."""

REGION_MARGIN, LEAST_WINDOW, MOST_WINDOW = 0.6, 32, 4_000
"""Margin around a region as a share of its longer side, and the least and greatest side in pixels of what is shown."""

COLOURED = 0.5
"""Opacity of the classes over the image."""

OUTLINE = np.full(3, 255, np.uint8)
"""Colour of the border of a region."""

GREY = 110
"""Grey value where there is no image."""


@dataclass(frozen=True)
class MaskFacts:
    """Contents of a report for masks only.

    Attributes
    ----------
    places : the position of units with a decision in words, by (id, unit). unit : heading of their column.
    kinds : as `workbench.reports.unit_facts.kind_table` returns them.
    pixels : by class: class, given (pixels), now (with decisions), wrong (expected number of given pixels that are).
    moved : changed pixels by pair of classes, most first: given, now, pixels.
    images : those with the most expected errors: id, units (regions), wrong, issues, excerpt (pairs of classes).
    """

    places: dict[tuple[Any, str], str]
    kinds: pd.DataFrame
    pixels: pd.DataFrame
    moved: pd.DataFrame
    images: pd.DataFrame
    unit: str = "region"

    def name_of(self, id: object, key: str) -> str:
        """The position of a region."""
        return self.places.get((id, key), "painted")


class MaskContents(UnitContents):
    """Regions of masks, shown in their image."""

    words = facts.Words(
        "region", "regions", "a region is pixels of one given class for which the predictions say another one",
        "classes", "regions", "", ("regions", "in images without a mask"),
    )  # fmt: skip
    classes = UnitContents.class_tables

    def unit(self, id: object, key: str) -> str:
        """Nothing: the text has the place."""
        return ""

    def text(self, row: int, found: dict[str, Any]) -> tuple[str | None, tuple[int, int] | None]:
        """The kind of region, its number of pixels and its place."""
        value = self._value(found["given_value"])
        return (None if value is None else f"{found['kind']}: {_place(value, self.dataset.kind)}"), None

    def picture(self, row: int, found: dict[str, Any], room: int) -> tuple[tuple[bytes, int, int] | None, str]:
        """The part of the image around the region twice: with the classes as given, and as suggested."""
        values = [self._value(found[f"{which}_value"]) for which in ("given", "suggested")]
        if room <= 0 or values[0] is None or values[1] is None:
            return super().picture(row, found, room)
        labels: Any = self.dataset.labels
        table = masks_of(labels.slice(row, 1))
        try:
            data = read_image(self.dataset.image(row), self.dataset.media_root)
            label = values[1]["label"]
            code = None if values[0] == values[1] else IGNORE if label is None else self.dataset.classes.index(label)
            return drawn_region(data, table, values[0]["region"], code, len(self.dataset.classes)), ""
        except InputError as error:
            return None, str(error)

    def own(self) -> MaskFacts:
        """Return tables of kinds of regions, of pixels by class, and of images."""
        issues, classes = self.issues, [*self.dataset.classes, IGNORED]
        table = worst_examples(issues, issues["p_error"].notna())
        rows = table.index.to_numpy()
        doubted = issues[issues["is_issue"]]
        pairs = doubted["given_label"].astype(str) + " → " + doubted["suggested_label"].astype(str)
        counts = pairs.groupby([doubted["row"].to_numpy(), pairs.to_numpy()]).size()
        said = [
            counts_in_words((int(many), str(pair)) for pair, many in counts.loc[[row]].droplevel(0).items())
            if row in counts.index.get_level_values(0)
            else ""
            for row in rows.tolist()
        ]
        images = table.assign(id=self.dataset.ids[rows], excerpt=said).reset_index(drop=True)
        decided = issues.loc[issues.index.isin(self.changes.index), "given_value"]
        places = {key: _place(self._value(text), self.dataset.kind) for key, text in decided.items()}
        given, now = masks_of(self.dataset.labels), masks_of(self.run.labels())
        before, after = (class_pixels(one, len(self.dataset.classes)) for one in (given, now))
        pixels = pd.DataFrame({"class": classes, "given": before, "now": after})
        wrong = (issues["p_error"] * issues["area"]).groupby(issues["given_label"]).sum() if "area" in issues else None
        pixels["wrong"] = np.nan if wrong is None else wrong.reindex(pixels["class"]).fillna(0.0).to_numpy()
        moved = moved_pixels(given, now, self.changed_rows(), classes)
        kinds = kind_table(issues, self.changes.index, REGION_KIND_WORDS)
        return MaskFacts(places, kinds, pixels[pixels[["given", "now"]].any(axis=1)], moved, images)

    def changed_rows(self) -> np.ndarray:
        """Return the rows of images with a changed region, int64."""
        rows, known = self.dataset.find(self.changes.index.get_level_values("id").unique())
        return np.sort(rows[known]) if len(rows) else rows


def _place(value: dict[str, Any], kind: Any) -> str:
    """Describe the region of a value, without its class."""
    words = str(kind.in_words(value))
    name = IGNORED if value["label"] is None else value["label"]
    return words.removeprefix(f"{name} in ")


def class_pixels(table: MaskTable, k: int) -> np.ndarray:
    """Return the number of pixels of each class, and of those without a label, (k + 1,) int64."""
    counts = np.bincount(table.codes.astype(np.int64) % (k + 1), table.lengths, minlength=k + 1)  # -1 is the last
    return counts.astype(np.int64)


def moved_pixels(given: MaskTable, now: MaskTable, rows: np.ndarray, names: list[str]) -> pd.DataFrame:
    """Return the number of changed pixels by pair of classes, most first: given, now, pixels.

    Parameters
    ----------
    rows : images with changes, which are read in bands. names : the k classes, and the name of pixels without a label.
    """
    side = len(names)
    counts = np.zeros(side * side, np.int64)
    for row in rows.tolist():
        before, after = given.reader(row), now.reader(row)
        for top, bottom in band_edges(int(given.height[row]), int(given.width[row])):
            was, became = (read(top, bottom).astype(np.int64) % side for read in (before, after))
            changed = was != became
            counts += np.bincount(was[changed] * side + became[changed], minlength=side * side)
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    return pd.DataFrame(
        {
            "given": [names[at // side] for at in order],
            "now": [names[at % side] for at in order],
            "pixels": counts[order],
        }
    )


def drawn_region(
    data: bytes | None, table: MaskTable, region: list[Any], code: int | None, k: int
) -> tuple[bytes, int, int]:
    """Return two pictures side by side around a region: with the classes as given and as suggested, and their size.

    Parameters
    ----------
    data : the encoded image; None for none. table : the given mask of one example. region : y0, x0, height, width and
        counts of the region. code : the suggested class, -1 for pixels without a label; None for one picture.
    k : number of classes.

    Raises
    ------
    InputError : the bytes are not an image of a known format.
    """
    from PIL import Image

    y0, x0, height, width, counts = region
    size = np.array([int(table.height[0]), int(table.width[0])])
    middle = np.array([y0 + height / 2, x0 + width / 2])
    half = np.clip(max(height, width) * (0.5 + REGION_MARGIN), LEAST_WINDOW / 2, MOST_WINDOW / 2)
    start = np.clip(np.floor(middle - half), 0, np.maximum(size - np.ceil(2 * half), 0)).astype(int)
    (top, left), (bottom, right) = start.tolist(), np.minimum(start + np.ceil(2 * half).astype(int), size).tolist()
    given = table.reader(0)(top, bottom)[:, left:right]
    inside = np.zeros(given.shape, bool)
    cut = [max(y0, top), min(y0 + height, bottom), max(x0, left), min(x0 + width, right)]
    whole = decode_runs(counts, height, width)
    part = whole[cut[0] - y0 : cut[1] - y0, cut[2] - x0 : cut[3] - x0]
    inside[cut[0] - top : cut[1] - top, cut[2] - left : cut[3] - left] = part
    under = np.full((*given.shape, 3), GREY, np.float32)
    if data is not None:
        picture = as_shown(open_image(data)).convert("RGB")
        ratio = np.array(picture.size) / size[::-1]  # of an image that is not as large as its mask
        corners = np.array([left, top, right, bottom]) * np.tile(ratio, 2)
        shown = picture.crop(np.round(corners).astype(int).tolist()).resize((right - left, bottom - top))
        under = np.asarray(shown, np.float32)
    colours = np.frombuffer(palette(k), np.uint8).reshape(-1, 3).astype(np.float32)
    scale = PANEL_SIDE / max(given.shape)
    height, width = (max(round(side * scale), 1) for side in given.shape)
    border = border_of(np.asarray(Image.fromarray(inside).resize((width, height), Image.Resampling.NEAREST)))
    panels = []
    for codes in (given,) if code is None else (given, np.where(inside, np.int16(code), given)):
        filled = np.where((codes >= 0)[..., None], under + COLOURED * (colours[codes] - under), under)
        panel = Image.fromarray(filled.astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
        panels.append(np.where(border[..., None], OUTLINE, np.asarray(panel)))
    gap = np.full((height, 4, 3), 255, np.uint8)
    joined = Image.fromarray(np.concatenate([panels[0], *(part for one in panels[1:] for part in (gap, one))], axis=1))
    return encode(joined, lossy=True, quality=85), *joined.size


def border_of(inside: np.ndarray) -> np.ndarray:
    """Return the pixels of a region (h, w) bool that touch others."""
    wide = np.pad(inside, 1)
    around = wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
    return inside & ~around


def gather_masks(run: Run, issues: pd.DataFrame | None, top: int, fdr: float | None) -> facts.Facts:
    """Collect the facts of a run; see `workbench.reports.unit_facts.gather_units`."""
    return gather_units(run, issues, top, fdr, MaskContents)
