"""Masks as files: an archive of indexed PNGs or arrays, with a change mask and a difference map of each correction."""

from __future__ import annotations

import colorsys
import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.review.label_folders import with_pictures
from workbench.runs.run import Run
from workbench.storage.layout import atomic
from workbench.storage.limits import parse_json
from workbench.storage.tables import check_target
from workbench.tasks.mask_reading import IGNORED_VALUE
from workbench.tasks.mask_table import IGNORE, band_edges, masks_of
from workbench.tasks.protocol import Format
from workbench.tasks.raster_files import raster_in
from workbench.tasks.run_lengths import MOST_PIXELS

MASK_CONTENTS = "masks.json"
"""File that lists the classes in their order, the ids in theirs, and the ids without a label."""

MASK_FOLDER, CHANGE_MASKS, DIFFERENCE_MAPS = "masks", "changes", "differences"
"""Folders: the corrected masks; which pixels changed (255) and which did not (0); their new class, 255 elsewhere."""

CHANGED_PIXELS = "changes.csv"
"""Table of the changed pixels: id, given label, label, pixels."""

MOST_UNPACKED_PIXELS = 8 * MOST_PIXELS
"""Bytes of one unpacked mask."""


class CorrectedMask(NamedTuple):
    """A mask to be written: its row, the stem of its file, and functions (top, bottom) of the class indices of rows,
    as it was given, if it changed, and as it is now."""

    row: int
    stem: str
    height: int
    width: int
    given: Callable[[int, int], np.ndarray] | None
    now: Callable[[int, int], np.ndarray]

    def changed(self, top: int, bottom: int) -> np.ndarray:
        """Return which pixels of rows changed, (bottom - top, width) bool."""
        now = self.now(top, bottom)
        return np.zeros(now.shape, bool) if self.given is None else self.given(top, bottom) != now

    def changes(self) -> Counter[tuple[int, int]]:
        """Count the changed pixels by given and new class index."""
        found: Counter[tuple[int, int]] = Counter()
        if self.given is None:
            return found
        for top, bottom in band_edges(self.height, self.width):
            given, now = self.given(top, bottom), self.now(top, bottom)
            unlike = given != now
            pairs, count = np.unique(np.stack([given[unlike], now[unlike]]), axis=1, return_counts=True)
            found.update(dict(zip(map(tuple, pairs.T.tolist()), count.tolist())))
        return found


def write_masks(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write a .zip of indexed PNGs, masks/ID.png: class indices with a palette, 255 = ignore.

    masks.json lists the classes and ids. For each changed mask, changes/ID.png is 255 where a pixel changed and 0
    elsewhere, differences/ID.png is the new class of changed pixels and 255 elsewhere, and changes.csv counts pixels by
    given and new class. An example without a label has no file; file names are ids, quoted as in URLs.

    Raises
    ------
    InputError : more than 255 classes, which need the format "npy".
    """
    target = check_target(path, force, MASK_PNG.suffixes)
    classes = run.extended().classes
    if len(classes) > IGNORED_VALUE:
        todo = 'Use format="npy".'
        raise InputError.at("classes", f"has {len(classes)} names, and a PNG has {IGNORED_VALUE} and 255", todo)
    colours = palette(len(classes))
    with atomic(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
        for _, stem, given, now in _rasters(run, packed):
            packed.writestr(f"{MASK_FOLDER}/{stem}.png", png_bytes(now, colours))
            if given is not None:
                changed = given != now
                packed.writestr(f"{CHANGE_MASKS}/{stem}.png", png_bytes(np.where(changed, 255, 0), None))
                packed.writestr(f"{DIFFERENCE_MAPS}/{stem}.png", png_bytes(np.where(changed, now, IGNORE), colours))
    return target


def write_arrays(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write a .zip of arrays, masks/ID.npy: int16 class indices (height, width), -1 = ignore; and as `write_masks`
    masks.json, changes/ID.npy (bool) and changes.csv."""
    target = check_target(path, force, MASK_NPY.suffixes)
    with atomic(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
        for _, stem, given, now in _rasters(run, packed):
            packed.writestr(f"{MASK_FOLDER}/{stem}.npy", _npy(now))
            if given is not None:
                packed.writestr(f"{CHANGE_MASKS}/{stem}.npy", _npy(given != now))
    return target


def read_mask_archive(
    path: str | Path, *, task: str = "masks", classes: Sequence[object] | None = None, id: str | None = None,
    label: str | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read a folder or a .zip of masks: .png or .npy files, sorted by name; ids are the file names.

    Parameters
    ----------
    classes : by default those of masks.json, if it is there. id, label : ignored, since the format has no names.
    options : as in `Dataset.from_arrays`, such as `ignore`; `images` may be a folder of pictures named like the masks.
    """
    with opened_masks(path, (".png", ".npy")) as found:
        masks = [
            None if one is None else raster_in(one.name, one.content(), row) for row, one in enumerate(found.files)
        ]
    classes = found.classes if classes is None else classes
    return Dataset.from_arrays(masks, task=task, ids=found.ids, classes=classes, **with_pictures(options, found.ids))


class MaskFile(NamedTuple):
    """A file of a mask: its name, and a function that returns its path, or its bytes from an archive."""

    name: str
    content: Callable[[], io.BytesIO | Path]


class MaskArchive(NamedTuple):
    """The masks of a folder or archive: ids and files in their order, None without a label, and classes, if known."""

    ids: list[Any]
    files: list[MaskFile | None]
    classes: list[Any] | None


@contextmanager
def opened_masks(path: str | Path, suffixes: Sequence[str]) -> Generator[MaskArchive]:
    """Open a folder or a .zip of masks, with files of these suffixes, sorted by name unless masks.json lists them.

    Raises
    ------
    InputError : it is neither, a file unpacks to more than `MOST_UNPACKED_PIXELS` bytes, or masks.json is not valid.
    """
    with opened_archive(Path(path)) as (names, content, source):
        yield _archive(names, content, source, suffixes)


@contextmanager
def opened_archive(
    archive: Path,
) -> Generator[tuple[list[str], Callable[[str], bytes], Callable[[str], io.BytesIO | Path]]]:
    """Open a folder or a .zip of masks; return the sorted names of its files, a function that reads one, and one that
    returns its path, or its bytes from a .zip, to read from.

    Raises
    ------
    InputError : it is neither, or a file unpacks to more than `MOST_UNPACKED_PIXELS` bytes.
    """
    if archive.is_dir():
        names = sorted(one.relative_to(archive).as_posix() for one in archive.rglob("*") if one.is_file())
        yield names, lambda name: (archive / name).read_bytes(), lambda name: archive / name
        return
    if not zipfile.is_zipfile(archive):
        raise InputError(f"{archive} is neither a folder nor a .zip of masks.")
    with zipfile.ZipFile(archive) as packed:

        def content(name: str) -> bytes:
            if packed.getinfo(name).file_size > MOST_UNPACKED_PIXELS:
                raise InputError(f"{archive}: {name} unpacks to more than {MOST_UNPACKED_PIXELS:,} bytes.")
            return packed.read(name)

        yield sorted(packed.namelist()), content, lambda name: io.BytesIO(content(name))


def listed_contents(name: str, data: bytes) -> dict[str, Any]:
    """Return the classes and ids that a file of JSON in an archive lists."""
    contents = parse_json(data.decode())
    if not isinstance(contents, dict) or not all(isinstance(contents.get(one), list) for one in ("classes", "ids")):
        raise InputError(f'{name} is not {{"classes": [...], "ids": [...]}}.')
    return contents


def _archive(
    names: Sequence[str], content: Callable[[str], bytes], source: Callable[[str], io.BytesIO | Path],
    suffixes: Sequence[str],
) -> MaskArchive:  # fmt: skip
    aside = (CHANGE_MASKS, DIFFERENCE_MAPS)
    found = [one for one in names if Path(one).suffix.lower() in suffixes and Path(one).parent.name not in aside]
    file_of = {unquote(Path(one).stem): one for one in found}
    ids, classes = list(file_of), None
    listed = next((one for one in names if Path(one).name == MASK_CONTENTS), None)
    if listed is not None:
        contents = listed_contents(listed, content(listed))
        ids, classes = contents["ids"], contents["classes"]
        values = contents.get("values")
        if isinstance(values, list) and list(map(str, values)) == classes:
            classes = values

    def file(name: str) -> MaskFile | None:
        place = file_of.get(name)
        return None if place is None else MaskFile(Path(place).name, lambda: source(place))

    return MaskArchive(ids, [file(str(name)) for name in ids], classes)


def corrected_masks(run: Run, packed: zipfile.ZipFile, values: Sequence[int] | None = None) -> Iterator[CorrectedMask]:
    """Yield the masks of all labelled examples; write the contents and the table of changed pixels into the archive.

    Parameters
    ----------
    values : pixel value of each class, by default its index.
    """
    dataset, labels = run.extended(), run.labels()
    before, now = masks_of(dataset.labels), masks_of(labels)
    changed = dataset.kind.differ(labels, dataset.labels)
    ids = dataset.ids.tolist()
    unlabelled = [ids[row] for row in np.flatnonzero(now.missing).tolist()]
    contents = {"classes": list(dataset.classes), "ids": ids, "unlabelled": unlabelled}
    contents |= {} if values is None else {"values": list(values)}
    packed.writestr(MASK_CONTENTS, json.dumps(contents, ensure_ascii=False, indent=1))
    lines: list[tuple[Any, str | None, str | None, int]] = []
    names = [*dataset.classes, None]
    for row in np.flatnonzero(~now.missing).tolist():
        size = int(now.height[row]), int(now.width[row])
        given = before.reader(row) if changed[row] and not before.missing[row] else None
        one = CorrectedMask(row, quote(str(ids[row]), safe=""), *size, given, now.reader(row))
        lines += [(ids[row], names[a], names[b], many) for (a, b), many in sorted(one.changes().items())]
        yield one
    frame = pd.DataFrame(lines, columns=["id", "given_label", "label", "pixels"])
    packed.writestr(CHANGED_PIXELS, frame.to_csv(index=False))


def _rasters(run: Run, packed: zipfile.ZipFile) -> Iterator[tuple[int, str, np.ndarray | None, np.ndarray]]:
    """Yield (row, file stem, given mask if it changed, corrected mask), as whole rasters."""
    for one in corrected_masks(run, packed):
        given = None if one.given is None else one.given(0, one.height)
        yield one.row, one.stem, given, one.now(0, one.height)


def palette(k: int) -> bytes:
    """Return 256 colours, 768 bytes: black for class 0, k - 1 distinct hues, white for 255."""
    colours = [(0.0, 0.0, 0.0)]
    colours += [colorsys.hsv_to_rgb(place * 0.618034 % 1, 0.75, 0.95 - 0.35 * (place % 2)) for place in range(1, k)]
    colours += [(1.0, 1.0, 1.0)] * (256 - len(colours))
    return bytes(round(255 * part) for colour in colours for part in colour)


def png_bytes(codes: np.ndarray, colours: bytes | None) -> bytes:
    """Return a PNG of class indices (h, w) with a palette, or None; -1 is 255."""
    from PIL import Image

    picture = Image.fromarray(np.where(codes < 0, IGNORED_VALUE, codes).astype(np.uint8))
    if colours is not None:
        picture.putpalette(colours)
    found = io.BytesIO()
    picture.save(found, "PNG")
    return found.getvalue()


def _npy(values: np.ndarray) -> bytes:
    found = io.BytesIO()
    np.save(found, values, allow_pickle=False)
    return found.getvalue()


MASK_PNG = Format(
    (".zip",), read_mask_archive, write_masks, ("columns other than the id", "the colours of the palette that was read")
)
MASK_NPY = Format((".zip",), read_mask_archive, write_arrays, ("columns other than the id",))
