"""Images: encoded, read only below one folder, and decoded with limits."""

from __future__ import annotations

import io
import os
import struct
import zlib

import numpy as np
import pytest

from workbench.data.large_pictures import LargePicture
from workbench.data.media import MAX_BYTES, as_shown, encode_png, is_large, open_image, read_image, thumbnail
from workbench.foundation.errors import InputError

PIL = pytest.importorskip("PIL.Image")


def pixels(data):
    return np.asarray(PIL.open(io.BytesIO(data)))


# ---- encoding ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (np.array([[0, 255], [7, 8]], np.uint8), [[0, 255], [7, 8]]),
        (np.array([[0.0, 1.0], [0.5, 0.2]]), [[0, 255], [128, 51]]),
        (np.array([[True, False]]), [[255, 0]]),
        (np.array([[3, 200]], np.int64), [[3, 200]]),
        (np.array([[[9], [1]]], np.uint8), [[9, 1]]),
        (np.full((1, 1, 3), 5, np.uint8), [[[5, 5, 5]]]),
        (np.full((1, 1, 4), 5, np.uint8), [[[5, 5, 5, 5]]]),
        (PIL.new("L", (2, 1), 9), [[9, 9]]),
        ([[0, 1], [2, 3]], [[0, 1], [2, 3]]),
    ],
)
def test_encoded_pixels_come_back(image, expected):
    assert pixels(encode_png(image)).tolist() == expected


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((3, 32, 32)), r"shape \(3, 32, 32\).*channels come last"),
        (np.zeros(5), r"shape \(5,\)"),
        (np.zeros((0, 4)), r"shape \(0, 4\)"),
        (np.full((2, 2), 300.0), "from 300 to 300"),
        (np.full((2, 2), -1), "from -1 to -1"),
        (np.array([["a"]]), "<U1"),
        (np.array([[None]]), "object"),
        (np.ones((2, 2), complex), "complex128"),
    ],
)
def test_what_is_no_image(image, message):
    with pytest.raises(InputError, match=r"`images` row 7 .*" + message):
        encode_png(image, 7)


# ---- reading below one folder --------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path):
    """A folder with an image, next to files that must not be read."""
    folder = tmp_path / "media"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.png").write_bytes(b"inside")
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to(tmp_path)
    (folder / "in").symlink_to(folder / "sub" / "a.png")
    (folder / "loop").symlink_to(folder / "loop")
    return folder


@pytest.mark.parametrize("name", ["sub/a.png", "./sub/../sub/a.png", "in", "{root}/sub/a.png"])
def test_inside(root, name):
    assert read_image(name.format(root=root), root) == b"inside"


@pytest.mark.parametrize(
    "name",
    ["../secret", "sub/../../secret", "{root}/../secret", "/etc/passwd", "out", "up/secret", "../b/a", "~/.bashrc"],
)
def test_outside(root, name):
    with pytest.raises(InputError, match=r"leaves the media folder|does not exist"):
        read_image(name.format(root=root), root)


@pytest.mark.parametrize("name", ["sub", "missing.png", "loop", "a\0b", "x" * 5000, ""])
def test_no_readable_file(root, name):
    with pytest.raises(InputError, match=r"does not exist|cannot be read"):
        read_image(name, root)


@pytest.mark.parametrize("name", ["https://example.org/a.png", "file:///etc/passwd", "data://x"])
def test_nothing_is_fetched(root, name):
    with pytest.raises(InputError, match="nothing is fetched"):
        read_image(name, root)


def test_without_a_folder_no_path_is_read(root):
    with pytest.raises(InputError, match="media_root"):
        read_image("sub/a.png", None)
    assert read_image(None, None) is None
    assert read_image(b"bytes", None) == b"bytes"


def test_pipes_and_huge_files(root):
    if hasattr(os, "mkfifo"):
        os.mkfifo(root / "pipe")
        with pytest.raises(InputError, match="does not exist"):
            read_image("pipe", root)
    with open(root / "huge", "wb") as file:
        file.truncate(MAX_BYTES + 1)  # sparse
    with pytest.raises(InputError, match="larger than 64 MB"):
        read_image("huge", root)


# ---- decoding ------------------------------------------------------------------------------------------------


def png_claiming(width, height):
    """A small PNG file whose header declares an arbitrary size."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("size", [(10_000, 10_000), (2**31 - 1, 2**31 - 1), (1, 60_000_000)])
def test_a_bomb_is_not_decoded(size):
    with pytest.raises(InputError, match=r"pixels"):
        open_image(png_claiming(*size))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not an image",
        png_claiming(100, 100),  # too little data
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        encode_png(np.zeros((9, 9), np.uint8))[:40],
    ],
)
def test_what_cannot_be_decoded(data):
    with pytest.raises(InputError, match="cannot be decoded"):
        thumbnail(data)


def test_thumbnails_are_small_and_keep_small_images():
    small, width, height = thumbnail(encode_png(np.arange(64, dtype=np.uint8).reshape(8, 8)))
    assert (width, height) == (8, 8)
    assert pixels(small).tolist() == np.arange(64).reshape(8, 8).tolist()
    big, width, height = thumbnail(encode_png(np.zeros((300, 600, 3), np.uint8)), size=96)
    assert (width, height) == (96, 48)
    assert big.startswith(b"\xff\xd8")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_modes(mode):
    out = io.BytesIO()
    PIL.new(mode, (60, 60)).save(out, "TIFF" if mode in ("CMYK", "F", "I;16") else "PNG")
    data, width, height = thumbnail(out.getvalue(), size=50)
    assert (width, height) == (50, 50)
    assert data[:4] in (b"\x89PNG", b"\xff\xd8\xff\xe0")


def test_pictures_are_upright_whole_and_eight_bits_deep():
    from PIL import Image

    def saved(image, kind="PNG", **options):
        out = io.BytesIO()
        image.save(out, kind, **options)
        return out.getvalue()

    def opened(data, size=420):
        made, width, height = thumbnail(data, size)
        image = Image.open(io.BytesIO(made))
        assert image.size == (width, height)
        return image

    turned = Image.new("RGB", (900, 600), "blue")
    exif = turned.getexif()
    exif[0x0112] = 6  # the camera was held upright
    assert opened(saved(turned, "JPEG", exif=exif)).size == (280, 420)
    assert opened(saved(Image.new("RGB", (40, 60), "red"), "JPEG", exif=b"Exif\0\0broken")).size == (40, 60)

    scan = Image.fromarray(np.linspace(0, 4095, 64 * 64).reshape(64, 64).astype(np.uint16))  # 12 bits in 16
    assert opened(saved(scan)).getextrema() == (0, 255)
    floats = Image.fromarray(np.array([[0.0, 0.5], [1.0, np.nan]], np.float32))
    assert opened(saved(floats, "TIFF")).getextrema() == (0, 255)
    flat = Image.fromarray(np.full((4, 4), 1000, np.uint16))
    assert opened(saved(flat)).getextrema() == (0, 0)

    glass = Image.new("RGBA", (200, 300), (255, 0, 0, 0))
    assert opened(saved(glass)).mode == "RGBA"
    assert opened(saved(Image.new("RGBA", (200, 300), "red"))).mode == "RGB", "opaque: no need for an alpha channel"
    palette = Image.new("P", (30, 40))
    assert opened(saved(palette, transparency=0)).mode == "RGBA"
    assert opened(saved(Image.new("CMYK", (90, 60)), "JPEG")).mode == "RGB"
    assert opened(saved(Image.new("LA", (9, 6), (3, 9)))).mode == "RGBA"

    frames = [Image.new("RGB", (30, 70), color) for color in ("red", "blue")]
    first = opened(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert first.convert("RGB").getpixel((0, 0))[0] > 250, "the first frame"
    for size in ((1, 1), (8, 8), (6000, 4000), (3000, 4), (4, 3000)):
        width, height = opened(saved(Image.new("L", size, 9))).size
        assert 1 <= width <= min(420, size[0]) and 1 <= height <= min(420, size[1])


# ---- large pictures ------------------------------------------------------------------------------------------


@pytest.fixture
def large(monkeypatch):
    """Pictures of more than 10,000 pixels are large ones."""
    monkeypatch.setattr("workbench.data.media.MAX_PIXELS", 10_000)
    monkeypatch.setattr("workbench.data.large_pictures.STRIP_ROWS", 64)
    monkeypatch.setattr("workbench.data.large_pictures.SMALLEST_SIDE", 8)


def smooth(shape, most=255, dtype=np.uint8):
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = [np.sin(x / 23 + channel) + np.cos(y / 17 - channel) for channel in range(int(np.prod(shape[2:])))]
    return ((np.stack(waves, axis=-1).reshape(shape) + 2) / 4 * most).astype(dtype)


def saved(pixels, kind, **options):
    out = io.BytesIO()
    PIL.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def tiff(pixels, **options):
    out = io.BytesIO()
    pytest.importorskip("tifffile").imwrite(out, pixels, **options)
    return out.getvalue()


def turned(number):
    exif = PIL.Exif()
    exif[0x0112] = number
    return exif


@pytest.mark.parametrize(
    "make",
    [
        lambda: saved(smooth((128, 192, 3)), "PNG"),
        lambda: saved(smooth((128, 192, 4)), "PNG"),
        lambda: saved(smooth((128, 192)), "PNG"),
        lambda: saved(smooth((128, 192, 3)), "JPEG", quality=95),
        *(lambda number=number: saved(smooth((128, 192)), "PNG", exif=turned(number)) for number in range(2, 9)),
        lambda: saved(smooth((128, 192, 3)), "TIFF", compression="tiff_lzw"),
        lambda: tiff(smooth((128, 192, 3)), tile=(32, 48), compression="zlib", photometric="rgb"),
        lambda: tiff(smooth((128, 192)), rowsperstrip=7),
        lambda: tiff(smooth((128, 192), 4000, np.uint16), tile=(64, 64)),
    ],
)
def test_large_pictures_are_those_that_pillow_shows(large, monkeypatch, make):
    data = make()
    assert is_large(data)
    found = LargePicture(data)
    monkeypatch.setattr("workbench.data.media.MAX_PIXELS", 10**6)
    shown = as_shown(open_image(data))
    assert (found.width, found.height) == shown.size
    for level, box in ((0, (3, 5, 90, 71)), (2, (64, 64, shown.width, shown.height)), (6, (0, 0, *shown.size))):
        part, wanted = found.crop(level, box), shown.reduce(2**level, box)
        assert part.size == wanted.size and part.mode == wanted.mode
        part, wanted = (one.convert("RGBa") if one.mode == "RGBA" else one for one in (part, wanted))
        np.testing.assert_allclose(np.asarray(part, int), np.asarray(wanted, int), atol=1 if level == 0 else 5)
    assert found.within(1000).width <= 50 and max(found.thumbnail(20)[1:]) == 20


def test_large_pictures_have_limits(large, monkeypatch, tmp_path):
    data = saved(smooth((128, 192, 3)), "PNG")
    empty = saved(np.zeros((1500, 2110), np.uint8), "PNG")
    assert not is_large(empty), "its file is too small to be a picture"
    with pytest.raises(InputError, match="claims 2110 x 1500 pixels"):
        open_image(empty)
    damaged = tmp_path / "a.tif"
    damaged.write_bytes(tiff(smooth((128, 192)), rowsperstrip=50, compression="zlib")[:2000])
    with pytest.raises(InputError, match="cannot be decoded"):
        LargePicture(damaged)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1000}))
    with pytest.raises(InputError, match=r"has 192 x 128 pixels.*set TMPDIR"):
        LargePicture(data)
    monkeypatch.setattr("workbench.data.large_pictures.LARGE_PIXELS", 20_000)
    with pytest.raises(InputError, match=r"claims 192 x 128 pixels.*At most 20,000 are shown"):
        LargePicture(data)
