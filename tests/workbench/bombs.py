"""Read files with excessive declared sizes, one by one, in a process with little memory; print a JSON line for each.

Run as `python bombs.py FOLDER`; tests/workbench/test_bombs.py starts it. The files are created before the limit is set.
"""

from __future__ import annotations

import io
import json
import pickle
import resource
import shutil
import struct
import sys
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import workbench as wb
from workbench.data.media import thumbnail
from workbench.foundation.errors import WorkbenchError
from workbench.recording.checkpoints import load_state
from workbench.runs.saved_evidence import saved_evidence
from workbench.runs.votes import read_votes
from workbench.storage.evidence_tables import EVIDENCE_NOTE
from workbench.storage.tables import read_table

ROOM = 3 << 29
"""Bytes of addresses that reading may take beyond those of the imports."""

CASES: dict[str, Callable[[Path], Callable[[], object]]] = {}
"""Name -> a function that makes the file and returns what reads it."""


def case(make: Callable[[Path], Callable[[], object]]) -> Callable[[Path], Callable[[], object]]:
    CASES[make.__name__] = make
    return make


def npy(shape: object, descr: object = "<f8", data: bytes = b"\0" * 80, version: int = 1, pad: int = 0) -> bytes:
    """An .npy file with an arbitrary header."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode() + b" " * pad + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes((version, 0)) + length + text + data


def npz(folder: Path, method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> Callable[[], object]:
    path = folder / "a.npz"
    with zipfile.ZipFile(path, "w", method, compresslevel=1) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return lambda: wb.import_run(path, folder / "out")


def zeros(path: Path, name: str, before: bytes = b"") -> None:
    """An archive of 300 kB with 300 MB of zeros, of which only the first is compressed: the others are copies."""
    packer, one = zlib.compressobj(wbits=-zlib.MAX_WBITS), bytes(1 << 20)
    head, part = (packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH) for data in (before, one))
    crc = zlib.crc32(before)
    for _ in range(300):
        crc = zlib.crc32(one, crc)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, head + part * 300 + packer.flush())
        [about] = archive.infolist()
        about.compress_type, about.CRC, about.file_size = zipfile.ZIP_DEFLATED, crc, len(before) + 300 * len(one)
        archive.fp.seek(0)
        archive.fp.write(about.FileHeader())


LABELS = npy((10,), "<i8")


@case
def npz_shape_beyond_its_bytes(folder: Path) -> Callable[[], object]:
    return npz(folder, given_label=npy((10**12,)))


@case
def npz_directory_that_lies(folder: Path) -> Callable[[], object]:
    """Header and directory both declare eight terabytes, but the file has eighty bytes."""
    read = npz(folder, zipfile.ZIP_STORED, given_label=npy((10**9,), "|i1"))
    raw = (folder / "a.npz").read_bytes()
    size = len(npy((10**9,), "|i1"))
    claimed = struct.pack("<I", size - 80 + 10**9)
    place = raw.rindex(b"PK\x01\x02")
    (folder / "a.npz").write_bytes(raw[: place + 24] + claimed + raw[place + 28 :])
    return read


@case
def npz_of_zeros(folder: Path) -> Callable[[], object]:
    path = folder / "a.npz"
    zeros(path, "given_label.npy", npy((300 << 20,), "|i1", b""))
    return lambda: wb.import_run(path, folder / "out")


@case
def npz_header_of_blanks(folder: Path) -> Callable[[], object]:
    return npz(folder, given_label=npy((10,), version=2, pad=40 << 20))


@case
def npz_a_trillion_epochs_of_nothing(folder: Path) -> Callable[[], object]:
    return npz(folder, given_label=npy((0,), "<i8", b""), logits=npy((10**12, 0, 3), data=b""))


@case
def npz_a_trillion_classes_of_nothing(folder: Path) -> Callable[[], object]:
    return npz(folder, given_label=npy((0,), "<i8", b""), pred_probs=npy((0, 10**12), data=b""))


@case
def npz_labels_without_width(folder: Path) -> Callable[[], object]:
    return npz(folder, given_label=npy((10**12,), "<U0", b""))


@case
def npz_negative_shape(folder: Path) -> Callable[[], object]:
    return npz(folder, given_label=npy((-(10**9), -(10**9)), "<i8", b""))


@case
def npz_packed_by_lzma(folder: Path) -> Callable[[], object]:
    return npz(folder, zipfile.ZIP_LZMA, given_label=LABELS)


@case
def npz_locked(folder: Path) -> Callable[[], object]:
    read = npz(folder, given_label=LABELS)
    raw = bytearray((folder / "a.npz").read_bytes())
    raw[6] |= 1
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    (folder / "a.npz").write_bytes(raw)
    return read


@case
def npz_behind_a_program(folder: Path) -> Callable[[], object]:
    read = npz(folder, given_label=LABELS)
    (folder / "a.npz").write_bytes(b"#!/bin/sh\n" + (folder / "a.npz").read_bytes())
    return read


def run_with(folder: Path, name: str, data: bytes, read: Callable[[wb.Run], object]) -> Callable[[], object]:
    """A small run with other bytes in one of its files."""
    path = shutil.copytree(folder.parent / "run", folder / "run")
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_bytes(data)
    return lambda: read(wb.open_run(path))


for name, data in {
    "long": npy((10**12, 4), "<f4"),
    "wide": npy((10, 10**12), "<f4"),
    "negative": npy((10, -4), "<f4"),
    "overflowing": npy((10, 2**62), "<f4"),
    "of_nothing": npy((0, 10**15), "<f4"),
    "of_subarrays": npy((10, 2), [("a", "<f4", (10**9,))]),
    "with_a_deep_header": npy((10, 4), "(" * 5000),
    "with_a_long_header": npy((10, 4), version=2, pad=40 << 20),
}.items():
    CASES[f"embeddings_{name}"] = lambda folder, data=data: run_with(
        folder, "embeddings/epoch=0000.npy", data, wb.Run.embeddings
    )
    CASES[f"pred_probs_{name}"] = lambda folder, data=data: run_with(folder, "pred_probs.npy", data, wb.Run.pred_probs)

DEEP = b"[" * 100_000


@case
def run_json_deep(folder: Path) -> Callable[[], object]:
    return run_with(folder, "run.json", DEEP, wb.Run.stats)


@case
def run_json_long(folder: Path) -> Callable[[], object]:
    return run_with(folder, "run.json", b'{"schema_version": 1}' + b" " * (51 << 20), wb.Run.stats)


@case
def pred_probs_json_deep(folder: Path) -> Callable[[], object]:
    return run_with(folder, "pred_probs.json", b'{"how": ' + DEEP, wb.Run.pred_probs)


@case
def embeddings_json_deep(folder: Path) -> Callable[[], object]:
    from workbench.storage.provenance import embedding_provenance

    return run_with(
        folder,
        "embeddings/epoch=0000.json",
        DEEP,
        lambda run: embedding_provenance(run.layout, run.epochs[-1], run.mode),
    )


@case
def views_json_deep(folder: Path) -> Callable[[], object]:
    from widgets.view.views import Views

    return run_with(folder, "views.json", DEEP, lambda run: Views(run.layout.views).read())


@case
def journal_of_many_pages(folder: Path) -> Callable[[], object]:
    head = bytearray((folder.parent / "run" / "journal.sqlite").read_bytes())
    head[28:32] = b"\xff\xff\xff\xfe"  # the declared number of pages
    return run_with(folder, "journal.sqlite", bytes(head[:5000]), lambda run: run.journal.state())


def parquet(path: Path, columns: dict[str, pa.Array], times: int = 1, note: dict[bytes, bytes] | None = None) -> bytes:
    """The bytes of a file with the same rows again and again, and a note in its metadata."""
    table = pa.table(columns).replace_schema_metadata(note)
    lists = any(pa.types.is_fixed_size_list(column.type) for column in columns.values())
    plain = {"use_dictionary": not lists, "write_statistics": False}  # what no reader here uses takes seconds
    with pq.ParquetWriter(path, table.schema, compression="zstd", **plain) as writer:
        for _ in range(times):
            writer.write_table(table)
    data = path.read_bytes()
    path.unlink()
    return data


def one_text(rows: int) -> pa.Array:
    """One megabyte of text that is the value of every row."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["x" * (1 << 20)]))


@case
def table_of_zeros(folder: Path) -> Callable[[], object]:
    data = parquet(folder / "t", {"label": pa.array(np.zeros(1 << 21, np.int64))}, 17)
    (folder / "t.parquet").write_bytes(data)
    return lambda: read_table(folder / "t.parquet")


@case
def table_of_one_long_text(folder: Path) -> Callable[[], object]:
    (folder / "t.parquet").write_bytes(parquet(folder / "t", {"label": one_text(100_000)}))
    return lambda: read_table(folder / "t.parquet")


@case
def table_of_lists_of_one_long_text(folder: Path) -> Callable[[], object]:
    lists = pa.ListArray.from_arrays(pa.array(np.arange(0, 20_001, 2, dtype=np.int32)), one_text(20_000))
    (folder / "t.parquet").write_bytes(parquet(folder / "t", {"label": lists}))
    return lambda: read_table(folder / "t.parquet")


def ids(rows: int) -> pa.Array:
    return pa.array(np.arange(rows))


@case
def examples_with_one_long_text(folder: Path) -> Callable[[], object]:
    columns = {"row": ids(10), "id": ids(10), "given_label": pa.array(np.zeros(10, np.int32)), "a": one_text(10)}
    big = {name: pa.concat_arrays([column] * 5000) for name, column in columns.items() if name != "id"}
    run = run_with(folder, "examples.parquet", parquet(folder / "t", {**big, "id": ids(50_000)}), wb.Run.stats)
    about = json.loads((folder / "run" / "run.json").read_text())
    (folder / "run" / "run.json").write_text(json.dumps(about | {"n": 50_000}))
    return run


@case
def votes_with_one_long_text(folder: Path) -> Callable[[], object]:
    votes = {"id": pa.array(np.zeros(5000, np.int64)), "annotator": one_text(5000), "label": pa.array(["0"] * 5000)}
    return run_with(folder, "votes.parquet", parquet(folder / "t", votes), read_votes)


@case
def planted_with_one_long_text(folder: Path) -> Callable[[], object]:
    record = {"id": ids(5000), "true_label": one_text(5000), "planted_label": pa.array(["0"] * 5000)}
    return run_with(folder, "planted.parquet", parquet(folder / "t", record), wb.Run.planted)


def evidence_with(folder: Path, name: str, columns: dict[str, pa.Array], times: int = 1) -> Callable[[], object]:
    """A run of ten pairs with a table of evidence."""
    frame = pd.DataFrame({"query": np.arange(10) // 5, "item": np.arange(10) % 5, "grade": np.arange(10) % 2})
    run = wb.import_run(frame, folder / "pairs", label="grade", task="pairs", relevant=1)
    note = {EVIDENCE_NOTE: b'{"kind": "evidence", "source": "user"}'}
    run.layout.evidence(name).write_bytes(parquet(folder / "t", columns, times, note))
    run.journal.close()
    return lambda: saved_evidence(wb.open_run(folder / "pairs"), name)


@case
def evidence_of_zeros(folder: Path) -> Callable[[], object]:
    zero = pa.array(np.zeros(1 << 21))
    return evidence_with(folder, "scores", {"query": zero, "item": zero, "dense": zero}, 6)


@case
def evidence_with_one_long_text(folder: Path) -> Callable[[], object]:
    return evidence_with(folder, "item_texts", {"item": pa.array(["0"] * 5000), "text": one_text(5000)})


@case
def evidence_of_lists(folder: Path) -> Callable[[], object]:
    wide = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(1 << 23)), 1 << 23)  # half as many numbers to write
    return evidence_with(folder, "item_embeddings", {"item": pa.array(["0"]), "vector": wide}, 5)


@case
def evidence_of_many_columns(folder: Path) -> Callable[[], object]:
    one = pa.array([0.0])
    names = {"query": pa.array(["0"]), "item": pa.array(["0"])}
    return evidence_with(folder, "scores", names | {f"r{place}": one for place in range(6000)})


@case
def statistics_of_lists(folder: Path) -> Callable[[], object]:
    """Lists for ten examples; reading the block would allocate the same for every row."""
    wide = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(1 << 24, np.float32)), 1 << 24)
    data = parquet(folder / "t", {"row": ids(1), "topk_p": wide})
    return run_with(folder, "stats/epoch=0000/rank=0.parquet", data, lambda run: run.stats(0, ["topk_p"]))


@case
def statistics_of_zeros(folder: Path) -> Callable[[], object]:
    data = parquet(folder / "t", {"row": pa.array(np.zeros(1 << 21, np.int64))}, 17)
    return run_with(folder, "stats/epoch=0000/rank=0.parquet", data, lambda run: run.stats(0, ["margin"]))


@case
def csv_of_100_000_columns(folder: Path) -> Callable[[], object]:
    head = ",".join(f"c{place}" for place in range(100_000))
    (folder / "t.csv").write_text(f"label,{head}\n" + f"a,{'1,' * 99_999}1\n" * 3)
    return lambda: wb.import_run(folder / "t.csv", folder / "out")


@case
def csv_of_short_rows(folder: Path) -> Callable[[], object]:
    head = ",".join(f"c{place}" for place in range(10_000))
    (folder / "t.csv").write_text(f"label,{head}\n" + "a\n" * 100_000)
    return lambda: wb.import_run(folder / "t.csv", folder / "out")


@case
def jsonl_of_other_names(folder: Path) -> Callable[[], object]:
    (folder / "t.jsonl").write_text("".join(f'{{"c{line}": 1}}\n' for line in range(19_000)))
    return lambda: wb.import_run(folder / "t.jsonl", folder / "out")


@case
def jsonl_deep(folder: Path) -> Callable[[], object]:
    (folder / "t.jsonl").write_bytes(b'{"label": ' + DEEP + b"\n")
    return lambda: wb.import_run(folder / "t.jsonl", folder / "out")


@case
def cartography_deep(folder: Path) -> Callable[[], object]:
    (folder / "dynamics_epoch_0.jsonl").write_bytes(b'{"guid": 1, "gold": 0, "logits_epoch_0": ' + DEEP + b"\n")
    return lambda: wb.import_run(folder, folder / "out")


@case
def cartography_late_epoch(folder: Path) -> Callable[[], object]:
    line = f'{{"guid": 1, "gold": 0, "logits_epoch_{10**18}": [1, 2]}}\n'
    (folder / f"dynamics_epoch_{10**18}.jsonl").write_text(line)
    return lambda: wb.import_run(folder, folder / "out")


def boxes(path: Path, name: str) -> Callable[[], object]:
    """Read labels of boxes."""
    return lambda: wb.import_run(path, path.parent / "out", format=name, task="boxes")


def coco(folder: Path, **annotation: object) -> Callable[[], object]:
    images = [{"id": 1, "width": 20_000, "height": 20_000}]
    one = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], **annotation}
    content = {"images": images, "categories": [{"id": 1, "name": "a"}], "annotations": [one]}
    (folder / "a.json").write_text(json.dumps(content))
    return boxes(folder / "a.json", "coco")


@case
def coco_run_lengths_of_no_size(folder: Path) -> Callable[[], object]:
    return coco(folder, segmentation={"size": [10**9, 10**9], "counts": [10**18]})


@case
def coco_run_lengths_without_end(folder: Path) -> Callable[[], object]:
    return coco(folder, segmentation={"size": [20_000, 20_000], "counts": "o" * 1_000_000})


@case
def coco_a_million_boxes_in_an_image(folder: Path) -> Callable[[], object]:
    coco(folder)
    one = b'{"image_id":1,"category_id":1,"bbox":[0,0,1,1]}'
    text = (folder / "a.json").read_bytes()
    (folder / "a.json").write_bytes(text.replace(b'"annotations": [', b'"annotations": [' + (one + b",") * 100_000))
    return boxes(folder / "a.json", "coco")


@case
def cvat_mask_beyond_its_numbers(folder: Path) -> Callable[[], object]:
    mask = '<mask label="a" rle="536870912" left="0" top="0" width="16384" height="32768"/>'
    image = f'<image id="0" name="a" width="16384" height="32768">{mask}</image>'
    (folder / "a.xml").write_text(f"<annotations>{image}</annotations>")
    return boxes(folder / "a.xml", "cvat")


@case
def cvat_entities(folder: Path) -> Callable[[], object]:
    declared = "".join(f'<!ENTITY a{at} "{f"&a{at - 1};" * 10 if at else "a" * 10}">' for at in range(20))
    (folder / "a.xml").write_text(f"<!DOCTYPE a [{declared}]><annotations>&a19;</annotations>")
    return boxes(folder / "a.xml", "cvat")


@case
def voc_of_zeros(folder: Path) -> Callable[[], object]:
    zeros(folder / "a.zip", "a.xml", VOC)
    return boxes(folder / "a.zip", "voc")


@case
def voc_deep(folder: Path) -> Callable[[], object]:
    (folder / "a.xml").write_bytes(b"<annotation>" + b"<a>" * 200_000)
    return boxes(folder, "voc")


@case
def yolo_aliases(folder: Path) -> Callable[[], object]:
    lines = ["a0: &a0 [x, x]", *(f"a{at}: &a{at} [*a{at - 1}, *a{at - 1}]" for at in range(1, 60))]
    (folder / "data.yaml").write_text("\n".join([*lines, "names: *a59"]))
    return boxes(folder, "yolo")


VOC = b"<annotation><filename>a</filename></annotation>"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *extra: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + pixels + chunk(b"IEND", b"")


PICTURES = {
    "png": png(100_000, 100_000),
    "png_whose_words_unpack": png(9, 9, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(70 << 20)))),
    "ppm": b"P6 1000000 1000000 255\n" + bytes(100),
    "gif": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0x80, 0, 0) + bytes(6)
    + b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x02\x02\x44\x01\x00;",
    "bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, 1 << 30, 1 << 30, 1, 24, 0, 0, 0, 0, 0, 0),
    "tiff": b"II*\0\x08\0\0\0\x03\0"
    + struct.pack("<HHII", 256, 4, 1, 1 << 30) + struct.pack("<HHII", 257, 4, 1, 1 << 30)
    + struct.pack("<HHII", 273, 4, 1, 8) + bytes(4),
}  # fmt: skip
for name, data in PICTURES.items():
    CASES[f"picture_{name}"] = lambda folder, data=data: lambda: thumbnail(data)


def checkpoint(folder: Path, name: str, data: bytes) -> Callable[[], object]:
    (folder / name).write_bytes(data)
    return lambda: load_state(folder / name)


@case
def safetensors_long_header(folder: Path) -> Callable[[], object]:
    return checkpoint(folder, "a.safetensors", struct.pack("<Q", 1 << 60) + b"{}")


@case
def safetensors_huge_tensor(folder: Path) -> Callable[[], object]:
    head = json.dumps({"w": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}).encode()
    return checkpoint(folder, "a.safetensors", struct.pack("<Q", len(head)) + head)


@case
def safetensors_deep_header(folder: Path) -> Callable[[], object]:
    return checkpoint(folder, "a.safetensors", struct.pack("<Q", len(DEEP)) + DEEP)


@case
def torch_packed_zeros(folder: Path) -> Callable[[], object]:
    zeros(folder / "a.pt", "archive/data/0")
    return lambda: load_state(folder / "a.pt")


@case
def torch_old_format_huge_storage(folder: Path) -> Callable[[], object]:
    import torch

    torch.save({"w": torch.zeros(1000)}, folder / "a.pt", _use_new_zipfile_serialization=False)
    raw = (folder / "a.pt").read_bytes()
    thousand, more = pickle.dumps(1000, 2)[2:-1], b"\x8a\x05" + (10**11).to_bytes(5, "little")
    return checkpoint(folder, "a.pt", raw.replace(thousand, more, 1))


def main(root: Path) -> None:
    warnings.simplefilter("ignore")
    dataset = wb.Dataset.from_arrays(np.arange(10) % 2)
    with wb.Recorder(root / "run", dataset) as recorder, recorder.epoch(0):
        recorder.batch(np.arange(10), np.eye(2)[np.arange(10) % 2], np.ones((10, 4)))
    run = wb.open_run(root / "run")
    run.save_pred_probs(np.full((10, 2), 0.5), out_of_fold=True, source="half")
    run.journal.relabel([1], "0", old=["1"])
    run.journal.close()
    import torch  # noqa: F401 (before the limit)
    from PIL import Image

    Image.init()
    pd.read_csv(io.StringIO("a"), sep="\0", engine="python")
    ready = {}
    for name, make in CASES.items():
        (root / name).mkdir()
        ready[name] = make(root / name)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
    for name, read in ready.items():
        Path("/proc/self/clear_refs").write_text("5")  # reset the peak
        before, start, said = resident("VmRSS"), time.process_time(), ""
        try:
            said = f"no error: {read()!r:.100}"
        except WorkbenchError as error:
            said = str(error)
            kind = "clear"
        except BaseException as error:
            kind, said = type(error).__name__, str(error)
        else:
            kind = "none"
        grown = resident("VmHWM") - before
        print(json.dumps([name, kind, said[:300], round(time.process_time() - start, 2), grown >> 20]), flush=True)


def resident(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) << 10
    return 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
