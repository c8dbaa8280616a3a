"""Repair of a noisy land-cover raster by regions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

import workbench as wb
from workbench.foundation.errors import ExistsError, InputError


@pytest.fixture(scope="module")
def cover():
    """A Voronoi map of four classes, 96 x 96: its image (h, w, 3), the true labels, the cells, and noisy labels:
    7 % speckle, and a third of the pixels near borders with the label of the other side."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:96, :96]
    sites = rng.uniform(0, 96, (40, 2))
    distance = (y[..., None] - sites[:, 0]) ** 2 + (x[..., None] - sites[:, 1]) ** 2
    order = np.argsort(distance, axis=2)
    of = rng.integers(0, 4, 40)
    cells, true = order[..., 0], of[order[..., 0]]
    two = np.sort(distance, axis=2)[..., :2]
    border = np.sqrt(two[..., 1]) - np.sqrt(two[..., 0]) < 2.5
    noisy = np.where(border & (rng.random((96, 96)) < 0.33), of[order[..., 1]], true)
    noisy = np.where(rng.random((96, 96)) < 0.07, (true + rng.integers(1, 4, true.shape)) % 4, noisy)
    colors = np.array([[0.2, 0.5, 0.2], [0.6, 0.6, 0.3], [0.2, 0.3, 0.7], [0.5, 0.5, 0.5]])
    image = colors[true] + rng.normal(0, 0.06, (96, 96, 3))
    return image, true, cells, noisy


def test_superpixels_repair_most_of_the_noise_and_one_region_does_not(cover):
    image, true, cells, noisy = cover
    before = (noisy != true).mean()
    rate = {}
    for name, regions in (("superpixels", wb.vision.superpixels(image, size=60)), ("cells", cells)):
        rate[name] = (wb.vision.repair_by_region(noisy, regions).labels != true).mean()
    none = wb.vision.repair_by_region(noisy, np.zeros_like(true), least_share=0)
    assert before > 0.09
    assert rate["superpixels"] < 0.4 * before and rate["cells"] < 0.1 * before
    assert (none.labels != true).mean() > 0.9 * before, "the whole raster as a region has no useful majority"


def test_a_classifier_of_pixels_learns_more_from_repaired_labels(cover, miou):
    image, true, _, noisy = cover
    repaired = wb.vision.repair_by_region(noisy, wb.vision.superpixels(image, size=60)).labels
    rng = np.random.default_rng(1)
    other = np.array([[0.2, 0.5, 0.2], [0.6, 0.6, 0.3], [0.2, 0.3, 0.7], [0.5, 0.5, 0.5]])[true]
    other = (other + rng.normal(0, 0.06, image.shape)).reshape(-1, 3)
    found = {}
    for name, labels in (("noisy", noisy), ("repaired", repaired)):
        model = GaussianNB().fit(image.reshape(-1, 3), labels.ravel())
        found[name] = miou(true, model.predict(other), 4)
    assert found["repaired"] > found["noisy"]


def test_by_hand():
    labels = np.array([[0, 0, 1, 1], [0, 1, 1, -1]])
    regions = np.array([[5, 5, 7, 7], [5, 5, 7, -1]])
    sure = np.array([[1, 1, 1, 1], [1, 0, 0, 1]], bool)
    found = wb.vision.repair_by_region(labels, regions, sure=sure, least_sure=2)
    assert found.labels.tolist() == [[0, 0, 1, 1], [0, 0, 1, -1]], "outside of regions nothing changes"
    assert found.regions.to_dict("list") == {
        "pixels": [4, 3], "sure": [3, 2], "label": [0, 1], "share": [1, 1], "changed": [1, 0]
    }  # fmt: skip
    assert found.differences().to_dict("list") == {"given": [1], "label": [0], "pixels": [1]}
    assert wb.vision.repair_by_region(labels, regions, sure=sure, least_sure=4).changed.sum() == 0
    confident = wb.vision.repair_by_region(labels, regions, sure=np.where(sure, 0.9, 0.3), least_sure=2)
    np.testing.assert_array_equal(confident.labels, found.labels)
    holes = wb.vision.repair_by_region(np.where(sure, labels, -1), regions, sure=sure, least_sure=2)
    assert holes.labels[1].tolist() == [0, 0, 1, -1], "pixels without a label get one"


def test_sure_pixels_keep_their_label(cover):
    image, _, _, noisy = cover
    found = wb.vision.repair_by_region(noisy, wb.vision.superpixels(image, size=60))
    assert found.changed.any() and not (found.changed & found.sure).any()
    np.testing.assert_array_equal(found.changed, found.labels != noisy)
    assert found.differences()["pixels"].sum() == found.changed.sum()


def test_the_raster_is_exported_with_its_changes(cover, tmp_path):
    from PIL import Image

    _, _, cells, noisy = cover
    found = wb.vision.repair_by_region(np.where(cells == 0, -1, noisy), np.where(cells == 0, -1, cells))
    for suffix in (".npy", ".png"):
        found.save(tmp_path / f"cover{suffix}")
    np.testing.assert_array_equal(np.load(tmp_path / "cover.npy"), found.labels)
    read = np.asarray(Image.open(tmp_path / "cover.png")).astype(int)
    np.testing.assert_array_equal(np.where(read == 255, -1, read), found.labels)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "cover-changed.png")) > 0, found.changed)
    shown = found.preview()
    gray = (shown == shown[..., :1]).all(axis=2)
    assert shown.shape == (96, 96, 3) and (gray == ~found.changed).all()
    with pytest.raises(InputError, match=r"cover\.jpg"):
        found.save(tmp_path / "cover.jpg")
    with pytest.raises(ExistsError):
        found.save(tmp_path / "cover.png")
    found.save(tmp_path / "cover.png", force=True)


def test_the_raster_is_exported_as_tiff(cover, tmp_path):
    tifffile = pytest.importorskip("tifffile", reason="needs tifffile (in the extra vision)")
    found = wb.vision.repair_by_region(np.where(cover[2] == 0, -1, cover[3]), cover[2])
    found.save(tmp_path / "cover.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "cover.tif"), found.labels)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "cover-changed.tif"), found.changed)


def test_superpixels_follow_colours(cover):
    image, true, _, _ = cover
    found = wb.vision.superpixels(image, size=60)
    pure = sum(np.bincount(true[found == one]).max() for one in np.unique(found)) / true.size
    grid = np.arange(96) // 8
    squares = grid[:, None] * 12 + grid
    blocks = sum(np.bincount(true[squares == one]).max() for one in np.unique(squares)) / true.size
    assert pure > blocks + 0.05 and 96 < len(np.unique(found)) < 200
    assert np.unique(wb.vision.superpixels(image[..., 0], size=10**6)).tolist() == [0]


def test_refusals(cover):
    image, _, cells, noisy = cover
    with pytest.raises(InputError, match="`regions` row 0 has 95 x 96 pixels, `labels` 96 x 96"):
        wb.vision.repair_by_region(noisy, cells[:95])
    with pytest.raises(InputError, match="`sure` holds values outside"):
        wb.vision.repair_by_region(noisy, cells, sure=noisy + 2)
    with pytest.raises(InputError, match="has no region"):
        wb.vision.repair_by_region(noisy, np.full_like(cells, -1))
    with pytest.raises(InputError, match="`compactness` is 0"):
        wb.vision.superpixels(image, compactness=0)
