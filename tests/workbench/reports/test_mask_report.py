"""The report of a run with masks: regions in their image, pixels before and after, images, hostile class names."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from reportpages import NASTY, parsed, text_of

import workbench as wb
from workbench.reports.mask_facts import PANEL_SIDE, drawn_region, gather_masks
from workbench.reports.report import report
from workbench.review.mask_files import palette
from workbench.tasks.mask_reading import read_masks
from workbench.tasks.mask_table import masks_of
from workbench.tasks.run_lengths import encode_runs, to_text

N, SIDE = 30, 40


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A square in each image; in every fifth one it has the other class, and predictions are a little shifted."""
    rng = np.random.default_rng(0)
    true = np.zeros((N, SIDE, SIDE), np.uint8)
    for row, (y, x) in enumerate(rng.integers(3, 18, (N, 2))):
        true[row, y : y + 14, x : x + 14] = 1 + row % 2
    given = true.copy()
    given[::5] = np.array([0, 2, 1])[given[::5]]
    shown = np.stack([np.roll(one, rng.integers(-1, 2, 2), (0, 1)) for one in true])
    probs = np.where(shown[:, None] == np.arange(3)[:, None, None], 0.8, 0.1).astype(np.float32)
    images = [b"no picture", *rng.integers(0, 255, (N - 1, SIDE, SIDE, 3), dtype=np.uint8)]
    path = tmp_path_factory.mktemp("masks") / "run"
    classes = ("background", NASTY, "car")
    return wb.import_run(given, path, task="masks", classes=classes, images=images, pred_probs=probs)


def test_the_report_shows_regions_and_pixels_before_and_after(run, tmp_path):
    issues = wb.find_issues(run, per="unit")
    first = issues[issues["area"] > 100].iloc[0]
    kind, classes = run.dataset.kind, run.dataset.classes
    now = kind.encode(kind.decode(first["given_value"], classes) | {"label": "background"})
    run.journal.relabel(first.name[0], now, old=first["given_value"], units=first.name[1])
    page, shown = parsed(report(run, tmp_path / "r.html", top=12, issues=issues)), text_of(tmp_path / "r.html")
    assert {"kinds", "pixels", "documents", "classes"} <= {value for _, name, value in page.attributes if name == "id"}
    assert not page.open and not {"script", "link", "iframe", "i"} & set(page.tags)
    unread = int((issues["row"].head(12) == 0).sum())
    assert NASTY in shown and "interior: all others" in shown and 0 < unread < 12
    assert page.tags.count("img") == 12 - unread and shown.count("decoded") == unread, "one picture cannot be read"
    own = gather_masks(run, issues, 12, None).own
    area = int(first["area"])
    assert own.moved.to_dict("records") == [{"given": first["given_label"], "now": "background", "pixels": area}]
    pixels = own.pixels.set_index("class")
    assert pixels["given"].sum() == pixels["now"].sum() == N * SIDE**2
    assert pixels["now"]["background"] - pixels["given"]["background"] == area
    assert pixels["wrong"].sum() == pytest.approx((issues["p_error"] * issues["area"]).sum())
    assert own.images["wrong"].iloc[0] == pytest.approx(issues.groupby("row")["p_error"].sum().max())
    assert own.name_of(*first.name).startswith(f"{area} pixels at row")


def test_a_region_is_drawn_as_given_and_as_suggested():
    out = io.BytesIO()
    Image.new("RGB", (80, 60), (0, 0, 0)).save(out, "PNG")  # twice the size of the mask
    mask = np.zeros((1, 30, 40), np.uint8)
    mask[0, 10:20, 15:25] = 1
    table = masks_of(read_masks(mask, ["none", "cat", "dog"])[0])
    region = [10, 15, 10, 10, to_text(encode_runs(np.ones((10, 10), bool)))]
    data, width, height = drawn_region(out.getvalue(), table, region, 2, 3)
    pixels = np.asarray(Image.open(io.BytesIO(data)), int)
    assert pixels.shape == (height, width, 3) and width == 2 * PANEL_SIDE + 4
    cat, dog = np.frombuffer(palette(3), np.uint8).reshape(-1, 3)[1:3] / 2
    for color, panel in ((cat, pixels[:, : width // 2 - 2]), (dog, pixels[:, width // 2 + 2 :])):
        near = (np.abs(panel - color).max(axis=2) < 25).mean()
        assert 0.05 < near < 0.25, "the region and nothing else"
        assert (panel.min(axis=2) > 200).sum() > 40, "its border"
    alone = drawn_region(None, table, region, None, 3)
    assert alone[1] == PANEL_SIDE, "without another class there is one picture; without an image it is grey"
