"""Masks as a kind of label: reading, storing, deciding, exporting, and the contract of all kinds."""

from __future__ import annotations

import json
import zlib
from itertools import product

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from contract import Case
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import distance_transform_cdt, find_objects, gaussian_filter, label

import widgets
import workbench as wb
from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.tasks import TASKS, mask_regions, mask_table, region_shapes
from workbench.tasks.mask_blocks import blocks
from workbench.tasks.mask_predictions import mask_predictions
from workbench.tasks.mask_reading import read_masks
from workbench.tasks.mask_regions import regions_of
from workbench.tasks.mask_table import masks_of, sizes_of
from workbench.tasks.protocol import Decided
from workbench.tasks.region_shapes import region_texts
from workbench.tasks.run_lengths import encode_runs, to_text

pytestmark = pytest.mark.usefixtures("recalling_here")

CLASSES = ("sky", "tree", "road")


def region(label, top, left, inside):
    """Return a value: these pixels (list of rows of 0 and 1) get the label."""
    inside = np.array(inside, bool)
    return {"label": label, "region": [top, left, *inside.shape, to_text(encode_runs(inside))]}


def region_text(label, region):
    """Return an encoded value whose region is any text."""
    return f'{{"label":{json.dumps(label)},"region":{region}}}'


def predictions(dataset):
    """Probabilities that agree with the labels but for the upper left corner; the model expects a tree there."""
    found = []
    for one in dataset.given:
        height, width = (3, 4) if one is None else one["size"]
        names = ["sky"] * 12 if one is None else np.repeat(one["labels"], one["lengths"]).tolist()
        codes = np.array([0 if name is None else CLASSES.index(name) for name in names]).reshape(height, width)
        codes[:2, :2] = 1
        probs = np.full((3, height, width), 0.05, np.float32)
        np.put_along_axis(probs, codes[None], np.float32(0.9), axis=0)
        found.append(probs)
    return {"pred_probs": found}


_INSIDE = st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=3).filter(
    lambda rows: any(map(any, rows))
)
_VALUES = st.builds(region, st.sampled_from([None, *CLASSES]), st.integers(0, 9), st.integers(0, 9), _INSIDE)
CORNER = region("tree", 0, 0, [[1, 1], [1, 1]])
CASE = Case(
    task="masks",
    labels=[
        [[0, 0, 0, 2], [0, 0, 0, 2], [2, 2, 2, 2]],
        [[1, 1, 1, 1, 1]] * 2,
        None,
        [[255, 255], [0, 1]],
        [[2, 2, 2], [2, 2, 2], [2, 2, 2]],
    ],
    classes=CLASSES,
    values=_VALUES,
    decisions=[
        (0, "ceddda58850b22028", CORNER),
        (1, "a0123456789ab", region("sky", 0, 3, [[1, 1], [0, 1]])),
        (1, "c0123456789abcdef", region(None, 1, 4, [[1]])),
        (4, "a0123456789ab", region(None, 2, 0, [[1, 1, 1]])),
        (4, "a0123456789ac", region("sky", 2, 1, [[1]])),
    ],
    corrected=[
        [[1, 1, 0, 2], [1, 1, 0, 2], [2, 2, 2, 2]],
        [[1, 1, 1, 0, 0], [1, 1, 1, 1, 255]],
        None,
        [[255, 255], [0, 1]],
        [[2, 2, 2], [2, 2, 2], [255, 0, 255]],
    ],
    words={},
    hostile=[
        *("", "null", "null null", "[]", '"sky"', '{"label":"sky"}', "[" * 3000, "1" * 5000),
        *(region_text("cloud", '[0,0,1,1,"01"]'), region_text("sky", "null"), region_text("sky", "[0,0,1,1]")),
        *(region_text("sky", '[-1,0,1,1,"01"]'), region_text("sky", '[0,0,1,1,"1"]')),  # the second has no pixels
        *(region_text("sky", '[0,0,2,2,"01"]'), region_text("sky", "[0,0,1,1,[0,1]]"), region_text(["sky"], "[]")),
        *(region_text("sky", '[0,0,99999999,99999999,"01"]'), region_text("sky", '[0.5,0,1,1,"01"]')),
        region_text("sky", '[0,0,true,1,"01"]'),
    ],
    other_labels=[
        *([[[0, 3]]], [[[0, -2]]], [[[0.5, 1]]], [[0, 1]], [[[0, 1], [0]]], ["mask.gif"], ["no such file.png"], [7]),
        *([{"labels": ["sky"], "lengths": [3], "size": [2, 2]}], [{"labels": ["fog"], "lengths": [4], "size": [2, 2]}]),
        *([{"labels": ["sky"], "lengths": [2**40], "size": [2**20, 2**20]}], [{"a": 1}], [[]]),
    ],
    wrong_keys=["", "g0", "x", "g-1", "p0"],
    predictions=predictions,
    by_hand=(0, []),
)


def smooth(random, *shape, scale=2.0):
    """Return random fields (..., h, w) of standard deviation 1."""
    found = gaussian_filter(random.normal(size=shape), (*[0] * (len(shape) - 2), scale, scale))
    return found / found.std()


@pytest.fixture(scope="module")
def blobs():
    """Masks (7, 33, 41) of three classes, some pixels ignored, and probabilities (7, 3, 33, 41)."""
    random = np.random.default_rng(0)
    fields = smooth(random, 7, 3, 33, 41)
    probs = np.exp(3 * fields)
    probs /= probs.sum(axis=1, keepdims=True)
    labels = (fields + 0.8 * smooth(random, 7, 3, 33, 41)).argmax(axis=1).astype(np.uint8)
    labels[0, :5, :5] = 255
    return labels, probs


def found_in(labels, probs):
    table = masks_of(read_masks(labels, None)[0])
    return regions_of(table, mask_predictions(sizes_of(table), probs.shape[1], probs))


def test_regions_are_connected_pieces_of_one_pair(blobs):
    labels, probs = blobs
    found, predicted = found_in(labels, probs), probs.argmax(axis=1)
    regions, texts = found.regions, region_texts(found, np.arange(len(found.regions.area)))
    boxes = zip(regions.rows, regions.top, regions.left, texts, regions.given, regions.predicted)
    place = {key: number for number, key in enumerate(boxes)}
    count = 0
    for row, one, other in product(range(7), range(3), range(3)):
        pieces, _ = label((labels[row] == one) & (predicted[row] == other) & (one != other))
        for number, (lines, columns) in enumerate(find_objects(pieces), 1):
            inside = pieces[lines, columns] == number
            at = place[row, lines.start, columns.start, to_text(encode_runs(inside)), one, other]
            p_given, p_other = (probs[row, code, lines, columns][inside] for code in (one, other))
            assert (regions.height[at], regions.width[at], regions.area[at]) == (*inside.shape, inside.sum())
            values = [regions.p_given[at], regions.p_predicted[at], regions.least[at], regions.most[at]]
            assert values == pytest.approx([p_given.mean(), p_other.mean(), p_given.min(), p_given.max()], rel=1e-5)
            assert regions.sure[at] == pytest.approx((p_other >= 0.9).mean())
            padded = np.pad(inside, 1)
            assert regions.depth[at] == min(distance_transform_cdt(padded, "taxicab").max(), 8)
            assert regions.upper[at] * inside.sum() == pytest.approx((padded[1:] & ~padded[:-1]).sum())
            assert regions.runs[at] == (padded[:, 1:] & ~padded[:, :-1]).sum()
            count += 1
    assert count == len(regions.area) > 500


def test_bands_change_nothing(blobs, monkeypatch):
    """An image that is read in bands of rows has the same regions as one that is read at once."""
    labels, probs = blobs
    whole = found_in(labels, probs)
    texts = region_texts(whole, np.arange(len(whole.regions.area)))
    monkeypatch.setattr(mask_regions, "blocks", lambda table: blocks(table, most=41 * 5))
    monkeypatch.setattr(region_shapes, "AREA_AT_ONCE", 40)
    banded = found_in(labels, probs)
    for one, other in zip(whole.regions, banded.regions, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    assert region_texts(banded, np.arange(len(texts))) == texts


def test_strokes_on_large_masks_are_painted_in_bands(blobs, monkeypatch):
    labels, _ = blobs
    random = np.random.default_rng(1)
    table = masks_of(read_masks(labels, None)[0])
    strokes = [
        mask_table.Stroke(int(top), int(left), random.random((8, 9)) < 0.6, int(code))
        for top, left, code in zip(random.integers(0, 26, 9), random.integers(0, 33, 9), random.integers(-1, 3, 9))
    ]
    raster = table.raster(2)
    for top, left, inside, code in strokes:
        raster[top : top + 8, left : left + 9][inside] = code
    wanted = mask_table.encoded_runs(raster)
    for most in (2**22, 41 * 3):
        monkeypatch.setattr(mask_table, "BAND_PIXELS", most)
        found = mask_table.painted(table.runs(2), 33, 41, strokes)
        assert np.array_equal(found.lengths, wanted.lengths) and np.array_equal(found.codes, wanted.codes)


def test_predicted_classes_with_scores_have_the_same_regions(blobs):
    labels, probs = blobs
    table = masks_of(read_masks(labels, None)[0])
    predicted = mask_predictions(sizes_of(table), 3, None, probs.argmax(axis=1), probs.max(axis=1))
    found, wanted = regions_of(table, predicted).regions, found_in(labels, probs).regions
    assert np.array_equal(found.area, wanted.area) and np.array_equal(found.predicted, wanted.predicted)
    np.testing.assert_allclose(found.p_predicted, wanted.p_predicted, rtol=1e-5)
    np.testing.assert_allclose(found.p_given, (1 - wanted.p_predicted) / 2, rtol=1e-5, atol=1e-6)


def test_forms_of_labels_are_the_same_masks(tmp_path):
    values = np.array([[0, 0, 1], [2, 255, 1]], np.uint8)
    palette = Image.fromarray(values, "P")
    palette.putpalette([3, 1, 2] * 256)
    palette.save(tmp_path / "palette.png")
    Image.fromarray(values).save(tmp_path / "grey.png")
    np.save(tmp_path / "array.npy", values.astype(np.int64))
    forms = [values, values.tolist(), values.astype(np.int32), palette, tmp_path / "palette.png"]
    forms += [str(tmp_path / "grey.png"), str(tmp_path / "array.npy"), np.where(values == 255, -1, values.astype(int))]
    data = Dataset.from_arrays([*forms, None], task="masks", classes=CLASSES)
    assert data.kind.missing(data.labels).tolist() == [False] * len(forms) + [True]
    given = data.given
    assert all(one == given[0] for one in given[: len(forms)])
    assert given[0] == {"labels": ["sky", "tree", "road", None, "tree"], "lengths": [2, 1, 1, 1, 1], "size": [2, 3]}
    again = Dataset.from_arrays(given, task="masks", classes=CLASSES)
    assert again.labels.equals(data.labels)
    whole = Dataset.from_arrays(np.stack([values, values]), task="masks")
    assert whole.classes == ("0", "1", "2") and whole.given[0]["labels"] == [0, 1, 2, None, 1]
    numbered = Dataset.from_arrays([[[7, 7], [30, 0]]], task="masks", classes=[7, 30], ignore=0)
    assert numbered.given[0]["labels"] == [7, 30, None]
    frame = pd.DataFrame({"mask": [str(tmp_path / "grey.png"), None]})
    assert Dataset.from_frame(frame, "mask", task="masks", classes=CLASSES).given[0] == given[0]


def test_tiff_files_are_read(tmp_path):
    tifffile = pytest.importorskip("tifffile", reason="the extra 'vision' is not installed")
    values = np.random.default_rng(0).integers(0, 3, (40, 50)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "plain.tif", values)
    tifffile.imwrite(tmp_path / "packed.tiff", values, compression="zlib", tile=(16, 16))
    tifffile.imwrite(tmp_path / "colours.tif", np.zeros((4, 5, 3), np.uint8), photometric="rgb")
    data = Dataset.from_arrays([tmp_path / "plain.tif", tmp_path / "packed.tiff", values], task="masks")
    assert data.given[0] == data.given[1] == data.given[2]
    with pytest.raises(InputError, match=r"'colours.tif', which has the shape \(4, 5, 3\)"):
        Dataset.from_arrays([tmp_path / "colours.tif"], task="masks")


def test_a_wrong_form_gets_one_error_with_its_row(tmp_path):
    values = np.array([[0, 0, 1], [2, 1, 1]], np.uint8)
    Image.fromarray(values).save(tmp_path / "good.png")
    (tmp_path / "short.png").write_bytes((tmp_path / "good.png").read_bytes()[:-30])
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(tmp_path / "colours.png")
    (tmp_path / "text.npy").write_text("not an array")
    np.save(tmp_path / "objects.npy", np.array([None, {}]), allow_pickle=True)
    claims = (tmp_path / "good.png").read_bytes()
    size = (60_000).to_bytes(4, "big") * 2
    header = b"IHDR" + size + claims[24:29]
    bomb = claims[:12] + header + zlib.crc32(header).to_bytes(4, "big") + claims[33:]
    (tmp_path / "bomb.png").write_bytes(bomb)
    for labels, words in (
        ([tmp_path / "good.png", tmp_path / "short.png"], "`labels` row 1 names the file 'short.png', which cannot be"),
        ([tmp_path / "colours.png"], "has the mode RGB, so its pixels are colours. Save class indices"),
        ([tmp_path / "bomb.png"], "bomb.png', which (claims 60,000 x 60,000 pixels|cannot be read)"),
        ([tmp_path / "text.npy"], "'text.npy', which cannot be read"),
        ([tmp_path / "objects.npy"], "'objects.npy', which cannot be read"),
        ([values, np.zeros((2, 3, 3))], r"`labels` row 1 has the shape \(2, 3, 3\)"),
        ([values, values.astype(float)], "`labels` row 1 has the dtype float64"),
        ([values, [[0, 1], [9, 0]]], r"`labels` row 1 holds the value 9 at pixel \(1, 0\)\. Classes are 0 to 2"),
        (values, r"`labels` has the shape \(2, 3\)"),
        ("mask", "`labels` is a str"),
        ([{"labels": ["sky"], "lengths": [5], "size": [2, 3]}], "runs of 5 pixels for the size 2 x 3"),
    ):
        with pytest.raises(InputError, match=words):
            Dataset.from_arrays(labels, task="masks", classes=CLASSES)
    with pytest.raises(InputError, match="`labels` row 1 holds the value 60,000"):
        Dataset.from_arrays([values, np.full((2, 2), 60_000)], task="masks")


def test_predictions_that_do_not_fit_are_one_error():
    labels = np.zeros((2, 4, 5), np.uint8)
    probs = np.full((2, 3, 4, 5), 1 / 3, np.float32)
    data = Dataset.from_arrays(labels, task="masks", classes=CLASSES)
    low, high = probs.copy(), probs.copy()
    low[1, :, 2, 3], high[1, 0, 2, 3] = np.nan, 5
    for evidence, words in (
        ({"pred_probs": probs[:, :, :3]}, r"`pred_probs` row 0 has the size 3 x 5, and the label has 4 x 5"),
        ({"pred_probs": [probs[0], probs[1, :, :, :2]]}, "`pred_probs` row 1 has the size 4 x 2"),
        ({"pred_probs": probs[:1]}, "`pred_probs` has 1 images for 2 labels"),
        ({"pred_probs": probs[:, :2]}, "`pred_probs` row 0 has 2 classes, and the labels have 3"),
        ({"pred_probs": labels}, r"`pred_probs` row 0 has the shape \(4, 5\)"),
        ({"pred_probs": low}, r"`pred_probs` row 1 holds \[nan, nan, nan\] at pixel \(2, 3\)"),
        ({"pred_probs": high}, r"`pred_probs` row 1 holds \[5.0, 0.33"),
        ({"predictions": labels + 7}, r"`predictions` row 0 holds the class 7 at pixel \(0, 0\)"),
        ({"predictions": labels.astype(float)}, "`predictions` row 0 has the dtype float64"),
        ({"predictions": labels, "scores": probs[:, 0] + 3}, r"`scores` row 0 holds 3.33333 at pixel \(0, 0\)"),
        ({"predictions": labels, "scores": probs[:, 0, :2]}, "`scores` row 0 has the size 2 x 5"),
    ):
        with pytest.raises(InputError, match=words):
            wb.find_issues(data, **evidence)


def test_damaged_labels_are_refused():
    kind = TASKS["masks"]
    good = Dataset.from_arrays([[[0, 0], [1, 0]], None], task="masks", classes=CLASSES).labels
    kind.check(good, CLASSES)
    for change, words in (
        ({"codes": [0, 3, 0]}, "row 0 holds a run of the class 3 of 3"),
        ({"codes": [0, 0, 1]}, "row 0 holds two runs of the class 0 side by side"),
        ({"lengths": [2, 1, 9]}, "row 0 holds 12 pixels for the size 2 x 2"),
        ({"lengths": [4, 1, -1]}, "row 0 holds a run of -1 pixels"),
        ({"lengths": [3, 1]}, "hold runs without a class"),
        ({"height": 0, "lengths": [], "codes": []}, "row 0 holds 0 pixels for the size 0 x 2"),
    ):
        listed = good.to_pylist()
        listed[0] |= change
        with pytest.raises(InputError, match=words):
            kind.check(pa.array(listed, kind.column), CLASSES)


def test_a_decision_that_does_not_fit_is_refused():
    data = Dataset.from_arrays([[[0, 0], [1, 0]], None], task="masks", classes=CLASSES)
    for row, value, words in (
        (0, region("sky", 1, 1, [[1, 1]]), r"`value` row 0 has a region from \(1, 1\) of 1 x 2 pixels, in a mask of 2"),
        (1, region("sky", 0, 0, [[1]]), "`value` row 1 is for an image without a label"),
    ):
        decided = Decided(np.array([row]), ["a0123456789ab"], [data.kind.encode(value)])
        with pytest.raises(InputError, match=words):
            data.kind.apply(data.labels, data.classes, decided)


def test_the_given_class_of_a_region_follows_from_its_pixels():
    data = Dataset.from_arrays([[[0, 0, 255], [1, 1, 255]], None], task="masks", classes=CLASSES)
    for row, value, given in (
        (0, region("road", 0, 0, [[1, 1]]), "sky"),
        (0, region("road", 0, 2, [[1], [1]]), None),
        (0, region(None, 1, 0, [[1, 1]]), "tree"),
    ):
        found = data.values_at([row], ["c0123456789abcdef"], [data.kind.encode(value)])[0]
        assert data.kind.decode(found, CLASSES) == {**value, "label": given}
    mixed, beyond = region("road", 0, 0, [[1], [1]]), region("road", 2, 0, [[1]])
    for row, value in ((0, mixed), (0, beyond), (1, mixed)):
        assert data.values_at([row], ["a0123456789ab"], [data.kind.encode(value)]) == [None]


def test_a_run_stores_predictions(blobs, tmp_path):
    labels, probs = blobs
    run = wb.import_run(Dataset.from_arrays(labels, task="masks"), tmp_path / "run")
    low = probs.astype(np.float16)
    wanted = wb.find_issues(run, per="unit", pred_probs=low)
    with pytest.raises(InputError, match="`pred_probs` row 0 has the size 33 x 40"):
        run.save_evidence("pred_probs", probs[..., :40])
    run.save_evidence("pred_probs", probs)
    found = wb.find_issues(wb.open_run(run.path), per="unit")
    pd.testing.assert_frame_equal(found, wanted)
    np.save(tmp_path / "probs.npy", low)
    run.save_evidence("pred_probs", tmp_path / "probs.npy")
    pd.testing.assert_frame_equal(wb.find_issues(run, per="unit"), wanted)
    run.save_evidence("pred_probs", probs, trained_on_labels=True)
    assert not wb.find_issues(run).attrs["errors_identified"]
    other = wb.import_run(Dataset.from_arrays(labels, task="masks"), tmp_path / "other",
                          predictions=probs.argmax(axis=1), scores=probs.max(axis=1))  # fmt: skip
    assert set(wb.find_issues(other, per="unit").index) == set(wanted.index)


def test_each_image_may_have_its_own_file(blobs, tmp_path, monkeypatch):
    labels, probs = (one[:6] for one in blobs)
    low, names = probs.astype(np.float16), [f"{row}.npy" for row in range(6)]
    for row, name in enumerate(names):
        np.save(tmp_path / name, low[row])
        Image.fromarray(labels[row].astype(np.uint8)).save(tmp_path / f"{row}.png")
    pd.DataFrame({"mask": [f"{row}.png" for row in range(6)], "place": "here"}).to_csv(
        tmp_path / "all.csv", index=False
    )
    wanted = wb.find_issues(labels, task="masks", pred_probs=low, per="unit")
    monkeypatch.chdir(tmp_path)
    found = wb.find_issues(labels, task="masks", pred_probs=pd.Series(names), per="unit")
    pd.testing.assert_frame_equal(found, wanted)
    assert np.array_equal(wb.confident.mask_image_scores(labels, names), wb.confident.mask_image_scores(labels, low))

    # a table in a file names masks beside it; the run keeps the paths, whatever the folder is later
    monkeypatch.chdir(tmp_path.parent)
    run = wb.import_run(tmp_path / "all.csv", tmp_path / "run", label="mask", task="masks", media_root=None)
    run.save_evidence("pred_probs", [str(tmp_path / name) for name in names])
    pd.testing.assert_frame_equal(wb.find_issues(wb.open_run(run.path), per="unit"), wanted)
    for name, values in (("predictions", low.argmax(axis=1)), ("scores", low.max(axis=1))):
        for row in range(6):
            np.save(tmp_path / f"{name}{row}.npy", values[row])
    shown = widgets.Explorer(tmp_path / "all.csv", task="masks", label="mask", pred_probs=low)._view.dataset
    assert shown.labels.equals(run.dataset.labels)
    pictures = [tmp_path / f"shown{row}.png" for row in range(6)]
    for path, classes in zip(pictures, low.argmax(axis=1)):
        Image.fromarray(classes.astype(np.uint8)).save(path)
    sizes = sizes_of(masks_of(run.dataset.labels))
    read = mask_predictions(sizes, run.k, predictions=pictures).classes
    assert all(np.array_equal(one, classes) for one, classes in zip(read, low.argmax(axis=1)))
    with pytest.raises(InputError, match=r"`label` names a column.*Pass the column, `frame\[\.\.\.\]`"):
        wb.find_issues(pd.read_csv(tmp_path / "all.csv"), label="mask", task="masks", predictions=pictures)
    files = {name: [tmp_path / f"{name}{row}.npy" for row in range(6)] for name in ("predictions", "scores")}
    other = wb.import_run(Dataset.from_arrays(labels, task="masks"), tmp_path / "other", **files)
    assert set(wb.find_issues(other, per="unit").index) == set(wanted.index)
    with pytest.raises(InputError, match="`pred_probs` row 1 names a file that cannot be read"):
        wb.find_issues(labels, task="masks", pred_probs=[tmp_path / names[0], "none.npy", *names[2:]])
