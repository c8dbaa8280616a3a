"""The saved page and the static picture: complete, escaped, and refused if necessary."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from widgets.saved.page import page_script, question_key
from widgets.saved.still import HEIGHT, MARGIN, PAPER, WIDTH, picture_of
from widgets.wire.packing import unpacked_arrays
from workbench.evidence import projection
from workbench.evidence.projection import project
from workbench.foundation.errors import ExistsError, InputError


def facts_of(text: str) -> tuple[dict, bytes]:
    """Return the contents of a saved page: its facts and the block of arrays."""
    facts, block = (gzip.decompress(base64.b64decode(part)) for part in re.findall(r"<template id=.*?>(.*?)<", text))
    return json.loads(facts), block


def array_of(facts: dict, block: bytes, key: list, dtype: str, which: int = 0) -> np.ndarray:
    start, length = facts["answers"][question_key(*key)]["at"][which]
    return np.frombuffer(block[start : start + length], dtype)


def arrays_of(facts: dict, block: bytes, *question: str) -> dict[str, np.ndarray]:
    kept = facts["answers"][question_key(*question)]
    return unpacked_arrays(kept["body"]["arrays"], [block[start : start + length] for start, length in kept["at"]])


@pytest.fixture(autouse=True)
def _no_umap(monkeypatch: pytest.MonkeyPatch) -> None:
    """UMAP takes ten seconds to compile, and its layout is not tested here."""
    monkeypatch.setattr(projection, "umap", lambda embeddings, *_args, **_options: projection.pca(embeddings))


@pytest.fixture
def saved(page, tmp_path: Path) -> tuple[object, dict, bytes, str]:
    """Return (explorer, facts, block, text) of a page with five examples."""
    ex = page(color_by="confidence")
    ex.selection = ex.run.dataset.ids[:3]
    path = ex.save_html(tmp_path / "pets.html", examples=5)
    text = path.read_text(encoding="utf-8")
    return ex, *facts_of(text), text


def test_the_page_has_every_array_that_the_view_would_ask_for(saved):
    ex, facts, block, _ = saved
    for name, column in ex._view.columns.items():
        assert np.array_equal(arrays_of(facts, block, "column", name)[name], column.values, equal_nan=True)
    for name, (mask, _) in ex._view.slices.items():
        bits = np.unpackbits(array_of(facts, block, ["slice", name], "u1"), bitorder="little")
        assert np.array_equal(bits[: ex.run.dataset.n].astype(bool), mask)
    xy = array_of(facts, block, ["embedding", -1], "<f4").reshape(-1, 2)
    assert np.allclose(xy, project(ex.run))
    opened = arrays_of(facts, block, "open")
    assert np.array_equal(opened["given"], ex.run.dataset.given_labels)
    assert np.array_equal(opened["order"], ex._view.order)
    assert facts["traits"]["color_by"] == "confidence"
    start, length = facts["selection"]
    assert np.unpackbits(np.frombuffer(block[start : start + length], "u1")).sum() == 3


def test_details_come_for_the_queue_first_and_thumbnails_once(saved):
    ex, facts, _, _ = saved
    rows = ex._view.rows_of_queue()[:5].tolist()
    assert list(map(int, facts["details"])) == rows
    assert all(detail["neighbors"]["items"] == [] for detail in facts["details"].values())
    near = {other for detail in facts["details"].values() for other in detail["neighbors"]["rows"]}
    assert set(map(int, facts["items"])) == set(rows) | near
    assert facts["items"][str(rows[0])]["src"].startswith("data:image/png;base64,")


def test_the_page_says_that_it_is_a_copy_and_where_from_nobody_learns(saved):
    ex, facts, _, text = saved
    opened = facts["answers"]['["open"]']["body"]
    assert "read-only" in opened["locked"]
    assert "path" not in opened
    assert str(ex.run.path.parent) not in text


def test_only_our_script_may_run_and_nothing_may_connect(saved):
    text = saved[-1]
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', text)[1]
    script = re.search(r'<script type="module">(.*?)</script>', text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    assert text.count("<script") == 1
    assert not re.search(r"https?://(?!www\.w3\.org)", text)


def test_the_script_is_one_module_without_imports():
    script = page_script()
    assert not re.search(r"^(?:import|export)\b", script, re.MULTILINE)
    assert script.rstrip().endswith("openSavedPage(document);")


def test_refusals(page, tmp_path: Path):
    ex = page()
    with pytest.raises(InputError, match=r"\.html"):
        ex.save_html(tmp_path / "pets.pdf")
    with pytest.raises(InputError, match="`examples` is -1"):
        ex.save_html(tmp_path / "pets.html", examples=-1)
    target = tmp_path / "pets.html"
    target.write_text("mine")
    with pytest.raises(ExistsError):
        ex.save_html(target, examples=1)
    assert target.read_text() == "mine"


def test_where_widgets_are_not_shown_there_is_a_picture_with_numbers(page):
    ex = page()
    made = ex._repr_mimebundle_()
    data = made[0] if isinstance(made, tuple) else made
    assert "application/vnd.jupyter.widget-view+json" in data
    still = data["text/html"]
    assert "<td style" in still
    assert f"{ex.run.dataset.n:,}" in still
    assert str(ex.queue[0]) in still
    assert len(still) < 60_000
    assert "<script" not in still


def test_the_still_picture_of_a_blind_view_tells_nothing(page, issues):
    data = {blind: page(blind=blind)._repr_mimebundle_()[0]["text/html"] for blind in (False, True)}
    colours = {blind: still.split("base64,")[1].split('"')[0] for blind, still in data.items()}
    assert colours[True] != colours[False]
    assert "suggested" in data[False] and "p(wrong)" in data[False]
    assert not any(word in data[True] for word in ("suggested", "p(wrong)", "probably wrong"))
    first = page(blind=True, queue="suspicion").queue[0]
    assert f"{issues.loc[first, 'p_error']:.2f}" not in data[True].split("</table>")[1]


def test_the_still_picture_escapes_names(run, issues):
    from widgets import Explorer

    run.path = run.path.rename(run.path.with_name("<b>x<script>"))
    ex = Explorer(run, issues=issues)
    assert "&lt;script&gt;" in ex._repr_mimebundle_()[0]["text/html"]


def test_the_most_suspicious_point_is_drawn_last():
    from PIL import Image

    place = np.array([0.5, 0.5, np.nan], np.float32)
    for p_error in ([0.0, 1.0, 1.0], [1.0, 0.0, 1.0]):
        data = picture_of(place, place, [[0, 1], [0, 1]], np.array(p_error))
        picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        assert picture.shape == (HEIGHT, WIDTH, 3)
        drawn = np.unique(picture[(picture != PAPER).any(2)], axis=0)
        assert drawn.tolist() == [[0x3F, 0x52, 0x90]]
        assert (picture[:MARGIN] == PAPER).all()
