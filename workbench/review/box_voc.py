"""Boxes in the XML of Pascal VOC: one file per image, with corners."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError, shortened
from workbench.review.box_files import (
    FILE_NAME,
    ROTATED,
    ImageLabels,
    Labelled,
    Losses,
    dataset_of_images,
    file_fields_of,
    file_name_of,
    finite_number,
    image_fields_of,
    is_crowd,
    labelled_images,
    read_xml,
)
from workbench.review.label_folders import files_within, stems_of, without
from workbench.review.outlines import SEGMENTATION
from workbench.runs.run import Run
from workbench.storage.layout import atomic
from workbench.storage.tables import check_target
from workbench.tasks.box_table import CROWD
from workbench.tasks.protocol import Format

FLAGS = ("difficult", "truncated", "occluded")
"""Fields of an object that are 0 or 1."""

SIDES = ("xmin", "ymin", "xmax", "ymax")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ELEMENT_NAME = re.compile(r"[A-Za-z_][\w.-]*")


def read_voc(
    path: str | Path, *, task: str = "boxes", classes: Sequence[object] | None = None, id: str | None = None,
    label: str | None = None, images: str | Path | None = None, one_based: bool = False, **options: Any,
) -> Dataset:  # fmt: skip
    """Read a folder or a .zip of Pascal VOC's XML files.

    Parameters
    ----------
    images : folder of the pictures; by default only the labels are read.
    one_based : whether corners count pixels from 1 and include the last, as in VOC 2007 to 2012: then 1 is subtracted
        from xmin and ymin. By default corners are positions, as most tools write them. `export` writes them as they
        were read.
    id, label : ignored, since the format defines the names.

    Returns
    -------
    Dataset; ids are names of files without "Annotations" and suffix. Other elements of an object, such as `difficult`
    and `truncated`, stay with its box, and those of an image with it. An image without objects is one with nothing
    there.

    Raises
    ------
    InputError : a file is not XML, declares entities, or has a box that is not finite or of negative size; the message
        names the file and the object.
    """
    source = Path(path)
    files = files_within(source, (".xml",))
    if not files:
        raise InputError(f"{source} holds no .xml files.")
    records = [_record(f"{source}: {name}", name, data, one_based) for name, data in files.items()]
    return dataset_of_images(
        source, records, task=task, classes=classes, named=None, folder=images, options=options,
        file_fields={"format": "voc", "one_based": one_based},
    )  # fmt: skip


def _record(where: str, name: str, data: bytes, one_based: bool) -> ImageLabels:
    root = read_xml(data, where)
    if root.tag != "annotation":
        raise InputError(f"{where} begins with <{root.tag}>. Files of VOC begin with <annotation>.")
    record = ImageLabels(without(name, "Annotations"))
    for number, one in enumerate(root.iterfind("object")):
        place = f"{where} object {number}"
        found = element_fields(one)
        named, box = found.pop("name", None), found.pop("bndbox", None)
        if not isinstance(named, str) or not named or not isinstance(box, dict):
            raise InputError(f"{place} is {shortened(found)}. An object has a name and a bndbox.")
        x0, y0, x1, y1 = (finite_number(box.get(side), place, f"<{side}>") for side in SIDES)
        x0, y0 = (x0 - 1, y0 - 1) if one_based else (x0, y0)
        if x1 < x0 or y1 < y0:
            raise InputError(f"{place} has a box of {x1 - x0:g} x {y1 - y0:g} pixels. Its max are at least its min.")
        flags = {key: int(found[key]) for key in FLAGS if found.get(key) in ("0", "1")}
        crowd = {CROWD: True} if found.pop(CROWD, None) == "1" else {}
        found = {f"{key}_" if key in (SEGMENTATION, ROTATED) else key: value for key, value in found.items()}
        record.add([x0, y0, x1, y1], named, {**found, **flags, **crowd})
    fields = element_fields(root, skip="object")
    size = fields.pop("size", None)
    for side in ("width", "height", "depth"):
        text = size.pop(side, None) if isinstance(size, dict) else None
        if isinstance(text, str) and text.isdecimal():
            record.fields[side] = int(text)
    if isinstance(fields.get("filename"), str):
        record.fields[FILE_NAME] = fields.pop("filename")
    record.fields |= fields
    return record


def element_fields(element: ElementTree.Element, skip: str = "") -> dict[str, Any]:
    """Return the children of an element: text, a dict for one with children, a list for several of one name."""
    found: dict[str, Any] = {}
    for one in element:
        if one.tag == skip:
            continue
        value = element_fields(one) if len(one) else (one.text or "").strip()
        if one.tag in found:
            earlier = found[one.tag]
            found[one.tag] = [*earlier, value] if isinstance(earlier, list) else [earlier, value]
        else:
            found[one.tag] = value
    return found


def add_fields(parent: ElementTree.Element, fields: Mapping[str, Any], losses: Losses) -> None:
    """Add children with fields, as `element_fields` returns them; others that XML cannot hold are counted."""
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            if not _ELEMENT_NAME.fullmatch(name) or isinstance(one, list):
                losses.add(f"values of {name!r}")
                continue
            child = ElementTree.SubElement(parent, name)
            if isinstance(one, dict):
                add_fields(child, one, losses)
            else:
                child.text = xml_text(one)


def xml_text(value: Any) -> str:
    """Return a value as text in XML: whole numbers without decimals, 1 and 0 for true and false.

    Raises
    ------
    InputError : the text has control characters, which XML cannot hold.
    """
    if isinstance(value, bool):
        return str(int(value))
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if _NOT_XML.search(text):
        raise InputError.at("labels", f"hold {shortened(text)}", "XML has no control characters. Rename it.")
    return text


def write_voc(run: Run, path: str | Path, *, force: bool = False, one_based: bool | None = None) -> Path:
    """Write a .zip with Annotations/NAME.xml for each image that has a label.

    Names are those of the files of the pictures, or ids.

    Parameters
    ----------
    one_based : whether corners count pixels from 1 and include the last; by default as they were read.
    """
    target, losses = check_target(path, force, VOC.suffixes), Losses("VOC")
    dataset = run.extended()
    kept = file_fields_of(dataset)
    from_voc = kept.get("format") == "voc"
    one_based = bool(from_voc and kept.get("one_based")) if one_based is None else one_based
    images = list(labelled_images(run, losses))
    stems = [str(one.id) for one in images] if from_voc else stems_of(dataset, images)
    with atomic(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
        for one, stem in zip(images, stems):
            if not one.labelled:
                losses.add("images without a label")
                continue
            root = _annotation(dataset, one, one_based, losses)
            ElementTree.indent(root)
            packed.writestr(f"Annotations/{stem}.xml", ElementTree.tostring(root, encoding="utf-8") + b"\n")
    used = {code for one in images for code in one.codes}
    losses.add("classes without objects", len(dataset.classes) - len(used))
    losses.tell(target)
    return target


def _annotation(dataset: Dataset, one: Labelled, one_based: bool, losses: Losses) -> ElementTree.Element:
    root = ElementTree.Element("annotation")
    fields = image_fields_of(dataset, one.row)
    fields.pop(FILE_NAME, None)
    size = {side: fields.pop(side) for side in ("width", "height", "depth") if side in fields}
    before = {name: fields.pop(name) for name in ("folder",) if name in fields}
    add_fields(root, {**before, "filename": file_name_of(dataset, one)}, losses)
    add_fields(root, fields, losses)
    if size:
        add_fields(root, {"size": size}, losses)
    for place, code, more in zip(one.places.tolist(), one.codes, one.more):
        found = ElementTree.SubElement(root, "object")
        corner = [value + (1 if one_based and at < 2 else 0) for at, value in enumerate(place)]
        others = {name: value for name, value in more.items() if name not in (CROWD, SEGMENTATION, ROTATED)}
        losses.add_fields(more, [*others, CROWD])
        add_fields(found, {"name": dataset.classes[code], **others}, losses)
        if is_crowd(more):
            add_fields(found, {CROWD: 1}, losses)
        add_fields(found, {"bndbox": dict(zip(SIDES, corner))}, losses)
    return root


VOC = Format(
    (".zip",),
    read_voc,
    write_voc,
    ("images without a label", "classes without objects", "types of fields, which are text", "outlines"),
)
