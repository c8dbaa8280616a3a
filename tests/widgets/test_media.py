"""The appearance of an example, from valid and malicious files, and with the user's own function."""

from __future__ import annotations

import io
import json
import struct
import zlib

import numpy as np
import pandas as pd
import pytest
import samples
from PIL import Image

from widgets.view.items import FULL, THUMB
from widgets.view.media import Media
from widgets.view.rendering import FRAME_POLICY
from workbench.data.dataset import Dataset
from workbench.foundation.errors import InputError
from workbench.recording.recorder import Recorder
from workbench.runs.run import open_run


def png(size=(30, 20), color="red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "PNG")
    return out.getvalue()


def wav(seconds: float = 0.05) -> bytes:
    return samples.sound(np.zeros(int(8000 * seconds)))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def of(**media: object) -> Media:
    n = len(next(iter(media.values())))
    return Media(Dataset.from_arrays(np.zeros(n, int), **media))


def test_pictures_are_decoded_and_encoded_again():
    hidden = png((300, 200)) + b"<script>alert(1)</script>"
    media = of(images=[hidden])
    item = media.item(0)
    assert max(item["width"], item["height"]) == THUMB
    assert item["src"].startswith("data:image/jpeg;base64,")
    assert max(of(images=[png((900, 300))]).item(0, FULL)[side] for side in ("width", "height")) == FULL


HEADER = b"\x89PNG\r\n\x1a\n"
SIZE = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0))
HOSTILE = {
    "svg with a script": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>",
    "a page": b"<!doctype html><script>alert(1)</script>",
    "truncated": png((200, 200))[:90],
    "empty": b"",
    "header only": HEADER,
    "claims a billion pixels": HEADER + chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)),
    "a bomb in a text chunk": HEADER + SIZE + chunk(b"zTXt", b"a\0\0" + zlib.compress(b"0" * 80_000_000)),
    "encapsulated postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n",
    "noise": bytes(range(256)) * 4,
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_images_become_a_message(name):
    item = of(images=[HOSTILE[name]]).item(0, FULL)
    assert set(item) == {"row", "id", "error", "brief"}, name
    assert item["error"] and item["brief"] == "unreadable"


def test_a_real_bomb_of_black_pixels_is_refused_before_it_is_decoded():
    raw = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(raw, "PNG")
    assert len(raw.getvalue()) < 100_000
    assert "claims 12000 x 12000 pixels" in of(images=[raw.getvalue()]).item(0)["error"]


def test_paths_outside_and_names_with_markup_stay_text(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out.png").write_bytes(png())
    (tmp_path / "in" / "<img src=x onerror=alert(1)>.png").write_bytes(b"nothing")
    (tmp_path / "in" / "good.png").write_bytes(png())
    paths = ["good.png", "../out.png", "<img src=x onerror=alert(1)>.png", "a\0b.png", "gone.png"]
    paths.append(str(tmp_path / "out.png"))
    media = Media(Dataset.from_arrays(np.zeros(6, int), images=paths, media_root=tmp_path / "in"))
    assert "src" in media.item(0)
    found = [media.item(row).get("error", "") for row in range(1, 6)]
    assert "leaves the media folder" in found[0]
    assert "cannot be decoded" in found[1]
    assert "cannot be read" in found[2]
    assert "does not exist" in found[3]
    assert "leaves the media folder" in found[4]
    brief = [media.item(row)["brief"] for row in range(1, 6)]
    assert brief == ["not in the media folder", "unreadable", "unreadable", "not found", "not in the media folder"]


def test_urls_are_shown_and_never_fetched(monkeypatch):
    import socket

    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("a URL was fetched"))
    media = of(images=["https://example.org/a.png", "javascript://x%0aalert(1)", "file:///etc/passwd", None])
    assert media.item(0) == {"row": 0, "id": 0, "url": "https://example.org/a.png"}
    assert media.item(1)["url"].startswith("javascript:")
    assert media.item(2, FULL) == {"row": 2, "id": 2, "url": "file:///etc/passwd"}
    assert media.item(3)["error"] == "no image"


def test_texts_are_cut_with_a_note():
    media = of(texts=["x" * 30_000, "short"])
    assert media.kind == "text"
    assert media.item(0, FULL)["text"].endswith("(10,000 more characters)")
    assert len(media.item(0)["text"]) < 500
    assert media.item(1)["text"] == "short"
    assert len(of(texts=["y" * 50_000_000]).item(0, FULL)["text"]) < 21_000


def test_rows_of_a_table_stand_in_for_media():
    table = of(metadata=pd.DataFrame({"a": [1.23456, 2], "b": ["u", None]}))
    assert table.kind == "none"
    assert table.item(0)["table"] == [["a", "1.235"], ["b", "u"]]
    assert table.item(1)["table"] == [["a", "2"], ["b", "–"]]
    wide = of(metadata=pd.DataFrame({f"c{n}": ["z" * 10_000] for n in range(300)}))
    assert len(wide.item(0)["table"]) == 6
    assert len(wide.item(0, FULL)["table"]) == 40
    assert len(json.dumps(wide.item(0, FULL))) < 20_000


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr("widgets.view.media.KEPT_BYTES", 3000)
    media = of(images=np.random.default_rng(0).integers(0, 255, (40, 8, 8), dtype=np.uint8))
    first = media.item(0)
    for row in range(40):
        media.item(row)
        assert media.item(0) == first, "what is used stays or is made again"
    assert len(media._kept) < 12
    assert media._bytes <= 3000 + 500
    texts = of(texts=["x" * 1000] * 40)
    for row in range(40):
        texts.item(row, FULL)
    assert texts._bytes <= 3000


# ---- sounds


def test_sounds_are_named_in_the_item_and_sent_to_the_player(tmp_path):
    (tmp_path / "bird.wav").write_bytes(wav())
    (tmp_path / "page.wav").write_bytes(b"<!doctype html><script>alert(1)</script>")
    (tmp_path / "riff.wav").write_bytes(b"RIFF____AVI ")
    sounds = ["bird.wav", "page.wav", "riff.wav", "../x.wav", None, "https://example.org/a.mp3"]
    media = Media(Dataset.from_arrays(np.zeros(6, int), sounds=sounds, media_root=tmp_path))
    assert media.kind == "audio"
    assert media.item(0)["sound"] == "bird.wav"
    assert media.sound(0) == (wav(), "audio/wav")
    for row, found in ((1, "is not WAV, MP3, OGG or FLAC"), (2, "is not WAV"), (3, "leaves the media folder")):
        with pytest.raises(InputError, match=found):
            media.sound(row)
    assert media.item(4)["error"] == "no sound"
    with pytest.raises(InputError, match="is missing"):
        media.sound(4)
    assert media.item(5)["url"] == "https://example.org/a.mp3"
    with pytest.raises(InputError, match="nothing is fetched"):
        media.sound(5)


@pytest.mark.parametrize(
    ("data", "mime"),
    [(b"OggS\0", "ogg"), (b"ID3\4", "mpeg"), (b"\xff\xfb\x90\x64", "mpeg"), (b"fLaC\0", "flac")],
)
def test_kinds_of_sound(data, mime):
    assert of(sounds=[data]).sound(0) == (data, f"audio/{mime}")


def test_large_sounds_stay_away(monkeypatch, tmp_path):
    monkeypatch.setattr("workbench.data.media.MAX_SOUND", 100)
    (tmp_path / "long.wav").write_bytes(wav(1))
    by_path = Media(Dataset.from_arrays([0], sounds=["long.wav"], media_root=tmp_path))
    for media in (by_path, of(sounds=[wav(1)])):
        with pytest.raises(InputError, match="is larger than"):
            media.sound(0)


def test_sounds_survive_recording(tmp_path):
    frame = pd.DataFrame({"label": ["a", "b"], "clip": [wav(), wav(0.1)], "say": ["hm", "ha"]})
    dataset = Dataset.from_frame(frame, audio="clip", text="say")
    assert dataset.metadata.columns.tolist() == ["say"]
    Recorder(tmp_path / "run", dataset)
    run = open_run(tmp_path / "run")
    assert [run.dataset.sound(row) for row in (0, 1)] == [wav(), wav(0.1)]
    item = Media(run.dataset).item(0)
    assert (item["sound"], item["text"]) == ("1 kB", "hm")
    with pytest.raises(InputError, match=r"`sounds` row 0 is a ndarray"):
        Recorder(tmp_path / "other", Dataset.from_arrays([0], sounds=[np.zeros(9)]))


# ---- the user's own function


def own(render, **media: object) -> Media:
    frame = pd.DataFrame({"label": ["a", "b"], "size": [3, 4], "name": ["<b>x</b>", "y"]})
    return Media(Dataset.from_frame(frame, **media), render)


class Html:
    def __init__(self, text: object) -> None:
        self.text = text

    def _repr_html_(self) -> object:
        return self.text


def test_text_pictures_and_html():
    seen = []
    assert own(lambda row: seen.append(dict(row)) or f"{row['name']} {row.size}").item(0, FULL)["text"] == "<b>x</b> 3"
    assert seen == [{"id": 0, "given_label": "a", "size": 3, "name": "<b>x</b>"}]
    assert own(lambda row: Image.new("L", (9, row["size"]))).item(1) | {"src": ""} == {
        "row": 1, "id": 1, "src": "", "width": 9, "height": 4,
    }  # fmt: skip
    assert own(lambda row: np.zeros((5, 5, 3))).item(0)["width"] == 5
    item = own(lambda row: Html("<p>one <b>two</b></p><script>alert(1)</script>")).item(0, FULL)
    assert item["html"].index(FRAME_POLICY) < item["html"].index("<p>one"), "the policy comes before what it is for"
    assert "script-src" not in FRAME_POLICY
    assert FRAME_POLICY.startswith("default-src 'none'")
    thumb = own(lambda row: Html("<p>one <b>two</b></p><script>alert(1)</script>")).item(0)
    assert thumb["text"] == "one two"
    assert "<table" in own(lambda row: pd.DataFrame({"a": [row["size"]]})).item(0, FULL)["html"]


@pytest.mark.parametrize(
    ("render", "found"),
    [
        (lambda row: 1 / 0, "render: ZeroDivisionError: division by zero (line "),
        (lambda row: row["sise"], "'sise'; there are 'id', 'given_label', 'size', 'name'"),
        (lambda row: None, "render returned nothing"),
        (lambda row: Html(5), "TypeError: _repr_html_ returned int"),
        (lambda row: Html("x" * 600_000), "600,000 characters of HTML"),
        (lambda row: b"no picture", "cannot be decoded"),
        (lambda row: object(), "row 0"),
        (lambda row: np.zeros((2, 2, 2, 2)), "shape (2, 2, 2, 2)"),
    ],
)
def test_what_goes_wrong_is_shown_in_its_place(render, found):
    item = own(render).item(0, FULL)
    assert set(item) - {"brief"} == {"row", "id", "error"}
    assert found in item["error"]


def test_a_view_shows_what_the_function_makes_and_an_error_spoils_one_example_only(page):
    def render(row):
        if row["id"] == "id001":
            raise ValueError("bad one")
        return f"weight {row['weight']:.2f}, {len(row['image'])} bytes"

    ex = page(render=render)
    items = ex.ask("media", rows=[0, 1, 2])[0]["items"]
    assert items[0]["text"].startswith("weight ")
    assert "bad one" in items[1]["error"]
    assert "error" not in items[2]
    assert ex.ask("open")[0]["media"] == "own"
    with pytest.raises(InputError, match="`render` is str"):
        page(render="text")


def test_the_player_gets_bytes_and_errors_as_answers(page):
    body, _ = page().ask("sound", row=0)
    assert "is missing" in body["error"]


def test_an_enlarged_picture_has_its_own_pixels_and_says_what_was_done_to_it(monkeypatch):
    from widgets.view import media as module

    def saved(image, kind="PNG", **options) -> bytes:
        out = io.BytesIO()
        image.save(out, kind, **options)
        return out.getvalue()

    hidden = png((1200, 900)) + b"<script>alert(1)</script>"
    scan = saved(Image.fromarray(np.linspace(0, 4095, 10_000).reshape(100, 100).astype(np.uint16)))
    frames = saved(Image.new("RGB", (30, 70), "red"), "GIF", save_all=True, append_images=[Image.new("RGB", (30, 70))])
    media = of(images=[hidden, scan, frames, saved(Image.new("RGB", (700, 500), "red"), "JPEG"), b"no picture", None])
    data, facts = media.original(0)
    assert Image.open(io.BytesIO(data)).size == (1200, 900)
    assert b"script" not in data
    assert facts == {
        "mime": "image/png", "width": 1200, "height": 900, "original": [1200, 900], "note": "", "alpha": False
    }  # fmt: skip
    assert "lowest to the highest" in media.original(1)[1]["note"]
    assert media.original(2)[1]["note"] == "first of 2 frames"
    assert media.original(3)[1]["mime"] == "image/jpeg"
    for row, found in ((4, "cannot be decoded"), (5, "has no picture")):
        with pytest.raises(InputError, match=found):
            media.original(row)
    monkeypatch.setattr(module, "ORIGINAL_PIXELS", 1200 * 900 // 4)
    facts = media.original(0)[1]
    assert (facts["width"], facts["height"], facts["original"]) == (600, 450, [1200, 900])
    assert facts["note"] == "scaled down to 600 x 450"
    monkeypatch.setattr("workbench.data.media.MAX_PIXELS", 1200 * 900 - 1)
    monkeypatch.setattr(module, "KEPT_LARGE", 1)
    large, known = of(images=[hidden, hidden]), media.tile(0, 1, 0, 0)
    assert large.original(0)[1] == facts and large.item(0, FULL)["original"] == [1200, 900]
    tile, one = (Image.open(io.BytesIO(found[0])) for found in (large.tile(0, 1, 0, 0), known))
    assert large.tile(1, 1, 0, 0) == large.tile(0, 1, 0, 0) and list(large._large) == [0]
    assert tile.size == one.size == (512, 450) and np.abs(np.asarray(tile, int) - np.asarray(one, int)).max() < 9
    with pytest.raises(InputError, match="URL"):
        of(images=["https://example.org/a.png"]).original(0)
    text = of(texts=["y" * 30_000])
    assert text.whole_text(0) == "y" * 30_000


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("<table><tr><td style='a: b' onclick=x>1</td></table>", '<table><tr><td style="a: b">1</td></table>'),
        ("<link rel=preconnect href=http://x><p title='<link>'>q", '<p title="&lt;link&gt;">q'),
        ("<svg><style><p><link rel=x></style></svg>", "<svg><style>\\3c p>\\3c link rel=x></style></svg>"),
        ("<a href=http://x ping=http://x>t</a><a href='#q'>t</a>", '<a>t</a><a href="#q">t</a>'),
        ("<img src=data:image/png;base64,x><img src=//x>", '<img src="data:image/png;base64,x"><img>'),
        ("<style>@import url(//x); a { b: c }</style>", "<style>@no-import url(//x); a { b: c }</style>"),
        ("a <b>&lt;link&gt; &amp; c < d", "a <b>&lt;link&gt; &amp; c &lt; d"),
        ("<!doctype html><html><body>x<!-- <link> --><br/></body></html>", "x<br>"),
        ("<!--><link rel=preconnect href=http://x>-->z", "z"),
        ("<script>a</script>b<iframe srcdoc='c'>d</iframe>e<template>f</template>", "be"),
        ("<link\0 rel=preconnect><scr<script>ipt>", "&lt;link\0 rel=preconnect&gt;ipt&gt;"),
    ],
)
def test_html_keeps_what_shows_and_loses_what_leads_away(given, kept):
    from widgets.view.harmless import harmless

    assert harmless(given) == kept
    assert harmless(harmless(given)).count("\\3c") >= kept.count("\\3c")


@pytest.mark.parametrize("text", ["<", "<a ", "<!--", "<!", '<a b="', "<style>", "&#", "<!doctype", "</p"])
def test_html_of_any_kind_is_written_soon(text):
    """Parsing takes linear time, also for unterminated HTML; otherwise each case would take minutes."""
    from widgets.view.harmless import harmless

    harmless(text * (100_000 // len(text)))


def test_words_of_examples_with_spans_or_classes_of_tokens_are_shown_as_text():
    frame = pd.DataFrame({"tokens": [["Ada", "slept"], ["Rome", "burned"]], "classes": [["NOUN", "VERB"]] * 2})
    media = Media(Dataset.from_frame(frame, label="classes", task="tokens"))
    assert [media.item(row)["text"] for row in range(2)] == ["Ada slept", "Rome burned"]


@pytest.mark.parametrize("texts, brief", [(["a song", None, "b" * 60], True), (["a", "b" * 61], False), (None, False)])
def test_short_texts_have_a_low_box(texts, brief):
    frame = pd.DataFrame({"label": ["x", "y"] if texts is None else ["x"] * len(texts)})
    frame = frame if texts is None else frame.assign(text=texts)
    data = Dataset.from_frame(frame, text=None if texts is None else "text")
    assert Media(data).brief_texts is brief
