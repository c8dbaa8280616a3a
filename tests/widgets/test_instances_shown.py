"""Instances in a view: queues by kind of error, suggestions accepted in bulk with their masks, audits by object and by
image, and the same decisions in a file of COCO and undone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import samples

import widgets as wd
import workbench as wb
from widgets.requests import answer
from widgets.view.objects import masks_of_instances
from widgets.wire.masks import packed
from workbench.tasks.instance_masks import cut_masks, full_mask
from workbench.tasks.run_lengths import decode_runs

N, KEY = 30, "c0123456789abcdef"
OVERLOOKED = [1, 11, 21]


@pytest.fixture(scope="module")
def instances(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return samples.box_run(tmp_path_factory.mktemp("instances") / "instances", N, task="instances")


@pytest.fixture(scope="module")
def true():
    """The boxes of the digits by image."""
    return samples.canvases(N)[1]


@pytest.fixture
def view(instances, tmp_path):
    path = shutil.copytree(instances, tmp_path / "instances")
    return wd.Explorer(path, issues=samples.box_issues(path, N))._view


def ask(view, kind, buffers=(), **content):
    body, arrays = answer(view, {"kind": kind, **content}, list(buffers))
    assert "error" not in body, body
    return body, arrays


def in_thumbnail(mask):
    """The class of each pixel that a thumbnail has, and its step."""
    step = mask["step"]
    shape = -(-mask["height"] // step), -(-mask["width"] // step)
    return np.repeat(mask["codes"], mask["lengths"]).reshape(shape), step


def everywhere(view):
    return [packed(np.ones(view.dataset.n, bool)).tobytes()]


def coco(view, path):
    """The annotations by number of the image, as exported."""
    content = json.loads(wb.export(view.run, path, format="coco", force=True).read_text(encoding="utf-8"))
    names = {one["id"]: one["name"] for one in content["categories"]}
    rows = {one["id"]: at for at, one in enumerate(content["images"])}
    found: dict[int, list] = {row: [] for row in range(view.dataset.n)}
    for one in content["annotations"]:
        runs = one["segmentation"]
        mask = decode_runs(runs["counts"], *runs["size"])
        found[rows[one["image_id"]]].append((names[one["category_id"]], one["bbox"], one["area"], mask.tobytes()))
    return found


def as_coco(box):
    """The same of an object that `samples` made."""
    value = samples.outlined(box)
    x0, y0, x1, y1 = value["box"]
    mask = np.zeros((96, 128), bool)
    mask[y0:y1, x0:x1] = decode_runs(value["mask"], y1 - y0, x1 - x0)
    return value["label"], [x0, y0, x1 - x0, y1 - y0], int(mask.sum()), mask.tobytes()


def test_overlooked_instances_above_a_probability_are_accepted_exported_and_undone(view, true, tmp_path):
    kinds = {one["name"]: one["count"] for one in ask(view, "open")[0]["kinds"] if not one["pair"]}
    assert kinds == dict.fromkeys(("overlooked", "class", "spurious", "place"), 3)
    body, [rows, *_] = ask(view, "queue", by="kind: overlooked")
    rows = np.frombuffer(rows, np.int32)
    assert body["count"] == 3 and sorted(rows.tolist()) == OVERLOOKED and (np.diff(view.p_error[rows]) <= 0).all()

    of_kind = {"queue": "kind: overlooked"}
    _, [chances, at] = ask(view, "accept", everywhere(view), **of_kind)
    chances, at = np.frombuffer(chances, np.float32), np.frombuffer(at, np.int32)
    least = float(np.sort(chances)[:2].mean())
    sure = set(at[chances >= least].tolist())
    assert len(sure) == 2 and ask(view, "accept", everywhere(view), least=least, **of_kind)[0]["count"] == 2
    before, entries = coco(view, tmp_path / "a.json"), len(view.run.journal.since(0))
    wrong, _ = answer(view, {"kind": "accept", "least": least, "sure": 3, **of_kind}, everywhere(view))
    assert "have changed since 3 were confirmed" in wrong["error"]
    assert len(view.run.journal.since(0)) == entries, "an unconfirmed number changes nothing"
    assert ask(view, "accept", everywhere(view), least=least, sure=2, **of_kind)[0]["examples"] == 2
    assert ask(view, "accept", everywhere(view), **of_kind)[0]["count"] == 1
    after = coco(view, tmp_path / "a.json")
    for row, found in after.items():
        added = [as_coco(true[row][0])] if row in sure else []
        assert sorted(found) == sorted(before[row] + added), row
    ask(view, "undo", sure=True)
    assert coco(view, tmp_path / "a.json") == before
    assert ask(view, "accept", everywhere(view), **of_kind)[0]["count"] == 3
    ask(view, "redo", sure=True)
    assert coco(view, tmp_path / "a.json") == after


def test_thumbnails_have_the_masks_as_they_are_now(view, true, tmp_path):
    given = samples.with_wrong_boxes(true)[OVERLOOKED[0]]

    def expected(boxes):
        raster = np.full((96, 128), -1)
        for box in boxes:
            label, *_, mask = as_coco(box)
            raster[np.frombuffer(mask, bool).reshape(96, 128)] = int(label)
        return raster

    [item] = ask(view, "media", rows=[OVERLOOKED[0]])[0]["items"]
    assert len(item["objects"]) == len(given) and item["mask"]["step"] == 2
    assert np.array_equal(in_thumbnail(item["mask"])[0], expected(given)[::2, ::2])
    value = view.dataset.kind.encode(samples.outlined(true[OVERLOOKED[0]][0]))
    ask(view, "decide", op="relabel", units=[[OVERLOOKED[0], KEY, value], [OVERLOOKED[0], "g0", "null"]])
    about = ask(view, "inspect", row=OVERLOOKED[0])[0]
    now = [*given[1:], true[OVERLOOKED[0]][0]]
    assert np.array_equal(in_thumbnail(about["media"]["mask"])[0], expected(now)[::2, ::2])


def test_thumbnails_of_large_masks_and_unreadable_pictures(tmp_path):
    """Runs are painted without their pixels, smaller masks above larger ones; a picture that fails shows why."""
    rng = np.random.default_rng(0)
    size, codes = (700, 900), [0, 1, 2, 3]
    masks = [np.kron(rng.random((35, 45)) < 0.6, np.ones((20, 20), bool)) for _ in codes]
    masks[1][:, :200] = masks[2][:333] = masks[2][:, 500:] = masks[3][:-50, :] = masks[3][:, :-50] = False
    values = []
    for code, mask in zip(codes, masks):
        boxes, texts = cut_masks([full_mask(mask, "mask", 0, 0)])
        values.append({"box": boxes[0].tolist(), "label": code, "mask": texts[0]})
    found, step = in_thumbnail(masks_of_instances(values, codes, *size))
    wanted = np.full(size, -1)
    for code, mask in zip(codes, masks):
        wanted[mask] = code
    assert step == 9 and found.size < 96**2 and np.array_equal(found, wanted[::step, ::step])
    cut = masks_of_instances(values, codes, 333, 450)
    assert np.array_equal(in_thumbnail(cut)[0], wanted[:333, :450][:: cut["step"], :: cut["step"]]), (
        "inside the picture"
    )

    name = "<b>x</b>&amp;"
    labels = [{"masks": [mask], "labels": [name]} for mask in masks[:2]]
    data = wb.Dataset.from_arrays(labels, task="instances", images=[np.zeros(size, np.uint8), b"no picture"])
    items = ask(wd.Explorer(data)._view, "media", rows=[0, 1])[0]["items"]
    assert "mask" in items[0] and items[0]["objects"] and "error" not in items[0]
    assert "decoded" in items[1]["error"] and not {"mask", "objects"} & set(items[1])


def test_spurious_instances_of_a_selection_are_removed_together(view, tmp_path):
    some = np.isin(np.arange(view.dataset.n), [5, 25, 11])
    mask, of_kind = [packed(some).tobytes()], {"queue": "kind: spurious"}
    before = coco(view, tmp_path / "a.json")
    assert ask(view, "accept", mask, sure=2, **of_kind)[0]["examples"] == 2
    after = coco(view, tmp_path / "a.json")
    for row in range(view.dataset.n):
        assert after[row] == (before[row][:-1] if row in (5, 25) else before[row]), row
    assert ask(view, "accept", everywhere(view), **of_kind)[0]["count"] == 1


def test_audits_of_instances_by_object_and_by_image(view, true, tmp_path):
    """By object, an image is done when its drawn objects are judged; by image, when it is also said to be complete."""
    body, [rows, *_] = ask(view, "audit", draw=True)
    many = int(body["audit"]["done"].split()[2])
    drawn = wb.audit(view.run, many)
    rows = np.frombuffer(rows, np.int32).tolist()
    by_row: dict[int, set[str]] = {}
    for id, key in zip(drawn.ids, drawn.units):
        by_row.setdefault(int(view.dataset.rows([id])[0]), set()).add(key)
    assert rows == list(by_row) and body["audit"]["done"] == f"0 of {many} units judged"
    row = rows[0]
    shown = {one["key"]: one for one in ask(view, "inspect", row=row)[0]["units"]}
    assert {key for key, one in shown.items() if one.get("asked")} == by_row[row]
    ask(view, "decide", op="relabel", units=[[row, key, shown[key]["given"]] for key in by_row[row]])
    assert ask(view, "audit")[0]["audit"]["done"].startswith(f"{len(by_row[row])} of {many} ")
    ask(view, "undo", sure=True)

    body, [rows, *_] = ask(view, "audit", draw=True, per="example")
    assert body["audit"]["done"] == "0 of 30 examples judged"
    row = next(row for row in np.frombuffer(rows, np.int32).tolist() if row in OVERLOOKED)
    shown = ask(view, "inspect", row=row)[0]
    assert shown["whole"] is False and all(unit["asked"] for unit in shown["units"])
    value = view.dataset.kind.encode(samples.outlined(true[row][0]))
    ask(view, "decide", op="relabel", units=[[row, KEY, value]])
    assert ask(view, "audit")[0]["audit"]["done"] == "0 of 30 examples judged"
    rest = [[row, unit["key"], unit["given"]] for unit in shown["units"] if unit["key"] != KEY]
    ask(view, "decide", op="keep", whole=True, rows=[row], units=rest)
    assert ask(view, "audit")[0]["audit"]["done"] == "1 of 30 examples judged"
    assert coco(view, tmp_path / "a.json")[row][-1] == as_coco(true[row][0])
