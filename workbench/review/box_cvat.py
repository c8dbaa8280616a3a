"""Boxes and points in the XML of CVAT for images, version 1.1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, shortened
from workbench.review.box_files import (
    FILE_NAME,
    ROTATED,
    ImageLabels,
    Labelled,
    Losses,
    box_around,
    dataset_of_images,
    file_fields_of,
    file_name_of,
    finite_number,
    image_fields_of,
    labelled_images,
    read_bounded,
    read_xml,
    size_of,
    tell_reading,
    turned,
)
from workbench.review.box_voc import xml_text
from workbench.review.outlines import SEGMENTATION, check_outline, from_rows, to_rows
from workbench.runs.run import Run
from workbench.storage.layout import atomic
from workbench.storage.tables import check_target
from workbench.tasks.protocol import Format
from workbench.tasks.run_lengths import box_of, checked_runs

SHAPES = "shapes"
"""Field of an image with shapes that are not read as objects, as they are in the file."""

ATTRIBUTES = "attributes"
GEOMETRY = ("label", "xtl", "ytl", "xbr", "ybr", "points", "rotation", "rle", "left", "top", "width", "height")
EDGES = ("xtl", "ytl", "xbr", "ybr")
DRAWN_ATTRIBUTES = {"occluded": "0", "source": "manual", "z_order": "0"}
"""Attributes of a shape that was drawn here."""


def read_cvat(
    path: str | Path, *, task: str = "boxes", classes: Sequence[object] | None = None, id: str | None = None,
    label: str | None = None, images: str | Path | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Read an XML file of the format "CVAT for images 1.1".

    Parameters
    ----------
    classes : by default the labels of the task, in the order of the file.
    id : "id" (default) or "name", the attribute of the images that is their id.
    label : ignored, since the format defines the names.
    images : folder of the pictures; by default only the labels are read.

    Returns
    -------
    Dataset. Boxes, polygons and masks become boxes (around the outline, which stays with the box), and points become
    points with `task="points"`. Other shapes and tags are kept for writing. Attributes of a shape stay with its object.

    Raises
    ------
    InputError : no such XML, declared entities, or a shape that is not finite, of negative size, or does not fit the
        image; the message names the image and the shape.

    Warns
    -----
    UserWarning : rotated boxes, which are read as the upright box around them, and kept as they are for writing; shapes
        that are not read.
    """
    source = Path(path)
    root = read_xml(read_bounded(source), source)
    if root.tag != "annotations" or root.find("track") is not None:
        found = "is CVAT for video" if root.tag == "annotations" else f"begins with <{root.tag}>"
        raise InputError(f"{source} {found}. Export as 'CVAT for images 1.1'.")
    counts: Counter[str] = Counter()
    records = [
        _record(one, f"{source}: image {number}", id, task == "points", counts)
        for number, one in enumerate(root.iterfind("image"))
    ]
    tell_reading(source, counts)
    meta = root.find("meta")
    names = [] if meta is None else [one.text or "" for one in meta.iterfind(".//labels/label/name")]
    names = list(dict.fromkeys(names))
    used = sorted({name for one in records for name in one.names} - set(names))
    kept = {"version": root.findtext("version", "1.1")}
    if meta is not None:
        kept["meta"] = ElementTree.tostring(meta, encoding="unicode")
    return dataset_of_images(
        source, records, task=task, classes=classes, named=[*names, *used] or None, folder=images, options=options,
        file_fields={"format": "cvat", **kept},
    )  # fmt: skip


def _record(one: ElementTree.Element, where: str, id: str | None, points: bool, counts: Counter[str]) -> ImageLabels:
    about: dict[str, Any] = dict(one.attrib)
    number, name = about.pop("id", None), about.pop("name", None)
    where += f" ({shortened(name)})"
    if id not in (None, "id", "name"):
        raise InputError.unknown("id", id, ("id", "name"))
    if name is None or number is None or not number.isdecimal():
        raise InputError(f"{where} has the id {shortened(number)}. An image has a whole number as id and a name.")
    for side in ("width", "height"):
        if side in about:
            about[side] = int(finite_number(about[side], where, side))
    record = ImageLabels(name if id == "name" else int(number), fields={FILE_NAME: name, **about})
    others = []
    for place, shape in enumerate(one):
        read = POINT_SHAPES.get(shape.tag) if points else BOX_SHAPES.get(shape.tag)
        if read is None:
            counts[f"<{shape.tag}> shapes are not read as objects; they are kept for writing"] += 1
            others.append([shape.tag, dict(shape.attrib), [[part.attrib, part.text] for part in shape]])
            continue
        at = f"{where} <{shape.tag}> {place}"
        named = shape.get("label")
        if not named:
            raise InputError(f"{at} has no label.")
        more: dict[str, Any] = {key: value for key, value in shape.attrib.items() if key not in GEOMETRY}
        inner = {part.get("name", ""): part.text or "" for part in shape.iterfind("attribute")}
        more |= {ATTRIBUTES: inner} if inner else {}
        for position, fields in read(shape, at, record.fields):
            counts["rotated boxes are read as the upright box around them"] += ROTATED in fields
            record.add(position, named, {**more, **fields})
    if others:
        record.fields[SHAPES] = others
    return record


def _box(shape: ElementTree.Element, at: str, image: Mapping[str, Any]) -> list[tuple[list[float], dict[str, Any]]]:
    x0, y0, x1, y1 = (finite_number(shape.get(edge), at, edge) for edge in EDGES)
    if x1 < x0 or y1 < y0:
        raise InputError(f"{at} has a box of {x1 - x0:g} x {y1 - y0:g} pixels. Its width and height are at least 0.")
    degrees = finite_number(shape.get("rotation", "0"), at, "rotation")
    if degrees:
        return [(box_around(turned((x0, y0, x1, y1), degrees)), {ROTATED: [x0, y0, x1, y1, degrees]})]
    return [([x0, y0, x1, y1], {})]


def _pairs(shape: ElementTree.Element, at: str) -> list[list[float]]:
    found = []
    for pair in (shape.get("points") or "").split(";"):
        parts = pair.split(",")
        if len(parts) != 2:
            raise InputError(f"{at} has the points {shortened(shape.get('points'))}. Points are x,y;x,y;...")
        found.append([finite_number(part, at, "coordinate") for part in parts])
    return found


def _polygon(shape: ElementTree.Element, at: str, image: Mapping[str, Any]) -> list[tuple[list[float], dict[str, Any]]]:
    points = _pairs(shape, at)
    outline = [[value for pair in points for value in pair]]
    check_outline(outline, image, at)
    return [(box_around(points), {SEGMENTATION: outline})]


def _mask(shape: ElementTree.Element, at: str, image: Mapping[str, Any]) -> list[tuple[list[float], dict[str, Any]]]:
    if "width" not in image or "height" not in image:
        raise InputError(f"{at} is in an image without a size.")
    box = [int(finite_number(shape.get(name), at, name)) for name in ("left", "top", "width", "height")]
    try:
        counts = np.array([int(part) for part in (shape.get("rle") or "").split(",")], np.int64)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{at} has the rle {shortened(shape.get('rle'))}. It is whole numbers.") from error
    outline = from_rows(counts, box, image["height"], image["width"], at)
    left, top, wide, high = box
    return [([left, top, left + wide, top + high], {SEGMENTATION: outline})]


def _points(shape: ElementTree.Element, at: str, image: Mapping[str, Any]) -> list[tuple[list[float], dict[str, Any]]]:
    return [(pair, {}) for pair in _pairs(shape, at)]


Reader = Callable[[ElementTree.Element, str, Mapping[str, Any]], list[tuple[list[float], dict[str, Any]]]]
BOX_SHAPES: dict[str, Reader] = {"box": _box, "polygon": _polygon, "mask": _mask}
POINT_SHAPES: dict[str, Reader] = {"points": _points}


def write_cvat(run: Run, path: str | Path, *, force: bool = False) -> Path:
    """Write an XML file of the format "CVAT for images 1.1", with the images that have a label.

    Objects with an outline are polygons or masks, unless they were moved; each point is a shape of its own. The
    settings of the task that was read are kept, and classes that it lacks are added.
    """
    target, losses = check_target(path, force, CVAT.suffixes), Losses("CVAT")
    dataset = run.extended()
    kept = file_fields_of(dataset)
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    root.append(_meta(kept.get("meta") if kept.get("format") == "cvat" else None, dataset.classes))
    for one in labelled_images(run, losses):
        if one.labelled:
            _add_image(root, dataset, one, losses)
        else:
            losses.add("images without a label")
    ElementTree.indent(root)
    with atomic(target) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)
    losses.tell(target)
    return target


def _meta(text: str | None, classes: Sequence[str]) -> ElementTree.Element:
    meta = ElementTree.Element("meta") if text is None else read_xml(text.encode(), "`file_fields`")
    labels = meta.find(".//labels")
    if labels is None:
        labels = ElementTree.SubElement(ElementTree.SubElement(meta, "task"), "labels")
    known = {one.findtext("name") for one in labels.iterfind("label")}
    for name in classes:
        if name not in known:
            one = ElementTree.SubElement(labels, "label")
            ElementTree.SubElement(one, "name").text = xml_text(name)
            ElementTree.SubElement(one, "attributes")
    return meta


def _add_image(root: ElementTree.Element, dataset: Dataset, one: Labelled, losses: Losses) -> None:
    width, height = size_of(dataset, one, "CVAT")
    fields = image_fields_of(dataset, one.row)
    shapes = fields.pop(SHAPES, [])
    about = {"id": one.id if isinstance(one.id, int) else one.row, "name": file_name_of(dataset, one)}
    about |= {name: value for name, value in fields.items() if name in ("subset", "task_id")}
    losses.add_fields({name: 1 for name in fields if name not in ("subset", "task_id", "width", "height", FILE_NAME)})
    about |= {"width": int(width), "height": int(height)}
    image = ElementTree.SubElement(root, "image", {name: xml_text(value) for name, value in about.items()})
    for place, code, more in zip(one.places.tolist(), one.codes, one.more):
        _add_shape(image, place, dataset.classes[code], more, losses)
    for tag, attributes, parts in shapes:
        shape = ElementTree.SubElement(image, tag, attributes)
        for inner, text in parts:
            ElementTree.SubElement(shape, "attribute", inner).text = text


def _add_shape(
    image: ElementTree.Element, place: Sequence[float], name: str, more: Mapping[str, Any], losses: Losses
) -> None:
    own = {key: value for key, value in more.items() if key not in (SEGMENTATION, ROTATED, ATTRIBUTES)}
    plain = {key: value for key, value in own.items() if isinstance(value, str) and key not in GEOMETRY}
    attributes = more.get(ATTRIBUTES, {})
    held = isinstance(attributes, dict) and all(isinstance(value, str) for value in attributes.values())
    losses.add_fields(own, list(plain))
    tag, geometry = _geometry(place, more, losses)
    about = {"label": name, **DRAWN_ATTRIBUTES, **plain, **geometry}
    shape = ElementTree.SubElement(image, tag, {key: xml_text(value) for key, value in about.items()})
    for key, value in attributes.items() if held else ():
        ElementTree.SubElement(shape, "attribute", {"name": xml_text(key)}).text = xml_text(value)
    losses.add(f"values of {ATTRIBUTES!r}", int(not held))


def _geometry(place: Sequence[float], more: Mapping[str, Any], losses: Losses) -> tuple[str, dict[str, Any]]:
    """Return the name of the shape and its position."""
    outline = more.get(SEGMENTATION)
    if len(place) == 2:
        return "points", {"points": _written([place])}
    if isinstance(outline, list) and len(outline) == 1 and len(outline[0]) >= 6:
        return "polygon", {"points": _written(np.reshape(outline[0], (-1, 2)).tolist())}
    if isinstance(outline, dict):
        height, width = outline["size"]
        x0, y0, x1, y1 = box_of(checked_runs(outline["counts"], height, width), height)
        low = [max(min(int(place[0]), x0), 0), max(min(int(place[1]), y0), 0)]
        high = [min(max(int(np.ceil(place[2])), x1), width), min(max(int(np.ceil(place[3])), y1), height)]
        box = [*low, high[0] - low[0], high[1] - low[1]]
        counts = ",".join(map(str, to_rows(outline, box).tolist()))
        return "mask", {"rle": counts, **dict(zip(("left", "top", "width", "height"), box))}
    losses.add("outlines of several parts", int(bool(outline)))
    corner = more.get(ROTATED)
    if corner is not None:
        return "box", {**dict(zip(EDGES, corner)), "rotation": corner[4]}
    return "box", dict(zip(EDGES, place))


def _written(points: Sequence[Sequence[float]]) -> str:
    return ";".join(",".join(xml_text(value) for value in pair) for pair in points)


CVAT = Format(
    (".xml",),
    read_cvat,
    write_cvat,
    (
        "images without a label",
        "outlines of several parts, or of boxes that were moved",
        "fields that are not text",
        "other columns",
    ),
)
